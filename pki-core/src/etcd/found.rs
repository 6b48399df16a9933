//! Reads the files of clusters that exist already: units, environment and configuration files, certificates and keys,
//! and the requests and ca-configs of cfssl.
//!
//! [`Found::read`] reads files and folders and sorts them by host. A path may be the root folder of a host, a folder
//! below `nodes` in an output folder, or a single file. What a unit or an option names is looked up within its own
//! host. If a file may be elsewhere, or is too large to be read, nothing is concluded from it.

mod environment;
mod error;
mod files;
mod host;
mod kind;
mod pem_file;
mod process;
mod recorded;
mod settings;
mod text;
mod unit;
mod words;
mod yaml;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

pub(crate) use crate::etcd::error::{SHORTEN, TOO_LARGE};
pub(crate) use crate::etcd::option::FoundUrl;
pub(crate) use environment::EnvironmentFile;
pub use error::ReadError;
pub(crate) use files::entry;
pub use files::{Files, SystemFiles};
pub(crate) use host::{FILE_OPTIONS, FileLookup};
pub use host::{Host, Member};
pub use pem_file::PemFile;
pub(crate) use pem_file::{Form, FoundKey};
pub(crate) use process::Process;
pub use recorded::described_version;
pub(crate) use settings::{Setting, Settings, Source};
pub(crate) use unit::{SyntaxFaultKind, Unit, UnitFile, UnitSetting};
pub use yaml::{ConfigFile, ConfigValue};

use crate::etcd::cluster::path::ETCDCTL;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::found::error::MOST_FILES;
use crate::etcd::found::kind::{ContentKind, is_description, is_drop_in_folder};
use crate::etcd::option::port::PEER;
use crate::etcd::option::version::EtcdVersion;

/// The files of etcd that were found, by host.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The hosts, in the order of their folders.
    pub hosts: Vec<Host>,
    /// What was left out, because it is of members and clients that the record of its output folder no longer has.
    pub left_out: BTreeSet<PathBuf>,
}

/// Files by path, each with whether the user named the file itself, and not a folder around it.
type NamedFiles = BTreeMap<PathBuf, (Entry, bool)>;

impl Found {
    /// Reads files and folders, named by their absolute paths, as etcd of `version` would read them.
    ///
    /// ```
    /// use pki_core::etcd::EtcdVersion;
    /// use pki_core::etcd::found::{Found, SystemFiles};
    ///
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("etcd.env"), "ETCD_NAME=etcd1\nETCD_DATA_DIR=/var/lib/etcd\n")?;
    /// let found = Found::read(&[folder.path().to_owned()], EtcdVersion::V3_5, &SystemFiles)?;
    /// assert_eq!(found.members().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a path does not exist, cannot be read, has too many files, has nothing that belongs to etcd, or is the
    /// description of a cluster.
    pub fn read(paths: &[PathBuf], version: EtcdVersion, files: &dyn Files) -> Result<Self, ReadError> {
        let (mut all, mut left_out) = (NamedFiles::new(), BTreeSet::new());
        for path in paths {
            let left = recorded::left_behind(path, files)?;
            all.append(&mut read_path(path, &left, files)?);
            left_out.extend(left);
        }
        let client_folders: BTreeSet<PathBuf> = all
            .keys()
            .filter(|path| path.file_name().is_some_and(|name| name == ETCDCTL))
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        let mut hosts = by_host(all);
        for host in &mut hosts {
            // A client's folder may have the files for a host of the control plane in a folder of their own.
            let around = host.root.as_deref().and_then(Path::parent);
            let folders = [Some(host.folder.as_path()), around];
            host.is_client = folders.into_iter().flatten().any(|folder| client_folders.contains(folder));
            host.assemble(version, files)?;
        }
        Ok(Self { hosts, left_out })
    }

    /// Every member, with its host.
    pub fn members(&self) -> impl Iterator<Item = (&Host, &Member)> {
        self.hosts.iter().flat_map(|host| host.members.iter().map(move |member| (host, member)))
    }

    /// Every member once, with its host. Units and scripts that give etcd the same name and the same peer URLs are about
    /// one member, and the unit stands for it.
    pub fn distinct_members(&self) -> Vec<(&Host, &Member)> {
        let mut all: Vec<(&Host, &Member)> = Vec::new();
        let mut known: BTreeMap<(&str, Vec<String>), usize> = BTreeMap::new();
        for (host, member) in self.members() {
            let urls =
                member.settings.urls(PEER.advertise).into_iter().map(|url| url.text).collect::<Vec<_>>();
            let name = member.settings.value("name").filter(|_| !urls.is_empty());
            match name.map(|name| known.entry((name, urls))) {
                Some(MapEntry::Occupied(at)) => {
                    if let Some(other) = all.get_mut(*at.get())
                        && other.1.unit.is_none()
                        && member.unit.is_some()
                    {
                        *other = (host, member);
                    }
                    continue;
                }
                Some(MapEntry::Vacant(at)) => drop(at.insert(all.len())),
                None => {}
            }
            all.push((host, member));
        }
        all
    }
}

/// The files at a path that the user named.
fn read_path(path: &Path, left_out: &BTreeSet<PathBuf>, files: &dyn Files) -> Result<NamedFiles, ReadError> {
    let entry = files.entry(path)?.ok_or_else(|| ReadError::Missing { path: path.to_owned() })?;
    let found = if entry.kind == FileKind::Folder {
        read_folder(path, left_out, files)?
    } else if is_description(path, &entry) {
        return Err(ReadError::Description { path: path.to_owned() });
    } else {
        NamedFiles::from([(path.to_owned(), (entry, true))])
    };
    if found.iter().any(|(path, (entry, is_named))| ContentKind::of(path, entry, *is_named).is_some()) {
        Ok(found)
    } else {
        Err(ReadError::Nothing { path: path.to_owned() })
    }
}

/// The files in a folder and in the folders below it, but for what is left out.
fn read_folder(
    folder: &Path,
    left_out: &BTreeSet<PathBuf>,
    files: &dyn Files,
) -> Result<NamedFiles, ReadError> {
    let mut found = NamedFiles::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for name in files.names(&next)? {
            let path = next.join(&name);
            if left_out.contains(&path) {
                continue;
            }
            let entry = match entry(&path, files)? {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error) if ContentKind::of_systemd(&path).is_some() => return Err(error.into()),
                // Programs and data. If a unit or an option names the file, its lookup says that it is too large.
                Err(_) => continue,
            };
            match entry.kind {
                // `.wants` and `.requires` have only links to units (systemd.unit(5)), and `.git` has old versions.
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
    Ok(found)
}

/// Sorts files by host.
fn by_host(files: NamedFiles) -> Vec<Host> {
    let roots: BTreeSet<PathBuf> = files.keys().filter_map(|path| root_of(path)).collect();
    let mut hosts: BTreeMap<PathBuf, Host> = BTreeMap::new();
    for (path, (entry, is_named)) in files {
        let Some(kind) = ContentKind::of(&path, &entry, is_named) else { continue };
        let root = root_of(&path).or_else(|| {
            let around = roots.iter().filter(|root| path.starts_with(root) && root.parent().is_some());
            around.max_by_key(|root| root.components().count()).cloned()
        });
        let folder = root.clone().or_else(|| loose_folder(&path)).unwrap_or_default();
        let host = hosts.entry(folder.clone()).or_insert_with(|| Host::new(root, folder));
        host.add_file(path, &entry, kind);
    }
    hosts.into_values().collect()
}

/// The folder that is `/` on the host of a file: the one above the last `etc`, or else above a folder for units. `None`
/// if the path has no such folder.
fn root_of(path: &Path) -> Option<PathBuf> {
    let names: Vec<_> = path.components().collect();
    let is = |index: usize, name: &str| {
        names
            .get(index)
            .is_some_and(|part| matches!(part, Component::Normal(part) if *part == OsStr::new(name)))
    };
    // The last name is the file's own.
    let folders = 0..names.len().saturating_sub(1);
    let at = folders.clone().rev().find(|index| is(*index, "etc")).or_else(|| {
        folders.rev().find(|index| {
            let is_usr =
                is(*index, "usr") && ["lib", "local", "share"].iter().any(|name| is(*index + 1, name));
            let is_in_usr =
                index.checked_sub(1).is_some_and(|before| is(before, "usr") || is(before, "local"));
            is_usr || (is(*index, "lib") || is(*index, "run")) && is(*index + 1, "systemd") && !is_in_usr
        })
    })?;
    names.get(..at).map(|names| names.iter().collect())
}

/// The folder of a loose file; for a drop-in, the folder that would have its unit.
fn loose_folder(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    Some(if is_drop_in_folder(folder) { folder.parent()? } else { folder }.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use zeroize::Zeroizing;

    use super::*;

    /// Files in memory, readable by everybody, from paths and texts.
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
    fn a_root_follows_from_the_path_of_a_file() {
        let root = |path: &str| root_of(Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(root("/etc/etcd/etcd.env").as_deref(), Some("/"));
        assert_eq!(root("/out/nodes/a/etc/systemd/system/etcd.service").as_deref(), Some("/out/nodes/a"));
        assert_eq!(root("/x/usr/lib/systemd/system/etcd.service").as_deref(), Some("/x"));
        assert_eq!(root("/lib/systemd/system/etcd.service").as_deref(), Some("/"));
        assert_eq!(root("/home/me/etcd.service"), None);
        assert_eq!(root("/home/me/etc"), None);
    }

    #[test]
    fn each_folder_of_a_node_is_a_host() {
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
    fn a_file_that_may_be_elsewhere_is_not_absent() {
        let found = read(&[("/x/etcd.service", UNIT)], &["/x/etcd.service"]);
        let (host, member) = found.members().next().unwrap();
        assert!(!member.settings.is_complete);
        assert_eq!(host.lookup("/etc/etcd/etcd.env"), &FileLookup::Unknown);
        let found = read(&[("/n/etc/systemd/system/etcd.service", UNIT), ("/n/etc/etcd/x", "")], &["/n"]);
        let absent = FileLookup::Absent(PathBuf::from("/n/etc/etcd/etcd.env"));
        assert_eq!(found.hosts[0].lookup("/etc/etcd/etcd.env"), &absent);
    }

    #[test]
    fn loose_files_are_looked_up_in_their_folder() {
        let found = read(&[("/x/etcd.service", UNIT), ("/x/etcd.env", "ETCD_NAME=a\n")], &["/x"]);
        let names: Vec<_> = found.members().map(|(_, member)| member.settings.value("name")).collect();
        assert_eq!(names, [Some("a")]);
    }

    #[test]
    fn the_json_of_cfssl_is_found() {
        let request = r#"{"CN": "etcd", "hosts": ["10.0.0.1"], "key": {"algo": "rsa", "size": 2048}}"#;
        let config = r#"{"signing": {"default": {"expiry": "8760h"}, "profiles": {}}}"#;
        let other = r#"{"name": "a", "data-dir": "/d"}"#;
        let found =
            read(&[("/x/etcd.json", request), ("/x/ca-config.json", config), ("/x/a.json", other)], &["/x"]);
        let host = &found.hosts[0];
        assert_eq!(host.requests[Path::new("/x/etcd.json")].common_name, "etcd");
        assert!(host.ca_configs[Path::new("/x/ca-config.json")].names().next().is_none());
        assert_eq!(host.members[0].settings.value("name"), Some("a"));
    }

    #[test]
    fn the_settings_of_a_drop_in_without_its_unit_are_incomplete() {
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
    fn files_without_units_are_members() {
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

    /// Each line or word of these units is a finding. The time must not grow with the square of their number.
    #[test]
    fn time_grows_with_the_length_of_a_file() {
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
            // Four times as long takes 4 times the time, or 16 times if each line were compared with each. Other work
            // on the machine can spoil a measurement, but not all of them.
            let is_linear = || quickest(8_000) < 10 * quickest(2_000);
            assert!((0..5).any(|_| is_linear()), "{}", unit(3));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        /// No text in a file makes reading or examining it panic.
        #[test]
        fn any_text_can_be_read(
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
