//! etcd's configuration file (`--config-file`): YAML, of which JSON is a part.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Options, Spanned};

use crate::base::place::Place;

/// A configuration file: its keys as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its values, in order.
    pub values: Vec<ConfigValue>,
    /// Why it cannot be read, if it cannot.
    pub fault: Option<(Place, String)>,
}

/// A value of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValue {
    /// Its key, after those around it.
    pub keys: Vec<String>,
    /// The value: as it stands there, lists with commas.
    pub text: String,
    /// Where the key stands.
    pub place: Place,
}

enum Node {
    Scalar(String),
    List(Vec<Self>),
    Map(Vec<(Spanned<String>, Self)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Scalar(String::new()))
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Scalar(String::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = sequence.next_element()? {
                    list.push(node);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    map.push(entry);
                }
                Ok(Node::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl ConfigFile {
    /// Reads a configuration file.
    pub fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), values: Vec::new(), fault: None };
        match serde_saphyr::from_str_with_options(text, Options::default()) {
            Ok(Node::Map(map)) => file.take(Vec::new(), map),
            Ok(_) => file.fault = Some((Place::file(path), "it has no keys".to_owned())),
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

    fn take(&mut self, around: Vec<String>, map: Vec<(Spanned<String>, Node)>) {
        for (key, node) in map {
            let place = place(&self.path, key.referenced);
            let mut keys = around.clone();
            keys.push(key.value);
            match node {
                Node::Map(map) if !map.is_empty() => self.take(keys, map),
                node => self.values.push(ConfigValue { keys, text: node.text(), place }),
            }
        }
    }
}

impl Node {
    fn text(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::List(list) => list.iter().map(Self::text).collect::<Vec<_>>().join(","),
            Self::Map(map) => {
                let items = map.iter().map(|(key, node)| format!("{}={}", key.value, node.text()));
                items.collect::<Vec<_>>().join(",")
            }
        }
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
    fn what_is_no_yaml_is_told_with_its_place() {
        let file = ConfigFile::parse("a: 1\nb: [\n", Path::new("etcd.yaml"));
        assert!(file.fault.unwrap().0.to_string().starts_with("etcd.yaml:"));
    }
}
