//! Recognizes the kind of a file by its name and its contents.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use crate::cfssl::config::Config;
use crate::cfssl::csr_json::Request;
use crate::etcd::folder::snapshot::Entry;
use crate::etcd::found::compose;
use crate::etcd::found::document::Node;
use crate::etcd::found::environment::EnvironmentFile;
use crate::etcd::found::foreign;
use crate::etcd::found::init;
use crate::etcd::found::kubernetes;
use crate::etcd::found::pem_file::PemFile;
use crate::etcd::found::process::Process;
use crate::etcd::found::script::is_script;
use crate::etcd::found::sections;
use crate::etcd::found::settings::Settings;
use crate::etcd::found::started::{MOST_STARTED, Started};
use crate::etcd::found::template;
use crate::etcd::found::words::UNKNOWN;
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::EtcdOption;
use crate::etcd::option::version::EtcdVersion;

/// What a file is.
pub(crate) enum Content {
    /// Something of etcd's, of systemd's or of cfssl's that is read here.
    Known(ContentKind),
    /// A template that some program has still to fill in, by its language.
    Template(template::Language),
    /// A file of another program that was understood: nothing in it is about a member of etcd.
    Elsewhere,
    /// What it is was not understood.
    Unknown,
}

/// The kind of a file, with its contents where they had to be parsed to tell the kind.
pub(crate) enum ContentKind {
    /// A unit of a service.
    Unit,
    /// A drop-in of a unit.
    DropIn,
    /// A drop-in of etcd's unit that lies outside of the folder for it.
    LooseDropIn,
    /// A unit of a service whose name does not end in `.service`.
    LooseUnit,
    /// An environment file.
    Environment,
    /// etcd's configuration file.
    Config,
    /// A file of any other kind that starts etcd: a script, a pod, a compose file.
    Started(Vec<Started>),
    /// Certificates, keys or revocation lists.
    Pem,
    /// cfssl's CSR JSON.
    Request(Box<Request>),
    /// cfssl's ca-config JSON.
    CaConfig(Box<Config>),
}

impl Content {
    /// What a file is. Where its contents do not tell, its extension does, but only if the user named the file
    /// (`is_named`).
    pub(crate) fn of(path: &Path, entry: &Entry, is_named: bool) -> Self {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Self::Unknown };
        let extension = extension(path);
        let text = std::str::from_utf8(&entry.bytes).ok();
        let is_template = |text: &&str| is_named || foreign::speaks_of_etcd(text) || name.starts_with("etcd");
        let language = || text.filter(is_template).and_then(template::language);
        if let Some(kind) = ContentKind::of_systemd(path) {
            let of_unit = || text.filter(is_template).filter(|text| is_unit_of_envsubst(text));
            let language = language().or_else(|| of_unit().map(|_| template::OF_ENVSUBST));
            return language.map_or(Self::Known(kind), Self::Template);
        }
        if matches!(extension, "csr" | "lock") || name.ends_with(".lock.json") {
            return Self::Elsewhere;
        }
        let pem = PemFile::read(PathBuf::new(), &entry.bytes, 0, 0);
        if pem.has_something()
            || (is_named && matches!(extension, "pem" | "crt" | "cer" | "key" | "crl" | "der"))
        {
            return Self::Known(ContentKind::Pem);
        }
        let Some(text) = text else { return Self::Unknown };
        if let Some(language) = language() {
            return Self::Template(language);
        }
        if let Some(kind) = ContentKind::of_cfssl(text).filter(|_| extension == "json") {
            return Self::Known(kind);
        }
        match Self::of_text(text, path, is_named) {
            Self::Known(kind) if text.contains(UNKNOWN) && !kind.knows_unknown(text, path) => {
                Self::Template(template::OF_A_SHELL)
            }
            content => content,
        }
    }

    /// What a file is in which other files are written, apart from these: a script may start etcd itself.
    pub(crate) fn around(path: &Path, entry: &Entry) -> Self {
        match std::str::from_utf8(&entry.bytes) {
            Ok(text) if is_script(text, path) => Self::of_lines(text, path, false),
            _ => Self::Elsewhere,
        }
    }

    /// What a text is that is no certificate, no unit and no template.
    fn of_text(text: &str, path: &Path, is_named: bool) -> Self {
        let extension = extension(path);
        let started = |all: Vec<Started>| match all.len() {
            // A backup, or whatever else only asks a cluster.
            0 if foreign::only_asks(text) => Self::Elsewhere,
            1..=MOST_STARTED => Self::Known(ContentKind::Started(all)),
            _ => Self::Unknown,
        };
        if is_script(text, path) {
            return Self::of_lines(text, path, is_named);
        }
        let has_line = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
        if extension == "container" || has_line("[Container]") {
            return started(sections::quadlet(text, path));
        }
        if has_line("[program:") {
            return started(sections::supervisor(text, path));
        }
        if has_line("[Service]") && (is_named || foreign::speaks_of_etcd(text)) {
            let is_unit = has_line("ExecStart=") && extension != "conf";
            return Self::Known(if is_unit { ContentKind::LooseUnit } else { ContentKind::LooseDropIn });
        }
        let may_be_yaml = matches!(extension, "yaml" | "yml" | "json");
        if may_be_yaml || has_line("apiVersion:") || has_line("services:") {
            let (documents, is_whole) = Node::each_document(text);
            let started = |mut all: Vec<Started>| {
                if let (Some(first), false) = (all.first_mut(), is_whole) {
                    let what = "the rest of the file, which is no YAML that can be read,";
                    first.process.not_seen(what, first.place.clone());
                }
                started(all)
            };
            if documents.iter().any(kubernetes::is_object) {
                if has_line("- --") && template::has_variables(yaml_values(text), |_| false) {
                    return Self::Template(template::OF_ENVSUBST);
                }
                let objects = documents.iter().filter(|document| kubernetes::is_object(document));
                return started(objects.flat_map(|document| kubernetes::read(document, path)).collect());
            }
            if documents.iter().any(compose::is_compose) {
                return started(
                    documents.iter().flat_map(|document| compose::read(document, path)).collect(),
                );
            }
        }
        if may_be_yaml || has_option_key(text) {
            let is_config = is_config(text, path, is_named);
            if is_config && template::has_variables(text.lines().filter(|line| !is_comment(line)), |_| false)
            {
                return Self::Template(template::OF_ENVSUBST);
            }
            if is_config || may_be_yaml {
                return if is_config { Self::Known(ContentKind::Config) } else { Self::Unknown };
            }
        }
        Self::of_lines(text, path, is_named)
    }

    /// What a text is that has lines of variables, of flags, or of commands.
    fn of_lines(text: &str, path: &Path, is_named: bool) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let or_unknown = |all: Vec<Started>| match all.len() {
            1..=MOST_STARTED => Self::Known(ContentKind::Started(all)),
            _ => Self::Unknown,
        };
        if text.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("openrc-run")) {
            return or_unknown(init::openrc(text, path));
        }
        if init::is_rc_conf(path) {
            let all = init::rc_conf(text, path);
            return or_unknown(all);
        }
        if name == "Procfile" {
            return or_unknown(init::procfile(text, path));
        }
        let is_script = is_script(text, path);
        if !is_script {
            let flags = init::flags(text, path);
            let all = if flags.is_empty() { init::upstart(text, path) } else { flags };
            if !all.is_empty() {
                return or_unknown(all);
            }
            let environment = EnvironmentFile::parse(text, path);
            let starts =
                |start: &str| environment.variables.iter().any(|variable| variable.name.starts_with(start));
            let exports = environment.faults.iter().any(|(_, fault)| fault.starts_with("export ETCD"));
            // The command line of a unit may use any variable. A text without one tells nothing of a member.
            let is_env = is_named && extension(path) == "env" && !environment.variables.is_empty();
            if exports {
                return or_unknown(init::shell_variables(text, path));
            }
            if is_env || starts("ETCD_") || is_named && starts("ETCDCTL_") {
                let values = environment.variables.iter().filter_map(|variable| variable.value.as_deref());
                let names: HashSet<&str> =
                    environment.variables.iter().map(|variable| variable.name.as_str()).collect();
                return match template::has_variables(values, |name| names.contains(name)) {
                    true => Self::Template(template::OF_ENVSUBST),
                    false => Self::Known(ContentKind::Environment),
                };
            }
            if init::is_in(path, "conf.d") || init::is_in(path, "default") || init::is_in(path, "sysconfig") {
                return or_unknown(init::shell_variables(text, path));
            }
        }
        let process = Process::of_script(text, path).filter(|_| is_script || is_named);
        or_unknown(
            process
                .map(|process| Started { place: crate::base::place::Place::file(path), process })
                .into_iter()
                .collect(),
        )
    }
}

impl ContentKind {
    /// Whether the reader of the kind tells a value that no shell has put in from one that is there.
    fn knows_unknown(&self, text: &str, path: &Path) -> bool {
        match self {
            Self::Config | Self::Request(_) | Self::CaConfig(_) => false,
            Self::Started(_) => {
                is_script(text, path) || text.contains("services:") || text.contains("[Container]")
            }
            _ => true,
        }
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

/// Options whose names other programs have as keys too.
const COMMON_KEYS: [&str; 12] = [
    "name",
    "debug",
    "metrics",
    "proxy",
    "logger",
    "log-level",
    "log-outputs",
    "cors",
    "cert-file",
    "key-file",
    "trusted-ca-file",
    "log-format",
];

/// Whether a text is etcd's configuration file. `is_named` says that the user thinks so.
fn is_config(text: &str, path: &Path, is_named: bool) -> bool {
    let config = ConfigFile::parse(text, path);
    if config.fault.is_some() {
        return is_named && has_option_key(text);
    }
    let settings = Settings::of_config(&config, EtcdVersion::V3_5);
    let mut known = settings.used.iter().filter(|setting| setting.is_known);
    let is_whole = settings.used.iter().all(|setting| setting.is_known);
    known.any(|setting| !COMMON_KEYS.contains(&setting.option.as_str()) || is_named && is_whole)
}

/// Whether a line begins with the key of one of etcd's options that no other program has.
fn has_option_key(text: &str) -> bool {
    let keys = text.lines().filter_map(|line| line.split_once(':'));
    let keys = keys.map(|(key, _)| key.trim_matches([' ', '\t', '"', '\'', '{']));
    let mut keys = keys.filter(|key| key.contains('-') && key.len() < 64).take(MOST_KEYS);
    keys.any(|key| EtcdOption::find(key).is_some() && !COMMON_KEYS.contains(&key))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Whether a unit has variables where systemd replaces none: in all settings but command lines.
fn is_unit_of_envsubst(text: &str) -> bool {
    let settings = text.lines().filter(|line| !is_comment(line) && !line.trim_start().starts_with(';'));
    let of_commands = |line: &&str| line.trim_start().starts_with("Exec");
    // A line that goes on belongs to the one before.
    let mut goes_on = false;
    let values = settings.filter(|line| {
        let is_own = !of_commands(line) && !goes_on && line.contains('=');
        goes_on = line.trim_end().ends_with('\\') && (of_commands(line) || goes_on);
        is_own
    });
    // What the unit or a file sets was meant for systemd.
    let is_set = |name: &str| text.contains("EnvironmentFile=") || text.contains(&format!("{name}="));
    template::has_variables(values, is_set)
}

/// The lines of a manifest whose values Kubernetes takes as they are: flags, values of variables, and images. The lines
/// of a script in it are a shell's.
fn yaml_values(text: &str) -> impl Iterator<Item = &str> {
    let starts = ["- --", "- \"--", "- '--", "value:", "- name:", "image:"];
    text.lines().filter(move |line| starts.iter().any(|start| line.trim_start().starts_with(start)))
}

/// The number of keys that are compared with those of etcd.
const MOST_KEYS: usize = 2000;

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
