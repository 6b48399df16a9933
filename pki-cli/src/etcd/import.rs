//! `etcdpki cluster import`

use std::path::PathBuf;

use clap::Args;
use pki_core::etcd::check::Finding;
use pki_core::etcd::found::{Found, SystemFiles};
use pki_core::etcd::{AuthorityChoice, ImportNotice, ImportedCluster, import};
use serde::Serialize;

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, absolute, finding, print};

pub(super) const EXAMPLE: &str = "\
Where the description differs from what was found, it has a comment, and a warning on standard error says so.

Exit status: 0 if a description was printed, 1 if not.

Example:
  etcdpki cluster import --etcd 3.5 /etc/systemd/system/etcd.service /etc/etcd >cluster.yaml";

/// `import`
#[derive(Args)]
pub(crate) struct Import {
    /// Folders and files: hosts' trees, units, environment and configuration files, certificates, keys, cfssl's
    /// JSON
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    version: EtcdArgs,
    /// Describe new CAs that say the same, in place of those that were found
    #[arg(long)]
    new_ca: bool,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    description: String,
    /// What is wrong with what was found
    findings: Vec<Finding>,
    /// What is not described as it was found
    notices: Vec<ImportNotice>,
}

impl Import {
    pub(super) fn run(&self, io: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let version = self.version.etcd;
        let paths: Vec<PathBuf> = self.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
        let found = Found::read(&paths, version, &SystemFiles)?;
        let authorities = if self.new_ca { AuthorityChoice::Replace } else { AuthorityChoice::Keep };
        let imported = import(&found, version, authorities, (io.now)())?;
        let ImportedCluster { description, notices, findings, .. } = imported;
        if self.json {
            let report = Report { description, findings, notices };
            print::json(io, &report)?;
        } else {
            finding::print(&findings, Style::of_errors(io), &mut *io.errors)?;
            print::warnings(io, &notices);
            print::text(io, &description)?;
        }
        Ok(ExitStatus::Done)
    }
}
