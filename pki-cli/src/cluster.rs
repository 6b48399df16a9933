//! `etcdpki cluster`: describe, plan, apply, verify.

mod import;
mod show;
mod status;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pki_core::base::parallel;
use pki_core::etcd::{Cluster, Folder, Label, Member, Plan, Progress, Report, describe};
use pki_core::etcd::{Error, Notice, WithNotices};
use pki_core::x509::{KeySource, RacingKeys, SystemKeys, SystemRandomness};
use time::OffsetDateTime;

use self::import::Import;
use crate::failure::Failure;
use crate::io::Io;

/// Exit status of `plan` when there is something to do, and of `apply` when there is still something to do.
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

Exit status: 0 if everything is there, 2 if certificates are to be signed by a CA that is offline, 1 if something is
wrong.

Example:
  etcdpki cluster apply -f cluster.yaml -o out";

const SCHEMA_EXAMPLE: &str = "\
Editors with a YAML language server read it if the description says where it is, in its first line:
  # yaml-language-server: $schema=cluster.schema.json

Example:
  etcdpki cluster schema >cluster.schema.json";

const IMPORT_EXAMPLE: &str = "\
What could not be described as it was found is a comment in the description, and is told on standard error.

Exit status: 0 if there is a description, 1 if not.

Example:
  etcdpki cluster import --etcd 3.5 /etc/systemd/system/etcd.service /etc/etcd >cluster.yaml";

/// `etcdpki cluster ...`
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a description to start from
    #[command(after_help = NEW_EXAMPLE)]
    New(New),
    /// Show what would change; write nothing
    #[command(after_help = PLAN_EXAMPLE)]
    Plan(Target),
    /// Describe a cluster that there is, from its files
    #[command(after_help = IMPORT_EXAMPLE)]
    Import(Import),
    /// Make everything that the cluster's hosts and clients need
    #[command(after_help = APPLY_EXAMPLE)]
    Apply(Target),
    /// Show when every certificate and revocation list ends
    #[command(after_help = status::EXAMPLE)]
    Status(status::Command),
    /// Print the JSON Schema of descriptions, for editors
    #[command(after_help = SCHEMA_EXAMPLE)]
    Schema,
    /// Try every connection of a cluster, without starting it, and tell which losses it survives
    #[command(after_help = verify::EXAMPLE)]
    Verify(verify::Verify),
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
    /// The description, YAML or JSON; - is standard input. Several may be given
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The folder for everything that is made; of several clusters each has a folder of its name in it
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
        Command::Status(status) => status.run(io),
        Command::Schema => {
            io.output.write_all(pki_core::etcd::schema().as_bytes())?;
            Ok(0)
        }
        Command::Import(import) => import.run(io),
        Command::Verify(verify) => verify.run(io),
    }
}

impl New {
    fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let name = Label::parse(&self.name)?;
        let members: Vec<Member> =
            self.members.iter().map(|text| Member::parse(text)).collect::<Result<_, _>>()?;
        let text = describe(&name, &members);
        // What is printed can be applied: two members with one address are told here.
        let cluster = Cluster::from_yaml(&text, None).map_err(Error::without_place)?;
        show::notices(&cluster.notices, io);
        io.output.write_all(text.as_bytes())?;
        Ok(0)
    }
}

/// A description that was read, and where its files go.
struct Described {
    cluster: Cluster,
    notices: Vec<Notice>,
    output: PathBuf,
}

impl Target {
    fn plan(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let now = (io.now)();
        let mut reports = Vec::new();
        for described in self.read(io)? {
            let plan = Plan::new(&described.cluster, &Folder::open(&described.output)?, now)?;
            reports.push((described, plan.report()));
        }
        let changed = reports.iter().any(|(_, report)| report.changed || !report.to_sign.is_empty());
        if self.json {
            let reports = reports.iter().map(|(described, report)| (report, described.notices.as_slice()));
            show::json(reports, self.files.len(), io)?;
        } else {
            for (described, report) in &reports {
                let name = (self.files.len() > 1).then(|| described.cluster.name().as_str());
                show::warnings(name, &described.notices, report, io);
                show::plan(report, io)?;
            }
        }
        Ok(if changed { CHANGES } else { 0 })
    }

    fn apply(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let described = self.read(io)?;
        let now = (io.now)();
        let outcomes = match described.as_slice() {
            [one] => vec![one.apply(&RacingKeys, now, &keys_bar(io))],
            many => {
                let bar = clusters_bar(many.len(), io);
                let outcomes = parallel::map(many, |described| {
                    // Each core has a cluster of its own.
                    let outcome = described.apply(&SystemKeys, now, &ProgressBar::hidden());
                    bar.inc(1);
                    outcome
                });
                bar.finish_and_clear();
                outcomes
            }
        };
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for (described, outcome) in described.iter().zip(outcomes) {
            match outcome {
                Ok(report) => made.push((described, report)),
                Err(failure) if self.files.len() == 1 => return Err(failure),
                Err(failure) => failed.push(failure.of(described.cluster.name().as_str())),
            }
        }
        let told = self.tell(&made, io);
        // Of those that failed, whoever called tells the last.
        if let Some(last) = failed.pop() {
            failed.iter().for_each(|failure| failure.report(io));
            return Err(last);
        }
        told?;
        let is_waiting = made.iter().any(|(_, report)| !report.to_sign.is_empty());
        Ok(if is_waiting { CHANGES } else { 0 })
    }

    /// What was made, and how to go on.
    fn tell(&self, made: &[(&Described, Report)], io: &mut Io<'_>) -> Result<(), Failure> {
        if self.json {
            let reports = made.iter().map(|(described, report)| (report, described.notices.as_slice()));
            return show::json(reports, self.files.len(), io);
        }
        for (Described { cluster, notices, output }, report) in made {
            let name = (self.files.len() > 1).then(|| cluster.name().as_str());
            show::warnings(name, notices, report, io);
            match name {
                _ if !report.changed => show::nothing_to_do(report, io)?,
                None => show::applied(cluster, report, output, io)?,
                Some(_) => show::applied_briefly(cluster, report, output, io)?,
            }
        }
        Ok(())
    }

    /// Every description, before anything is done for one of them. Several go into folders of their names.
    fn read(&self, io: &mut Io<'_>) -> Result<Vec<Described>, Failure> {
        let mut all: Vec<Described> = Vec::new();
        for file in &self.files {
            let WithNotices { value: cluster, notices } =
                Cluster::from_yaml(&read_text(file, io)?, Some(file))?;
            if all.iter().any(|other| other.cluster.name() == cluster.name()) {
                let message = format!("{}: there are two descriptions of {}", file.display(), cluster.name());
                return Err(
                    Failure::user(message).hint("clusters that are made together have different names")
                );
            }
            let output = match self.files.len() {
                1 => self.output.clone(),
                _ => self.output.join(cluster.name().as_str()),
            };
            all.push(Described { cluster, notices, output });
        }
        Ok(all)
    }
}

impl Described {
    /// Makes what is not right yet.
    fn apply(&self, keys: &dyn KeySource, now: OffsetDateTime, bar: &ProgressBar) -> Result<Report, Failure> {
        let folder = Folder::lock(&self.output)?;
        let plan = Plan::new(&self.cluster, &folder, now)?;
        if plan.is_done() {
            return Ok(plan.report());
        }
        bar.set_length(u64::try_from(plan.keys_to_make()).unwrap_or(u64::MAX));
        let outcome = plan.issue(keys, &SystemRandomness, now, &|progress| {
            if let Progress::Keys { .. } = progress {
                bar.inc(1);
            }
        });
        bar.finish_and_clear();
        let outcome = outcome?;
        folder.apply(&outcome)?;
        Ok(outcome.report().clone())
    }
}

fn read_text(file: &Path, io: &mut Io<'_>) -> Result<String, Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = io.input.read_to_string(&mut text);
        read.map_err(|error| Failure::user(format!("cannot read the standard input: {error}")))?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|error| {
        Failure::user(format!("cannot read {}: {error}", file.display()))
            .hint("`etcdpki cluster new` prints a description to start from")
    })
}

/// A person sees how far the keys have come.
fn keys_bar(io: &Io<'_>) -> ProgressBar {
    bar("making keys {bar:30} {pos}/{len} {eta}", io)
}

fn clusters_bar(count: usize, io: &Io<'_>) -> ProgressBar {
    let bar = bar("clusters {bar:30} {pos}/{len} {per_sec} {eta}", io);
    bar.set_length(u64::try_from(count).unwrap_or(u64::MAX));
    bar
}

fn bar(template: &str, io: &Io<'_>) -> ProgressBar {
    let target =
        if io.errors_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
