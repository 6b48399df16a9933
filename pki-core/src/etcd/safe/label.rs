//! Names of clusters, members and clients.

use std::fmt;

use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// A name that needs no quotes in file names, systemd units, environment files, shell scripts, YAML and
/// `--initial-cluster`, and that can be a common name.
///
/// It has 1 to 48 characters: ASCII letters, digits, `.`, `_` and `-`. The first is a letter or a digit.
///
/// ```
/// use pki_core::etcd::Label;
/// assert!(Label::parse("etcd-1.example").is_ok());
/// assert!(Label::parse("../etcd").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Label(String);

impl Label {
    /// The most characters of a name. A common name has at most 64 (RFC 5280 appendix A.1, ub-common-name), and some
    /// common names have words after the name: `NAME etcd client CA`.
    pub(crate) const LONGEST: usize = 48;

    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.len() > Self::LONGEST {
            "it is longer than 48 characters"
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            "it has characters other than the letters a-z and A-Z, digits, `.`, `_` and `-`"
        } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            "it does not begin with a letter or a digit"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidValue { kind: SafeValue::Label, text: text.to_owned(), reason })
    }

    /// A name that is a constant of this program. It is not checked.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_reach_a_path_or_a_shell_is_refused() {
        for bad in
            ["", "..", "../x", "a/b", "a b", "$(x)", "-x", "a\nb", "%i", "é", "a=b", "a,b", "a'b", "a\"b"]
        {
            assert!(Label::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Label::parse(&"a".repeat(49)).is_err());
    }
}
