//! A cluster as described: validated, so that whatever is here can be built.

use std::path::Path;

use time::Duration;

use super::address::{DnsName, MemberAddress};
use super::description;
use super::error::DescriptionError;
use super::label::Label;
use crate::error::Error;
use crate::key::KeyAlgorithm;
use crate::notice::{Notice, NoticeKind, Noticed};

/// A cluster as its description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub(super) name: Label,
    pub(super) layout: Layout,
    pub(super) key: KeyAlgorithm,
    pub(super) lifetimes: Lifetimes,
    pub(super) subject: SubjectFields,
    pub(super) members: Vec<Member>,
    pub(super) clients: Vec<Client>,
}

/// Who trusts whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// One CA issues everything.
    #[default]
    SingleCa,
}

/// How long certificates are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The CA's certificate.
    pub ca: Duration,
    /// All others; never longer than the CA's.
    pub leaf: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { ca: Duration::days(3650), leaf: Duration::days(365) }
    }
}

/// Subject attributes that every certificate has beside its common name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SubjectFields {
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
}

/// Someone who connects to the cluster with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The common name, and the user that etcd's role-based access control sees.
    pub name: Label,
}

impl Layout {
    pub(super) const ALL: [Self; 1] = [Self::SingleCa];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SingleCa => "single-ca",
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
        if addresses.is_empty() && dns.is_empty() {
            return Err(DescriptionError::NoAddress { member: name.to_string() });
        }
        Ok(Self { name, addresses, dns })
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
            // What has a colon, or ends in a digit, was meant to be an address.
            if host.contains([':', '/'])
                || host.ends_with(|c: char| c.is_ascii_digit())
                    && !host.contains(|c: char| c.is_ascii_alphabetic())
            {
                addresses.push(MemberAddress::parse(host)?);
            } else {
                dns.push(DnsName::parse(host)?);
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
}

impl Cluster {
    /// Reads a description in YAML, or in JSON, which is YAML too. `file` is only for error messages.
    ///
    /// # Errors
    /// If the text cannot be read, or describes no cluster that could work; with its place.
    pub fn from_yaml(text: &str, file: Option<&Path>) -> Result<Noticed<Self>, Error> {
        let value = description::read(text, file)?;
        let notices = value.notices();
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

    /// The kind of key that everybody gets.
    pub fn key(&self) -> KeyAlgorithm {
        self.key
    }

    /// How long certificates are valid.
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The members, at least one, with names and addresses that are all different.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The clients, at least one.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    fn notices(&self) -> Vec<Notice> {
        let members = self.members.len();
        let kind = match members {
            1 => NoticeKind::SingleMember,
            _ if members.is_multiple_of(2) => {
                NoticeKind::EvenMembers { members, tolerated: (members - 1) / 2 }
            }
            _ => return Vec::new(),
        };
        vec![Notice::new(kind)]
    }
}
