//! `etcdpki cluster`: describe, plan, apply.

mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pki_core::etcd::{Cluster, Folder, Label, Member, Outcome, Plan, Progress, describe};
use pki_core::{Error, ErrorKind, Notice, SystemKeys, SystemRandomness};

use crate::failure::Failure;
use crate::io::Io;

/// Exit status of `plan` when there is something to do.
const CHANGES: u8 = 2;

const NEW_EXAMPLE: &str = "\
Example:
  etcdpki cluster new --name prod \\
    --member etcd1=10.0.0.11,etcd1.example.com --member etcd2=10.0.0.12 --member etcd3=10.0.0.13 >cluster.yaml";

const PLAN_EXAMPLE: &str = "\
Exit status: 0 if there is nothing to do, 2 if there is, 1 if something is wrong.

Example:
  etcdpki cluster plan -f cluster.yaml -o out";

const APPLY_EXAMPLE: &str = "\
Keys and certificates that are right are kept; running it twice changes nothing.

Example:
  etcdpki cluster apply -f cluster.yaml -o out";

/// `etcdpki cluster ...`
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a description to start from
    #[command(after_help = NEW_EXAMPLE)]
    New(New),
    /// Show what would change; write nothing
    #[command(after_help = PLAN_EXAMPLE)]
    Plan(Target),
    /// Make everything that the cluster's hosts and clients need
    #[command(after_help = APPLY_EXAMPLE)]
    Apply(Target),
}

/// `new`
#[derive(Args)]
pub(crate) struct New {
    /// The cluster's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A member, and its addresses or DNS names
    #[arg(long = "member", value_name = "NAME=ADDRESS[,ADDRESS|DNS...]", required = true)]
    members: Vec<String>,
}

/// What `plan` and `apply` work on
#[derive(Args)]
pub(crate) struct Target {
    /// The description, YAML or JSON; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// The folder for everything that is made
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command and tells the exit status.
pub(crate) fn run(command: Command, io: &mut Io<'_>) -> Result<u8, Failure> {
    match command {
        Command::New(new) => new.run(io),
        Command::Plan(target) => target.plan(io),
        Command::Apply(target) => target.apply(io),
    }
}

impl New {
    fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let failure = |error| Failure::from(Error::from(ErrorKind::Description(error)));
        let name = Label::parse(&self.name).map_err(failure)?;
        let members: Vec<Member> =
            self.members.iter().map(|text| Member::parse(text).map_err(failure)).collect::<Result<_, _>>()?;
        let text = describe(&name, &members);
        // What is printed can be applied: two members with one address are told here.
        let cluster = Cluster::from_yaml(&text, None).map_err(Error::without_place)?;
        show::notices(&cluster.notices, io);
        io.output.write_all(text.as_bytes())?;
        Ok(0)
    }
}

impl Target {
    fn plan(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let (cluster, notices) = self.read(io)?;
        let folder = Folder::open(&self.output)?;
        let plan = Plan::new(&cluster, &folder, (io.now)())?;
        let report = plan.report();
        if self.json {
            show::json(&report, &notices, io)?;
        } else {
            show::notices(&notices, io);
            show::notices(plan.notices(), io);
            show::plan(&report, io)?;
        }
        Ok(if plan.is_done() { 0 } else { CHANGES })
    }

    fn apply(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let (cluster, notices) = self.read(io)?;
        let folder = Folder::lock(&self.output)?;
        let now = (io.now)();
        let plan = Plan::new(&cluster, &folder, now)?;
        if plan.is_done() {
            let report = plan.report();
            if self.json {
                show::json(&report, &notices, io)?;
            } else {
                show::notices(&notices, io);
                show::notices(plan.notices(), io);
                show::nothing_to_do(&report, io)?;
            }
            return Ok(0);
        }
        let outcome = issue(plan, now, io)?;
        folder.apply(&outcome)?;
        if self.json {
            show::json(outcome.report(), &notices, io)?;
        } else {
            show::notices(&notices, io);
            show::applied(&cluster, outcome.report(), &self.output, io)?;
        }
        Ok(0)
    }

    fn read(&self, io: &mut Io<'_>) -> Result<(Cluster, Vec<Notice>), Failure> {
        let text = if self.file == Path::new("-") {
            let mut text = String::new();
            io.input
                .read_to_string(&mut text)
                .map_err(|error| Failure::user(format!("cannot read the standard input: {error}")))?;
            text
        } else {
            std::fs::read_to_string(&self.file).map_err(|error| {
                Failure::user(format!("cannot read {}: {error}", self.file.display()))
                    .hint("`etcdpki cluster new` prints a description to start from")
            })?
        };
        let cluster = Cluster::from_yaml(&text, Some(&self.file))?;
        Ok((cluster.value, cluster.notices))
    }
}

/// Issues what the plan lacks; a person sees how far the keys have come.
fn issue(plan: Plan, now: time::OffsetDateTime, io: &Io<'_>) -> Result<Outcome, Failure> {
    let target =
        if io.errors_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(u64::try_from(plan.keys_to_make()).ok(), target);
    if let Ok(style) = ProgressStyle::with_template("making keys {bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|progress| {
        if let Progress::Keys { .. } = progress {
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    Ok(outcome?)
}
