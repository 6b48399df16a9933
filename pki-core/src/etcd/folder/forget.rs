//! Taking former certificates that have ended out of the record.

use std::collections::HashSet;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::etcd::cluster::path::RECORD;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::disk::LockedFolder;
use crate::etcd::folder::output::OutputFile;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Owner;

impl LockedFolder {
    /// Forgets the certificates that were replaced and have ended before `now`, and returns their names, such as
    /// `etcd1 server`. Nobody accepts them any more, so nobody needs to know of them.
    ///
    /// # Errors
    /// [`ErrorKind::NotApplied`] without a record, or if it cannot be read or written.
    pub fn forget_ended(&self, now: OffsetDateTime) -> Result<Vec<String>, Error> {
        let snapshot = self.public_snapshot();
        let Some(mut record) = Record::open(&snapshot)? else {
            return Err(ErrorKind::NotApplied { path: self.root().join(RECORD) }.into());
        };
        let (former, ended): (Vec<_>, Vec<_>) =
            std::mem::take(&mut record.former).into_iter().partition(|former| former.not_after >= now);
        record.former = former;
        if !ended.is_empty() {
            let mode = snapshot.entry(RECORD)?.map_or(0o644, |entry| entry.mode);
            let bytes = Zeroizing::new(record.to_json().into_bytes());
            let file =
                OutputFile { path: RECORD.to_owned(), mode, owner: Owner::Operator, bytes, replaces: true };
            self.write(snapshot.users(), &[file], &mut HashSet::new())?;
        }
        Ok(ended.into_iter().map(|ended| ended.certificate).collect())
    }
}
