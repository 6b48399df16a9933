//! How etcd is started on a host, and the paths of its files there.

use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

/// How etcd is started on every host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    pub(crate) style: Style,
    pub(crate) unit: UnitKind,
    pub(crate) container: Option<Container>,
}

/// Where etcd reads its options from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Style {
    /// An environment file, etcd.env.
    #[default]
    Env,
    /// The command line in the systemd unit.
    Flags,
    /// etcd's configuration file, etcd.yaml (`--config-file`).
    Yaml,
}

/// The kind of systemd unit that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum UnitKind {
    /// A drop-in file that changes the unit of the distribution's etcd package.
    DropIn,
    /// No unit: etcd is started in another way.
    None,
    /// A whole unit, etcd.service.
    #[default]
    Service,
}

/// The container that etcd runs in.
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
    /// Docker: the command `docker`.
    #[default]
    Docker,
    /// containerd: the command `nerdctl`.
    Nerdctl,
    /// Podman: the command `podman`.
    Podman,
}

/// The paths of etcd's files on every host, and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPaths {
    pub(crate) binary: HostPath,
    pub(crate) user: Label,
    /// The folder of the environment file or configuration file.
    pub(crate) config: HostPath,
    /// The folder of certificates and keys, which holds nothing else.
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
    /// The folder above `--wal-dir`, which etcd must be able to write to: it creates the log under a temporary name
    /// there and renames it (etcd, server/wal/wal.go, `Create`). `None` if the log is in the data folder.
    pub(crate) fn wal_home(&self) -> Option<HostPath> {
        let wal_dir = self.wal_dir.as_ref()?;
        wal_dir.below(self.data_dir.as_str()).is_none().then(|| wal_dir.parent())
    }

    /// The folders that etcd writes to. A folder comes before those in it.
    pub(crate) fn data_folders(&self) -> Vec<HostPath> {
        let mut folders: Vec<_> = self.wal_home().into_iter().chain([self.data_dir.clone()]).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

/// How the members find each other at their first start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bootstrap {
    /// `--initial-cluster-token`. `None` for the name of the cluster.
    pub(crate) token: Option<Label>,
    /// `--initial-cluster-state` of every member. `None` if it follows from the record: members that are added later
    /// join an existing cluster.
    pub(crate) state: Option<InitialClusterState>,
    /// The domain whose SRV records name the members.
    pub(crate) discovery_srv: Option<DnsName>,
}

/// Whether a member founds a cluster or joins one: `--initial-cluster-state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InitialClusterState {
    /// The member joins a cluster that exists.
    Existing,
    /// The member founds the cluster, together with the others.
    New,
}

/// The ports, and the use of the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) client_port: u16,
    pub(crate) peer_port: u16,
    /// The names and addresses of the loopback interface in the members' certificates.
    pub(crate) loopback: Vec<HostName>,
    /// Whether members also listen for clients on 127.0.0.1.
    pub(crate) listen_loopback: bool,
}

/// etcd's registered ports (IANA service names etcd-client and etcd-server), and no listening on loopback.
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

/// The options in the description's `options`, with their values as on the command line, in the order of the
/// description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenOptions(pub(crate) Vec<(&'static str, String)>);

impl GivenOptions {
    /// The value of an option, if the description has it.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(option, _)| *option == name).map(|(_, value)| value.as_str())
    }
}

impl Style {
    pub(crate) const ALL: [Self; 3] = [Self::Env, Self::Flags, Self::Yaml];

    /// The word for it in a description.
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

    /// The kind if the description has none. With a container there is no unit: both together would start the member
    /// twice.
    pub(crate) fn usual(container: Option<&Container>) -> Self {
        if container.is_some() { Self::None } else { Self::default() }
    }

    /// The word for it in a description.
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

    /// The command, which is also the word for it in a description.
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

    /// The value of `--initial-cluster-state`, and the word for it in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::Existing => "existing",
            Self::New => "new",
        }
    }
}
