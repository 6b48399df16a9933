//! Read access to files by absolute paths, on disk or in memory.

#![expect(clippy::disallowed_methods, reason = "it reads the files that are to be checked")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use crate::etcd::error::{Error, ErrorKind, SHORTEN, TOO_LARGE};
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::folder::{disk, user};

/// Files that can be read by absolute paths: those of this machine ([`SystemFiles`]), or those in a [`BTreeMap`].
pub trait Files {
    /// The file or folder at `path`, with links followed; `None` if nothing is there.
    ///
    /// # Errors
    /// If it cannot be read, or is too large to be read.
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error>;

    /// The names in the folder at `path`, sorted. Links to folders are left out, since they may lead in circles.
    ///
    /// # Errors
    /// If the folder cannot be read.
    fn names(&self, path: &Path) -> Result<Vec<String>, Error>;

    /// The user ID of a user of the machine that has the files; `None` if it is not known.
    fn user(&self, name: &str) -> Option<u32>;

    /// Where a link leads to, as it is written; `None` if there is no link at `path`.
    ///
    /// # Errors
    /// If it cannot be read.
    fn link(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let _ = path;
        Ok(None)
    }
}

/// The files of this machine. Files of more than 8 MiB are not read: they are programs, data, or revocation lists of a
/// hundred thousand certificates and more.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

/// The size of the largest file that is read, in bytes.
const LARGEST: u64 = 8 << 20;

impl Files for SystemFiles {
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_no_file(&error) => return Ok(None),
            Err(source) => return Err(Error::io("read", path, source)),
        };
        let kind = if metadata.is_dir() { FileKind::Folder } else { FileKind::File };
        if metadata.is_file() && metadata.len() > LARGEST {
            return Err(ErrorKind::TooLarge { path: path.to_owned() }.into());
        }
        let bytes = if metadata.is_file() {
            // It may have grown since.
            disk::read_file(path, LARGEST)?
        } else {
            Zeroizing::default()
        };
        let (mode, ids) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        Ok(Some(Entry { kind, mode, ids, bytes }))
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        let failed = |source| Error::io("read", path, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !(disk::is_temporary(&name) || entry.path().is_symlink() && entry.path().is_dir()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn user(&self, name: &str) -> Option<u32> {
        user::ids(name).map(|(user, _)| user)
    }

    fn link(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        // Whatever else is wrong with the path is told when it is read.
        Ok(fs::read_link(path).ok())
    }
}

/// The number of the error that links lead in a circle (errno(3)). `std` has no stable name for it.
const ELOOP: i32 = 40;

/// Whether the error says that no file can have this path: the file or a folder above it does not exist, the path has a
/// NUL (`InvalidInput`), a name in it is too long, or links in it lead in a circle.
fn is_no_file(error: &std::io::Error) -> bool {
    let is_loop = error.raw_os_error() == Some(ELOOP);
    let kinds = [
        IoErrorKind::NotFound,
        IoErrorKind::NotADirectory,
        IoErrorKind::InvalidInput,
        IoErrorKind::InvalidFilename,
    ];
    is_loop || kinds.contains(&error.kind())
}

/// Why a file or folder that exists was not read. It is no reason to read nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLarge,
    /// The user that runs the program may not read it, or may not enter a folder above it.
    Denied,
}

/// The text after "it was" or "which was".
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => TOO_LARGE,
            Self::Denied => "not read, because the user who runs this program may not read it",
        })
    }
}

impl Unread {
    /// `None` for an error after which nothing else should be read, such as one of the disk.
    fn of(error: &Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::TooLarge { .. } => Some(Self::TooLarge),
            ErrorKind::Io { source, .. } if source.kind() == IoErrorKind::PermissionDenied => {
                Some(Self::Denied)
            }
            _ => None,
        }
    }

    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::TooLarge => SHORTEN,
            Self::Denied => "run this as a user who may read it, such as root",
        }
    }
}

/// The error of reading, and what it says.
#[derive(Debug)]
pub(crate) struct NotRead {
    pub(crate) why: Unread,
    pub(crate) error: Error,
}

/// The file or folder at a path.
pub(crate) fn entry(path: &Path, files: &dyn Files) -> Result<Result<Option<Entry>, NotRead>, Error> {
    unless_unread(files.entry(path))
}

/// The names in a folder.
pub(crate) fn names(path: &Path, files: &dyn Files) -> Result<Result<Vec<String>, NotRead>, Error> {
    unless_unread(files.names(path))
}

fn unless_unread<T>(result: Result<T, Error>) -> Result<Result<T, NotRead>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match Unread::of(&error) {
            Some(why) => Ok(Err(NotRead { why, error })),
            None => Err(error),
        },
    }
}

/// Whether a folder is there, as far as the user who runs the program may know.
pub(crate) fn is_folder(path: &Path, files: &dyn Files) -> Result<bool, Error> {
    Ok(matches!(entry(path, files)?, Ok(Some(Entry { kind: FileKind::Folder, .. }))))
}

/// The number of links that are followed in one path, as the kernel has it (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// A path of a host, in the copy of the host's files that begins at `root`. A link that begins with a slash leads to a
/// path of the host, and so into the copy, not out of it. `None` if links lead in a circle.
pub(crate) fn in_copy(root: &Path, path: &Path, files: &dyn Files) -> Result<Option<PathBuf>, Error> {
    let parts = |path: &Path| -> Vec<PathBuf> {
        let parts = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
        parts.map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    let (mut rest, mut at, mut links) = (parts(path), root.to_owned(), 0);
    rest.reverse();
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            if at != root {
                at.pop();
            }
            continue;
        }
        let next = at.join(part);
        let Some(target) = files.link(&next)? else {
            at = next;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            return Ok(None);
        }
        if target.is_absolute() {
            at = root.to_owned();
        }
        rest.extend(parts(&target).into_iter().rev());
    }
    Ok(Some(at))
}

/// Files in memory, by absolute path. A folder exists if a file is in it.
impl Files for BTreeMap<PathBuf, Entry> {
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error> {
        let folder = || {
            let is_folder = self.keys().any(|key| key != path && key.starts_with(path));
            is_folder.then(|| Entry {
                kind: FileKind::Folder,
                mode: 0o755,
                ids: (0, 0),
                bytes: Zeroizing::default(),
            })
        };
        Ok(self.get(path).cloned().or_else(folder))
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        let inside = self.keys().filter_map(|key| key.strip_prefix(path).ok());
        let first = inside.filter_map(|rest| rest.components().next());
        let mut names: Vec<String> =
            first.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect();
        names.dedup();
        Ok(names)
    }

    fn user(&self, _: &str) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_that_no_file_can_have_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let long = "x".repeat(300);
        for name in ["none", "loop", "a\0b", long.as_str(), "loop/below"] {
            assert!(SystemFiles.entry(&folder.path().join(name)).unwrap().is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_link_of_a_host_stays_in_the_copy_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("opt/etcd-v3")).unwrap();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        symlink("/opt/etcd", root.join("usr/bin/link")).unwrap();
        symlink("../opt/./etcd-v3", root.join("opt/etcd")).unwrap();
        symlink("../../../../opt", root.join("up")).unwrap();
        symlink("/loop", root.join("loop")).unwrap();
        for (path, expected) in [
            ("/usr/bin/link/bin/etcd", Some("opt/etcd-v3/bin/etcd")),
            ("/up/etcd-v3", Some("opt/etcd-v3")),
            ("/opt/../opt/x", Some("opt/x")),
            ("/loop/x", None),
        ] {
            let found = in_copy(root, Path::new(path), &SystemFiles).unwrap();
            assert_eq!(found, expected.map(|expected| root.join(expected)), "{path}");
        }
    }

    #[test]
    fn the_files_of_a_killed_run_are_nothing_that_was_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".etcdpki-a1b2c3", "etcd.env"] {
            fs::write(folder.path().join(name), "ETCD_NAME=a\n").unwrap();
        }
        assert_eq!(SystemFiles.names(folder.path()).unwrap(), ["etcd.env"]);
    }
}
