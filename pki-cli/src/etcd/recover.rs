//! `etcdpki cluster recover`: brings a cluster back whose certificates have ended, with the same keys and its data.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::observe::{Observation, Running};
use pki_core::etcd::operate::{Host, Operator, has_healthy_majority, unrecovered};
use pki_core::etcd::{Folder, Renewal, shell_word};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::DEFAULT;
use super::hosts::{self, Here, HostArgs};
use super::observe::{LookArgs, limit};
use super::operation::{Operation, Placing, Renewed, show_members, show_obstacles};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(super) const EXAMPLE: &str = "\
For a cluster that does not work because certificates have ended, also those of its CAs. What has ended is renewed with the \
same key and the same name; the files are brought to every host; and all members restart together, because no member \
accepts another while one of the two has what has ended. The data stays as it is: no snapshot is restored, and no clock is \
changed.

With --exec, every host is reached once before anything is changed. At the end all members are looked at until they work. A \
run that was stopped goes on when it is started again. While a majority of the members is healthy and nothing has ended, \
nothing is done: `renew`, `renew-ca` and `restart` need no outage. Without --exec the certificates are renewed in DIR, and \
the commands that follow are printed.

Exit status:
  0  the cluster works, and every process shows the certificates of DIR
  1  the work failed, or a host cannot be reached
  2  something waits: a copy to the hosts and a restart of all members, or a CA that is offline
  3  the cluster works, so that all members must not restart together; or it does not work after the restart

Examples:
  etcdpki cluster recover out --dry-run
  etcdpki cluster recover out --exec
  etcdpki cluster recover out --exec='ssh -o BatchMode=yes {user}@{address}' -f prod.yaml";

/// What restarts a member on its host. It does not wait for the start, because a member waits for a majority.
const COMMAND: &str = "systemctl daemon-reload && systemctl restart --no-block etcd";

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// The arguments of `recover`.
#[derive(Args)]
pub(crate) struct Recover {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The description that DIR was made from
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    file: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    hosts: HostArgs,
    /// How long to wait for a host, and until the cluster works
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = limit)]
    wait: Duration,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was done, and what is left. Serialises to the JSON of `cluster recover --json`.
#[derive(Serialize, Default)]
struct Outcome {
    /// The certificates that are renewed.
    renewed: Vec<Renewed>,
    /// The members whose hosts got their files.
    placed: Vec<String>,
    /// The members that were restarted.
    restarted: Vec<String>,
    /// What is in the way.
    obstacles: Vec<String>,
    /// The lines that do what is left.
    commands: Vec<String>,
    /// What is worth knowing.
    notices: Vec<String>,
}

impl Recover {
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
}

struct Work<'a> {
    args: &'a Recover,
    operation: Operation<'a>,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = (terminal.now)();
        let reading = Folder::open(&self.operation.folder)?;
        let lock = reading.lock_for_reading()?;
        let plan = self.operation.plan(&reading.snapshot(&self.operation.cluster)?, &Renewal::Ended, now)?;
        drop(lock);
        self.outcome.renewed = Renewed::of(&plan);
        // A run that was stopped may have left files in the folder that are to be written.
        let is_written = plan.is_done();
        // Members that do not work let one wait.
        if self.args.dry_run && !self.outcome.renewed.is_empty() {
            return Ok(ExitStatus::NotFinished);
        }
        let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
        let before = running.observe(now, self.args.look.timeout);
        if self.outcome.renewed.is_empty() {
            let missing = unrecovered(&before, None);
            if missing.is_empty() {
                return Ok(ExitStatus::Done);
            }
            if has_healthy_majority(&before) {
                self.outcome.obstacles = missing;
                self.outcome.notices.push(
                    "nothing in the folder has ended, and a majority of the members is healthy: use `renew`, \
                     `renew-ca` and `restart`, which need no outage"
                        .to_owned(),
                );
                return Ok(ExitStatus::NotSafeNow);
            }
            self.outcome.notices.push(
                "nothing in the folder has ended, and the members do not work: their hosts get the files of the folder \
                 again, and all members restart"
                    .to_owned(),
            );
            self.outcome.notices.extend(missing);
        }
        if self.args.dry_run {
            return Ok(ExitStatus::NotFinished);
        }
        let lines = self.lines(&running)?;
        if self.args.hosts.exec.is_some() {
            self.reach_all(&running)?;
        }
        if !is_written {
            let to_sign = self.operation.issue(&Renewal::Ended, terminal)?;
            if !to_sign.is_empty() {
                self.outcome.commands = to_sign;
                self.outcome.notices.push(
                    "a CA that is offline has to sign the requests in `requests`; bring the certificates back, and \
                     run this again"
                        .to_owned(),
                );
                return Ok(ExitStatus::NotFinished);
            }
            self.outcome
                .notices
                .push("bring the new certificates to clients: those that have ended are refused".to_owned());
        }
        if self.args.hosts.exec.is_none() {
            let folder = shell_word(&self.operation.folder.to_string_lossy());
            self.outcome.commands = vec![self.operation.copy_command(&self.operation.members())];
            self.outcome.commands.extend(lines);
            self.outcome.commands.push(format!("etcdpki cluster observe {folder}"));
            return Ok(ExitStatus::NotFinished);
        }
        self.place_and_restart(&lines, &before, terminal)
    }

    /// The line that runs a command on a host as root.
    fn line(&self, host: &Host, command: &str) -> String {
        self.args.hosts.exec.clone().unwrap_or_default().line(host, &host.as_root(command))
    }

    /// The lines that restart the members, in the order of their names.
    fn lines(&self, running: &Running) -> Result<Vec<String>, CommandError> {
        let members = self.operation.members().into_iter();
        let line = |member: String| {
            if !running.has_unit(&member) {
                return Err(CommandError::new(format!("no unit of systemd starts {member}"))
                    .hint("bring it its files, and restart it as it was started, together with the others"));
            }
            let (host, _) = self.operation.host(running, &member)?;
            Ok(self.line(&host, COMMAND))
        };
        members.map(line).collect()
    }

    /// Runs a command that does nothing on every host, so that nothing is changed if one cannot be reached.
    fn reach_all(&self, running: &Running) -> Result<(), CommandError> {
        for member in self.operation.members() {
            let (host, _) = self.operation.host(running, &member)?;
            hosts::run(&self.line(&host, "true"), self.args.wait).map_err(|why| {
                CommandError::new(format!("{member}: its host cannot be reached: {why}"))
                    .hint("correct --exec, or wait for the host; nothing was changed")
            })?;
        }
        Ok(())
    }

    fn place_and_restart(
        &mut self,
        lines: &[String],
        before: &Observation,
        terminal: &mut Terminal<'_>,
    ) -> Result<ExitStatus, CommandError> {
        // Nobody may change the files meanwhile.
        let folder = Folder::open(&self.operation.folder)?;
        let mut lock = folder.lock_for_reading()?;
        let running = self.args.look.read(&self.operation.folder, &self.args.version)?;
        let (plan, snapshot) = self.operation.kept((terminal.now)())?;
        for member in self.operation.members() {
            let paths = plan.pki_paths(&member);
            let files = Placing {
                running: &running,
                hosts: &self.args.hosts,
                paths: &paths,
                snapshot: &snapshot,
                wait: self.args.wait,
            };
            self.operation.place(&member, &files, &mut lock, terminal)?;
            self.outcome.placed.push(member);
        }
        for (member, line) in self.operation.members().into_iter().zip(lines) {
            Here::new(terminal, self.args.look.timeout).tell(&format!("{member}: restarting"));
            hosts::run(line, self.args.wait).map_err(|why| {
                CommandError::new(format!("{member}: {line}: {why}"))
                    .hint("run the same command again: members that were not restarted keep the others from working")
            })?;
            self.outcome.restarted.push(member);
        }
        let start = Instant::now();
        let status = loop {
            let seen = running.observe((terminal.now)(), self.args.look.timeout);
            self.outcome.obstacles = unrecovered(&seen, Some(before));
            if self.outcome.obstacles.is_empty() {
                folder.register(&mut lock, &seen.proofs(), (terminal.now)())?;
                break ExitStatus::Done;
            }
            if start.elapsed() >= self.args.wait {
                break ExitStatus::NotSafeNow;
            }
            std::thread::sleep(PAUSE);
        };
        drop(lock);
        Ok(status)
    }
}

fn show(outcome: &Outcome, dry_run: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &outcome.notices);
    show_obstacles(&outcome.obstacles, terminal)?;
    let is_nothing = outcome.renewed.is_empty() && outcome.placed.is_empty();
    if is_nothing && outcome.obstacles.is_empty() && outcome.commands.is_empty() {
        print::line(terminal, format_args!("Nothing has ended."))?;
    }
    let verb = if dry_run { "to renew" } else { "renewed" };
    for renewed in &outcome.renewed {
        print::line(
            terminal,
            format_args!("{verb}: {}: {}", renewed.certificate, shown(&renewed.why.join("; "))),
        )?;
    }
    show_members(&[("placed", &outcome.placed), ("restarted", &outcome.restarted)], terminal)?;
    print::next(terminal, &outcome.commands)
}
