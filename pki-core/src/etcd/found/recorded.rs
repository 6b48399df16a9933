//! What the record of an output folder says about the files in it: for which etcd they are, and who has left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::etcd::cluster::path::{CLIENTS, CONTAINERS, NODES, RECORD};
use crate::etcd::error::Error;
use crate::etcd::folder::record::Record;
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, entry};
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

/// The record of an output folder; `None` if the folder has none.
fn record(folder: &Path, files: &dyn Files) -> Result<Option<Record>, Error> {
    let path = folder.join(RECORD);
    match entry(&path, files)? {
        Ok(Some(entry)) => Record::parse(&entry.bytes).map(Some).map_err(|error| error.in_file(&path)),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folders and scripts in an output folder that are of members and clients which have left. `apply` keeps them,
/// because they hold keys.
pub(crate) fn left_behind(folder: &Path, files: &dyn Files) -> Result<BTreeSet<PathBuf>, Error> {
    let Some(record) = record(folder, files)? else { return Ok(BTreeSet::new()) };
    let is_member = |name: &str| record.members.iter().any(|start| start.member == name);
    // A client that still waits for its first certificate has not left.
    let has_left = |name: &str| {
        let within = format!("{CLIENTS}/{name}/");
        !record.certificates.iter().any(|one| one.path.starts_with(&within))
            && record.former.iter().any(|one| one.path.starts_with(&within))
    };
    let is_strange: &dyn Fn(&str) -> bool = &|name| !is_member(name);
    let mut left = BTreeSet::new();
    for (place, is_left) in [
        (NODES, is_strange),
        (CONTAINERS, &|name| name.strip_suffix(".sh").is_some_and(|name| !is_member(name))),
        (CLIENTS, &has_left),
    ] {
        let place = folder.join(place);
        if entry(&place, files)?.is_ok_and(|entry| entry.is_some()) {
            let names = files.names(&place)?;
            left.extend(names.iter().filter(|name| is_left(name)).map(|name| place.join(name)));
        }
    }
    Ok(left)
}
