//! Who trusts which CA, and who can reach which port, for pictures of a cluster.

use crate::etcd::check::connection::{Connection, ConnectionKind};
use crate::etcd::check::verify::meeting::{Conditions, Outcome};
use crate::etcd::check::verify::member::{Listener, ListenerTls, Node, certificates};
use crate::etcd::check::verify::obstacle::Obstacle;
use crate::etcd::check::verify::report::{Link, Verification, some};
use crate::etcd::check::verify::{Connections, rules};

/// A port of a member: whom it trusts, and who can reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortTrust {
    /// The name of the member.
    pub member: String,
    /// Whether it is the peer port or the client port.
    pub kind: ConnectionKind,
    /// Whose certificates it accepts.
    pub accepts: Accepted,
    /// Who dials it, and how that ends.
    pub callers: Vec<PortCaller>,
}

/// Whose certificates a port accepts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Accepted {
    /// Nobody's, because the member does not start.
    DoesNotStart,
    /// It has no TLS.
    NoTls,
    /// It asks for no certificate.
    Anybody,
    /// Certificates of the CAs that the operating system trusts.
    System,
    /// Certificates of the CAs with these subjects.
    Authorities(Vec<String>),
}

/// Somebody who dials a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct PortCaller {
    /// Who it is, in words.
    pub name: String,
    /// How it ends.
    pub access: Access,
}

/// How a connection ends, and whether it should end so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Access {
    /// It succeeds, as it should.
    Intended,
    /// It succeeds because the layout allows it, although the certificate was not made for this port.
    Allowed,
    /// It succeeds and must not.
    Forbidden,
    /// It depends on what the files do not tell.
    Depends,
    /// It fails and should succeed.
    Fails,
}

impl Access {
    fn of_outcome(outcome: &Outcome) -> Self {
        match outcome.as_deref() {
            None => Self::Intended,
            Some(obstacle) if Obstacle::is_open(obstacle) => Self::Depends,
            Some(_) => Self::Fails,
        }
    }

    fn of_link(link: Link) -> Self {
        match link {
            Link::Connects | Link::Itself => Self::Intended,
            Link::Depends => Self::Depends,
            Link::Fails | Link::NotThere => Self::Fails,
        }
    }
}

impl Connections {
    /// The ports of all members. `verified` is what [`Self::verify`] found under the same conditions.
    pub fn ports(&self, conditions: Conditions<'_>, verified: &Verification) -> Vec<PortTrust> {
        let outcomes = self.outcomes(conditions);
        let mut ports = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            for kind in [ConnectionKind::Client, ConnectionKind::Peer] {
                let mut callers = match kind {
                    ConnectionKind::Peer => self.peer_callers(at, verified),
                    _ => self.client_callers(at, &outcomes),
                };
                callers.extend(uninvited(node, kind, verified));
                callers.sort();
                callers.dedup();
                let listener = if kind == ConnectionKind::Peer { &node.peer } else { &node.client };
                ports.push(PortTrust {
                    member: node.name.clone(),
                    kind,
                    accepts: if node.starts() { self.accepted(listener) } else { Accepted::DoesNotStart },
                    callers,
                });
            }
        }
        ports
    }

    fn accepted(&self, listener: &Listener) -> Accepted {
        let ListenerTls::Port(port) = listener.tls else {
            return if listener.tls == ListenerTls::None { Accepted::NoTls } else { Accepted::Anybody };
        };
        match self.parties.authorities_of_port(port) {
            _ if !self.parties.demands(port) => Accepted::Anybody,
            Some(bytes) => {
                let read = certificates(bytes);
                let mut subjects: Vec<String> =
                    read.iter().map(|certificate| certificate.subject().to_string()).collect();
                subjects.sort();
                subjects.dedup();
                Accepted::Authorities(subjects)
            }
            None => Accepted::System,
        }
    }

    /// The other members: as one if all of them end alike.
    fn peer_callers(&self, to: usize, verified: &Verification) -> Vec<PortCaller> {
        let rows = self.nodes.iter().zip(&verified.mesh).enumerate().filter(|(from, _)| *from != to);
        let all: Vec<PortCaller> = rows
            .filter_map(|(_, (node, row))| {
                let access = Access::of_link(*row.get(to)?);
                Some(PortCaller { name: format!("member {}", node.name), access })
            })
            .collect();
        match all.first() {
            Some(first) if all.iter().all(|caller| caller.access == first.access) => {
                vec![PortCaller { name: "every other member".to_owned(), access: first.access }]
            }
            _ => all,
        }
    }

    /// The clients, and the gateway. A client that has several URLs of a member needs one that works.
    fn client_callers(&self, to: usize, outcomes: &[Outcome]) -> Vec<PortCaller> {
        let mut callers: Vec<PortCaller> = Vec::new();
        for (attempt, outcome) in self.attempts.iter().zip(outcomes).filter(|(attempt, _)| attempt.to == to) {
            let name = match attempt.kind {
                ConnectionKind::Peer => continue,
                ConnectionKind::Client => format!("client {}", self.ends_of(attempt).0),
                ConnectionKind::Gateway => "its own gRPC gateway".to_owned(),
            };
            let access = Access::of_outcome(outcome);
            match callers.iter_mut().find(|caller| caller.name == name) {
                Some(caller) => caller.access = caller.access.min(access),
                None => callers.push(PortCaller { name, access }),
            }
        }
        callers
    }
}

/// Those who reach a port that is not for them.
fn uninvited(node: &Node, kind: ConnectionKind, verified: &Verification) -> Vec<PortCaller> {
    let allowed = verified.also_opens.iter().map(|connection| (connection, Access::Allowed));
    let breaches = verified
        .findings
        .iter()
        .filter(|finding| finding.rule == rules::OPEN_TO_ALL.id || finding.rule == rules::OPEN_TO_OTHERS.id);
    let breaches = breaches.filter_map(|finding| Some((finding.connection.as_ref()?, Access::Forbidden)));
    let here = |connection: &Connection| connection.kind == kind && connection.to.contains(&node.name);
    let all = allowed.chain(breaches).filter(|(connection, _)| here(connection));
    all.map(|(connection, access)| {
        let name = match connection.from.as_slice() {
            [] => format!("anybody ({} certificate)", connection.shows.name()),
            from => format!("{} certificate of {}", connection.shows.name(), some(from)),
        };
        PortCaller { name, access }
    })
    .collect()
}
