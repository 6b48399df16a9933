//! Certificates as the CAs of a cluster would not issue them by themselves.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use pki_core::cfssl::{Config, NewRequest, Request, ca};
use pki_core::x509::{
    Certificate, Issuer, KeySource, PrivateKey, SubjectAltNames, SystemKeys, SystemRandomness,
};
use serde_json::json;
use time::OffsetDateTime;

use super::case::{Case, Member};

/// What a certificate is to say; what is missing is as in the certificate that it replaces.
#[derive(Default)]
pub struct Leaf<'a> {
    /// Whether the CA that nobody trusts issues it.
    pub is_foreign: bool,
    pub common_name: Option<&'a str>,
    /// The names and addresses that it is for.
    pub hosts: Option<Vec<String>>,
    pub usages: Option<&'a [&'a str]>,
    /// notBefore and notAfter.
    pub validity: Option<[&'a str; 2]>,
}

/// The certificate of a CA that no member trusts, and its key.
static STRANGER: LazyLock<(String, String)> = LazyLock::new(|| {
    let request = Request { common_name: "stranger".to_owned(), ..Request::default() };
    let key = SystemKeys.generate(request.key).unwrap();
    let made = ca::create(&request, &key, OffsetDateTime::now_utc(), &SystemRandomness).unwrap();
    (made.value.certificate.to_pem(), key.to_pem().to_string())
});

/// The certificate of a CA that no member trusts.
pub fn stranger() -> &'static str {
    &STRANGER.0
}

/// Puts another certificate, with another key, in the place of a member's. `port` is `peer-` or empty.
pub fn reissue(case: &Case, member: &Member, port: &str, leaf: &Leaf<'_>) -> Option<()> {
    let [into, key_into] =
        ["cert-file", "key-file"].map(|option| case.file(member, &format!("{port}{option}")));
    let (into, key_into) = (into?, key_into?);
    let old = Certificate::read(&fs::read(&into).ok()?).ok()?;
    let authority = case.authority(&case.file(member, &format!("{port}trusted-ca-file"))?);
    let issuer = if leaf.is_foreign { issuer(&STRANGER.0, &STRANGER.1) } else { read(authority) };
    let usual = ["signing", "server auth", "client auth"];
    let [begin, end] = leaf.validity.unwrap_or(["2020-01-01T00:00:00Z", "2035-01-01T00:00:00Z"]);
    let profile = json!({"signing": {"default": {
        "usages": leaf.usages.unwrap_or(&usual), "expiry": "1h", "not_before": begin, "not_after": end,
    }}});
    let config = Config::from_json(&profile.to_string(), None).unwrap().value;
    let names = match &leaf.hosts {
        Some(hosts) => SubjectAltNames::from_hosts(hosts).unwrap().value,
        None => old.subject_alt_names().clone(),
    };
    let common_name = leaf.common_name.or(old.subject().common_name()).unwrap_or_default().to_owned();
    let request = Request { common_name, ..Request::default() };
    let profile = config.profile(None).unwrap().value;
    let new = NewRequest { names: Some(names), ..NewRequest::new(&request, profile) };
    let made = issuer.gencert(&new, &SystemKeys, OffsetDateTime::now_utc(), &SystemRandomness).unwrap().value;
    fs::write(into, made.certificate.to_pem()).unwrap();
    fs::write(key_into, made.key.to_pem().as_bytes()).unwrap();
    Some(())
}

fn read([certificate, key]: [PathBuf; 2]) -> Issuer {
    issuer(&fs::read_to_string(certificate).unwrap(), &fs::read_to_string(key).unwrap())
}

fn issuer(certificate: &str, key: &str) -> Issuer {
    let key = PrivateKey::read(key.as_bytes(), None).unwrap();
    Issuer::new(Certificate::read(certificate.as_bytes()).unwrap(), key).unwrap()
}
