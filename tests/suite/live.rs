//! A cluster of real etcd processes, started from what `cluster apply` wrote and from nothing else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;

use super::command::{Ran, Running, quoted, run, run_unless, until};
use super::host::{Host, user_exists};
use super::network::{self, Network};
use super::product::Tree;
use super::programs::{self, Etcd, fixture};
use super::trial::{Missing, Outcome, trial_with_servers};

/// Long enough for an election among members that share one busy core.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A test on each series of etcd that is to be had.
pub fn on_each_etcd(name: &str, test: impl Fn(&Etcd) -> Outcome + Send + Clone + 'static) -> Vec<Trial> {
    let on = |series: &str| {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        let test = test.clone();
        let trial = trial_with_servers(format!("etcd::{version}::{name}"), move || test(&found?));
        // As root etcd can read what its own user could not: a weaker test, so it is announced.
        if user_exists("etcd") { trial } else { trial.with_kind("as root, no user etcd here") }
    };
    programs::SERIES.map(on).into()
}

/// A test with some etcd.
pub type Test = fn(&Etcd) -> Outcome;

/// Tests with their names, on each series of etcd that is to be had.
pub fn all_on_each_etcd(tests: &[(&str, Test)]) -> Vec<Trial> {
    tests.iter().flat_map(|(name, test)| on_each_etcd(name, *test)).collect()
}

/// A description from `fixtures/cluster/`, made for this etcd.
pub fn described(fixture_name: &str, etcd: &Etcd) -> Tree {
    let text = fs::read_to_string(fixture("cluster").join(fixture_name)).unwrap();
    Tree::of(&format!("{text}version: {}\n", etcd.version))
}

/// Runs etcdctl until it ends, or has been turned away twice: it tries again until its time is up.
#[track_caller]
pub fn run_unless_turned_away(etcdctl: &mut Command) -> Ran {
    // Without --debug it keeps the reason to itself.
    etcdctl.args(["--debug", "--command-timeout=60s", "--dial-timeout=60s"]);
    let failure = "Subchannel Connectivity change to TRANSIENT_FAILURE";
    run_unless(etcdctl, |said| said.matches(failure).count() >= 2)
}

/// Running members; they end when this goes, before their folders do.
pub struct Cluster {
    pub members: Vec<Member>,
    pub tree: Tree,
    etcd: Etcd,
    /// None for the loopback interface
    network: Option<Network>,
}

pub struct Member {
    pub name: String,
    pub address: String,
    pub log: PathBuf,
    pub process: Option<Running>,
    host: Host,
    /// How long the log was when it was started last
    before: usize,
}

impl Cluster {
    /// Starts every member of an applied description.
    pub fn start(etcd: &Etcd, tree: Tree) -> Result<Self, Missing> {
        programs::can_isolate()?;
        network::assert_own();
        Self::start_in(etcd, tree, None)
    }

    /// Starts every member on a host that has its address; there are hosts with those of `others` too.
    pub fn start_on_network(etcd: &Etcd, tree: Tree, others: &[&str]) -> Result<Self, Missing> {
        programs::can_isolate()?;
        let own: Vec<_> =
            names(&tree).iter().map(|name| advertised_address(&tree.path("nodes").join(name))).collect();
        let addresses: Vec<_> = own.iter().map(String::as_str).chain(others.iter().copied()).collect();
        let network = Network::of(&addresses)?;
        Self::start_in(etcd, tree, Some(network))
    }

    fn start_in(etcd: &Etcd, tree: Tree, network: Option<Network>) -> Result<Self, Missing> {
        let names = names(&tree);
        let mut cluster = Self { members: Vec::new(), tree, etcd: etcd.clone(), network };
        for name in names {
            cluster.copy(&name)?;
        }
        for member in 0..cluster.members.len() {
            cluster.start_member(member)?;
        }
        Ok(cluster)
    }

    /// A host gets a member's files. What runs there goes on as it is.
    pub fn copy(&mut self, name: &str) -> Result<(), Missing> {
        let overlay = self.tree.path("nodes").join(name);
        let address = advertised_address(&overlay);
        if let Some(member) = self.members.iter_mut().find(|member| member.name == name) {
            member.address = address;
            return Ok(());
        }
        let log = self.tree.root.with_file_name(format!("{name}.log"));
        let member = Member {
            host: Host::of(&overlay)?,
            name: name.to_owned(),
            address,
            log,
            process: None,
            before: 0,
        };
        self.members.push(member);
        Ok(())
    }

    /// Waits until a member ends by itself, and forgets it.
    #[track_caller]
    pub fn wait_for_the_end(&mut self, name: &str) {
        let place = self.members.iter().position(|member| member.name == name).expect("a member");
        let mut gone = self.members.remove(place);
        let process = &mut gone.process.as_mut().expect("it runs").0;
        until(PATIENCE, || process.try_wait().unwrap()).unwrap_or_else(|| panic!("{name} goes on"));
    }

    pub fn start_member(&mut self, which: usize) -> Result<(), Missing> {
        let member = &mut self.members[which];
        let log = File::options().create(true).append(true).open(&member.log).unwrap();
        member.before = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let mut command = member.host.service(&self.etcd.etcd)?;
        if let Some(network) = &self.network {
            command = network.on(Some(&member.address), command);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        member.process = Some(Running::spawn(&mut command));
        Ok(())
    }

    pub fn endpoints(&self, wanted: impl Fn(usize) -> bool) -> String {
        let wanted = self.members.iter().enumerate().filter(|(i, _)| wanted(*i));
        wanted.map(|(_, m)| format!("https://{}:2379", m.address)).collect::<Vec<_>>().join(",")
    }

    /// etcdctl as the client `root`: in a shell that sourced the generated file.
    pub fn etcdctl(&self, arguments: &[&str]) -> Ran {
        run(&mut self.etcdctl_command(&[], arguments))
    }

    /// The same, at some endpoints only.
    pub fn etcdctl_at(&self, endpoints: &str, arguments: &[&str]) -> Ran {
        // etcdctl refuses an option that is given in both ways.
        let mut command = self.etcdctl_command(&["ETCDCTL_ENDPOINTS"], arguments);
        run(command.arg("--endpoints").arg(endpoints))
    }

    /// etcdctl changes who is a member. etcd refuses that until all have been connected for five seconds (etcd,
    /// server/etcdserver/server.go, `HealthInterval`).
    #[track_caller]
    pub fn change_members(&self, endpoints: &str, arguments: &[&str]) {
        let mut last = None;
        let done = until(PATIENCE, || {
            let ran = self.etcdctl_at(endpoints, arguments);
            let too_early = ran.stderr.contains("etcdserver: unhealthy cluster");
            last = Some(ran);
            (!too_early).then_some(())
        });
        let ran = last.unwrap();
        assert!(done.is_some() && ran.code == Some(0), "{ran}");
    }

    /// The same as `etcdctl_at`, from a member's own host; to be run by the caller.
    pub fn etcdctl_on(&self, member: &Member, endpoints: &str, arguments: &[&str]) -> Command {
        let mut command = self.etcdctl_here(&["ETCDCTL_ENDPOINTS"], arguments);
        command.arg("--endpoints").arg(endpoints);
        self.placed(Some(&member.address), command)
    }

    /// A person's shell, in which etcdctl is the one beside the members' etcd.
    pub fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        let etcdctl = self.etcd.etcdctl.to_str().unwrap();
        command.env_clear().env("PATH", "/usr/bin:/bin").arg("-euc");
        command.arg(format!(". \"$0\"; etcdctl() {{ {} \"$@\"; }}\n{script}", quoted(etcdctl)));
        command.arg(self.tree.path("clients/root/etcdctl.env"));
        run(&mut self.placed(None, command))
    }

    /// A command as if it were given on the host with an address, or where clients are.
    fn placed(&self, host: Option<&str>, command: Command) -> Command {
        match &self.network {
            Some(network) => network.on(host, command),
            None => command,
        }
    }

    pub fn etcdctl_command(&self, without: &[&str], arguments: &[&str]) -> Command {
        self.placed(None, self.etcdctl_here(without, arguments))
    }

    fn etcdctl_here(&self, without: &[&str], arguments: &[&str]) -> Command {
        let script = format!("set -eu; . \"$0\"; unset NONE {}; exec \"$@\"", without.join(" "));
        let mut command = Command::new("sh");
        command.env_clear().arg("-c").arg(script).arg(self.tree.path("clients/root/etcdctl.env"));
        // Its own limit of 5 seconds is short on a busy machine.
        command.arg(&self.etcd.etcdctl).arg("--command-timeout=20s").args(arguments);
        command
    }

    #[track_caller]
    pub fn wait_until_healthy(&mut self) {
        // Asking costs more than reading. A description may send the log elsewhere, so this is not waited for long.
        until(Duration::from_secs(5), || self.members.iter().all(Member::says_that_it_serves).then_some(()));
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
    /// Whether it serves since it was started last, as far as its log tells.
    fn says_that_it_serves(&self) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.get(self.before..).is_some_and(|new| new.contains("ready to serve client requests"))
    }

    /// Panics if it says that certificates or options are wrong.
    #[track_caller]
    pub fn assert_no_complaint(&self) {
        let log = fs::read_to_string(&self.log).unwrap();
        assert!(log.contains("etcd Version") || log.contains("etcd-version"), "not etcd's log:\n{log}");
        let complaints: Vec<_> = log.lines().filter(|line| is_complaint(line)).collect();
        assert!(complaints.is_empty(), "{} says:\n{}", self.name, complaints.join("\n"));
    }

    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let found = until(PATIENCE, || fs::read_to_string(&self.log).unwrap().contains(text).then_some(()));
        assert!(found.is_some(), "{} does not say {text:?}", self.name);
    }
}

/// The members that a folder is for.
fn names(tree: &Tree) -> Vec<String> {
    let names = fs::read_dir(tree.path("nodes")).unwrap().map(|n| n.unwrap().file_name());
    let mut names: Vec<_> = names.map(|n| n.into_string().unwrap()).collect();
    names.sort();
    names
}

/// What etcd logs about wrong certificates and wrong options.
fn is_complaint(line: &str) -> bool {
    // etcdctl dials every endpoint and hangs up on those that it does not need, at whatever moment.
    let hung_up = line.contains("EOF") || line.contains("connection reset by peer");
    let complaints = ["rejected connection", "unrecognized environment variable", "tls: ", "x509: "];
    !hung_up && complaints.iter().any(|complaint| line.contains(complaint))
}

/// Where clients reach the member, as a URL has it: in whichever file its options are.
fn advertised_address(overlay: &Path) -> String {
    let files = super::guides::listing(overlay).into_iter();
    let text: String = files.filter_map(|(file, _)| fs::read_to_string(overlay.join(file)).ok()).collect();
    let says = |line: &&str| line.to_lowercase().replace('_', "-").contains("advertise-client-urls");
    let line = text.lines().find(says).unwrap_or_else(|| panic!("no advertised URL in\n{text}"));
    let (_, address) = line.split_once("https://").unwrap();
    address.split_once(":2379").unwrap().0.to_owned()
}
