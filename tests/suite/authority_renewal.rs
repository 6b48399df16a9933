//! `cluster renew-ca` and `cluster recover` on real members.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pki_core::etcd::{Folder, Plan};
use pki_core::x509::{Certificate, SystemKeys, SystemRandomness};
use serde_json::Value;

use super::command::{run, until};
use super::live::{Cluster, PATIENCE, all_on_each_etcd, described};
use super::observe::{same_name_in_other_bytes, until_it_ends_with};
use super::openssl::Openssl;
use super::product::{etcdpki, is_key};
use super::programs::Etcd;
use super::renew::Handshakes;
use super::restart::{Lab, starts};
use super::trial::{Missing, Outcome, named};

pub fn trials() -> Vec<Trial> {
    let mut trials = all_on_each_etcd(&named![authorities_are_renewed_and_recovered]);
    let all = std::env::var_os("ETCDPKI_LAYOUTS").is_some();
    let of_layouts = all_on_each_etcd(&named![each_layout_renews_its_authority]).into_iter();
    trials.extend(of_layouts.filter(|trial| all || trial.name().starts_with("etcd::3.5.")));
    trials
}

/// Three members that run, made from the usual description with this validity.
pub fn lab(etcd: &Etcd, validity: &str) -> Result<Lab, Missing> {
    lab_of("three-members.yaml", etcd, validity)
}

fn lab_of(fixture: &str, etcd: &Etcd, validity: &str) -> Result<Lab, Missing> {
    let tree = described(fixture, etcd);
    let text = fs::read_to_string(&tree.description).unwrap();
    let others: String =
        text.lines().filter(|line| !line.starts_with("validity: ")).map(|line| format!("{line}\n")).collect();
    tree.describe(&format!("{others}validity: {validity}\n"));
    let mut cluster = Cluster::start(etcd, tree.applied())?;
    cluster.wait_until_healthy();
    until_it_ends_with(&cluster, 0, &[]);
    Ok(Lab::around(cluster, etcd))
}

/// The certificates in a folder, by their paths.
fn certificates(cluster: &Cluster) -> BTreeMap<String, Certificate> {
    let files = cluster.tree.files().into_iter();
    let certificates = files.filter(|(path, _)| path.ends_with(".pem") && !is_key(path));
    certificates.map(|(path, bytes)| (path, Certificate::read(&bytes).unwrap())).collect()
}

/// How many events of a kind the registry has.
fn events(cluster: &Cluster, event: &str) -> usize {
    let text = cluster.tree.read("registry.jsonl");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).count()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

/// Both on one cluster, which is dear to start.
fn authorities_are_renewed_and_recovered(etcd: &Etcd) -> Outcome {
    let mut lab = lab(etcd, "{ca: 40d}")?;
    are_renewed_and_nothing_else(&mut lab, etcd)?;
    // What is made of it does not depend on the version.
    if etcd.version.starts_with("3.5.") {
        who_lies_is_named_and_nothing_changes(&mut lab, etcd)?;
    }
    members_get_new_keys(&mut lab)?;
    have_ended_and_are_recovered(&mut lab, etcd)
}

fn are_renewed_and_nothing_else(lab: &mut Lab, etcd: &Etcd) -> Outcome {
    let text = fs::read_to_string(&lab.cluster.tree.description).unwrap();
    lab.cluster.tree.describe(&text.replace("{ca: 40d}", "{ca: 3650d}"));
    let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
    let with = |more: &[&str]| -> Vec<String> {
        let usual = ["-f", &description, "--settle", "500ms"];
        usual.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let renew_ca = |lab: &mut Lab, more: &[&str]| {
        let words = with(more);
        lab.operate("renew-ca", &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let before = certificates(&lab.cluster);
    // While a member is away, nothing is begun.
    lab.cluster.members[2].process.take().unwrap().kill();
    let (status, report) = renew_ca(lab, &[]);
    assert_eq!(status, Some(3), "{report}");
    assert!(report["obstacles"].to_string().contains("etcd3: client port: "), "{report}");
    assert!(certificates(&lab.cluster) == before, "something was renewed");
    lab.cluster.start_member(2)?;
    lab.cluster.wait_until_healthy();
    until_it_ends_with(&lab.cluster, 0, &[]);
    let started = starts(&lab.cluster);

    let mut writer = lab.writer();
    let begun = until(PATIENCE, || lab.at("count").exists().then_some(()));
    assert!(begun.is_some(), "nothing is written");
    // Both at once, or one and then what is left.
    let both: &[(&[&str], &[&str])] = &[(&[], &["client-ca", "peer-ca"])];
    let one_by_one: &[(&[&str], &[&str])] = &[(&["peer-ca"], &["peer-ca"]), (&[], &["client-ca"])];
    for (named, renewed) in if etcd.version.starts_with("3.5.") { one_by_one } else { both } {
        let placed = events(&lab.cluster, "placed");
        let (status, report) = renew_ca(lab, named);
        assert_eq!(status, Some(0), "{report}");
        let names = report["renewed"].as_array().unwrap().iter();
        assert_eq!(names.map(|one| one["certificate"].as_str().unwrap()).collect::<Vec<_>>(), *renewed);
        assert_eq!(strings(&report["placed"]), ["etcd1", "etcd2", "etcd3"]);
        assert_eq!(strings(&report["restarted"]).len(), 3, "{report}");
        assert_eq!(events(&lab.cluster, "placed"), placed + 3);
    }
    lab.end_writer(&mut writer);
    let after = certificates(&lab.cluster);
    for (path, old) in &before {
        let new = &after[path];
        let is_authority = path.ends_with("-ca.pem");
        assert_eq!(new.der() != old.der(), is_authority, "{path}");
        assert!(new.has_key_of(old) && new.subject().der() == old.subject().der(), "{path}");
        let gained = new.not_after() - old.not_after();
        assert!(!is_authority || gained > Duration::from_secs(3000 * 86400), "{path}: {gained}");
    }
    for (old, new) in started.iter().zip(starts(&lab.cluster)) {
        assert!(*old < new, "{old} {new}");
    }
    until_it_ends_with(&lab.cluster, 0, &[]);
    // Who has the certificates of before is accepted still, and accepts.
    for (path, old) in before.iter().filter(|(path, _)| path.starts_with("clients/root/")) {
        fs::write(lab.cluster.tree.path(path), old.to_pem()).unwrap();
    }
    assert_eq!(lab.cluster.etcdctl(&["put", "after", "1"]).code, Some(0));
    lab.cluster.tree.apply().ok();
    // Again there is nothing to do.
    let (status, report) = renew_ca(lab, &[]);
    assert_eq!((status, strings(&report["restarted"])), (Some(0), vec![]), "{report}");
    Ok(())
}

/// A member that is stopped, a host with another series of etcd, and one with a clock that is off: each operation ends with
/// 3, names it, and changes nothing.
fn who_lies_is_named_and_nothing_changes(lab: &mut Lab, etcd: &Etcd) -> Outcome {
    Openssl::find()?;
    let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
    let (files, started) = (lab.cluster.tree.files(), starts(&lab.cluster));
    let stops = |lab: &mut Lab, operation: &str, more: &[&str], said: &str| {
        let (status, report) = lab.operate(operation, more);
        assert_eq!(status, Some(3), "{operation}, {said}: {report}");
        assert!(report["obstacles"].to_string().contains(said), "{operation}, {said}: {report}");
    };
    let process = lab.cluster.members[2].process.as_ref().unwrap().0.id();
    let signal = |signal| kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
    lab.timeout = "2s";
    signal(Signal::SIGSTOP);
    let with = ["-f", &description, "--wait", "2s"];
    stops(lab, "restart", &["--wait", "2s"], "etcd3: client port: ");
    stops(lab, "renew", &[&with[..], &["--all"]].concat(), "etcd3: client port: ");
    stops(lab, "renew", &[&with[..], &["--all", "--new-key"]].concat(), "etcd3: client port: ");
    // What hosts are asked is not what is waited for here.
    let patiently = ["-f", &description, "--wait", "60s"];
    stops(lab, "deploy", &patiently, "etcd3: client port: ");
    signal(Signal::SIGCONT);
    lab.timeout = "20s";
    until_it_ends_with(&lab.cluster, 0, &[]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let fast = format!("clock {}\nversion {}\nhas-data\nrunning\nchecked\n", now + 180, etcd.version);
    let other = format!("clock {now}\nversion 3.3.27\nhas-data\nrunning\nchecked\n");
    for (facts, said) in [(fast, "etcd2: the clock of its host is "), (other, "etcd2: /usr/bin/etcd on ")] {
        fs::write(lab.at("facts.etcd2"), facts).unwrap();
        stops(lab, "deploy", &patiently, said);
    }
    fs::remove_file(lab.at("facts.etcd2")).unwrap();
    // A CA for the same key, with a name that looks the same, is in the folder: nobody gets to the hosts.
    let (authority, right) = (lab.cluster.tree.path("ca/client-ca.pem"), files["ca/client-ca.pem"].clone());
    same_name_in_other_bytes(&lab.cluster.tree.path("ca/client-ca-key.pem"), &authority);
    for operation in ["renew", "renew-ca", "deploy", "recover"] {
        let mut command = etcdpki(["cluster", operation, "--exec=false", "-f", &description]);
        let ran = run(command.arg(&lab.cluster.tree.root)).ends_with(3);
        assert!(ran.stderr.contains("bytes differ"), "{ran}");
    }
    fs::write(&authority, right).unwrap();
    let without_registry = |mut files: BTreeMap<String, Vec<u8>>| {
        // What was seen may be written down.
        files.remove("registry.jsonl");
        files
    };
    assert!(without_registry(lab.cluster.tree.files()) == without_registry(files), "a file has changed");
    assert_eq!(starts(&lab.cluster), started, "somebody was restarted");
    Ok(())
}

/// Each member reads its new keys at a restart, and no handshake meets a pair that does not fit.
fn members_get_new_keys(lab: &mut Lab) -> Outcome {
    let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
    let renew = |lab: &mut Lab, more: &[&str]| {
        let usual = ["-f", &description, "--settle", "500ms"];
        lab.operate("renew", &[&usual[..], more].concat())
    };
    let (before, started) = (certificates(&lab.cluster), starts(&lab.cluster));
    let handshakes = Handshakes::start_through_restarts(&lab.cluster);
    let (status, report) = renew(lab, &["--all", "--new-key"]);
    let made = handshakes.end();
    assert_eq!((status, &report["obstacles"]), (Some(0), &Value::Array(vec![])), "{report}");
    for done in ["placed", "restarted", "proved"] {
        assert_eq!(strings(&report[done]).len(), 3, "{done}: {report}");
    }
    assert!(made > 0, "no handshake was made");
    eprintln!("{made} handshakes while all members got new keys, 0 failed");
    for (old, new) in started.iter().zip(starts(&lab.cluster)) {
        assert!(*old < new, "{old} {new}");
    }
    let after = certificates(&lab.cluster);
    for (path, old) in before.iter().filter(|(path, _)| path.starts_with("nodes/")) {
        assert!(after[path].der() == old.der(), "{path} has changed");
        if !path.ends_with("-ca.pem") {
            let new = &after[&path.replace(".pem", "-g2.pem")];
            assert!(!new.has_key_of(old) && new.subject().der() == old.subject().der(), "{path}");
        }
    }
    for member in &lab.cluster.members {
        let log = fs::read_to_string(&member.log).unwrap();
        assert!(!log.contains("private key does not match"), "{}", member.name);
    }
    until_it_ends_with(&lab.cluster, 0, &[]);
    assert!(lab.cluster.tree.read("registry.jsonl").contains("/server-g2.pem"));
    // `apply` makes nothing of it, and a renewal for the same keys goes on with them.
    let files = lab.cluster.tree.files();
    run(etcdpki(["cluster", "plan", "-f", &description, "-o"]).arg(&lab.cluster.tree.root)).ok();
    lab.cluster.tree.apply().ok();
    assert!(lab.cluster.tree.files() == files, "`apply` has changed something");
    let (status, report) = renew(lab, &["etcd1"]);
    assert_eq!((status, strings(&report["proved"])), (Some(0), vec!["etcd1"]), "{report}");
    assert_eq!(strings(&report["restarted"]), [""; 0]);
    run(etcdpki(["cluster", "status"]).arg(&lab.cluster.tree.root)).ok();
    Ok(())
}

/// Layouts with one CA, each renewed under writes. `ETCDPKI_LAYOUTS=1` tries all series of etcd.
fn each_layout_renews_its_authority(etcd: &Etcd) -> Outcome {
    for fixture in ["single-ca.yaml", "shared-cert.yaml"] {
        let mut lab = lab_of(fixture, etcd, "{ca: 40d}")?;
        let text = fs::read_to_string(&lab.cluster.tree.description).unwrap();
        lab.cluster.tree.describe(&text.replace("{ca: 40d}", "{ca: 3650d}"));
        let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
        let before = certificates(&lab.cluster);
        let mut writer = lab.writer();
        assert!(until(PATIENCE, || lab.at("count").exists().then_some(())).is_some(), "nothing is written");
        let (status, report) = lab.operate("renew-ca", &["-f", &description, "--settle", "500ms", "ca"]);
        assert_eq!((status, strings(&report["restarted"]).len()), (Some(0), 3), "{fixture}: {report}");
        lab.end_writer(&mut writer);
        let after = certificates(&lab.cluster);
        for (path, old) in &before {
            let (new, is_authority) = (&after[path], path.ends_with("/ca.pem"));
            assert_eq!(new.der() != old.der(), is_authority, "{fixture}: {path}");
            assert!(new.has_key_of(old) && new.subject().der() == old.subject().der(), "{path}");
        }
        until_it_ends_with(&lab.cluster, 0, &[]);
    }
    Ok(())
}

/// The folder as it would be 400 days after it was made: the same keys, with certificates that have ended.
fn age(lab: &Lab) {
    let tree = &lab.cluster.tree;
    for path in tree.files().into_keys() {
        if path.ends_with(".pem") && !is_key(&path) || path == "cluster.lock.json" || path == "registry.jsonl"
        {
            fs::remove_file(tree.path(&path)).unwrap();
        }
    }
    let text = fs::read_to_string(&tree.description).unwrap().replace("{ca: 3650d}", "{ca: 30d, leaf: 10d}");
    tree.describe(&text);
    let cluster = pki_core::etcd::Cluster::from_yaml(&text, None).unwrap().value;
    let then = (SystemTime::now() - Duration::from_secs(400 * 86400)).into();
    let folder = Folder::lock(&tree.root).unwrap();
    let plan = Plan::new(&cluster, &folder.snapshot(&cluster).unwrap(), then).unwrap();
    assert_eq!(plan.keys_to_make(), 0);
    folder.apply(&plan.issue(&SystemKeys, &SystemRandomness, then, &|_| {}).unwrap()).unwrap();
}

fn have_ended_and_are_recovered(lab: &mut Lab, etcd: &Etcd) -> Outcome {
    for key in ["a", "b", "c"] {
        lab.cluster.etcdctl(&["put", key, "kept"]).ok();
    }
    let description = lab.cluster.tree.description.to_str().unwrap().to_owned();
    // A cluster that works is left alone, also if it does not show what was issued since.
    let mut command = etcdpki(["cluster", "renew", "-f", &description]);
    run(command.arg(&lab.cluster.tree.root).arg("etcd1")).ends_with(2);
    let (status, report) = lab.operate("recover", &["-f", &description]);
    assert_eq!((status, &report["placed"]), (Some(3), &Value::Array(vec![])), "{report}");
    assert!(report["notices"].to_string().contains("a majority of the members is healthy"), "{report}");
    for member in &mut lab.cluster.members {
        member.process.take().unwrap().kill();
    }
    age(lab);
    for which in 0..3 {
        lab.cluster.start_member(which)?;
    }
    let before = certificates(&lab.cluster);
    let ran = run(etcdpki(["cluster", "status"]).arg(&lab.cluster.tree.root)).ends_with(1);
    assert!(ran.stdout.contains("E901"), "{ran}");
    // Without a majority, members keep silent about their health.
    (lab.waits_for_health, lab.timeout) = (false, "5s");
    let (status, report) = lab.operate("recover", &["-f", &description, "--dry-run"]);
    assert_eq!(status, Some(2), "{report}");
    assert_eq!(
        report["renewed"].as_array().unwrap().len(),
        if etcd.version.starts_with("3.4.") { 9 } else { 12 }
    );
    assert!(certificates(&lab.cluster) == before, "a dry run has renewed something");
    // If one host cannot be reached, nothing is changed.
    let mut command =
        etcdpki(["cluster", "recover", "--timeout", "2s", "--exec=test {name} != etcd3 && : {command}"]);
    let ran = run(command.arg(&lab.cluster.tree.root).args(["-f", &description])).ends_with(1);
    assert!(ran.stderr.contains("etcd3: its host cannot be reached"), "{ran}");
    assert!(certificates(&lab.cluster) == before, "something was renewed");

    let (status, report) = lab.operate("recover", &["-f", &description]);
    assert_eq!((status, &report["obstacles"]), (Some(0), &Value::Array(vec![])), "{report}");
    for (path, old) in &before {
        let new = &certificates(&lab.cluster)[path];
        assert!(new.has_key_of(old) && new.subject().der() == old.subject().der(), "{path}");
        assert!(
            new.is_valid_at(SystemTime::now().into()) && !old.is_valid_at(SystemTime::now().into()),
            "{path}"
        );
    }
    lab.cluster.wait_until_healthy();
    for key in ["a", "b", "c"] {
        assert!(lab.cluster.etcdctl(&["get", key]).ok().stdout.contains("kept"), "{key} is lost");
    }
    until_it_ends_with(&lab.cluster, 0, &[]);
    assert_eq!((events(&lab.cluster, "placed"), events(&lab.cluster, "proved")), (3, 3));
    Ok(())
}
