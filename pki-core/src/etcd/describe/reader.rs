//! Reading the texts of a description as values. Errors have the place of the text.

use std::cell::RefCell;
use std::path::Path;

use serde_saphyr::Location;

use crate::base::place::Place;
use crate::base::suggest;
use crate::etcd::describe::form;
use crate::etcd::describe::typed;
use crate::etcd::describe::typed::{OneOrMany, Text};
use crate::etcd::error::description::DescriptionError;
use crate::etcd::error::{Error, ErrorKind};

/// Reads the texts of one description.
pub(crate) struct Reader<'a> {
    /// The file of the description.
    path: Option<&'a Path>,
    /// What was wrong in parts on which no other part depends.
    mistakes: RefCell<Vec<Error>>,
}

impl<'a> Reader<'a> {
    /// A reader of the description in a file.
    pub(crate) fn of(path: Option<&'a Path>) -> Self {
        Self { path, mistakes: RefCell::default() }
    }

    /// The folder of the description.
    pub(crate) fn folder(&self) -> Option<&'a Path> {
        self.path.and_then(Path::parent)
    }

    /// The value of a part, or `None` if it is wrong; then reading goes on, to find further mistakes.
    pub(crate) fn keep<T>(&self, part: Result<T, Error>) -> Option<T> {
        part.map_err(|error| self.mistakes.borrow_mut().push(error)).ok()
    }

    /// The whole, of whose parts none was wrong, or an error with all mistakes.
    pub(crate) fn finish<T>(self, whole: Option<T>) -> Result<T, Error> {
        let mistakes = self.mistakes.into_inner();
        whole.filter(|_| mistakes.is_empty()).ok_or_else(|| ErrorKind::all_of(mistakes))
    }

    /// The place for an error message.
    pub(crate) fn place(&self, location: Location) -> Place {
        let mut place = Place::default();
        if let (Ok(line @ 1..), Ok(column)) =
            (usize::try_from(location.line()), usize::try_from(location.column()))
        {
            place = place.at(line, column);
        }
        match self.path {
            Some(path) => place.or_file(path),
            None => place,
        }
    }

    /// An error at a place of the description.
    pub(crate) fn error(&self, location: Location, error: DescriptionError) -> Error {
        Error::from(ErrorKind::Description(error)).at(self.place(location))
    }

    /// The error for a text that is not of the form of a description: all mistakes of form, or `error` of the typed
    /// reader if there are none, because the text is not YAML.
    pub(crate) fn not_of_the_form(&self, text: &str, error: serde_saphyr::Error) -> Error {
        let node = form::read(text);
        let mistakes = node.map(|node| form::mistakes(&node)).unwrap_or_default();
        if mistakes.is_empty() {
            return self.syntax(error);
        }
        ErrorKind::all_of(mistakes.into_iter().map(|(place, error)| self.error(place, error)).collect())
    }

    fn syntax(&self, error: serde_saphyr::Error) -> Error {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let kind = match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
                let near = suggest::near(field, expected.iter().copied()).map(str::to_owned);
                DescriptionError::UnknownKey { key: field.clone(), near, expected: expected.clone() }
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                DescriptionError::MissingKey { key: field }
            }
            serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
                DescriptionError::DuplicateKey { key: key.clone().unwrap_or_default() }
            }
            serde_saphyr::Error::NullIntoString { .. } => {
                DescriptionError::Syntax { message: typed::NOTHING.to_owned() }
            }
            serde_saphyr::Error::MultipleDocuments { .. } => DescriptionError::Syntax {
                message: "a second YAML document begins here, and a description is one document".to_owned(),
            },
            serde_saphyr::Error::Eof { .. } => {
                DescriptionError::Syntax { message: "the description is empty".to_owned() }
            }
            other => DescriptionError::Syntax { message: without_position(&other.to_string()) },
        };
        self.error(location, kind)
    }

    /// Reads a text with `parse`.
    pub(crate) fn parse<T, E: Into<DescriptionError>>(
        &self,
        text: &Text<T>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Error> {
        parse(&text.value).map_err(|error| self.error(text.referenced, error.into()))
    }

    /// Reads an optional text with `parse`.
    pub(crate) fn parse_option<T, E: Into<DescriptionError>>(
        &self,
        text: Option<&Text<T>>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.parse(text, parse)).transpose()
    }

    /// Reads each text of an optional list with `parse`.
    pub(crate) fn parse_list<T, E: Into<DescriptionError>>(
        &self,
        texts: Option<&OneOrMany<T>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, Error> {
        let texts = texts.map(|OneOrMany(texts)| texts.as_slice()).unwrap_or_default();
        texts.iter().map(|text| self.parse(text, &parse)).collect()
    }
}

/// A message of the YAML reader without the position at its end, which [`Place`] has.
fn without_position(message: &str) -> String {
    let end = message.find(" at line ").or_else(|| message.find("\n"));
    end.and_then(|end| message.get(..end)).unwrap_or(message).to_owned()
}
