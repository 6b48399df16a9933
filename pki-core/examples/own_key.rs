//! Implements `SigningKey` for the key of a CA that is not in this program, such as one in an HSM, a KMS or an agent.
//!
//! `cargo run -p pki-core --example own_key`

use std::error::Error;
use std::sync::Arc;

use pki_core::etcd::{Cluster, Label, Layout, Member, Plan, Role, Snapshot};
use pki_core::x509::{
    self, BasicConstraints, KeyAlgorithm, KeySource, KeyUsage, PublicKey, SigningKey, Subject, SystemKeys,
    SystemRandomness, Template, Validity, root,
};
use time::{Duration, OffsetDateTime};

/// A key that is reached over a connection. In this example, a private key in memory takes the place of the connection.
#[derive(Debug)]
struct RemoteKey {
    public_key: PublicKey,
    connection: x509::PrivateKey,
}

impl SigningKey for RemoteKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, x509::Error> {
        eprintln!("asked for a signature over {} bytes", message.len());
        self.connection.sign(message)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = OffsetDateTime::now_utc();
    let connection = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    let key = RemoteKey { public_key: connection.public_key().clone(), connection };

    let subject = Subject::common_name("etcd CA").to_name()?;
    let template = Template {
        key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
        basic_constraints: BasicConstraints { ca: true, path_len: None },
        ..Template::new(&subject, key.public_key(), Validity::lasting(now, Duration::days(3650))?)
    };
    let ca = root::issue(&template, &key, &SystemRandomness)?;

    let cluster = Cluster::builder(Label::parse("prod")?)
        .member(Member::parse("etcd1=10.0.0.11")?)
        .layout(Layout::SingleCa)
        .existing_ca(Role::Ca, "ca.pem".into(), None)
        .build()?
        .value;
    let mut snapshot = Snapshot::new("/srv/etcd/prod");
    snapshot.insert_outside("ca.pem", ca.to_pem().into_bytes());
    snapshot.insert_signing_key("ca.pem", Arc::new(key));
    let outcome = Plan::new(&cluster, &snapshot, now)?.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
    assert!(outcome.files().iter().all(|file| !file.path.starts_with("ca/")), "the CA's key is in no file");
    println!("{} files", outcome.files().len());
    Ok(())
}
