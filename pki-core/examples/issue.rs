//! Makes a CA, and issues a certificate by the rules of a profile in cfssl's ca-config JSON.
//!
//! `cargo run -p pki-core --example issue`

use std::error::Error;

use pki_core::cfssl::{Config, NewRequest, Request, ca};
use pki_core::x509::{Issuer, KeySource, SystemKeys, SystemRandomness};
use time::OffsetDateTime;

const PROFILES: &str = r#"{"signing": {"profiles": {
    "peer": {"expiry": "8760h", "usages": ["signing", "key encipherment", "server auth", "client auth"]}
}}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let now = OffsetDateTime::now_utc();

    let request = Request::from_json(r#"{"CN": "etcd CA", "ca": {"expiry": "87600h"}}"#, None)?.value;
    let key = SystemKeys.generate(request.key)?;
    let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
    let issuer = Issuer::new(root, key)?;

    let config = Config::from_json(PROFILES, None)?.value;
    let request =
        Request::from_json(r#"{"CN": "etcd1", "hosts": ["10.0.0.11", "etcd1.example.com"]}"#, None)?;
    let profile = config.profile(Some("peer"))?.value;
    let new = NewRequest::new(&request.value, profile);
    let made = issuer.gencert(&new, &SystemKeys, now, &SystemRandomness)?;
    for notice in
        request.notices.iter().map(ToString::to_string).chain(made.notices.iter().map(ToString::to_string))
    {
        eprintln!("warning: {notice}");
    }

    let certificate = made.value.certificate;
    certificate.verify_issued_by(issuer.certificate())?;
    // made.value.key.to_pem() is the text of the key file, which only its owner should be able to read.
    print!("{}", certificate.to_pem());
    Ok(())
}
