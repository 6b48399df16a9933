//! `etcdpki cluster renew-ca`: certificates of CAs that last longer, for the same keys and names.

use std::path::PathBuf;

use clap::Args;
use pki_core::etcd::operate::{End, Restart, authority_obstacles};
use pki_core::etcd::{Folder, Renewal, shell_word};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::DEFAULT;
use super::hosts::{Here, HostArgs};
use super::observe::LookArgs;
use super::operation::{Operation, Placing, Renewed, show_members, show_obstacles};
use super::restart::GuardArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
The new certificate of a CA has the same key, the same extensions, and the same name, byte for byte; it begins now, and \
lasts as `validity` of the description says. What the CA has issued stays valid below it, and no certificate of a member or \
client changes. etcd reads CAs only when it starts, so each member restarts once. In between, those with the old \
certificate and those with the new one accept each other.

With --exec, all members are looked at before anything is changed. Then the CAs are renewed in DIR, brought to every host, \
and the members restart one after the other, under the guards of `restart`. A run that was stopped goes on when it is \
started again; a CA that would last less than a day longer is not renewed again. Without --exec the CAs are renewed in DIR, \
and the commands that follow are printed.

Clients work with the certificate that they have until it ends. Bring them the new one before.

Exit status:
  0  every member has read the renewed CAs; or no CA would last longer
  1  the work failed, or there is no such CA
  2  something waits: a copy to a host, or a restart
  3  it is not safe to go on; what is in the way is said

Examples:
  etcdpki cluster renew-ca out --dry-run
  etcdpki cluster renew-ca out --exec
  etcdpki cluster renew-ca out peer-ca --exec='ssh -o BatchMode=yes {user}@{address}'";

/// The arguments of `renew-ca`.
#[derive(Args)]
pub(crate) struct RenewCa {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Which CAs: `client-ca`, `peer-ca`, or `ca` in a layout with one; all of them if none is named
    #[arg(value_name = "CA")]
    authorities: Vec<String>,
    /// The description that DIR was made from
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    file: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    guards: GuardArgs,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was done, and what is left. Serialises to the JSON of `cluster renew-ca --json`.
#[derive(Serialize, Default)]
struct Outcome {
    /// The CAs that are renewed.
    renewed: Vec<Renewed>,
    /// The members whose hosts got the CAs.
    placed: Vec<String>,
    /// The members that were restarted.
    restarted: Vec<String>,
    /// The members that have not read the renewed CAs.
    left: Vec<String>,
    /// What is in the way.
    obstacles: Vec<String>,
    /// The lines that do what is left.
    commands: Vec<String>,
    /// What is worth knowing.
    notices: Vec<String>,
}

impl RenewCa {
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
        Renewal::Authorities(self.authorities.clone())
    }
}

struct Work<'a> {
    args: &'a RenewCa,
    operation: Operation<'a>,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        self.check_names()?;
        let now = (terminal.now)();
        let reading = Folder::open(&self.operation.folder)?;
        let lock = reading.lock_for_reading()?;
        let snapshot = reading.snapshot(&self.operation.cluster)?;
        let plan = self.operation.plan(&snapshot, &self.args.renewal(), now)?;
        drop(lock);
        self.outcome.renewed = Renewed::of(&plan);
        // A run that was stopped may have left files in the folder that are to be written.
        let is_written = plan.is_done();
        self.outcome.left = match is_written {
            true => plan.without_renewed_authority(&snapshot)?,
            false => self.operation.members(),
        };
        if self.args.hosts.exec.is_some() {
            let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
            let seen = running.observe(now, self.args.look.timeout);
            if is_written {
                let waits = seen.members.iter().filter(|member| member.waits_for_restart);
                let more: Vec<String> = waits.map(|member| member.name.clone()).collect();
                self.outcome.left.extend(more);
                self.outcome.left.sort();
                self.outcome.left.dedup();
            }
            if !self.outcome.left.is_empty() {
                self.outcome.obstacles = authority_obstacles(&seen, &self.operation.members());
            }
            if !self.outcome.obstacles.is_empty() {
                return Ok(ExitStatus::NotSafeNow);
            }
        }
        if self.outcome.left.is_empty() {
            return Ok(ExitStatus::Done);
        }
        if self.args.dry_run {
            return Ok(ExitStatus::NotFinished);
        }
        if !is_written {
            self.operation.issue(&self.args.renewal(), terminal)?;
            self.outcome.notices.push(
                "bring the renewed CAs to clients before the old certificates end; until then the old ones work"
                    .to_owned(),
            );
        }
        if self.args.hosts.exec.is_none() {
            let folder = shell_word(&self.operation.folder.to_string_lossy());
            self.outcome.commands = vec![
                self.operation.copy_command(&self.outcome.left),
                format!("etcdpki cluster restart {folder} --waiting --exec"),
            ];
            return Ok(ExitStatus::NotFinished);
        }
        self.place_and_restart(terminal)
    }

    /// Refuses the name of something that is not a CA of the cluster's own.
    fn check_names(&self) -> Result<(), CommandError> {
        let own = self.operation.cluster.own_authorities();
        let unknown = self.args.authorities.iter().find(|name| !own.contains(&name.as_str()));
        match unknown {
            None if own.is_empty() => {
                Err(CommandError::new("the cluster has no CA of its own: its CAs existed before").hint(
                    "renew their certificates where their keys are, with `etcdpki gencert -renewca`, and run \
                     `etcdpki cluster apply`",
                ))
            }
            None => Ok(()),
            Some(name) => {
                Err(CommandError::new(format!("{name:?} is not a CA that was made for the cluster"))
                    .hint(format!("name one of these: {}", own.join(", "))))
            }
        }
    }

    fn place_and_restart(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        // Nobody may change the files meanwhile.
        let folder = Folder::open(&self.operation.folder)?;
        let mut lock = folder.lock_for_reading()?;
        let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
        let (plan, snapshot) = self.operation.kept((terminal.now)())?;
        for member in self.outcome.left.clone() {
            let paths = plan.trusted_paths(&member);
            let files = Placing {
                running: &running,
                hosts: &self.args.hosts,
                paths: &paths,
                snapshot: &snapshot,
                wait: self.args.guards.wait,
            };
            self.operation.place(&member, &files, &mut lock, terminal)?;
            self.outcome.placed.push(member);
        }
        let mut options = self.args.guards.options(&self.operation.folder, &self.args.look, &self.args.hosts);
        options.members.clone_from(&self.outcome.left);
        let mut restart = Restart::new(&running, &options)?;
        let end = restart.carry_out(&mut Here::new(terminal, self.args.look.timeout))?;
        let restarted = restart.report();
        self.outcome.restarted.clone_from(&restarted.restarted);
        self.outcome.left.clone_from(&restarted.left);
        self.outcome.obstacles.clone_from(&restarted.obstacles);
        self.outcome.commands.clone_from(&restarted.commands);
        self.outcome.notices.extend(restarted.notices.iter().cloned());
        if end == End::Done {
            let seen = running.observe((terminal.now)(), self.args.look.timeout);
            folder.register(&mut lock, &seen.proofs(), (terminal.now)())?;
        }
        drop(lock);
        Ok(end.into())
    }
}

fn show(outcome: &Outcome, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &outcome.notices);
    show_obstacles(&outcome.obstacles, terminal)?;
    if outcome.renewed.is_empty() && outcome.left.is_empty() && outcome.restarted.is_empty() {
        print::line(terminal, format_args!("No CA would last longer."))?;
    }
    let is_issued = !dry_run && outcome.obstacles.is_empty() || !outcome.placed.is_empty();
    let verb = if is_issued { "renewed" } else { "to renew" };
    for renewed in &outcome.renewed {
        print::line(terminal, format_args!("{verb}: {}", renewed.certificate))?;
    }
    let done: [(&str, &[String]); 3] =
        [("placed", &outcome.placed), ("restarted", &outcome.restarted), ("left", &outcome.left)];
    show_members(&done, terminal)?;
    print::next(terminal, &outcome.commands)
}
