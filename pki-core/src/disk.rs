//! Writing files: whole or not at all, with a known mode.
//!
//! A file is first written under a temporary name in the target's own folder and then renamed, so a reader
//! sees the old content or the new one and never a part. The bytes may be secrets: until the mode is set, the
//! temporary file is readable by its owner only.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How the name of every temporary file begins. Nothing else may be named so, for [`remove_leftovers`]
/// deletes it.
pub const TEMPORARY_PREFIX: &str = ".etcdpki-";

/// The umask of most systems, for when the kernel does not tell ours.
const USUAL_UMASK: u32 = 0o022;

/// What to do with a file that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep it: writing fails with [`ErrorKind::AlreadyExists`].
    Keep,
    /// Put the new file in its place.
    Replace,
}

/// A file that is complete on the disk, but not yet under its name. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    folder: File,
    target: PathBuf,
}

impl Staged {
    /// Where the file will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where the file is until then.
    pub(crate) fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] if something has the name and is to be kept; otherwise the renaming failed.
    /// The file is then gone, and what had its name is unchanged. Only the last step, writing the folder out,
    /// may fail with the new file in place.
    pub fn commit(self, existing: Existing) -> io::Result<()> {
        match existing {
            Existing::Keep => self.file.persist_noclobber(&self.target),
            Existing::Replace => self.file.persist(&self.target),
        }
        .map_err(|failure| failure.error)?;
        sync_folder(&self.folder)
    }
}

/// Writes `bytes` to `path`: whole or not at all, with exactly `mode` whatever the umask.
///
/// A symbolic link at `path` counts as the file that is there: it is kept or replaced, never followed.
///
/// # Errors
///
/// As for [`stage`] and [`Staged::commit`].
pub fn write(path: &Path, bytes: &[u8], mode: u32, existing: Existing) -> io::Result<()> {
    stage(path, bytes, mode)?.commit(existing)
}

/// Writes `bytes` next to `path`, so that several files can be brought to the disk before the first of them
/// gets its name.
///
/// # Errors
///
/// The folder of `path` is missing or not writable, the disk is full, or `path` names no file.
pub fn stage(path: &Path, bytes: &[u8], mode: u32) -> io::Result<Staged> {
    if path.file_name().is_none() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path does not name a file"));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = File::open(parent)?;
    let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(parent)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(Staged { file, folder, target: path.to_owned() })
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

/// The permissions that this process's umask withholds from new files.
pub fn umask() -> u32 {
    // The system call cannot ask without changing the mask for every thread; the kernel's text can.
    fs::read_to_string("/proc/self/status").ok().and_then(|status| umask_in(&status)).unwrap_or(USUAL_UMASK)
}

fn umask_in(status: &str) -> Option<u32> {
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(digits.trim(), 8).ok()
}

/// A new name survives a power failure only when its folder is on the disk too.
fn sync_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // Some network file systems cannot do this for folders; nothing better is left to do there.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
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
            write(&path, b"bytes", wanted, Existing::Keep).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"bytes");
            assert_eq!(mode(&path), wanted);
        }
        assert_eq!(names(folder.path()), ["600", "640", "644", "666"]);
    }

    #[test]
    fn a_file_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "old").unwrap();
        let error = write(&path, b"new", 0o600, Existing::Keep).unwrap_err();
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
        write(&path, b"new", 0o600, Existing::Replace).unwrap();
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
        let error = write(&link, b"new", 0o600, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        write(&link, b"new", 0o600, Existing::Replace).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(fs::read(&link).unwrap(), b"new");
    }

    #[test]
    fn a_link_to_nothing_is_something_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("nowhere", &link).unwrap();
        let error = write(&link, b"new", 0o600, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::create_dir(&path).unwrap();
        write(&path, b"new", 0o600, Existing::Replace).unwrap_err();
        assert_eq!(names(folder.path()), ["key.pem"]);
    }

    #[test]
    fn a_staged_file_has_no_name_until_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let staged = stage(&path, b"bytes", 0o644).unwrap();
        assert_eq!(staged.target(), path);
        assert!(!path.exists());
        staged.commit(Existing::Keep).unwrap();
        assert_eq!(names(folder.path()), ["key.pem"]);

        drop(stage(&folder.path().join("dropped"), b"bytes", 0o644).unwrap());
        assert_eq!(names(folder.path()), ["key.pem"]);
    }

    #[test]
    fn missing_folders_and_missing_names_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/key.pem"), b"", 0o600, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = write(&folder.path().join(".."), b"", 0o600, Existing::Replace).unwrap_err();
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

    #[test]
    fn the_umask_is_read_from_the_kernels_text() {
        assert_eq!(umask_in("Name:\tx\nUmask:\t0027\nState:\tR (running)\n"), Some(0o027));
        assert_eq!(umask_in("Umask:\t0000\n"), Some(0));
        assert_eq!(umask_in("Name:\tx\n"), None);
        assert_eq!(umask_in("Umask:\tx\n"), None);
    }
}
