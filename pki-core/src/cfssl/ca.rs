//! Self-signed certificates from cfssl's files: of a root CA, and of a single server.

use time::{Duration, OffsetDateTime};

use crate::cfssl::csr_json::Request;
use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::notice::{Notice, WithNotices};
use crate::cfssl::profile::Profile;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::csr::{CertificateRequest, VerifiedRequest};
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::extension::{BasicConstraints, Extension};
use crate::x509::notice::ended;
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::root;
use crate::x509::sign::SigningKey;
use crate::x509::template::Template;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::{BACKDATE, Validity, end, round_to_minute};

/// The certificate of a new CA, and the request that cfssl writes beside it.
#[derive(Debug, Clone)]
pub struct NewCa {
    /// The self-signed certificate.
    pub certificate: Certificate,
    /// A request with the subject and the key of the CA.
    pub request: CertificateRequest,
}

/// Makes a root CA from cfssl's CSR JSON, as `cfssl gencert -initca` does.
///
/// The key may be new, or one that exists; `request.key` is not used.
///
/// ```
/// use pki_core::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
/// use pki_core::cfssl::Request;
/// use time::{Duration, OffsetDateTime};
///
/// let request = Request { common_name: "My CA".into(), ..Request::default() };
/// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// let ca = pki_core::cfssl::ca::create(&request, &key, OffsetDateTime::now_utc(), &SystemRandomness)?.value;
/// assert!(ca.certificate.basic_constraints().unwrap().ca);
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::MissingSubject`] if the CA has no name, [`ErrorKind::ZeroExpiry`] if its lifetime is zero,
/// [`x509::ErrorKind::Validity`](crate::x509::ErrorKind::Validity) if it would end before it begins, and what
/// [`Request::sign`], `key` and `random` say.
pub fn create(
    request: &Request,
    key: &dyn SigningKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<WithNotices<NewCa>, Error> {
    check_subject(request)?;
    let section = request.ca.clone().unwrap_or_default();
    if section.expiry.is_zero() {
        return Err(ErrorKind::ZeroExpiry.into());
    }
    let WithNotices { value: csr, mut notices } = request.sign(key)?;
    let names = SubjectAltNames::from_hosts(&request.hosts)?.value;
    let not_before = round_to_minute(now) - section.backdate;
    let is_delegation = |asked: &&Extension| asked.oid == oid::DELEGATION_USAGE;
    let delegation: Vec<Extension> = csr.extensions().iter().filter(is_delegation).cloned().collect();
    let template = Template {
        key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
        basic_constraints: BasicConstraints { ca: true, path_len: section.path_len },
        // cfssl's `FillTemplate` (signer/signer.go) removes the DNS names, e-mail addresses and URIs of a CA.
        names: &SubjectAltNames { ip: names.ip, ..SubjectAltNames::default() },
        crl_url: request.crl_url.as_deref(),
        extensions: &delegation,
        ..Template::new(csr.subject(), key.public_key(), Validity::lasting(not_before, section.expiry)?)
    };
    let certificate = root::issue(&template, key, random)?;
    notices.extend(ended(&certificate, now).map(Notice::from));
    Ok(WithNotices { value: NewCa { certificate, request: csr }, notices })
}

/// The lifetime if the profile has none (cfssl's `selfsign/selfsign.go`): a quarter of a year.
const SELF_SIGNED_EXPIRY: Duration = Duration::hours(2190);

/// Makes the self-signed certificate of a server, as `cfssl selfsign` does. No client trusts such a certificate unless it
/// is configured to, so it is for tests.
///
/// ```
/// use pki_core::x509::{KeySource, SystemKeys, SystemRandomness};
/// use pki_core::cfssl::{Request, ca};
///
/// let request = Request { hosts: vec!["localhost".into()], ..Request::default() };
/// let key = SystemKeys.generate(request.key)?;
/// let csr = request.sign(&key)?.value.verify()?;
/// let now = time::OffsetDateTime::now_utc();
/// let certificate = ca::self_sign(&csr, &key, &ca::self_sign_profile(), now, &SystemRandomness)?.value;
/// assert_eq!(certificate.subject_alt_names().to_string(), "localhost");
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::NoUsages`] if the profile has no usage, [`ErrorKind::CaNotAllowed`] if the request asks for a CA and the
/// profile does not, [`x509::ErrorKind::KeyMismatch`](crate::x509::ErrorKind::KeyMismatch) if the request is for another
/// key, [`x509::ErrorKind::Validity`](crate::x509::ErrorKind::Validity) if the certificate would end before it begins,
/// and what `key` and `random` say.
pub fn self_sign(
    request: &VerifiedRequest,
    key: &dyn SigningKey,
    profile: &Profile,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<WithNotices<Certificate>, Error> {
    profile.check_usable()?;
    if request.public_key() != key.public_key() {
        return Err(X509ErrorKind::KeyMismatch.into());
    }
    let requested = request.request();
    if profile.ca_constraint.is_none() && requested.basic_constraints()?.is_some_and(|asked| asked.ca) {
        return Err(ErrorKind::CaNotAllowed.into());
    }
    let expiry = if profile.expiry.is_zero() { SELF_SIGNED_EXPIRY } else { profile.expiry };
    let not_before = profile.not_before.unwrap_or(now - profile.backdate.unwrap_or(BACKDATE));
    let not_after = match profile.not_after {
        Some(date) => date,
        None => end(now, expiry)?,
    };
    let template = Template {
        policies: &[],
        ocsp_no_check: false,
        ..profile.template(requested.subject(), request.public_key(), Validity::new(not_before, not_after)?)
    };
    let own = template.all_extensions(None)?;
    let is_own = |asked: &&Extension| own.iter().any(|own| own.oid == asked.oid);
    let asked = requested.extensions().iter().filter(|asked| !is_own(asked));
    let asked: Vec<Extension> = asked.cloned().collect();
    let template = Template { extensions: &asked, ..template };
    let value = root::issue_with_serial(&template, key, SerialNumber::generate_short(random)?)?;
    let notices = ended(&value, now).map(Notice::from).into_iter().collect();
    Ok(WithNotices { value, notices })
}

/// The profile for [`self_sign`] without a ca-config: cfssl's default with a shorter lifetime.
pub fn self_sign_profile() -> Profile {
    Profile { expiry: SELF_SIGNED_EXPIRY, ..Profile::built_in() }
}

/// Checks that a CA has a name by the rule of cfssl's `IsNameEmpty` (`csr/csr.go`): a common name, or at least one
/// attribute in every entry of `names`.
fn check_subject(request: &Request) -> Result<(), Error> {
    let blank = |text: &String| text.trim().is_empty();
    let named = !request.names.is_empty()
        && request.names.iter().all(|n| ![&n.c, &n.st, &n.l, &n.o, &n.ou].into_iter().all(blank));
    if request.common_name.is_empty() && !named { Err(ErrorKind::MissingSubject.into()) } else { Ok(()) }
}
