//! The JSON Schema of descriptions: what the reader takes it takes too, and it finds what is wrong by its form.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use libtest_mimic::Trial;
use pki_core::etcd::{Cluster, schema};
use serde_json::Value;

use super::command::run;
use super::product::etcdpki;
use super::programs::{files, fixture};
use super::trial::{Outcome, trial, trials};

/// The line in a wrong description that only the reader refuses.
const ONLY_THE_READER: &str = "# schema: takes it";

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![is_printed, takes_both_forms, every_key_has_a_fixture];
    let guides = fs::read_dir(fixture("guides")).unwrap().map(|guide| guide.unwrap().path());
    let guides = guides.map(|guide| guide.join("cluster.yaml")).filter(|file| file.is_file());
    for file in files("cluster").into_iter().chain(guides) {
        trials.push(trial(title("takes", &file), move || taken(&file)));
    }
    for file in files("cluster/bad") {
        trials.push(trial(title("refuses", &file), move || refused(&file)));
    }
    trials
}

fn title(what: &str, file: &Path) -> String {
    let shown = file.strip_prefix(fixture("")).unwrap().with_extension("");
    format!("schema::{what}::{}", shown.display())
}

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(schema()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// What the schema says against a description: one line each.
fn complaints(text: &str) -> Vec<String> {
    // As an editor reads it: numbers and truth values are no texts.
    match serde_saphyr::from_str_with_options::<Value>(text, serde_saphyr::options! { strict_booleans: true })
    {
        Ok(value) => {
            let validator = validator();
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

fn is_printed() -> Outcome {
    assert_eq!(run(&mut etcdpki(["cluster", "schema"])).ok().stdout, schema());
    Ok(())
}

fn taken(file: &Path) -> Outcome {
    let text = fs::read_to_string(file).unwrap();
    if let Err(error) = Cluster::from_yaml(&text, Some(file)) {
        panic!("{error}");
    }
    let complaints = complaints(&text);
    assert!(complaints.is_empty(), "{}: {complaints:#?}", file.display());
    Ok(())
}

fn refused(file: &Path) -> Outcome {
    let text = fs::read_to_string(file).unwrap();
    let complaints = complaints(&text);
    let is_marked = text.lines().any(|line| line == ONLY_THE_READER);
    match (is_marked, complaints.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => panic!("it is refused, so `{ONLY_THE_READER}` is wrong: {complaints:#?}"),
        (false, true) => {
            panic!(
                "it is taken: the schema has to refuse it, or `{ONLY_THE_READER}` belongs below `# expect:`"
            )
        }
    }
}

/// Numbers and truth values, quoted and unquoted, and one text in place of a list.
fn takes_both_forms() -> Outcome {
    let parts = [
        ["version: 3.5", "version: \"3.5\"", "version: 3.5.30"],
        ["client-port: 2379", "client-port: \"2379\"", "client-port: '+2379'"],
        ["listen-loopback: true", "listen-loopback: \"true\"", "listen-loopback: True"],
        ["clients: [{name: kube, kubeadm: true}]", "clients: [{name: kube, kubeadm: \"false\"}]", "clients:"],
        ["token: 7", "token: \"7\"", "token: 7.0"],
        ["options: {pre-vote: true}", "options: {pre-vote: \"t\"}", "options: {pre-vote: 1}"],
        [
            "options: {snapshot-count: 5000}",
            "options: {snapshot-count: \"5000\"}",
            "options: {snapshot-count: 0x10}",
        ],
        [
            "options: {log-outputs: stderr}",
            "options: {log-outputs: [stderr]}",
            "options: {log-outputs: \"stderr,a\"}",
        ],
        ["options: {cors: \"*\"}", "options: {cors: [https://a.example:1]}", "options:"],
        ["loopback: localhost", "loopback: [localhost, ::1]", "loopback: []"],
        ["subject: {O: 4711}", "subject: {O: \"4711\"}", "subject:"],
    ];
    for part in parts.into_iter().flatten() {
        let text = format!("name: prod\nmembers: [{{name: a, address: 10.0.0.1}}]\n{part}\n");
        if let Err(error) = Cluster::from_yaml(&text, None) {
            panic!("{part}: {error}");
        }
        let complaints = complaints(&text);
        assert!(complaints.is_empty(), "{part}: {complaints:#?}");
    }
    Ok(())
}

/// The fixtures use every key of the schema, but for options, of which there are too many.
fn every_key_has_a_fixture() -> Outcome {
    let schema: Value = serde_json::from_str(schema()).unwrap();
    let mut known = BTreeSet::new();
    let sections =
        schema["definitions"].as_object().unwrap().iter().map(|(name, section)| (name.as_str(), section));
    for (name, section) in sections.chain([("", &schema)]).filter(|(name, _)| *name != "TypedOptions") {
        let keys = section["properties"].as_object().unwrap().keys();
        known.extend(keys.map(|key| format!("{name}.{key}")));
    }
    for file in files("cluster") {
        let value: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        strike_out("", &value, &schema, &schema, &mut known);
    }
    assert!(known.is_empty(), "no description in fixtures/cluster has these keys: {known:#?}");
    Ok(())
}

/// Takes the keys in `value` out of `known`; `section` is what the schema has for it.
fn strike_out(name: &str, value: &Value, section: &Value, schema: &Value, known: &mut BTreeSet<String>) {
    let reference =
        section.pointer("/allOf/0/$ref").or(section.get("$ref")).or(section.pointer("/items/$ref"));
    let name = reference.and_then(Value::as_str).map_or(name, |at| at.trim_start_matches("#/definitions/"));
    let section = if reference.is_some() { &schema["definitions"][name] } else { section };
    match value {
        Value::Array(items) => {
            for item in items {
                strike_out(name, item, section, schema, known);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                known.remove(&format!("{name}.{key}"));
                strike_out(name, value, &section["properties"][key], schema, known);
            }
        }
        _ => {}
    }
}
