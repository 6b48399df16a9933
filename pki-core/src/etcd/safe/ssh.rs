//! Where `deploy.sh` connects to.

use std::fmt;

use crate::etcd::safe::address::HostName;
use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// `[USER@]HOST`, or the name of a `Host` section of ssh_config(5); safe in a shell line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget(String);

impl SshTarget {
    /// The target, if it is one.
    ///
    /// # Errors
    /// [`InvalidValue`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let reason = if text.is_empty() || text.starts_with('@') || text.ends_with('@') {
            "a part of it is missing"
        } else if text.starts_with('-') {
            "ssh would take it for an option"
        } else if text.len() > 253 + 33 {
            "it is too long"
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-@:".contains(c)) {
            "it has characters other than letters, digits, `.`, `_`, `-`, `@` and `:`"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidValue { kind: SafeValue::SshTarget, text: text.to_owned(), reason })
    }

    pub(crate) fn root_at(host: &HostName) -> Self {
        Self(format!("root@{host}"))
    }

    /// The target.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
