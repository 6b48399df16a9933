//! The options that one member is given, by its flags, its environment or its configuration file.

use std::collections::HashMap;

use crate::base::place::Place;
use crate::etcd::found::process::Process;
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{self, EtcdOption, FoundUrl, ValueError, ValueKind, urls};
use crate::go::yaml::Value;

/// The options of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The settings that etcd uses, in the order in which they are set. Of a flag that is repeated, every one is here,
    /// and the last one counts.
    pub(crate) used: Vec<Setting>,
    /// The flags and variables that etcd ignores because it reads a configuration file.
    pub(crate) ignored: Vec<Setting>,
    /// The words after the flags, with their places. etcd has no use for any.
    pub(crate) operands: Vec<(String, Place)>,
    /// The places of arguments that Go's package `flag` does not read, and why.
    pub(crate) argument_faults: Vec<(Place, String)>,
    /// Why the configuration file cannot be read, and the place of that; `None` if it can, or was not seen.
    pub(crate) config_fault: Option<(Place, String)>,
    /// Whether everything that sets options was found. If not, an option that is not here may be set elsewhere.
    pub(crate) is_complete: bool,
}

/// An option with its value, as one place sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The option's name on the command line. For an option that etcd does not know, the name as written.
    pub(crate) option: String,
    /// The value; `None` if it depends on a value that is not known.
    pub(crate) value: Option<String>,
    /// The value as YAML, if a configuration file sets the option.
    pub(crate) in_file: Option<Value>,
    pub(crate) source: Source,
    /// The name as the source writes it: `--name`, `ETCD_NAME`, `client-transport-security.cert-file`.
    pub(crate) written: String,
    pub(crate) place: Place,
    /// Whether etcd of the version has the option, and reads it from this source.
    pub(crate) is_known: bool,
}

/// The ways to set an option of etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag on the command line.
    Flag,
    /// An environment variable.
    Variable,
    /// A key of the configuration file.
    File,
}

impl Setting {
    /// Checks the value as etcd of `version` does for the setting's source. A value that is not known passes.
    ///
    /// # Errors
    /// If etcd refuses the value.
    pub(crate) fn check(&self, option: &EtcdOption, version: EtcdVersion) -> Result<(), ValueError> {
        match (&self.value, &self.in_file) {
            (None, _) => Ok(()),
            (Some(text), None) => option.check(text, version),
            (Some(text), Some(value)) => option.check_in_file(text, value, version),
        }
    }
}

impl Settings {
    /// The settings of a process. `config` looks up a configuration file by its path on the host.
    pub(crate) fn of_process<'a>(
        process: &Process,
        version: EtcdVersion,
        config: impl Fn(&str) -> Option<&'a ConfigFile>,
    ) -> Self {
        let mut settings = Self {
            is_complete: process.environment_is_known && !process.arguments.is_empty(),
            ..Self::default()
        };
        settings.add_flags(process, version);
        settings.add_variables(process, version);
        // The last flag counts, and without one the variable (etcd, server/etcdmain/config.go, `parse`).
        let is_named =
            |setting: &&Setting| setting.option == "config-file" && setting.value.as_deref() != Some("");
        let last =
            |source| settings.used.iter().rfind(|setting| setting.source == source && is_named(setting));
        let Some(file) = last(Source::Flag).or_else(|| last(Source::Variable)).cloned() else {
            return settings;
        };
        // With a configuration file, etcd ignores everything else (etcd, server/etcdmain/config.go, `parse`).
        let (own, ignored) = settings.used.drain(..).partition(|setting| setting.option == "config-file");
        (settings.used, settings.ignored) = (own, ignored);
        match file.value.as_deref().and_then(config) {
            Some(config) => {
                settings.is_complete = config.fault.is_none();
                settings.add_config(config, version);
            }
            None => settings.is_complete = false,
        }
        settings
    }

    /// The settings of a configuration file alone.
    pub(crate) fn of_config(config: &ConfigFile, version: EtcdVersion) -> Self {
        let mut settings = Self { is_complete: config.fault.is_none(), ..Self::default() };
        settings.add_config(config, version);
        settings
    }

    /// Adds the flags of a command line by the rules of Go's package `flag`: a name has one dash or two, its value
    /// follows `=` or is the next word, a boolean needs no value, and the first word that is not a flag ends the flags.
    fn add_flags(&mut self, process: &Process, version: EtcdVersion) {
        let mut arguments = process.arguments.iter().skip(1).peekable();
        while let Some(argument) = arguments.next() {
            let written = argument.text.as_deref().unwrap_or(&argument.written);
            let name = written.strip_prefix("--").or_else(|| written.strip_prefix('-'));
            // Which flags an unknown word gives, if any, is not known. Of `--name=VALUE` the name is.
            let is_named = name.and_then(|name| name.split('=').next()).is_some_and(is_plain_name);
            if argument.text.is_none() && !is_named {
                self.is_complete = false;
                continue;
            }
            let Some(name) = name.filter(|_| written != "-") else {
                self.operands.push((written.to_owned(), argument.place.clone()));
                let rest = arguments.map(|rest| (rest.written.clone(), rest.place.clone()));
                self.operands.extend(rest);
                return;
            };
            // Two dashes alone end the flags.
            if name.is_empty() {
                self.operands.extend(arguments.map(|rest| (rest.written.clone(), rest.place.clone())));
                return;
            }
            if name.starts_with(['-', '=']) {
                let problem = format!("`{written}` has not the form of a flag");
                self.argument_faults.push((argument.place.clone(), problem));
                continue;
            }
            let (name, own_value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let option = EtcdOption::find(name);
            let is_known = option.is_some_and(|option| option.availability(version).is_accepted());
            // etcd's ignored flags are booleans to Go (pkg/flags/ignored.go, `IsBoolFlag`).
            let is_bool = option
                .is_some_and(|option| matches!(option.kind(version), ValueKind::Bool | ValueKind::Ignored));
            let value = match own_value {
                Some(value) => argument.text.is_some().then(|| value.to_owned()),
                None if is_bool => Some("true".to_owned()),
                None if option.is_none() => arguments
                    .next_if(|next| !next.written.starts_with('-'))
                    .and_then(|next| next.text.clone()),
                None => match arguments.next() {
                    Some(next) => next.text.clone(),
                    None => {
                        let problem = format!("--{name} has no value");
                        self.argument_faults.push((argument.place.clone(), problem));
                        None
                    }
                },
            };
            self.used.push(Setting {
                option: name.to_owned(),
                value,
                in_file: None,
                source: Source::Flag,
                written: format!("--{name}"),
                place: argument.place.clone(),
                is_known,
            });
        }
    }

    /// Adds the variables of etcd (etcd, pkg/flags/flag.go, `SetFlagsFromEnv`).
    fn add_variables(&mut self, process: &Process, version: EtcdVersion) {
        for variable in &process.variables {
            let Some(name) = variable.name.strip_prefix("ETCD_") else { continue };
            let option = EtcdOption::of_variable(&variable.name);
            self.used.push(Setting {
                option: option.map_or_else(|| name.to_lowercase().replace('_', "-"), |o| o.name().to_owned()),
                value: variable.value.clone(),
                in_file: None,
                source: Source::Variable,
                written: variable.name.clone(),
                place: variable.place.clone(),
                is_known: option.is_some_and(|option| option.availability(version).is_accepted()),
            });
        }
    }

    /// Adds the keys of a configuration file.
    fn add_config(&mut self, config: &ConfigFile, version: EtcdVersion) {
        self.config_fault.clone_from(&config.fault);
        let mut indices: HashMap<&str, usize> = HashMap::new();
        for value in &config.values {
            let matching = |option: &&EtcdOption| {
                option.yaml(version).is_some_and(|place| {
                    // Go's `encoding/json` ignores the case of keys.
                    let keys = place.section.iter().chain([&place.key]);
                    keys.clone().count() == value.keys.len()
                        && keys.zip(&value.keys).all(|(key, found)| key.eq_ignore_ascii_case(found))
                })
            };
            let option = EtcdOption::all().find(matching);
            let setting = Setting {
                option: option.map_or_else(|| value.keys.join("."), |option| option.name().to_owned()),
                value: Some(value.text.clone()),
                in_file: Some(value.value.clone()),
                source: Source::File,
                written: value.keys.join("."),
                place: value.place.clone(),
                is_known: option.is_some(),
            };
            // Of keys that differ in case, the one counts that Go writes last: it sorts the keys of a mapping.
            let known = option.and_then(|option| indices.insert(option.name(), self.used.len()));
            match known.filter(|index| self.used.get(*index).is_some_and(|e| e.written > setting.written)) {
                Some(index) => self.used.insert(index, setting),
                None => self.used.push(setting),
            }
        }
    }

    /// The last setting of an option, if this etcd knows it and its value is not empty.
    pub(crate) fn setting(&self, option: &str) -> Option<&Setting> {
        let counts = |setting: &&Setting| {
            setting.is_known && setting.option == option && setting.value.as_deref() != Some("")
        };
        self.used.iter().rfind(counts)
    }

    /// The value of an option; `None` if the option is not set or its value is not known.
    pub(crate) fn value(&self, option: &str) -> Option<&str> {
        self.setting(option)?.value.as_deref()
    }

    /// Whether a boolean option is set to true (Go, `strconv.ParseBool`).
    pub(crate) fn is_true(&self, option: &str) -> bool {
        self.value(option).is_some_and(option::is_true)
    }

    /// The items of an option's value, as etcd of `version` splits it; `None` if the option has no value.
    pub(crate) fn items(&self, option: &str, version: EtcdVersion) -> Option<Vec<&str>> {
        let value = self.value(option)?;
        Some(EtcdOption::find(option).map_or_else(|| vec![value], |option| option.items(value, version)))
    }

    /// Whether it is certain that an option is not set.
    pub(crate) fn is_unset(&self, option: &str) -> bool {
        self.is_complete && self.setting(option).is_none()
    }

    /// The URLs of an option; empty if it is not set.
    pub(crate) fn urls(&self, option: &str) -> Vec<FoundUrl> {
        let value = self.value(option).unwrap_or_default();
        urls::list(value).filter_map(FoundUrl::parse).collect()
    }

    /// The names and peer URLs in `initial-cluster`.
    pub(crate) fn initial_cluster(&self) -> Vec<(String, FoundUrl)> {
        let value = self.value("initial-cluster").unwrap_or_default();
        let named = urls::members(value).flatten();
        named.filter_map(|(name, url)| Some((name.trim().to_owned(), FoundUrl::parse(url)?))).collect()
    }
}

/// Whether the name of a flag is known as it is written: no value of a variable is a part of it.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::etcd::found::process::Argument;

    fn process(line: &str, variables: &[(&str, &str)]) -> Process {
        let argument = |word: &str| Argument::plain(word, Place::default());
        let variables = variables.iter().map(|(name, value)| crate::etcd::found::environment::Variable {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            place: Place::default(),
        });
        Process {
            arguments: line.split_whitespace().map(argument).collect(),
            variables: variables.collect(),
            environment_is_known: true,
            ..Process::default()
        }
    }

    #[test]
    fn flags_follow_the_rules_of_go() {
        let process = process("etcd -name a --client-cert-auth --data-dir=/x --bogus y z --name b", &[]);
        let settings = Settings::of_process(&process, EtcdVersion::V3_5, |_| None);
        assert_eq!(settings.value("name"), Some("a"));
        assert!(settings.is_true("client-cert-auth"));
        assert_eq!(settings.value("data-dir"), Some("/x"));
        assert!(!settings.used.last().unwrap().is_known);
        assert_eq!(settings.operands.len(), 3);
        assert!(settings.is_unset("wal-dir"));
    }

    #[test]
    fn a_configuration_file_replaces_flags_and_variables() {
        let text = "name: c\nclient-transport-security: {cert-file: /c.pem, client-crl-file: /x}\n";
        let config = ConfigFile::parse(text, Path::new("etcd.yaml"));
        let process =
            process("etcd --name a", &[("ETCD_CONFIG_FILE", "/etc/etcd.yaml"), ("ETCD_DATA_DIR", "/d")]);
        let settings = Settings::of_process(&process, EtcdVersion::V3_5, |_| Some(&config));
        assert_eq!(settings.value("name"), Some("c"));
        assert_eq!(settings.value("cert-file"), Some("/c.pem"));
        assert_eq!(settings.ignored.len(), 2);
        let unknown: Vec<_> =
            settings.used.iter().filter(|s| !s.is_known).map(|s| s.written.as_str()).collect();
        assert_eq!(unknown, ["client-transport-security.client-crl-file"]);
    }
}
