//! Reading a record, and what follows it.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::etcd::cluster::path::REGISTRY;
use crate::etcd::folder::snapshot::{Entry, UnusableEntry};
use crate::etcd::plan::Plan;
use crate::etcd::plan::tests::{apply, cluster, empty};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

fn applied() -> Snapshot {
    let mut snapshot = empty();
    apply(&cluster(""), &mut snapshot, NOW);
    snapshot
}

fn text(snapshot: &Snapshot) -> String {
    String::from_utf8(snapshot.entry(RECORD).unwrap().unwrap().bytes.to_vec()).unwrap()
}

/// The error of reading this text as a record.
fn refused(text: &str) -> (String, String) {
    let mut snapshot = empty();
    snapshot.insert(RECORD, Entry::file(0o644, text.as_bytes().to_vec()));
    let error = Record::open(&snapshot).unwrap_err();
    (error.to_string(), error.hint().unwrap())
}

#[test]
fn a_record_is_read_as_it_was_written() {
    assert_eq!(Record::open(&empty()).unwrap(), None);
    assert_eq!(Record::read(&empty(), &cluster("")).unwrap(), Record::default());
    let snapshot = applied();
    let record = Record::open(&snapshot).unwrap().unwrap();
    assert_eq!(record.to_json(), text(&snapshot));
    assert_eq!(Record::read(&snapshot, &cluster("")).unwrap(), record);
    assert_eq!((record.version, record.cluster.as_str(), record.layout.as_str()), (3, "prod", "single-ca"));
    assert_eq!(record.etcd.as_deref(), Some("3.5"));
    assert!(record.former.is_empty());
    assert_eq!(record.members.iter().map(|start| start.member.as_str()).collect::<Vec<_>>(), ["a"]);
    let names: Vec<_> = record.certificates.iter().map(|one| one.certificate.as_str()).collect();
    assert_eq!(names, ["ca", "a server", "a peer", "client root"]);
    for one in &record.certificates {
        let certificate = Certificate::read(&snapshot.entry(&one.path).unwrap().unwrap().bytes).unwrap();
        let expected = RecordedCertificate {
            subject: certificate.subject().to_string(),
            serial: certificate.serial_decimal(),
            sha256: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            ..one.clone()
        };
        assert_eq!(*one, expected);
    }
    // Digests of what is public, and of nothing else.
    use crate::x509::digest::sha256;
    for (path, digest) in &record.files {
        assert_eq!(*digest, sha256(&snapshot.entry(path).unwrap().unwrap().bytes), "{path}");
        assert!(!path.ends_with("-key.pem"), "{path}");
    }
    // The registry grows without the record.
    let public = snapshot.paths().filter(|path| {
        let entry = snapshot.entry(path).unwrap().unwrap();
        entry.kind == crate::etcd::FileKind::File
            && entry.mode & 0o044 != 0
            && ![RECORD, REGISTRY].contains(path)
    });
    assert_eq!(public.collect::<Vec<_>>(), record.files.keys().collect::<Vec<_>>());
}

#[test]
fn a_record_that_cannot_be_read_is_refused() {
    let restore = "restore it from a backup; without a backup, delete it: the next plan makes a new record from the \
                   certificates that are there";
    for (text, reason) in [
        ("", "EOF while parsing a value"),
        ("[]", "invalid length 0"),
        ("{}", "missing field `version`"),
        (r#"{"version": "1"}"#, "invalid type: string"),
        (r#"{"version": 0}"#, "there is no format 0"),
        (r#"{"version": 1}"#, "missing field `cluster`"),
        (r#"{"version": 1, "unknown": 1}"#, "unknown field `unknown`"),
        (r#"{"version": 2, "unknown": 1}"#, "unknown field `unknown`"),
    ] {
        let (message, hint) = refused(text);
        let expected =
            format!("/out/{RECORD}: this record of the issued certificates cannot be read: {reason}");
        assert!(message.starts_with(&expected), "{message}");
        assert_eq!(hint, restore);
    }
    let written = text(&applied());
    for (from, to) in [("\"former\": []", "\"former\": 1"), ("\"not_before\": \"20", "\"not_before\": \"x")] {
        assert!(written.contains(from), "{written}");
        assert!(refused(&written.replacen(from, to, 1)).0.contains("cannot be read"));
    }
    for (text, found) in [(r#"{"version": 4}"#, 4), (r#"{"version": 7, "unknown": 1}"#, 7)] {
        let (message, hint) = refused(text);
        let expected = format!(
            "/out/{RECORD}: a newer version of this program wrote this record of the issued certificates: the record \
             has format {found}, and this version reads format 3"
        );
        assert_eq!(message, expected);
        assert_eq!(
            hint,
            "use the newer version of the program: the record is whole, and the cluster needs it"
        );
    }
    let mut snapshot = empty();
    snapshot.insert_unusable(RECORD.to_owned(), UnusableEntry::SymbolicLink);
    assert_eq!(Record::open(&snapshot).unwrap_err().to_string(), "/out/cluster.lock.json is a symbolic link");
}

/// The first format did not have the version of etcd.
#[test]
fn the_first_format_is_read_and_followed_by_the_present_one() {
    let mut snapshot = applied();
    let written = text(&snapshot);
    let etcd = "  \"etcd\": \"3.5\",\n";
    assert!(written.contains("\"version\": 3") && written.contains(etcd), "{written}");
    let first = written.replacen("\"version\": 3", "\"version\": 1", 1).replacen(etcd, "", 1);
    snapshot.insert(RECORD, Entry::file(0o644, first.into_bytes()));
    let record = Record::open(&snapshot).unwrap().unwrap();
    assert_eq!((record.version, record.etcd.clone(), record.certificates.len()), (1, None, 4));
    let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
    let changed =
        plan.files().iter().filter(|file| *file.change() != crate::etcd::plan::change::Change::Kept);
    assert_eq!(changed.map(|file| file.path().to_owned()).collect::<Vec<_>>(), [RECORD]);
    // What is as it was has been written at a moment that this record did not have.
    apply(&cluster(""), &mut snapshot, NOW + time::Duration::days(1));
    let after = Record::open(&snapshot).unwrap().unwrap();
    assert_eq!(after, Record::parse(written.as_bytes()).unwrap());
}

#[test]
fn files_of_hosts_have_the_moment_of_their_last_change() {
    let mut snapshot = applied();
    let begin = Record::open(&snapshot).unwrap().unwrap();
    assert!(begin.written.values().all(|moment| *moment == Moment(NOW)));
    assert_eq!(begin.ssh, [("a".to_owned(), "root@10.0.0.1".to_owned())].into());
    let of_hosts = begin.files.keys().filter(|path| path.starts_with("nodes/"));
    assert_eq!(begin.written.keys().collect::<Vec<_>>(), of_hosts.collect::<Vec<_>>());
    let server = "nodes/a/etc/etcd/pki/server.pem";
    snapshot.remove(server);
    let later = NOW + time::Duration::milliseconds(86_400_123);
    apply(&cluster(""), &mut snapshot, later);
    let after = Record::open(&snapshot).unwrap().unwrap();
    let changed: Vec<_> = after.written.iter().filter(|(path, at)| begin.written[*path] != **at).collect();
    assert_eq!(changed, [(&server.to_owned(), &Moment(NOW + time::Duration::DAY))]);
    let before = text(&snapshot);
    apply(&cluster(""), &mut snapshot, later + time::Duration::DAY);
    assert_eq!(text(&snapshot), before);
}

/// Members that run would not trust the CAs of another layout.
#[test]
fn a_layout_does_not_change() {
    let snapshot = applied();
    let text = "name: prod\nlayout: shared-cert\nmembers: [{name: a, address: 10.0.0.1}]\n";
    let other = Cluster::from_yaml(text, None).unwrap().value;
    let error = Record::read(&snapshot, &other).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/out/cluster.lock.json: this folder has the layout single-ca, but the description asks for shared-cert"
    );
    assert!(error.hint().unwrap().starts_with("write `layout: single-ca`: "));
    assert!(Plan::new(&other, &snapshot, NOW).is_err());
}

#[test]
fn certificates_are_known_by_identity_and_digest() {
    let mut snapshot = applied();
    let record = Record::open(&snapshot).unwrap().unwrap();
    let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
    let id = |text: &str| {
        plan.certificates().iter().map(|one| one.id()).find(|id| id.to_string() == text).unwrap().clone()
    };
    let read = |snapshot: &Snapshot, path: &str| {
        Certificate::read(&snapshot.entry(path).unwrap().unwrap().bytes).unwrap()
    };
    let server = read(&snapshot, "nodes/a/etc/etcd/pki/server.pem");
    assert!(record.has(&id("ca")) && record.has(&id("client root")));
    assert!(!Record::default().has(&id("ca")));
    assert!(record.knows(&id("a server"), &server));
    assert!(!record.knows(&id("a peer"), &server), "of another identity");
    snapshot.remove("nodes/a/etc/etcd/pki/server.pem");
    apply(&cluster(""), &mut snapshot, NOW);
    let after = Record::open(&snapshot).unwrap().unwrap();
    let new = read(&snapshot, "nodes/a/etc/etcd/pki/server.pem");
    assert!(!record.knows(&id("a server"), &new));
    assert!(after.knows(&id("a server"), &new) && after.knows(&id("a server"), &server));
    assert!(!after.knows(&id("a peer"), &server));
    assert_eq!(after.former.iter().map(|one| one.sha256.clone()).collect::<Vec<_>>(), [server.fingerprint()]);
}

#[test]
fn what_is_no_longer_in_use_is_remembered_once() {
    let snapshot = applied();
    let record = Record::open(&snapshot).unwrap().unwrap();
    let cluster = cluster("");
    let next = |record: &Record, certificates: &[(&CertificateSpec, &Certificate)]| {
        record.next(&cluster, &record.members, certificates, BTreeMap::new(), NOW)
    };
    let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
    let all: Vec<(&CertificateSpec, &Certificate)> =
        plan.certificates().iter().map(|one| (&one.spec, one.certificate.as_ref().unwrap())).collect();
    let without_files = Record { files: BTreeMap::new(), written: BTreeMap::new(), ..record.clone() };
    assert_eq!(next(&record, &all), without_files);
    let fewer = next(&record, &all[..1]);
    assert_eq!((fewer.certificates.len(), fewer.former.len()), (1, 3));
    assert_eq!(fewer.former, record.certificates[1..]);
    // What comes back is in use again, and no former one.
    let again = next(&fewer, &all);
    assert_eq!((again.certificates.len(), again.former.len()), (4, 0));
    let none = next(&fewer, &[]);
    assert_eq!((none.certificates.len(), none.former.len()), (0, 4));
    assert_eq!(next(&none, &[]).former.len(), 4);
    assert_eq!((none.version, none.layout.as_str(), none.cluster.as_str()), (3, "single-ca", "prod"));
}
