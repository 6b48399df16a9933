//! What is told about a plan, its outcome and the steps that follow.

use std::path::Path;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::snapshot::{Entry, Snapshot};
use crate::etcd::plan::issue::{Outcome, Progress};
use crate::etcd::plan::steps::next_steps;
use crate::etcd::plan::tests::{NOW, apply, empty, put_outcome};
use crate::x509::{SystemKeys, SystemRandomness};

fn describe(members: &str, rest: &str) -> Cluster {
    let text = format!("name: prod\nlayout: single-ca\n{rest}members: [{members}]\n");
    Cluster::from_yaml(&text, None).unwrap().value
}

const TWO: &str = "{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}";
const THREE: &str =
    "{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}, {name: c, address: 10.0.0.3}";

fn outcome(cluster: &Cluster, snapshot: &Snapshot) -> Outcome {
    let plan = Plan::new(cluster, snapshot, NOW).unwrap();
    plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap()
}

fn of_member(report: &Report) -> Vec<(&str, &str, bool)> {
    report.members.iter().map(|one| (one.member.as_str(), one.change.as_str(), one.restart)).collect()
}

fn titles(cluster: &Cluster, report: &Report) -> Vec<String> {
    next_steps(cluster, report, Path::new("/out")).into_iter().map(|step| step.title).collect()
}

#[test]
fn a_report_has_every_certificate_and_file() {
    let cluster = describe(TWO, "");
    let before = Plan::new(&cluster, &empty(), NOW).unwrap();
    let report = before.report();
    assert!(
        report.changed && report.certificates.iter().all(|one| one.serial.is_none() && one.ends.is_none())
    );
    let outcome = outcome(&cluster, &empty());
    let report = outcome.report();
    let names: Vec<_> = report.certificates.iter().map(|one| one.certificate.as_str()).collect();
    assert_eq!(names, ["ca", "a server", "a peer", "b server", "b peer", "client root"]);
    let server = &report.certificates[1];
    assert_eq!(server.path, "nodes/a/etc/etcd/pki/server.pem");
    assert_eq!(
        (server.subject.as_str(), server.key.as_str(), server.change.as_str()),
        ("CN=a", "ecdsa-256", "new")
    );
    assert_eq!(server.names, "localhost, 10.0.0.1, 127.0.0.1, ::1");
    let written = outcome.files().iter().find(|file| file.path == server.path).unwrap();
    let certificate = Certificate::read(&written.bytes).unwrap();
    assert_eq!(server.serial.as_deref(), Some(certificate.serial_decimal().as_str()));
    assert_eq!(server.sha256.as_deref(), Some(certificate.fingerprint().as_str()));
    assert_eq!(
        (server.not_after, server.ends),
        (Some(certificate.not_after()), Some(certificate.not_after()))
    );
    assert_eq!(of_member(report), [("a", "new", false), ("b", "new", false)]);
    let key = report.files.iter().find(|file| file.path.ends_with("a/etc/etcd/pki/server-key.pem")).unwrap();
    assert_eq!((key.kind, key.mode.as_str(), key.owner.as_deref()), ("file", "0600", Some("etcd")));
    let folder = report.files.iter().find(|file| file.path == "nodes").unwrap();
    assert_eq!((folder.kind, folder.mode.as_str(), folder.owner.as_deref()), ("folder", "0755", None));
    assert!(report.files.iter().all(|file| file.change == "new"));
    assert_eq!(outcome.folders().len() + outcome.files().len(), report.files.len());
    assert!(outcome.files().iter().all(|file| !file.replaces));
    assert!(outcome.folders().iter().all(|folder| !folder.exists && !folder.is_right));
}

#[test]
fn an_outcome_has_what_changes_and_no_more() {
    let cluster = describe(TWO, "");
    let mut snapshot = empty();
    apply(&cluster, &mut snapshot, NOW);
    let nothing = outcome(&cluster, &snapshot);
    assert!(nothing.files().is_empty() && !nothing.report().changed);
    assert!(nothing.folders().iter().all(|folder| folder.exists && folder.is_right));
    assert_eq!(of_member(nothing.report()), [("a", "kept", false), ("b", "kept", false)]);
    // A certificate: no restart. The environment: a restart.
    snapshot.remove("nodes/a/etc/etcd/pki/server.pem");
    let mut env = snapshot.entry("nodes/b/etc/etcd/etcd.env").unwrap().unwrap().clone();
    env.mode = 0o600;
    snapshot.insert("nodes/b/etc/etcd/etcd.env", env);
    snapshot.insert("nodes/b/etc", Entry::folder(0o700));
    let changed = outcome(&cluster, &snapshot);
    assert_eq!(of_member(changed.report()), [("a", "changed", false), ("b", "changed", true)]);
    let files: Vec<_> = changed.files().iter().map(|file| (file.path.as_str(), file.replaces)).collect();
    assert_eq!(
        files,
        [
            ("registry.jsonl", true),
            ("nodes/a/etc/etcd/pki/server.pem", false),
            ("nodes/b/etc/etcd/etcd.env", true),
            ("cluster.lock.json", true)
        ]
    );
    let wrong: Vec<_> = changed.folders().iter().filter(|folder| !folder.is_right).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!((wrong[0].path.as_str(), wrong[0].exists, wrong[0].mode), ("nodes/b/etc", true, 0o755));
}

#[test]
fn each_new_key_is_told() {
    use std::sync::Mutex;
    let plan = Plan::new(&describe(TWO, ""), &empty(), NOW).unwrap();
    assert_eq!(plan.keys_to_make(), 6);
    let told = Mutex::new(Vec::new());
    let progress = |Progress::Keys { made, of }| told.lock().unwrap().push((made, of));
    plan.issue(&SystemKeys, &SystemRandomness, NOW, &progress).unwrap();
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
}

/// Without a record, all members are new.
#[test]
fn a_new_cluster_is_copied_and_started_at_once() {
    let cluster = describe(TWO, "");
    let report = outcome(&cluster, &empty()).report().clone();
    let steps = next_steps(&cluster, &report, Path::new("/out/it's"));
    let texts: Vec<_> = steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Copy the files of each member to its host, which needs etcd and a user `etcd`:",
            "On all hosts at the same time, because a member waits for a majority of the members:",
            "Check that the cluster is healthy:"
        ]
    );
    assert_eq!(steps[0].commands, ["'/out/it'\\''s/deploy.sh' --copy a b"]);
    assert_eq!(
        steps[1].commands,
        ["systemctl daemon-reload && systemctl enable etcd && systemctl restart --no-block etcd"]
    );
    assert_eq!(
        steps[2].commands,
        ["(cd '/out/it'\\''s/clients/root' && . ./etcdctl.env && etcdctl endpoint health --cluster)"]
    );
    // Without a unit there is nothing to start.
    let bare = describe("{name: a, address: 'fd00::1'}", "unit: none\n");
    let report = outcome(&bare, &empty()).report().clone();
    let steps = next_steps(&bare, &report, Path::new("/out"));
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!(steps[0].commands, ["/out/deploy.sh --copy a"]);
}

#[test]
fn a_cluster_that_runs_is_changed_host_by_host() {
    let mut snapshot = empty();
    apply(&describe(THREE, ""), &mut snapshot, NOW);
    let nothing = describe(THREE, "");
    let report = outcome(&nothing, &snapshot).report().clone();
    assert_eq!(titles(&nothing, &report), ["Check that the cluster is healthy:"]);

    let moved = describe(&THREE.replace("10.0.0.3", "10.0.0.9"), "");
    let report = outcome(&moved, &snapshot).report().clone();
    assert_eq!(report.moving.len(), 1);
    let steps = next_steps(&moved, &report, Path::new("/out"));
    let texts: Vec<_> = steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Tell the cluster the new peer URLs of c:",
            "Copy the changed files to their hosts:",
            "On one host after the other, each when all members are healthy (c, a, b):",
            "Check that the cluster is healthy:"
        ]
    );
    assert_eq!(steps[1].commands, ["/out/deploy.sh --copy c a b"], "the one that moves comes first");
    let by_hand = describe(&THREE.replace("10.0.0.3", "10.0.0.9"), "unit: none\n");
    let report = outcome(&by_hand, &snapshot).report().clone();
    assert!(titles(&by_hand, &report).iter().all(|title| !title.starts_with("On one host")));
}

#[test]
fn members_leave_before_others_join() {
    let mut snapshot = empty();
    apply(&describe(TWO, ""), &mut snapshot, NOW);
    let changed = describe("{name: a, address: 10.0.0.1}, {name: c, address: 10.0.0.3}", "");
    let result = outcome(&changed, &snapshot);
    let report = result.report().clone();
    assert_eq!(report.leaving.iter().map(|one| one.member.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(report.joining.iter().map(|one| one.member.as_str()).collect::<Vec<_>>(), ["c"]);
    let healthy = "Continue when all members have been healthy for 5 seconds:";
    let expected = [
        "Remove b from the cluster, if it is still a member:",
        "On the host of b, if there still is one, where etcd has stopped:",
        healthy,
        "Copy the files of c to its host, which needs etcd and a user `etcd`:",
        "Add c to the cluster (if the cluster never ran, write `state: new` in the description and apply again):",
        "On the host of c:",
        "Give c a vote, unless it has one; until it has what the leader has, that is refused, so repeat it:",
        healthy,
    ];
    assert_eq!(titles(&changed, &report), expected);
    assert!(report.notices.iter().any(|text| text.starts_with("nodes/b is not in the description any more")));
    assert_eq!(of_member(&report), [("a", "kept", false), ("c", "new", false)]);
    put_outcome(&mut snapshot, result);
    let after = outcome(&changed, &snapshot).report().clone();
    assert!(after.joining.is_empty() && after.leaving.is_empty() && !after.changed);
}

#[test]
fn what_an_offline_ca_has_to_sign_is_the_only_step() {
    let (_, cluster, snapshot) = crate::etcd::plan::tests::offline();
    let report = outcome(&cluster, &snapshot).report().clone();
    let steps = next_steps(&cluster, &report, Path::new("/out"));
    assert_eq!(steps[0].title, "Take /out/requests to the machine of the CA, and sign there:");
    assert_eq!((steps[0].commands.len(), steps.len()), (3, 3));
    assert!(steps[1..].iter().all(|step| step.commands.is_empty()));
}

#[test]
fn what_ends_soon_and_what_differs_is_told() {
    use time::Duration;
    let told = |rest: &str, before: &str, days: Duration| {
        let mut snapshot = empty();
        apply(&describe(TWO, before), &mut snapshot, NOW);
        let plan = Plan::new(&describe(TWO, rest), &snapshot, NOW + days).unwrap();
        plan.notices().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    // It began five minutes before.
    let margin = Duration::days(335) - Duration::minutes(5);
    // What is renewed is not told: it does not end soon any more.
    assert_eq!(told("", "", margin + Duration::SECOND), [""; 0]);
    let late = "renew-before: 1d\n";
    assert_eq!(told(late, late, margin), [""; 0]);
    let soon = told(late, late, margin + Duration::SECOND);
    assert_eq!(soon.len(), 5);
    assert_eq!(soon[0], "the certificate a server ends at 2027-11-21 11:55:00 UTC");
    let kept = "the CA keeps a lifetime of 3650 days, although the description says 3660 days: a CA is not replaced \
                while certificates depend on it";
    assert_eq!(told("validity: {ca: 3660d}\n", "", Duration::ZERO), [kept]);
    let kept = "the CA keeps a key of the kind ecdsa-256, although the description says ed25519: a CA is not replaced \
                while certificates depend on it";
    assert_eq!(told("certificates: {ca: {key: ed25519}}\n", "", Duration::ZERO), [kept]);
    let mut snapshot = empty();
    let cluster = describe(TWO, "validity: {ca: 10d, leaf: 20d}\n");
    let report = outcome(&cluster, &snapshot).report().clone();
    let clamped = report.notices.iter().filter(|text| {
        *text == "the certificate a server ends with its CA at 2026-12-01 11:55:00 UTC, and not at 2026-12-11 11:55:00 \
                  UTC, as described"
    });
    assert_eq!(clamped.count(), 1, "{:?}", report.notices);
    apply(&cluster, &mut snapshot, NOW);
    snapshot.insert("clients/old", Entry::folder(0o700));
    let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
    let orphans = plan.notices().iter().map(ToString::to_string).filter(|text| text.contains("any more"));
    assert_eq!(orphans.count(), 1);
}
