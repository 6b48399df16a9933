//! The error of writing several files.

use std::io;
use std::path::PathBuf;

/// The error of one file in a [`Batch`](crate::disk::Batch).
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct BatchError {
    /// The name that the file should have got.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}
