//! What the values of etcd's options are.

use crate::base::suggest::did_you_mean;
use crate::base::suggest::near;
use crate::etcd::option::urls;
use crate::etcd::option::urls::UrlUse;
use crate::etcd::option::version::EtcdVersion;
use crate::go::duration;
use crate::go::number::{self, Base};
use crate::go::yaml::{Scalar, Value};

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// `true` or `false`, in any form that Go's `strconv.ParseBool` reads.
    Bool,
    /// A whole number, in any form that Go's `strconv.ParseInt` reads with base 0: `0x10` is sixteen, `010` is eight,
    /// `10_000` is ten thousand.
    Integer {
        /// The smallest.
        least: i64,
        /// The greatest.
        most: i64,
    },
    /// As [`Self::Integer`], by Go's `strconv.ParseUint`: not even `+` may stand before it.
    Unsigned {
        /// The smallest.
        least: u64,
        /// The greatest.
        most: u64,
    },
    /// A duration of Go's, such as `10s` or `1h30m`.
    Duration,
    /// A duration above zero.
    PositiveDuration,
    /// What `auto-compaction-retention` takes: a number of hours or revisions, or a duration.
    Retention,
    /// Any text.
    Text,
    /// The path of a file or folder on the host.
    Path,
    /// One name. Newer releases take a list here, so that a comma would be part of the name.
    Single,
    /// Texts, with commas between them.
    List,
    /// URLs, with commas between them.
    Urls(UrlUse),
    /// `name=URL`, with commas between them; a name may be there more than once.
    Members,
    /// One of several words.
    Choice(&'static [&'static str]),
    /// Some of several words, with commas between them.
    Choices(&'static [&'static str]),
    /// Names of Go's TLS 1.0 to 1.3 cipher suites, with commas between them.
    CipherSuites,
    /// `Feature=true`, with commas between them.
    FeatureGates,
    /// Whatever it is, etcd does not look at it.
    Ignored,
}

/// How a value is written in etcd's configuration file.
///
/// Go's JSON rules hold (sigs.k8s.io/yaml turns the file into JSON): a value of another type is an error. What a
/// scalar without quotes is, [`crate::go::yaml`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YamlKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A duration as a whole number of nanoseconds; `10s` is an error there.
    Nanoseconds,
    /// A text. Several URLs are one text, with commas.
    Text,
    /// A list of texts.
    List,
}

/// Why etcd would not take a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Neither true nor false.
    #[error("{text:?} is neither `true` nor `false`")]
    Bool {
        /// As written.
        text: String,
    },
    /// Not one of the words.
    #[error("{text:?} is not one of {}{}", choices.join(", "), did_you_mean(near.as_deref()))]
    Choice {
        /// As written.
        text: String,
        /// What may be written.
        choices: &'static [&'static str],
        /// What was probably meant.
        near: Option<String>,
    },
    /// A cipher suite that Go does not know.
    #[error("{text:?} is no cipher suite of Go's{}", did_you_mean(near.as_deref()))]
    CipherSuite {
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// No duration of Go's.
    #[error("{text:?} is no duration of etcd's: {reason}")]
    Duration {
        /// As written.
        text: String,
        /// Why.
        reason: &'static str,
    },
    /// A feature gate that is not switched.
    #[error("{text:?} is not of the form Feature=true")]
    FeatureGate {
        /// As written.
        text: String,
    },
    /// A value of another type than the configuration file has there.
    #[error("etcd's configuration file has {} here, and not {text:?}", wanted(*kind))]
    InFile {
        /// The value.
        text: String,
        /// What there is to be.
        kind: YamlKind,
    },
    /// Not a number, or not one in the range.
    #[error("{text:?} is not a whole number from {least} to {most}")]
    Integer {
        /// As written.
        text: String,
        /// The smallest.
        least: i128,
        /// The greatest.
        most: i128,
    },
    /// An entry of `initial-cluster` that is none.
    #[error("{text:?} is not of the form NAME=URL")]
    Member {
        /// As written.
        text: String,
    },
    /// Several names where this version takes one.
    #[error("{text:?} is one name with a comma in it to this version of etcd; lists are new in 3.5.15")]
    Single {
        /// As written.
        text: String,
    },
    /// A URL that is of no use.
    #[error("{text:?} is no URL that etcd can use: {reason}")]
    Url {
        /// As written.
        text: String,
        /// Why.
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

    /// Whether etcd of that version takes the value.
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
                    _ => check_duration(text).map(drop),
                }
            }
            Self::Text | Self::Path | Self::List | Self::Ignored => Ok(()),
            Self::Single if text.contains(',') => Err(ValueError::Single { text: text.to_owned() }),
            Self::Single => Ok(()),
            // `NewUniqueURLsWithExceptions` takes these as they are (etcd, pkg/flags/unique_urls.go).
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
            Self::FeatureGates => text.split(',').filter(|item| !item.is_empty()).try_for_each(check_gate),
        }
    }
}

/// What the configuration file has for an option.
fn wanted(kind: YamlKind) -> &'static str {
    match kind {
        YamlKind::Bool => "true or false without quotes",
        YamlKind::Integer => "a whole number without quotes",
        YamlKind::Nanoseconds => "a whole number of nanoseconds without quotes",
        YamlKind::Text => "one text, with quotes around what looks like a number or boolean",
        YamlKind::List => "a list of texts",
    }
}

impl ValueKind {
    /// Whether etcd of that version takes the value from its configuration file: what it is decides, and not how a
    /// flag would have it. Nothing at all leaves etcd's default.
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
        duration::ParseError::MissingUnit { .. } => refuse("it has no unit, as in 10s"),
        _ => refuse("write numbers with units h, m, s, ms, us or ns, as in 1h30m"),
    })?;
    if text.contains(['d', 'y']) { Err(refuse("Go has no unit above the hour")) } else { Ok(value) }
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

/// etcd, pkg/featuregate/feature_gate.go, `Set`; which features there are depends on the release.
fn check_gate(item: &str) -> Result<(), ValueError> {
    match item.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && number::parse_bool(value.trim()).is_some() => {
            Ok(())
        }
        _ => Err(ValueError::FeatureGate { text: item.to_owned() }),
    }
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
        takes(ValueKind::FeatureGates, &["A=true,B=0"], &["A", "A=yes", "=true"]);
    }
}
