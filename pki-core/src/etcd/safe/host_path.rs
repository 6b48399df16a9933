//! Absolute paths on the hosts of members.

use std::fmt;

use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// An absolute path that needs no quotes in systemd units, environment files, shell scripts and YAML.
///
/// The characters are restricted, because quoting differs from place to place: systemd alone has three ways to quote,
/// one for each kind of setting.
///
/// ```
/// use pki_core::etcd::HostPath;
/// assert!(HostPath::parse("/var/lib/etcd").is_ok());
/// assert!(HostPath::parse("/var/lib/../etcd").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(String);

/// PATH_MAX of Linux is 4096 bytes, so this leaves room for the names of files in a folder.
const LONGEST: usize = 1024;

impl HostPath {
    /// Reads an absolute path. A slash at the end is removed.
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-+@/".contains(c);
        let reason = if !text.starts_with('/') {
            "it does not begin with `/`"
        } else if trimmed.is_empty() {
            "it is the root of the file system"
        } else if text.len() > LONGEST {
            "it is longer than 1024 characters"
        } else if !text.chars().all(safe) {
            "it has characters other than letters, digits, `.`, `_`, `-`, `+`, `@` and `/`"
        } else if trimmed.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
            "one of its parts is empty, `.` or `..`"
        } else {
            return Ok(Self(trimmed.to_owned()));
        };
        Err(InvalidValue { kind: SafeValue::HostPath, text: text.to_owned(), reason })
    }

    /// A path that is a constant of this program. It is not checked.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The path of a file in this folder. `name` must be safe in a path; it is not checked.
    pub(crate) fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// The folders above the path, the outermost first, without the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &str> {
        let slashes = self.0.match_indices('/').filter(|(index, _)| *index > 0);
        slashes.filter_map(|(index, _)| self.0.get(..index))
    }

    /// The folder that contains the path. For `/srv` it is `/`.
    pub(crate) fn parent(&self) -> Self {
        let folder = self.0.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self(if folder.is_empty() { "/" } else { folder }.to_owned())
    }

    /// Whether everything on a host shares the folder: it is the root, or directly in the root, in `/usr` or in `/var`
    /// (hier(7)).
    pub(crate) fn is_shared(&self) -> bool {
        let shared = ["", "/usr", "/var"];
        self.0.rsplit_once('/').is_none_or(|(folder, _)| shared.contains(&folder))
    }

    /// The path relative to `folder`. `None` if the path is not in that folder.
    pub(crate) fn below(&self, folder: &str) -> Option<&str> {
        self.0.strip_prefix(folder)?.strip_prefix('/')
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for bad in
            ["", "/", "etc", "/a/../b", "/a//b", "/./a", "/a b", "/a$b", "/a%i", "/a\nb", "/a'b", "/é", "~/x"]
        {
            assert!(HostPath::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(HostPath::parse("/etc/etcd/").unwrap().as_str(), "/etc/etcd");
    }

    #[test]
    fn ancestors_lead_to_it() {
        let path = HostPath::parse("/etc/etcd/pki").unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["/etc", "/etc/etcd"]);
        assert_eq!(path.below("/etc"), Some("etcd/pki"));
        assert_eq!(path.below("/et"), None);
        let parents = std::iter::successors(Some(path), |path| Some(path.parent())).map(|path| path.0);
        assert_eq!(parents.take(5).collect::<Vec<_>>(), ["/etc/etcd/pki", "/etc/etcd", "/etc", "/", "/"]);
    }

    #[test]
    fn what_everything_shares_is_known() {
        let is_shared = |path: &str| HostPath::parse(path).unwrap().is_shared();
        assert!(is_shared("/srv") && is_shared("/var/lib") && is_shared("/usr/bin"));
        assert!(!is_shared("/srv/etcd") && !is_shared("/var/lib/etcd"));
    }
}
