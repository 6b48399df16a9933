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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfssl::csr_json::{CaSection, NameEntry};
    use crate::cfssl::profile::CaConstraint;
    use crate::x509::oid;
    use crate::x509::tests::{Always, NOW};
    use crate::x509::{KeyAlgorithm, KeySource, PrivateKey, Subject, SystemKeys, SystemRandomness};

    fn key() -> PrivateKey {
        SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap()
    }

    fn made(request: &Request) -> Result<NewCa, String> {
        create(request, &key(), NOW, &SystemRandomness)
            .map(|made| made.value)
            .map_err(|error| error.to_string())
    }

    fn named() -> Request {
        Request { common_name: "A".into(), ..Request::default() }
    }

    #[test]
    fn a_ca_is_what_its_section_says() {
        let usual = made(&named()).unwrap().certificate;
        assert_eq!(usual.not_before(), NOW - Duration::minutes(5));
        assert_eq!(usual.not_after() - usual.not_before(), Duration::hours(43_800));
        assert_eq!(usual.basic_constraints(), Some(BasicConstraints { ca: true, path_len: None }));
        assert_eq!(usual.key_usage(), Some(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN)));
        assert_eq!((usual.crl_urls().len(), usual.extended_key_usage()), (0, None));
        let section = CaSection { expiry: Duration::hours(3), backdate: Duration::HOUR, path_len: Some(1) };
        let request = Request {
            ca: Some(section),
            crl_url: Some("http://crl.example/".into()),
            hosts: vec!["a.example".into(), "10.0.0.1".into(), "u@h".into(), "https://u/".into()],
            ..named()
        };
        // An old key and a new one are treated alike (docs/cfssl.md, 18).
        let (old, now) = (key(), NOW + Duration::seconds(30));
        let made = create(&request, &old, now, &Always(1)).unwrap().value;
        let own = made.certificate;
        let begin = NOW + Duration::MINUTE - Duration::HOUR;
        assert_eq!((own.not_before(), own.not_after()), (begin, begin + Duration::hours(3)));
        assert_eq!(own.basic_constraints(), Some(BasicConstraints { ca: true, path_len: Some(1) }));
        assert_eq!(own.crl_urls(), ["http://crl.example/"]);
        // docs/cfssl.md, 16.
        assert_eq!(own.subject_alt_names().to_string(), "10.0.0.1");
        assert_eq!(made.request.subject_alt_names().unwrap().dns, ["a.example"]);
        assert!(own.is_for(old.public_key()) && own.serial() == [1; 20]);
        own.verify_issued_by(&own).unwrap();
        made.request.verify().unwrap();
    }

    #[test]
    fn a_ca_without_a_name_or_a_life_is_refused() {
        let nameless = "the CA has no name: `CN` is empty, and `names` is empty or has an empty entry";
        let entry = |o: &str| NameEntry { o: o.into(), ..NameEntry::default() };
        assert_eq!(made(&Request::default()).unwrap_err(), nameless);
        for (names, is_named) in [
            (vec![entry("O")], true),
            (vec![entry("")], false),
            (vec![entry(" ")], false),
            (vec![entry("O"), entry("")], false),
            (vec![entry("O"), entry("P")], true),
            (vec![NameEntry { e: "a@b.c".into(), ..NameEntry::default() }], false),
        ] {
            let request = Request { names, ..Request::default() };
            assert_eq!(made(&request).map(|_| ()), if is_named { Ok(()) } else { Err(nameless.to_owned()) });
            made(&Request { common_name: "A".into(), ..request }).unwrap();
        }
        for field in 0..5 {
            let mut entry = NameEntry::default();
            let fields = [&mut entry.c, &mut entry.st, &mut entry.l, &mut entry.o, &mut entry.ou];
            fields.into_iter().nth(field).unwrap().push('x');
            made(&Request { names: vec![entry], ..Request::default() }).unwrap();
        }
        let with = |expiry| Request { ca: Some(CaSection { expiry, ..CaSection::default() }), ..named() };
        let zero = "the expiry is 0: the certificate would never be valid";
        assert_eq!(made(&with(Duration::ZERO)).unwrap_err(), zero);
        for expiry in [-Duration::HOUR, Duration::milliseconds(999)] {
            let error = made(&with(expiry)).unwrap_err();
            assert!(error.ends_with("the end is not after the beginning"), "{error}");
        }
        let wrong = Request { hosts: vec!["a:1".into()], ..named() };
        assert!(made(&wrong).unwrap_err().starts_with("the host \"a:1\" has a port"));
    }

    fn asked(request: &Request, key: &PrivateKey) -> VerifiedRequest {
        request.sign(key).unwrap().value.verify().unwrap()
    }

    fn alone(request: &Request, profile: &Profile) -> Result<Certificate, String> {
        let key = key();
        let made = self_sign(&asked(request, &key), &key, profile, NOW, &Always(0xff));
        made.map(|made| made.value).map_err(|error| error.to_string())
    }

    /// docs/cfssl.md, 32.
    #[test]
    fn a_server_signs_itself_by_its_profile() {
        let request = Request {
            names: vec![NameEntry { o: "O".into(), e: "a@b.c".into(), ..NameEntry::default() }],
            hosts: vec!["localhost".into()],
            ..named()
        };
        let certificate = alone(&request, &self_sign_profile()).unwrap();
        certificate.verify_issued_by(&certificate).unwrap();
        assert_eq!(certificate.subject().to_string(), "O=O, CN=A, emailAddress=a@b.c");
        assert_eq!(certificate.subject_alt_names().to_string(), "localhost");
        assert_eq!(certificate.serial(), [&[0x7f][..], &[0xff; 7]].concat(), "63 bits");
        let span = (certificate.not_before(), certificate.not_after());
        assert_eq!(span, (NOW - Duration::minutes(5), NOW + Duration::hours(2190)));
        let profile = Profile {
            expiry: Duration::HOUR,
            backdate: Some(Duration::minutes(7)),
            ocsp_url: Some("o".into()),
            crl_url: Some("c".into()),
            ocsp_no_check: true,
            ..Profile::built_in()
        };
        let certificate = alone(&request, &profile).unwrap();
        assert_eq!((certificate.ocsp_urls(), certificate.crl_urls()), (vec!["o".into()], vec!["c".into()]));
        assert!(certificate.extensions().iter().all(|e| e.oid != oid::OCSP_NO_CHECK));
        let span = (certificate.not_before(), certificate.not_after());
        assert_eq!(span, (NOW - Duration::minutes(7), NOW + Duration::HOUR));
        let (begin, end) = (NOW + Duration::DAY, NOW + Duration::days(2));
        let fixed = Profile { not_before: Some(begin), not_after: Some(end), ..profile.clone() };
        let certificate = alone(&request, &fixed).unwrap();
        assert_eq!((certificate.not_before(), certificate.not_after()), (begin, end));
        let endless = Profile { expiry: Duration::ZERO, ..Profile::built_in() };
        assert_eq!(alone(&request, &endless).unwrap().not_after(), NOW + Duration::hours(2190));
        let wrong = Profile { not_after: Some(NOW - Duration::HOUR), ..profile };
        assert!(alone(&request, &wrong).unwrap_err().ends_with("the end is not after the beginning"));
    }

    #[test]
    fn what_a_server_asks_for_itself_comes_after_the_profile() {
        let usage = Extension::key_usage(KeyUsage::KEY_CERT_SIGN).unwrap();
        let other = crate::x509::tests::extension("1.2.3", true);
        let request = Request { extensions: vec![usage, other.clone()], ..named() };
        let certificate = alone(&request, &Profile::built_in()).unwrap();
        assert_eq!(certificate.key_usage(), Some(Profile::built_in().key_usage));
        assert_eq!(certificate.extensions().last(), Some(&other));
    }

    #[test]
    fn no_ca_and_no_strange_key_signs_itself() {
        let ca = Request { ca: Some(CaSection::default()), ..named() };
        let refused = "the request asks for a CA certificate, and the profile does not allow CAs";
        assert_eq!(alone(&ca, &Profile::built_in()).unwrap_err(), refused);
        let profile =
            Profile { ca_constraint: Some(CaConstraint { path_len: Some(3) }), ..Profile::built_in() };
        let made = alone(&ca, &profile).unwrap();
        assert_eq!(made.basic_constraints(), Some(BasicConstraints { ca: true, path_len: Some(3) }));
        let error = alone(&named(), &Profile::default()).unwrap_err();
        assert_eq!(error, "the profile has no usages");
        let (mine, theirs) = (key(), key());
        let profile = self_sign_profile();
        let error =
            self_sign(&asked(&named(), &theirs), &mine, &profile, NOW, &SystemRandomness).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::X509(X509ErrorKind::KeyMismatch)), "{error}");
        assert_eq!(Subject::from(asked(&named(), &mine).request().subject()).common_name, "A");
    }
}
