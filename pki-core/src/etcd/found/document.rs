//! YAML and JSON of other programs, as a tree whose scalars have their places.

use std::path::Path;

use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use crate::base::place::Place;
use crate::base::yaml::Yaml;
use crate::etcd::found::process::Argument;

/// The number of documents in one file that are read. A list of all workloads of a large cluster has fewer.
const MOST_DOCUMENTS: usize = 1000;

/// A value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    line: usize,
    column: usize,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeValue {
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// Keys with their values. A key is a node too, so that it has a place.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The documents in a file that can be read, up to the first that cannot.
    pub(crate) fn documents(text: &str) -> Vec<Self> {
        Self::each_document(text).0
    }

    /// The documents in a file that can be read, up to the first that cannot, and whether these are all.
    pub(crate) fn each_document(text: &str) -> (Vec<Self>, bool) {
        let mut all = Vec::new();
        let parts = parts(text);
        let number = parts.len();
        for (line, part) in parts.into_iter().take(MOST_DOCUMENTS) {
            let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
            let Ok(raw) = serde_saphyr::from_str_with_options::<Spanned<Yaml>>(part, options) else {
                break;
            };
            all.push(Self::new(raw, line));
        }
        let is_whole = all.len() == number;
        (all, is_whole)
    }

    fn new(raw: Spanned<Yaml>, before: usize) -> Self {
        let number = |text: u64| usize::try_from(text).unwrap_or_default();
        let (line, column) = (number(raw.referenced.line()) + before, number(raw.referenced.column()));
        let value = match raw.value {
            Yaml::Null => NodeValue::Null,
            Yaml::Scalar(text) => NodeValue::Scalar(text),
            Yaml::List(list) => NodeValue::List(list.into_iter().map(|raw| Self::new(raw, before)).collect()),
            Yaml::Map(map) => NodeValue::Map(
                map.into_iter().map(|(key, raw)| (key.value, Self::new(raw, before))).collect(),
            ),
        };
        Self { value, line, column }
    }

    /// The value of a key; `None` if this is no mapping or has no such key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The value at the end of several keys.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The keys and values of a mapping; empty for all else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            NodeValue::Map(map) => map,
            _ => &[],
        }
    }

    /// The items of a list; empty for all else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            NodeValue::List(list) => list,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the scalar that a key has.
    pub(crate) fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(crate) fn place(&self, path: &Path) -> Place {
        if self.line == 0 { Place::file(path) } else { Place::file(path).at(self.line, self.column.max(1)) }
    }

    /// The scalars of a list as the words of a command line.
    pub(crate) fn words(&self, path: &Path) -> Vec<Argument> {
        let word = |node: &Self| Some(Argument::plain(node.text()?, node.place(path)));
        self.items().iter().filter_map(word).collect()
    }
}

/// The documents of a file, each with the number of lines before it. A line `---` begins a document.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut offset, mut first) = (0, 0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("---")
            && line.get(3..).is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            parts.push((first, text.get(begin..offset).unwrap_or_default()));
            (begin, first) = (offset + line.len(), index + 1);
        }
        offset += line.len();
    }
    parts.push((first, text.get(begin..).unwrap_or_default()));
    let has_content =
        |part: &str| part.lines().any(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']));
    parts.retain(|(_, part)| has_content(part));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_keeps_its_lines() {
        let text = "# c\n---\na: 1\n---\nkind: Pod\nspec:\n  - x\n  - true\n--- # e\n---\nb: {c: [d]}\n";
        let all = Node::documents(text);
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].get("kind").unwrap().place(Path::new("f")).to_string(), "f:5:7");
        assert_eq!(all[1].get("spec").unwrap().items()[1].text(), Some("true"));
        assert_eq!(all[2].at(&["b", "c"]).unwrap().items()[0].text(), Some("d"));
        assert!(Node::documents("\t: [").is_empty());
        assert_eq!(Node::documents("{\"a\":\n\t{\"b\": \"c\"}}").len(), 1);
    }
}
