//! `etcdpki cluster status` of one cluster, of many, and of folders that others made, at any moment.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pki_cli::Terminal;
use time::{Duration, OffsetDateTime};

/// Runs `etcdpki` some days from now; `@` in a word stands for `folder`.
fn after(days: i64, folder: &Path, words: &str) -> (u8, String, String) {
    let folder = format!("{}/", folder.display());
    let words = words.split(' ').map(|word| OsString::from(word.replace('@', &folder)));
    let args = std::iter::once(OsString::from("etcdpki")).chain(words);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let now = || OffsetDateTime::now_utc() + Duration::days(days);
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        let mut later = Terminal {
            input: terminal.input,
            output: terminal.output,
            errors: terminal.errors,
            now: &now,
            ..*terminal
        };
        pki_cli::run(args, &mut later)
    });
    (status, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
}

fn describe(folder: &Path, name: &str, more: &str) {
    let text = format!("name: {name}\nmembers: [{{name: m, address: 10.0.0.1}}]\n{more}");
    fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
}

#[test]
fn a_table_fits_80_columns_and_wide_has_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    describe(path, "production-cluster", "validity: {ca: 90d, leaf: 90d}\n");
    assert_eq!(after(0, path, "cluster apply @production-cluster.yaml -o @out").0, 0);
    let (status, output, _) = after(1, path, "cluster status @out");
    assert_eq!(status, 0);
    let longest = output.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 80 && !output.contains("SERIAL"), "{output}");
    let (_, wide, _) = after(1, path, "cluster status @out --wide");
    assert!(wide.contains("SERIAL") && wide.contains("CN=production-cluster etcd client CA"), "{wide}");
    let (_, quiet, _) = after(1, path, "cluster status @out -q");
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
}

#[test]
fn the_cluster_that_ends_first_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, days) in [("a", 300), ("b", 20), ("c", 100)] {
        describe(path, name, &format!("validity: {{leaf: {days}d}}\n"));
    }
    assert_eq!(after(0, path, "cluster apply @a.yaml @b.yaml @c.yaml -o @fleet/eu").0, 0);
    let (status, output, _) = after(0, path, "cluster status @fleet");
    let names: Vec<&str> = output.lines().skip(1).take(3).map(|line| &line[..1]).collect();
    assert_eq!((status, names), (0, vec!["b", "c", "a"]), "{output}");
    assert!(output.contains("3 clusters, 0 with errors"), "{output}");
    let (status, output, _) = after(30, path, "cluster status @fleet");
    assert!(status == 1 && output.contains("error E901") && output.contains("eu/b/nodes/m"), "{output}");
    assert!(output.contains("3 clusters, 1 with errors"), "{output}");
    let (_, json, _) = after(0, path, "cluster status @fleet --json --prometheus @metrics");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> = json.as_array().unwrap().iter().map(|one| &one["cluster"]).collect();
    assert_eq!(names, ["b", "c", "a"]);
    assert!(fs::read_to_string(path.join("metrics")).unwrap().contains("cluster=\"c\""));
}

#[test]
fn former_certificates_that_have_ended_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    describe(path, "a", "validity: {leaf: 20d}\n");
    let former = || {
        let record = fs::read_to_string(path.join("out/cluster.lock.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        record["former"].as_array().unwrap().len()
    };
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 0);
    fs::remove_file(path.join("out/nodes/m/etc/etcd/pki/server.pem")).unwrap();
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 0);
    assert_eq!(former(), 1);
    let (status, _, errors) = after(1, path, "cluster status @out --forget-ended");
    assert!(status == 0 && former() == 1 && errors.contains("0 former certificates"), "{errors}");
    assert_eq!(after(21, path, "cluster apply @a.yaml -o @out").0, 0);
    assert!(former() > 1);
    let (status, output, errors) = after(21, path, "cluster status @out --forget-ended");
    assert!(status == 0 && former() == 0 && !output.contains("FORMER"), "{output}{errors}");
    assert_eq!(after(21, path, "cluster plan @a.yaml -o @out").0, 0, "nothing is left to do");
}

#[test]
fn the_registry_is_shown_and_a_break_in_it_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    describe(path, "a", "");
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 0);
    let file = path.join("out/registry.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let (status, output, _) = after(0, path, "cluster status @out --wide");
    assert!(
        status == 0 && output.contains("registry.jsonl: 6 lines, the digest of the last is "),
        "{output}"
    );
    fs::write(&file, text.replacen("m server", "n server", 1)).unwrap();
    let (status, output, _) = after(0, path, "cluster status @out --wide");
    assert!(status == 1 && output.contains("error E910") && output.contains("registry.jsonl:4"), "{output}");
    assert!(output.contains("; it is broken"), "{output}");
    // A broken chain stops nobody, and stays.
    fs::remove_file(path.join("out/nodes/m/etc/etcd/pki/server.pem")).unwrap();
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 7);
    assert!(after(0, path, "cluster status @out").1.contains("error E910"));
}

#[test]
fn what_waits_for_an_offline_ca_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ca.json"), r#"{"CN": "The CA", "key": {"algo": "ecdsa", "size": 256}}"#).unwrap();
    assert_eq!(after(0, path, "gencert -initca -bare @ca @ca.json").0, 0);
    describe(path, "a", "layout: single-ca\ncertificates: {ca: {certificate: ca.pem}}\n");
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 2);
    let (_, output, _) = after(0, path, "cluster status @out");
    assert!(output.contains("Waiting for the CA that is offline:"), "{output}");
    assert!(output.contains("requests/m-server.csr is to be signed"), "{output}");
    let (_, json, _) = after(0, path, "cluster status @out --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["waiting"][0]["is_signed"], false);
    let sign = "sign -ca @ca.pem -ca-key @ca-key.pem -config @out/requests/ca-config.json -profile server -into \
                @out/requests @out/requests/m-server.csr";
    let (status, _, errors) = after(0, path, sign);
    assert_eq!(status, 0, "{errors}");
    let (_, output, _) = after(0, path, "cluster status @out");
    assert!(output.contains("requests/m-server.pem is signed: run `etcdpki cluster apply`"), "{output}");
}

#[test]
fn any_folder_with_certificates_has_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ca.json"), r#"{"CN": "kubernetes", "key": {"algo": "ecdsa", "size": 256}}"#)
        .unwrap();
    fs::write(path.join("leaf.json"), r#"{"CN": "admin", "key": {"algo": "ecdsa", "size": 256}}"#).unwrap();
    fs::create_dir(path.join("pki")).unwrap();
    assert_eq!(after(0, path, "gencert -initca -bare @pki/ca @ca.json").0, 0);
    assert_eq!(
        after(0, path, "gencert -ca @pki/ca.pem -ca-key @pki/ca-key.pem -bare @pki/admin @leaf.json").0,
        0
    );
    let (status, output, _) = after(0, path, "cluster status @pki");
    let first = output.lines().nth(1).unwrap();
    assert!(status == 0 && first.starts_with("admin.pem") && first.ends_with("kubernetes"), "{output}");
    assert!(output.contains("ca.pem") && output.contains("itself"), "{output}");
    let (status, output, _) = after(400, path, "cluster status @pki");
    assert!(status == 1 && output.contains("error E901"), "{output}");
    assert_eq!(after(0, path, "cluster status @pki --fail-within 2y").0, 1);
    let (status, _, errors) = after(0, path, "cluster status @pki --prometheus @metrics");
    assert_eq!(status, 0, "{errors}");
    let metrics = fs::read_to_string(path.join("metrics")).unwrap();
    let of_admin: Vec<&str> = metrics.lines().filter(|line| line.contains("admin.pem\"")).collect();
    assert!(of_admin.len() == 2 && of_admin[0].starts_with("etcdpki_file_certificate_expiry"), "{metrics}");
    assert!(
        metrics.contains("etcdpki_folder_not_judged{folder=") && metrics.contains("pki\"} 0"),
        "{metrics}"
    );
    assert_eq!(after(0, path, "cluster status @pki --forget-ended").0, 1);
    fs::create_dir(path.join("empty")).unwrap();
    let (status, _, errors) = after(0, path, "cluster status @empty");
    assert!(status == 1 && errors.contains("no cluster.lock.json and no certificate"), "{errors}");
}

#[test]
fn a_notice_about_several_keys_names_their_files_when_all_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ca.json"), r#"{"CN": "The CA", "key": {"algo": "ecdsa", "size": 256}}"#).unwrap();
    assert_eq!(after(0, path, "gencert -initca -bare @ca @ca.json").0, 0);
    describe(path, "a", "layout: single-ca\ncertificates: {ca: {certificate: ca.pem}}\n");
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 2);
    for request in fs::read_dir(path.join("out/requests")).unwrap() {
        let name = request.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".csr") else { continue };
        let profile = ["server", "peer"].into_iter().find(|kind| stem.ends_with(kind)).unwrap_or("client");
        let sign = format!(
            "sign -ca @ca.pem -ca-key @ca-key.pem -config @out/requests/ca-config.json -profile {profile} -into \
             @out/requests @out/requests/{name}"
        );
        assert_eq!(after(0, path, &sign).0, 0, "{sign}");
    }
    assert_eq!(after(0, path, "cluster apply @a.yaml -o @out").0, 0);
    describe(path, "a", "key: ed25519\nlayout: single-ca\ncertificates: {ca: {certificate: ca.pem}}\n");
    let keys = ["nodes/m/etc/etcd/pki/server-key.pem", "nodes/m/etc/etcd/pki/peer-key.pem"];
    for command in ["plan", "apply"] {
        let (_, _, errors) = after(0, path, &format!("cluster {command} @a.yaml -o @out"));
        assert!(errors.contains("m server, m peer") && errors.contains("`--all` names each"), "{errors}");
        assert!(keys.iter().all(|key| !errors.contains(key)), "{errors}");
        for more in ["--all", "-v"] {
            let (_, _, errors) = after(0, path, &format!("cluster {command} @a.yaml -o @out {more}"));
            assert!(keys.iter().all(|key| errors.contains(key)), "{errors}");
        }
    }
}

/// The rules for Prometheus that come with the packages ask for nothing that is never written.
#[test]
fn rules_name_only_metrics_that_are_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let written = ["status", "observe"]
        .map(|check| read(&format!("../pki-core/src/etcd/check/{check}/prometheus.rs")))
        .concat();
    let rules = read("packaging/check/etcdpki.rules.yaml");
    let names: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .filter(|word| word.starts_with("etcdpki_"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(written.contains(&format!("\"{name}\"")), "nothing writes {name}");
    }
}
