//! The mode of a new file, and what happens to the file that has its name already.

use std::path::Path;

/// The beginning of the names of temporary files. No other file may have such a name, because
/// [`remove_leftovers`](crate::disk::remove_leftovers) deletes it.
pub const TEMPORARY_PREFIX: &str = ".etcdpki-";

/// The permission bits of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Exactly these bits, without regard to the umask.
    Exactly(u32),
    /// These bits without those of the umask.
    Masked(u32),
}

/// What to do with a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep the old file. Writing fails with [`AlreadyExists`](std::io::ErrorKind::AlreadyExists).
    Keep,
    /// Replace the old file, unless it has a private key that would be lost: then writing fails with
    /// [`KeyIsThere`](crate::disk::KeyIsThere). A file with equal bytes is not a loss.
    Replace,
    /// Replace the old file, even if a private key is lost.
    ReplaceKeys,
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
