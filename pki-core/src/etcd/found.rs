//! What there is already: units, environment and configuration files, certificates and keys, and what cfssl was
//! asked for, by whomever they were made.
//!
//! [`Found::read`] looks at files and folders and sorts what is there by host: the tree of a whole host, a
//! node's folder as `cluster apply` makes it, or loose files. What a unit or a setting names is looked up
//! within its own host. What cannot be looked at is [`FileLookup::Unknown`] or [`FileLookup::TooLarge`], and nothing is
//! concluded from it.

mod environment;
mod files;
mod pem_file;
mod process;
mod settings;
mod text;
mod unit;
mod words;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

pub(crate) use crate::etcd::error::{SHORTEN, TOO_LARGE};
pub use crate::etcd::option::FoundUrl;
pub use environment::{EnvironmentFile, Variable};
pub use files::{Files, SystemFiles};
pub use pem_file::{Form, FoundCrl, FoundKey, PemFile};
pub use process::{Argument, EnvironmentFileName, Process};
pub use settings::{Setting, Settings, Source};
pub use text::Located;
pub use unit::{SyntaxFault, SyntaxFaultKind, Unit, UnitFile, UnitSetting};
pub use yaml::{ConfigFile, ConfigValue};

use crate::base::place::Place;
use crate::cfssl::config::Config;
use crate::cfssl::csr_json::Request;
use crate::etcd::cluster::path::ETCDCTL;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};
use crate::etcd::option::version::EtcdVersion;
use process::Environment;

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// By host.
    pub hosts: Vec<Host>,
}

/// What belongs to one host, or loose files that lie in one folder.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// The folder that is the host's `/`; none for loose files.
    pub root: Option<PathBuf>,
    /// The root, or the folder of the loose files.
    pub folder: PathBuf,
    /// The units that run etcd.
    pub units: Vec<Unit>,
    /// The names of all unit files.
    pub unit_names: BTreeSet<String>,
    /// Environment files.
    pub environments: BTreeMap<PathBuf, EnvironmentFile>,
    /// etcd's configuration files.
    pub configs: BTreeMap<PathBuf, ConfigFile>,
    /// Files of keys and certificates.
    pub pems: BTreeMap<PathBuf, PemFile>,
    /// What cfssl was asked for: CSR JSON.
    pub requests: BTreeMap<PathBuf, Request>,
    /// What cfssl signed under: ca-config JSON.
    pub policies: BTreeMap<PathBuf, Config>,
    /// Members of etcd clusters.
    pub members: Vec<Member>,
    /// The numbers of the users that units name, on the host itself.
    pub users: BTreeMap<String, u32>,
    /// Whether these are the files that a client was given.
    pub is_client: bool,
    /// What was named by units and settings, by the path that they name.
    lookups: BTreeMap<String, FileLookup>,
}

/// A member of an etcd cluster, as one unit, command or file tells.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its unit, by its place in [`Host::units`]; none if a file or a command alone was found.
    pub unit: Option<usize>,
    /// How it would be started.
    pub process: Process,
    /// What it is told.
    pub settings: Settings,
    /// Where what tells about it is.
    pub place: Place,
}

/// What is known about a file that something names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileLookup {
    /// It is here.
    Present(PathBuf),
    /// It is not here, though its folder is.
    Absent(PathBuf),
    /// It is here, and so large that it was not read.
    TooLarge(PathBuf),
    /// It may be anywhere.
    Unknown,
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Something cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// It describes a cluster, and is nothing that etcd reads.
    #[error("{} is a description of a cluster, and nothing that etcd reads", path.display())]
    Description {
        /// Which.
        path: PathBuf,
    },
    /// There is no such file or folder.
    #[error("{} is not there", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// There are too many files.
    #[error("{} holds more than {MOST_FILES} files", path.display())]
    TooMany {
        /// Where.
        path: PathBuf,
    },
    /// There is no member of a cluster in it.
    #[error("{} holds no member of an etcd cluster", path.display())]
    NoMember {
        /// Which.
        path: PathBuf,
    },
    /// Nothing in it has to do with etcd.
    #[error("{} holds nothing of etcd: no unit, environment file, configuration, certificate or key", path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
    },
}

impl ReadError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable(error) => return error.hint(),
            Self::Description { .. } | Self::NoMember { .. } => {
                "name the folder that `etcdpki cluster apply` has made, or one with the trees of all members' hosts"
                    .to_owned()
            }
            Self::Missing { .. } | Self::Nothing { .. } => {
                "name a unit, an environment or configuration file, certificates, or a folder that has them"
                    .to_owned()
            }
            Self::TooMany { .. } => {
                "name what is etcd's only, such as /etc/systemd/system/etcd.service and /etc/etcd".to_owned()
            }
        })
    }
}

/// Nothing that is made for a cluster comes near.
const MOST_FILES: usize = 20_000;

/// The options of etcd that name a file that has to be there.
pub const FILE_OPTIONS: [&str; 10] = [
    SERVER.certificate,
    SERVER.key,
    SERVER.ca,
    SERVER.crl,
    GATEWAY.0,
    GATEWAY.1,
    PEER.certificate,
    PEER.key,
    PEER.ca,
    PEER.crl,
];

/// Where a host has units, the most important first (systemd.unit(5)).
const UNIT_FOLDERS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

impl Found {
    /// Looks at files and folders, by their absolute paths, as etcd of a version would.
    ///
    /// # Errors
    /// If one is not there, cannot be read, or has nothing to do with etcd.
    pub fn read(paths: &[PathBuf], version: EtcdVersion, files: &dyn Files) -> Result<Self, ReadError> {
        let mut all = BTreeMap::new();
        for path in paths {
            let entry = files.entry(path)?.ok_or_else(|| ReadError::Missing { path: path.clone() })?;
            let mut found = BTreeMap::new();
            if entry.kind == FileKind::Folder {
                walk(path, files, &mut found)?;
            } else if is_description(path, &entry) {
                return Err(ReadError::Description { path: path.clone() });
            } else {
                found.insert(path.clone(), (entry, true));
            }
            let is_known = found.iter().any(|(path, (entry, named))| Kind::of(path, entry, *named).is_some());
            if !is_known {
                return Err(ReadError::Nothing { path: path.clone() });
            }
            all.extend(found);
        }
        let clients = all.keys().filter(|path| path.file_name().is_some_and(|name| name == ETCDCTL));
        let clients: BTreeSet<PathBuf> =
            clients.filter_map(|path| path.parent()).map(Path::to_owned).collect();
        let roots: BTreeSet<PathBuf> = all.keys().filter_map(|path| root_of(path)).collect();
        let mut hosts: BTreeMap<PathBuf, Host> = BTreeMap::new();
        for (path, (entry, named)) in all {
            let Some(kind) = Kind::of(&path, &entry, named) else { continue };
            let root = root_of(&path).or_else(|| {
                let around = roots.iter().filter(|root| path.starts_with(root) && root.parent().is_some());
                around.max_by_key(|root| root.components().count()).cloned()
            });
            let folder = root.clone().or_else(|| folder_of(&path)).unwrap_or_default();
            let host =
                hosts.entry(folder.clone()).or_insert_with(|| Host { root, folder, ..Host::default() });
            host.take(path, &entry, kind);
        }
        let mut hosts: Vec<Host> = hosts.into_values().collect();
        for host in &mut hosts {
            // The tree of a control plane's host lies in the folder of its client.
            let around = host.root.as_deref().and_then(Path::parent);
            host.is_client = [Some(host.folder.as_path()), around]
                .into_iter()
                .flatten()
                .any(|folder| clients.contains(folder));
            host.assemble(version, files)?;
        }
        Ok(Self { hosts })
    }

    /// Every member, with its host.
    pub fn members(&self) -> impl Iterator<Item = (&Host, &Member)> {
        self.hosts.iter().flat_map(|host| host.members.iter().map(move |member| (host, member)))
    }
}

/// What a file is.
enum Kind {
    Unit,
    DropIn,
    Environment,
    Config,
    Script(Process),
    Pem,
    Request(Box<Request>),
    Policy(Box<Config>),
}

impl Kind {
    /// What a file is, by its name and its contents. Of one that was `named` itself, it is enough that it could
    /// be one.
    fn of(path: &Path, entry: &Entry, named: bool) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let extension = extension(path);
        let text = || std::str::from_utf8(&entry.bytes).ok();
        if let Some(kind) = Self::of_systemd(path) {
            return Some(kind);
        }
        if matches!(extension, "csr" | "lock") || name.ends_with(".lock.json") {
            return None;
        }
        let looks = PemFile::read(PathBuf::new(), &entry.bytes, 0, 0);
        if looks.has_something()
            || (named && matches!(extension, "pem" | "crt" | "cer" | "key" | "crl" | "der"))
        {
            return Some(Self::Pem);
        }
        let text = text()?;
        if let Some(kind) = Self::of_cfssl(text).filter(|_| extension == "json") {
            return Some(kind);
        }
        if matches!(extension, "yaml" | "yml" | "json")
            || (named && matches!(extension, "conf" | "config") && text.contains(": "))
        {
            let settings = Settings::of_config(&ConfigFile::parse(text, path), EtcdVersion::V3_5);
            let known = settings.used.iter().filter(|setting| setting.is_known && setting.option != "name");
            if known.count() > 0 {
                return Some(Self::Config);
            }
            return named.then_some(Self::Config);
        }
        let is_script = text.starts_with("#!") || matches!(extension, "sh" | "bash");
        if !is_script {
            let environment = EnvironmentFile::parse(text, path);
            if environment.variables.iter().any(|variable| variable.name.starts_with("ETCD_")) {
                return Some(Self::Environment);
            }
        }
        if let Some(process) = Process::of_script(text, path).filter(|_| is_script || named) {
            return Some(Self::Script(process));
        }
        (named && matches!(extension, "env" | "conf" | "")).then_some(Self::Environment)
    }

    /// What systemd reads, whatever is in it.
    fn of_systemd(path: &Path) -> Option<Self> {
        let is_drop_in =
            || path.parent().is_some_and(|folder| folder.to_string_lossy().ends_with(".service.d"));
        match extension(path) {
            "service" => Some(Self::Unit),
            "conf" if is_drop_in() => Some(Self::DropIn),
            _ => None,
        }
    }

    /// cfssl's JSON: a config has `signing`, a request a name, hosts, or the kind of a key.
    fn of_cfssl(text: &str) -> Option<Self> {
        let keys: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_str(text).ok()?;
        let has = |name: &str| keys.keys().any(|key| key.eq_ignore_ascii_case(name));
        if has("signing") {
            let config = Config::from_json(text, None).ok()?;
            return Some(Self::Policy(Box::new(config.value)));
        }
        let is_request = ["CN", "hosts", "key"].into_iter().any(has) && !has("members");
        let request = Request::from_json(text, None).ok().filter(|_| is_request)?;
        Some(Self::Request(Box::new(request.value)))
    }
}

/// Whether a file is what `cluster apply` reads: etcd has no option `members`, and a list of members has no name.
fn is_description(path: &Path, entry: &Entry) -> bool {
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

/// What stands at a path; as an error within, that it is too large to be read.
pub(crate) fn entry(path: &Path, files: &dyn Files) -> Result<Result<Option<Entry>, Error>, Error> {
    match files.entry(path) {
        Err(error) if matches!(error.kind(), ErrorKind::TooLarge { .. }) => Ok(Err(error)),
        other => other.map(Ok),
    }
}

/// The files in a folder and below.
fn walk(
    folder: &Path,
    files: &dyn Files,
    found: &mut BTreeMap<PathBuf, (Entry, bool)>,
) -> Result<(), ReadError> {
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for name in files.names(&next)? {
            let path = next.join(&name);
            let entry = match entry(&path, files)? {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error) if Kind::of_systemd(&path).is_some() => return Err(error.into()),
                // Programs and data, or what is told of as soon as something names it.
                Err(_) => continue,
            };
            match entry.kind {
                // Only links to units, and what version control keeps.
                FileKind::Folder
                    if name.ends_with(".wants") || name.ends_with(".requires") || name == ".git" => {}
                FileKind::Folder => folders.push(path),
                FileKind::File => {
                    found.insert(path, (entry, false));
                }
            }
            if found.len() + folders.len() > MOST_FILES {
                return Err(ReadError::TooMany { path: folder.to_owned() });
            }
        }
    }
    Ok(())
}

/// The folder that is `/` to the host that a file is of, as far as its path tells.
fn root_of(path: &Path) -> Option<PathBuf> {
    let names: Vec<_> = path.components().collect();
    let is = |index: usize, name: &str| {
        names
            .get(index)
            .is_some_and(|c| matches!(c, Component::Normal(n) if *n == std::ffi::OsStr::new(name)))
    };
    // A file cannot be the folder etc itself.
    let folders = 0..names.len().saturating_sub(1);
    let at = folders.clone().rev().find(|index| is(*index, "etc")).or_else(|| {
        folders.rev().find(|index| {
            let usr = is(*index, "usr") && ["lib", "local", "share"].iter().any(|name| is(*index + 1, name));
            let inside_usr =
                index.checked_sub(1).is_some_and(|before| is(before, "usr") || is(before, "local"));
            usr || (is(*index, "lib") || is(*index, "run")) && is(*index + 1, "systemd") && !inside_usr
        })
    })?;
    names.get(..at).map(|names| names.iter().collect())
}

/// The folder of a loose file; of a drop-in, the one that its unit would be in.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let is_drop_in = folder.to_string_lossy().ends_with(".service.d");
    Some(if is_drop_in { folder.parent()? } else { folder }.to_owned())
}

impl Host {
    fn take(&mut self, path: PathBuf, entry: &Entry, kind: Kind) {
        let text = || String::from_utf8_lossy(&entry.bytes);
        match kind {
            Kind::Unit | Kind::DropIn => {
                let file = UnitFile::parse(&text(), &path);
                let folder = path.parent().and_then(|folder| folder.file_name());
                let (name, is_main) = match kind {
                    Kind::Unit => (path.file_name().map(|n| n.to_string_lossy().into_owned()), true),
                    _ => (folder.map(|n| n.to_string_lossy().trim_end_matches(".d").to_owned()), false),
                };
                let name = name.unwrap_or_default();
                if is_main {
                    self.unit_names.insert(name.clone());
                }
                self.take_unit_file(name, file, is_main);
            }
            Kind::Environment => {
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text(), &path));
            }
            Kind::Config => {
                self.configs.insert(path.clone(), ConfigFile::parse(&text(), &path));
            }
            Kind::Script(process) => {
                let place = Place::file(&path);
                self.members.push(Member { unit: None, process, settings: Settings::default(), place });
            }
            Kind::Pem => {
                self.take_pem(path, entry);
            }
            Kind::Request(request) => {
                self.requests.insert(path, *request);
            }
            Kind::Policy(config) => {
                self.policies.insert(path, *config);
            }
        }
    }

    fn take_pem(&mut self, path: PathBuf, entry: &Entry) {
        let file = PemFile::read(path.clone(), &entry.bytes, entry.mode, entry.ids.0);
        self.pems.insert(path, file);
    }

    /// Units of the same name in several folders: only the most important counts.
    fn take_unit_file(&mut self, name: String, file: UnitFile, is_main: bool) {
        let rank = |path: &Path| {
            let folder = self.root.as_ref().and_then(|root| path.strip_prefix(root).ok());
            let rank = folder.and_then(|p| UNIT_FOLDERS.iter().position(|folder| p.starts_with(folder)));
            rank.unwrap_or(UNIT_FOLDERS.len())
        };
        let new_rank = rank(&file.path);
        let old_rank = self.units.iter().find(|u| u.name == name).and_then(|u| u.main.as_deref()).map(rank);
        let index = self.units.iter().position(|unit| unit.name == name);
        let Some(unit) = index.and_then(|index| self.units.get_mut(index)) else {
            let (main, drop_ins) = if is_main { (Some(file), Vec::new()) } else { (None, vec![file]) };
            self.units.push(Unit::new(name, main, drop_ins));
            return;
        };
        let mut old: Vec<UnitFile> = std::mem::take(&mut unit.files);
        let old_main = unit.main.take().map(|_| old.remove(0));
        let main = match (is_main, old_main) {
            (true, Some(old)) if old_rank.is_some_and(|old| old <= new_rank) => Some(old),
            (true, _) => Some(file),
            (false, old_main) => {
                old.push(file);
                old_main
            }
        };
        *unit = Unit::new(name, main, old);
    }

    /// Puts units, environments and configuration files together to members.
    fn assemble(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        // A unit may name files that were not given.
        let names: Vec<String> =
            self.units.iter().flat_map(Unit::environment_files).map(|name| name.path).collect();
        for name in names {
            if let (FileLookup::Present(path), Some(entry)) = self.look(&name, files)? {
                let text = String::from_utf8_lossy(&entry.bytes);
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text, &path));
            }
        }
        let mut units = std::mem::take(&mut self.units);
        units.retain(|unit| {
            let process = self.process(unit);
            let named_so = unit.name.starts_with("etcd") && !unit.name.starts_with("etcdpki");
            process.is_etcd()
                || process.has_etcd_variables()
                || (process.arguments.is_empty() && named_so)
                || (named_so && !unit.all("Service", "ExecStart").is_empty())
        });
        for (index, unit) in units.iter().enumerate() {
            let (process, place) = (self.process(unit), unit.place());
            self.members.push(Member { unit: Some(index), process, settings: Settings::default(), place });
        }
        let read: BTreeSet<PathBuf> = units
            .iter()
            .flat_map(Unit::environment_files)
            .filter_map(|name| match self.lookup(&name.path) {
                FileLookup::Present(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        self.units = units;
        if self.root.as_deref() == Some(Path::new("/")) {
            let named = self.units.iter().filter_map(|unit| unit.last("Service", "User"));
            let numbers = named.filter_map(|setting| {
                let name = setting.value.text.clone();
                files.user(&name).map(|number| (name, number))
            });
            self.users = numbers.collect();
        }
        // Where no unit is, an environment file tells all that there is to know.
        if self.units.is_empty() {
            for (path, file) in self.environments.iter().filter(|(path, _)| !read.contains(*path)) {
                let process = Process {
                    arguments: vec![Argument {
                        text: Some("etcd".to_owned()),
                        written: "etcd".to_owned(),
                        place: Place::file(path),
                    }],
                    variables: file.variables.clone(),
                    environment_is_known: true,
                    ..Process::default()
                };
                let place = Place::file(path);
                self.members.push(Member { unit: None, process, settings: Settings::default(), place });
            }
        }
        self.settle(version, files)
    }

    /// The settings of every member, and a look at every file that they name.
    fn settle(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        let mut members = std::mem::take(&mut self.members);
        let mut used = BTreeSet::new();
        for member in &mut members {
            let first = Settings::of_process(&member.process, version, |_| None);
            if let Some(name) = first.value("config-file")
                && let (FileLookup::Present(path), Some(entry)) = self.look(name, files)?
            {
                let text = String::from_utf8_lossy(&entry.bytes);
                self.configs.insert(path.clone(), ConfigFile::parse(&text, &path));
                used.insert(path);
            }
            member.settings =
                Settings::of_process(&member.process, version, |name| match self.lookup(name) {
                    FileLookup::Present(path) => self.configs.get(path),
                    _ => None,
                });
        }
        if members.iter().all(|member| member.unit.is_none()) {
            for (path, config) in self.configs.iter().filter(|(path, _)| !used.contains(*path)) {
                members.push(Member {
                    unit: None,
                    process: Process::default(),
                    settings: Settings::of_config(config, version),
                    place: Place::file(path),
                });
            }
        }
        for member in &members {
            for option in FILE_OPTIONS {
                let Some(name) = member.settings.value(option) else { continue };
                if let (FileLookup::Present(path), Some(entry)) = self.look(name, files)?
                    && !self.pems.contains_key(&path)
                {
                    self.take_pem(path, &entry);
                }
            }
        }
        self.members = members;
        Ok(())
    }

    fn process(&self, unit: &Unit) -> Process {
        unit.process(|name| match self.lookup(name) {
            FileLookup::Present(path) => {
                self.environments.get(path).map_or(Environment::NotSeen, Environment::Seen)
            }
            FileLookup::Absent(_) => Environment::Absent,
            FileLookup::TooLarge(_) | FileLookup::Unknown => Environment::NotSeen,
        })
    }

    /// Looks up a path as the host has it, and remembers what came of it.
    fn look(&mut self, name: &str, files: &dyn Files) -> Result<(FileLookup, Option<Entry>), ReadError> {
        let is_plain = Path::new(name).components().all(|c| !matches!(c, Component::ParentDir));
        let path = match &self.root {
            _ if !is_plain => None,
            Some(root) => Path::new(name).strip_prefix("/").ok().map(|relative| root.join(relative)),
            // Loose files lie beside each other.
            None => Path::new(name).file_name().map(|name| self.folder.join(name)),
        };
        let (lookup, entry) = match path {
            None => (FileLookup::Unknown, None),
            Some(path) => match entry(&path, files)? {
                Err(_) => (FileLookup::TooLarge(path), None),
                Ok(Some(entry)) if entry.kind == FileKind::File => (FileLookup::Present(path), Some(entry)),
                Ok(_) if self.root.is_some() && is_folder(path.parent(), files)? => {
                    (FileLookup::Absent(path), None)
                }
                Ok(_) => (FileLookup::Unknown, None),
            },
        };
        self.lookups.insert(name.to_owned(), lookup.clone());
        Ok((lookup, entry))
    }

    /// What is known about a file that a unit or a setting names.
    pub fn lookup(&self, name: &str) -> &FileLookup {
        self.lookups.get(name).unwrap_or(&FileLookup::Unknown)
    }

    /// The file of keys or certificates that an option of a member names, if it was found.
    pub fn pem(&self, member: &Member, option: &str) -> Option<&PemFile> {
        match self.lookup(member.settings.value(option)?) {
            FileLookup::Present(path) => self.pems.get(path),
            _ => None,
        }
    }

    /// Whether something that was found names a file.
    pub fn is_named(&self, path: &Path) -> bool {
        self.lookups.values().any(|lookup| matches!(lookup, FileLookup::Present(seen) if seen == path))
    }

    /// The files that something names and that are too large to be read.
    pub fn too_large(&self) -> impl Iterator<Item = &Path> {
        self.lookups.values().filter_map(|lookup| match lookup {
            FileLookup::TooLarge(path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The unit of a member.
    pub fn unit(&self, member: &Member) -> Option<&Unit> {
        member.unit.and_then(|index| self.units.get(index))
    }

    /// Whether it is the tree of a host, or files of a member: not merely certificates.
    pub fn has_members(&self) -> bool {
        !self.members.is_empty()
    }
}

fn is_folder(path: Option<&Path>, files: &dyn Files) -> Result<bool, ReadError> {
    let Some(path) = path else { return Ok(false) };
    Ok(files.entry(path)?.is_some_and(|entry| entry.kind == FileKind::Folder))
}

#[cfg(test)]
pub(crate) mod tests {
    use zeroize::Zeroizing;

    use super::*;

    /// Files in memory, readable by all.
    pub(crate) fn files<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<PathBuf, Entry> {
        let entry = |text: &str| Entry {
            kind: FileKind::File,
            mode: 0o644,
            ids: (0, 0),
            bytes: Zeroizing::new(text.as_bytes().to_vec()),
        };
        all.into_iter().map(|(path, text)| (PathBuf::from(path), entry(text))).collect()
    }

    fn read(all: &[(&str, &str)], paths: &[&str]) -> Found {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        Found::read(&paths, EtcdVersion::V3_5, &files(all.iter().copied())).unwrap()
    }

    const UNIT: &str =
        "[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd --data-dir=/d\n";

    #[test]
    fn roots_are_told_from_paths() {
        let root = |path: &str| root_of(Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(root("/etc/etcd/etcd.env").as_deref(), Some("/"));
        assert_eq!(root("/out/nodes/a/etc/systemd/system/etcd.service").as_deref(), Some("/out/nodes/a"));
        assert_eq!(root("/x/usr/lib/systemd/system/etcd.service").as_deref(), Some("/x"));
        assert_eq!(root("/lib/systemd/system/etcd.service").as_deref(), Some("/"));
        assert_eq!(root("/home/me/etcd.service"), None);
        assert_eq!(root("/home/me/etc"), None);
    }

    #[test]
    fn a_folder_of_nodes_has_a_host_for_each() {
        let all = [
            ("/out/nodes/a/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
            ("/out/nodes/a/etc/systemd/system/etcd.service", UNIT),
            ("/out/nodes/b/etc/etcd/etcd.env", "ETCD_NAME=b\n"),
            ("/out/nodes/b/etc/systemd/system/etcd.service", UNIT),
            ("/out/README", "nothing"),
        ];
        for paths in [&["/out"][..], &["/out/nodes/a", "/out/nodes/b/etc/systemd/system/etcd.service"]] {
            let found = read(&all, paths);
            let names: Vec<_> = found.members().map(|(_, member)| member.settings.value("name")).collect();
            assert_eq!(names, [Some("a"), Some("b")]);
            assert!(found.members().all(|(_, member)| member.settings.is_complete));
        }
    }

    #[test]
    fn what_was_not_seen_is_not_missed() {
        let found = read(&[("/x/etcd.service", UNIT)], &["/x/etcd.service"]);
        let (host, member) = found.members().next().unwrap();
        assert!(!member.settings.is_complete);
        assert_eq!(host.lookup("/etc/etcd/etcd.env"), &FileLookup::Unknown);
        let found = read(&[("/n/etc/systemd/system/etcd.service", UNIT), ("/n/etc/etcd/x", "")], &["/n"]);
        let absent = FileLookup::Absent(PathBuf::from("/n/etc/etcd/etcd.env"));
        assert_eq!(found.hosts[0].lookup("/etc/etcd/etcd.env"), &absent);
    }

    #[test]
    fn loose_files_lie_beside_each_other() {
        let found = read(&[("/x/etcd.service", UNIT), ("/x/etcd.env", "ETCD_NAME=a\n")], &["/x"]);
        let names: Vec<_> = found.members().map(|(_, member)| member.settings.value("name")).collect();
        assert_eq!(names, [Some("a")]);
    }

    #[test]
    fn what_cfssl_was_asked_for_is_found() {
        let request = r#"{"CN": "etcd", "hosts": ["10.0.0.1"], "key": {"algo": "rsa", "size": 2048}}"#;
        let config = r#"{"signing": {"default": {"expiry": "8760h"}, "profiles": {}}}"#;
        let other = r#"{"name": "a", "data-dir": "/d"}"#;
        let found =
            read(&[("/x/etcd.json", request), ("/x/ca-config.json", config), ("/x/a.json", other)], &["/x"]);
        let host = &found.hosts[0];
        assert_eq!(host.requests[Path::new("/x/etcd.json")].common_name, "etcd");
        assert!(host.policies[Path::new("/x/ca-config.json")].names().next().is_none());
        assert_eq!(host.members[0].settings.value("name"), Some("a"));
    }

    #[test]
    fn a_drop_in_without_its_unit_leaves_things_open() {
        let drop_in = "[Service]\nEnvironmentFile=\nEnvironmentFile=/etc/etcd/etcd.env\n";
        let found = read(
            &[
                ("/n/etc/systemd/system/etcd.service.d/10-etcdpki.conf", drop_in),
                ("/n/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
            ],
            &["/n"],
        );
        let (_, member) = found.members().next().unwrap();
        assert_eq!(member.settings.value("name"), Some("a"));
        assert!(!member.settings.is_complete);
    }

    #[test]
    fn files_alone_are_members_too() {
        let found = read(
            &[("/x/a.yaml", "name: a\ndata-dir: /d\n"), ("/x/cluster.yaml", "name: p\nmembers: []\n")],
            &["/x"],
        );
        assert_eq!(found.members().count(), 1);
        let found = read(&[("/x/start.sh", "etcd --name radon --data-dir /d\n")], &["/x"]);
        assert_eq!(found.members().next().unwrap().1.settings.value("name"), Some("radon"));
        let error =
            Found::read(&["/x".into()], EtcdVersion::V3_5, &files([("/x/README", "hello")])).unwrap_err();
        assert!(matches!(error, ReadError::Nothing { .. }));
    }

    #[test]
    fn a_description_is_not_taken_for_a_configuration() {
        let text = "name: prod\nmembers:\n  - {name: a, address: 10.0.0.1}\n";
        let files = files([("/x/cluster.yaml", text)]);
        let error = Found::read(&["/x/cluster.yaml".into()], EtcdVersion::V3_5, &files).unwrap_err();
        assert!(matches!(error, ReadError::Description { .. }), "{error}");
    }

    /// Everything in these is wrong: what is said of it must not take the square of its length.
    #[test]
    fn long_files_take_no_longer_than_their_length() {
        const KNOWN: &str = "--name=a --initial-cluster=a=https://10.0.0.1:2380";
        let file =
            |line: &str, more: &str| format!("[Service]\nExecStart=/usr/bin/etcd {KNOWN}{line}\n{more}");
        let times = |text: &str, most: usize| {
            (0..most).map(|number| text.replace('#', &number.to_string())).collect::<String>()
        };
        let units: [&dyn Fn(usize) -> String; 3] =
            [&|most| file("", &times("x\n", most)), &|most| file(&times(" --name=#", most), ""), &|most| {
                file(&times(" a#", most), "")
            }];
        let judge = |unit: &str| {
            let files = files([("/x/etcd.service", unit)]);
            let (began, now) = (std::time::Instant::now(), time::OffsetDateTime::UNIX_EPOCH);
            let found = Found::read(&["/x".into()], EtcdVersion::V3_5, &files).unwrap();
            crate::etcd::doctor::examine(&found, EtcdVersion::V3_5, now);
            let _ = crate::etcd::import(&found, EtcdVersion::V3_5, crate::etcd::AuthorityChoice::Keep, now);
            began.elapsed()
        };
        for unit in units {
            let quickest = |most| (0..3).map(|_| judge(&unit(most))).min().unwrap();
            let (short, long) = (quickest(2_000), quickest(8_000));
            // Four times as long: 4 times the time, or 16 if each were compared with each.
            assert!(long < 10 * short, "{short:?}, {long:?}: {}", unit(3));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        /// Whatever stands in a file, it is read or passed over, and judged.
        #[test]
        fn no_text_is_too_odd(
            text in "[\\[\\]=\\\\ \n\t#;\"'${}%@:,/.a-zA-Z0-9-]{0,200}",
            name in proptest::sample::select(vec![
                "etcd.service", "etcd.service.d/1.conf", "etcd.env", "etcd.yaml", "etcd.sh", "etcd.pem", "etcd",
            ]),
        ) {
            for prefix in ["", "[Service]\nExecStart=/usr/bin/etcd ", "ETCD_NAME=a\n", "name: a\ndata-dir: ", "etcd --name=a "] {
                let path = format!("/x/{name}");
                let files = files([(path.as_str(), format!("{prefix}{text}").as_str())]);
                for path in ["/x", path.as_str()] {
                    if let Ok(found) = Found::read(&[path.into()], EtcdVersion::V3_5, &files) {
                        crate::etcd::doctor::examine(&found, EtcdVersion::V3_5, time::OffsetDateTime::UNIX_EPOCH);
                    }
                }
            }
        }
    }
}
