//! What can be wrong with a description.

use crate::base::suggest::did_you_mean;
use crate::etcd::safe::invalid::InvalidValue;
use crate::go::duration;

/// What is wrong with a description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// A text that cannot be the value that it is written for.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// One of several words was to be chosen.
    #[error("{text:?} is no {what}{}", did_you_mean(near.as_deref()))]
    Choice {
        /// What it was to be.
        what: &'static str,
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
        /// What there is.
        choices: Vec<&'static str>,
    },
    /// Two of a kind have the same address, name or file.
    #[error("{what} {text:?} is that of {owner} already")]
    Clash {
        /// What both have.
        what: &'static str,
        /// Its text.
        text: String,
        /// Who has it already.
        owner: String,
    },
    /// An option that follows from another part of the description, or is for no description.
    #[error("the option `{name}` {reason}")]
    DescribedOption {
        /// Which.
        name: String,
        /// From what, or what it is for.
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
    /// A CA exists already, and is described as if it were to be made.
    #[error("the CA that `certificate` names exists already, so nothing can be said of its certificate")]
    GivenAuthority,
    /// A container image's name that is none.
    #[error("{text:?} is no name of a container image")]
    Image {
        /// As written.
        text: String,
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
    /// An option that the named etcd does not have.
    #[error("the option `{name}` is not for etcd {version}: it {reason}")]
    MissingOption {
        /// Which.
        name: String,
        /// Of which etcd.
        version: String,
        /// Since or until when there is one.
        reason: String,
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
    /// A kind of certificate that the layout does not have.
    #[error("the layout {layout} has no {role} certificate")]
    NoSuchCertificate {
        /// The role of the certificate.
        role: &'static str,
        /// The layout.
        layout: &'static str,
        /// The roles that it has.
        roles: Vec<&'static str>,
    },
    /// A folder for etcd's log, in one that cannot be given to etcd's user.
    #[error(
        "etcd makes {wal_dir} under another name beside it, so {folder} is given to etcd's user, {}",
        not_its_own(folder, taken.as_deref())
    )]
    WalFolder {
        /// As written.
        wal_dir: String,
        /// The folder above it.
        folder: String,
        /// What else is in that; None for a folder that everything on a host shares.
        taken: Option<String>,
    },
    /// A folder that is given to etcd's user, and holds what is not etcd's.
    #[error("{folder} is given to etcd's user, {}", not_its_own(folder, taken.as_deref()))]
    NotItsOwn {
        /// The folder.
        folder: String,
        /// What else is it, or is in it; None for a folder that everything on a host shares.
        taken: Option<String>,
    },
    /// A value that etcd would refuse.
    #[error("`{name}`: {reason}")]
    OptionValue {
        /// The option.
        name: String,
        /// What is wrong with its value, which is in it.
        reason: String,
    },
    /// An option that etcd's configuration file does not have.
    #[error("etcd's configuration file has no key for the option `{name}`")]
    OptionWithoutYaml {
        /// Which.
        name: String,
    },
    /// A port that is none.
    #[error("{text:?} is no port")]
    Port {
        /// As written.
        text: String,
    },
    /// Clients and peers on one port.
    #[error("{port} is the port of clients and of peers")]
    SamePort {
        /// Which.
        port: u16,
    },
    /// A subject attribute that a certificate cannot hold.
    #[error("{text:?} cannot stand in a certificate's subject: {reason}")]
    Subject {
        /// As written.
        text: String,
        /// Why.
        reason: String,
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
    /// An option that no etcd has.
    #[error("etcd has no option `{name}`{}", did_you_mean(near.as_deref()))]
    UnknownOption {
        /// As written.
        name: String,
        /// What was probably meant.
        near: Option<String>,
    },
}

fn not_its_own(folder: &str, taken: Option<&str>) -> String {
    match taken {
        Some(other) if other == folder => "but has another use too".to_owned(),
        Some(other) => format!("but holds {other}"),
        None => "but everything on a host shares it".to_owned(),
    }
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
            Self::Invalid(invalid) => invalid.hint().to_owned(),
            Self::Clash { what, .. } => format!("{what} has to be another one here or there"),
            Self::DuplicateKey { .. } => "remove one of the two".to_owned(),
            Self::Duration(_) | Self::Lifetime { .. } => {
                "write a lifetime such as 1y, 90d or 8760h".to_owned()
            }
            Self::Choice { choices, .. } => format!("there are {}", choices.join(", ")),
            Self::DescribedOption { .. } => "remove it here".to_owned(),
            Self::GivenAuthority => "remove this, or `certificate` and `private-key`".to_owned(),
            Self::Image { .. } => "write a name such as quay.io/coreos/etcd:v3.5.30".to_owned(),
            Self::MissingOption { .. } | Self::UnknownOption { near: None, .. } => {
                "`etcd --help` of that version lists its options".to_owned()
            }
            Self::NoSuchCertificate { roles, .. } => format!("it has {}", roles.join(", ")),
            Self::NotItsOwn { .. } => "choose a folder that holds nothing else".to_owned(),
            Self::WalFolder { wal_dir, .. } => {
                format!("write a folder in one of its own, such as {wal_dir}/wal")
            }
            Self::OptionWithoutYaml { .. } => "write `style: env`".to_owned(),
            Self::Port { .. } => "write a number from 1 to 65535".to_owned(),
            Self::SamePort { .. } => "choose another `client-port` or `peer-port`".to_owned(),
            Self::Member { .. } => {
                "write NAME=ADDRESS or NAME=ADDRESS,DNS-NAME, such as etcd1=10.0.0.11".to_owned()
            }
            Self::MissingKey { key: "members" } | Self::NoMembers => {
                "add `members:` with a line such as `- {name: etcd1, address: 10.0.0.11}`".to_owned()
            }
            Self::MissingKey { key } => format!("add `{key}: ...`"),
            Self::NoAddress { .. } => "add `address: 10.0.0.11` or `dns: etcd1.example.com`".to_owned(),
            Self::OptionValue { .. }
            | Self::Subject { .. }
            | Self::UnknownKey { near: Some(_), .. }
            | Self::UnknownOption { near: Some(_), .. } => return None,
            Self::Syntax { .. } | Self::UnknownKey { .. } => {
                "`etcdpki cluster new` prints a description to start from".to_owned()
            }
        })
    }
}
