//! What is issued for etcd, judged by zlint: its rules are those of public web sites, so it does complain, but
//! only of what docs/cfssl.md explains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use super::command::run;
use super::guides::{followed, listing};
use super::product::{Tree, is_key};
use super::programs::{workspace, zlint};
use super::trial::{Outcome, trials};

/// Every description in `fixtures/cluster` that names something else in its certificates.
const DESCRIPTIONS: [&str; 7] =
    ["three-members", "single-ca", "shared-cert", "one-member", "rsa", "ipv6", "names"];

pub fn trials() -> Vec<Trial> {
    trials![
        errors_about_the_guides_certificates_are_documented,
        errors_about_a_clusters_certificates_are_documented,
        errors_are_noticed
    ]
}

fn errors_about_the_guides_certificates_are_documented() -> Outcome {
    let zlint = zlint()?;
    for folder in followed()? {
        judge(&zlint, &certificates(folder.path()), 2);
    }
    Ok(())
}

fn errors_about_a_clusters_certificates_are_documented() -> Outcome {
    let zlint = zlint()?;
    for name in DESCRIPTIONS {
        let tree = Tree::of_fixture(&format!("{name}.yaml")).applied();
        judge(&zlint, &certificates(&tree.root), 4);
    }
    Ok(())
}

/// The judge has to be awake: such a key the product refuses, so the certificate is openssl's.
fn errors_are_noticed() -> Outcome {
    let zlint = zlint()?;
    let openssl = super::programs::find("openssl")?;
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("bad.pem");
    let mut request = Command::new(openssl);
    request.args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/C=XX/CN=bad", "-keyout"]);
    request.arg(folder.path().join("bad-key.pem")).arg("-out").arg(&certificate);
    run(&mut request).ok();
    let undocumented = undocumented(&errors(&zlint, &certificate));
    assert!(!undocumented.is_empty(), "no complaint about a weak key");
    Ok(())
}

/// Panics if there are fewer than `least` certificates, or errors that the document does not name.
#[track_caller]
fn judge(zlint: &Path, certificates: &[PathBuf], least: usize) {
    assert!(certificates.len() >= least, "only {certificates:?}");
    let mut surprises = BTreeMap::new();
    for certificate in certificates {
        let surprising = undocumented(&errors(zlint, certificate));
        if !surprising.is_empty() {
            surprises.insert(certificate, surprising);
        }
    }
    assert!(surprises.is_empty(), "docs/cfssl.md does not expect {surprises:#?}");
}

fn undocumented(errors: &BTreeSet<String>) -> BTreeSet<String> {
    let document = fs::read_to_string(workspace().join("docs/cfssl.md")).unwrap();
    errors.iter().filter(|lint| !document.contains(&format!("`{lint}`"))).cloned().collect()
}

/// The lints that a certificate fails at the level of an error.
fn errors(zlint: &Path, certificate: &Path) -> BTreeSet<String> {
    let ran = run(Command::new(zlint).arg(certificate)).ok();
    let results: BTreeMap<String, Value> =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
    assert!(results.len() > 100, "not the results of all lints: {ran}");
    let failed = |result: &Value| matches!(result["result"].as_str(), Some("error" | "fatal"));
    results.into_iter().filter(|(_, result)| failed(result)).map(|(lint, _)| lint).collect()
}

fn certificates(folder: &Path) -> Vec<PathBuf> {
    let files = listing(folder).into_iter().map(|(path, _)| path);
    let is_certificate = |path: &PathBuf| {
        let path = path.to_str().unwrap();
        path.ends_with(".pem") && !is_key(path)
    };
    files.filter(is_certificate).map(|path| folder.join(path)).collect()
}
