//! Members and clients.

use crate::etcd::cluster::host::{GivenOptions, InitialClusterState};
use crate::etcd::error::description::DescriptionError;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::invalid::InvalidValue;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;

/// A member of the cluster: reachable at one address or DNS name at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    name: Label,
    addresses: Vec<MemberAddress>,
    dns: Vec<DnsName>,
    pub(crate) overrides: MemberOverrides,
}

/// What a member may have beside its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberOverrides {
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
        Self::with(name, addresses, dns, MemberOverrides::default())
    }

    pub(crate) fn with(
        name: Label,
        addresses: Vec<MemberAddress>,
        dns: Vec<DnsName>,
        overrides: MemberOverrides,
    ) -> Result<Self, DescriptionError> {
        if addresses.is_empty() && dns.is_empty() {
            return Err(DescriptionError::NoAddress { member: name.to_string() });
        }
        Ok(Self { name, addresses, dns, overrides })
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
        self.overrides.ssh.clone().unwrap_or_else(|| SshTarget::root_at(&self.host()))
    }
}

impl Client {
    /// Who can always administer the cluster.
    pub(crate) fn root() -> Self {
        Self { name: Label::known("root"), kubeadm: false }
    }
}

/// The name of a member that has no DNS name of its own: SRV records lead to names, never to addresses
/// (RFC 2782, "Target").
///
/// # Errors
/// If the member's name cannot be part of one.
pub(crate) fn discovery_name(member: &Label, domain: &DnsName) -> Result<DnsName, InvalidValue> {
    DnsName::parse(&format!("{member}.{domain}"))
}
