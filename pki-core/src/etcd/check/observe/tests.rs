//! What is made of members that were seen, without any network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use time::Duration;
use time::macros::datetime;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::live::{Endpoint, Health, Metrics, NoAnswer, SeenPort, Told};
use crate::etcd::plan::tests::{apply, empty};
use crate::tls::Greeting;

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

fn applied() -> BTreeMap<PathBuf, Entry> {
    let text = "name: prod\nmembers:\n  - {name: a, address: 10.0.0.1}\n  - {name: b, address: 10.0.0.2}\n";
    let cluster = Cluster::from_yaml(text, None).unwrap().value;
    let mut snapshot = empty();
    apply(&cluster, &mut snapshot, NOW);
    let paths: Vec<String> = snapshot.paths().map(str::to_owned).collect();
    let entries = paths.into_iter().map(|path| {
        let entry = snapshot.entry(&path).unwrap().unwrap().clone();
        (Path::new("/out").join(path), entry)
    });
    entries.filter(|(_, entry)| entry.kind == FileKind::File).collect()
}

fn running(files: &BTreeMap<PathBuf, Entry>) -> Running {
    Running::read(Path::new("/out"), EtcdVersion::V3_5, "root", files).unwrap()
}

/// What a member shows that is as its files say.
fn port(expected: &ExpectedPort, endpoint: &Endpoint) -> SeenPort {
    let greeting = Greeting {
        chain: vec![expected.leaf.as_ref().unwrap().der().to_vec()],
        accepted: Some(expected.trusted().iter().map(|ca| ca.subject().der().to_vec()).collect()),
        ..Greeting::default()
    };
    SeenPort { endpoint: Some(endpoint.clone()), greeting: Some(greeting), ..SeenPort::default() }
}

/// Two members that are as they should be; the first leads.
fn seen(running: &Running) -> Vec<SeenMember> {
    let member = |(at, expected): (usize, &Expected)| {
        let metrics = Metrics {
            id: Some(format!("{at}")),
            started: Some(NOW + Duration::HOUR),
            has_leader: Some(true),
            is_leader: Some(at == 0),
            is_learner: Some(false),
            peers: [(format!("{}", 1 - at), true), ("dead".to_owned(), false)].into(),
            ..Metrics::default()
        };
        let told = Told {
            version: Some("3.5.30".to_owned()),
            metrics: Some(metrics),
            health: Some(Health { is_healthy: true, reason: String::new() }),
            clock_difference: Some(Duration::seconds(-60)),
            ..Told::default()
        };
        SeenMember {
            client: port(&expected.client, &expected.target.client[0]),
            peer: port(&expected.peer, &expected.target.peer[0]),
            told: Some(told),
            silence: None,
        }
    };
    running.members.iter().enumerate().map(member).collect()
}

/// The rules of what is found after a change of what is seen, each with the member and a part of the problem.
#[track_caller]
fn found(change: impl FnOnce(&mut Vec<SeenMember>), expected: &[(&str, &str, &str)], situation: Situation) {
    let running = running(&applied());
    let mut all = seen(&running);
    change(&mut all);
    let observation = running.judge(&all, NOW + Duration::DAY);
    let findings = &observation.findings;
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
    for (finding, (rule, member, part)) in findings.iter().zip(expected) {
        assert_eq!((finding.rule, finding.subject.as_deref()), (*rule, Some(*member)), "{findings:#?}");
        assert!(finding.problem.contains(part), "{finding}");
    }
    assert_eq!(observation.situation, situation);
}

fn told(member: &mut SeenMember) -> &mut Told {
    member.told.as_mut().unwrap()
}

#[test]
fn what_is_right_is_as_recorded() {
    let running = running(&applied());
    assert!(running.has_identity());
    let observation = running.judge(&seen(&running), NOW + Duration::DAY);
    assert_eq!((observation.findings.len(), observation.situation), (0, Situation::AsRecorded));
    let a = observation.member("a").unwrap();
    assert_eq!((a.role, a.connected.get("b"), a.connected.len()), (Some("leader"), Some(&true), 1));
    assert_eq!((a.client.serves_its_file, a.peer.accepts_its_file), (Some(true), Some(true)));
    let text = prometheus(&observation);
    let line = "etcdpki_clock_difference_seconds{cluster=\"prod\",member=\"b\"} -60";
    assert!(text.lines().any(|other| other == line), "{text}");
}

#[test]
fn what_is_dangerous_is_told() {
    let danger = Situation::NotSafe;
    let silent =
        NoAnswer { endpoint: "https://10.0.0.2:2379".to_owned(), why: "no answer in time".to_owned() };
    found(
        |all| {
            all[1].client = SeenPort { no_answer: Some(silent), ..SeenPort::default() };
            all[1].told = None;
        },
        &[("E1101", "b", "client port: https://10.0.0.2:2379: no answer in time")],
        danger,
    );
    let plain = |port: &mut SeenPort| (port.is_plaintext, port.greeting) = (true, None);
    found(
        |all| plain(&mut all[0].peer),
        &[("E1102", "a", "http://10.0.0.1:2380 answers without TLS")],
        danger,
    );
    found(
        |all| all[0].client.greeting.as_mut().unwrap().accepted = None,
        &[("E1105", "a", "asks for no certificate")],
        danger,
    );
    found(
        |all| {
            told(&mut all[1]).metrics.as_mut().unwrap().peers.clear();
        },
        &[("E1107", "b", "no connection with a")],
        danger,
    );
    found(
        |all| {
            told(&mut all[1]).health = Some(Health { is_healthy: false, reason: "ALARM NOSPACE".to_owned() });
        },
        &[("E1108", "b", "ALARM NOSPACE")],
        danger,
    );
    found(|all| told(&mut all[1]).health = None, &[("E1108", "b", "not answered in time")], danger);
    found(
        |all| told(&mut all[1]).metrics.as_mut().unwrap().has_leader = Some(false),
        &[("E1108", "b", "it knows no leader")],
        danger,
    );
    found(
        |all| told(&mut all[0]).clock_difference = Some(Duration::seconds(180)),
        &[("E1109", "a", "180 seconds ahead")],
        danger,
    );
    found(
        |all| told(&mut all[0]).clock_difference = Some(Duration::seconds(-61)),
        &[("E1109", "a", "61 seconds behind")],
        danger,
    );
    for version in ["3.6.1", "4.0.0"] {
        let is = format!("it runs etcd {version}");
        found(|all| told(&mut all[0]).version = Some(version.to_owned()), &[("E1110", "a", &is)], danger);
    }
    found(
        |all| {
            all[0].client.refusal = Some("unknown CA".to_owned());
            all[0].told = None;
        },
        &[("E1111", "a", "unknown CA")],
        danger,
    );
    // The certificate of the other port is one that nobody knows here.
    found(
        |all| {
            let other = all[0].peer.greeting.clone().unwrap().chain;
            all[0].client.greeting.as_mut().unwrap().chain = other;
        },
        &[("E1103", "a", "a CA that its files do not have has issued it (CN=prod etcd peer CA)")],
        danger,
    );
}

#[test]
fn what_only_waits_is_told() {
    let waits = Situation::Waits;
    let starts = |at: OffsetDateTime| {
        move |all: &mut Vec<SeenMember>| told(&mut all[0]).metrics.as_mut().unwrap().started = Some(at)
    };
    let older = [("E1106", "a", "the process began at 2026-11-27 11:59:00 UTC, and nodes/a/etc/")];
    found(starts(NOW - Duration::minutes(1)), &older, waits);
    found(starts(NOW - Duration::milliseconds(900)), &[], Situation::AsRecorded);
    found(
        |all| {
            told(&mut all[0]).metrics = None;
            all[0].silence = Some("/metrics: status 404".to_owned());
        },
        &[("E1112", "a", "/metrics: status 404")],
        waits,
    );
    found(
        |all| told(&mut all[0]).metrics = Some(Metrics::default()),
        &[("E1112", "a", "does not have the numbers of etcd")],
        waits,
    );
    found(
        |all| {
            let b = told(&mut all[1]);
            (b.metrics.as_mut().unwrap().is_learner, b.health) = (Some(true), None);
        },
        &[("E1113", "b", "no vote")],
        waits,
    );
}

/// The file was replaced, and the record is that of before: the process shows what the record has.
#[test]
fn what_a_stopped_run_has_replaced_is_no_certificate_of_somebody_else() {
    let mut files = applied();
    let before = running(&files);
    let all = seen(&before);
    let path = Path::new("/out/nodes/a/etc/etcd/pki/server.pem");
    let other = files[Path::new("/out/nodes/b/etc/etcd/pki/server.pem")].clone();
    files.insert(path.to_owned(), other);
    let observation = running(&files).judge(&all, NOW + Duration::DAY);
    let rules: Vec<&str> = observation.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["E1104"], "{:#?}", observation.findings);
}

/// Without a record a CA that is younger than the process still tells that a restart waits.
#[test]
fn an_old_process_is_seen_without_a_record() {
    let mut files = applied();
    files.remove(Path::new("/out/cluster.lock.json")).unwrap();
    let running = running(&files);
    let mut all = seen(&running);
    assert_eq!(running.judge(&all, NOW).situation, Situation::AsRecorded);
    told(&mut all[1]).metrics.as_mut().unwrap().started = Some(NOW - Duration::HOUR);
    let observation = running.judge(&all, NOW);
    assert_eq!(observation.findings.len(), 1, "{:#?}", observation.findings);
    assert!(observation.findings[0].problem.contains("the CA CN=prod etcd client CA is of"));
    assert!(observation.member("b").unwrap().waits_for_restart);
}

#[test]
fn certificates_that_have_ended_are_told() {
    let running = running(&applied());
    let observation = running.judge(&seen(&running), NOW + Duration::days(20_000));
    assert_eq!(observation.findings.len(), 4);
    assert!(observation.findings.iter().all(|finding| finding.rule == "E1114"));
    assert_eq!(observation.situation, Situation::NotSafe);
    assert_eq!(observation.dangers().count(), 4);
}
