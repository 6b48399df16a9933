//! Real etcd, started from what `cluster apply` wrote and from nothing else.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::json;

use super::command::{Ran, Running, run, until};
use super::host::{Host, user_exists};
use super::product::Tree;
use super::programs::{self, Etcd};
use super::trial::{Missing, Outcome, trial};

/// Long enough for an election among members that share one busy core.
const PATIENCE: Duration = Duration::from_secs(90);

type Test = fn(&Etcd) -> Outcome;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = [
        ("forms_a_healthy_cluster_without_a_complaint", forms_a_healthy_cluster),
        ("survives_the_loss_of_each_member", survives_the_loss_of_each_member),
        ("refuses_a_client_without_a_certificate", refuses_a_client_without_a_certificate),
        ("refuses_a_client_of_another_ca", refuses_a_client_of_another_ca),
        ("starts_with_every_kind_of_key", starts_with_every_kind_of_key),
        ("serves_ipv6", serves_ipv6),
    ];
    let mut trials = Vec::new();
    for series in ["3.4", "3.5"] {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        for (name, test) in tests {
            let found = found.clone();
            let trial = trial(format!("etcd::{version}::{name}"), move || test(&found?));
            // As root etcd can read what its own user could not: a weaker test, so it is announced.
            trials.push(if user_exists("etcd") {
                trial
            } else {
                trial.with_kind("as root, no user etcd here")
            });
        }
    }
    trials
}

fn forms_a_healthy_cluster(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, Tree::of_fixture("three-members.yaml").applied())?;
    cluster.wait_until_healthy();

    let members = cluster.etcdctl(&["member", "list"]).ok().stdout;
    for member in &cluster.members {
        assert!(
            members.contains(&format!("started, {},", member.name)),
            "{} is not in\n{members}",
            member.name
        );
    }
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    assert_eq!(cluster.etcdctl(&["get", "greeting", "--print-value-only"]).ok().stdout, "hello\n");

    for member in &cluster.members {
        let log = fs::read_to_string(&member.log).unwrap();
        assert!(log.contains("etcd Version") || log.contains("etcd-version"), "not etcd's log:\n{log}");
        let complaints: Vec<_> = log.lines().filter(|line| is_complaint(line)).collect();
        assert!(complaints.is_empty(), "{} says:\n{}", member.name, complaints.join("\n"));
    }
    Ok(())
}

/// What etcd logs about wrong certificates and wrong options.
fn is_complaint(line: &str) -> bool {
    // etcdctl dials every endpoint and hangs up on those that it does not need, at whatever moment.
    let hung_up = line.contains("EOF") || line.contains("connection reset by peer");
    let complaints = ["rejected connection", "unrecognized environment variable", "tls: ", "x509: "];
    !hung_up && complaints.iter().any(|complaint| line.contains(complaint))
}

fn survives_the_loss_of_each_member(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, Tree::of_fixture("three-members.yaml").applied())?;
    cluster.wait_until_healthy();
    for lost in 0..cluster.members.len() {
        let name = cluster.members[lost].name.clone();
        cluster.members[lost].process.take().expect("it runs").kill();

        // The two that are left have to reach each other, in whichever direction the new leader dials:
        // three healthy members do not prove that.
        let survivors = cluster.endpoints(|i| i != lost);
        until(PATIENCE, || {
            let put = cluster.etcdctl_at(&survivors, &["put", "lost", &name]);
            (put.code == Some(0)).then_some(())
        })
        .unwrap_or_else(|| panic!("no write without {name}"));

        cluster.start_member(lost, etcd)?;
        cluster.wait_until_healthy();
        let returned = cluster.endpoints(|i| i == lost);
        let read = cluster.etcdctl_at(&returned, &["get", "lost", "--print-value-only"]).ok();
        assert_eq!(read.stdout.trim(), name, "{name} did not catch up");
    }
    Ok(())
}

fn refuses_a_client_without_a_certificate(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, Tree::of_fixture("one-member.yaml").applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["get", "anything"]).ok();

    let without = &["ETCDCTL_CERT", "ETCDCTL_KEY"];
    let ran = run(&mut cluster.etcdctl_command(without, &["get", "anything", "--command-timeout=3s"]));
    assert_ne!(ran.code, Some(0), "served without a certificate: {ran}");
    cluster.members[0].wait_for_log("client didn't provide a certificate");
    Ok(())
}

fn refuses_a_client_of_another_ca(etcd: &Etcd) -> Outcome {
    let stranger = Tree::of_fixture("one-member.yaml").applied();
    let mut cluster = Cluster::start(etcd, Tree::of_fixture("one-member.yaml").applied())?;
    cluster.wait_until_healthy();

    let mut command = cluster
        .etcdctl_command(&["ETCDCTL_CERT", "ETCDCTL_KEY"], &["get", "anything", "--command-timeout=3s"]);
    command.arg("--cert").arg(stranger.path("clients/root/client.pem"));
    command.arg("--key").arg(stranger.path("clients/root/client-key.pem"));
    let ran = run(&mut command);
    assert_ne!(ran.code, Some(0), "served a stranger: {ran}");
    cluster.members[0].wait_for_log("x509: certificate signed by unknown authority");
    Ok(())
}

fn starts_with_every_kind_of_key(etcd: &Etcd) -> Outcome {
    for key in super::certificates::KEY_KINDS {
        let description =
            json!({"name": "keys", "key": key, "members": [{"name": "etcd1", "address": "127.0.0.1"}]});
        let mut cluster = Cluster::start(etcd, Tree::of_value(&description).applied())?;
        cluster.wait_until_healthy();
        let written = cluster.etcdctl(&["put", "key", key]);
        assert_eq!(written.code, Some(0), "with {key}: {written}");
    }
    Ok(())
}

fn serves_ipv6(etcd: &Etcd) -> Outcome {
    if TcpListener::bind("[::1]:0").is_err() {
        return Err(Missing("no IPv6 on the loopback interface".into()));
    }
    let mut cluster = Cluster::start(etcd, Tree::of_fixture("ipv6.yaml").applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "six", "6"]).ok();
    Ok(())
}

/// Running members; they end when this goes, before their folders and the lock do.
struct Cluster {
    members: Vec<Member>,
    etcdctl: PathBuf,
    tree: Tree,
    _lock: File,
}

struct Member {
    name: String,
    address: String,
    host: Host,
    log: PathBuf,
    process: Option<Running>,
}

impl Cluster {
    /// Starts every member of an applied description.
    fn start(etcd: &Etcd, tree: Tree) -> Result<Self, Missing> {
        programs::can_isolate()?;
        let lock = loopback();
        let names = fs::read_dir(tree.path("nodes")).unwrap().map(|n| n.unwrap().file_name());
        let mut names: Vec<_> = names.map(|n| n.into_string().unwrap()).collect();
        names.sort();
        let mut members = Vec::new();
        for name in names {
            let overlay = tree.path("nodes").join(&name);
            let address = advertised_address(&overlay);
            let log = tree.root.with_file_name(format!("{name}.log"));
            members.push(Member { host: Host::of(&overlay)?, name, address, log, process: None });
        }
        for member in &members {
            for port in [2379, 2380] {
                member.assert_free(port);
            }
        }
        let mut cluster = Self { members, etcdctl: etcd.etcdctl.clone(), tree, _lock: lock };
        for member in 0..cluster.members.len() {
            cluster.start_member(member, etcd)?;
        }
        Ok(cluster)
    }

    fn start_member(&mut self, which: usize, etcd: &Etcd) -> Result<(), Missing> {
        let member = &mut self.members[which];
        let log = File::options().create(true).append(true).open(&member.log).unwrap();
        let mut command = member.host.service(&etcd.etcd)?;
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        member.process = Some(Running::spawn(&mut command));
        Ok(())
    }

    fn endpoints(&self, wanted: impl Fn(usize) -> bool) -> String {
        let wanted = self.members.iter().enumerate().filter(|(i, _)| wanted(*i));
        wanted.map(|(_, m)| format!("https://{}:2379", m.address)).collect::<Vec<_>>().join(",")
    }

    /// etcdctl as the client `root`: in a shell that sourced the generated file.
    fn etcdctl(&self, arguments: &[&str]) -> Ran {
        run(&mut self.etcdctl_command(&[], arguments))
    }

    /// The same, at some endpoints only.
    fn etcdctl_at(&self, endpoints: &str, arguments: &[&str]) -> Ran {
        // etcdctl refuses an option that is given in both ways.
        let mut command = self.etcdctl_command(&["ETCDCTL_ENDPOINTS"], arguments);
        run(command.arg("--endpoints").arg(endpoints))
    }

    fn etcdctl_command(&self, without: &[&str], arguments: &[&str]) -> Command {
        let script = format!("set -eu; . \"$0\"; unset NONE {}; exec \"$@\"", without.join(" "));
        let mut command = Command::new("sh");
        command.env_clear().arg("-c").arg(script).arg(self.tree.path("clients/root/etcdctl.env"));
        command.arg(&self.etcdctl).args(arguments);
        command
    }

    #[track_caller]
    fn wait_until_healthy(&mut self) {
        let mut last = None;
        let healthy = until(PATIENCE, || {
            for member in &mut self.members {
                let ended = member.process.as_mut().and_then(|p| p.0.try_wait().unwrap());
                assert!(ended.is_none(), "{} has ended: {ended:?}", member.name);
            }
            let ran = self.etcdctl(&["endpoint", "health", "--cluster"]);
            let all = ran.said().matches("is healthy").count() == self.members.len() && ran.code == Some(0);
            last = Some(ran);
            all.then_some(())
        });
        assert!(healthy.is_some(), "not healthy in time; {}", last.unwrap());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            for member in &self.members {
                let log = fs::read_to_string(&member.log).unwrap_or_default();
                let lines: Vec<_> = log.lines().collect();
                eprintln!(
                    "last lines of {}:\n{}",
                    member.name,
                    lines[lines.len().saturating_sub(12)..].join("\n")
                );
            }
        }
    }
}

impl Member {
    /// The ports are fixed by the description, so a stranger on one of them has to be named.
    fn assert_free(&self, port: u16) {
        let address = format!("{}:{port}", self.address);
        if let Err(error) = TcpListener::bind(&address) {
            let holder = run(Command::new("ss").args(["-Hltnp", &format!("sport = :{port}")]));
            panic!("{address} cannot be used, {error}; who listens there:\n{}", holder.stdout);
        }
    }

    #[track_caller]
    fn wait_for_log(&self, text: &str) {
        let found = until(PATIENCE, || fs::read_to_string(&self.log).unwrap().contains(text).then_some(()));
        assert!(found.is_some(), "{} does not say {text:?}", self.name);
    }
}

/// Two suites at once, or two tests of this one, would fight for etcd's ports.
fn loopback() -> File {
    let path = std::env::temp_dir().join("etcdpki-tests.lock");
    let file = File::options().create(true).append(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

/// Where clients reach the member, as a URL has it.
fn advertised_address(overlay: &Path) -> String {
    let text = fs::read_to_string(overlay.join("etc/etcd/etcd.env")).unwrap();
    let environment = super::systemd::environment_file(&text);
    let (_, urls) = environment.iter().find(|(k, _)| k == "ETCD_ADVERTISE_CLIENT_URLS").unwrap();
    let address = urls.split(',').next().unwrap().strip_prefix("https://").unwrap();
    address.strip_suffix(":2379").unwrap().to_owned()
}
