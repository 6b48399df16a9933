//! What came of it, for people and machines.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use super::fault::{Connection, Obstacle};
use crate::tls::Side;

/// What `cluster verify` found. Serialises to the JSON of `--json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The version of etcd whose rules were followed
    pub etcd: String,
    /// The moment that it is about
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The verdict in one sentence
    pub summary: String,
    /// Whether the cluster comes together, and what it survives
    pub verdict: Verdict,
    /// The members
    pub members: Vec<MemberReport>,
    /// Who can dial whom, in the order of the members: a row for each one that dials. In JSON a row is a text with a
    /// sign for each one that is dialled: `=` itself, `+` connects, `?` depends, `-` fails, `.` does not start
    #[serde(serialize_with = "signs")]
    pub mesh: Vec<Vec<Link>>,
    /// How many connections were tried
    pub tried: Tried,
    /// What does not come about though it should
    pub failures: Vec<Failure>,
    /// What depends on what the files do not tell
    pub unknown: Vec<Failure>,
    /// Certificates that open a port which they are kept from by the layout
    pub breaches: Vec<Visit>,
    /// Certificates that open a port which they were not made for, as the layout has it
    pub opens_also: Vec<Visit>,
    /// The first moment at which something that works now ends
    pub first_end: Option<FirstEnd>,
    /// What was taken for granted, and what was left out
    pub warnings: Vec<String>,
}

impl Verification {
    /// Whether there is nothing to mend.
    pub fn is_good(&self) -> bool {
        self.verdict.forms
            && self.verdict.survives_any_one
            && self.failures.is_empty()
            && self.breaches.is_empty()
            && self.members.iter().all(|member| member.starts)
    }
}

/// Whether a cluster comes together, and what it survives.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether a majority finds a leader
    pub forms: bool,
    /// Whether it goes on without any one of its members. A cluster of one does not have to.
    pub survives_any_one: bool,
    /// How many members decide
    pub majority: usize,
    /// Whose loss ends it, and why
    pub fatal_losses: Vec<Loss>,
    /// Who starts, and hears of no leader
    pub stranded: Vec<String>,
}

/// A member whose loss ends the cluster.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Loss {
    /// The member
    pub member: String,
    /// Pairs of the members left that cannot talk in either direction
    pub silent: Vec<(String, String)>,
}

/// A member.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberReport {
    /// Its name
    pub name: String,
    /// Whether etcd starts
    pub starts: bool,
    /// Why not
    pub faults: Vec<FaultReport>,
    /// The addresses that it is taken to come from when it dials others: the kernel chooses, and etcd compares them
    /// with its certificate
    pub comes_from: Vec<IpAddr>,
}

/// Why a member does not start.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FaultReport {
    /// Why
    pub reason: String,
    /// What to do about it
    pub hint: String,
}

/// Whether one member can dial another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// It is the member itself.
    Itself,
    /// It gets through.
    Connects,
    /// It gets through unless something that is not known here is in the way.
    Depends,
    /// It is refused.
    Fails,
    /// One of the two does not start.
    NotThere,
}

impl Link {
    /// One character for it.
    pub fn sign(self) -> char {
        match self {
            Self::Itself => '=',
            Self::Connects => '+',
            Self::Depends => '?',
            Self::Fails => '-',
            Self::NotThere => '.',
        }
    }
}

fn signs<S: Serializer>(mesh: &[Vec<Link>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(mesh.iter().map(|row| row.iter().map(|link| link.sign()).collect::<String>()))
}

/// How many connections were tried, of each kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[non_exhaustive]
pub struct Tried {
    /// Between members
    pub peers: usize,
    /// Of clients
    pub clients: usize,
    /// Of gRPC gateways
    pub gateways: usize,
    /// Of certificates where they should open nothing
    pub forbidden: usize,
}

/// Connections that fail for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// Which kind
    pub connection: Connection,
    /// Who dials
    pub from: Vec<String>,
    /// Who listens
    pub to: Vec<String>,
    /// Why not
    pub reason: String,
    /// Who refuses, if one of the two does
    pub refuses: Option<&'static str>,
    /// What etcd logs
    pub log: &'static str,
    /// What to do about it
    pub hint: Option<String>,
}

/// A certificate where it was not made for, or nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Visit {
    /// Which certificate comes: a `client`'s, a `server`'s, a `peer`'s, a `gateway`'s, a `stranger`'s, `nobody`'s
    pub visitor: &'static str,
    /// Whose it is
    pub of: Vec<String>,
    /// `peer` or `client`
    pub port: &'static str,
    /// The members whose port it opens
    pub members: Vec<String>,
}

/// The first end of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FirstEnd {
    /// The last moment at which all works
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The certificates that end then: by file, whose they are
    pub certificates: BTreeMap<String, Vec<String>>,
    /// A connection that ends with them
    pub connection: String,
}

/// One connection that does not come about.
pub(super) struct Failing {
    pub(super) connection: Connection,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) obstacle: Arc<Obstacle>,
}

/// Puts together what fails for the same reason: what one side dials, or what is dialled of one side.
pub(super) fn gather(failing: impl IntoIterator<Item = Failing>) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut places: HashMap<(Connection, Side, String, String, Option<String>), usize> = HashMap::new();
    for Failing { connection, from, to, obstacle } in failing {
        let reason = obstacle.to_string();
        let hint = obstacle.hint(connection, &from, &to);
        let key = |side, name: &String| (connection, side, name.clone(), reason.clone(), hint.clone());
        let (by_client, by_server) = (key(Side::Client, &from), key(Side::Server, &to));
        let place = |key| places.get(key).copied();
        if let Some(failure) = place(&by_client).and_then(|place| failures.get_mut(place))
            && failure.from.len() == 1
        {
            if !failure.to.contains(&to) {
                failure.to.push(to);
            }
            continue;
        }
        if let Some(failure) = place(&by_server).and_then(|place| failures.get_mut(place))
            && failure.to.len() == 1
        {
            failure.from.push(from);
            continue;
        }
        places.insert(by_client, failures.len());
        places.insert(by_server, failures.len());
        failures.push(Failure {
            connection,
            from: vec![from],
            to: vec![to],
            refuses: match &*obstacle {
                Obstacle::Refused(refusal) if refusal.by == Side::Client => Some("client"),
                Obstacle::Refused(_) => Some("server"),
                _ => None,
            },
            log: obstacle.log(),
            reason,
            hint,
        });
    }
    failures
}
