//! What can be wrong with a description.

use crate::duration;
use crate::key::KeyAlgorithm;
use crate::notice::did_you_mean;

/// What is wrong with a description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// An address that is none, or not one of a single host.
    #[error("{text:?} cannot be a member's address: {reason}")]
    Address {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// Two members have the same address or name.
    #[error("{what} {text:?} is that of {owner} already")]
    Clash {
        /// What both have.
        what: &'static str,
        /// Its text.
        text: String,
        /// Who has it already.
        owner: String,
    },
    /// A DNS name that is none.
    #[error("{text:?} cannot be a DNS name: {reason}")]
    DnsName {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// A key that appears twice.
    #[error("`{key}` is written twice")]
    DuplicateKey {
        /// Which.
        key: String,
    },
    /// A lifetime that cannot be read.
    #[error("{0}")]
    Duration(duration::ParseError),
    /// There is no such kind of key.
    #[error("{text:?} is no kind of key{}", did_you_mean(near.as_deref()))]
    Key {
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// A name that is not safe everywhere.
    #[error("{text:?} cannot be a name: {reason}")]
    Label {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// There is no such layout.
    #[error("{text:?} is no layout{}", did_you_mean(near.as_deref()))]
    Layout {
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// A lifetime that makes no certificate.
    #[error("{text:?} is no lifetime: {reason}")]
    Lifetime {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// `NAME=ADDRESS` on a command line that is not of that form.
    #[error("{text:?} is no member")]
    Member {
        /// As written.
        text: String,
    },
    /// A key that must be there.
    #[error("`{key}` is missing")]
    MissingKey {
        /// Which.
        key: &'static str,
    },
    /// A member that cannot be reached.
    #[error("{member} has neither an address nor a DNS name")]
    NoAddress {
        /// Which.
        member: String,
    },
    /// A cluster of nobody.
    #[error("a cluster has at least one member")]
    NoMembers,
    /// A subject attribute that a certificate cannot hold.
    #[error("{text:?} cannot stand in a certificate's subject: {reason}")]
    Subject {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// A text that is not YAML, or a value of the wrong type.
    #[error("{message}")]
    Syntax {
        /// What the reader said.
        message: String,
    },
    /// A key that nothing reads.
    #[error("`{key}`{}", unknown(near.as_deref(), expected))]
    UnknownKey {
        /// As written.
        key: String,
        /// What was probably meant.
        near: Option<String>,
        /// What may be written there.
        expected: Vec<&'static str>,
    },
    /// A version of etcd that is none, or not known.
    #[error("{text:?} cannot be etcd's version: {reason}")]
    Version {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
}

fn unknown(near: Option<&str>, expected: &[&str]) -> String {
    match near {
        Some(_) => did_you_mean(near),
        None => format!(" means nothing here: there are {}", expected.join(", ")),
    }
}

impl DescriptionError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => "write an address such as 10.0.0.11 or \"2001:db8::11\"".to_owned(),
            Self::Clash { .. } => "every member has a name and addresses of its own".to_owned(),
            Self::DnsName { .. } => "write a host name such as etcd1.example.com".to_owned(),
            Self::DuplicateKey { .. } => "remove one of the two".to_owned(),
            Self::Duration(_) | Self::Lifetime { .. } => {
                "write a lifetime such as 1y, 90d or 8760h".to_owned()
            }
            Self::Key { .. } => {
                format!("kinds of key are {}", KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(", "))
            }
            Self::Label { .. } => "write a name such as etcd-1".to_owned(),
            Self::Layout { .. } => "write layout: single-ca".to_owned(),
            Self::Member { .. } => {
                "write NAME=ADDRESS or NAME=ADDRESS,DNS-NAME, such as etcd1=10.0.0.11".to_owned()
            }
            Self::MissingKey { key: "members" } | Self::NoMembers => {
                "add `members:` with a line such as `- {name: etcd1, address: 10.0.0.11}`".to_owned()
            }
            Self::MissingKey { key } => format!("add `{key}: ...`"),
            Self::NoAddress { .. } => "add `address: 10.0.0.11` or `dns: etcd1.example.com`".to_owned(),
            Self::Subject { .. } | Self::UnknownKey { near: Some(_), .. } => return None,
            Self::Syntax { .. } | Self::UnknownKey { .. } => {
                "`etcdpki cluster new` prints a description to start from".to_owned()
            }
            Self::Version { .. } => "write what `etcd --version` says, such as 3.5 or 3.5.30".to_owned(),
        })
    }
}
