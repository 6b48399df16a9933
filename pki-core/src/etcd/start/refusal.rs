//! Why etcd does not start with its settings.

use std::fmt;

use crate::base::place::Place;
use crate::etcd::found::Setting;

/// Why etcd ends instead of starting, as far as its settings tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The part of etcd that refuses.
    pub kind: RefusalKind,
    /// Where the setting is; the place of the member if the setting is missing. May be unknown.
    pub place: Place,
    /// What is wrong, with the facts.
    pub problem: String,
    /// What etcd says, or a part of it; empty if it says what the problem says.
    pub message: &'static str,
}

/// The part of etcd that refuses its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The command line is none that Go's package `flag` reads, or has a word that is no flag.
    Argument,
    /// This version has no such flag.
    UnknownFlag,
    /// A flag and a variable set one option.
    Shadowed,
    /// The configuration file cannot be read.
    File,
    /// The value of an option.
    Value,
    /// A URL.
    Url,
    /// Several options that do not go together.
    Combination,
    /// `listen-client-urls` needs `advertise-client-urls`.
    NotAdvertised,
    /// A certificate or a key is not named.
    Certificate,
    /// The allowed names and the allowed common names of peers exclude each other.
    AllowLists,
    /// Cipher suites, and TLS 1.3 only, whose suites cannot be chosen.
    SuitesOfTls13,
    /// A socket is needed twice.
    Address,
    /// `initial-cluster` does not name the member. Only a member without data looks at it.
    NotNamed,
    /// `initial-cluster` has other URLs for the member, or one URL twice. Only a member without data looks at it.
    OtherUrls,
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, place: Place, problem: impl Into<String>) -> Self {
        Self { kind, place, problem: problem.into(), message: "" }
    }

    /// A refusal because of a setting.
    pub(super) fn of(kind: RefusalKind, setting: &Setting, problem: impl Into<String>) -> Self {
        Self::new(kind, setting.place.clone(), problem)
    }

    #[must_use]
    pub(super) fn saying(mut self, message: &'static str) -> Self {
        self.message = message;
        self
    }
}

/// The place and the problem.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_unknown() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}
