//! Changes of members of clusters that exist in these tests only.

use std::collections::BTreeSet;

use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::base::place::Place;
use crate::etcd::check::forecast::Forecast;
use crate::etcd::check::observe::{MemberObservation, PortObservation, RULES, Situation};
use crate::etcd::folder::operation::Leaving;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::tests::{apply, empty};

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);
const TOP: &str = "name: prod\nversion: 3.5.30\nmembers:\n";
const CHECK: &str = "no-binary";

/// A member that the cluster has.
#[derive(Clone)]
struct Listed {
    id: u64,
    name: String,
    address: String,
    is_learner: bool,
}

/// A cluster, its hosts, and who carries operations out there.
struct Town {
    list: Vec<Listed>,
    /// The addresses at which a healthy member runs.
    runs: BTreeSet<String>,
    /// The addresses whose hosts have data.
    data: BTreeSet<String>,
    /// What a host says in place of that all is right.
    says: BTreeMap<String, &'static str>,
    leader: String,
    lines: Vec<String>,
    clock: Duration,
    /// How often a promotion is refused.
    not_in_sync: usize,
    /// After so many lines none is run any more; whether the last one was.
    ends_after: Option<(usize, bool)>,
    /// A change that is made and not acknowledged.
    silent: bool,
}

fn address_of(member: u32) -> String {
    format!("10.0.0.{member}")
}

fn name_of(member: u32) -> String {
    char::from_u32(u32::from('a') + member - 1).unwrap().to_string()
}

fn description(members: &[u32]) -> String {
    let lines =
        members.iter().map(|one| format!("  - {{name: {}, address: {}}}\n", name_of(*one), address_of(*one)));
    TOP.to_owned() + &lines.collect::<String>()
}

fn cluster(text: &str) -> Cluster {
    Cluster::from_yaml(text, None).unwrap().value
}

/// The files after these descriptions were applied one after the other.
fn files(texts: &[String], starts_anew: &[&str]) -> Snapshot {
    let mut snapshot = empty();
    for text in texts {
        apply(&cluster(text), &mut snapshot, NOW);
    }
    let starts_anew: Vec<String> = starts_anew.iter().map(ToString::to_string).collect();
    snapshot.forget_starts(&starts_anew).unwrap();
    apply(&cluster(texts.last().unwrap()), &mut snapshot, NOW);
    snapshot
}

fn running(snapshot: &Snapshot) -> Running {
    let files: BTreeMap<_, _> = snapshot
        .paths()
        .filter_map(|path| Some((Path::new("/out").join(path), snapshot.entry(path).unwrap()?.clone())))
        .collect();
    Running::read(Path::new("/out"), EtcdVersion::V3_5, "root", &files).unwrap()
}

impl Town {
    fn new(members: &[u32]) -> Self {
        let listed = |one: &u32| Listed {
            id: u64::from(*one),
            name: name_of(*one),
            address: address_of(*one),
            is_learner: false,
        };
        Self {
            list: members.iter().map(listed).collect(),
            runs: members.iter().map(|one| address_of(*one)).collect(),
            data: members.iter().map(|one| address_of(*one)).collect(),
            says: BTreeMap::new(),
            leader: "a".to_owned(),
            lines: Vec::new(),
            clock: Duration::ZERO,
            not_in_sync: 1,
            ends_after: None,
            silent: false,
        }
    }

    fn without(mut self, dead: u32) -> Self {
        self.runs.remove(&address_of(dead));
        self
    }

    fn names(&self) -> Vec<String> {
        self.list.iter().filter(|one| !one.is_learner).map(|one| one.name.clone()).collect()
    }

    fn json(&self) -> String {
        let members = self.list.iter().map(|one| {
            let urls = format!("[\"https://{}:2380\"]", one.address);
            let clients =
                if one.name.is_empty() { String::new() } else { format!("\"https://{}:2379\"", one.address) };
            format!(
                "{{\"ID\":{},\"name\":\"{}\",\"peerURLs\":{urls},\"clientURLs\":[{clients}],\"isLearner\":{}}}",
                one.id, one.name, one.is_learner
            )
        });
        format!("done\n{{\"header\":{{}},\"members\":[{}]}}\n", members.collect::<Vec<_>>().join(","))
    }

    fn etcdctl(&mut self, line: &str) -> String {
        let after = |words: &str| {
            let (_, rest) = line.split_once(words)?;
            Some(rest.split([' ', ';']).next().unwrap_or_default().to_owned())
        };
        if line.contains("member list") {
            return self.json();
        }
        if line.contains("endpoint health") {
            let is_there = self.runs.iter().any(|address| line.contains(&format!("https://{address}:2379 ")));
            return if is_there { "done\n" } else { "failed\nError: context deadline exceeded\n" }.to_owned();
        }
        if let Some(id) = after("member remove ") {
            let gone = self.list.iter().position(|one| format!("{:x}", one.id) == id).unwrap();
            let gone = self.list.remove(gone);
            self.runs.remove(&gone.address);
            if self.leader == gone.name {
                self.leader = self.list[0].name.clone();
            }
        } else if line.contains("member add ") {
            let (_, urls) = line.split_once("--peer-urls=").unwrap();
            let address =
                urls.trim_start_matches('\'').trim_start_matches("https://").split(':').next().unwrap();
            assert!(self.list.iter().all(|one| one.address != address && !one.is_learner), "{line}");
            let dead = self.list.iter().any(|one| !self.runs.contains(&one.address));
            if dead {
                return "failed\nError: etcdserver: unhealthy cluster\n".to_owned();
            }
            let id = self.list.iter().map(|one| one.id).max().unwrap() + 10;
            let (name, address) = (String::new(), address.to_owned());
            self.list.push(Listed { id, name, address, is_learner: true });
        } else if let Some(id) = after("member promote ") {
            if self.not_in_sync > 0 {
                self.not_in_sync -= 1;
                return "failed\n{\"level\":\"warn\"}\nError: etcdserver: can only promote a learner member which is in \
                        sync with leader\n"
                    .to_owned();
            }
            let one = self.list.iter_mut().find(|one| format!("{:x}", one.id) == id).unwrap();
            assert!(!one.name.is_empty(), "it has not started");
            one.is_learner = false;
        } else if let Some(id) = after("member update ") {
            let (_, url) = line.split_once("--peer-urls=").unwrap();
            let address =
                url.trim_start_matches('\'').trim_start_matches("https://").split(':').next().unwrap();
            let one = self.list.iter_mut().find(|one| format!("{:x}", one.id) == id).unwrap();
            one.address = address.to_owned();
        } else if line.contains("move-leader") {
            self.leader = "b".to_owned();
        }
        if std::mem::take(&mut self.silent) {
            return "failed\nError: etcdserver: request timed out\n".to_owned();
        }
        "done\n\n".to_owned()
    }

    fn host(&mut self, line: &str) -> String {
        let address =
            (1..10).map(address_of).find(|address| line.contains(&format!("root@{address} "))).unwrap();
        if line.contains(CHECK) {
            if let Some(said) = self.says.get(&address) {
                return (*said).to_owned();
            }
            let running = if self.runs.contains(&address) { "running\n" } else { "" };
            let data = if self.data.contains(&address) { "has-data\n" } else { "" };
            return format!("version 3.5.30\n{running}{data}checked\n");
        }
        if line.contains("mv -T") && self.data.remove(&address) {
            return "/var/lib/etcd/member.old\n".to_owned();
        }
        if line.contains("start --no-block") || line.contains("systemctl restart etcd") {
            let one = self.list.iter_mut().find(|one| one.address == address).expect("it was added before");
            if one.name.is_empty() {
                let last = address.rsplit_once('.').unwrap().1.parse().unwrap();
                one.name = name_of(last);
            }
            self.runs.insert(address.clone());
            self.data.insert(address);
        } else if line.starts_with("tar -C") {
            return "/etc/etcd/etcd.env\n".to_owned();
        }
        String::new()
    }
}

impl Operator for Town {
    fn run(&mut self, lines: &[String], _: Duration) -> Vec<Result<String, String>> {
        let mut answers = Vec::new();
        for line in lines {
            let stops = self.ends_after.is_some_and(|(count, _)| self.lines.len() >= count);
            let is_done = self
                .ends_after
                .is_none_or(|(count, last)| self.lines.len() < count || self.lines.len() == count && last);
            self.lines.push(line.clone());
            let answer = match line.contains("etcdctl --endpoints") {
                _ if !is_done => String::new(),
                true => self.etcdctl(line),
                false => self.host(line),
            };
            answers.push(if stops { Err("a signal ended it".to_owned()) } else { Ok(answer) });
        }
        answers
    }

    fn observe(&mut self, running: &Running) -> Observation {
        let address = |name: &str| {
            let url = running.client_url(name).unwrap();
            url.trim_start_matches("https://").split(':').next().unwrap().to_owned()
        };
        let lives = |name: &str| self.runs.contains(&address(name));
        let port = || PortObservation { serves_its_file: Some(true), ..PortObservation::default() };
        let member = |name: &str| MemberObservation {
            name: name.to_owned(),
            role: lives(name).then_some(if name == self.leader { "leader" } else { "follower" }),
            id: None,
            version: None,
            started: None,
            healthy: lives(name).then_some(true),
            clock_difference: None,
            connected: BTreeMap::new(),
            applied: None,
            client: port(),
            peer: port(),
            waits_for_restart: false,
        };
        let silent = RULES.iter().find(|rule| rule.id == "E1101").unwrap();
        let dead = running.names().filter(|name| !lives(name));
        Observation {
            cluster: None,
            etcd: "3.5".to_owned(),
            now: NOW,
            situation: Situation::AsRecorded,
            members: running.names().map(member).collect(),
            findings: dead.map(|name| silent.finding(Place::default(), "no answer").about(name)).collect(),
        }
    }

    fn forecast(&mut self, _: &Running) -> Forecast {
        unreachable!("nobody restarts")
    }

    fn tell(&mut self, _: &str) {}

    fn now(&mut self) -> OffsetDateTime {
        NOW
    }

    fn clock(&mut self) -> Duration {
        self.clock
    }

    fn pause(&mut self, time: Duration) {
        self.clock += time;
    }
}

fn leaving(member: u32, id: Option<u64>) -> Operation {
    let mut operation = Operation::default();
    operation.leave(Leaving {
        member: name_of(member),
        peer_urls: vec![format!("https://{}:2380", address_of(member))],
        host: Some(format!("root@{}", address_of(member))),
        id: id.map(|id| format!("{id:x}")),
    });
    operation
}

/// An error, which is no end that a test expects.
#[derive(Debug)]
struct Failure(OperationError);

impl PartialEq for Failure {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// Makes the cluster of `town` the one that the last description has.
fn change(
    town: &mut Town,
    texts: &[String],
    starts_anew: &[&str],
    operation: &Operation,
    only_print: bool,
) -> (Result<End, Failure>, MembershipReport) {
    let running = running(&files(texts, starts_anew));
    let options =
        RestartOptions { client: Some("/out/clients/root".into()), only_print, ..RestartOptions::default() };
    let cluster = cluster(texts.last().unwrap());
    let mut membership = Membership::new(&cluster, &running, Path::new("/out"), &options, operation);
    let end = membership.carry_out(town).map_err(Failure);
    (end, membership.report().clone())
}

/// The kinds of the lines that change something, in their order.
fn changes(town: &Town) -> Vec<&'static str> {
    let kinds = [
        "member remove",
        "systemctl disable",
        "mv -T",
        "tar -C",
        "member add",
        "start --no-block",
        "member promote",
        "member update",
        "move-leader",
    ];
    town.lines.iter().filter_map(|line| kinds.into_iter().find(|kind| line.contains(kind))).collect()
}

const JOIN: [&str; 5] = ["tar -C", "member add", "start --no-block", "member promote", "member promote"];

#[test]
fn who_joins_gets_its_files_and_its_vote_when_it_has_everything() {
    let mut town = Town::new(&[1, 2, 3]);
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!(end, Ok(End::Done), "{report:?}");
    assert_eq!(changes(&town), JOIN);
    let add = town.lines.iter().find(|line| line.contains("member add")).unwrap();
    assert!(add.contains("member add d --learner --peer-urls=https://10.0.0.4:2380"), "{add}");
    assert_eq!(
        (report.added, report.promoted, report.proved.clone()),
        (report.proved.clone(), report.proved.clone(), vec!["d".to_owned()])
    );
    assert!(report.left.is_empty() && report.commands.is_empty());
    // Once more, nothing is done.
    town.lines.clear();
    assert_eq!(change(&mut town, &texts, &[], &Operation::default(), false).0, Ok(End::Done));
    assert_eq!(changes(&town), [""; 0]);
}

#[test]
fn two_that_join_come_one_after_the_other() {
    let mut town = Town::new(&[1, 2, 3]);
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4, 5])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, report.promoted), (Ok(End::Done), vec!["d".to_owned(), "e".to_owned()]));
    assert_eq!(town.names(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_dead_member_goes_before_its_successor_comes() {
    let mut town = Town::new(&[1, 2, 3]).without(3);
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 4])];
    let (end, report) = change(&mut town, &texts, &[], &leaving(3, None), false);
    assert_eq!(end, Ok(End::Done), "{report:?}");
    assert_eq!(changes(&town), [&["member remove", "systemctl disable"], &JOIN[..]].concat());
    assert!(report.notices.iter().any(|notice| notice.contains("survives the loss of none")), "{report:?}");
    assert_eq!(
        (town.names(), report.removed),
        (vec!["a".into(), "b".into(), "d".into()], vec!["c".to_owned()])
    );
}

#[test]
fn a_leader_that_goes_hands_over_first() {
    let mut town = Town::new(&[1, 2, 3, 4]);
    town.leader = "d".to_owned();
    let texts = [description(&[1, 2, 3, 4]), description(&[1, 2, 3])];
    let (end, _) = change(&mut town, &texts, &[], &leaving(4, Some(4)), false);
    assert_eq!(
        (end, changes(&town)),
        (Ok(End::Done), vec!["move-leader", "member remove", "systemctl disable"])
    );
}

#[test]
fn nobody_goes_if_the_others_are_no_majority() {
    for (members, dead, gone) in [(vec![1, 2, 3], 2, 3), (vec![1, 2, 3, 4], 2, 4), (vec![1, 2], 1, 2)] {
        let mut town = Town::new(&members).without(dead);
        town.leader = name_of(if dead == 1 { 2 } else { 1 });
        let after: Vec<u32> = members.iter().copied().filter(|one| *one != gone).collect();
        let texts = [description(&members), description(&after)];
        let (end, report) = change(&mut town, &texts, &[], &leaving(gone, None), false);
        assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]), "{members:?}: {report:?}");
        assert_eq!(report.left, [name_of(gone)]);
        assert_eq!(report.obstacles.len(), 1, "{report:?}");
    }
}

#[test]
fn who_lives_does_not_go_while_another_is_away_and_nobody_joins_then() {
    let mut town = Town::new(&[1, 2, 3, 4, 5]).without(2);
    let texts = [description(&[1, 2, 3, 4, 5]), description(&[1, 2, 3, 4])];
    let (end, report) = change(&mut town, &texts, &[], &leaving(5, None), false);
    assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]));
    assert!(report.obstacles[0].starts_with("b: "), "{report:?}");
    let mut town = Town::new(&[1, 2, 3]).without(2);
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]));
    assert!(report.obstacles[0].starts_with("b: ") && report.commands.len() == 4, "{report:?}");
}

#[test]
fn hosts_are_asked_before_anybody_goes() {
    for (said, part) in [
        ("version 3.4.23\nchecked\n", "d: /usr/bin/etcd on 10.0.0.4 is etcd 3.4.23"),
        ("version 3.5.30\nhas-data\nchecked\n", "d: /var/lib/etcd on 10.0.0.4 has data of another member"),
        ("version 3.5.30\nrunning\nchecked\n", "d: etcd.service on 10.0.0.4 runs, and is no member"),
        ("", "d: commands do not run as root on 10.0.0.4"),
    ] {
        let mut town = Town::new(&[1, 2, 3]).without(3);
        town.says.insert(address_of(4), said);
        let texts = [description(&[1, 2, 3]), description(&[1, 2, 4])];
        let (end, report) = change(&mut town, &texts, &[], &leaving(3, None), false);
        assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]), "{said}");
        assert!(report.obstacles[0].starts_with(part), "{report:?}");
    }
}

#[test]
fn a_member_of_no_description_stops_it() {
    let mut town = Town::new(&[1, 2, 3]);
    let texts = [description(&[1, 2]), description(&[1, 2, 4])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]));
    assert!(
        report.obstacles[0].starts_with("c: the cluster has this member, at https://10.0.0.3:2380"),
        "{report:?}"
    );
}

#[test]
fn an_empty_disk_gets_its_way_back_and_data_is_set_aside() {
    let mut town = Town::new(&[1, 2, 3]).without(3);
    let texts = [description(&[1, 2, 3])];
    let (end, report) = change(&mut town, &texts, &["c"], &leaving(3, Some(3)), false);
    assert_eq!(end, Ok(End::Done), "{report:?}");
    assert_eq!(changes(&town), [&["member remove", "mv -T"], &JOIN[..]].concat());
    assert!(report.notices.iter().any(|notice| notice.contains("/var/lib/etcd/member.old")), "{report:?}");
    assert_eq!(town.list[2].id, 12);
    // One that is well keeps its data.
    let mut town = Town::new(&[1, 2, 3]);
    let (end, report) = change(&mut town, &texts, &["c"], &leaving(3, Some(3)), false);
    assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec![]));
    assert!(report.obstacles[0].starts_with("c: it is healthy"), "{report:?}");
}

#[test]
fn files_that_name_others_than_there_are_stop_it() {
    // d was described while c was there, and its files were not written again.
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4]), description(&[1, 2, 4])];
    let mut town = Town::new(&[1, 2, 3]).without(3);
    let (end, report) = change(&mut town, &texts, &[], &leaving(3, None), false);
    assert_eq!((end, changes(&town)), (Ok(End::NotSafe), vec!["member remove", "systemctl disable"]));
    assert!(report.obstacles[0].starts_with("d: its files name "), "{report:?}");
    // Written anew, they name those who are there.
    let (end, report) = change(&mut town, &texts, &["d"], &leaving(3, None), false);
    assert_eq!(end, Ok(End::Done), "{report:?}");
}

#[test]
fn a_change_that_was_made_and_not_acknowledged_is_not_made_twice() {
    let mut town = Town { silent: true, ..Town::new(&[1, 2, 3]) };
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4])];
    let (end, _) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, changes(&town)), (Ok(End::Done), JOIN.to_vec()));
}

#[test]
fn a_refusal_that_does_not_pass_is_an_error_and_one_that_does_has_an_end() {
    let mut town = Town { not_in_sync: usize::MAX, ..Town::new(&[1, 2, 3]) };
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 3, 4])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    let Failure(error) = end.unwrap_err();
    let OperationError::Refused { member, command, why } = &error else { panic!("{error}") };
    assert_eq!((member.as_str(), command.as_str()), ("d", "etcdctl member promote d"));
    assert!(why.contains("in sync"), "{why}");
    assert_eq!((report.added, report.promoted.len()), (vec!["d".to_owned()], 0));
}

#[test]
fn a_member_that_moved_is_told_to_the_cluster_and_starts_with_its_data() {
    let moved = description(&[1, 2, 3]).replace("10.0.0.3", "10.0.0.9");
    let texts = [description(&[1, 2, 3]), moved];
    let mut town = Town::new(&[1, 2, 3]);
    // It runs still where it was, and its data is not there yet.
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, changes(&town), report.obstacles.len()), (Ok(End::NotSafe), vec![], 2), "{report:?}");
    let mut town = Town::new(&[1, 2, 3]).without(3);
    town.data.insert(address_of(9));
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, report.moved), (Ok(End::Done), vec!["c".to_owned()]));
    assert_eq!(changes(&town), ["tar -C", "member update", "start --no-block"]);
}

#[test]
fn it_is_printed_and_nothing_is_done() {
    let mut town = Town::new(&[1, 2, 3]).without(3);
    let texts = [description(&[1, 2, 3]), description(&[1, 2, 4])];
    let (end, report) = change(&mut town, &texts, &["d"], &leaving(3, None), true);
    assert_eq!((end, changes(&town)), (Ok(End::Waits), vec![]));
    let etcdctl = "(cd /out/clients/root && . ./etcdctl.env && etcdctl member";
    let parts = [
        format!("{etcdctl} remove 3)"),
        "ssh root@10.0.0.3 'systemctl disable --now etcd'".to_owned(),
        "/out/deploy.sh --copy d".to_owned(),
        format!("{etcdctl} add d --learner --peer-urls=https://10.0.0.4:2380)"),
        "ssh root@10.0.0.4 'systemctl daemon-reload".to_owned(),
        format!("{etcdctl} promote "),
    ];
    assert_eq!(report.commands.len(), parts.len(), "{report:?}");
    for (line, part) in report.commands.iter().zip(parts) {
        assert!(line.starts_with(&part), "{line}\n{part}");
    }
    assert_eq!(report.left, ["c", "d"]);
}

#[test]
fn without_a_unit_somebody_else_starts_it() {
    let none = |members: &[u32]| description(members) + "unit: none\n";
    let mut town = Town::new(&[1, 2, 3]);
    let texts = [none(&[1, 2, 3]), none(&[1, 2, 3, 4])];
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, changes(&town)), (Ok(End::Waits), vec!["tar -C", "member add"]), "{report:?}");
    let one = town.list.last_mut().unwrap();
    one.name = "d".to_owned();
    town.runs.insert(address_of(4));
    let (end, report) = change(&mut town, &texts, &[], &Operation::default(), false);
    assert_eq!((end, report.promoted), (Ok(End::Done), vec!["d".to_owned()]));
}

/// Wherever it is stopped, the same goes on and comes to the same end.
#[test]
fn stopped_anywhere_it_goes_on() {
    let cases = [
        (vec![1, 2, 3], vec![1, 2, 3, 4, 5], Operation::default(), None::<u32>),
        (vec![1, 2, 3], vec![1, 2, 4], leaving(3, None), Some(3)),
        (vec![1, 2, 3], vec![1, 2, 3], leaving(3, Some(3)), Some(3)),
    ];
    for (before, after, operation, dead) in cases {
        let texts = [description(&before), description(&after)];
        let anew: &[&str] = if before == after { &["c"] } else { &["d", "e"] };
        let mut stopped = 0;
        for count in 0.. {
            let mut town = Town::new(&before);
            if let Some(dead) = dead {
                town = town.without(dead);
            }
            town.ends_after = Some((count, count % 2 == 0));
            let (end, _) = change(&mut town, &texts, anew, &operation, false);
            if end == Ok(End::Done) && town.lines.len() <= count {
                break;
            }
            stopped += 1;
            town.ends_after = None;
            let (end, report) = change(&mut town, &texts, anew, &operation, false);
            assert_eq!(end, Ok(End::Done), "{after:?}, stopped after {count}: {report:?}\n{:#?}", town.lines);
            let names: Vec<String> = after.iter().map(|one| name_of(*one)).collect();
            assert_eq!(town.names(), names, "{count}");
        }
        assert!(stopped > 10, "{stopped}");
    }
}
