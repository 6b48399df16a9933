//! A cluster that exists in tests only: an output folder on the disk, and hosts and processes in memory, of which one may
//! lie.

#![expect(clippy::disallowed_methods, reason = "the output folder of a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::super::*;
use crate::etcd::check::forecast::{Answers, Forecast};
use crate::etcd::check::observe::{Expected, ExpectedPort, Observation, Running};
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::disk::Folder;
use crate::etcd::live::{Endpoint, Health, Metrics, SeenMember, SeenPort, Told, Verdict};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::Plan;
use crate::etcd::plan::renewal::Renewal;
use crate::tls::{AllowedPeers, Authorities, Greeting, Leniency, check_shown};
use crate::x509::certificate::Certificate;
use crate::x509::digest::sha256;
use crate::x509::{SystemKeys, SystemRandomness};

/// When the folder was made.
pub(super) const START: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

const SECOND: Duration = Duration::from_secs(1);

/// What is not as it seems, with one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// A restart is said to be done, and the process goes on.
    OldProcess,
    /// The host has other files again as soon as it gets the right ones.
    PutsBack,
    /// The host has the files of before as soon as it gets others.
    KeepsOldFiles,
    /// Something before the client port accepts other CAs.
    Proxy,
    /// The process is stopped, and answers nothing.
    Stopped,
    /// The process trusts a CA with a name that looks the same.
    OtherNameBytes,
    /// The clock of the host is three minutes off.
    Clock,
    /// The host has another series of etcd.
    OtherSeries,
}

pub(super) const LIES: [Lie; 7] = [
    Lie::OldProcess,
    Lie::PutsBack,
    Lie::Proxy,
    Lie::Stopped,
    Lie::OtherNameBytes,
    Lie::Clock,
    Lie::OtherSeries,
];

/// A process of etcd, with what it has read at its start.
struct Process {
    started: OffsetDateTime,
    /// The paths of the certificates of its ports, and its CAs.
    client: (String, Vec<u8>),
    peer: (String, Vec<u8>),
}

#[derive(Default)]
struct Machine {
    files: BTreeMap<String, Vec<u8>>,
    process: Option<Process>,
}

pub(super) struct Lab {
    home: tempfile::TempDir,
    pub(super) cluster: Cluster,
    clock: Duration,
    machines: BTreeMap<String, Machine>,
    pub(super) lines: Vec<String>,
    /// Who lies.
    pub(super) lie: Option<(Lie, &'static str)>,
}

impl Lab {
    /// Three members that run with the files of their folder.
    pub(super) fn new(more: &str) -> Self {
        let text = format!(
            "name: prod\nversion: 3.5.30\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n  - {{name: b, address: \
             10.0.0.2}}\n  - {{name: c, address: 10.0.0.3}}\n{more}"
        );
        let cluster = Cluster::from_yaml(&text, None).unwrap().value;
        let home = tempfile::tempdir().unwrap();
        let mut lab = Self {
            home,
            cluster,
            clock: Duration::ZERO,
            machines: BTreeMap::new(),
            lines: Vec::new(),
            lie: None,
        };
        lab.apply(&Renewal::Due);
        for name in ["a", "b", "c"] {
            lab.machines.insert(name.to_owned(), Machine::default());
            lab.copy(name, None);
            lab.start(name);
        }
        lab.later(Duration::from_secs(3600));
        lab
    }

    pub(super) fn out(&self) -> PathBuf {
        self.home.path().join("out")
    }

    pub(super) fn later(&mut self, time: Duration) {
        self.clock += time;
    }

    /// Applies the description to the folder, and to nothing else.
    pub(super) fn apply(&mut self, renewal: &Renewal) {
        let now = START + self.clock;
        let folder = Folder::lock(&self.out()).unwrap();
        let plan =
            Plan::renewing(&self.cluster, &folder.snapshot(&self.cluster).unwrap(), now, renewal).unwrap();
        folder.apply(&plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap()).unwrap();
    }

    pub(super) fn folder(&self) -> ClusterFolder<'_> {
        ClusterFolder::new(&self.cluster, &self.out(), EtcdVersion::V3_5, "root").unwrap()
    }

    pub(super) fn running(&self) -> Running {
        self.folder().running().unwrap()
    }

    /// The plan of `apply` has nothing to do.
    pub(super) fn is_applied(&self) -> bool {
        let snapshot = Folder::open(&self.out()).unwrap().snapshot(&self.cluster).unwrap();
        Plan::new(&self.cluster, &snapshot, START + self.clock).unwrap().is_done()
    }

    /// How many lines have this in them.
    pub(super) fn count(&self, part: &str) -> usize {
        self.lines.iter().filter(|line| line.contains(part)).count()
    }

    fn lies(&self, lie: Lie, member: &str) -> bool {
        self.lie == Some((lie, member))
    }

    /// Brings files of the folder to a host: these, or all.
    fn copy(&mut self, member: &str, only: Option<&[&str]>) {
        let root = self.out().join("nodes").join(member);
        let machine = self.machines.get_mut(member).unwrap();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if only.is_none_or(|only| only.contains(&name.as_str())) {
                    machine.files.insert(format!("/{name}"), fs::read(&path).unwrap());
                }
            }
        }
    }

    /// What somebody else puts onto a host: the CAs are interchanged.
    fn put_back(&mut self, member: &str, before: BTreeMap<String, Vec<u8>>) {
        let machine = self.machines.get_mut(member).unwrap();
        machine.files = before;
        let peer = machine.files["/etc/etcd/pki/peer-ca.pem"].clone();
        machine.files.insert("/etc/etcd/pki/client-ca.pem".to_owned(), peer);
    }

    fn start(&mut self, member: &str) {
        let started = START + self.clock;
        let machine = self.machines.get_mut(member).unwrap();
        let text = String::from_utf8(machine.files["/etc/etcd/etcd.env"].clone()).unwrap();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let read = |name: &str| machine.files[&value(name)].clone();
        machine.process = Some(Process {
            started,
            client: (value("ETCD_CERT_FILE="), read("ETCD_TRUSTED_CA_FILE=")),
            peer: (value("ETCD_PEER_CERT_FILE="), read("ETCD_PEER_TRUSTED_CA_FILE=")),
        });
    }

    fn line(&mut self, line: &str) -> String {
        let places = [("a", "root@10.0.0.1 "), ("b", "root@10.0.0.2 "), ("c", "root@10.0.0.3 ")];
        let member = places.iter().find(|(_, place)| line.contains(place)).map(|(name, _)| *name);
        let Some(member) = member else { return String::new() };
        if let Some(files) = line.strip_prefix("tar -C ") {
            let before = self.machines[member].files.clone();
            let (files, _) = files.split_once(" | {").unwrap();
            let named: Vec<&str> =
                files.split_once(" -- ").map(|(_, files)| files.split(' ').collect()).unwrap_or_default();
            self.copy(member, (!named.is_empty()).then_some(&named[..]));
            let now = &self.machines[member].files;
            let changed = now.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes));
            let changed = changed.map(|(path, _)| format!("{path}\n")).collect();
            if self.lies(Lie::PutsBack, member) || self.lies(Lie::KeepsOldFiles, member) {
                self.machines.get_mut(member).unwrap().files = before;
            }
            return changed;
        }
        if line.contains("no-binary") {
            let off = if self.lies(Lie::Clock, member) { 180 } else { 0 };
            let clock = (START + self.clock).unix_timestamp() + off;
            let version = if self.lies(Lie::OtherSeries, member) { "3.4.23" } else { "3.5.30" };
            return format!("clock {clock}\nversion {version}\nhas-data\nrunning\nchecked\n");
        }
        if line.contains("sha256sum") {
            let files = self.machines[member].files.iter();
            return files.map(|(path, bytes)| format!("{}  {path}\n", sha256(bytes))).collect();
        }
        if line.contains("systemctl restart") && !self.lies(Lie::OldProcess, member) {
            self.clock += SECOND;
            if self.lies(Lie::PutsBack, member) {
                let before = self.machines[member].files.clone();
                self.put_back(member, before);
            }
            self.start(member);
        }
        String::new()
    }

    fn chain(&self, member: &str, path: &str) -> Vec<Vec<u8>> {
        let all = Certificate::read_all(&self.machines[member].files[path]).unwrap();
        all.iter().map(|certificate| certificate.der().to_vec()).collect()
    }

    fn accepts(&self, authorities: &[u8], shown: &[&[u8]], allowed: &AllowedPeers) -> bool {
        let read = Authorities::of_clients(Some(authorities), true, Leniency::default()).unwrap().unwrap();
        check_shown(shown, &read, allowed, None, START + self.clock).is_ok()
    }

    fn answers(&self, member: &str) -> bool {
        !self.lies(Lie::Stopped, member)
    }

    fn are_connected(&self, one: &Expected, other: &Expected) -> bool {
        let accepts = |from: &Expected, to: &Expected| {
            let (Some(own), Some(process)) =
                (&self.machines[&from.name].process, &self.machines[&to.name].process)
            else {
                return false;
            };
            let chain = self.chain(&from.name, &own.peer.0);
            let shown: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            self.accepts(&process.peer.1, &shown, &to.peer.allowed)
        };
        self.answers(&one.name) && self.answers(&other.name) && accepts(one, other) && accepts(other, one)
    }

    fn port(&self, member: &str, port: &(String, Vec<u8>), endpoint: &Endpoint, lies: bool) -> SeenPort {
        let names = |bytes: &[u8]| {
            let all = Certificate::read_all(bytes).unwrap();
            all.iter().map(|ca| ca.subject().der().to_vec()).collect::<Vec<_>>()
        };
        let mut accepted = names(&port.1);
        if lies && self.lies(Lie::Proxy, member) {
            accepted = vec![accepted[0][..].iter().rev().copied().collect()];
        }
        if lies && self.lies(Lie::OtherNameBytes, member) {
            for tag in &mut accepted[0] {
                // A PrintableString becomes a UTF8String, and a UTF8String a PrintableString.
                *tag = match *tag {
                    0x13 => 0x0c,
                    0x0c => 0x13,
                    other => other,
                };
            }
        }
        let greeting =
            Greeting { chain: self.chain(member, &port.0), accepted: Some(accepted), ..Greeting::default() };
        SeenPort { endpoint: Some(endpoint.clone()), greeting: Some(greeting), ..SeenPort::default() }
    }

    fn seen_member(&self, at: usize, expected: &Expected, running: &Running) -> SeenMember {
        let name = expected.name.as_str();
        let nothing = |port: &ExpectedPort, endpoint: &Endpoint| SeenPort {
            endpoint: Some(endpoint.clone()),
            no_answer: Some(crate::etcd::live::NoAnswer {
                endpoint: endpoint.to_string(),
                why: format!("no answer in time{}", if port.is_tls { "" } else { " without TLS" }),
            }),
            ..SeenPort::default()
        };
        let (client, peer) = (&expected.target.client[0], &expected.target.peer[0]);
        let process = self.machines[name].process.as_ref().filter(|_| self.answers(name));
        let Some(process) = process else {
            let (client, peer) = (nothing(&expected.client, client), nothing(&expected.peer, peer));
            return SeenMember { client, peer, told: None, silence: None };
        };
        let mut seen = SeenMember {
            client: self.port(name, &process.client, client, true),
            peer: self.port(name, &process.peer, peer, false),
            told: None,
            silence: None,
        };
        let identity = running.identity.as_ref().unwrap();
        if !self.accepts(&process.client.1, &identity.chain(), &AllowedPeers::All) {
            seen.client.refusal = Some("bad certificate".to_owned());
            return seen;
        }
        let others = running.members.iter().enumerate().filter(|(_, other)| other.name != name);
        let peers: BTreeMap<String, bool> =
            others.map(|(at, other)| (at.to_string(), self.are_connected(expected, other))).collect();
        let has_leader = (peers.values().filter(|is| **is).count() + 1) * 2 > running.members.len();
        seen.told = Some(Told {
            version: Some(if self.lies(Lie::OtherSeries, name) { "3.4.23" } else { "3.5.30" }.to_owned()),
            metrics: Some(Metrics {
                id: Some(at.to_string()),
                started: Some(process.started),
                has_leader: Some(has_leader),
                is_leader: Some(has_leader && at == 0),
                is_learner: Some(false),
                applied: Some(5),
                peers,
                ..Metrics::default()
            }),
            health: Some(Health { is_healthy: has_leader, reason: String::new() }),
            clock_difference: Some(time::Duration::seconds(if self.lies(Lie::Clock, name) {
                180
            } else {
                0
            })),
            ..Told::default()
        });
        seen
    }

    fn seen(&self, running: &Running) -> Vec<SeenMember> {
        let members = running.members.iter().enumerate();
        members.map(|(at, expected)| self.seen_member(at, expected, running)).collect()
    }
}

impl Operator for Lab {
    fn run(&mut self, lines: &[String], _: Duration) -> Vec<Result<String, String>> {
        self.lines.extend_from_slice(lines);
        lines.iter().map(|line| Ok(self.line(line))).collect()
    }

    fn observe(&mut self, running: &Running) -> Observation {
        running.judge(&self.seen(running), START + self.clock)
    }

    fn forecast(&mut self, running: &Running) -> Forecast {
        let mut answers = Answers::new();
        for from in &running.members {
            for to in running.members.iter().filter(|to| to.name != from.name && self.answers(&to.name)) {
                let process = self.machines[&to.name].process.as_ref().unwrap();
                let shown = from.peer.identity.as_ref().unwrap().chain();
                let verdict = match self.accepts(&process.peer.1, &shown, &to.peer.allowed) {
                    true => Verdict::Accepted,
                    false => Verdict::Refused { alert: "bad certificate".to_owned() },
                };
                answers.insert((from.name.clone(), to.name.clone()), Ok(verdict));
            }
        }
        running.foresee(&self.seen(running), &answers, START + self.clock)
    }

    fn tell(&mut self, _: &str) {}

    fn now(&mut self) -> OffsetDateTime {
        START + self.clock
    }

    fn clock(&mut self) -> Duration {
        self.clock
    }

    fn pause(&mut self, time: Duration) {
        self.clock += time;
    }
}

/// The text of a file of the folder.
pub(super) fn text(out: &Path, path: &str) -> String {
    fs::read_to_string(out.join(path)).unwrap()
}
