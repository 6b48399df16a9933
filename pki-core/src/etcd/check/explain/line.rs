//! A line of a log: who wrote it, and what it says.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::explanation::SaidBy;
use super::program::{self, Program};

/// A line of a log, without what a journal, a container engine or a shipper of logs has wrapped around it.
#[derive(Debug)]
pub(super) struct Line {
    program: Program,
    /// All that it says in one text, in the order of the line, in small letters.
    text: String,
    /// The values of a line in JSON, each in small letters; else the text alone.
    values: Vec<String>,
}

/// How often a line may be wrapped: Docker's JSON in a journal's, and so on.
const DEEPEST: usize = 4;

impl Line {
    pub(super) fn parse(line: &str) -> Self {
        let (mut program, mut rest) = (Program::Unknown, line.trim().to_owned());
        for _ in 0..DEEPEST {
            let Some((writer, inner)) = unwrap(&rest) else { break };
            program = program.or(writer);
            rest = inner;
        }
        let object =
            rest.find('{').and_then(|begin| Some((rest.get(..begin)?, Object::parse(rest.get(begin..)?)?)));
        match object {
            Some((before, object)) => Self::of_object(program, before, &object),
            None => {
                let text = plain(&rest);
                let program = program.or(program::of_text(&text));
                Self { program: program.speaking_of(&text), values: vec![text.clone()], text }
            }
        }
    }

    fn of_object(program: Program, before: &str, object: &Object) -> Self {
        let mut text = plain(before);
        let mut values = vec![text.clone()];
        for (key, value) in &object.0 {
            text.push_str(&format!(" {}={}", key.to_lowercase(), plain(value)));
            values.push(format!("{}={}", key.to_lowercase(), plain(value)));
        }
        let program = match object.is_of_etcd() {
            true => Program::Etcd { is_quiet: object.is_quiet() },
            false => program.or(program::of_text(&text)).speaking_of(&text),
        };
        Self { program, text, values }
    }

    /// Whether such a program may have written the line.
    pub(super) fn may_be_of(&self, writer: SaidBy) -> bool {
        self.program.may_say(writer)
    }

    /// Whether the line has the parts of a sign, one after the other; in JSON, where keys may have been sorted, in any
    /// order. `parts` are in small letters.
    pub(super) fn has(&self, parts: &[String]) -> bool {
        let mut rest = Some(self.text.as_str());
        for part in parts {
            rest = rest.and_then(|rest| rest.split_once(part.as_str())).map(|(_, after)| after);
        }
        let in_any_value = |part: &String| self.values.iter().any(|value| value.contains(part.as_str()));
        rest.is_some() || (parts.len() > 1 && self.values.len() > 1 && parts.iter().all(in_any_value))
    }
}

/// Small letters, and quotes as they were before somebody put a backslash before them.
fn plain(text: &str) -> String {
    text.to_lowercase().replace("\\\"", "\"")
}

/// What is inside of a line's outermost wrapping, and which program that says wrote it.
fn unwrap(line: &str) -> Option<(Program, String)> {
    if line.starts_with('{') {
        let object = Object::parse(line)?;
        let inner = ["MESSAGE", "log", "message"].iter().find_map(|key| object.value(key))?;
        let name =
            ["SYSLOG_IDENTIFIER", "_COMM", "ident", "program"].iter().find_map(|key| object.value(key));
        let program = name.map_or(Program::Unknown, program::named);
        return Some((program, inner.trim().to_owned()));
    }
    let (program, rest) = program::of_prefix(line)?;
    Some((program, rest.trim_start().to_owned()))
}

/// The keys and values of a JSON object, in the order of the text; values that are no text as JSON has them.
struct Object(Vec<(String, String)>);

impl Object {
    /// The object that a text begins with.
    fn parse(text: &str) -> Option<Self> {
        serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether this is a line of zap, as etcd and its clients write it.
    fn is_of_etcd(&self) -> bool {
        let is_from_etcd = |caller: &str| program::is_source_of_etcd(caller);
        self.value("msg").is_some()
            && self.value("level").is_some()
            && (self.value("caller").is_some_and(is_from_etcd) || self.value("logger") == Some("etcd-client"))
    }

    /// Whether this says what goes on, and of no error.
    fn is_quiet(&self) -> bool {
        let level = self.value("level").unwrap_or_default();
        ["info", "debug"].iter().any(|quiet| level.eq_ignore_ascii_case(quiet))
            && self.value("error").is_none()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, Text(value))) = map.next_entry::<String, Text>()? {
                    fields.push((key, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A JSON value as text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(String::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
                let mut all = Vec::new();
                while let Some(Text(item)) = items.next_element()? {
                    all.push(item);
                }
                Ok(Text(all.join(" ")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                let mut all = Vec::new();
                while let Some((_, Text(value))) = map.next_entry::<IgnoredAny, Text>()? {
                    all.push(value);
                }
                Ok(Text(all.join(" ")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
