//! etcd's options in a description: known to the etcd that it is for, with values that it takes.

use crate::base::suggest;
use crate::etcd::cluster::{GivenOptions, Style};
use crate::etcd::describe::reader;
use crate::etcd::describe::typed::{OneOrMany, Text, TypedOptions};
use crate::etcd::error::Error;
use crate::etcd::error::description::DescriptionError;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{Availability, EtcdOption};

/// Reads options for one etcd, and collects what deserves a warning.
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
            options.push(self.option(name, values)?);
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
                // An option without effect is as good as missing: who writes it expects one.
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
                // Of a list, the one that would not do alone.
                let wrong = values.iter().find(|text| option.check(&text.value, self.version).is_err());
                let place = wrong.or(values.first()).map_or(text.referenced, |text| text.referenced);
                let reason = reason.to_string();
                Err(self.reader.error(place, DescriptionError::OptionValue { name, reason }))
            }
        }
    }

    fn is_available(&self, option: &EtcdOption) -> bool {
        option.availability(self.version) == Availability::Available
    }
}

/// Whether the configuration file of a version has an option.
pub(crate) fn is_in_yaml(name: &str, version: EtcdVersion) -> bool {
    EtcdOption::find(name).is_some_and(|option| option.yaml(version).is_some())
}

/// Why an option is not given by its name: what it follows from, or what it is for.
pub(crate) fn described_by(option: &str) -> Option<&'static str> {
    Some(match option {
        "name" | "initial-cluster" => "follows from `members`",
        "advertise-client-urls"
        | "initial-advertise-peer-urls"
        | "listen-client-urls"
        | "listen-peer-urls" => "follows from the member's addresses, or its key of this name",
        "initial-cluster-state" => "follows from `state`",
        "initial-cluster-token" => "follows from `token`",
        "discovery-srv" => "follows from `discovery-srv`, a key of the cluster",
        "data-dir" | "wal-dir" => "follows from the key of this name in `host`",
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
        | "trusted-ca-file" => "follows from `layout` and `certificates`",
        "config-file" => "follows from `style`",
        "force-new-cluster" => "is for one start of one member, by hand",
        "version" => "makes etcd tell its version and end",
        _ => return None,
    })
}
