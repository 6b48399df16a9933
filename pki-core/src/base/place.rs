//! Places in the user's input: file, line, column and key.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeStruct, Serializer};
use time::{OffsetDateTime, UtcOffset};

/// The place of something in the user's input: file, line and column (both counted from 1), and the key inside the
/// document. Each part may be unknown.
///
/// ```
/// let place = pki_core::base::Place::file("csr.json").at(3, 5).key("key.size");
/// assert_eq!(place.to_string(), "csr.json:3:5: key.size");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place {
    file: Option<PathBuf>,
    position: Option<(usize, usize)>,
    key: Option<String>,
}

impl Place {
    /// A place in `file`.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    /// Sets line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.position = Some((line, column));
        self
    }

    /// Sets the key inside the document, as in `signing.profiles.peer.expiry`. An empty key is no key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.key = (!key.is_empty()).then_some(key);
        self
    }

    /// Sets the file, unless there is one.
    #[must_use]
    pub(crate) fn or_file(mut self, file: &Path) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// The file, if it is known.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Line and column, both counted from 1, if they are known.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }

    /// The key inside the document, if it is known.
    pub fn inside(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether no part is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// An object with `file`, `line`, `column` and `inside`, each null if it is unknown.
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Place", 4)?;
        fields.serialize_field("file", &self.file)?;
        fields.serialize_field("line", &self.position.map(|(line, _)| line))?;
        fields.serialize_field("column", &self.position.map(|(_, column)| column))?;
        fields.serialize_field("inside", &self.key)?;
        fields.end()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            separator = ":";
        }
        if let Some((line, column)) = self.position {
            write!(f, "{separator}{line}:{column}")?;
            separator = ":";
        }
        if let Some(key) = &self.key {
            let space = if separator.is_empty() { "" } else { " " };
            write!(f, "{separator}{space}{key}")?;
        }
        Ok(())
    }
}

/// Writes a moment for messages, as in `2027-11-21 10:08:00 UTC`.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(UtcOffset::UTC);
    format!("{} {:02}:{:02}:{:02} UTC", moment.date(), moment.hour(), moment.minute(), moment.second())
}
