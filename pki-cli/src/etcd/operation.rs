//! What operations that renew certificates of a cluster that runs have in common: their plan, issuing in the output folder,
//! and bringing files to hosts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pki_core::base::shown;
use pki_core::disk::FolderLock;
use pki_core::etcd::observe::Running;
use pki_core::etcd::operate::{Host, placing};
use pki_core::etcd::{Cluster, Folder, Plan, RegistryEvent, Renewal, Snapshot, shell_word};
use pki_core::x509::{SystemKeys, SystemRandomness};
use serde::Serialize;
use time::OffsetDateTime;

use super::descriptions::read_text;
use super::hosts::{self, HostArgs};
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute};

/// A certificate that is renewed.
#[derive(Serialize)]
pub(super) struct Renewed {
    /// Its identity, such as `client-ca` or `etcd1 server`.
    pub(super) certificate: String,
    /// Its path in DIR.
    pub(super) path: String,
    /// The member that has it, if it belongs to one.
    pub(super) member: Option<String>,
    /// Why it is renewed.
    pub(super) why: Vec<String>,
}

impl Renewed {
    /// The certificates that a plan renews.
    pub(super) fn of(plan: &Plan) -> Vec<Self> {
        let one = |planned: &pki_core::etcd::PlannedCertificate| Self {
            certificate: planned.id().to_string(),
            path: planned.path().to_owned(),
            member: planned.member().map(str::to_owned),
            why: planned.change().reasons().iter().map(ToString::to_string).collect(),
        };
        plan.renewed().map(one).collect()
    }
}

/// An output folder and its description.
pub(super) struct Operation<'a> {
    pub(super) cluster: Cluster,
    description: &'a Path,
    pub(super) folder: PathBuf,
}

impl<'a> Operation<'a> {
    /// Reads the description. The folder is not looked at.
    pub(super) fn read(
        folder: &Path,
        description: &'a Path,
        terminal: &mut Terminal<'_>,
    ) -> Result<Self, CommandError> {
        let cluster = Cluster::from_yaml(&read_text(description, terminal)?, Some(description))?.value;
        Ok(Self { cluster, description, folder: absolute(folder)? })
    }

    /// The plan that renews, and changes nothing else.
    pub(super) fn plan(
        &self,
        snapshot: &Snapshot,
        renewal: &Renewal,
        now: OffsetDateTime,
    ) -> Result<Plan, CommandError> {
        let plan = Plan::renewing(&self.cluster, snapshot, now, renewal)?;
        let other = match renewal {
            Renewal::Authorities(_) | Renewal::Ended => plan.other_changes_besides_authorities(),
            _ => plan.other_changes(),
        };
        if let Some(first) = other.first() {
            let more =
                if other.len() > 1 { format!(", and {} more", other.len() - 1) } else { String::new() };
            return Err(CommandError::new(format!(
                "{} has changes that were not applied: {first}{more}",
                self.description.display()
            ))
            .hint("see them with `etcdpki cluster plan`, and run `etcdpki cluster apply` first"));
        }
        Ok(plan)
    }

    /// The plan that keeps everything: where the files are.
    pub(super) fn kept(&self, now: OffsetDateTime) -> Result<(Plan, Snapshot), CommandError> {
        let snapshot = Folder::open(&self.folder)?.snapshot(&self.cluster)?;
        let plan = Plan::renewing(&self.cluster, &snapshot, now, &Renewal::Named(Vec::new()))?;
        Ok((plan, snapshot))
    }

    /// Renews in the output folder. Returns the commands for a CA that is offline, if it has to sign first.
    pub(super) fn issue(
        &self,
        renewal: &Renewal,
        terminal: &Terminal<'_>,
    ) -> Result<Vec<String>, CommandError> {
        let locked = Folder::lock(&self.folder)?;
        let now = (terminal.now)();
        let plan = self.plan(&locked.snapshot(&self.cluster)?, renewal, now)?;
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
        locked.apply(&outcome)?;
        Ok(outcome.report().to_sign.clone())
    }

    /// The names of all members.
    pub(super) fn members(&self) -> Vec<String> {
        self.cluster.members().iter().map(|member| member.name().to_string()).collect()
    }

    /// The host of a member.
    pub(super) fn host(&self, running: &Running, member: &str) -> Result<(Host, String), CommandError> {
        let destination = running.destination(member);
        let destination = destination.ok_or_else(|| CommandError::new(format!("{member} has no URL")))?;
        Ok((Host::new(member, &destination), destination))
    }

    /// Brings files to the host of a member, and writes that into the registry.
    pub(super) fn place(
        &self,
        member: &str,
        files: &Placing<'_>,
        lock: &mut Option<FolderLock>,
        terminal: &Terminal<'_>,
    ) -> Result<(), CommandError> {
        let (host, destination) = self.host(files.running, member)?;
        let template = files.hosts.exec.clone().unwrap_or_default();
        let line = placing(&self.cluster, &self.folder, &host, files.paths, &template);
        hosts::run(&line, files.wait).map_err(|why| {
            CommandError::new(format!("{member}: its files were not brought to its host: {why}"))
                .hint("run the same command again: it goes on with those that are left")
        })?;
        let placed = RegistryEvent::placed(files.snapshot, member, &destination, files.paths)?;
        Ok(Folder::open(&self.folder)?.register(lock, &[placed], (terminal.now)())?)
    }

    /// The line that copies the files of members, for a person.
    pub(super) fn copy_command(&self, members: &[String]) -> String {
        let script = shell_word(&self.folder.join("deploy.sh").to_string_lossy());
        format!("{script} --copy {}", members.join(" "))
    }
}

/// What is brought to a host, and how.
pub(super) struct Placing<'a> {
    pub(super) running: &'a Running,
    pub(super) hosts: &'a HostArgs,
    pub(super) paths: &'a [String],
    pub(super) snapshot: &'a Snapshot,
    pub(super) wait: Duration,
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
        writeln!(terminal.output, "{label}: {}", shown(obstacle))?;
    }
    Ok(())
}

/// Writes the members with which something was done, a line for each thing that was done with any.
pub(super) fn show_members(
    done: &[(&str, &[String])],
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    for (what, members) in done.iter().filter(|(_, members)| !members.is_empty()) {
        writeln!(terminal.output, "{what}: {}", shown(&members.join(", ")))?;
    }
    Ok(())
}
