//! What could not be done to a file.

use std::io;
use std::path::PathBuf;

/// What could not be done to which file of a [`Batch`](crate::disk::Batch).
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct BatchError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}
