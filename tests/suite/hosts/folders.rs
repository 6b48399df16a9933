//! Every kind of folder that a description can name, on hosts that have none of them.

use std::fs;
use std::sync::Mutex;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::machine::Machine;
use super::{Hosts, on_hosts};
use crate::suite::product::Tree;
use crate::suite::programs::fixture;
use crate::suite::trial::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![
        on_hosts("folders::every_kind_is_made_on_a_bare_host", "3.5", every_kind_is_made_on_a_bare_host),
        on_hosts("folders::what_deploy_asks_for_is_enough", "3.5", what_deploy_asks_for_is_enough),
    ]
}

/// The paths in a description, and folders that etcd writes to then.
fn kinds() -> Vec<(Value, [&'static str; 2])> {
    let usual = "/var/lib/etcd/member/wal";
    vec![
        (json!({}), [usual, "/var/lib/etcd/member/snap"]),
        (
            json!({"data-dir": "/var/lib/etcd/prod/data", "wal-dir": "/var/lib/etcd-wal/wal"}),
            ["/var/lib/etcd/prod/data/member/snap", "/var/lib/etcd-wal/wal"],
        ),
        (
            json!({"data-dir": "/srv/etcd/data", "wal-dir": "/srv/etcd/wal"}),
            ["/srv/etcd/data/member/snap", "/srv/etcd/wal"],
        ),
        (
            json!({"data-dir": "/srv/etcd", "wal-dir": "/srv/etcd/wal"}),
            ["/srv/etcd/member/snap", "/srv/etcd/wal"],
        ),
        (json!({"wal-dir": "/mnt/fast/etcd/wal"}), ["/var/lib/etcd/member/snap", "/mnt/fast/etcd/wal"]),
        (json!({"data-dir": "/data/etcd"}), ["/data/etcd/member/wal", "/data/etcd/member/snap"]),
        (
            json!({"data-dir": "/opt/etcd/data", "config": "/opt/etcd/config", "pki": "/opt/etcd/pki"}),
            ["/opt/etcd/data/member/wal", "/opt/etcd/data/member/snap"],
        ),
        (
            json!({"data-dir": "/home/etcd/data", "wal-dir": "/var/log/etcd/wal"}),
            ["/home/etcd/data/member/snap", "/var/log/etcd/wal"],
        ),
        (
            json!({"data-dir": "/tmp/etcd/data", "wal-dir": "/var/tmp/etcd/wal"}),
            ["/tmp/etcd/data/member/snap", "/var/tmp/etcd/wal"],
        ),
        (
            json!({"data-dir": "/usr/local/etcd/data", "pki": "/srv/keys", "wal-dir": "/run/etcd/wal"}),
            ["/usr/local/etcd/data/member/snap", "/run/etcd/wal"],
        ),
    ]
}

/// Each host tries one kind after the other, as a cluster of its own.
fn every_kind_is_made_on_a_bare_host(hosts: &Hosts) -> Outcome {
    let kinds = Mutex::new(kinds().into_iter());
    let failures: Vec<String> = hosts
        .on_each(|machine| {
            let mut failures = Vec::new();
            loop {
                let Some((paths, written)) = kinds.lock().unwrap().next() else { return failures };
                if let Err(problem) = is_made(hosts, machine, &paths, written) {
                    failures.push(format!("{paths}: {problem}"));
                }
                hosts.wipe_one(machine);
            }
        })
        .concat();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn is_made(hosts: &Hosts, machine: &Machine, paths: &Value, written: [&str; 2]) -> Result<(), String> {
    let member = json!({"name": "etcd1", "address": machine.address});
    let tree = Tree::of_value(&json!({
        "name": "one", "version": hosts.etcd().version, "members": [member], "host": paths,
    }));
    tree.apply().ok();
    let ran = hosts.deploy(&tree, &["--timeout", "60"]);
    if ran.code != Some(0) {
        let log = machine.shell("journalctl --no-pager --output=cat --unit=etcd --lines=5").stdout;
        return Err(format!("{ran}\n{log}"));
    }
    hosts.etcdctl(&tree, "put greeting hello").ok();
    let look = format!(
        "stat --format='%U %a' {}; systemctl restart etcd && systemctl is-active etcd",
        written.join(" ")
    );
    let ran = machine.shell(&look);
    match ran.stdout.as_str() {
        "etcd 700\netcd 700\nactive\n" => Ok(()),
        _ => Err(format!("{ran}")),
    }
}

/// `deploy.sh` says what the hosts lack, and after that has been done it starts the cluster.
fn what_deploy_asks_for_is_enough(hosts: &Hosts) -> Outcome {
    let machine = &hosts.machines[0];
    let text = fs::read_to_string(fixture("cluster/folders.yaml")).unwrap();
    let tree = Tree::of(&format!(
        "{}version: {}\n",
        text.replace("10.0.0.11", &machine.address),
        hosts.etcd().version
    ))
    .applied();
    let ran = hosts.deploy(&tree, &[]).ends_with(1);
    assert!(ran.stderr.contains("there is no /opt/etcd/bin/etcd on"), "{ran}");
    let (_, hint) = ran.stderr.split_once("run there: ").unwrap_or_else(|| panic!("{ran}"));
    machine.shell(hint.lines().next().unwrap()).ok();
    machine.shell("install -D -m 0755 /usr/bin/etcd /opt/etcd/bin/etcd").ok();
    let ran = hosts.deploy(&tree, &[]).ok();
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    let owners = "stat --format='%U %a' /opt/etcd/pki /srv/etcd/member /mnt/fast/etcd-wal; userdel database";
    let ran = machine.shell(&format!("{owners} 2>/dev/null; systemctl stop etcd; userdel database"));
    assert!(ran.stdout.starts_with("database 700\ndatabase 700\ndatabase 700\n"), "{ran}");
    Ok(())
}
