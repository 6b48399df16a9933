//! What the record of an output folder says about the files in it: for which etcd they are, and who has left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::etcd::cluster::path::{CLIENTS, CONTAINERS, NODES, RECORD};
use crate::etcd::error::Error;
use crate::etcd::folder::record::{Record, RecordedCertificate};
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, NotRead, entry, is_folder, names};
use crate::etcd::found::host::{Host, Member};
use crate::etcd::option::version::EtcdVersion;

/// The version of etcd that the output folder of the first such path is described for. A path may be that folder, or be
/// in it. `None` if no path belongs to an output folder, or the record was written before it named the version.
///
/// ```
/// use pki_core::etcd::found::{SystemFiles, described_version};
///
/// let folder = tempfile::tempdir()?;
/// assert_eq!(described_version(&[folder.path().to_owned()], &SystemFiles)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a record cannot be read.
pub fn described_version(paths: &[PathBuf], files: &dyn Files) -> Result<Option<EtcdVersion>, ReadError> {
    for path in paths {
        if let Some((_, record)) = around(path, files)? {
            let version = record.etcd.as_deref().and_then(|version| EtcdVersion::parse(version).ok());
            if version.is_some() {
                return Ok(version);
            }
        }
    }
    Ok(None)
}

/// The output folder that a path is or belongs to, with its record.
fn around(path: &Path, files: &dyn Files) -> Result<Option<(PathBuf, Record)>, Error> {
    if let Some(record) = record(path, files)? {
        return Ok(Some((path.to_owned(), record)));
    }
    for folder in path.ancestors().skip(1) {
        let inside = path.strip_prefix(folder).ok().and_then(|inside| inside.iter().next());
        if [NODES, CONTAINERS, CLIENTS].iter().any(|name| inside.is_some_and(|inside| inside == *name))
            && let Some(record) = record(folder, files)?
        {
            return Ok(Some((folder.to_owned(), record)));
        }
    }
    Ok(None)
}

/// What the record of an output folder says about the files of one member in it.
pub(crate) struct Around {
    /// The output folder.
    pub(crate) folder: PathBuf,
    /// The names of the members in the record.
    pub(crate) members: Arc<BTreeSet<String>>,
    /// The names of those who were members.
    pub(crate) former: Arc<BTreeSet<String>>,
    /// The files of the member.
    pub(crate) path: PathBuf,
    /// The name of the member by its files.
    pub(crate) name: String,
    /// Whether the member has left the cluster.
    pub(crate) has_left: bool,
}

/// The records of output folders, each read once.
#[derive(Default)]
pub(crate) struct Records(BTreeMap<PathBuf, Option<KnownRecord>>);

struct KnownRecord {
    members: Arc<BTreeSet<String>>,
    former: Arc<BTreeSet<String>>,
}

impl KnownRecord {
    fn new(record: &Record) -> Self {
        let members: BTreeSet<String> = record.members.iter().map(|start| start.member.clone()).collect();
        let folders = record.former.iter().filter_map(|one| one.path.strip_prefix(NODES)?.strip_prefix('/'));
        let names = folders.filter_map(|path| Some(path.split_once('/')?.0));
        let former = names.filter(|name| !members.contains(*name)).map(str::to_owned).collect();
        Self { members: Arc::new(members), former: Arc::new(former) }
    }
}

impl Records {
    /// What the record of the output folder says that a member's files are in; `None` if they are in none.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub(crate) fn around(
        &mut self,
        host: &Host,
        member: &Member,
        files: &dyn Files,
    ) -> Result<Option<Around>, Error> {
        // The folder of a host, or the script of a container.
        let path = if host.root.is_some() { Some(host.folder.as_path()) } else { member.place.path() };
        let Some(path) = path else { return Ok(None) };
        for folder in path.ancestors().skip(1) {
            let mut inside = path.strip_prefix(folder).into_iter().flatten();
            let (Some(place), Some(name)) = (inside.next(), inside.next()) else { continue };
            if place != NODES && place != CONTAINERS {
                continue;
            }
            if !self.0.contains_key(folder) {
                let found = record(folder, files)?.map(|record| KnownRecord::new(&record));
                self.0.insert(folder.to_owned(), found);
            }
            let Some(Some(KnownRecord { members, former })) = self.0.get(folder) else { continue };
            let path = folder.join(place).join(name);
            let name = name.to_string_lossy();
            let name = if place == CONTAINERS { name.strip_suffix(".sh").unwrap_or(&name) } else { &name };
            let (members, former) = (Arc::clone(members), Arc::clone(former));
            let (name, folder, has_left) = (name.to_owned(), folder.to_owned(), former.contains(name));
            return Ok(Some(Around { folder, members, former, path, name, has_left }));
        }
        Ok(None)
    }
}

/// Whether one of these certificates is of somebody.
fn had(all: &[RecordedCertificate], place: &str, name: &str) -> bool {
    let within = format!("{place}/{name}/");
    all.iter().any(|one| one.path.starts_with(&within))
}

/// The record of an output folder; `None` if the folder has none.
pub(crate) fn record(folder: &Path, files: &dyn Files) -> Result<Option<Record>, Error> {
    let path = folder.join(RECORD);
    match entry(&path, files)? {
        Ok(Some(entry)) => Record::parse(&entry.bytes).map(Some).map_err(|error| error.in_file(&path)),
        Ok(None) => Ok(None),
        Err(NotRead { error, .. }) => Err(error),
    }
}

/// Whether a folder is one that `apply` wrote.
pub(crate) fn is_output_folder(folder: &Path, files: &dyn Files) -> Result<bool, Error> {
    Ok(entry(&folder.join(RECORD), files)?.is_ok_and(|entry| entry.is_some()))
}

/// Whether the file or folder with a name is of somebody who has left.
type IsLeft<'a> = &'a dyn Fn(&str) -> bool;

/// The folders and scripts in an output folder that are of members and clients which have left. `apply` keeps them,
/// because they hold keys.
pub(crate) fn left_behind(folder: &Path, files: &dyn Files) -> Result<BTreeSet<PathBuf>, Error> {
    let Some(record) = record(folder, files)? else { return Ok(BTreeSet::new()) };
    // Who never had a certificate has not left: a copy of a member's files, or a client that waits for its first one.
    let of_former_member = |name: &str| {
        !record.members.iter().any(|start| start.member == name) && had(&record.former, NODES, name)
    };
    let of_former_container = |name: &str| name.strip_suffix(".sh").is_some_and(of_former_member);
    let of_former_client =
        |name: &str| !had(&record.certificates, CLIENTS, name) && had(&record.former, CLIENTS, name);
    let places: [(&str, IsLeft<'_>); 3] =
        [(NODES, &of_former_member), (CONTAINERS, &of_former_container), (CLIENTS, &of_former_client)];
    let mut left = BTreeSet::new();
    for (place, is_left) in places {
        let place = folder.join(place);
        if is_folder(&place, files)?
            && let Ok(names) = names(&place, files)?
        {
            left.extend(names.iter().filter(|name| is_left(name)).map(|name| place.join(name)));
        }
    }
    Ok(left)
}
