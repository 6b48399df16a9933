//! What stays, what is issued again and why, and which CAs are refused.

use time::{Duration, OffsetDateTime};

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::path::RECORD;
use crate::etcd::folder::snapshot::Entry;
use crate::etcd::notice::NoticeKind;
use crate::etcd::plan::Plan;
use crate::etcd::plan::tests::{NOW, apply, changes, cluster, empty, offline, remove_all, sign};
use crate::x509::tests::{Contents, SECOND};
use crate::x509::{BasicConstraints, Issuer, KeySource, Subject, SystemKeys, SystemRandomness, root};

const PEER: &str = "nodes/a/etc/etcd/pki/peer.pem";
const PEER_KEY: &str = "nodes/a/etc/etcd/pki/peer-key.pem";
const CA: &str = "ca/ca.pem";
const CA_KEY: &str = "ca/ca-key.pem";

fn applied() -> Snapshot {
    let mut snapshot = empty();
    apply(&cluster(""), &mut snapshot, NOW);
    snapshot
}

fn bytes(snapshot: &Snapshot, path: &str) -> Zeroizing<Vec<u8>> {
    snapshot.entry(path).unwrap().unwrap().bytes.clone()
}

fn key(snapshot: &Snapshot, path: &str) -> PrivateKey {
    PrivateKey::read(&bytes(snapshot, path), None).unwrap()
}

fn put(snapshot: &mut Snapshot, path: &str, text: &str) {
    let mode = if path.ends_with("-key.pem") { 0o600 } else { 0o644 };
    snapshot.insert(path, Entry::file(mode, text.as_bytes().to_vec()));
}

fn issuer(snapshot: &Snapshot) -> Issuer {
    Issuer::new(Certificate::read(&bytes(snapshot, CA)).unwrap(), key(snapshot, CA_KEY)).unwrap()
}

/// What a certificate says, to be issued again with a change.
fn contents(certificate: &Certificate) -> Contents {
    Contents {
        subject: Subject::from(certificate.subject()),
        begins: certificate.not_before(),
        ends: certificate.not_after(),
        constraints: BasicConstraints::default(),
        key_usage: certificate.key_usage().unwrap(),
        usages: certificate.extended_key_usage().unwrap_or_default().to_vec(),
        names: certificate.subject_alt_names().clone(),
        ..Contents::leaf("")
    }
}

/// The applied cluster, where the CA has issued the peer's certificate again with a change.
fn reissued(change: impl FnOnce(&mut Contents)) -> Snapshot {
    let mut snapshot = applied();
    let mut contents = contents(&Certificate::read(&bytes(&snapshot, PEER)).unwrap());
    change(&mut contents);
    let issuer = issuer(&snapshot);
    let certificate = contents.for_key(&issuer, key(&snapshot, PEER_KEY).public_key()).value;
    put(&mut snapshot, PEER, &certificate.to_pem());
    snapshot
}

/// Why the peer's certificate changes; empty if it is kept. Nothing else changes.
#[track_caller]
fn reasons(snapshot: &Snapshot, now: OffsetDateTime) -> Vec<String> {
    let plan = Plan::new(&cluster(""), snapshot, now).unwrap();
    let changed: Vec<_> = plan.certificates().iter().filter(|one| *one.change() != Change::Kept).collect();
    assert!(changed.iter().all(|one| one.spec.pair.certificate == PEER), "{:?}", changes(&plan));
    changed.iter().flat_map(|one| one.change().reasons()).map(ToString::to_string).collect()
}

/// Each property of a certificate that is compared, and what is said about it.
#[test]
fn a_certificate_that_is_not_as_described_is_issued_again() {
    assert_eq!(reasons(&reissued(|_| {}), NOW), [""; 0]);
    type Edit = fn(&mut Contents);
    let cases: [(Edit, &str); 14] = [
        (|c| c.subject = Subject::common_name("b"), "its subject is CN=b, not CN=a"),
        (|c| c.subject.organization.push("O".into()), "its subject is O=O, CN=a, not CN=a"),
        (
            |c| c.names.ip.push([10, 0, 0, 9].into()),
            "it is for localhost, 10.0.0.1, 127.0.0.1, ::1, 10.0.0.9, not for localhost, 10.0.0.1, 127.0.0.1, ::1",
        ),
        (
            |c| c.names = SubjectAltNames::default(),
            "it is for no names, not for localhost, 10.0.0.1, 127.0.0.1, ::1",
        ),
        (
            |c| c.names.ip.truncate(c.names.ip.len() - 1),
            "it is for localhost, 10.0.0.1, 127.0.0.1, not for localhost, 10.0.0.1, 127.0.0.1, ::1",
        ),
        (
            |c| c.usages.truncate(c.usages.len() - 1),
            "it may be used for digital signature, server auth, not for digital signature, server auth, client auth",
        ),
        (
            |c| c.usages.push(oid::CODE_SIGNING),
            "it may be used for digital signature, server auth, client auth, code signing, not for digital \
             signature, server auth, client auth",
        ),
        (
            |c| c.usages.push("1.2.3".parse().unwrap()),
            "it may be used for digital signature, server auth, client auth, 1.2.3, not for digital signature, \
             server auth, client auth",
        ),
        (
            |c| c.usages.clear(),
            "it may be used for digital signature, not for digital signature, server auth, client auth",
        ),
        (
            |c| c.key_usage = KeyUsage::KEY_AGREEMENT,
            "it may be used for key agreement, server auth, client auth, not for digital signature, server auth, \
             client auth",
        ),
        (
            |c| {
                c.key_usage = KeyUsage::default();
                c.usages.clear();
            },
            "it may be used for no stated purpose, not for digital signature, server auth, client auth",
        ),
        (|c| c.constraints.ca = true, "it is a CA certificate"),
        (|c| c.ends -= Duration::days(30), "it is valid for 335 days, not 365"),
        (|c| c.ends += SECOND, "it is valid for 365 days, not 365"),
    ];
    for (edit, reason) in cases {
        let snapshot = reissued(edit);
        assert_eq!(reasons(&snapshot, NOW), [reason]);
        let mut again = snapshot.clone();
        apply(&cluster(""), &mut again, NOW);
        assert!(Plan::new(&cluster(""), &again, NOW).unwrap().is_done());
        assert_eq!(bytes(&again, PEER_KEY), bytes(&snapshot, PEER_KEY), "the key stays");
    }
    // The order of names says nothing.
    assert_eq!(reasons(&reissued(|c| c.names.ip.reverse()), NOW), [""; 0]);
    // One that begins later is not replaced for that.
    assert_eq!(
        reasons(
            &reissued(|c| {
                c.begins += Duration::days(2);
                c.ends += Duration::days(2);
            }),
            NOW
        ),
        [""; 0]
    );
}

#[test]
fn a_certificate_is_kept_until_its_last_second() {
    let snapshot = applied();
    let end = Certificate::read(&bytes(&snapshot, PEER)).unwrap().not_after();
    let due = Plan::new(&cluster(""), &snapshot, end).unwrap();
    assert!(changes(&due).iter().all(|change| change.contains("[Due {")), "{:?}", changes(&due));
    let plan = Plan::new(&cluster(""), &snapshot, end + SECOND).unwrap();
    let reasons: Vec<String> =
        plan.certificates().iter().flat_map(|one| one.change().reasons()).map(ToString::to_string).collect();
    assert_eq!(reasons, [const { "it ended at 2027-11-21 11:55:00 UTC" }; 3]);
    assert_eq!((plan.keys_to_make(), plan.is_done()), (0, false));
}

#[test]
fn the_end_of_the_ca_is_no_wrong_lifetime() {
    let snapshot = reissued(|contents| contents.ends = NOW + Duration::days(3650) - Duration::minutes(5));
    assert_eq!(
        issuer(&snapshot).certificate().not_after(),
        NOW + Duration::days(3650) - Duration::minutes(5)
    );
    assert_eq!(reasons(&snapshot, NOW), [""; 0]);
}

#[test]
fn a_certificate_of_another_ca_or_key_is_issued_again() {
    let mut snapshot = applied();
    let other = Contents::ca("prod etcd CA").issuer();
    let own = contents(&Certificate::read(&bytes(&snapshot, PEER)).unwrap());
    let foreign = own.for_key(&other, key(&snapshot, PEER_KEY).public_key()).value;
    put(&mut snapshot, PEER, &foreign.to_pem());
    assert_eq!(reasons(&snapshot, NOW), ["the cluster's CA did not issue it"]);

    let mut snapshot = applied();
    let new = SystemKeys.generate(Default::default()).unwrap().to_pem();
    put(&mut snapshot, PEER_KEY, &new);
    assert_eq!(reasons(&snapshot, NOW), ["it does not belong to the key beside it"]);
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(*bytes(&snapshot, PEER_KEY), new.as_bytes());

    // Without its key a certificate is of no use.
    let mut snapshot = applied();
    snapshot.remove(PEER_KEY);
    assert_eq!(reasons(&snapshot, NOW), ["its key is missing"]);
    assert_eq!(Plan::new(&cluster(""), &snapshot, NOW).unwrap().keys_to_make(), 1);
    // A key without a certificate is used.
    let mut snapshot = applied();
    snapshot.remove(PEER);
    let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
    assert_eq!((changes(&plan), plan.keys_to_make()), (vec!["a peer: []".to_owned()], 0));
}

#[test]
fn what_cannot_be_read_is_made_again_except_for_cas() {
    let mut snapshot = applied();
    put(&mut snapshot, PEER, "nothing");
    assert_eq!(reasons(&snapshot, NOW), ["it cannot be read: there is no PEM certificate in it"]);
    let mut snapshot = applied();
    put(&mut snapshot, PEER_KEY, "nothing");
    assert_eq!(reasons(&snapshot, NOW), ["it cannot be read: there is no PEM private key in it"]);
    assert_eq!(Plan::new(&cluster(""), &snapshot, NOW).unwrap().keys_to_make(), 1);
    for (path, message) in [
        (CA, "/out/ca/ca.pem: there is no PEM certificate in it"),
        (CA_KEY, "/out/ca/ca-key.pem: there is no PEM private key in it"),
    ] {
        let mut snapshot = applied();
        put(&mut snapshot, path, "nothing");
        assert_eq!(Plan::new(&cluster(""), &snapshot, NOW).unwrap_err().to_string(), message);
    }
}

/// A CA is never replaced: a person decides.
#[test]
fn a_ca_that_cannot_sign_is_refused() {
    let refused = |contents: &Contents| {
        let mut snapshot = applied();
        // Members that are recorded trust the CA that is there.
        snapshot.remove(RECORD);
        let (certificate, key) = contents.self_signed();
        put(&mut snapshot, CA, &certificate.to_pem());
        put(&mut snapshot, CA_KEY, &key.to_pem());
        Plan::new(&cluster(""), &snapshot, NOW).map(|_| ()).map_err(|error| error.to_string())
    };
    let ca = Contents::ca("prod etcd CA");
    assert_eq!(refused(&ca), Ok(()));
    assert_eq!(
        refused(&Contents::ca("other")),
        Err("/out/ca/ca.pem: this is the certificate of the CA CN=other, but the description asks for the CA \
             CN=prod etcd CA"
            .to_owned())
    );
    assert_eq!(
        refused(&Contents { constraints: BasicConstraints::default(), ..ca.clone() }),
        Err("/out/ca/ca.pem: CN=prod etcd CA is not a CA: basicConstraints lacks CA:TRUE".to_owned())
    );
    let not_now = |begin: &str, end: &str| {
        Err(format!("/out/ca/ca.pem: the CA certificate is valid from {begin} UTC to {end} UTC, not now"))
    };
    assert_eq!(refused(&Contents { ends: NOW, ..ca.clone() }), Ok(()));
    assert_eq!(
        refused(&Contents { ends: NOW - SECOND, ..ca.clone() }),
        not_now("2026-10-22 12:00:00", "2026-11-21 11:59:59")
    );
    assert_eq!(
        refused(&Contents { begins: NOW + SECOND, ..ca }),
        not_now("2026-11-21 12:00:01", "2036-11-18 12:00:00")
    );
    let mut snapshot = applied();
    put(&mut snapshot, CA_KEY, &SystemKeys.generate(Default::default()).unwrap().to_pem());
    let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err().to_string();
    assert_eq!(error, "/out/ca/ca.pem: the private key does not belong to the CA certificate");
}

#[test]
fn a_lost_certificate_of_a_ca_is_taken_from_those_who_trust_it() {
    let mut snapshot = applied();
    let before = bytes(&snapshot, CA);
    snapshot.remove(CA);
    let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
    assert_eq!(*plan.certificates()[0].change(), Change::Kept);
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(bytes(&snapshot, CA), before);
    assert!(Plan::new(&cluster(""), &snapshot, NOW).unwrap().is_done());
}

/// Clients may have a copy of before the CA was renewed.
#[test]
fn of_several_copies_of_a_ca_the_recorded_one_is_taken() {
    let mut snapshot = applied();
    let before = bytes(&snapshot, CA);
    let own = Certificate::read(&before).unwrap();
    let other = Contents { begins: NOW - SECOND, subject: Subject::from(own.subject()), ..Contents::ca("") };
    let key = key(&snapshot, CA_KEY);
    let other = other.template(key.public_key(), |template| root::issue(template, &key, &SystemRandomness));
    put(&mut snapshot, "clients/root/ca.pem", &other.unwrap().to_pem());
    snapshot.remove(CA);
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(bytes(&snapshot, CA), before);
}

/// Whoever trusts the old certificate accepts what the new one signs.
#[test]
fn a_ca_of_whose_certificate_there_is_no_copy_gets_one_for_its_key() {
    let mut snapshot = applied();
    let before = bytes(&snapshot, CA_KEY);
    remove_all(&mut snapshot, |path| path.ends_with("/ca.pem"));
    let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
    assert_eq!((plan.certificates()[0].change(), plan.keys_to_make()), (&Change::New, 0));
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(bytes(&snapshot, CA_KEY), before);
    assert!(Plan::new(&cluster(""), &snapshot, NOW).unwrap().is_done());
}

const ANSWER: &str = "requests/a-peer.pem";
const REQUEST: &str = "requests/a-peer.csr";

/// The cluster with an offline CA, after its first run.
fn asked() -> (Issuer, Cluster, Snapshot) {
    let (issuer, cluster, mut snapshot) = offline();
    apply(&cluster, &mut snapshot, NOW);
    (issuer, cluster, snapshot)
}

/// What is wrong with the answer of the offline CA that differs from a right one by a change.
fn answered(change: impl FnOnce(&mut Contents)) -> Vec<String> {
    let (issuer, cluster, mut snapshot) = asked();
    sign(&issuer, &mut snapshot);
    let mut contents = contents(&Certificate::read(&bytes(&snapshot, ANSWER)).unwrap());
    change(&mut contents);
    let answer = contents.for_key(&issuer, key(&snapshot, PEER_KEY).public_key()).value;
    put(&mut snapshot, ANSWER, &answer.to_pem());
    wrong_answers(&cluster, &snapshot, NOW)
}

/// Why an answer is not taken; empty if all are taken.
fn wrong_answers(cluster: &Cluster, snapshot: &Snapshot, now: OffsetDateTime) -> Vec<String> {
    let plan = Plan::new(cluster, snapshot, now).unwrap();
    let told = plan.notices().iter().filter_map(|notice| match notice.kind() {
        NoticeKind::WrongAnswer { answer, certificate, reasons, request } => {
            assert_eq!(
                (answer.as_str(), certificate.as_str(), request.as_str()),
                (ANSWER, "a peer", REQUEST)
            );
            Some(reasons.clone())
        }
        _ => None,
    });
    let told: Vec<String> = told.flatten().collect();
    assert_eq!(plan.is_waiting(), !told.is_empty(), "{told:?}");
    told
}

/// An offline CA decides about the life and may add to the subject and the usages, but no more.
#[test]
fn what_an_offline_ca_may_decide() {
    type Edit = fn(&mut Contents);
    let right: [Edit; 8] = [
        |_| {},
        |c| c.ends -= Duration::days(100),
        |c| c.subject.organization.push("O".into()),
        |c| c.usages.push(oid::CODE_SIGNING),
        |c| c.key_usage = c.key_usage.and(KeyUsage::KEY_AGREEMENT),
        |c| c.key_usage = KeyUsage::default(),
        |c| c.begins = NOW,
        |c| c.names.ip.reverse(),
    ];
    for edit in right {
        assert_eq!(answered(edit), [""; 0]);
    }
    let wrong: [(Edit, &str); 8] = [
        (|c| c.subject = Subject::common_name("b"), "its subject is CN=b, not CN=a"),
        (|c| c.subject.common_name.clear(), "its subject is , not CN=a"),
        (
            |c| c.names.ip.truncate(c.names.ip.len() - 1),
            "it is for localhost, 10.0.0.1, 127.0.0.1, not for localhost, 10.0.0.1, 127.0.0.1, ::1",
        ),
        (
            |c| c.usages.truncate(c.usages.len() - 1),
            "it may be used for digital signature, key encipherment, server auth, not for digital signature, server \
             auth, client auth",
        ),
        (
            |c| c.usages.push(oid::ANY_EXTENDED_KEY_USAGE),
            "it may be used for digital signature, key encipherment, server auth, client auth, any, not for digital \
             signature, server auth, client auth",
        ),
        (
            |c| c.key_usage = KeyUsage::KEY_ENCIPHERMENT,
            "it may be used for key encipherment, server auth, client auth, not for digital signature, server auth, \
             client auth",
        ),
        (|c| c.constraints.ca = true, "it is a CA certificate"),
        (|c| c.begins = NOW + SECOND, "it is not valid before 2026-11-21 12:00:01 UTC"),
    ];
    for (edit, reason) in wrong {
        assert_eq!(answered(edit), [reason]);
    }
    assert_eq!(
        answered(|c| {
            c.begins = NOW - Duration::days(9);
            c.ends = NOW - Duration::DAY;
        }),
        ["it ended at 2026-11-20 12:00:00 UTC"]
    );
    let (issuer, cluster, mut snapshot) = asked();
    sign(&issuer, &mut snapshot);
    put(&mut snapshot, ANSWER, "nothing");
    let unreadable = "it cannot be read: there is no PEM certificate in it";
    assert_eq!(wrong_answers(&cluster, &snapshot, NOW), [unreadable]);
    let other = bytes(&snapshot, "requests/a-server.pem").to_vec();
    snapshot.insert(ANSWER, Entry::file(0o644, other));
    assert_eq!(wrong_answers(&cluster, &snapshot, NOW), ["it does not belong to the key beside it"]);
}

/// With client authentication a server's certificate would open the client port.
#[test]
fn an_offline_ca_makes_no_client_of_a_server() {
    let (issuer, _, mut snapshot) = offline();
    let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\ncertificates: {client-ca: {certificate: ca.pem}}\n";
    let cluster = Cluster::from_yaml(text, None).unwrap().value;
    apply(&cluster, &mut snapshot, NOW);
    sign(&issuer, &mut snapshot);
    let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
    let told: Vec<_> =
        plan.notices().iter().filter(|one| matches!(one.kind(), NoticeKind::WrongAnswer { .. })).collect();
    // `sign` signs everything for both.
    assert_eq!(told.len(), 1, "{told:?}");
    let text = told[0].to_string();
    assert!(text.starts_with("requests/a-server.pem is not the certificate that was requested"), "{text}");
    assert!(text.contains("server auth, client auth, not for digital signature, server auth;"), "{text}");
}

#[test]
fn a_request_stays_while_it_asks_for_the_right_thing() {
    let (issuer, cluster, snapshot) = asked();
    let again = |cluster: &Cluster, snapshot: &Snapshot| {
        let mut snapshot = snapshot.clone();
        apply(cluster, &mut snapshot, NOW);
        bytes(&snapshot, REQUEST)
    };
    let before = bytes(&snapshot, REQUEST);
    assert_eq!(again(&cluster, &snapshot), before);
    // Another name, another subject, another key, or no request at all.
    let rest = "certificates: {ca: {certificate: ca.pem}, peer: {common-name: x}}\n";
    assert_ne!(again(&self::cluster(rest), &snapshot), before);
    let rest = "certificates: {ca: {certificate: ca.pem}, peer: {names: [x.example]}}\n";
    assert_ne!(again(&self::cluster(rest), &snapshot), before);
    let mut other_key = snapshot.clone();
    put(&mut other_key, PEER_KEY, &SystemKeys.generate(Default::default()).unwrap().to_pem());
    let made = again(&cluster, &other_key);
    let request = CertificateRequest::read(&made).unwrap().verify().unwrap();
    assert_eq!(request.public_key(), key(&other_key, PEER_KEY).public_key());
    let mut damaged = snapshot.clone();
    put(&mut damaged, REQUEST, "nothing");
    assert!(CertificateRequest::read(&again(&cluster, &damaged)).is_ok());
    drop(issuer);
}

#[test]
fn what_was_used_before_is_no_wrong_answer() {
    let (issuer, cluster, mut snapshot) = asked();
    sign(&issuer, &mut snapshot);
    apply(&cluster, &mut snapshot, NOW);
    assert!(Plan::new(&cluster, &snapshot, NOW).unwrap().is_done());
    // The description changes: what the CA has signed before answers an earlier request.
    let rest = "certificates: {ca: {certificate: ca.pem}, peer: {names: [x.example]}}\n";
    let renamed = self::cluster(rest);
    let plan = Plan::new(&renamed, &snapshot, NOW).unwrap();
    assert_eq!((plan.is_waiting(), plan.is_done()), (true, false));
    assert!(wrong_answers_of(&plan).is_empty());
    let peer = plan.certificates().iter().find(|one| one.id().to_string() == "a peer").unwrap();
    assert!(peer.certificate().is_some(), "it stays until there is another");
    apply(&renamed, &mut snapshot, NOW);
    // Known from the record alone.
    snapshot.remove(PEER);
    let plan = Plan::new(&renamed, &snapshot, NOW).unwrap();
    assert!(wrong_answers_of(&plan).is_empty());
    assert!(plan.is_waiting());
    // Without the record nobody knows where it comes from.
    remove_all(&mut snapshot, |path| path == crate::etcd::cluster::path::RECORD);
    assert_eq!(wrong_answers_of(&Plan::new(&renamed, &snapshot, NOW).unwrap()).len(), 1);
}

fn wrong_answers_of(plan: &Plan) -> Vec<&NoticeKind> {
    let kinds = plan.notices().iter().map(crate::etcd::Notice::kind);
    kinds.filter(|kind| matches!(kind, NoticeKind::WrongAnswer { .. })).collect()
}

/// A new key would not fit the certificate that is in use.
#[test]
fn an_offline_ca_keeps_the_key_of_a_pair() {
    let (issuer, cluster, mut snapshot) = asked();
    sign(&issuer, &mut snapshot);
    apply(&cluster, &mut snapshot, NOW);
    let other = self::cluster("key: ed25519\ncertificates: {ca: {certificate: ca.pem}}\n");
    let plan = Plan::new(&other, &snapshot, NOW).unwrap();
    assert_eq!(plan.keys_to_make(), 0);
    let kept = plan.notices().iter().filter(|one| matches!(one.kind(), NoticeKind::KeyKept { .. }));
    let kept: Vec<String> = kept.map(ToString::to_string).collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    let expected = format!(
        "a peer keeps its key, which is ecdsa-256, not ed25519: its CA is offline, and a new key would not fit the \
         certificate that is in use; delete {PEER_KEY} to have a new key generated"
    );
    assert!(kept.contains(&expected), "{kept:?}");
    // Without the certificate there is no pair.
    snapshot.remove(PEER);
    assert_eq!(Plan::new(&other, &snapshot, NOW).unwrap().keys_to_make(), 1);
}
