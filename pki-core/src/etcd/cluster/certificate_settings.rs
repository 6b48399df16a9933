//! The settings of certificates by role: subject, key, lifetime, names.

use std::path::PathBuf;

use time::Duration;

use crate::etcd::cluster::layout::Role;
use crate::etcd::safe::address::HostName;
use crate::etcd::safe::label::Label;
use crate::x509::key::KeyAlgorithm;

/// The settings of the certificates of every role.
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

/// The settings of the certificates of one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoleSettings {
    /// `None` for the default, which is made of the name of the cluster, member or client.
    pub(crate) common_name: Option<String>,
    pub(crate) subject: SubjectFields,
    pub(crate) key: KeyAlgorithm,
    pub(crate) lifetime: Duration,
    /// The name of the certificate's file, without `.pem`. `None` for the name of the role.
    pub(crate) file: Option<Label>,
    /// Subject alternative names in addition to those of the member.
    pub(crate) names: Vec<HostName>,
    /// The files of an existing CA. `None` for a new CA, and for every other role.
    pub(crate) given: Option<GivenAuthority>,
}

/// The files of a CA that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenAuthority {
    /// The certificate of the CA, followed by those of the CAs above it.
    pub(crate) certificate: PathBuf,
    /// The key. `None` if the CA is offline, so that requests are written for it to sign.
    pub(crate) private_key: Option<PathBuf>,
}

/// How long certificates are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The lifetime of a CA's certificate.
    pub ca: Duration,
    /// The lifetime of every other certificate. None outlives its CA.
    pub leaf: Duration,
}

/// Ten years for a CA, and one year for other certificates.
impl Default for Lifetimes {
    fn default() -> Self {
        Self { ca: Duration::days(3650), leaf: Duration::days(365) }
    }
}

/// The attributes of a subject other than the common name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SubjectFields {
    pub(crate) country: Option<String>,
    pub(crate) province: Option<String>,
    pub(crate) locality: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) organizational_unit: Option<String>,
}

impl CertificateSettings {
    /// The settings that `of` gives for each role.
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

    /// Calls `change` with the settings of each role.
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

    /// The settings of one role.
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
