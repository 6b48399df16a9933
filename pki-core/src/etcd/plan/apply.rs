//! Brings the outcome of a plan to an output folder.

use crate::etcd::error::Error;
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::plan::issue::Outcome;

impl LockedFolder {
    /// Makes the folders and writes the files of an outcome.
    ///
    /// Every file is written before it has a name; then each gets its name in one step, those that are new before
    /// those that replace another, a CA before what it signed and a key before its certificate.
    /// What was stopped half-way is finished by planning again.
    ///
    /// # Errors
    /// If something cannot be written. What was written until then stays, and is right.
    pub fn apply(&self, outcome: &Outcome) -> Result<(), Error> {
        let mut seen = self.make_folders(outcome.users(), outcome.folders())?;
        self.write(outcome.users(), outcome.files(), &mut seen)
    }
}
