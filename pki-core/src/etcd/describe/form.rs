//! The form of a description: which keys it has, and whether each has a text, a list, or keys of its own.
//!
//! The typed reader ends at the first mistake. Here all mistakes of form are found at once, before it reads.

use serde_saphyr::{Location, Spanned};

use crate::base::suggest;
use crate::base::yaml::Yaml;
use crate::etcd::error::description::DescriptionError;

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    /// A text, or a list of texts.
    Texts,
    Keys(&'static [Key]),
    List(&'static [Key]),
    /// etcd's options: their names are checked with their values.
    Options,
}

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    form: Form,
    is_required: bool,
    /// A line that shows what to write.
    example: &'static str,
}

const fn key(name: &'static str, form: Form, example: &'static str) -> Key {
    Key { name, form, is_required: false, example }
}

const fn required(key: Key) -> Key {
    Key { is_required: true, ..key }
}

const fn text(name: &'static str, example: &'static str) -> Key {
    key(name, Form::Text, example)
}

const fn texts(name: &'static str, example: &'static str) -> Key {
    key(name, Form::Texts, example)
}

const OPTIONS: Key = key("options", Form::Options, "options: {quota-backend-bytes: 8589934592}");

const VALIDITY: &[Key] = &[text("ca", "ca: 10y"), text("leaf", "leaf: 1y")];

const SUBJECT: Key = key(
    "subject",
    Form::Keys(&[
        text("C", "C: CN"),
        text("ST", "ST: Zhejiang"),
        text("L", "L: Hangzhou"),
        text("O", "O: Example"),
        text("OU", "OU: databases"),
    ]),
    "subject: {O: Example}",
);

const AUTHORITY: Form = Form::Keys(&[
    text("common-name", "common-name: prod etcd CA"),
    SUBJECT,
    text("key", "key: ecdsa-256"),
    text("validity", "validity: 10y"),
    text("file", "file: ca"),
    text("certificate", "certificate: pki/ca.pem"),
    text("private-key", "private-key: pki/ca-key.pem"),
]);

const CERTIFICATE: Form = Form::Keys(&[
    text("common-name", "common-name: etcd"),
    SUBJECT,
    text("key", "key: ecdsa-256"),
    text("validity", "validity: 90d"),
    text("file", "file: server"),
    texts("names", "names: [etcd.example.com]"),
]);

const MEMBER: &[Key] = &[
    required(text("name", "name: etcd1")),
    texts("address", "address: 10.0.0.11"),
    texts("dns", "dns: etcd1.example.com"),
    texts("names", "names: [10.0.0.21]"),
    text("common-name", "common-name: etcd1"),
    text("state", "state: existing"),
    text("ssh", "ssh: root@10.0.0.11"),
    texts("listen-client-urls", "listen-client-urls: https://10.0.0.11:2379"),
    texts("advertise-client-urls", "advertise-client-urls: https://10.0.0.11:2379"),
    texts("listen-peer-urls", "listen-peer-urls: https://10.0.0.11:2380"),
    texts("initial-advertise-peer-urls", "initial-advertise-peer-urls: https://10.0.0.11:2380"),
    OPTIONS,
];

const CLIENT: &[Key] = &[required(text("name", "name: backup")), text("kubeadm", "kubeadm: true")];

/// The keys of a description.
const CLUSTER: &[Key] = &[
    required(text("name", "name: prod")),
    text("version", "version: 3.5"),
    text("layout", "layout: least-privilege"),
    text("style", "style: env"),
    text("unit", "unit: service"),
    key(
        "container",
        Form::Keys(&[
            text("engine", "engine: docker"),
            required(text("image", "image: quay.io/coreos/etcd:v3.5.30")),
        ]),
        "container: {image: quay.io/coreos/etcd:v3.5.30}",
    ),
    text("token", "token: prod"),
    text("state", "state: existing"),
    text("discovery-srv", "discovery-srv: example.com"),
    text("client-port", "client-port: 2379"),
    text("peer-port", "peer-port: 2380"),
    texts("loopback", "loopback: [127.0.0.1, localhost]"),
    text("listen-loopback", "listen-loopback: true"),
    text("key", "key: ecdsa-256"),
    key("validity", Form::Keys(VALIDITY), "validity: {leaf: 1y, ca: 10y}"),
    text("renew-before", "renew-before: 30d"),
    SUBJECT,
    key(
        "certificates",
        Form::Keys(&[
            key("ca", AUTHORITY, "ca: {common-name: prod etcd CA}"),
            key("client-ca", AUTHORITY, "client-ca: {certificate: pki/ca.pem}"),
            key("peer-ca", AUTHORITY, "peer-ca: {certificate: pki/ca.pem}"),
            key("member", CERTIFICATE, "member: {names: [etcd.example.com]}"),
            key("server", CERTIFICATE, "server: {names: [etcd.example.com]}"),
            key("peer", CERTIFICATE, "peer: {validity: 90d}"),
            key("gateway", CERTIFICATE, "gateway: {validity: 90d}"),
            key("client", CERTIFICATE, "client: {validity: 90d}"),
        ]),
        "certificates: {server: {names: [etcd.example.com]}}",
    ),
    key(
        "host",
        Form::Keys(&[
            text("binary", "binary: /usr/bin/etcd"),
            text("user", "user: etcd"),
            text("config", "config: /etc/etcd"),
            text("pki", "pki: /etc/etcd/pki"),
            text("data-dir", "data-dir: /var/lib/etcd"),
            text("wal-dir", "wal-dir: /var/lib/etcd-wal/wal"),
        ]),
        "host: {data-dir: /var/lib/etcd}",
    ),
    OPTIONS,
    required(key("members", Form::List(MEMBER), "members: [{name: etcd1, address: 10.0.0.11}]")),
    key("clients", Form::List(CLIENT), "clients: [{name: backup}]"),
];

/// Reads a description as a tree.
pub(crate) fn read(text: &str) -> Result<Spanned<Yaml>, serde_saphyr::Error> {
    serde_saphyr::from_str(text)
}

/// The mistakes of form in a description, in the order of their places.
pub(crate) fn mistakes(description: &Spanned<Yaml>) -> Vec<(Location, DescriptionError)> {
    let mut found = Mistakes(Vec::new());
    match &description.value {
        Yaml::Map(entries) => found.keys(description.referenced, entries, CLUSTER),
        // The typed reader says that it is empty.
        Yaml::Null => {}
        _ => found.add(
            description.referenced,
            DescriptionError::Shape {
                what: "a description".to_owned(),
                wanted: wanted_keys(CLUSTER),
                example: "name: prod",
            },
        ),
    }
    found.0
}

struct Mistakes(Vec<(Location, DescriptionError)>);

impl Mistakes {
    fn add(&mut self, place: Location, error: DescriptionError) {
        self.0.push((place, error));
    }

    /// Looks at the keys of a mapping.
    fn keys(&mut self, place: Location, entries: &[(Spanned<String>, Spanned<Yaml>)], known: &'static [Key]) {
        for (key, value) in entries {
            match known.iter().find(|known| known.name == key.value) {
                Some(Key { name, form, example, .. }) => self.value(value, name, form, example),
                None => {
                    let expected: Vec<_> = known.iter().map(|key| key.name).collect();
                    let near = suggest::near(&key.value, expected.iter().copied()).map(str::to_owned);
                    let key_name = key.value.clone();
                    self.add(key.referenced, DescriptionError::UnknownKey { key: key_name, near, expected });
                }
            }
        }
        for Key { name, .. } in known.iter().filter(|key| key.is_required) {
            if !entries.iter().any(|(key, _)| key.value == *name) {
                self.add(place, DescriptionError::MissingKey { key: name });
            }
        }
    }

    /// Looks at the value of a key.
    fn value(
        &mut self,
        Spanned { value, referenced, .. }: &Spanned<Yaml>,
        name: &str,
        form: &Form,
        example: &'static str,
    ) {
        let wanted = match (form, value) {
            // The typed reader says what is missing.
            (_, Yaml::Null) | (Form::Text | Form::Texts, Yaml::Scalar(_)) => return,
            (Form::Options, Yaml::Map(entries)) => {
                for (name, value) in entries {
                    self.value(value, &name.value, &Form::Texts, "log-outputs: [stderr, /var/log/etcd.log]");
                }
                return;
            }
            (Form::Keys(known), Yaml::Map(entries)) => return self.keys(*referenced, entries, known),
            (Form::List(known), Yaml::List(items)) => {
                for item in items {
                    match &item.value {
                        Yaml::Map(entries) => self.keys(item.referenced, entries, known),
                        _ => self.add(
                            item.referenced,
                            DescriptionError::Shape {
                                what: format!("an item of `{name}`"),
                                wanted: wanted_keys(known),
                                example,
                            },
                        ),
                    }
                }
                return;
            }
            (Form::Texts, Yaml::List(items)) if items.iter().all(|i| matches!(i.value, Yaml::Scalar(_))) => {
                return;
            }
            (Form::Text, _) => "one text".to_owned(),
            (Form::Texts, _) => "a text or a list of texts".to_owned(),
            (Form::List(_), _) => "a list, with an item for each".to_owned(),
            (Form::Keys(known), _) => wanted_keys(known),
            (Form::Options, _) => "a mapping of options and their values".to_owned(),
        };
        self.add(*referenced, DescriptionError::Shape { what: format!("`{name}`"), wanted, example });
    }
}

fn wanted_keys(known: &[Key]) -> String {
    let names: Vec<_> = known.iter().map(|key| format!("`{}`", key.name)).collect();
    format!("a mapping with keys of these: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::etcd::describe::schema;

    /// The keys that the schema, which is made from the types, has at a place.
    fn compare(known: &[Key], schema: &Value, definitions: &Value, at: &str) {
        let schema = resolved(schema, definitions);
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{at}: {schema}"));
        let mut wanted: Vec<_> = properties.keys().map(String::as_str).collect();
        let mut names: Vec<_> = known.iter().map(|key| key.name).collect();
        wanted.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, wanted, "{at}");
        for Key { name: key, form, example, is_required } in known {
            assert!(example.starts_with(&format!("{key}: ")), "{at}/{key}: {example}");
            let below = resolved(&properties[*key], definitions);
            match form {
                Form::Keys(known) => compare(known, below, definitions, &format!("{at}/{key}")),
                Form::List(known) => compare(known, &below["items"], definitions, &format!("{at}/{key}")),
                Form::Texts => assert!(below.to_string().contains("\"array\""), "{at}/{key}: {below}"),
                Form::Text => assert!(!below.to_string().contains("\"array\""), "{at}/{key}: {below}"),
                Form::Options => assert_eq!(*key, "options"),
            }
            let mut required = schema["required"].as_array().into_iter().flatten();
            assert_eq!(*is_required, required.any(|name| name == key), "{at}/{key}");
        }
    }

    /// A schema without references and the alternative that is null.
    fn resolved<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str() {
            return resolved(&definitions[name.rsplit('/').next().unwrap()], definitions);
        }
        let alternatives = schema["allOf"].as_array().or(schema["anyOf"].as_array());
        let real = alternatives.and_then(|all| all.iter().find(|one| one["$ref"].is_string()));
        real.map_or(schema, |real| resolved(real, definitions))
    }

    #[test]
    fn the_forms_are_those_of_the_types() {
        let schema = schema::of_descriptions();
        compare(CLUSTER, &schema, &schema["definitions"], "");
    }

    #[test]
    fn examples_are_descriptions() {
        fn all(known: &[Key], wrong: &mut Vec<String>) {
            for Key { form, example, .. } in known {
                let node: Spanned<Yaml> = serde_saphyr::from_str(example).unwrap();
                let Yaml::Map(entries) = &node.value else { panic!("{example}") };
                let mut found = Mistakes(Vec::new());
                for (key, value) in entries {
                    let known = known.iter().find(|known| known.name == key.value).unwrap();
                    found.value(value, known.name, &known.form, known.example);
                }
                wrong.extend(found.0.into_iter().map(|(_, error)| format!("{example}: {error}")));
                if let Form::Keys(known) | Form::List(known) = form {
                    all(known, wrong);
                }
            }
        }
        let mut wrong = Vec::new();
        all(CLUSTER, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
