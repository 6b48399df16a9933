//! Writing files: whole or not at all, with a known mode.
//!
//! A file is first written under a temporary name in the target's own folder and then renamed, so a reader
//! sees the old content or the new one and never a part. The bytes may be secrets: a temporary file is never
//! readable by more than its mode allows.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tempfile::{TempDir, TempPath};

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
    /// What `file` is in, to be removed after it
    workshop: Option<Workshop>,
}

/// A folder for temporary files within the one where they get their names. It is removed when nothing needs it any
/// more.
///
/// Threads that make files in one folder wait for one another (Linux locks it); those that each have a workshop
/// only do so for the names. Its owner alone can enter it, and it is locked as long as the process lives: what a killed
/// one left can be told from what is in use ([`remove_abandoned_workshops`]).
#[derive(Debug, Clone)]
pub struct Workshop(Arc<(TempDir, File)>);

impl Workshop {
    /// A workshop in `folder`.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let mode = Permissions::from_mode(0o700);
        let folder = builder.prefix(TEMPORARY_PREFIX).permissions(mode).tempdir_in(folder)?;
        let lock = File::open(folder.path())?;
        lock.lock()?;
        Ok(Self(Arc::new((folder, lock))))
    }

    /// The same as [`Staged::new`], with the temporary file here.
    ///
    /// # Errors
    ///
    /// As for [`write()`], and if `path` is in another file system.
    pub fn stage(&self, path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<Staged> {
        let staged = Staged::new_in(self.0.0.path(), path, bytes, mode, existing)?;
        Ok(Staged { workshop: Some(self.clone()), ..staged })
    }
}

impl Staged {
    /// The file for `path`, under a temporary name beside it.
    ///
    /// # Errors
    ///
    /// As for [`write()`].
    pub fn new(path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<Self> {
        Self::new_in(folder_of(path), path, bytes, mode, existing)
    }

    fn new_in(folder: &Path, path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the path does not name a file"));
        }
        let (Mode::Exactly(bits) | Mode::Masked(bits)) = mode;
        let mut builder = tempfile::Builder::new();
        let mut file =
            builder.prefix(TEMPORARY_PREFIX).permissions(Permissions::from_mode(bits)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        // What the umask withheld is given back.
        if mode == Mode::Exactly(bits) && file.as_file().metadata()?.mode() & 0o7777 != bits {
            file.as_file().set_permissions(Permissions::from_mode(bits))?;
        }
        Ok(Self { file: file.into_temp_path(), target: path.to_owned(), existing, workshop: None })
    }

    /// Where it is until it gets its name.
    pub fn temporary(&self) -> &Path {
        &self.file
    }

    /// Gives it its name, unless something has it that is to be replaced: then it comes back.
    fn name_if_new(self) -> Result<Result<PathBuf, Self>, BatchError> {
        let Self { file, target, existing, workshop } = self;
        match file.persist_noclobber(&target) {
            Ok(()) => Ok(Ok(target)),
            // Not only if it is there: some file systems cannot rename so.
            Err(failure) if existing == Existing::Replace => {
                Ok(Err(Self { file: failure.path, target, existing, workshop }))
            }
            Err(failure) => Err(BatchError { path: target, source: failure.error }),
        }
    }

    /// Gives it its name, whoever has it.
    fn replace(self) -> Result<PathBuf, BatchError> {
        match self.file.persist(&self.target) {
            Ok(()) => Ok(self.target),
            Err(failure) => Err(BatchError { path: self.target, source: failure.error }),
        }
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

/// Files that get their names together.
#[derive(Debug, Default)]
pub struct Batch {
    staged: Vec<Staged>,
    /// What has its name, and may not be on the disk
    named: Vec<PathBuf>,
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

    /// Adds all that another batch has.
    pub fn append(&mut self, other: Self) {
        self.staged.extend(other.staged);
        self.named.extend(other.named);
    }

    /// Gives their names to the files that take no other's place: the beginning of [`Batch::commit`], for threads
    /// that share its work.
    ///
    /// # Errors
    ///
    /// As for [`write()`].
    pub fn name_new(&mut self) -> Result<(), BatchError> {
        for staged in std::mem::take(&mut self.staged) {
            match staged.name_if_new()? {
                Ok(path) => self.named.push(path),
                Err(staged) => self.staged.push(staged),
            }
        }
        Ok(())
    }

    /// Gives each file its name: first those that take no other's place, then the others, both in the order in
    /// which they were added. When this returns, all of them are on the disk for good.
    ///
    /// Before a file takes another's place, it is on the disk and so are the new names: a failure of the power
    /// leaves the old file or the new one. A new name takes nothing away and is brought to the disk when it is
    /// there.
    ///
    /// # Errors
    ///
    /// As for [`write()`]. The files before the one that failed have their names, the others are gone.
    pub fn commit(mut self) -> Result<(), BatchError> {
        self.name_new()?;
        let Self { staged, named } = self;
        let new = named.iter().map(|path| (path.as_path(), path.as_path()));
        let replacing = staged.iter().map(|staged| (staged.temporary(), staged.target.as_path()));
        let files: Vec<_> = new.chain(replacing).collect();
        if let Err(error) = sync(&files, &folders(&named)) {
            for path in &named {
                // Some file systems tell only now that they are full: nothing is better than a part.
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
        let replaced = staged.into_iter().map(Staged::replace).collect::<Result<Vec<_>, _>>()?;
        sync(&[], &folders(&replaced))
    }
}

/// A name survives a failure of the power only when its folder is on the disk too.
fn folders(paths: &[PathBuf]) -> BTreeSet<&Path> {
    paths.iter().map(|path| folder_of(path)).collect()
}

/// Brings files, and the names in folders, to the disk. Each file has the path that an error names beside it.
fn sync(files: &[(&Path, &Path)], folders: &BTreeSet<&Path>) -> Result<(), BatchError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BatchError { path, source }
    };
    if files.len() + folders.len() >= MANY {
        let mut devices = BTreeSet::new();
        let folders: BTreeSet<_> =
            files.iter().map(|(file, _)| folder_of(file)).chain(folders.iter().copied()).collect();
        for folder in folders {
            sync_file_system(folder, &mut devices).map_err(failed(folder))?;
        }
        return Ok(());
    }
    let folders = folders.iter().map(|folder| (*folder, *folder));
    let places = || files.iter().copied().chain(folders.clone());
    let opened = places().map(|(place, told)| File::open(place).map_err(failed(told)));
    let opened: Vec<File> = opened.collect::<Result<_, _>>()?;
    for file in opened.iter().take(files.len()) {
        // With this Linux begins to write (mm/fadvise.c). Where all have begun before the first is waited for,
        // a journal is committed once and not once for each. If it does not, only time is lost.
        let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    for (file, (_, told)) in opened.iter().zip(places()) {
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

/// Writes out the file system that holds `folder`, unless it is one of `done`.
fn sync_file_system(folder: &Path, done: &mut BTreeSet<u64>) -> io::Result<()> {
    if done.insert(fs::metadata(folder)?.dev()) {
        nix::unistd::syncfs(File::open(folder)?)?;
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

/// Deletes the workshops in `folder` that killed processes left, with the files in them, and counts them.
///
/// # Errors
///
/// The folder cannot be read, or a workshop in it cannot be deleted.
pub fn remove_abandoned_workshops(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
        // What another user has is that user's to remove.
        let is_abandoned = || File::open(entry.path()).is_ok_and(|workshop| workshop.try_lock().is_ok());
        if ours && entry.file_type()?.is_dir() && is_abandoned() {
            fs::remove_dir_all(entry.path())?;
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
    fn a_batch_gives_names_in_its_order() {
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
        batch.add(staged(&folder.path().join("before")));
        batch.add(staged(&folder.path().join("3-0")));
        batch.add(staged(&folder.path().join("after")));
        let error = batch.commit().unwrap_err();
        assert_eq!((error.path, error.source.kind()), (folder.path().join("3-0"), ErrorKind::AlreadyExists));
        assert_eq!(fs::read(folder.path().join("3-0")).unwrap(), b"bytes");
        assert!(folder.path().join("before").exists() && !folder.path().join("after").exists());
    }

    #[test]
    fn new_names_come_before_those_that_replace() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let workshop = Workshop::new(folder.path()).unwrap();
        let stage =
            |name: &str| workshop.stage(&at(name), b"new", Mode::Exactly(0o640), Existing::Replace).unwrap();
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
        drop(workshop);
        batch.commit().unwrap();
        assert_eq!((fs::read(at("old")).unwrap(), mode(&at("old"))), (b"new".into(), 0o640));
        // The workshop is gone with the last file that was in it.
        assert_eq!(names(folder.path()), ["first", "old"]);
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
    fn a_workshop_is_private_and_removed_when_its_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let workshop = Workshop::new(folder.path()).unwrap();
        assert_eq!(mode(workshop.0.0.path()), 0o700);
        let abandoned = folder.path().join(".etcdpki-abandoned");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join("key"), "").unwrap();
        fs::write(folder.path().join(".etcdpki-file"), "").unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        assert_eq!(remove_abandoned_workshops(folder.path()).unwrap(), 1);
        assert!(!abandoned.exists() && workshop.0.0.path().exists());
        drop(workshop);
        assert_eq!(names(folder.path()), [".etcdpki-file", "other"]);
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
