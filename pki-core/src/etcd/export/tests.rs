#![allow(clippy::unwrap_used)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::plan::tests::{NOW, apply, cluster, empty};

fn applied(rest: &str) -> Snapshot {
    let mut snapshot = empty();
    apply(&cluster(rest), &mut snapshot, NOW);
    snapshot
}

fn exported(snapshot: &Snapshot, format: ExportFormat, holder: Option<Holder<'_>>) -> String {
    export(snapshot, format, holder, None).unwrap().to_string()
}

fn refused(snapshot: &Snapshot, format: ExportFormat, holder: Option<Holder<'_>>) -> String {
    let error = export(snapshot, format, holder, None).unwrap_err();
    format!("{error}; {}", error.hint().unwrap_or_default())
}

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"))
}

fn documents(yaml: &str) -> Vec<Value> {
    yaml.split("---\n").skip(1).map(read).collect()
}

/// The files of the member `a`, with what a host's overlay may have beside them.
fn with_odd_files() -> Snapshot {
    let mut snapshot = applied("  - {name: b, address: 10.0.0.2}\n");
    let texts: [(&str, &[u8]); 6] = [
        ("tabs", b"a\tb: c # d\n"),
        ("space", b" first\nsecond\n"),
        ("ends", b"no line break"),
        ("breaks", b"two\n\n\n"),
        ("empty", b""),
        ("binary", b"\xff\x00\x01: \xfe"),
    ];
    for (name, bytes) in texts {
        snapshot.insert(format!("nodes/a/etc/etcd/{name}"), Entry::file(0o640, bytes.to_vec()));
    }
    snapshot
        .insert("nodes/a/etc/etcd/unicode\": x", Entry::file(0o644, "\u{85}µ\n---\n".as_bytes().to_vec()));
    snapshot
}

fn files_of_a(snapshot: &Snapshot) -> Vec<(String, Vec<u8>, u32)> {
    let paths = snapshot.paths().filter(|path| path.starts_with("nodes/a/"));
    let entries = paths.map(|path| (path, snapshot.entry(path).unwrap().unwrap()));
    let files = entries.filter(|(_, entry)| entry.kind == FileKind::File);
    files
        .map(|(path, entry)| (path["nodes/a".len()..].to_owned(), entry.bytes.to_vec(), entry.mode))
        .collect()
}

#[test]
fn cloud_init_writes_each_file_of_the_host_and_no_other() {
    let snapshot = with_odd_files();
    let text = exported(&snapshot, ExportFormat::CloudInit, Some(Holder::Member("a")));
    assert!(text.starts_with("#cloud-config\n"), "{text}");
    let value = read(&text);
    let written: Vec<_> = value["write_files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let content = file["content"].as_str().unwrap();
            let bytes = match file["encoding"].as_str() {
                Some("b64") => STANDARD.decode(content).unwrap(),
                _ => content.as_bytes().to_vec(),
            };
            let mode = u32::from_str_radix(file["permissions"].as_str().unwrap(), 8).unwrap();
            (file["path"].as_str().unwrap().to_owned(), bytes, mode)
        })
        .collect();
    assert!(written == files_of_a(&snapshot), "{text}");
    let commands = value["runcmd"].as_array().unwrap();
    assert_eq!(commands[0], json!(["chmod", "0700", "/etc/etcd/pki"]));
    assert_eq!(commands[1].as_array().unwrap().last().unwrap(), "etcd");
    assert_eq!(commands[4], json!(["systemctl", "restart", "--no-block", "etcd"]));
}

#[test]
fn butane_writes_each_file_of_the_host_and_no_other() {
    let snapshot = with_odd_files();
    let text = exported(&snapshot, ExportFormat::Butane, Some(Holder::Member("a")));
    // Butane reads octal numbers as YAML 1.1 has them.
    let in_quotes = |line: &str| match line.trim_start().strip_prefix("mode: ") {
        Some(mode) => line.replace(mode, &format!("\"{mode}\"")),
        None => line.to_owned(),
    };
    let value = read(&text.split('\n').map(in_quotes).collect::<Vec<_>>().join("\n"));
    let mut written: Vec<_> = value["storage"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let bytes = match file["contents"]["inline"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => {
                    let source = file["contents"]["source"].as_str().unwrap();
                    STANDARD.decode(source.strip_prefix("data:;base64,").unwrap()).unwrap()
                }
            };
            let mode = u32::from_str_radix(file["mode"].as_str().unwrap(), 8).unwrap();
            (file["path"].as_str().unwrap().to_owned(), bytes, mode)
        })
        .collect();
    let unit = &value["systemd"]["units"][0];
    let contents = unit["contents"].as_str().unwrap().as_bytes().to_vec();
    written.push(("/etc/systemd/system/etcd.service".to_owned(), contents, 0o644));
    written.sort();
    let mut expected = files_of_a(&snapshot);
    expected.sort();
    assert!(written == expected, "{text}");
    assert_eq!((&unit["name"], &unit["enabled"]), (&json!("etcd.service"), &json!(true)));
    assert_eq!(value["storage"]["directories"][0], json!({"path": "/etc/etcd/pki", "mode": "0700"}));
    assert_eq!(value["passwd"]["users"][0]["name"], "etcd");
}

#[test]
fn a_drop_in_is_one_and_without_a_unit_nothing_is_started() {
    let snapshot = applied("unit: drop-in\n");
    let text = exported(&snapshot, ExportFormat::Butane, Some(Holder::Member("a")));
    assert!(
        text.contains("      dropins:\n        - name: \"10-etcdpki.conf\"\n          contents: |"),
        "{text}"
    );
    let snapshot = applied("unit: none\n");
    for format in [ExportFormat::Butane, ExportFormat::CloudInit] {
        let text = exported(&snapshot, format, Some(Holder::Member("a")));
        assert!(!text.contains("systemctl") && !text.contains("systemd:"), "{text}");
    }
}

#[test]
fn secrets_have_the_files() {
    let snapshot = applied("  - {name: b.c, address: 10.0.0.2}\nclients: [{name: App_1}]\n");
    let all = documents(&exported(&snapshot, ExportFormat::KubernetesSecrets, None));
    let names: Vec<_> = all.iter().map(|one| one["metadata"]["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"prod-b-c-server") && names.contains(&"prod-client-app-1"), "{names:?}");
    let bytes = |path: &str| snapshot.entry(path).unwrap().unwrap().bytes.to_vec();
    let peer = all.iter().find(|one| one["metadata"]["name"] == "prod-b-c-peer").unwrap();
    let data = |key: &str| STANDARD.decode(peer["data"][key].as_str().unwrap()).unwrap();
    let folder = "nodes/b.c/etc/etcd/pki";
    assert_eq!(data("tls.crt"), bytes(&format!("{folder}/peer.pem")));
    assert_eq!(data("tls.key"), bytes(&format!("{folder}/peer-key.pem")));
    assert_eq!(data("ca.crt"), bytes("ca/ca.pem"));
    assert_eq!(peer["type"], "kubernetes.io/tls");
    let one = documents(&exported(&snapshot, ExportFormat::KubernetesSecrets, Some(Holder::Client("App_1"))));
    assert_eq!(one.len(), 1);
}

#[test]
fn cert_manager_is_asked_for_what_was_issued() {
    let more = "subject: {C: DE, O: Example}\nkey: rsa-3072\nrenew-before: 240h\n";
    let snapshot = applied(more);
    let all = documents(&exported(&snapshot, ExportFormat::CertManager, Some(Holder::Member("a"))));
    assert_eq!(all[0]["kind"], "Issuer");
    assert_eq!(all[0]["spec"]["ca"]["secretName"], "prod-ca");
    let server = &all.iter().find(|one| one["metadata"]["name"] == "prod-a-server").unwrap()["spec"];
    let expected = json!({
        "secretName": "prod-a-server", "duration": "8760h0m0s", "renewBefore": "240h0m0s", "commonName": "a",
        "subject": {"organizations": ["Example"], "countries": ["DE"]},
        "dnsNames": ["localhost"], "ipAddresses": ["10.0.0.1", "127.0.0.1", "::1"],
        "usages": ["digital signature", "key encipherment", "server auth", "client auth"],
        "privateKey": {"algorithm": "RSA", "size": 3072, "rotationPolicy": "Never"},
        "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": "prod-ca"},
    });
    assert_eq!(*server, expected);
    let text = exported(&snapshot, ExportFormat::CertManager, None);
    assert!(!text.contains("PRIVATE"), "{text}");
}

#[test]
fn kubeadm_has_its_newest_form() {
    let snapshot = applied("clients: [{name: api, kubeadm: true}, {name: root}]\n");
    let value = read(&exported(&snapshot, ExportFormat::Kubeadm, None));
    assert_eq!(value["apiVersion"], "kubeadm.k8s.io/v1beta4");
    assert_eq!(value["etcd"]["external"]["endpoints"], json!(["https://10.0.0.1:2379"]));
    let refused = refused(&snapshot, ExportFormat::Kubeadm, Some(Holder::Client("root")));
    assert!(refused.contains("kubeadm: true"), "{refused}");
}

#[test]
fn what_cannot_be_exported_is_told() {
    let snapshot = applied("clients: [{name: a_b}, {name: a-b}]\n");
    let of = |format, holder| refused(&snapshot, format, holder);
    assert!(of(ExportFormat::CloudInit, None).contains("name one of the members: a"));
    assert!(of(ExportFormat::Butane, Some(Holder::Client("a-b"))).contains("host of one member"));
    let unknown = of(ExportFormat::Butane, Some(Holder::Member("../a")));
    assert!(unknown.contains("no member \"../a\"") && unknown.contains("one of these: a"), "{unknown}");
    let twice = of(ExportFormat::KubernetesSecrets, None);
    assert!(twice.contains("\"client a_b\" and \"client a-b\""), "{twice}");
    let mut lost = applied("");
    lost.remove("nodes/a/etc/etcd/pki/peer-key.pem");
    let missing = refused(&lost, ExportFormat::KubernetesSecrets, None);
    assert!(missing.contains("peer-key.pem is missing"), "{missing}");
    assert!(refused(&empty(), ExportFormat::Kubeadm, None).contains("not the output folder"));
}
