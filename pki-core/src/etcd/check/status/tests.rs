//! The status of folders that `apply` made, and what is found in damaged ones.

use std::collections::HashSet;

use time::macros::datetime;
use zeroize::Zeroizing;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::snapshot::{Entry, Snapshot};
use crate::etcd::plan::Plan;
use crate::x509::certificate::Certificate;
use crate::x509::crl::{CrlTemplate, Revocation, RevokedSerial};
use crate::x509::issuer::Issuer;
use crate::x509::key::PrivateKey;
use crate::x509::{SystemKeys, SystemRandomness};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
const SERVER: &str = "nodes/a/etc/etcd/pki/server.pem";

fn cluster(rest: &str) -> Cluster {
    let text = format!("name: prod\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n{rest}");
    Cluster::from_yaml(&text, None).unwrap().value
}

fn apply(rest: &str, tree: &mut Snapshot, now: OffsetDateTime) {
    let plan = Plan::new(&cluster(rest), tree, now).unwrap();
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap();
    for folder in outcome.folders() {
        tree.insert(folder.path.clone(), Entry::folder(folder.mode));
    }
    for file in outcome.files() {
        tree.insert(file.path.clone(), Entry::file(file.mode, file.bytes.clone()));
    }
}

fn applied(rest: &str) -> Snapshot {
    let mut tree = Snapshot::new("/out");
    apply(rest, &mut tree, NOW);
    // A copy without the keys tells the same.
    remove_all(&mut tree, "-key.pem");
    tree
}

/// Removes the files whose names end so.
fn remove_all(tree: &mut Snapshot, end: &str) {
    let paths: Vec<String> = tree.paths().filter(|path| path.ends_with(end)).map(str::to_owned).collect();
    for path in paths {
        tree.remove(&path);
    }
}

fn read(tree: &Snapshot, path: &str) -> Zeroizing<Vec<u8>> {
    tree.entry(path).unwrap().unwrap().bytes.clone()
}

fn put(tree: &mut Snapshot, path: &str, text: &str) {
    let bytes = Zeroizing::new(text.as_bytes().to_vec());
    tree.insert(path.to_owned(), Entry::file(0o644, bytes));
}

/// Files, rules and problems, but for warnings.
fn problems(status: &Status) -> Vec<String> {
    let errors = status.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let path = |finding: &Finding| finding.place.path().unwrap().strip_prefix("/out").unwrap().to_owned();
    errors
        .map(|finding| format!("{}: {} {}", path(finding).display(), finding.rule, finding.problem))
        .collect()
}

fn lasts(status: &Status, within: Duration) -> bool {
    status.clone().must_last(within).is_healthy()
}

fn of<'a>(status: &'a Status, certificate: &str) -> &'a CertificateStatus {
    status.certificates.iter().find(|one| one.certificate == certificate).unwrap()
}

#[test]
fn what_was_applied_is_healthy_until_it_ends() {
    let tree = applied("validity: {ca: 10d, leaf: 3d}\n");
    let status = Status::new(&tree, NOW).unwrap();
    let names: Vec<_> = status.certificates.iter().map(|one| one.certificate.as_str()).collect();
    assert_eq!(names, ["client-ca", "peer-ca", "a server", "a peer", "a gateway", "client root"]);
    assert_eq!(problems(&status), [""; 0]);
    let server = of(&status, "a server");
    assert_eq!((server.days_left, server.state), (2, State::Valid), "{server:?}");
    assert!(lasts(&status, Duration::days(2)) && !lasts(&status, Duration::days(3)));
    let state = |days: f64| {
        let status = Status::new(&tree, NOW + Duration::DAY * days).unwrap();
        (
            of(&status, "a server").state,
            of(&status, "a server").days_left,
            status.findings.iter().find(|one| one.subject.as_deref() == Some("a server")).map(|one| one.rule),
        )
    };
    assert_eq!(state(2.1), (State::RenewalDue, 0, Some("E903")));
    assert_eq!(state(3.1), (State::Ended, -1, Some("E901")));
    assert_eq!(state(-1.0), (State::NotYetValid, 3, Some("E902")));
}

#[test]
fn it_ends_with_its_ca() {
    let mut tree = applied("layout: single-ca\nvalidity: {ca: 10d, leaf: 10d}\n");
    // The member's copy of the CA's certificate is an older one, for the same key, that ends before it.
    let mut keys = Snapshot::new("/out");
    apply("layout: single-ca\nvalidity: {ca: 10d, leaf: 10d}\n", &mut keys, NOW);
    let key = PrivateKey::read(&read(&keys, "ca/ca-key.pem"), None).unwrap();
    let old = Certificate::read(&read(&keys, "ca/ca.pem")).unwrap();
    let older = crate::x509::root::renew(&old, &key, NOW - Duration::days(5), &SystemRandomness).unwrap();
    remove_all(&mut keys, "-key.pem");
    put(&mut keys, "nodes/a/etc/etcd/pki/ca.pem", &older.to_pem());
    let status = Status::new(&keys, NOW).unwrap();
    let server = of(&status, "a server");
    assert_eq!((server.days_left, server.ends), (4, older.not_after()), "{server:?}");
    assert_eq!(server.ends_with.as_deref(), Some("CN=prod etcd CA"));
    assert_eq!(of(&status, "client root").days_left, 9);
    assert_eq!(
        problems(&status),
        ["nodes/a/etc/etcd/pki/ca.pem: E906 the file is not the one that was recorded"]
    );
    // Without any CA nobody can say when it ends.
    remove_all(&mut tree, "/ca.pem");
    let status = Status::new(&tree, NOW).unwrap();
    assert_eq!(of(&status, "a server").file, FileState::NoIssuer);
    assert_eq!(of(&status, "ca").file, FileState::Missing);
}

#[test]
fn damage_is_told_file_by_file() {
    let mut tree = applied("");
    let other = String::from_utf8(read(&tree, "clients/root/client.pem").to_vec()).unwrap();
    put(&mut tree, SERVER, &other);
    put(&mut tree, "nodes/a/etc/etcd/pki/peer.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    tree.remove("nodes/a/etc/etcd/pki/peer-ca.pem");
    tree.remove("clients/root/client.pem");
    let status = Status::new(&tree, NOW).unwrap();
    assert!(!status.is_healthy());
    let problems = problems(&status);
    let [missing, missing_ca, unreadable, changed] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(missing, "clients/root/client.pem: E904 the file is missing");
    assert_eq!(missing_ca, "nodes/a/etc/etcd/pki/peer-ca.pem: E904 the file is missing");
    let unreadable = unreadable.strip_prefix("nodes/a/etc/etcd/pki/peer.pem: E905 ").unwrap();
    assert!(unreadable.starts_with("the file cannot be read: "), "{unreadable}");
    assert_eq!(*changed, format!("{SERVER}: E906 the file is not the one that was recorded"));
    tree.remove("cluster.lock.json");
    let error = Status::new(&tree, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no /out/cluster.lock.json: this is not the output folder of a cluster"
    );
}

#[test]
fn what_was_replaced_is_told_until_it_ends() {
    let mut tree = Snapshot::new("/out");
    apply("validity: {leaf: 3d}\n", &mut tree, NOW);
    apply("validity: {leaf: 6d}\n", &mut tree, NOW);
    let former = |days| Status::new(&tree, NOW + Duration::days(days)).unwrap().former;
    assert_eq!(former(0).iter().map(|one| one.days_left).collect::<Vec<_>>(), [2; 4]);
    assert!(former(4).is_empty());
}

#[test]
fn revocation_lists_are_found() {
    let mut tree = Snapshot::new("/out");
    apply("", &mut tree, NOW);
    let read = |path: &str| read(&tree, path);
    let ca = Certificate::read(&read("ca/client-ca.pem")).unwrap();
    let key = PrivateKey::read(&read("ca/client-ca-key.pem"), None).unwrap();
    let client = Certificate::read(&read("clients/root/client.pem")).unwrap();
    let serial = RevokedSerial::parse(&client.serial_decimal()).unwrap();
    let template = CrlTemplate {
        revocations: &[Revocation { serial, date: NOW, reason: None }],
        this_update: NOW,
        next_update: NOW + Duration::days(7),
        number: 1,
    };
    let list = Issuer::new(ca, key).unwrap().sign_crl(&template).unwrap();
    put(&mut tree, "nodes/a/etc/etcd/pki/client-crl.pem", &list.to_pem());
    put(&mut tree, "ca/broken.crl", "nothing");
    put(&mut tree, "ca/notes.pem", "nothing");
    let status = Status::new(&tree, NOW).unwrap();
    let [broken, list] = status.revocation_lists.as_slice() else { panic!("{status:?}") };
    assert_eq!((list.days_left, list.revoked, list.file), (Some(7), 1, FileState::AsRecorded));
    assert_eq!(broken.path, "ca/broken.crl");
    assert_eq!(broken.file, FileState::Unreadable);
    tree.remove("ca/broken.crl");
    let status = Status::new(&tree, NOW).unwrap();
    assert!(lasts(&status, Duration::ZERO) && !lasts(&status, Duration::days(7)));
}

/// Text format 0.0.4: samples of a metric in one group below its HELP and TYPE, none twice.
#[test]
fn metrics_are_what_prometheus_reads() {
    let mut tree = applied("");
    tree.remove(SERVER);
    let statuses = [Status::new(&tree, NOW).unwrap()];
    let text = prometheus(&statuses);
    let (mut seen, mut metric) = (HashSet::new(), "");
    for line in text.lines() {
        assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "twice: {line}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            metric = help.split(' ').next().unwrap();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{metric} gauge"));
        } else {
            let (name, value) = line.rsplit_once("} ").unwrap();
            assert!(name.starts_with(&format!("{metric}{{cluster=\"prod\",")), "{line}");
            assert!(value.parse::<i64>().is_ok(), "{line}");
        }
    }
    assert!(text.ends_with('\n'));
    let peer = of(&statuses[0], "a peer");
    let sample = format!(
        "\netcdpki_certificate_expiry_timestamp_seconds{{cluster=\"prod\",certificate=\"a peer\",serial=\"{}\"}} {}\n",
        peer.serial,
        peer.ends.unix_timestamp()
    );
    assert!(text.contains(&sample), "{text}");
    assert!(!text.contains("certificate=\"a server\""), "nothing is known of a file that is missing");
    assert!(text.contains(&format!("etcdpki_file_problem{{cluster=\"prod\",path=\"{SERVER}\"}} 1\n")));
    let later = [Status::new(&tree, NOW + Duration::DAY).unwrap()];
    assert_eq!(text, prometheus(&later), "metrics do not depend on when they were written");
    let registry =
        |problem| format!("etcdpki_registry_problem{{cluster=\"prod\",path=\"registry.jsonl\"}} {problem}\n");
    assert!(text.contains(&registry(0)), "{text}");
    tree.remove("registry.jsonl");
    assert!(prometheus(&[Status::new(&tree, NOW).unwrap()]).contains(&registry(1)));
}

/// The rules that are found, and the registry's line that they name.
fn of_registry(tree: &Snapshot) -> Vec<(&'static str, Option<usize>)> {
    let status = Status::new(tree, NOW).unwrap();
    let found = status.findings.iter().filter(|finding| finding.rule >= "E910" && finding.rule < "E920");
    found.map(|finding| (finding.rule, finding.place.position().map(|(line, _)| line))).collect()
}

#[test]
fn a_registry_that_is_broken_or_cut_is_told() {
    let mut tree = applied("");
    assert_eq!(of_registry(&tree), []);
    let text = String::from_utf8(read(&tree, "registry.jsonl").to_vec()).unwrap();
    let status = Status::new(&tree, NOW).unwrap().registry.unwrap();
    assert_eq!((status.lines, status.broken_at), (6, None), "a line for each certificate");
    put(&mut tree, "registry.jsonl", &text.replacen("client-ca", "client-cb", 1));
    assert_eq!(of_registry(&tree), [("E910", Some(2))]);
    assert_eq!(Status::new(&tree, NOW).unwrap().registry.unwrap().broken_at, Some(2));
    let (shorter, _) = text.trim_end().rsplit_once('\n').unwrap();
    put(&mut tree, "registry.jsonl", &format!("{shorter}\n"));
    assert_eq!(of_registry(&tree), [("E911", None)]);
    let status = Status::new(&tree, NOW).unwrap();
    assert!(!status.is_healthy());
    assert!(status.findings[0].problem.ends_with("a certificate of the record: client root"), "{status:?}");
    tree.remove("registry.jsonl");
    assert_eq!(of_registry(&tree), [("E912", None)]);
    assert!(Status::new(&tree, NOW).unwrap().is_healthy(), "an older version made the folder");
    // The next plan writes what is missing.
    let mut keys = Snapshot::new("/out");
    apply("", &mut keys, NOW);
    put(&mut keys, "registry.jsonl", "");
    apply("", &mut keys, NOW);
    assert_eq!(of_registry(&keys), []);
}
