//! What `plan` and `apply` work on: descriptions, and the folders for their files.

use std::path::{Path, PathBuf};

use clap::Args;
use pki_core::etcd::{Cluster, Label, Notice, Report, output_folders};

use super::show;
use crate::terminal::{CommandError, Terminal};

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
    pub(super) json: bool,
}

/// A description that was read, and where its files go.
pub(super) struct Described {
    pub(super) cluster: Cluster,
    pub(super) notices: Vec<Notice>,
    pub(super) output: PathBuf,
}

impl Target {
    /// Reads every description, before anything is done for one of them.
    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<Vec<Described>, CommandError> {
        let mut clusters = Vec::new();
        for file in &self.files {
            clusters.push(Cluster::from_yaml(&read_text(file, terminal)?, Some(file))?);
        }
        let names: Vec<&Label> = clusters.iter().map(|cluster| cluster.value.name()).collect();
        let folders = output_folders(&self.output, &names).map_err(|error| {
            let file = self.files.get(error.position).map(|file| file.display().to_string());
            CommandError::new(error.to_string())
                .about(&file.unwrap_or_default())
                .hint("clusters that are made together have different names")
        })?;
        let described = clusters.into_iter().zip(folders).map(|(cluster, output)| Described {
            cluster: cluster.value,
            notices: cluster.notices,
            output,
        });
        Ok(described.collect())
    }

    /// Whether there are several descriptions, so that what is told names the cluster.
    pub(super) fn has_several(&self) -> bool {
        self.files.len() > 1
    }

    /// Prints the reports as JSON.
    pub(super) fn print_json<'a>(
        &self,
        reports: impl Iterator<Item = (&'a Report, &'a [Notice])>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        show::json(reports, self.files.len(), terminal)
    }
}

fn read_text(file: &Path, terminal: &mut Terminal<'_>) -> Result<String, CommandError> {
    if file == Path::new("-") {
        let bytes = terminal.read_input()?;
        return String::from_utf8(bytes.to_vec())
            .map_err(|error| CommandError::new(format!("the standard input is not UTF-8 text: {error}")));
    }
    std::fs::read_to_string(file).map_err(|error| {
        CommandError::new(format!("cannot read {}: {error}", file.display()))
            .hint("`etcdpki cluster new` prints a description to start from")
    })
}
