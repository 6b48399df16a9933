//! `etcdpki cluster restart`: restarts members one after the other, under guards.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::observe::{Observation, Running};
use pki_core::etcd::operate::{Host, missing, obstacles, order};
use pki_core::etcd::{Folder, shell_word};
use serde::Serialize;

use super::EtcdArgs;
use super::hosts::{self, HostArgs};
use super::observe::{LookArgs, limit};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print};

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

/// What restarts a member on its host.
const COMMAND: &str = "systemctl daemon-reload && systemctl restart etcd";

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// How often is looked again before it is said that the first member must not stop.
const LOOKS_AGAIN: usize = 6;

/// The arguments of `restart`.
#[derive(Args)]
pub(crate) struct Restart {
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
#[derive(Args, Clone)]
pub(super) struct GuardArgs {
    /// Restart a member also if the cluster has no majority without it, as in a cluster of one or two
    #[arg(long)]
    pub(super) accept_outage: bool,
    /// How long to wait until a member is back, and for a host
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = limit)]
    pub(super) wait: Duration,
    /// For how long all must be well before the next member stops
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = limit)]
    pub(super) settle: Duration,
}

/// What was done, and what is left. Serialises to the JSON of `cluster restart --json`.
#[derive(Serialize, Default)]
pub(super) struct Outcome {
    /// The members that were restarted, in this order.
    pub(super) restarted: Vec<String>,
    /// The members that are left.
    pub(super) left: Vec<String>,
    /// Why the next was not stopped, or is not back.
    pub(super) obstacles: Vec<String>,
    /// The lines that restart those that are left.
    pub(super) commands: Vec<String>,
    /// What is worth knowing.
    pub(super) notices: Vec<String>,
}

impl Restart {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let folder = absolute(&self.folder)?;
        let running = self.look.read(&folder, &self.version)?;
        if let Some(unknown) = self.members.iter().find(|name| !running.names().any(|known| known == *name)) {
            let known: Vec<&str> = running.names().collect();
            return Err(CommandError::new(format!("there is no member {unknown:?}"))
                .hint(format!("name one of these: {}", known.join(", "))));
        }
        // Nobody may change the files meanwhile.
        let lock = Folder::open(&folder)?.lock_for_reading()?;
        let (status, outcome) = self.carry_out(&running, &folder, terminal);
        drop(lock);
        if self.json {
            print::json(terminal, &outcome)?;
        } else {
            show(&outcome, terminal)?;
        }
        status
    }

    /// The restart of these members, as a part of another operation.
    pub(super) fn of(
        folder: &Path,
        members: Vec<String>,
        look: &LookArgs,
        hosts: &HostArgs,
        guards: &GuardArgs,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            members,
            version: EtcdArgs::default(),
            look: look.clone(),
            hosts: hosts.clone(),
            waiting: false,
            guards: guards.clone(),
            dry_run: false,
            json: false,
        }
    }

    /// Restarts the members. The caller has the lock of the folder.
    pub(super) fn carry_out(
        &self,
        running: &Running,
        folder: &Path,
        terminal: &mut Terminal<'_>,
    ) -> (Result<ExitStatus, CommandError>, Outcome) {
        let mut work = Work { args: self, running, folder, outcome: Outcome::default() };
        let status = work.all(terminal);
        (status, work.outcome)
    }
}

struct Work<'a> {
    args: &'a Restart,
    running: &'a Running,
    folder: &'a Path,
    outcome: Outcome,
}

impl Work<'_> {
    fn all(&mut self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let mut seen = self.look(terminal);
        let mut left = order(&seen, &self.args.members);
        if self.args.waiting {
            let waits = |name: &String| {
                seen.member(name).is_some_and(|member| {
                    let accepts = [member.client.accepts_its_file, member.peer.accepts_its_file];
                    member.waits_for_restart || accepts.contains(&Some(false))
                })
            };
            left.retain(waits);
        }
        self.outcome.left.clone_from(&left);
        let Some(first) = left.first() else { return Ok(ExitStatus::Done) };
        self.outcome.obstacles = self.in_the_way(&seen, first, terminal);
        // A change of the leader is over in a moment.
        for _ in 0..LOOKS_AGAIN {
            if self.outcome.obstacles.is_empty() {
                break;
            }
            std::thread::sleep(PAUSE);
            seen = self.look(terminal);
            self.outcome.obstacles = self.in_the_way(&seen, first, terminal);
        }
        let commands: Result<Vec<String>, CommandError> =
            left.iter().map(|name| Ok(self.args.hosts.line(&self.host(name)?, COMMAND))).collect();
        self.outcome.commands = commands?;
        if !self.outcome.obstacles.is_empty() {
            return Ok(ExitStatus::NotSafeNow);
        }
        if self.args.hosts.exec.is_none() || self.args.dry_run {
            return Ok(ExitStatus::NotFinished);
        }
        while let Some(next) = order(&seen, &self.outcome.left).into_iter().find(|name| self.is_left(name)) {
            if !self.one(&next, &seen, terminal)? {
                return Ok(ExitStatus::NotSafeNow);
            }
            seen = self.look(terminal);
        }
        Ok(ExitStatus::Done)
    }

    fn is_left(&self, name: &str) -> bool {
        self.outcome.left.iter().any(|left| left == name)
    }

    fn look(&self, terminal: &Terminal<'_>) -> Observation {
        self.running.observe((terminal.now)(), self.args.look.timeout)
    }

    fn in_the_way(&self, seen: &Observation, member: &str, terminal: &Terminal<'_>) -> Vec<String> {
        let forecast = self.running.forecast((terminal.now)(), self.args.look.timeout);
        obstacles(seen, &forecast, member, self.args.guards.accept_outage)
    }

    fn host(&self, member: &str) -> Result<Host, CommandError> {
        if !self.running.has_unit(member) {
            return Err(CommandError::new(format!("no unit of systemd starts {member}")).hint(
                "restart it as it was started, one member after the other, when `observe` ends with 0",
            ));
        }
        let destination = self.running.destination(member);
        let destination = destination.ok_or_else(|| CommandError::new(format!("{member} has no URL")))?;
        Ok(Host::new(member, &destination))
    }

    /// Restarts one member, and waits until it is back. Returns whether it is.
    fn one(
        &mut self,
        name: &str,
        seen: &Observation,
        terminal: &mut Terminal<'_>,
    ) -> Result<bool, CommandError> {
        // Asked once: each member that is asked writes a line to its log.
        let forecast = self.running.forecast((terminal.now)(), self.args.look.timeout);
        let (in_the_way, seen) = self.wait_for(seen, terminal, |seen| {
            obstacles(seen, &forecast, name, self.args.guards.accept_outage)
        });
        self.outcome.obstacles = in_the_way;
        if !self.outcome.obstacles.is_empty() {
            return Ok(false);
        }
        if seen.member(name).is_some_and(|member| member.role == Some("leader")) {
            self.hand_over(name, &seen, terminal);
        }
        let before = seen.member(name).and_then(|member| member.started);
        let line = self.args.hosts.line(&self.host(name)?, COMMAND);
        let start = Instant::now();
        tell(terminal, &format!("{name}: restarting"));
        if let Err(why) = hosts::run(&line, self.args.guards.wait) {
            return Err(CommandError::new(format!("{name}: {line}: {why}")).hint(
                "look at the member with `etcdpki cluster observe`; `--waiting` restarts those that are left",
            ));
        }
        let seen = self.look(terminal);
        let (missing, _) = self.wait_for(&seen, terminal, |seen| missing(seen, name, before));
        if !missing.is_empty() {
            self.outcome.obstacles = missing;
            return Ok(false);
        }
        tell(terminal, &format!("{name}: back after {} s", start.elapsed().as_secs()));
        self.outcome.left.retain(|left| left != name);
        self.outcome.commands.retain(|command| *command != line);
        self.outcome.restarted.push(name.to_owned());
        Ok(true)
    }

    /// Looks again and again until nothing is in the way for the time of `--settle`, or the time is up.
    fn wait_for(
        &self,
        first: &Observation,
        terminal: &Terminal<'_>,
        check: impl Fn(&Observation) -> Vec<String>,
    ) -> (Vec<String>, Observation) {
        let (start, mut well) = (Instant::now(), None::<Instant>);
        let mut seen = first.clone();
        loop {
            let found = check(&seen);
            match found.is_empty() {
                true if well.get_or_insert_with(Instant::now).elapsed() >= self.args.guards.settle => {
                    return (found, seen);
                }
                true => {}
                false if start.elapsed() >= self.args.guards.wait => return (found, seen),
                false => well = None,
            }
            std::thread::sleep(PAUSE);
            seen = self.look(terminal);
        }
    }

    /// Moves the leader to a member that was restarted, so that it does not move to one that restarts too. Without
    /// `etcdctl` the leader hands over by itself when it is stopped.
    fn hand_over(&mut self, leader: &str, seen: &Observation, terminal: &mut Terminal<'_>) {
        let restarted = self.outcome.restarted.iter().filter_map(|name| seen.member(name));
        let to = restarted
            .filter(|member| member.role == Some("follower"))
            .find_map(|member| Some((member.name.clone(), member.id.clone()?)));
        let (Some((to, id)), Some(url)) = (to, self.running.client_url(leader)) else { return };
        let client = self.folder.join("clients").join(&self.args.look.client);
        let line = format!(
            "cd {} && . ./etcdctl.env && unset ETCDCTL_ENDPOINTS && ETCDCTL_API=3 etcdctl --endpoints {} move-leader {}",
            shell_word(&client.to_string_lossy()),
            shell_word(&url),
            shell_word(&id)
        );
        match hosts::run(&line, Duration::from_secs(15)) {
            Ok(()) => tell(terminal, &format!("{leader}: {to} is the leader now")),
            Err(why) => {
                self.outcome.notices.push(format!(
                    "{leader}: `etcdctl move-leader` did not work ({why}); the leader hands over by itself when it stops"
                ));
            }
        }
    }
}

/// Tells on the standard error what is done.
pub(super) fn tell(terminal: &mut Terminal<'_>, text: &str) {
    // If standard error is closed, nobody reads the message.
    let _ = writeln!(terminal.errors, "{}", shown(text));
}

fn show(outcome: &Outcome, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    print::warnings(terminal, &outcome.notices);
    for obstacle in &outcome.obstacles {
        let label = style.paint(Tone::Error, "not safe");
        writeln!(terminal.output, "{label}: {}", shown(obstacle))?;
    }
    if !outcome.restarted.is_empty() {
        writeln!(terminal.output, "Restarted: {}.", shown(&outcome.restarted.join(", ")))?;
    }
    match outcome.left.as_slice() {
        [] if outcome.restarted.is_empty() => writeln!(terminal.output, "No member has to be restarted.")?,
        [] => {}
        left => {
            let count = finding::count(left.len(), "member");
            writeln!(
                terminal.output,
                "Left: {count}, in this order, each when `etcdpki cluster observe` finds no danger:"
            )?;
            for command in &outcome.commands {
                writeln!(terminal.output, "  {}", shown(command))?;
            }
        }
    }
    Ok(())
}
