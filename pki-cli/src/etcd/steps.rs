//! `etcdpki cluster steps`: what is left to do with a cluster, and why.

use std::path::PathBuf;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::operate::{LeftKind, LeftStep, Membership, RestartOptions, left};
use pki_core::etcd::{Cluster, Folder, Plan, Renewal, shell_word};
use serde::Serialize;

use super::EtcdArgs;
use super::descriptions::{DEFAULT, read_text};
use super::hosts::Here;
use super::observe::LookArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, absolute, print};

pub(super) const EXAMPLE: &str = "\
The description, DIR and the members that run are looked at, and nothing is changed. What is left to do comes in the order \
in which it is safe to do it, with the reason and the commands: certificates that a CA which is offline has to sign, \
changes of the description that were not applied, members that have to be removed or added, files that have to be copied, \
members that have to restart, certificates that are due, and what a person has to look at first.

Exit status:
  0  nothing is left to do
  1  the folder or the description cannot be read
  2  something is left to do
  3  something is in danger, so it comes first

Examples:
  etcdpki cluster steps out
  etcdpki cluster steps out -f prod.yaml --json";

/// The arguments of `steps`.
#[derive(Args)]
pub(crate) struct Command {
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
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Something that is left to do, and how.
#[derive(Serialize)]
struct Step {
    #[serde(flatten)]
    left: LeftStep,
    /// The lines that do it.
    commands: Vec<String>,
}

/// Serialises to the JSON of `cluster steps --json`.
#[derive(Serialize)]
struct Outcome {
    /// What is left to do, in its order.
    steps: Vec<Step>,
    /// What is worth knowing.
    notices: Vec<String>,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let cluster = Cluster::from_yaml(&read_text(&self.file, terminal)?, Some(&self.file))?.value;
        let root = absolute(&self.folder)?;
        let folder = Folder::open(&root)?;
        let snapshot = folder.snapshot(&cluster)?;
        let now = (terminal.now)();
        let mut steps = Vec::new();
        let mut notices = Vec::new();
        let ended = Plan::renewing(&cluster, &snapshot, now, &Renewal::Ended)?;
        let ended: Vec<String> = ended.renewed().map(|one| one.id().to_string()).collect();
        let plan = Plan::new(&cluster, &snapshot, now);
        if !ended.is_empty() {
            steps.push(self.step(LeftStep::new(LeftKind::Recover, ended, "it has ended")));
        }
        match plan {
            Ok(plan) => steps.extend(self.planned(&plan)),
            // A CA that has ended is an error of a plan.
            Err(_) if !steps.is_empty() => {}
            Err(error) => return Err(error.into()),
        }
        let running = self.look.read(&root, &self.version)?;
        let begun = folder.operation()?;
        let seen = running.observe(now, self.look.timeout);
        let mut options = RestartOptions::default();
        options.client = Some(root.join("clients").join(&self.look.client));
        let mut members = Membership::new(&cluster, &running, &root, &options, &begun);
        match members.list(&mut Here::new(terminal, self.look.timeout)) {
            Ok(list) => drop(members.print(&list)),
            Err(error) => notices.push(error.to_string()),
        }
        steps.extend(left(&seen, members.report()).into_iter().map(|left| self.step(left)));
        let is_in_danger = steps.iter().any(|step| step.left.kind == LeftKind::Look);
        let status = match steps.is_empty() {
            true => ExitStatus::Done,
            false if is_in_danger => ExitStatus::NotSafeNow,
            false => ExitStatus::NotFinished,
        };
        let outcome = Outcome { steps, notices };
        if self.json {
            print::json(terminal, &outcome)?;
        } else {
            show(&outcome, terminal)?;
        }
        Ok(status)
    }

    /// What a plan says that is left.
    fn planned(&self, plan: &Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        let to_sign = plan.report().to_sign;
        if !to_sign.is_empty() {
            let waiting = plan.certificates().iter().filter(|one| one.is_requested());
            let names = waiting.map(|one| one.id().to_string()).collect();
            let left = LeftStep::new(LeftKind::Sign, names, "a CA that is offline has to sign it");
            steps.push(Step { left, commands: to_sign });
        }
        let other = plan.other_changes();
        if !other.is_empty() && !plan.is_waiting() {
            let why = "the description asks for it, and it was not applied";
            steps.push(self.step(LeftStep::new(LeftKind::Apply, other, why)));
        }
        let due: Vec<String> = plan.renewed().map(|one| one.id().to_string()).collect();
        if !due.is_empty() {
            steps.push(self.step(LeftStep::new(LeftKind::Renew, due, "it is due by `renew-before`")));
        }
        steps
    }

    /// A step, with the commands that do it.
    fn step(&self, left: LeftStep) -> Step {
        let folder = shell_word(&self.folder.to_string_lossy());
        let file = match self.file.to_str() {
            Some(DEFAULT) => String::new(),
            _ => format!(" -f {}", shell_word(&self.file.to_string_lossy())),
        };
        let commands = match left.kind {
            LeftKind::Recover => vec![format!("etcdpki cluster recover {folder}{file} --exec")],
            LeftKind::Apply => vec![
                format!("etcdpki cluster plan{file} -o {folder}"),
                format!("etcdpki cluster apply{file} -o {folder}"),
            ],
            LeftKind::Deploy | LeftKind::Members => {
                vec![format!("etcdpki cluster deploy {folder}{file} --exec")]
            }
            LeftKind::Copy => {
                let names: Vec<String> = left.subjects.iter().map(|name| shell_word(name)).collect();
                vec![format!("etcdpki cluster deploy {folder} {}{file} --exec", names.join(" "))]
            }
            LeftKind::Restart => vec![format!("etcdpki cluster restart {folder} --waiting --exec")],
            LeftKind::Renew => vec![format!("etcdpki cluster renew {folder}{file} --exec")],
            LeftKind::Look => vec![format!("etcdpki cluster observe {folder}")],
            _ => Vec::new(),
        };
        Step { left, commands }
    }
}

fn show(outcome: &Outcome, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::warnings(terminal, &outcome.notices);
    if outcome.steps.is_empty() {
        return Ok(writeln!(terminal.output, "Nothing is left to do.")?);
    }
    for (number, step) in (1..).zip(&outcome.steps) {
        let line = format!("{number}. {}: {}", step.left.kind.words(), step.left.subjects.join(", "));
        writeln!(terminal.output, "{}", shown(&line))?;
        for why in &step.left.why {
            writeln!(terminal.output, "   because {}", shown(why))?;
        }
        for command in &step.commands {
            writeln!(terminal.output, "     {}", shown(command))?;
        }
    }
    Ok(())
}
