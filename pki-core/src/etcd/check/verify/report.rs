//! The result of `cluster verify`, for people and machines.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::check::connection::{Connection, ConnectionKind, ConnectionSide, ShownCertificate};
use crate::etcd::check::finding::{Finding, Severity};
use crate::etcd::check::verify::obstacle::Obstacle;
use crate::etcd::check::verify::rules;

/// What `cluster verify` found out. Serialises to the JSON of `--json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The version of etcd whose rules were followed.
    pub etcd: String,
    /// The moment at which the connections were tried.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The names of the cluster's members, or of the first of them.
    pub cluster: String,
    /// The verdict in one sentence.
    pub summary: String,
    /// Whether the cluster forms, and what it survives, if what it takes for granted is so.
    pub verdict: Verdict,
    /// What the verdict takes for granted, each as the rest of a sentence that begins with "if". Empty if nothing had to
    /// be assumed.
    pub assumes: Vec<String>,
    /// The verdict if nothing of that is so; `null` if nothing had to be assumed.
    pub otherwise: Option<Verdict>,
    /// The members.
    pub members: Vec<MemberReport>,
    /// Which member can dial which, in the order of the members, with a row for each member that dials. In JSON a row
    /// is a text with a sign for each member that is dialled: `=` itself, `+` connects, `?` depends on what the files
    /// do not tell, `-` fails, `.` does not start.
    #[serde(serialize_with = "signs")]
    pub mesh: Vec<Vec<Link>>,
    /// How many connections were tried.
    pub tried: Tried,
    /// What is wrong, errors first.
    pub findings: Vec<Finding>,
    /// Certificates that open a port that they were not made for, because the layout allows it.
    pub also_opens: Vec<Connection>,
    /// Files and folders of members and clients that the record no longer has, relative to the folder. They were not
    /// looked at.
    pub left_out: Vec<PathBuf>,
    /// The first moment at which something that works now ends.
    pub first_end: Option<FirstEnd>,
}

impl Verification {
    /// Whether the files decide everything, so that nothing depends on name servers, on what forwards connections, or on
    /// files that are not here.
    pub fn is_certain(&self) -> bool {
        let is_open = |finding: &Finding| rules::OPEN_RULES.iter().any(|rule| rule.id == finding.rule);
        !self.findings.iter().any(is_open)
    }

    /// Whether no finding is an error.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Whether a cluster forms, and what it survives.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether some member can become the leader.
    pub forms: bool,
    /// Whether the cluster survives the loss of any one of its members. A cluster of one does not have to.
    pub survives_any_one: bool,
    /// How many members make up a majority.
    pub majority: usize,
    /// The members whose loss the cluster does not survive.
    pub fatal_losses: Vec<Loss>,
    /// The members that start and hear of no leader.
    pub stranded: Vec<String>,
}

/// A member whose loss the cluster does not survive.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Loss {
    /// The name of the member.
    pub member: String,
    /// Pairs of the members that are left which cannot talk in either direction.
    pub silent: Vec<(String, String)>,
}

/// A member.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberReport {
    /// Its name.
    pub name: String,
    /// Whether etcd starts with its files. If it does not, findings with its name as the subject say why.
    pub starts: bool,
    /// The addresses that it is assumed to dial from. The kernel chooses one, and etcd compares it with the member's
    /// certificate.
    pub comes_from: Vec<IpAddr>,
}

/// Whether one member can dial another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// It is the member itself.
    Itself,
    /// The connection succeeds.
    Connects,
    /// The connection succeeds or fails depending on what the files do not tell.
    Depends,
    /// The connection fails.
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
    /// Connections between members.
    pub peers: usize,
    /// Connections of clients.
    pub clients: usize,
    /// Connections of gRPC gateways.
    pub gateways: usize,
    /// Connections that must fail.
    pub forbidden: usize,
}

/// The first moment at which something ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FirstEnd {
    /// The last moment at which everything works that works now.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The certificates that end then: their files, and who uses each of them.
    pub certificates: BTreeMap<String, Vec<String>>,
    /// A connection that fails from then on.
    pub connection: String,
}

/// One connection that fails or may fail.
pub(crate) struct Failing {
    pub(crate) kind: ConnectionKind,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) obstacle: Arc<Obstacle>,
}

/// Connections that fail for one reason.
struct FailedConnections {
    kind: ConnectionKind,
    from: Vec<String>,
    to: Vec<String>,
    obstacle: Arc<Obstacle>,
    remedy: Option<String>,
}

/// Makes a finding of all connections that fail for the same reason on one side: those that one party dials, or those
/// that are dialled at one member.
pub(crate) fn failed_connections(failing: impl IntoIterator<Item = Failing>) -> Vec<Finding> {
    let mut all: Vec<FailedConnections> = Vec::new();
    let mut places: HashMap<(ConnectionKind, ConnectionSide, String, String, Option<String>), usize> =
        HashMap::new();
    for Failing { kind, from, to, obstacle } in failing {
        let reason = obstacle.to_string();
        let remedy = obstacle.remedy(kind, &from, &to);
        let key = |side, name: &String| (kind, side, name.clone(), reason.clone(), remedy.clone());
        let (by_client, by_server) = (key(ConnectionSide::Client, &from), key(ConnectionSide::Server, &to));
        let place = |key| places.get(key).copied();
        if let Some(failed) = place(&by_client).and_then(|place| all.get_mut(place))
            && failed.from.len() == 1
        {
            if !failed.to.contains(&to) {
                failed.to.push(to);
            }
            continue;
        }
        if let Some(failed) = place(&by_server).and_then(|place| all.get_mut(place))
            && failed.to.len() == 1
        {
            failed.from.push(from);
            continue;
        }
        places.insert(by_client, all.len());
        places.insert(by_server, all.len());
        all.push(FailedConnections { kind, from: vec![from], to: vec![to], obstacle, remedy });
    }
    all.into_iter().map(FailedConnections::finding).collect()
}

impl FailedConnections {
    fn finding(self) -> Finding {
        let Self { kind, from, to, obstacle, remedy } = self;
        let subject = match kind {
            ConnectionKind::Peer => format!("{} to {}", some(&from), some(&to)),
            ConnectionKind::Client => format!("client {} to {}", some(&from), some(&to)),
            ConnectionKind::Gateway => format!("the gRPC gateway of {}", some(&to)),
        };
        let finding = obstacle.rule().finding(Place::default(), obstacle.to_string());
        let mut finding = finding.about(subject).remedy(remedy);
        let (refused_by, log) = (obstacle.refused_by(), obstacle.log());
        finding.connection = Some(Connection { kind, shows: kind.shows(), from, to, refused_by, log });
        finding
    }
}

/// A finding about a connection that succeeds and must not, in a cluster of `size` members.
pub(crate) fn breach(connection: Connection, size: usize) -> Finding {
    let rule = match connection.shows {
        ShownCertificate::None | ShownCertificate::Untrusted => rules::OPEN_TO_ALL,
        _ => rules::OPEN_TO_OTHERS,
    };
    let mut finding = rule.finding(Place::default(), connection.in_words(size));
    finding.connection = Some(connection);
    finding
}

impl Connection {
    /// A connection that succeeds, as in `the client certificate of root opens the peer port of every member`, in a
    /// cluster of `size` members.
    pub fn in_words(&self, size: usize) -> String {
        let certificate = match (self.shows, self.from.as_slice()) {
            (ShownCertificate::None, _) => "anybody without a certificate".to_owned(),
            (ShownCertificate::Untrusted, _) => "a certificate of a CA that no member knows".to_owned(),
            (shows, [one]) => format!("the {} certificate of {one}", shows.name()),
            (shows, all) => format!("the {} certificates of {}", shows.name(), some(all)),
        };
        let members = match self.to.len() {
            all if all == size && all > 1 => "every member".to_owned(),
            _ => some(&self.to),
        };
        let verb = if self.from.len() > 1 { "open" } else { "opens" };
        let port = if self.kind == ConnectionKind::Peer { "peer" } else { "client" };
        format!("{certificate} {verb} the {port} port of {members}")
    }
}

/// The number of names that are written one by one.
const MOST_NAMES: usize = 8;

/// The first of many names, and how many more there are.
pub(crate) fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}
