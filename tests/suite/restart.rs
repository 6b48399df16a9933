//! `cluster restart` on members that run, while somebody writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::command::{Running, quoted, run, until};
use super::live::{Cluster, PATIENCE, all_on_each_etcd};
use super::observe::{healthy, observe, until_it_ends_with};
use super::product::etcdpki;
use super::programs::Etcd;
use super::trial::{Outcome, named};
use super::writers::Writers;

pub fn trials() -> Vec<Trial> {
    all_on_each_etcd(&named![
        all_restart_and_nothing_is_lost,
        who_would_not_come_back_is_not_stopped,
        who_comes_back_with_other_files_stops_it
    ])
}

/// Writes until there is a file `stop`, each key until it is acknowledged, but not longer than 10 seconds; then says how
/// many keys there were, how many of them failed, and how many attempts.
const WRITER: &str = r#"
cd "$CLIENT"
. ./etcdctl.env
n=0 failed=0 erred=0
while ! test -e "$HOME/stop"; do
    n=$((n + 1)) done=
    end=$(($(date +%s) + 10))
    while test "$(date +%s)" -le "$end"; do
        if "$ETCDCTL" --command-timeout=1s --dial-timeout=1s put "key$n" "$n" > /dev/null 2>&1; then
            done=yes
            break
        fi
        erred=$((erred + 1))
    done
    test "$done" || failed=$((failed + 1))
    echo "$n" > "$HOME/count"
done
echo "$n $failed $erred"
"#;

/// Asks the test to restart a member, in place of systemd, and waits until that is done. What asks a host about itself is
/// answered as a host with systemd does it. Every other command runs where the process of the member sees its files.
const HOST: &str = r#"
case $2 in
*"systemctl restart"*) ;;
*no-binary*)
    test -e "$HOME/facts.$1" && exec cat "$HOME/facts.$1"
    printf '%s\n' "clock $(date +%s)" "version $(cat "$HOME/version")" has-data running checked
    exit
    ;;
*) exec nsenter -t "$(cat "$HOME/pid.$1")" -m sh -c "$2" ;;
esac
touch "$HOME/ask.$1"
while test -e "$HOME/ask.$1"; do sleep 0.05; done
"#;

pub struct Lab {
    pub cluster: Cluster,
    etcd: Etcd,
    home: TempDir,
    /// How long a member that does not answer is waited for.
    pub timeout: &'static str,
    /// Whether a member must be healthy before the next one is asked for.
    pub waits_for_health: bool,
    /// What is done to the files of a member before it starts again.
    before_start: fn(&Cluster, &str),
    /// What is done after that.
    after_start: fn(&Cluster, &str),
}

impl Lab {
    fn new(etcd: &Etcd) -> Result<Self, super::trial::Missing> {
        Ok(Self::around(healthy(etcd, "three-members.yaml")?, etcd))
    }

    pub fn around(cluster: Cluster, etcd: &Etcd) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("host"), HOST).unwrap();
        fs::write(home.path().join("version"), &etcd.version).unwrap();
        Self {
            cluster,
            etcd: etcd.clone(),
            home,
            timeout: "20s",
            waits_for_health: true,
            before_start: |_, _| {},
            after_start: |_, _| {},
        }
    }

    pub fn at(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    /// Runs `cluster restart`, and restarts the members that it asks for. Returns the status and the report.
    fn restart(&mut self, more: &[&str]) -> (Option<i32>, Value) {
        self.operate("restart", &[&["--settle", "1s"], more].concat())
    }

    /// Runs `cluster OPERATION`, and does what it asks hosts for. Returns the status and the report.
    pub fn operate(&mut self, operation: &str, more: &[&str]) -> (Option<i32>, Value) {
        let command = etcdpki(self.arguments(operation, more));
        self.carry_out(command)
    }

    /// The arguments of `cluster OPERATION` that reach the hosts of these members.
    pub fn arguments(&self, operation: &str, more: &[&str]) -> Vec<String> {
        let exec =
            format!("HOME={} sh {} {{name}} {{command}}", word(self.home.path()), word(&self.at("host")));
        let root = self.cluster.tree.root.to_str().unwrap();
        let exec = format!("--exec={exec}");
        let usual = ["cluster", operation, "--json", "--timeout", self.timeout, &exec, root];
        usual.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    /// Runs a command, and does what it asks hosts for. Returns the status, and the report unless it was killed.
    pub fn carry_out(&mut self, mut command: Command) -> (Option<i32>, Value) {
        for member in &self.cluster.members {
            let pid = member.process.as_ref().map(|process| process.0.id()).unwrap_or_default();
            fs::write(self.at(&format!("pid.{}", member.name)), pid.to_string()).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", self.etcd.etcdctl.parent().unwrap().display());
        let output = fs::File::create(self.at("report")).unwrap();
        command.env("PATH", path).stdin(Stdio::null()).stdout(output);
        let mut running = Running::spawn(&mut command);
        let status = until(PATIENCE * 4, || {
            let asked = |member: &super::live::Member| self.at(&format!("ask.{}", member.name)).exists();
            if let Some(which) = self.cluster.members.iter().position(asked) {
                let name = &self.cluster.members[which].name.clone();
                let mut process = self.cluster.members[which].process.take().unwrap();
                kill(Pid::from_raw(process.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
                process.0.wait().unwrap();
                (self.before_start)(&self.cluster, name);
                self.cluster.start_member(which).unwrap();
                let started = self.cluster.members[which].process.as_ref().unwrap().0.id();
                fs::write(self.at(&format!("pid.{name}")), started.to_string()).unwrap();
                let endpoint = self.cluster.endpoints(|member| member == which);
                let patience = if self.waits_for_health { PATIENCE } else { Duration::ZERO };
                until(patience, || {
                    let health = self.cluster.etcdctl_at(&endpoint, &["endpoint", "health"]);
                    (health.code == Some(0)).then_some(())
                });
                (self.after_start)(&self.cluster, name);
                fs::remove_file(self.at(&format!("ask.{name}"))).unwrap();
            }
            running.0.try_wait().unwrap()
        });
        let report = fs::read_to_string(self.at("report")).unwrap();
        let code = status.expect("it ends").code();
        let read = serde_json::from_str(&report);
        let report = match code {
            // An error is told in words.
            None | Some(1) => read.unwrap_or_default(),
            _ => read.unwrap_or_else(|error| panic!("{error}: {report}")),
        };
        (code, report)
    }

    pub fn writer(&self) -> Running {
        let mut command = Command::new("sh");
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home.path());
        command.env("CLIENT", self.cluster.tree.path("clients/root"));
        command.env("ETCDCTL", &self.etcd.etcdctl).args(["-c", WRITER]);
        Running::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))
    }
}

impl Lab {
    /// Ends the writer: nothing of what it wrote is lost, and each member has all of it.
    #[track_caller]
    pub fn end_writer(&self, writer: &mut Running) {
        fs::write(self.at("stop"), "").unwrap();
        let ended = until(PATIENCE, || writer.0.try_wait().unwrap());
        assert!(ended.is_some(), "the writer goes on");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut writer.0.stdout.take().unwrap(), &mut said).unwrap();
        let [written, failed, erred] =
            said.split_whitespace().map(|n| n.parse::<u32>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{said}")
        };
        eprintln!("{}: {written} keys, {failed} failed, {erred} attempts erred", self.etcd.version);
        assert!(written > 0 && failed == 0, "{said}");
        for which in 0..3 {
            let endpoint = self.cluster.endpoints(|member| member == which);
            let keys =
                self.cluster.etcdctl_at(&endpoint, &["get", "key", "--prefix", "--keys-only"]).ok().stdout;
            let count = keys.lines().filter(|line| !line.is_empty()).count();
            assert_eq!(count, usize::try_from(written).unwrap());
        }
    }
}

fn word(path: &Path) -> String {
    quoted(path.to_str().unwrap())
}

pub fn starts(cluster: &Cluster) -> Vec<String> {
    let (_, seen) = observe(cluster, &[]);
    let members = seen["members"].as_array().unwrap().iter();
    members.map(|member| member["started"].as_str().unwrap().to_owned()).collect()
}

fn all_restart_and_nothing_is_lost(etcd: &Etcd) -> Outcome {
    let mut lab = Lab::new(etcd)?;
    let before = starts(&lab.cluster);
    let (_, seen) = observe(&lab.cluster, &[]);
    let leader =
        seen["members"].as_array().unwrap().iter().find(|member| member["role"] == "leader").unwrap();
    let leader = leader["name"].clone();
    let writers = Writers::begin(&lab.cluster, &lab.etcd);
    let (status, report) = lab.restart(&[]);
    assert_eq!(status, Some(0), "{report}");
    let order = report["restarted"].as_array().unwrap();
    assert!(order.len() == 3 && order[2] == leader, "the leader {leader} is not the last: {report}");
    assert_eq!(report["notices"], Value::Array(vec![]), "the leader was not handed over");
    for (old, new) in before.iter().zip(starts(&lab.cluster)) {
        assert!(*old < new, "{old} {new}");
    }
    writers.end(&lab.cluster);
    until_it_ends_with(&lab.cluster, 0, &[]);
    // Nothing waits for a restart.
    let (status, report) = lab.restart(&["--waiting"]);
    assert_eq!((status, &report["restarted"]), (Some(0), &Value::Array(vec![])));
    Ok(())
}

fn who_would_not_come_back_is_not_stopped(etcd: &Etcd) -> Outcome {
    let mut lab = Lab::new(etcd)?;
    let before = starts(&lab.cluster);
    // Without --exec the lines are printed, and with --dry-run too.
    let printed = run(etcdpki(["cluster", "restart"]).arg(&lab.cluster.tree.root).arg("etcd2")).ends_with(2);
    let line = "ssh root@127.0.0.2 'systemctl daemon-reload && systemctl restart etcd'";
    assert!(printed.stdout.contains(line), "{printed}");
    let (status, report) = lab.restart(&["--dry-run"]);
    assert_eq!((status, report["commands"].as_array().unwrap().len()), (Some(2), 3), "{report}");
    // etcd2 would not start with the key of another.
    let pki = lab.cluster.tree.path("nodes");
    let key = |member: &str| pki.join(member).join("etc/etcd/pki/peer-key.pem");
    let own = fs::read(key("etcd2")).unwrap();
    fs::copy(key("etcd1"), key("etcd2")).unwrap();
    let (status, report) = lab.restart(&["etcd2"]);
    assert_eq!(status, Some(3), "{report}");
    let told = report["obstacles"][0].as_str().unwrap();
    assert!(told.starts_with("etcd2: after a restart it does not start: peer port: "), "{report}");
    fs::write(key("etcd2"), own).unwrap();
    // While one is away, no other stops.
    lab.cluster.members[2].process.take().unwrap().kill();
    let (status, report) = lab.restart(&["etcd1"]);
    assert_eq!(status, Some(3), "{report}");
    assert!(report["obstacles"].to_string().contains("etcd3: client port: "), "{report}");
    lab.cluster.start_member(2)?;
    lab.cluster.wait_until_healthy();
    until_it_ends_with(&lab.cluster, 0, &[]);
    assert_eq!(before[..2], starts(&lab.cluster)[..2], "somebody was restarted");
    Ok(())
}

/// The host of the first member that restarts has another CA than this folder.
fn who_comes_back_with_other_files_stops_it(etcd: &Etcd) -> Outcome {
    let mut lab = Lab::new(etcd)?;
    lab.before_start = |cluster, member| {
        let trusted = cluster.tree.path(&format!("nodes/{member}/etc/etcd/pki/client-ca.pem"));
        let right = fs::read_to_string(&trusted).unwrap();
        fs::write(&trusted, format!("{right}{}", cluster.tree.read("ca/peer-ca.pem"))).unwrap();
        fs::write(cluster.tree.root.with_file_name("right"), right).unwrap();
    };
    lab.after_start = |cluster, member| {
        let trusted = cluster.tree.path(&format!("nodes/{member}/etc/etcd/pki/client-ca.pem"));
        fs::copy(cluster.tree.root.with_file_name("right"), trusted).unwrap();
    };
    let (status, report) = lab.restart(&["--wait", "20s"]);
    assert_eq!(status, Some(3), "{report}");
    assert_eq!(report["restarted"], Value::Array(vec![]), "{report}");
    assert_eq!(report["left"].as_array().unwrap().len(), 3, "{report}");
    let told = report["obstacles"].to_string();
    assert!(told.contains("the host does not have the files of this folder"), "{report}");
    Ok(())
}
