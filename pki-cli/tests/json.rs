//! What the commands print with `--json`: each output is held to the schema of its command in `docs/schemas`.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use pki_cli::Terminal;
use pki_core::etcd::{Folder, RegistryEvent};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// Runs `etcdpki` some days from now; `@` in a word stands for `folder`.
fn run(days: i64, folder: &Path, words: &str) -> (u8, String) {
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
    (status, String::from_utf8(output).unwrap())
}

/// Files of every kind that the commands are about.
fn files(folder: &Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let member = |name: &str, address: u8| format!("  - {{name: {name}, address: 127.0.0.{address}}}\n");
    // Nothing listens on these ports.
    let describe = |name: &str, members: &str, more: &str| {
        format!("name: {name}\nclient-port: 1\npeer-port: 2\nmembers:\n{members}{more}")
    };
    let two = member("a", 1) + &member("b", 3);
    write("one.yaml", &describe("one", &member("a", 1), "validity: {leaf: 20d}\n"));
    write("two.yaml", &describe("one", &two, "options: {quota-backend-bytes: 4294967296}\n"));
    write("broken.yaml", &describe("broken", &member("a", 6), ""));
    write("partly/broken/cluster.lock.json", "{");
    write("other.yaml", &describe("other", &member("a", 5), ""));
    let offline = "layout: single-ca\ncertificates: {ca: {certificate: ca.pem}}\n";
    write("offline.yaml", &describe("offline", &member("a", 1), offline));
    write("wrong.yaml", "name: -x\nmembers: []\n");
    write("ca.json", r#"{"CN": "The CA", "key": {"algo": "ecdsa", "size": 256}}"#);
    write("etcd.service", "[Service]\nExecStart=/usr/bin/etcd --name n --bogus-flag --data-dir /d\n");
    write("mixed/a/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --name n --bogus-flag\n");
    write("mixed/b/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --name {{ name }}\n");
    fs::create_dir(folder.join("pki")).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    assert_eq!(run(0, folder, "gencert -initca -bare @pki/ca @ca.json").0, 0);
    fs::copy(folder.join("pki/ca.pem"), folder.join("ca.pem")).unwrap();
    write("pki/damaged.crt", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
}

/// Command lines, each with the name of its schema, the days from now, and the exit status.
const COMMANDS: [(&str, i64, u8, &str); 45] = [
    ("cluster-plan", 0, 2, "cluster plan @one.yaml -o @out --json"),
    ("cluster-apply", 0, 0, "cluster apply @one.yaml -o @out --json"),
    ("cluster-plan", 0, 0, "cluster plan @one.yaml -o @out --json"),
    ("cluster-plan", 0, 2, "cluster plan @two.yaml -o @out --json"),
    ("cluster-plan", 30, 2, "cluster plan @one.yaml -o @out --json"),
    ("cluster-plan", 0, 2, "cluster plan @two.yaml @other.yaml -o @several --json"),
    ("cluster-apply", 0, 0, "cluster apply @two.yaml @other.yaml -o @several --json"),
    ("cluster-apply", 0, 2, "cluster apply @offline.yaml -o @offline --json"),
    ("cluster-apply", 0, 1, "cluster apply @two.yaml @broken.yaml -o @partly --json"),
    ("cluster-status", 0, 0, "cluster status @out --json"),
    ("cluster-status", 30, 1, "cluster status @out --json"),
    ("cluster-status", 0, 0, "cluster status @several --json"),
    ("cluster-status", 0, 0, "cluster status @offline --json"),
    ("cluster-apply", 30, 0, "cluster apply @one.yaml -o @out --json"),
    ("cluster-status", 30, 0, "cluster status @out --json"),
    ("cluster-status", 0, 0, "cluster status @pki --json"),
    ("cluster-status", 4000, 1, "cluster status @pki --json"),
    ("cluster-verify", 31, 1, "cluster verify @several/one --json"),
    ("cluster-verify", 400, 1, "cluster verify @several/one --json"),
    ("cluster-verify", 31, 0, "cluster verify @out --json"),
    ("cluster-observe", 31, 3, "cluster observe @several/one --json"),
    ("cluster-forecast", 31, 2, "cluster forecast @several/one --json"),
    ("cluster-restart", 31, 3, "cluster restart @several/one --json"),
    ("cluster-deploy", 31, 2, "cluster deploy @out -f @one.yaml --json"),
    ("cluster-member", 31, 2, "cluster member @out add x=10.0.0.9 -f @one.yaml --dry-run --json"),
    ("cluster-member", 31, 2, "cluster member @several/one replace b b=10.0.0.9 -f @two.yaml --json"),
    ("errors", 31, 1, "cluster member @out add x -f @one.yaml --json"),
    ("cluster-steps", 31, 2, "cluster steps @out -f @one.yaml --json"),
    ("cluster-steps", 400, 2, "cluster steps @out -f @one.yaml --json"),
    ("cluster-renew", 31, 2, "cluster renew @out -f @one.yaml --all --dry-run --json"),
    ("cluster-renew", 31, 2, "cluster renew @out -f @one.yaml a --json"),
    ("cluster-renew-ca", 31, 2, "cluster renew-ca @out -f @one.yaml --dry-run --json"),
    ("cluster-renew-ca", 31, 2, "cluster renew-ca @out peer-ca -f @one.yaml --json"),
    ("cluster-recover", 60, 2, "cluster recover @out -f @one.yaml --dry-run --json"),
    ("cluster-import", 31, 0, "cluster import @out --json"),
    ("doctor", 31, 0, "doctor @out --json"),
    ("doctor", 31, 1, "doctor @etcd.service --json"),
    ("doctor", 31, 1, "doctor @mixed --json"),
    ("doctor-rules", 31, 0, "doctor --rules --json"),
    ("explain", 0, 0, "explain --json E501 L514"),
    ("explain", 0, 0, "explain --json -- remote error: tls: bad certificate"),
    ("errors", 0, 1, "cluster plan @wrong.yaml -o @out --json"),
    ("errors", 0, 1, "cluster status @nothing --json"),
    ("errors", 0, 2, "doctor --root @empty --json"),
    ("errors", 0, 1, "cluster status --fail-within never --json"),
];

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas")
}

#[test]
fn every_output_is_as_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let mut wrong = Vec::new();
    for (number, (name, days, status, words)) in COMMANDS.into_iter().enumerate() {
        let (ended, output) = run(days, folder.path(), words);
        if let Some(kept) = std::env::var_os("ETCDPKI_KEEP_JSON") {
            fs::write(Path::new(&kept).join(format!("{name}.{number}.json")), &output).unwrap();
        }
        if ended != status {
            wrong.push(format!("{words}: ended with {ended}: {output}"));
        }
        let Ok(value) = serde_json::from_str::<Value>(&output) else {
            wrong.push(format!("{words}: no JSON: {output}"));
            continue;
        };
        let objects = value.as_array().map_or_else(|| vec![&value], |list| list.iter().collect());
        if objects.iter().any(|object| object["format"] != 1) {
            wrong.push(format!("{words}: no format"));
        }
        let schema = fs::read_to_string(schemas().join(format!("{name}.schema.json"))).unwrap_or_default();
        let Ok(schema) = serde_json::from_str::<Value>(&schema) else {
            wrong.push(format!("{name}: no schema"));
            continue;
        };
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for error in validator.iter_errors(&value).take(3) {
            wrong.push(format!("{words}: {}: {error}", error.instance_path()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_line_of_the_registry_is_as_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let locked = |now: OffsetDateTime| {
        let folder = Folder::lock(&folder.path().join("out")).unwrap();
        let client = Some("1".to_owned());
        let proved = RegistryEvent::Proved { member: "a".to_owned(), started: Some(now), client, peer: None };
        let placed = RegistryEvent::Placed {
            member: "a".to_owned(),
            host: "root@127.0.0.1".to_owned(),
            files: BTreeMap::from([("x".to_owned(), "0".repeat(64))]),
        };
        // The same proof twice is one.
        folder.register(&[placed, proved.clone()], now).unwrap();
        folder.register(&[proved], now).unwrap();
    };
    assert_eq!(run(0, folder.path(), "cluster apply @one.yaml -o @out").0, 0);
    locked(OffsetDateTime::now_utc());
    let serial = fs::read_to_string(folder.path().join("out/registry.jsonl")).unwrap();
    let client = serial.lines().find(|line| line.contains("\"client root\"")).unwrap();
    let client: Value = serde_json::from_str(client).unwrap();
    fs::write(folder.path().join("serials"), client["serial"].as_str().unwrap()).unwrap();
    let revoke = "gencrl -bare @out/ca/client-ca @serials @out/ca/client-ca.pem @out/ca/client-ca-key.pem";
    assert_eq!(run(0, folder.path(), revoke).0, 0);
    assert_eq!(run(0, folder.path(), "cluster apply @one.yaml -o @out").0, 0);
    let schema = fs::read_to_string(schemas().join("registry.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let text = fs::read_to_string(folder.path().join("out/registry.jsonl")).unwrap();
    let mut events = BTreeMap::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
        *events.entry(value["event"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let expected = [("issued", 6), ("placed", 1), ("proved", 1), ("revoked", 1)];
    assert_eq!(events, BTreeMap::from(expected.map(|(name, count)| (name.to_owned(), count))));
    assert!(!text.contains("PRIVATE KEY"));
}

#[test]
fn every_command_with_json_has_a_schema_that_the_documentation_names() {
    let documentation = fs::read_to_string(schemas().join("../json.md")).unwrap();
    for (name, ..) in COMMANDS {
        assert!(schemas().join(format!("{name}.schema.json")).is_file(), "{name} has no schema");
        assert!(
            documentation.contains(&format!("schemas/{name}.schema.json")),
            "docs/json.md does not name {name}"
        );
    }
    for entry in fs::read_dir(schemas()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".schema.json").to_owned();
        let is_command = COMMANDS.iter().any(|(known, ..)| *known == name);
        assert!(is_command || name == "registry", "nothing is held to {name}");
    }
    // Whatever has the option is among the commands above.
    let folder = tempfile::tempdir().unwrap();
    let below = |words: &str| -> Vec<String> {
        let (_, answer) = run(0, folder.path(), &format!("__complete etcdpki {words}"));
        let words = answer.lines().filter_map(|line| line.split_once('\t'));
        words.map(|(word, _)| word.to_owned()).filter(|word| word != "help").collect()
    };
    let of_cluster = below("cluster ").into_iter().map(|name| format!("cluster {name}"));
    for command in ["doctor", "explain"].map(str::to_owned).into_iter().chain(of_cluster) {
        if below(&format!("{command} --js")).is_empty() {
            continue;
        }
        let is_run = COMMANDS.iter().any(|(.., words)| words.starts_with(&command));
        assert!(is_run, "{command} --json is held to no schema");
    }
}

#[test]
fn a_command_that_fails_tells_so_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let (status, output) = run(0, folder.path(), "cluster plan @wrong.yaml -o @out --json");
    let value: Value = serde_json::from_str(&output).unwrap();
    let errors = value["errors"].as_array().unwrap();
    assert!(status == 1 && errors.len() == 2, "all mistakes: {output}");
    assert!(errors[0]["message"].as_str().unwrap().contains("wrong.yaml:1:"), "{output}");
    // Without --json, and behind `--`, nothing is printed on the standard output.
    assert_eq!(run(0, folder.path(), "cluster plan @wrong.yaml -o @out"), (1, String::new()));
    let (_, output) = run(0, folder.path(), "cluster apply @one.yaml -o @out --json");
    let value: Value = serde_json::from_str(&output).unwrap();
    let steps = value["next_steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["commands"][0].as_str().unwrap().contains("deploy.sh")), "{output}");
}
