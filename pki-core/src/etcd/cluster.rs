//! A cluster as described: validated, so that whatever is here can be built.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use time::Duration;

use super::address::{DnsName, HostName, MemberAddress};
use super::description;
use super::error::DescriptionError;
use super::host_path::HostPath;
use super::label::Label;
use super::layout::{Layout, Role};
use super::ssh::SshTarget;
use super::url::MemberUrl;
use super::version::EtcdVersion;
use crate::error::Error;
use crate::key::KeyAlgorithm;
use crate::notice::{Notice, NoticeKind, Noticed};

/// A cluster as its description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub(super) name: Label,
    pub(super) version: EtcdVersion,
    pub(super) layout: Layout,
    pub(super) terms: Terms,
    pub(super) rendering: Rendering,
    pub(super) hosts: Hosts,
    pub(super) bootstrap: Bootstrap,
    pub(super) network: Network,
    pub(super) options: GivenOptions,
    pub(super) members: Vec<Member>,
    pub(super) clients: Vec<Client>,
    pub(super) notices: Vec<Notice>,
}

/// What certificates say, by the part that they play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    ca: RoleTerms,
    client: RoleTerms,
    client_ca: RoleTerms,
    gateway: RoleTerms,
    member: RoleTerms,
    peer: RoleTerms,
    peer_ca: RoleTerms,
    server: RoleTerms,
}

/// What the certificates of one role say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RoleTerms {
    /// None for the usual one
    pub(super) common_name: Option<String>,
    pub(super) subject: SubjectFields,
    pub(super) key: KeyAlgorithm,
    pub(super) lifetime: Duration,
    /// The name of the certificate's file, without `.pem`; None for the role's own
    pub(super) file: Option<Label>,
    /// Names beside those of the member
    pub(super) names: Vec<HostName>,
    /// A CA that exists
    pub(super) given: Option<GivenAuthority>,
}

/// A CA that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenAuthority {
    /// Its certificate, and those above it
    pub(super) certificate: PathBuf,
    /// Its key; None if it stays where it is, and requests are sent to it
    pub(super) private_key: Option<PathBuf>,
}

/// How a member is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rendering {
    pub(super) style: Style,
    pub(super) unit: UnitKind,
    pub(super) container: Option<Container>,
}

/// Where etcd is told its options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Style {
    /// An environment file
    #[default]
    Env,
    /// The unit's command line
    Flags,
    /// etcd's configuration file, `--config-file`
    Yaml,
}

/// What systemd is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum UnitKind {
    /// What is different from the unit that the distribution brings
    DropIn,
    /// Nothing
    None,
    /// A whole unit
    #[default]
    Service,
}

/// How a member is started in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) engine: ContainerEngine,
    pub(super) image: String,
}

/// The program that runs containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ContainerEngine {
    /// `docker`
    #[default]
    Docker,
    /// `nerdctl`
    Nerdctl,
    /// `podman`
    Podman,
}

/// Where things are on the hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hosts {
    pub(super) binary: HostPath,
    pub(super) user: Label,
    /// The folder of the environment or configuration file
    pub(super) config: HostPath,
    /// The folder of certificates and keys, which holds nothing else
    pub(super) pki: HostPath,
    pub(super) data_dir: HostPath,
    pub(super) wal_dir: Option<HostPath>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            binary: HostPath::known("/usr/bin/etcd"),
            user: Label::known("etcd"),
            config: HostPath::known("/etc/etcd"),
            pki: HostPath::known("/etc/etcd/pki"),
            data_dir: HostPath::known("/var/lib/etcd"),
            wal_dir: None,
        }
    }
}

impl Hosts {
    /// The folder above `--wal-dir`, unless that is in the data folder: etcd makes its log under another name
    /// beside it and renames it (etcd, server/wal/wal.go, `Create`), so this is etcd's too.
    pub(super) fn wal_home(&self) -> Option<HostPath> {
        let wal_dir = self.wal_dir.as_ref()?;
        wal_dir.below(self.data_dir.as_str()).is_none().then(|| wal_dir.parent())
    }

    /// The folders that etcd writes to, before what may be in them.
    pub(super) fn data_folders(&self) -> Vec<HostPath> {
        let mut folders: Vec<_> = self.wal_home().into_iter().chain([self.data_dir.clone()]).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// How the cluster first comes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bootstrap {
    /// None for the cluster's name
    pub(super) token: Option<Label>,
    /// None: members that join after the first time find an existing cluster
    pub(super) state: Option<InitialClusterState>,
    /// The domain whose SRV records name the members
    pub(super) discovery_srv: Option<DnsName>,
}

/// Whether a member founds a cluster or joins one: `--initial-cluster-state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InitialClusterState {
    /// It joins one.
    Existing,
    /// It founds one with the others.
    New,
}

/// Ports, and what every member has on its loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) client_port: u16,
    pub(super) peer_port: u16,
    /// Names of the loopback interface in the members' certificates
    pub(super) loopback: Vec<HostName>,
    /// Whether members serve clients on 127.0.0.1 too
    pub(super) listen_loopback: bool,
}

/// etcd's ports (IANA: etcd-client, etcd-server).
impl Default for Network {
    fn default() -> Self {
        Self {
            client_port: 2379,
            peer_port: 2380,
            loopback: vec![
                HostName::Address(MemberAddress::LOOPBACK_V4),
                HostName::Address(MemberAddress::LOOPBACK_V6),
                HostName::Dns(DnsName::localhost()),
            ],
            listen_loopback: false,
        }
    }
}

/// Options that the description gives by etcd's own names, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GivenOptions(pub(super) Vec<(&'static str, String)>);

impl GivenOptions {
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(option, _)| *option == name).map(|(_, value)| value.as_str())
    }
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
pub(super) struct SubjectFields {
    pub(super) country: Option<String>,
    pub(super) province: Option<String>,
    pub(super) locality: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) organizational_unit: Option<String>,
}

/// A member of the cluster: reachable at one address or DNS name at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    name: Label,
    addresses: Vec<MemberAddress>,
    dns: Vec<DnsName>,
    pub(super) more: MemberDetails,
}

/// What a member may have beside its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemberDetails {
    pub(super) common_name: Option<String>,
    /// Names in its certificates beside those that it is reached by
    pub(super) names: Vec<HostName>,
    pub(super) state: Option<InitialClusterState>,
    /// Where `deploy.sh` connects to; None for root at its host
    pub(super) ssh: Option<SshTarget>,
    /// In place of the URLs that follow from its addresses
    pub(super) urls: MemberUrls,
    pub(super) options: GivenOptions,
}

/// URLs in place of those that follow from a member's addresses; empty for those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemberUrls {
    pub(super) listen_client: Vec<MemberUrl>,
    pub(super) advertise_client: Vec<MemberUrl>,
    pub(super) listen_peer: Vec<MemberUrl>,
    pub(super) initial_advertise_peer: Vec<MemberUrl>,
}

/// Someone who connects to the cluster with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The common name, and the user that etcd's role-based access control sees.
    pub name: Label,
    /// Whether it is kubeadm's `etcd.external`.
    pub kubeadm: bool,
}

impl Terms {
    /// The terms of every role.
    pub(super) fn each<E>(mut of: impl FnMut(Role) -> Result<RoleTerms, E>) -> Result<Self, E> {
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
    pub(super) fn change(&mut self, mut change: impl FnMut(Role, &mut RoleTerms)) {
        change(Role::Ca, &mut self.ca);
        change(Role::Client, &mut self.client);
        change(Role::ClientCa, &mut self.client_ca);
        change(Role::Gateway, &mut self.gateway);
        change(Role::Member, &mut self.member);
        change(Role::Peer, &mut self.peer);
        change(Role::PeerCa, &mut self.peer_ca);
        change(Role::Server, &mut self.server);
    }

    pub(super) fn of(&self, role: Role) -> &RoleTerms {
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

impl Style {
    pub(super) const ALL: [Self; 3] = [Self::Env, Self::Flags, Self::Yaml];

    /// Its name in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Flags => "flags",
            Self::Yaml => "yaml",
        }
    }
}

impl UnitKind {
    pub(super) const ALL: [Self; 3] = [Self::DropIn, Self::None, Self::Service];

    /// What systemd is given if the description does not say: with a container nothing, for both at once would be
    /// two members of one name.
    pub(super) fn usual(container: Option<&Container>) -> Self {
        if container.is_some() { Self::None } else { Self::default() }
    }

    /// Its name in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::DropIn => "drop-in",
            Self::None => "none",
            Self::Service => "service",
        }
    }
}

impl ContainerEngine {
    pub(super) const ALL: [Self; 3] = [Self::Docker, Self::Nerdctl, Self::Podman];

    /// Its program, and its name in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Nerdctl => "nerdctl",
            Self::Podman => "podman",
        }
    }
}

impl InitialClusterState {
    pub(super) const ALL: [Self; 2] = [Self::Existing, Self::New];

    /// Its name: the option's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Existing => "existing",
            Self::New => "new",
        }
    }
}

impl Member {
    /// A member by its parts.
    ///
    /// # Errors
    /// [`DescriptionError::NoAddress`] if it cannot be reached.
    pub fn new(
        name: Label,
        addresses: Vec<MemberAddress>,
        dns: Vec<DnsName>,
    ) -> Result<Self, DescriptionError> {
        Self::with(name, addresses, dns, MemberDetails::default())
    }

    pub(super) fn with(
        name: Label,
        addresses: Vec<MemberAddress>,
        dns: Vec<DnsName>,
        more: MemberDetails,
    ) -> Result<Self, DescriptionError> {
        if addresses.is_empty() && dns.is_empty() {
            return Err(DescriptionError::NoAddress { member: name.to_string() });
        }
        Ok(Self { name, addresses, dns, more })
    }

    /// A member as a command line writes it: `NAME=ADDRESS`, and more addresses or DNS names behind commas.
    ///
    /// # Errors
    /// What is wrong with one of the parts.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let (name, hosts) =
            text.split_once('=').ok_or_else(|| DescriptionError::Member { text: text.to_owned() })?;
        let (mut addresses, mut dns) = (Vec::new(), Vec::new());
        for host in hosts.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            match HostName::parse(host)? {
                HostName::Address(address) => addresses.push(address),
                HostName::Dns(name) => dns.push(name),
            }
        }
        Self::new(Label::parse(name)?, addresses, dns)
    }

    /// Its name.
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// Its addresses; the first is the one that it advertises.
    pub fn addresses(&self) -> &[MemberAddress] {
        &self.addresses
    }

    /// Its DNS names.
    pub fn dns(&self) -> &[DnsName] {
        &self.dns
    }

    /// The host that others find it by, unless the description has URLs for that: its first address, or
    /// its first DNS name.
    pub fn host(&self) -> HostName {
        match (self.addresses.first(), self.dns.first()) {
            (Some(address), _) => HostName::Address(*address),
            (None, Some(name)) => HostName::Dns(name.clone()),
            // A member without either cannot be made.
            (None, None) => HostName::Dns(DnsName::localhost()),
        }
    }

    /// Where a person or `deploy.sh` connects to: the description's `ssh`, or root at its host.
    pub fn ssh(&self) -> SshTarget {
        self.more.ssh.clone().unwrap_or_else(|| SshTarget::root_at(&self.host()))
    }
}

impl Client {
    /// Who can always administer the cluster.
    pub(super) fn root() -> Self {
        Self { name: Label::known("root"), kubeadm: false }
    }
}

impl Cluster {
    /// A cluster of which nothing but its members is said.
    pub(super) fn usual(name: Label, members: Vec<Member>) -> Self {
        let lifetimes = Lifetimes::default();
        let terms = |role: Role| {
            let lifetime = if role.is_authority() { lifetimes.ca } else { lifetimes.leaf };
            Ok::<_, Infallible>(RoleTerms { lifetime, ..RoleTerms::default() })
        };
        let Ok(terms) = Terms::each(terms);
        Self {
            name,
            version: EtcdVersion::default(),
            layout: Layout::default(),
            terms,
            rendering: Rendering::default(),
            hosts: Hosts::default(),
            bootstrap: Bootstrap::default(),
            network: Network::default(),
            options: GivenOptions::default(),
            members,
            clients: vec![Client::root()],
            notices: Vec::new(),
        }
    }

    /// Reads a description in YAML, or in JSON, which is YAML too. `file` is only for error messages.
    ///
    /// # Errors
    /// If the text cannot be read, or describes no cluster that could work; with its place.
    pub fn from_yaml(text: &str, file: Option<&Path>) -> Result<Noticed<Self>, Error> {
        let value = description::read(text, file)?;
        let notices = value.notices.iter().cloned().chain(value.size_notice()).collect();
        Ok(Noticed { value, notices })
    }

    /// The cluster's name.
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// Who trusts whom.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The etcd that it is made for.
    pub fn version(&self) -> EtcdVersion {
        self.version
    }

    /// The user that etcd runs as on the hosts.
    pub fn user(&self) -> &Label {
        &self.hosts.user
    }

    /// Where etcd is told its options.
    pub fn style(&self) -> Style {
        self.rendering.style
    }

    /// What systemd is given.
    pub fn unit(&self) -> UnitKind {
        self.rendering.unit
    }

    /// Whether etcd runs in a container and in no other way.
    pub(super) fn is_only_in_containers(&self) -> bool {
        self.rendering.container.is_some() && self.unit() == UnitKind::None
    }

    /// The members, at least one, with names and addresses that are all different.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The clients, at least one.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// What deserves a warning about the number of members.
    fn size_notice(&self) -> Option<Notice> {
        let members = self.members.len();
        let kind = match members {
            1 => NoticeKind::SingleMember,
            _ if members.is_multiple_of(2) => {
                NoticeKind::EvenMembers { members, tolerated: (members - 1) / 2 }
            }
            _ => return None,
        };
        Some(Notice::new(kind))
    }
}
