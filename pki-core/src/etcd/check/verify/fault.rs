//! Why a member does not start, and why two that start do not come together: facts, words, and what to do.

use std::fmt;
use std::net::IpAddr;

use crate::etcd::found::{SHORTEN, TOO_LARGE};
use crate::tls::{NoStart, Reason, Refusal, Side};

/// Why etcd ends instead of starting, as far as trust decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `--...-allowed-cn` and `--...-allowed-hostname` at once.
    TwoAllowLists,
    /// The file of CAs cannot be used.
    Authorities {
        /// The file.
        file: String,
        /// Why.
        why: NoStart,
    },
    /// A file is named, and it is not where it should be.
    Missing {
        /// The option that names it.
        option: &'static str,
        /// The file.
        file: String,
    },
    /// A file is named that is outside of what was looked at.
    NotSeen {
        /// The option that names it.
        option: &'static str,
        /// The file.
        file: String,
    },
    /// A file is named that is too large to be read.
    TooLarge {
        /// The option that names it.
        option: &'static str,
        /// The file.
        file: String,
    },
    /// A certificate without its key's file, or the other way round.
    HalfAPair {
        /// The option that is set.
        set: &'static str,
        /// The option that is not.
        unset: &'static str,
    },
    /// The certificate or its key cannot be used.
    Identity {
        /// The certificate's file.
        file: String,
        /// Why.
        why: NoStart,
    },
    /// It is to listen with TLS and has no certificate.
    NoCertificate {
        /// Where it is to listen.
        url: String,
        /// The option that is not set.
        option: &'static str,
    },
    /// What it is told is outside of what was looked at, so nothing is known of it.
    SettingsNotSeen {
        /// Where it is told of.
        place: String,
    },
    /// Its name is not among those of `initial-cluster`.
    NotInInitialCluster {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoAllowLists => f.write_str("allowed-cn and allowed-hostname exclude each other"),
            Self::Authorities { file, why } | Self::Identity { file, why } => write!(f, "{file}: {why}"),
            Self::Missing { option, file } => write!(f, "{option}: {file} is not there"),
            Self::NotSeen { option, file } => write!(f, "{option}: {file} is outside of what was given"),
            Self::TooLarge { option, file } => write!(f, "{option}: {file} was {TOO_LARGE}"),
            Self::HalfAPair { set, unset } => write!(f, "{set} is set and {unset} is not"),
            Self::NoCertificate { url, option } => {
                write!(f, "it is to listen on {url}, and {option} is not set")
            }
            Self::SettingsNotSeen { place } => {
                write!(f, "{place} names settings that are outside of what was given")
            }
            Self::NotInInitialCluster { name } => write!(f, "initial-cluster does not name {name}"),
        }
    }
}

impl Fault {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::TwoAllowLists => "keep one of the two".to_owned(),
            Self::Authorities { .. } => "the file is for certificates of CAs only".to_owned(),
            Self::Missing { file, .. } => format!("put {file} there, or name another file"),
            Self::NotSeen { .. } => "name a folder that has all files of the member".to_owned(),
            Self::TooLarge { .. } => SHORTEN.to_owned(),
            Self::HalfAPair { unset, .. } => format!("set {unset} too"),
            Self::Identity { why: NoStart::KeyMismatch, .. } => {
                "put the certificate and its own key beside each other".to_owned()
            }
            Self::Identity { why: NoStart::EncryptedKey, .. } => {
                "decrypt the key: nobody is there to type a password".to_owned()
            }
            Self::Identity { .. } => "issue it anew, with an ECDSA, Ed25519 or RSA key".to_owned(),
            Self::NoCertificate { option, .. } => format!("set {option} and its key, or listen without TLS"),
            Self::SettingsNotSeen { .. } => {
                "name a folder that has the units, environment and configuration files of the hosts"
                    .to_owned()
            }
            Self::NotInInitialCluster { .. } => {
                "name the member in initial-cluster as it names itself".to_owned()
            }
        }
    }
}

/// Why a connection does not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// One side refuses the other.
    Refused(Refusal),
    /// One side speaks TLS and the other does not.
    Scheme {
        /// What was dialled.
        url: String,
        /// Whether the port speaks TLS.
        listens_with_tls: bool,
    },
    /// The port has a certificate that etcd makes for itself at its start (`--auto-tls`), which nobody can know.
    SelfMade,
    /// It cannot be used: the side that dials has files which it cannot load.
    Unusable(NoStart),
    /// It depends on what is not known here.
    Depends(Unknown),
}

/// What was not known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// The address that a member comes from.
    Source,
    /// Which of its addresses a member comes from; those that are refused.
    WhichSource(Vec<IpAddr>),
    /// What name servers say.
    Names(Vec<String>),
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
                "where it comes from is not known here: its certificate has to be for that address, or for a name that \
                 name servers connect with it",
            ),
            Self::WhichSource(refused) => {
                write!(f, "it is refused if it comes from {}", list(refused))
            }
            Self::Names(names) => {
                write!(f, "what name servers say of {} is not known here", names.join(", "))
            }
        }
    }
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// Which kind of connection it is, for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Connection {
    /// A member dials another's peer port.
    Peer,
    /// A client dials a member's client port.
    Client,
    /// A member's gRPC gateway dials its own client port.
    Gateway,
}

impl Connection {
    /// The certificate that the one who dials shows.
    fn shown(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Client => "client",
            Self::Gateway => "gateway",
        }
    }

    /// The certificate of the port.
    fn served(self) -> &'static str {
        if self == Self::Peer { "peer" } else { "server" }
    }
}

impl Obstacle {
    /// etcd's words for it, as they stand in the log of who refuses; empty if there are none.
    pub fn log(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason.log(),
            Self::Scheme { listens_with_tls: true, .. } => {
                "tls: first record does not look like a TLS handshake"
            }
            Self::Scheme { .. } => "http: server gave HTTP response to HTTPS client",
            Self::SelfMade => "x509: certificate signed by unknown authority",
            Self::Unusable(why) => why.log(),
            Self::Depends(_) => "",
        }
    }

    /// Whether it may come about none the less.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Depends(_))
    }

    /// What to do about it, for `from` who dials and `to` who listens.
    pub(super) fn hint(&self, connection: Connection, from: &str, to: &str) -> Option<String> {
        let (shown, served) = (connection.shown(), connection.served());
        let refusal = match self {
            Self::Refused(refusal) => refusal,
            Self::Scheme { .. } => {
                return Some("use https, or http, for listening, advertising and dialling alike".to_owned());
            }
            Self::SelfMade => return Some("give every member a certificate of the cluster's CA".to_owned()),
            Self::Unusable(_) => return Some(format!("issue the certificate of {from} anew")),
            Self::Depends(Unknown::Names(_)) => {
                return Some(format!("put the addresses of {from} into its {shown} certificate"));
            }
            Self::Depends(_) => {
                return Some(format!("put every address of {from} into its {shown} certificate"));
            }
        };
        // Whose certificate it is about, and how it is called.
        let (owner, certificate) = match refusal.by {
            Side::Client => (to, served),
            Side::Server => (from, shown),
        };
        let judges = match refusal.by {
            Side::Client => format!("those who dial {to}"),
            Side::Server => format!("those that {from} dials"),
        };
        Some(match &refusal.reason {
            Reason::SourceAddress { address, .. } => format!(
                "put {address} into the {shown} certificate of {from}: etcd compares it with where a peer comes from"
            ),
            Reason::WrongName { host, .. } | Reason::LegacyCommonName { host } | Reason::IpAsDnsName { host } => {
                let kind = if host.parse::<IpAddr>().is_ok() { "IP address" } else { "DNS name" };
                format!("put {host} as {kind} into the {served} certificate of {to}")
            }
            Reason::ExtendedKeyUsage { wanted: Side::Client, .. } if connection == Connection::Gateway => {
                "give the gateway a certificate of its own with clientAuth (client-cert-file, etcd 3.5), or turn it off: \
                 enable-grpc-gateway=false"
                    .to_owned()
            }
            Reason::ExtendedKeyUsage { wanted, .. } => {
                format!("issue the {certificate} certificate of {owner} with the usage {wanted}Auth")
            }
            Reason::NotAllowed { .. } if connection == Connection::Gateway => {
                "client-cert-allowed-hostname always ends the gateway: turn it off with enable-grpc-gateway=false"
                    .to_owned()
            }
            Reason::NotAllowed { allowed, .. } => {
                format!("put {} into the {certificate} certificate of {owner}, or allow what it has", list(allowed))
            }
            Reason::UnknownAuthority { .. } | Reason::BadSignature { .. } => format!(
                "issue the {certificate} certificate of {owner} by a CA that {judges} trust, or have them trust its CA"
            ),
            Reason::SystemAuthorities { .. } => "name the cluster's CA: trusted-ca-file, peer-trusted-ca-file".to_owned(),
            Reason::Expired { .. } => format!("renew the {certificate} certificate of {owner}, or its CA"),
            Reason::NotYetValid { .. } => {
                "compare the clock with that of the machine which issued the certificate".to_owned()
            }
            Reason::NoCertificate => format!("give {from} a certificate"),
            Reason::RevocationList { .. } => format!("give {to} a revocation list, an empty one if need be"),
            Reason::Revoked { .. } => format!("issue the {shown} certificate of {from} anew"),
            _ => format!("issue the {certificate} certificate of {owner} anew"),
        })
    }
}
