//! What becomes of a cluster when real etcd runs it: each member on a host of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::case::{self, Case};
use super::expected::Expected;
use super::log::Log;
use crate::suite::command::{Running, run, server, until};
use crate::suite::network::Network;
use crate::suite::programs::Etcd;
use crate::suite::trial::Missing;

/// Long enough for any election on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Members that begin so many elections one after the other, and hear of no leader, have none.
const ELECTIONS: usize = 5;

/// What a member says that takes part in elections.
const BEGUN: &str = " became follower at term";

/// What a member says that is to join a cluster and finds none that has a leader.
const ALONE: [&str; 2] =
    ["cannot fetch cluster info from peer urls", "incompatible with current running cluster"];

/// The most members of a cluster.
const HOSTS: usize = 5;

/// How long a member that cannot join yet waits before it tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// The hosts of the members, which one cluster after the other uses.
pub struct Hosts {
    network: Network,
    etcd: Etcd,
}

impl Hosts {
    pub fn new(etcd: &Etcd) -> Result<Self, Missing> {
        let addresses: Vec<String> = (1..=HOSTS).map(case::address).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        Ok(Self { network: Network::of(&addresses)?, etcd: etcd.clone() })
    }
}

/// A cluster that runs.
pub struct Run<'a> {
    hosts: &'a Hosts,
    case: &'a Case,
    members: Vec<Member>,
    client: [PathBuf; 3],
    scratch: TempDir,
}

/// A member, of which etcd was started.
struct Member {
    /// The name that it has for etcd.
    name: String,
    address: String,
    variables: Vec<(String, String)>,
    /// Where it sends clients to.
    endpoint: String,
    log: PathBuf,
    process: Running,
    began: Instant,
    /// The URLs and the token that the cluster is made of which it founds.
    founds: (Vec<String>, String),
    /// Whether it asks the other members at its start who they are.
    joins: bool,
    /// Whether it has found nobody who could tell.
    was_alone: bool,
    starts: bool,
    is_reached: bool,
    is_stranded: bool,
    /// Whether its loss ends the cluster; `None` if that is not known.
    is_fatal: Option<bool>,
    /// Whether it was taken away.
    is_lost: bool,
}

/// The numbers of members.
type Group = Vec<usize>;

impl<'a> Run<'a> {
    pub fn start(hosts: &'a Hosts, case: &'a Case) -> Self {
        // Debian's etcd 3.4 cannot do without a disk that is quick.
        let is_slow = case.version.minor() < 5 && fs::metadata("/dev/shm").is_ok();
        let scratch = if is_slow { tempfile::tempdir_in("/dev/shm") } else { tempfile::tempdir() }.unwrap();
        let mut members = Vec::new();
        for member in &case.members {
            let data = scratch.path().join(&member.name).display().to_string();
            let mut variables = case.variables(member);
            for (name, value) in &mut variables {
                if name == "ETCD_DATA_DIR" {
                    value.clone_from(&data);
                }
            }
            if !is_slow {
                variables.push(("ETCD_UNSAFE_NO_FSYNC".to_owned(), "true".to_owned()));
            }
            let value = |option: &str| case.value(member, option);
            let advertised = value("advertise-client-urls").unwrap_or_default();
            let log = scratch.path().join(format!("{}.log", member.name));
            members.push(Member {
                name: value("name").unwrap_or_else(|| "default".to_owned()),
                address: member.address.clone(),
                endpoint: advertised.split(',').next().unwrap_or_default().to_owned(),
                process: spawn(hosts, &member.address, &variables, &log),
                variables,
                log,
                began: Instant::now(),
                founds: founds(value),
                joins: value("initial-cluster-state").as_deref() == Some("existing"),
                was_alone: false,
                starts: false,
                is_reached: false,
                is_stranded: false,
                is_fatal: None,
                is_lost: false,
            });
        }
        Self { hosts, case, members, client: case.client(), scratch }
    }

    /// What is not as it was foreseen.
    pub fn compare(&mut self, expected: &Expected) -> Result<(), String> {
        let groups = self.groups(expected)?;
        for (cluster, group) in expected.clusters.iter().zip(&groups) {
            self.some_end(group)?;
            match cluster.forms {
                Some(true) => self.forms(group)?,
                Some(false) => self.does_not_form(group, None)?,
                None => {}
            }
        }
        for (cluster, group) in expected.clusters.iter().zip(&groups) {
            if cluster.forms == Some(true) && cluster.majority > 1 {
                self.losses(group)?;
            }
        }
        self.tend()
    }

    /// The members of each cluster that is foreseen.
    fn groups(&mut self, expected: &Expected) -> Result<Vec<Group>, String> {
        let mut left: Vec<usize> = (0..self.members.len()).collect();
        let mut groups = Vec::new();
        for cluster in &expected.clusters {
            let mut group = Group::new();
            for foreseen in &cluster.members {
                let place = left.iter().position(|at| self.members[*at].name == foreseen.name);
                let at = left.remove(place.ok_or_else(|| format!("{} does not run", foreseen.name))?);
                let member = &mut self.members[at];
                member.starts = foreseen.starts;
                member.is_reached = foreseen.is_reached;
                member.is_stranded = foreseen.is_stranded;
                member.is_fatal = foreseen.is_fatal;
                group.push(at);
            }
            groups.push(group);
        }
        match left.first() {
            Some(at) => Err(format!("nothing is foreseen of {}", self.members[*at].name)),
            None => Ok(groups),
        }
    }

    /// Whoever is not to start ends, at the latest when it would serve clients.
    fn some_end(&mut self, group: &Group) -> Result<(), String> {
        for at in group.iter().copied().filter(|at| !self.members[*at].starts).collect::<Group>() {
            let ended = until(PATIENCE, || {
                let member = &mut self.members[at];
                let has_ended = member.process.0.try_wait().unwrap().is_some();
                // etcd reads the files of its client port when there is a leader.
                let waits = member.log().elections() >= 2 * ELECTIONS;
                (has_ended || waits).then_some(())
            });
            ended.ok_or_else(|| format!("{} is not to start, and runs", self.members[at].name))?;
        }
        Ok(())
    }

    /// Has those try again that could not join, and looks after the others.
    fn tend(&mut self) -> Result<(), String> {
        for member in &mut self.members {
            if !member.starts || member.is_lost || member.process.0.try_wait().unwrap().is_none() {
                continue;
            }
            let log = member.log();
            if !(member.joins && ALONE.iter().any(|words| log.says(words))) {
                return Err(format!("{} is to start, and ends", member.name));
            }
            member.was_alone = true;
            if member.began.elapsed() > PAUSE {
                member.began = Instant::now();
                member.process = spawn(self.hosts, &member.address, &member.variables, &member.log);
            }
        }
        Ok(())
    }

    /// Those that run and are of the cluster that most of a group found; of several, the one with the most members.
    fn main(&self, group: &Group) -> Group {
        let founders: Group = group.iter().copied().filter(|at| !self.members[*at].joins).collect();
        let same = |at: usize| {
            let founds = |other: &&usize| self.members[**other].founds == self.members[at].founds;
            founders.iter().filter(founds).count()
        };
        let rank = |at: &&usize| (same(**at), self.members[**at].founds.0.len());
        let Some(first) = founders.iter().rev().max_by_key(rank) else { return Group::new() };
        let founds = |at: &usize| self.members[*at].founds == self.members[*first].founds;
        let id = founders.iter().filter(|at| founds(at)).find_map(|at| self.members[*at].log().cluster());
        let runs = |member: &Member| member.starts && !member.is_lost;
        let all = group.iter().copied().filter(|at| runs(&self.members[*at]));
        all.filter(|at| id.is_some() && self.members[*at].log().cluster() == id).collect()
    }

    fn forms(&mut self, group: &Group) -> Result<(), String> {
        self.serves(group).map_err(|why| format!("it is to form, and does not: {why}"))?;
        for at in group.iter().copied().filter(|at| self.members[*at].starts).collect::<Group>() {
            let begun = until(PATIENCE, || match self.tend() {
                Err(difference) => Some(Err(difference)),
                Ok(()) => self.members[at].log().says(BEGUN).then_some(Ok(())),
            });
            begun.unwrap_or_else(|| Err(format!("{} does not join", self.members[at].name)))?;
        }
        Ok(())
    }

    /// Waits until somebody answers a client that wants what the majority knows, or, where no client gets in, until a
    /// leader is known.
    fn serves(&mut self, group: &Group) -> Result<(), String> {
        let mut turn = 0;
        let mut last = String::new();
        let served = until(PATIENCE, || {
            if let Err(difference) = self.tend() {
                return Some(Err(difference));
            }
            let main = self.main(group);
            let mut readers: Group = main.iter().copied().filter(|at| self.members[*at].is_reached).collect();
            if readers.is_empty() {
                let knows = |at: &usize| self.members[*at].log().knows_a_leader();
                return main.iter().any(knows).then_some(Ok(()));
            }
            readers.sort_by_key(|at| self.members[*at].is_stranded);
            let reader = readers[turn % readers.len()];
            turn += 1;
            match self.read(reader) {
                Ok(()) => Some(Ok(())),
                Err(said) => {
                    last = said;
                    None
                }
            }
        });
        served.unwrap_or_else(|| Err(format!("nobody answers: {last}")))
    }

    /// Waits until everybody has tried to lead again and again since `lost` went.
    fn does_not_form(&mut self, group: &Group, lost: Option<usize>) -> Result<(), String> {
        let before: Vec<usize> = match lost {
            Some(_) => self.members.iter().map(|member| member.log().length()).collect(),
            None => vec![0; self.members.len()],
        };
        let ended = until(PATIENCE, || {
            if let Err(difference) = self.tend() {
                return Some(Err(difference));
            }
            let main: Group = self.main(group).into_iter().filter(|at| !self.members[*at].joins).collect();
            let tries = |at: &usize| self.members[*at].log().after(before[*at]).elections();
            // Those who are to join wait for each other for a while, and then end.
            let joining =
                || group.iter().map(|at| &self.members[*at]).filter(|member| member.joins && member.starts);
            let waits = |member: &Member| !member.log().says(BEGUN);
            let is_alone =
                joining().next().is_none() || joining().any(|member| member.was_alone) || !main.is_empty();
            let cannot_join = lost.is_some() || (joining().all(waits) && is_alone);
            (cannot_join && main.iter().all(|at| tries(at) >= ELECTIONS)).then_some(Ok(()))
        });
        let main = self.main(group);
        let what = lost.map_or("it is not to form".to_owned(), |lost| {
            format!("it is not to survive the loss of {}", self.members[lost].name)
        });
        match ended {
            Some(ended) => ended,
            None => {
                let answers = main.iter().any(|at| self.read(*at).is_ok());
                Err(format!("{what}, and not everybody misses a leader; somebody answers: {answers}"))
            }
        }
    }

    /// Takes one member after the other away.
    fn losses(&mut self, group: &Group) -> Result<(), String> {
        let mut order: Group = group.iter().copied().filter(|at| self.members[*at].starts).collect();
        order.retain(|at| self.members[*at].is_fatal.is_some());
        order.sort_by_key(|at| self.members[*at].is_fatal);
        for (number, at) in order.iter().copied().enumerate() {
            let is_last = number + 1 == order.len();
            self.members[at].is_lost = true;
            if is_last {
                self.members[at].process.kill();
            } else {
                self.members[at].signal(Signal::SIGSTOP);
            }
            if self.members[at].is_fatal == Some(true) {
                self.does_not_form(group, Some(at))?;
            } else {
                self.serves(group).map_err(|why| {
                    format!("it is to survive the loss of {}, and does not: {why}", self.members[at].name)
                })?;
            }
            if !is_last {
                self.members[at].signal(Signal::SIGCONT);
                self.members[at].is_lost = false;
                self.serves(group).map_err(|why| format!("it does not recover: {why}"))?;
            }
        }
        Ok(())
    }

    /// A linearizable read of a member, with the client's files.
    fn read(&self, at: usize) -> Result<(), String> {
        let mut command = Command::new(&self.hosts.etcd.etcdctl);
        let [certificate, key, authority] = &self.client;
        command.env_clear().env("ETCDCTL_API", "3").arg("--endpoints").arg(&self.members[at].endpoint);
        command.args(["--command-timeout=4s", "--dial-timeout=4s", "get", "a"]);
        command.arg("--cert").arg(certificate).arg("--key").arg(key).arg("--cacert").arg(authority);
        let ran = run(&mut self.hosts.network.on(None, command));
        if ran.code == Some(0) { Ok(()) } else { Err(ran.stderr) }
    }

    /// The end of what each member said.
    pub fn logs(&self) -> String {
        let name = |at: usize| &self.case.members[at].name;
        let ends = self.members.iter().enumerate().map(|(at, member)| (name(at), member.log().end()));
        let place = self.scratch.path().display();
        ends.map(|(name, end)| format!("  {name}:\n{}\n", end.replace(&place.to_string(), "..."))).collect()
    }
}

impl Member {
    fn log(&self) -> Log {
        Log::of(&self.log)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.0.id()).unwrap()), signal).unwrap();
    }
}

/// The URLs of the members, without their names, and the token.
fn founds(value: impl Fn(&str) -> Option<String>) -> (Vec<String>, String) {
    let own = || value("initial-advertise-peer-urls").unwrap_or_default();
    let members = value("initial-cluster").unwrap_or_else(own);
    let urls = members.split(',').map(|member| member.rsplit('=').next().unwrap_or_default().to_owned());
    let mut urls: Vec<String> = urls.collect();
    urls.sort();
    (urls, value("initial-cluster-token").unwrap_or_default())
}

fn spawn(hosts: &Hosts, address: &str, variables: &[(String, String)], log: &PathBuf) -> Running {
    let mut command = server(&hosts.etcd.etcd);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().cloned());
    let mut command = hosts.network.on(Some(address), command);
    let log = File::options().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Running::spawn(&mut command)
}
