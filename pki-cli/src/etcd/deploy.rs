//! `etcdpki cluster deploy`: brings members to their hosts, starts them, and proves that they use their files.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::observe::Running;
use pki_core::etcd::operate::{Deploy, DeployReport, RestartOptions};
use pki_core::etcd::{Folder, Operation as Begun, Renewal, shell_word};
use serde_json::json;

use super::observe::limit;
use super::operation::{DescriptionArg, OperationArgs, about, placed, show_members, show_obstacles};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
All hosts are worked on at the same time, as root or with sudo. First each is asked for its program, its version of etcd, \
its user and its data; if one is not as described, nothing is changed on any. Then each gets its files, each file whole, \
with its owner and mode. Members that do not run are started. Members that run and have to read new files are restarted \
one after the other, as `restart` does it. At last each member must show the certificates of DIR on both ports.

If members of the description are not in the cluster, or others are that have left the description, the members are \
changed first, as `member` does it: a member that left is removed, one that joins is added without a vote, started, and \
gets its vote when it has what the leader has, and one whose address has changed is told to the cluster.

Without --exec nothing is done: the commands are printed.

Exit status:
  0  all members run, and show the certificates of DIR
  1  the work failed, or there is no such member
  2  something waits: the commands that do it are printed
  3  it is not safe, or a host is not as described; what is in the way is said

Examples:
  etcdpki cluster deploy out --exec
  etcdpki cluster deploy out etcd2 --exec='ssh -o BatchMode=yes {user}@{address}'
  etcdpki cluster deploy out --exec --dry-run";

/// The arguments of `deploy`.
#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    operation: OperationArgs,
    /// The members to bring to their hosts; all of them if none is named
    #[arg(value_name = "MEMBER")]
    members: Vec<String>,
    #[command(flatten)]
    description: DescriptionArg,
    /// Restart a member also if the cluster has no majority without it, as in a cluster of one or two
    #[arg(long)]
    accept_outage: bool,
    /// How long to wait for a host, and until the members are well
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = limit)]
    wait: Duration,
    /// For how long all must be well before the next member is restarted
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = limit)]
    settle: Duration,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let cluster = self.description.read(terminal)?;
        let site = self.operation.cluster_folder(&cluster)?;
        let folder = site.root();
        let reading = Folder::open(folder)?;
        // Nobody may change the files meanwhile.
        let mut lock = reading.lock_for_reading()?;
        // The hosts are judged by the description, so the files must be those of it.
        site.plan(&reading.snapshot(&cluster)?, &Renewal::Named(Vec::new()), (terminal.now)())
            .map_err(|error| about(&self.description, error))?;
        let running = site.running()?;
        let options = self.options()?;
        let begun = reading.operation()?;
        let mut deploy = Deploy::new(&cluster, &running, folder, &options)?.with_operation(begun.clone());
        let end = match self.operation.hosts.exec {
            Some(_) => deploy.carry_out(&mut self.operation.here(terminal)).map(ExitStatus::from),
            None => Ok(ExitStatus::NotFinished),
        };
        let events = placed(&cluster, deploy.report().placed.keys(), &reading)?;
        if !events.is_empty() {
            reading.register(&mut lock, &events, (terminal.now)())?;
            let seen = running.observe((terminal.now)(), self.operation.look.timeout);
            reading.register(&mut lock, &seen.proofs(), (terminal.now)())?;
        }
        drop(lock);
        if matches!(end, Ok(ExitStatus::Done)) && !begun.leaving.is_empty() && self.members.is_empty() {
            Folder::lock(folder)?.begin(&Begun::default())?;
        }
        let commands = self.commands(deploy.report(), folder, &running);
        if self.operation.json {
            let mut report = json!(deploy.report());
            if let Some(all) = report.as_object_mut() {
                all.insert("commands".to_owned(), json!(commands));
            }
            print::json(terminal, &report)?;
        } else {
            show(deploy.report(), &commands, terminal)?;
        }
        Ok(end?)
    }

    fn options(&self) -> Result<RestartOptions, CommandError> {
        let mut options = self.operation.restart_options()?;
        options.members.clone_from(&self.members);
        options.accept_outage = self.accept_outage;
        options.wait = self.wait;
        options.settle = self.settle;
        Ok(options)
    }

    /// What is left, as commands.
    fn commands(&self, report: &DeployReport, folder: &Path, running: &Running) -> Vec<String> {
        if !report.commands.is_empty() || (self.operation.hosts.exec.is_some() && !self.operation.dry_run) {
            return report.commands.clone();
        }
        let words = |path: &Path| shell_word(&path.to_string_lossy());
        let members: String = self.members.iter().map(|name| format!(" {}", shell_word(name))).collect();
        let mut commands = vec![format!("{}{members}", words(&folder.join("deploy.sh")))];
        if running.names().any(|name| running.has_unit(name)) {
            commands.push(format!("etcdpki cluster restart {} --waiting", words(folder)));
        }
        commands.push(format!("etcdpki cluster observe {}", words(folder)));
        commands
    }
}

fn show(report: &DeployReport, commands: &[String], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &report.notices);
    show_obstacles(&report.obstacles, terminal)?;
    for (member, changed) in &report.placed {
        let text = match changed.as_slice() {
            [] => "has its files already".to_owned(),
            changed => format!("got {}", changed.join(", ")),
        };
        print::line(terminal, format_args!("{member}: {}", shown(&text)))?;
    }
    let done: [(&str, &[String]); 7] = [
        ("removed", &report.removed),
        ("added", &report.added),
        ("moved", &report.moved),
        ("got a vote", &report.promoted),
        ("started", &report.started),
        ("restarted", &report.restarted),
        ("proved", &report.proved),
    ];
    show_members(&done, terminal)?;
    print::next(terminal, commands)
}
