//! The shape of every error: its kind with the facts, its place, and a hint what to do next.

use std::fmt;
use std::path::Path;

use crate::base::place::Place;

/// The kinds of error that one module has. `Display` states the facts in one sentence.
pub trait Kind: std::error::Error + 'static {
    /// An instruction to the user, or `None` if the facts say everything.
    fn hint(&self) -> Option<String>;
}

/// What went wrong, and where.
///
/// Every module has its own kinds `K`, and an alias such as [`x509::Error`](crate::x509::Error). `Display` writes the
/// place and the facts in one line; [`Error::hint`] says what to do next.
///
/// ```
/// use std::path::Path;
///
/// use pki_core::x509::{Certificate, ErrorKind};
///
/// let error = Certificate::read(b"").unwrap_err().in_file(Path::new("ca.pem"));
/// assert!(matches!(error.kind(), ErrorKind::NoCertificate));
/// assert_eq!(error.to_string(), "ca.pem: there is no PEM certificate in it");
/// ```
#[derive(Debug, Clone)]
pub struct Error<K>(Box<Inner<K>>);

#[derive(Debug, Clone)]
struct Inner<K> {
    kind: K,
    place: Place,
}

impl<K> Error<K> {
    /// The facts.
    pub fn kind(&self) -> &K {
        &self.0.kind
    }

    /// The place in the user's files; it may be unknown.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The facts without the place.
    pub fn into_kind(self) -> K {
        self.0.kind
    }

    /// Sets the place, unless the error has one.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        if self.0.place.is_unknown() {
            self.0.place = place;
        }
        self
    }

    /// Adds the file to the place, unless the place names one.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.place = std::mem::take(&mut self.0.place).or_file(file);
        self
    }

    /// Removes the place, for a text that the user never saw.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.0.place = Place::default();
        self
    }

    /// Converts the kind into that of another module and keeps the place.
    pub(crate) fn map<T>(self, convert: impl FnOnce(K) -> T) -> Error<T> {
        let Inner { kind, place } = *self.0;
        Error(Box::new(Inner { kind: convert(kind), place }))
    }
}

impl<K: Kind> Error<K> {
    /// An instruction to the user, or `None` if the facts say everything.
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
