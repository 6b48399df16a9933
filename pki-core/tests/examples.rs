//! Every example program runs, and prints what its first lines promise.

// A failure here means that an example or the test is wrong.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const EXAMPLES: [&str; 5] = ["check_folder", "cluster_in_memory", "cluster_to_folder", "issue", "own_key"];

/// The program of an example. It is in the folder `examples` beside `deps`, which holds the program of this test.
///
/// `cargo test` builds the examples too, unless it is told which targets to test.
fn program(name: &str) -> PathBuf {
    let deps = env::current_exe().unwrap();
    let target = deps.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is missing: build it with `cargo build -p pki-core --examples`",
        program.display()
    );
    program
}

fn run(name: &str, args: &[&Path]) -> Output {
    Command::new(program(name)).args(args).output().unwrap()
}

/// The standard output of an example that must succeed.
fn output(name: &str, args: &[&Path]) -> String {
    let ran = run(name, args);
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn all_examples_are_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, EXAMPLES.map(str::to_owned).into());
}

#[test]
fn a_certificate_is_issued() {
    assert!(output("issue", &[]).starts_with("-----BEGIN CERTIFICATE-----\n"));
}

#[test]
fn a_cluster_is_made_in_memory() {
    let files = output("cluster_in_memory", &[]);
    for path in ["ca/peer-ca-key.pem", "nodes/etcd3/etc/etcd/etcd.env", "clients/apiserver/client.pem"] {
        assert!(files.lines().any(|line| line.ends_with(path)), "{path} is not in {files}");
    }
}

#[test]
fn a_key_elsewhere_signs() {
    let ran = run("own_key", &[]);
    assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).ends_with(" files\n"));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("asked for a signature over "));
}

#[test]
fn a_folder_is_made_and_checked() {
    let temporary = tempfile::tempdir().unwrap();
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cluster/three-members.yaml");
    let folder = temporary.path().join("out");
    let made = output("cluster_to_folder", &[&description, &folder]);
    assert!(made.contains("etcd2 peer: new\n"), "{made}");

    for checked in [output("check_folder", &[&folder]), output("check_folder", &[])] {
        assert!(checked.contains("verify: survives the loss of any one member"), "{checked}");
        assert!(checked.contains("status: the first certificate to end is etcd1 server, on "), "{checked}");
    }

    fs::remove_file(folder.join("nodes/etcd1/etc/etcd/pki/server.pem")).unwrap();
    let checked = run("check_folder", &[&folder]);
    let findings = String::from_utf8(checked.stdout).unwrap();
    assert!(!checked.status.success() && findings.contains("error E"), "{findings}");
}
