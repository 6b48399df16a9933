//! Where a file is written to, with which mode, and what becomes of the file that is there.

use std::path::Path;

/// How the name of every temporary file begins. Nothing else may be named so, for [`remove_leftovers`](crate::disk::remove_leftovers)
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
    /// Keep it: writing fails with [`AlreadyExists`](std::io::ErrorKind::AlreadyExists).
    Keep,
    /// Put the new file in its place, unless a private key would be lost: writing fails with [`KeyIsThere`](crate::disk::KeyIsThere) then.
    /// A key that is there with the same bytes is not lost.
    Replace,
    /// Put the new file in its place, even where that takes a private key away.
    ReplaceKeys,
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
