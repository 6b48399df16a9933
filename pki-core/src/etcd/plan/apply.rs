//! Writing the outcome of a plan to an output folder.

use crate::etcd::cluster::path::REGISTRY;
use crate::etcd::error::Error;
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::plan::issue::Outcome;

impl LockedFolder {
    /// Creates the folders and writes the files of an outcome.
    ///
    /// The registry gets its new lines first, so that there is no certificate that it does not have. All other files are
    /// written before any of them gets its name. Then each gets its name in one step: new files before
    /// those that replace others, a CA before the certificates that it signed, and a key before its certificate. If the
    /// process is stopped in between, a new plan finishes the work.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::etcd::ErrorKind::Io) if a file cannot be written, and
    /// [`ErrorKind::SymbolicLink`](crate::etcd::ErrorKind::SymbolicLink) if a folder is a symbolic link. Files that
    /// were written before the error stay, and are complete.
    pub fn apply(&self, outcome: &Outcome) -> Result<(), Error> {
        let mut seen = self.make_folders(outcome.users(), outcome.folders())?;
        let (registry, others) = match outcome.files() {
            [first, rest @ ..] if first.path == REGISTRY => (std::slice::from_ref(first), rest),
            all => (&[][..], all),
        };
        for files in [registry, others] {
            self.write(outcome.users(), files, &mut seen)?;
        }
        Ok(())
    }
}
