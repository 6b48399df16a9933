//! Reading etcd's options in a description: the version must have them and accept their values.

use crate::base::suggest;
use crate::etcd::cluster::{GivenOptions, Style};
use crate::etcd::describe::reader;
use crate::etcd::describe::typed::{OneOrMany, Text, TypedOptions};
use crate::etcd::describe::words;
use crate::etcd::error::Error;
use crate::etcd::error::description::DescriptionError;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{Availability, EtcdOption};

/// Reads options for one version of etcd, and collects notices about them.
pub(crate) struct Reader<'a, 'b> {
    pub(crate) reader: &'a reader::Reader<'b>,
    pub(crate) version: EtcdVersion,
    pub(crate) style: Style,
    pub(crate) notices: Vec<Notice>,
}

impl Reader<'_, '_> {
    pub(crate) fn read(&mut self, typed: Option<&TypedOptions>) -> Result<GivenOptions, Error> {
        let mut options = Vec::new();
        for (name, values) in typed.iter().flat_map(|TypedOptions(options)| options) {
            let option = self.option(name, values);
            options.extend(self.reader.keep(option));
        }
        Ok(GivenOptions(options))
    }

    fn option(
        &mut self,
        text: &Text,
        OneOrMany(values): &OneOrMany,
    ) -> Result<(&'static str, String), Error> {
        let fail = |error| Err(self.reader.error(text.referenced, error));
        let name = text.value.clone();
        let Some(option) = EtcdOption::find(&name) else {
            let available = EtcdOption::all().filter(|option| self.is_available(option));
            let near = match EtcdOption::of_variable(&name) {
                Some(option) => Some(option.name()),
                None => suggest::near(&name, available.map(|option| option.name())),
            };
            let near = near.map(str::to_owned);
            return fail(DescriptionError::UnknownOption { name, near });
        };
        if let Some(reason) = described_by(option.name()) {
            return fail(DescriptionError::DescribedOption { name, reason });
        }
        match option.availability(self.version) {
            Availability::Available => {}
            Availability::Deprecated { instead, .. } => {
                let version = self.version.to_string();
                let kind = NoticeKind::DeprecatedOption { option: name.clone(), version, instead };
                self.notices.push(Notice::new(kind).at(self.reader.place(text.referenced)));
            }
            missing => {
                // An ignored option is an error too: a user who writes it expects an effect.
                let (version, reason) = (self.version.to_string(), missing.to_string());
                return fail(DescriptionError::MissingOption { name, version, reason });
            }
        }
        if self.style == Style::Yaml && option.yaml(self.version).is_none() {
            return fail(DescriptionError::OptionWithoutYaml { name });
        }
        let value = values.iter().map(|text| text.value.as_str()).collect::<Vec<_>>().join(",");
        if let Some(text) = values.iter().find(|text| text.value.chars().any(char::is_control)) {
            let reason = format!("{:?} has control characters", text.value);
            return Err(self.reader.error(text.referenced, DescriptionError::OptionValue { name, reason }));
        }
        match option.check(&value, self.version) {
            Ok(()) => Ok((option.name(), value)),
            Err(reason) => {
                // The place of the first wrong item of a list.
                let wrong = values.iter().find(|text| option.check(&text.value, self.version).is_err());
                let place = wrong.or(values.first()).map_or(text.referenced, |text| text.referenced);
                let reason = match words::in_units_of(option.name(), &value) {
                    Some(meant) => format!("{reason}; {meant}"),
                    None => reason.to_string(),
                };
                Err(self.reader.error(place, DescriptionError::OptionValue { name, reason }))
            }
        }
    }

    fn is_available(&self, option: &EtcdOption) -> bool {
        option.availability(self.version) == Availability::Available
    }
}

/// Whether the configuration file of this version can set an option.
pub(crate) fn is_in_yaml(name: &str, version: EtcdVersion) -> bool {
    EtcdOption::find(name).is_some_and(|option| option.yaml(version).is_some())
}

/// Why `options` of a description cannot have an option: which key of the description sets it, or what it is for. The
/// text is the predicate of a sentence about the option.
pub(crate) fn described_by(option: &str) -> Option<&'static str> {
    Some(match option {
        "name" | "initial-cluster" => "is set by `members`",
        "advertise-client-urls"
        | "initial-advertise-peer-urls"
        | "listen-client-urls"
        | "listen-peer-urls" => "is set by the member's addresses, or by the member's key of the same name",
        "initial-cluster-state" => "is set by `state`",
        "initial-cluster-token" => "is set by `token`",
        "discovery-srv" => "is set by `discovery-srv`, a key of the cluster",
        "data-dir" | "wal-dir" => "is set by the key of the same name in `host`",
        "auto-tls"
        | "cert-file"
        | "client-cert-auth"
        | "client-cert-file"
        | "client-key-file"
        | "key-file"
        | "peer-auto-tls"
        | "peer-cert-allowed-cn"
        | "peer-cert-allowed-hostname"
        | "peer-cert-file"
        | "peer-client-cert-auth"
        | "peer-key-file"
        | "peer-trusted-ca-file"
        | "trusted-ca-file" => "is set by `layout` and `certificates`",
        "config-file" => "is set by `style`",
        "force-new-cluster" => "is for a single start of one member by hand",
        "version" => "makes etcd print its version and exit",
        _ => return None,
    })
}
