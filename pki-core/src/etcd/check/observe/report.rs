//! What was observed, as values and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::etcd::check::finding::Finding;
use crate::etcd::check::observe::rules;
use crate::etcd::folder::registry::RegistryEvent;

/// What was seen of the members of a cluster at one moment. Serialises to the JSON of `cluster observe --json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Observation {
    /// The name of the cluster; `null` if the folder has no record.
    pub cluster: Option<String>,
    /// The version of etcd that the files are for.
    pub etcd: String,
    /// The moment of looking.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// How it stands.
    pub situation: Situation,
    /// The members, by name.
    pub members: Vec<MemberObservation>,
    /// What is wrong, errors first.
    pub findings: Vec<Finding>,
}

/// How it stands with a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Situation {
    /// All members run, and show what the files say.
    AsRecorded,
    /// Something waits for a restart, a copy or a person. Nothing is in danger.
    Waits,
    /// Something is wrong: no member should be stopped now.
    NotSafe,
}

/// What was seen of one member.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberObservation {
    /// Its name.
    pub name: String,
    /// `leader`, `follower` or `learner`; `null` if it is not known.
    pub role: Option<&'static str>,
    /// Its identifier in the cluster, in hexadecimal.
    pub id: Option<String>,
    /// The version of etcd that runs.
    pub version: Option<String>,
    /// When the process began.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    /// Whether it is healthy by its own words; `null` if it has not said so.
    pub healthy: Option<bool>,
    /// By how many seconds its clock is later than the clock here; `null` if it is not known.
    pub clock_difference: Option<i64>,
    /// Whether it has a connection with each other member, by name. Members of which this is not known are left out.
    pub connected: BTreeMap<String, bool>,
    /// How many proposals of the cluster it has applied.
    pub applied: Option<u64>,
    /// The port for clients.
    pub client: PortObservation,
    /// The port for other members.
    pub peer: PortObservation,
    /// Whether it waits for a restart: its files have changed since it began.
    pub waits_for_restart: bool,
}

/// What was seen of one port.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct PortObservation {
    /// The URL that was tried.
    pub url: Option<String>,
    /// Why nothing is known; `null` if it has answered.
    pub no_answer: Option<String>,
    /// Whether it speaks without TLS.
    pub plaintext: bool,
    /// The serial number of the certificate that it shows, in decimal.
    pub serial: Option<String>,
    /// The issuer of that certificate.
    pub issuer: Option<String>,
    /// When that certificate ends.
    #[serde(with = "time::serde::rfc3339::option")]
    pub not_after: Option<OffsetDateTime>,
    /// How many certificates it shows: its own, and those of CAs above it.
    pub chain: usize,
    /// Whether it is the certificate that the files have; `null` if one of both is not known.
    pub serves_its_file: Option<bool>,
    /// Whether it is for the key of the certificate that the files have; `None` if one of both is not known.
    #[serde(skip)]
    pub has_key_of_its_file: Option<bool>,
    /// The names of the CAs whose certificates it accepts; `null` if it asks for no certificate, or has not answered.
    pub accepts: Option<Vec<String>>,
    /// Whether these are the CAs of its files, byte for byte; `null` if one of both is not known.
    pub accepts_its_file: Option<bool>,
}

impl Observation {
    /// The situation that follows from findings.
    pub(crate) fn situation_of(findings: &[Finding]) -> Situation {
        let of = |finding: &Finding| match rules::waits(finding.rule) {
            true => Situation::Waits,
            false => Situation::NotSafe,
        };
        findings.iter().map(of).max().unwrap_or(Situation::AsRecorded)
    }

    /// The findings that make it unsafe to stop a member.
    pub fn dangers(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !rules::waits(finding.rule))
    }

    /// For each member whose ports both show the certificates of their files: that they do, for the registry.
    pub fn proofs(&self) -> Vec<RegistryEvent> {
        let is_proved = |member: &&MemberObservation| {
            [&member.client, &member.peer].iter().all(|port| port.serves_its_file == Some(true))
        };
        let event = |member: &MemberObservation| RegistryEvent::Proved {
            member: member.name.clone(),
            started: member.started.map(|moment| moment.replace_nanosecond(0).unwrap_or(moment)),
            client: member.client.serial.clone(),
            peer: member.peer.serial.clone(),
        };
        self.members.iter().filter(is_proved).map(event).collect()
    }

    /// A member by its name.
    pub fn member(&self, name: &str) -> Option<&MemberObservation> {
        self.members.iter().find(|member| member.name == name)
    }
}

impl Situation {
    /// A word for it, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsRecorded => "as-recorded",
            Self::Waits => "waits",
            Self::NotSafe => "not-safe",
        }
    }
}
