//! One host: its files, its members, and what is known about the files that units and options name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::base::place::Place;
use crate::cfssl::config::Config;
use crate::cfssl::csr_json::Request;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::found::environment::EnvironmentFile;
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, entry};
use crate::etcd::found::kind::ContentKind;
use crate::etcd::found::pem_file::PemFile;
use crate::etcd::found::process::{Argument, EnvironmentLookup, Process};
use crate::etcd::found::settings::Settings;
use crate::etcd::found::unit::{Unit, UnitFile};
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};
use crate::etcd::option::version::EtcdVersion;

/// The options of etcd that name a file that must exist.
pub(crate) const FILE_OPTIONS: [&str; 10] = [
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

/// The folders of units below a host's root. A unit in an earlier one replaces a unit with its name in a later one
/// (systemd.unit(5), "Unit File Load Path").
const UNIT_FOLDERS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

/// The files of one host, or the loose files of one folder.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// The folder that is `/` on the host; `None` for loose files.
    pub(crate) root: Option<PathBuf>,
    /// The root, or the folder of the loose files.
    pub(crate) folder: PathBuf,
    /// The units that run etcd.
    pub(crate) units: Vec<Unit>,
    /// The names of all units that have a unit file, of any program.
    pub(crate) unit_names: BTreeSet<String>,
    /// Environment files, by path.
    pub(crate) environments: BTreeMap<PathBuf, EnvironmentFile>,
    /// etcd's configuration files, by path.
    pub(crate) configs: BTreeMap<PathBuf, ConfigFile>,
    /// Files with certificates, keys or revocation lists, by path.
    pub pems: BTreeMap<PathBuf, PemFile>,
    /// cfssl's CSR JSON, by path.
    pub(crate) requests: BTreeMap<PathBuf, Request>,
    /// cfssl's ca-config JSON, by path.
    pub(crate) ca_configs: BTreeMap<PathBuf, Config>,
    /// The members of etcd clusters that would run on the host.
    pub(crate) members: Vec<Member>,
    /// The user IDs of the users that units name. Only known if the root is that of this machine.
    pub(crate) users: BTreeMap<String, u32>,
    /// Whether this is a client's folder in an output folder.
    pub(crate) is_client: bool,
    /// The result of each lookup so far, by the path that a unit or an option names.
    lookups: BTreeMap<String, FileLookup>,
}

/// A member of an etcd cluster, as one unit, script or file sets it up.
#[derive(Debug, Clone)]
pub struct Member {
    /// The index of its unit in [`Host::units`]; `None` if a script, environment or configuration file sets it up.
    pub(crate) unit: Option<usize>,
    /// The process that would be started.
    pub(crate) process: Process,
    /// The options that the process is given.
    pub(crate) settings: Settings,
    /// The file that sets it up.
    pub(crate) place: Place,
}

/// What is known about a file that a unit or an option names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileLookup {
    /// The file is at this path.
    Present(PathBuf),
    /// The file is not at this path, although the folder for it exists.
    Absent(PathBuf),
    /// The file is at this path, and is too large to be read.
    TooLarge(PathBuf),
    /// The file may be somewhere that was not read.
    Unknown,
}

impl Host {
    /// A host without any files yet.
    pub(crate) fn new(root: Option<PathBuf>, folder: PathBuf) -> Self {
        Self { root, folder, ..Self::default() }
    }

    /// Adds a file of the host.
    pub(crate) fn add_file(&mut self, path: PathBuf, entry: &Entry, kind: ContentKind) {
        let text = || String::from_utf8_lossy(&entry.bytes);
        match kind {
            ContentKind::Unit => {
                let name = file_name(&path);
                self.unit_names.insert(name.clone());
                self.add_unit_file(name, UnitFile::parse(&text(), &path));
            }
            ContentKind::DropIn => {
                let folder = path.parent().map(file_name).unwrap_or_default();
                let drop_in = UnitFile::parse(&text(), &path);
                let name = folder.trim_end_matches(".d").to_owned();
                self.change_unit(name, |unit| unit.add_drop_in(drop_in));
            }
            ContentKind::Environment => {
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text(), &path));
            }
            ContentKind::Config => {
                self.configs.insert(path.clone(), ConfigFile::parse(&text(), &path));
            }
            ContentKind::Script(process) => {
                let place = Place::file(&path);
                self.members.push(Member { unit: None, process, settings: Settings::default(), place });
            }
            ContentKind::Pem => self.add_pem(path, entry),
            ContentKind::Request(request) => {
                self.requests.insert(path, *request);
            }
            ContentKind::CaConfig(config) => {
                self.ca_configs.insert(path, *config);
            }
        }
    }

    fn add_pem(&mut self, path: PathBuf, entry: &Entry) {
        let file = PemFile::read(path.clone(), &entry.bytes, entry.mode, entry.ids.0);
        self.pems.insert(path, file);
    }

    /// Adds a unit file, unless one with its name is in a more important folder.
    fn add_unit_file(&mut self, name: String, file: UnitFile) {
        let root = self.root.clone();
        let rank = |path: &Path| {
            let relative = root.as_ref().and_then(|root| path.strip_prefix(root).ok());
            let rank =
                relative.and_then(|path| UNIT_FOLDERS.iter().position(|folder| path.starts_with(folder)));
            rank.unwrap_or(UNIT_FOLDERS.len())
        };
        self.change_unit(name, |unit| {
            if unit.main.as_deref().is_none_or(|main| rank(&file.path) < rank(main)) {
                unit.set_main(file);
            }
        });
    }

    /// Changes the unit with a name, which is made first if it is new.
    fn change_unit(&mut self, name: String, change: impl FnOnce(&mut Unit)) {
        match self.units.iter_mut().find(|unit| unit.name == name) {
            Some(unit) => change(unit),
            None => {
                let mut unit = Unit::new(name, None, Vec::new());
                change(&mut unit);
                self.units.push(unit);
            }
        }
    }

    /// Puts units, environment files and configuration files together to members.
    pub(crate) fn assemble(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        self.read_environments(files)?;
        self.add_members_of_units();
        if self.root.as_deref() == Some(Path::new("/")) {
            let users = self.units.iter().filter_map(|unit| unit.last("Service", "User"));
            let names = users.map(|setting| setting.value.text.clone());
            self.users = names.filter_map(|name| files.user(&name).map(|id| (name, id))).collect();
        }
        if self.units.is_empty() {
            self.add_members_of_environments();
        }
        self.read_settings(version, files)
    }

    /// Reads the environment files that units name, which the user may not have named.
    fn read_environments(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let names: Vec<String> =
            self.units.iter().flat_map(Unit::environment_files).map(|name| name.path).collect();
        for name in names {
            if let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)? {
                let text = String::from_utf8_lossy(&entry.bytes);
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text, &path));
            }
        }
        Ok(())
    }

    /// Keeps the units that run etcd, and adds a member for each.
    fn add_members_of_units(&mut self) {
        let mut units = std::mem::take(&mut self.units);
        units.retain(|unit| {
            let process = self.process(unit);
            // A drop-in without its unit has no command, and a unit may start etcd through another program.
            let is_named_etcd = unit.name.starts_with("etcd") && !unit.name.starts_with("etcdpki");
            process.is_etcd() || process.has_etcd_variables() || is_named_etcd
        });
        for (index, unit) in units.iter().enumerate() {
            let (process, place) = (self.process(unit), unit.place());
            self.members.push(Member { unit: Some(index), process, settings: Settings::default(), place });
        }
        self.units = units;
    }

    /// Adds a member for each environment file, as if a unit with no options of its own would read the file.
    fn add_members_of_environments(&mut self) {
        for (path, file) in &self.environments {
            let place = Place::file(path);
            let program =
                Argument { text: Some("etcd".to_owned()), written: "etcd".to_owned(), place: place.clone() };
            let process = Process {
                arguments: vec![program],
                variables: file.variables.clone(),
                environment_is_known: true,
                ..Process::default()
            };
            self.members.push(Member { unit: None, process, settings: Settings::default(), place });
        }
    }

    /// Reads the settings of every member, and looks up every file that they name. If there are no units, adds a
    /// member for each configuration file that no other member reads.
    fn read_settings(&mut self, version: EtcdVersion, files: &dyn Files) -> Result<(), ReadError> {
        let mut members = std::mem::take(&mut self.members);
        let mut used = BTreeSet::new();
        for member in &mut members {
            let without_file = Settings::of_process(&member.process, version, |_| None);
            if let Some(name) = without_file.value("config-file")
                && let (FileLookup::Present(path), Some(entry)) = self.look_up(name, files)?
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
            if let Some(setting) = member.settings.setting("config-file")
                && let Some(FileLookup::Absent(_)) = setting.value.as_deref().map(|name| self.lookup(name))
            {
                let problem = format!("{} is not there", setting.value.as_deref().unwrap_or_default());
                member.settings.config_fault = Some((setting.place.clone(), problem));
            }
        }
        if self.units.is_empty() {
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
            for name in FILE_OPTIONS.iter().filter_map(|option| member.settings.value(option)) {
                if let (FileLookup::Present(path), Some(entry)) = self.look_up(name, files)?
                    && !self.pems.contains_key(&path)
                {
                    self.add_pem(path, &entry);
                }
            }
        }
        self.members = members;
        Ok(())
    }

    fn process(&self, unit: &Unit) -> Process {
        unit.process(|name| match self.lookup(name) {
            FileLookup::Present(path) => {
                self.environments.get(path).map_or(EnvironmentLookup::Unknown, EnvironmentLookup::Present)
            }
            FileLookup::Absent(_) => EnvironmentLookup::Absent,
            FileLookup::TooLarge(_) | FileLookup::Unknown => EnvironmentLookup::Unknown,
        })
    }

    /// Looks up a path of the host, and keeps the result for [`Host::lookup`].
    fn look_up(&mut self, name: &str, files: &dyn Files) -> Result<(FileLookup, Option<Entry>), ReadError> {
        let leaves_root = Path::new(name).components().any(|part| part == Component::ParentDir);
        let path = match &self.root {
            _ if leaves_root => None,
            Some(root) => Path::new(name).strip_prefix("/").ok().map(|relative| root.join(relative)),
            // Loose files were collected into one folder.
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

    /// What is known about a file that a unit or an option names.
    pub(crate) fn lookup(&self, name: &str) -> &FileLookup {
        self.lookups.get(name).unwrap_or(&FileLookup::Unknown)
    }

    /// The file with certificates or keys that an option of a member names; `None` if it was not found.
    pub(crate) fn pem(&self, member: &Member, option: &str) -> Option<&PemFile> {
        match self.lookup(member.settings.value(option)?) {
            FileLookup::Present(path) => self.pems.get(path),
            _ => None,
        }
    }

    /// Whether a unit or an option names a file.
    pub(crate) fn is_named(&self, path: &Path) -> bool {
        self.lookups.values().any(|lookup| matches!(lookup, FileLookup::Present(named) if named == path))
    }

    /// The files that a unit or an option names and that are too large to be read.
    pub(crate) fn too_large(&self) -> impl Iterator<Item = &Path> {
        self.lookups.values().filter_map(|lookup| match lookup {
            FileLookup::TooLarge(path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The unit of a member; `None` if a script or file sets it up.
    pub(crate) fn unit(&self, member: &Member) -> Option<&Unit> {
        member.unit.and_then(|index| self.units.get(index))
    }

    /// Whether a member runs on the host. Without one, the host is a folder of certificates.
    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_folder(path: Option<&Path>, files: &dyn Files) -> Result<bool, ReadError> {
    let Some(path) = path else { return Ok(false) };
    Ok(files.entry(path)?.is_some_and(|entry| entry.kind == FileKind::Folder))
}
