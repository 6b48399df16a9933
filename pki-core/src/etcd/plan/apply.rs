//! Writing the outcome of a plan to an output folder.

use crate::etcd::error::Error;
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::plan::issue::Outcome;

impl LockedFolder {
    /// Creates the folders and writes the files of an outcome.
    ///
    /// All files are written before any of them gets its name. Then each gets its name in one step: new files before
    /// those that replace others, a CA before the certificates that it signed, and a key before its certificate. If the
    /// process is stopped in between, a new plan finishes the work.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::etcd::ErrorKind::Io) if a file cannot be written, and
    /// [`ErrorKind::SymbolicLink`](crate::etcd::ErrorKind::SymbolicLink) if a folder is a symbolic link. Files that
    /// were written before the error stay, and are complete.
    pub fn apply(&self, outcome: &Outcome) -> Result<(), Error> {
        let mut seen = self.make_folders(outcome.users(), outcome.folders())?;
        self.write(outcome.users(), outcome.files(), &mut seen)
    }
}
