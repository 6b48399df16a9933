//! Why a member does not start, as far as its files tell.

use std::fmt;

use crate::etcd::check::finding::Rule;
use crate::etcd::check::verify::rules;
use crate::etcd::found::{SHORTEN, TOO_LARGE};
use crate::tls::NoStart;

/// Why etcd ends instead of starting, or why nobody can say whether it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartFault {
    /// `--...-allowed-cn` and `--...-allowed-hostname` are both set.
    TwoAllowLists,
    /// The file of CAs cannot be used.
    Authorities { file: String, why: NoStart },
    /// An option names a file that does not exist.
    Missing { option: &'static str, file: String },
    /// An option names a file that is outside of what was given.
    NotSeen { option: &'static str, file: String },
    /// An option names a file that is too large to be read.
    TooLarge { option: &'static str, file: String },
    /// Of the certificate and its key, only one is named.
    HalfAPair { set: &'static str, unset: &'static str },
    /// The certificate or its key cannot be used.
    Identity { file: String, why: NoStart },
    /// The member has to listen with TLS and has no certificate.
    NoCertificate { url: String, option: &'static str },
    /// The settings of the member are outside of what was given, so nothing is known of it.
    SettingsNotSeen,
    /// The member's name is not among those of `initial-cluster`.
    NotInInitialCluster { name: String },
}

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoAllowLists => f.write_str("allowed-cn and allowed-hostname exclude each other"),
            Self::Authorities { file, why } | Self::Identity { file, why } => write!(f, "{file}: {why}"),
            Self::Missing { option, file } => write!(f, "{option} names {file}, which is not there"),
            Self::NotSeen { option, file } => {
                write!(f, "{option} names {file}, which is outside of what was given")
            }
            Self::TooLarge { option, file } => write!(f, "{option} names {file}, which was {TOO_LARGE}"),
            Self::HalfAPair { set, unset } => write!(f, "{set} is set and {unset} is not"),
            Self::NoCertificate { url, option } => {
                write!(f, "it has to listen on {url}, and {option} is not set")
            }
            Self::SettingsNotSeen => f.write_str("it names settings that are outside of what was given"),
            Self::NotInInitialCluster { name } => write!(f, "initial-cluster does not name {name}"),
        }
    }
}

impl StartFault {
    /// The rule that it is a finding of.
    pub(crate) fn rule(&self) -> &'static Rule {
        match self {
            Self::TwoAllowLists | Self::HalfAPair { .. } => rules::OPTIONS,
            Self::Authorities { .. } => rules::CA_FILE,
            Self::Missing { .. } => rules::MISSING_FILE,
            Self::NotSeen { .. } | Self::TooLarge { .. } => rules::FILE_NOT_SEEN,
            Self::Identity { .. } => rules::IDENTITY,
            Self::NoCertificate { .. } => rules::NO_CERTIFICATE_TO_LISTEN,
            Self::SettingsNotSeen => rules::SETTINGS_NOT_SEEN,
            Self::NotInInitialCluster { .. } => rules::NOT_IN_INITIAL_CLUSTER,
        }
    }

    /// What to do about it; `None` if the rule says enough.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::TwoAllowLists => Some("keep one of the two".to_owned()),
            Self::Missing { file, .. } => Some(format!("put {file} there, or name another file")),
            Self::TooLarge { .. } => Some(SHORTEN.to_owned()),
            Self::HalfAPair { unset, .. } => Some(format!("set {unset} too")),
            Self::Identity { why: NoStart::KeyMismatch, .. } => {
                Some("put the certificate and its own key beside each other".to_owned())
            }
            Self::Identity { why: NoStart::EncryptedKey, .. } => {
                Some("decrypt the key: nobody is there to type a password".to_owned())
            }
            Self::NoCertificate { option, .. } => {
                Some(format!("set {option} and its key, or listen without TLS"))
            }
            Self::Authorities { .. }
            | Self::NotSeen { .. }
            | Self::Identity { .. }
            | Self::SettingsNotSeen
            | Self::NotInInitialCluster { .. } => None,
        }
    }
}
