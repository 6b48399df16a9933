//! `etcdpki cluster restart`: restarts members one after the other, under guards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::Folder;
use pki_core::etcd::operate::{Restart, RestartOptions, RestartReport};

use super::EtcdArgs;
use super::hosts::{Here, HostArgs};
use super::observe::{LookArgs, limit};
use super::operation::show_obstacles;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, absolute, finding, print};

pub(super) const EXAMPLE: &str = "\
Followers restart first, by name. The leader is the last, and hands over to a member that was restarted, if `etcdctl` is \
on the PATH. Before each restart, every member must answer, be healthy and connected with all others, a majority must be \
left without the one that stops, and it must come back: the others are asked whether they accept it, as `forecast` does. \
After it, its process must be a new one that accepts the CAs of its files, and must have what the leader has; all of this \
for the time of --settle.

A stop may take 8 seconds, because etcd waits for clients that watch.

If it is stopped in the middle, `--waiting` goes on: it restarts only members that have not read their files.

Exit status:
  0  the members were restarted, or none has to
  1  the folder cannot be read, there is no such member, or a command on a host failed
  2  nothing was done: the commands were printed
  3  it is not safe to stop the next member, or a member did not come back as it should; what is in the way is said

Examples:
  etcdpki cluster restart out --dry-run
  etcdpki cluster restart out --exec
  etcdpki cluster restart out etcd2 --exec='ssh -o BatchMode=yes {user}@{address}'";

/// The arguments of `restart`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The members to restart; all of them if none is named
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    hosts: HostArgs,
    /// Restart only members whose files have changed since they began
    #[arg(long)]
    waiting: bool,
    #[command(flatten)]
    guards: GuardArgs,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What must be so before the next member stops.
#[derive(Args)]
pub(super) struct GuardArgs {
    /// Restart a member also if the cluster has no majority without it, as in a cluster of one or two
    #[arg(long)]
    accept_outage: bool,
    /// How long to wait until a member is back, and for a host
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = limit)]
    pub(super) wait: Duration,
    /// For how long all must be well before the next member stops
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = limit)]
    settle: Duration,
}

impl GuardArgs {
    /// The options of a restart with these guards, on hosts that are reached in this way.
    pub(super) fn options(&self, folder: &Path, look: &LookArgs, hosts: &HostArgs) -> RestartOptions {
        let mut options = RestartOptions::default();
        options.accept_outage = self.accept_outage;
        options.wait = self.wait;
        options.settle = self.settle;
        options.only_print = hosts.exec.is_none();
        options.template = hosts.exec.clone().unwrap_or_default();
        options.client = Some(folder.join("clients").join(&look.client));
        options
    }
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let folder = absolute(&self.folder)?;
        let running = self.look.read(&folder, &self.version)?;
        let options = self.options(&folder);
        let mut restart = Restart::new(&running, &options)?;
        // Nobody may change the files meanwhile.
        let lock = Folder::open(&folder)?.lock_for_reading()?;
        let end = restart.carry_out(&mut Here::new(terminal, self.look.timeout));
        drop(lock);
        if self.json {
            print::json(terminal, restart.report())?;
        } else {
            show(restart.report(), terminal)?;
        }
        Ok(end?.into())
    }

    fn options(&self, folder: &Path) -> RestartOptions {
        let mut options = self.guards.options(folder, &self.look, &self.hosts);
        options.members.clone_from(&self.members);
        options.only_waiting = self.waiting;
        options.only_print |= self.dry_run;
        options
    }
}

fn show(outcome: &RestartReport, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &outcome.notices);
    show_obstacles(&outcome.obstacles, terminal)?;
    if !outcome.restarted.is_empty() {
        print::line(terminal, format_args!("Restarted: {}.", shown(&outcome.restarted.join(", "))))?;
    }
    match outcome.left.as_slice() {
        [] if outcome.restarted.is_empty() => {
            print::line(terminal, "No member has to be restarted.")?;
        }
        [] => {}
        left => {
            let count = finding::count(left.len(), "member");
            print::line(
                terminal,
                format_args!(
                    "Left: {count}, in this order, each when `etcdpki cluster observe` finds no danger:"
                ),
            )?;
            for command in &outcome.commands {
                writeln!(terminal.output, "  {}", shown(command))?;
            }
        }
    }
    Ok(())
}
