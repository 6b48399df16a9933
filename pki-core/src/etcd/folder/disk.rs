//! The output folder on the disk: looked at by a plan, and written by [`Folder::apply`], the only part of the
//! etcd layer that changes anything.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::disk;
use crate::disk::{Batch, Existing, Mode, Staged};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::tree;
use crate::etcd::folder::tree::{Entry, FileKind, Owner, Tree};
use crate::etcd::folder::user;
use crate::etcd::plan::issue::{Outcome, Write};
use crate::etcd::plan::{Change, PlannedFolder, is_secret};

/// An output folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Keeps other processes out, if it is held.
    lock: Option<File>,
    is_root: bool,
    /// User and group by number of the names that were looked up
    users: Mutex<BTreeMap<String, Option<(u32, u32)>>>,
}

impl Folder {
    /// The folder at `path`, to be looked at only. It need not exist.
    ///
    /// # Errors
    /// If the path cannot be made absolute, or [`ErrorKind::UnwritablePath`] if it cannot be written down.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(path).map_err(|source| Error::io("find", path, source))?;
        tree::text(&root)?;
        let is_root = geteuid().is_root();
        Ok(Self { root, lock: None, is_root, users: Mutex::default() })
    }

    /// The folder at `path`, made if it is not there, and locked against other processes.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if another process has it.
    pub fn lock(path: &Path) -> Result<Self, Error> {
        let mut folder = Self::open(path)?;
        let root = &folder.root;
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|e| Error::io("make", root, e))?;
        let lock = File::open(root).map_err(|e| Error::io("open", root, e))?;
        match lock.try_lock() {
            Ok(()) => folder.lock = Some(lock),
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::Locked { path: folder.root }.into()),
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", root, source)),
        }
        Ok(folder)
    }

    /// Writes what an outcome has to write.
    ///
    /// Every file is written before it has a name; then each gets its name in one step, those that are new before
    /// those that replace another, a CA before what it signed and a key before its certificate.
    /// What was stopped half-way is finished by planning again.
    ///
    /// # Errors
    /// [`ErrorKind::NotLocked`] without the lock; if something cannot be written.
    pub fn apply(&self, outcome: &Outcome) -> Result<(), Error> {
        let mut seen = self.make_folders(&outcome.folders)?;
        self.write(&outcome.writes, &mut seen)
    }

    /// Makes the folders that are not right, deletes what a killed process left in the others, and tells which were
    /// seen to be folders.
    fn make_folders(&self, folders: &[PlannedFolder]) -> Result<HashSet<PathBuf>, Error> {
        if self.lock.is_none() {
            return Err(ErrorKind::NotLocked { path: self.root.clone() }.into());
        }
        let mut seen = HashSet::new();
        for folder in folders.iter().filter(|folder| folder.change != Change::Kept) {
            self.make_folder(folder, &mut seen)?;
        }
        // The lock tells that nobody is at what is half-written.
        let old = folders.iter().filter(|folder| folder.change != Change::New);
        for folder in old.map(|folder| folder.path.as_str()).chain([""]) {
            let folder = self.resolve(Path::new(folder), &mut seen)?;
            disk::remove_leftovers(&folder).map_err(|e| Error::io("clean up", &folder, e))?;
        }
        Ok(seen)
    }

    fn make_folder(&self, folder: &PlannedFolder, seen: &mut HashSet<PathBuf>) -> Result<(), Error> {
        let path = self.place(&folder.path, seen)?;
        match DirBuilder::new().mode(folder.mode).create(&path) {
            Ok(()) => drop(seen.insert(path.clone())),
            Err(source) if source.kind() == IoErrorKind::AlreadyExists => {
                self.resolve(Path::new(&folder.path), seen)?;
            }
            Err(source) => return Err(Error::io("make", &path, source)),
        }
        let metadata = path.symlink_metadata().map_err(|source| Error::io("look at", &path, source))?;
        if metadata.mode() & 0o7777 != folder.mode {
            fs::set_permissions(&path, Permissions::from_mode(folder.mode))
                .map_err(|source| Error::io("set the mode of", &path, source))?;
        }
        match self.ids(&folder.owner) {
            Some((user, group)) if (metadata.uid(), metadata.gid()) != (user, group) => {
                chown(&path, Some(user), Some(group)).map_err(|e| Error::io("set the owner of", &path, e))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, writes: &[Write], seen: &mut HashSet<PathBuf>) -> Result<(), Error> {
        let mut batch = Batch::default();
        for write in writes {
            let path = self.place(&write.path, seen)?;
            let existing = match write.replaces {
                false => Existing::Keep,
                // A plan says why it replaces a key; nothing else takes one away.
                true if is_secret(write.mode) => Existing::ReplaceKeys,
                true => Existing::Replace,
            };
            let staged = Staged::new(&path, &write.bytes, Mode::Exactly(write.mode), existing)
                .map_err(|e| Error::io("write", &path, e))?;
            if let Some((user, group)) = self.ids(&write.owner) {
                staged.give(user, group).map_err(|e| Error::io("set the owner of", &path, e))?;
            }
            batch.add(staged);
        }
        batch.commit().map_err(|error| Error::io("write", &error.path, error.source))
    }

    /// Where a file or folder is, itself perhaps a link, once it is sure that no link is on the way there.
    fn place(&self, path: &str, seen: &mut HashSet<PathBuf>) -> Result<PathBuf, Error> {
        Ok(self.look_for(path, seen)?.0)
    }

    /// The same, and whether the folder that it is in is there.
    fn look_for(&self, path: &str, seen: &mut HashSet<PathBuf>) -> Result<(PathBuf, bool), Error> {
        let relative = Path::new(path);
        match (relative.parent(), relative.file_name()) {
            (Some(folder), Some(name)) => {
                let (folder, is_there) = self.look_for_folder(folder, seen)?;
                Ok((folder.join(name), is_there))
            }
            _ => Err(ErrorKind::UnwritablePath { path: self.root.join(path) }.into()),
        }
    }

    fn resolve(&self, path: &Path, seen: &mut HashSet<PathBuf>) -> Result<PathBuf, Error> {
        Ok(self.look_for_folder(path, seen)?.0)
    }

    /// The absolute path of a folder, once it is sure that no link leads out of this one, and whether it is there.
    /// What was `seen` is not looked at again.
    fn look_for_folder(&self, path: &Path, seen: &mut HashSet<PathBuf>) -> Result<(PathBuf, bool), Error> {
        let (mut resolved, mut is_missing) = (self.root.clone(), false);
        for component in path.components() {
            let Component::Normal(name) = component else {
                return Err(ErrorKind::UnwritablePath { path: self.root.join(path) }.into());
            };
            resolved.push(name);
            if is_missing || seen.contains(&resolved) {
                continue;
            }
            match resolved.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(ErrorKind::SymbolicLink { path: resolved }.into());
                }
                Ok(_) => drop(seen.insert(resolved.clone())),
                // There is nothing in a folder that is not there.
                Err(error) => is_missing = error.kind() == IoErrorKind::NotFound,
            }
        }
        Ok((resolved, !is_missing))
    }
}

impl Tree for Folder {
    fn entry(&self, path: &str) -> Result<Option<Entry>, Error> {
        let (path, is_there) = self.look_for(path, &mut HashSet::new())?;
        if !is_there {
            return Ok(None);
        }
        let metadata = match path.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => return Err(ErrorKind::SymbolicLink { path }.into()),
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), IoErrorKind::NotFound | IoErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(Error::io("look at", &path, source)),
        };
        let (kind, bytes) = if metadata.is_dir() {
            (FileKind::Folder, Vec::new())
        } else if metadata.is_file() {
            (FileKind::File, fs::read(&path).map_err(|source| Error::io("read", &path, source))?)
        } else {
            return Err(ErrorKind::NotAFile { path }.into());
        };
        let (mode, ids) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        Ok(Some(Entry { kind, mode, ids, bytes: Zeroizing::new(bytes) }))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let path = self.resolve(Path::new(path), &mut HashSet::new())?;
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::io("read", &path, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::io("read", &path, source))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn outside(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(error) if error.kind() == IoErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("read", path, source)),
        }
    }

    fn ids(&self, owner: &Owner) -> Option<(u32, u32)> {
        let name = match owner {
            _ if !self.is_root => return None,
            Owner::Operator => return None,
            Owner::Root => return Some((0, 0)),
            Owner::User(name) => name.as_str(),
        };
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        *users.entry(name.to_owned()).or_insert_with(|| user::ids(name))
    }

    fn root(&self) -> &Path {
        &self.root
    }
}
