//! Destinations of ssh.

use std::fmt;

use crate::etcd::safe::address::HostName;
use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// A destination of ssh(1): `[USER@]HOST`, or the name of a `Host` section of ssh_config(5). It needs no quotes in a
/// shell script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget(String);

impl SshTarget {
    /// Reads a destination.
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let reason = if text.is_empty() || text.starts_with('@') || text.ends_with('@') {
            "the user or the host is missing"
        } else if text.starts_with('-') {
            "it begins with `-`, so ssh would read it as an option"
        // A user of 32 characters (useradd(8)), `@`, and a host name of 253 (RFC 1035 section 2.3.4).
        } else if text.len() > 32 + 1 + 253 {
            "it is longer than 286 characters"
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-@:".contains(c)) {
            "it has characters other than letters, digits, `.`, `_`, `-`, `@` and `:`"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidValue { kind: SafeValue::SshTarget, text: text.to_owned(), reason })
    }

    /// `root@HOST`
    pub(crate) fn root_at(host: &HostName) -> Self {
        Self(format!("root@{host}"))
    }

    /// The destination as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
