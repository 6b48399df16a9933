//! The commands about etcd: `etcdpki cluster ...`, `doctor` and `explain`.

mod apply;
mod deploy;
mod descriptions;
pub(crate) mod doctor;
pub(crate) mod explain;
mod export;
mod forecast;
mod hosts;
mod import;
mod member;
mod new;
mod observe;
mod operation;
mod phase;
mod plan;
mod recover;
mod renew;
mod renew_ca;
mod report;
mod restart;
mod show;
mod status;
mod steps;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::found::{SystemFiles, described_version};

use self::descriptions::DescriptionArgs;
use self::import::Import;
use self::new::New;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(crate) const EXAMPLE: &str = "\
Example:
  etcdpki cluster new --name prod --member etcd1=10.0.0.11 >cluster.yaml
  etcdpki cluster plan
  etcdpki cluster apply
  etcdpki cluster verify
  etcdpki cluster status
  etcdpki cluster observe
  etcdpki cluster forecast

Exit status: see `etcdpki --help` for the table, and the help of each command for what it means there.";

const SCHEMA_EXAMPLE: &str = "\
An editor with a YAML language server completes and checks a description whose first line names the schema:
  # yaml-language-server: $schema=cluster.schema.json

Exit status:
  0  the schema was printed

Example:
  etcdpki cluster schema >cluster.schema.json";

/// The commands below `etcdpki cluster`, in the order in which an operator uses them.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a description to start from
    #[command(after_help = new::EXAMPLE)]
    New(New),
    /// Show what `apply` would change, without changing it
    #[command(after_help = plan::EXAMPLE)]
    Plan(plan::PlanArgs),
    /// Make everything that the cluster's hosts and clients need
    #[command(after_help = apply::EXAMPLE)]
    Apply(DescriptionArgs),
    /// Try every connection of a cluster, without starting it, and tell which losses it survives
    #[command(after_help = verify::EXAMPLE)]
    Verify(verify::Verify),
    /// Look at the members that run: what they show, whom they accept, how they are connected
    #[command(after_help = observe::EXAMPLE)]
    Observe(observe::Observe),
    /// Tell what a restart of each member would bring, before it happens
    #[command(after_help = forecast::EXAMPLE)]
    Forecast(forecast::Command),
    /// Restart members one after the other, each only when it is safe
    #[command(after_help = restart::EXAMPLE)]
    Restart(restart::Command),
    /// Bring members to their hosts, start them, and prove that they use their files
    #[command(after_help = deploy::EXAMPLE)]
    Deploy(deploy::Command),
    /// Add members to a cluster that runs, remove them, or replace them, one safe step after the other
    #[command(after_help = member::EXAMPLE)]
    Member(member::Command),
    /// Renew certificates for their keys, bring them to members that run, and prove that they are used
    #[command(after_help = renew::EXAMPLE)]
    Renew(renew::Command),
    /// Renew the certificates of CAs with their keys, bring them to members, and restart these one after the other
    #[command(after_help = renew_ca::EXAMPLE)]
    RenewCa(renew_ca::Command),
    /// Bring a cluster back whose certificates have ended, with the same keys and its data
    #[command(after_help = recover::EXAMPLE)]
    Recover(recover::Command),
    /// Show what is left to do with a cluster, and why, in the order in which it is safe
    #[command(after_help = steps::EXAMPLE)]
    Steps(steps::Command),
    /// Show when every certificate and revocation list ends
    #[command(after_help = status::EXAMPLE)]
    Status(status::Command),
    /// Make a page with pictures of a cluster: who trusts whom, when everything ends, what is wrong
    #[command(after_help = report::EXAMPLE)]
    Report(report::Command),
    /// Write files of the cluster for other tools: cloud-init, Butane, Kubernetes, cert-manager, kubeadm
    #[command(after_help = export::EXAMPLE)]
    Export(export::Command),
    /// Print a description of a cluster that exists, from its files
    #[command(after_help = import::EXAMPLE)]
    Import(Import),
    /// Print the JSON Schema of descriptions, for editors
    #[command(after_help = SCHEMA_EXAMPLE)]
    Schema,
}

/// Runs the command and returns its exit status.
pub(crate) fn run(command: Command, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    match command {
        Command::New(new) => new.run(terminal),
        Command::Plan(args) => plan::run(&args, terminal),
        Command::Apply(args) => apply::run(&args, terminal),
        Command::Status(status) => status.run(terminal),
        Command::Report(report) => report.run(terminal),
        Command::Export(export) => export.run(terminal),
        Command::Schema => {
            print::text(terminal, pki_core::etcd::schema())?;
            Ok(ExitStatus::Done)
        }
        Command::Import(import) => import.run(terminal),
        Command::Verify(verify) => verify.run(terminal),
        Command::Observe(observe) => observe.run(terminal),
        Command::Forecast(forecast) => forecast.run(terminal),
        Command::Restart(restart) => restart.run(terminal),
        Command::Deploy(deploy) => deploy.run(terminal),
        Command::Steps(steps) => steps.run(terminal),
        Command::Member(member) => member.run(terminal),
        Command::Renew(renew) => renew.run(terminal),
        Command::RenewCa(renew) => renew.run(terminal),
        Command::Recover(recover) => recover.run(terminal),
    }
}

/// The option `--etcd` of the commands that apply the rules of a version of etcd.
#[derive(Args)]
pub(crate) struct EtcdArgs {
    /// The version of etcd whose rules are applied, such as 3.5 or 3.4.23; if it is absent, that of the description
    /// which the output folder was made from, or 3.5 for other files
    #[arg(long, value_name = "VERSION", value_parser = etcd_version)]
    etcd: Option<EtcdVersion>,
}

impl EtcdArgs {
    /// The version whose rules are applied to these files.
    fn of(&self, paths: &[PathBuf]) -> Result<EtcdVersion, CommandError> {
        match self.etcd {
            Some(version) => Ok(version),
            None => Ok(described_version(paths, &SystemFiles)?.unwrap_or_default()),
        }
    }
}

fn etcd_version(text: &str) -> Result<EtcdVersion, String> {
    EtcdVersion::parse(text).map_err(|error| format!("{error}; {}", error.hint()))
}
