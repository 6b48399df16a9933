//! When what was issued really ends: every certificate and revocation list of an output folder.

mod files;
mod prometheus;
mod registry;
mod rules;
mod table;
mod tree;

use std::path::{Path, PathBuf};

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::base::place::{Place, date};
use crate::etcd::check::finding::{Finding, Severity};
use crate::etcd::cluster::path::RECORD;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::found::{Files, ReadError, entry};
use files::PublicFiles;

pub(crate) use prometheus::PrometheusText;
pub use prometheus::{prometheus, prometheus_of_trees};
pub use registry::RegistryStatus;
pub(crate) use rules::RULES;
pub use table::{CertificateStatus, FileState, FormerCertificate, RevocationListStatus, WaitingRequest};
pub use tree::{TreeCertificate, TreeStatus};

pub use crate::etcd::cluster::renewal::State;

/// The certificates and revocation lists of an output folder, at one moment. Serialises to the JSON of `cluster status --json`.
///
/// Only public files are read, so a copy without the CA's key will do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The cluster's name
    pub cluster: String,
    /// The moment that days are counted from
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The certificates in use: the CAs', the members', the clients'
    pub certificates: Vec<CertificateStatus>,
    /// The revocation lists
    pub revocation_lists: Vec<RevocationListStatus>,
    /// Certificates that were replaced, and are still valid for anybody who has their keys
    pub former: Vec<FormerCertificate>,
    /// Requests that an offline CA has to sign
    pub waiting: Vec<WaitingRequest>,
    /// The registry of what happened to certificates; `null` if there is none
    pub registry: Option<RegistryStatus>,
    /// What is wrong, errors first
    pub findings: Vec<Finding>,
    /// The folder
    #[serde(skip)]
    root: PathBuf,
    /// Other public files that are not as they were recorded, for the metrics
    #[serde(skip)]
    other_files: Vec<String>,
}

impl Status {
    /// The status of a folder that `apply` has made, or of a copy of it.
    ///
    /// What is wrong with single files becomes findings.
    ///
    /// # Errors
    /// [`ErrorKind::NotApplied`] without a record, or if it cannot be read.
    pub fn new(tree: &Snapshot, now: OffsetDateTime) -> Result<Self, Error> {
        let Some(record) = Record::open(tree)? else {
            return Err(ErrorKind::NotApplied { path: tree.root().join(RECORD) }.into());
        };
        let folder = PublicFiles::read(tree, &record);
        let (mut certificates, mut findings) = (folder.other_authorities(&record, now), Vec::new());
        certificates.extend(record.certificates.iter().map(|issued| folder.certificate(issued, now)));
        for certificate in &certificates {
            findings.extend(folder.of_certificate(certificate, now));
        }
        let former = record.former.iter().filter(|former| former.not_after >= now);
        let mut revocation_lists = Vec::new();
        for (list, problem) in folder.revocation_lists(tree, now) {
            findings.extend(folder.of_list(&list, problem, now));
            revocation_lists.push(list);
        }
        let (other_files, of_others) = folder.others(&record).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        findings.extend(of_others);
        let (registry, of_registry) = registry::judge(tree, &record);
        findings.extend(of_registry);
        findings.sort_by_key(|finding: &Finding| (finding.severity, finding.rule));
        Ok(Self {
            registry,
            now,
            certificates,
            revocation_lists,
            former: former.map(|former| FormerCertificate::new(former, now)).collect(),
            waiting: WaitingRequest::all(tree, &record),
            findings,
            root: tree.root().to_owned(),
            other_files,
            cluster: record.cluster,
        })
    }

    /// The same status, with a finding for each certificate and revocation list in use that works now and ends before
    /// `within` is over.
    #[must_use]
    pub fn must_last(mut self, within: Duration) -> Self {
        let ends_too_soon = |path: &str, end: OffsetDateTime| {
            let problem = format!("it ends on {}", date(end));
            rules::ENDS_TOO_SOON.finding(Place::file(self.root.join(path)), problem)
        };
        let certificates = self
            .certificates
            .iter()
            .filter(|one| one.is_read() && one.works_at(self.now) && self.ends_within(one.ends, within));
        let mut new: Vec<Finding> =
            certificates.map(|one| ends_too_soon(&one.path, one.ends).about(&one.certificate)).collect();
        for list in &self.revocation_lists {
            if let Some(end) = list.next_update
                && !self.ends_within(end, Duration::ZERO)
                && self.ends_within(end, within)
            {
                new.push(ends_too_soon(&list.path, end));
            }
        }
        self.findings.extend(new);
        self.findings.sort_by_key(|finding| (finding.severity, finding.rule));
        self
    }

    /// What ends first of all that is in use, and when.
    pub fn first_end(&self) -> Option<(&str, OffsetDateTime)> {
        let certificates = self.certificates.iter().map(|one| (one.certificate.as_str(), one.ends));
        let lists =
            self.revocation_lists.iter().filter_map(|list| Some((list.path.as_str(), list.next_update?)));
        certificates.chain(lists).min_by_key(|(_, end)| *end)
    }

    /// Whether no finding is an error: everything in use is as recorded, and works.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// Whether `end` comes before `within` is over.
    pub fn ends_within(&self, end: OffsetDateTime, within: Duration) -> bool {
        end.saturating_sub(within) <= self.now
    }
}

/// The output folders at a path and below it, by their absolute names. Folders in an output folder are not looked at.
///
/// # Errors
/// If a record is there and cannot be read.
pub fn output_folders_below(path: &Path, files: &dyn Files) -> Result<Vec<PathBuf>, ReadError> {
    let (mut rest, mut found) = (vec![(path.to_owned(), 0)], Vec::new());
    while let Some((folder, depth)) = rest.pop() {
        if !matches!(entry(&folder.join(RECORD), files)?, Ok(None)) {
            found.push(folder);
        } else if depth < DEEPEST
            // What is no folder, or may not be read, has no names.
            && let Ok(names) = files.names(&folder)
        {
            rest.extend(names.into_iter().map(|name| (folder.join(name), depth + 1)));
        }
    }
    found.sort();
    Ok(found)
}

/// How far below a folder output folders are looked for.
const DEEPEST: usize = 3;

#[cfg(test)]
mod tests;
