//! Why two that start do not connect: the facts, the words, and what to do.

use std::fmt;
use std::net::IpAddr;

use crate::etcd::check::connection::{ConnectionKind, ConnectionSide};
use crate::etcd::check::finding::Rule;
use crate::etcd::check::verify::rules;
use crate::tls::{NoStart, Reason, Refusal, Side};

/// Why a connection fails, or may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// One side refuses the other.
    Refused(Refusal),
    /// One side speaks TLS and the other does not.
    Scheme {
        /// The URL that is dialled.
        url: String,
        /// Whether the port speaks TLS.
        listens_with_tls: bool,
    },
    /// The URL that is dialled leads to a member that is not meant, by its name; or to the one that dials.
    OtherMember { url: String, member: String, is_itself: bool },
    /// The URL that is dialled leads to the port for clients instead of that for members, or the other way round.
    OtherPort { url: String, is_for_clients: bool },
    /// The two found clusters of their own, with different members or tokens.
    OtherCluster,
    /// The port has a certificate that etcd makes for itself at its start (`--auto-tls`), which nobody can know.
    SelfMade,
    /// The side that dials has files which it cannot load.
    Unusable(NoStart),
    /// Whether the connection fails depends on something that the files do not tell.
    Depends(Unknown),
}

/// Something that the files do not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The address that a member dials from.
    Source,
    /// Which of its addresses a member dials from. These are refused.
    WhichSource(Vec<IpAddr>),
    /// Which addresses name servers give for these names.
    Names(Vec<String>),
    /// What was not seen of one of the two, by its name.
    NotSeen(String),
    /// Whether something forwards connections from the URL that is dialled to the one that the member listens at.
    Forwarding { url: String, listener: String },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Scheme { url, listens_with_tls: true } => {
                write!(f, "{url} is dialled without TLS, and the port wants TLS")
            }
            Self::Scheme { url, listens_with_tls: false } => {
                write!(f, "{url} is dialled with TLS, and the port speaks plain HTTP")
            }
            Self::OtherMember { url, is_itself: true, .. } => {
                write!(f, "{url} leads to the member that dials it")
            }
            Self::OtherMember { url, member, .. } => write!(f, "{url} leads to {member}"),
            Self::OtherPort { url, is_for_clients: true } => {
                write!(f, "{url} is dialled for members, and it leads to the port for clients")
            }
            Self::OtherPort { url, .. } => {
                write!(f, "{url} is dialled for clients, and it leads to the port for members")
            }
            Self::OtherCluster => f.write_str(
                "they found different clusters: initial-cluster or initial-cluster-token is not the same",
            ),
            Self::SelfMade => f.write_str("the port's certificate is one that etcd makes for itself"),
            Self::Unusable(why) => why.fmt(f),
            Self::Depends(unknown) => unknown.fmt(f),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str(
                "the address that it dials from is not known here: its certificate has to be for that address, or for a \
                 name that name servers connect with it",
            ),
            Self::WhichSource(refused) => {
                write!(f, "it is refused if it dials from {}", list(refused))
            }
            Self::Names(names) => {
                write!(f, "the addresses that name servers give for {} are not known here", names.join(", "))
            }
            Self::NotSeen(member) => write!(f, "not all of {member} was seen"),
            Self::Forwarding { url, listener } => {
                write!(f, "{url} is dialled, and the member listens at {listener}")
            }
        }
    }
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

impl Obstacle {
    /// The rule that it is a finding of.
    pub(crate) fn rule(&self) -> &'static Rule {
        match self {
            Self::Refused(refusal) => rule_of(&refusal.reason),
            Self::Scheme { .. } => rules::SCHEME,
            Self::OtherMember { .. } | Self::OtherPort { .. } => rules::LEADS_ELSEWHERE,
            Self::OtherCluster => rules::OTHER_CLUSTER,
            Self::SelfMade => rules::SELF_MADE,
            Self::Unusable(_) => rules::UNUSABLE,
            Self::Depends(Unknown::Source | Unknown::WhichSource(_)) => rules::SOURCE_UNKNOWN,
            Self::Depends(Unknown::Names(_)) => rules::NAMES_UNKNOWN,
            Self::Depends(Unknown::Forwarding { .. }) => rules::FORWARDING,
            Self::Depends(Unknown::NotSeen(_)) => rules::FILE_NOT_SEEN,
        }
    }

    /// The side that refuses the other; `None` if neither does.
    pub(crate) fn refused_by(&self) -> Option<ConnectionSide> {
        match self {
            Self::Refused(Refusal { by: Side::Client, .. }) => Some(ConnectionSide::Client),
            Self::Refused(Refusal { by: Side::Server, .. }) => Some(ConnectionSide::Server),
            _ => None,
        }
    }

    /// A part of the line that the side which refuses logs, in etcd's own words; empty if there is none.
    pub(crate) fn log(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason.log(),
            Self::Scheme { listens_with_tls: true, .. } => {
                "tls: first record does not look like a TLS handshake"
            }
            Self::Scheme { .. } => "http: server gave HTTP response to HTTPS client",
            Self::SelfMade => "x509: certificate signed by unknown authority",
            Self::Unusable(why) => why.log(),
            Self::OtherCluster => "cluster ID mismatch",
            Self::OtherMember { .. } | Self::OtherPort { .. } | Self::Depends(_) => "",
        }
    }

    /// Whether the connection may succeed none the less.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Depends(_))
    }

    /// What a verdict takes for granted if the connection may fail, as the rest of a sentence that begins with "if".
    pub(crate) fn assumption(&self) -> Option<String> {
        match self {
            Self::Depends(Unknown::Forwarding { url, listener }) => {
                Some(format!("{url} leads to {listener}"))
            }
            // What was not seen of a member is told of the member.
            Self::Depends(Unknown::NotSeen(_)) => None,
            Self::Depends(Unknown::Source | Unknown::WhichSource(_)) => {
                Some("members dial from addresses that their certificates are for".to_owned())
            }
            Self::Depends(Unknown::Names(_)) => Some(
                "name servers give the addresses of the members for the names in their certificates"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// What to do about it, where `from` dials and `to` listens; `None` if the rule says enough.
    pub(crate) fn remedy(&self, kind: ConnectionKind, from: &str, to: &str) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(remedy_of(refusal, kind, from, to)),
            Self::Scheme { .. }
            | Self::SelfMade
            | Self::OtherMember { .. }
            | Self::OtherPort { .. }
            | Self::OtherCluster
            | Self::Depends(Unknown::Forwarding { .. } | Unknown::NotSeen(_)) => None,
            Self::Unusable(_) => Some(format!("issue the certificate of {from} again")),
            Self::Depends(Unknown::Names(_)) => {
                Some(format!("put the addresses of {from} into its {} certificate", shown(kind)))
            }
            Self::Depends(_) => {
                Some(format!("put every address of {from} into its {} certificate", shown(kind)))
            }
        }
    }
}

/// The rule that a refusal for a reason is a finding of.
fn rule_of(reason: &Reason) -> &'static Rule {
    match reason {
        Reason::BadSignature { .. }
        | Reason::NameConstraint { .. }
        | Reason::NameEncoding { .. }
        | Reason::NotACa { .. }
        | Reason::PathLength { .. }
        | Reason::SystemAuthorities { .. }
        | Reason::TooManyCandidates
        | Reason::UnknownAuthority { .. } => rules::CHAIN,
        Reason::IpAsDnsName { .. }
        | Reason::LegacyCommonName { .. }
        | Reason::SourceAddress { .. }
        | Reason::WrongName { .. } => rules::NAME,
        Reason::Expired { .. } | Reason::NotYetValid { .. } => rules::TIME,
        Reason::ExtendedKeyUsage { .. } => rules::USAGE,
        Reason::NotAllowed { .. } => rules::NOT_ALLOWED,
        Reason::NoCertificate => rules::NO_CERTIFICATE,
        Reason::Revoked { .. } | Reason::RevocationList { .. } => rules::REVOCATION,
        Reason::KeyTooLarge { .. }
        | Reason::KeyTooSmall { .. }
        | Reason::ProtocolVersion
        | Reason::Tls { .. }
        | Reason::UnhandledCriticalExtension { .. }
        | Reason::Unreadable(_)
        | Reason::UnsupportedKey { .. }
        | Reason::UnusableKey { .. }
        | Reason::WeakSignature { .. } => rules::NOT_ACCEPTED,
    }
}

/// The certificate that the side which dials shows, in words.
fn shown(kind: ConnectionKind) -> &'static str {
    kind.shows().name()
}

fn remedy_of(refusal: &Refusal, kind: ConnectionKind, from: &str, to: &str) -> String {
    let (shown, served) = (shown(kind), kind.served());
    // Whose certificate it is about, and what it is called.
    let (owner, certificate) = match refusal.by {
        Side::Client => (to, served),
        Side::Server => (from, shown),
    };
    let judges = match refusal.by {
        Side::Client => format!("those who dial {to}"),
        Side::Server => format!("those that {from} dials"),
    };
    match &refusal.reason {
            Reason::SourceAddress { address, .. } => format!(
                "put {address} into the {shown} certificate of {from}: etcd compares it with the address that a peer dials from"
            ),
            Reason::WrongName { host, .. } | Reason::LegacyCommonName { host } | Reason::IpAsDnsName { host } => {
                let kind = if host.parse::<IpAddr>().is_ok() { "IP address" } else { "DNS name" };
                format!("put {host} as {kind} into the {served} certificate of {to}")
            }
            Reason::ExtendedKeyUsage { wanted: Side::Client, .. } if kind == ConnectionKind::Gateway => {
                "give the gateway a certificate of its own with clientAuth (client-cert-file, etcd 3.5), or turn it off: \
                 enable-grpc-gateway=false"
                    .to_owned()
            }
            Reason::ExtendedKeyUsage { wanted, .. } => {
                format!("issue the {certificate} certificate of {owner} with the usage {wanted}Auth")
            }
            Reason::NotAllowed { .. } if kind == ConnectionKind::Gateway => {
                "client-cert-allowed-hostname always ends the gateway: turn it off with enable-grpc-gateway=false"
                    .to_owned()
            }
            Reason::NotAllowed { allowed, .. } => {
                format!("put {} into the {certificate} certificate of {owner}, or allow what it has", list(allowed))
            }
            Reason::BadSignature { authority, .. } | Reason::NameEncoding { authority, has_same_key: false, .. } => format!(
                "there are two CAs with the name {authority}: find out which of them the cluster uses; issue the \
                 {certificate} certificate of {owner} by that one, or have {judges} trust both while you replace it"
            ),
            Reason::NameEncoding { .. } => format!(
                "have {judges} trust the CA as it was when it issued the certificate, or issue the {certificate} \
                 certificate of {owner} again; renew a CA only so that its name keeps its bytes"
            ),
            Reason::UnknownAuthority { .. } => format!(
                "issue the {certificate} certificate of {owner} by a CA that {judges} trust, or have them trust its CA"
            ),
            Reason::SystemAuthorities { .. } => "name the cluster's CA: trusted-ca-file, peer-trusted-ca-file".to_owned(),
            Reason::Expired { .. } => format!("renew the {certificate} certificate of {owner}, or its CA"),
            Reason::NotYetValid { .. } => {
                "compare the clock with that of the machine which issued the certificate".to_owned()
            }
            Reason::NoCertificate => format!("give {from} a certificate"),
            Reason::RevocationList { .. } => format!("give {to} a revocation list, an empty one if need be"),
            Reason::Revoked { .. } => format!("issue the {shown} certificate of {from} again"),
            _ => format!("issue the {certificate} certificate of {owner} again"),
    }
}
