//! `etcdpki cluster restart`: restarts members one after the other, under guards.

use std::time::Duration;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::Folder;
use pki_core::etcd::operate::{Restart, RestartOptions, RestartReport};

use super::observe::limit;
use super::operation::{OperationArgs, show_obstacles};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, finding, print};

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
    #[command(flatten)]
    operation: OperationArgs,
    /// The members to restart; all of them if none is named
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
    /// Restart only members whose files have changed since they began
    #[arg(long)]
    waiting: bool,
    #[command(flatten)]
    guards: GuardArgs,
}

/// What must be so before the next member stops.
#[derive(Args)]
pub(super) struct GuardArgs {
    /// Restart a member also if the cluster has no majority without it, as in a cluster of one or two
    #[arg(long)]
    accept_outage: bool,
    /// How long to wait until a member is back, and for a host
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = limit)]
    wait: Duration,
    /// For how long all must be well before the next member stops
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = limit)]
    settle: Duration,
}

impl GuardArgs {
    /// The options of a restart with these guards.
    pub(super) fn options(&self, operation: &OperationArgs) -> Result<RestartOptions, CommandError> {
        let mut options = operation.restart_options()?;
        options.accept_outage = self.accept_outage;
        options.wait = self.wait;
        options.settle = self.settle;
        Ok(options)
    }
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let folder = self.operation.folder()?;
        let running = self.operation.look.read(&folder, &self.operation.version)?;
        let mut options = self.guards.options(&self.operation)?;
        options.members.clone_from(&self.members);
        options.only_waiting = self.waiting;
        options.only_print |= self.operation.hosts.exec.is_none();
        let mut restart = Restart::new(&running, &options)?;
        // Nobody may change the files meanwhile.
        let lock = Folder::open(&folder)?.lock_for_reading()?;
        let end = restart.carry_out(&mut self.operation.here(terminal));
        drop(lock);
        if self.operation.json {
            print::json(terminal, restart.report())?;
        } else {
            show(restart.report(), terminal)?;
        }
        Ok(end?.into())
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
