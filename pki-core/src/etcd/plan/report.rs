//! Reports about plans and outcomes: texts and moments for tables and JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use time::OffsetDateTime;

use crate::etcd::cluster::bootstrap::{JoiningMember, LeavingMember, MovingMember, Start};
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::folder::snapshot::FileKind;
use crate::etcd::notice::Notice;
use crate::etcd::plan::Plan;
use crate::etcd::plan::authority::Authority;
use crate::etcd::plan::change::{Change, IssuedCertificate, PlannedCertificate, PlannedFile, Reason};
use crate::etcd::plan::decisions::Decisions;
use crate::etcd::plan::difference::DifferentLine;
use crate::etcd::plan::offline;
use crate::x509::certificate::Certificate;

/// What a plan will do, or what its outcome did. It serialises to JSON.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the cluster.
    pub cluster: String,
    /// Whether files are or were changed.
    pub changed: bool,
    /// The certificates. Those of the CAs come first.
    pub certificates: Vec<CertificateReport>,
    /// The files and folders.
    pub files: Vec<FileReport>,
    /// The members in the order of the description.
    pub members: Vec<MemberReport>,
    /// The members that join a running cluster, in the order in which they must be added.
    pub joining: Vec<JoiningMember>,
    /// The members whose peer URLs have changed.
    pub moving: Vec<MovingMember>,
    /// The recorded members that are no longer described.
    pub leaving: Vec<LeavingMember>,
    /// The commands that sign the requests on the machine of an offline CA, one per profile.
    pub to_sign: Vec<String>,
    /// The texts of the notices.
    pub notices: Vec<String>,
    #[serde(skip)]
    each_notice: Vec<Notice>,
}

/// A certificate of a [`Report`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateReport {
    /// The identity of the certificate, such as `etcd1 server`.
    pub certificate: String,
    /// The path relative to the output folder.
    pub path: String,
    /// The subject as text.
    pub subject: String,
    /// The subject alternative names as text.
    pub names: String,
    /// The kind of the key, such as `ecdsa-256`.
    pub key: String,
    /// `new`, `changed` or `kept`; `requested` if an offline CA has to sign the certificate.
    pub change: String,
    /// The reasons if the certificate is changed.
    pub reasons: Vec<String>,
    /// The serial number in decimal. `None` before the certificate is issued.
    pub serial: Option<String>,
    /// The SHA-256 digest of the DER. `None` before the certificate is issued.
    pub sha256: Option<String>,
    /// `notAfter` of the certificate. `None` before it is issued.
    #[serde(with = "time::serde::rfc3339::option")]
    pub not_after: Option<OffsetDateTime>,
    /// The earliest end in the chain, after which the certificate is not accepted. `None` before it is issued.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends: Option<OffsetDateTime>,
}

/// A file or folder of a [`Report`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FileReport {
    /// The path of the file relative to the output folder.
    pub path: String,
    /// `file` or `folder`.
    pub kind: &'static str,
    /// The permission bits in octal, such as `0600`.
    pub mode: String,
    /// The user that should own the file on its host. `None` for the user that runs the program.
    pub owner: Option<String>,
    /// `new`, `changed` or `kept`.
    pub change: String,
    /// The reasons if the file is changed.
    pub reasons: Vec<String>,
    /// The lines that change in a text file, without what may be a secret.
    pub lines: Vec<DifferentLine>,
}

/// A member of a [`Report`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberReport {
    /// The name of the member.
    pub member: String,
    /// `new` if the member is not recorded yet, `changed` if files for its host change, or `kept`.
    pub change: String,
    /// Whether a running etcd uses the changes only after a restart. etcd reads its own certificates and keys again for
    /// every connection, and all other files when it starts (etcd, client/pkg/transport/listener.go, `GetCertificate`).
    pub restart: bool,
}

/// The facts about a certificate of a plan or an outcome.
struct CertificateState<'a> {
    spec: &'a CertificateSpec,
    change: &'a Change,
    certificate: Option<&'a Certificate>,
    is_requested: bool,
}

impl<'a> From<&'a PlannedCertificate> for CertificateState<'a> {
    fn from(planned: &'a PlannedCertificate) -> Self {
        Self {
            spec: &planned.spec,
            change: &planned.change,
            certificate: planned.certificate.as_ref(),
            is_requested: planned.is_requested(),
        }
    }
}

impl<'a> From<&'a IssuedCertificate> for CertificateState<'a> {
    fn from(finished: &'a IssuedCertificate) -> Self {
        Self {
            spec: &finished.spec,
            change: &finished.change,
            certificate: finished.certificate.as_ref(),
            is_requested: finished.is_requested,
        }
    }
}

impl Plan {
    /// The report about what the plan will do.
    pub fn report(&self) -> Report {
        let certificates: Vec<_> = self.certificates().iter().map(CertificateState::from).collect();
        Report::new(&self.decisions, &certificates, &self.files)
    }
}

impl Report {
    /// The report about an outcome.
    pub(crate) fn finished(
        decisions: &Decisions,
        finished: &[IssuedCertificate],
        files: &[PlannedFile],
    ) -> Self {
        Self::new(decisions, &finished.iter().map(CertificateState::from).collect::<Vec<_>>(), files)
    }

    /// The notices, with their facts.
    pub fn each_notice(&self) -> &[Notice] {
        &self.each_notice
    }

    fn new(decisions: &Decisions, certificates: &[CertificateState<'_>], files: &[PlannedFile]) -> Self {
        let ca_end = |role: Role| {
            let issuer = decisions.cluster.layout().issuer(role);
            let own = certificates.iter().find(|reported| reported.spec.id.role() == issuer);
            let own = own.and_then(|reported| reported.certificate);
            let given = decisions.authorities.iter().find(|authority| authority.role == issuer);
            own.map(Certificate::not_after).or(given.and_then(Authority::ends))
        };
        let mut requested: BTreeMap<Role, Vec<&CertificateId>> = BTreeMap::new();
        for id in
            certificates.iter().filter(|reported| reported.is_requested).map(|reported| &reported.spec.id)
        {
            requested.entry(id.role()).or_default().push(id);
        }
        let to_sign = |(role, ids): (Role, Vec<&CertificateId>)| {
            let ca = decisions.cluster.file(decisions.cluster.layout().issuer(role));
            offline::sign_command(role, &ca, ids.into_iter())
        };
        Self {
            cluster: decisions.cluster.name().to_string(),
            changed: files.iter().any(|file| *file.change() != Change::Kept),
            certificates: certificates
                .iter()
                .map(|reported| CertificateReport::new(reported, ca_end(reported.spec.id.role())))
                .collect(),
            files: files.iter().map(FileReport::new).collect(),
            members: members(decisions, certificates, files),
            joining: decisions.joining(),
            moving: decisions.cluster.moving(&decisions.record.members),
            leaving: decisions.cluster.leaving(&decisions.record.members),
            to_sign: requested.into_iter().map(to_sign).collect(),
            notices: decisions.notices.iter().map(Notice::to_string).collect(),
            each_notice: decisions.notices.clone(),
        }
    }
}

/// The reports about the members.
fn members(
    decisions: &Decisions,
    certificates: &[CertificateState<'_>],
    files: &[PlannedFile],
) -> Vec<MemberReport> {
    let pairs = certificates.iter().map(|reported| &reported.spec.pair);
    let own = pairs.flat_map(|pair| [&pair.certificate, &pair.key]);
    let own: BTreeSet<&str> = own.map(String::as_str).collect();
    let changed: Vec<&str> = files
        .iter()
        .filter(|file| *file.change() != Change::Kept && file.kind() == FileKind::File)
        .map(PlannedFile::path)
        .collect();
    let member = |start: &Start| {
        let folder = format!("{}/{}/", path::NODES, start.member);
        let mut changed = changed.iter().filter(|path| path.starts_with(&folder)).peekable();
        let change = if !decisions.record.members.iter().any(|before| before.member == start.member) {
            "new"
        } else if changed.peek().is_some() {
            "changed"
        } else {
            "kept"
        };
        let restart = change == "changed" && changed.any(|path| !own.contains(path));
        MemberReport { member: start.member.clone(), change: change.to_owned(), restart }
    };
    decisions.starts.iter().map(member).collect()
}

impl CertificateReport {
    fn new(reported: &CertificateState<'_>, ca_end: Option<OffsetDateTime>) -> Self {
        let CertificateState { spec, change, certificate, is_requested } = *reported;
        let not_after = certificate.map(Certificate::not_after);
        let key = match certificate.map(Certificate::public_key) {
            Some(Ok(key)) => key.kind().to_string(),
            _ => spec.key.to_string(),
        };
        Self {
            certificate: spec.id.to_string(),
            path: spec.pair.certificate.clone(),
            subject: spec.subject.to_string(),
            names: spec.names.to_string(),
            key,
            change: if is_requested { "requested".to_owned() } else { change.to_string() },
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
            owner: file.owner().name().map(str::to_owned),
            change: file.change().to_string(),
            reasons: texts(file.change()),
            lines: file.lines.clone(),
        }
    }
}

fn texts(change: &Change) -> Vec<String> {
    change.reasons().iter().map(Reason::to_string).collect()
}

#[cfg(test)]
mod tests;
