//! The output folder of a cluster that runs, with its description: what operations plan, issue, bring and write down.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use crate::disk::FolderLock;
use crate::etcd::check::observe::{Observation, Running};
use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::path::NODES;
use crate::etcd::folder::disk::Folder;
use crate::etcd::folder::registry::RegistryEvent;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::found::SystemFiles;
use crate::etcd::operate::hosts::{Hosts, run_on};
use crate::etcd::operate::operator::{OperationError, Operator};
use crate::etcd::operate::reach::Host;
use crate::etcd::operate::renew::placing;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::Plan;
use crate::etcd::plan::change::Reason;
use crate::etcd::plan::renewal::Renewal;
use crate::etcd::safe::shell::word;
use crate::x509::digest::sha256;
use crate::x509::{SystemKeys, SystemRandomness};

/// A description, and the output folder that was made from it.
#[derive(Debug)]
pub struct ClusterFolder<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) folder: Folder,
    version: EtcdVersion,
    client: String,
}

/// A certificate that is renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Renewed {
    /// Its identity, such as `client-ca` or `etcd1 server`.
    pub certificate: String,
    /// Its path in the output folder.
    pub path: String,
    /// The member that has it, if it belongs to one.
    pub member: Option<String>,
    /// Why it is renewed.
    pub why: Vec<String>,
}

impl Renewed {
    /// The certificates that a plan renews.
    pub(super) fn of(plan: &Plan) -> Vec<Self> {
        let renewed = plan.renewed().map(|planned| Self {
            certificate: planned.id().to_string(),
            path: planned.path().to_owned(),
            member: planned.member().map(str::to_owned),
            why: planned.change().reasons().iter().map(Reason::to_string).collect(),
        });
        renewed.collect()
    }
}

/// What keeps others from writing to the folder while an operation reads it.
pub(super) type Lock = Option<FolderLock>;

impl<'a> ClusterFolder<'a> {
    /// The output folder at `path` of a cluster whose members run this version of etcd. They are asked as the client with
    /// this name.
    ///
    /// # Errors
    /// Those of [`Folder::open`].
    pub fn new(
        cluster: &'a Cluster,
        path: &Path,
        version: EtcdVersion,
        client: &str,
    ) -> Result<Self, OperationError> {
        Ok(Self { cluster, folder: Folder::open(path)?, version, client: client.to_owned() })
    }

    /// The absolute path of the folder.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// What is expected of the members that run, by the files as they are now.
    ///
    /// # Errors
    /// If files cannot be read, or the folder has no member.
    pub fn running(&self) -> Result<Running, OperationError> {
        let lock = self.lock()?;
        let running = Running::read(self.root(), self.version, &self.client, &SystemFiles);
        drop(lock);
        Ok(running?)
    }

    /// Keeps others from writing to the folder.
    pub(super) fn lock(&self) -> Result<Lock, OperationError> {
        Ok(self.folder.lock_for_reading()?)
    }

    /// The plan that renews, and changes nothing else.
    ///
    /// # Errors
    /// [`OperationError::OtherChanges`] if the description was changed and not applied, or files were changed, and the
    /// errors of [`Plan::renewing`].
    pub fn plan(
        &self,
        snapshot: &Snapshot,
        renewal: &Renewal,
        now: OffsetDateTime,
    ) -> Result<Plan, OperationError> {
        let plan = Plan::renewing(self.cluster, snapshot, now, renewal)?;
        let other = match renewal {
            Renewal::Authorities(_) | Renewal::Ended => plan.other_changes_besides_authorities(),
            _ => plan.other_changes(),
        };
        match other.first() {
            None => Ok(plan),
            Some(first) => Err(OperationError::OtherChanges {
                first: first.clone(),
                more: other.len().saturating_sub(1),
            }),
        }
    }

    /// As [`Self::plan`], for the folder as it is now.
    pub(super) fn plan_now(
        &self,
        renewal: &Renewal,
        now: OffsetDateTime,
    ) -> Result<(Plan, Snapshot), OperationError> {
        let lock = self.lock()?;
        let snapshot = self.folder.snapshot(self.cluster)?;
        let plan = self.plan(&snapshot, renewal, now)?;
        drop(lock);
        Ok((plan, snapshot))
    }

    /// As [`Self::plan_now`], whatever else the plan changes.
    pub(super) fn any_plan_now(
        &self,
        renewal: &Renewal,
        now: OffsetDateTime,
    ) -> Result<Plan, OperationError> {
        let lock = self.lock()?;
        let plan = Plan::renewing(self.cluster, &self.folder.snapshot(self.cluster)?, now, renewal)?;
        drop(lock);
        Ok(plan)
    }

    /// The plan in which these certificates of members get new keys, and nothing else changes.
    pub(super) fn plan_with_new_keys(
        &self,
        snapshot: &Snapshot,
        certificates: &BTreeSet<String>,
        now: OffsetDateTime,
    ) -> Result<Plan, OperationError> {
        let plan = Plan::with_new_keys(self.cluster, snapshot, now, certificates)?;
        let kept = Plan::renewing(self.cluster, snapshot, now, &Renewal::Named(Vec::new()))?;
        let other = plan.not_yet(kept.other_changes());
        if let Some(first) = other.first() {
            let more = other.len().saturating_sub(1);
            return Err(OperationError::OtherChanges { first: first.clone(), more });
        }
        if let Some(planned) = plan.certificates().iter().find(|planned| planned.is_requested()) {
            return Err(OperationError::Offline { certificate: planned.id().to_string() });
        }
        Ok(plan)
    }

    /// Makes new keys, certificates for them, and the files that name them, in the output folder.
    pub(super) fn issue_with_new_keys(
        &self,
        certificates: &BTreeSet<String>,
        now: OffsetDateTime,
    ) -> Result<(), OperationError> {
        let locked = Folder::lock(self.root())?;
        let plan = self.plan_with_new_keys(&locked.snapshot(self.cluster)?, certificates, now)?;
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
        locked.apply(&outcome)?;
        Ok(())
    }

    /// The plan that keeps everything: where the files are.
    pub(super) fn kept(&self, now: OffsetDateTime) -> Result<(Plan, Snapshot), OperationError> {
        let snapshot = self.folder.snapshot(self.cluster)?;
        let plan = Plan::renewing(self.cluster, &snapshot, now, &Renewal::Named(Vec::new()))?;
        Ok((plan, snapshot))
    }

    /// Renews in the output folder. Returns the commands for a CA that is offline, if it has to sign first.
    pub(super) fn issue(
        &self,
        renewal: &Renewal,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, OperationError> {
        let locked = Folder::lock(self.root())?;
        let plan = self.plan(&locked.snapshot(self.cluster)?, renewal, now)?;
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
        locked.apply(&outcome)?;
        Ok(outcome.report().to_sign.clone())
    }

    /// The names of all members.
    pub(super) fn members(&self) -> Vec<String> {
        self.cluster.members().iter().map(|member| member.name().to_string()).collect()
    }

    /// The hosts of these members.
    pub(super) fn hosts(&self, running: &Running, members: &[String]) -> Result<Vec<Host>, OperationError> {
        let hosts = members.iter().map(|member| {
            let destination = running.destination(member);
            let destination = destination.ok_or_else(|| OperationError::NoUrl { member: member.clone() })?;
            Ok(Host::new(member, &destination))
        });
        hosts.collect()
    }

    /// Brings files to hosts, to all at the same time, and writes into the registry which of them got theirs. `paths` has
    /// the files of each member.
    pub(super) fn bring(
        &self,
        hosts: &[Host],
        paths: &dyn Fn(&str) -> Vec<String>,
        how: &Hosts<'_>,
        lock: &mut Lock,
        operator: &mut dyn Operator,
    ) -> Result<(), OperationError> {
        let lines: Vec<String> = hosts
            .iter()
            .map(|host| placing(self.cluster, self.root(), host, &paths(&host.name), how.template))
            .collect();
        let answers = operator.run(&lines, how.wait);
        let snapshot = self.folder.public_snapshot();
        let (mut events, mut failed) = (Vec::new(), None);
        for (host, answer) in hosts.iter().zip(answers) {
            match answer {
                Ok(_) => {
                    let to = format!("{}@{}", host.user, host.address);
                    let own = paths(&host.name);
                    let public: Vec<String> =
                        own.into_iter().filter(|path| is_public(&snapshot, path)).collect();
                    events.push(RegistryEvent::placed(&snapshot, &host.name, &to, &public)?);
                }
                Err(why) => {
                    let member = host.name.clone();
                    failed.get_or_insert(OperationError::NotPlaced { member, why });
                }
            }
        }
        self.folder.register(lock, &events, operator.now())?;
        failed.map_or(Ok(()), Err)
    }

    /// Which of these files the hosts do not have as they are in the folder, in words. Private keys are left out.
    pub(super) fn different_on_hosts(
        &self,
        hosts: &[Host],
        paths: &dyn Fn(&str) -> Vec<String>,
        how: &Hosts<'_>,
        operator: &mut dyn Operator,
    ) -> Result<Vec<String>, OperationError> {
        let snapshot = self.folder.public_snapshot();
        let all: Vec<Vec<(String, String)>> =
            hosts.iter().map(|host| public_files(&snapshot, &host.name, &paths(&host.name))).collect();
        let command = |files: &Vec<(String, String)>| {
            let words: Vec<String> = files.iter().map(|(path, _)| word(path)).collect();
            // What is missing is seen by what it does not print.
            format!("sha256sum -- {} 2> /dev/null || true", words.join(" "))
        };
        let commands: Vec<String> = all.iter().map(command).collect();
        let answers = run_on(hosts, &commands, how, operator)?;
        let mut different = Vec::new();
        for ((host, files), answer) in hosts.iter().zip(&all).zip(answers) {
            let has = |path: &str, digest: &str| {
                answer.lines().any(|line| line.split_once("  ").is_some_and(|is| is == (digest, path)))
            };
            let other = files.iter().filter(|(path, digest)| !has(path, digest));
            different.extend(other.map(|(path, _)| {
                format!(
                    "{}: {path} on its host is not the file of this folder: somebody else puts files there",
                    host.name
                )
            }));
        }
        Ok(different)
    }

    /// Writes into the registry what was seen.
    pub(super) fn prove(
        &self,
        seen: &Observation,
        lock: &mut Lock,
        now: OffsetDateTime,
    ) -> Result<(), OperationError> {
        Ok(self.folder.register(lock, &seen.proofs(), now)?)
    }

    /// The line that copies the files of members, for a person.
    pub(super) fn copy_command(&self, members: &[String]) -> String {
        let script = word(&self.root().join("deploy.sh").to_string_lossy());
        format!("{script} --copy {}", members.join(" "))
    }
}

/// Whether a file was read without the private keys.
fn is_public(snapshot: &Snapshot, path: &str) -> bool {
    snapshot.entry(path).is_ok_and(|entry| entry.is_some())
}

/// The public files of a member among these: their paths on its host, and their digests.
fn public_files(snapshot: &Snapshot, member: &str, paths: &[String]) -> Vec<(String, String)> {
    let own = paths.iter().filter_map(|path| {
        let on_host = path.strip_prefix(&format!("{NODES}/{member}"))?;
        let entry = snapshot.entry(path).ok()??;
        Some((on_host.to_owned(), sha256(&entry.bytes)))
    });
    own.collect()
}
