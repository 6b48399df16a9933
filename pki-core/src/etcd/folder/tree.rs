//! What is in the output folder already, as a plan sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::safe::label::Label;

/// A folder with files, by paths relative to it. The disk is one ([`crate::etcd::Folder`]); a [`BTreeMap`] is
/// another.
pub trait Tree {
    /// What stands at `path`, if anything.
    ///
    /// # Errors
    /// If it cannot be looked at, or is neither a file nor a folder.
    fn entry(&self, path: &str) -> Result<Option<Entry>, Error>;

    /// The names in the folder at `path`; none if there is no such folder.
    ///
    /// # Errors
    /// If it cannot be read.
    fn names(&self, path: &str) -> Result<Vec<String>, Error>;

    /// A file that the description names, outside of this folder; none if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    fn outside(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// User and group by number, if a file's owner can be set to `owner` here.
    fn ids(&self, owner: &Owner) -> Option<(u32, u32)>;

    /// The absolute path of the folder itself.
    fn root(&self) -> &Path;
}

/// A file or a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which of the two.
    pub kind: FileKind,
    /// The permission bits.
    pub mode: u32,
    /// Its user and group by number.
    pub ids: (u32, u32),
    /// The contents of a file.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// File or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file
    File,
    /// A folder
    Folder,
}

/// Who should own a file, wherever it ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever runs the program
    Operator,
    /// root, on a host
    Root,
    /// Another user and its group, on a host
    User(Label),
}

impl Owner {
    /// The user's name on a host.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Operator => None,
            Self::Root => Some("root"),
            Self::User(name) => Some(name.as_str()),
        }
    }
}

/// A path as it can be written into a file of variables.
pub(crate) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| ErrorKind::UnwritablePath { path: path.to_owned() }.into())
}

/// A tree in memory, at a path that need not exist: for previews and tests.
impl Tree for (PathBuf, BTreeMap<String, Entry>) {
    fn entry(&self, path: &str) -> Result<Option<Entry>, Error> {
        Ok(self.1.get(path).cloned())
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let prefix = format!("{path}/");
        let inside = self.1.keys().filter_map(|key| key.strip_prefix(&prefix));
        Ok(inside.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn outside(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(path.to_str().and_then(|path| self.1.get(path)).map(|entry| entry.bytes.clone()))
    }

    fn ids(&self, _: &Owner) -> Option<(u32, u32)> {
        None
    }

    fn root(&self) -> &Path {
        &self.0
    }
}
