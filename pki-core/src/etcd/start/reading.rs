//! What Go's package `flag`, etcd's reading of its environment and its configuration file refuse.

use std::collections::HashMap;

use crate::etcd::found::{Setting, Settings, Source};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{EtcdOption, UrlUse, ValueError, ValueKind, urls, variable};
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::Values;
use crate::go::duration;
use crate::go::number::{Base, parse_bool, parse_int, parse_uint};
use crate::go::yaml::{Scalar, Value as Yaml};

/// The choices that the flag itself checks (etcdmain/config.go, `configFlags`). All others are texts to it.
const SELECTIVE: [&str; 3] = ["initial-cluster-state", "discovery-fallback", "proxy"];

pub(super) fn refusals(settings: &Settings, values: &Values<'_>) -> Vec<Refusal> {
    let mut refusals = arguments(settings, values.version);
    if values.has_file {
        // Go reads the flags all the same, and only then etcd passes over them.
        let flags = settings.ignored.iter().filter(|setting| setting.source == Source::Flag);
        refusals.extend(flags.filter_map(|flag| unreadable(flag, values.version)));
    } else {
        refusals.extend(shadowed(settings));
    }
    if let Some((place, problem)) = &settings.config_fault {
        refusals.push(Refusal::new(RefusalKind::File, place.clone(), problem.clone()));
    }
    for setting in &settings.used {
        let refusal = match setting.source {
            Source::File if !setting.is_known => misplaced(setting, values.version),
            _ if setting.is_known => refused(setting, values),
            _ => None,
        };
        refusals.extend(refusal);
    }
    refusals
}

/// A value of the configuration file where etcd has another type: no mapping for a section, or a mapping for an option.
fn misplaced(setting: &Setting, version: EtcdVersion) -> Option<Refusal> {
    let places = EtcdOption::all().filter_map(|option| option.yaml(version));
    let keys: Vec<&str> = setting.written.split('.').collect();
    let is_same = |one: &[&str], other: &[&str]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    let refuse = |problem: String| Some(Refusal::of(RefusalKind::Value, setting, problem));
    for place in places {
        let is_section = (1..=place.section.len())
            .any(|length| place.section.get(..length).is_some_and(|section| is_same(section, &keys)));
        if is_section {
            return match &setting.in_file {
                // A section without keys (embed/config.go, `configFromFile`).
                Some(Yaml::Scalar(Scalar::Null)) => {
                    let is_refused = setting.written == "peer-transport-security" && version.has(6, 0);
                    is_refused.then(|| refuse(format!("{} has no keys", setting.written))).flatten()
                }
                Some(Yaml::Mapping) | None => None,
                Some(_) => refuse(format!("{} needs keys of its own, and has a value", setting.written)),
            };
        }
        let path: Vec<&str> = place.section.iter().chain([&place.key]).copied().collect();
        if keys.get(..path.len()).is_some_and(|around| is_same(&path, around)) && keys.len() > path.len() {
            return refuse(format!("{} needs a value, and has keys of its own", path.join(".")));
        }
    }
    None
}

/// A command line that Go's package `flag` does not read.
fn arguments(settings: &Settings, version: EtcdVersion) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (place, problem) in &settings.argument_faults {
        refusals.push(Refusal::new(RefusalKind::Argument, place.clone(), problem.clone()));
    }
    for flag in settings.used.iter().chain(&settings.ignored).filter(|setting| setting.source == Source::Flag)
    {
        let option = EtcdOption::find(&flag.option);
        if option.is_none_or(|option| !option.availability(version).is_accepted()) {
            let problem = format!("etcd {version} has no flag {}", flag.written);
            refusals.push(
                Refusal::of(RefusalKind::UnknownFlag, flag, problem).saying("flag provided but not defined"),
            );
        }
    }
    if let Some((word, place)) = settings.operands.first() {
        let problem = format!("`{word}` is no flag, and etcd takes nothing else");
        refusals
            .push(Refusal::new(RefusalKind::Argument, place.clone(), problem).saying("is not a valid flag"));
    }
    refusals
}

/// Flags whose variables are there too, even if these are empty (etcd, pkg/flags/flag.go, `verifyEnv`).
fn shadowed(settings: &Settings) -> Vec<Refusal> {
    let variables = settings.used.iter().filter(|setting| setting.source == Source::Variable);
    let mut by_name: HashMap<&str, &Setting> = HashMap::new();
    for setting in variables {
        by_name.entry(&setting.written).or_insert(setting);
    }
    let flags = settings.used.iter().filter(|setting| setting.source == Source::Flag && setting.is_known);
    flags
        .filter_map(|flag| {
            let variable = by_name.get(variable(&flag.option).as_str())?;
            let problem =
                format!("{} is also set at {}, by {}", flag.written, variable.place, variable.written);
            let message = "conflicting environment variable is shadowed by corresponding command-line flag";
            Some(Refusal::of(RefusalKind::Shadowed, flag, problem).saying(message))
        })
        .collect()
}

/// A value that the flag itself does not take.
fn unreadable(flag: &Setting, version: EtcdVersion) -> Option<Refusal> {
    let option = EtcdOption::find(&flag.option)?;
    let text = flag.value.as_deref()?;
    let is_read = match option.kind(version) {
        ValueKind::Bool => parse_bool(text).is_some(),
        ValueKind::Integer { .. } => parse_int(text, Base::Prefixed).is_ok(),
        ValueKind::Unsigned { most, .. } => {
            let is_small = most == u64::from(u32::MAX);
            parse_uint(text, Base::Prefixed).is_ok_and(|number| !is_small || number <= most)
        }
        ValueKind::Duration | ValueKind::PositiveDuration => {
            duration::parse(text).is_ok() && !text.contains(['d', 'y'])
        }
        ValueKind::Urls(used) => {
            let is_exception = if used == UrlUse::Origin { text == "*" } else { text.is_empty() };
            is_exception || urls::list(text).all(|url| urls::is_read(url, version))
        }
        ValueKind::Choice(_) if !SELECTIVE.contains(&option.name()) => true,
        ValueKind::Choice(_) | ValueKind::Choices(_) | ValueKind::FeatureGates => {
            return refusal_of(flag, &option.check(text, version).err()?);
        }
        _ => true,
    };
    (!is_read).then(|| flag.check(option, version).err().and_then(|error| refusal_of(flag, &error))).flatten()
}

/// A value that etcd does not take.
fn refused(setting: &Setting, values: &Values<'_>) -> Option<Refusal> {
    let version = values.version;
    let option = EtcdOption::find(&setting.option)?;
    let text = setting.value.as_deref()?;
    let is_file = setting.source == Source::File;
    // etcd takes this one out of its environment itself (etcdmain/config.go, `configFromCmdLine`).
    let is_removed = setting.written == "ETCD_VERSION" && version.has(5, 0);
    let is_unset = setting.source == Source::Variable && text.is_empty();
    if is_removed || is_unset {
        return None;
    }
    let error = setting.check(option, version).err()?;
    let error = if option.is_started_with(&error, version) {
        // The URLs behind one that etcd takes.
        let mut errors = urls::list(text).filter_map(|item| option.check(item, version).err());
        errors.find(|error| !option.is_started_with(error, version))?
    } else {
        error
    };
    let is_wrong_type = matches!(error, ValueError::InFile { .. });
    let is_taken = match option.name() {
        _ if matches!(error, ValueError::Single { .. }) => true,
        // Only who is traced needs a rate.
        "distributed-tracing-sampling-rate" | "experimental-distributed-tracing-sampling-rate" => {
            let traces = ["enable-distributed-tracing", "experimental-enable-distributed-tracing"];
            let is_off = traces.iter().all(|option| values.is_true(option, false) != Some(true));
            is_off && parse_int(text, Base::Prefixed).is_ok() && !is_wrong_type
        }
        "log-level" if version.has(5, 0) => {
            // go.uber.org/zap, zapcore/level.go; 3.7 has a release of it that knows one word more.
            let text = text.to_lowercase();
            let is_word = text.is_empty() || text == "warning" && version.has(7, 0);
            !is_wrong_type && (is_word || option.check(&text, version).is_ok())
        }
        "tls-min-version" | "tls-max-version" | "log-format" => text.is_empty() && !is_wrong_type,
        "auto-compaction-retention" => text.is_empty() && !is_wrong_type,
        "auto-compaction-mode" => text.is_empty() && !is_wrong_type && !version.has(6, 0),
        "initial-cluster-state"
        | "discovery-fallback"
        | "proxy"
        | "cors"
        | "feature-gates"
        | "v2-deprecation" => text.is_empty() && is_file && !is_wrong_type,
        _ => false,
    };
    if is_taken { None } else { refusal_of(setting, &error) }
}

fn refusal_of(setting: &Setting, error: &ValueError) -> Option<Refusal> {
    let kind = match error {
        ValueError::Url { .. } | ValueError::Member { .. } => RefusalKind::Url,
        _ => RefusalKind::Value,
    };
    Some(Refusal::of(kind, setting, format!("{}: {error}", setting.written)))
}
