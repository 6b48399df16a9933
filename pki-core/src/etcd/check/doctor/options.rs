//! Options that etcd does not take, or takes otherwise than was meant.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::base::place::Place;
use crate::base::suggest;
use crate::etcd::check::doctor::case::{Case, Check, Symptom, name, place, written};
use crate::etcd::check::doctor::names::{self, Meant};
use crate::etcd::check::doctor::refusals::refused;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Member, Setting, Source};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{Availability, EtcdOption, ValueError, ValueKind, is_true};
use crate::etcd::start::RefusalKind;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E201",
            severity: Severity::Error,
            title: "an option is set by a flag and in the environment",
            consequence: "{etcd} does not start, even if both are equal: `conflicting environment variable is shadowed by corresponding command-line flag`",
            remedy: "set it in one of the two only",
            sources: &["etcd#11298", "etcd#11111", "etcd#8380", "etcd#14640", "etcd#20118"],
        },
        find: |case| refused(case, &[RefusalKind::Shadowed]),
    },
    Check {
        rule: Rule {
            id: "E202",
            severity: Severity::Error,
            title: "a flag that etcd does not know",
            consequence: "{etcd} does not start: `flag provided but not defined`",
            remedy: "correct or remove the flag",
            sources: &["microk8s#5209", "flatcar/scripts#2916"],
        },
        find: |case| unknown(case, Source::Flag),
    },
    Check {
        rule: Rule {
            id: "E203",
            severity: Severity::Warning,
            title: "a variable that etcd does not know",
            consequence: "{etcd} passes over it: `unrecognized environment variable`",
            remedy: "correct or remove the variable",
            sources: &["etcd, pkg/flags/flag.go"],
        },
        find: |case| unknown(case, Source::Variable),
    },
    Check {
        rule: Rule {
            id: "E204",
            severity: Severity::Error,
            title: "a key of the configuration file that etcd does not know",
            consequence: "{etcd} passes over it without a word",
            remedy: "correct the key, or move the option to where etcd reads it",
            sources: &["etcd#12887", "etcd#13117", "etcd#17867"],
        },
        find: |case| unknown(case, Source::File),
    },
    Check {
        rule: Rule {
            id: "E205",
            severity: Severity::Error,
            title: "an option that this version of etcd does not have",
            consequence: "{etcd} does not start: `flag provided but not defined`",
            remedy: "write what takes its place, or remove it",
            sources: &["etcd, CHANGELOG-3.6.md", "microk8s#5209", "etcd#20870"],
        },
        find: unavailable,
    },
    Check {
        rule: Rule {
            id: "E206",
            severity: Severity::Warning,
            title: "an option that will go",
            consequence: "{etcd} takes it and warns; a later version will not know it",
            remedy: "write what takes its place",
            sources: &["etcd, CHANGELOG-3.6.md", "etcd, CHANGELOG-3.7.md"],
        },
        find: deprecated,
    },
    Check {
        rule: Rule {
            id: "E207",
            severity: Severity::Error,
            title: "flags and variables beside a configuration file",
            consequence: "{etcd} reads the configuration file and nothing else, not even `--name`",
            remedy: "move them into the configuration file",
            sources: &["etcd, server/etcdmain/config.go"],
        },
        find: ignored,
    },
    Check {
        rule: Rule {
            id: "E208",
            severity: Severity::Error,
            title: "a value that etcd does not take",
            consequence: "{etcd} does not start",
            remedy: "correct the value",
            sources: &["etcd, server/embed/config.go"],
        },
        find: values,
    },
    Check {
        rule: Rule {
            id: "E209",
            severity: Severity::Error,
            title: "a word that is no flag",
            consequence: "{etcd} does not start: `is not a valid flag`",
            remedy: "remove it, or quote the value that it is a part of",
            sources: &["etcd, server/etcdmain/config.go"],
        },
        find: |case| refused(case, &[RefusalKind::Argument]),
    },
    Check {
        rule: Rule {
            id: "E210",
            severity: Severity::Warning,
            title: "an option that is set to nothing",
            consequence: "{etcd} takes it for not set",
            remedy: "give it a value, or remove it",
            sources: &["etcd, pkg/flags/flag.go"],
        },
        find: empty,
    },
    Check {
        rule: Rule {
            id: "E211",
            severity: Severity::Warning,
            title: "a flag is there twice",
            consequence: "{etcd} takes the last one",
            remedy: "remove all but one",
            sources: &["Go, package flag"],
        },
        find: repeated,
    },
    Check {
        rule: Rule {
            id: "E212",
            severity: Severity::Warning,
            title: "`snapshot-count` is pinned above etcd's own value",
            consequence: "{etcd} keeps that many entries in memory, and more after a restart; 3.6 lowered its own value from 100000 to 10000 for that",
            remedy: "remove it, unless it was measured",
            sources: &["etcd, CHANGELOG-3.6.md"],
        },
        find: snapshot_count,
    },
    Check {
        rule: Rule {
            id: "E213",
            severity: Severity::Warning,
            title: "the v2 store is in use",
            consequence: "{etcd} still serves it, and keeps data that 3.6 refuses to start with: `detected disallowed v2 WAL`",
            remedy: "move the data, run `etcdutl check v2store`, and remove `enable-v2` before the upgrade",
            sources: &["etcd#20870", "etcd-io/website#1179"],
        },
        find: v2,
    },
    Check {
        rule: Rule {
            id: "E214",
            severity: Severity::Warning,
            title: "etcdctl is told to speak the API of version 2",
            consequence: "etcdctl 3.5 prints the help of version 2, and later ones do not know the variable",
            remedy: "remove `ETCDCTL_API`",
            sources: &["etcd, etcdctl/main.go"],
        },
        find: etcdctl_api,
    },
    Check {
        rule: Rule {
            id: "E215",
            severity: Severity::Error,
            title: "the configuration file cannot be read",
            consequence: "{etcd} does not start",
            remedy: "correct the file",
            sources: &["etcd, server/etcdmain/config.go"],
        },
        find: config_faults,
    },
];

fn settings<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Member, &'a Setting)> {
    case.members().flat_map(|(_, member)| member.settings.used.iter().map(move |setting| (member, setting)))
}

/// The number of unknown options for which similar names are looked for. Comparing with all options takes long, and a
/// generated file may have a hundred thousand of them.
const MOST_SUGGESTIONS: usize = 1000;

fn unknown(case: &Case<'_>, source: Source) -> Vec<Symptom> {
    // A section with a value, or an option with keys, is told as a wrong value.
    let refusals = case.starts().flat_map(|(_, start)| &start.refusals);
    let told: HashSet<&Place> = refusals
        .filter(|refusal| source == Source::File && refusal.kind == RefusalKind::Value)
        .map(|refusal| &refusal.place)
        .collect();
    let unknown = settings(case).filter(|(_, setting)| {
        // Read before all others, and taken out of the environment (etcd, server/etcdmain/etcd.go).
        let is_special = setting.written == "ETCD_UNSUPPORTED_ARCH";
        let is_unknown = !setting.is_known && EtcdOption::find(&setting.option).is_none();
        // Such keys are there to be passed over, as in compose files: they hold what others refer to.
        let is_special = is_special || source == Source::File && setting.written.starts_with("x-");
        setting.source == source && is_unknown && !is_special && !told.contains(&setting.place)
    });
    unknown
        .enumerate()
        .map(|(number, (_, setting))| {
            let symptom = |problem: String| Symptom::new(setting.place.clone(), problem);
            if source == Source::File {
                return of_file(case, setting);
            }
            let written = &setting.written;
            let spelled = |name: &'static str| {
                let variable = EtcdOption::find(name).filter(|_| source == Source::Variable);
                variable.map_or_else(|| format!("--{name}"), EtcdOption::variable)
            };
            let is_variable = source == Source::Variable;
            symptom(match names::meant(&setting.option, is_variable, number < MOST_SUGGESTIONS) {
                Meant::Old(Some(instead)) => {
                    format!("there is no {written}: it is an old name of {}", spelled(instead))
                }
                Meant::Old(None) => format!("there is no {written} any more, and nothing took its place"),
                Meant::OfOthers => {
                    format!("{written} is no variable of etcd's: it is for an image, a wrapper or a script around etcd")
                }
                Meant::Misspelt(near) => format!("there is no {written}: did you mean {}?", spelled(near)),
                Meant::Unknown => format!("there is no {written}"),
            })
        })
        .collect()
}

/// A key that is not known where it stands: it may be known elsewhere, or only as a flag.
fn of_file(case: &Case<'_>, setting: &Setting) -> Symptom {
    let key = setting.written.rsplit('.').next().unwrap_or_default();
    let places = || EtcdOption::all().filter_map(|option| Some((option, option.yaml(case.version)?)));
    let place_text = |place: crate::etcd::option::YamlPlace| {
        place.section.iter().chain([&place.key]).copied().collect::<Vec<_>>().join(".")
    };
    let section = setting.written.strip_suffix(key).unwrap_or_default().trim_end_matches('.');
    let stripped = key.strip_prefix("peer-").or_else(|| key.strip_prefix("client-")).unwrap_or(key);
    let in_section = places().find(|(_, place)| {
        place.section.join(".") == section && !section.is_empty() && place.key == stripped
    });
    let elsewhere =
        in_section.or_else(|| places().find(|(option, place)| option.name() == key || place.key == key));
    let only_flag = EtcdOption::find(key).filter(|option| option.yaml(case.version).is_none());
    let problem = match (elsewhere, only_flag) {
        (Some((_, place)), _) => {
            format!("`{}` means nothing: the key is `{}`", setting.written, place_text(place))
        }
        (None, Some(option)) => format!(
            "`{}` means nothing: etcd {} has --{} only as a flag and in the environment",
            setting.written,
            case.version,
            option.name()
        ),
        (None, None) => {
            let all: Vec<String> = places().map(|(_, place)| place_text(place)).collect();
            match suggest::near(&setting.written, all.iter().map(String::as_str)) {
                Some(near) => format!("`{}` means nothing: did you mean `{near}`?", setting.written),
                None => format!("`{}` means nothing", setting.written),
            }
        }
    };
    // What should protect something and is not there is worse than a limit that is not set.
    let protects = setting.written.contains("security")
        || ["cert", "key-file", "ca-file", "crl", "tls", "auth"].iter().any(|word| key.contains(word));
    let symptom = Symptom::new(setting.place.clone(), problem);
    if protects {
        symptom
    } else {
        symptom.overriding(Severity::Warning, "{etcd} passes over it without a word")
    }
}

fn unavailable(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, setting) in settings(case).filter(|(_, setting)| !setting.is_known) {
        let Some(option) = EtcdOption::find(&setting.option) else { continue };
        let availability = option.availability(case.version);
        if availability.is_accepted() {
            continue;
        }
        let symptom = Symptom::new(setting.place.clone(), format!("{} {availability}", setting.written));
        symptoms.push(match setting.source {
            Source::Flag => symptom,
            _ => symptom
                .overriding(Severity::Warning, "{etcd} passes over it: `unrecognized environment variable`"),
        });
    }
    symptoms
}

fn deprecated(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, setting) in settings(case).filter(|(_, setting)| setting.is_known) {
        let Some(option) = EtcdOption::find(&setting.option) else { continue };
        let availability = option.availability(case.version);
        if let Availability::Deprecated { .. } | Availability::Ignored = availability {
            let problem = format!("{} {availability}", setting.written);
            symptoms.push(Symptom::new(setting.place.clone(), problem));
        }
    }
    symptoms
}

fn ignored(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for setting in &member.settings.ignored {
            let file = member.settings.value("config-file").unwrap_or_default();
            let problem = format!("{} has no effect beside the configuration file {file}", written(setting));
            let symptom = Symptom::new(setting.place.clone(), problem);
            symptoms.push(if says_the_same(member, setting, case.version) {
                symptom.overriding(Severity::Warning, "{etcd} passes over it, and the file says the same")
            } else {
                symptom
            });
        }
    }
    symptoms
}

/// Whether the configuration file gives an option the value that a flag or variable has.
fn says_the_same(member: &Member, setting: &Setting, version: EtcdVersion) -> bool {
    let (Some(option), Some(text)) = (EtcdOption::find(&setting.option), &setting.value) else {
        return false;
    };
    let Some(in_file) = member.settings.value(&setting.option) else { return false };
    match option.kind(version) {
        ValueKind::Bool => is_true(text) == is_true(in_file),
        // The order of a list says nothing.
        ValueKind::List | ValueKind::Urls(_) | ValueKind::Members => {
            let items =
                |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect::<BTreeSet<_>>();
            items(text) == items(in_file)
        }
        _ => text == in_file,
    }
}

fn values(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = refused(case, &[RefusalKind::Value]);
    for (_, setting) in settings(case).filter(|(_, setting)| setting.is_known) {
        let Some(option) = EtcdOption::find(&setting.option) else { continue };
        if let Err(error @ ValueError::Single { .. }) = setting.check(option, case.version) {
            let symptom = Symptom::new(setting.place.clone(), format!("{}: {error}", setting.written));
            let consequence =
                "{etcd} starts, and refuses everybody whose certificate has not the whole text as its name";
            symptoms.push(symptom.overriding(Severity::Error, consequence));
        }
    }
    symptoms
}

fn empty(case: &Case<'_>) -> Vec<Symptom> {
    let empty = settings(case)
        .filter(|(_, setting)| setting.source == Source::Variable && setting.value.as_deref() == Some(""));
    empty
        .map(|(_, setting)| Symptom::new(setting.place.clone(), format!("{} is empty", setting.written)))
        .collect()
}

fn repeated(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        let flags: Vec<_> = member.settings.used.iter().filter(|s| s.source == Source::Flag).collect();
        let mut later_ones: HashMap<&str, &Setting> = HashMap::new();
        let later: Vec<_> = flags.iter().rev().map(|flag| later_ones.insert(&flag.option, *flag)).collect();
        for (flag, later) in flags.iter().zip(later.into_iter().rev()) {
            if let Some(later) = later {
                let problem =
                    format!("{} counts, at {}, and not {}", written(later), later.place, written(flag));
                symptoms.push(Symptom::new(flag.place.clone(), problem));
            }
        }
    }
    symptoms
}

fn snapshot_count(case: &Case<'_>) -> Vec<Symptom> {
    let default = if case.version.has(6, 0) { 10_000 } else { 100_000 };
    let pinned = case.members().filter_map(|(_, member)| member.settings.setting("snapshot-count"));
    let number = |setting: &&Setting| setting.value.as_deref().and_then(|value| value.parse::<u64>().ok());
    pinned
        .filter(|setting| number(setting).is_some_and(|number| number > default))
        .map(|setting| {
            let problem = format!("{}, where etcd {} itself has {default}", written(setting), case.version);
            Symptom::new(setting.place.clone(), problem)
        })
        .collect()
}

fn v2(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for option in ["enable-v2", "experimental-enable-v2v3"] {
            // The one is a boolean, the other the prefix of its keys. What is not known may be on.
            let is_off = |text: &str| option == "enable-v2" && !is_true(text);
            let setting = member.settings.setting(option);
            let is_on = setting.is_some_and(|setting| !setting.value.as_deref().is_some_and(is_off));
            if is_on && !case.version.has(6, 0) {
                symptoms.push(Symptom::new(place(member, option), format!("{} has {option}", name(member))));
            }
        }
    }
    symptoms
}

fn etcdctl_api(case: &Case<'_>) -> Vec<Symptom> {
    let environments = case.found.hosts.iter().flat_map(|host| host.environments.values());
    let old = environments
        .flat_map(|file| &file.variables)
        .filter(|variable| variable.name == "ETCDCTL_API" && variable.value.as_deref() == Some("2"));
    old.map(|variable| Symptom::new(variable.place.clone(), "ETCDCTL_API=2")).collect()
}

fn config_faults(case: &Case<'_>) -> Vec<Symptom> {
    let configs = case.found.hosts.iter().flat_map(|host| host.configs.values());
    let faults = configs.filter_map(|config| config.fault.as_ref());
    let symptoms = faults.map(|(place, message)| Symptom::new(place.clone(), message.clone()));
    symptoms.chain(refused(case, &[RefusalKind::File])).collect()
}
