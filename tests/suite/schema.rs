//! The JSON Schema of descriptions: what the reader takes it takes too, and it finds what is wrong by its form.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use libtest_mimic::Trial;
use pki_core::etcd::{Cluster, schema};
use serde_json::Value;

use super::command::run;
use super::product::etcdpki;
use super::programs::fixture;
use super::trial::{Outcome, trial};

/// The line in a wrong description that only the reader refuses.
const ONLY_THE_READER: &str = "# schema: takes it";

pub fn trials() -> Vec<Trial> {
    let mut trials =
        vec![trial("schema::is_printed", is_printed), trial("schema::takes_both_forms", both_forms)];
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

fn files(folder: &str) -> Vec<PathBuf> {
    let items = fs::read_dir(fixture(folder)).unwrap().map(|item| item.unwrap().path());
    let mut files: Vec<_> = items.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(schema()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// What the schema says against a description: one line each.
fn complaints(text: &str) -> Vec<String> {
    // As an editor reads it: numbers and truth values are no texts.
    match serde_saphyr::from_str::<Value>(text) {
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
fn both_forms() -> Outcome {
    let parts = [
        ["version: 3.5", "version: \"3.5\"", "version: 3.5.30"],
        ["client-port: 2379", "client-port: \"2379\"", "client-port: 0x94b"],
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
