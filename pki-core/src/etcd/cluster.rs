//! A cluster as described: validated, so that whatever is here can be built.

pub(crate) mod bootstrap;
pub(crate) mod certificates;
pub(crate) mod layout;
pub(crate) mod settings;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use time::Duration;

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::describe as description;
use crate::etcd::describe::error::DescriptionError;
use crate::etcd::error::Error;
use crate::etcd::notice::{Notice, NoticeKind, WithNotices};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;
use crate::x509::key::KeyAlgorithm;

/// A cluster as its description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub(crate) name: Label,
    pub(crate) version: EtcdVersion,
    pub(crate) layout: Layout,
    pub(crate) terms: Terms,
    pub(crate) rendering: Rendering,
    pub(crate) hosts: Hosts,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) network: Network,
    pub(crate) options: GivenOptions,
    pub(crate) members: Vec<Member>,
    pub(crate) clients: Vec<Client>,
    pub(crate) notices: Vec<Notice>,
}

/// What certificates say, by the part that they play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
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
pub(crate) struct RoleTerms {
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

/// How a member is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rendering {
    pub(crate) style: Style,
    pub(crate) unit: UnitKind,
    pub(crate) container: Option<Container>,
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
pub(crate) struct Container {
    pub(crate) engine: ContainerEngine,
    pub(crate) image: String,
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
pub(crate) struct Hosts {
    pub(crate) binary: HostPath,
    pub(crate) user: Label,
    /// The folder of the environment or configuration file
    pub(crate) config: HostPath,
    /// The folder of certificates and keys, which holds nothing else
    pub(crate) pki: HostPath,
    pub(crate) data_dir: HostPath,
    pub(crate) wal_dir: Option<HostPath>,
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
    pub(crate) fn wal_home(&self) -> Option<HostPath> {
        let wal_dir = self.wal_dir.as_ref()?;
        wal_dir.below(self.data_dir.as_str()).is_none().then(|| wal_dir.parent())
    }

    /// The folders that etcd writes to, before what may be in them.
    pub(crate) fn data_folders(&self) -> Vec<HostPath> {
        let mut folders: Vec<_> = self.wal_home().into_iter().chain([self.data_dir.clone()]).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// How the cluster first comes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bootstrap {
    /// None for the cluster's name
    pub(crate) token: Option<Label>,
    /// None: members that join after the first time find an existing cluster
    pub(crate) state: Option<InitialClusterState>,
    /// The domain whose SRV records name the members
    pub(crate) discovery_srv: Option<DnsName>,
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
pub(crate) struct Network {
    pub(crate) client_port: u16,
    pub(crate) peer_port: u16,
    /// Names of the loopback interface in the members' certificates
    pub(crate) loopback: Vec<HostName>,
    /// Whether members serve clients on 127.0.0.1 too
    pub(crate) listen_loopback: bool,
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
pub(crate) struct GivenOptions(pub(crate) Vec<(&'static str, String)>);

impl GivenOptions {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
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
pub(crate) struct SubjectFields {
    pub(crate) country: Option<String>,
    pub(crate) province: Option<String>,
    pub(crate) locality: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) organizational_unit: Option<String>,
}

/// A member of the cluster: reachable at one address or DNS name at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    name: Label,
    addresses: Vec<MemberAddress>,
    dns: Vec<DnsName>,
    pub(crate) more: MemberDetails,
}

/// What a member may have beside its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberDetails {
    pub(crate) common_name: Option<String>,
    /// Names in its certificates beside those that it is reached by
    pub(crate) names: Vec<HostName>,
    pub(crate) state: Option<InitialClusterState>,
    /// Where `deploy.sh` connects to; None for root at its host
    pub(crate) ssh: Option<SshTarget>,
    /// In place of the URLs that follow from its addresses
    pub(crate) urls: MemberUrls,
    pub(crate) options: GivenOptions,
}

/// URLs in place of those that follow from a member's addresses; empty for those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberUrls {
    pub(crate) listen_client: Vec<MemberUrl>,
    pub(crate) advertise_client: Vec<MemberUrl>,
    pub(crate) listen_peer: Vec<MemberUrl>,
    pub(crate) initial_advertise_peer: Vec<MemberUrl>,
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
    pub(crate) fn each<E>(mut of: impl FnMut(Role) -> Result<RoleTerms, E>) -> Result<Self, E> {
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
    pub(crate) fn change(&mut self, mut change: impl FnMut(Role, &mut RoleTerms)) {
        change(Role::Ca, &mut self.ca);
        change(Role::Client, &mut self.client);
        change(Role::ClientCa, &mut self.client_ca);
        change(Role::Gateway, &mut self.gateway);
        change(Role::Member, &mut self.member);
        change(Role::Peer, &mut self.peer);
        change(Role::PeerCa, &mut self.peer_ca);
        change(Role::Server, &mut self.server);
    }

    pub(crate) fn of(&self, role: Role) -> &RoleTerms {
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
    pub(crate) const ALL: [Self; 3] = [Self::Env, Self::Flags, Self::Yaml];

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
    pub(crate) const ALL: [Self; 3] = [Self::DropIn, Self::None, Self::Service];

    /// What systemd is given if the description does not say: with a container nothing, for both at once would be
    /// two members of one name.
    pub(crate) fn usual(container: Option<&Container>) -> Self {
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
    pub(crate) const ALL: [Self; 3] = [Self::Docker, Self::Nerdctl, Self::Podman];

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
    pub(crate) const ALL: [Self; 2] = [Self::Existing, Self::New];

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

    pub(crate) fn with(
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
    pub(crate) fn root() -> Self {
        Self { name: Label::known("root"), kubeadm: false }
    }
}

impl Cluster {
    /// A cluster of which nothing but its members is said.
    pub(crate) fn usual(name: Label, members: Vec<Member>) -> Self {
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
    pub fn from_yaml(text: &str, file: Option<&Path>) -> Result<WithNotices<Self>, Error> {
        let value = description::read(text, file)?;
        let notices = value.notices.iter().cloned().chain(value.size_notice()).collect();
        Ok(WithNotices { value, notices })
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
    pub(crate) fn is_only_in_containers(&self) -> bool {
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
