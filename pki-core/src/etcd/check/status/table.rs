//! The rows of the tables that `cluster status` prints.

use serde::Serialize;
use time::OffsetDateTime;

use crate::etcd::cluster::path::REQUESTS;
use crate::etcd::cluster::renewal::{RenewBefore, Span, State, days};
use crate::etcd::folder::record::{Record, RecordedCertificate};
use crate::etcd::folder::snapshot::Snapshot;

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
    /// When it is due for renewal
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

/// A request for a certificate that an offline CA has to sign.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WaitingRequest {
    /// The file of the request
    pub request: String,
    /// The file in which the signed certificate is expected
    pub answer: String,
    /// Whether that file is there, so that the next `apply` takes it
    pub is_signed: bool,
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

impl CertificateStatus {
    /// Whether its facts are from its file, and not from the record.
    pub(crate) fn is_read(&self) -> bool {
        !matches!(self.file, FileState::Missing | FileState::Unreadable)
    }

    /// Whether it is valid at a moment, and not for the last time.
    pub(crate) fn works_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now < self.ends
    }

    /// Its status by the record alone.
    pub(crate) fn recorded(issued: &RecordedCertificate, before: RenewBefore, now: OffsetDateTime) -> Self {
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
        .at(issued.not_after, before, now)
    }

    /// Fills in what follows from its end and the moment.
    pub(crate) fn at(self, ends: OffsetDateTime, before: RenewBefore, now: OffsetDateTime) -> Self {
        let span = Span { begins: self.not_before, ends };
        let (renewal, state) = (span.renewal(before), span.state(before, now));
        Self { ends, renewal, days_left: span.days_left(now), state, ..self }
    }
}

impl WaitingRequest {
    /// The requests that the last `apply` made or left. It records them only while their certificates are missing.
    pub(crate) fn all(tree: &Snapshot, record: &Record) -> Vec<Self> {
        let is_request = |path: &&String| path.starts_with(REQUESTS) && path.ends_with(".csr");
        let requests = record.files.keys().filter(is_request);
        requests
            .map(|request| {
                let answer = format!("{}.pem", request.trim_end_matches(".csr"));
                let is_signed = matches!(tree.entry(&answer), Ok(Some(_)));
                Self { request: request.clone(), answer, is_signed }
            })
            .collect()
    }
}

impl FormerCertificate {
    pub(crate) fn new(issued: &RecordedCertificate, now: OffsetDateTime) -> Self {
        Self {
            certificate: issued.certificate.clone(),
            subject: issued.subject.clone(),
            serial: issued.serial.clone(),
            not_after: issued.not_after,
            days_left: days(now, issued.not_after),
        }
    }
}
