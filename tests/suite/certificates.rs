//! Every certificate of an applied description, judged by openssl, for every kind of key.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};

use super::layouts::{LAYOUTS, LEAST_PRIVILEGE, Layout, SHARED_CERT, SINGLE_CA};
use super::openssl::{Openssl, Purpose};
use super::product::{Tree, is_key};
use super::trial::{Outcome, trial, trials};

pub const KEY_KINDS: [&str; 7] =
    ["ecdsa-256", "ecdsa-384", "ecdsa-521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut accepts = |layout: &'static Layout, kind: &'static str| {
        let name = format!("certificates::openssl_accepts_them::{}::{kind}", layout.name);
        trials.push(trial(name, move || accepted(layout, kind)));
    };
    for kind in KEY_KINDS {
        accepts(&LEAST_PRIVILEGE, kind);
    }
    accepts(&SINGLE_CA, "ecdsa-256");
    accepts(&SHARED_CERT, "ecdsa-256");
    trials.extend(trials![
        hold_the_names_of_the_description,
        hold_the_subject_of_the_description,
        live_as_long_as_the_description_says,
        a_folder_holds_its_own_keys_only
    ]);
    trials
}

/// A member and what its certificates have to be good for.
pub struct Member {
    pub name: String,
    pub addresses: Vec<String>,
    pub dns: Vec<String>,
}

/// The members of a description; it is JSON, so that the tests need no YAML reader of their own.
pub fn members(description: &Value) -> Vec<Member> {
    let texts = |value: &Value| match value {
        Value::Null => Vec::new(),
        Value::String(one) => vec![one.clone()],
        many => many.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
    };
    let member = |m: &Value| Member {
        name: m["name"].as_str().unwrap().to_owned(),
        addresses: texts(&m["address"]),
        dns: texts(&m["dns"]),
    };
    description["members"].as_array().unwrap().iter().map(member).collect()
}

/// Panics unless openssl accepts every certificate for all that it is used for and nothing else, with its own
/// key.
#[track_caller]
pub fn verify_all(openssl: &Openssl, tree: &Tree, layout: &Layout, members: &[Member], clients: &[&str]) {
    for ca in layout.authorities {
        let certificate = tree.path(&format!("ca/{ca}.pem"));
        openssl.belong_together(&certificate, &tree.path(&format!("ca/{ca}-key.pem")));
    }
    for member in members {
        let pki = tree.path(&format!("nodes/{}/etc/etcd/pki", member.name));
        for held in layout.members {
            let certificate = pki.join(format!("{}.pem", held.role));
            openssl.belong_together(&certificate, &pki.join(format!("{}-key.pem", held.role)));
            let ca = pki.join(format!("{}.pem", held.ca));
            for (purpose, good) in [(Purpose::Client, held.is_client), (Purpose::Server, held.is_server)] {
                let verified = openssl.verification(&ca, &certificate, purpose, &[]);
                let what = format!("{} as {purpose:?}", certificate.display());
                assert_eq!(verified.code == Some(0), good, "{what}: {verified}");
            }
            let addresses = member.addresses.iter().map(|address| ["-verify_ip", address]);
            let names = member.dns.iter().map(|name| ["-verify_hostname", name]);
            for name in addresses.chain(names) {
                let verified = openssl.verification(&ca, &certificate, Purpose::Server, &name);
                assert_eq!(verified.code == Some(0), held.is_server, "{verified}");
            }
            for other in layout.authorities.iter().filter(|other| **other != held.ca) {
                let other = pki.join(format!("{other}.pem"));
                let verified = openssl.verification(&other, &certificate, Purpose::Client, &[]);
                assert_ne!(verified.code, Some(0), "{verified}");
            }
        }
    }
    for client in clients {
        let folder = tree.path(&format!("clients/{client}"));
        let certificate = folder.join("client.pem");
        openssl.belong_together(&certificate, &folder.join("client-key.pem"));
        let ca = folder.join(format!("{}.pem", layout.clients));
        openssl.verify(&ca, &certificate, Purpose::Client, &[]);
        let as_server = openssl.verification(&ca, &certificate, Purpose::Server, &[]);
        assert_ne!(as_server.code, Some(0), "a client can play the server: {as_server}");
        assert!(openssl.subject(&certificate).contains(&format!("CN={client}")), "the user of {client}");
    }
}

/// The short form of that, for tests that ask many times: every certificate is valid under its CA by openssl, and has
/// its own key beside it.
#[track_caller]
pub fn verify_chains(openssl: &Openssl, tree: &Tree, layout: &Layout) {
    let paths: Vec<_> = tree.files().into_keys().filter(|path| is_certificate(path)).collect();
    for ca in layout.authorities {
        let path = |path: &String| tree.path(path);
        let leaves: Vec<_> = paths.iter().filter(|path| layout.ca_of(path) == Some(ca)).map(path).collect();
        assert!(!leaves.is_empty(), "no certificates below {ca}");
        let authority = tree.path(&format!("ca/{ca}.pem"));
        openssl.verify_chains(&authority, &leaves);
        for certificate in leaves.into_iter().chain([authority]) {
            let name = certificate.file_stem().unwrap().to_str().unwrap();
            assert_belong_together(&certificate, &certificate.with_file_name(format!("{name}-key.pem")));
        }
        for copy in paths.iter().filter(|path| path.ends_with(&format!("/{ca}.pem"))) {
            assert_eq!(tree.read(copy), tree.read(&format!("ca/{ca}.pem")), "{copy}");
        }
    }
}

/// Panics unless the private key is the certificate's, as rustls sees it: without a process.
#[track_caller]
fn assert_belong_together(certificate: &Path, key: &Path) {
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let key = default_provider().key_provider.load_private_key(key).unwrap();
    let matches = CertifiedKey::new(chain, key).keys_match();
    assert_eq!(matches, Ok(()), "{} has another key beside it", certificate.display());
}

fn accepted(layout: &Layout, kind: &str) -> Outcome {
    let openssl = Openssl::find()?;
    let description = json!({
        "name": "kinds",
        "layout": layout.name,
        "key": kind,
        "members": [{"name": "etcd1", "address": ["10.0.0.12", "fd00::12"], "dns": ["etcd1.example.com"]}],
    });
    let tree = Tree::of_value(&description).applied();
    verify_all(&openssl, &tree, layout, &members(&description), &["root"]);

    let pki = tree.path("nodes/etcd1/etc/etcd/pki");
    let server = layout.members.iter().rfind(|held| held.is_server).unwrap();
    let (server, ca) = (pki.join(format!("{}.pem", server.role)), format!("ca/{}.pem", server.ca));
    let text = openssl.x509(&["-text"], &server);
    let (word, bits) = match kind {
        "ecdsa-256" => ("id-ecPublicKey", "(256 bit)"),
        "ecdsa-384" => ("id-ecPublicKey", "(384 bit)"),
        "ecdsa-521" => ("id-ecPublicKey", "(521 bit)"),
        "ed25519" => ("ED25519", ""),
        "rsa-2048" => ("rsaEncryption", "(2048 bit)"),
        "rsa-3072" => ("rsaEncryption", "(3072 bit)"),
        "rsa-4096" => ("rsaEncryption", "(4096 bit)"),
        other => unreachable!("{other}"),
    };
    assert!(
        text.contains(&format!("Public Key Algorithm: {word}")) && text.contains(bits),
        "{kind}:\n{text}"
    );

    // The judge has to be awake.
    let wrong = openssl.verification(&tree.path(&ca), &server, Purpose::Server, &["-verify_ip", "10.0.0.99"]);
    assert_ne!(wrong.code, Some(0), "{wrong}");
    let stranger = Tree::of_value(&description).applied();
    let wrong = openssl.verification(&stranger.path(&ca), &server, Purpose::Server, &[]);
    assert_ne!(wrong.code, Some(0), "{wrong}");
    Ok(())
}

fn hold_the_names_of_the_description() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("names.yaml").applied();
    let member = |name: &str, addresses: &[&str], dns: &[&str]| Member {
        name: name.to_owned(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        dns: dns.iter().map(ToString::to_string).collect(),
    };
    // Loopback is how the host's own tools reach the member.
    let members = [
        member(
            "etcd1",
            &["10.0.0.12", "fd00::12", "127.0.0.1", "::1"],
            &["etcd1.example.com", "etcd1.internal", "localhost"],
        ),
        member("etcd2", &["10.0.0.13", "127.0.0.1", "::1"], &["etcd2.example.com", "localhost"]),
    ];
    verify_all(&openssl, &tree, &LEAST_PRIVILEGE, &members, &["root", "kube-apiserver"]);

    // A member's certificate is worth nothing on another member.
    let pki = tree.path("nodes/etcd1/etc/etcd/pki");
    for role in ["server.pem", "peer.pem", "gateway.pem"] {
        let names = openssl.names(&pki.join(role));
        assert!(!names.iter().any(|n| n.contains("10.0.0.13") || n.contains("etcd2")), "{role}: {names:?}");
    }
    Ok(())
}

fn hold_the_subject_of_the_description() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("rsa.yaml").applied();
    for certificate in certificates(&tree) {
        let subject = openssl.subject(&certificate);
        for attribute in ["C=CN", "ST=ShangHai", "L=ShangHai", "O=ETCD", "OU=System"] {
            assert!(
                subject.iter().any(|a| a == attribute),
                "no {attribute} in {}: {subject:?}",
                certificate.display()
            );
        }
    }
    Ok(())
}

fn live_as_long_as_the_description_says() -> Outcome {
    let openssl = Openssl::find()?;
    let mut description = json!({"name": "x", "members": [{"name": "etcd1", "address": "127.0.0.1"}]});
    for (validity, ca, leaf) in [
        (json!({}), 3650, 365),
        (json!({"ca": "5y", "leaf": "90d"}), 5 * 365, 90),
        (json!({"ca": "87600h", "leaf": "2160h"}), 3650, 90),
    ] {
        description["validity"] = validity;
        let tree = Tree::of_value(&description).applied();
        for certificate in certificates(&tree) {
            let is_ca = LEAST_PRIVILEGE.ca_of(certificate.to_str().unwrap()).is_none();
            let days = if is_ca { ca } else { leaf };
            assert_eq!(openssl.days(&certificate), days, "{}", certificate.display());
        }
    }
    Ok(())
}

/// A stolen node costs that node's keys and no others; the CA's key is on no host.
fn a_folder_holds_its_own_keys_only() -> Outcome {
    let openssl = Openssl::find()?;
    for layout in LAYOUTS {
        holds_own_keys_only(&openssl, layout);
    }
    Ok(())
}

fn holds_own_keys_only(openssl: &Openssl, layout: &Layout) {
    let tree = layout.three_members().applied();
    let keys: Vec<_> = tree.files().into_iter().filter(|(_, bytes)| holds_private_key(bytes)).collect();
    let paths: Vec<_> = keys.iter().map(|(path, _)| path.as_str()).collect();
    let agreed = layout.agreed().into_iter().map(|(path, _)| path);
    let expected: Vec<_> = agreed.filter(|path| is_key(path)).collect();
    assert_eq!(paths, expected, "{}", layout.name);

    // Every key is there once, and in one file only, whatever the form that it is written in.
    let mut public: Vec<_> = paths.iter().map(|path| openssl.public_key(&tree.path(path))).collect();
    public.sort();
    public.dedup();
    assert_eq!(public.len(), paths.len(), "two files hold the same key");
    for (path, bytes) in keys {
        let blocks = String::from_utf8(bytes).unwrap().matches("-----BEGIN ").count();
        assert_eq!(blocks, 1, "{path}");
    }
}

fn holds_private_key(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("PRIVATE KEY-----")
}

fn certificates(tree: &Tree) -> Vec<PathBuf> {
    tree.files().into_keys().filter(|path| is_certificate(path)).map(|path| tree.path(&path)).collect()
}

fn is_certificate(path: &str) -> bool {
    path.ends_with(".pem") && !is_key(path)
}
