//! `etcdpki cluster recover`: brings a cluster back whose certificates have ended, with the same keys and its data.

use std::time::Duration;

use clap::Args;
use pki_core::etcd::operate::{Recover, RecoverReport, RenewalOptions};
use pki_core::etcd::{Renewal, shell_word};

use super::observe::limit;
use super::operation::{DescriptionArg, OperationArgs, about, show_members, show_obstacles, show_renewed};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
For a cluster that does not work because certificates have ended, also those of its CAs. What has ended is renewed with the \
same key and the same name; the files are brought to every host; and all members restart together, because no member \
accepts another while one of the two has what has ended. The data stays as it is: no snapshot is restored, and no clock is \
changed.

With --exec, every host is asked before anything is changed: whether it has the right series of etcd, and the right \
time. At the end all members are looked at until they work. A \
run that was stopped goes on when it is started again. While a majority of the members is healthy and nothing has ended, \
nothing is done: `renew`, `renew-ca` and `restart` need no outage. Without --exec the certificates are renewed in DIR, and \
the commands that follow are printed.

Exit status:
  0  the cluster works, and every process shows the certificates of DIR
  1  the work failed, or a host cannot be reached
  2  something waits: a copy to the hosts and a restart of all members, or a CA that is offline
  3  the cluster works, so that all members must not restart together; or a host is not as described; or the cluster
     does not work after the restart

Examples:
  etcdpki cluster recover out --dry-run
  etcdpki cluster recover out --exec
  etcdpki cluster recover out --exec='ssh -o BatchMode=yes {user}@{address}' -f prod.yaml";

/// The arguments of `recover`.
#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    operation: OperationArgs,
    #[command(flatten)]
    description: DescriptionArg,
    /// How long to wait for a host, and until the cluster works
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = limit)]
    wait: Duration,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let cluster = self.description.read(terminal)?;
        let folder = self.operation.cluster_folder(&cluster)?;
        let mut options = RenewalOptions::default();
        options.renewal = Renewal::Ended;
        options.only_print = self.operation.dry_run;
        options.reaches_hosts = self.operation.hosts.exec.is_some();
        options.restart = self.operation.restart_options()?;
        options.restart.wait = self.wait;
        let mut recover = Recover::new(&folder, &options);
        let end = recover.carry_out(&mut self.operation.here(terminal));
        let end = end.map_err(|error| about(&self.description, error))?;
        let mut report = recover.report().clone();
        if !report.commands.is_empty() && !report.waits_for_ca {
            let folder = shell_word(&folder.root().to_string_lossy());
            report.commands.push(format!("etcdpki cluster observe {folder}"));
        }
        if self.operation.json {
            print::json(terminal, &report)?;
        } else {
            show(&report, self.operation.dry_run, terminal)?;
        }
        Ok(end.into())
    }
}

fn show(report: &RecoverReport, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &report.notices);
    show_obstacles(&report.obstacles, terminal)?;
    let is_nothing = report.renewed.is_empty() && report.placed.is_empty();
    if is_nothing && report.obstacles.is_empty() && report.commands.is_empty() {
        print::line(terminal, format_args!("Nothing has ended."))?;
    }
    let is_done = !dry_run && report.obstacles.is_empty() || !report.placed.is_empty();
    show_renewed(&report.renewed, is_done, terminal)?;
    show_members(&[("placed", &report.placed), ("restarted", &report.restarted)], terminal)?;
    print::next(terminal, &report.commands)
}
