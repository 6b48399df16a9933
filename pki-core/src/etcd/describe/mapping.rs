//! A YAML mapping with comments, and its text.
//!
//! Words of this program are written as they are. Texts of users are in double quotes, so that every YAML reader reads
//! them as strings.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::etcd::safe::yaml::quoted;

/// Comments for a description, in addition to its usual ones, by the path of the key that they are about: keys with `/`
/// between them, and a member by its name, as in `members/etcd1`. The empty path is for the top of the description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Remarks(BTreeMap<String, Vec<String>>);

impl Remarks {
    /// Adds a comment of one or more lines.
    pub(crate) fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.entry(key.into()).or_default().push(text.into());
    }

    /// The comments about a key.
    fn of(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A mapping that is being filled.
pub(crate) struct Mapping<'a> {
    /// The keys above the mapping, with `/` between them.
    path: String,
    remarks: &'a Remarks,
    entries: Vec<Entry<'a>>,
    /// The comment for the next entry.
    explanation: Option<&'static str>,
}

/// A key of a mapping.
struct Entry<'a> {
    comments: Vec<String>,
    key: String,
    /// `None` if only the comments are written.
    value: Option<Value<'a>>,
}

pub(crate) enum Value<'a> {
    /// A word of this program, written without quotes.
    Word(&'static str),
    /// A text, written in double quotes.
    Text(String),
    /// A list of texts in one line.
    Texts(Vec<String>),
    /// A mapping below the key.
    Mapping(Mapping<'a>),
    /// A mapping of texts in one line.
    Flow(Vec<(&'static str, String)>),
    /// A list of mappings.
    List(Vec<Mapping<'a>>),
}

impl<'a> Mapping<'a> {
    /// An empty mapping. `path` has the keys above it; it is empty for the top of a description.
    pub(crate) fn new(path: &str, remarks: &'a Remarks) -> Self {
        Self { path: path.to_owned(), remarks, entries: Vec::new(), explanation: None }
    }

    /// An empty mapping for a key of this one.
    pub(crate) fn section(&self, key: &str) -> Self {
        Self::new(&self.path_of(key), self.remarks)
    }

    /// Whether nothing was put into the mapping.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this is the top of a description.
    pub(crate) fn is_top(&self) -> bool {
        self.path.is_empty()
    }

    fn path_of(&self, key: &str) -> String {
        if self.is_top() { key.to_owned() } else { format!("{}/{key}", self.path) }
    }

    /// Sets the comment for the next entry.
    pub(crate) fn explain(&mut self, text: &'static str) {
        self.explanation = Some(text);
    }

    /// Whether there are remarks about a key. Then the key is written even if its value is the default.
    pub(crate) fn has_remarks(&self, key: &str) -> bool {
        !self.remarks.of(&self.path_of(key)).is_empty()
    }

    /// Adds a key with its value.
    pub(crate) fn put(&mut self, key: &str, value: Value<'a>) {
        self.put_or_remark(key, Some(value));
    }

    /// Adds a key with its value, or only the comments about the key.
    pub(crate) fn put_or_remark(&mut self, key: &str, value: Option<Value<'a>>) {
        let mut comments: Vec<String> = self.explanation.take().map(str::to_owned).into_iter().collect();
        comments.extend(self.remarks.of(&self.path_of(key)).iter().cloned());
        if value.is_some() || !comments.is_empty() {
            self.entries.push(Entry { comments, key: key.to_owned(), value });
        }
    }

    /// Adds a key with a text.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.put(key, Value::Text(text.to_owned()));
    }

    /// Adds a key with a word of this program.
    pub(crate) fn word(&mut self, key: &str, word: &'static str) {
        self.put(key, Value::Word(word));
    }

    /// Adds a key with one text, or with a list of several or none.
    pub(crate) fn texts(&mut self, key: &str, texts: impl IntoIterator<Item = impl ToString>) {
        let texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
        let value = match texts.as_slice() {
            [one] => Value::Text(one.clone()),
            _ => Value::Texts(texts),
        };
        self.put(key, value);
    }

    /// Adds a key with one text or a list, if there are texts.
    pub(crate) fn texts_if_any(&mut self, key: &str, texts: impl IntoIterator<Item = impl ToString>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            self.texts(key, texts);
        } else {
            self.put_or_remark(key, None);
        }
    }

    /// Adds a key with a text, unless the text is the default and there are no remarks about the key.
    pub(crate) fn text_unless(&mut self, key: &str, text: &str, usual: &str) {
        let is_said = text != usual || self.has_remarks(key);
        self.put_or_remark(key, is_said.then(|| Value::Text(text.to_owned())));
    }

    /// Adds a key with a word, unless the word is the default and there are no remarks about the key.
    pub(crate) fn word_unless(&mut self, key: &str, word: &'static str, usual: &str) {
        let is_said = word != usual || self.has_remarks(key);
        self.put_or_remark(key, is_said.then_some(Value::Word(word)));
    }

    /// Adds a key with a text, if there is one.
    pub(crate) fn optional_text(&mut self, key: &str, text: Option<&str>) {
        self.put_or_remark(key, text.map(|text| Value::Text(text.to_owned())));
    }

    /// Adds a key with a mapping, unless the mapping is empty.
    pub(crate) fn section_if_any(&mut self, key: &str, section: Self) {
        let is_said = !section.entries.is_empty();
        self.put_or_remark(key, is_said.then_some(Value::Mapping(section)));
    }
}

impl Mapping<'_> {
    /// The YAML of the mapping, which is the top of a description.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for remark in self.remarks.of(&self.path) {
            comment(&mut text, 0, remark);
        }
        self.write(&mut text, 0);
        text
    }

    /// Writes the entries. At the top, an empty line separates entries with comments from the others.
    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let mut was_apart = false;
        for Entry { comments, key, value } in &self.entries {
            let is_apart = depth == 0 && !comments.is_empty();
            if !text.is_empty() && (is_apart || was_apart) {
                text.push('\n');
            }
            was_apart = is_apart;
            for remark in comments {
                comment(text, depth, remark);
            }
            let _ = match value {
                None => Ok(()),
                Some(Value::Word(word)) => writeln!(text, "{indent}{key}: {word}"),
                Some(Value::Text(value)) => writeln!(text, "{indent}{key}: {}", quoted(value)),
                Some(Value::Texts(values)) => {
                    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                    writeln!(text, "{indent}{key}: [{}]", values.join(", "))
                }
                Some(Value::Flow(entries)) => {
                    let entries = entries.iter().map(|(key, value)| format!("{key}: {}", quoted(value)));
                    let entries: Vec<String> = entries.collect();
                    writeln!(text, "{indent}{key}: {{{}}}", entries.join(", "))
                }
                Some(Value::Mapping(section)) => {
                    let written = writeln!(text, "{indent}{key}:");
                    section.write(text, depth + 1);
                    written
                }
                Some(Value::List(items)) => {
                    let written = writeln!(text, "{indent}{key}:");
                    for item in items {
                        item.write_item(text, depth + 1);
                    }
                    written
                }
            };
        }
    }

    /// Writes the mapping as an item of a list, after the remarks about it. Its first key must have no comment, because
    /// it follows the `-`.
    fn write_item(&self, text: &mut String, depth: usize) {
        for remark in self.remarks.of(&self.path) {
            comment(text, depth, remark);
        }
        let mut item = String::new();
        self.write(&mut item, depth + 1);
        let indent = "  ".repeat(depth);
        let _ = write!(text, "{indent}- {}", item.trim_start());
    }
}

/// The most characters in a line of a comment.
const WIDTH: usize = 120;

/// Writes a comment, wrapped at [`WIDTH`]. Line breaks and control characters in the remark are escaped.
fn comment(text: &mut String, depth: usize, remark: &str) {
    let indent = "  ".repeat(depth);
    for line in remark.lines() {
        let mut width = 0;
        for (index, word) in line.split(' ').enumerate() {
            let word: String = word.chars().flat_map(shown).collect();
            let length = word.chars().count() + 1;
            if index == 0 || width + length > WIDTH {
                let end = if index == 0 { "" } else { "\n" };
                let _ = write!(text, "{end}{indent}# {word}");
                width = indent.len() + 1 + length;
            } else {
                let _ = write!(text, " {word}");
                width += length;
            }
        }
        text.push('\n');
    }
}

/// The character itself, or its escape if it may end a line or change how a terminal shows others.
fn shown(c: char) -> Vec<char> {
    let is_plain = c.is_ascii_graphic() || c.is_alphanumeric();
    if is_plain { vec![c] } else { c.escape_default().collect() }
}
