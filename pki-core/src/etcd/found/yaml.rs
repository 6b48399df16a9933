//! etcd's configuration file (`--config-file`), in YAML or JSON.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned};

use crate::base::place::Place;
use crate::base::yaml::Yaml;
use crate::go::yaml::{self, Scalar, Value};

/// The keys and values of a configuration file, whether etcd knows the keys or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    pub(crate) path: PathBuf,
    /// The values in the order of the file.
    pub values: Vec<ConfigValue>,
    /// Why the file cannot be parsed, and the place of that; `None` if it can.
    pub(crate) fault: Option<(Place, String)>,
    /// The places of what etcd reads and does not use, and why.
    pub(crate) passed_over: Vec<(Place, String)>,
}

/// A value of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValue {
    /// The keys that lead to the value, the outermost first.
    pub(crate) keys: Vec<String>,
    /// The value as a flag would have it: a list has commas, and numbers and booleans are in their usual form.
    pub text: String,
    /// The value as Go's YAML library gives it to etcd.
    pub value: Value,
    /// The place of the key.
    pub(crate) place: Place,
}

impl ConfigFile {
    /// Parses a configuration file. If that fails, the reason is in the result, for rules to report.
    pub fn parse(text: &str, path: &Path) -> Self {
        let mut file =
            Self { path: path.to_owned(), values: Vec::new(), fault: None, passed_over: Vec::new() };
        let (text, further) = first_document(text);
        if let Some(line) = further {
            let problem = "etcd reads the first document of the file, and not this one".to_owned();
            file.passed_over.push((Place::file(path).at(line, 1), problem));
        }
        // The last of several equal keys counts (go.yaml.in/yaml/v2), and both come to the visitor above.
        let mut options = Options::default();
        options.duplicate_keys = DuplicateKeyPolicy::LastWins;
        match serde_saphyr::from_str_with_options(text, options) {
            Ok(Yaml::Map(map)) => file.add_map(text, Vec::new(), map),
            // A file without a value leaves all defaults.
            Ok(Yaml::Null) => {}
            Ok(Yaml::Scalar(scalar)) if yaml::resolve(scalar.trim()) == Scalar::Null => {}
            Ok(_) => {
                file.fault = Some((Place::file(path), "it is not a mapping of options to values".to_owned()));
            }
            Err(error) => {
                let error = error.without_snippet();
                let place = place(path, error.location().unwrap_or(Location::UNKNOWN));
                let message = error.to_string();
                let end = message.find(" at line ").or_else(|| message.find('\n')).unwrap_or(message.len());
                file.fault = Some((place, message.get(..end).unwrap_or_default().to_owned()));
            }
        }
        file
    }

    /// Adds the values of a mapping. `around` has the keys that lead to it.
    fn add_map(&mut self, source: &str, around: Vec<String>, map: Vec<(Spanned<String>, Spanned<Yaml>)>) {
        let last: HashMap<String, usize> =
            map.iter().enumerate().map(|(index, (key, _))| (key.value.clone(), index)).collect();
        for (index, (key, node)) in map.into_iter().enumerate() {
            let place = place(&self.path, key.referenced);
            let mut keys = around.clone();
            keys.push(key.value);
            if keys.last().and_then(|key| last.get(key)) != Some(&index) {
                let problem =
                    format!("`{}` is there again further down, and the last one counts", keys.join("."));
                self.passed_over.push((place, problem));
                continue;
            }
            match node.value {
                Yaml::Map(map) if !map.is_empty() => self.add_map(source, keys, map),
                value => {
                    let node = Spanned { value, ..node };
                    let (text, value) = read(source, &node);
                    self.values.push(ConfigValue { keys, text, value, place });
                }
            }
        }
    }
}

/// The first document of a text, with the line at which a further one begins. etcd reads no more than the first.
fn first_document(text: &str) -> (&str, Option<usize>) {
    let (mut offset, mut has_begun) = (0, false);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let is_mark = |mark: &str| {
            line.strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        };
        if is_mark("...") || is_mark("---") && has_begun {
            let (first, rest) = text.split_at(offset);
            // The line that ends a document may be the last one.
            let mut others = rest.lines().skip(usize::from(is_mark("..."))).map(str::trim);
            let is_more = others.any(|line| !line.is_empty() && !line.starts_with('#') && line != "---");
            return (first, is_more.then_some(index + 1));
        }
        let word = line.trim();
        has_begun |= !word.is_empty() && !word.starts_with(['#', '%']);
        offset += line.len();
    }
    (text, None)
}

/// The text of a value, and the value as Go's YAML library reads it.
fn read(source: &str, node: &Spanned<Yaml>) -> (String, Value) {
    match &node.value {
        Yaml::Null => read_scalar(source, "", node.defined),
        Yaml::Scalar(text) => read_scalar(source, text, node.defined),
        Yaml::List(list) => {
            let items: Vec<_> = list.iter().map(|item| read(source, item)).collect();
            let text = items.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(",");
            let scalar = |(_, value)| if let Value::Scalar(scalar) = value { Some(scalar) } else { None };
            (text, Value::List(items.into_iter().map(scalar).collect()))
        }
        Yaml::Map(map) => {
            let items = map.iter().map(|(key, node)| format!("{}={}", key.value, read(source, node).0));
            (items.collect::<Vec<_>>().join(","), Value::Mapping)
        }
    }
}

fn read_scalar(source: &str, text: &str, at: Location) -> (String, Value) {
    let scalar = scalar(source, at);
    (text_of(text, scalar), Value::Scalar(scalar))
}

/// A scalar as Go's YAML library reads it, which depends on quotes and tags. Those are only in the source.
fn scalar(source: &str, at: Location) -> Scalar {
    let span = at.span();
    let offset = span.byte_offset().and_then(|offset| usize::try_from(offset).ok());
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok());
    let Some((before, behind)) = offset.and_then(|offset| source.split_at_checked(offset)) else {
        return Scalar::Text;
    };
    let written = length.and_then(|length| behind.get(..length)).unwrap_or_default().trim_end();
    let is_quoted = written.starts_with(['"', '\'']);
    let word_before = before.split_whitespace().next_back().unwrap_or_default();
    // A block scalar begins on the line after its indicator.
    let is_block = word_before.starts_with(['|', '>']);
    if is_quoted || is_block || matches!(word_before, "!" | "!!str") {
        Scalar::Text
    } else {
        yaml::resolve(written)
    }
}

fn text_of(text: &str, scalar: Scalar) -> String {
    match scalar {
        Scalar::Null => String::new(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Number | Scalar::Text => text.to_owned(),
    }
}

fn place(path: &Path, location: Location) -> Place {
    let place = Place::file(path);
    match (usize::try_from(location.line()), usize::try_from(location.column())) {
        (Ok(line @ 1..), Ok(column)) => place.at(line, column),
        _ => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_keys_and_places() {
        let text = "name: a\nclient-transport-security:\n  client-cert-auth: true\n  allowed:\n    - x\n    - z\nsnapshot-count: 5\nempty:\n";
        let file = ConfigFile::parse(text, Path::new("etcd.yaml"));
        let found: Vec<_> =
            file.values.iter().map(|v| (v.keys.join("/"), v.text.as_str(), v.place.to_string())).collect();
        let expected = [
            ("name", "a", "etcd.yaml:1:1"),
            ("client-transport-security/client-cert-auth", "true", "etcd.yaml:3:3"),
            ("client-transport-security/allowed", "x,z", "etcd.yaml:4:3"),
            ("snapshot-count", "5", "etcd.yaml:7:1"),
            ("empty", "", "etcd.yaml:8:1"),
        ];
        assert_eq!(found, expected.map(|(key, text, place)| (key.to_owned(), text, place.to_owned())));
    }

    #[test]
    fn values_are_read_as_go_reads_them() {
        let is = |value: &str| {
            let file = ConfigFile::parse(&format!("key: {value}\nnext: 1\n"), Path::new("etcd.yaml"));
            assert_eq!(file.fault, None, "{value}");
            let [value, _] = file.values.try_into().unwrap();
            (value.text, value.value)
        };
        let scalar = |text: &str, scalar| (text.to_owned(), Value::Scalar(scalar));
        for (written, expected) in [
            ("10_000", scalar("10000", Scalar::Integer(10_000))),
            ("10__000", scalar("10000", Scalar::Integer(10_000))),
            ("010", scalar("8", Scalar::Integer(8))),
            ("1e3", scalar("1000", Scalar::Integer(1000))),
            ("&anchor 5 # five", scalar("5", Scalar::Integer(5))),
            ("!!str 5", scalar("5", Scalar::Text)),
            ("'5'", scalar("5", Scalar::Text)),
            ("\"yes\"", scalar("yes", Scalar::Text)),
            ("yes", scalar("true", Scalar::Bool(true))),
            ("Off", scalar("false", Scalar::Bool(false))),
            ("T", scalar("T", Scalar::Text)),
            ("~", scalar("", Scalar::Null)),
            ("", scalar("", Scalar::Null)),
            ("''", scalar("", Scalar::Text)),
            ("|\n  5", scalar("5\n", Scalar::Text)),
            ("1.5", scalar("1.5", Scalar::Number)),
            ("https://[::1]:2380", scalar("https://[::1]:2380", Scalar::Text)),
            ("[a, 5]", ("a,5".to_owned(), Value::List(vec![Some(Scalar::Text), Some(Scalar::Integer(5))]))),
            ("{}", (String::new(), Value::Mapping)),
        ] {
            assert_eq!(is(written), expected, "{written}");
        }
        let file = ConfigFile::parse("a: &x 010\nb: *x\n", Path::new("etcd.yaml"));
        assert_eq!(file.values.last().map(|value| value.text.as_str()), Some("8"));
    }

    #[test]
    fn a_fault_has_its_place() {
        let file = ConfigFile::parse("a: 1\nb: [\n", Path::new("etcd.yaml"));
        assert!(file.fault.unwrap().0.to_string().starts_with("etcd.yaml:"));
    }
}
