//! A CA that can issue certificates.

mod renew;

use time::OffsetDateTime;

use crate::x509::acceptance;
use crate::x509::certificate::Certificate;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::notice::{Notice, NoticeKind, WithNotices, ended};
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::sign::{SigningKey, ToBeSigned};
use crate::x509::template::Template;

/// A CA that can issue: its certificate, and the private key that belongs to it.
#[derive(Debug)]
pub struct Issuer {
    certificate: Certificate,
    key: Box<dyn SigningKey>,
}

impl Issuer {
    /// Joins the certificate and the key of a CA.
    ///
    /// # Errors
    /// [`ErrorKind::KeyMismatch`] if the key is not that of the certificate, [`ErrorKind::NotACa`] if the certificate is
    /// not that of a CA.
    pub fn new(certificate: Certificate, key: impl SigningKey + 'static) -> Result<Self, Error> {
        if !certificate.is_for(key.public_key()) {
            return Err(ErrorKind::KeyMismatch.into());
        }
        certificate.check_ca()?;
        Ok(Self { certificate, key: Box::new(key) })
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(in crate::x509) fn key(&self) -> &dyn SigningKey {
        self.key.as_ref()
    }

    /// Issues a certificate from a template, without a request: the caller knows that the key is the subject's own.
    ///
    /// ```
    /// use pki_core::x509::{BasicConstraints, Issuer, KeyAlgorithm, KeySource, KeyUsage, Subject, SystemKeys, SystemRandomness, Template, Validity, root};
    /// use time::{Duration, OffsetDateTime};
    ///
    /// let now = OffsetDateTime::now_utc();
    /// let validity = Validity::new(now, now + Duration::days(90))?;
    /// let ca_key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// let ca = Subject::common_name("etcd CA").to_name()?;
    /// let ca = Template {
    ///     key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
    ///     basic_constraints: BasicConstraints { ca: true, path_len: None },
    ///     ..Template::new(&ca, ca_key.public_key(), validity)
    /// };
    /// let ca = root::issue(&ca, &ca_key, &SystemRandomness)?;
    /// let issuer = Issuer::new(ca, ca_key)?;
    ///
    /// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// let subject = Subject::common_name("etcd1").to_name()?;
    /// let template = Template::new(&subject, key.public_key(), validity);
    /// let certificate = issuer.issue(&template, now, &SystemRandomness)?.value;
    /// certificate.verify_issued_by(issuer.certificate())?;
    /// # Ok::<(), pki_core::x509::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::CaNotValid`] if the CA is not valid at `now`, [`ErrorKind::CaForbidsName`],
    /// [`ErrorKind::CaForbidsUsage`] and [`ErrorKind::CaHasUnknownExtension`] if clients would refuse the certificate because
    /// of this CA, [`ErrorKind::ControlCharacter`] if a name has one, [`ErrorKind::Der`] if something cannot be encoded, and
    /// what `random` and the CA's key say.
    pub fn issue(
        &self,
        template: &Template<'_>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<WithNotices<Certificate>, Error> {
        self.check_valid(now)?;
        let issuer = self.certificate.subject();
        // Go's `CreateCertificate` leaves authorityKeyIdentifier out where subject and issuer are equal, so cfssl does too.
        let identifier = self.certificate.subject_key_identifier().filter(|_| template.subject != issuer);
        let certificate = ToBeSigned {
            serial: SerialNumber::generate(random)?,
            issuer,
            validity: template.validity,
            subject: template.subject,
            public_key: template.public_key,
            extensions: &template.all_extensions(identifier)?,
        }
        .sign(self.key())?;
        acceptance::check(&self.certificate, &certificate)?;
        let notices = self.notices(&certificate, now);
        Ok(WithNotices { value: certificate, notices })
    }

    fn check_valid(&self, now: OffsetDateTime) -> Result<(), Error> {
        if self.certificate.is_valid_at(now) {
            return Ok(());
        }
        let (not_before, not_after) = (self.certificate.not_before(), self.certificate.not_after());
        Err(ErrorKind::CaNotValid { not_before, not_after }.into())
    }

    /// Checks that pathLenConstraint allows a CA below this one that has the path length `asked`.
    pub(crate) fn check_path_len(&self, asked: Option<u8>) -> Result<(), Error> {
        match self.certificate.basic_constraints().and_then(|own| own.path_len) {
            Some(limit) if limit == 0 || asked.is_some_and(|asked| asked >= limit) => {
                Err(ErrorKind::PathLenExceeded { limit }.into())
            }
            _ => Ok(()),
        }
    }

    fn notices(&self, certificate: &Certificate, now: OffsetDateTime) -> Vec<Notice> {
        let mut notices: Vec<Notice> = ended(certificate, now).into_iter().collect();
        let (not_after, issuer_not_after) = (certificate.not_after(), self.certificate.not_after());
        if not_after > issuer_not_after {
            notices.push(Notice::new(NoticeKind::OutlivesIssuer { not_after, issuer_not_after }));
        }
        if certificate.subject() == self.certificate.subject() {
            notices
                .push(Notice::new(NoticeKind::NamedLikeIssuer { name: certificate.subject().to_string() }));
        }
        let serves =
            certificate.extended_key_usage().is_some_and(|usages| usages.contains(&oid::SERVER_AUTH));
        if serves && certificate.subject_alt_names().is_empty() {
            notices.push(Notice::new(NoticeKind::NoHosts));
        }
        notices
    }
}

#[cfg(test)]
mod tests;
