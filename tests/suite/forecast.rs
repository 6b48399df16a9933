//! `cluster forecast`, beside what really happens when the member restarts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::command::{Ran, run, until};
use super::live::{Cluster, PATIENCE, on_each_etcd};
use super::observe::{healthy, until_it_ends_with};
use super::product::etcdpki;
use super::programs::Etcd;
use super::trial::Outcome;

/// What is done to the files of a healthy cluster, and what becomes of which member.
struct Case {
    name: &'static str,
    prepare: fn(&Cluster),
    /// The place of the member that restarts.
    which: usize,
    prospect: &'static str,
    /// A part of what is to be done first.
    cure: &'static str,
}

const CASES: [Case; 8] = [
    Case { name: "nothing_has_changed", prepare: |_| {}, which: 0, prospect: "fine", cure: "" },
    Case { name: "a_renewed_ca", prepare: renew_ca, which: 2, prospect: "fine", cure: "" },
    Case { name: "a_new_certificate", prepare: renew_leaf, which: 1, prospect: "fine", cure: "" },
    Case {
        name: "the_others_have_not_read_the_new_ca",
        prepare: swap_leaf,
        which: 1,
        prospect: "isolated",
        cure: "restart etcd1 first: its files have the CA, and its process has not",
    },
    Case {
        name: "the_old_ca_is_gone_too_early",
        prepare: distrust,
        which: 0,
        prospect: "isolated",
        cure: "put the CA of the certificate that etcd2 shows into the files of etcd1",
    },
    Case {
        name: "a_ca_with_another_key",
        prepare: other_key,
        which: 2,
        prospect: "isolated",
        cure: "into the files of etcd3",
    },
    Case {
        name: "a_key_of_another",
        prepare: |cluster| {
            let other = fs::read(of(cluster, "etcd1", "peer-key.pem")).unwrap();
            fs::write(of(cluster, "etcd3", "peer-key.pem"), other).unwrap();
        },
        which: 2,
        prospect: "no-start",
        cure: "correct the files of etcd3",
    },
    Case {
        name: "a_key_among_the_authorities",
        prepare: |cluster| {
            let key = fs::read(of(cluster, "etcd1", "server-key.pem")).unwrap();
            fs::write(of(cluster, "etcd1", "client-ca.pem"), key).unwrap();
        },
        which: 0,
        prospect: "no-start",
        cure: "correct the files of etcd1",
    },
];

pub fn trials() -> Vec<Trial> {
    let case = |case: &'static Case| {
        on_each_etcd(&format!("{}::happens_as_foreseen", case.name), move |etcd| happens(etcd, case))
    };
    let mut trials: Vec<Trial> = CASES.iter().flat_map(case).collect();
    trials.extend(on_each_etcd("who_cannot_be_asked_is_told", who_cannot_be_asked_is_told));
    trials
}

fn forecast(cluster: &Cluster) -> (Ran, Value) {
    let arguments = ["cluster", "forecast", "--json", "--timeout", "20s"];
    let ran = run(etcdpki(arguments).arg(&cluster.tree.root));
    let seen = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    (ran, seen)
}

fn happens(etcd: &Etcd, case: &Case) -> Outcome {
    let mut cluster = healthy(etcd, "three-members.yaml")?;
    (case.prepare)(&cluster);
    let (ran, seen) = forecast(&cluster);
    let member = &seen["members"][case.which];
    assert_eq!(member["prospect"], case.prospect, "{seen}");
    let is_fine = case.prospect == "fine";
    let others = seen["members"].as_array().unwrap().iter().filter(|other| *other != member);
    assert!(others.clone().all(|other| other["prospect"] == "fine"), "{seen}");
    ran.ends_with(if is_fine { 0 } else { 3 });
    let cures = member["cure"].as_array().unwrap();
    let has_cure = cures.iter().any(|cure| cure.as_str().unwrap().contains(case.cure));
    assert!(has_cure || is_fine, "{seen}");
    // Nobody sees it before: all are healthy and connected.
    cluster.wait_until_healthy();

    assert_eq!(comes_back(&mut cluster, case.which)?, is_fine, "it is not as foreseen: {seen}");
    if case.name == "the_others_have_not_read_the_new_ca" {
        for which in [0, 2] {
            cluster.members[which].process.take().unwrap().kill();
            cluster.start_member(which)?;
        }
        cluster.wait_until_healthy();
        until_it_ends_with(&cluster, 0, &[]);
        forecast(&cluster).0.ends_with(0);
    }
    Ok(())
}

/// Ends a member and starts it again. Whether it is healthy then, or has ended, or complains about certificates.
fn comes_back(cluster: &mut Cluster, which: usize) -> Result<bool, super::trial::Missing> {
    let log = cluster.members[which].log.clone();
    let before = fs::read_to_string(&log).unwrap().len();
    cluster.members[which].process.take().unwrap().kill();
    cluster.start_member(which)?;
    let endpoint = cluster.endpoints(|member| member == which);
    let answer = until(PATIENCE, || {
        let process = &mut cluster.members[which].process.as_mut().unwrap().0;
        if process.try_wait().unwrap().is_some() {
            return Some(false);
        }
        let said = fs::read_to_string(&log).unwrap();
        let complains = ["x509: ", "bad certificate", "unknown certificate"];
        if complains.iter().any(|complaint| said[before..].contains(complaint)) {
            return Some(false);
        }
        let health = cluster.etcdctl_at(&endpoint, &["endpoint", "health"]);
        (health.code == Some(0)).then_some(true)
    });
    Ok(answer.expect("neither healthy nor refused"))
}

fn who_cannot_be_asked_is_told(etcd: &Etcd) -> Outcome {
    let cluster = healthy(etcd, "three-members.yaml")?;
    let process = &cluster.members[2].process.as_ref().unwrap().0;
    let process = Pid::from_raw(process.id().try_into().unwrap());
    kill(process, Signal::SIGSTOP).unwrap();
    let arguments = ["cluster", "forecast", "--json", "--timeout", "3s"];
    let ran = run(etcdpki(arguments).arg(&cluster.tree.root));
    kill(process, Signal::SIGCONT).unwrap();
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    ran.ends_with(2);
    assert_eq!(seen["members"][0]["prospect"], "unknown", "{seen}");
    assert_eq!(seen["members"][0]["links"]["etcd2"], "works", "{seen}");
    assert_eq!(seen["members"][2]["prospect"], "fine", "{seen}");
    Ok(())
}

fn of(cluster: &Cluster, member: &str, file: &str) -> PathBuf {
    cluster.tree.path(&format!("nodes/{member}/etc/etcd/pki/{file}"))
}

const MEMBERS: [&str; 3] = ["etcd1", "etcd2", "etcd3"];

/// The command of the product, in the folder of the CAs.
fn make(cluster: &Cluster, arguments: &str) {
    let mut command: Command = etcdpki(arguments.split(' '));
    run(command.current_dir(cluster.tree.path("ca"))).ok();
}

/// A CA with another name and another key: `new.pem` and `new-key.pem`.
fn new_ca(cluster: &Cluster, common_name: &str) -> String {
    fs::write(cluster.tree.path("ca/new.json"), format!("{{\"CN\": \"{common_name}\"}}")).unwrap();
    make(cluster, "gencert -initca -bare new new.json");
    cluster.tree.read("ca/new.pem")
}

/// The CA gets a new certificate for its key, and all members get it.
fn renew_ca(cluster: &Cluster) {
    make(cluster, "gencert -renewca -ca peer-ca.pem -ca-key peer-ca-key.pem -bare renewed");
    fs::rename(cluster.tree.path("ca/renewed.pem"), cluster.tree.path("ca/peer-ca.pem")).unwrap();
    cluster.tree.apply().ok();
}

fn renew_leaf(cluster: &Cluster) {
    fs::remove_file(of(cluster, "etcd2", "peer.pem")).unwrap();
    cluster.tree.apply().ok();
}

/// All files have the old CA and the new one, and one member has a certificate of the new one: the files are right, and
/// the processes are older.
fn swap_leaf(cluster: &Cluster) {
    let new = new_ca(cluster, "new peer CA");
    for member in MEMBERS {
        let trusted = of(cluster, member, "peer-ca.pem");
        let both = format!("{}{new}", fs::read_to_string(&trusted).unwrap());
        fs::write(trusted, both).unwrap();
    }
    let old = of(cluster, "etcd2", "peer.pem");
    make(cluster, &format!("gencert -from {} -ca new.pem -ca-key new-key.pem -bare signed", old.display()));
    fs::rename(cluster.tree.path("ca/signed.pem"), old).unwrap();
}

fn distrust(cluster: &Cluster) {
    let new = new_ca(cluster, "new peer CA");
    fs::write(of(cluster, "etcd1", "peer-ca.pem"), new).unwrap();
}

/// A CA whose name is that of the old one, with another key.
fn other_key(cluster: &Cluster) {
    let csr = "{\"CN\": \"prod etcd peer CA\", \"names\": []}";
    fs::write(cluster.tree.path("ca/new.json"), csr).unwrap();
    make(cluster, "gencert -initca -bare new new.json");
    fs::write(of(cluster, "etcd3", "peer-ca.pem"), cluster.tree.read("ca/new.pem")).unwrap();
}
