//! What can be wrong with a description.

use crate::base::suggest::did_you_mean;
use crate::etcd::safe::invalid::InvalidValue;
use crate::go::duration;

/// The most members of one description. What is made for a cluster grows with the square of their number, and etcd
/// itself advises seven at most (etcd, "Frequently asked questions").
pub(crate) const MOST_MEMBERS: usize = 1000;

/// What is wrong with a description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// A text is not a valid name, address, path, URL or version.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// A text is none of the words that are allowed there.
    #[error("{text:?} is not a {what}{}", did_you_mean(near.as_deref()))]
    Choice {
        /// What the words stand for, such as `layout`.
        what: &'static str,
        /// The word in the description.
        text: String,
        /// The allowed word that is spelled most like it.
        near: Option<String>,
        /// All words that are allowed.
        choices: Vec<&'static str>,
    },
    /// Two members, clients or certificates have the same address, name or file.
    #[error("{what} {text:?} is already used by {owner}")]
    Clash {
        /// What both have, such as `the address`.
        what: &'static str,
        /// The address, name or file that both have.
        text: String,
        /// The member, client or certificate that had it first.
        owner: String,
    },
    /// An option is set by another part of the description, or cannot be part of a description.
    #[error("the option `{name}` {reason}")]
    DescribedOption {
        /// The option's name.
        name: String,
        /// The predicate of the sentence: which key sets the option, or what the option is for.
        reason: &'static str,
    },
    /// A key appears twice in one mapping.
    #[error("`{key}` is written twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A lifetime is not of the form `90d`.
    #[error("{0}")]
    Duration(duration::ParseError),
    /// A CA has `certificate`, so that it exists, and also keys that are for a new CA.
    #[error(
        "`certificate` names a CA that exists, so its name, subject, key and validity cannot be described"
    )]
    GivenAuthority,
    /// A text is not the name of a container image.
    #[error("{text:?} is not the name of a container image")]
    Image {
        /// The name in the description.
        text: String,
    },
    /// A lifetime is too short or too long.
    #[error("{text:?} cannot be a lifetime: {reason}")]
    Lifetime {
        /// The lifetime in the description.
        text: String,
        /// The limit that it exceeds.
        reason: &'static str,
    },
    /// `renew-before` is neither a part of the lifetime nor a time.
    #[error("{text:?} does not say how long before its end a certificate is renewed")]
    RenewBefore {
        /// The value in the description.
        text: String,
    },
    /// A member on a command line is not of the form `NAME=ADDRESS`.
    #[error("{text:?} is not a member: it has no `=`")]
    Member {
        /// The argument.
        text: String,
    },
    /// A required key is missing.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The required key.
        key: &'static str,
    },
    /// The described version of etcd does not have an option.
    #[error("the option `{name}` cannot be used with etcd {version}: it {reason}")]
    MissingOption {
        /// The option's name.
        name: String,
        /// The version of etcd in the description.
        version: String,
        /// Since or until when etcd has it, as the predicate of a sentence.
        reason: String,
    },
    /// A member cannot be reached.
    #[error("{member} has neither an address nor a DNS name")]
    NoAddress {
        /// The member's name.
        member: String,
    },
    /// The list of members is empty.
    #[error("a cluster needs at least one member")]
    NoMembers,
    /// More members than are described at once: the settings of each member name all members.
    #[error("{number} members are too many: at most {} are read", MOST_MEMBERS)]
    TooManyMembers {
        /// How many there are.
        number: usize,
    },
    /// The layout has no certificates of a role that the description names.
    #[error("the layout {layout} has no {role} certificate")]
    NoSuchCertificate {
        /// The role that the description names.
        role: &'static str,
        /// The layout of the cluster.
        layout: &'static str,
        /// The roles that the layout has.
        roles: Vec<&'static str>,
    },
    /// The folder above `wal-dir` cannot be given to etcd's user.
    #[error(
        "etcd creates {wal_dir} under a temporary name in {folder}, so {folder} must belong to etcd's user alone, \
         {}",
        other_use(folder, taken.as_deref())
    )]
    WalFolder {
        /// The value of `wal-dir`.
        wal_dir: String,
        /// The folder above it.
        folder: String,
        /// What else is in that folder. `None` if everything on a host shares the folder.
        taken: Option<String>,
    },
    /// A folder that is given to etcd's user has another use too.
    #[error("{folder} must belong to etcd's user alone, {}", other_use(folder, taken.as_deref()))]
    NotItsOwn {
        /// The folder of certificates, of data or of the write-ahead log.
        folder: String,
        /// The path of the other use. `None` if everything on a host shares the folder.
        taken: Option<String>,
    },
    /// etcd would refuse the value of an option.
    #[error("`{name}`: {reason}")]
    OptionValue {
        /// The option's name.
        name: String,
        /// The value, and what is wrong with it.
        reason: String,
    },
    /// etcd's configuration file has no key for an option.
    #[error("etcd's configuration file has no key for the option `{name}`")]
    OptionWithoutYaml {
        /// The option's name.
        name: String,
    },
    /// A text is not a port.
    #[error("{text:?} is not a port")]
    Port {
        /// The port in the description.
        text: String,
    },
    /// Clients and peers have the same port.
    #[error("`client-port` and `peer-port` are both {port}")]
    SamePort {
        /// The port of both.
        port: u16,
    },
    /// A value is not of the form that its key has.
    #[error("{what} has to be {wanted}")]
    Shape {
        /// What the value is, such as an item of the key `members`.
        what: String,
        /// What it has to be: `one text`, a list, or a mapping with certain keys.
        wanted: String,
        /// A line that shows the key with a value.
        example: &'static str,
    },
    /// A certificate cannot hold a subject attribute.
    #[error("{text:?} cannot be in a certificate's subject: {reason}")]
    Subject {
        /// The attribute's value in the description.
        text: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The text is not YAML, or a value has the wrong type.
    #[error("{message}")]
    Syntax {
        /// The message of the YAML reader, without the position.
        message: String,
    },
    /// A key is not known in its mapping.
    #[error("`{key}` is not a key here{}", did_you_mean_or(near.as_deref(), expected))]
    UnknownKey {
        /// The unknown key.
        key: String,
        /// The known key that is spelled most like it.
        near: Option<String>,
        /// All keys of the mapping.
        expected: Vec<&'static str>,
    },
    /// No version of etcd has an option.
    #[error("etcd has no option `{name}`{}", did_you_mean(near.as_deref()))]
    UnknownOption {
        /// The unknown name.
        name: String,
        /// The option whose name is spelled most like it.
        near: Option<String>,
    },
}

/// Why `folder` cannot belong to etcd's user alone: a clause after the comma.
fn other_use(folder: &str, taken: Option<&str>) -> String {
    match taken {
        Some(other) if other == folder => "but the description uses it for something else too".to_owned(),
        Some(other) => format!("but it also contains {other}"),
        None => "but everything on a host shares it".to_owned(),
    }
}

fn did_you_mean_or(near: Option<&str>, expected: &[&str]) -> String {
    match near {
        Some(_) => did_you_mean(near),
        None => format!(": the keys are {}", expected.join(", ")),
    }
}

impl DescriptionError {
    /// What to do about it, if the error does not say that already.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(invalid) => invalid.hint().to_owned(),
            Self::Clash { what, .. } => format!("change {what} in one of the two places"),
            Self::DuplicateKey { .. } => "remove one of the two".to_owned(),
            Self::Duration(_) | Self::Lifetime { .. } => {
                "write a lifetime such as 1y, 90d or 8760h".to_owned()
            }
            Self::RenewBefore { .. } => {
                "write a part of the lifetime such as 1/3, or a time such as 30d".to_owned()
            }
            Self::Choice { choices, .. } => format!("write one of: {}", choices.join(", ")),
            Self::DescribedOption { .. } => "remove it from `options`".to_owned(),
            Self::GivenAuthority => {
                "remove this key; or remove `certificate` and `private-key`, to make a new CA".to_owned()
            }
            Self::Image { .. } => "write a name such as quay.io/coreos/etcd:v3.5.30".to_owned(),
            Self::MissingOption { .. } | Self::UnknownOption { near: None, .. } => {
                "look for the option in the output of `etcd --help` of that version".to_owned()
            }
            Self::NoSuchCertificate { roles, .. } => format!("write one of: {}", roles.join(", ")),
            Self::NotItsOwn { folder, .. } => {
                format!("choose a folder that holds nothing else, such as {folder}/etcd")
            }
            Self::WalFolder { wal_dir, .. } => {
                format!("put it into a folder of its own, such as {wal_dir}/wal")
            }
            Self::OptionWithoutYaml { .. } => "write `style: env`".to_owned(),
            Self::Port { .. } => "write a number from 1 to 65535".to_owned(),
            Self::SamePort { .. } => {
                "write two different ports, such as `client-port: 2379` and `peer-port: 2380`".to_owned()
            }
            Self::Member { .. } => {
                "write NAME=ADDRESS or NAME=ADDRESS,DNS-NAME, such as etcd1=10.0.0.11".to_owned()
            }
            Self::MissingKey { key: "members" } | Self::NoMembers => {
                "add `members:` with a line such as `- {name: etcd1, address: 10.0.0.11}`".to_owned()
            }
            Self::TooManyMembers { .. } => {
                "write several clusters into several files: etcd advises seven members of one cluster at most"
                    .to_owned()
            }
            Self::MissingKey { key } => format!("add `{key}: ...`"),
            Self::NoAddress { .. } => "add `address: 10.0.0.11` or `dns: etcd1.example.com`".to_owned(),
            Self::Shape { example, .. } => format!("write it like `{example}`"),
            Self::Syntax { .. } => "write keys and values as YAML has them, such as `name: prod`".to_owned(),
            Self::UnknownKey { near: None, .. } => "remove it, or write one of these keys".to_owned(),
            Self::OptionValue { .. }
            | Self::Subject { .. }
            | Self::UnknownKey { near: Some(_), .. }
            | Self::UnknownOption { near: Some(_), .. } => return None,
        })
    }
}
