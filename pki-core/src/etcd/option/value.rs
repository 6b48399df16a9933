//! The kinds of values of etcd's options, and whether etcd accepts a value.

use crate::base::suggest::did_you_mean;
use crate::base::suggest::near;
use crate::etcd::option::gate;
use crate::etcd::option::urls;
use crate::etcd::option::urls::UrlUse;
use crate::etcd::option::version::EtcdVersion;
use crate::go::duration;
use crate::go::number::{self, Base};
use crate::go::yaml::{Scalar, Value};

/// The kind of value that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// `true` or `false`, in any form that Go's `strconv.ParseBool` reads.
    Bool,
    /// A whole number, in any form that Go's `strconv.ParseInt` reads with base 0: `0x10` is sixteen, `010` is eight,
    /// `10_000` is ten thousand.
    Integer {
        /// The smallest value that etcd accepts.
        least: i64,
        /// The greatest value that etcd accepts.
        most: i64,
    },
    /// A whole number in any form that Go's `strconv.ParseUint` reads with base 0: a sign, even `+`, is an error.
    Unsigned {
        /// The smallest value that etcd accepts.
        least: u64,
        /// The greatest value that etcd accepts.
        most: u64,
    },
    /// A duration as Go's `time.ParseDuration` reads it, such as `10s` or `1h30m`.
    Duration,
    /// A duration above zero.
    PositiveDuration,
    /// A number of hours or revisions, or a duration: for `auto-compaction-retention`.
    Retention,
    /// Any text.
    Text,
    /// The path of a file or folder on the host.
    Path,
    /// One name. Newer releases take a list for the same option; here a comma is part of the name.
    Single,
    /// Texts, with commas between them.
    List,
    /// URLs, with commas between them.
    Urls(UrlUse),
    /// Entries `name=URL` with commas between them. A name may have several entries.
    Members,
    /// One of several words.
    Choice(&'static [&'static str]),
    /// Some of several words, with commas between them.
    Choices(&'static [&'static str]),
    /// Go's names of cipher suites for TLS 1.0 to 1.3, with commas between them.
    CipherSuites,
    /// Entries `Feature=true` or `Feature=false` with commas between them.
    FeatureGates,
    /// Any value: etcd ignores it.
    Ignored,
}

/// The YAML type of a value in etcd's configuration file.
///
/// A value of another type is an error, because sigs.k8s.io/yaml turns the file into JSON and Go's JSON reader checks
/// types. The type of a scalar without quotes is decided as in [`crate::go::yaml`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YamlKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A duration as a whole number of nanoseconds. `10s` is an error.
    Nanoseconds,
    /// A string. Several URLs are one string with commas.
    Text,
    /// A list of strings.
    List,
}

/// Why etcd refuses a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value of a boolean option is neither true nor false.
    #[error("{text:?} is neither `true` nor `false`")]
    Bool {
        /// The value.
        text: String,
    },
    /// The value is not one of the allowed words.
    #[error("{text:?} is not one of {}{}", choices.join(", "), did_you_mean(near.as_deref()))]
    Choice {
        /// The word in the value.
        text: String,
        /// The allowed words.
        choices: &'static [&'static str],
        /// The allowed word that is spelled most like it.
        near: Option<String>,
    },
    /// Go has no cipher suite of this name.
    #[error("{text:?} is not one of Go's cipher suites{}", did_you_mean(near.as_deref()))]
    CipherSuite {
        /// The unknown name.
        text: String,
        /// The cipher suite whose name is spelled most like it.
        near: Option<String>,
    },
    /// The value is not a duration that Go reads, or not one that the option accepts.
    #[error("{text:?} is not a duration that etcd accepts: {reason}")]
    Duration {
        /// The value.
        text: String,
        /// What is wrong with the value, or what to write.
        reason: &'static str,
    },
    /// An entry of `feature-gates` is neither on nor off.
    #[error("{text:?} is not of the form Feature=true")]
    FeatureGate {
        /// The entry.
        text: String,
    },
    /// This version has no such feature.
    #[error("etcd {version} has no feature {text:?}{}", did_you_mean(*near))]
    UnknownFeature {
        /// The name of the feature.
        text: String,
        /// The version.
        version: EtcdVersion,
        /// The feature whose name is spelled most like it.
        near: Option<&'static str>,
    },
    /// The value in the configuration file has another YAML type than the option.
    #[error("etcd's configuration file needs {} here, not {text:?}", in_words(*kind))]
    InFile {
        /// The value as text.
        text: String,
        /// The YAML type that the option needs.
        kind: YamlKind,
    },
    /// The value is not a number, or is out of range.
    #[error("{text:?} is not a whole number from {least} to {most}")]
    Integer {
        /// The value.
        text: String,
        /// The smallest number that etcd accepts.
        least: i128,
        /// The greatest number that etcd accepts.
        most: i128,
    },
    /// An entry of `initial-cluster` has no name or no URL.
    #[error("{text:?} is not of the form NAME=URL")]
    Member {
        /// The entry.
        text: String,
    },
    /// There are several names, and this version takes one.
    #[error("this version of etcd reads {text:?} as one name with a comma in it; lists are new in 3.5.15")]
    Single {
        /// The value.
        text: String,
    },
    /// etcd cannot use a URL.
    #[error("{text:?} is not a URL that etcd can use: {reason}")]
    Url {
        /// The URL.
        text: String,
        /// What is wrong with the URL.
        reason: &'static str,
    },
}

impl ValueError {
    fn integer(text: &str, least: impl Into<i128>, most: impl Into<i128>) -> Self {
        Self::Integer { text: text.to_owned(), least: least.into(), most: most.into() }
    }
}

impl ValueKind {
    /// Go, crypto/tls, `CipherSuites` and `InsecureCipherSuites`, and the two names that etcd adds
    /// (client/pkg/tlsutil/cipher_suites.go).
    pub(crate) const CIPHER_SUITES: &'static [&'static str] = &[
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_RSA_WITH_RC4_128_SHA",
    ];

    /// Checks a value as the command line and the environment have it.
    pub(crate) fn check(self, text: &str, version: EtcdVersion) -> Result<(), ValueError> {
        match self {
            Self::Bool => match number::parse_bool(text).is_some() {
                true => Ok(()),
                false => Err(ValueError::Bool { text: text.to_owned() }),
            },
            Self::Integer { least, most } => match number::parse_int(text, Base::Prefixed) {
                Ok(value) if (least..=most).contains(&value) => Ok(()),
                _ => Err(ValueError::integer(text, least, most)),
            },
            Self::Unsigned { least, most } => match number::parse_uint(text, Base::Prefixed) {
                Ok(value) if (least..=most).contains(&value) => Ok(()),
                _ => Err(ValueError::integer(text, least, most)),
            },
            Self::Duration => check_duration(text).map(drop),
            Self::PositiveDuration => match check_duration(text)? {
                value if value.is_positive() => Ok(()),
                _ => Err(ValueError::Duration { text: text.to_owned(), reason: "it must be above zero" }),
            },
            Self::Retention => {
                // etcd, server/embed/config.go, `parseCompactionRetention`.
                match number::parse_int(text, Base::Decimal) {
                    Ok(0..) => Ok(()),
                    // With a negative period, etcd compacts at once and panics.
                    _ if check_duration(text)?.is_negative() => Err(ValueError::Duration {
                        text: text.to_owned(),
                        reason: "it must not be below zero",
                    }),
                    _ => Ok(()),
                }
            }
            Self::Text | Self::Path | Self::List | Self::Ignored => Ok(()),
            Self::Single if text.contains(',') => Err(ValueError::Single { text: text.to_owned() }),
            Self::Single => Ok(()),
            // `NewUniqueURLsWithExceptions` accepts `*` and the empty value unread (etcd, pkg/flags/unique_urls.go).
            Self::Urls(UrlUse::Origin) if text == "*" => Ok(()),
            Self::Urls(UrlUse::Listen | UrlUse::Advertise) if text.is_empty() => Ok(()),
            Self::Urls(used) => urls::list(text).try_for_each(|url| check_url(url, used, version)),
            Self::Members => urls::members(text).try_for_each(|item| match item {
                Ok((name, url)) if !name.is_empty() => check_url(url, UrlUse::Advertise, version),
                Ok((name, url)) => Err(ValueError::Member { text: format!("{name}={url}") }),
                Err(item) => Err(ValueError::Member { text: item.to_owned() }),
            }),
            Self::Choice(choices) => check_choice(text, choices),
            Self::Choices(choices) => text.split(',').try_for_each(|text| check_choice(text, choices)),
            Self::CipherSuites => text.split(',').try_for_each(check_cipher_suite),
            Self::FeatureGates => {
                let mut items = text.split(',').filter(|item| !item.is_empty());
                items.try_for_each(|item| check_gate(item, version))
            }
        }
    }
}

/// The words of an error message for a YAML type.
fn in_words(kind: YamlKind) -> &'static str {
    match kind {
        YamlKind::Bool => "true or false without quotes",
        YamlKind::Integer => "a whole number without quotes",
        YamlKind::Nanoseconds => "a whole number of nanoseconds without quotes",
        YamlKind::Text => "a text, in quotes if it looks like a number or a boolean",
        YamlKind::List => "a list of texts",
    }
}

impl ValueKind {
    /// Checks a value in the configuration file. Its YAML type counts, not the form that a flag would have. A key
    /// without a value leaves etcd's default.
    pub(super) fn check_in_file(
        self,
        place: YamlKind,
        text: &str,
        value: &Value,
        version: EtcdVersion,
    ) -> Result<(), ValueError> {
        let is_text = |scalar: &Option<Scalar>| matches!(scalar, Some(Scalar::Text | Scalar::Null));
        match (place, value) {
            (_, Value::Scalar(Scalar::Null)) | (YamlKind::Bool, Value::Scalar(Scalar::Bool(_))) => Ok(()),
            (YamlKind::Integer, Value::Scalar(Scalar::Integer(number))) => match self {
                Self::Integer { least, most } if !(i128::from(least)..=i128::from(most)).contains(number) => {
                    Err(ValueError::integer(text, least, most))
                }
                Self::Unsigned { least, most }
                    if !(i128::from(least)..=i128::from(most)).contains(number) =>
                {
                    Err(ValueError::integer(text, least, most))
                }
                _ => Ok(()),
            },
            (YamlKind::Nanoseconds, Value::Scalar(Scalar::Integer(number))) => match i64::try_from(*number) {
                Ok(..=0) if self == Self::PositiveDuration => {
                    Err(ValueError::Duration { text: text.to_owned(), reason: "it must be above zero" })
                }
                Ok(_) => Ok(()),
                Err(_) => Err(ValueError::integer(text, i64::MIN, i64::MAX)),
            },
            (YamlKind::Text, Value::Scalar(Scalar::Text)) => self.check(text, version),
            (YamlKind::List, Value::List(items)) if items.iter().all(is_text) => {
                if items.is_empty() {
                    Ok(())
                } else {
                    self.check(text, version)
                }
            }
            _ => Err(ValueError::InFile { text: text.to_owned(), kind: place }),
        }
    }
}

fn check_duration(text: &str) -> Result<time::Duration, ValueError> {
    let refuse = |reason| ValueError::Duration { text: text.to_owned(), reason };
    let value = duration::parse(text).map_err(|error| match error {
        duration::ParseError::MissingUnit { .. } => refuse("it has no unit: write 10s, for example"),
        _ => refuse("write numbers with the units h, m, s, ms, us or ns, such as 1h30m"),
    })?;
    if text.contains(['d', 'y']) {
        Err(refuse("the largest unit is the hour: write 24h, for example"))
    } else {
        Ok(value)
    }
}

fn check_url(url: &str, used: UrlUse, version: EtcdVersion) -> Result<(), ValueError> {
    urls::check(url, used, version).map_err(|reason| ValueError::Url { text: url.to_owned(), reason })
}

fn check_choice(text: &str, choices: &'static [&'static str]) -> Result<(), ValueError> {
    if choices.contains(&text) {
        return Ok(());
    }
    let near = near(text, choices.iter().copied()).map(str::to_owned);
    Err(ValueError::Choice { text: text.to_owned(), choices, near })
}

fn check_cipher_suite(text: &str) -> Result<(), ValueError> {
    if ValueKind::CIPHER_SUITES.contains(&text) {
        return Ok(());
    }
    let near = near(text, ValueKind::CIPHER_SUITES.iter().copied()).map(str::to_owned);
    Err(ValueError::CipherSuite { text: text.to_owned(), near })
}

/// An entry of the form `Feature=true`, whose feature the version has (etcd, pkg/featuregate/feature_gate.go, `Set` and
/// `SetFromMap`).
fn check_gate(item: &str, version: EtcdVersion) -> Result<(), ValueError> {
    let malformed = || ValueError::FeatureGate { text: item.to_owned() };
    let (name, value) = item.split_once('=').ok_or_else(malformed)?;
    let name = name.trim();
    if name.is_empty() || number::parse_bool(value.trim()).is_none() {
        return Err(malformed());
    }
    if gate::known(version).any(|known| known == name) {
        return Ok(());
    }
    let near = near(name, gate::known(version));
    Err(ValueError::UnknownFeature { text: name.to_owned(), version, near })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn takes(kind: ValueKind, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(kind.check(text, EtcdVersion::V3_5), Ok(()), "{text:?}");
        }
        for text in bad {
            assert!(kind.check(text, EtcdVersion::V3_5).is_err(), "{text:?}");
        }
    }

    #[test]
    fn booleans_and_numbers_are_go_s() {
        takes(ValueKind::Bool, &["true", "F", "1", "False"], &["", "yes", "tRUE", "on"]);
        let number = ValueKind::Integer { least: 0, most: 255 };
        takes(
            number,
            &["0", "007", "0xff", "+12", "0b1"],
            &["", "256", "-1", "1e2", "1.5", "0x", "--1", "09", "+"],
        );
        takes(
            ValueKind::Integer { least: i64::MIN, most: 9_223_372_036_854_775_807 },
            &["-1"],
            &["9223372036854775808"],
        );
    }

    #[test]
    fn durations_are_go_s() {
        takes(ValueKind::Duration, &["0", "1h30m", "100ms", "-1s"], &["", "10", "1d", "1y", "1 s", "s"]);
        takes(ValueKind::PositiveDuration, &["1ns"], &["0", "-1s"]);
        takes(ValueKind::Retention, &["0", "1", "1000", "5m"], &["1d", "x", ""]);
    }

    #[test]
    fn urls_are_those_that_etcd_can_use() {
        let bad = [
            "127.0.0.1:2379",
            "https://127.0.0.1",
            "https://127.0.0.1:2379/",
            "ftp://127.0.0.1:1",
            "https://::1:2379",
            "https://[x]:2379",
            "https://127.0.0.1:65536",
            "https://:2379",
            "https://127.0.0.1:2379,",
            "https://a b:1",
        ];
        let good = [
            "https://127.0.0.1:2379",
            "https://[::1]:2379, http://localhost:2379",
            "unix:///run/etcd.sock",
            "",
        ];
        takes(ValueKind::Urls(UrlUse::Listen), &good, &bad);
        takes(ValueKind::Urls(UrlUse::Listen), &[], &["https://etcd1.example.com:2379"]);
        takes(ValueKind::Urls(UrlUse::Advertise), &["https://etcd1.example.com:2379"], &bad);
        takes(
            ValueKind::Urls(UrlUse::Origin),
            &["*", "https://example.com:443"],
            &["", "https://example.com"],
        );
        takes(
            ValueKind::Members,
            &["a=https://10.0.0.1:2380,b=https://b.example:2380,a=https://10.0.0.2:2380"],
            &["https://10.0.0.1:2380", "a=", "a=10.0.0.1:2380"],
        );
    }

    #[test]
    fn words_are_those_that_etcd_knows() {
        let error = ValueKind::Choice(&["new", "existing"]).check("exsiting", EtcdVersion::V3_5).unwrap_err();
        assert_eq!(error.to_string(), "\"exsiting\" is not one of new, existing: did you mean `existing`?");
        takes(ValueKind::Choices(&["a", "b"]), &["a", "b,a"], &["", "a,c"]);
        takes(
            ValueKind::CipherSuites,
            &["TLS_AES_128_GCM_SHA256"],
            &["", "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384"],
        );
    }

    #[test]
    fn features_are_those_of_the_version() {
        let check = |text, version| ValueKind::FeatureGates.check(text, version);
        for (text, since) in [("LeaseCheckpoint=true,AllBeta=0", 6), (" FastLeaseKeepAlive = F,", 7)] {
            for version in EtcdVersion::all_series().filter(|version| version.has(6, 0)) {
                assert_eq!(check(text, version).is_ok(), version.has(since, 0), "{text:?} in {version}");
            }
        }
        for malformed in ["LeaseCheckpoint", "LeaseCheckpoint=yes", "=true"] {
            assert!(matches!(check(malformed, EtcdVersion::V3_6), Err(ValueError::FeatureGate { .. })));
        }
        let error = check("LeaseChekpoint=true", EtcdVersion::V3_6).unwrap_err();
        let expected = "etcd 3.6 has no feature \"LeaseChekpoint\": did you mean `LeaseCheckpoint`?";
        assert_eq!(error.to_string(), expected);
    }
}
