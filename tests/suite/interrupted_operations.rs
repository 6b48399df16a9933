//! Operations on members that run, killed at system calls that nobody chose: given again, each goes on to its end, and no
//! key is lost.
//!
//! The suite takes 4 of these moments. `ETCDPKI_OPERATION_CRASHES=200` takes that many.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use libtest_mimic::Trial;
use pki_core::etcd::Folder;
use pki_core::etcd::status::Status;
use pki_core::x509::{Certificate, PrivateKey};

use super::authority_renewal::lab;
use super::live::{Cluster, all_on_each_etcd};
use super::observe::until_it_ends_with;
use super::product::{is_key, program};
use super::programs::Etcd;
use super::strace::Strace;
use super::trial::{Outcome, named};

pub fn trials() -> Vec<Trial> {
    // The program is the same, whatever the members are.
    let trials = all_on_each_etcd(&named![what_was_killed_goes_on]).into_iter();
    trials.filter(|trial| trial.name().starts_with("etcd::3.5.")).collect()
}

/// The calls at which a process is killed, with how many there may be of each in one thread.
const CALLS: [(&str, u32); 10] = [
    ("openat", 120),
    ("write", 25),
    ("fsync", 3),
    ("linkat", 6),
    ("renameat", 8),
    ("rename", 6),
    ("unlinkat", 3),
    ("sendto", 15),
    ("wait4", 10),
    ("clone3", 4),
];

/// Numbers that look random, and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(limit)).unwrap()
    }
}

fn what_was_killed_goes_on(etcd: &Etcd) -> Outcome {
    let strace = Strace::find()?;
    let wanted =
        std::env::var("ETCDPKI_OPERATION_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut lab = lab(etcd, "{ca: 40d}")?;
    let text = fs::read_to_string(&lab.cluster.tree.description).unwrap();
    let keys = authority_keys(&lab.cluster);
    let mut numbers = Numbers(16);
    let (mut killed, mut of_operations) = (0, BTreeMap::<&str, u32>::new());
    for round in 0..wanted * 6 {
        if killed >= wanted {
            break;
        }
        // A CA that lasts a day longer each time is renewed each time.
        let longer = format!("{{ca: {}d}}", 3000 + 2 * round);
        lab.cluster.tree.describe(&text.replace("{ca: 40d}", &longer));
        let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
        let guards = ["-f", &description, "--settle", "100ms", "--wait", "1m"];
        let (operation, more): (&str, &[&str]) = match round % 5 {
            0 => ("renew", &["--all"]),
            1 => ("renew", &["etcd2", "--new-key"]),
            2 => ("renew-ca", &[]),
            3 => ("restart", &["etcd3"]),
            _ => ("deploy", &[]),
        };
        let guards = if operation == "restart" { &guards[2..] } else { &guards[..] };
        let words = [guards, more].concat();
        let (call, most) = CALLS[usize::try_from(numbers.below(10)).unwrap()];
        let nth = usize::try_from(numbers.below(most) + 1).unwrap();
        let when = format!("{operation} {more:?}, killed at {call} number {nth}");
        let mut command = strace.injecting(call, "signal=KILL", nth);
        command.arg(program()).args(lab.arguments(operation, &words));
        let (status, _) = lab.carry_out(command);
        // Another process of the operation may have been the one that was killed.
        if status != Some(0) {
            killed += 1;
            *of_operations.entry(operation).or_default() += 1;
        }
        holds(&lab.cluster, &keys, &when);
        let (status, report) = lab.operate(operation, &words);
        assert_eq!(status, Some(0), "again after {when}: {report}");
        holds(&lab.cluster, &keys, &when);
        until_it_ends_with(&lab.cluster, 0, &[]);
    }
    eprintln!("{killed} operations were stopped: {of_operations:?}");
    assert!(killed >= wanted, "only {killed} operations were stopped");
    Ok(())
}

fn authority_keys(cluster: &Cluster) -> BTreeMap<String, Vec<u8>> {
    let files = cluster.tree.files().into_iter();
    files.filter(|(path, _)| path.starts_with("ca/") && is_key(path)).collect()
}

/// Every certificate is registered and fits its key, the keys of the CAs are there, and the registry is whole.
fn holds(cluster: &Cluster, keys: &BTreeMap<String, Vec<u8>>, when: &str) {
    assert!(authority_keys(cluster) == *keys, "after {when}: a key of a CA has changed");
    let files = cluster.tree.files();
    let registry = cluster.tree.read("registry.jsonl");
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".pem") && !is_key(path)) {
        if path.contains(".etcdpki-") {
            continue;
        }
        let certificate = Certificate::read(bytes).unwrap();
        assert!(registry.contains(&certificate.fingerprint()), "after {when}: {path} is not registered");
        if let Some(key) = files.get(&path.replace(".pem", "-key.pem")) {
            let key = PrivateKey::read(key, None).unwrap();
            assert!(certificate.is_for(key.public_key()), "after {when}: {path} is no pair");
        }
    }
    let snapshot = Folder::open(&cluster.tree.root).unwrap().public_snapshot();
    let status = Status::new(&snapshot, SystemTime::now().into()).unwrap();
    let wrong = status.findings.iter().filter(|finding| ["E910", "E911", "E912"].contains(&finding.rule));
    assert_eq!(wrong.map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "after {when}");
}
