//! What is foreseen, as values and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::etcd::check::finding::Finding;
use crate::etcd::check::observe::Situation;

/// What a restart of each member would bring. Serialises to the JSON of `cluster forecast --json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// The name of the cluster; `null` if the folder has no record.
    pub cluster: Option<String>,
    /// The version of etcd that the files are for.
    pub etcd: String,
    /// The moment of looking.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// `as-recorded` if each member may restart, `waits` if it is not known, `not-safe` if one may not.
    pub situation: Situation,
    /// The members, by name.
    pub members: Vec<MemberForecast>,
    /// What would go wrong, errors first.
    pub findings: Vec<Finding>,
}

/// What a restart of one member would bring.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberForecast {
    /// Its name.
    pub name: String,
    /// What would happen.
    pub prospect: Prospect,
    /// The connection with each other member.
    pub links: BTreeMap<String, Link>,
    /// The facts that this follows from.
    pub why: Vec<String>,
    /// What to do before the restart.
    pub cure: Vec<String>,
}

/// What would happen to a member that restarts, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Prospect {
    /// It comes back.
    Fine,
    /// It is not known, because another member does not answer.
    Unknown,
    /// It comes back, and refuses the client as which it is asked.
    RefusesClients,
    /// It comes back, and has no connection with some members.
    Apart,
    /// It starts, and finds no majority.
    Isolated,
    /// It does not start.
    NoStart,
}

/// The connection between a member after its restart and one that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Link {
    /// They accept each other.
    Works,
    /// One refuses the other.
    Refused,
    /// It is not known.
    Unknown,
}

impl Prospect {
    /// What would happen, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fine => "comes back",
            Self::Unknown => "not known",
            Self::RefusesClients => "refuses clients",
            Self::Apart => "loses some members",
            Self::Isolated => "is isolated",
            Self::NoStart => "does not start",
        }
    }
}
