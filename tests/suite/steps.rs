//! The commands that `apply` prints for members that join and leave, run word by word in a shell with an etcdctl that
//! only notes what it is asked.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;
use tempfile::TempDir;

use super::command::{Ran, run};
use super::product::Tree;
use super::programs::find;
use super::trial::{Outcome, trials};

/// Names may have these characters.
const NAME: &str = "d.e-f_1";

pub fn trials() -> Vec<Trial> {
    trials![
        a_member_is_removed_if_it_is_there,
        a_member_is_added_unless_it_is_there,
        one_command_copies_for_all
    ]
}

/// It has a list of members, or does not answer.
struct Etcdctl(TempDir);

impl Etcdctl {
    fn new() -> Self {
        let etcdctl = Self(tempfile::tempdir().unwrap());
        let path = etcdctl.path("etcdctl");
        let text = "#!/bin/sh\necho \"$*\" >> \"${0%/*}/asked\"\ntest \"$1 $2\" != 'member list' || cat \"${0%/*}/list\"\n";
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        etcdctl
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// What it is asked after the list; `None` does not answer.
    fn run(&self, shell: &Path, line: &str, list: Option<&str>) -> (Ran, Vec<String>) {
        let _ = fs::remove_file(self.path("asked"));
        let _ = fs::remove_file(self.path("list"));
        if let Some(list) = list {
            fs::write(self.path("list"), list).unwrap();
        }
        let mut command = Command::new(shell);
        command.args(["-c", line]).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
        let ran = run(&mut command);
        let asked = fs::read_to_string(self.path("asked")).unwrap_or_default();
        let others = asked.lines().filter(|line| *line != "member list").map(str::to_owned).collect();
        (ran, others)
    }
}

fn described(names: &[&str]) -> serde_json::Value {
    let member = |(i, name): (usize, &&str)| json!({"name": name, "address": format!("10.0.0.{}", i + 1)});
    json!({"name": "prod", "members": names.iter().enumerate().map(member).collect::<Vec<_>>()})
}

/// The line that has a command.
fn printed(said: &str, command: &str) -> String {
    let line = said.lines().find(|line| line.contains(command));
    line.unwrap_or_else(|| panic!("no {command:?} in\n{said}")).trim().to_owned()
}

const OTHERS: &str = "\
8211f1d0f64f3269, started, a, https://10.0.0.1:2380, https://10.0.0.1:2379, false
91bc3c398fb3c146, started, b, https://10.0.0.2:2380, https://10.0.0.2:2379, false
";

fn a_member_is_removed_if_it_is_there() -> Outcome {
    let tree = Tree::of_value(&described(&["a", "b", NAME])).applied();
    tree.describe(&described(&["a", "b"]).to_string());
    let line = printed(&tree.apply().ok().stdout, "etcdctl member remove");
    let etcdctl = Etcdctl::new();
    let there = "fd422379fda50e48, started, d.e-f_1, https://10.0.0.3:2380, https://10.0.0.3:2379, false\n";
    let never_started = "fd422379fda50e48, unstarted, , https://10.0.0.3:2380, , false\n";
    let two_urls = "fd422379fda50e48, unstarted, , https://10.1.0.3:2380,https://10.0.0.3:2380, , false\n";
    let moved = "fd422379fda50e48, started, d.e-f_1, https://10.9.0.3:2380, https://10.9.0.3:2379, false\n";
    let other_port = "fd422379fda50e48, unstarted, , https://10.0.0.3:23800, , false\n";
    let other_name =
        "fd422379fda50e48, started, d.e-f_10, https://10.0.0.3:2380, https://10.0.0.3:2379, false\n";
    for shell in [find("sh")?, find("bash")?] {
        for (list, is_removed) in [
            (there, true),
            (never_started, true),
            (two_urls, true),
            (moved, true),
            (other_port, false),
            (other_name, false),
            ("", false),
        ] {
            let (ran, asked) = etcdctl.run(&shell, &line, Some(&format!("{OTHERS}{list}")));
            ran.ok();
            let wanted: &[&str] = if is_removed { &["member remove fd422379fda50e48"] } else { &[] };
            assert_eq!(asked, wanted, "{list}");
        }
        let (ran, asked) = etcdctl.run(&shell, &line, None);
        assert!(ran.code != Some(0) && asked.is_empty(), "{asked:?}: {ran}");
    }
    Ok(())
}

fn a_member_is_added_unless_it_is_there() -> Outcome {
    let tree = Tree::of_value(&described(&["a", "b"])).applied();
    tree.describe(&described(&["a", "b", NAME]).to_string());
    let line = printed(&tree.apply().ok().stdout, "etcdctl member add");
    let etcdctl = Etcdctl::new();
    let add = "member add d.e-f_1 --learner --peer-urls=https://10.0.0.3:2380";
    for shell in [find("sh")?, find("bash")?] {
        for (list, is_added) in [
            ("", true),
            ("fd422379fda50e48, unstarted, , https://10.0.0.3:23800, , false\n", true),
            ("fd422379fda50e48, unstarted, , https://10.0.0.3:2380, , false\n", false),
            ("fd422379fda50e48, started, x, https://10.0.0.3:2380, https://10.0.0.3:2379, false\n", false),
        ] {
            let (ran, asked) = etcdctl.run(&shell, &line, Some(&format!("{OTHERS}{list}")));
            ran.ok();
            assert_eq!(asked, if is_added { vec![add] } else { vec![] }, "{list}");
        }
    }
    Ok(())
}

/// One command copies to all hosts, so that they are reached at the same time.
fn one_command_copies_for_all() -> Outcome {
    let tree = Tree::of_value(&described(&["a", "b", NAME]));
    let printed = printed(&tree.apply().ok().stdout, " --copy ");
    assert_eq!(printed, format!("{} --copy a b {NAME}", tree.path("deploy.sh").display()));
    Ok(())
}
