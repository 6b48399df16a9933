//! A validated cluster: every value of this type can be turned into files.

pub(crate) mod bootstrap;
pub(crate) mod certificate_settings;
pub(crate) mod certificates;
pub(crate) mod host;
pub(crate) mod layout;
pub(crate) mod member;
pub(crate) mod path;
pub(crate) mod renewal;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

pub use certificate_settings::Lifetimes;
pub(crate) use certificate_settings::{CertificateSettings, GivenAuthority, RoleSettings, SubjectFields};
pub(crate) use host::{Bootstrap, Container, GivenOptions, HostPaths, Network, Startup};
pub use host::{ContainerEngine, InitialClusterState, Style, UnitKind};
pub use member::{Client, Member};
pub(crate) use member::{MemberOverrides, MemberUrls, discovery_name};

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::address::DnsName;
use crate::etcd::safe::label::Label;

/// A cluster as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub(crate) name: Label,
    pub(crate) version: EtcdVersion,
    pub(crate) layout: Layout,
    pub(crate) certificate_settings: CertificateSettings,
    pub(crate) startup: Startup,
    pub(crate) hosts: HostPaths,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) network: Network,
    /// When certificates are due for renewal.
    pub(crate) renew_before: RenewBefore,
    pub(crate) options: GivenOptions,
    pub(crate) members: Vec<Member>,
    /// Which key a certificate of a member has, counted from 1, by its identity; those that have their first key are left
    /// out. The output folder knows it, and not the description.
    pub(crate) key_numbers: BTreeMap<String, u32>,
    pub(crate) clients: Vec<Client>,
    pub(crate) notices: Vec<Notice>,
}

impl Cluster {
    /// A cluster whose description has a name and members, and nothing else.
    pub(crate) fn usual(name: Label, members: Vec<Member>) -> Self {
        let lifetimes = Lifetimes::default();
        let settings = |role: Role| {
            let lifetime = if role.is_authority() { lifetimes.ca } else { lifetimes.leaf };
            Ok::<_, Infallible>(RoleSettings { lifetime, ..RoleSettings::default() })
        };
        let Ok(certificate_settings) = CertificateSettings::each(settings);
        Self {
            name,
            version: EtcdVersion::default(),
            layout: Layout::default(),
            certificate_settings,
            startup: Startup::default(),
            hosts: HostPaths::default(),
            bootstrap: Bootstrap::default(),
            network: Network::default(),
            renew_before: RenewBefore::default(),
            options: GivenOptions::default(),
            members,
            key_numbers: BTreeMap::new(),
            clients: vec![Client::root()],
            notices: Vec::new(),
        }
    }

    /// The name of the cluster.
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// The layout: who trusts whom.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The version of etcd that the cluster is for.
    pub fn version(&self) -> EtcdVersion {
        self.version
    }

    /// The user that etcd runs as on the hosts.
    pub fn user(&self) -> &Label {
        &self.hosts.user
    }

    /// Where etcd reads its options from.
    pub fn style(&self) -> Style {
        self.startup.style
    }

    /// The kind of systemd unit that is written.
    pub fn unit(&self) -> UnitKind {
        self.startup.unit
    }

    /// Whether etcd runs in a container, without a systemd unit.
    pub(crate) fn is_only_in_containers(&self) -> bool {
        self.startup.container.is_some() && self.unit() == UnitKind::None
    }

    /// The members, at least one, with names and addresses that are all different.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The clients, at least one.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// The notice about the number of members, if there is one.
    pub(crate) fn size_notice(&self) -> Option<Notice> {
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

    /// The DNS name that the SRV records have for a member without a DNS name of its own. `None` if the member has one,
    /// or if the cluster is not discovered by SRV records.
    pub(crate) fn discovery_name(&self, member: &Member) -> Option<DnsName> {
        let domain = self.bootstrap.discovery_srv.as_ref().filter(|_| member.dns().is_empty())?;
        discovery_name(member.name(), domain).ok()
    }

    /// The certificates and keys of existing CAs that the description names.
    pub fn outside_files(&self) -> impl Iterator<Item = &Path> {
        let given = |role: &Role| self.certificate_settings.of(*role).given.as_ref();
        let all = self.layout.authorities().iter().filter_map(given);
        all.flat_map(|given| [Some(given.certificate.as_path()), given.private_key.as_deref()]).flatten()
    }
}
