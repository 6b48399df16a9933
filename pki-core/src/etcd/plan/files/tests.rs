//! The files of a cluster: their modes and owners, and why one that is there is not right.

use super::*;
use crate::etcd::folder::registry::Registry;
use crate::etcd::folder::snapshot::UnusableEntry;
use crate::etcd::plan::Plan;
use crate::etcd::plan::renewal::Renewal;
use crate::etcd::plan::tests::{NOW, apply, cluster, empty, offline, put_outcome, sign};
use crate::x509::certificate::Certificate;
use crate::x509::crl::{CrlTemplate, Revocation, RevokedSerial};
use crate::x509::issuer::Issuer;
use crate::x509::key::PrivateKey;
use crate::x509::{SystemKeys, SystemRandomness};

const KEY: &str = "nodes/a/etc/etcd/pki/server-key.pem";

fn applied() -> Snapshot {
    let mut snapshot = empty();
    apply(&cluster(""), &mut snapshot, NOW);
    snapshot
}

fn entry(snapshot: &Snapshot, path: &str) -> Entry {
    snapshot.entry(path).unwrap().unwrap().clone()
}

/// The files and folders that change, with the reasons.
fn changes(snapshot: &Snapshot) -> Vec<(String, Vec<String>)> {
    let plan = Plan::new(&cluster(""), snapshot, NOW).unwrap();
    let changed = plan.files().iter().filter(|file| *file.change() != Change::Kept);
    let reasons =
        |file: &PlannedFile| file.change().reasons().iter().map(ToString::to_string).collect::<Vec<_>>();
    changed.map(|file| (file.path().to_owned(), reasons(file))).collect()
}

#[test]
fn keys_are_for_their_owner_only_and_nothing_else_is_secret() {
    let plan = Plan::new(
        &cluster(
            "clients: [{name: root}, {name: api, kubeadm: true}]\ncontainer: {image: x, engine: docker}\n",
        ),
        &empty(),
        NOW,
    )
    .unwrap();
    for file in plan.files() {
        let path = file.path();
        let is_key = path.ends_with("-key.pem") || path.ends_with(".key");
        let is_secret_folder = path == "ca"
            || path.ends_with("/pki") && !path.contains("kubeadm")
            || path.starts_with("clients/") && path.matches('/').count() == 1;
        let expected = match file.kind() {
            FileKind::Folder if is_secret_folder => 0o700,
            FileKind::Folder => 0o755,
            FileKind::File if is_key => 0o600,
            FileKind::File if path.ends_with(".sh") => 0o755,
            FileKind::File => 0o644,
        };
        assert_eq!(file.mode(), expected, "{path} {:o}", file.mode());
        let owner = match path.strip_prefix("nodes/a") {
            Some(below) if below.starts_with("/etc/etcd/pki") => Some("etcd"),
            Some(_) => Some("root"),
            None if path.contains("/kubeadm") && !path.ends_with(".yaml") => Some("root"),
            None => None,
        };
        assert_eq!(file.owner().name(), owner, "{path}");
    }
    // A folder comes before what is in it, a key before its certificate, and the record last.
    let paths: Vec<&str> = plan.files().iter().map(PlannedFile::path).collect();
    for (place, path) in paths.iter().enumerate() {
        if let Some((folder, _)) = path.rsplit_once('/') {
            assert!(paths[..place].contains(&folder), "{path}");
        }
        if let Some(certificate) = path.strip_suffix("-key.pem") {
            let certificate = format!("{certificate}.pem");
            assert!(!paths[..place].contains(&certificate.as_str()), "{path}");
        }
    }
    assert_eq!(paths.last(), Some(&RECORD));
    let ca = paths.iter().position(|path| *path == "ca/ca.pem").unwrap();
    assert!(paths.iter().position(|path| path.ends_with("server.pem")).unwrap() > ca);
}

#[test]
fn a_file_that_differs_is_written_again() {
    assert_eq!(changes(&applied()), []);
    let one = |path: &str, change: fn(&mut Entry)| {
        let mut snapshot = applied();
        let mut entry = entry(&snapshot, path);
        change(&mut entry);
        snapshot.insert(path, entry);
        let changes = changes(&snapshot);
        let own: Vec<_> = changes.iter().filter(|(changed, _)| changed == path).collect();
        assert_eq!((own.len(), changes.len()), (1, 1), "{changes:?}");
        own[0].1.clone()
    };
    let text: fn(&mut Entry) = |entry| entry.bytes.push(b'x');
    let mode: fn(&mut Entry) = |entry| entry.mode = 0o640;
    let both: fn(&mut Entry) = |entry| {
        entry.bytes.push(b'x');
        entry.mode = 0o600;
    };
    for path in ["nodes/a/etc/etcd/etcd.env", "deploy.sh", "clients/root/etcdctl.env"] {
        assert_eq!(one(path, text), ["its contents differ"]);
        let wanted = if path == "deploy.sh" { "0755" } else { "0644" };
        assert_eq!(one(path, mode), [format!("its mode is 0640, not {wanted}")]);
        let reasons = ["its contents differ".to_owned(), format!("its mode is 0600, not {wanted}")];
        assert_eq!(one(path, both), reasons);
    }
    assert_eq!(one(KEY, mode), ["its mode is 0640, not 0600"]);
    assert_eq!(one("ca", |entry| entry.mode = 0o755), ["its mode is 0755, not 0700"]);
    assert_eq!(one("nodes/a/etc", |entry| entry.mode = 0o700), ["its mode is 0700, not 0755"]);
    // A copy of the CA's certificate has the bytes of the one that issues.
    assert_eq!(one("nodes/a/etc/etcd/pki/ca.pem", text), ["its contents differ"]);
}

#[test]
fn owners_are_compared_where_files_can_be_given_away() {
    let mut snapshot = applied();
    let env = "nodes/a/etc/etcd/etcd.env";
    snapshot.insert_user("root", (0, 0));
    snapshot.insert_user("etcd", (998, 997));
    let all = changes(&snapshot);
    assert!(
        all.iter().all(|(path, reasons)| path.starts_with("nodes/a/etc/etcd/pki")
            && *reasons == ["its owner is not etcd"])
    );
    assert_eq!(all.len(), 6, "{all:?}");
    for path in snapshot.paths().map(str::to_owned).collect::<Vec<_>>() {
        if path.starts_with("nodes/a/etc/etcd/pki") {
            let owned = Entry { ids: (998, 997), ..entry(&snapshot, &path) };
            snapshot.insert(path, owned);
        }
    }
    assert_eq!(changes(&snapshot), []);
    for ids in [(998, 0), (0, 997)] {
        let owned = Entry { ids, ..entry(&snapshot, env) };
        snapshot.insert(env, owned);
        assert_eq!(changes(&snapshot), [(env.to_owned(), vec!["its owner is not root".to_owned()])]);
    }
    // Files of the operator are whoever's.
    let owned = Entry { ids: (1, 1), ..entry(&snapshot, "deploy.sh") };
    snapshot.insert("deploy.sh", owned);
    assert_eq!(changes(&snapshot).len(), 1);
}

#[test]
fn what_is_in_the_way_is_refused() {
    let refused = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = applied();
        change(&mut snapshot);
        let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string()
    };
    assert_eq!(
        refused(&|snapshot| snapshot.insert("deploy.sh", Entry::folder(0o755))),
        "/out/deploy.sh is not a file"
    );
    assert_eq!(
        refused(&|snapshot| snapshot.insert("clients", Entry::file(0o644, Vec::new()))),
        "/out/clients is not a folder"
    );
    let unusable = |path: &'static str, reason: UnusableEntry| {
        refused(&move |snapshot| snapshot.insert_unusable(path.to_owned(), reason.clone()))
    };
    assert_eq!(unusable("nodes/a", UnusableEntry::SymbolicLink), "/out/nodes/a is a symbolic link");
    assert_eq!(unusable(KEY, UnusableEntry::SymbolicLink), format!("/out/{KEY} is a symbolic link"));
    assert_eq!(unusable("deploy.sh", UnusableEntry::Special), "/out/deploy.sh is not a file");
    assert_eq!(
        unusable(RECORD, UnusableEntry::TooLarge),
        "/out/cluster.lock.json was not read, because it is larger than 8 MiB"
    );
}

#[test]
fn certificates_that_are_kept_are_written_as_they_are() {
    // What a plan makes of a certificate is its PEM, whatever the file has beside it.
    let mut snapshot = applied();
    let path = "clients/root/client.pem";
    let text = [b"a comment\n", entry(&snapshot, path).bytes.as_slice()].concat();
    snapshot.insert(path, Entry::file(0o644, text));
    assert_eq!(changes(&snapshot), [(path.to_owned(), vec!["its contents differ".to_owned()])]);
    // Keys stay as they are, because they can be written in several ways.
    let mut snapshot = applied();
    let text = [b"a comment\n", entry(&snapshot, KEY).bytes.as_slice()].concat();
    snapshot.insert(KEY, Entry::file(0o600, text));
    assert_eq!(changes(&snapshot), []);
}

#[test]
fn requests_are_there_while_there_is_something_to_sign() {
    let (_, cluster, mut snapshot) = crate::etcd::plan::tests::offline();
    let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
    let requests: Vec<&str> = plan
        .files()
        .iter()
        .filter(|file| file.path().starts_with("requests"))
        .map(PlannedFile::path)
        .collect();
    assert_eq!(
        requests,
        [
            "requests",
            "requests/a-server.csr",
            "requests/a-peer.csr",
            "requests/root-client.csr",
            "requests/ca-config.json"
        ]
    );
    apply(&cluster, &mut snapshot, NOW);
    let config: serde_json::Value =
        serde_json::from_slice(&entry(&snapshot, "requests/ca-config.json").bytes).unwrap();
    let peer = &config["signing"]["profiles"]["peer"];
    assert_eq!(peer["expiry"], "8760h");
    assert_eq!(peer["usages"], serde_json::json!(["digital signature", "server auth", "client auth"]));
    assert_eq!(config["signing"]["profiles"].as_object().unwrap().len(), 3);
    let report = Plan::new(&cluster, &snapshot, NOW).unwrap().report();
    assert_eq!(report.to_sign.len(), 3);
    assert_eq!(
        report.to_sign[1],
        "etcdpki sign -ca ca.pem -ca-key ca-key.pem -config requests/ca-config.json -profile peer -into requests \
         requests/a-peer.csr",
    );
    assert!(report.certificates.iter().all(|one| one.change == "requested" && one.serial.is_none()));
    let online = Plan::new(&self::cluster(""), &empty(), NOW).unwrap();
    assert!(online.files().iter().all(|file| !file.path().starts_with("requests")));
}

fn registry(snapshot: &Snapshot) -> String {
    String::from_utf8(entry(snapshot, REGISTRY).bytes.to_vec()).unwrap()
}

/// The events of the registry: what happened, and to what.
fn events(snapshot: &Snapshot) -> Vec<String> {
    let events = registry(snapshot);
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {}", line["event"].as_str().unwrap(), line["certificate"].as_str().unwrap())
    };
    events.lines().map(line).collect()
}

#[test]
fn the_registry_has_a_certificate_before_it_is_there() {
    let plan = Plan::new(&cluster(""), &empty(), NOW).unwrap();
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
    let (first, last) = (&outcome.files()[0], outcome.files().last().unwrap());
    assert_eq!((first.path.as_str(), last.path.as_str()), (REGISTRY, RECORD));
    let registry = Registry::parse(&first.bytes);
    assert_eq!((registry.lines, &registry.gap), (4, &None));
    for file in outcome.files().iter().filter(|file| file.path.ends_with(".pem") && !is_secret(file.mode)) {
        let certificate = Certificate::read(&file.bytes).unwrap();
        assert!(registry.has(&certificate.fingerprint()), "{}", file.path);
    }
    let record = String::from_utf8(last.bytes.to_vec()).unwrap();
    assert!(!record.contains(REGISTRY), "it grows without the record");
}

#[test]
fn the_registry_only_grows() {
    let mut snapshot = applied();
    let first = registry(&snapshot);
    assert_eq!(events(&snapshot), ["issued ca", "issued a server", "issued a peer", "issued client root"]);
    assert_eq!(changes(&snapshot), []);
    let later = NOW + time::Duration::days(1);
    let plan = Plan::renewing(&cluster(""), &snapshot, later, &Renewal::All).unwrap();
    put_outcome(&mut snapshot, plan.issue(&SystemKeys, &SystemRandomness, later, &|_| {}).unwrap());
    assert!(registry(&snapshot).starts_with(&first));
    assert_eq!(events(&snapshot)[4..], ["issued a server", "issued a peer", "issued client root"]);
    // A folder of an older version: what the record knows is taken, also what was in use before.
    let whole = registry(&snapshot);
    snapshot.remove(REGISTRY);
    assert_eq!(changes(&snapshot), [(REGISTRY.to_owned(), vec![])]);
    apply(&cluster(""), &mut snapshot, later);
    assert_eq!(events(&snapshot).len(), 7);
    assert_eq!(changes(&snapshot), []);
    assert_eq!(Registry::parse(registry(&snapshot).as_bytes()).gap, None);
    // What was cut off at the end is added again.
    let (cut, _) = whole.trim_end().rsplit_once('\n').unwrap();
    snapshot.insert(REGISTRY, Entry::file(0o600, format!("{cut}\n").into_bytes()));
    let reasons = vec!["its contents differ".to_owned(), "its mode is 0600, not 0644".to_owned()];
    assert_eq!(changes(&snapshot), [(REGISTRY.to_owned(), reasons)]);
    apply(&cluster(""), &mut snapshot, later);
    assert_eq!((registry(&snapshot).starts_with(cut), events(&snapshot).len()), (true, 7));
}

#[test]
fn what_a_list_revokes_is_registered_once() {
    let mut snapshot = applied();
    let key = PrivateKey::read(&entry(&snapshot, "ca/ca-key.pem").bytes, None).unwrap();
    let ca = Certificate::read(&entry(&snapshot, "ca/ca.pem").bytes).unwrap();
    let client = Certificate::read(&entry(&snapshot, "clients/root/client.pem").bytes).unwrap();
    let serials = [RevokedSerial::from(&client), RevokedSerial::parse("4711").unwrap()];
    let revocations = serials.map(|serial| Revocation { serial, date: NOW, reason: None });
    let template = CrlTemplate {
        number: 1,
        this_update: NOW,
        next_update: NOW + time::Duration::days(7),
        revocations: &revocations,
    };
    let list = |key: PrivateKey, ca: &Certificate| {
        Issuer::new(ca.clone(), key).unwrap().sign_crl(&template).unwrap()
    };
    // A list of another CA of the same name means nothing.
    let other = applied();
    let other_key = PrivateKey::read(&entry(&other, "ca/ca-key.pem").bytes, None).unwrap();
    let other_ca = Certificate::read(&entry(&other, "ca/ca.pem").bytes).unwrap();
    snapshot.insert("ca/ca.crl", Entry::file(0o644, list(other_key, &other_ca).to_pem().into_bytes()));
    assert_eq!(changes(&snapshot), []);
    snapshot.insert("ca/ca.crl", Entry::file(0o644, list(key, &ca).to_pem().into_bytes()));
    snapshot.insert("ca/crl.pem", Entry::file(0o644, entry(&snapshot, "ca/ca.crl").bytes));
    let without = snapshot.clone();
    assert_eq!(changes(&snapshot), [(REGISTRY.to_owned(), vec!["its contents differ".to_owned()])]);
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(events(&snapshot)[4..], ["revoked client root"]);
    assert_eq!(changes(&snapshot), []);
    // The registry begins with the list there.
    let mut snapshot = without;
    snapshot.remove(REGISTRY);
    apply(&cluster(""), &mut snapshot, NOW);
    assert_eq!(events(&snapshot)[4..], ["revoked client root"]);
    assert_eq!(changes(&snapshot), []);
}

#[test]
fn what_an_offline_ca_signed_is_registered_when_it_is_taken() {
    let (issuer, cluster, mut snapshot) = offline();
    apply(&cluster, &mut snapshot, NOW);
    assert!(snapshot.entry(REGISTRY).unwrap().is_none(), "nothing is issued yet");
    sign(&issuer, &mut snapshot);
    apply(&cluster, &mut snapshot, NOW);
    assert_eq!(events(&snapshot), ["issued a server", "issued a peer", "issued client root"]);
}
