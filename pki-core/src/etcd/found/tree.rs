//! Collects files by the paths that the user named, and sorts them by host.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use crate::etcd::error::Error;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::found::embedded;
use crate::etcd::found::error::{MOST_FILES, ReadError};
use crate::etcd::found::etcdctl::{self, ClientCertificate};
use crate::etcd::found::files::{Files, NotRead, Unread, entry, names};
use crate::etcd::found::foreign;
use crate::etcd::found::host::Host;
use crate::etcd::found::kind::{Content, ContentKind, is_description, is_drop_in_folder};
use crate::etcd::found::not_understood::{NotUnderstood, NotUnderstoodKind};
use crate::etcd::found::recorded;

/// The files that were read.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<PathBuf, TreeFile>,
    /// The links that enable units, such as `multi-user.target.wants/etcd@n1.service`.
    links: BTreeSet<PathBuf>,
    /// The files in which other files are written.
    around: BTreeSet<PathBuf>,
    /// The files and folders that were not read although they may be etcd's.
    unread: Vec<NotUnderstood>,
}

/// A file, with what is known about it before its contents are looked at.
pub(crate) struct TreeFile {
    entry: Entry,
    /// Whether the user named the file itself, and not a folder around it.
    is_named: bool,
    /// The file that it is written in; `None` if it is a file of its own.
    around: Option<PathBuf>,
}

/// What a tree has, by host.
pub(crate) struct Sorted {
    pub(crate) hosts: Vec<Host>,
    /// The files that were understood.
    pub(crate) known: Vec<PathBuf>,
    pub(crate) not_understood: Vec<NotUnderstood>,
    /// Whether nothing but certificates, keys and what they are made from is there.
    pub(crate) is_only_certificates: bool,
    /// The certificates that clients are told to show.
    pub(crate) of_clients: Vec<ClientCertificate>,
}

/// Files of a machine with those that are written in other files, as if these lay below the files that have them.
pub(crate) struct Overlay<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) embedded: BTreeMap<PathBuf, Entry>,
}

impl Files for Overlay<'_> {
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error> {
        match self.embedded.get(path) {
            Some(entry) => Ok(Some(entry.clone())),
            None => self.files.entry(path),
        }
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        self.files.names(path)
    }

    fn user(&self, name: &str) -> Option<u32> {
        self.files.user(name)
    }

    fn link(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        self.files.link(path)
    }
}

impl Tree {
    /// Reads the files at a path, which the user named or did not.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        is_named: bool,
        left_out: &BTreeSet<PathBuf>,
        files: &dyn Files,
    ) -> Result<(), ReadError> {
        let entry = files.entry(path)?.ok_or_else(|| ReadError::Missing { path: path.to_owned() })?;
        if entry.kind == FileKind::Folder {
            return self.read_folder(path, left_out, files);
        }
        if is_description(path, &entry) {
            return Err(ReadError::Description { path: path.to_owned() });
        }
        self.files.insert(path.to_owned(), TreeFile { entry, is_named, around: None });
        Ok(())
    }

    /// Reads the files in a folder and in the folders below it, but for what is left out.
    fn read_folder(
        &mut self,
        folder: &Path,
        left_out: &BTreeSet<PathBuf>,
        files: &dyn Files,
    ) -> Result<(), ReadError> {
        let mut folders = vec![folder.to_owned()];
        let mut number = 0;
        while let Some(next) = folders.pop() {
            let names_in = match names(&next, files)? {
                Ok(names) => names,
                Err(NotRead { error, .. }) if next == folder => return Err(error.into()),
                Err(NotRead { why, .. }) => {
                    self.add_unread(next, why);
                    continue;
                }
            };
            for name in names_in {
                let path = next.join(&name);
                if left_out.contains(&path) {
                    continue;
                }
                let entry = match entry(&path, files)? {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(NotRead { why: Unread::Denied, .. }) => {
                        self.add_unread(path, Unread::Denied);
                        continue;
                    }
                    Err(NotRead { error, .. }) if ContentKind::of_systemd(&path).is_some() => {
                        return Err(error.into());
                    }
                    // Programs and data. If a unit or an option names the file, its lookup says that it is too large.
                    Err(_) => continue,
                };
                match entry.kind {
                    // These have only links to units (systemd.unit(5)).
                    FileKind::Folder if name.ends_with(".wants") || name.ends_with(".requires") => {
                        let links = names(&path, files)?.unwrap_or_default();
                        let links = links.into_iter().filter(|name| name.contains('@'));
                        self.links.extend(links.map(|name| path.join(name)));
                    }
                    // It has old versions.
                    FileKind::Folder if name == ".git" => {}
                    FileKind::Folder => folders.push(path),
                    FileKind::File => {
                        self.files.entry(path).or_insert(TreeFile { entry, is_named: false, around: None });
                        number += 1;
                    }
                }
                if number + folders.len() > MOST_FILES {
                    return Err(ReadError::TooMany { path: folder.to_owned() });
                }
            }
        }
        Ok(())
    }

    fn add_unread(&mut self, path: PathBuf, why: Unread) {
        self.unread.push(NotUnderstood { path, what: NotUnderstoodKind::Unread(why) });
    }

    /// Adds the files that are written in other files.
    pub(crate) fn open_embedded(&mut self) {
        let mut all = Vec::new();
        for (path, file) in &self.files {
            let Ok(text) = std::str::from_utf8(&file.entry.bytes) else { continue };
            let Some((_, embedded)) = embedded::read(text, path) else { continue };
            self.around.insert(path.clone());
            let files = embedded.into_iter();
            all.extend(files.map(|file| (embedded::place(path, &file), file.text, path.clone())));
        }
        for (path, text, around) in all.into_iter().take(MOST_FILES) {
            let bytes = Zeroizing::new(text.into_bytes());
            let entry = Entry { kind: FileKind::File, mode: 0o600, ids: (0, 0), bytes };
            self.files.insert(path, TreeFile { entry, is_named: false, around: Some(around) });
        }
    }

    /// The files that are written in other files.
    pub(crate) fn embedded(&self) -> BTreeMap<PathBuf, Entry> {
        let embedded = self.files.iter().filter(|(_, file)| file.around.is_some());
        embedded.map(|(path, file)| (path.clone(), file.entry.clone())).collect()
    }

    /// Tells what the files are, and sorts them by host.
    pub(crate) fn sorted(self, files: &dyn Files) -> Result<Sorted, ReadError> {
        let roots: BTreeSet<PathBuf> = self.files.keys().filter_map(|path| root_of(path)).collect();
        let mut hosts: BTreeMap<PathBuf, Host> = BTreeMap::new();
        let (mut not_understood, mut known) = (self.unread, Vec::new());
        let mut is_only_certificates = true;
        let mut of_clients = Vec::new();
        let mut folders = OutputFolders { files, known: BTreeMap::new() };
        for (path, TreeFile { entry, is_named, around }) in self.files {
            let content = if self.around.contains(&path) {
                Content::around(&path, &entry)
            } else {
                Content::of(&path, &entry, is_named)
            };
            if let Ok(text) = std::str::from_utf8(&entry.bytes) {
                of_clients.extend(etcdctl::certificates(text).into_iter().map(|certificate| {
                    let root = root_of(&path).or_else(|| root_around(&path, &roots));
                    ClientCertificate { named_in: path.clone(), root, path: certificate }
                }));
            }
            is_only_certificates &= is_beside_certificates(&path, &content);
            let seems =
                || NotUnderstoodKind::Foreign(foreign::seems(&String::from_utf8_lossy(&entry.bytes), &path));
            let what = match content {
                Content::Known(kind) => {
                    known.push(path.clone());
                    let is_partial = around.is_some();
                    let root = around.or_else(|| root_of(&path)).or_else(|| root_around(&path, &roots));
                    let folder = root.clone().or_else(|| loose_folder(&path)).unwrap_or_default();
                    let host = hosts.entry(folder.clone()).or_insert_with(|| Host::new(root, folder));
                    host.is_partial |= is_partial;
                    host.add_file(path, &entry, kind, is_named);
                    continue;
                }
                Content::Template(language) => NotUnderstoodKind::Template(language),
                // What is in it is read by itself.
                _ if self.around.contains(&path) => continue,
                Content::Elsewhere | Content::Unknown if is_named => seems(),
                Content::Elsewhere => continue,
                Content::Unknown => {
                    let is_strange = !foreign::is_prose(&path)
                        && std::str::from_utf8(&entry.bytes).is_ok_and(foreign::speaks_of_etcd)
                        && !folders.wrote(&path)?;
                    if !is_strange {
                        continue;
                    }
                    seems()
                }
            };
            not_understood.push(NotUnderstood { path, what });
        }
        for link in self.links {
            let folder = root_of(&link).or_else(|| root_around(&link, &roots));
            if let Some(host) = folder.and_then(|folder| hosts.get_mut(&folder)) {
                host.enabled.extend(link.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        let hosts = hosts.into_values().collect();
        Ok(Sorted { hosts, known, not_understood, is_only_certificates, of_clients })
    }
}

/// The output folders that were met, so that what `apply` wrote there for people is no riddle.
struct OutputFolders<'a> {
    files: &'a dyn Files,
    known: BTreeMap<PathBuf, bool>,
}

impl OutputFolders<'_> {
    /// Whether a file lies directly in an output folder.
    fn wrote(&mut self, path: &Path) -> Result<bool, ReadError> {
        let Some(folder) = path.parent() else { return Ok(false) };
        if let Some(known) = self.known.get(folder) {
            return Ok(*known);
        }
        let is_output = recorded::is_output_folder(folder, self.files)?;
        self.known.insert(folder.to_owned(), is_output);
        Ok(is_output)
    }
}

/// Whether a file belongs to certificates and keys: one of them, or what they are made from, or what is written beside
/// them.
fn is_beside_certificates(path: &Path, content: &Content) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_known = matches!(
        content,
        Content::Known(ContentKind::Pem | ContentKind::Request(_) | ContentKind::CaConfig(_))
    );
    let extensions = [
        "pem", "crt", "cer", "key", "crl", "der", "csr", "srl", "cnf", "attr", "old", "p12", "pfx", "jks",
        "pub", "md", "lock", "pass",
    ];
    let names = [
        "serial",
        "index.txt",
        "crlnumber",
        "readme",
        "makefile",
        ".gitignore",
        "cluster.lock.json",
        "registry.jsonl",
    ];
    is_known || extensions.contains(&extension.as_str()) || names.contains(&name.as_str())
}

/// The closest root around a file that has none of its own.
fn root_around(path: &Path, roots: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.parent().is_some() && roots.contains(*folder))
        .map(Path::to_owned)
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
    // k3s and rke2 keep all of theirs there, etcd's configuration file too.
    let rancher =
        || folders.clone().find(|at| is(*at, "var") && is(*at + 1, "lib") && is(*at + 2, "rancher"));
    let at = folders.clone().rev().find(|index| is(*index, "etc")).or_else(rancher).or_else(|| {
        folders.clone().rev().find(|index| {
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
mod tests {
    use super::*;

    #[test]
    fn a_root_follows_from_the_path_of_a_file() {
        let root = |path: &str| root_of(Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(root("/etc/etcd/etcd.env").as_deref(), Some("/"));
        assert_eq!(root("/out/nodes/a/etc/systemd/system/etcd.service").as_deref(), Some("/out/nodes/a"));
        assert_eq!(root("/x/usr/lib/systemd/system/etcd.service").as_deref(), Some("/x"));
        assert_eq!(root("/lib/systemd/system/etcd.service").as_deref(), Some("/"));
        assert_eq!(root("/x/var/lib/rancher/k3s/server/db/etcd/config").as_deref(), Some("/x"));
        assert_eq!(root("/home/me/etcd.service"), None);
        assert_eq!(root("/home/me/etc"), None);
    }
}
