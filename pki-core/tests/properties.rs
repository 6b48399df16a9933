//! The library does not panic on any input: JSON, PEM, DER, hosts and lists, both random and nearly right.

// clippy allows this in functions with #[test], and not in those that they call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::LazyLock;

use pki_core::cfssl::{
    CertificateInfo, Config, FullCertificateInfo, Request, RequestInfo, SigningRequest, ca,
};
use pki_core::x509::{
    Certificate, CertificateRequest, Crl, CrlTemplate, Issuer, KeyAlgorithm, KeySource, PrivateKey,
    Revocation, RevokedSerial, SubjectAltNames, SystemKeys, SystemRandomness,
};
use proptest::prelude::*;
use time::OffsetDateTime;

/// A sample of each kind of file, for changing some of its bytes.
struct Samples {
    issuer: Issuer,
    certificate: Certificate,
    request: CertificateRequest,
    crl: Crl,
    key: String,
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let now = OffsetDateTime::now_utc();
    let json = r#"{"CN": "CA", "names": [{"C": "US", "O": "Org", "OU": "A", "OID": {"1.2.3": "x"}}, {"OU": "B"}],
        "hosts": ["10.0.0.1"], "ca": {"pathlen": 1}}"#;
    let request = Request::from_json(json, None).unwrap().value;
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let root = ca::create(&request, &key, now, &SystemRandomness).unwrap().value.certificate;
    let issuer = Issuer::new(root, key).unwrap();
    let hosts = ["a.example", "u@h", "10.0.0.1", "https://u.example/"].map(str::to_owned).to_vec();
    let request = Request { common_name: "leaf".into(), hosts, ..Request::default() };
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let request = request.sign(&key).unwrap().value;
    let config = Config::default();
    let profile = config.profile(None).unwrap().value;
    let verified = request.clone().verify().unwrap();
    let signing = SigningRequest {
        request: &verified,
        profile,
        subject: None,
        names: None,
        crl_url: Some("http://crl.example/"),
    };
    let certificate = issuer.sign(&signing, now, &SystemRandomness).unwrap().value;
    let serial = RevokedSerial::from(&certificate);
    let revocations = [Revocation { serial, date: now, reason: "keyCompromise".parse().ok() }];
    let next_update = now + time::Duration::DAY;
    let crl =
        issuer.sign_crl(&CrlTemplate { number: 7, this_update: now, next_update, revocations: &revocations });
    Samples { issuer, certificate, request, crl: crl.unwrap(), key: key.to_pem().to_string() }
});

/// Reads `bytes` as each kind of file, and calls the functions of what was read.
fn read_everything(bytes: &[u8]) {
    let now = OffsetDateTime::now_utc();
    for certificate in Certificate::read_all(bytes).into_iter().flatten().chain(Certificate::read(bytes)) {
        let _ = serde_json::to_string(&CertificateInfo::from(&certificate));
        let _ = serde_json::to_string(&FullCertificateInfo::from(&certificate));
        let _ = certificate.check_ca();
        let _ = certificate.verify_issued_by(SAMPLES.issuer.certificate());
        let _ = SAMPLES.issuer.renew(&certificate, now, &SystemRandomness);
    }
    for request in
        [CertificateRequest::read(bytes), CertificateRequest::read_any_label(bytes)].into_iter().flatten()
    {
        let _ = RequestInfo::new(&request).map(|info| serde_json::to_string(&info));
        let Ok(request) = request.verify() else { continue };
        let config = Config::default();
        let profile = config.profile(None).unwrap().value;
        let signing =
            SigningRequest { request: &request, profile, subject: None, names: None, crl_url: None };
        let _ = SAMPLES.issuer.sign(&signing, now, &SystemRandomness);
    }
    let _ = Crl::read(bytes).and_then(|crl| crl.verify_issued_by(SAMPLES.issuer.certificate()));
    let _ = PrivateKey::read(bytes, Some("password"));
}

fn read_json(text: &str) {
    let _ = Config::from_json(text, None);
    if let Ok(request) = Request::from_json(text, None) {
        let request = request.value;
        let key = SAMPLES.key.as_bytes();
        let key = PrivateKey::read(key, None).unwrap();
        let _ = request.sign(&key);
        let _ = ca::create(&request, &key, OffsetDateTime::now_utc(), &SystemRandomness);
    }
}

/// JSON with the keys of cfssl's files and random values.
fn near_json() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "CN",
        "hosts",
        "key",
        "algo",
        "size",
        "names",
        "C",
        "OU",
        "OID",
        "1.2.3",
        "1",
        "ca",
        "expiry",
        "pathlen",
        "backdate",
        "extensions",
        "Id",
        "Value",
        "signing",
        "default",
        "profiles",
        "x",
        "usages",
        "not_after",
        "not_before",
        "name_whitelist",
        "policies",
        "qualifiers",
        "ca_constraint",
        "max_path_len",
        "remote",
        "auth_keys",
        "CSRWhitelist",
        "allowed_extensions",
        "serialnumber",
        "crl_url",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter("JSON", |value| value.is_finite()).prop_map(|value| value.to_string()),
        prop::sample::select(vec![
            "8760h",
            "-1h",
            "2562047h47m16s",
            "9999999d",
            "server auth",
            "signing",
            "2020-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "*",
            "(",
            "10.0.0.1",
            "host:1",
            "ä",
            "",
            "id-qt-cps",
        ])
        .prop_map(|text| format!("{text:?}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A sample with a few bytes changed, inserted or removed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let sample = (0..5usize).prop_map(|index| match index {
        0 => SAMPLES.certificate.der().to_vec(),
        1 => SAMPLES.request.der().to_vec(),
        2 => SAMPLES.crl.der().to_vec(),
        3 => SAMPLES.certificate.to_pem().into_bytes(),
        _ => SAMPLES.key.clone().into_bytes(),
    });
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    (sample, prop::collection::vec(change, 1..4)).prop_map(|(mut bytes, changes)| {
        for (index, byte, what) in changes {
            if bytes.is_empty() {
                continue;
            }
            let at = index.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_everything(&bytes);
        let mut der = vec![0x30, 0x82, 0, 0];
        der.extend(&bytes);
        read_everything(&der);
    }

    #[test]
    fn no_damaged_file_panics(bytes in damaged()) {
        read_everything(&bytes);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        read_json(&text);
        let now = OffsetDateTime::now_utc();
        let _ = Revocation::parse_list(&text, now, None);
        let _ = SubjectAltNames::from_hosts(&[text]);
    }

    #[test]
    fn no_json_panics(text in near_json()) {
        read_json(&text);
        read_json(&format!(r#"{{"signing":{text}}}"#));
        read_json(&format!(r#"{{"signing":{{"default":{text},"profiles":{{"p":{text}}}}}}}"#));
    }

    #[test]
    fn no_host_panics_and_every_host_taken_is_ascii(
        host in "([a-z]{0,3}|[\\[\\]:/@.%?#<>()\",; \\\\=*0-9-]|%25|ä|ß|例|\u{202e}|//|://|xn--){0,10}",
    ) {
        if let Ok(names) = SubjectAltNames::from_hosts(&[host]) {
            prop_assert!(names.value.to_string().is_ascii());
        }
    }

    #[test]
    fn no_extension_of_a_request_panics(
        oid in prop::sample::select(vec!["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37", "2.5.29.31", "1.2.3"]),
        critical in any::<bool>(),
        value in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let json = format!(
            r#"{{"CN":"x","extensions":[{{"Id":[{}],"Critical":{critical},"Value":{value:?}}}]}}"#,
            oid.replace('.', ",")
        );
        let request = Request::from_json(&json, None).unwrap().value;
        let key = PrivateKey::read(SAMPLES.key.as_bytes(), None).unwrap();
        if let Ok(request) = request.sign(&key) {
            read_everything(request.value.der());
        }
    }
}

#[test]
fn samples_are_good() {
    read_everything(SAMPLES.certificate.der());
    SAMPLES.crl.verify_issued_by(SAMPLES.issuer.certificate()).unwrap();
    assert_eq!(SAMPLES.crl.number(), Some(7));
}
