//! What an output folder holds, as a value: a plan is made of it, and of nothing else that is on a disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::safe::label::Label;
use crate::x509::sign::SigningKey;

/// What an output folder holds at one moment, by paths relative to it.
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
    outside: BTreeMap<PathBuf, Zeroizing<Vec<u8>>>,
    /// The keys of CAs that are elsewhere, by the path of the CA's certificate.
    signing_keys: BTreeMap<PathBuf, Arc<dyn SigningKey>>,
    users: Users,
}

/// The users of this machine that files can be given to: user and group by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(BTreeMap<String, (u32, u32)>);

/// Why something in an output folder is neither a file nor a folder that can be read. It is an error only when a plan
/// needs it.
#[derive(Debug, Clone)]
pub(crate) enum UnusableEntry {
    SymbolicLink,
    /// A device, a socket or a named pipe.
    Special,
    TooLarge,
    /// By the kind of the error, and the operating system's number for it.
    Unreadable(io::ErrorKind, Option<i32>),
}

/// A file or a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which of the two.
    pub kind: FileKind,
    /// The permission bits.
    pub mode: u32,
    /// Its user and group by number.
    pub ids: (u32, u32),
    /// The contents of a file.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// File or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file
    File,
    /// A folder
    Folder,
}

/// Who should own a file, wherever it ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever runs the program
    Operator,
    /// root, on a host
    Root,
    /// Another user and its group, on a host
    User(Label),
}

impl Owner {
    /// The user's name on a host.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Root => Some("root"),
            Self::User(name) => Some(name.as_str()),
        }
    }
}

/// A path as it can be written into a file of variables.
pub(crate) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| ErrorKind::UnwritablePath { path: path.to_owned() }.into())
}

impl Entry {
    /// A file with these contents, whose owner is not known.
    pub fn file(mode: u32, bytes: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self { kind: FileKind::File, mode, ids: (0, 0), bytes: bytes.into() }
    }

    /// A folder whose owner is not known.
    pub fn folder(mode: u32) -> Self {
        Self { kind: FileKind::Folder, mode, ids: (0, 0), bytes: Zeroizing::default() }
    }
}

impl Snapshot {
    /// An output folder at `root`, an absolute path, with nothing in it. Paths in rendered files begin with `root`.
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

    /// Takes a file or folder out; tells whether it was there.
    pub fn remove(&mut self, path: &str) -> bool {
        self.entries.remove(path).is_some()
    }

    /// Adds a file outside of the folder that a description names: the certificate or key of a CA that exists.
    pub fn insert_outside(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Zeroizing<Vec<u8>>>) {
        self.outside.insert(path.into(), bytes.into());
    }

    /// Files of this user can be given to this user and group by number.
    pub fn insert_user(&mut self, name: impl Into<String>, ids: (u32, u32)) {
        self.users.0.insert(name.into(), ids);
    }

    /// The CA that exists, and whose certificate the description names with `path`, signs with this key. The
    /// description names no `private-key` for it then.
    pub fn insert_signing_key(&mut self, path: impl Into<PathBuf>, key: Arc<dyn SigningKey>) {
        self.signing_keys.insert(path.into(), key);
    }

    pub(crate) fn insert_unusable(&mut self, path: String, reason: UnusableEntry) {
        self.entries.insert(path, Err(reason));
    }

    /// What stands at `path`, if anything.
    ///
    /// # Errors
    /// If it is neither a file nor a folder, a symbolic link, or could not be read.
    pub fn entry(&self, path: &str) -> Result<Option<&Entry>, Error> {
        // A link on the way leads to another folder.
        let on_the_way = path.match_indices('/').map(|(end, _)| path.split_at(end).0);
        for above in on_the_way.chain([path]) {
            if let Some(Err(reason)) = self.entries.get(above) {
                return Err(reason.at(&self.root.join(above)));
            }
        }
        Ok(self.entries.get(path).and_then(|entry| entry.as_ref().ok()))
    }

    /// The names in the folder at `path`; empty if there is no such folder.
    pub fn names(&self, path: &str) -> Vec<&str> {
        let prefix = format!("{path}/");
        let below = self.entries.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&prefix));
        below.filter(|name| !name.contains('/')).collect()
    }

    /// A file outside of the folder that the description names, if it is there.
    pub(crate) fn outside(&self, path: &Path) -> Option<&[u8]> {
        self.outside.get(path).map(|bytes| bytes.as_slice())
    }

    pub(crate) fn signing_key(&self, certificate: &Path) -> Option<Arc<dyn SigningKey>> {
        self.signing_keys.get(certificate).cloned()
    }

    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    /// The paths of everything that is there.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The absolute path of the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Users {
    /// User and group by number, if the owner of a file can be set to `owner`.
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
