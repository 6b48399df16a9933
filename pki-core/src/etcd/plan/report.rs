//! A plan or its outcome as texts: what `--json` and the tables show.

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
use crate::etcd::plan::offline;
use crate::x509::certificate::Certificate;

/// What a plan would do, or did. Serialises to the JSON of `--json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The cluster's name
    pub cluster: String,
    /// Whether there is, or was, anything to do
    pub changed: bool,
    /// The certificates, the CAs' first
    pub certificates: Vec<CertificateReport>,
    /// The files and folders
    pub files: Vec<FileReport>,
    /// The members, in their order
    pub members: Vec<MemberReport>,
    /// The members that join a cluster which runs already, in the order in which they have to be added
    pub joining: Vec<JoiningMember>,
    /// The members that other members find elsewhere from now on
    pub moving: Vec<MovingMember>,
    /// The members that are not described any more
    pub leaving: Vec<LeavingMember>,
    /// What an offline CA has to sign: commands for where it is, one for each profile
    pub to_sign: Vec<String>,
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
    /// `new`, `changed`, `kept`, or `requested` if an offline CA has to sign it
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
    pub owner: Option<String>,
    /// `new`, `changed` or `kept`
    pub change: String,
    /// Why it is changed
    pub reasons: Vec<String>,
}

/// A member of a [`Report`]: what its host needs.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MemberReport {
    /// Its name
    pub member: String,
    /// `new`, or `changed` if files in its folder are, or `kept`
    pub change: String,
    /// Whether an etcd that runs there goes by what has changed only after a restart. It reads its own
    /// certificates and keys whenever somebody connects, and the rest when it starts (etcd,
    /// client/pkg/transport/listener.go, `GetCertificate`)
    pub restart: bool,
}

/// A certificate as it is or will be.
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
    /// What the plan would do.
    pub fn report(&self) -> Report {
        let certificates: Vec<_> = self.certificates().iter().map(CertificateState::from).collect();
        Report::new(&self.decisions, &certificates, &self.files)
    }
}

impl Report {
    /// What a plan has done.
    pub(crate) fn finished(
        decisions: &Decisions,
        finished: &[IssuedCertificate],
        files: &[PlannedFile],
    ) -> Self {
        Self::new(decisions, &finished.iter().map(CertificateState::from).collect::<Vec<_>>(), files)
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
        }
    }
}

/// What the members' hosts need.
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
        }
    }
}

fn texts(change: &Change) -> Vec<String> {
    change.reasons().iter().map(Reason::to_string).collect()
}
