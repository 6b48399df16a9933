//! The commands about etcd: `etcdpki cluster ...`, `doctor` and `explain`.

mod apply;
pub(crate) mod doctor;
pub(crate) mod explain;
mod import;
mod new;
mod plan;
mod show;
mod status;
mod target;
mod verify;

use clap::{Args, Subcommand};
use pki_core::etcd::EtcdVersion;

use self::import::Import;
use self::new::New;
use self::target::Target;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(crate) const EXAMPLE: &str = "\
Example:
  etcdpki cluster new --name prod --member etcd1=10.0.0.11 >cluster.yaml
  etcdpki cluster plan -f cluster.yaml -o out
  etcdpki cluster apply -f cluster.yaml -o out
  etcdpki cluster verify out
  etcdpki cluster status out";

const SCHEMA_EXAMPLE: &str = "\
Editors with a YAML language server use it if the first line of the description says where it is:
  # yaml-language-server: $schema=cluster.schema.json

Example:
  etcdpki cluster schema >cluster.schema.json";

/// `etcdpki cluster ...`
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print a description to start from
    #[command(after_help = new::EXAMPLE)]
    New(New),
    /// Show what `apply` would change, without changing it
    #[command(after_help = plan::EXAMPLE)]
    Plan(Target),
    /// Print a description of a cluster that exists, from its files
    #[command(after_help = import::EXAMPLE)]
    Import(Import),
    /// Make everything that the cluster's hosts and clients need
    #[command(after_help = apply::EXAMPLE)]
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

/// Runs the command and tells the exit status.
pub(crate) fn run(command: Command, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    match command {
        Command::New(new) => new.run(terminal),
        Command::Plan(target) => plan::run(&target, terminal),
        Command::Apply(target) => apply::run(&target, terminal),
        Command::Status(status) => status.run(terminal),
        Command::Schema => {
            print::text(terminal, pki_core::etcd::schema())?;
            Ok(ExitStatus::Done)
        }
        Command::Import(import) => import.run(terminal),
        Command::Verify(verify) => verify.run(terminal),
    }
}

/// `--etcd`, which several commands have
#[derive(Args)]
pub(crate) struct EtcdArgs {
    /// The version of etcd whose rules count, such as 3.5 or 3.4.23
    #[arg(long, value_name = "VERSION", default_value_t = EtcdVersion::default(), value_parser = etcd_version)]
    etcd: EtcdVersion,
}

fn etcd_version(text: &str) -> Result<EtcdVersion, String> {
    EtcdVersion::parse(text).map_err(|error| format!("{error}; {}", error.hint()))
}
