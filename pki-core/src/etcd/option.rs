//! etcd's own options: their versions, their names in each place, and the values that etcd accepts.

mod definition;
mod gate;
pub(crate) mod port;
pub(crate) mod release;
mod table;
pub(crate) mod urls;
mod value;
pub(crate) mod version;

use std::fmt;

use crate::etcd::option::version::EtcdVersion;
use crate::go::number;
use crate::go::yaml::Value;
pub use definition::EtcdOption;
use definition::File;
use table::OPTIONS;
pub use urls::{FoundUrl, UrlUse};
pub use value::{ValueError, ValueKind, YamlKind};

/// Whether a version of etcd has an option.
///
/// Its text is the predicate of a sentence about the option, such as "is deprecated since 3.6: use `x`".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Availability {
    /// The version has the option.
    Available,
    /// The version has the option, but a later one will not.
    Deprecated {
        /// The first series that deprecates it, by its minor number: 6 for 3.6.
        since: u8,
        /// What to write instead: `option` or `option=value`.
        instead: Option<&'static str>,
    },
    /// The version accepts the option and ignores it.
    Ignored,
    /// The version is too old: etcd refuses to start with the flag, and ignores the variable.
    NotYet {
        /// The first release of the same series that has the option; if there is none, the first release of all.
        since: EtcdVersion,
        /// The name that the option has in this version.
        instead: Option<&'static str>,
    },
    /// The version is too new: etcd refuses to start with the flag, and ignores the variable.
    Removed {
        /// The first release without the option.
        since: EtcdVersion,
        /// The replacement: `option` or `option=value`.
        instead: Option<&'static str>,
    },
}

impl Availability {
    /// Whether etcd starts with the option, perhaps with a warning.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Available | Self::Deprecated { .. } | Self::Ignored)
    }

    /// The replacement for an option that is missing or deprecated: `option` or `option=value`.
    pub fn instead(self) -> Option<&'static str> {
        match self {
            Self::Available | Self::Ignored => None,
            Self::Deprecated { instead, .. }
            | Self::NotYet { instead, .. }
            | Self::Removed { instead, .. } => instead,
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available => f.write_str("is available")?,
            Self::Deprecated { since, .. } => write!(f, "is deprecated since 3.{since}")?,
            Self::Ignored => f.write_str("has no effect any more")?,
            Self::NotYet { since, .. } => write!(f, "is new in {since}")?,
            Self::Removed { since, .. } => write!(f, "was removed in {since}")?,
        }
        self.instead().map_or(Ok(()), |instead| write!(f, ": use `{instead}`"))
    }
}

/// The place of an option in etcd's configuration file (`--config-file`), and the YAML type of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YamlPlace {
    /// The keys of the mappings around it, outermost first, such as `client-transport-security`. Empty at the top
    /// level.
    pub section: &'static [&'static str],
    /// The key of the option itself.
    pub key: &'static str,
    /// The YAML type of the value.
    pub kind: YamlKind,
}

impl EtcdOption {
    /// The option with this name, as on etcd's command line but without dashes.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|option| option.name == name)
    }

    /// The option that an environment variable such as `ETCD_DATA_DIR` sets.
    pub fn of_variable(variable: &str) -> Option<&'static Self> {
        Self::all().find(|option| option.variable() == variable)
    }

    /// Every option of any version from 3.4 to 3.7.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        OPTIONS.iter()
    }

    /// The features that `feature-gates` switches in a version.
    pub fn features(version: EtcdVersion) -> impl Iterator<Item = &'static str> {
        gate::known(version)
    }

    /// The name on etcd's command line, without dashes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What took its place: `option` or `option=value`.
    pub(crate) fn successor(&self) -> Option<&'static str> {
        self.instead
    }

    /// The kind of value that the option takes in this version.
    pub fn kind(&self, version: EtcdVersion) -> ValueKind {
        let former = self.formerly.iter().find(|((minor, patch), _)| !version.has(*minor, *patch));
        former.map_or(self.kind, |(_, kind)| *kind)
    }

    /// Whether this version has the option.
    pub fn availability(&self, version: EtcdVersion) -> Availability {
        let instead = self.instead;
        if let Some(removed) = self.removed.filter(|removed| version.has(*removed, 0)) {
            return Availability::Removed { since: EtcdVersion::release(removed, 0), instead };
        }
        if let Some((minor, patch)) = version.first_missing(self.since) {
            let since = EtcdVersion::release(minor, patch);
            return Availability::NotYet { since, instead: self.former_name(version) };
        }
        match self.deprecated.filter(|deprecated| version.has(*deprecated, 0)) {
            _ if self.kind == ValueKind::Ignored => Availability::Ignored,
            Some(since) => Availability::Deprecated { since, instead },
            None => Availability::Available,
        }
    }

    /// The older option that this one replaced, if this version still has the older one.
    fn former_name(&self, version: EtcdVersion) -> Option<&'static str> {
        let is_former = |option: &&Self| {
            option.instead == Some(self.name)
                && option.removed.is_none_or(|removed| !version.has(removed, 0))
                && version.first_missing(option.since).is_none()
        };
        Self::all().find(is_former).map(|option| option.name)
    }

    /// The environment variable that sets the option (etcd, pkg/flags/flag.go, `FlagToEnv`).
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// The place of the option in the configuration file of this version. `None` if the file cannot set it: some
    /// options, such as the revocation lists, are only for the command line and the environment. etcd ignores unknown
    /// keys.
    pub fn yaml(&self, version: EtcdVersion) -> Option<YamlPlace> {
        let File { section, key, since, removed } = self.file?;
        let is_known = version.first_missing(since).is_none()
            && removed.is_none_or(|removed| !version.has(removed, 0))
            && self.availability(version).is_accepted();
        let kind = match self.kind(version) {
            ValueKind::Bool => YamlKind::Bool,
            ValueKind::Integer { .. } | ValueKind::Unsigned { .. } => YamlKind::Integer,
            ValueKind::Duration | ValueKind::PositiveDuration => YamlKind::Nanoseconds,
            ValueKind::List | ValueKind::CipherSuites => YamlKind::List,
            _ => YamlKind::Text,
        };
        is_known.then_some(YamlPlace { section, key, kind })
    }

    /// Checks a value as the command line and the environment have it. Other options, files and the machine are not
    /// considered.
    ///
    /// # Errors
    /// [`ValueError`] if this version of etcd refuses the value.
    pub fn check(&self, value: &str, version: EtcdVersion) -> Result<(), ValueError> {
        self.kind(version).check(value, version)
    }

    /// Checks a value in the configuration file. `text` is the value as the command line would have it, `value` the
    /// YAML value.
    ///
    /// # Errors
    /// [`ValueError`] if this version of etcd refuses the value, or its YAML type.
    pub fn check_in_file(&self, text: &str, value: &Value, version: EtcdVersion) -> Result<(), ValueError> {
        match self.yaml(version) {
            Some(place) => self.kind(version).check_in_file(place.kind, text, value, version),
            None => Ok(()),
        }
    }

    /// Whether etcd starts with a value that has this fault, and does something useless with it.
    pub(crate) fn is_started_with(&self, error: &ValueError, version: EtcdVersion) -> bool {
        let used = match self.kind(version) {
            ValueKind::Urls(used) => used,
            ValueKind::Members => UrlUse::Advertise,
            _ => return false,
        };
        matches!(error, ValueError::Url { reason, .. } if urls::is_started_with(reason, used))
    }

    /// The items of a value: the parts between the commas of a list, or the value itself if the option does not take a
    /// list in this version.
    pub fn items<'a>(&self, value: &'a str, version: EtcdVersion) -> Vec<&'a str> {
        match self.kind(version) {
            ValueKind::List | ValueKind::CipherSuites | ValueKind::Choices(_) => value.split(',').collect(),
            _ => vec![value],
        }
    }
}

/// Whether the value of a boolean option is true, by Go's `strconv.ParseBool`.
pub(crate) fn is_true(value: &str) -> bool {
    number::parse_bool(value) == Some(true)
}

/// The environment variable of an option (etcd, pkg/flags/flag.go, `FlagToEnv`).
pub(crate) fn variable(name: &str) -> String {
    format!("ETCD_{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn version(text: &str) -> EtcdVersion {
        EtcdVersion::parse(text).unwrap()
    }

    #[track_caller]
    fn option(name: &str) -> &'static EtcdOption {
        EtcdOption::find(name).unwrap()
    }

    fn says(name: &str, in_version: &str) -> String {
        option(name).availability(version(in_version)).to_string()
    }

    #[test]
    fn the_table_is_consistent() {
        let names: BTreeSet<_> = EtcdOption::all().map(EtcdOption::name).collect();
        assert_eq!(names.len(), EtcdOption::all().count(), "an option is there twice");
        for option in EtcdOption::all() {
            assert_eq!(EtcdOption::of_variable(&option.variable()), Some(option));
            assert!(option.since.is_sorted() && option.formerly.is_sorted_by_key(|(release, _)| *release));
            let Some(instead) = option.instead else { continue };
            let (name, value) = instead.split_once('=').unwrap_or((instead, ""));
            let instead = EtcdOption::find(name).unwrap_or_else(|| panic!("{}: no {name}", option.name));
            if !value.is_empty() {
                assert_eq!(instead.check(value, EtcdVersion::V3_7), Ok(()), "{}", option.name);
            }
            let successor = EtcdVersion::release(option.removed.or(option.deprecated).unwrap(), 0);
            assert!(instead.availability(successor).is_accepted(), "{} has no successor", option.name);
        }
    }

    #[test]
    fn what_came_to_several_series_is_there_from_the_right_release_on() {
        assert_eq!(says("tls-min-version", "3.4.23"), "is new in 3.4.25");
        assert_eq!(says("tls-min-version", "3.4.25"), "is available");
        assert_eq!(says("tls-min-version", "3.4"), "is available");
        assert_eq!(says("tls-min-version", "3.5.7"), "is new in 3.5.8");
        assert_eq!(says("tls-min-version", "3.6.0"), "is available");
        assert_eq!(says("socket-reuse-port", "3.4"), "is new in 3.5.0");
    }

    #[test]
    fn what_was_renamed_has_a_name_in_every_version() {
        assert_eq!(
            says("corrupt-check-time", "3.5"),
            "is new in 3.6.0: use `experimental-corrupt-check-time`"
        );
        assert_eq!(
            says("experimental-corrupt-check-time", "3.6"),
            "is deprecated since 3.6: use `corrupt-check-time`"
        );
        assert_eq!(says("debug", "3.5.0"), "was removed in 3.5.0: use `log-level=debug`");
        assert_eq!(says("snapshot", "3.5"), "has no effect any more");
    }

    #[test]
    fn lists_were_single_names_once() {
        let option = option("peer-cert-allowed-hostname");
        assert!(option.check("a.example,b.example", version("3.5.15")).is_ok());
        assert_eq!(option.items("a.example,b.example", version("3.5.15")), ["a.example", "b.example"]);
        for former in ["3.4", "3.5.14"] {
            assert!(option.check("a.example,b.example", version(former)).is_err());
            assert_eq!(option.items("a.example,b.example", version(former)), ["a.example,b.example"]);
            assert!(option.check("a.example", version(former)).is_ok());
        }
    }

    #[test]
    fn the_file_has_places_of_its_own() {
        let place = |name: &str, in_version: &str| option(name).yaml(version(in_version));
        let top = |key, kind| Some(YamlPlace { section: &[], key, kind });
        let peer = |key, kind| Some(YamlPlace { section: &["peer-transport-security"], key, kind });
        assert_eq!(place("listen-peer-urls", "3.4"), top("listen-peer-urls", YamlKind::Text));
        assert_eq!(place("snapshot-count", "3.4"), top("snapshot-count", YamlKind::Integer));
        assert_eq!(
            place("grpc-keepalive-timeout", "3.4"),
            top("grpc-keepalive-timeout", YamlKind::Nanoseconds)
        );
        assert_eq!(place("cipher-suites", "3.4"), top("cipher-suites", YamlKind::List));
        assert_eq!(place("peer-cert-file", "3.4"), peer("cert-file", YamlKind::Text));
        assert_eq!(place("peer-client-cert-auth", "3.4"), peer("client-cert-auth", YamlKind::Bool));
        assert_eq!(place("peer-cert-allowed-hostname", "3.5.13"), None);
        assert_eq!(place("peer-cert-allowed-hostname", "3.5.14"), peer("allowed-hostname", YamlKind::Text));
        assert_eq!(place("peer-cert-allowed-hostname", "3.5"), peer("allowed-hostname", YamlKind::List));
        assert_eq!(place("discovery-fallback", "3.6"), None);
        assert_eq!(place("tls-min-version", "3.4.23"), None);
        for version in ["3.4", "3.5", "3.6", "3.7"] {
            assert_eq!(place("client-crl-file", version), None);
        }
    }
}
