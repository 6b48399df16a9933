//! Recognizes the kind of a file by its name and its contents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use crate::cfssl::config::Config;
use crate::cfssl::csr_json::Request;
use crate::etcd::folder::snapshot::Entry;
use crate::etcd::found::environment::EnvironmentFile;
use crate::etcd::found::pem_file::PemFile;
use crate::etcd::found::process::Process;
use crate::etcd::found::settings::Settings;
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::version::EtcdVersion;

/// The kind of a file, with its contents where they had to be parsed to tell the kind.
pub(crate) enum ContentKind {
    /// A unit of a service.
    Unit,
    /// A drop-in of a unit.
    DropIn,
    /// An environment file.
    Environment,
    /// etcd's configuration file.
    Config,
    /// A script, with the process of etcd that it starts.
    Script(Process),
    /// Certificates, keys or revocation lists.
    Pem,
    /// cfssl's CSR JSON.
    Request(Box<Request>),
    /// cfssl's ca-config JSON.
    CaConfig(Box<Config>),
}

impl ContentKind {
    /// The kind of a file; `None` if it is nothing that is read here. Where the contents of a file do not tell,
    /// its extension does, but only if the user named the file (`is_named`).
    pub(crate) fn of(path: &Path, entry: &Entry, is_named: bool) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let extension = extension(path);
        if let Some(kind) = Self::of_systemd(path) {
            return Some(kind);
        }
        if matches!(extension, "csr" | "lock") || name.ends_with(".lock.json") {
            return None;
        }
        let pem = PemFile::read(PathBuf::new(), &entry.bytes, 0, 0);
        if pem.has_something()
            || (is_named && matches!(extension, "pem" | "crt" | "cer" | "key" | "crl" | "der"))
        {
            return Some(Self::Pem);
        }
        let text = std::str::from_utf8(&entry.bytes).ok()?;
        if let Some(kind) = Self::of_cfssl(text).filter(|_| extension == "json") {
            return Some(kind);
        }
        if matches!(extension, "yaml" | "yml" | "json")
            || (is_named && matches!(extension, "conf" | "config") && text.contains(": "))
        {
            let config = ConfigFile::parse(text, path);
            let settings = Settings::of_config(&config, EtcdVersion::V3_5);
            // Files of other programs have a `name` too.
            let is_etcds = settings.used.iter().any(|setting| setting.is_known && setting.option != "name");
            let says_something = !config.values.is_empty() || config.fault.is_some();
            return (is_etcds || is_named && says_something).then_some(Self::Config);
        }
        let is_script = text.starts_with("#!") || matches!(extension, "sh" | "bash");
        if !is_script {
            let environment = EnvironmentFile::parse(text, path);
            // The command line of a unit may use any variable. A text without one tells nothing of a member.
            let is_env = is_named && extension == "env" && !environment.variables.is_empty();
            if is_env || environment.variables.iter().any(|variable| variable.name.starts_with("ETCD_")) {
                return Some(Self::Environment);
            }
        }
        Process::of_script(text, path).filter(|_| is_script || is_named).map(Self::Script)
    }

    /// The kind of a file of systemd, by its path alone.
    pub(crate) fn of_systemd(path: &Path) -> Option<Self> {
        match extension(path) {
            "service" => Some(Self::Unit),
            "conf" if path.parent().is_some_and(is_drop_in_folder) => Some(Self::DropIn),
            _ => None,
        }
    }

    /// The kind of cfssl's JSON: a ca-config has `signing`; a request has a name, hosts, or the kind of a key.
    fn of_cfssl(text: &str) -> Option<Self> {
        let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).ok()?;
        let has = |name: &str| keys.keys().any(|key| key.eq_ignore_ascii_case(name));
        if has("signing") {
            let config = Config::from_json(text, None).ok()?;
            return Some(Self::CaConfig(Box::new(config.value)));
        }
        let is_request = ["CN", "hosts", "key"].into_iter().any(has) && !has("members");
        let request = Request::from_json(text, None).ok().filter(|_| is_request)?;
        Some(Self::Request(Box::new(request.value)))
    }
}

/// Whether a folder is one for the drop-ins of a service, such as `etcd.service.d`.
pub(crate) fn is_drop_in_folder(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".service.d")
}

/// Whether a file is the description of a cluster. It has `name` and `members`; etcd has no option `members`, and its
/// own lists of members have no `name`.
pub(crate) fn is_description(path: &Path, entry: &Entry) -> bool {
    if !matches!(extension(path), "yaml" | "yml" | "json") {
        return false;
    }
    let config = ConfigFile::parse(std::str::from_utf8(&entry.bytes).unwrap_or_default(), path);
    let has =
        |name: &str| config.values.iter().any(|value| value.keys.first().is_some_and(|key| key == name));
    has("name") && has("members")
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
