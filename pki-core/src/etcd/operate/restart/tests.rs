//! The guards of restarts, without any cluster.

use std::collections::BTreeMap;

use time::Duration;
use time::macros::datetime;

use super::*;
use crate::base::place::Place;
use crate::etcd::check::forecast::MemberForecast;
use crate::etcd::check::observe::{PortObservation, Situation};
use crate::etcd::check::rule;

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

fn member(name: &str, role: &'static str) -> MemberObservation {
    MemberObservation {
        name: name.to_owned(),
        role: Some(role),
        id: None,
        version: None,
        started: Some(NOW),
        healthy: Some(true),
        clock_difference: Some(0),
        connected: BTreeMap::new(),
        applied: Some(5000),
        client: PortObservation::default(),
        peer: PortObservation::default(),
        waits_for_restart: false,
    }
}

fn observation(members: &[(&str, &'static str)], findings: &[(&str, &str)]) -> Observation {
    let finding =
        |(id, about): &(&str, &str)| rule(id).unwrap().finding(Place::default(), "so").about(*about);
    Observation {
        cluster: None,
        etcd: "3.5".to_owned(),
        now: NOW,
        situation: Situation::AsRecorded,
        members: members.iter().map(|(name, role)| member(name, role)).collect(),
        findings: findings.iter().map(finding).collect(),
    }
}

fn forecast(prospects: &[(&str, Prospect)]) -> Forecast {
    let member = |(name, prospect): &(&str, Prospect)| MemberForecast {
        name: (*name).to_owned(),
        prospect: *prospect,
        links: BTreeMap::new(),
        why: vec!["because".to_owned()],
        cure: Vec::new(),
    };
    Forecast {
        cluster: None,
        etcd: "3.5".to_owned(),
        now: NOW,
        situation: Situation::AsRecorded,
        members: prospects.iter().map(member).collect(),
        findings: Vec::new(),
    }
}

const THREE: [(&str, &str); 3] = [("a", "leader"), ("b", "follower"), ("c", "follower")];

#[test]
fn the_leader_is_the_last() {
    let seen = observation(&THREE, &[]);
    assert_eq!(order(&seen, &[]), ["b", "c", "a"]);
    assert_eq!(order(&seen, &["c".to_owned(), "a".to_owned()]), ["c", "a"]);
}

#[test]
fn nobody_is_stopped_in_danger() {
    let fine = forecast(&[("b", Prospect::Fine)]);
    assert_eq!(obstacles(&observation(&THREE, &[]), &fine, "b", false), Vec::<String>::new());
    for id in ["E1101", "E1102", "E1103", "E1107", "E1108", "E1109", "E1110", "E1111", "E1114"] {
        let seen = observation(&THREE, &[(id, "c")]);
        assert_eq!(obstacles(&seen, &fine, "b", true), ["c: so"], "{id}");
    }
    // What a restart cures, or what only waits, is not in its way.
    for id in ["E1104", "E1105", "E1106"] {
        assert!(obstacles(&observation(&THREE, &[(id, "b")]), &fine, "b", false).is_empty(), "{id}");
    }
    let mut silent = observation(&THREE, &[("E1112", "c")]);
    silent.members[2].started = None;
    assert!(obstacles(&silent, &fine, "b", false)[0].starts_with("c: it does not tell"));
    let trap = forecast(&[("b", Prospect::Isolated)]);
    let told = obstacles(&observation(&THREE, &[]), &trap, "b", false);
    assert_eq!(told, ["b: after a restart it is isolated: because"]);
}

#[test]
fn a_majority_is_left() {
    let two = observation(&THREE[..2], &[]);
    let told = obstacles(&two, &forecast(&[]), "b", false);
    assert!(told[0].starts_with("b: the cluster has 2 members with a vote"), "{told:?}");
    assert!(obstacles(&two, &forecast(&[]), "b", true).is_empty());
    let learner = observation(&[("a", "leader"), ("b", "learner")], &[]);
    assert!(obstacles(&learner, &forecast(&[]), "b", false).is_empty(), "it has no vote");
    assert!(!obstacles(&learner, &forecast(&[]), "a", false).is_empty());
}

#[test]
fn who_is_back_has_read_its_files() {
    let before = Some(NOW - Duration::HOUR);
    let seen = observation(&THREE, &[]);
    assert!(missing(&seen, "b", before).is_empty());
    assert!(missing(&seen, "b", None).is_empty());
    assert_eq!(missing(&seen, "b", Some(NOW)), ["b: its process is the one of before"]);
    for id in ["E1105", "E1106"] {
        let told = missing(&observation(&THREE, &[(id, "b")]), "b", before);
        assert!(told[0].contains("the host does not have the files"), "{told:?}");
        // Another member's turn comes.
        assert!(missing(&observation(&THREE, &[(id, "c")]), "b", before).is_empty());
    }
    let mut behind = observation(&THREE, &[]);
    behind.members[1].applied = Some(3999);
    assert_eq!(missing(&behind, "b", before), ["b: it has 3999 of 5000 proposals"]);
    let mut leaderless = observation(&THREE, &[]);
    leaderless.members[0].role = Some("follower");
    assert_eq!(missing(&leaderless, "b", before), ["no member says that it is the leader"]);
}
