//! Members that come and go while the others run: what `cluster apply` prints is done word by word.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use super::command::{Ran, run, until};
use super::layouts::{LAYOUTS, Layout};
use super::live::{Cluster, PATIENCE, all_on_each_etcd, described, on_each_etcd};
use super::product::{Entry, Tree, printed_steps};
use super::programs::Etcd;
use super::trial::{Outcome, named};

const FIRST: &str = "  - {name: etcd1, address: 127.0.0.1}\n";
const THIRD: &str = "  - {name: etcd3, address: 127.0.0.3}\n";
const FOURTH: &str = "  - {name: etcd4, address: 127.0.0.4}\n";

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for layout in LAYOUTS {
        let name = format!("{}::a_fourth_member_joins_and_leaves", layout.name);
        trials.extend(on_each_etcd(&name, move |etcd| a_fourth_member_joins_and_leaves(etcd, layout)));
    }
    trials.extend(all_on_each_etcd(&named![
        two_members_join_at_once,
        a_member_joins_as_a_learner,
        a_member_moves,
        one_member_takes_anothers_place
    ]));
    trials
}

fn a_fourth_member_joins_and_leaves(etcd: &Etcd, layout: &Layout) -> Outcome {
    let mut cluster = Cluster::start(etcd, described(&format!("{}.yaml", layout.name), etcd).applied())?;
    cluster.wait_until_healthy();
    let three = fs::read_to_string(&cluster.tree.description).unwrap();
    let before = cluster.tree.entries();

    cluster.tree.describe(&three.replace(THIRD, &format!("{THIRD}{FOURTH}")));
    let plan = report(&cluster.tree);
    let applied = cluster.tree.apply().ok();
    assert_untouched(&before, &cluster.tree);
    let command = "etcdctl member add etcd4 --learner --peer-urls=https://127.0.0.4:2380";
    assert_eq!(plan["joining"][0]["command"], command);
    assert!(applied.stdout.contains(command), "{applied}");
    follow(&mut cluster, etcd, &applied)?;

    assert_eq!(cluster.members.len(), 4);
    let fourth = cluster.endpoints(|which| which == 3);
    cluster.etcdctl_at(&fourth, &["put", "greeting", "hello"]).ok();
    let first = cluster.endpoints(|which| which == 0);
    let read = cluster.etcdctl_at(&first, &["get", "greeting", "--print-value-only"]).ok();
    assert_eq!(read.stdout, "hello\n");
    for member in &cluster.members {
        member.assert_no_complaint();
    }

    let grown = cluster.tree.entries();
    cluster.tree.describe(&three);
    let plan = report(&cluster.tree);
    let applied = cluster.tree.apply().ok();
    assert_untouched(&grown, &cluster.tree);
    let command = plan["leaving"][0]["command"].as_str().unwrap();
    assert!(applied.stdout.contains(command), "{applied}");
    assert!(applied.stderr.contains("nodes/etcd4"), "the folder that stays is not named: {applied}");
    follow(&mut cluster, etcd, &applied)?;
    assert_eq!(cluster.members.len(), 3);
    // All of it is as it was, and nothing more is to be done.
    let files = |entries: BTreeMap<String, Entry>| {
        let files =
            entries.into_iter().filter(|(path, _)| !path.contains("etcd4") && !is_of_the_folder(path));
        files.map(|(path, entry)| (path, entry.bytes)).collect::<BTreeMap<_, _>>()
    };
    assert!(files(before) == files(cluster.tree.entries()), "the files of three members are not as before");
    cluster.tree.plan().ends_with(0);
    Ok(())
}

fn two_members_join_at_once(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("one-member.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    let before = cluster.tree.entries();
    let one = fs::read_to_string(&cluster.tree.description).unwrap();
    // The place in the description does not matter.
    let two = one.replace(FIRST, &format!("{THIRD}{FIRST}{FOURTH}"));
    assert_ne!(one, two);
    cluster.tree.describe(&two);
    let applied = cluster.tree.apply().ok();
    assert_untouched(&before, &cluster.tree);
    follow(&mut cluster, etcd, &applied)?;
    assert_eq!(cluster.members.len(), 3);
    for newcomer in [1, 2] {
        let newcomer = cluster.endpoints(|which| which == newcomer);
        let read = cluster.etcdctl_at(&newcomer, &["get", "greeting", "--print-value-only"]).ok();
        assert_eq!(read.stdout, "hello\n");
    }
    Ok(())
}

/// A learner has no vote until it is promoted. The files that it starts with are those of any member that joins.
fn a_member_joins_as_a_learner(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("three-members.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    let three = fs::read_to_string(&cluster.tree.description).unwrap();
    cluster.tree.describe(&three.replace(THIRD, &format!("{THIRD}{FOURTH}")));
    let plan = report(&cluster.tree);
    cluster.tree.apply().ok();
    let add = plan["joining"][0]["command"].as_str().unwrap();
    let added = until(PATIENCE, || (cluster.shell(add).code == Some(0)).then_some(()));
    assert!(added.is_some(), "{}", cluster.shell(add));
    cluster.copy("etcd4")?;
    cluster.start_member(3)?;

    let three = cluster.endpoints(|which| which < 3);
    let fourth = |cluster: &Cluster| {
        let members = cluster.etcdctl_at(&three, &["member", "list"]).ok().stdout;
        members.lines().find(|line| line.contains(":2380") && line.contains("127.0.0.4")).unwrap().to_owned()
    };
    let learner = fourth(&cluster);
    assert!(learner.ends_with(", true"), "no learner: {learner}");
    // It has to have what the leader has.
    let promote = || cluster.shell(plan["joining"][0]["promote"].as_str().unwrap());
    let promoted = until(PATIENCE, || (promote().code == Some(0)).then_some(()));
    assert!(promoted.is_some(), "{}", promote());
    cluster.wait_until_healthy();
    let member = fourth(&cluster);
    assert!(member.contains(", started, etcd4, ") && member.ends_with(", false"), "{member}");
    cluster.etcdctl_at(&cluster.endpoints(|which| which == 3), &["put", "greeting", "hello"]).ok();
    Ok(())
}

fn one_member_takes_anothers_place(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("three-members.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    let before = cluster.tree.entries();
    let three = fs::read_to_string(&cluster.tree.description).unwrap();
    cluster.tree.describe(&three.replace(THIRD, FOURTH));
    let applied = cluster.tree.apply().ok();
    assert_untouched(&before, &cluster.tree);
    follow(&mut cluster, etcd, &applied)?;
    let names: Vec<_> = cluster.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["etcd1", "etcd2", "etcd4"]);
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    Ok(())
}

fn a_member_moves(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("three-members.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    let three = fs::read_to_string(&cluster.tree.description).unwrap();
    cluster.tree.describe(&three.replace("127.0.0.3", "127.0.0.33"));
    let applied = cluster.tree.apply().ok();
    follow(&mut cluster, etcd, &applied)?;
    let moved = cluster.endpoints(|which| which == 2);
    assert_eq!(moved, "https://127.0.0.33:2379");
    cluster.etcdctl_at(&moved, &["put", "greeting", "hello"]).ok();
    let members = cluster.etcdctl(&["member", "list"]).ok().stdout;
    assert!(members.contains(", etcd3, https://127.0.0.33:2380, https://127.0.0.33:2379"), "{members}");
    Ok(())
}

fn report(tree: &Tree) -> Value {
    let ran = run(tree.command("plan").arg("--json")).ends_with(2);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What was there is there still, and was not even written again; but for the record, and for what tells which
/// members there are.
/// Whether a path is that of the record or the registry, which follow every change.
fn is_of_the_folder(path: &str) -> bool {
    ["cluster.lock.json", "registry.jsonl", "operation.json"].contains(&path)
}

#[track_caller]
fn assert_untouched(before: &BTreeMap<String, Entry>, tree: &Tree) {
    let now = tree.entries();
    for (path, entry) in before {
        let is_list = is_of_the_folder(path) || path == "deploy.sh" || path.ends_with("/etcdctl.env");
        if !is_list {
            assert!(now.get(path) == Some(entry), "{path} was written");
        }
    }
}

/// Does what `apply` printed, in its order. Of what a single machine cannot do, copying to a host and telling
/// its systemd, it does what that comes to.
#[track_caller]
fn follow(cluster: &mut Cluster, etcd: &Etcd, applied: &Ran) -> Outcome {
    for (title, command) in printed_steps(applied) {
        if let Some((_, names)) = command.split_once("deploy.sh --copy ") {
            for name in names.split(' ') {
                cluster.copy(name)?;
            }
        } else if command == "systemctl disable --now etcd" {
            let (_, name) = title.split_once("the host of ").unwrap();
            cluster.wait_for_the_end(name.split(',').next().unwrap());
        } else if command.ends_with("systemctl restart --no-block etcd") {
            let waiting = cluster.members.iter().position(|member| member.process.is_none());
            cluster.start_member(waiting.expect("somebody to start"))?;
        } else if command.ends_with("systemctl restart etcd") {
            let (_, names) = title.trim_end_matches("):").rsplit_once('(').unwrap();
            for name in names.split(", ") {
                let place = cluster.members.iter().position(|member| member.name == name).unwrap();
                cluster.members[place].process.take().unwrap().kill();
                cluster.start_member(place)?;
                cluster.wait_until_healthy();
            }
        } else {
            if command.contains("etcdctl endpoint health") {
                cluster.wait_until_healthy();
            }
            pasted(command, etcd).ok();
        }
    }
    Ok(())
}

/// A command in a shell, with this version's etcdctl. etcd refuses changes of its members until all of them have
/// been connected for five seconds (etcd, server/etcdserver/server.go, `HealthInterval`).
fn pasted(command: &str, etcd: &Etcd) -> Ran {
    let mut path = OsString::from(etcd.etcdctl.parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut last = None;
    let done = until(PATIENCE, || {
        let ran = run(Command::new("sh").env_clear().env("PATH", &path).args(["-euc", command]));
        // etcdctl also tells of attempts that it repeated itself.
        let passes = ["unhealthy cluster", "in sync with leader", "not supported for learner"];
        let too_early = ran.code != Some(0) && passes.iter().any(|why| ran.stderr.contains(why));
        last = Some(ran);
        (!too_early).then_some(())
    });
    let ran = last.unwrap();
    assert!(done.is_some(), "not in time: {ran}");
    ran
}
