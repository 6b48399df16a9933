//! How a member is started on its host, and where its files are there.

use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

/// How a member is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Startup {
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
pub(crate) struct HostPaths {
    pub(crate) binary: HostPath,
    pub(crate) user: Label,
    /// The folder of the environment or configuration file
    pub(crate) config: HostPath,
    /// The folder of certificates and keys, which holds nothing else
    pub(crate) pki: HostPath,
    pub(crate) data_dir: HostPath,
    pub(crate) wal_dir: Option<HostPath>,
}

impl Default for HostPaths {
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

impl HostPaths {
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
