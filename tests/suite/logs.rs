//! What real etcd logs while nothing is wrong, and that `explain` finds no fault in it.

use std::fs;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pki_core::etcd::explain::explain;

use super::command::until;
use super::live::{Cluster, PATIENCE, all_on_each_etcd, described};
use super::programs::Etcd;
use super::trial::{Outcome, named};

pub fn trials() -> Vec<Trial> {
    all_on_each_etcd(&named![
        a_healthy_member_is_not_explained,
        of_a_healthy_cluster_only_what_was_stopped_is_explained
    ])
}

/// A slow disk is the machine's, and etcd is right about it.
const SLOW: &str = "L601";

/// A member that is not started yet, or was stopped, does not listen, and ends its connections.
const DOWN: [&str; 5] = ["L514", "L522", "L512", "L124", "L805"];

/// With these words an explanation says that the line alone is no fault, as every one of a healthy log must.
const UNLESS_IT_GOES_ON: &str = ", a fault if it goes on";

fn a_healthy_member_is_not_explained(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("one-member.yaml", etcd).applied())?;
    live_and_stop(&mut cluster);
    assert_explained(&cluster, &[SLOW]);
    Ok(())
}

fn of_a_healthy_cluster_only_what_was_stopped_is_explained(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("three-members.yaml", etcd).applied())?;
    live_and_stop(&mut cluster);
    assert_explained(&cluster, &[&[SLOW][..], &DOWN].concat());
    Ok(())
}

fn live_and_stop(cluster: &mut Cluster) {
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    cluster.etcdctl(&["get", "greeting"]).ok();
    cluster.etcdctl(&["compaction", "1"]);
    cluster.etcdctl(&["defrag"]).ok();
    for member in &mut cluster.members {
        let process = &mut member.process.as_mut().expect("it runs").0;
        let id = Pid::from_raw(i32::try_from(process.id()).unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        let ended = until(PATIENCE, || process.try_wait().unwrap());
        assert!(ended.is_some(), "{} goes on", member.name);
    }
}

fn assert_explained(cluster: &Cluster, allowed: &[&str]) {
    for member in &cluster.members {
        let log = fs::read_to_string(&member.log).unwrap();
        assert!(log.lines().count() > 20, "not etcd's log:\n{log}");
        for line in log.lines() {
            let Some(known) = explain(line) else { continue };
            assert!(allowed.contains(&known.id), "{} explains {line}", known.id);
            assert!(known.cause.ends_with(UNLESS_IT_GOES_ON), "{} calls it a fault: {line}", known.id);
        }
    }
}
