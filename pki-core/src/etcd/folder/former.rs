//! Certificates that nobody uses any more, and that others would still accept.

use time::OffsetDateTime;

use crate::etcd::cluster::path::{NODES, RECORD, REGISTRY};
use crate::etcd::error::Error;
use crate::etcd::folder::disk::Folder;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::registry::Registry;
use crate::etcd::folder::snapshot::Snapshot;

/// A certificate of somebody who has left.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct FormerCertificate {
    /// Its identity, such as `etcd3 peer`.
    pub certificate: String,
    /// Its serial number in decimal.
    pub serial: String,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
}

impl Folder {
    /// The certificates of members that have left, which have not ended at `now` and are on no revocation list. Whoever has
    /// their keys can use them.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn valid_certificates_of(
        &self,
        members: &[String],
        now: OffsetDateTime,
    ) -> Result<Vec<FormerCertificate>, Error> {
        let Some(record) = Record::open(&self.only(RECORD))? else { return Ok(Vec::new()) };
        let registry = Registry::read(&self.only(REGISTRY))?.unwrap_or_default();
        let is_of_them = |path: &str| {
            let member = path.strip_prefix(NODES).and_then(|rest| rest.strip_prefix('/')?.split_once('/'));
            member.is_some_and(|(member, _)| members.iter().any(|name| name == member))
        };
        let former = record.former.iter().filter(|one| {
            is_of_them(&one.path) && one.not_after >= now && !registry.has_revoked(&one.sha256)
        });
        let told = former.map(|one| FormerCertificate {
            certificate: one.certificate.clone(),
            serial: one.serial.clone(),
            not_after: one.not_after,
        });
        Ok(told.collect())
    }
}

impl Snapshot {
    /// Forgets how these members first started, so that a plan writes their list of members anew, as for those that join.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn forget_starts(&mut self, members: &[String]) -> Result<(), Error> {
        let Some(mut record) = Record::open(self)? else { return Ok(()) };
        record.members.retain(|start| !members.contains(&start.member));
        let mode = self.entry(RECORD)?.map_or(0o644, |entry| entry.mode);
        let ids = self.entry(RECORD)?.map_or((0, 0), |entry| entry.ids);
        let mut entry = crate::etcd::folder::snapshot::Entry::file(mode, record.to_json().into_bytes());
        entry.ids = ids;
        self.insert(RECORD, entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::etcd::cluster::Cluster;
    use crate::etcd::plan::Plan;
    use crate::etcd::plan::tests::{apply, empty};

    #[test]
    fn who_starts_anew_names_those_who_are_there() {
        let now = datetime!(2026-11-27 12:00 UTC);
        let text =
            "name: prod\nmembers:\n  - {name: a, address: 10.0.0.1}\n  - {name: b, address: 10.0.0.2}\n";
        let two = Cluster::from_yaml(text, None).unwrap().value;
        let three =
            Cluster::from_yaml(&format!("{text}  - {{name: c, address: 10.0.0.3}}\n"), None).unwrap().value;
        let mut snapshot = empty();
        apply(&two, &mut snapshot, now);
        apply(&three, &mut snapshot, now);
        let starts = |snapshot: &Snapshot| {
            let starts = Record::open(snapshot).unwrap().unwrap().members;
            starts.into_iter().map(|start| (start.state.name(), start.initial_cluster)).collect::<Vec<_>>()
        };
        let before = starts(&snapshot);
        assert_eq!(before[0].0, "new");
        snapshot.forget_starts(&["a".to_owned()]).unwrap();
        assert_eq!(starts(&snapshot), before[1..]);
        assert!(!Plan::new(&three, &snapshot, now).unwrap().is_done());
        apply(&three, &mut snapshot, now);
        let after = starts(&snapshot);
        let all = "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380";
        assert_eq!(after[0], ("existing", all.to_owned()));
        assert_eq!(after[1..], before[1..]);
        assert!(Plan::new(&three, &snapshot, now).unwrap().is_done());
    }
}
