//! The output folder on the disk: reading it as a [`Snapshot`], and locking it for writing.

#![expect(clippy::disallowed_methods, reason = "it reads the output folder")]

use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind as IoErrorKind};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::disk;
use crate::disk::{Access, Busy, FolderLock};
use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::path::{
    AUTHORITIES, CLIENTS, CONTAINERS, NODES, OPERATION, RECORD, REGISTRY, REQUESTS,
};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::snapshot::{Entry, FileKind, Owner, Snapshot, UnusableEntry, text};
use crate::etcd::folder::user;

/// The files and folders of an output folder. Nothing else in it is read, because it may be somebody's home folder.
const CONTENTS: [&str; 10] = [
    AUTHORITIES,
    CLIENTS,
    CONTAINERS,
    NODES,
    REQUESTS,
    RECORD,
    REGISTRY,
    OPERATION,
    "deploy.sh",
    "discovery.zone",
];

/// The size in bytes above which a file is not read. Files of an output folder are much smaller.
const LARGEST: u64 = 8 << 20;

/// The same for the registry, which only grows. It has about 600 bytes for a certificate.
const LARGEST_REGISTRY: u64 = 256 << 20;

/// An output folder that can be read.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

/// An output folder that this process has locked with flock(2), so that no other process writes to it. Dropping the
/// value releases the lock.
#[derive(Debug)]
pub struct LockedFolder {
    folder: Folder,
    _lock: FolderLock,
}

impl Folder {
    /// The folder at `path`, which does not have to exist.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the path cannot be made absolute, [`ErrorKind::UnwritablePath`] if it is not UTF-8 or has
    /// control characters.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(path).map_err(|source| Error::io("find", path, source))?;
        text(&root)?;
        Ok(Self { root })
    }

    /// The folder at `path`, created with mode 0700 if it does not exist, and locked against other processes.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if another process has the lock, [`ErrorKind::Io`] if the folder cannot be created or
    /// opened, and the errors of [`Folder::open`].
    pub fn lock(path: &Path) -> Result<LockedFolder, Error> {
        let folder = Self::open(path)?;
        let root = &folder.root;
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|e| Error::io("make", root, e))?;
        let lock = FolderLock::new(root, Access::Write).map_err(|error| locked(root, error))?;
        let folder = LockedFolder { folder, _lock: lock };
        folder.remove_leftovers()?;
        Ok(folder)
    }

    /// Locks the output folder for reading, so that nobody writes to it until the result is dropped. `None` if it does not
    /// exist or cannot be locked: it may be a copy, or on a file system that is read-only.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if another process writes to it for long.
    pub fn lock_for_reading(&self) -> Result<Option<FolderLock>, Error> {
        disk::lock_if_possible(&self.root, Access::Read).map_err(|error| locked(&self.root, error))
    }

    /// Locks the output folder that a path is in for reading, or the folder at the path itself if it is in none, as
    /// [`Folder::lock_for_reading`] does.
    ///
    /// # Errors
    /// As for [`Folder::lock_for_reading`].
    pub fn lock_around(path: &Path) -> Result<Option<FolderLock>, Error> {
        let folder = path.ancestors().find(|folder| folder.join(RECORD).is_file()).unwrap_or(path);
        if !folder.is_dir() {
            return Ok(None);
        }
        disk::lock_if_possible(folder, Access::Read).map_err(|error| locked(folder, error))
    }

    /// The absolute path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that a plan for `cluster` needs: the contents of the folder, the files of existing CAs, and the users
    /// of this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if a file that the description names cannot be read. A file or folder of the output folder that
    /// cannot be read is an error only for a plan that needs it.
    pub fn snapshot(&self, cluster: &Cluster) -> Result<Snapshot, Error> {
        let mut snapshot = self.contents(ReadScope::Everything);
        for path in cluster.outside_files() {
            match fs::metadata(path) {
                // Reading a pipe or a device could wait for ever.
                Ok(metadata) if !metadata.is_file() => {
                    return Err(ErrorKind::NotAFile { path: path.to_owned() }.into());
                }
                Ok(_) => snapshot.insert_outside(path, read_file(path, LARGEST)?),
                Err(error) if error.kind() == IoErrorKind::NotFound => {}
                Err(source) => return Err(Error::io("read", path, source)),
            }
        }
        // Only root can change the owner of files (chown(2)).
        if geteuid().is_root() {
            for owner in [Owner::Root, Owner::User(cluster.user().clone())] {
                if let Some(name) = owner.name()
                    && let Some(ids) = if owner == Owner::Root { Some((0, 0)) } else { user::ids(name) }
                {
                    snapshot.insert_user(name, ids);
                }
            }
        }
        Ok(snapshot)
    }

    /// The contents of the folder without the private keys.
    pub fn public_snapshot(&self) -> Snapshot {
        self.contents(ReadScope::Public)
    }

    /// The contents of the folder without the private keys of CAs.
    pub fn holders_snapshot(&self) -> Snapshot {
        self.contents(ReadScope::Holders)
    }

    /// One file, and nothing else.
    pub(crate) fn only(&self, path: &str) -> Snapshot {
        let mut snapshot = Snapshot::new(&self.root);
        read(&self.root, path, ReadScope::Public, &mut snapshot);
        snapshot
    }

    fn contents(&self, scope: ReadScope) -> Snapshot {
        let mut snapshot = Snapshot::new(&self.root);
        for name in CONTENTS {
            read(&self.root, name, scope, &mut snapshot);
        }
        snapshot
    }

    /// The absolute path of a file or folder, after a check that no folder above it is a symbolic link. The file itself
    /// may be one. `seen` has the folders that were checked before.
    pub(crate) fn place(&self, path: &str, seen: &mut HashSet<PathBuf>) -> Result<PathBuf, Error> {
        let relative = Path::new(path);
        match (relative.parent(), relative.file_name()) {
            (Some(folder), Some(name)) => Ok(self.resolve(folder, seen)?.join(name)),
            _ => Err(ErrorKind::UnwritablePath { path: self.root.join(path) }.into()),
        }
    }

    /// The absolute path of a folder, after a check that neither it nor a folder above it is a symbolic link. `seen`
    /// has the folders that were checked before.
    pub(crate) fn resolve(&self, path: &Path, seen: &mut HashSet<PathBuf>) -> Result<PathBuf, Error> {
        let mut resolved = self.root.clone();
        for component in path.components() {
            let Component::Normal(name) = component else {
                return Err(ErrorKind::UnwritablePath { path: self.root.join(path) }.into());
            };
            resolved.push(name);
            if seen.contains(&resolved) {
                continue;
            }
            match resolved.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(ErrorKind::SymbolicLink { path: resolved }.into());
                }
                Ok(_) => drop(seen.insert(resolved.clone())),
                // Writing there will report the error.
                Err(_) => {}
            }
        }
        Ok(resolved)
    }
}

impl Deref for LockedFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl LockedFolder {
    /// Deletes the temporary files that killed processes left, keys among them. This process has the lock, so nobody else is
    /// writing them.
    fn remove_leftovers(&self) -> Result<(), Error> {
        let failed = |path: &Path, source| Error::io("clean up", path, source);
        let mut folders: Vec<PathBuf> = CONTENTS.iter().map(|name| self.root.join(name)).collect();
        disk::remove_leftovers(&self.root).map_err(|error| failed(&self.root, error))?;
        while let Some(folder) = folders.pop() {
            // Links are not followed, and what cannot be read is for the plan to judge.
            if !folder.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                continue;
            }
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            folders.extend(entries.flatten().filter(is_dir).map(|entry| entry.path()));
            disk::remove_leftovers(&folder).map_err(|error| failed(&folder, error))?;
        }
        Ok(())
    }
}

/// The error of a folder that could not be locked.
fn locked(path: &Path, error: io::Error) -> Error {
    match Busy::in_error(&error) {
        Some(busy) => ErrorKind::Locked { path: path.to_owned(), holder: busy.to_string() }.into(),
        None => Error::io("lock", path, error),
    }
}

/// The files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadScope {
    Everything,
    /// All files but those whose name is that of a private key. The mode does not tell: in a copy that was made with
    /// umask 077, every file is for its owner only.
    Public,
    /// All files but the keys of CAs.
    Holders,
}

impl ReadScope {
    fn has(self, path: &str) -> bool {
        let is_key = path.ends_with("-key.pem") || path.ends_with(".key");
        match self {
            Self::Everything => true,
            Self::Public => !is_key,
            Self::Holders => !(is_key && path.starts_with(AUTHORITIES)),
        }
    }
}

/// Adds the file or folder at `path` below `root`, with everything in it. A file that is deleted meanwhile is left out.
fn read(root: &Path, path: &str, scope: ReadScope, snapshot: &mut Snapshot) {
    let absolute = root.join(path);
    let unreadable = |error: io::Error| UnusableEntry::Unreadable(error.kind(), error.raw_os_error());
    let metadata = match absolute.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), IoErrorKind::NotFound | IoErrorKind::NotADirectory) => return,
        Err(error) => return snapshot.insert_unusable(path.to_owned(), unreadable(error)),
    };
    let entry = |kind, bytes| {
        let (mode, ids) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        Entry { kind, mode, ids, bytes }
    };
    let limit = if path == REGISTRY { LARGEST_REGISTRY } else { LARGEST };
    let path = path.to_owned();
    if metadata.is_dir() {
        match names(&absolute) {
            Ok(names) => {
                names.iter().for_each(|name| read(root, &format!("{path}/{name}"), scope, snapshot));
                snapshot.insert(path, entry(FileKind::Folder, Zeroizing::default()));
            }
            Err(error) => snapshot.insert_unusable(path, unreadable(error)),
        }
    } else if metadata.is_symlink() {
        snapshot.insert_unusable(path, UnusableEntry::SymbolicLink);
    } else if !metadata.is_file() {
        snapshot.insert_unusable(path, UnusableEntry::Special);
    } else if metadata.len() > limit {
        snapshot.insert_unusable(path, UnusableEntry::TooLarge);
    } else if scope.has(&path) {
        match disk::read(&absolute, limit) {
            Ok(bytes) => snapshot.insert(path, entry(FileKind::File, bytes)),
            Err(error) => snapshot.insert_unusable(path, unreadable(error)),
        }
    }
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    disk::read(path, limit).map_err(|source| match source.kind() {
        IoErrorKind::FileTooLarge => ErrorKind::TooLarge { path: path.to_owned() }.into(),
        _ => Error::io("read", path, source),
    })
}

/// Whether a name is that of a file that has not got its own name yet, or never will, because its writer was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(disk::TEMPORARY_PREFIX)
}

/// The names in a folder that a plan could have: in UTF-8, and not those of temporary files.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && !is_temporary(&name)
        {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_copy_for_its_owner_only_is_read_without_its_keys() {
        let temporary = tempfile::tempdir().unwrap();
        fs::create_dir(temporary.path().join("ca")).unwrap();
        for name in [RECORD, "ca/ca.pem", "ca/ca-key.pem"] {
            fs::write(temporary.path().join(name), name).unwrap();
            fs::set_permissions(temporary.path().join(name), Permissions::from_mode(0o600)).unwrap();
        }
        let snapshot = Folder::open(temporary.path()).unwrap().public_snapshot();
        assert_eq!(snapshot.paths().collect::<Vec<_>>(), ["ca", "ca/ca.pem", RECORD]);
    }
}
