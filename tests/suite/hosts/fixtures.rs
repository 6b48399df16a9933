//! Descriptions of the repository, on hosts with their addresses.

use std::fs;

use libtest_mimic::Trial;

use super::{Hosts, on_hosts};
use crate::suite::product::Tree;
use crate::suite::programs::fixture;
use crate::suite::trial::Outcome;

/// What is brought up as it is, on a version of etcd, with the addresses of its members. `drop-in.yaml` is for the
/// distribution's unit, with privileged ports and a log in a folder that no package makes.
const FIXTURES: [(&str, &str, &[&str]); 2] = [
    ("cluster/drop-in", "3.4", &["10.77.0.1"]),
    ("guides/3/cluster", "3.5", &["192.168.10.80", "192.168.10.81", "192.168.10.82"]),
];

pub fn trials() -> Vec<Trial> {
    let named = |(name, series, addresses): (&'static str, _, &'static [&str])| {
        on_hosts(&format!("{name}::is_brought_up"), series, move |hosts| {
            is_brought_up(hosts, name, addresses)
        })
    };
    FIXTURES.into_iter().map(named).collect()
}

fn is_brought_up(hosts: &Hosts, name: &str, addresses: &[&str]) -> Outcome {
    let mut text = fs::read_to_string(fixture(&format!("{name}.yaml"))).unwrap();
    if addresses.len() == 1 {
        // The only one, which is the loopback interface's.
        text = text.replace("127.0.0.1", addresses[0]) + &format!("version: {}\n", hosts.etcd().version);
    }
    for (which, address) in addresses.iter().enumerate() {
        assert!(text.contains(address), "no {address} in {name}");
        hosts.add_address(which, address);
        hosts.machines[which]
            .shell("test -e /usr/local/bin/etcd || ln -s /usr/bin/etcd /usr/local/bin/etcd")
            .ok();
    }
    let tree = Tree::of(&text).applied();
    let ran = hosts.deploy(&tree, &[]).ok();
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    hosts.etcdctl(&tree, "put greeting hello").ok();
    hosts.machines[0].shell("systemctl restart etcd").ok();
    hosts.wait_until_healthy(&tree);
    Ok(())
}
