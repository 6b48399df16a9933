//! What `cluster apply` prints is done word by word, on members that run and while somebody writes.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::machine::Machine;
use super::sandbox::described;
use super::writer::Writer;
use super::{HOSTS, Hosts, PATIENCE, on_hosts};
use crate::suite::command::{Ran, quoted, until};
use crate::suite::product::{Tree, printed_steps};
use crate::suite::trial::{Outcome, named};

/// The address to which a member moves: one more of the third host.
const ANOTHER: &str = "10.77.0.33";
const THIRD: usize = 2;

type Test = fn(&Hosts) -> Outcome;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 7] = named![
        a_cluster_is_founded,
        certificates_are_replaced,
        an_option_changes,
        a_member_joins_and_leaves,
        a_member_that_is_gone_leaves,
        a_member_moves,
        a_member_takes_anothers_place,
    ];
    let named = |(name, test): (&str, Test)| on_hosts(&format!("printed::{name}"), "3.5", test);
    tests.into_iter().map(named).collect()
}

/// A description whose members are on the hosts in their order.
struct Story<'a> {
    hosts: &'a Hosts,
    tree: Tree,
    description: Value,
}

impl<'a> Story<'a> {
    fn of(hosts: &'a Hosts) -> Self {
        let description = described(hosts, json!({}));
        Self { hosts, tree: Tree::of_value(&description), description }
    }

    /// The cluster runs.
    fn running(hosts: &'a Hosts) -> Self {
        let story = Self::of(hosts);
        story.tree.apply().ok();
        hosts.deploy(&story.tree, &[]).ok();
        story
    }

    /// The cluster runs, and etcd accepts changes of its members.
    fn settled(hosts: &'a Hosts) -> Self {
        let story = Self::running(hosts);
        let folder = quoted(story.tree.path("clients/root").to_str().unwrap());
        wait_for_5_healthy_seconds(
            hosts,
            &format!("(cd {folder}; . ./etcdctl.env; etcdctl endpoint health)"),
        );
        story
    }

    fn members(&mut self) -> &mut Vec<Value> {
        self.description["members"].as_array_mut().unwrap()
    }

    /// Changes the description, applies it and does what is printed, under a writer.
    #[track_caller]
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.addresses();
        change(self);
        self.tree.describe(&self.description.to_string());
        let writer = Writer::begin(self.hosts, &self.tree);
        let applied = self.tree.apply().ok();
        // Those who leave are still on their hosts.
        let mut addresses = before;
        addresses.extend(self.addresses());
        follow(self.hosts, &self.tree, &addresses, &applied);
        writer.end();
        self.hosts.wait_until_healthy(&self.tree);
        self.tree.plan().ends_with(0);
    }

    fn addresses(&self) -> BTreeMap<String, String> {
        let members = self.description["members"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        members.map(|member| (text(&member["name"]), text(&member["address"]))).collect()
    }

    /// The members that etcd has, by name and peer URL.
    #[track_caller]
    fn assert_members(&self) {
        let listed = self.hosts.etcdctl(&self.tree, "member list").ok().stdout;
        let mut found: Vec<_> = listed
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split(", ").collect();
                assert_eq!(words[1], "started", "{listed}");
                (words[2].to_owned(), words[3].to_owned())
            })
            .collect();
        found.sort();
        let url = |(name, address)| (name, format!("https://{address}:2380"));
        assert_eq!(found, self.addresses().into_iter().map(url).collect::<Vec<_>>());
    }
}

fn a_cluster_is_founded(hosts: &Hosts) -> Outcome {
    let story = Story::of(hosts);
    let applied = story.tree.apply().ok();
    follow(hosts, &story.tree, &story.addresses(), &applied);
    story.assert_members();
    Ok(())
}

/// Keys and certificates are copied to members that run, which read them for every connection.
fn certificates_are_replaced(hosts: &Hosts) -> Outcome {
    let mut story = Story::running(hosts);
    let pids = |hosts: &Hosts| {
        hosts.on_some(3, |machine| machine.shell("systemctl show --property=MainPID etcd").ok().stdout)
    };
    let before = pids(hosts);
    story.change(|story| {
        story.members().iter_mut().for_each(|member| member["names"] = json!(["etcd.example"]))
    });
    assert_eq!(pids(hosts), before, "nobody has to start again");
    for machine in &hosts.machines[..3] {
        let served = format!("{}:2379", machine.address);
        let ask = format!(
            "openssl s_client -connect {served} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
        );
        let said = hosts.shell(&ask).said();
        assert!(said.contains("DNS:etcd.example"), "{said}");
    }
    Ok(())
}

fn an_option_changes(hosts: &Hosts) -> Outcome {
    let mut story = Story::running(hosts);
    story.change(|story| story.description["options"] = json!({"snapshot-count": 4321}));
    for machine in &hosts.machines[..3] {
        let told = "tr '\\0' '\\n' < /proc/$(systemctl show --property=MainPID --value etcd)/environ";
        let environment = machine.shell(told).ok().stdout;
        assert!(environment.contains("ETCD_SNAPSHOT_COUNT=4321\n"), "{}: {environment}", machine.name);
    }
    Ok(())
}

fn fourth() -> Value {
    json!({"name": "etcd4", "address": HOSTS[3].1})
}

fn a_member_joins_and_leaves(hosts: &Hosts) -> Outcome {
    let mut story = Story::settled(hosts);
    story.change(|story| story.members().push(fourth()));
    story.assert_members();
    story.change(|story| drop(story.members().pop()));
    story.assert_members();
    let state = "systemctl is-enabled etcd; systemctl is-active etcd";
    assert_eq!(hosts.machines[3].shell(state).stdout, "disabled\ninactive\n");
    Ok(())
}

/// Somebody has removed it already, as one does when a host is lost.
fn a_member_that_is_gone_leaves(hosts: &Hosts) -> Outcome {
    let mut story = Story::settled(hosts);
    let remove = "etcdctl member remove $(etcdctl member list | grep ', etcd3,' | cut -d , -f 1)";
    hosts.etcdctl(&story.tree, &format!("version; {remove}")).ok();
    story.change(|story| drop(story.members().pop()));
    story.assert_members();
    Ok(())
}

fn a_member_moves(hosts: &Hosts) -> Outcome {
    let mut story = Story::settled(hosts);
    hosts.add_address(THIRD, ANOTHER);
    story.change(|story| story.members()[2]["address"] = json!(ANOTHER));
    story.assert_members();
    Ok(())
}

fn a_member_takes_anothers_place(hosts: &Hosts) -> Outcome {
    let mut story = Story::settled(hosts);
    story.change(|story| story.members()[2] = fourth());
    story.assert_members();
    Ok(())
}

/// Does what was printed, in its order: commands for a host on that host, others where the output folder is.
#[track_caller]
fn follow(hosts: &Hosts, tree: &Tree, addresses: &BTreeMap<String, String>, applied: &Ran) {
    for (title, command) in printed_steps(applied) {
        if title.contains("healthy for 5 seconds") {
            wait_for_5_healthy_seconds(hosts, command);
        } else if command.starts_with("systemctl ") {
            on_the_hosts_of(title, hosts, tree, addresses, command);
        } else if title.contains(" a vote, ") {
            let promoted = until(PATIENCE, || (hosts.shell(command).code == Some(0)).then_some(()));
            assert!(promoted.is_some(), "{}", hosts.shell(command));
        } else {
            hosts.shell(command).ok();
        }
    }
}

fn wait_for_5_healthy_seconds(hosts: &Hosts, command: &str) {
    let mut since = None;
    let mut last = None;
    let healthy = until(PATIENCE, || {
        let ran = hosts.shell(command);
        let is_healthy = ran.code == Some(0);
        last = Some(ran);
        if !is_healthy {
            since = None;
        }
        let since = is_healthy.then(|| *since.get_or_insert_with(Instant::now))?;
        (since.elapsed() > Duration::from_secs(5)).then_some(())
    });
    assert!(healthy.is_some(), "not healthy in time: {}", last.unwrap());
}

/// As a person reads the title.
#[track_caller]
fn on_the_hosts_of(
    title: &str,
    hosts: &Hosts,
    tree: &Tree,
    addresses: &BTreeMap<String, String>,
    command: &str,
) {
    let machine = |member: &str| {
        let address = addresses.get(member).unwrap_or_else(|| panic!("no member {member}: {title}"));
        let place = HOSTS.iter().position(|(_, host)| host == address).unwrap_or(THIRD);
        &hosts.machines[place]
    };
    if title.contains("On all hosts at the same time") {
        let all: Vec<&Machine> = addresses.keys().map(|member| machine(member)).collect();
        thread::scope(|scope| {
            for machine in all {
                scope.spawn(|| machine.shell(command).ok());
            }
        });
    } else if title.contains("On one host after the other, each when all members are healthy (") {
        let (_, members) = title.trim_end_matches("):").rsplit_once('(').unwrap();
        for member in members.split(", ") {
            machine(member).shell(command).ok();
            hosts.wait_until_healthy(tree);
        }
    } else if let Some((_, member)) = title.split_once("On the host of ") {
        let member = member.trim_end_matches(':').split(',').next().unwrap();
        machine(member).shell(command).ok();
    } else {
        panic!("not known here: {title}\n{command}");
    }
}
