//! Self-signed certificates: of a CA, new or for a key that exists or anew, and of a lone server.

use time::{Duration, OffsetDateTime};

use crate::cfssl::csr_json::{BACKDATE, CaSection, Request};
use crate::cfssl::profile::Profile;
use crate::error::{Error, ErrorKind};
use crate::notice::{Notice, Noticed};
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::{Certificate, ToBeSigned, Validity};
use crate::x509::csr::{CertificateRequest, VerifiedRequest};
use crate::x509::extension::{BasicConstraints, Extension};
use crate::x509::issuer::round_to_minute;
use crate::x509::key::PrivateKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::usage::KeyUsage;

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
/// use time::{Duration, OffsetDateTime};
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

/// Makes the certificate of a root CA anew: `gencert -renewca`.
///
/// The new certificate has another serial number and begins now; its lifetime is as long as the old one's.
/// Everything else is the old certificate's, byte for byte: what the old one issued still verifies.
///
/// ```
/// use pki_core::{KeyAlgorithm, KeySource, Request, SystemKeys, SystemRandomness, ca};
/// use time::{Duration, OffsetDateTime};
///
/// let now = OffsetDateTime::now_utc();
/// let request = Request { common_name: "etcd CA".into(), ..Request::default() };
/// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// let old = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
/// let new = ca::renew(&old, &key, now + Duration::days(1000), &SystemRandomness)?;
/// assert_eq!(new.subject().der(), old.subject().der());
/// assert_eq!(new.not_after() - old.not_after(), Duration::days(1000));
/// # Ok::<(), pki_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::NotACa`] if it is no CA, [`ErrorKind::NotSelfSigned`] if another CA issued it,
/// [`ErrorKind::KeyMismatch`] if the key is not its own.
pub fn renew(
    old: &Certificate,
    key: &PrivateKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    old.check_ca()?;
    if old.issuer() != old.subject() {
        let (subject, issuer) = (old.subject().to_string(), old.issuer().to_string());
        return Err(ErrorKind::NotSelfSigned { subject, issuer }.into());
    }
    if !old.is_for(key) {
        return Err(ErrorKind::KeyMismatch.into());
    }
    // An identifier of the issuer may name the old serial number; a root needs none.
    let kept = old.extensions().iter().filter(|extension| extension.oid != oid::AUTHORITY_KEY_IDENTIFIER);
    let extensions: Vec<Extension> = kept.cloned().collect();
    ToBeSigned {
        serial: SerialNumber::generate(random)?,
        issuer: old.subject(),
        validity: renewed_validity(old, now)?,
        subject: old.subject(),
        public_key: key.public_key(),
        extensions: &extensions,
    }
    .sign(key)
}

/// As long as the old one's, from now on.
pub(crate) fn renewed_validity(old: &Certificate, now: OffsetDateTime) -> Result<Validity, Error> {
    let not_before = round_to_minute(now) - BACKDATE;
    Validity::new(not_before, end(not_before, old.not_after() - old.not_before())?)
}

/// cfssl's selfsign/selfsign.go: a profile without a lifetime gives a quarter of a year.
const SELF_SIGNED_EXPIRY: Duration = Duration::hours(2190);

/// Makes a certificate that a server signs for itself: `selfsign`. Nobody trusts it until told to; it is for
/// tests.
///
/// ```
/// use pki_core::{KeySource, Request, SystemKeys, SystemRandomness, ca};
///
/// let request = Request { hosts: vec!["localhost".into()], ..Request::default() };
/// let key = SystemKeys.generate(request.key)?;
/// let csr = request.sign(&key, &mut Vec::new())?.verify()?;
/// let now = time::OffsetDateTime::now_utc();
/// let certificate = ca::self_sign(&csr, &key, &ca::self_sign_profile(), now, &SystemRandomness)?;
/// assert_eq!(certificate.subject_alt_names().to_string(), "localhost");
/// # Ok::<(), pki_core::Error>(())
/// ```
///
/// # Errors
/// If the profile cannot be used, the request is not `key`'s own, or the result would never be valid.
pub fn self_sign(
    request: &VerifiedRequest,
    key: &PrivateKey,
    profile: &Profile,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    profile.check_usable()?;
    if request.public_key() != key.public_key() {
        return Err(ErrorKind::KeyMismatch.into());
    }
    let requested = request.request();
    let constraints = match profile.ca_constraint {
        Some(constraint) => BasicConstraints { ca: true, path_len: constraint.path_len },
        None => BasicConstraints::default(),
    };
    if profile.ca_constraint.is_none() && requested.basic_constraints()?.is_some_and(|asked| asked.ca) {
        return Err(ErrorKind::CaNotAllowed.into());
    }
    let mut extensions = Vec::new();
    if !profile.key_usage.is_empty() {
        extensions.push(Extension::key_usage(profile.key_usage)?);
    }
    if !profile.extended_key_usage.is_empty() {
        extensions.push(Extension::extended_key_usage(&profile.extended_key_usage)?);
    }
    extensions.push(Extension::basic_constraints(constraints)?);
    extensions.push(Extension::subject_key_identifier(&request.public_key().identifier())?);
    if profile.ocsp_url.is_some() || !profile.issuer_urls.is_empty() {
        extensions.push(Extension::authority_info_access(profile.ocsp_url.as_deref(), &profile.issuer_urls)?);
    }
    if let Some(url) = &profile.crl_url {
        extensions.push(Extension::crl_distribution_points(url)?);
    }
    let own: Vec<_> = extensions.iter().map(|extension| extension.oid).collect();
    let asked = requested.extensions().iter().filter(|extension| !own.contains(&extension.oid));
    extensions.extend(asked.cloned());
    let expiry = if profile.expiry.is_zero() { SELF_SIGNED_EXPIRY } else { profile.expiry };
    let not_before = profile.not_before.unwrap_or(now - profile.backdate.unwrap_or(BACKDATE));
    let not_after = match profile.not_after {
        Some(date) => date,
        None => end(now, expiry)?,
    };
    ToBeSigned {
        serial: SerialNumber::generate_short(random)?,
        issuer: requested.subject(),
        validity: Validity::new(not_before, not_after)?,
        subject: requested.subject(),
        public_key: request.public_key(),
        extensions: &extensions,
    }
    .sign(key)
}

/// The profile that [`self_sign`] uses without a config: cfssl's default with a shorter life.
pub fn self_sign_profile() -> Profile {
    Profile { expiry: SELF_SIGNED_EXPIRY, ..Profile::built_in() }
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
