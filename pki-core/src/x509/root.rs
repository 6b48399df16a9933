//! Certificates that their own key signs: those of root CAs, new and renewed, and those of lone servers.

use time::OffsetDateTime;

use crate::x509::certificate::Certificate;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extension;
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::sign::{SigningKey, ToBeSigned};
use crate::x509::template::Template;
use crate::x509::validity::renewed;

/// Issues a certificate that `key` signs for itself. It names no issuer's key: a root needs none.
///
/// [`Issuer::issue`](crate::x509::Issuer::issue) has an example.
///
/// # Errors
/// [`ErrorKind::KeyMismatch`] if the template is for another key, or if something cannot be encoded or signed.
pub fn issue(
    template: &Template<'_>,
    key: &dyn SigningKey,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    issue_with_serial(template, key, SerialNumber::generate(random)?)
}

/// The same under a serial number that is given.
pub(crate) fn issue_with_serial(
    template: &Template<'_>,
    key: &dyn SigningKey,
    serial: SerialNumber,
) -> Result<Certificate, Error> {
    if template.public_key != key.public_key() {
        return Err(ErrorKind::KeyMismatch.into());
    }
    ToBeSigned {
        serial,
        issuer: template.subject,
        validity: template.validity,
        subject: template.subject,
        public_key: template.public_key,
        extensions: &template.all_extensions(None)?,
    }
    .sign(key)
}

/// Makes the certificate of a root CA anew: `gencert -renewca`.
///
/// The new certificate has another serial number and begins now; its lifetime is as long as the old one's.
/// Everything else is the old certificate's, byte for byte: what the old one issued still verifies.
///
/// ```
/// use pki_core::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness, root};
/// use pki_core::cfssl::{Request, ca};
/// use time::{Duration, OffsetDateTime};
///
/// let now = OffsetDateTime::now_utc();
/// let request = Request { common_name: "etcd CA".into(), ..Request::default() };
/// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// let old = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
/// let new = root::renew(&old, &key, now + Duration::days(1000), &SystemRandomness)?;
/// assert_eq!(new.subject().der(), old.subject().der());
/// assert_eq!(new.not_after() - old.not_after(), Duration::days(1000));
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::NotACa`] if it is no CA, [`ErrorKind::NotSelfSigned`] if another CA issued it,
/// [`ErrorKind::KeyMismatch`] if the key is not its own.
pub fn renew(
    old: &Certificate,
    key: &dyn SigningKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    old.check_ca()?;
    if old.issuer() != old.subject() {
        let (subject, issuer) = (old.subject().to_string(), old.issuer().to_string());
        return Err(ErrorKind::NotSelfSigned { subject, issuer }.into());
    }
    if !old.is_for(key.public_key()) {
        return Err(ErrorKind::KeyMismatch.into());
    }
    // An identifier of the issuer may name the old serial number; a root needs none.
    let kept = old.extensions().iter().filter(|extension| extension.oid != oid::AUTHORITY_KEY_IDENTIFIER);
    let extensions: Vec<Extension> = kept.cloned().collect();
    ToBeSigned {
        serial: SerialNumber::generate(random)?,
        issuer: old.subject(),
        validity: renewed(old.validity(), now)?,
        subject: old.subject(),
        public_key: key.public_key(),
        extensions: &extensions,
    }
    .sign(key)
}
