//! `etcdpki cluster renew`: renews certificates for their keys, and proves that members that run use them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::observe::{Observation, Running};
use pki_core::etcd::operate::{Host, behind, placing, renewal_obstacles, unproved};
use pki_core::etcd::{Cluster, Folder, Plan, RegistryEvent, Renewal, shell_word};
use pki_core::x509::{SystemKeys, SystemRandomness};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::{DEFAULT, read_text};
use super::hosts::{self, HostArgs};
use super::observe::{LookArgs, limit};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, print};

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

/// A certificate that is renewed.
#[derive(Serialize)]
struct Renewed {
    /// Its identity, such as `etcd1 server`.
    certificate: String,
    /// Its path in DIR.
    path: String,
    /// The member that has it, if one has.
    member: Option<String>,
    /// Why it is renewed.
    why: Vec<String>,
}

impl Renew {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let folder = absolute(&self.folder)?;
        let cluster = Cluster::from_yaml(&read_text(&self.file, terminal)?, Some(&self.file))?.value;
        let mut work = Work { args: self, cluster: &cluster, folder: &folder, outcome: Outcome::default() };
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
    cluster: &'a Cluster,
    folder: &'a Path,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let reading = Folder::open(self.folder)?;
        let lock = reading.lock_for_reading()?;
        let plan = self.plan(&reading.snapshot(self.cluster)?, terminal)?;
        drop(lock);
        self.outcome.renewed = plan.renewed().map(Renewed::new).collect();
        let mut members = self.members();
        if self.args.hosts.exec.is_some() {
            let running = self.args.look.read(self.folder, &self.args.version)?;
            let seen = self.args.observe(&running, terminal);
            // What an earlier run has renewed and not brought to its host goes on.
            let is_known = |name: &String| self.cluster.members().iter().any(|m| m.name().as_str() == name);
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
            let script = shell_word(&self.folder.join("deploy.sh").to_string_lossy());
            let folder = shell_word(&self.folder.to_string_lossy());
            self.outcome.commands = vec![
                format!("{script} --copy {}", members.join(" ")),
                format!("etcdpki cluster observe {folder}"),
            ];
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
        let plan = Plan::renewing(self.cluster, snapshot, (terminal.now)(), &self.args.renewal())?;
        if let Some(name) = plan.unknown_names(&self.args.names).first() {
            return Err(CommandError::new(format!("there is no certificate of {name:?}")).hint(
                "name a member, a client, or a certificate such as 'etcd1 server', as `status` lists them",
            ));
        }
        let other = plan.other_changes();
        if let Some(first) = other.first() {
            let more =
                if other.len() > 1 { format!(", and {} more", other.len() - 1) } else { String::new() };
            return Err(CommandError::new(format!(
                "{} has changes that were not applied: {first}{more}",
                self.args.file.display()
            ))
            .hint("see them with `etcdpki cluster plan`, and run `etcdpki cluster apply` first"));
        }
        Ok(plan)
    }

    /// Renews the certificates in the output folder. Returns whether all are there: a CA may be offline.
    fn issue(&mut self, terminal: &Terminal<'_>) -> Result<bool, CommandError> {
        let locked = Folder::lock(self.folder)?;
        let plan = self.plan(&locked.snapshot(self.cluster)?, terminal)?;
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
        let folder = Folder::open(self.folder)?;
        let mut lock = folder.lock_for_reading()?;
        let running = self.args.look.read(self.folder, &self.args.version)?;
        let snapshot = folder.public_snapshot();
        let template = self.args.hosts.exec.clone().unwrap_or_default();
        let before = self.args.observe(&running, terminal);
        let paths = self.certificates_in_use(terminal)?;
        for member in members {
            // A host may have been set up anew since the first look.
            self.outcome.obstacles = renewal_obstacles(&before, std::slice::from_ref(member));
            if !self.outcome.obstacles.is_empty() {
                return Ok(ExitStatus::NotSafeNow);
            }
            let destination = running.destination(member);
            let destination = destination.ok_or_else(|| CommandError::new(format!("{member} has no URL")))?;
            let line =
                placing(self.cluster, self.folder, &Host::new(member, &destination), &paths, &template);
            if let Err(why) = hosts::run(&line, self.args.wait) {
                return Err(CommandError::new(format!(
                    "{member}: its certificates were not brought to its host: {why}"
                ))
                .hint("run the same command again: it goes on with those that are left"));
            }
            self.outcome.placed.push(member.clone());
            let placed = RegistryEvent::placed(&snapshot, member, &destination, &paths)?;
            folder.register(&mut lock, &[placed], (terminal.now)())?;
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
        let snapshot = Folder::open(self.folder)?.snapshot(self.cluster)?;
        let plan = Plan::renewing(self.cluster, &snapshot, (terminal.now)(), &Renewal::Named(Vec::new()))?;
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

impl Renewed {
    fn new(planned: &pki_core::etcd::PlannedCertificate) -> Self {
        Self {
            certificate: planned.id().to_string(),
            path: planned.path().to_owned(),
            member: planned.member().map(str::to_owned),
            why: planned.change().reasons().iter().map(ToString::to_string).collect(),
        }
    }
}

fn show(outcome: &Outcome, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    print::warnings(terminal, &outcome.notices);
    for obstacle in &outcome.obstacles {
        let label = style.paint(Tone::Error, "not safe");
        writeln!(terminal.output, "{label}: {}", shown(obstacle))?;
    }
    let is_done = !dry_run && outcome.obstacles.is_empty() || !outcome.placed.is_empty();
    if outcome.renewed.is_empty() && outcome.placed.is_empty() && outcome.obstacles.is_empty() {
        writeln!(terminal.output, "No certificate is to be renewed.")?;
    }
    let verb = if is_done { "renewed" } else { "to renew" };
    for renewed in &outcome.renewed {
        writeln!(terminal.output, "{verb}: {}: {}", renewed.certificate, shown(&renewed.why.join("; ")))?;
    }
    for (what, members) in [("placed", &outcome.placed), ("proved", &outcome.proved)] {
        if !members.is_empty() {
            writeln!(terminal.output, "{what}: {}", shown(&members.join(", ")))?;
        }
    }
    if !outcome.commands.is_empty() {
        writeln!(terminal.output, "Next:")?;
        for command in &outcome.commands {
            writeln!(terminal.output, "  {}", shown(command))?;
        }
    }
    Ok(())
}
