//! cfssl 1.6 and this product, each given the same files and words: the JSON that is printed has the same keys, and
//! errors have the same exit statuses and the same numbers, and each flag of cfssl's help acts, is told or is refused. Each difference is one that docs/cfssl.md lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use super::command::{Ran, run};
use super::guides::links;
use super::programs::{self, Cfssl, find, workspace};
use super::trial::{Missing, Outcome, trials};

/// The words of a command, and the beginning of the row of docs/cfssl.md that wants a difference.
type Case = (&'static str, Option<&'static str>);

pub fn trials() -> Vec<Trial> {
    trials![json_has_the_same_keys, errors_have_the_same_numbers, flags_act_or_are_told]
}

/// Commands that print JSON.
const JSON: &[Case] = &[
    ("certinfo -cert leaf.pem", None),
    ("certinfo -cert all.pem", None),
    ("certinfo -cert ca.pem", None),
    ("certinfo -cert other.pem", None),
    ("certinfo -cert intermediate.pem", None),
    ("certinfo -cert rsa.pem", None),
    ("certinfo -cert ed.pem", None),
    ("certinfo -cert nameless.pem", None),
    ("certinfo -cert alone.pem", None),
    ("certinfo -cert two.p7", None),
    ("certinfo -cert one.p7", Some("DER, PKCS#7")),
    ("certinfo -cert der.p7", Some("DER, PKCS#7")),
    ("certinfo -cert leaf.der", Some("DER, PKCS#7")),
    ("certinfo -csr leaf.csr", None),
    ("certinfo -csr all.csr", None),
    ("certinfo -csr ca.csr", None),
    ("certinfo -csr other.csr", None),
    ("certinfo -csr rsa.csr", None),
    ("certinfo -csr ed.csr", None),
    ("certinfo -csr nameless.csr", None),
    ("certinfo -csr alone.csr", None),
    ("certinfo -csr openssl.csr", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem", None),
    ("bundle -cert rsa.pem -ca-bundle ca.pem", None),
    ("bundle -cert ed.pem -ca-bundle ca.pem", None),
    ("bundle -cert nameless.pem -ca-bundle ca.pem", None),
    ("bundle -cert below.pem -ca-bundle ca.pem -int-bundle intermediate.pem", None),
    ("bundle -cert below.pem -ca-bundle ca.pem -int-bundle intermediate.pem -key below-key.pem", None),
    ("bundle -cert below.pem -ca-bundle ca.pem -int-bundle intermediate.pem -flavor optimal", None),
    ("bundle -cert two.pem -ca-bundle ca.pem -flavor force", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -flavor odd", Some("54")),
    ("bundle -cert two.p7 -ca-bundle ca.pem", Some("DER, PKCS#7")),
    ("bundle -cert ca.pem -ca-bundle ca.pem", Some("54")),
    ("bundle -cert all.pem -ca-bundle ca.pem", Some("54")),
    ("gencert -initca ca.json", None),
    ("gencert -initca other.json", None),
    ("gencert -initca -ca-key ca-key.pem ca.json", None),
    ("gencert -renewca -ca ca.pem -ca-key ca-key.pem", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile all all.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile ca alone.json", None),
    ("genkey leaf.json", None),
    ("genkey -initca ca.json", None),
    ("gencsr -key leaf-key.pem leaf.json", None),
    ("gencsr -key leaf-key.pem -cert leaf.pem", None),
    ("selfsign a.example leaf.json", None),
    ("selfsign -config config.json -profile server a.example leaf.json", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf.csr", None),
    ("sign -ca ca.pem -ca-key ca-key.pem -config config.json -profile all all.csr", None),
    ("sign -ca ca.pem -ca-key ca-key.pem -csr leaf.csr leaf.json", None),
    ("info -config config.json -ca ca.pem -ca-key ca-key.pem", None),
    ("info -config config.json -profile all -ca ca.pem -ca-key ca-key.pem", None),
    ("info -config config-no-usages.json -ca ca.pem -ca-key ca-key.pem", None),
    ("print-defaults config", None),
    ("print-defaults csr", None),
];

/// Commands that cfssl refuses, or this product.
const ERRORS: &[Case] = &[
    ("gencert", None),
    ("gencert leaf.json", Some("1")),
    ("gencert nofile nofile", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem nofile.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem empty", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem junk", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem type.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem with-ca.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem weak.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem long.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem curve.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem algorithm.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem oid.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem uri.json", None),
    ("gencert -ca nofile.pem -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key nofile.pem leaf.json", None),
    ("gencert -ca . -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key . leaf.json", None),
    ("gencert -ca empty -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca junk -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key empty leaf.json", None),
    ("gencert -ca ca.pem -ca-key junk leaf.json", None),
    ("gencert -ca ca-key.pem -ca-key ca.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca.pem leaf.json", None),
    ("gencert -ca ca-key.pem -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca two.pem -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca broken.pem -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key leaf-key.pem leaf.json", None),
    ("gencert -ca leaf.csr -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca x:y -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key x:y leaf.json", None),
    ("gencert -ca env:NOPE -ca-key ca-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key env:NOPE leaf.json", None),
    ("gencert -ca no-ca.pem -ca-key no-ca-key.pem leaf.json", Some("7")),
    ("gencert -ca ca.pem -config config.json leaf.json", None),
    ("gencert -ca-key ca-key.pem -config config.json leaf.json", None),
    ("gencert -config config.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key encrypted-key.pem leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config nofile.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config junk leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config empty leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-nothing.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-no-usages.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-no-expiry.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-unit.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-zero.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-null.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-named-no-usages.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-expression.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-no-auth-key.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-auth-key.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-auth-type.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-no-remote.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-qualifier.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-policy.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-date.json -profile x leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config-client.json leaf.json", None),
    ("gencert -config config-client.json leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile white leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile no-key leaf.json", None),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile serial leaf.json", Some("24")),
    ("gencert -ca ca.pem -ca-key ca-key.pem -config leaf.json leaf.json", None),
    ("gencert -initca no-subject.json", None),
    ("gencert -initca no-expiry.json", None),
    ("gencert -initca unit.json", None),
    ("gencert -initca path-length.json", None),
    ("gencert -initca weak.json", None),
    ("gencert -initca algorithm.json", None),
    ("gencert -initca oid.json", None),
    ("gencert -initca nofile.json", None),
    ("gencert -initca junk", None),
    ("gencert -initca type.json", None),
    ("gencert -initca -ca-key nofile.pem ca.json", None),
    ("gencert -initca -ca-key junk ca.json", None),
    ("gencert -initca -ca-key ca.pem ca.json", None),
    ("gencert -initca -ca-key encrypted-key.pem ca.json", None),
    ("gencert -renewca", None),
    ("gencert -renewca -ca ca.pem", None),
    ("gencert -renewca -ca ca.pem -ca-key leaf-key.pem", None),
    ("gencert -renewca -ca leaf.pem -ca-key leaf-key.pem", None),
    ("gencert -renewca -ca junk -ca-key ca-key.pem", None),
    ("gencert -renewca -ca ca.pem -ca-key junk", None),
    ("gencert -renewca -ca nofile -ca-key ca-key.pem", None),
    ("gencert -renewca -ca ca.pem -ca-key nofile", None),
    ("genkey", None),
    ("genkey nofile.json", None),
    ("genkey junk", None),
    ("genkey weak.json", None),
    ("genkey algorithm.json", None),
    ("genkey with-ca.json", None),
    ("genkey type.json", None),
    ("genkey oid.json", None),
    ("gencsr leaf.json", None),
    ("gencsr -key nofile leaf.json", None),
    ("gencsr -key junk leaf.json", None),
    ("gencsr -key leaf.pem leaf.json", None),
    ("gencsr -key encrypted-key.pem leaf.json", None),
    ("gencsr -key leaf-key.pem", None),
    ("gencsr -key leaf-key.pem -cert leaf.pem leaf.json", None),
    ("gencsr -key leaf-key.pem -cert nofile", None),
    ("gencsr -key leaf-key.pem -cert junk", None),
    ("gencsr -key leaf-key.pem -cert leaf.csr", None),
    ("gencsr -key leaf-key.pem nofile.json", None),
    ("gencsr -key leaf-key.pem oid.json", None),
    ("sign", None),
    ("sign leaf.csr", Some("1")),
    ("sign -ca ca.pem -ca-key ca-key.pem", None),
    ("sign -ca ca.pem -ca-key ca-key.pem a b c", None),
    ("sign -ca ca.pem -ca-key ca-key.pem nofile", None),
    ("sign -ca ca.pem -ca-key ca-key.pem empty", None),
    ("sign -ca ca.pem -ca-key ca-key.pem junk", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf.pem", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf-key.pem", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf.json", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf.csr nofile", None),
    ("sign -ca ca.pem -ca-key ca-key.pem leaf.csr junk", None),
    ("sign -ca ca.pem -ca-key ca-key.pem ca.csr", None),
    ("sign -ca ca.pem -ca-key leaf-key.pem leaf.csr", None),
    ("sign -ca ca-key.pem -ca-key ca.pem leaf.csr", None),
    ("sign -ca nofile -ca-key ca-key.pem leaf.csr", None),
    ("sign -ca ca.pem -ca-key nofile leaf.csr", None),
    ("sign -ca ca.pem -ca-key encrypted-key.pem leaf.csr", None),
    ("sign -ca ca.pem -ca-key ca-key.pem -config config.json -profile white leaf.csr", None),
    ("sign -ca ca.pem -ca-key ca-key.pem -config config-no-usages.json leaf.csr", None),
    ("sign -ca ca.pem -ca-key ca-key.pem -hostname http://a..b/ leaf.csr", Some("31")),
    ("selfsign", None),
    ("selfsign a", None),
    ("selfsign a nofile", None),
    ("selfsign a junk", None),
    ("selfsign a weak.json", None),
    ("selfsign -config config-no-usages.json a leaf.json", None),
    ("selfsign a b c", None),
    ("info", None),
    ("info -config config.json", None),
    ("info -config config.json -ca ca.pem", None),
    ("info -config config.json -ca nofile -ca-key ca-key.pem", None),
    ("info -config config.json -ca ca.pem -ca-key nofile", None),
    ("info -config config.json -ca ca.pem -ca-key junk", None),
    ("info -config config.json -ca junk -ca-key ca-key.pem", None),
    ("info -config nofile", None),
    ("info x", None),
    ("certinfo", None),
    ("certinfo -cert nofile", None),
    ("certinfo -cert empty", None),
    ("certinfo -cert junk", None),
    ("certinfo -cert leaf-key.pem", None),
    ("certinfo -cert leaf.csr", None),
    ("certinfo -cert two.pem", None),
    ("certinfo -cert broken.pem", None),
    ("certinfo -csr nofile", None),
    ("certinfo -csr empty", None),
    ("certinfo -csr junk", None),
    ("certinfo -csr leaf.pem", None),
    ("certinfo -csr leaf-key.pem", None),
    ("bundle", None),
    ("bundle -cert nofile", None),
    ("bundle -cert empty", None),
    ("bundle -cert junk", None),
    ("bundle -cert leaf-key.pem", None),
    ("bundle -cert leaf.csr", None),
    ("bundle -cert leaf.pem", None),
    ("bundle -cert leaf.pem -ca-bundle nofile", None),
    ("bundle -cert leaf.pem -ca-bundle junk", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -int-bundle nofile", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -int-bundle junk", None),
    ("bundle -cert leaf.pem -ca-bundle other.pem", None),
    ("bundle -cert below.pem -ca-bundle ca.pem", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -key nofile", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -key junk", None),
    ("bundle -cert leaf.pem -ca-bundle ca.pem -key ca-key.pem", None),
    ("bundle -cert two.pem -flavor force", None),
    ("bundle -cert below.pem -flavor force", None),
    ("print-defaults", None),
    ("print-defaults odd", Some("42")),
    ("gencrl", None),
    ("gencrl nofile ca.pem ca-key.pem", None),
    ("gencrl empty nofile ca-key.pem", None),
    ("gencrl empty ca.pem nofile", None),
    ("gencrl empty junk ca-key.pem", None),
    ("gencrl empty ca.pem junk", None),
    ("gencrl empty ca.pem ca-key.pem 1h", Some("46")),
    ("odd", None),
];

fn json_has_the_same_keys() -> Outcome {
    compare(JSON, |ran| (ran.code, serde_json::from_str(&ran.stdout).ok().map(|value| keys(&value))))
}

fn errors_have_the_same_numbers() -> Outcome {
    compare(ERRORS, |ran| (ran.code, number(&ran.stderr), ran.stdout.is_empty()))
}

/// Each flag that cfssl's help names for a command is in this product's help of that command, or is told to have no
/// effect, or is refused by its name.
fn flags_act_or_are_told() -> Outcome {
    let cfssl = programs::cfssl()?.folder.join("cfssl");
    let ours = links();
    let ours = ours.path().join("cfssl");
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.json");
    fs::write(&config, "{\"signing\": {}}").unwrap();
    let said = |program: &Path, words: &[&str]| run(Command::new(program).args(words)).said();
    let (mut commands, mut flags) = (0, 0);
    let overview = said(&cfssl, &["-h"]);
    let all = overview.split("Available commands:").nth(1).unwrap().split("Top-level").next().unwrap();
    for command in all.split_whitespace() {
        commands += 1;
        let our_help = said(&ours, &[command, "-h"]);
        if our_help.contains("is not provided") {
            continue;
        }
        let help = said(&cfssl, &[command, "-h"]);
        for (flag, default) in help.lines().filter_map(flag_of_help) {
            flags += 1;
            let given = match (flag, default) {
                // Every command reads the config first.
                ("config", _) => format!("-config={}", config.display()),
                (_, "false") => format!("-{flag}"),
                _ => format!("-{flag}=1"),
            };
            let ran = run(Command::new(&ours).args([command, &given]));
            let is_told = ran.stderr.contains(&format!("-{flag} has no effect in {command}"));
            let is_refused = ran.code == Some(1) && ran.stderr.contains(&format!("-{flag} is not provided"));
            let acts = our_help.lines().filter_map(flag_of_help).any(|(ours, _)| ours == flag);
            assert!(is_told || is_refused || acts, "{command} {given}: {ran}");
        }
    }
    assert!(commands > 15 && flags > 50, "cfssl's help names {commands} commands and {flags} flags");
    Ok(())
}

/// The flag of a line of a help, and its default.
fn flag_of_help(line: &str) -> Option<(&str, &str)> {
    let (flag, rest) = line.trim_start().strip_prefix('-')?.split_once('=')?;
    Some((flag, rest.split(':').next()?))
}

/// Panics unless `seen` is the same of both programs for each case without a difference, and not for the others.
#[track_caller]
fn compare<T: PartialEq + std::fmt::Debug>(cases: &[Case], seen: impl Fn(&Ran) -> T) -> Outcome {
    let cfssl = programs::cfssl()?;
    let material = material(&cfssl)?;
    let ours = links();
    let document = fs::read_to_string(workspace().join("docs/cfssl.md")).unwrap();
    let mut wrong = Vec::new();
    for (words, difference) in cases {
        let [theirs, ours] = [&*cfssl.folder, ours.path()].map(|folder| {
            let mut command = Command::new(folder.join("cfssl"));
            command.args(words.split_whitespace()).current_dir(material.path()).env("HOME", material.path());
            run(&mut command)
        });
        let (theirs_seen, ours_seen) = (seen(&theirs), seen(&ours));
        let is_same = theirs_seen == ours_seen;
        match difference {
            None if !is_same => {
                wrong.push(format!("{theirs_seen:?} and {ours_seen:?} of {theirs}\n{ours}"));
            }
            Some(_) if is_same => wrong.push(format!("no difference: {words}")),
            Some(row) if !document.contains(&format!("\n| {row} ")) => {
                wrong.push(format!("docs/cfssl.md has no row {row:?}, which {words} needs"));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The paths of all keys and values of a JSON value, each with the type of what is there.
fn keys(value: &Value) -> BTreeSet<String> {
    fn add(value: &Value, path: &str, all: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(items) => {
                items.iter().for_each(|item| add(item, &format!("{path}[]"), all));
                "list"
            }
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| add(value, &format!("{path}.{key}"), all));
                "object"
            }
        };
        all.insert(format!("{path}: {kind}"));
    }
    let mut all = BTreeSet::new();
    add(value, "", &mut all);
    all
}

/// The number of cfssl's error, which is the last line.
fn number(errors: &str) -> Option<u64> {
    let last = errors.trim_end().lines().last()?;
    let last = last.strip_prefix("Failed to load config file: ").unwrap_or(last);
    serde_json::from_str::<Value>(last).ok()?.get("code")?.as_u64()
}

fn material(cfssl: &Cfssl) -> Result<TempDir, Missing> {
    let bash = find("bash")?;
    find("openssl")?;
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/beside_cfssl/material.sh");
    let mut command = Command::new(bash);
    command.arg(script).current_dir(folder.path()).env("HOME", folder.path());
    command.env("CFSSL", cfssl.folder.join("cfssl")).env("CFSSLJSON", cfssl.folder.join("cfssljson"));
    run(&mut command).ok();
    Ok(folder)
}
