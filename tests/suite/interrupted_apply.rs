//! `cluster apply` that is killed: whatever the moment, the next one finishes the work.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::certificates::verify_chains;
use super::command::{Ran, Running, run};
use super::layouts::LEAST_PRIVILEGE;
use super::openssl::Openssl;
use super::product::{Tree, is_key};
use super::strace::{Strace, WRITING};
use super::trial::{Missing, Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        killed_when_some_files_are_there,
        killed_before_any_system_call_that_writes,
        a_disk_that_fails_is_reported_and_forgiven,
        killed_while_it_repairs
    ]
}

/// Enough members for many moments.
fn many_members(key: &str, count: u8) -> Value {
    let members: Vec<_> =
        (1..=count).map(|n| json!({"name": format!("etcd{n}"), "address": format!("10.0.0.{n}")})).collect();
    json!({"name": "many", "key": key, "members": members})
}

/// After a crash: one more apply, and everything is as if there had been no crash, except for the keys that
/// the crash had left complete, which are kept.
#[track_caller]
fn assert_recovers(openssl: &Openssl, tree: &Tree, complete: &[String], when: &str) {
    let left = tree.files();
    let ran = tree.apply();
    assert_eq!(ran.code, Some(0), "killed {when}, and then {ran}");
    let now = tree.files();
    assert_eq!(now.keys().collect::<Vec<_>>(), complete.iter().collect::<Vec<_>>(), "killed {when}");
    for (path, bytes) in left.iter().filter(|(p, _)| is_key(p) && now.contains_key(*p)) {
        assert!(now[path] == *bytes, "killed {when}, and {path} was replaced");
    }
    assert_eq!(tree.plan().code, Some(0), "killed {when}");
    verify_chains(openssl, tree, &LEAST_PRIVILEGE);
}

/// The paths of an apply that nothing disturbed.
fn undisturbed(description: &Value) -> Vec<String> {
    Tree::of_value(description).applied().files().into_keys().collect()
}

fn killed_when_some_files_are_there() -> Outcome {
    let openssl = Openssl::find()?;
    for description in [many_members("ecdsa-256", 6), many_members("rsa-2048", 2)] {
        let complete = undisturbed(&description);
        let steps = complete.len() / 12 + 1;
        for wanted in (0..complete.len()).step_by(steps) {
            let tree = Tree::of_value(&description);
            let mut apply = Running::spawn(tree.command("apply").stdout(Stdio::null()).stderr(Stdio::null()));
            // No pause in this loop: the moment would be gone.
            while count_files(&tree.root) < wanted && apply.0.try_wait().unwrap().is_none() {}
            apply.kill();
            let when = format!("when {wanted} files of {} were there", complete.len());
            assert_recovers(&openssl, &tree, &complete, &when);
        }
    }
    Ok(())
}

/// Files below a folder that changes meanwhile.
fn count_files(folder: &Path) -> usize {
    let Ok(items) = fs::read_dir(folder) else { return 0 };
    let count = |path: &Path| if path.is_dir() { count_files(path) } else { 1 };
    items.flatten().map(|item| count(&item.path())).sum()
}

/// `cluster apply` under strace, which does something to the n-th call of one kind.
struct Injection {
    strace: Strace,
    description: Value,
}

impl Injection {
    fn into(description: Value) -> Result<Self, Missing> {
        let strace = Strace::find()?;
        Ok(Self { strace, description })
    }

    fn apply(&self, call: &str, what: &str, nth: usize) -> (Tree, Ran) {
        let tree = Tree::of_value(&self.description);
        let apply = tree.command("apply");
        let mut traced = self.strace.injecting(call, what, nth);
        let ran = run(traced.arg(apply.get_program()).args(apply.get_args()));
        (tree, ran)
    }
}

/// Every early call, and a spread of the later ones.
fn moments() -> impl Iterator<Item = usize> {
    (1..10).chain((10..).step_by(7))
}

fn killed_before_any_system_call_that_writes() -> Outcome {
    let openssl = Openssl::find()?;
    let injection = Injection::into(many_members("ecdsa-256", 2))?;
    let complete = undisturbed(&injection.description);
    let mut crashes = 0;
    for call in WRITING {
        for nth in moments() {
            let (tree, ran) = injection.apply(call, "signal=SIGKILL", nth);
            if ran.code == Some(0) {
                break;
            }
            crashes += 1;
            let when = format!("before {call} number {nth}");
            assert_recovers(&openssl, &tree, &complete, &when);
        }
    }
    assert!(crashes > 30, "only {crashes} crashes: the traced calls are not those that the program makes");
    Ok(())
}

/// A disk that is full, or that fails: an error in words, and work that the next apply can finish.
fn a_disk_that_fails_is_reported_and_forgiven() -> Outcome {
    let openssl = Openssl::find()?;
    let injection = Injection::into(many_members("ecdsa-256", 2))?;
    let complete = undisturbed(&injection.description);
    let mut failures = 0;
    for call in WRITING.into_iter().filter(|call| *call != "openat") {
        for nth in moments() {
            let (tree, ran) = injection.apply(call, "error=ENOSPC", nth);
            if ran.code == Some(0) {
                break;
            }
            failures += 1;
            let said_so =
                ran.code == Some(1) && ran.stderr.contains("error: ") && !ran.stderr.contains("panicked");
            assert!(said_so, "{call} number {nth} failed, and {ran}");
            let when = format!("by a failure of {call} number {nth}");
            assert_recovers(&openssl, &tree, &complete, &when);
        }
    }
    assert!(failures > 30, "only {failures} failures: the traced calls are not those that the program makes");
    Ok(())
}

/// The same for a tree that was complete: what was there before must not be lost by the repair.
fn killed_while_it_repairs() -> Outcome {
    let openssl = Openssl::find()?;
    let description = many_members("ecdsa-256", 6);
    let complete = undisturbed(&description);
    for wanted in (0..=30).step_by(4) {
        let tree = Tree::of_value(&description).applied();
        let before = tree.files();
        let lost: Vec<_> = complete.iter().filter(|p| p.starts_with("nodes/") && !is_key(p)).collect();
        for path in &lost {
            fs::remove_file(tree.path(path)).unwrap();
        }
        let left = complete.len() - lost.len();
        let mut apply = Running::spawn(tree.command("apply").stdout(Stdio::null()).stderr(Stdio::null()));
        while count_files(&tree.root) < left + wanted && apply.0.try_wait().unwrap().is_none() {}
        apply.kill();
        assert_recovers(&openssl, &tree, &complete, &format!("{wanted} files into a repair"));
        for (path, bytes) in tree.files().iter().filter(|(p, _)| is_key(p)) {
            assert!(before[path] == *bytes, "{path} was lost by a repair that was killed");
        }
    }
    Ok(())
}
