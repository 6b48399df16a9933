//! `etcdpki cluster import`: a description of a cluster that exists.

use std::path::PathBuf;

use clap::Args;
use pki_core::etcd::check::Finding;
use pki_core::etcd::{AuthorityChoice, ImportNotice, ImportedCluster, import};
use serde::Serialize;

use super::EtcdArgs;
use super::doctor::read_paths;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, absolute, finding, print};

pub(super) const EXAMPLE: &str = "\
Where the description differs from what was found, it has a comment, and a warning on standard error says so.
What is wrong with the files themselves is printed there too, as `doctor` prints it.

Exit status:
  0  a description was printed
  1  no description could be made

Example:
  etcdpki cluster import --etcd 3.5 /etc/systemd/system/etcd.service /etc/etcd >cluster.yaml";

/// The arguments of `import`.
#[derive(Args)]
pub(crate) struct Import {
    /// Folders and files of the cluster: copies of hosts' file systems, units, environment and configuration files,
    /// certificates, keys, cfssl's JSON
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    version: EtcdArgs,
    /// Describe new CAs like those that were found, instead of keeping these
    #[arg(long)]
    new_ca: bool,
    /// Print the description, the findings and the notices as JSON
    #[arg(long)]
    json: bool,
}

/// The JSON of `--json`.
#[derive(Serialize)]
struct Report {
    /// The description, in YAML.
    description: String,
    /// What is wrong with the files that were read.
    findings: Vec<Finding>,
    /// Where the description differs from what was found.
    notices: Vec<ImportNotice>,
}

impl Import {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        print::refuse_closed_output(terminal)?;
        let paths: Vec<PathBuf> = self.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
        let version = self.version.of(&paths)?;
        let found = read_paths(&paths, version)?;
        let authorities = if self.new_ca { AuthorityChoice::Replace } else { AuthorityChoice::Keep };
        let imported = import(&found, version, authorities, (terminal.now)())?;
        let ImportedCluster { description, notices, findings, .. } = imported;
        if self.json {
            let report = Report { description, findings, notices };
            print::json(terminal, &report)?;
        } else {
            finding::print(&findings, Style::of_errors(terminal), &mut *terminal.errors)?;
            print::warnings(terminal, &notices);
            print::text(terminal, &description)?;
        }
        Ok(ExitStatus::Done)
    }
}
