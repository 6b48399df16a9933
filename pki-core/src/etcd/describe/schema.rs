//! The JSON Schema of descriptions, generated from the types that read them.
//!
//! A test generates the schema and compares it with the file in the repository, so that the program contains the text
//! only.

use std::borrow::Cow;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use time::Duration;

use crate::etcd::cluster::layout::Layout;
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{ContainerEngine, InitialClusterState, Style, UnitKind};
use crate::etcd::describe::options::described_by;
use crate::etcd::describe::typed::{OneOrMany, Text, TypedCluster, TypedOptions};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{Availability, EtcdOption, UrlUse, ValueKind};
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;
use crate::go::duration;
use crate::go::number;
use crate::x509::key::KeyAlgorithm;

/// The schema of a value, as precise as JSON Schema allows. It accepts everything that the reader accepts: in YAML,
/// `3.5` and `2379` are numbers, and `true` is a boolean.
trait ValueSchema {
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl<T: ValueSchema> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl<T: ValueSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_or_many(&T::schema(generator))
    }
}

fn one_or_many(one: &Schema) -> Schema {
    json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
}

/// A string without control characters, or a number or boolean.
fn text() -> Schema {
    text_like(r"^[^\u0000-\u001f\u007f-\u009f]*$")
}

/// A string of this form, or a text that YAML reads as a number or a boolean.
fn text_like(pattern: &str) -> Schema {
    json_schema!({"type": ["string", "number", "boolean"], "pattern": pattern})
}

fn string_like(pattern: &str) -> Schema {
    json_schema!({"type": "string", "pattern": pattern})
}

impl ValueSchema for String {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        text()
    }
}

impl ValueSchema for PathBuf {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        text()
    }
}

impl ValueSchema for bool {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [true, false, "true", "false"]})
    }
}

/// A port.
impl ValueSchema for u16 {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": Self::MAX},
            {"type": "string", "pattern": r"^\+?[0-9]+$"},
        ]})
    }
}

/// A lifetime.
impl ValueSchema for Duration {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let units: Vec<_> = duration::UNITS.iter().map(|(name, _)| *name).collect();
        string_like(&duration_pattern(&units))
    }
}

/// A part of a lifetime, or a time.
impl ValueSchema for RenewBefore {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let units: Vec<_> = duration::UNITS.iter().map(|(name, _)| *name).collect();
        let time = duration_pattern(&units);
        let time = time.trim_start_matches('^').trim_end_matches('$');
        string_like(&format!(r"^( *\+?[0-9]+ */ *\+?[0-9]+ *|{time})$"))
    }
}

fn duration_pattern(units: &[&str]) -> String {
    format!(r"^[+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)({}))+)$", units.join("|"))
}

impl ValueSchema for Label {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        text_like(&format!("^[A-Za-z0-9][A-Za-z0-9._-]{{0,{}}}$", Self::LONGEST - 1))
    }
}

impl ValueSchema for EtcdVersion {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let series: Vec<_> = Self::all_series().map(|version| version.to_string()).collect();
        let numbers: Vec<f64> = series.iter().map(|series| series.parse().unwrap()).collect();
        let pattern = format!(r"^({})(\.(0|[1-9][0-9]*))?$", series.join("|").replace('.', r"\."));
        json_schema!({"anyOf": [{"enum": numbers}, string_like(&pattern)]})
    }
}

impl ValueSchema for MemberAddress {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
    }
}

impl ValueSchema for DnsName {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        // The last part is not a number, as it would be in an address.
        string_like(r"^([A-Za-z0-9-]+\.)*[0-9]*[A-Za-z-][A-Za-z0-9-]*$")
    }
}

impl ValueSchema for HostName {
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let (address, name) = (MemberAddress::schema(generator), DnsName::schema(generator));
        json_schema!({"anyOf": [address, name]})
    }
}

impl ValueSchema for MemberUrl {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        string_like(r"^https://(\[[^\[\]/]+\]|[^\[\]:/]+):[0-9]+$")
    }
}

impl ValueSchema for HostPath {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        string_like(r"^(?!.*/\.\.?(/|$))(/[A-Za-z0-9._+@-]+)+/?$")
    }
}

impl ValueSchema for SshTarget {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        string_like("^[^@ -][^@ ]*(@[^@ ]+)?$")
    }
}

impl ValueSchema for KeyAlgorithm {
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": Self::ALL.map(Self::name)})
    }
}

/// Implements `ValueSchema` for enums that have a comment for each choice.
macro_rules! choices {
    ($($choice:ty),*) => {
        $(impl ValueSchema for $choice {
            fn schema(generator: &mut SchemaGenerator) -> Schema {
                let schema = <Self as JsonSchema>::json_schema(generator);
                let choices = schema.get("oneOf").and_then(Value::as_array).unwrap();
                let names = choices.iter().map(|choice| choice["const"].as_str().unwrap());
                assert!(names.eq(Self::ALL.map(Self::name)), "{} has other names", Self::schema_name());
                schema
            }
        })*
    };
}

choices!(ContainerEngine, InitialClusterState, Layout, Style, UnitKind);

impl JsonSchema for TypedOptions {
    fn schema_name() -> Cow<'static, str> {
        "TypedOptions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        for option in EtcdOption::all() {
            let is_of_use = |version| {
                let availability = option.availability(version);
                availability.is_accepted() && availability != Availability::Ignored
            };
            let versions: Vec<_> = EtcdVersion::all_series().filter(|version| is_of_use(*version)).collect();
            if versions.is_empty() || described_by(option.name()).is_some() {
                continue;
            }
            let mut kinds: Vec<ValueKind> = Vec::new();
            for release in EtcdVersion::all_series().flat_map(releases) {
                let kind = option.kind(release);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            let mut schemas: Vec<_> = kinds.iter().map(|kind| of_kind(*kind)).collect();
            let mut schema = match schemas.len() {
                1 => schemas.remove(0),
                _ => json_schema!({"anyOf": schemas}),
            };
            schema.insert("description".to_owned(), Value::String(availability(option)));
            properties.insert(option.name().to_owned(), schema.to_value());
        }
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// The first release of a series, and the newest.
fn releases(series: EtcdVersion) -> [EtcdVersion; 2] {
    [EtcdVersion::release(series.minor(), 0), series]
}

/// Which releases have an option: `In etcd from 3.4.25 and 3.5.8 on.`
fn availability(option: &EtcdOption) -> String {
    let (mut since, mut end) = (Vec::new(), None);
    for series in EtcdVersion::all_series() {
        let [first, newest] = releases(series).map(|release| option.availability(release));
        match (first, newest) {
            (Availability::NotYet { since: release, .. }, newest) if newest.is_accepted() => {
                since.push(release.to_string().trim_end_matches(".0").to_owned());
            }
            (_, Availability::Available | Availability::Deprecated { .. }) if since.is_empty() => {
                since.push(series.to_string());
            }
            _ => {}
        }
        if let (Availability::Deprecated { .. } | Availability::Removed { .. }, None) = (newest, &end) {
            end = Some(newest);
        }
    }
    let end = end.map(|end| format!(" It {end}.")).unwrap_or_default();
    format!("In etcd from {} on.{end}", since.join(" and "))
}

/// A number as Go reads it. The digits are not checked against the base.
const NUMBER: &str = "(0[XxOoBb]_?)?[0-9A-Fa-f]+(_[0-9A-Fa-f]+)*";

fn of_kind(kind: ValueKind) -> Schema {
    match kind {
        ValueKind::Bool => {
            let texts = number::TRUE.into_iter().chain(number::FALSE).map(Value::from);
            let forms: Vec<_> =
                [json!(true), json!(false), json!(1), json!(0)].into_iter().chain(texts).collect();
            json_schema!({"enum": forms})
        }
        ValueKind::Integer { least, most } => json_schema!({"anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            string_like(&format!("^[+-]?{NUMBER}$")),
        ]}),
        ValueKind::Unsigned { least, most } => json_schema!({"anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            string_like(&format!("^{NUMBER}$")),
        ]}),
        ValueKind::Duration | ValueKind::PositiveDuration => go_duration(),
        ValueKind::Retention => {
            json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]})
        }
        ValueKind::Choice(choices) => json_schema!({"enum": choices}),
        ValueKind::Choices(choices) => words(choices),
        ValueKind::CipherSuites => words(ValueKind::CIPHER_SUITES),
        ValueKind::Urls(UrlUse::Origin) => one_or_many(&string_like(r"^(\*|.*://.*)$")),
        ValueKind::Urls(UrlUse::Listen | UrlUse::Advertise) => one_or_many(&string_like("^$|://")),
        ValueKind::Members | ValueKind::FeatureGates => one_or_many(&string_like("^$|=")),
        ValueKind::List | ValueKind::Text | ValueKind::Path => one_or_many(&text()),
        ValueKind::Single => text_like("^[^,]*$"),
        ValueKind::Ignored => text(),
    }
}

/// A duration of Go: the largest unit is the hour, and zero needs no unit.
fn go_duration() -> Schema {
    let units: Vec<_> = duration::UNITS.iter().filter(|(name, _)| !["d", "y"].contains(name)).collect();
    let units: Vec<_> = units.into_iter().map(|(name, _)| *name).collect();
    json_schema!({"anyOf": [string_like(&duration_pattern(&units)), {"const": 0}]})
}

/// Words as a list, or with commas between them.
fn words(words: &[&str]) -> Schema {
    json_schema!({"anyOf": [
        {"enum": words},
        {"type": "array", "items": {"enum": words}},
        {"type": "string", "pattern": ","},
    ]})
}

/// The schema in draft 7, which editors support best.
pub(crate) fn of_descriptions() -> Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<TypedCluster>();
    let mut schema = for_editors(schema.to_value());
    schema["title"] = json!("etcdpki's description of an etcd cluster");
    // Every mapping that is not in a list is a section, and may be empty.
    for (name, definition) in schema["definitions"].as_object_mut().unwrap() {
        if !["TypedMember", "TypedClient"].contains(&name.as_str()) {
            definition["type"] = json!(["object", "null"]);
        }
    }
    schema
}

fn made() -> String {
    let mut text = serde_json::to_string_pretty(&of_descriptions()).unwrap();
    text.push('\n');
    text
}

/// Adapts a schema to editors. Line breaks in comments become spaces, because an editor breaks lines itself. The reader
/// accepts `null` for an omitted key, but an editor would offer it everywhere, so only sections and lists may be
/// `null`: a user may have commented out everything in them.
fn for_editors(value: Value) -> Value {
    let map = match value {
        Value::Object(map) => map,
        Value::Array(list) => return list.into_iter().map(for_editors).collect(),
        other => return other,
    };
    let is_list = map.contains_key("items");
    let mut made = serde_json::Map::new();
    for (key, value) in map {
        match (key.as_str(), value) {
            ("description", Value::String(text)) => {
                made.insert(key, Value::String(text.replace('\n', " ")));
            }
            ("type" | "enum" | "anyOf", Value::Array(mut choices)) if !is_list => {
                choices.retain(|choice| !choice.is_null() && choice != "null" && choice["type"] != "null");
                match choices.as_slice() {
                    [Value::Object(one)] if one.contains_key("$ref") => {
                        made.insert("allOf".to_owned(), Value::Array(choices));
                    }
                    [Value::Object(one)] => {
                        let one = for_editors(Value::Object(one.clone()));
                        made.extend(
                            one.as_object()
                                .into_iter()
                                .flatten()
                                .map(|(key, one)| (key.clone(), one.clone())),
                        );
                    }
                    [one] if key == "type" => {
                        made.insert(key, one.clone());
                    }
                    _ => {
                        made.insert(key, for_editors(Value::Array(choices)));
                    }
                }
            }
            (_, value) => {
                made.insert(key, for_editors(value));
            }
        }
    }
    Value::Object(made)
}

/// `ETCDPKI_UPDATE=1 cargo test -p pki-core --lib schema` writes the file again.
#[test]
fn the_schema_is_that_of_the_types() {
    let made = made();
    if env::var_os("ETCDPKI_UPDATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster.schema.json"), &made).unwrap();
    }
    assert!(
        made == crate::etcd::schema() || env::var_os("ETCDPKI_UPDATE").is_some(),
        "pki-core/cluster.schema.json is not that of the types: \
         write it again with `ETCDPKI_UPDATE=1 cargo test -p pki-core --lib schema`"
    );
}
