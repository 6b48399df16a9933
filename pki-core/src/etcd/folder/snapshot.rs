//! The contents of an output folder as a value. A plan reads a snapshot, and never the disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::safe::label::Label;
use crate::x509::sign::SigningKey;

/// The contents of an output folder at one moment, by path relative to the folder.
///
/// [`Folder::snapshot`](crate::etcd::Folder::snapshot) reads one from the disk. A deployer that keeps files elsewhere
/// makes one itself:
///
/// ```
/// use pki_core::etcd::{Entry, Snapshot};
///
/// let mut snapshot = Snapshot::new("/srv/etcd/prod");
/// snapshot.insert("ca/ca.pem", Entry::file(0o644, b"...".to_vec()));
/// assert_eq!(snapshot.names("ca"), ["ca.pem"]);
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    root: PathBuf,
    entries: BTreeMap<String, Result<Entry, UnusableEntry>>,
    /// The files of existing CAs, by their paths in the description.
    outside: BTreeMap<PathBuf, Zeroizing<Vec<u8>>>,
    /// The signing keys of existing CAs whose keys are not in files, by the path of the CA's certificate.
    signing_keys: BTreeMap<PathBuf, Arc<dyn SigningKey>>,
    users: Users,
}

/// The users of this machine that files can be given to: user ID and group ID, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(BTreeMap<String, (u32, u32)>);

/// Why the file or folder at a path cannot be used. It becomes an error only if a plan needs the path.
#[derive(Debug, Clone)]
pub(crate) enum UnusableEntry {
    SymbolicLink,
    /// A device, a socket or a named pipe.
    Special,
    TooLarge,
    /// The error of reading it: the kind, and the operating system's error number.
    Unreadable(io::ErrorKind, Option<i32>),
}

/// A file or folder of a [`Snapshot`].
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whether it is a file or a folder.
    pub kind: FileKind,
    /// The permission bits.
    pub mode: u32,
    /// The user ID and group ID of the owner.
    pub ids: (u32, u32),
    /// The contents of the file; empty for a folder.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// Whether something is a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
}

/// The user that should own a file, in the output folder and on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The user that runs the program. The file is not for a host.
    Operator,
    /// root on a host.
    Root,
    /// Another user on a host, and its group.
    User(Label),
}

impl Owner {
    /// The name of the user on a host. `None` for the user that runs the program.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Root => Some("root"),
            Self::User(name) => Some(name.as_str()),
        }
    }
}

/// A path as text that can be written into an environment file.
pub(crate) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| ErrorKind::UnwritablePath { path: path.to_owned() }.into())
}

impl Entry {
    /// A file with these contents and the owner root (0:0).
    pub fn file(mode: u32, bytes: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self { kind: FileKind::File, mode, ids: (0, 0), bytes: bytes.into() }
    }

    /// A folder with the owner root (0:0).
    pub fn folder(mode: u32) -> Self {
        Self { kind: FileKind::Folder, mode, ids: (0, 0), bytes: Zeroizing::default() }
    }
}

impl Snapshot {
    /// An empty output folder at the absolute path `root`. Rendered files that need an absolute path use it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            entries: BTreeMap::new(),
            outside: BTreeMap::new(),
            signing_keys: BTreeMap::new(),
            users: Users::default(),
        }
    }

    /// Adds a file or folder.
    pub fn insert(&mut self, path: impl Into<String>, entry: Entry) {
        self.entries.insert(path.into(), Ok(entry));
    }

    /// Removes a file or folder, without those in it. Returns whether it existed.
    pub fn remove(&mut self, path: &str) -> bool {
        self.entries.remove(path).is_some()
    }

    /// Adds a file outside of the folder: the certificate or key of an existing CA, by its path in the description.
    pub fn insert_outside(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Zeroizing<Vec<u8>>>) {
        self.outside.insert(path.into(), bytes.into());
    }

    /// Adds a user that files can be given to, with its user ID and group ID. Without it the owner of a file is not
    /// compared.
    pub fn insert_user(&mut self, name: impl Into<String>, ids: (u32, u32)) {
        self.users.0.insert(name.into(), ids);
    }

    /// Adds the signing key of an existing CA, whose certificate has this path in the description. It is used if the
    /// description has no `private-key` for that CA.
    pub fn insert_signing_key(&mut self, path: impl Into<PathBuf>, key: Arc<dyn SigningKey>) {
        self.signing_keys.insert(path.into(), key);
    }

    pub(crate) fn insert_unusable(&mut self, path: String, reason: UnusableEntry) {
        self.entries.insert(path, Err(reason));
    }

    /// The file or folder at `path`, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::SymbolicLink`] if it, or a folder above it, is a symbolic link; [`ErrorKind::NotAFile`] for a
    /// device, a socket or a named pipe; [`ErrorKind::TooLarge`] or [`ErrorKind::Io`] if it was not read.
    pub fn entry(&self, path: &str) -> Result<Option<&Entry>, Error> {
        // A symbolic link above the path leads to another folder.
        let folders = path.match_indices('/').map(|(end, _)| path.split_at(end).0);
        for above in folders.chain([path]) {
            if let Some(Err(reason)) = self.entries.get(above) {
                return Err(reason.at(&self.root.join(above)));
            }
        }
        Ok(self.entries.get(path).and_then(|entry| entry.as_ref().ok()))
    }

    /// The names in the folder at `path`. Empty if there is no such folder.
    pub fn names(&self, path: &str) -> Vec<&str> {
        let prefix = format!("{path}/");
        let below = self.entries.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&prefix));
        below.filter(|name| !name.contains('/')).collect()
    }

    /// The contents of a file outside of the folder, if it exists.
    pub(crate) fn outside(&self, path: &Path) -> Option<&[u8]> {
        self.outside.get(path).map(|bytes| bytes.as_slice())
    }

    /// The signing key of the CA whose certificate has this path.
    pub(crate) fn signing_key(&self, certificate: &Path) -> Option<Arc<dyn SigningKey>> {
        self.signing_keys.get(certificate).cloned()
    }

    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    /// The paths of all files and folders.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The absolute path of the output folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Users {
    /// The user ID and group ID of `owner`, if files can be given to it.
    pub(crate) fn ids(&self, owner: &Owner) -> Option<(u32, u32)> {
        self.0.get(owner.name()?).copied()
    }
}

impl UnusableEntry {
    fn at(&self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::SymbolicLink => ErrorKind::SymbolicLink { path }.into(),
            Self::Special => ErrorKind::NotAFile { path }.into(),
            Self::TooLarge => ErrorKind::TooLarge { path }.into(),
            Self::Unreadable(kind, number) => {
                let source = number.map_or_else(|| (*kind).into(), io::Error::from_raw_os_error);
                ErrorKind::Io { action: "read", path, source }.into()
            }
        }
    }
}

#[cfg(test)]
mod tests;
