//! The arguments of `plan` and `apply`: descriptions, and the output folder of each.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use pki_core::disk::{self, LARGEST_FILE};
use pki_core::etcd::{Cluster, Folder, Label, Notice, Report, output_folders};

use super::show::{self, Shown};
use crate::terminal::{CommandError, Terminal, print};

/// The description that is read if none is named.
pub(super) const DEFAULT: &str = "cluster.yaml";

/// The arguments of `plan` and `apply`.
#[derive(Args)]
pub(crate) struct DescriptionArgs {
    /// The description, in YAML or JSON; `-` reads the standard input. Name several for several clusters. If none is named,
    /// it is cluster.yaml in the working folder
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    named: Vec<PathBuf>,
    /// The description, as the operand FILE
    #[arg(short, long = "file", value_name = "FILE", conflicts_with = "named")]
    files: Vec<PathBuf>,
    /// The output folder. With several clusters, each gets a folder of its own name below it
    #[arg(short, long, value_name = "DIR", default_value = "out")]
    output: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Show also what is kept, and every line that changes
    #[arg(long)]
    all: bool,
}

/// A cluster, the notices of its description, and its output folder.
pub(super) struct ClusterJob {
    pub(super) cluster: Cluster,
    pub(super) notices: Vec<Notice>,
    pub(super) output: PathBuf,
}

impl DescriptionArgs {
    /// The descriptions: those that are named, or the one in the working folder.
    fn descriptions(&self) -> Vec<PathBuf> {
        let named: Vec<PathBuf> = self.named.iter().chain(&self.files).cloned().collect();
        if named.is_empty() { vec![PathBuf::from(DEFAULT)] } else { named }
    }

    /// Reads all descriptions, so that a mistake in one of them is found before any cluster is changed.
    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<Vec<ClusterJob>, CommandError> {
        let (files, mut clusters) = (self.descriptions(), Vec::new());
        for file in &files {
            print::detail(terminal, "read", &file.display().to_string());
            clusters.push(Cluster::from_yaml(&read_text(file, terminal)?, Some(file))?);
        }
        let names: Vec<&Label> = clusters.iter().map(|cluster| cluster.value.name()).collect();
        let folders = output_folders(&self.output, &names).map_err(|error| {
            let file = files.get(error.position).map(|file| file.display().to_string());
            CommandError::new(error.to_string())
                .about(&file.unwrap_or_default())
                .hint("give each cluster a `name` of its own, such as prod-2")
        })?;
        let mut jobs = Vec::new();
        for (cluster, output) in clusters.into_iter().zip(folders) {
            let mut notices = cluster.notices;
            print::detail(terminal, "output folder", &output.display().to_string());
            notices.extend(Folder::open(&output)?.notices(&cluster.value));
            jobs.push(ClusterJob { cluster: cluster.value, notices, output });
        }
        Ok(jobs)
    }

    /// What of a report is shown.
    pub(super) fn shown(&self, terminal: &Terminal<'_>) -> Shown {
        match (self.all || terminal.is_verbose(), terminal.is_quiet()) {
            (true, _) => Shown::Everything,
            (false, true) => Shown::Result,
            (false, false) => Shown::Changes,
        }
    }

    /// Whether there are several descriptions. Messages then name the cluster that they are about.
    pub(super) fn has_several(&self) -> bool {
        self.descriptions().len() > 1
    }

    /// Prints the reports as JSON, and the errors of the clusters that failed.
    pub(super) fn print_json<'a>(
        &self,
        reports: impl Iterator<Item = (&'a ClusterJob, &'a Report)>,
        failed: &[(&str, &CommandError)],
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        show::json(reports, failed, self.descriptions().len(), terminal)
    }
}

pub(super) fn read_text(file: &Path, terminal: &mut Terminal<'_>) -> Result<String, CommandError> {
    if file == Path::new("-") {
        let bytes = terminal.read_input()?;
        return String::from_utf8(bytes.to_vec())
            .map_err(|error| CommandError::new(format!("the standard input is not UTF-8 text: {error}")));
    }
    let bytes = disk::read(file, LARGEST_FILE).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound if file == Path::new(DEFAULT) => {
                "name the description, as in `etcdpki cluster plan prod.yaml`; `etcdpki cluster new` prints one to start \
                 from"
            }
            ErrorKind::NotFound => "`etcdpki cluster new` prints a description to start from",
            _ => "name a file that holds a description, such as cluster.yaml",
        };
        CommandError::new(format!("cannot read {}: {error}", file.display())).hint(hint)
    })?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        CommandError::new(format!("cannot read {}: it is not UTF-8 text", file.display()))
            .hint("name a file that holds a description, such as cluster.yaml")
    })
}
