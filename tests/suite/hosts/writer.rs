//! Somebody who writes while others change the cluster.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use super::{Hosts, PATIENCE};
use crate::suite::command::{Running, until};
use crate::suite::product::Tree;

/// Writes one value after the other, and tries each again until it is acknowledged, as clients of etcd have to. Each
/// attempt is a new process, hence a new connection. The settings are read each time, because they name the members.
const WRITE: &str = r#"
number=0
until test -e "$1/stop"; do
    number=$((number + 1))
    limit=$(($(date +%s) + 40))
    until (. "$0"; exec etcdctl put "written/$number" "$number" --command-timeout=5s) > /dev/null 2>> "$1/errors"; do
        if test "$(date +%s)" -gt "$limit"; then
            echo "$number" >> "$1/failed"
            exit
        fi
    done
    echo "written/$number" >> "$1/acknowledged"
    sleep 0.1
done
"#;

pub struct Writer<'a> {
    hosts: &'a Hosts,
    tree: &'a Tree,
    /// It ends before its notes go.
    process: Running,
    notes: tempfile::TempDir,
}

impl<'a> Writer<'a> {
    /// Begins, and returns when the first value is written.
    pub fn begin(hosts: &'a Hosts, tree: &'a Tree) -> Self {
        let notes = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-uc", WRITE]).arg(tree.path("clients/root/etcdctl.env")).arg(notes.path());
        let mut command = hosts.outside(command);
        let process = Running::spawn(command.stdin(Stdio::null()));
        let writer = Self { hosts, tree, process, notes };
        until(PATIENCE, || writer.has_written(1).then_some(())).expect("the first value is written");
        writer
    }

    fn has_written(&self, count: usize) -> bool {
        self.acknowledged().len() >= count
    }

    fn acknowledged(&self) -> Vec<String> {
        self.note("acknowledged").lines().map(str::to_owned).collect()
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.notes.path().join(name)).unwrap_or_default()
    }

    /// Writes a few more, and ends: nothing failed, and what was acknowledged is there.
    #[track_caller]
    pub fn end(mut self) -> Acknowledged {
        let more = self.acknowledged().len() + 3;
        let wrote =
            until(PATIENCE, || (self.has_written(more) || !self.note("failed").is_empty()).then_some(()));
        fs::write(self.notes.path().join("stop"), "").unwrap();
        let ended = until(PATIENCE, || self.process.0.try_wait().unwrap());
        let errors = self.note("errors");
        assert!(self.note("failed").is_empty(), "a value was not written in 40 s: {errors}");
        assert!(wrote.is_some() && ended.is_some(), "stuck: {errors}");
        let acknowledged = Acknowledged(self.acknowledged());
        acknowledged.assert_there(self.hosts, self.tree);
        acknowledged
    }
}

/// What etcd promised to keep.
pub struct Acknowledged(Vec<String>);

impl Acknowledged {
    #[track_caller]
    pub fn assert_there(&self, hosts: &Hosts, tree: &Tree) {
        let keys = hosts.etcdctl(tree, "get written/ --prefix --keys-only").ok().stdout;
        let keys: BTreeSet<_> = keys.lines().collect();
        let lost: Vec<_> = self.0.iter().filter(|key| !keys.contains(key.as_str())).collect();
        assert!(lost.is_empty(), "lost {lost:?} of {}", self.0.len());
    }
}
