//! The Ansible role, which runs `apply` on the control node and brings the files to three hosts.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;

use super::deploy::assert_arrived;
use super::sandbox::described;
use super::{HOSTS, Hosts, on_hosts};
use crate::suite::command::{Ran, run};
use crate::suite::product::{Tree, program};
use crate::suite::programs::{ansible_playbook, workspace};
use crate::suite::trial::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![on_hosts("bridges::ansible_brings_up_a_cluster", "3.5", ansible_brings_up_a_cluster)]
}

fn ansible_brings_up_a_cluster(hosts: &Hosts) -> Outcome {
    let ansible = ansible_playbook()?;
    let tree = Tree::of_value(&described(hosts, json!({})));
    let first = play(hosts, &tree, &ansible);
    assert!(first.stdout.contains("failed=0") && !first.stdout.contains("PRIVATE"), "{first}");
    hosts.wait_until_healthy(&tree);
    for (machine, n) in hosts.machines[..3].iter().zip(1..) {
        assert_arrived(machine, &tree, &format!("nodes/etcd{n}"));
    }
    // A second run has nothing to do.
    let second = play(hosts, &tree, &ansible);
    assert_eq!(second.stdout.matches("changed=0").count(), 3, "{second}");
    // A member that joins is not for the role.
    let mut four = described(hosts, json!({}));
    four["members"].as_array_mut().unwrap().push(json!({"name": "etcd4", "address": HOSTS[3].1}));
    tree.describe(&four.to_string());
    let refused = play(hosts, &tree, &ansible).ends_with(2);
    assert!(refused.stdout.contains("A member joins, moves or leaves"), "{refused}");
    assert!(!tree.path("nodes/etcd4").exists());
    Ok(())
}

/// Runs the role for the three hosts.
fn play(hosts: &Hosts, tree: &Tree, ansible: &Path) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let members: serde_json::Map<_, _> = HOSTS[..3]
        .iter()
        .zip(1..)
        .map(|((_, address), n)| (format!("etcd{n}"), json!({"ansible_host": address})))
        .collect();
    let variables = json!({
        "ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3",
        "etcdpki_program": program(), "etcdpki_description": tree.description, "etcdpki_output": tree.root, "etcdpki_retries": 20,
    });
    let inventory = json!({"etcd": {"hosts": members, "vars": variables}});
    fs::write(folder.path().join("hosts.json"), inventory.to_string()).unwrap();
    let playbook = json!([{"hosts": "etcd", "gather_facts": false, "roles": ["etcdpki"]}]);
    fs::write(folder.path().join("playbook.json"), playbook.to_string()).unwrap();
    let mut command = Command::new(ansible);
    command.arg("-i").arg(folder.path().join("hosts.json")).arg(folder.path().join("playbook.json"));
    let mut command = hosts.outside(command);
    command
        .env("ANSIBLE_ROLES_PATH", workspace().join("bridges/ansible"))
        .env("ANSIBLE_LOCALHOST_WARNING", "false")
        .env("ANSIBLE_PIPELINING", "true")
        .env("ANSIBLE_SSH_TRANSFER_METHOD", "piped")
        // A connection that outlives the play would keep its streams open.
        .env("ANSIBLE_SSH_ARGS", "-o ControlMaster=no")
        .env("ANSIBLE_NOCOLOR", "true")
        .env("LC_ALL", "C.UTF-8");
    run(&mut command)
}
