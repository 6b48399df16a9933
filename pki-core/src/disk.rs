//! Writing files: whole or not at all, with a known mode.
//!
//! A file is first written under a temporary name in the target's own folder and then renamed, so a reader
//! sees the old content or the new one and never a part. The bytes may be secrets: a temporary file is readable
//! by its owner only until it has its mode, or from the start by whoever may read [`Mode::Masked`].

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tempfile::TempPath;

/// How the name of every temporary file begins. Nothing else may be named so, for [`remove_leftovers`]
/// deletes it.
pub const TEMPORARY_PREFIX: &str = ".etcdpki-";

/// The permission bits of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// These, whatever the umask.
    Exactly(u32),
    /// These, less what the umask withholds.
    Masked(u32),
}

/// What to do with a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep it: writing fails with [`ErrorKind::AlreadyExists`].
    Keep,
    /// Put the new file in its place.
    Replace,
}

/// A file that has its bytes, but not its name yet. Dropping it removes it.
///
/// It is not kept open: a cluster has more files than a process may have open.
#[derive(Debug)]
pub struct Staged {
    file: TempPath,
    target: PathBuf,
    existing: Existing,
}

impl Staged {
    /// The file for `path`, under a temporary name beside it.
    ///
    /// # Errors
    ///
    /// As for [`write()`].
    pub fn new(path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the path does not name a file"));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        if let Mode::Masked(mode) = mode {
            builder.permissions(Permissions::from_mode(mode));
        }
        let mut file = builder.tempfile_in(folder_of(path))?;
        file.write_all(bytes)?;
        if let Mode::Exactly(mode) = mode {
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(Self { file: file.into_temp_path(), target: path.to_owned(), existing })
    }

    /// Where it is until it gets its name.
    pub fn temporary(&self) -> &Path {
        &self.file
    }

    fn rename(self) -> Result<(), BatchError> {
        let renamed = match self.existing {
            Existing::Keep => self.file.persist_noclobber(&self.target),
            Existing::Replace => self.file.persist(&self.target),
        };
        renamed.map_err(|failure| BatchError { path: self.target, source: failure.error })
    }
}

/// Writes `bytes` to `path`: whole or not at all.
///
/// A symbolic link at `path` counts as the file that is there: it is kept or replaced, never followed.
///
/// # Errors
///
/// The folder of `path` is missing or not writable, the disk is full, or `path` names no file;
/// [`ErrorKind::AlreadyExists`] if something has the name and is to be kept.
pub fn write(path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<()> {
    let mut batch = Batch::default();
    batch.add(Staged::new(path, bytes, mode, existing)?);
    batch.commit().map_err(|error| error.source)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Files that get their names only when all of them are on the disk.
#[derive(Debug, Default)]
pub struct Batch {
    staged: Vec<Staged>,
    /// What is to have its names before
    settled: Vec<Vec<Staged>>,
}

/// What could not be done to which file of a [`Batch`].
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct BatchError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// From so many files or folders on, the whole file system is written out once: that is quicker, and waits for
/// what other programs have left to be written.
const MANY: usize = 8;

impl Batch {
    /// Adds a file.
    pub fn add(&mut self, staged: Staged) {
        self.staged.push(staged);
    }

    /// What is added from here on gets its names only when what was added before is on the disk for good under
    /// its own.
    pub fn settle(&mut self) {
        self.settled.push(std::mem::take(&mut self.staged));
    }

    /// Brings every file to the disk, then gives each its name, in the order in which they were added, then
    /// brings the names to the disk.
    ///
    /// # Errors
    ///
    /// As for [`write()`]. The files before the one that failed have their names, the others are gone.
    pub fn commit(self) -> Result<(), BatchError> {
        let all = self.settled.iter().chain([&self.staged]).flatten();
        let places: Vec<_> = all.map(|staged| (staged.temporary(), staged.target.as_path())).collect();
        sync(&places)?;
        for part in self.settled.into_iter().chain([self.staged]) {
            // A new name survives a power failure only when its folder is on the disk too.
            let mut folders = BTreeSet::new();
            for staged in part {
                folders.insert(folder_of(&staged.target).to_owned());
                staged.rename()?;
            }
            let places: Vec<_> = folders.iter().map(|folder| (folder.as_path(), folder.as_path())).collect();
            sync(&places)?;
        }
        Ok(())
    }
}

/// Brings files or folders to the disk. Each has the path that an error names beside it.
fn sync(places: &[(&Path, &Path)]) -> Result<(), BatchError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BatchError { path, source }
    };
    if places.len() >= MANY {
        let mut devices = BTreeSet::new();
        for (place, told) in places {
            sync_file_system(place, &mut devices).map_err(failed(told))?;
        }
        return Ok(());
    }
    let opened = places.iter().map(|(place, told)| File::open(place).map_err(failed(told)));
    let opened: Vec<File> = opened.collect::<Result<_, _>>()?;
    for file in &opened {
        // With this Linux begins to write (mm/fadvise.c). Where all have begun before the first is waited for,
        // a journal is committed once and not once for each. If it does not, only time is lost.
        let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    for (file, (_, told)) in opened.iter().zip(places) {
        sync_one(file).map_err(failed(told))?;
    }
    Ok(())
}

fn sync_one(file: &File) -> io::Result<()> {
    match file.sync_all() {
        // Some network file systems cannot do this for folders; nothing better is left to do there.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            if file.metadata()?.is_dir() { Ok(()) } else { Err(error) }
        }
        other => other,
    }
}

/// Writes out the file system that holds `place`, unless it is one of `done`.
fn sync_file_system(place: &Path, done: &mut BTreeSet<u64>) -> io::Result<()> {
    if done.insert(fs::metadata(place)?.dev()) {
        nix::unistd::syncfs(File::open(place)?)?;
    }
    Ok(())
}

/// Deletes the temporary files that a killed process left in `folder`, and counts them.
///
/// A process that is writing there would lose its file: the caller holds a lock that keeps others out.
///
/// # Errors
///
/// The folder cannot be read, or a file in it cannot be deleted.
pub fn remove_leftovers(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
        if ours && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn staged(path: &Path) -> Staged {
        Staged::new(path, b"bytes", Mode::Exactly(0o600), Existing::Keep).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_has_its_bytes_and_exactly_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        for wanted in [0o600, 0o644, 0o640, 0o666] {
            let path = folder.path().join(format!("{wanted:o}"));
            write(&path, b"bytes", Mode::Exactly(wanted), Existing::Keep).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"bytes");
            assert_eq!(mode(&path), wanted);
        }
        assert_eq!(names(folder.path()), ["600", "640", "644", "666"]);
    }

    #[test]
    fn a_mode_may_be_left_to_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, masked) = (folder.path().join("plain"), folder.path().join("masked"));
        fs::write(&plain, "").unwrap();
        write(&masked, b"bytes", Mode::Masked(0o644), Existing::Keep).unwrap();
        assert_eq!(mode(&masked), mode(&plain) & 0o644);
    }

    #[test]
    fn a_file_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "old").unwrap();
        let error = write(&path, b"new", Mode::Exactly(0o600), Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["key.pem"]);
    }

    #[test]
    fn a_file_is_replaced_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut reader = File::open(&path).unwrap();
        write(&path, b"new", Mode::Exactly(0o600), Existing::Replace).unwrap();
        // Whoever has the old file open still reads all of it: it was not truncated.
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "old");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (other, link) = (folder.path().join("other"), folder.path().join("link"));
        fs::write(&other, "other").unwrap();
        symlink(&other, &link).unwrap();
        let error = write(&link, b"new", Mode::Exactly(0o600), Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        write(&link, b"new", Mode::Exactly(0o600), Existing::Replace).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(fs::read(&link).unwrap(), b"new");
    }

    #[test]
    fn a_link_to_nothing_is_something_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("nowhere", &link).unwrap();
        let error = write(&link, b"new", Mode::Exactly(0o600), Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::create_dir(&path).unwrap();
        write(&path, b"new", Mode::Exactly(0o600), Existing::Replace).unwrap_err();
        assert_eq!(names(folder.path()), ["key.pem"]);
    }

    #[test]
    fn a_batch_gives_names_only_when_all_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        for count in [3, MANY] {
            let mut batch = Batch::default();
            for i in 0..count {
                let path = folder.path().join(format!("{count}-{i}"));
                let staged = staged(&path);
                assert!(staged.temporary().exists() && !path.exists());
                batch.add(staged);
            }
            batch.commit().unwrap();
            assert_eq!(mode(&folder.path().join(format!("{count}-0"))), 0o600);
        }
        assert_eq!(names(folder.path()).len(), 3 + MANY);
        let mut dropped = Batch::default();
        dropped.add(staged(&folder.path().join("dropped")));
        drop(dropped);
        assert_eq!(names(folder.path()).len(), 3 + MANY);
        let mut batch = Batch::default();
        batch.add(staged(&folder.path().join("settled")));
        batch.settle();
        batch.add(staged(&folder.path().join("new")));
        batch.add(staged(&folder.path().join("3-0")));
        let error = batch.commit().unwrap_err();
        assert_eq!((error.path, error.source.kind()), (folder.path().join("3-0"), ErrorKind::AlreadyExists));
        assert_eq!(fs::read(folder.path().join("3-0")).unwrap(), b"bytes");
        // What was settled before has its names.
        assert!(folder.path().join("settled").exists());
    }

    #[test]
    fn missing_folders_and_missing_names_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            write(&folder.path().join("no/key.pem"), b"", Mode::Exactly(0o600), Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error =
            write(&folder.path().join(".."), b"", Mode::Exactly(0o600), Existing::Replace).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn only_leftovers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".etcdpki-a1b2c3", ".etcdpki-d4e5f6", "key.pem", "x.etcdpki-1"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join(".etcdpki-folder")).unwrap();
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 2);
        assert_eq!(names(folder.path()), [".etcdpki-folder", "key.pem", "x.etcdpki-1"]);
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 0);
    }
}
