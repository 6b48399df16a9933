//! `deploy.sh` over a real sshd.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::machine::Machine;
use super::sandbox::described;
use super::{HOSTS, Hosts, on_hosts};
use crate::suite::command::{quoted, run};
use crate::suite::guides::listing;
use crate::suite::product::{Tree, etcdpki, is_key};
use crate::suite::trial::{Outcome, named};

type Test = fn(&Hosts) -> Outcome;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = named![
        the_command_deploys_restarts_and_proves,
        as_root_it_copies_and_starts,
        as_a_user_with_sudo_it_copies_and_starts,
        it_lets_a_member_join,
        it_never_restarts_a_member,
        it_says_how_to_stop_another_etcd,
    ];
    let named = |(name, test): (&str, Test)| on_hosts(&format!("deploy::{name}"), "3.5", test);
    tests.into_iter().map(named).collect()
}

/// `cluster deploy`, as root and with sudo. Beside it stands how long `deploy.sh` takes for the same.
fn the_command_deploys_restarts_and_proves(hosts: &Hosts) -> Outcome {
    let mut description = as_user(described(hosts, json!({})), "admin");
    description["members"][0].as_object_mut().unwrap().remove("ssh");
    let tree = Tree::of_value(&description).applied();
    let deploy = || {
        let mut command =
            etcdpki(["cluster", "deploy", "--exec", "--json", "--settle", "1s", "--wait", "90s"]);
        command.arg(&tree.root).arg("-f").arg(&tree.description);
        let start = Instant::now();
        let ran = run(&mut hosts.outside(command));
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
        (ran.code, report, start.elapsed())
    };
    // The etcd of one host is of another series: nothing is changed on any.
    let other = "cp /usr/bin/etcd /tmp/etcd; install -m 0755 /usr/local/lib/etcd-3.4 /usr/bin/etcd";
    hosts.machines[2].shell(other).ok();
    let (status, report, _) = deploy();
    assert_eq!(status, Some(3), "{report}");
    let told = report["obstacles"][0].as_str().unwrap();
    assert!(told.starts_with("etcd3: /usr/bin/etcd on 10.77.0.3 is etcd 3.4."), "{report}");
    for machine in &hosts.machines[..3] {
        assert_eq!(machine.shell("ls /etc/etcd").code, Some(2), "{} was changed", machine.name);
    }
    hosts.machines[2].shell("install -m 0755 /tmp/etcd /usr/bin/etcd; rm /tmp/etcd").ok();

    let (status, report, took) = deploy();
    assert_eq!(status, Some(0), "{report}");
    let names = json!(["etcd1", "etcd2", "etcd3"]);
    assert_eq!((&report["started"], &report["proved"]), (&names, &names), "{report}");
    for (machine, n) in hosts.machines[..3].iter().zip(1..) {
        assert_arrived(machine, &tree, &format!("nodes/etcd{n}"));
        assert_eq!(machine.shell("ls -A /run | grep etcdpki").stdout, "", "something is left in /run");
    }
    hosts.etcdctl(&tree, "put greeting hello").ok();
    assert_eq!(tree.read("registry.jsonl").matches("\"event\":\"placed\"").count(), 3);

    // Nothing is new, so nobody is restarted; an option is, so all are.
    let (status, report, again) = deploy();
    assert_eq!((status, &report["restarted"]), (Some(0), &json!([])), "{report}");
    description["options"] = json!({"snapshot-count": 4321});
    tree.describe(&description.to_string());
    tree.apply().ok();
    let (status, report, _) = deploy();
    assert_eq!((status, report["restarted"].as_array().unwrap().len()), (Some(0), 3), "{report}");
    for machine in &hosts.machines[..3] {
        let told = "tr '\\0' '\\n' < /proc/$(systemctl show --property=MainPID --value etcd)/environ";
        assert!(machine.shell(told).ok().stdout.contains("ETCD_SNAPSHOT_COUNT=4321\n"), "{}", machine.name);
    }
    let start = Instant::now();
    hosts.deploy(&tree, &[]).ok();
    eprintln!("cluster deploy: {took:?}, again {again:?}; deploy.sh again: {:?}", start.elapsed());
    Ok(())
}

fn as_root_it_copies_and_starts(hosts: &Hosts) -> Outcome {
    copies_and_starts(hosts, "root")
}

fn as_a_user_with_sudo_it_copies_and_starts(hosts: &Hosts) -> Outcome {
    copies_and_starts(hosts, "admin")
}

fn as_user(mut description: Value, user: &str) -> Value {
    for member in description["members"].as_array_mut().unwrap() {
        member["ssh"] = json!(format!("{user}@{}", member["address"].as_str().unwrap()));
    }
    description
}

fn copies_and_starts(hosts: &Hosts, user: &str) -> Outcome {
    let tree = Tree::of_value(&as_user(described(hosts, json!({})), user)).applied();
    let start = Instant::now();
    let ran = hosts.deploy(&tree, &[]).ok();
    eprintln!("deploy.sh: {:?}", start.elapsed());
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    for (machine, n) in hosts.machines[..3].iter().zip(1..) {
        assert_arrived(machine, &tree, &format!("nodes/etcd{n}"));
        assert_eq!(machine.shell("ls -A /run | grep etcdpki").stdout, "", "something is left in /run");
    }
    hosts.etcdctl(&tree, "put greeting hello").ok();
    let again = hosts.deploy(&tree, &[]).ok();
    assert!(!again.stderr.contains(".pem") && again.stderr.ends_with("all members are healthy\n"), "{again}");
    Ok(())
}

/// Owner, mode and digest of each file and of the folder of keys; root's folders are for everybody to read.
#[track_caller]
pub fn assert_arrived(machine: &Machine, tree: &Tree, node: &str) {
    let node = tree.path(node);
    let mut expected = BTreeMap::new();
    for (path, mode) in listing(&node) {
        let name = path.to_str().unwrap();
        let owner = if path.starts_with("etc/etcd/pki") { "etcd:etcd" } else { "root:root" };
        let mode = if is_key(name) { 0o600 } else { mode };
        expected.insert(format!("/{name}"), format!("{owner} {mode:o}"));
    }
    for (folder, account) in [
        ("/etc/etcd/pki", "etcd:etcd 700"),
        ("/etc/etcd", "root:root 755"),
        ("/etc", "root:root 755"),
        ("/", "root:root 755"),
    ] {
        expected.insert(folder.to_owned(), account.to_owned());
    }
    let names: Vec<_> = expected.keys().map(String::as_str).collect();
    let said = machine.shell(&format!("stat --format='%n %U:%G %a' {}", names.join(" "))).ok().stdout;
    let found: BTreeMap<_, _> = said
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(n, a)| (n.to_owned(), a.to_owned()))
        .collect();
    assert_eq!(found, expected, "{}", machine.name);
    let files: Vec<_> =
        listing(&node).into_iter().map(|(path, _)| path.to_str().unwrap().to_owned()).collect();
    let digests = format!("cd {{}} && sha256sum {}", files.join(" "));
    let there = machine.shell(&digests.replace("{}", "/")).ok().stdout;
    let here =
        run(Command::new("sh").args(["-c", &digests.replace("{}", &quoted(node.to_str().unwrap()))])).ok();
    assert_eq!(there, here.stdout, "{}", machine.name);
}

fn it_lets_a_member_join(hosts: &Hosts) -> Outcome {
    let mut description = described(hosts, json!({}));
    let tree = Tree::of_value(&description).applied();
    hosts.deploy(&tree, &[]).ok();
    let fourth = json!({"name": "etcd4", "address": HOSTS[3].1});
    description["members"].as_array_mut().unwrap().push(fourth);
    tree.describe(&description.to_string());
    tree.apply().ok();
    let ran = hosts.deploy(&tree, &[]).ok();
    assert!(ran.stderr.contains("added etcd4 to the cluster"), "{ran}");
    let listed = hosts.etcdctl(&tree, "member list").ok().stdout;
    assert_eq!(listed.matches(", started, ").count(), 4, "{listed}");
    Ok(())
}

/// It says which to restart, and with which command.
fn it_never_restarts_a_member(hosts: &Hosts) -> Outcome {
    let mut description = described(hosts, json!({}));
    let tree = Tree::of_value(&description).applied();
    hosts.deploy(&tree, &[]).ok();
    let pids =
        || hosts.on_some(3, |machine| machine.shell("systemctl show --property=MainPID etcd").ok().stdout);
    let before = pids();
    description["options"] = json!({"snapshot-count": 4321});
    tree.describe(&description.to_string());
    tree.apply().ok();
    let ran = hosts.deploy(&tree, &[]).ok();
    assert_eq!(pids(), before);
    let commands: Vec<_> =
        ran.stderr.lines().filter_map(|line| Some(line.split_once("when all are healthy: ")?.1)).collect();
    assert_eq!(commands.len(), 3, "{ran}");
    for command in commands {
        hosts.shell(command).ok();
        hosts.wait_until_healthy(&tree);
    }
    for machine in &hosts.machines[..3] {
        let told = "tr '\\0' '\\n' < /proc/$(systemctl show --property=MainPID --value etcd)/environ";
        assert!(machine.shell(told).ok().stdout.contains("ETCD_SNAPSHOT_COUNT=4321\n"), "{}", machine.name);
    }
    Ok(())
}

/// Debian's package starts an etcd of its own.
fn it_says_how_to_stop_another_etcd(hosts: &Hosts) -> Outcome {
    let start = "install -d -o etcd -g etcd /var/lib/etcd && systemctl start etcd";
    hosts.machines[1].shell(start).ok();
    let tree = Tree::of_value(&described(hosts, json!({}))).applied();
    let ran = hosts.deploy(&tree, &[]).ends_with(1);
    let (_, command) = ran.stderr.split_once("run: ssh").unwrap_or_else(|| panic!("no command in {ran}"));
    let command = command.split(',').next().unwrap();
    assert_eq!(hosts.machines[0].shell("ls /etc/etcd").code, Some(2), "it has copied");
    hosts.shell(&format!("ssh{command}")).ok();
    let ran = hosts.deploy(&tree, &[]).ok();
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    Ok(())
}
