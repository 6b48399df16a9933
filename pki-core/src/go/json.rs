//! JSON as Go's `encoding/json` reads it (`encoding/json/decode.go`), with the place of every value.
//!
//! The text is strict JSON. A key names a field without regard to case, the last of repeated keys counts, and `null`
//! leaves a field as it was.

use std::path::Path;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::base::place::Place;

/// Why a JSON text could not be read, and where.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) place: Place,
    pub(crate) kind: ErrorKind,
}

/// The facts of an [`Error`].
#[derive(Debug)]
pub(crate) enum ErrorKind {
    /// The text is not JSON.
    Syntax {
        /// What the parser said.
        message: String,
    },
    /// A value has the wrong type.
    Type {
        /// The type that the field has, as in "a whole number".
        expected: &'static str,
        /// The type of the value, as in "a string".
        found: &'static str,
    },
}

/// A member of an object whose key names no field, or one that is there again.
pub(crate) struct UnknownMember {
    pub(crate) key: String,
    pub(crate) place: Place,
    /// Whether the key names a field that the object has several times.
    pub(crate) is_repeated: bool,
    /// The names of the fields that the object may have.
    pub(crate) fields: Vec<&'static str>,
}

/// A JSON text, and its file if it has one.
#[derive(Clone)]
struct Document<'a> {
    text: &'a str,
    file: Option<&'a Path>,
    /// The numbers of lines and of characters before each step of [`STEP`] bytes. Without them, the time to find the
    /// places of many values would grow with the square of their number.
    steps: Rc<[(usize, usize)]>,
}

/// The number of bytes between two entries of [`Document::steps`].
const STEP: usize = 128;

impl<'a> Document<'a> {
    fn new(text: &'a str, file: Option<&'a Path>) -> Self {
        let (mut lines, mut chars, mut steps) = (0, 0, Vec::new());
        for (offset, byte) in text.bytes().enumerate() {
            if offset % STEP == 0 {
                steps.push((lines, chars));
            }
            lines += usize::from(byte == b'\n');
            chars += usize::from(starts_char(byte));
        }
        Self { text, file, steps: steps.into() }
    }

    /// The numbers of line ends and of characters before an offset.
    fn before(&self, offset: usize) -> (usize, usize) {
        let step = (offset / STEP).min(self.steps.len().saturating_sub(1));
        let (lines, chars) = self.steps.get(step).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(step * STEP..offset).unwrap_or_default();
        let more_lines = rest.iter().filter(|byte| **byte == b'\n').count();
        (lines + more_lines, chars + rest.iter().filter(|byte| starts_char(**byte)).count())
    }

    /// The offset of the first byte of the line that has `offset`.
    fn line_start(&self, offset: usize) -> usize {
        let (line, _) = self.before(offset);
        // The last step at which the line had not begun: the line begins there or in the bytes that follow.
        let step = self.steps.partition_point(|(lines, _)| *lines < line).saturating_sub(1) * STEP;
        let rest = self.text.as_bytes().get(step..offset).unwrap_or_default();
        if line == 0 { 0 } else { rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| step + at + 1) }
    }
}

/// Whether a byte of UTF-8 is the first of a character.
fn starts_char(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// One value of a JSON document, with its place.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    document: Document<'a>,
    raw: &'a RawValue,
    key: String,
}

impl<'a> Node<'a> {
    /// Reads a text that holds one value.
    pub(crate) fn parse(text: &'a str, file: Option<&'a Path>) -> Result<Self, Error> {
        let document = Document::new(text, file);
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self { document, raw, key: String::new() }),
            Err(error) => {
                let mut place = Place::default().at(error.line(), error.column());
                if let Some(file) = file {
                    place = place.or_file(file);
                }
                Err(Error { place, kind: ErrorKind::Syntax { message: syntax_message(&error) } })
            }
        }
    }

    /// The place of this value.
    pub(crate) fn place(&self) -> Place {
        let offset = self.raw.get().as_ptr().addr().saturating_sub(self.document.text.as_ptr().addr());
        let (lines, chars) = self.document.before(offset);
        let (_, chars_before_line) = self.document.before(self.document.line_start(offset));
        let place = Place::default().at(lines + 1, chars - chars_before_line + 1).key(self.key.as_str());
        match self.document.file {
            Some(file) => place.or_file(file),
            None => place,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.raw.get() == "null"
    }

    fn child(&self, raw: &'a RawValue, step: &str) -> Self {
        let key = if self.key.is_empty() || step.starts_with('[') {
            format!("{}{step}", self.key)
        } else {
            format!("{}.{step}", self.key)
        };
        Self { document: self.document.clone(), raw, key }
    }

    fn expected(&self, expected: &'static str) -> Error {
        let found = match self.raw.get().as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            // This is the only valid JSON string that is no text.
            Some(b'"') if expected == STRING => "one with half of a surrogate pair",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ if expected != WHOLE_NUMBER => "a number",
            _ if self.raw.get().contains(['.', 'e', 'E']) => "one with a fraction or an exponent",
            _ => "one that is too large",
        };
        Error { place: self.place(), kind: ErrorKind::Type { expected, found } }
    }

    fn decode<T: Deserialize<'a>>(&self, expected: &'static str) -> Result<T, Error> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.expected(expected))
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Result<String, Error> {
        self.decode(STRING)
    }

    pub(crate) fn boolean(&self) -> Result<bool, Error> {
        self.decode("true or false")
    }

    pub(crate) fn integer(&self) -> Result<i64, Error> {
        self.decode(WHOLE_NUMBER)
    }

    /// The elements of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, Error> {
        let raws: Vec<&'a RawValue> = self.decode("a list")?;
        Ok(raws.into_iter().enumerate().map(|(i, raw)| self.child(raw, &format!("[{i}]"))).collect())
    }

    /// The elements of a list of strings. As in Go, an element that is `null` is the empty string.
    pub(crate) fn texts(&self) -> Result<Vec<String>, Error> {
        self.items()?
            .iter()
            .map(|item| if item.is_null() { Ok(String::new()) } else { item.text() })
            .collect()
    }

    /// The members of an object in order, including repeated keys.
    pub(crate) fn members(&self) -> Result<Vec<(String, Self)>, Error> {
        let Members(members) = self.decode("an object")?;
        Ok(members
            .into_iter()
            .map(|(name, raw)| {
                let child = self.child(raw, &name);
                (name, child)
            })
            .collect())
    }

    /// The members of an object, to be read field by field.
    pub(crate) fn object(&self) -> Result<Object<'a>, Error> {
        Ok(Object { members: self.members()?, known: Vec::new(), repeated: Vec::new() })
    }
}

/// What an integer is called in messages.
const WHOLE_NUMBER: &str = "a whole number";
const STRING: &str = "a string";

/// The message without the position at its end, which is in the [`Place`].
fn syntax_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message.get(..end).unwrap_or_default().to_owned(),
        None => message,
    }
}

/// An object whose members are read one field at a time. The members that remain at the end are unknown.
pub(crate) struct Object<'a> {
    members: Vec<(String, Node<'a>)>,
    known: Vec<&'static str>,
    /// The members whose field was there before, each with the field.
    repeated: Vec<(&'static str, Node<'a>)>,
}

impl<'a> Object<'a> {
    /// Takes every member that names `field`, and returns those that are not null, in order.
    pub(crate) fn all(&mut self, field: &'static str) -> Vec<Node<'a>> {
        self.known.push(field);
        let (matching, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.members).into_iter().partition(|(name, _)| same_key(name, field));
        self.members = others;
        self.repeated.extend(matching.iter().skip(1).map(|(_, node)| (field, node.clone())));
        matching.into_iter().map(|(_, node)| node).filter(|node| !node.is_null()).collect()
    }

    /// Decodes every member that names `field`, and returns the last of them.
    pub(crate) fn last<T, E>(
        &mut self,
        field: &'static str,
        decode: impl Fn(&Node<'a>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut last = None;
        for node in self.all(field) {
            last = Some(decode(&node)?);
        }
        Ok(last)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<String>, Error> {
        self.last(field, Node::text)
    }

    pub(crate) fn texts(&mut self, field: &'static str) -> Result<Option<Vec<String>>, Error> {
        self.last(field, Node::texts)
    }

    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<bool, Error> {
        Ok(self.last(field, Node::boolean)?.unwrap_or_default())
    }

    pub(crate) fn integer(&mut self, field: &'static str) -> Result<Option<i64>, Error> {
        self.last(field, Node::integer)
    }

    /// Accepts `field` with any value.
    pub(crate) fn ignore(&mut self, field: &'static str) {
        self.all(field);
    }

    /// The members that name a field again, and those that were not read. Those whose keys begin with `_` are comments.
    pub(crate) fn unknown(self) -> impl Iterator<Item = UnknownMember> {
        let Self { members, known, repeated } = self;
        let repeated = repeated.into_iter().map(|(field, node)| UnknownMember {
            key: field.to_owned(),
            place: node.place(),
            is_repeated: true,
            fields: Vec::new(),
        });
        let unread = members.into_iter().filter(|(key, _)| !key.starts_with('_'));
        repeated.chain(unread.map(move |(key, node)| UnknownMember {
            key,
            place: node.place(),
            is_repeated: false,
            fields: known.clone(),
        }))
    }
}

/// Whether a key of the text names a field. The comparison is that of Go's `encoding/json` (`foldName`), for which the
/// long s (U+017F) is an `s` and the Kelvin sign (U+212A) is a `k`.
fn same_key(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(field.chars().map(fold))
}

/// An object's members in order. A map would lose repeated keys.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_values() {
        let text = "{\n  \"key\": {\"size\": \"big\"}}";
        let node = Node::parse(text, Some(Path::new("csr.json"))).unwrap();
        let mut object = node.object().unwrap();
        let mut key = object.all("key").pop().unwrap().object().unwrap();
        let error = key.integer("size").unwrap_err();
        assert_eq!(error.place.to_string(), "csr.json:2:19: key.size");
        assert!(matches!(error.kind, ErrorKind::Type { expected: "a whole number", found: "a string" }));
    }

    #[test]
    fn the_last_of_repeated_keys_wins_whatever_its_case() {
        let node = Node::parse(r#"{"CN":"a","cn":"b","Cn":null,"ho\u017fts":["x",null]}"#, None).unwrap();
        let mut object = node.object().unwrap();
        assert_eq!(object.text("CN").unwrap().unwrap(), "b");
        assert_eq!(object.texts("hosts").unwrap().unwrap(), ["x", ""]);
    }

    #[test]
    fn what_no_field_is_for_is_left() {
        let node = Node::parse(r#"{"host":[],"HOSTS":[]}"#, None).unwrap();
        let mut object = node.object().unwrap();
        object.ignore("hosts");
        let unknown: Vec<_> = object.unknown().map(|member| (member.key, member.place.to_string())).collect();
        assert_eq!(unknown, [("host".to_owned(), "1:9: host".to_owned())]);
    }

    #[test]
    fn places_are_found_in_long_lines_and_in_many() {
        let value = |number: usize| format!("{{\"é\":{number}}}");
        let lines: Vec<String> = (0..500).map(value).collect();
        for separator in [",", ",\n", ",\n\n  "] {
            let text = format!("[{}]", lines.join(separator));
            for node in Node::parse(&text, None).unwrap().items().unwrap() {
                let offset = node.raw.get().as_ptr().addr() - text.as_ptr().addr();
                let before = &text[..offset];
                let line = before.matches('\n').count() + 1;
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                assert_eq!(node.place().position(), Some((line, column)));
            }
        }
    }

    #[test]
    fn a_repeated_key_is_told() {
        let node = Node::parse(r#"{"CN":"a","cn":"b"}"#, None).unwrap();
        let mut object = node.object().unwrap();
        object.text("CN").unwrap();
        let told: Vec<_> = object.unknown().map(|member| (member.key, member.is_repeated)).collect();
        assert_eq!(told, [("CN".to_owned(), true)]);
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        let error = Node::parse(r#""a\ud800""#, None).unwrap().text().unwrap_err();
        let ErrorKind::Type { found, .. } = error.kind else { panic!("{error:?}") };
        assert_eq!(found, "one with half of a surrogate pair");
    }

    #[test]
    fn text_after_the_value_is_refused() {
        let Error { place, kind } = Node::parse("{}x", None).err().unwrap();
        assert_eq!(place.to_string(), "1:3");
        assert!(matches!(kind, ErrorKind::Syntax { message } if message == "trailing characters"));
    }
}
