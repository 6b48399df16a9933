//! What a profile allows, and what it makes of a request.

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::cfssl::config::Config;
use crate::cfssl::profile::CaConstraint;
use crate::x509::extension::{BasicConstraints, CertificatePolicy};
use crate::x509::key::SystemKeys;
use crate::x509::random::SystemRandomness;
use crate::x509::sign::SigningKey;
use crate::x509::tests::{Contents, NOW, SECOND, extension};

/// A request for all kinds of names.
fn request() -> Request {
    let hosts = ["a.example", "u@b.example", "10.0.0.1", "https://c.example/"].map(str::to_owned).to_vec();
    Request { common_name: "leaf".into(), hosts, ..Request::default() }
}

fn verified(request: &Request) -> VerifiedRequest {
    let key = SystemKeys.generate(request.key).unwrap();
    request.sign(&key).unwrap().value.verify().unwrap()
}

fn issuer() -> Issuer {
    Contents::ca("test CA").issuer()
}

fn signing<'a>(request: &'a VerifiedRequest, profile: &'a Profile) -> SigningRequest<'a> {
    SigningRequest { request, profile, subject: None, names: None, crl_url: None }
}

fn sign(request: &VerifiedRequest, profile: &Profile) -> Result<WithNotices<Certificate>, Error> {
    issuer().sign(&signing(request, profile), NOW, &SystemRandomness)
}

#[track_caller]
fn refused(request: &VerifiedRequest, profile: &Profile, message: &str) {
    let error = sign(request, profile).unwrap_err();
    assert_eq!(error.to_string(), message);
    // Nothing is refused without a word on what to do.
    assert!(error.hint().is_some() || message.contains("name_whitelist"), "{message}");
}

fn texts(signed: &WithNotices<Certificate>) -> Vec<String> {
    signed.notices.iter().map(ToString::to_string).collect()
}

#[test]
fn a_profile_that_cannot_be_used_is_refused() {
    let (request, built_in) = (verified(&request()), Profile::built_in());
    let bare = Profile { expiry: Duration::DAY, ..Profile::default() };
    refused(&request, &bare, "the profile has no usages");
    for one in [
        Profile { key_usage: KeyUsage::DIGITAL_SIGNATURE, ..bare.clone() },
        Profile { extended_key_usage: vec![oid::SERVER_AUTH], ..bare },
    ] {
        sign(&request, &one).unwrap();
    }
    refused(
        &request,
        &Profile { remote: Some("ca1".into()), ..built_in.clone() },
        "the profile leaves signing to the server \"ca1\", and remote signing is not supported",
    );
    let whitelist = CsrWhitelist { public_key: false, ..CsrWhitelist::ALL };
    refused(
        &request,
        &Profile { csr_whitelist: Some(whitelist), ..built_in },
        "the profile's CSRWhitelist does not allow the public key",
    );
}

/// docs/cfssl.md, 7.
#[test]
fn a_ca_that_has_ended_signs_nothing() {
    let contents = Contents {
        begins: datetime!(2010-01-01 0:00 UTC),
        ends: datetime!(2020-01-01 0:00 UTC),
        ..Contents::ca("A")
    };
    let (issuer, request, profile) = (contents.issuer(), verified(&request()), Profile::built_in());
    let sign = |now| issuer.sign(&signing(&request, &profile), now, &SystemRandomness);
    sign(contents.ends).unwrap();
    for now in [contents.begins - SECOND, contents.ends + SECOND, NOW] {
        let error = sign(now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the CA certificate is valid from 2010-01-01 00:00:00 UTC to 2020-01-01 00:00:00 UTC, not now"
        );
        assert!(error.hint().is_some());
        let made =
            issuer.gencert(&NewRequest::new(&self::request(), &profile), &SystemKeys, now, &SystemRandomness);
        assert_eq!(made.unwrap_err().to_string(), error.to_string());
    }
}

/// docs/cfssl.md, 8.
#[test]
fn the_path_length_of_the_ca_limits_the_cas_that_it_issues() {
    for (limit, profile, asked, is_allowed) in [
        (Some(0), None, None, false),
        (Some(0), None, Some(None), false),
        (Some(0), Some(0), None, false),
        (Some(1), Some(0), None, true),
        // Of the path lengths of a chain the smallest one counts, so that of the profile may be too great.
        (Some(1), Some(1), None, true),
        (Some(1), Some(1), Some(Some(0)), true),
        (Some(1), Some(0), Some(Some(1)), false),
        (Some(1), Some(1), Some(None), true),
        (None, Some(7), Some(Some(9)), true),
    ] {
        let constraints = BasicConstraints { ca: true, path_len: limit };
        let issuer = Contents { constraints, ..Contents::ca("A") }.issuer();
        let mut request = request();
        request.ca = asked.map(|path_len| crate::cfssl::CaSection { path_len, ..Default::default() });
        let constraint = CaConstraint { path_len: profile };
        let profile = Profile {
            key_usage: KeyUsage::KEY_CERT_SIGN,
            ca_constraint: Some(constraint),
            ..Profile::built_in()
        };
        let request = verified(&request);
        let signed = issuer.sign(&signing(&request, &profile), NOW, &SystemRandomness);
        let what = format!("{limit:?} {constraint:?} {asked:?}");
        match signed {
            Ok(signed) => {
                assert!(is_allowed, "{what}");
                // The certificate says what the profile says.
                let constraints = BasicConstraints { ca: true, path_len: constraint.path_len };
                assert_eq!(signed.value.basic_constraints(), Some(constraints), "{what}");
                let is_limited = constraint.path_len.zip(limit).is_some_and(|(own, above)| own >= above);
                let told = |notice: &Notice| matches!(notice.kind(), NoticeKind::PathLenLimited { .. });
                assert_eq!(signed.notices.iter().any(told), is_limited, "{what}");
            }
            Err(error) => {
                assert!(!is_allowed, "{what}: {error}");
                let limit = limit.unwrap();
                let message = format!("the CA's path length of {limit} does not allow such a CA below it");
                assert_eq!(error.to_string(), message, "{what}");
            }
        }
    }
    // Leaves are below every CA.
    let constraints = BasicConstraints { ca: true, path_len: Some(0) };
    let issuer = Contents { constraints, ..Contents::ca("A") }.issuer();
    let (request, profile) = (verified(&request()), Profile::built_in());
    issuer.sign(&signing(&request, &profile), NOW, &SystemRandomness).unwrap();
}

#[test]
fn a_profile_for_leaves_makes_no_cas() {
    let mut asked = request();
    asked.ca = Some(crate::cfssl::CaSection::default());
    let message = "the request asks for a CA certificate, and the profile does not allow CAs";
    refused(&verified(&asked), &Profile::built_in(), message);
    // A request that says CA:FALSE asks for a leaf.
    let constraints = Extension::basic_constraints(BasicConstraints::default()).unwrap();
    let plain = Request { extensions: vec![constraints], ..request() };
    let signed = sign(&verified(&plain), &Profile::built_in()).unwrap();
    assert_eq!(signed.value.basic_constraints(), Some(BasicConstraints::default()));
}

#[test]
fn a_ca_keeps_the_addresses_and_loses_the_names() {
    let profile = Profile { ca_constraint: Some(CaConstraint::default()), ..Profile::built_in() };
    let signed = sign(&verified(&request()), &profile).unwrap();
    assert_eq!(signed.value.subject_alt_names().to_string(), "10.0.0.1");
    assert_eq!(signed.value.basic_constraints(), Some(BasicConstraints { ca: true, path_len: None }));
}

#[test]
fn what_a_profile_says_is_in_the_certificate() {
    let policies = vec![CertificatePolicy { id: "1.2.3".parse().unwrap(), qualifiers: Vec::new() }];
    let profile = Profile {
        key_usage: KeyUsage::KEY_AGREEMENT,
        extended_key_usage: vec![oid::TIME_STAMPING, oid::CODE_SIGNING],
        crl_url: Some("http://crl.example/".into()),
        ocsp_url: Some("http://ocsp.example/".into()),
        issuer_urls: vec!["http://ca.example/".into()],
        ocsp_no_check: true,
        policies,
        ..Profile::built_in()
    };
    let request = verified(&request());
    let certificate = sign(&request, &profile).unwrap().value;
    assert_eq!(certificate.key_usage(), Some(KeyUsage::KEY_AGREEMENT));
    assert_eq!(certificate.extended_key_usage().unwrap(), [oid::TIME_STAMPING, oid::CODE_SIGNING]);
    assert_eq!(certificate.crl_urls(), ["http://crl.example/"]);
    assert_eq!(certificate.ocsp_urls(), ["http://ocsp.example/"]);
    assert_eq!(certificate.issuer_urls(), ["http://ca.example/"]);
    let has = |certificate: &Certificate, oid| certificate.extensions().iter().any(|e| e.oid == oid);
    assert!(has(&certificate, oid::OCSP_NO_CHECK) && has(&certificate, oid::CERTIFICATE_POLICIES));
    assert!(certificate.is_for(request.public_key()));
    assert_eq!(certificate.subject().to_string(), "CN=leaf");
    assert_eq!(
        certificate.subject_alt_names().to_string(),
        "a.example, u@b.example, 10.0.0.1, https://c.example/"
    );

    let given = SigningRequest { crl_url: Some("http://other.example/"), ..signing(&request, &profile) };
    let certificate = issuer().sign(&given, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(certificate.crl_urls(), ["http://other.example/"]);
    let bare = sign(&request, &Profile::built_in()).unwrap().value;
    assert!(bare.crl_urls().is_empty() && bare.ocsp_urls().is_empty() && bare.issuer_urls().is_empty());
    assert!(!has(&bare, oid::OCSP_NO_CHECK) && !has(&bare, oid::CERTIFICATE_POLICIES));
}

#[test]
fn what_is_given_replaces_what_the_request_says() {
    let full = r#"{"CN": "x", "hosts": ["a.example"], "names": [{"O": "Old", "OU": "U", "E": "a@b.c"}]}"#;
    let request = verified(&Request::from_json(full, None).unwrap().value);
    let profile = Profile::built_in();
    let subject = Subject { organization: vec!["New".into()], ..Subject::common_name("y") };
    let names = SubjectAltNames::from_hosts(&["10.0.0.2".to_owned()]).unwrap().value;
    let given = SigningRequest { subject: Some(subject), names: Some(names), ..signing(&request, &profile) };
    let certificate = issuer().sign(&given, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(certificate.subject().to_string(), "O=New, OU=U, CN=y, emailAddress=a@b.c");
    assert_eq!(certificate.subject_alt_names().to_string(), "10.0.0.2");
}

#[test]
fn a_whitelist_decides_about_each_part_of_a_request() {
    let request = verified(&request());
    let none = CsrWhitelist { public_key: true, ..CsrWhitelist::default() };
    for (whitelist, subject, names) in [
        (none, "", ""),
        (CsrWhitelist { subject: true, ..none }, "CN=leaf", ""),
        (CsrWhitelist { dns_names: true, ..none }, "", "a.example"),
        (CsrWhitelist { email_addresses: true, ..none }, "", "u@b.example"),
        (CsrWhitelist { ip_addresses: true, ..none }, "", "10.0.0.1"),
        (CsrWhitelist { uris: true, ..none }, "", "https://c.example/"),
        (CsrWhitelist::ALL, "CN=leaf", "a.example, u@b.example, 10.0.0.1, https://c.example/"),
    ] {
        let profile = Profile { csr_whitelist: Some(whitelist), ..Profile::built_in() };
        let certificate = sign(&request, &profile).unwrap().value;
        let found = (certificate.subject().to_string(), certificate.subject_alt_names().to_string());
        assert_eq!(found, (subject.to_owned(), names.to_owned()), "{whitelist:?}");
    }
    // Names that are given are not those of the request.
    let names = SubjectAltNames::from_hosts(&["10.0.0.2".to_owned()]).unwrap().value;
    let profile = Profile { csr_whitelist: Some(none), ..Profile::built_in() };
    let given = SigningRequest { names: Some(names), ..signing(&request, &profile) };
    let certificate = issuer().sign(&given, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(certificate.subject_alt_names().to_string(), "10.0.0.2");
}

/// docs/cfssl.md, 21.
#[test]
fn copied_extensions_decide_about_no_ca_and_no_issuer() {
    let asked = [
        extension("1.2.3", true),
        Extension::basic_constraints(BasicConstraints { ca: false, path_len: Some(3) }).unwrap(),
        Extension::authority_key_identifier(&[1, 2, 3]).unwrap(),
        Extension::key_usage(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN)).unwrap(),
        Extension::extended_key_usage(&[oid::CODE_SIGNING]).unwrap(),
        Extension::delegation_usage().unwrap(),
    ];
    let request = verified(&Request { extensions: asked.to_vec(), ..request() });
    let own = |certificate: &Certificate| {
        let found = certificate.extensions().iter();
        found.filter(|extension| asked.contains(extension)).cloned().collect::<Vec<_>>()
    };
    let copying = Profile { copy_extensions: true, ..Profile::built_in() };
    let issuer = issuer();
    let signed = issuer.sign(&signing(&request, &copying), NOW, &SystemRandomness).unwrap();
    let certificate = &signed.value;
    assert_eq!(own(certificate).len(), 4, "{:?}", certificate.extensions());
    assert_eq!(certificate.authority_key_identifier(), issuer.certificate().subject_key_identifier());
    assert_eq!(certificate.basic_constraints(), Some(BasicConstraints::default()));
    assert_eq!(certificate.extended_key_usage().unwrap(), [oid::CODE_SIGNING]);
    assert!(certificate.subject_alt_names().to_string().starts_with("a.example"));
    let told: Vec<_> = texts(&signed).iter().map(|text| text.split(' ').nth(5).unwrap().to_owned()).collect();
    assert_eq!(told, ["keyCertSign", "cRLSign"]);
    certificate.check_ca().unwrap_err();

    // With usages that the profile has itself, nothing is to be told.
    let usual = Profile { key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN), ..copying.clone() };
    assert_eq!(texts(&sign(&request, &usual).unwrap()), [""; 0]);
    let names = SubjectAltNames::from_hosts(&["given.example".to_owned()]).unwrap().value;
    let given = SigningRequest { names: Some(names), ..signing(&request, &copying) };
    let certificate = issuer.sign(&given, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(certificate.subject_alt_names().to_string(), "given.example");

    // Otherwise only the extension for delegated credentials is copied.
    let whitelist = Some(CsrWhitelist::ALL);
    for profile in [Profile::built_in(), Profile { csr_whitelist: whitelist, ..copying }] {
        let certificate = sign(&request, &profile).unwrap().value;
        assert_eq!(own(&certificate), [Extension::delegation_usage().unwrap()]);
        assert_eq!(certificate.key_usage(), Some(profile.key_usage));
    }
}

/// docs/cfssl.md, 23.
#[test]
fn a_name_whitelist_is_not_anchored_and_never_looks_at_addresses() {
    let with = |text: &str| {
        let json = format!(
            r#"{{"signing": {{"default": {{"expiry": "1h", "usages": ["signing"], "name_whitelist": "{text}"}}}}}}"#
        );
        Config::from_json(&json, None).unwrap().value.profile(None).unwrap().value.clone()
    };
    let one = |common_name: &str, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        verified(&Request { common_name: common_name.into(), hosts, ..Request::default() })
    };
    let whitelist = |name: &str| format!("{name:?} does not match the profile's name_whitelist");
    sign(&one("an etcd1", &["etcd1.example", "x@etcd1", "https://etcd1/", "10.0.0.1"]), &with("etcd1"))
        .unwrap();
    sign(&one("", &["10.0.0.1"]), &with("etcd1")).unwrap();
    refused(&one("other", &[]), &with("etcd1"), &whitelist("other"));
    refused(&one("etcd1", &["other.example"]), &with("etcd1"), &whitelist("other.example"));
    refused(&one("etcd1", &["u@other"]), &with("etcd1"), &whitelist("u@other"));
    refused(&one("etcd1", &["https://other/"]), &with("etcd1"), &whitelist("https://other/"));
    refused(&one("an etcd1", &[]), &with("^etcd1$"), &whitelist("an etcd1"));
    // For a CA too, whose names do not come into the certificate.
    let ca = Profile { ca_constraint: Some(CaConstraint::default()), ..with("etcd1") };
    refused(&one("etcd1", &["other.example"]), &ca, &whitelist("other.example"));
}

#[test]
fn a_certificate_begins_and_ends_when_the_profile_says() {
    let request = verified(&request());
    let begin: OffsetDateTime = datetime!(2026-12-24 18:00 UTC);
    let end: OffsetDateTime = datetime!(2027-01-06 0:00 UTC);
    let profile = Profile { expiry: Duration::hours(3), ..Profile::built_in() };
    let now = NOW + Duration::seconds(31);
    let usual = NOW + Duration::minutes(1);
    let five = Duration::minutes(5);
    for (profile, not_before, not_after) in [
        (profile.clone(), usual - five, usual - five + Duration::hours(3)),
        (
            Profile { backdate: Some(Duration::HOUR), ..profile.clone() },
            usual - Duration::HOUR,
            usual + Duration::hours(2),
        ),
        (Profile { not_before: Some(begin), ..profile.clone() }, begin, begin + Duration::hours(3)),
        (Profile { not_after: Some(end), ..profile.clone() }, usual - five, end),
        (Profile { not_before: Some(begin), not_after: Some(end), ..profile.clone() }, begin, end),
    ] {
        let signed = issuer().sign(&signing(&request, &profile), now, &SystemRandomness).unwrap().value;
        assert_eq!((signed.not_before(), signed.not_after()), (not_before, not_after));
    }
    for wrong in [
        Profile { not_before: Some(end), not_after: Some(begin), ..profile.clone() },
        Profile { not_before: Some(end), not_after: Some(end), ..profile.clone() },
        Profile { expiry: Duration::ZERO, ..profile.clone() },
        Profile { expiry: Duration::milliseconds(900), ..profile.clone() },
        Profile { expiry: -Duration::HOUR, ..profile },
    ] {
        let error = sign(&request, &wrong).unwrap_err();
        assert!(error.to_string().ends_with("the end is not after the beginning"), "{error}");
    }
}

#[test]
fn what_is_unusual_about_a_certificate_is_told() {
    let profile = Profile { expiry: Duration::days(5000), ..Profile::built_in() };
    let told = texts(&sign(&verified(&request()), &profile).unwrap());
    assert!(told.len() == 1 && told[0].contains("but its CA only until 2036-11-18"), "{told:?}");
    let nameless = Request { common_name: "test CA".into(), ..Request::default() };
    let told = texts(&sign(&verified(&nameless), &Profile::built_in()).unwrap());
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn gencert_makes_a_key_a_request_and_a_certificate() {
    let request = Request { hosts: vec![" a.example".into(), String::new()], ..request() };
    let crl = Some("http://crl.example/");
    let profile = Profile::built_in();
    let new = NewRequest { crl_url: crl, ..NewRequest::new(&request, &profile) };
    let made = issuer().gencert(&new, &SystemKeys, NOW, &SystemRandomness).unwrap();
    assert_eq!(made.notices.len(), 2, "{:?}", made.notices);
    let NewCertificate { certificate, request, key } = made.value;
    assert!(certificate.is_for(key.public_key()));
    assert_eq!(request.verify().unwrap().public_key(), SigningKey::public_key(&key));
    assert_eq!(certificate.crl_urls(), ["http://crl.example/"]);
    assert_eq!(certificate.subject_alt_names().to_string(), "a.example, ");
    let wrong = Request { hosts: vec!["a:1".into()], ..self::request() };
    let error = issuer().gencert(&NewRequest::new(&wrong, &profile), &SystemKeys, NOW, &SystemRandomness);
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::HostWithPort { .. }));
}
