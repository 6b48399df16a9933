//! Several files that get their names together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, mem};

use crate::disk::error::BatchError;
use crate::disk::set::FileSet;
use crate::disk::staged::{Replacement, Staged};
use crate::disk::sync::sync;
use crate::disk::target::folder_of;

/// Files that get their names together. Dropping a batch before [`Batch::commit`] removes its files.
///
/// ```
/// use pki_core::disk::{Batch, Existing, Mode, Staged};
///
/// let folder = tempfile::tempdir()?;
/// let mut batch = Batch::default();
/// for name in ["etcd1.pem", "etcd2.pem"] {
///     batch.add(Staged::new(&folder.path().join(name), b"...", Mode::Masked(0o644), Existing::Replace)?);
/// }
/// batch.commit()?;
/// assert!(folder.path().join("etcd2.pem").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    staged: Vec<Staged>,
    /// New files that have their names, and may not be on the disk yet.
    named: Vec<PathBuf>,
    replacements: Vec<Replacement>,
    staged_sets: Vec<Vec<Staged>>,
    sets: Vec<FileSet>,
}

impl Batch {
    /// Adds a file.
    pub fn add(&mut self, staged: Staged) {
        self.staged.push(staged);
    }

    /// Adds files that belong together, such as a certificate and its private key, in the order in which they are to get
    /// their names. If a file that may be a private key is replaced ([`Existing::ReplaceKeys`](crate::disk::Existing)), the
    /// old files keep second names until all new ones have theirs: if the process is killed before, the next one that
    /// [begins](crate::disk::begin) to write into the folder takes the set back.
    pub fn add_set(&mut self, mut files: Vec<Staged>) {
        match FileSet::is_needed(&files) {
            true => self.staged_sets.push(files),
            false => self.staged.append(&mut files),
        }
    }

    /// Adds all files of another batch.
    pub fn append(&mut self, mut other: Self) {
        self.staged.append(&mut other.staged);
        self.named.append(&mut other.named);
        self.replacements.append(&mut other.replacements);
        self.staged_sets.append(&mut other.staged_sets);
        self.sets.append(&mut other.sets);
    }

    /// Gives the files that replace no other their names. This is the first part of [`Batch::commit`], for threads that
    /// share its work.
    ///
    /// # Errors
    ///
    /// As for [`write()`](crate::disk::write()).
    pub fn name_new(&mut self) -> Result<(), BatchError> {
        for staged in mem::take(&mut self.staged) {
            match staged.name_if_new()? {
                Ok(path) => self.named.push(path),
                Err(replacement) => self.replacements.push(replacement),
            }
        }
        for files in mem::take(&mut self.staged_sets) {
            self.sets.push(FileSet::new(files)?);
        }
        Ok(())
    }

    /// Gives each file its name: first those that replace no other, then the sets, then the others, each in the order in which
    /// they were added. When this returns, all of them are on the disk and survive a loss of power.
    ///
    /// Before a file replaces another, its contents and all new names are on the disk, so a loss of power leaves the old
    /// file or the new one. A new name replaces nothing, so it is synced only after it was given.
    ///
    /// # Errors
    ///
    /// As for [`write()`](crate::disk::write()). The new files are removed then, unless a file was replaced already.
    pub fn commit(mut self) -> Result<(), BatchError> {
        self.name_new()?;
        let new = self.named.iter().map(|path| (path.as_path(), path.as_path()));
        let replacing = self.replacements.iter().map(|file| (file.temporary(), file.target()));
        let files: Vec<_> = new.chain(replacing).chain(self.sets.iter().flat_map(FileSet::files)).collect();
        let in_sets = self.sets.iter().flat_map(FileSet::files).map(|(_, target)| folder_of(target));
        // If this fails, the new files are removed: some file systems report only now that they are full.
        sync(&files, &folders(&self.named).into_iter().chain(in_sets).collect())?;
        self.named.clear();
        let replacements = mem::take(&mut self.replacements).into_iter();
        let mut replaced = Vec::new();
        for set in &mut self.sets {
            replaced.append(&mut set.replace()?);
        }
        for file in replacements {
            replaced.push(file.replace()?);
        }
        sync(&[], &folders(&replaced))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for path in &self.named {
            // The file may be incomplete on the disk.
            let _ = fs::remove_file(path);
        }
    }
}

/// The folders of files. A name survives a loss of power only if its folder was synced too.
fn folders(paths: &[PathBuf]) -> BTreeSet<&Path> {
    paths.iter().map(|path| folder_of(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::disk::sync::MANY;
    use crate::disk::{Existing, Mode};

    fn staged(path: &Path) -> Staged {
        Staged::new(path, b"new", Mode::Exactly(0o640), Existing::Keep).unwrap()
    }

    fn count(folder: &Path) -> usize {
        folder.read_dir().unwrap().count()
    }

    #[test]
    fn nothing_is_there_before_it_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for total in [3, MANY] {
            let mut batch = Batch::default();
            for i in 0..total {
                batch.add(staged(&folder.path().join(format!("{total}-{i}"))));
            }
            let before = count(folder.path());
            drop(batch);
            assert_eq!(count(folder.path()), before);
            let mut batch = Batch::default();
            for i in 0..total {
                batch.add(staged(&folder.path().join(format!("{total}-{i}"))));
            }
            batch.commit().unwrap();
            assert_eq!(count(folder.path()), before + total);
            let first = fs::metadata(folder.path().join(format!("{total}-0"))).unwrap();
            assert_eq!(first.permissions().mode() & 0o7777, 0o640);
        }
    }

    #[test]
    fn new_files_go_when_one_cannot_be_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("taken"), "old").unwrap();
        let mut batch = Batch::default();
        for name in ["before", "taken", "after"] {
            batch.add(staged(&folder.path().join(name)));
        }
        let error = batch.commit().unwrap_err();
        assert_eq!(
            (error.path, error.source.kind()),
            (folder.path().join("taken"), ErrorKind::AlreadyExists)
        );
        assert_eq!(fs::read(folder.path().join("taken")).unwrap(), b"old");
        assert_eq!(count(folder.path()), 1);
    }

    #[test]
    fn new_names_come_before_those_that_replace() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let stage =
            |name: &str| Staged::new(&at(name), b"new", Mode::Exactly(0o640), Existing::Replace).unwrap();
        fs::write(at("old"), "old").unwrap();
        let (mut batch, mut other) = (Batch::default(), Batch::default());
        batch.add(stage("old"));
        other.add(stage("first"));
        batch.append(other);
        batch.name_new().unwrap();
        assert_eq!(
            (fs::read(at("first")).unwrap(), fs::read(at("old")).unwrap()),
            (b"new".into(), b"old".into())
        );
        batch.commit().unwrap();
        assert_eq!(fs::read(at("old")).unwrap(), b"new");
        assert_eq!(count(folder.path()), 2);
    }
}
