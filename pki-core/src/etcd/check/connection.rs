//! The two ends of a connection, for findings that are about one.

use serde::Serialize;

/// A connection that a finding is about: who dials whom, with which certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Connection {
    /// Which kind of connection it is.
    pub kind: ConnectionKind,
    /// The certificate that the dialling side shows.
    pub shows: ShownCertificate,
    /// The names of those who dial; empty if anybody can.
    pub from: Vec<String>,
    /// The names of the members that listen.
    pub to: Vec<String>,
    /// The side that refuses; `null` if the connection succeeds, or fails for another reason.
    pub refused_by: Option<ConnectionSide>,
    /// A part of the line that etcd logs about it; empty if no such line is known.
    pub log: &'static str,
}

/// Who dials which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConnectionKind {
    /// A peer port is dialled, usually by another member.
    Peer,
    /// A client port is dialled, usually by a client.
    Client,
    /// The gRPC gateway of a member dials the client port of the same member.
    Gateway,
}

/// The certificate that the dialling side shows, by what it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ShownCertificate {
    /// A client's certificate.
    Client,
    /// A member's certificate for its client port.
    Server,
    /// A member's certificate for other members.
    Peer,
    /// A certificate that only the gRPC gateway of a member uses.
    Gateway,
    /// A certificate of a CA that no member knows.
    Untrusted,
    /// No certificate at all.
    None,
}

/// One of the two sides of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConnectionSide {
    /// The side that dials.
    Client,
    /// The side that listens.
    Server,
}

impl ConnectionKind {
    /// The certificate that the side which dials shows, if it shows its own.
    pub(crate) fn shows(self) -> ShownCertificate {
        match self {
            Self::Peer => ShownCertificate::Peer,
            Self::Client => ShownCertificate::Client,
            Self::Gateway => ShownCertificate::Gateway,
        }
    }

    /// The certificate that the side which listens shows, in words.
    pub(crate) fn served(self) -> &'static str {
        if self == Self::Peer { "peer" } else { "server" }
    }
}

impl ShownCertificate {
    /// Its name, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Peer => "peer",
            Self::Gateway => "gateway",
            Self::Untrusted => "untrusted",
            Self::None => "none",
        }
    }
}
