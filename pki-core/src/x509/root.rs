//! Self-signed certificates: of root CAs, new and renewed, and of single servers.

use time::OffsetDateTime;

use crate::x509::certificate::Certificate;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extension;
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::sign::{SigningKey, ToBeSigned};
use crate::x509::template::Template;
use crate::x509::validity::{Validity, renewed};

/// Issues a self-signed certificate. It has no authorityKeyIdentifier, which RFC 5280 section 4.2.1.1 allows here.
///
/// The documentation of [`Issuer::issue`](crate::x509::Issuer::issue) has an example.
///
/// # Errors
/// [`ErrorKind::KeyMismatch`] if the template is for another key, [`ErrorKind::Der`] if something cannot be encoded, and
/// what `random` and `key` say.
pub fn issue(
    template: &Template<'_>,
    key: &dyn SigningKey,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    issue_with_serial(template, key, SerialNumber::generate(random)?)
}

/// Issues a self-signed certificate with a serial number that the caller chooses.
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

/// Renews the certificate of a root CA, as `cfssl gencert -renewca` does.
///
/// The new certificate begins at `now`, lives as long as the old one, and has another serial number. Subject, key and
/// extensions are those of the old certificate, byte for byte, so certificates that the CA issued before stay valid.
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
/// [`ErrorKind::NotACa`] if `old` is not the certificate of a CA, [`ErrorKind::NotSelfSigned`] if another CA issued it,
/// [`ErrorKind::KeyMismatch`] if `key` is not its key, and what `random` and `key` say.
pub fn renew(
    old: &Certificate,
    key: &dyn SigningKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    renew_with(old, key, renewed(old.validity(), now)?, random)
}

/// Renews the certificate of a root CA as [`renew`] does, with a validity that the caller chooses.
///
/// # Errors
/// As for [`renew`].
pub fn renew_with(
    old: &Certificate,
    key: &dyn SigningKey,
    validity: Validity,
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
    // authorityKeyIdentifier may contain the old serial number, and a self-signed certificate does not need it.
    let kept = old.extensions().iter().filter(|extension| extension.oid != oid::AUTHORITY_KEY_IDENTIFIER);
    let extensions: Vec<Extension> = kept.cloned().collect();
    ToBeSigned {
        serial: SerialNumber::generate(random)?,
        issuer: old.subject(),
        validity,
        subject: old.subject(),
        public_key: key.public_key(),
        extensions: &extensions,
    }
    .sign(key)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::x509::tests::{Always, Contents, NOW, extension};
    use crate::x509::{Issuer, SystemRandomness};

    #[test]
    fn a_root_signs_itself() {
        let (root, key) = Contents::ca("A").self_signed();
        root.verify_issued_by(&root).unwrap();
        assert_eq!((root.authority_key_identifier(), root.is_for(key.public_key())), (None, true));
        let other = Contents::ca("A").new_key();
        let contents = Contents::ca("A");
        let made = contents.template(other.public_key(), |template| issue(template, &key, &SystemRandomness));
        assert!(matches!(made.unwrap_err().kind(), ErrorKind::KeyMismatch));
    }

    #[test]
    fn a_renewed_root_keeps_name_and_extensions() {
        let aki = Extension::authority_key_identifier(&[1, 2]).unwrap();
        let contents = Contents { extensions: vec![aki, extension("1.2.3", false)], ..Contents::ca("A") };
        let (old, key) = contents.self_signed();
        let now = NOW + Duration::seconds(29);
        let new = renew(&old, &key, now, &Always(1)).unwrap();
        new.verify_issued_by(&new).unwrap();
        assert_eq!((new.serial(), new.subject().der()), (&[1; 20][..], old.subject().der()));
        assert_eq!(new.issuer().der(), old.issuer().der());
        let begin = NOW - Duration::minutes(5);
        assert_eq!(new.validity(), Validity::new(begin, begin + (contents.ends - contents.begins)).unwrap());
        let mut kept = old.extensions().to_vec();
        kept.retain(|extension| extension.oid != oid::AUTHORITY_KEY_IDENTIFIER);
        assert_eq!((new.extensions(), kept.len() + 1), (kept.as_slice(), old.extensions().len()));
        // What it issued before is valid below it.
        let issuer = Issuer::new(old, key).unwrap();
        Contents::leaf("leaf").under(&issuer).0.verify_issued_by(&new).unwrap();
    }

    #[test]
    fn only_a_root_with_its_key_is_renewed() {
        let refused = |old: &Certificate, key: &dyn SigningKey| {
            renew(old, key, NOW, &SystemRandomness).unwrap_err().to_string()
        };
        let root = Contents::ca("A").issuer();
        let (leaf, key) = Contents::leaf("leaf").under(&root);
        assert_eq!(refused(&leaf, &key), "CN=leaf is not a CA: basicConstraints lacks CA:TRUE");
        let (below, key) = Contents::ca("B").under(&root);
        assert_eq!(refused(&below, &key), "CN=B is not a root CA: CN=A issued it");
        let mismatch = "the private key does not belong to the CA certificate";
        assert_eq!(refused(root.certificate(), &key), mismatch);
        // It has the name of its issuer, and another key.
        let (below, _) = Contents::ca("A").under(&root);
        assert_eq!(refused(&below, root.key()), mismatch);
    }
}
