//! What a plan would do, or did, for people and machines.

use serde::Serialize;
use time::OffsetDateTime;

use super::certificates::Wanted;
use super::label::Label;
use super::plan::{Change, Plan, PlannedFile, Reason};
use super::tree::FileKind;
use crate::certificate::Certificate;
use crate::notice::Notice;

/// What a plan would do, or did. Serialises to the JSON of `--json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The cluster's name
    pub cluster: String,
    /// Whether there is, or was, anything to do
    pub changed: bool,
    /// The certificates, the CA's first
    pub certificates: Vec<CertificateReport>,
    /// The files and folders
    pub files: Vec<FileReport>,
    /// What deserves a warning
    pub notices: Vec<String>,
}

/// A certificate of a [`Report`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateReport {
    /// Which one, as in `etcd1 server`
    pub certificate: String,
    /// Its file
    pub path: String,
    /// Its subject
    pub subject: String,
    /// Whom it is valid for
    pub names: String,
    /// The kind of its key
    pub key: String,
    /// `new`, `changed` or `kept`
    pub change: String,
    /// Why it is changed
    pub reasons: Vec<String>,
    /// Its serial number in decimal, once it is issued
    pub serial: Option<String>,
    /// SHA-256 over its DER, once it is issued
    pub sha256: Option<String>,
    /// Its own end, once it is issued
    #[serde(with = "time::serde::rfc3339::option")]
    pub not_after: Option<OffsetDateTime>,
    /// When it really ends: the earliest end in its chain
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends: Option<OffsetDateTime>,
}

/// A file or folder of a [`Report`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FileReport {
    /// Its path in the output folder
    pub path: String,
    /// `file` or `folder`
    pub kind: &'static str,
    /// Its permission bits in octal
    pub mode: String,
    /// Who should own it on its host; none for whoever runs the program
    pub owner: Option<&'static str>,
    /// `new`, `changed` or `kept`
    pub change: String,
    /// Why it is changed
    pub reasons: Vec<String>,
}

impl Plan {
    /// What the plan would do.
    pub fn report(&self) -> Report {
        let certificates: Vec<_> =
            self.certificates.iter().map(|p| (&p.wanted, &p.change, p.certificate.as_ref())).collect();
        Report::new(self.cluster.name(), &certificates, &self.files, &self.notices)
    }
}

impl Report {
    pub(super) fn finished(
        cluster: &Label,
        certificates: &[(&Wanted, &Change, &Certificate)],
        files: &[PlannedFile],
        notices: &[Notice],
    ) -> Self {
        let certificates: Vec<_> =
            certificates.iter().map(|(w, change, c)| (*w, *change, Some(*c))).collect();
        Self::new(cluster, &certificates, files, notices)
    }

    fn new(
        cluster: &Label,
        certificates: &[(&Wanted, &Change, Option<&Certificate>)],
        files: &[PlannedFile],
        notices: &[Notice],
    ) -> Self {
        let ca_end = certificates.iter().find(|(wanted, ..)| wanted.id.is_ca());
        let ca_end = ca_end.and_then(|(.., certificate)| certificate.map(Certificate::not_after));
        Self {
            cluster: cluster.to_string(),
            changed: files.iter().any(|file| *file.change() != Change::Kept),
            certificates: certificates
                .iter()
                .map(|(wanted, change, certificate)| {
                    CertificateReport::new(wanted, change, *certificate, ca_end)
                })
                .collect(),
            files: files.iter().map(FileReport::new).collect(),
            notices: notices.iter().map(Notice::to_string).collect(),
        }
    }
}

impl CertificateReport {
    fn new(
        wanted: &Wanted,
        change: &Change,
        certificate: Option<&Certificate>,
        ca_end: Option<OffsetDateTime>,
    ) -> Self {
        let not_after = certificate.map(Certificate::not_after);
        let key = match certificate.map(Certificate::public_key) {
            Some(Ok(key)) => key.kind().to_string(),
            _ => wanted.key.to_string(),
        };
        Self {
            certificate: wanted.id.to_string(),
            path: wanted.pair.certificate.clone(),
            subject: wanted.subject.to_string(),
            names: wanted.names.to_string(),
            key,
            change: change.to_string(),
            reasons: texts(change),
            serial: certificate.map(Certificate::serial_decimal),
            sha256: certificate.map(Certificate::fingerprint),
            not_after,
            ends: not_after.map(|end| ca_end.map_or(end, |ca_end| ca_end.min(end))),
        }
    }
}

impl FileReport {
    fn new(file: &PlannedFile) -> Self {
        Self {
            path: file.path().to_owned(),
            kind: match file.kind() {
                FileKind::File => "file",
                FileKind::Folder => "folder",
            },
            mode: format!("{:04o}", file.mode()),
            owner: file.owner().name(),
            change: file.change().to_string(),
            reasons: texts(file.change()),
        }
    }
}

fn texts(change: &Change) -> Vec<String> {
    change.reasons().iter().map(Reason::to_string).collect()
}
