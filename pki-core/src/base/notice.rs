//! The shape of every notice: something was done, and the user should know this about it.

use std::fmt;

use crate::base::place::Place;

/// What the user should know about something that was done, and where it was found. It is never a failure.
///
/// Every module has its own kinds `K`, and an alias such as [`x509::Notice`](crate::x509::Notice).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice<K> {
    kind: K,
    place: Place,
}

impl<K> Notice<K> {
    pub(crate) fn new(kind: K) -> Self {
        Self { kind, place: Place::default() }
    }

    #[must_use]
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The facts.
    pub fn kind(&self) -> &K {
        &self.kind
    }

    /// The place in the user's files; it may be unknown.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Converts the kind into that of another module and keeps the place.
    pub(crate) fn map<T>(self, convert: impl FnOnce(K) -> T) -> Notice<T> {
        Notice { kind: convert(self.kind), place: self.place }
    }
}

impl<K: fmt::Display> fmt::Display for Notice<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_unknown() {
            write!(f, "{}: ", self.place)?;
        }
        self.kind.fmt(f)
    }
}

/// The result of a function that succeeded, and the notices that came with it.
#[derive(Debug, Clone)]
pub struct WithNotices<T, K> {
    /// The result.
    pub value: T,
    /// What to tell the user about the result, in the order in which it was found.
    pub notices: Vec<Notice<K>>,
}
