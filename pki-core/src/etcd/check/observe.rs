//! Looks at the members of a cluster that run, and compares what they show and tell with the files of the cluster.
//!
//! [`Running::read`] takes the members from a folder, [`Running::observe`] looks at them, and [`Running::judge`] is the
//! part of that which needs no network.

mod expected;
mod judge;
mod prometheus;
mod report;
mod rules;

use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;

pub use prometheus::prometheus;
pub use report::{MemberObservation, Observation, PortObservation, Situation};
pub(crate) use rules::{RULES, hinders_placing, hinders_renewal, is_cured_by_restart, is_former};

use crate::etcd::cluster::InitialClusterState;
use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::path::CLIENTS;
use crate::etcd::error::Error;
use crate::etcd::folder::record::Record;
use crate::etcd::found::{Files, Found, ReadError, entry, record_of};
use crate::etcd::live::{self, SeenMember, Target};
use crate::etcd::option::version::EtcdVersion;
use crate::tls::{Identity, Leniency};
use crate::x509::certificate::Certificate;
pub(crate) use expected::{Expected, ExpectedPort};

/// The members of a cluster that are expected to run, as their files say.
#[derive(Debug)]
pub struct Running {
    pub(crate) version: EtcdVersion,
    pub(crate) record: Option<Record>,
    pub(crate) members: Vec<Expected>,
    pub(crate) identity: Option<Identity>,
}

impl Running {
    /// Reads the folder that `apply` made, or another folder with the files of members. The client with this name is the
    /// one as which members are asked; without it they tell less.
    ///
    /// # Errors
    /// If the folder does not exist, cannot be read, or has no member in it.
    pub fn read(
        folder: &Path,
        version: EtcdVersion,
        client: &str,
        files: &dyn Files,
    ) -> Result<Self, ReadError> {
        let found = Found::read(&[folder.to_owned()], version, files)?;
        let record = record_of(folder, files)?;
        let mut members = Vec::new();
        for (host, member) in found.distinct_members() {
            members.push(Expected::read(folder, host, member, version, record.as_ref(), files)?);
        }
        if members.is_empty() {
            return Err(ReadError::NoMember { path: folder.to_owned() });
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let identity = identity(folder, client, files)?;
        Ok(Self { version, record, members, identity })
    }

    /// Whether there is a client as which members can be asked.
    pub fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Where ssh reaches the host of a member: as its description says, or as root at the host of its client URL.
    pub fn destination(&self, member: &str) -> Option<String> {
        let member = self.members.iter().find(|other| other.name == member)?;
        let usual = || Some(format!("root@{}", member.target.client.first()?.host));
        member.ssh.clone().or_else(usual)
    }

    /// Whether a unit of systemd starts a member.
    pub fn has_unit(&self, member: &str) -> bool {
        self.members.iter().any(|other| other.name == member && other.has_unit)
    }

    /// Whether the record says that a member joins a cluster that is there, and does not found one.
    pub fn joins(&self, member: &str) -> bool {
        let starts = self.record.iter().flat_map(|record| &record.members);
        let mut own = starts.filter(|start| start.member == member);
        own.any(|start| start.state == InitialClusterState::Existing)
    }

    /// What a member names at its first start, if the record says so.
    pub(crate) fn start(&self, member: &str) -> Option<&Start> {
        self.record.as_ref()?.members.iter().find(|start| start.member == member)
    }

    /// The URL at which clients reach a member.
    pub fn client_url(&self, member: &str) -> Option<String> {
        let member = self.members.iter().find(|other| other.name == member)?;
        member.target.client.first().map(ToString::to_string)
    }

    /// The URLs at which other members reach a member.
    pub fn peer_urls(&self, member: &str) -> Option<Vec<String>> {
        let member = self.members.iter().find(|other| other.name == member)?;
        Some(member.target.peer.iter().map(ToString::to_string).collect())
    }

    /// The names of the members, in the order of observations.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// Looks at all members at once. The answer comes within `limit`, or shortly after it. `now` is the moment at which
    /// this is called.
    pub fn look(&self, now: OffsetDateTime, limit: Duration) -> Vec<SeenMember> {
        let targets: Vec<Target> = self.members.iter().map(|member| member.target.clone()).collect();
        live::look_at_all(&targets, self.identity.as_ref(), now, limit)
    }

    /// Looks at all members, and compares what is seen with the files.
    pub fn observe(&self, now: OffsetDateTime, limit: Duration) -> Observation {
        self.judge(&self.look(now, limit), now)
    }

    /// Compares what was seen of the members with the files. `seen` has them in the order of [`Self::names`].
    pub fn judge(&self, seen: &[SeenMember], now: OffsetDateTime) -> Observation {
        judge::Judge::new(self, seen, now).observation()
    }
}

/// The certificate and key of a client, by the content of the files in its folder: `apply` lets their names be chosen.
fn identity(folder: &Path, client: &str, files: &dyn Files) -> Result<Option<Identity>, Error> {
    let folder = folder.join(CLIENTS).join(client);
    if files.entry(&folder)?.is_none() {
        return Ok(None);
    }
    let (mut certificates, mut keys) = (Vec::new(), Vec::new());
    for name in files.names(&folder)? {
        let Ok(Some(entry)) = entry(&folder.join(name), files)? else { continue };
        let is_leaf = Certificate::read_all(&entry.bytes).is_ok_and(|all| {
            all.first()
                .is_some_and(|first| !first.basic_constraints().is_some_and(|constraints| constraints.ca))
        });
        if is_leaf {
            certificates.push(entry.bytes.clone());
        }
        if crate::x509::PrivateKey::read(&entry.bytes, None).is_ok() {
            keys.push(entry.bytes);
        }
    }
    let pairs = certificates.iter().flat_map(|certificate| keys.iter().map(move |key| (certificate, key)));
    Ok(pairs
        .filter_map(|(certificate, key)| Identity::read(certificate, key, Leniency::default()).ok())
        .next())
}

#[cfg(test)]
mod tests;
