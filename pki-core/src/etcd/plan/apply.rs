//! Brings the outcome of a plan to the disk.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::disk::{Batch, Existing, Mode, Staged};
use crate::etcd::error::Error;
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::plan::change::{Change, is_secret};
use crate::etcd::plan::issue::{Outcome, OutputFile, OutputFolder};

impl LockedFolder {
    /// Makes the folders and writes the files of an outcome.
    ///
    /// Every file is written before it has a name; then each gets its name in one step, those that are new before
    /// those that replace another, a CA before what it signed and a key before its certificate.
    /// What was stopped half-way is finished by planning again.
    ///
    /// # Errors
    /// If something cannot be written. What was written until then stays, and is right.
    pub fn apply(&self, outcome: &Outcome) -> Result<(), Error> {
        let folders = outcome.folders();
        let mut seen = self.make_folders(outcome, folders)?;
        self.write(outcome, outcome.files(), &mut seen)
    }

    /// Makes the folders that are not right, deletes what a killed process left in the others, and tells which were
    /// seen to be folders.
    fn make_folders(&self, outcome: &Outcome, folders: &[OutputFolder]) -> Result<HashSet<PathBuf>, Error> {
        let mut seen = HashSet::new();
        for folder in folders.iter().filter(|folder| folder.change != Change::Kept) {
            self.make_folder(outcome, folder, &mut seen)?;
        }
        // The lock tells that nobody is at what is half-written.
        let old = folders.iter().filter(|folder| folder.change != Change::New);
        for folder in old.map(|folder| folder.path.as_str()).chain([""]) {
            let folder = self.resolve(Path::new(folder), &mut seen)?;
            disk::remove_leftovers(&folder).map_err(|e| Error::io("clean up", &folder, e))?;
        }
        Ok(seen)
    }

    fn make_folder(
        &self,
        outcome: &Outcome,
        folder: &OutputFolder,
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), Error> {
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
        match outcome.ids(&folder.owner) {
            Some((user, group)) if (metadata.uid(), metadata.gid()) != (user, group) => {
                chown(&path, Some(user), Some(group)).map_err(|e| Error::io("set the owner of", &path, e))
            }
            _ => Ok(()),
        }
    }

    fn write(
        &self,
        outcome: &Outcome,
        files: &[OutputFile],
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        for file in files {
            let path = self.place(&file.path, seen)?;
            let existing = match file.replaces {
                false => Existing::Keep,
                // A plan says why it replaces a key; nothing else takes one away.
                true if is_secret(file.mode) => Existing::ReplaceKeys,
                true => Existing::Replace,
            };
            let staged = Staged::new(&path, &file.bytes, Mode::Exactly(file.mode), existing)
                .map_err(|e| Error::io("write", &path, e))?;
            if let Some((user, group)) = outcome.ids(&file.owner) {
                staged.give(user, group).map_err(|e| Error::io("set the owner of", &path, e))?;
            }
            batch.add(staged);
        }
        batch.commit().map_err(|error| Error::io("write", &error.path, error.source))
    }
}
