//! The one shape of a notice: something was done, and its user should know this about it.

use std::fmt;

use crate::base::place::Place;

/// Something that deserves a warning, and where it was found.
///
/// Every room of the library has kinds `K` of its own, and an alias such as [`x509::Notice`](crate::x509::Notice).
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

    /// What there is to know.
    pub fn kind(&self) -> &K {
        &self.kind
    }

    /// Where it was found.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The same notice as one of another room.
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

/// A value, and what its reader should know about it.
#[derive(Debug, Clone)]
pub struct WithNotices<T, K> {
    /// The value.
    pub value: T,
    /// What to tell the user.
    pub notices: Vec<Notice<K>>,
}
