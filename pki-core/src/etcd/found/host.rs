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
use crate::etcd::found::instances;
use crate::etcd::found::kind::ContentKind;
use crate::etcd::found::not_understood::{NotUnderstood, NotUnderstoodKind};
use crate::etcd::found::pem_file::PemFile;
use crate::etcd::found::process::{Argument, EnvironmentLookup, Opaque, Process};
use crate::etcd::found::settings::Settings;
use crate::etcd::found::unit::{Unit, UnitFile};
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::found::{foreign, related, template};
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
    /// Whether only some of the host's files are known, since they are written in another file.
    pub(crate) is_partial: bool,
    /// The names of the links that enable units.
    pub(crate) enabled: BTreeSet<String>,
    /// The files that were named by the user, and not a folder around them.
    named: BTreeSet<PathBuf>,
    /// The folders and programs that were looked for, each with whether it is there; `None` if that is not known.
    paths: BTreeMap<String, Option<bool>>,
    /// The files of this host that turned out not to be etcd's.
    pub(crate) not_understood: Vec<NotUnderstood>,
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

    /// Adds a file of the host. `is_named` says that the user named it.
    pub(crate) fn add_file(&mut self, path: PathBuf, entry: &Entry, kind: ContentKind, is_named: bool) {
        let text = || String::from_utf8_lossy(&entry.bytes);
        if is_named {
            self.named.insert(path.clone());
        }
        match kind {
            ContentKind::Unit => {
                let name = file_name(&path);
                self.unit_names.insert(name.clone());
                self.add_unit_file(name, UnitFile::parse(&text(), &path));
            }
            ContentKind::LooseUnit => {
                let name = file_name(&path);
                let stem = name.split('.').next().unwrap_or_default();
                self.add_unit_file(format!("{stem}.service"), UnitFile::parse(&text(), &path));
            }
            ContentKind::DropIn => {
                let folder = path.parent().map(file_name).unwrap_or_default();
                let drop_in = UnitFile::parse(&text(), &path);
                let name = folder.trim_end_matches(".d").to_owned();
                self.change_unit(name, |unit| unit.add_drop_in(drop_in));
            }
            ContentKind::LooseDropIn => {
                let drop_in = UnitFile::parse(&text(), &path);
                self.change_unit("etcd.service".to_owned(), |unit| unit.add_drop_in(drop_in));
            }
            ContentKind::Environment => {
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text(), &path));
            }
            ContentKind::Config => {
                self.configs.insert(path.clone(), ConfigFile::parse(&text(), &path));
            }
            ContentKind::Started(all) => {
                for started in all {
                    let (mut process, place) = (started.process, started.place);
                    self.resolve_relative(&mut process, &path);
                    self.members.push(Member { unit: None, process, settings: Settings::default(), place });
                }
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

    /// Makes paths that are relative to a file absolute, as far as the host's root is known.
    fn resolve_relative(&self, process: &mut Process, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let folder = self.root.as_ref().and_then(|root| folder.strip_prefix(root).ok());
        let resolved = |path: &str| -> String {
            if path.starts_with('/') {
                return path.to_owned();
            }
            // A loose file stays beside the file that names it.
            let mut result = folder.map(|folder| Path::new("/").join(folder)).unwrap_or_default();
            for part in Path::new(path).components() {
                match part {
                    Component::Normal(part) => result.push(part),
                    Component::ParentDir => drop(result.pop()),
                    _ => {}
                }
            }
            result.to_string_lossy().into_owned()
        };
        for list in &mut process.lists {
            list.path = resolved(&list.path);
        }
        for mount in process.mounts.iter_mut().flatten() {
            mount.source = mount.source.as_deref().map(resolved);
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
        self.units = instances::of(std::mem::take(&mut self.units), &self.enabled);
        self.read_environments(files)?;
        self.add_members_of_units(files)?;
        if self.root.as_deref() == Some(Path::new("/")) {
            let users = self.units.iter().filter_map(|unit| unit.last("Service", "User"));
            let names = users.map(|setting| setting.value.text.clone());
            self.users = names.filter_map(|name| files.user(&name).map(|id| (name, id))).collect();
        }
        self.read_lists(files)?;
        self.leave_out_parts();
        if self.units.is_empty() {
            self.add_members_of_environments();
        }
        self.read_settings(version, files)?;
        self.look_for_paths(files)?;
        if self.root.is_some() {
            related::keep(
                &mut self.pems,
                &self.named,
                |path| self.lookups.values().any(|lookup| lookup.is_at(path)),
                self.root.as_deref(),
                !self.members.is_empty(),
            );
        }
        Ok(())
    }

    /// Reads the environment files that units name, which the user may not have named.
    fn read_environments(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let names = self.units.iter().flat_map(Unit::environment_files);
        let names: Vec<String> = names.filter(|name| name.is_known).map(|name| name.path).collect();
        for name in names {
            if let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)? {
                let text = String::from_utf8_lossy(&entry.bytes);
                if template::language(&text).is_some() {
                    continue;
                }
                self.environments.insert(path.clone(), EnvironmentFile::parse(&text, &path));
            }
        }
        Ok(())
    }

    /// Keeps the units that run etcd, and adds a member for each.
    fn add_members_of_units(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let units = std::mem::take(&mut self.units);
        let mut processes = Vec::new();
        for unit in &units {
            let process = self.process(unit);
            processes.push(self.follow_script(process, files)?);
        }
        let has_etcd = processes.iter().any(Process::is_etcd);
        for (unit, process) in units.into_iter().zip(processes) {
            if !is_member(&unit, &process, has_etcd) {
                continue;
            }
            let place = unit.place();
            // What is before etcd's name is not etcd's.
            let process =
                if process.opaque.is_some() { Process { arguments: Vec::new(), ..process } } else { process };
            let unit_index = Some(self.units.len());
            self.members.push(Member { unit: unit_index, process, settings: Settings::default(), place });
            self.units.push(unit);
        }
        Ok(())
    }

    /// If a process starts a script that is on the host, goes on with the etcd that the script starts.
    fn follow_script(&mut self, process: Process, files: &dyn Files) -> Result<Process, ReadError> {
        let Some(Opaque { .. }) = process.opaque else { return Ok(process) };
        // The script itself, or the one that a shell is told to read.
        let words = process.arguments.iter().map(|word| word.shown().to_owned());
        let script = words.into_iter().find(|word| word.starts_with('/') && !is_shell(word));
        let Some(script) = script else { return Ok(process) };
        if let (FileLookup::Present(path), Some(entry)) = self.look_up(&script, files)?
            && let Ok(text) = std::str::from_utf8(&entry.bytes)
            && let Some(found) = process.clone().in_script(text, &path)
        {
            return Ok(found);
        }
        Ok(process)
    }

    /// Reads the files of variables that command lines and scripts name.
    fn read_lists(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let mut members = std::mem::take(&mut self.members);
        for member in &mut members {
            for list in std::mem::take(&mut member.process.lists) {
                match self.look_up(&list.path, files)? {
                    (FileLookup::Present(path), Some(entry)) => {
                        let text = String::from_utf8_lossy(&entry.bytes);
                        let (variables, of_shell) = list.form.read(&text, &path);
                        member.process.add_list(variables, of_shell);
                    }
                    (FileLookup::Absent(_), _) => {}
                    _ => member.process.environment_is_known = false,
                }
            }
            member.process.fill();
        }
        self.members = members;
        Ok(())
    }

    /// Leaves out what is a part of another member: a script that a unit starts, variables that a script reads, and
    /// the script of an older init system beside the unit of the same name.
    fn leave_out_parts(&mut self) {
        let mut members = std::mem::take(&mut self.members);
        let units = &self.units;
        members.retain(|member| {
            let Some(path) = member.place.path().filter(|_| member.unit.is_none()) else { return true };
            let service = format!("{}.service", file_name(path));
            let is_replaced = path.parent().is_some_and(|folder| folder.ends_with("init.d"))
                && units.iter().any(|unit| unit.name == service);
            !is_replaced && !self.is_named(path)
        });
        self.members = members;
    }

    /// Adds a member for each environment file, as if a unit with no options of its own would read the file.
    fn add_members_of_environments(&mut self) {
        for (path, file) in &self.environments {
            if self.is_named(path) {
                continue;
            }
            let has = |start: &str| file.variables.iter().any(|variable| variable.name.starts_with(start));
            if !has("ETCD_") {
                // The variables of etcdctl are a client's.
                if self.named.contains(path) && !has("ETCDCTL_") {
                    let text = file.variables.iter().map(|variable| format!("{}=\n", variable.name));
                    let seems = foreign::seems(&text.collect::<String>(), path);
                    let what = NotUnderstoodKind::Foreign(seems);
                    self.not_understood.push(NotUnderstood { path: path.clone(), what });
                }
                continue;
            }
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
            let name = without_file.value("config-file").and_then(|name| member.process.on_host(name));
            if let Some(name) = name
                && let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)?
            {
                let text = String::from_utf8_lossy(&entry.bytes);
                self.configs.insert(path.clone(), ConfigFile::parse(&text, &path));
                used.insert(path);
            }
            let settings = Settings::of_process(&member.process, version, |name| {
                match member.process.on_host(name).map(|name| self.lookup(&name)) {
                    Some(FileLookup::Present(path)) => self.configs.get(path),
                    _ => None,
                }
            });
            member.settings = settings;
            member.settings.is_complete &= member.process.opaque.is_none();
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
            let names = FILE_OPTIONS.iter().filter_map(|option| member.settings.value(option));
            let names = names.map(str::to_owned).chain(member.made_by_itself());
            for name in names.filter_map(|name| member.process.on_host(&name)) {
                if let (FileLookup::Present(path), Some(entry)) = self.look_up(&name, files)?
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
            // Loose files were collected into one folder, or lie where a relative path says.
            None if !name.starts_with('/') && files.entry(&self.folder.join(name))?.is_some() => {
                Some(self.folder.join(name))
            }
            None => Path::new(name).file_name().map(|name| self.folder.join(name)),
        };
        let (lookup, entry) = match path {
            None => (FileLookup::Unknown, None),
            Some(path) => match entry(&path, files)? {
                Err(_) => (FileLookup::TooLarge(path), None),
                Ok(Some(entry)) if entry.kind == FileKind::File => (FileLookup::Present(path), Some(entry)),
                Ok(_) if self.root.is_some() && !self.is_partial && is_folder(path.parent(), files)? => {
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

    /// What is known about a file by the path at which a member sees it.
    pub(crate) fn lookup_of(&self, member: &Member, name: &str) -> &FileLookup {
        member.process.on_host(name).map_or(&FileLookup::Unknown, |name| self.lookup(&name))
    }

    /// The file with certificates or keys that an option of a member names; `None` if it was not found.
    pub(crate) fn pem(&self, member: &Member, option: &str) -> Option<&PemFile> {
        match self.lookup_of(member, member.settings.value(option)?) {
            FileLookup::Present(path) => self.pems.get(path),
            _ => None,
        }
    }

    /// The file with certificates or keys at the path at which a member sees it; `None` if it was not found.
    pub(crate) fn pem_at(&self, member: &Member, path: &str) -> Option<&PemFile> {
        match self.lookup_of(member, path) {
            FileLookup::Present(path) => self.pems.get(path),
            _ => None,
        }
    }

    /// Whether a unit or an option names a file.
    pub(crate) fn is_named(&self, path: &Path) -> bool {
        self.lookups.values().any(|lookup| matches!(lookup, FileLookup::Present(named) if named == path))
    }

    /// Looks for the programs and folders that units name.
    fn look_for_paths(&mut self, files: &dyn Files) -> Result<(), ReadError> {
        let Some(root) = self.root.clone().filter(|_| !self.is_partial) else { return Ok(()) };
        let members = self.members.iter().filter(|member| member.process.mounts.is_none());
        let programs = members.filter_map(|member| member.process.arguments.first()?.text.clone());
        let units = self.units.iter();
        let folders = units.filter_map(|unit| {
            let text = &unit.last("Service", "WorkingDirectory")?.value.text;
            unit.expand(text.trim_start_matches('-'))
        });
        let starts = self.units.iter().filter_map(|unit| {
            let text = &unit.all("Service", "ExecStart").pop()?.value.text;
            let line = text.trim_start_matches(['@', '-', ':', '+', '!', '|']);
            unit.expand(line.split_whitespace().next()?.trim_matches(['"', '\'']))
        });
        let names: BTreeSet<String> = programs.chain(folders).chain(starts).collect();
        for name in names.into_iter().filter(|name| name.starts_with('/') && !name.contains("/../")) {
            let path = root.join(name.trim_start_matches('/'));
            // Only where the folder around it was copied too, something can be missing in it.
            let around = match path.parent() {
                Some(folder) if folder != root => !files.names_or_none(folder)?.is_empty(),
                _ => false,
            };
            let is_there = entry(&path, files)?.map_or(true, |entry| entry.is_some());
            let known = if is_there { Some(true) } else { around.then_some(false) };
            self.paths.insert(name, known);
        }
        Ok(())
    }

    /// Whether a program or folder that a unit names is there; `None` if that is not known.
    pub(crate) fn is_there(&self, name: &str) -> Option<bool> {
        self.paths.get(name).copied().flatten()
    }

    /// Whether nothing was found on the host.
    pub(crate) fn is_empty(&self) -> bool {
        let files = self
            .environments
            .keys()
            .filter(|path| !self.not_understood.iter().any(|file| file.path == **path));
        self.units.is_empty()
            && self.members.is_empty()
            && files.count() == 0
            && self.configs.is_empty()
            && self.pems.is_empty()
            && self.requests.is_empty()
            && self.ca_configs.is_empty()
            && self.unit_names.is_empty()
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

impl FileLookup {
    fn is_at(&self, wanted: &Path) -> bool {
        matches!(self, Self::Present(path) if path == wanted)
    }
}

impl Member {
    /// The files that etcd makes itself in its data folder, with `auto-tls` and `peer-auto-tls`, and reads again at
    /// each start (etcd, client/pkg/transport, `SelfCert`).
    pub(crate) fn made_by_itself(&self) -> Vec<String> {
        let Some(data) = self.settings.value("data-dir") else { return Vec::new() };
        let data = data.trim_end_matches('/');
        [(SERVER.auto_tls, "client"), (PEER.auto_tls, "peer")]
            .into_iter()
            .filter(|(option, _)| self.settings.is_true(option))
            .flat_map(|(_, part)| ["cert", "key"].map(|name| format!("{data}/fixtures/{part}/{name}.pem")))
            .collect()
    }
}

/// Whether a unit is one that runs a member. A drop-in without its unit has no command, and a unit may start etcd
/// through another program. `has_etcd` says that another unit of the host surely does.
fn is_member(unit: &Unit, process: &Process, has_etcd: bool) -> bool {
    if process.is_etcd() {
        return !process.asks_only();
    }
    if process.has_etcd_variables() {
        return true;
    }
    let name = unit.name.as_str();
    let is_named_etcd = name.starts_with("etcd") && !name.starts_with("etcdpki");
    let stem = name.split(['.', '@']).next().unwrap_or_default();
    let is_plain = matches!(stem, "etcd" | "etcd2" | "etcd3" | "etcd-member" | "etcd-server" | "etcd-events");
    // `etcd-backup.service` and the like are jobs beside a member.
    let is_job = unit.last("Service", "Type").is_some_and(|setting| setting.value.text == "oneshot")
        || process.opaque.as_ref().is_some_and(|opaque| JOBS.iter().any(|job| opaque.program.ends_with(job)));
    is_named_etcd && (is_plain || process.opaque.is_none() || !has_etcd && !is_job)
}

/// Programs that look after a member, and start none.
const JOBS: [&str; 7] = ["etcdctl", "etcdutl", "etcdpki", "/curl", "/tar", "/rsync", "-exporter"];

fn is_shell(word: &str) -> bool {
    ["/sh", "/bash", "/dash", "/ash", "/env"].iter().any(|shell| word.ends_with(shell))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl dyn Files + '_ {
    /// The names in a folder; none if it is not there.
    fn names_or_none(&self, path: &Path) -> Result<Vec<String>, ReadError> {
        match self.entry(path)? {
            Some(entry) if entry.kind == FileKind::Folder => Ok(self.names(path)?),
            _ => Ok(Vec::new()),
        }
    }
}

fn is_folder(path: Option<&Path>, files: &dyn Files) -> Result<bool, ReadError> {
    let Some(path) = path else { return Ok(false) };
    Ok(files.entry(path)?.is_some_and(|entry| entry.kind == FileKind::Folder))
}
