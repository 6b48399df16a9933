//! Access to files anywhere, for looking only.

#![expect(clippy::disallowed_methods, reason = "it reads the files that are to be checked")]

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::folder::user;

/// Files by absolute paths. The disk is one set of them ([`SystemFiles`]); a [`BTreeMap`] is another.
pub trait Files {
    /// What stands at `path`, if anything; links are followed.
    ///
    /// # Errors
    /// If it cannot be looked at, or is too large to be read.
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error>;

    /// The names in a folder, sorted, but for links to other folders, which may lead in circles.
    ///
    /// # Errors
    /// If it cannot be read.
    fn names(&self, path: &Path) -> Result<Vec<String>, Error>;

    /// The number of a user of the machine that the files are of, if that is known.
    fn user(&self, name: &str) -> Option<u32>;
}

/// The files of this machine. What is larger than 8 MiB is not read: it is programs and data, or a revocation list of
/// some hundred thousand certificates.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

const LARGEST: u64 = 8 << 20;

impl Files for SystemFiles {
    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), IoErrorKind::NotFound | IoErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(Error::io("look at", path, source)),
        };
        let kind = if metadata.is_dir() { FileKind::Folder } else { FileKind::File };
        if metadata.is_file() && metadata.len() > LARGEST {
            return Err(ErrorKind::TooLarge { path: path.to_owned() }.into());
        }
        let bytes = if metadata.is_file() {
            fs::read(path).map_err(|source| Error::io("read", path, source))?
        } else {
            Vec::new()
        };
        let (mode, ids) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        Ok(Some(Entry { kind, mode, ids, bytes: Zeroizing::new(bytes) }))
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, Error> {
        let failed = |source| Error::io("read", path, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !(entry.path().is_symlink() && entry.path().is_dir()) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn user(&self, name: &str) -> Option<u32> {
        user::ids(name).map(|(user, _)| user)
    }
}

/// Files in memory: every file with its absolute path.
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
