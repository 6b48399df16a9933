//! A CA's own certificate: new, or for a key that exists.

use time::OffsetDateTime;

use crate::certificate::{Certificate, ToBeSigned, Validity};
use crate::csr::CertificateRequest;
use crate::error::{Error, ErrorKind};
use crate::extension::{BasicConstraints, Extension};
use crate::key::PrivateKey;
use crate::name::Name;
use crate::notice::{Notice, Noticed};
use crate::random::{Random, SerialNumber};
use crate::request::{CaSection, Request};
use crate::signer::round_to_minute;
use crate::subject_alt_name::SubjectAltNames;
use crate::usage::KeyUsage;

/// A CA's certificate, and the request that it was made from.
#[derive(Debug, Clone)]
pub struct NewCa {
    /// The certificate, self-signed.
    pub certificate: Certificate,
    /// The request.
    pub request: CertificateRequest,
}

/// Makes the self-signed certificate of a CA from what cfssl's CSR JSON says: `gencert -initca`.
///
/// The key may be new or old; `request.key` is not looked at.
///
/// ```
/// use pki_core::{KeyAlgorithm, KeySource, Request, SystemKeys, SystemRandomness};
/// use time::OffsetDateTime;
///
/// let request = Request { common_name: "My CA".into(), ..Request::default() };
/// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// let ca = pki_core::ca::create(&request, &key, OffsetDateTime::now_utc(), &SystemRandomness)?.value;
/// assert!(ca.certificate.basic_constraints().unwrap().ca);
/// # Ok::<(), pki_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::MissingSubject`] if nothing names the CA, [`ErrorKind::Validity`] if it would never be valid,
/// or if something cannot be encoded.
pub fn create(
    request: &Request,
    key: &PrivateKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Noticed<NewCa>, Error> {
    check_subject(request)?;
    let section = request.ca.clone().unwrap_or_default();
    if section.expiry.is_zero() {
        return Err(ErrorKind::ZeroExpiry.into());
    }
    let mut notices: Vec<Notice> = Vec::new();
    let csr = request.sign(key, &mut notices)?;
    let names = SubjectAltNames::from_hosts(&request.hosts, &mut Vec::new())?;
    // A CA serves nothing by name; addresses are kept because cfssl keeps them.
    let addresses = SubjectAltNames { ip: names.ip, ..SubjectAltNames::default() };
    let mut extensions = Vec::new();
    if !addresses.is_empty() {
        extensions.push(Extension::subject_alt_name(&addresses, csr.subject().is_empty())?);
    }
    if let Some(url) = &request.crl_url {
        extensions.push(Extension::crl_distribution_points(url)?);
    }
    let certificate = self_signed(csr.subject(), &section, extensions, key, now, random)?;
    Ok(Noticed { value: NewCa { certificate, request: csr }, notices })
}

/// A CA's certificate: what makes it a CA, then `more` extensions.
pub(crate) fn self_signed(
    subject: &Name,
    section: &CaSection,
    more: Vec<Extension>,
    key: &PrivateKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    let mut extensions = vec![
        Extension::key_usage(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN))?,
        Extension::basic_constraints(BasicConstraints { ca: true, path_len: section.path_len })?,
        Extension::subject_key_identifier(&key.public_key().identifier())?,
    ];
    extensions.extend(more);
    let not_before = round_to_minute(now) - section.backdate;
    ToBeSigned {
        serial: SerialNumber::generate(random)?,
        issuer: subject,
        validity: Validity::new(not_before, end(not_before, section.expiry)?)?,
        subject,
        public_key: key.public_key(),
        extensions: &extensions,
    }
    .sign(key)
}

/// `from` and `length` later.
pub(crate) fn end(from: OffsetDateTime, length: time::Duration) -> Result<OffsetDateTime, Error> {
    from.checked_add(length).ok_or_else(|| ErrorKind::Date { moment: from }.into())
}

/// cfssl's csr.go, `IsNameEmpty`: a common name, or at least one attribute in every entry of `names`.
fn check_subject(request: &Request) -> Result<(), Error> {
    let blank = |text: &String| text.trim().is_empty();
    let named = !request.names.is_empty()
        && request.names.iter().all(|n| ![&n.c, &n.st, &n.l, &n.o, &n.ou].into_iter().all(blank));
    if request.common_name.is_empty() && !named { Err(ErrorKind::MissingSubject.into()) } else { Ok(()) }
}
