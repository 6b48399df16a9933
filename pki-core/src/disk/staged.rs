//! Files that have their contents, but not their names yet.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{Pid, linkat};
use tempfile::TempPath;

use crate::disk::error::BatchError;
use crate::disk::key::{self, KeyIsThere, NotAFile};
use crate::disk::read::read_from;
use crate::disk::target::{Existing, Mode, TEMPORARY_PREFIX, folder_of};

/// A file that has its contents, but not its name yet. Dropping it removes the file.
#[derive(Debug)]
pub struct Staged {
    file: StagedFile,
    target: PathBuf,
    existing: Existing,
}

#[derive(Debug)]
enum StagedFile {
    /// A file in no folder. It exists as long as it is open.
    Unnamed(File),
    /// A file with a temporary name.
    Temporary(TempPath),
}

/// Files stay open only if their descriptor is below this number: a quarter of the descriptors that the process may
/// have, usually 256 of 1024. A cluster has more files than that, and the others get temporary names.
static OPEN_BELOW: LazyLock<u64> =
    LazyLock::new(|| getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| (soft / 4).min(256)));

/// The folder with links to the open files of a process (proc(5)). Through such a link an unnamed file gets its name.
const OPEN_FILES: &str = "/proc/self/fd";

/// Whether unnamed files can get names. A `chroot` may have no `/proc`.
static CAN_BE_NAMED: LazyLock<bool> = LazyLock::new(|| Path::new(OPEN_FILES).is_dir());

impl Staged {
    /// Writes `bytes` into a new file, which will get the name `path`.
    ///
    /// # Errors
    ///
    /// As for [`write()`](crate::disk::write()).
    pub fn new(path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the path does not name a file"));
        }
        if existing != Existing::Keep && key::is_special(path) {
            return Err(NotAFile.into());
        }
        if existing == Existing::Replace && key::is_lost(path, bytes)? {
            return Err(KeyIsThere.into());
        }
        let folder = folder_of(path);
        let (Mode::Exactly(bits) | Mode::Masked(bits)) = mode;
        let file = match unnamed(folder, bits) {
            Some(mut file) => {
                fill(&mut file, bytes, mode)?;
                StagedFile::Unnamed(file)
            }
            None => {
                let permissions = Permissions::from_mode(bits);
                let mut file = temporary().permissions(permissions).tempfile_in(folder)?;
                fill(file.as_file_mut(), bytes, mode)?;
                StagedFile::Temporary(file.into_temp_path())
            }
        };
        Ok(Self { file, target: path.to_owned(), existing })
    }

    /// Sets the owner and the group of the file, unless they are right already.
    ///
    /// # Errors
    ///
    /// What the operating system says. Only root may change the owner.
    pub fn give(&self, user: u32, group: u32) -> io::Result<()> {
        let metadata = match &self.file {
            StagedFile::Unnamed(file) => file.metadata(),
            StagedFile::Temporary(path) => path.symlink_metadata(),
        }?;
        if (metadata.uid(), metadata.gid()) == (user, group) {
            return Ok(());
        }
        match &self.file {
            StagedFile::Unnamed(file) => fchown(file, Some(user), Some(group)),
            StagedFile::Temporary(path) => chown(path, Some(user), Some(group)),
        }
    }

    /// Gives the file its name. If there is a file with that name that is to be replaced, returns the [`Replacement`]
    /// that will do it.
    pub(super) fn name_if_new(self) -> Result<Result<PathBuf, Replacement>, BatchError> {
        let Self { file, target, existing } = self;
        let (failure, file) = match file {
            StagedFile::Unnamed(file) => match link(&file, &target) {
                Ok(()) => return Ok(Ok(target)),
                Err(failure) if failure.kind() == ErrorKind::AlreadyExists => {
                    (failure, StagedFile::Unnamed(file))
                }
                // A security module may forbid what linkat(2) does here, and some file systems cannot do it.
                Err(_) => match copy(&file, folder_of(&target)) {
                    Ok(path) => {
                        return Self { file: StagedFile::Temporary(path), target, existing }.name_if_new();
                    }
                    Err(source) => return Err(BatchError { path: target, source }),
                },
            },
            StagedFile::Temporary(path) => match path.persist_noclobber(&target) {
                Ok(()) => return Ok(Ok(target)),
                Err(failure) => (failure.error, StagedFile::Temporary(failure.path)),
            },
        };
        match existing {
            Existing::Keep => Err(BatchError { path: target, source: failure }),
            // This is so for any failure, since some file systems cannot rename without replacing.
            Existing::Replace | Existing::ReplaceKeys => {
                Self { file, target, existing }.into_replacement().map(Err)
            }
        }
    }

    /// Makes the file one that replaces whatever has its name.
    pub(super) fn into_replacement(self) -> Result<Replacement, BatchError> {
        let Self { file, target, .. } = self;
        let result = match file {
            StagedFile::Temporary(file) => Ok(file),
            // Only a file with a name can replace another.
            StagedFile::Unnamed(file) => temporary()
                .make_in(folder_of(&target), |path| link(&file, path))
                .map(tempfile::NamedTempFile::into_temp_path)
                .or_else(|_| copy(&file, folder_of(&target))),
        };
        match result {
            Ok(file) => Ok(Replacement { file, target }),
            Err(source) => Err(BatchError { path: target, source }),
        }
    }

    /// The name that it will get.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// What happens to the file that has the name already.
    pub(super) fn existing(&self) -> Existing {
        self.existing
    }
}

/// A file with a temporary name that will replace another. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct Replacement {
    file: TempPath,
    target: PathBuf,
}

impl Replacement {
    /// The temporary name.
    pub(super) fn temporary(&self) -> &Path {
        &self.file
    }

    /// The name that it will get.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the file its name, and replaces the file that has it.
    pub(super) fn replace(self) -> Result<PathBuf, BatchError> {
        match self.file.persist(&self.target) {
            Ok(()) => Ok(self.target),
            Err(failure) => Err(BatchError { path: self.target, source: failure.error }),
        }
    }
}

/// The beginning of temporary names of this process. Its number tells whether the writer of a file still runs.
pub(super) static PREFIX: LazyLock<String> = LazyLock::new(|| format!("{TEMPORARY_PREFIX}{}-", Pid::this()));

fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(&*PREFIX);
    builder
}

/// Makes a file in the file system of `folder`, but in no folder. `None` if that is not possible.
fn unnamed(folder: &Path, bits: u32) -> Option<File> {
    if !*CAN_BE_NAMED {
        return None;
    }
    let mut options = OpenOptions::new();
    // An error here occurs again when the file with the temporary name is made, and is reported then.
    let file =
        options.read(true).write(true).mode(bits).custom_flags(OFlag::O_TMPFILE.bits()).open(folder).ok()?;
    u64::try_from(file.as_raw_fd()).is_ok_and(|number| number < *OPEN_BELOW).then_some(file)
}

fn fill(file: &mut File, bytes: &[u8], mode: Mode) -> io::Result<()> {
    file.write_all(bytes)?;
    // The umask may have removed some of the bits.
    if let Mode::Exactly(bits) = mode
        && file.metadata()?.mode() & 0o7777 != bits
    {
        file.set_permissions(Permissions::from_mode(bits))?;
    }
    Ok(())
}

/// Copies an unnamed file into one with a temporary name, with its mode and owner.
fn copy(file: &File, folder: &Path) -> io::Result<TempPath> {
    let metadata = file.metadata()?;
    let mut source = file;
    source.seek(SeekFrom::Start(0))?;
    let bytes = read_from(source, u64::MAX)?;
    let mut copy =
        temporary().permissions(Permissions::from_mode(metadata.mode() & 0o7777)).tempfile_in(folder)?;
    fill(copy.as_file_mut(), &bytes, Mode::Exactly(metadata.mode() & 0o7777))?;
    let own = copy.as_file().metadata()?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        fchown(copy.as_file(), Some(metadata.uid()), Some(metadata.gid()))?;
    }
    Ok(copy.into_temp_path())
}

/// Gives an unnamed file a name. It fails if the name is taken.
fn link(file: &File, path: &Path) -> io::Result<()> {
    let open = format!("{OPEN_FILES}/{}", file.as_raw_fd());
    Ok(linkat(AT_FDCWD, open.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn staged(path: &Path, existing: Existing) -> Staged {
        Staged::new(path, b"new", Mode::Exactly(0o600), existing).unwrap()
    }

    /// A staged file as on a file system without unnamed files.
    fn with_temporary_name(path: &Path, existing: Existing) -> Staged {
        let mut file = temporary().tempfile_in(folder_of(path)).unwrap();
        file.write_all(b"new").unwrap();
        Staged { file: StagedFile::Temporary(file.into_temp_path()), target: path.to_owned(), existing }
    }

    #[test]
    fn both_ways_give_new_names_and_replace() {
        for stage in [staged, with_temporary_name] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("key.pem");
            assert_eq!(stage(&path, Existing::Keep).name_if_new().unwrap().unwrap(), path);
            let error = stage(&path, Existing::Keep).name_if_new().unwrap_err();
            assert_eq!(error.source.kind(), ErrorKind::AlreadyExists);
            fs::write(&path, "old").unwrap();
            let replacement = stage(&path, Existing::Replace).name_if_new().unwrap().unwrap_err();
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(fs::read(replacement.temporary()).unwrap(), b"new");
            replacement.replace().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            drop(stage(&path, Existing::Replace).name_if_new().unwrap().unwrap_err());
            assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        }
    }

    #[test]
    fn a_copy_has_the_bytes_and_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let StagedFile::Unnamed(file) = staged(&path, Existing::Keep).file else { return };
        let copied = copy(&file, folder.path()).unwrap();
        assert_eq!(fs::read(&copied).unwrap(), b"new");
        assert_eq!(fs::metadata(&copied).unwrap().mode() & 0o7777, 0o600);
        drop(copied);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn of_many_files_only_some_are_kept_open() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<Staged> = (0..2 * *OPEN_BELOW)
            .map(|i| staged(&folder.path().join(i.to_string()), Existing::Keep))
            .collect();
        let temporary = |staged: &&Staged| matches!(staged.file, StagedFile::Temporary(_));
        let with_names = many.iter().filter(temporary).count();
        assert_eq!(folder.path().read_dir().unwrap().count(), with_names);
        assert!(with_names >= many.len() / 2);
        drop(many);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
