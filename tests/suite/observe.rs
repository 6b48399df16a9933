//! `cluster observe` on members that run, also on such as are not what their files say.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::command::{Ran, run, until};
use super::layouts::{LAYOUTS, Layout};
use super::live::{Cluster, PATIENCE, all_on_each_etcd, described, on_each_etcd};
use super::openssl::Openssl;
use super::product::etcdpki;
use super::programs::Etcd;
use super::trial::{Outcome, named};

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for layout in LAYOUTS {
        let name = format!("{}::what_runs_is_seen", layout.name);
        trials.extend(on_each_etcd(&name, move |etcd| what_runs_is_seen(etcd, layout)));
    }
    trials.extend(all_on_each_etcd(&named![
        who_is_stopped_is_told_and_not_waited_for,
        who_is_older_than_the_files_is_told,
        who_accepts_another_authority_is_told
    ]));
    trials
}

/// A look, and what it says as JSON.
pub fn observe(cluster: &Cluster, more: &[&str]) -> (Ran, Value) {
    let ran =
        run(etcdpki(["cluster", "observe", "--json", "--timeout", "20s"]).args(more).arg(&cluster.tree.root));
    let seen = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    (ran, seen)
}

/// Looks until the exit status is this one: what members know of each other comes with their messages.
#[track_caller]
pub fn until_it_ends_with(cluster: &Cluster, status: i32, more: &[&str]) -> Value {
    let mut last = None;
    let seen = until(PATIENCE, || {
        let (ran, seen) = observe(cluster, more);
        let is_so = ran.code == Some(status);
        last = Some(ran);
        is_so.then_some(seen)
    });
    seen.unwrap_or_else(|| panic!("it does not end with {status}: {}", last.unwrap()))
}

/// The rules of the findings about a member.
pub fn rules(seen: &Value, member: &str) -> Vec<String> {
    let findings = seen["findings"].as_array().unwrap().iter();
    let own = findings.filter(|finding| finding["subject"] == member);
    own.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

pub fn healthy(etcd: &Etcd, fixture: &str) -> Result<Cluster, super::trial::Missing> {
    let mut cluster = Cluster::start(etcd, described(fixture, etcd).applied())?;
    cluster.wait_until_healthy();
    until_it_ends_with(&cluster, 0, &[]);
    Ok(cluster)
}

/// Ends a member and starts it again, with the files of the moment.
pub fn restart(cluster: &mut Cluster, which: usize) -> Outcome {
    cluster.members[which].process.take().unwrap().kill();
    cluster.start_member(which)?;
    cluster.wait_until_healthy();
    Ok(())
}

fn what_runs_is_seen(etcd: &Etcd, layout: &Layout) -> Outcome {
    let cluster = healthy(etcd, &format!("{}.yaml", layout.name))?;
    let metrics = cluster.tree.root.with_file_name("live.prom");
    let (ran, seen) = observe(&cluster, &["--prometheus", metrics.to_str().unwrap()]);
    ran.ends_with(0);
    assert_eq!((&seen["situation"], &seen["findings"]), (&"as-recorded".into(), &Value::Array(vec![])));
    let record: Value = serde_json::from_str(&cluster.tree.read("cluster.lock.json")).unwrap();
    let serial = |certificate: &str| {
        let mut all = record["certificates"].as_array().unwrap().iter();
        let found = all.find(|one| one["certificate"] == certificate);
        found.map(|one| one["serial"].clone())
    };
    let members = seen["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let leaders = members.iter().filter(|member| member["role"] == "leader").count();
    assert_eq!(leaders, 1, "{}", seen["findings"]);
    for member in members {
        let name = member["name"].as_str().unwrap();
        assert_eq!(member["version"], etcd.version, "{}", seen["findings"]);
        assert_eq!(member["healthy"], true, "{}", seen["findings"]);
        let connected = member["connected"].as_object().unwrap();
        assert!(connected.len() == 2 && connected.values().all(|is| is == true), "{}", seen["findings"]);
        assert!(member["clock_difference"].as_i64().unwrap().abs() <= 2, "{}", seen["findings"]);
        for (port, role) in [("client", "server"), ("peer", "peer")] {
            let recorded = serial(&format!("{name} {role}")).or_else(|| serial(&format!("{name} member")));
            assert_eq!(Some(member[port]["serial"].clone()), recorded, "{name} {port}");
            assert_eq!(member[port]["accepts"].as_array().unwrap().len(), 1, "{}", seen["findings"]);
        }
    }
    let text = fs::read_to_string(metrics).unwrap();
    for line in [
        "etcdpki_port_answers{cluster=\"prod\",member=\"etcd2\",port=\"peer\"} 1",
        "etcdpki_member_healthy{cluster=\"prod\",member=\"etcd1\"} 1",
        "etcdpki_members_connected{cluster=\"prod\",member=\"etcd1\",other=\"etcd3\"} 1",
        "etcdpki_observation_situation{cluster=\"prod\"} 0",
    ] {
        let line = line.replace("prod", seen["cluster"].as_str().unwrap());
        assert!(text.lines().any(|other| other == line), "no {line} in\n{text}");
    }
    // For a person, and as a client of whom there are no files.
    let table = run(etcdpki(["cluster", "observe"]).arg(&cluster.tree.root)).ok();
    assert!(table.stdout.contains("all members run, and show what their files say"), "{table}");
    let (ran, seen) = observe(&cluster, &["--client", "nobody"]);
    ran.ends_with(3);
    assert!(rules(&seen, "etcd1").contains(&"E1111".to_owned()), "{}", seen["findings"]);
    Ok(())
}

/// Waits until the clock is in another second than the start of every process, by more than the tolerance: the record
/// has whole seconds.
fn seconds_later(since: Instant) {
    until(PATIENCE, || (since.elapsed() > Duration::from_millis(2100)).then_some(()));
}

fn signal(cluster: &Cluster, which: usize, signal: Signal) {
    let process = cluster.members[which].process.as_ref().unwrap();
    kill(Pid::from_raw(process.0.id().try_into().unwrap()), signal).unwrap();
}

fn who_is_stopped_is_told_and_not_waited_for(etcd: &Etcd) -> Outcome {
    let mut cluster = healthy(etcd, "three-members.yaml")?;
    signal(&cluster, 1, Signal::SIGSTOP);
    let start = Instant::now();
    let ran = run(etcdpki(["cluster", "observe", "--json", "--timeout", "2s"]).arg(&cluster.tree.root));
    // The machine may be busy; the point is that it does not wait for the member.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    ran.ends_with(3);
    assert_eq!(rules(&seen, "etcd2"), ["E1101", "E1101"], "{}", seen["findings"]);
    assert_eq!(seen["members"][1]["client"]["no_answer"], "no answer in time");
    signal(&cluster, 1, Signal::SIGCONT);
    until_it_ends_with(&cluster, 0, &[]);

    cluster.members[2].process.take().unwrap().kill();
    let seen = until_it_ends_with(&cluster, 3, &[]);
    assert!(rules(&seen, "etcd3").contains(&"E1101".to_owned()), "{}", seen["findings"]);
    cluster.start_member(2)?;
    cluster.wait_until_healthy();
    until_it_ends_with(&cluster, 0, &[]);
    // Of another series than the one that was described.
    let other = if etcd.version.starts_with("3.6") { "3.5" } else { "3.6" };
    let (ran, seen) = observe(&cluster, &["--etcd", other]);
    ran.ends_with(3);
    assert_eq!(rules(&seen, "etcd1"), ["E1110"], "{}", seen["findings"]);
    Ok(())
}

fn who_is_older_than_the_files_is_told(etcd: &Etcd) -> Outcome {
    let mut cluster = healthy(etcd, "three-members.yaml")?;
    // A certificate is read for each connection. It was not copied to the host of etcd1.
    fs::remove_file(cluster.tree.path("nodes/etcd1/etc/etcd/pki/server.pem")).unwrap();
    cluster.tree.apply().ok();
    let seen = until_it_ends_with(&cluster, 2, &[]);
    assert_eq!(rules(&seen, "etcd1"), ["E1104"], "{}", seen["findings"]);
    restart(&mut cluster, 0)?;
    let started = Instant::now();
    until_it_ends_with(&cluster, 0, &[]);

    // A CA is read at the start. Renewed with the same key, it has the same name.
    let ca = cluster.tree.path("ca");
    let renew = "gencert -renewca -ca peer-ca.pem -ca-key peer-ca-key.pem -bare renewed";
    run(etcdpki(renew.split(' ')).current_dir(&ca)).ok();
    fs::rename(ca.join("renewed.pem"), ca.join("peer-ca.pem")).unwrap();
    // A process that begins in the second of the change may have read it, so this is not judged.
    seconds_later(started);
    cluster.tree.apply().ok();
    let seen = until_it_ends_with(&cluster, 2, &[]);
    for member in ["etcd1", "etcd2", "etcd3"] {
        assert_eq!(rules(&seen, member), ["E1106"], "{}", seen["findings"]);
    }
    restart(&mut cluster, 1)?;
    let seen = until_it_ends_with(&cluster, 2, &[]);
    assert_eq!(rules(&seen, "etcd2"), Vec::<String>::new(), "{}", seen["findings"]);
    assert_eq!(rules(&seen, "etcd3"), ["E1106"], "{}", seen["findings"]);
    for which in [0, 2] {
        restart(&mut cluster, which)?;
    }
    until_it_ends_with(&cluster, 0, &[]);
    Ok(())
}

fn who_accepts_another_authority_is_told(etcd: &Etcd) -> Outcome {
    Openssl::find()?;
    let mut cluster = healthy(etcd, "three-members.yaml")?;
    let trusted = cluster.tree.path("nodes/etcd3/etc/etcd/pki/client-ca.pem");
    let before = fs::read_to_string(&trusted).unwrap();
    // It started with one CA more, and then the file was put back.
    let more = format!("{before}{}", cluster.tree.read("ca/peer-ca.pem"));
    fs::write(&trusted, more).unwrap();
    restart(&mut cluster, 2)?;
    fs::write(&trusted, &before).unwrap();
    let seen = until_it_ends_with(&cluster, 3, &[]);
    assert_eq!(rules(&seen, "etcd3"), ["E1105"], "{}", seen["findings"]);
    restart(&mut cluster, 2)?;
    until_it_ends_with(&cluster, 0, &[]);

    // A CA with the same key and a name that looks the same: Go compares bytes.
    let key = cluster.tree.path("ca/client-ca-key.pem");
    same_name_in_other_bytes(&key, &trusted);
    let seen = until_it_ends_with(&cluster, 3, &[]);
    // By its dates, the process may also be older than the CA.
    assert_eq!(rules(&seen, "etcd3")[0], "E1105", "{}", seen["findings"]);
    let problem = seen["findings"][0]["problem"].as_str().unwrap();
    let names = problem.matches("CN=prod etcd client CA").count();
    assert!(problem.contains("their bytes differ") && names == 2, "{problem}");
    Ok(())
}

/// Writes a certificate for the key of a CA, whose name has another string type.
pub fn same_name_in_other_bytes(key: &Path, file: &Path) {
    let subject = ["x509", "-noout", "-subject", "-nameopt", "compat", "-in"];
    let subject = run(Command::new("openssl").args(subject).arg(file)).ok().stdout;
    let name = subject.trim().strip_prefix("subject=").unwrap().trim().to_owned();
    let parsed = run(Command::new("openssl").args(["asn1parse", "-in"]).arg(file)).ok().stdout;
    // The masks of PrintableString and UTF8String (ASN1_STRING_set_default_mask_asc(3)).
    let mask = if parsed.contains("UTF8STRING") { "MASK:0x0002" } else { "MASK:0x2000" };
    let config = file.with_file_name("other.cnf");
    let text = format!("[req]\nstring_mask={mask}\ndistinguished_name=d\n[d]\n");
    fs::write(&config, text).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-new", "-days", "400", "-config"]).arg(&config).arg("-key").arg(key);
    run(openssl.arg("-subj").arg(name).arg("-out").arg(file)).ok();
    fs::remove_file(config).unwrap();
}
