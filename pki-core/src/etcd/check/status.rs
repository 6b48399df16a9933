//! When what was issued really ends: every certificate and revocation list of an output folder.

mod files;
mod prometheus;
mod rules;

use std::path::PathBuf;

use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::base::place::{Place, date};
use crate::etcd::check::finding::{Finding, Severity};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::path::LOCK;
use crate::etcd::folder::record::{Issued, Lock};
use crate::etcd::folder::tree::Tree;
use files::PublicFiles;

pub use prometheus::prometheus;
pub(crate) use rules::RULES;

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
    /// What is wrong, errors first
    pub findings: Vec<Finding>,
    /// The folder
    #[serde(skip)]
    root: PathBuf,
    /// Other public files that are not as they were recorded, for the metrics
    #[serde(skip)]
    other_files: Vec<String>,
}

/// A certificate in use.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// Which one, as in `etcd1 server`; the name of its file, if it is that of a CA from elsewhere
    pub certificate: String,
    /// Its file
    pub path: String,
    /// Its subject as in the file, or as recorded if the file cannot be read
    pub subject: String,
    /// Its serial number in decimal
    pub serial: String,
    /// SHA-256 over its DER
    pub sha256: String,
    /// When it begins
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// Its own end
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// When it really ends: the earliest end in its chain
    #[serde(with = "time::serde::rfc3339")]
    pub ends: OffsetDateTime,
    /// The CA that ends before it
    pub ends_with: Option<String>,
    /// When it should be renewed: after two thirds of its time
    #[serde(with = "time::serde::rfc3339")]
    pub renewal: OffsetDateTime,
    /// Whole days until it ends; below zero if it has ended
    pub days_left: i64,
    /// Whether it is valid at that moment
    pub state: State,
    /// Whether its file is as recorded
    pub file: FileState,
}

/// A revocation list.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RevocationListStatus {
    /// Its file
    pub path: String,
    /// The CA that signed it; `None` if it cannot be read
    pub issuer: Option<String>,
    /// When the next list is due; `None` if the list does not say. etcd does not look at this (etcd,
    /// client/pkg/transport/listener_tls.go, `checkCRL`); other programs refuse everybody from then on
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_update: Option<OffsetDateTime>,
    /// Whole days until then
    pub days_left: Option<i64>,
    /// How many certificates it revokes
    pub revoked: usize,
    /// Whether its file can be read, and one of the CAs in the folder signed it
    pub file: FileState,
}

/// A certificate that was replaced before its end.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FormerCertificate {
    /// Which one it was
    pub certificate: String,
    /// Its subject
    pub subject: String,
    /// Its serial number in decimal, which a revocation list would name
    pub serial: String,
    /// Its own end
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// Whole days until then
    pub days_left: i64,
}

/// Whether a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// It is valid.
    Valid,
    /// It is valid, and two thirds of its time are over.
    RenewalDue,
    /// It is not valid yet.
    NotYetValid,
    /// It has ended.
    Ended,
}

/// Whether a file is as it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileState {
    /// It is as recorded, and one of the CAs in the folder issued what is in it.
    AsRecorded,
    /// It is not the file that was recorded.
    Changed,
    /// It does not exist.
    Missing,
    /// It is as recorded, but no CA in the folder issued what is in it.
    NoIssuer,
    /// It cannot be read.
    Unreadable,
}

impl FileState {
    /// Its name, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsRecorded => "as-recorded",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::NoIssuer => "no-issuer",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether nothing is wrong with the file.
    pub fn is_healthy(self) -> bool {
        self == Self::AsRecorded
    }
}

impl State {
    /// Its name, as in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::RenewalDue => "renewal-due",
            Self::NotYetValid => "not-yet-valid",
            Self::Ended => "ended",
        }
    }
}

impl Status {
    /// The status of a folder that `apply` has made, or of a copy of it.
    ///
    /// What is wrong with single files becomes findings.
    ///
    /// # Errors
    /// [`ErrorKind::NotApplied`] without a record, or if it cannot be read.
    pub fn new(tree: &dyn Tree, now: OffsetDateTime) -> Result<Self, Error> {
        let Some(lock) = Lock::open(tree)? else {
            return Err(ErrorKind::NotApplied { path: tree.root().join(LOCK) }.into());
        };
        let folder = PublicFiles::read(tree, &lock);
        let (mut certificates, mut findings) = (folder.other_authorities(&lock, now), Vec::new());
        certificates.extend(lock.certificates.iter().map(|issued| folder.certificate(issued, now)));
        for certificate in &certificates {
            findings.extend(folder.of_certificate(certificate, now));
        }
        let former = lock.former.iter().filter(|former| former.not_after >= now);
        let mut revocation_lists = Vec::new();
        for (list, problem) in folder.revocation_lists(tree, now) {
            findings.extend(folder.of_list(&list, problem, now));
            revocation_lists.push(list);
        }
        let (other_files, of_others) = folder.others(&lock).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        findings.extend(of_others);
        findings.sort_by_key(|finding: &Finding| (finding.severity, finding.rule));
        Ok(Self {
            now,
            certificates,
            revocation_lists,
            former: former.map(|former| FormerCertificate::new(former, now)).collect(),
            findings,
            root: tree.root().to_owned(),
            other_files,
            cluster: lock.cluster,
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

    /// Whether no finding is an error: everything in use is as recorded, and works.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// Whether `end` comes before `within` is over.
    pub fn ends_within(&self, end: OffsetDateTime, within: Duration) -> bool {
        end.saturating_sub(within) <= self.now
    }
}

impl CertificateStatus {
    /// Whether its facts are from its file, and not from the record.
    fn is_read(&self) -> bool {
        !matches!(self.file, FileState::Missing | FileState::Unreadable)
    }

    /// Whether it is valid at a moment, and not for the last time.
    fn works_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now < self.ends
    }

    /// Its status by the record alone.
    fn recorded(issued: &Issued, now: OffsetDateTime) -> Self {
        Self {
            certificate: issued.certificate.clone(),
            path: issued.path.clone(),
            subject: issued.subject.clone(),
            serial: issued.serial.clone(),
            sha256: issued.sha256.clone(),
            not_before: issued.not_before,
            not_after: issued.not_after,
            ends: issued.not_after,
            ends_with: None,
            renewal: issued.not_after,
            days_left: 0,
            state: State::Valid,
            file: FileState::AsRecorded,
        }
        .at(issued.not_after, now)
    }

    /// Fills in what follows from its end and the moment.
    fn at(self, ends: OffsetDateTime, now: OffsetDateTime) -> Self {
        let renewal = ends.saturating_sub((ends - self.not_before) / 3);
        let state = match now {
            now if now < self.not_before => State::NotYetValid,
            now if now > ends => State::Ended,
            now if now >= renewal => State::RenewalDue,
            _ => State::Valid,
        };
        Self { ends, renewal, days_left: days(now, ends), state, ..self }
    }
}

impl FormerCertificate {
    fn new(issued: &Issued, now: OffsetDateTime) -> Self {
        Self {
            certificate: issued.certificate.clone(),
            subject: issued.subject.clone(),
            serial: issued.serial.clone(),
            not_after: issued.not_after,
            days_left: days(now, issued.not_after),
        }
    }
}

/// Whole days, rounded down: half a day after its end a certificate has -1.
fn days(now: OffsetDateTime, end: OffsetDateTime) -> i64 {
    (end - now).whole_seconds().div_euclid(Duration::DAY.whole_seconds())
}

#[cfg(test)]
mod tests;
