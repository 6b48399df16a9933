//! Rolling restarts of members that exist in these tests only.

use std::collections::BTreeMap;
use std::path::Path;

use time::macros::datetime;

use super::*;
use crate::etcd::check::forecast::{Forecast, MemberForecast, Prospect};
use crate::etcd::check::observe::{MemberObservation, PortObservation, Situation};
use crate::etcd::cluster::Cluster;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::tests::{apply, empty};

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

pub(in crate::etcd::operate) fn running(unit: &str) -> Running {
    let text = format!(
        "name: prod\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n  - {{name: b, address: 10.0.0.2}}\n  - {{name: c, \
         address: 10.0.0.3, ssh: me@c}}\nunit: {unit}\n"
    );
    let cluster = Cluster::from_yaml(&text, None).unwrap().value;
    let mut snapshot = empty();
    apply(&cluster, &mut snapshot, NOW);
    let files: BTreeMap<_, _> = snapshot
        .paths()
        .filter_map(|path| Some((Path::new("/out").join(path), snapshot.entry(path).unwrap()?.clone())))
        .collect();
    Running::read(Path::new("/out"), EtcdVersion::V3_5, "root", &files).unwrap()
}

/// Three members, of which `a` leads. A command restarts the member that it names.
pub(in crate::etcd::operate) struct Three {
    pub(in crate::etcd::operate) clock: Duration,
    pub(in crate::etcd::operate) lines: Vec<String>,
    pub(in crate::etcd::operate) told: Vec<String>,
    pub(in crate::etcd::operate) started: BTreeMap<&'static str, OffsetDateTime>,
    pub(in crate::etcd::operate) leader: &'static str,
    /// Who is not started by the command.
    pub(in crate::etcd::operate) stuck: Option<&'static str>,
    /// What a command fails with.
    pub(in crate::etcd::operate) failure: Option<String>,
    pub(in crate::etcd::operate) waits: Vec<&'static str>,
    pub(in crate::etcd::operate) isolated: Option<&'static str>,
    /// What a command writes that has this in it.
    pub(in crate::etcd::operate) answers: Vec<(&'static str, &'static str)>,
}

impl Default for Three {
    fn default() -> Self {
        Self {
            clock: Duration::ZERO,
            lines: Vec::new(),
            told: Vec::new(),
            started: ["a", "b", "c"].map(|name| (name, NOW)).into(),
            leader: "a",
            stuck: None,
            failure: None,
            waits: Vec::new(),
            isolated: None,
            answers: Vec::new(),
        }
    }
}

impl Operator for Three {
    fn run(&mut self, lines: &[String], _: Duration) -> Vec<Result<String, String>> {
        self.lines.extend_from_slice(lines);
        if let Some(why) = &self.failure {
            return vec![Err(why.clone())];
        }
        for line in lines
            .iter()
            .filter(|line| line.contains("systemctl restart etcd") || line.contains("move-leader"))
        {
            if line.contains("move-leader") {
                self.leader = "b";
            }
            for (name, place) in [("a", "root@10.0.0.1"), ("b", "root@10.0.0.2"), ("c", "me@c")] {
                if line.contains(place) && self.stuck != Some(name) {
                    // Stopping takes its time.
                    self.clock += Duration::from_secs(8);
                    self.started.insert(name, NOW + self.clock);
                }
            }
        }
        let answer = |line: &String| {
            let known = self.answers.iter().find(|(part, _)| line.contains(part));
            Ok(known.map_or("", |(_, answer)| answer).to_owned())
        };
        lines.iter().map(answer).collect()
    }

    fn observe(&mut self, _: &Running) -> Observation {
        let member = |(name, started): (&&'static str, &OffsetDateTime)| MemberObservation {
            name: (*name).to_owned(),
            role: Some(if *name == self.leader { "leader" } else { "follower" }),
            id: Some(format!("id-of-{name}")),
            version: None,
            started: Some(*started),
            healthy: Some(true),
            clock_difference: Some(0),
            connected: BTreeMap::new(),
            applied: Some(5),
            client: PortObservation { serves_its_file: Some(true), ..PortObservation::default() },
            peer: PortObservation { serves_its_file: Some(true), ..PortObservation::default() },
            waits_for_restart: self.waits.contains(name),
        };
        Observation {
            cluster: None,
            etcd: "3.5".to_owned(),
            now: NOW,
            situation: Situation::AsRecorded,
            members: self.started.iter().map(member).collect(),
            findings: Vec::new(),
        }
    }

    fn forecast(&mut self, _: &Running) -> Forecast {
        let member = |name: &&'static str| MemberForecast {
            name: (*name).to_owned(),
            prospect: if self.isolated == Some(*name) { Prospect::Isolated } else { Prospect::Fine },
            links: BTreeMap::new(),
            why: Vec::new(),
            cure: vec!["restart a first".to_owned()],
        };
        Forecast {
            cluster: None,
            etcd: "3.5".to_owned(),
            now: NOW,
            situation: Situation::AsRecorded,
            members: self.started.keys().map(member).collect(),
            findings: Vec::new(),
        }
    }

    fn tell(&mut self, text: &str) {
        self.told.push(text.to_owned());
    }

    fn now(&mut self) -> OffsetDateTime {
        NOW + self.clock
    }

    fn clock(&mut self) -> Duration {
        self.clock
    }

    fn pause(&mut self, time: Duration) {
        self.clock += time;
    }
}

fn restart(three: &mut Three, options: &RestartOptions) -> (Result<End, OperationError>, RestartReport) {
    let running = running("service");
    let mut restart = Restart::new(&running, options).unwrap();
    let end = restart.carry_out(three);
    (end, restart.report().clone())
}

#[test]
fn the_leader_hands_over_to_who_was_restarted_and_is_the_last() {
    let mut three = Three::default();
    let options = RestartOptions { client: Some("/out/clients/root".into()), ..RestartOptions::default() };
    let (end, report) = restart(&mut three, &options);
    assert_eq!((end, report.restarted), (Ok(End::Done), vec!["b".into(), "c".into(), "a".into()]));
    assert_eq!((report.left.len(), report.commands.len(), report.obstacles.len()), (0, 0, 0));
    assert!(three.lines[1].starts_with("ssh me@c 'sudo sh -c "), "{:?}", three.lines);
    let hand_over = "--endpoints https://10.0.0.1:2379 move-leader id-of-b";
    assert!(three.lines[2].ends_with(hand_over), "{:?}", three.lines);
    assert_eq!(three.told[0..2], ["b: restarting", "b: back after 13 s"]);
    // Five seconds before and after each, and eight for each stop.
    assert_eq!(three.clock, Duration::from_secs(3 * (5 + 8 + 5)));
}

#[test]
fn who_does_not_come_back_is_the_last_that_was_stopped() {
    let mut three = Three { stuck: Some("c"), ..Three::default() };
    let (end, report) = restart(&mut three, &RestartOptions::default());
    assert_eq!((end, report.restarted), (Ok(End::NotSafe), vec!["b".to_owned()]));
    assert_eq!(report.left, ["c", "a"]);
    assert_eq!(report.obstacles, ["c: its process is the one of before"]);
    assert_eq!(report.commands.len(), 2);
}

#[test]
fn who_would_be_isolated_is_not_stopped() {
    let mut three = Three { isolated: Some("b"), ..Three::default() };
    let (end, report) = restart(&mut three, &RestartOptions::default());
    assert_eq!((end, three.lines.len()), (Ok(End::NotSafe), 0));
    assert_eq!(report.obstacles, ["b: after a restart it is isolated: restart a first"]);
    // One who comes later is looked at before it stops.
    let mut three = Three { isolated: Some("c"), ..Three::default() };
    let (end, report) = restart(&mut three, &RestartOptions::default());
    assert_eq!((end, report.restarted), (Ok(End::NotSafe), vec!["b".to_owned()]));
}

#[test]
fn a_command_that_fails_ends_it_and_what_was_done_is_told() {
    let mut three = Three { failure: Some("it ended with status 255".to_owned()), ..Three::default() };
    let (end, report) = restart(&mut three, &RestartOptions::default());
    let OperationError::Command { member, why, .. } = end.unwrap_err() else { panic!("another error") };
    assert_eq!((member.as_str(), why.as_str()), ("b", "it ended with status 255"));
    assert_eq!((report.restarted.len(), report.left.len()), (0, 3));
}

#[test]
fn only_who_waits_is_restarted_and_nobody_if_it_is_only_printed() {
    let mut three = Three { waits: vec!["c"], ..Three::default() };
    let options = RestartOptions { only_waiting: true, ..RestartOptions::default() };
    let (end, report) = restart(&mut three, &options);
    assert_eq!((end, report.restarted), (Ok(End::Done), vec!["c".to_owned()]));
    let mut three = Three::default();
    assert_eq!(restart(&mut three, &options).1, RestartReport::default());
    let options = RestartOptions { only_print: true, ..RestartOptions::default() };
    let (end, report) = restart(&mut three, &options);
    assert_eq!((end, report.commands.len(), three.lines.len()), (Ok(End::Waits), 3, 0));
}

#[test]
fn who_is_not_there_or_has_no_unit_is_an_error() {
    let options = RestartOptions { members: vec!["d".to_owned()], ..RestartOptions::default() };
    let running_here = running("service");
    let error = Restart::new(&running_here, &options).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint().as_str()),
        ("there is no member \"d\"", "name one of these: a, b, c")
    );
    let running = running("none");
    let options = RestartOptions::default();
    let end = Restart::new(&running, &options).unwrap().carry_out(&mut Three::default());
    assert_eq!(end, Err(OperationError::NoUnit { member: "b".to_owned() }));
}
