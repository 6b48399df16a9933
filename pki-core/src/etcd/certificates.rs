//! Which certificates a cluster needs, and what each must say. Names are derived, never typed twice.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use time::Duration;

use super::cluster::{Cluster, Member};
use super::label::Label;
use super::layout::Pair;
use crate::error::Error;
use crate::key::KeyAlgorithm;
use crate::name::{Name, Subject};
use crate::oid;
use crate::policy::Profile;
use crate::subject_alt_name::SubjectAltNames;
use crate::usage::KeyUsage;

/// Which certificate of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateId {
    /// The CA's own
    Ca,
    /// A client's
    Client(Label),
    /// A member's, for other members
    Peer(Label),
    /// A member's, for clients
    Server(Label),
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca => f.write_str("ca"),
            Self::Client(client) => write!(f, "client {client}"),
            Self::Peer(member) => write!(f, "{member} peer"),
            Self::Server(member) => write!(f, "{member} server"),
        }
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Client authentication only.
    Client,
    /// Server and client authentication: members dial each other.
    Peer,
    /// Server authentication, and client authentication because etcd's gRPC gateway dials the member itself
    /// with this certificate (etcd, server/embed/etcd.go, `grpcGatewayDial`).
    Server,
}

/// A certificate that a cluster needs.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) id: CertificateId,
    pub(super) purpose: Purpose,
    pub(super) subject: Name,
    pub(super) names: SubjectAltNames,
    pub(super) key: KeyAlgorithm,
    pub(super) pair: Pair,
}

impl Cluster {
    /// The subject of the CA.
    pub(super) fn ca_subject(&self) -> Result<Name, Error> {
        self.subject_of(format!("{} etcd CA", self.name))
    }

    fn subject_of(&self, common_name: String) -> Result<Name, Error> {
        let list = |field: &Option<String>| field.iter().cloned().collect();
        Subject {
            country: list(&self.subject.country),
            province: list(&self.subject.province),
            locality: list(&self.subject.locality),
            organization: list(&self.subject.organization),
            organizational_unit: list(&self.subject.organizational_unit),
            ..Subject::common_name(common_name)
        }
        .to_name()
    }

    /// Every certificate but the CA's, members first.
    pub(super) fn wanted(&self) -> Result<Vec<Wanted>, Error> {
        let mut wanted = Vec::new();
        for member in &self.members {
            let name = member.name();
            for (id, purpose, pair) in [
                (CertificateId::Server(name.clone()), Purpose::Server, Pair::server(name)),
                (CertificateId::Peer(name.clone()), Purpose::Peer, Pair::peer(name)),
            ] {
                let (subject, names) = (self.subject_of(name.to_string())?, member.names());
                wanted.push(Wanted { id, purpose, subject, names, key: self.key, pair });
            }
        }
        for client in &self.clients {
            wanted.push(Wanted {
                id: CertificateId::Client(client.name.clone()),
                purpose: Purpose::Client,
                subject: self.subject_of(client.name.to_string())?,
                names: SubjectAltNames::default(),
                key: self.key,
                pair: Pair::client(&client.name),
            });
        }
        Ok(wanted)
    }
}

impl Member {
    /// The names that a member's certificates are valid for: all that it is reached by, and the loopback.
    ///
    /// Peers need the loopback too: etcd compares the source address of a connection with the names of the
    /// peer's certificate (etcd, client/pkg/transport/listener_tls.go, `checkCertSAN`), and members that share
    /// a host come from there.
    fn names(&self) -> SubjectAltNames {
        let mut ip: Vec<IpAddr> = self.addresses().iter().map(|address| address.ip()).collect();
        let mut dns: Vec<String> = self.dns().iter().map(ToString::to_string).collect();
        for loopback in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            if !ip.contains(&loopback) {
                ip.push(loopback);
            }
        }
        if !dns.iter().any(|name| name == "localhost") {
            dns.push("localhost".to_owned());
        }
        SubjectAltNames { dns, ip, ..SubjectAltNames::default() }
    }
}

impl Purpose {
    /// The profile that a certificate for this purpose is issued under.
    pub(super) fn profile(self, key: KeyAlgorithm, lifetime: Duration) -> Profile {
        let signature = KeyUsage::DIGITAL_SIGNATURE;
        let both = vec![oid::SERVER_AUTH, oid::CLIENT_AUTH];
        Profile {
            key_usage: if key.is_rsa() { signature.and(KeyUsage::KEY_ENCIPHERMENT) } else { signature },
            extended_key_usage: match self {
                Self::Client => vec![oid::CLIENT_AUTH],
                Self::Peer | Self::Server => both,
            },
            expiry: lifetime,
            ..Profile::default()
        }
    }
}
