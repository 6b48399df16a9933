//! Each operation on members that are as they say, and on one that lies: the lie is named, and the operation stops.

mod simulated;

use std::time::Duration;

use super::*;
use crate::etcd::plan::renewal::Renewal;
use simulated::{LIES, Lab, Lie, text};

const DAY: Duration = Duration::from_secs(86400);

/// An operation, and what is described for it.
type Operation = (&'static str, &'static str, fn(&mut Lab) -> (Result<End, OperationError>, Vec<String>));

const OPERATIONS: [Operation; 6] = [
    ("restart", "", restart),
    ("renew", "", renew),
    ("renew --new-key", "", renew_keys),
    ("renew-ca", "validity: {ca: 40d}\n", renew_authorities),
    ("deploy", "validity: {ca: 40d}\n", deploy),
    ("recover", "validity: {ca: 30d, leaf: 10d}\n", recover),
];

fn options(renewal: Renewal) -> RenewalOptions {
    RenewalOptions { renewal, reaches_hosts: true, restart: guards(), ..RenewalOptions::default() }
}

/// Nobody waits long for one that lies: each look is work for the machine.
fn guards() -> RestartOptions {
    let (wait, settle) = (Duration::from_secs(1), Duration::from_millis(200));
    RestartOptions { wait, settle, ..RestartOptions::default() }
}

fn restart(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    let (running, options) = (lab.running(), guards());
    let mut restart = Restart::new(&running, &options).unwrap();
    let end = restart.carry_out(lab);
    (end, restart.report().obstacles.clone())
}

/// Runs an operation with the folder of a cluster that is the same.
fn with_folder<T>(lab: &mut Lab, operation: impl FnOnce(&ClusterFolder<'_>, &mut Lab) -> T) -> T {
    let cluster = lab.cluster.clone();
    let folder = ClusterFolder::new(&cluster, &lab.out(), crate::etcd::EtcdVersion::V3_5, "root").unwrap();
    operation(&folder, lab)
}

fn renew(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    with_folder(lab, |folder, lab| {
        let options = options(Renewal::All);
        let mut renew = Renew::new(folder, &options);
        let end = renew.carry_out(lab);
        (end, renew.report().obstacles.clone())
    })
}

fn renew_keys(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    with_folder(lab, |folder, lab| {
        let options = RenewalOptions { new_keys: true, ..options(Renewal::All) };
        let mut renew = Renew::new(folder, &options);
        let end = renew.carry_out(lab);
        (end, renew.report().obstacles.clone())
    })
}

fn lasting(lab: &mut Lab) {
    let text = "name: prod\nversion: 3.5.30\nmembers: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}, {name: \
                c, address: 10.0.0.3}]\n";
    lab.cluster = crate::etcd::Cluster::from_yaml(text, None).unwrap().value;
}

fn renew_authorities(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    lasting(lab);
    with_folder(lab, |folder, lab| {
        let options = options(Renewal::Authorities(Vec::new()));
        let mut renew = RenewAuthorities::new(folder, &options).unwrap();
        let end = renew.carry_out(lab);
        (end, renew.report().obstacles.clone())
    })
}

/// The folder has CAs that last longer, and the hosts do not.
fn deploy(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    lasting(lab);
    lab.apply(&Renewal::Authorities(Vec::new()));
    lab.apply(&Renewal::Due);
    let (cluster, running, options) = (lab.cluster.clone(), lab.running(), guards());
    let out = lab.out();
    let mut deploy = Deploy::new(&cluster, &running, &out, &options).unwrap();
    let end = deploy.carry_out(lab);
    (end, deploy.report().obstacles.clone())
}

fn recover(lab: &mut Lab) -> (Result<End, OperationError>, Vec<String>) {
    lab.later(DAY * 400);
    with_folder(lab, |folder, lab| {
        let options = options(Renewal::Ended);
        let mut recover = Recover::new(folder, &options);
        let end = recover.carry_out(lab);
        (end, recover.report().obstacles.clone())
    })
}

#[test]
fn with_members_that_are_as_they_say_each_operation_is_done() {
    for (name, description, operation) in OPERATIONS {
        let mut lab = Lab::new(description);
        let (end, obstacles) = operation(&mut lab);
        assert_eq!((end, obstacles), (Ok(End::Done), vec![]), "{name}: {:?}", lab.lines);
        let restarted = lab.count("systemctl restart");
        assert_eq!(restarted, if name == "renew" { 0 } else { 3 }, "{name}");
        // Below a CA that lasts longer, certificates that ended with it may last longer too.
        assert!(lab.is_applied() || name == "renew-ca", "{name}");
        let seen = lab.running();
        assert_eq!(lab.observe(&seen).findings.len(), 0, "{name}: {:?}", lab.observe(&seen).findings);
    }
}

#[test]
fn each_lie_is_named_and_stops_each_operation() {
    for (name, description, operation) in OPERATIONS {
        for lie in LIES {
            // Nobody is restarted by a renewal for the same keys.
            if name == "renew" && lie == Lie::OldProcess {
                continue;
            }
            let mut lab = Lab::new(description);
            lab.lie = Some((lie, "b"));
            let (end, obstacles) = operation(&mut lab);
            let told = obstacles.iter().any(|obstacle| obstacle.starts_with("b: "));
            assert!(end == Ok(End::NotSafe) && told, "{name}, {lie:?}: {end:?}, {obstacles:?}");
            let early = [Lie::Clock, Lie::OtherSeries];
            if early.contains(&lie) {
                let changed = lab.count("systemctl restart") + lab.count("tar -C");
                assert_eq!(changed, 0, "{name}, {lie:?}: {:?}", lab.lines);
            }
        }
    }
}

/// The names of the CAs are the same, and the process is new: only the files tell.
#[test]
fn a_renewed_ca_that_is_not_on_its_host_is_seen_by_the_digest_of_the_file() {
    let mut lab = Lab::new("validity: {ca: 40d}\n");
    lab.lie = Some((Lie::KeepsOldFiles, "b"));
    let (end, obstacles) = renew_authorities(&mut lab);
    assert_eq!(end, Ok(End::NotSafe));
    assert_eq!(obstacles.len(), 2, "{obstacles:?}");
    let told = "b: /etc/etcd/pki/client-ca.pem on its host is not the file of this folder";
    assert!(obstacles[0].starts_with(told), "{obstacles:?}");
    // Given again, with a host that takes the files, it goes on.
    lab.lie = None;
    let (end, obstacles) = renew_authorities(&mut lab);
    assert_eq!((end, obstacles), (Ok(End::Done), vec![]));
}

#[test]
fn what_waits_for_a_person_is_told_without_hosts() {
    let mut lab = Lab::new("");
    let end = with_folder(&mut lab, |folder, lab| {
        let options = RenewalOptions { renewal: Renewal::All, ..RenewalOptions::default() };
        let mut renew = Renew::new(folder, &options);
        let end = renew.carry_out(lab);
        let script = format!("{}/deploy.sh --copy a b c", lab.out().display());
        assert_eq!(renew.report().commands, [script]);
        end
    });
    assert_eq!((end, lab.lines.len()), (Ok(End::Waits), 0));
    assert!(text(&lab.out(), "registry.jsonl").contains("\"issued\""));
}

#[test]
fn who_is_not_there_is_an_error() {
    let mut lab = Lab::new("");
    let named = |name: &str| vec![name.to_owned()];
    with_folder(&mut lab, |folder, lab| {
        let other = options(Renewal::Named(named("x")));
        let end = Renew::new(folder, &other).carry_out(lab);
        assert_eq!(end, Err(OperationError::NoCertificate { name: "x".to_owned() }));
        let other = options(Renewal::Authorities(named("ca")));
        let known = vec!["client-ca".to_owned(), "peer-ca".to_owned()];
        let error = RenewAuthorities::new(folder, &other).unwrap_err();
        assert_eq!(error, OperationError::OtherAuthority { name: "ca".to_owned(), known });
    });
}
