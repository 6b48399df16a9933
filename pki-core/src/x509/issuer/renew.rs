//! Renewing a certificate: a new one for the same key, with another serial number and other dates.

use time::OffsetDateTime;

use crate::x509::acceptance;
use crate::x509::certificate::Certificate;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extension;
use crate::x509::issuer::Issuer;
use crate::x509::notice::{Notice, NoticeKind, WithNotices};
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::sign::ToBeSigned;
use crate::x509::validity::renewed;

impl Issuer {
    /// Renews a certificate: issues a new one for the same key that begins at `now` and lives as long as `old`.
    ///
    /// Subject and extensions are those of `old`, byte for byte, except for authorityKeyIdentifier, which is that of
    /// this CA. The private key of the certificate is not needed, so it can stay on its host.
    ///
    /// ```
    /// use pki_core::cfssl::{Config, Request, SigningRequest, ca};
    /// use pki_core::x509::{Issuer, KeySource, SystemKeys, SystemRandomness};
    /// use time::{Duration, OffsetDateTime};
    ///
    /// # let now = OffsetDateTime::now_utc();
    /// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(request.key)?;
    /// # let issuer = Issuer::new(ca::create(&request, &key, now, &SystemRandomness)?.value.certificate, key)?;
    /// # let request = Request { common_name: "etcd1".into(), hosts: vec!["10.0.0.1".into()], ..Request::default() };
    /// # let csr = request.sign(&SystemKeys.generate(request.key)?)?.value.verify()?;
    /// # let config = Config::default();
    /// # let profile = config.profile(None)?.value;
    /// # let signing = SigningRequest { request: &csr, profile, subject: None, names: None, crl_url: None };
    /// # let old = issuer.sign(&signing, now, &SystemRandomness)?.value;
    /// let new = issuer.renew(&old, now + Duration::days(300), &SystemRandomness)?.value;
    /// assert_eq!(new.subject_alt_names(), old.subject_alt_names());
    /// assert_eq!(new.not_after() - old.not_after(), Duration::days(300));
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::CaNotValid`] if the CA is not valid at `now`, [`ErrorKind::WeakKey`] if the key of `old` is too weak,
    /// [`ErrorKind::PathLenExceeded`] if `old` is a CA that the path length of this CA does not allow, and what `random`
    /// and the CA's key say.
    pub fn renew(
        &self,
        old: &Certificate,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<WithNotices<Certificate>, Error> {
        self.check_valid(now)?;
        let public_key = old.public_key()?;
        if public_key.is_weak() {
            return Err(ErrorKind::WeakKey { kind: public_key.kind() }.into());
        }
        if let Some(constraints) = old.basic_constraints().filter(|constraints| constraints.ca) {
            self.check_path_len(constraints.path_len)?;
        }
        let mut extensions = Vec::new();
        for extension in old.extensions() {
            if extension.oid != oid::AUTHORITY_KEY_IDENTIFIER {
                extensions.push(extension.clone());
            } else if let Some(identifier) = self.certificate.subject_key_identifier() {
                extensions.push(Extension::authority_key_identifier(identifier)?);
            }
        }
        let certificate = ToBeSigned {
            serial: SerialNumber::generate(random)?,
            issuer: self.certificate.subject(),
            validity: renewed(old.validity(), now)?,
            subject: old.subject(),
            public_key: &public_key,
            extensions: &extensions,
        }
        .sign(self.key())?;
        acceptance::check(&self.certificate, &certificate)?;
        let mut notices = self.notices(&certificate, now);
        if old.issuer() != self.certificate.subject() {
            let (was, is) = (old.issuer().to_string(), self.certificate.subject().to_string());
            notices.push(Notice::new(NoticeKind::OtherIssuer { was, is }));
        }
        Ok(WithNotices { value: certificate, notices })
    }
}
