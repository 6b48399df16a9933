//! One host: its files, its members, and what is known about the files that units and options name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::base::place::Place;
use crate::cfssl::config::Config;
use crate::cfssl::csr_json::Request;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::found::environment::EnvironmentFile;
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, NotRead, Unread, entry, in_copy, is_folder};
use crate::etcd::found::kind::ContentKind;
use crate::etcd::found::not_understood::NotUnderstood;
use crate::etcd::found::pem_file::PemFile;
use crate::etcd::found::process::{EnvironmentLookup, Process};
use crate::etcd::found::settings::Settings;
use crate::etcd::found::unit::{Unit, UnitFile};
use crate::etcd::found::yaml::ConfigFile;
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};

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
    pub(crate) named: BTreeSet<PathBuf>,
    /// The folders and programs that were looked for, each with whether it is there; `None` if that is not known.
    pub(crate) paths: BTreeMap<String, Option<bool>>,
    /// The files of this host that turned out not to be etcd's.
    pub(crate) not_understood: Vec<NotUnderstood>,
    /// The result of each lookup so far, by the path that a unit or an option names.
    pub(crate) lookups: BTreeMap<String, FileLookup>,
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
    /// The file is at this path, and was not read.
    Unread(PathBuf, Unread),
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

    pub(crate) fn add_pem(&mut self, path: PathBuf, entry: &Entry) {
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

    pub(crate) fn process(&self, unit: &Unit) -> Process {
        unit.process(|name| match self.lookup(name) {
            FileLookup::Present(path) => {
                self.environments.get(path).map_or(EnvironmentLookup::Unknown, EnvironmentLookup::Present)
            }
            FileLookup::Absent(_) => EnvironmentLookup::Absent,
            FileLookup::Unread(..) | FileLookup::Unknown => EnvironmentLookup::Unknown,
        })
    }

    /// Looks up a path of the host, and keeps the result for [`Host::lookup`].
    pub(crate) fn look_up(
        &mut self,
        name: &str,
        files: &dyn Files,
    ) -> Result<(FileLookup, Option<Entry>), ReadError> {
        let leaves_root = Path::new(name).components().any(|part| part == Component::ParentDir);
        let path = match &self.root {
            _ if leaves_root => None,
            Some(root) => match Path::new(name).strip_prefix("/") {
                Ok(relative) => Some(self.in_root(root, relative, files)?),
                Err(_) => None,
            },
            // Loose files were collected into one folder, or lie where a relative path says.
            None if !name.starts_with('/')
                && entry(&self.folder.join(name), files)?.map_or(true, |entry| entry.is_some()) =>
            {
                Some(self.folder.join(name))
            }
            None => Path::new(name).file_name().map(|name| self.folder.join(name)),
        };
        let (lookup, entry) = match path {
            None => (FileLookup::Unknown, None),
            Some(path) => match entry(&path, files)? {
                Err(NotRead { why, .. }) => (FileLookup::Unread(path, why), None),
                Ok(Some(entry)) if entry.kind == FileKind::File => (FileLookup::Present(path), Some(entry)),
                Ok(_)
                    if self.root.is_some()
                        && !self.is_partial
                        && path.parent().map_or(Ok(false), |folder| is_folder(folder, files))? =>
                {
                    (FileLookup::Absent(path), None)
                }
                Ok(_) => (FileLookup::Unknown, None),
            },
        };
        self.lookups.insert(name.to_owned(), lookup.clone());
        Ok((lookup, entry))
    }

    /// The place of a path of the host. A link that leads to another path of the host is followed in the copy.
    fn in_root(&self, root: &Path, relative: &Path, files: &dyn Files) -> Result<PathBuf, ReadError> {
        let path = root.join(relative);
        let is_link = |path: &&Path| matches!(files.link(path), Ok(Some(target)) if target.is_absolute());
        let below = path.ancestors().take_while(|above| *above != root);
        if root == Path::new("/") || !below.into_iter().any(|above| is_link(&above)) {
            return Ok(path);
        }
        Ok(in_copy(root, relative, files)?.unwrap_or(path))
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

    /// The files that units and options name and that are there.
    pub(crate) fn named_paths(&self) -> impl Iterator<Item = &Path> {
        self.lookups.values().filter_map(|lookup| match lookup {
            FileLookup::Present(path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// Whether a unit or an option names a file.
    pub(crate) fn is_named(&self, path: &Path) -> bool {
        self.lookups.values().any(|lookup| matches!(lookup, FileLookup::Present(named) if named == path))
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

    /// The files that a unit or an option names and that were not read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&Path, Unread)> {
        self.lookups.values().filter_map(|lookup| match lookup {
            FileLookup::Unread(path, why) => Some((path.as_path(), *why)),
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
    pub(crate) fn is_at(&self, wanted: &Path) -> bool {
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

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
