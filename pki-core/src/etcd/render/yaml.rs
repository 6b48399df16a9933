//! etcd's configuration file (`--config-file`).

use std::fmt::Write;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::settings::Setting;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::option::{EtcdOption, YamlKind};
use crate::etcd::safe::yaml::quoted;
use crate::go::duration;
use crate::go::number::{self, Base};

/// A key, with its value or with the entries below it.
struct Entry {
    group: &'static str,
    key: &'static str,
    value: Value,
}

enum Value {
    Scalar(String),
    Section(Vec<Entry>),
}

/// `etcd.yaml`: all settings of a member.
pub(crate) fn member(cluster: &Cluster, member: &Member, start: &Start) -> String {
    let mut entries = Vec::new();
    for Setting { group, option, value } in cluster.settings(member, start) {
        // Every option of the description has a place in the file; reading the description checks that.
        if let Some(place) = EtcdOption::find(option).and_then(|option| option.yaml(cluster.version())) {
            let value = Value::Scalar(scalar(place.kind, &value));
            insert(&mut entries, place.section, Entry { group, key: place.key, value });
        }
    }
    let mut text = format!(
        "# etcd member {} of the cluster {}.\n# Written by etcdpki: change the description, not this file.\n",
        member.name(),
        cluster.name()
    );
    write(&mut text, &entries, 0);
    text
}

/// Adds an entry below the keys of `section`. A section that exists already is continued.
fn insert(entries: &mut Vec<Entry>, section: &[&'static str], entry: Entry) {
    let Some((key, rest)) = section.split_first() else {
        entries.push(entry);
        return;
    };
    let known = entries.iter_mut().find_map(|known| match &mut known.value {
        Value::Section(entries) if known.key == *key => Some(entries),
        Value::Section(_) | Value::Scalar(_) => None,
    });
    if let Some(below) = known {
        insert(below, rest, entry);
    } else {
        let (group, mut below) = (entry.group, Vec::new());
        insert(&mut below, rest, entry);
        entries.push(Entry { group, key, value: Value::Section(below) });
    }
}

fn write(text: &mut String, entries: &[Entry], depth: usize) {
    let indent = "  ".repeat(depth);
    // The comment of a section's first group is above the section.
    let mut last = if depth == 0 { "" } else { entries.first().map_or("", |entry| entry.group) };
    for Entry { group, key, value } in entries {
        if *group != last {
            let separator = if depth == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{separator}{indent}# {group}");
            last = group;
        }
        match value {
            Value::Scalar(value) => {
                let _ = writeln!(text, "{indent}{key}: {value}");
            }
            Value::Section(below) => {
                let _ = writeln!(text, "{indent}{key}:");
                write(text, below, depth + 1);
            }
        }
    }
}

/// A value of the command line in the form that the file needs.
fn scalar(kind: YamlKind, value: &str) -> String {
    let known = match kind {
        YamlKind::Bool => number::parse_bool(value).map(|value| value.to_string()),
        YamlKind::Integer => {
            let signed = number::parse_int(value, Base::Prefixed).map(|value| value.to_string());
            let unsigned = || number::parse_uint(value, Base::Prefixed).map(|value| value.to_string());
            signed.or_else(|_| unsigned()).ok()
        }
        YamlKind::Nanoseconds => {
            duration::parse(value).ok().map(|value| value.whole_nanoseconds().to_string())
        }
        YamlKind::Text => None,
        YamlKind::List => {
            let items = value.split(',').filter(|item| !item.is_empty()).map(quoted);
            Some(format!("[{}]", items.collect::<Vec<_>>().join(", ")))
        }
    };
    known.unwrap_or_else(|| quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_what_they_are() {
        for text in [
            "",
            "yes",
            "a: b # c",
            "- x",
            "\"\\'",
            "%!&*|>{}[],",
            "é名\u{1f600}\u{2028}\u{85}\u{feff}",
            "\n\t\0\u{7f}",
        ] {
            let written = quoted(text);
            assert!(written.is_ascii() && !written.contains('\n'));
            assert_eq!(serde_saphyr::from_str::<String>(&written).unwrap(), text, "{written}");
        }
    }

    #[test]
    fn values_are_what_the_file_wants() {
        assert_eq!(scalar(YamlKind::Bool, "T"), "true");
        assert_eq!(scalar(YamlKind::Integer, "0x10"), "16");
        assert_eq!(scalar(YamlKind::Nanoseconds, "1m0.5s"), "60500000000");
        assert_eq!(scalar(YamlKind::Text, "8"), "\"8\"");
        assert_eq!(scalar(YamlKind::List, "a,b"), "[\"a\", \"b\"]");
        assert_eq!(scalar(YamlKind::List, ""), "[]");
    }

    #[test]
    fn each_section_is_there_once_and_says_what_it_is() {
        let description = "name: prod\nstyle: yaml\nmembers: [{name: a, address: 10.0.0.1}]\noptions: \
                           {quota-backend-bytes: 8589934592, client-cert-allowed-hostname: [x.example], \
                           auto-compaction-retention: 1}\n";
        let cluster = Cluster::from_yaml(description, None).unwrap().value;
        let starts = cluster.starts(&[]);
        let text = member(&cluster, &cluster.members()[0], &starts[0]);
        let expected = "
# Clients must have a certificate.
client-transport-security:
  cert-file: \"/etc/etcd/pki/server.pem\"
  key-file: \"/etc/etcd/pki/server-key.pem\"
  client-cert-auth: true
  trusted-ca-file: \"/etc/etcd/pki/client-ca.pem\"
  # With what the gRPC gateway connects to its own member.
  client-cert-file: \"/etc/etcd/pki/gateway.pem\"
  client-key-file: \"/etc/etcd/pki/gateway-key.pem\"
  # As the description says.
  allowed-hostname: [\"x.example\"]
";
        assert!(text.contains(expected), "{text}");
        let expected = "
# As the description says.
quota-backend-bytes: 8589934592
auto-compaction-retention: \"1\"

# What goes without saying only on a command line.
enable-grpc-gateway: true
tls-min-version: \"TLS1.2\"
auto-compaction-mode: \"periodic\"
";
        assert!(text.ends_with(expected), "{text}");
    }
}
