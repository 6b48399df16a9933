//! `etcdpki cluster renew`: renews certificates for their keys, and proves that members that run use them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::observe::{Observation, Running};
use pki_core::etcd::operate::{behind, renewal_obstacles, unproved};
use pki_core::etcd::{Folder, Plan, Renewal, shell_word};
use pki_core::x509::{SystemKeys, SystemRandomness};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::DEFAULT;
use super::hosts::HostArgs;
use super::observe::{LookArgs, limit};
use super::operation::{Operation, Placing, Renewed, show_members, show_obstacles};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
A certificate is renewed with the same key, the same names and the same subject. etcd reads certificates for each \
handshake, so a member serves its new one without a restart, and no handshake fails: the key fits both. Without a name \
and without --all, those are renewed that are due by `renew-before` of the description.

With --exec, members are looked at before anything is changed: each must answer, with the key that DIR has, be of the \
right series, accept the right CAs, and have the right time. Then its certificates are renewed in DIR, brought to its \
host, and it is looked at until both its ports show them. A run that was stopped goes on when it is started again. \
Without --exec the certificates are renewed in DIR, and the commands that bring them to the hosts are printed.

CAs are not renewed. If the description or files have changed in another way, nothing is done: `apply` comes first.

Exit status:
  0  the certificates are renewed, and every process shows them; or none is due
  1  the work failed, or there is no such certificate
  2  something waits: a certificate for its host, or a request for a CA that is offline
  3  it is not safe to bring a member its certificate, or it does not show it; what is in the way is said

Examples:
  etcdpki cluster renew out --dry-run
  etcdpki cluster renew out --exec
  etcdpki cluster renew out etcd1 'client root' -f prod.yaml
  etcdpki cluster renew out --all --exec='ssh -o BatchMode=yes {user}@{address}'";

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The arguments of `renew`.
#[derive(Args)]
pub(crate) struct Renew {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Whose certificates are renewed, also if they are not due: a member, a client, or one certificate such as
    /// `etcd1 server`
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "due"])]
    names: Vec<String>,
    /// The description that DIR was made from
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    file: PathBuf,
    /// Renew what is due; this is so if nothing else is said
    #[arg(long, conflicts_with = "all")]
    due: bool,
    /// Renew all certificates of members and clients
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    hosts: HostArgs,
    /// How long to wait for a host, and until a member shows its certificates
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = limit)]
    wait: Duration,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was done, and what is left. Serialises to the JSON of `cluster renew --json`.
#[derive(Serialize, Default)]
struct Outcome {
    /// The certificates that are renewed.
    renewed: Vec<Renewed>,
    /// The members whose hosts got certificates.
    placed: Vec<String>,
    /// The members whose processes were seen to show the certificates of DIR.
    proved: Vec<String>,
    /// What is in the way.
    obstacles: Vec<String>,
    /// The lines that do what is left.
    commands: Vec<String>,
    /// What is worth knowing.
    notices: Vec<String>,
}

impl Renew {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let operation = Operation::read(&self.folder, &self.file, terminal)?;
        let mut work = Work { args: self, operation, outcome: Outcome::default() };
        let status = work.all(terminal)?;
        if self.json {
            print::json(terminal, &work.outcome)?;
        } else {
            show(&work.outcome, self.dry_run, terminal)?;
        }
        Ok(status)
    }

    fn renewal(&self) -> Renewal {
        match (self.all, self.names.as_slice()) {
            (true, _) => Renewal::All,
            (false, []) => Renewal::Due,
            (false, names) => Renewal::Named(names.to_vec()),
        }
    }

    fn observe(&self, running: &Running, terminal: &Terminal<'_>) -> Observation {
        running.observe((terminal.now)(), self.look.timeout)
    }
}

struct Work<'a> {
    args: &'a Renew,
    operation: Operation<'a>,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let reading = Folder::open(&self.operation.folder)?;
        let lock = reading.lock_for_reading()?;
        let plan = self.plan(&reading.snapshot(&self.operation.cluster)?, terminal)?;
        drop(lock);
        self.outcome.renewed = Renewed::of(&plan);
        let mut members = self.members();
        if self.args.hosts.exec.is_some() {
            let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
            let seen = self.args.observe(&running, terminal);
            // What an earlier run has renewed and not brought to its host goes on.
            let is_known =
                |name: &String| self.operation.cluster.members().iter().any(|m| m.name().as_str() == name);
            let late = behind(&seen).into_iter().filter(|name| is_known(name) && self.is_meant(name));
            for name in late.collect::<Vec<_>>() {
                if !members.contains(&name) {
                    members.push(name);
                }
            }
            self.outcome.obstacles = renewal_obstacles(&seen, &members);
            if !self.outcome.obstacles.is_empty() {
                return Ok(ExitStatus::NotSafeNow);
            }
            // A run that was stopped may have seen it and not written it down.
            if !self.args.dry_run {
                reading.register(&mut reading.lock_for_reading()?, &seen.proofs(), (terminal.now)())?;
            }
        }
        if self.outcome.renewed.is_empty() && members.is_empty() {
            return Ok(ExitStatus::Done);
        }
        if self.args.dry_run {
            return Ok(ExitStatus::NotFinished);
        }
        if !self.outcome.renewed.is_empty() && !self.issue(terminal)? {
            return Ok(ExitStatus::NotFinished);
        }
        for renewed in self.outcome.renewed.iter().filter(|renewed| renewed.member.is_none()) {
            self.outcome.notices.push(format!(
                "{}: bring the new certificate to where it is used; the one before is valid until it ends",
                renewed.certificate
            ));
        }
        if members.is_empty() {
            return Ok(ExitStatus::Done);
        }
        if self.args.hosts.exec.is_none() {
            let folder = shell_word(&self.operation.folder.to_string_lossy());
            self.outcome.commands =
                vec![self.operation.copy_command(&members), format!("etcdpki cluster observe {folder}")];
            return Ok(ExitStatus::NotFinished);
        }
        self.place(&members, terminal)
    }

    fn is_meant(&self, member: &str) -> bool {
        let names = &self.args.names;
        names.is_empty() || names.iter().any(|name| name == member || name.starts_with(&format!("{member} ")))
    }

    /// The members that have certificates which are renewed, each once.
    fn members(&self) -> Vec<String> {
        let mut members: Vec<String> = Vec::new();
        for member in self.outcome.renewed.iter().filter_map(|renewed| renewed.member.clone()) {
            if !members.contains(&member) {
                members.push(member);
            }
        }
        members
    }

    /// The plan that renews, and changes nothing else.
    fn plan(
        &self,
        snapshot: &pki_core::etcd::Snapshot,
        terminal: &Terminal<'_>,
    ) -> Result<Plan, CommandError> {
        let plan = self.operation.plan(snapshot, &self.args.renewal(), (terminal.now)())?;
        if let Some(name) = plan.unknown_names(&self.args.names).first() {
            return Err(CommandError::new(format!("there is no certificate of {name:?}")).hint(
                "name a member, a client, or a certificate such as 'etcd1 server', as `status` lists them",
            ));
        }
        Ok(plan)
    }

    /// Renews the certificates in the output folder. Returns whether all are there: a CA may be offline.
    fn issue(&mut self, terminal: &Terminal<'_>) -> Result<bool, CommandError> {
        let locked = Folder::lock(&self.operation.folder)?;
        let plan = self.plan(&locked.snapshot(&self.operation.cluster)?, terminal)?;
        let waits = plan.is_waiting();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, (terminal.now)(), &|_| {})?;
        locked.apply(&outcome)?;
        if waits {
            self.outcome.commands.clone_from(&outcome.report().to_sign);
            self.outcome.notices.push(
                "a CA that is offline has to sign the requests in `requests`; bring the certificates back, and run \
                 this again"
                    .to_owned(),
            );
        }
        Ok(!waits)
    }

    /// Brings the certificates of members to their hosts, one host after the other, each proved before the next.
    fn place(&mut self, members: &[String], terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        // Nobody may change the files meanwhile.
        let folder = Folder::open(&self.operation.folder)?;
        let mut lock = folder.lock_for_reading()?;
        let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
        let snapshot = folder.public_snapshot();
        let before = self.args.observe(&running, terminal);
        let paths = self.certificates_in_use(terminal)?;
        for member in members {
            // A host may have been set up anew since the first look.
            self.outcome.obstacles = renewal_obstacles(&before, std::slice::from_ref(member));
            if !self.outcome.obstacles.is_empty() {
                return Ok(ExitStatus::NotSafeNow);
            }
            let files = Placing {
                running: &running,
                hosts: &self.args.hosts,
                paths: &paths,
                snapshot: &snapshot,
                wait: self.args.wait,
            };
            self.operation.place(member, &files, &mut lock, terminal)?;
            self.outcome.placed.push(member.clone());
            self.outcome.obstacles = self.wait_for_proof(&running, member, terminal);
            if !self.outcome.obstacles.is_empty() {
                return Ok(ExitStatus::NotSafeNow);
            }
            self.outcome.proved.push(member.clone());
        }
        let after = self.args.observe(&running, terminal);
        folder.register(&mut lock, &after.proofs(), (terminal.now)())?;
        for member in members {
            let started = |seen: &Observation| seen.member(member).and_then(|member| member.started);
            if let (Some(first), Some(last)) = (started(&before), started(&after))
                && first != last
            {
                self.outcome.notices.push(format!("{member}: its process began anew meanwhile"));
            }
        }
        drop(lock);
        Ok(ExitStatus::Done)
    }

    /// The paths of the certificates of members.
    fn certificates_in_use(&self, terminal: &Terminal<'_>) -> Result<Vec<String>, CommandError> {
        let snapshot = Folder::open(&self.operation.folder)?.snapshot(&self.operation.cluster)?;
        let plan = Plan::renewing(
            &self.operation.cluster,
            &snapshot,
            (terminal.now)(),
            &Renewal::Named(Vec::new()),
        )?;
        let of_members = plan.certificates().iter().filter(|planned| planned.member().is_some());
        Ok(of_members.map(|planned| planned.path().to_owned()).collect())
    }

    /// Looks again and again until a member shows its certificates, or the time is up. Returns what is missing.
    fn wait_for_proof(&self, running: &Running, member: &String, terminal: &Terminal<'_>) -> Vec<String> {
        let start = Instant::now();
        loop {
            let missing = unproved(&self.args.observe(running, terminal), std::slice::from_ref(member));
            if missing.is_empty() || start.elapsed() >= self.args.wait {
                return missing;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn show(outcome: &Outcome, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &outcome.notices);
    show_obstacles(&outcome.obstacles, terminal)?;
    let is_done = !dry_run && outcome.obstacles.is_empty() || !outcome.placed.is_empty();
    if outcome.renewed.is_empty() && outcome.placed.is_empty() && outcome.obstacles.is_empty() {
        print::line(terminal, format_args!("No certificate is to be renewed."))?;
    }
    let verb = if is_done { "renewed" } else { "to renew" };
    for renewed in &outcome.renewed {
        print::line(
            terminal,
            format_args!("{verb}: {}: {}", renewed.certificate, shown(&renewed.why.join("; "))),
        )?;
    }
    show_members(&[("placed", &outcome.placed), ("proved", &outcome.proved)], terminal)?;
    print::next(terminal, &outcome.commands)
}
