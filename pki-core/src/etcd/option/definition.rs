//! The type of a row in the table of options, and the words that the rows are written with.

use crate::etcd::option::value::ValueKind;

/// One of etcd's options.
///
/// ```
/// use pki_core::etcd::{Availability, EtcdOption, EtcdVersion};
///
/// let option = EtcdOption::find("experimental-corrupt-check-time").unwrap();
/// assert_eq!(option.variable(), "ETCD_EXPERIMENTAL_CORRUPT_CHECK_TIME");
/// assert_eq!(option.availability(EtcdVersion::V3_5), Availability::Available);
/// assert_eq!(
///     option.availability(EtcdVersion::V3_7).to_string(),
///     "was removed in 3.7.0: use `corrupt-check-time`"
/// );
/// assert!(option.check("10s", EtcdVersion::V3_5).is_ok());
/// assert!(option.check("10", EtcdVersion::V3_5).is_err());
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct EtcdOption {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// The kinds of value that it had before a release, the oldest first. `(5, 8)` is 3.5.8, here and below.
    pub(super) formerly: &'static [((u8, u16), ValueKind)],
    /// The first release with the option, for each series whose first release does not have it. Series after the last
    /// one here have it from their first release on. Empty if every release has it.
    pub(super) since: &'static [(u8, u16)],
    /// The first series whose etcd warns about it, or whose help says that it will be removed.
    pub(super) deprecated: Option<u8>,
    /// The first series without the option.
    pub(super) removed: Option<u8>,
    /// The replacement: `option` or `option=value`.
    pub(super) instead: Option<&'static str>,
    /// `None` if the configuration file cannot set it.
    pub(super) file: Option<File>,
}

/// The place of an option in the configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    pub(super) section: &'static [&'static str],
    pub(super) key: &'static str,
    /// The first release whose file has the key, in the form of [`EtcdOption::since`].
    pub(super) since: &'static [(u8, u16)],
    /// The first series whose file does not have the key any more.
    pub(super) removed: Option<u8>,
}

impl EtcdOption {
    /// An option that every release has, in its file under its own name.
    pub(super) const fn new(name: &'static str, kind: ValueKind) -> Self {
        let file = File { section: &[], key: name, since: &[], removed: None };
        Self {
            name,
            kind,
            formerly: &[],
            since: &[],
            deprecated: None,
            removed: None,
            instead: None,
            file: Some(file),
        }
    }

    pub(super) const fn since(mut self, since: &'static [(u8, u16)]) -> Self {
        self.since = since;
        self
    }

    pub(super) const fn formerly(mut self, formerly: &'static [((u8, u16), ValueKind)]) -> Self {
        self.formerly = formerly;
        self
    }

    pub(super) const fn deprecated(mut self, minor: u8) -> Self {
        self.deprecated = Some(minor);
        self
    }

    pub(super) const fn removed(mut self, minor: u8) -> Self {
        self.removed = Some(minor);
        self
    }

    pub(super) const fn instead(mut self, instead: &'static str) -> Self {
        self.instead = Some(instead);
        self
    }

    /// Puts the option under another key of the file.
    pub(super) const fn at(mut self, section: &'static [&'static str], key: &'static str) -> Self {
        self.file = Some(File { section, key, since: &[], removed: None });
        self
    }

    pub(super) const fn client(self, key: &'static str) -> Self {
        self.at(&["client-transport-security"], key)
    }

    pub(super) const fn peer(self, key: &'static str) -> Self {
        self.at(&["peer-transport-security"], key)
    }

    pub(super) const fn file_since(mut self, since: &'static [(u8, u16)]) -> Self {
        if let Some(file) = &mut self.file {
            file.since = since;
        }
        self
    }

    pub(super) const fn file_until(mut self, removed: u8) -> Self {
        if let Some(file) = &mut self.file {
            file.removed = Some(removed);
        }
        self
    }

    pub(super) const fn not_in_file(mut self) -> Self {
        self.file = None;
        self
    }
}
