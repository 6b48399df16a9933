//! Why a member does not start, as far as its files tell.

use std::fmt;

use crate::etcd::check::finding::Rule;
use crate::etcd::check::verify::rules;
use crate::etcd::found::Unread;
use crate::tls::NoStart;

/// Why etcd ends instead of starting, or why nobody can say whether it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartFault {
    /// The file of CAs cannot be used.
    Authorities { file: String, why: NoStart },
    /// An option names a file that does not exist.
    Missing { option: &'static str, file: String },
    /// An option names a file that is outside of what was given.
    NotSeen { option: &'static str, file: String },
    /// An option names a file that was not read.
    Unread { option: &'static str, file: String, why: Unread },
    /// The certificate or its key cannot be used.
    Identity { file: String, why: NoStart },
    /// The settings of the member are outside of what was given, so nothing is known of it.
    SettingsNotSeen,
}

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorities { file, why } | Self::Identity { file, why } => write!(f, "{file}: {why}"),
            Self::Missing { option, file } => write!(f, "{option} names {file}, which is not there"),
            Self::NotSeen { option, file } => {
                write!(f, "{option} names {file}, which is outside of what was given")
            }
            Self::Unread { option, file, why } => write!(f, "{option} names {file}, which was {why}"),
            Self::SettingsNotSeen => f.write_str("it names settings that are outside of what was given"),
        }
    }
}

impl StartFault {
    /// Whether the member does not start for certain.
    pub(crate) fn is_certain(&self) -> bool {
        !matches!(self, Self::NotSeen { .. } | Self::Unread { .. } | Self::SettingsNotSeen)
    }

    /// The rule that it is a finding of.
    pub(crate) fn rule(&self) -> &'static Rule {
        match self {
            Self::Authorities { .. } => rules::CA_FILE,
            Self::Missing { .. } => rules::MISSING_FILE,
            Self::NotSeen { .. } | Self::Unread { .. } => rules::FILE_NOT_SEEN,
            Self::Identity { .. } => rules::IDENTITY,
            Self::SettingsNotSeen => rules::SETTINGS_NOT_SEEN,
        }
    }

    /// What to do about it; `None` if the rule says enough.
    pub(crate) fn remedy(&self) -> Option<String> {
        match self {
            Self::Missing { file, .. } => Some(format!("put {file} there, or name another file")),
            Self::Unread { why, .. } => Some(why.remedy().to_owned()),
            Self::Identity { why: NoStart::KeyMismatch, .. } => {
                Some("put the certificate and its own key beside each other".to_owned())
            }
            Self::Identity { why: NoStart::EncryptedKey, .. } => {
                Some("decrypt the key: nobody is there to type a password".to_owned())
            }
            Self::Authorities { .. }
            | Self::NotSeen { .. }
            | Self::Identity { .. }
            | Self::SettingsNotSeen => None,
        }
    }
}
