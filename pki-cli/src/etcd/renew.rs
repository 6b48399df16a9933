//! `etcdpki cluster renew`: renews certificates for their keys, and proves that members that run use them.

use clap::Args;
use pki_core::etcd::operate::{Renew, RenewReport, RenewalOptions};
use pki_core::etcd::{Renewal, shell_word};

use super::operation::{DescriptionArg, OperationArgs, about, show_members, show_obstacles, show_renewed};
use super::restart::GuardArgs;
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

With --new-key each member gets new keys. etcd reads a certificate and its key one after the other, so the new ones have \
names of their own, such as `server-g2.pem`, and the member reads them when it restarts, under the guards of `restart`. No \
handshake meets a key that does not fit. Clients keep their keys.

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
  etcdpki cluster renew out etcd2 --new-key --exec
  etcdpki cluster renew out --all --exec='ssh -o BatchMode=yes {user}@{address}'";

/// The arguments of `renew`.
#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    operation: OperationArgs,
    /// Whose certificates are renewed, also if they are not due: a member, a client, or one certificate such as
    /// `etcd1 server`
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "due"])]
    names: Vec<String>,
    #[command(flatten)]
    description: DescriptionArg,
    /// Renew what is due; this is so if nothing else is said
    #[arg(long, conflicts_with = "all")]
    due: bool,
    /// Renew all certificates of members and clients
    #[arg(long)]
    all: bool,
    /// Make new keys for members, with new names of files, and restart these members one after the other; clients keep
    /// what they have
    #[arg(long)]
    new_key: bool,
    #[command(flatten)]
    guards: GuardArgs,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let cluster = self.description.read(terminal)?;
        let folder = self.operation.cluster_folder(&cluster)?;
        let options = self.options()?;
        let mut renew = Renew::new(&folder, &options);
        let end = renew.carry_out(&mut self.operation.here(terminal));
        let end = end.map_err(|error| about(&self.description, error))?;
        let mut report = renew.report().clone();
        if !report.commands.is_empty() && !options.reaches_hosts && !report.waits_for_ca {
            let folder = shell_word(&folder.root().to_string_lossy());
            report.commands.push(match self.new_key {
                true => format!("etcdpki cluster restart {folder} --waiting --exec"),
                false => format!("etcdpki cluster observe {folder}"),
            });
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
        options.renewal = match (self.all, self.names.as_slice()) {
            (true, _) => Renewal::All,
            (false, []) => Renewal::Due,
            (false, names) => Renewal::Named(names.to_vec()),
        };
        options.new_keys = self.new_key;
        options.only_print = self.operation.dry_run;
        options.reaches_hosts = self.operation.hosts.exec.is_some();
        options.restart = self.guards.options(&self.operation)?;
        Ok(options)
    }
}

fn show(report: &RenewReport, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &report.notices);
    show_obstacles(&report.obstacles, terminal)?;
    if report.renewed.is_empty() && report.placed.is_empty() && report.obstacles.is_empty() {
        print::line(terminal, format_args!("No certificate is to be renewed."))?;
    }
    let is_done = !dry_run && report.obstacles.is_empty() || !report.placed.is_empty();
    show_renewed(&report.renewed, is_done, terminal)?;
    let done: [(&str, &[String]); 3] =
        [("placed", &report.placed), ("restarted", &report.restarted), ("proved", &report.proved)];
    show_members(&done, terminal)?;
    print::next(terminal, &report.commands)
}
