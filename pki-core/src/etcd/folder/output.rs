//! What is brought to an output folder.

use zeroize::Zeroizing;

use crate::etcd::folder::snapshot::Owner;

/// A folder of an [`Outcome`](crate::etcd::Outcome).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutputFolder {
    /// Its path in the output folder.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// Who should own it.
    pub owner: Owner,
    /// Whether it is there.
    pub exists: bool,
    /// Whether it is there, with this mode and owner.
    pub is_right: bool,
}

/// A file of an [`Outcome`](crate::etcd::Outcome) that is not there yet, or not right.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OutputFile {
    /// Its path in the output folder.
    pub path: String,
    /// Its permission bits. A file that only its owner may read holds a secret.
    pub mode: u32,
    /// Who should own it.
    pub owner: Owner,
    /// Its contents.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether it takes the place of another file.
    pub replaces: bool,
}

/// Whether only the owner may read a file of this mode: its contents appear nowhere else.
pub(crate) fn is_secret(mode: u32) -> bool {
    mode & 0o044 == 0
}
