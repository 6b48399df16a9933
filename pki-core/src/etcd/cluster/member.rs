//! The members and clients of a cluster.

use crate::etcd::cluster::host::{GivenOptions, InitialClusterState};
use crate::etcd::error::description::DescriptionError;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::invalid::InvalidValue;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;

/// A member of a cluster. It has at least one address or DNS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    name: Label,
    addresses: Vec<MemberAddress>,
    dns: Vec<DnsName>,
    pub(crate) overrides: MemberOverrides,
}

/// Settings of one member that differ from those of the cluster, and its additional names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberOverrides {
    pub(crate) common_name: Option<String>,
    /// Subject alternative names in addition to its addresses and DNS names.
    pub(crate) names: Vec<HostName>,
    pub(crate) state: Option<InitialClusterState>,
    /// Where `deploy.sh` connects to. `None` for root at the member's host.
    pub(crate) ssh: Option<SshTarget>,
    /// URLs in place of those that follow from its addresses.
    pub(crate) urls: MemberUrls,
    pub(crate) options: GivenOptions,
}

/// The URLs of one member. An empty list stands for the URLs that follow from its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberUrls {
    pub(crate) listen_client: Vec<MemberUrl>,
    pub(crate) advertise_client: Vec<MemberUrl>,
    pub(crate) listen_peer: Vec<MemberUrl>,
    pub(crate) initial_advertise_peer: Vec<MemberUrl>,
}

/// A client with a certificate of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The common name, which is the user name in etcd's role-based access control.
    pub name: Label,
    /// Whether kubeadm uses the client for an external etcd (`etcd.external`).
    pub kubeadm: bool,
}

impl Member {
    /// A member with these addresses and DNS names.
    ///
    /// # Errors
    /// [`DescriptionError::NoAddress`] if both lists are empty.
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

    /// Reads a member as on a command line: `NAME=ADDRESS`, with more addresses and DNS names after commas.
    ///
    /// ```
    /// use pki_core::etcd::Member;
    ///
    /// let member = Member::parse("etcd1=10.0.0.11,etcd1.example.com")?;
    /// assert_eq!(member.name().as_str(), "etcd1");
    /// assert_eq!((member.addresses().len(), member.dns().len()), (1, 1));
    /// # Ok::<(), pki_core::etcd::DescriptionError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no `=`, if a part is not a name, an address or a DNS name, or if there is neither an address nor a
    /// DNS name.
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

    /// The name of the member.
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// The addresses of the member. Others connect to the first.
    pub fn addresses(&self) -> &[MemberAddress] {
        &self.addresses
    }

    /// The DNS names of the member.
    pub fn dns(&self) -> &[DnsName] {
        &self.dns
    }

    /// The host that others connect to, unless the description has URLs for that: the first address, or the first DNS
    /// name of a member without addresses.
    pub fn host(&self) -> HostName {
        match (self.addresses.first(), self.dns.first()) {
            (Some(address), _) => HostName::Address(*address),
            (None, Some(name)) => HostName::Dns(name.clone()),
            // `new` refuses a member without either.
            (None, None) => HostName::Dns(DnsName::localhost()),
        }
    }

    /// Where `deploy.sh` connects to: `ssh` in the description, or root at the member's host.
    pub fn ssh(&self) -> SshTarget {
        self.overrides.ssh.clone().unwrap_or_else(|| SshTarget::root_at(&self.host()))
    }
}

impl Client {
    /// The client root, with which the cluster is administered.
    pub(crate) fn root() -> Self {
        Self { name: Label::known("root"), kubeadm: false }
    }
}

/// The DNS name `MEMBER.DOMAIN` for a member that has none: the target of an SRV record is a name, never an address
/// (RFC 2782, "Target").
///
/// # Errors
/// If the member's name cannot be part of a DNS name.
pub(crate) fn discovery_name(member: &Label, domain: &DnsName) -> Result<DnsName, InvalidValue> {
    DnsName::parse(&format!("{member}.{domain}"))
}
