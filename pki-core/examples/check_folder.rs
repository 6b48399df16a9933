//! Checks an output folder as `etcdpki doctor`, `cluster verify` and `cluster status` do, and fails if something is
//! wrong. Without FOLDER it makes one in a temporary folder and checks that.
//!
//! `cargo run -p pki-core --example check_folder -- [FOLDER]`

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, path};

use pki_core::etcd::doctor::examine;
use pki_core::etcd::found::{Found, SystemFiles};
use pki_core::etcd::verify::{Conditions, Connections, UntrustedCa, Verification};
use pki_core::etcd::{Cluster, EtcdVersion, Folder, Plan, Status};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::{Duration, OffsetDateTime};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (now, version) = (OffsetDateTime::now_utc(), EtcdVersion::V3_5);
    let temporary = env::temp_dir().join(format!("etcdpki-check-{}", std::process::id()));
    let given = env::args_os().nth(1).map(PathBuf::from);
    if given.is_none() {
        make(&temporary, now)?;
    }
    let folder = path::absolute(given.as_ref().unwrap_or(&temporary))?;

    // What is wrong with single files, and with what they say about each other.
    let found = Found::read(std::slice::from_ref(&folder), version, &SystemFiles)?;
    let mut findings = examine(&found, version, now);
    // Whether every member and client can connect, by handshakes in memory. A CA that nobody trusts must open no port.
    let untrusted = UntrustedCa::new(&SystemKeys, &SystemRandomness, now)?;
    let clusters = Connections::read(&folder, version, Leniency::default(), &untrusted, &SystemFiles)?;
    let verify = |cluster: &Connections| cluster.verify(Conditions { now, lookup: None });
    let verifications: Vec<Verification> = clusters.iter().map(verify).collect();
    findings.extend(verifications.iter().flat_map(|verification| verification.findings.clone()));
    // Whether everything is as recorded, and lasts for another thirty days.
    let status = Status::new(&Folder::open(&folder)?.public_snapshot(), now)?.must_last(Duration::days(30));
    findings.extend(status.findings.iter().cloned());

    for finding in &findings {
        println!("{} {}: {finding}\n  {}", finding.severity, finding.rule, finding.remedy);
    }
    for verification in &verifications {
        println!("verify: {}", verification.summary);
    }
    if let Some(first) = status.certificates.iter().min_by_key(|certificate| certificate.ends) {
        println!("status: the first certificate to end is {}, on {}", first.certificate, first.ends.date());
    }
    if given.is_none() {
        fs::remove_dir_all(temporary)?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn make(output: &Path, now: OffsetDateTime) -> Result<(), Box<dyn Error>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cluster/three-members.yaml");
    let cluster = Cluster::from_yaml(&fs::read_to_string(&example)?, Some(&example))?.value;
    let folder = Folder::lock(output)?;
    let plan = Plan::new(&cluster, &folder.snapshot(&cluster)?, now)?;
    folder.apply(&plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?)?;
    Ok(())
}
