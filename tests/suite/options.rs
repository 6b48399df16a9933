//! The table of etcd's options, compared with what real etcd knows.
//!
//! No server starts here: etcd stops at a flag that it does not know, and at a data folder below `/dev/null`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use libtest_mimic::Trial;
use pki_core::etcd::found::ConfigFile;
use pki_core::etcd::{EtcdOption, EtcdVersion, YamlKind};

use super::command::run;
use super::programs::{self, Etcd};
use super::trial::{Outcome, named, trial};

/// Values of every kind, and of none.
const SAMPLES: [&str; 54] = [
    "",
    "true",
    "F",
    "tRUE",
    "yes",
    "0",
    "1",
    "-1",
    "007",
    "09",
    "0x10",
    "010",
    "10_000",
    "10__000",
    "+5",
    "T",
    "1.5",
    "4294967296",
    "18446744073709551616",
    "10s",
    "1h30m",
    "1d",
    "1 s",
    "new",
    "exit",
    "readonly",
    "not-yet",
    "write-only,gone",
    "info",
    "zap",
    "json",
    "periodic",
    "TLS1.2",
    "TLS_AES_128_GCM_SHA256",
    "a,b",
    "a=https://127.0.0.1:2380",
    "*",
    "127.0.0.1:2379",
    "https://127.0.0.1:2379",
    "https://127.0.0.1:2379,https://[::1]:2379",
    "https://127.0.0.1",
    "https://127.0.0.1:2379?x",
    "https://127.0.0.1:x",
    "https://a b:1",
    "https://[::1]",
    "https://127.0.0.1:2379/",
    "https://::1:2379",
    "unix:///run/etcd.sock",
    "unix://etcd:1",
    "TxnModeWriteWithSharedBuffer=true",
    "AllAlpha=true,CompactHashCheck=F,",
    "PriorityRequest=true,FastLeaseKeepAlive=false",
    "NoSuchFeature=true",
    "LeaseCheckpoint",
];

type Test = fn(&Etcd, EtcdVersion) -> Outcome;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = named![
        help_names_no_other_flags,
        help_names_the_defaults_that_are_known,
        flags_are_those_of_the_table,
        values_that_pass_are_taken,
        the_file_has_the_places_of_the_table,
        each_way_to_set_an_option_has_its_own_rules
    ];
    let mut trials = Vec::new();
    for series in programs::SERIES {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        for (name, test) in tests {
            let found = found.clone();
            trials.push(trial(format!("options::{version}::{name}"), move || {
                let etcd = found?;
                let version = EtcdVersion::parse(&etcd.version).unwrap();
                test(&etcd, version)
            }));
        }
    }
    trials
}

fn help_names_no_other_flags(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let help = run(Command::new(&etcd.etcd).arg("--help")).said();
    let named: BTreeSet<_> = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .filter_map(|line| line.split([' ', '=', ')']).next())
        .collect();
    assert!(named.len() > 50, "no flags in: {help}");
    for name in named {
        let option = EtcdOption::find(name).unwrap_or_else(|| panic!("--{name} is not in the table"));
        let availability = option.availability(version);
        if !availability.is_accepted() {
            // The help of 3.7 still names `--discovery`, which went with version 2 of the API.
            let said = parsed(etcd, [format!("--{name}=1")]);
            let is_gone = said == format!("flag provided but not defined: -{name}");
            assert!(is_gone, "--{name} {availability}, but {version} has it: {said}");
        }
    }
    Ok(())
}

/// What etcd has where nothing is set, as far as somebody is told of it or something is judged by it.
fn help_names_the_defaults_that_are_known(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let help = run(Command::new(&etcd.etcd).arg("--help")).said();
    let snapshot_count = if version.has(6, 0) { "10000" } else { "100000" };
    let known = [
        ("snapshot-count", snapshot_count),
        ("heartbeat-interval", "100"),
        ("election-timeout", "1000"),
        ("listen-peer-urls", "http://localhost:2380"),
        ("listen-client-urls", "http://localhost:2379"),
        ("client-cert-auth", "false"),
        ("peer-client-cert-auth", "false"),
    ];
    for (option, value) in known {
        let lines = [format!("--{option} '{value}'"), format!("--{option} {value}")];
        let is_there = help.lines().any(|line| lines.contains(&line.trim().to_owned()));
        assert!(is_there, "not {} in:\n{help}", lines[0]);
    }
    Ok(())
}

/// What etcd says about a command line that ends with a flag that no version has.
fn parsed(etcd: &Etcd, flags: impl IntoIterator<Item = String>) -> String {
    let ran = run(Command::new(&etcd.etcd).args(flags).arg("--no-version-has-this"));
    let said = ran.said();
    let verdict = said.lines().find(|line| line.starts_with("flag ") || line.starts_with("invalid "));
    verdict.unwrap_or_else(|| panic!("no verdict: {ran}")).to_owned()
}

const UP_TO_THE_END: &str = "flag provided but not defined: -no-version-has-this";

fn flags_are_those_of_the_table(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let (accepted, missing): (Vec<_>, Vec<_>) =
        EtcdOption::all().partition(|option| option.availability(version).is_accepted());
    assert!(!missing.is_empty());
    let flags = accepted.iter().map(|option| {
        let takes = |value: &&&str| option.check(value, version).is_ok();
        let value = SAMPLES.iter().find(takes).unwrap_or_else(|| panic!("no sample for {}", option.name()));
        format!("--{}={value}", option.name())
    });
    assert_eq!(parsed(etcd, flags), UP_TO_THE_END);
    for option in missing {
        let said = parsed(etcd, [format!("--{}=1", option.name())]);
        assert_eq!(said, format!("flag provided but not defined: -{}", option.name()));
    }
    Ok(())
}

/// etcd's flags take whatever the table takes; and where Go's own flags are the judge, nothing else.
fn values_that_pass_are_taken(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let flag = |option: &EtcdOption, value: &str| format!("--{}={value}", option.name());
    let accepted = || EtcdOption::all().filter(|option| option.availability(version).is_accepted());
    let passing = accepted().flat_map(|option| {
        let passes = move |value: &&&str| option.check(value, version).is_ok();
        SAMPLES.iter().filter(passes).map(move |value| flag(option, value))
    });
    assert_eq!(parsed(etcd, passing), UP_TO_THE_END);
    let judged_by_flags =
        ["auto-tls", "snapshot-count", "backend-batch-limit", "grpc-keepalive-timeout", "listen-peer-urls"];
    for name in judged_by_flags.into_iter().chain(["initial-cluster-state", "cors", "feature-gates"]) {
        let option = EtcdOption::find(name).unwrap();
        if !option.availability(version).is_accepted() {
            continue;
        }
        for value in SAMPLES.iter().filter(|value| option.check(value, version).is_err()) {
            let said = parsed(etcd, [flag(option, value)]);
            let start = format!("invalid value {value:?} for flag -{name}: ");
            let start_of_boolean = format!("invalid boolean value {value:?} for -{name}: ");
            assert!(
                said.starts_with(&start) || said.starts_with(&start_of_boolean),
                "{name}={value}: {said}"
            );
        }
    }
    Ok(())
}

/// No key takes a mapping, and the complaint names the key and the type that it takes. A key that etcd does not
/// know it ignores.
fn the_file_has_the_places_of_the_table(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("etcd.yaml");
    for option in EtcdOption::all() {
        let place = option.yaml(version);
        let (section, key) = place.map_or((&[][..], option.name()), |place| (place.section, place.key));
        let nested =
            section.iter().rev().fold(format!("{key}: {{}}"), |text, key| format!("{key}: {{{text}}}"));
        let stop = if key == "data-dir" { "" } else { "data-dir: /dev/null/none\n" };
        fs::write(&path, format!("{nested}\n{stop}")).unwrap();
        let said = run(Command::new(&etcd.etcd).arg("--config-file").arg(&path)).said();
        let Some(place) = place else {
            assert!(!said.contains("cannot unmarshal"), "{version} knows {key}: {said}");
            assert!(said.contains("/dev/null/none"), "{key}: {said}");
            continue;
        };
        let field = format!(".{} of type ", [section, &[key]].concat().join("."));
        let go_type = said.split_once(&field).and_then(|(_, rest)| rest.split([' ', '"', ',']).next());
        let kind = match go_type.unwrap_or_else(|| panic!("not {field}: {said}")).trim_end_matches('.') {
            "bool" => YamlKind::Bool,
            "int" | "int64" | "uint" | "uint32" | "uint64" => YamlKind::Integer,
            "time.Duration" => YamlKind::Nanoseconds,
            "string" | "config.V2DeprecationEnum" => YamlKind::Text,
            "[]string" => YamlKind::List,
            other => panic!("{key} is a {other}"),
        };
        assert_eq!(kind, place.kind, "{key} of {version}");
    }
    Ok(())
}

/// Options of Go's `uint64`, `int64`, `bool`, `time.Duration`, `string` and `[]string`, each with values that are
/// written as YAML has them.
const WRITTEN: [(&str, &[&str]); 6] = [
    (
        "snapshot-count",
        &[
            "5",
            "10_000",
            "10__000",
            "0x10",
            "0x_f",
            "010",
            "08",
            "0o17",
            "0b11",
            "1_",
            "_1",
            "+5",
            "-5",
            "1e3",
            "1.0",
            "1.5",
            "'5'",
            "18446744073709551615",
            "18446744073709551616",
            "true",
        ],
    ),
    ("quota-backend-bytes", &["+5", "-0x5", "-0", "9223372036854775807", "9223372036854775808"]),
    (
        "enable-pprof",
        &["true", "TRUE", "tRUE", "T", "t", "1", "0", "yes", "YES", "yEs", "y", "n", "on", "off", "'true'"],
    ),
    (
        "grpc-keepalive-timeout",
        &["1h30m", "10s", "1d", "10", "0", "-1s", "1_000", "10_0s", "1e9", "1.5", "'5'"],
    ),
    ("name", &["a", "10", "'10'", "true", "yes", "1.5", "2001-01-01", "[a]", "!!str 5"]),
    ("cipher-suites", &["TLS_AES_128_GCM_SHA256", "[TLS_AES_128_GCM_SHA256]", "[]", "[5]"]),
];

/// What etcd takes as a flag, as a variable and in its file, we take there, and nothing else.
fn each_way_to_set_an_option_has_its_own_rules(etcd: &Etcd, version: EtcdVersion) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("etcd.yaml");
    // etcd reads all of its options, and then the folder of its data.
    let stops_at_its_data = |command: &mut Command| {
        let said = run(command).said();
        let is_taken =
            said.contains("/dev/null/none: not a directory") || said.contains("data dir: /dev/null/none");
        let is_refused =
            said.contains("invalid value") || said.contains("invalid boolean") || said.contains("json: ");
        assert_ne!(is_taken, is_refused, "{said}");
        is_taken
    };
    for (name, values) in WRITTEN {
        let option = EtcdOption::find(name).unwrap();
        for written in values {
            // A line of YAML has quotes and tags, the others would take them for a part of the value.
            if !written.contains(['\'', '[', '!']) {
                let ours = option.check(written, version).is_ok();
                let mut command = Command::new(&etcd.etcd);
                command.arg(format!("--{name}={written}")).arg("--data-dir=/dev/null/none");
                assert_eq!(stops_at_its_data(&mut command), ours, "{version}: --{name}={written}");
                let mut command = Command::new(&etcd.etcd);
                command.env(option.variable(), written).arg("--data-dir=/dev/null/none");
                assert_eq!(
                    stops_at_its_data(&mut command),
                    ours,
                    "{version}: {}={written}",
                    option.variable()
                );
            }
            let text = format!("{name}: {written}\n");
            fs::write(&path, format!("{text}data-dir: /dev/null/none\n")).unwrap();
            let read = ConfigFile::parse(&text, &path);
            let [value] = read.values.as_slice() else { panic!("{read:?}") };
            let ours = option.check_in_file(&value.text, &value.value, version).is_ok();
            let theirs = stops_at_its_data(Command::new(&etcd.etcd).arg("--config-file").arg(&path));
            assert_eq!(theirs, ours, "{version}: {text}");
        }
    }
    Ok(())
}
