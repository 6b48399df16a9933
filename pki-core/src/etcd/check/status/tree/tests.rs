use std::collections::BTreeMap;

use time::macros::datetime;
use zeroize::Zeroizing;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::snapshot::{Entry, Snapshot};
use crate::etcd::plan::Plan;
use crate::x509::{SystemKeys, SystemRandomness};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// A CA and a certificate under it, in PEM.
fn pair() -> (String, String) {
    let text = "name: prod\nvalidity: {leaf: 9d}\nmembers: [{name: a, address: 10.0.0.1}]\n";
    let cluster = Cluster::from_yaml(text, None).unwrap().value;
    let plan = Plan::new(&cluster, &Snapshot::new("/out"), NOW).unwrap();
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
    let read = |path: &str| {
        let file = outcome.files().iter().find(|file| file.path == path).unwrap();
        String::from_utf8(file.bytes.to_vec()).unwrap()
    };
    (read("ca/client-ca.pem"), read("clients/root/client.pem"))
}

fn files<'a>(all: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> BTreeMap<PathBuf, Entry> {
    let entry = |bytes: &[u8]| Entry::file(0o644, Zeroizing::new(bytes.to_vec()));
    all.into_iter().map(|(path, bytes)| (PathBuf::from(path), entry(bytes))).collect()
}

#[test]
fn certificates_are_found_in_files_and_in_what_is_written_in_them() {
    let (ca, leaf) = pair();
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    let kubeconfig = format!(
        "clusters:\n- name: kubernetes\n  cluster: {{certificate-authority-data: {}}}\nusers:\n- name: admin\n  user:\n    client-certificate-data: {}\n",
        base64(&ca),
        base64(&leaf)
    );
    let secret = format!("{{\"kind\": \"Secret\", \"data\": {{\"tls.crt\": \"{}\"}}}}", base64(&leaf));
    let inline = format!("kind: ConfigMap\ndata:\n  ca.crt: |\n    {}\n", ca.replace('\n', "\n    "));
    let chain = format!("a comment\n{leaf}{ca}");
    let der = Certificate::read(leaf.as_bytes()).unwrap().der().to_vec();
    let all = files([
        ("/k/pki/ca.crt", ca.as_bytes()),
        ("/k/pki/ca.key", b"not read"),
        ("/k/pki/etcd/chain.pem", chain.as_bytes()),
        ("/k/pki/leaf.der", &der),
        ("/k/pki/secret.json", secret.as_bytes()),
        ("/k/pki/map.yaml", inline.as_bytes()),
        ("/k/pki/notes.txt", b"-----BEGIN NOTHING"),
        ("/k/pki/damaged.crt", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
        ("/k/admin.conf", kubeconfig.as_bytes()),
        ("/k/other/leaf.pem", leaf.as_bytes()),
    ]);
    let status = TreeStatus::read(Path::new("/k/pki"), &all, NOW).unwrap();
    let place =
        |one: &TreeCertificate| (one.file.display().to_string(), one.inside.clone().unwrap_or_default());
    let mut found: Vec<_> = status.certificates.iter().map(place).collect();
    found.sort();
    let expected = [
        ("/k/admin.conf", "clusters.kubernetes.cluster.certificate-authority-data"),
        ("/k/admin.conf", "users.admin.user.client-certificate-data"),
        ("/k/pki/ca.crt", ""),
        ("/k/pki/etcd/chain.pem", "number 1"),
        ("/k/pki/etcd/chain.pem", "number 2"),
        ("/k/pki/leaf.der", ""),
        ("/k/pki/map.yaml", "data.ca.crt"),
        ("/k/pki/secret.json", "data.tls.crt"),
    ];
    assert_eq!(found, expected.map(|(file, inside)| (file.to_owned(), inside.to_owned())));
    let leaf = status.certificates.iter().find(|one| one.file.ends_with("leaf.der")).unwrap();
    assert_eq!((leaf.usage.as_str(), leaf.days_left, leaf.issuer_has_key), ("client", 8, true));
    assert_eq!(leaf.issuer_file.as_deref(), Some(Path::new("/k/pki/ca.crt")));
    assert_eq!(status.certificates.last().unwrap().usage, "CA");
    let not_judged: Vec<_> = status.not_judged.iter().map(|omission| omission.file.as_path()).collect();
    assert_eq!(not_judged, [Path::new("/k/pki/damaged.crt")]);
    assert!(status.is_healthy() && status.findings.is_empty(), "{:?}", status.findings);
}

#[test]
fn what_ends_is_found_and_a_ca_that_is_not_there_is_told() {
    let (ca, leaf) = pair();
    let alone = files([("/x/leaf.pem", leaf.as_bytes())]);
    let status = TreeStatus::read(Path::new("/x/leaf.pem"), &alone, NOW).unwrap();
    assert_eq!((status.certificates.len(), &status.certificates[0].issuer_file), (1, &None));
    let all = files([("/x/leaf.pem", leaf.as_bytes()), ("/x/ca.pem", ca.as_bytes())]);
    let rules = |now: OffsetDateTime, within: i64| {
        let status = TreeStatus::read(Path::new("/x"), &all, now).unwrap().must_last(Duration::days(within));
        let rules: Vec<_> = status.findings.iter().map(|finding| finding.rule).collect();
        (rules.join(" "), status.is_healthy())
    };
    assert_eq!(rules(NOW, 1), (String::new(), true));
    assert_eq!(rules(NOW, 30), ("E909".to_owned(), false));
    assert_eq!(rules(NOW + Duration::days(8), 0), ("E903".to_owned(), true));
    assert_eq!(rules(NOW + Duration::days(10), 0), ("E901".to_owned(), false));
    assert_eq!(rules(NOW - Duration::days(1), 0), ("E902 E902".to_owned(), false));
    // Everything ends with the CA.
    let status = TreeStatus::read(Path::new("/x"), &all, NOW + Duration::days(4000)).unwrap();
    assert!(status.findings.iter().all(|finding| !finding.remedy.contains("cluster apply")), "{status:?}");
    assert!(matches!(TreeStatus::read(Path::new("/y"), &all, NOW), Err(ReadError::Missing { .. })));
}
