//! CAs that existed before the cluster.

use time::Duration;

use super::*;
use crate::etcd::folder::snapshot::Entry;
use crate::etcd::notice::NoticeKind;
use crate::etcd::plan::Plan;
use crate::etcd::plan::tests::{NOW, apply, cluster, empty};
use crate::x509::name::Name;
use crate::x509::random::SystemRandomness;
use crate::x509::tests::{Contents, SECOND};
use crate::x509::{BasicConstraints, Extension, Issuer, KeyUsage, Subject, Template, Validity, oid, root};

const WITH_KEY: &str = "certificates: {ca: {certificate: ca.pem, private-key: ca-key.pem}}\n";

/// An output folder beside the files of a CA.
fn beside(certificates: &[&Certificate], key: &str) -> Snapshot {
    let mut snapshot = empty();
    let text: String = certificates.iter().map(|certificate| certificate.to_pem()).collect();
    snapshot.insert_outside("ca.pem", text.into_bytes());
    snapshot.insert_outside("ca-key.pem", key.as_bytes().to_vec());
    snapshot
}

fn plan(snapshot: &Snapshot) -> Result<Plan, String> {
    Plan::new(&cluster(WITH_KEY), snapshot, NOW).map_err(|error| {
        assert!(error.hint().is_some() || error.to_string().contains("no PEM"), "{error}");
        error.to_string()
    })
}

fn refused(snapshot: &Snapshot) -> String {
    plan(snapshot).err().unwrap()
}

#[test]
fn the_files_of_a_ca_have_to_be_there() {
    let (ca, key) = Contents::ca("A").self_signed();
    plan(&beside(&[&ca], &key.to_pem())).unwrap();
    assert_eq!(refused(&empty()), "there is no file ca.pem");
    let mut snapshot = empty();
    snapshot.insert_outside("ca.pem", ca.to_pem().into_bytes());
    assert_eq!(refused(&snapshot), "there is no file ca-key.pem");
    snapshot.insert_outside("ca-key.pem", b"junk".to_vec());
    assert_eq!(refused(&snapshot), "ca-key.pem: there is no PEM private key in it");
    assert_eq!(refused(&beside(&[], &key.to_pem())), "ca.pem: there is no PEM certificate in it");
    let encrypted = key.to_encrypted_pem("secret", &SystemRandomness).unwrap();
    assert_eq!(refused(&beside(&[&ca], &encrypted)), "ca-key.pem: the CA's private key is encrypted");
    let other = Contents::ca("A").new_key();
    assert_eq!(
        refused(&beside(&[&ca], &other.to_pem())),
        "ca-key.pem: the private key does not belong to the CA certificate"
    );
}

/// A CA that may sign for clients only.
fn for_clients_only() -> (Certificate, PrivateKey) {
    let key = Contents::ca("A").new_key();
    let subject = Subject::common_name("A").to_name().unwrap();
    let usage = Extension::extended_key_usage(&[oid::CLIENT_AUTH]).unwrap();
    let template = Template {
        key_usage: KeyUsage::KEY_CERT_SIGN,
        basic_constraints: BasicConstraints { ca: true, path_len: None },
        extensions: std::slice::from_ref(&usage),
        ..Template::new(&subject, key.public_key(), Validity::new(NOW, NOW + Duration::days(900)).unwrap())
    };
    (root::issue(&template, &key, &SystemRandomness).unwrap(), key)
}

#[test]
fn an_existing_ca_is_not_asked_for_what_clients_would_refuse() {
    let (ca, key) = for_clients_only();
    let snapshot = beside(&[&ca], &key.to_pem());
    for description in [WITH_KEY, "certificates: {ca: {certificate: ca.pem}}\n"] {
        let error = Plan::new(&cluster(description), &snapshot, NOW).unwrap_err();
        let is_forbidden = matches!(error.kind(), ErrorKind::X509(X509ErrorKind::CaForbidsUsage { usage, .. }) if usage == "serverAuth");
        assert!(is_forbidden && error.to_string().starts_with("ca.pem: "), "{error}");
    }
}

#[test]
fn a_ca_and_those_above_it_can_sign_now() {
    let root = Contents::ca("root").issuer();
    let (usual, usual_key) = Contents::ca("A").under(&root);
    plan(&beside(&[&usual, root.certificate()], &usual_key.to_pem())).unwrap();
    let below = |contents: &Contents| {
        let (ca, key) = contents.under(&root);
        plan(&beside(&[&ca, root.certificate()], &key.to_pem())).map(|_| ())
    };
    let ca = Contents::ca("A");
    let lacks = |what: &str| Err(format!("ca.pem: CN=A is not a CA: {what}"));
    assert_eq!(
        below(&Contents { constraints: BasicConstraints::default(), ..ca.clone() }),
        lacks("basicConstraints lacks CA:TRUE")
    );
    let crl_only = crate::x509::KeyUsage::CRL_SIGN;
    assert_eq!(below(&Contents { key_usage: crl_only, ..ca.clone() }), lacks("keyUsage lacks keyCertSign"));
    assert_eq!(below(&Contents { ends: NOW, ..ca.clone() }), Ok(()));
    let not_now = |begin: &str, end: &str| {
        Err(format!("ca.pem: the CA certificate is valid from {begin} UTC to {end} UTC, not now"))
    };
    assert_eq!(
        below(&Contents { ends: NOW - SECOND, ..ca.clone() }),
        not_now("2026-10-22 12:00:00", "2026-11-21 11:59:59")
    );
    assert_eq!(
        below(&Contents { begins: NOW + SECOND, ..ca }),
        not_now("2026-11-21 12:00:01", "2036-11-18 12:00:00")
    );
    // The CA above it counts too.
    let old = Contents { ends: NOW - SECOND, ..Contents::ca("root") }.self_signed().0;
    let message = refused(&beside(&[&usual, &old], &usual_key.to_pem()));
    assert_eq!(
        message,
        "ca.pem: the CA certificate is valid from 2026-10-22 12:00:00 UTC to 2026-11-21 11:59:59 UTC, not now"
    );
}

#[test]
fn each_ca_of_a_file_is_issued_by_the_next() {
    let root = Contents::ca("root").issuer();
    let (middle, middle_key) = Contents::ca("middle").under(&root);
    let (issuing, key) = Contents::ca("issuing").under(&Issuer::new(middle.clone(), middle_key).unwrap());
    let key = key.to_pem();
    plan(&beside(&[&issuing], &key)).unwrap();
    plan(&beside(&[&issuing, &middle, root.certificate()], &key)).unwrap();
    assert_eq!(
        refused(&beside(&[&issuing, root.certificate()], &key)),
        "ca.pem: the CA certificates do not form a chain: CN=issuing: it was issued by CN=middle, not by CN=root"
    );
    assert_eq!(
        refused(&beside(&[&issuing, &middle, &issuing], &key)),
        "ca.pem: the CA certificates do not form a chain: CN=middle: it was issued by CN=root, not by CN=issuing"
    );
    let other = Contents::ca("root").self_signed().0;
    assert_eq!(
        refused(&beside(&[&issuing, &middle, &other], &key)),
        "ca.pem: the CA certificates do not form a chain: CN=middle: the signature is wrong: it was made with another \
         key, or the contents were changed"
    );

    // Hosts trust the CA that issues; leaves carry those above it, but for the root.
    let mut snapshot = beside(&[&issuing, &middle, root.certificate()], &key);
    apply(&cluster(WITH_KEY), &mut snapshot, NOW);
    let text = |path: &str| String::from_utf8(snapshot.entry(path).unwrap().unwrap().bytes.to_vec()).unwrap();
    assert_eq!(text("nodes/a/etc/etcd/pki/ca.pem"), issuing.to_pem());
    let leaf = text("nodes/a/etc/etcd/pki/server.pem");
    assert!(leaf.ends_with(&format!("{}{}", issuing.to_pem(), middle.to_pem())), "{leaf}");
    assert_eq!(leaf.matches("BEGIN").count(), 3);
    assert!(snapshot.paths().all(|path| !path.starts_with("ca/")), "the CA is kept elsewhere");
    assert!(Plan::new(&cluster(WITH_KEY), &snapshot, NOW).unwrap().is_done());
}

#[test]
fn certificates_end_with_the_first_ca_above_them() {
    let root = Contents { ends: NOW + Duration::days(20), ..Contents::ca("root") }.issuer();
    let (issuing, key) = Contents::ca("A").under(&root);
    let mut snapshot = beside(&[&issuing, root.certificate()], &key.to_pem());
    apply(&cluster(WITH_KEY), &mut snapshot, NOW);
    let plan = Plan::new(&cluster(WITH_KEY), &snapshot, NOW).unwrap();
    let soon: Vec<_> = plan
        .notices()
        .iter()
        .filter_map(|notice| match notice.kind() {
            NoticeKind::EndsSoon { certificate, not_after } => Some((certificate.as_str(), *not_after)),
            _ => None,
        })
        .collect();
    let end = root.certificate().not_after();
    assert_eq!(soon, [("a server", end), ("a peer", end), ("client root", end)]);
    let report = plan.report();
    let ends: Vec<_> = report.certificates.iter().map(|one| one.ends).collect();
    assert_eq!(ends, [Some(end); 3]);
    assert!(report.certificates.iter().all(|one| one.not_after.is_some_and(|own| own > end)));
}

#[test]
fn a_key_that_is_not_in_a_file_signs_too() {
    let (ca, key) = Contents::ca("A").self_signed();
    let offline = "certificates: {ca: {certificate: ca.pem}}\n";
    let mut snapshot = empty();
    snapshot.insert_outside("ca.pem", ca.to_pem().into_bytes());
    assert!(Plan::new(&cluster(offline), &snapshot, NOW).unwrap().is_waiting());
    snapshot.insert_signing_key("ca.pem", Arc::new(Contents::ca("A").new_key()));
    let error = Plan::new(&cluster(offline), &snapshot, NOW).unwrap_err();
    assert_eq!(error.to_string(), "ca.pem: the private key does not belong to the CA certificate");
    snapshot.insert_signing_key("ca.pem", Arc::new(key));
    apply(&cluster(offline), &mut snapshot, NOW);
    let plan = Plan::new(&cluster(offline), &snapshot, NOW).unwrap();
    assert!(plan.is_done() && !plan.is_waiting());
    for planned in plan.certificates() {
        planned.certificate().unwrap().verify_issued_by(&ca).unwrap();
    }
}

#[test]
fn what_is_unusual_about_given_cas_is_told() {
    let told = |one: &Certificate, one_key: &PrivateKey, other: &Certificate, other_key: &PrivateKey| {
        let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\ncertificates:\n  \
                    client-ca: {certificate: c.pem, private-key: c-key.pem}\n  \
                    peer-ca: {certificate: p.pem, private-key: p-key.pem}\n";
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        let mut snapshot = empty();
        for (file, text) in [("c.pem", one.to_pem()), ("p.pem", other.to_pem())] {
            snapshot.insert_outside(file, text.into_bytes());
        }
        for (file, key) in [("c-key.pem", one_key), ("p-key.pem", other_key)] {
            snapshot.insert_outside(file, key.to_pem().as_bytes().to_vec());
        }
        let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
        plan.notices().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (one, one_key) = Contents::ca("A").self_signed();
    let (other, other_key) = Contents::ca("B").self_signed();
    let foreign = |name: &str| {
        format!("everyone who has a certificate of CN={name} can read and write everything in this cluster")
    };
    assert_eq!(told(&one, &one_key, &other, &other_key), [foreign("A"), foreign("B")]);
    let same = "client-ca and peer-ca have the same key, so the client port accepts the certificates of peers too: \
                use two CAs with different keys";
    assert_eq!(told(&one, &one_key, &one, &one_key), [same.to_owned(), foreign("A"), foreign("A")]);
}

/// A self-signed CA with this name and key, and those extensions that `apply` gives a CA.
fn named(name: &Name, key: &PrivateKey) -> Certificate {
    let validity = Validity::lasting(NOW, Duration::days(100)).unwrap();
    let template = Template {
        key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
        basic_constraints: BasicConstraints { ca: true, path_len: None },
        ..Template::new(name, key.public_key(), validity)
    };
    root::issue(&template, key, &SystemRandomness).unwrap()
}

#[test]
fn members_that_are_recorded_get_no_other_ca() {
    let mut applied = empty();
    apply(&cluster(""), &mut applied, NOW);
    let read = |path: &str| applied.entry(path).unwrap().unwrap().bytes.clone();
    let (old, key) = (
        Certificate::read(&read("ca/ca.pem")).unwrap(),
        PrivateKey::read(&read("ca/ca-key.pem"), None).unwrap(),
    );
    let told = |description: &str, snapshot: &Snapshot| {
        Plan::new(&cluster(description), snapshot, NOW).map(|_| ()).map_err(|error| {
            assert!(error.hint().is_some(), "{error}");
            error.to_string()
        })
    };
    let other = "the members that are recorded trust another CA, CN=prod etcd CA, as in \
                 /out/nodes/a/etc/etcd/pki/ca.pem: its key or the bytes of its name differ";
    // The description names a CA of the same name, with its own key, and with the key of the one in use.
    let new_key = Contents::ca("A").new_key();
    let with = |ca: &Certificate, key: &PrivateKey| {
        let mut snapshot = applied.clone();
        snapshot.insert_outside("ca.pem", ca.to_pem().into_bytes());
        snapshot.insert_outside("ca-key.pem", key.to_pem().as_bytes().to_vec());
        snapshot
    };
    assert_eq!(told(WITH_KEY, &with(&named(old.subject(), &new_key), &new_key)), Err(other.to_owned()));
    assert_eq!(told(WITH_KEY, &with(&named(old.subject(), &key), &key)), Ok(()));
    // Its name has another type of string, and is the same text.
    let mut bytes = old.subject().der().to_vec();
    let tag = bytes.len() - "prod etcd CA".len() - 2;
    assert_eq!(bytes[tag], 0x13, "PrintableString");
    bytes[tag] = 0x0c;
    let looks_alike = Name::from_der(&bytes).unwrap();
    assert!(looks_alike != *old.subject() && looks_alike.to_string() == old.subject().to_string());
    assert_eq!(told(WITH_KEY, &with(&named(&looks_alike, &key), &key)), Err(other.to_owned()));
    // The same, in the place of the CA that was made for the cluster.
    let mut snapshot = applied.clone();
    snapshot.insert("ca/ca.pem", Entry::file(0o644, named(&looks_alike, &key).to_pem().into_bytes()));
    assert_eq!(
        told("", &snapshot),
        Err("/out/ca/ca.pem: the name of this CA looks like that of the cluster's CA, CN=prod etcd CA, but its bytes \
             differ (for example PrintableString and UTF8String)"
            .to_owned())
    );
    let mut snapshot = applied.clone();
    snapshot.insert("ca/ca.pem", Entry::file(0o644, named(old.subject(), &new_key).to_pem().into_bytes()));
    snapshot.insert("ca/ca-key.pem", Entry::file(0o600, new_key.to_pem().as_bytes().to_vec()));
    assert_eq!(told("", &snapshot), Err(other.to_owned()));
    // One that was renewed with its key by another tool is taken.
    let mut snapshot = applied.clone();
    snapshot.insert("ca/ca.pem", Entry::file(0o644, named(old.subject(), &key).to_pem().into_bytes()));
    assert_eq!(told("", &snapshot), Ok(()));
    // A copy that is not the one which was recorded tells nothing.
    snapshot.insert(
        "nodes/a/etc/etcd/pki/ca.pem",
        Entry::file(0o644, named(old.subject(), &new_key).to_pem().into_bytes()),
    );
    assert_eq!(told("", &snapshot), Ok(()));
}
