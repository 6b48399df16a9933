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
    let machine = &hosts.machines[0];
    // With `--check` it says that it would do something, and does nothing.
    let tried = play(hosts, &tree, &ansible, &["--check", "--limit=etcd1"]).ends_with(0);
    assert!(tried.stdout.contains("failed=0") && !tried.stdout.contains("changed=0"), "{tried}");
    assert!(!tree.path("nodes").exists());
    machine.shell("test ! -e /etc/etcd").ok();
    // What a person sees who asks for everything has no key.
    let first = play(hosts, &tree, &ansible, &["-vvv", "--diff"]).ends_with(0);
    let key = fs::read_to_string(tree.path("nodes/etcd1/etc/etcd/pki/peer-key.pem")).unwrap();
    // The first and the third are the beginning of a key, and that in base64.
    for secret in ["PRIVATE", key.lines().nth(1).unwrap(), "LS0tLS1CRUdJTiBQUklWQVRF"] {
        assert!(!first.said().contains(secret), "{first}");
    }
    hosts.wait_until_healthy(&tree);
    for (machine, n) in hosts.machines[..3].iter().zip(1..) {
        assert_arrived(machine, &tree, &format!("nodes/etcd{n}"));
    }
    // A second run mends what has changed, on the host where it has, and nothing else; files keep their owner.
    machine
        .shell("cd /etc/etcd/pki && chmod 0640 peer-key.pem && echo x >>server.pem && mv peer-ca.pem /")
        .ok();
    machine.shell("ln -s /peer-ca.pem /etc/etcd/pki/peer-ca.pem").ok();
    let second = play(hosts, &tree, &ansible, &[]).ends_with(0);
    assert_eq!(second.stdout.matches("changed=0").count(), 2, "{second}");
    machine.shell("test ! -L /etc/etcd/pki/peer-ca.pem && rm /peer-ca.pem").ok();
    machine.shell("test \"$(stat -c %U:%a /etc/etcd/pki/peer-key.pem)\" = etcd:600").ok();
    machine.shell("chown etcd: /etc/etcd/pki/peer-ca.pem").ok();
    assert_arrived(machine, &tree, "nodes/etcd1");
    // It goes where no link of etcd's user leads.
    machine
        .shell("mv /etc/etcd/pki /etc/etcd/kept && ln -s /root /etc/etcd/pki && chown etcd: /etc/etcd")
        .ok();
    let led = play(hosts, &tree, &ansible, &["--limit=etcd1"]).ends_with(2);
    assert!(led.stdout.contains("a link is not followed"), "{led}");
    machine.shell("test ! -e /root/peer.pem").ok();
    // A member that joins is not for the role.
    let mut four = described(hosts, json!({}));
    four["members"].as_array_mut().unwrap().push(json!({"name": "etcd4", "address": HOSTS[3].1}));
    tree.describe(&four.to_string());
    let refused = play(hosts, &tree, &ansible, &[]).ends_with(2);
    assert!(refused.stdout.contains("A member joins, moves or leaves"), "{refused}");
    assert!(!tree.path("nodes/etcd4").exists());
    Ok(())
}

/// Runs the role for the three hosts.
fn play(hosts: &Hosts, tree: &Tree, ansible: &Path, arguments: &[&str]) -> Ran {
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
    command
        .arg("-i")
        .arg(folder.path().join("hosts.json"))
        .arg(folder.path().join("playbook.json"))
        .args(arguments);
    let mut command = hosts.outside(command);
    command
        .env("ANSIBLE_ROLES_PATH", workspace().join("bridges/ansible"))
        .env("ANSIBLE_LOCALHOST_WARNING", "false")
        .env("ANSIBLE_PIPELINING", "true")
        .env("ANSIBLE_SSH_TRANSFER_METHOD", "piped")
        // One connection for each host, which outlives the play.
        .env("ANSIBLE_SSH_ARGS", "-o ControlMaster=auto -o ControlPersist=60")
        .env("ANSIBLE_SSH_CONTROL_PATH_DIR", folder.path().join("cp"))
        .env("ANSIBLE_NOCOLOR", "true")
        .env("LC_ALL", "C.UTF-8");
    let ran = run(&mut command);
    for connection in fs::read_dir(folder.path().join("cp")).into_iter().flatten() {
        let mut command = Command::new("ssh");
        command.arg("-o").arg(format!("ControlPath={}", connection.unwrap().path().display()));
        run(hosts.outside(command).args(["-O", "exit", "host"]));
    }
    ran
}
