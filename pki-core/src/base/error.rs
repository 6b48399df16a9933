//! The one shape of an error: the facts, the place, and what to do next.

use std::fmt;
use std::path::Path;

use crate::base::place::Place;

/// The facts that an error of one room can have. `Display` tells them in one sentence.
pub trait Kind: std::error::Error + 'static {
    /// What to do about it, if more can be said than the facts do.
    fn hint(&self) -> Option<String>;
}

/// What went wrong, and where.
///
/// Every room of the library has kinds `K` of its own, and an alias such as [`x509::Error`](crate::x509::Error).
/// `Display` tells place and facts in one line, [`Error::hint`] tells what to do next.
#[derive(Debug)]
pub struct Error<K>(Box<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    kind: K,
    place: Place,
}

impl<K> Error<K> {
    /// What went wrong.
    pub fn kind(&self) -> &K {
        &self.0.kind
    }

    /// Where.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What went wrong, without its place.
    pub fn into_kind(self) -> K {
        self.0.kind
    }

    /// The same error at `place`, unless its place is known already.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        if self.0.place.is_unknown() {
            self.0.place = place;
        }
        self
    }

    /// The same error, in `file` unless a file is known already.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.place = std::mem::take(&mut self.0.place).or_file(file);
        self
    }

    /// The same error without its place, for a text that the user never saw.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.0.place = Place::default();
        self
    }

    /// The same error as one of another room.
    pub(crate) fn map<T>(self, convert: impl FnOnce(K) -> T) -> Error<T> {
        let Inner { kind, place } = *self.0;
        Error(Box::new(Inner { kind: convert(kind), place }))
    }
}

impl<K: Kind> Error<K> {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.kind.hint()
    }
}

impl<K: fmt::Display> fmt::Display for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.place.is_unknown() {
            write!(f, "{}: ", self.0.place)?;
        }
        self.0.kind.fmt(f)
    }
}

impl<K: std::error::Error> std::error::Error for Error<K> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.kind.source()
    }
}

impl<K: Kind> From<K> for Error<K> {
    fn from(kind: K) -> Self {
        Self(Box::new(Inner { kind, place: Place::default() }))
    }
}
