//! What the certificates of each role say, and how long they live.

use std::path::PathBuf;

use time::Duration;

use crate::etcd::cluster::layout::Role;
use crate::etcd::safe::address::HostName;
use crate::etcd::safe::label::Label;
use crate::x509::key::KeyAlgorithm;

/// What certificates say, by the part that they play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateSettings {
    ca: RoleSettings,
    client: RoleSettings,
    client_ca: RoleSettings,
    gateway: RoleSettings,
    member: RoleSettings,
    peer: RoleSettings,
    peer_ca: RoleSettings,
    server: RoleSettings,
}

/// What the certificates of one role say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoleSettings {
    /// None for the usual one
    pub(crate) common_name: Option<String>,
    pub(crate) subject: SubjectFields,
    pub(crate) key: KeyAlgorithm,
    pub(crate) lifetime: Duration,
    /// The name of the certificate's file, without `.pem`; None for the role's own
    pub(crate) file: Option<Label>,
    /// Names beside those of the member
    pub(crate) names: Vec<HostName>,
    /// A CA that exists
    pub(crate) given: Option<GivenAuthority>,
}

/// A CA that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenAuthority {
    /// Its certificate, and those above it
    pub(crate) certificate: PathBuf,
    /// Its key; None if it stays where it is, and requests are sent to it
    pub(crate) private_key: Option<PathBuf>,
}

/// How long certificates are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A CA's certificate.
    pub ca: Duration,
    /// All others; never longer than the CA's.
    pub leaf: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { ca: Duration::days(3650), leaf: Duration::days(365) }
    }
}

/// Subject attributes that a certificate has beside its common name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SubjectFields {
    pub(crate) country: Option<String>,
    pub(crate) province: Option<String>,
    pub(crate) locality: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) organizational_unit: Option<String>,
}

impl CertificateSettings {
    /// The terms of every role.
    pub(crate) fn each<E>(mut of: impl FnMut(Role) -> Result<RoleSettings, E>) -> Result<Self, E> {
        Ok(Self {
            ca: of(Role::Ca)?,
            client: of(Role::Client)?,
            client_ca: of(Role::ClientCa)?,
            gateway: of(Role::Gateway)?,
            member: of(Role::Member)?,
            peer: of(Role::Peer)?,
            peer_ca: of(Role::PeerCa)?,
            server: of(Role::Server)?,
        })
    }

    /// Changes the terms of every role.
    pub(crate) fn change(&mut self, mut change: impl FnMut(Role, &mut RoleSettings)) {
        change(Role::Ca, &mut self.ca);
        change(Role::Client, &mut self.client);
        change(Role::ClientCa, &mut self.client_ca);
        change(Role::Gateway, &mut self.gateway);
        change(Role::Member, &mut self.member);
        change(Role::Peer, &mut self.peer);
        change(Role::PeerCa, &mut self.peer_ca);
        change(Role::Server, &mut self.server);
    }

    pub(crate) fn of(&self, role: Role) -> &RoleSettings {
        match role {
            Role::Ca => &self.ca,
            Role::Client => &self.client,
            Role::ClientCa => &self.client_ca,
            Role::Gateway => &self.gateway,
            Role::Member => &self.member,
            Role::Peer => &self.peer,
            Role::PeerCa => &self.peer_ca,
            Role::Server => &self.server,
        }
    }
}
