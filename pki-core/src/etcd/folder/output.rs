//! The files and folders that are written to an output folder.

use zeroize::Zeroizing;

use crate::etcd::folder::snapshot::Owner;

/// A folder of an [`Outcome`](crate::etcd::Outcome).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutputFolder {
    /// The path relative to the output folder.
    pub path: String,
    /// The permission bits.
    pub mode: u32,
    /// The user that should own the folder.
    pub owner: Owner,
    /// Whether the folder exists.
    pub exists: bool,
    /// Whether the folder exists with this mode and owner.
    pub is_right: bool,
}

/// A file of an [`Outcome`](crate::etcd::Outcome) that has to be written, because it is missing or differs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutputFile {
    /// The path relative to the output folder.
    pub path: String,
    /// The permission bits. A file that only its owner may read is secret.
    pub mode: u32,
    /// The user that should own the file.
    pub owner: Owner,
    /// The contents.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether the file replaces an existing one.
    pub replaces: bool,
}

/// Whether only the owner may read a file with this mode. The contents of such a file are in no report and no record.
pub(crate) fn is_secret(mode: u32) -> bool {
    mode & 0o044 == 0
}
