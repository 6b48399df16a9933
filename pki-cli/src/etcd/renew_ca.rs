//! `etcdpki cluster renew-ca`: certificates of CAs that last longer, for the same keys and names.

use clap::Args;
use pki_core::etcd::operate::{AuthorityRenewalReport, RenewAuthorities, RenewalOptions};
use pki_core::etcd::{Renewal, shell_word};

use super::operation::{DescriptionArg, OperationArgs, about, show_members, show_obstacles};
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
pub(crate) struct Command {
    #[command(flatten)]
    operation: OperationArgs,
    /// Which CAs: `client-ca`, `peer-ca`, or `ca` in a layout with one; all of them if none is named
    #[arg(value_name = "CA")]
    authorities: Vec<String>,
    #[command(flatten)]
    description: DescriptionArg,
    #[command(flatten)]
    guards: GuardArgs,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let cluster = self.description.read(terminal)?;
        let folder = self.operation.cluster_folder(&cluster)?;
        let options = self.options()?;
        let mut renew = RenewAuthorities::new(&folder, &options)?;
        let end = renew.carry_out(&mut self.operation.here(terminal));
        let end = end.map_err(|error| about(&self.description, error))?;
        let mut report = renew.report().clone();
        if !options.reaches_hosts && !report.commands.is_empty() {
            let folder = shell_word(&folder.root().to_string_lossy());
            report.commands.push(format!("etcdpki cluster restart {folder} --waiting --exec"));
        }
        if self.operation.json {
            print::json(terminal, &report)?;
        } else {
            show(&report, self.operation.dry_run, terminal)?;
        }
        Ok(end.into())
    }

    fn options(&self) -> Result<RenewalOptions, CommandError> {
        let mut options = RenewalOptions::default();
        options.renewal = Renewal::Authorities(self.authorities.clone());
        options.only_print = self.operation.dry_run;
        options.reaches_hosts = self.operation.hosts.exec.is_some();
        options.restart = self.guards.options(&self.operation)?;
        Ok(options)
    }
}

fn show(
    report: &AuthorityRenewalReport,
    dry_run: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    print::warnings(terminal, &report.notices);
    show_obstacles(&report.obstacles, terminal)?;
    if report.renewed.is_empty() && report.left.is_empty() && report.restarted.is_empty() {
        print::line(terminal, format_args!("No CA would last longer."))?;
    }
    let is_issued = !dry_run && report.obstacles.is_empty() || !report.placed.is_empty();
    let verb = if is_issued { "renewed" } else { "to renew" };
    for renewed in &report.renewed {
        print::line(terminal, format_args!("{verb}: {}", renewed.certificate))?;
    }
    let done: [(&str, &[String]); 3] =
        [("placed", &report.placed), ("restarted", &report.restarted), ("left", &report.left)];
    show_members(&done, terminal)?;
    print::next(terminal, &report.commands)
}
