//! Writing to an output folder. Nothing else in the etcd layer changes anything on a disk, but for creating the folder.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::disk::{Batch, Existing, Mode, Staged};
use crate::etcd::error::Error;
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::folder::output::{OutputFile, OutputFolder, is_secret};
use crate::etcd::folder::snapshot::Users;

impl LockedFolder {
    /// Creates missing folders, and corrects the mode and owner of the others. Returns the folders that are known not to be symbolic links.
    pub(crate) fn make_folders(
        &self,
        users: &Users,
        folders: &[OutputFolder],
    ) -> Result<HashSet<PathBuf>, Error> {
        let mut seen = HashSet::new();
        for folder in folders.iter().filter(|folder| !folder.is_right) {
            self.make_folder(users, folder, &mut seen)?;
        }
        Ok(seen)
    }

    fn make_folder(
        &self,
        users: &Users,
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
        match users.ids(&folder.owner) {
            Some((user, group)) if (metadata.uid(), metadata.gid()) != (user, group) => {
                chown(&path, Some(user), Some(group)).map_err(|e| Error::io("set the owner of", &path, e))
            }
            _ => Ok(()),
        }
    }

    /// Writes the files. Each gets its name only when the contents of all are complete.
    pub(crate) fn write(
        &self,
        users: &Users,
        files: &[OutputFile],
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        // Keys that are replaced, by the paths of their certificates.
        let mut keys: BTreeMap<String, Staged> = BTreeMap::new();
        for file in files {
            let path = self.place(&file.path, seen)?;
            let existing = match file.replaces {
                false => Existing::Keep,
                // A key is replaced only if the plan has a reason for it.
                true if is_secret(file.mode) => Existing::ReplaceKeys,
                true => Existing::Replace,
            };
            let staged = Staged::new(&path, &file.bytes, Mode::Exactly(file.mode), existing)
                .map_err(|e| Error::io("write", &path, e))?;
            if let Some((user, group)) = users.ids(&file.owner) {
                staged.give(user, group).map_err(|e| Error::io("set the owner of", &path, e))?;
            }
            match certificate_of(file) {
                Some(certificate) => drop(keys.insert(certificate, staged)),
                None => match keys.remove(&file.path) {
                    // A killed process leaves no key beside the certificate of another one.
                    Some(key) => batch.add_set(vec![key, staged]),
                    None => batch.add(staged),
                },
            }
        }
        keys.into_values().for_each(|key| batch.add(key));
        batch.commit().map_err(|error| Error::io("write", &error.path, error.source))
    }
}

/// The path of the certificate of a key that is replaced. `None` for any other file.
fn certificate_of(file: &OutputFile) -> Option<String> {
    let stem = file.path.strip_suffix("-key.pem").filter(|_| file.replaces && is_secret(file.mode))?;
    Some(format!("{stem}.pem"))
}

#[cfg(test)]
mod tests;
