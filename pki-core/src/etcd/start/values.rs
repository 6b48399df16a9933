//! The values that etcd has after it has read its flags, its environment or its configuration file, with its defaults.

use std::collections::HashMap;

use crate::base::place::Place;
use crate::etcd::found::{FoundUrl, Setting, Settings, Source};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{is_true, urls};
use crate::go::number::{Base, parse_uint};
use crate::go::yaml::{Scalar, Value as Yaml};

/// The options of a member as etcd has them.
pub(super) struct Values<'a> {
    settings: &'a Settings,
    set: HashMap<&'a str, &'a Setting>,
    pub(super) version: EtcdVersion,
    /// Whether there is a configuration file, and so nothing else counts.
    pub(super) has_file: bool,
}

/// What is known of an option.
pub(super) enum Value<'a> {
    /// Nothing sets it.
    Unset,
    /// It may be set somewhere that was not seen, or to something that is not known.
    Unknown,
    /// It is set. The text may be empty.
    Set(&'a str, &'a Setting),
}

impl<'a> Values<'a> {
    pub(super) fn new(settings: &'a Settings, version: EtcdVersion) -> Self {
        let has_file = settings.used.iter().any(|setting| {
            setting.source == Source::File
                || setting.option == "config-file" && setting.value.as_deref() != Some("")
        });
        // The last setting counts: of flags, of keys, and of flags and variables together, which exclude each other.
        let is_set = |setting: &&Setting| {
            setting.is_known
                && match setting.source {
                    Source::Flag => true,
                    Source::Variable => setting.value.as_deref() != Some(""),
                    Source::File => !matches!(setting.in_file, Some(Yaml::Scalar(Scalar::Null))),
                }
        };
        let set =
            settings.used.iter().filter(is_set).map(|setting| (setting.option.as_str(), setting)).collect();
        Self { settings, set, version, has_file }
    }

    /// The setting of an option that is set, perhaps to nothing.
    pub(super) fn setting(&self, option: &str) -> Option<&'a Setting> {
        self.set.get(option).copied()
    }

    pub(super) fn value(&self, option: &str) -> Value<'a> {
        match self.setting(option) {
            Some(setting) => {
                setting.value.as_deref().map_or(Value::Unknown, |text| Value::Set(text, setting))
            }
            None if self.settings.is_complete => Value::Unset,
            None => Value::Unknown,
        }
    }

    /// Where an option is set; the place of the member if it is not.
    pub(super) fn place(&self, option: &str, member: &Place) -> Place {
        self.setting(option).map_or_else(|| member.clone(), |setting| setting.place.clone())
    }

    /// The text of an option; `None` if it is not known.
    pub(super) fn text(&self, option: &str, default: &'a str) -> Option<&'a str> {
        match self.value(option) {
            Value::Unset => Some(default),
            Value::Unknown => None,
            Value::Set(text, _) => Some(text),
        }
    }

    /// The text of an option that is surely set to more than nothing.
    pub(super) fn given(&self, option: &str) -> Option<(&'a str, &'a Setting)> {
        match self.value(option) {
            Value::Set(text, setting) if !text.is_empty() => Some((text, setting)),
            _ => None,
        }
    }

    /// Whether it is certain that an option has no text.
    pub(super) fn lacks(&self, option: &str) -> bool {
        self.text(option, "") == Some("")
    }

    /// A boolean; `None` if it is not known.
    pub(super) fn is_true(&self, option: &str, default: bool) -> Option<bool> {
        match self.value(option) {
            Value::Unset => Some(default),
            Value::Unknown => None,
            Value::Set(text, _) => Some(is_true(text)),
        }
    }

    /// A whole number from 0; `None` if it is not known or none.
    pub(super) fn number(&self, option: &str, default: u64) -> Option<u64> {
        match self.value(option) {
            Value::Unset => Some(default),
            Value::Unknown => None,
            Value::Set(text, _) => parse_uint(text, Base::Prefixed).ok(),
        }
    }

    /// URLs in the order in which etcd has them; `None` if they are not known. A value that is empty leaves the default.
    pub(super) fn urls(&self, option: &str, default: &str) -> Option<Vec<FoundUrl>> {
        let text = match self.value(option) {
            Value::Unset => default,
            Value::Unknown => return None,
            Value::Set("", _) => default,
            Value::Set(text, _) => text,
        };
        let mut all: Vec<FoundUrl> = urls::list(text).filter_map(FoundUrl::parse).collect();
        all.sort_by(|one, other| one.text.cmp(&other.text));
        Some(all)
    }
}
