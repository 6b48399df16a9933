//! Deployments to hosts that exist in these tests only.

use std::collections::BTreeMap;

use time::macros::datetime;

use super::*;
use crate::etcd::operate::rolling::tests::Three;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::tests::{apply, empty};

const TWO: &str = "name: prod\nversion: 3.5.30\nmembers:\n  - {name: a, address: 10.0.0.1}\n  - {name: b, address: 10.0.0.2}\n";
const THIRD: &str = "  - {name: c, address: 10.0.0.3, ssh: me@c}\n";

/// A part of each script, by which it is known.
const CHECK: &str = "no-binary";
const PLACE: &str = "tar -C /out/nodes/";
const START: &str = "start --no-block";
const LIST: &str = "member list";
const WELL: (&str, &str) = (CHECK, "version 3.5.30\nchecked\n");
const RUNS: (&str, &str) = (CHECK, "version 3.5.30\nhas-data\nrunning\nchecked\n");

/// Deploys the cluster that the last of these descriptions has; the others were applied before.
fn deploy(texts: &[&str], three: &mut Three) -> (Result<End, OperationError>, DeployReport) {
    let mut snapshot = empty();
    let mut last = None;
    for text in texts {
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        apply(&cluster, &mut snapshot, datetime!(2026-11-27 12:00 UTC));
        last = Some(cluster);
    }
    let files: BTreeMap<_, _> = snapshot
        .paths()
        .filter_map(|path| Some((Path::new("/out").join(path), snapshot.entry(path).unwrap()?.clone())))
        .collect();
    let running = Running::read(Path::new("/out"), EtcdVersion::V3_5, "root", &files).unwrap();
    let (cluster, options) = (last.unwrap(), RestartOptions::default());
    let mut deploy = Deploy::new(&cluster, &running, Path::new("/out"), &options).unwrap();
    let end = deploy.carry_out(three);
    (end, deploy.report().clone())
}

/// How many lines there were of each kind, in their order.
fn phases(three: &Three) -> Vec<(&'static str, usize)> {
    let mut phases: Vec<(&'static str, usize)> = Vec::new();
    for line in &three.lines {
        let kinds = [LIST, PLACE, CHECK, START, "systemctl restart etcd", "move-leader"];
        let kind = kinds.into_iter().find(|kind| line.contains(kind)).unwrap_or("another");
        match phases.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => phases.push((kind, 1)),
        }
    }
    phases
}

fn three_members() -> String {
    format!("{TWO}{THIRD}")
}

#[test]
fn all_are_asked_then_get_their_files_then_start() {
    let mut three = Three { answers: vec![(PLACE, "/etc/etcd/pki/server.pem\n"), WELL], ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    assert_eq!(end, Ok(End::Done), "{report:?}");
    assert_eq!(phases(&three), [(CHECK, 3), (PLACE, 3), (START, 3)]);
    assert!(three.lines[2].starts_with("ssh me@c 'sudo sh -c "), "{}", three.lines[2]);
    assert_eq!((report.started.len(), report.restarted.len(), report.left.len()), (3, 0, 0));
    assert_eq!(report.proved, ["a", "b", "c"]);
    assert_eq!(report.placed["b"], ["/etc/etcd/pki/server.pem"]);
}

#[test]
fn a_host_of_another_series_stops_it_before_anything_is_changed() {
    let other = ("listen=10.0.0.2:", "version 3.4.23\nchecked\n");
    let mut three = Three { answers: vec![other, WELL], ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    assert_eq!((end, phases(&three)), (Ok(End::NotSafe), vec![(CHECK, 3)]), "{report:?}");
    assert_eq!(report.checked, ["a", "c"]);
    assert!(report.obstacles[0].starts_with("b: /usr/bin/etcd on 10.0.0.2 is etcd 3.4.23"), "{report:?}");
}

#[test]
fn members_whose_certificates_others_refuse_get_none() {
    let mut three = Three { answers: vec![RUNS], isolated: Some("b"), ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    assert_eq!((end, phases(&three)), (Ok(End::NotSafe), vec![(CHECK, 3)]), "{report:?}");
    let told = "b: with the files of this folder it is isolated: restart a first";
    assert_eq!(report.obstacles, [told]);
}

#[test]
fn only_who_has_to_read_its_files_is_restarted() {
    let mut three = Three { answers: vec![(PLACE, "/etc/etcd/pki/server.pem\n"), RUNS], ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    assert_eq!((end, phases(&three)), (Ok(End::Done), vec![(CHECK, 3), (LIST, 1), (PLACE, 3)]), "{report:?}");
    let changed = ("/out/nodes/b", "/etc/etcd/pki/server-key.pem\n/etc/etcd/etcd.env\n");
    let mut three = Three { answers: vec![changed, RUNS], waits: vec!["c"], ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    assert_eq!((end, report.restarted), (Ok(End::Done), vec!["b".to_owned(), "c".to_owned()]));
}

#[test]
fn nobody_joins_a_cluster_that_does_not_say_who_is_in_it() {
    let mut three = Three { answers: vec![("listen=10.0.0.3:", WELL.1), RUNS], ..Three::default() };
    let (end, report) = deploy(&[TWO, &three_members()], &mut three);
    assert_eq!(phases(&three), [(CHECK, 3), (LIST, 1)], "{report:?}");
    assert!(matches!(end, Err(OperationError::NoList { .. })), "{end:?}");
    // One that refuses the member: it has its files then, and does not start.
    let list = "done\n{\"header\":{},\"members\":[{\"ID\":1,\"name\":\"a\",\"peerURLs\":[\"https://10.0.0.1:2380\"]},\
                {\"ID\":2,\"name\":\"b\",\"peerURLs\":[\"https://10.0.0.2:2380\"]}]}\n";
    let refusal = ("member add", "failed\nError: permission denied\n");
    let answers = vec![(LIST, list), refusal, ("listen=10.0.0.3:", WELL.1), RUNS];
    let mut three = Three { answers, ..Three::default() };
    let (end, report) = deploy(&[TWO, &three_members()], &mut three);
    let Err(OperationError::Refused { member, why, .. }) = end else { panic!("{report:?}") };
    assert_eq!((member.as_str(), why.as_str()), ("c", "permission denied"));
    assert_eq!(report.placed.keys().collect::<Vec<_>>(), ["c"]);
    assert!(!three.lines.iter().any(|line| line.contains(START)));
}

#[test]
fn a_host_that_fails_keeps_all_from_the_next_phase() {
    let mut three = Three { failure: Some("it ended with status 255".to_owned()), ..Three::default() };
    let (end, report) = deploy(&[&three_members()], &mut three);
    let Err(OperationError::Command { member, .. }) = end else { panic!("{report:?}") };
    assert_eq!((member.as_str(), phases(&three)), ("a", vec![(CHECK, 3)]));
    assert_eq!(report.left.len(), 3);
}
