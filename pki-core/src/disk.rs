//! Writing files completely or not at all, with a known mode.
//!
//! A file gets its bytes before its name, so a reader sees the old contents or the new contents, and never a part. Until
//! then it is in no folder (`O_TMPFILE`, open(2)) and vanishes if the process is killed. Where that is not possible, it
//! has a temporary name in the folder of the target. The bytes may be a private key, so no file ever has more permissions
//! than its mode. A file with a private key is not overwritten unless the caller asks for it.

#![expect(clippy::disallowed_methods, reason = "this module writes files for the whole library")]

mod batch;
mod error;
mod key;
mod lock;
mod many;
mod read;
mod set;
mod staged;
mod sync;
mod target;

use std::io;
use std::path::Path;

pub use crate::disk::batch::Batch;
pub use crate::disk::error::BatchError;
#[cfg(feature = "etcd")]
pub(crate) use crate::disk::key::is_key_file;
pub use crate::disk::key::{KeyIsThere, NotAFile, holds_private_key};
pub use crate::disk::lock::{Access, Busy, FolderLock, lock_if_possible, remove_leftovers};
pub use crate::disk::many::{Stopped, write_many};
pub use crate::disk::read::{LARGEST_FILE, LARGEST_LIST, TooMuch, read, read_from};
pub use crate::disk::staged::Staged;
pub use crate::disk::target::{Existing, Mode, TEMPORARY_PREFIX};

use crate::disk::target::folder_of;

/// Writes `bytes` to `path`, completely or not at all.
///
/// A symbolic link at `path` is treated as a file: it is kept or replaced, and never followed.
///
/// ```
/// use pki_core::disk::{Existing, Mode, write};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("etcd1.pem");
/// write(&path, b"new", Mode::Masked(0o644), Existing::Keep)?;
/// assert!(write(&path, b"other", Mode::Masked(0o644), Existing::Keep).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`] if there is a file at `path` that is to be kept, or a private key that would be lost;
/// in the latter case, [`KeyIsThere::in_error`] returns it. [`NotAFile`] if `path` is a device, a FIFO or a socket, or a link
/// to one. Other kinds if the folder is missing or not writable, the disk is full, or `path` does not end with the name of
/// a file.
pub fn write(path: &Path, bytes: &[u8], mode: Mode, existing: Existing) -> io::Result<()> {
    let _lock = begin(folder_of(path))?;
    let mut batch = Batch::default();
    batch.add(Staged::new(path, bytes, mode, existing)?);
    batch.commit().map_err(|error| error.source)
}

/// Begins to write into a folder: waits until nobody else writes there, and deletes what a killed process left. The lock is
/// held until the result is dropped. A folder that cannot be locked is written to without.
///
/// # Errors
///
/// [`Busy`] if another process has the folder locked for long.
pub fn begin(folder: &Path) -> io::Result<Option<FolderLock>> {
    let lock = lock_if_possible(folder, Access::Write)?;
    if lock.is_some() {
        // What cannot be deleted is not in the way.
        let _ = remove_leftovers(folder);
    }
    Ok(lock)
}

#[cfg(test)]
pub(in crate::disk) mod tests {
    use std::fs::{self, File, Permissions};
    use std::io::ErrorKind;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    /// The names in a folder, sorted.
    pub(in crate::disk) fn names(folder: &Path) -> Vec<String> {
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
        // A program that has the old file open still reads all of it, because it was not truncated.
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
    fn missing_folders_and_missing_names_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            write(&folder.path().join("no/key.pem"), b"", Mode::Exactly(0o600), Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error =
            write(&folder.path().join(".."), b"", Mode::Exactly(0o600), Existing::Replace).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
