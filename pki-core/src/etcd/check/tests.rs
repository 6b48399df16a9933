//! The rules of all checks, and the JSON Schema of findings.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::*;
use crate::base::place::Place;
use crate::etcd::option::version::EtcdVersion;

#[test]
fn rules_have_numbers_in_order_and_all_their_texts() {
    let number = |rule: &Rule| rule.id.strip_prefix('E').unwrap().parse::<u32>().unwrap();
    let numbers: Vec<u32> = rules().map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    for known in rules() {
        for text in [known.title, known.consequence, known.remedy] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{known:?}");
        }
        assert!(!known.sources.is_empty(), "{known:?}");
        assert_eq!(rule(&known.id.to_lowercase()), Some(known));
    }
    assert_eq!(rule("E999"), None);
    // Every hundred has some.
    let hundreds: BTreeSet<u32> = numbers.iter().map(|number| number / 100).collect();
    assert_eq!(hundreds, (1..=11).collect());
}

#[test]
fn findings_are_grouped_by_what_is_to_be_read_once() {
    let known = rule("E604").unwrap();
    let finding = |subject: &str, remedy: Option<&'static str>| {
        known.finding(Place::default(), "gone").about(subject).of_version(EtcdVersion::V3_5).remedy(remedy)
    };
    let all = [finding("a", None), finding("b", Some("put it back")), finding("c", None)];
    let subjects =
        |group: &[&Finding]| group.iter().map(|one| one.subject.clone().unwrap()).collect::<String>();
    assert_eq!(groups(&all).iter().map(|group| subjects(group)).collect::<Vec<_>>(), ["ac", "b"]);
    assert_eq!(all[0].to_string(), "a: gone");
    assert!(all[0].consequence.starts_with("etcd 3.5 does not start"), "{:?}", all[0]);
}

/// A place is written as four keys beside others.
impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "file": {"type": ["string", "null"], "description": "The file; null if it is about no file."},
                "line": {"type": ["integer", "null"], "minimum": 1, "description": "The line, from 1."},
                "column": {"type": ["integer", "null"], "minimum": 1, "description": "The column, from 1."},
                "inside": {
                    "type": ["string", "null"],
                    "description": "The place inside the file, such as the key of a setting or the subject of a certificate.",
                },
            },
            "required": ["file", "line", "column", "inside"],
        })
    }
}

fn made() -> String {
    let mut generator = SchemaSettings::draft07().for_serialize().into_generator();
    let finding = generator.subschema_for::<Finding>();
    let mut definitions = Value::Object(generator.take_definitions(true));
    for definition in ["Finding", "Connection"] {
        definitions[definition]["additionalProperties"] = json!(false);
    }
    definitions["Report"] = json!({
        "description": "What one command prints: the findings beside what only this command tells.",
        "type": "object",
        "properties": {"findings": {"description": "What is wrong, errors first.", "type": "array", "items": finding}},
        "required": ["findings"],
    });
    let report = json!({"$ref": "#/definitions/Report"});
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The findings in the JSON of etcdpki doctor, cluster verify, cluster status and cluster import",
        "anyOf": [report, {"type": "array", "items": report}],
        "definitions": definitions,
    });
    let mut text = serde_json::to_string_pretty(&without_line_ends(schema)).unwrap();
    text.push('\n');
    text
}

/// Comments are broken where the lines of the source end.
fn without_line_ends(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\n', " ")),
        Value::Array(list) => list.into_iter().map(without_line_ends).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, without_line_ends(value))).collect(),
        other => other,
    }
}

/// `ETCDPKI_UPDATE=1 cargo test -p pki-core --lib schema` makes it anew.
#[test]
fn the_schema_of_findings_is_that_of_the_types() {
    let made = made();
    if env::var_os("ETCDPKI_UPDATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("findings.schema.json"), &made).unwrap();
    }
    assert!(
        made == schema() || env::var_os("ETCDPKI_UPDATE").is_some(),
        "pki-core/findings.schema.json is not that of the types: \
         make it anew with `ETCDPKI_UPDATE=1 cargo test -p pki-core --lib schema`"
    );
}
