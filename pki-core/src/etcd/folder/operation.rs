//! What an operation on a running cluster has begun and not seen done, `operation.json`: the members that have to be
//! removed from the cluster.
//!
//! Everything else that is left to do follows from the record and from a look at the members. That a member has to go does
//! not: it is in no description any more, and a member that comes back with an empty disk has the name and the URLs of the
//! one that goes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::LeavingMember;
use crate::etcd::cluster::path::OPERATION;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::disk::{Folder, LockedFolder};
use crate::etcd::folder::output::OutputFile;
use crate::etcd::folder::snapshot::{Owner, Snapshot};

/// The version of the format.
const VERSION: u32 = 1;

/// What has begun and was not seen done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    version: u32,
    /// The members that have to be removed.
    pub leaving: Vec<Leaving>,
}

/// A member that has to be removed from the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    /// Its name.
    pub member: String,
    /// Its peer URLs.
    pub peer_urls: Vec<String>,
    /// Where ssh reaches its host, if the record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its identifier in the cluster, in hexadecimal, if somebody has looked. A member that comes back under the same name
    /// has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Default for Operation {
    /// Nothing is left to do.
    fn default() -> Self {
        Self { version: VERSION, leaving: Vec::new() }
    }
}

impl Operation {
    /// What has begun in the folder of `snapshot`.
    ///
    /// # Errors
    /// If the file cannot be read, or is of a newer format.
    pub fn read(snapshot: &Snapshot) -> Result<Self, Error> {
        let Some(entry) = snapshot.entry(OPERATION)? else { return Ok(Self::default()) };
        let wrong = |reason: String| {
            Error::from(ErrorKind::Operation { reason }).in_file(&snapshot.root().join(OPERATION))
        };
        let read: Self = serde_json::from_slice(&entry.bytes).map_err(|error| wrong(error.to_string()))?;
        match read.version {
            VERSION => Ok(read),
            other => Err(wrong(format!("it has the format {other}, and the format {VERSION} is known here"))),
        }
    }

    /// The same after these members were taken out of the description. `host` says where ssh reaches one.
    pub(crate) fn with(
        &self,
        leaving: &[LeavingMember],
        cluster: &Cluster,
        host: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut next = self.clone();
        // Who is described again, and was not looked up in the cluster, is the member that it was.
        next.leaving.retain(|old| {
            old.id.is_some() || !cluster.members().iter().any(|member| member.name().as_str() == old.member)
        });
        for one in leaving.iter().filter(|one| !self.leaving.iter().any(|old| old.member == one.member)) {
            next.leaving.push(Leaving {
                member: one.member.clone(),
                peer_urls: one.peer_urls.clone(),
                host: host(&one.member),
                id: None,
            });
        }
        next
    }

    /// Adds a member that has to be removed, or what was learned about it.
    pub fn leave(&mut self, leaving: Leaving) {
        self.leaving.retain(|old| old.member != leaving.member);
        self.leaving.push(leaving);
    }

    /// The text of `operation.json`.
    pub(crate) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Serialising text with serde_json does not fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        Zeroizing::new(text.into_bytes())
    }
}

impl Folder {
    /// What has begun in this folder.
    ///
    /// # Errors
    /// As for [`Operation::read`].
    pub fn operation(&self) -> Result<Operation, Error> {
        Operation::read(&self.only(OPERATION))
    }
}

impl LockedFolder {
    /// Writes what has begun, if it is not what the folder has.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(&self, operation: &Operation) -> Result<(), Error> {
        let snapshot = self.only(OPERATION);
        let bytes = operation.to_json();
        let before = snapshot.entry(OPERATION)?;
        let is_there = before.is_some_and(|entry| entry.bytes == bytes);
        if is_there || before.is_none() && operation.leaving.is_empty() {
            return Ok(());
        }
        let file = OutputFile {
            path: OPERATION.to_owned(),
            mode: 0o644,
            owner: Owner::Operator,
            bytes,
            replaces: before.is_some(),
        };
        self.write(snapshot.users(), &[file], &mut HashSet::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::Entry;

    fn cluster(members: &[&str]) -> Cluster {
        let members: Vec<_> =
            members.iter().enumerate().map(|(i, n)| format!("{{name: {n}, address: 10.0.0.{i}}}")).collect();
        Cluster::from_yaml(&format!("name: prod\nmembers: [{}]\n", members.join(", ")), None).unwrap().value
    }

    fn snapshot(text: &str) -> Snapshot {
        let mut snapshot = Snapshot::new("/out");
        snapshot.insert(OPERATION, Entry::file(0o644, text.as_bytes().to_vec()));
        snapshot
    }

    #[test]
    fn who_is_described_no_more_has_to_go_until_it_is_described_again() {
        let three = cluster(&["a", "b", "c"]);
        let starts = three.starts(&[]);
        let two = cluster(&["a", "b"]);
        let host = |member: &str| Some(format!("root@{member}"));
        let gone = Operation::default().with(&two.leaving(&starts), &two, host);
        let leaving = Leaving {
            member: "c".to_owned(),
            peer_urls: vec!["https://10.0.0.2:2380".to_owned()],
            host: Some("root@c".to_owned()),
            id: None,
        };
        assert_eq!(gone.leaving, std::slice::from_ref(&leaving));
        assert_eq!(gone.with(&[], &two, host), gone);
        assert_eq!(gone.with(&[], &three, host), Operation::default());
        // Who was looked up is another one than who comes back.
        let mut known = gone.clone();
        known.leave(Leaving { id: Some("7".to_owned()), ..leaving });
        assert_eq!(known.with(&[], &three, host), known);
        let text = String::from_utf8(known.to_json().to_vec()).unwrap();
        assert_eq!(Operation::read(&snapshot(&text)).unwrap(), known);
    }

    #[test]
    fn who_went_leaves_nothing_to_apply() {
        let now = time::macros::datetime!(2026-11-27 12:00 UTC);
        let mut snapshot = crate::etcd::plan::tests::empty();
        for members in [&["a", "b", "c"][..], &["a", "b"]] {
            crate::etcd::plan::tests::apply(&cluster(members), &mut snapshot, now);
        }
        assert_eq!(Operation::read(&snapshot).unwrap().leaving[0].member, "c");
        let plan = crate::etcd::plan::Plan::new(&cluster(&["a", "b"]), &snapshot, now).unwrap();
        assert!(plan.is_done(), "{:?}", plan.report());
        // It is done when somebody has seen it, and the record does not know of it.
        snapshot.insert(OPERATION, Entry::file(0o644, Operation::default().to_json()));
        assert!(crate::etcd::plan::Plan::new(&cluster(&["a", "b"]), &snapshot, now).unwrap().is_done());
    }

    #[test]
    fn what_cannot_be_read_or_is_newer_is_an_error() {
        assert_eq!(Operation::read(&Snapshot::new("/out")).unwrap(), Operation::default());
        for text in
            ["", "{}", "{\"version\": 2, \"leaving\": []}", "{\"version\": 1, \"leaving\": [], \"x\": 1}"]
        {
            let error = Operation::read(&snapshot(text)).unwrap_err().to_string();
            assert!(error.starts_with("/out/operation.json: "), "{error}");
        }
    }
}
