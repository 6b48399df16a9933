//! `cluster member` on members that run, while somebody writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::command::{Running, quoted, run, until};
use super::live::{Cluster, PATIENCE, all_on_each_etcd};
use super::observe::{healthy, until_it_ends_with};
use super::product::etcdpki;
use super::programs::Etcd;
use super::trial::{Missing, Outcome, named};
use super::writers::Writers;

pub fn trials() -> Vec<Trial> {
    all_on_each_etcd(&named![members_come_go_and_take_the_places_of_others])
}

/// Stands for the hosts. What asks a host is answered with what a right one says; files are where they are; and for what
/// systemd does, the test is asked, and waited for.
const HOST: &str = r#"
case $2 in
*no-binary*)
    cat "$HOME/version"
    test ! -e "$HOME/runs.$1" || echo running
    test ! -e "$HOME/data.$1" || echo has-data
    echo checked
    exit ;;
*"tar -C"*) exec cat > /dev/null ;;
*"mv -T"*) what=aside ;;
*"disable --now"*) what=end ;;
*"start --no-block"*) what=start ;;
*"systemctl restart"*) what=restart ;;
*) echo "not known: $2" >&2; exit 1 ;;
esac
echo "$what $1" > "$HOME/new"
mv "$HOME/new" "$HOME/ask"
while test -e "$HOME/ask"; do sleep 0.05; done
"#;

struct Lab {
    cluster: Cluster,
    etcd: Etcd,
    home: TempDir,
}

impl Lab {
    fn new(etcd: &Etcd) -> Result<Self, Missing> {
        let (cluster, home) = (healthy(etcd, "three-members.yaml")?, tempfile::tempdir().unwrap());
        fs::write(home.path().join("host"), HOST).unwrap();
        fs::write(home.path().join("version"), format!("version {}\n", etcd.version)).unwrap();
        let lab = Self { cluster, etcd: etcd.clone(), home };
        lab.note();
        Ok(lab)
    }

    fn at(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.cluster.members.iter().position(|member| member.name == name)
    }

    /// Writes which members run, and which have data.
    fn note(&self) {
        for number in 1..8 {
            let name = format!("etcd{number}");
            let member = self.place(&name).map(|place| &self.cluster.members[place]);
            for (what, is_so) in
                [("runs", member.is_some_and(|member| member.process.is_some())), ("data", member.is_some())]
            {
                let path = self.at(&format!("{what}.{name}"));
                if is_so { fs::write(path, "").unwrap() } else { drop(fs::remove_file(path)) }
            }
        }
    }

    /// What systemd would do on the host of a member.
    fn serve(&mut self, what: &str, name: &str) {
        match (what, self.place(name)) {
            ("start", place) => {
                self.cluster.copy(name).unwrap();
                let place = place.unwrap_or(self.cluster.members.len() - 1);
                self.cluster.start_member(place).unwrap();
            }
            ("restart", Some(place)) => {
                self.stop(place, Signal::SIGTERM);
                self.cluster.copy(name).unwrap();
                self.cluster.start_member(place).unwrap();
            }
            ("end", Some(_)) => self.cluster.wait_for_the_end(name),
            ("end" | "aside", None) => {}
            ("aside", Some(place)) => drop(self.cluster.members.remove(place)),
            other => panic!("{other:?}"),
        }
        self.note();
    }

    fn stop(&mut self, place: usize, signal: Signal) {
        let mut process = self.cluster.members[place].process.take().unwrap();
        kill(Pid::from_raw(process.0.id().try_into().unwrap()), signal).unwrap();
        process.0.wait().unwrap();
        self.note();
    }

    /// Runs a command on the cluster, and does what it asks hosts for. Returns the status and the report.
    fn run(&mut self, words: &[&str]) -> (Option<i32>, Value) {
        let exec =
            format!("HOME={} sh {} {{name}} {{command}}", word(self.home.path()), word(&self.at("host")));
        let mut command = etcdpki(["cluster", words[0], "--json", "--timeout", "20s", "--wait", "60s"]);
        command.arg(format!("--exec={exec}")).arg("-f").arg(&self.cluster.tree.description);
        command.arg(&self.cluster.tree.root).args(&words[1..]);
        let path = format!("{}:/usr/bin:/bin", self.etcd.etcdctl.parent().unwrap().display());
        let output = fs::File::create(self.at("report")).unwrap();
        command.env("PATH", path).stdin(Stdio::null()).stdout(output);
        let mut running = Running::spawn(&mut command);
        let status = until(PATIENCE * 4, || {
            if let Ok(ask) = fs::read_to_string(self.at("ask")) {
                let (what, name) = ask.trim().split_once(' ').unwrap();
                self.serve(what, name);
                fs::remove_file(self.at("ask")).unwrap();
            }
            running.0.try_wait().unwrap()
        });
        let report = fs::read_to_string(self.at("report")).unwrap();
        let report = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"));
        (status.expect("it ends").code(), report)
    }

    /// What `cluster steps` says is left.
    fn steps(&self) -> Value {
        let mut command = etcdpki(["cluster", "steps", "--json", "--timeout", "20s", "-f"]);
        command.arg(&self.cluster.tree.description).arg(&self.cluster.tree.root);
        let path = format!("{}:/usr/bin:/bin", self.etcd.etcdctl.parent().unwrap().display());
        let ran = run(command.env("PATH", path));
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
        report["steps"].clone()
    }

    #[track_caller]
    fn done(&mut self, words: &[&str]) -> Value {
        let (status, report) = self.run(words);
        assert_eq!(status, Some(0), "{words:?}: {report}");
        until_it_ends_with(&self.cluster, 0, &[]);
        let (again, same) = self.run(words);
        assert_eq!((again, &same["added"], &same["removed"]), (Some(0), &none(), &none()), "{same}");
        report
    }

    /// The names of the members with a vote, as the cluster says.
    fn voters(&self) -> Vec<String> {
        let listed = self.cluster.etcdctl(&["member", "list"]).ok().stdout;
        let mut names: Vec<String> = listed
            .lines()
            .filter(|line| line.ends_with(", false"))
            .map(|line| line.split(", ").nth(2).unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

fn none() -> Value {
    Value::Array(Vec::new())
}

fn word(path: &Path) -> String {
    quoted(path.to_str().unwrap())
}

/// The series that the suite tries without being asked for all: it costs half a minute of a core.
const USUAL: &str = "3.5.";

/// Three become five; a member goes; a dead one is replaced under a new address; one comes back with an empty disk; one
/// moves with its data. Somebody writes all the time.
fn members_come_go_and_take_the_places_of_others(etcd: &Etcd) -> Outcome {
    let is_all = std::env::var_os("ETCDPKI_MEMBERS").is_some_and(|value| value == "all");
    if !is_all && !etcd.version.starts_with(USUAL) {
        return Err(Missing("ETCDPKI_MEMBERS=all runs it on this series too".to_owned()));
    }
    let mut lab = Lab::new(etcd)?;
    let writers = Writers::begin(&lab.cluster, &lab.etcd);
    let before = fs::read_to_string(&lab.cluster.tree.description).unwrap();

    // Nothing is done if it is only shown.
    let (status, report) = lab.run(&["member", "add", "etcd4=127.0.0.4", "--dry-run"]);
    assert_eq!(status, Some(2), "{report}");
    assert_eq!(fs::read_to_string(&lab.cluster.tree.description).unwrap(), before);
    let report = lab.done(&["member", "add", "etcd4=127.0.0.4"]);
    assert_eq!(report["promoted"], Value::from(vec!["etcd4"]), "{report}");
    lab.done(&["member", "add", "etcd5=127.0.0.5"]);
    assert_eq!(lab.voters(), ["etcd1", "etcd2", "etcd3", "etcd4", "etcd5"]);

    // One that lives, perhaps the leader.
    let report = lab.done(&["member", "remove", "etcd4"]);
    let valid = report["still_valid"].as_array().unwrap();
    assert!(valid.iter().any(|one| one["certificate"] == "etcd4 peer"), "{report}");
    lab.done(&["member", "remove", "etcd1"]);
    assert_eq!(lab.voters(), ["etcd2", "etcd3", "etcd5"]);

    // One that was killed, and whose machine is gone.
    let gone = lab.place("etcd2").unwrap();
    lab.stop(gone, Signal::SIGKILL);
    lab.cluster.members.remove(gone);
    lab.note();
    let report = lab.done(&["member", "replace", "etcd2", "etcd6=127.0.0.6"]);
    assert_eq!((&report["removed"][0], &report["added"][0]), (&"etcd2".into(), &"etcd6".into()));

    // A machine that comes back with an empty disk.
    let gone = lab.place("etcd3").unwrap();
    lab.stop(gone, Signal::SIGKILL);
    lab.cluster.members.remove(gone);
    lab.note();
    let report = lab.done(&["member", "replace", "etcd3", "etcd3=127.0.0.3"]);
    assert_eq!((&report["removed"], &report["added"]), (&vec!["etcd3"].into(), &vec!["etcd3"].into()));

    // One that moves: its data is on the new host, and it does not run.
    let moving = lab.place("etcd5").unwrap();
    lab.stop(moving, Signal::SIGTERM);
    let text = fs::read_to_string(&lab.cluster.tree.description).unwrap();
    lab.cluster.tree.describe(&text.replace("127.0.0.5", "127.0.0.7"));
    lab.cluster.tree.apply().ok();
    let (status, report) = lab.run(&["deploy", "--settle", "1s"]);
    assert_eq!((status, &report["moved"]), (Some(0), &vec!["etcd5"].into()), "{report}");
    assert_eq!(lab.voters(), ["etcd3", "etcd5", "etcd6"]);
    until_it_ends_with(&lab.cluster, 0, &[]);

    let left = lab.steps();
    assert_eq!(left, none(), "{left}");
    // By the description: one comes and one goes, with one command.
    let text = fs::read_to_string(&lab.cluster.tree.description).unwrap();
    lab.cluster
        .tree
        .describe(&text.replace("{name: etcd6, address: 127.0.0.6}", "{name: etcd8, address: 127.0.0.8}"));
    lab.cluster.tree.apply().ok();
    let left = lab.steps();
    let expected = (&Value::from("members"), &Value::from(vec!["etcd6", "etcd8"]));
    assert_eq!((&left[0]["kind"], &left[0]["subjects"]), expected, "{left}");
    let (status, report) = lab.run(&["deploy", "--settle", "1s"]);
    assert_eq!(
        (status, &report["removed"], &report["added"]),
        (Some(0), &vec!["etcd6"].into(), &vec!["etcd8"].into()),
        "{report}"
    );
    assert_eq!(lab.voters(), ["etcd3", "etcd5", "etcd8"]);
    writers.end(&lab.cluster);
    Ok(())
}
