//! `etcdpki cluster report`: a page with pictures of one cluster or of many.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::doctor::examine;
use pki_core::etcd::found::SystemFiles;
use pki_core::etcd::report::{ClusterReport, graph, mermaid, page, timeline};
use pki_core::etcd::status::output_folders_below;
use pki_core::etcd::verify::{Conditions, Connections, UntrustedCa};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;

use super::EtcdArgs;
use super::doctor::read_paths;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, absolute, print};

pub(super) const EXAMPLE: &str = "\
The page loads nothing, so it can be sent and opened offline. It has who trusts whom, when everything ends, which member \
can dial which, what `verify`, `status` and `doctor` find and what they cannot judge, and what was issued last. It has no secrets, but it names \
members, clients and files.

Without --html the page is printed. --svg and --mermaid print a picture of one cluster.

Exit status:
  0  the report was made; whether something is wrong is in it
  1  the folder cannot be read, or the file cannot be written

Examples:
  etcdpki cluster report out --html report.html
  etcdpki cluster report clusters --html fleet.html
  etcdpki cluster report out --svg timeline >timeline.svg
  etcdpki cluster report out --mermaid >trust.mmd";

/// The arguments of `report`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`, or a folder that has many
    #[arg(value_name = "DIR", default_value = "out")]
    folder: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    /// Write the page to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one picture as SVG
    #[arg(long, value_name = "PICTURE", conflicts_with_all = ["html", "mermaid"])]
    svg: Option<Picture>,
    /// Print the graph as a flowchart of Mermaid
    #[arg(long, conflicts_with = "html")]
    mermaid: bool,
}

/// A picture of the page.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Picture {
    /// Who can reach which port, and which CA the port trusts
    Graph,
    /// When everything ends
    Timeline,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = (terminal.now)();
        let path = absolute(&self.folder)?;
        let folders = output_folders_below(&path, &SystemFiles)?;
        if folders.is_empty() {
            let message =
                format!("{}: there is no cluster.lock.json, and so no cluster", self.folder.display());
            return Err(CommandError::new(message)
                .hint("name the folder that `etcdpki cluster apply` made, such as out"));
        }
        let untrusted = UntrustedCa::new(&SystemKeys, &SystemRandomness, now)?;
        let reports: Result<Vec<ClusterReport>, CommandError> =
            folders.iter().map(|folder| self.read(folder, &untrusted, now)).collect();
        let mut reports = reports?;
        reports.sort_by_key(ClusterReport::first_end);
        let text = match (self.svg, reports.as_slice()) {
            (None, _) if !self.mermaid => page(&reports, now),
            (None, [one]) => mermaid(one),
            (Some(Picture::Graph), [one]) => graph(one),
            (Some(Picture::Timeline), [one]) => timeline(one),
            (_, many) => {
                let message = format!("a picture is of one cluster, and there are {}", many.len());
                return Err(CommandError::new(message).hint("name the folder of one of them"));
            }
        };
        match &self.html {
            Some(file) => disk::write(file, text.as_bytes(), Mode::Exactly(0o644), Existing::Replace)
                .map_err(|error| CommandError::write(file, &error))?,
            None => print::text(terminal, &text)?,
        }
        Ok(ExitStatus::Done)
    }

    fn read(
        &self,
        folder: &Path,
        untrusted: &UntrustedCa,
        now: OffsetDateTime,
    ) -> Result<ClusterReport, CommandError> {
        let paths = [folder.to_owned()];
        let version = self.version.of(&paths)?;
        let open = Folder::open(folder)?;
        let lock = open.lock_for_reading()?;
        let mut report = ClusterReport::new(&open.public_snapshot(), now)?;
        let read = Connections::read(folder, version, Leniency::default(), untrusted, &SystemFiles);
        drop(lock);
        match read {
            Ok(clusters) => {
                let conditions = Conditions { now, lookup: None };
                for connections in &clusters {
                    let verified = connections.verify(conditions);
                    let ports = connections.ports(conditions, &verified);
                    report = report.verified(verified, ports);
                }
            }
            Err(error) => report = report.not_verified(error.to_string()),
        }
        Ok(match read_paths(&paths, version) {
            Ok(found) => report.examined(examine(&found, version, now), found.omissions()),
            Err(error) => report.not_examined(error.message()),
        })
    }
}
