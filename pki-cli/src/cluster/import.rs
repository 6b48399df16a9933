//! `etcdpki cluster import`

use std::path::PathBuf;

use clap::Args;
use pki_core::etcd::check::Finding;
use pki_core::etcd::found::{Found, SystemFiles};
use pki_core::etcd::{Authorities, EtcdVersion, ImportNotice, Imported, import};
use serde::Serialize;

use super::show;
use crate::failure::Failure;
use crate::io::Io;
use crate::terminal::finding;

/// `import`
#[derive(Args)]
pub(crate) struct Import {
    /// Folders and files: hosts' trees, units, environment and configuration files, certificates, keys, cfssl's
    /// JSON
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The version of etcd that runs there
    #[arg(long, value_name = "VERSION", default_value_t = EtcdVersion::default().to_string())]
    etcd: String,
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
    pub(super) fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let version = EtcdVersion::parse(&self.etcd)?;
        let failed =
            |error: std::io::Error| Failure::user(format!("cannot find the current folder: {error}"));
        let paths: Vec<PathBuf> = self
            .paths
            .iter()
            .map(|path| std::path::absolute(path).map_err(failed))
            .collect::<Result<_, _>>()?;
        let found = Found::read(&paths, version, &SystemFiles)
            .map_err(|error| Failure::user(error.to_string()).known_hint(error.hint()))?;
        let authorities = if self.new_ca { Authorities::Made } else { Authorities::Kept };
        let imported = import(&found, version, authorities, (io.now)())
            .map_err(|error| Failure::user(error.to_string()).known_hint(error.hint()))?;
        let Imported { description, notices, findings, .. } = imported;
        if self.json {
            let report = Report { description, findings, notices };
            serde_json::to_writer_pretty(&mut *io.output, &report).map_err(std::io::Error::from)?;
            writeln!(io.output)?;
        } else {
            let colours = io.colours_errors();
            finding::print(&findings, colours, &mut *io.errors)?;
            show::lines(notices.iter().map(ToString::to_string), io);
            io.output.write_all(description.as_bytes())?;
        }
        Ok(0)
    }
}
