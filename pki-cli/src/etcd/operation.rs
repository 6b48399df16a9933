//! What the operations on a cluster that runs have in common: their arguments, what they read, and how they tell their result.

use std::path::PathBuf;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::operate::{ClusterFolder, OperationError, Renewed, RestartOptions};
use pki_core::etcd::{Cluster, Folder, RegistryEvent};

use super::EtcdArgs;
use super::descriptions::{DEFAULT, read_text};
use super::hosts::{Here, HostArgs};
use super::observe::LookArgs;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, print};

/// The arguments that all operations have.
#[derive(Args)]
pub(super) struct OperationArgs {
    /// The output folder of `apply`
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) version: EtcdArgs,
    #[command(flatten)]
    pub(super) look: LookArgs,
    #[command(flatten)]
    pub(super) hosts: HostArgs,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl OperationArgs {
    /// The absolute path of the output folder.
    pub(super) fn folder(&self) -> Result<PathBuf, CommandError> {
        absolute(&self.folder)
    }

    /// The options of a restart on hosts that are reached in this way.
    pub(super) fn restart_options(&self) -> Result<RestartOptions, CommandError> {
        let mut options = RestartOptions::default();
        options.only_print = self.dry_run;
        options.template = self.hosts.exec.clone().unwrap_or_default();
        options.client = Some(self.folder()?.join("clients").join(&self.look.client));
        Ok(options)
    }

    /// Carries out what is done with hosts from here.
    pub(super) fn here<'t, 'a>(&self, terminal: &'t mut Terminal<'a>) -> Here<'t, 'a> {
        Here::new(terminal, self.look.timeout)
    }

    /// The output folder of a cluster.
    pub(super) fn cluster_folder<'c>(&self, cluster: &'c Cluster) -> Result<ClusterFolder<'c>, CommandError> {
        let folder = self.folder()?;
        self.look.check()?;
        let version = self.version.of(std::slice::from_ref(&folder))?;
        Ok(ClusterFolder::new(cluster, &folder, version, &self.look.client)?)
    }
}

/// The description that an output folder was made from.
#[derive(Args)]
pub(super) struct DescriptionArg {
    /// The description that DIR was made from
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    file: PathBuf,
}

impl DescriptionArg {
    /// Reads the description.
    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<Cluster, CommandError> {
        Ok(Cluster::from_yaml(&read_text(&self.file, terminal)?, Some(self.file.as_path()))?.value)
    }
}

/// An error of an operation, with the description that it is about.
pub(super) fn about(description: &DescriptionArg, error: OperationError) -> CommandError {
    match error {
        OperationError::OtherChanges { .. } => {
            CommandError::from(error).about(&description.file.display().to_string())
        }
        error => error.into(),
    }
}

/// What came to the hosts of members, for the registry.
pub(super) fn placed<'a>(
    cluster: &Cluster,
    members: impl Iterator<Item = &'a String>,
    folder: &Folder,
) -> Result<Vec<RegistryEvent>, CommandError> {
    let (snapshot, mut events) = (folder.public_snapshot(), Vec::new());
    let certificates: Vec<String> =
        snapshot.paths().filter(|path| path.ends_with(".pem")).map(str::to_owned).collect();
    for name in members {
        let Some(member) = cluster.members().iter().find(|member| member.name().as_str() == name) else {
            continue;
        };
        let destination = member.ssh().to_string();
        events.push(RegistryEvent::placed(&snapshot, name, &destination, &certificates)?);
    }
    Ok(events)
}

/// Writes why it is not safe to go on.
pub(super) fn show_obstacles(obstacles: &[String], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let label = Style::of_output(terminal).paint(Tone::Error, "not safe").to_string();
    for obstacle in obstacles {
        print::line(terminal, format_args!("{label}: {}", shown(obstacle)))?;
    }
    Ok(())
}

/// Writes the certificates that are renewed, with the reasons.
pub(super) fn show_renewed(
    renewed: &[Renewed],
    is_done: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let verb = if is_done { "renewed" } else { "to renew" };
    for one in renewed {
        print::line(terminal, format_args!("{verb}: {}: {}", one.certificate, shown(&one.why.join("; "))))?;
    }
    Ok(())
}

/// Writes the members with which something was done, a line for each thing that was done with any.
pub(super) fn show_members(
    done: &[(&str, &[String])],
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    for (what, members) in done.iter().filter(|(_, members)| !members.is_empty()) {
        print::line(terminal, format_args!("{what}: {}", shown(&members.join(", "))))?;
    }
    Ok(())
}
