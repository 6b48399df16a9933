//! Reads the public files of an output folder, and finds what is wrong with them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use time::OffsetDateTime;

use crate::base::place::{Place, date};
use crate::etcd::check::finding::{Finding, Rule};
use crate::etcd::check::status::rules;
use crate::etcd::check::status::table::{CertificateStatus, FileState, RevocationListStatus};
use crate::etcd::cluster::path::AUTHORITIES;
use crate::etcd::cluster::renewal::{RenewBefore, State, days};
use crate::etcd::error::Error;
use crate::etcd::folder::record::{Record, RecordedCertificate};
use crate::etcd::folder::registry::is_list;
use crate::etcd::folder::snapshot::Snapshot;
use crate::x509::certificate::Certificate;
use crate::x509::crl::Crl;
use crate::x509::digest::sha256;
use crate::x509::error::ErrorKind as X509ErrorKind;

/// The public files of a folder that are certificates, by path.
pub(crate) struct PublicFiles {
    root: PathBuf,
    files: Vec<PublicFile>,
    /// When certificates are due.
    before: RenewBefore,
}

struct PublicFile {
    path: String,
    is_recorded: bool,
    certificates: Result<Vec<Certificate>, FileProblem>,
}

/// Why nothing is known of the contents of a file.
#[derive(Debug, Clone)]
enum FileProblem {
    Missing,
    Unreadable { reason: String },
}

impl PublicFiles {
    pub(crate) fn read(tree: &Snapshot, record: &Record) -> Self {
        let files = record.files.iter().filter(|(path, _)| path.ends_with(".pem"));
        let read = |(path, hash): (&String, &String)| {
            let unreadable = |error: Error| FileProblem::Unreadable { reason: error.kind().to_string() };
            let mut is_recorded = false;
            let certificates = match tree.entry(path) {
                Ok(Some(entry)) => {
                    is_recorded = *hash == sha256(&entry.bytes);
                    Certificate::read_all(&entry.bytes).map_err(|error| unreadable(error.into()))
                }
                Ok(None) => Err(FileProblem::Missing),
                Err(error) => Err(unreadable(error)),
            };
            PublicFile { path: path.clone(), is_recorded, certificates }
        };
        let before = record.renew_before.unwrap_or_default();
        Self { root: tree.root().to_owned(), files: files.map(read).collect(), before }
    }

    fn at(&self, path: &str) -> Option<&PublicFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// A certificate that was issued for the cluster.
    pub(crate) fn certificate(&self, issued: &RecordedCertificate, now: OffsetDateTime) -> CertificateStatus {
        let file = self.at(&issued.path);
        let found = match file.map(|file| &file.certificates) {
            Some(Ok(certificates)) => certificates.first().ok_or(FileProblem::Missing),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(FileProblem::Missing),
        };
        match found {
            Ok(certificate) => {
                let mut status = self.status(&issued.certificate, &issued.path, certificate, now);
                if status.sha256 != issued.sha256 {
                    status.file = FileState::Changed;
                }
                status
            }
            Err(problem) => CertificateStatus {
                file: problem.state(),
                ..CertificateStatus::recorded(issued, self.before, now)
            },
        }
    }

    fn status(
        &self,
        name: &str,
        path: &str,
        certificate: &Certificate,
        now: OffsetDateTime,
    ) -> CertificateStatus {
        let chain = self.chain(path, certificate);
        let first = chain.iter().min_by_key(|certificate| certificate.not_after());
        let ends_with = first.filter(|first| first.not_after() < certificate.not_after());
        let has_issuer = chain.len() > 1 || certificate.check_ca().is_ok();
        CertificateStatus {
            certificate: name.to_owned(),
            path: path.to_owned(),
            subject: certificate.subject().to_string(),
            serial: certificate.serial_decimal(),
            sha256: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            ends: certificate.not_after(),
            ends_with: ends_with.map(|first| first.subject().to_string()),
            renewal: certificate.not_after(),
            days_left: 0,
            state: State::Valid,
            file: if has_issuer { FileState::AsRecorded } else { FileState::NoIssuer },
        }
        .at(first.map_or(certificate.not_after(), |first| first.not_after()), self.before, now)
    }

    /// The certificate and its issuers. Those beside it come before those in the folder of CAs, because its host has
    /// them.
    fn chain<'a>(&'a self, path: &str, certificate: &'a Certificate) -> Vec<&'a Certificate> {
        let in_folder = |folder: &str| {
            let files = self.files.iter().filter(move |file| folder_of(&file.path) == folder);
            files.flat_map(|file| file.certificates.iter().flatten()).collect::<Vec<_>>()
        };
        let pools = [in_folder(folder_of(path)), in_folder(AUTHORITIES)];
        let mut chain = vec![certificate];
        let mut last = certificate;
        while last.issuer() != last.subject() {
            let issued_it = |candidate: &&Certificate| {
                !chain.contains(candidate)
                    && candidate.check_ca().is_ok()
                    && last.verify_issued_by(candidate).is_ok()
            };
            let issuer = pools.iter().find_map(|pool| {
                let issuers = pool.iter().copied().filter(issued_it);
                issuers.max_by_key(|issuer| issuer.not_after())
            });
            let Some(issuer) = issuer else { break };
            chain.push(issuer);
            last = issuer;
        }
        chain
    }

    /// The CAs that were not made for this cluster, each once.
    pub(crate) fn other_authorities(&self, record: &Record, now: OffsetDateTime) -> Vec<CertificateStatus> {
        let mut seen: BTreeSet<String> = record.certificates.iter().map(|own| own.sha256.clone()).collect();
        let mut others = Vec::new();
        for file in &self.files {
            let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".pem");
            for (index, certificate) in file.certificates.iter().flatten().enumerate() {
                if certificate.check_ca().is_ok() && seen.insert(certificate.fingerprint()) {
                    // Behind a CA may stand those above it.
                    let name = match index {
                        0 => name.to_owned(),
                        _ => format!("{name}: {}", certificate.subject()),
                    };
                    others.push(self.status(&name, &file.path, certificate, now));
                }
            }
        }
        others
    }

    /// The lists beside the CAs and the members' certificates, each with why it cannot be read.
    pub(crate) fn revocation_lists(
        &self,
        tree: &Snapshot,
        now: OffsetDateTime,
    ) -> Vec<(RevocationListStatus, Option<String>)> {
        let mut folders: BTreeSet<&str> = self.files.iter().map(|file| folder_of(&file.path)).collect();
        folders.insert(AUTHORITIES);
        let mut lists = Vec::new();
        for folder in folders {
            for name in tree.names(folder).iter().filter(|name| is_list(name)) {
                lists.push(self.revocation_list(tree, format!("{folder}/{name}"), now));
            }
        }
        lists
    }

    fn revocation_list(
        &self,
        tree: &Snapshot,
        path: String,
        now: OffsetDateTime,
    ) -> (RevocationListStatus, Option<String>) {
        let read = || -> Result<Crl, Error> {
            let entry = tree.entry(&path)?.ok_or(X509ErrorKind::NoCrl)?;
            Ok(Crl::read(&entry.bytes)?)
        };
        match read() {
            Ok(list) => {
                let mut known = self.files.iter().flat_map(|file| file.certificates.iter().flatten());
                let has_issuer = known.any(|ca| list.verify_issued_by(ca).is_ok());
                let status = RevocationListStatus {
                    issuer: Some(list.issuer().to_string()),
                    next_update: list.next_update(),
                    days_left: list.next_update().map(|end| days(now, end)),
                    revoked: list.revocations().len(),
                    file: if has_issuer { FileState::AsRecorded } else { FileState::NoIssuer },
                    path,
                };
                (status, None)
            }
            Err(error) => {
                let status = RevocationListStatus {
                    path,
                    issuer: None,
                    next_update: None,
                    days_left: None,
                    revoked: 0,
                    file: FileState::Unreadable,
                };
                (status, Some(error.kind().to_string()))
            }
        }
    }

    fn place(&self, path: &str) -> Place {
        Place::file(self.root.join(path))
    }

    /// What is wrong with a certificate in use.
    pub(crate) fn of_certificate(
        &self,
        certificate: &CertificateStatus,
        now: OffsetDateTime,
    ) -> Vec<Finding> {
        let place = || self.place(&certificate.path);
        let mut findings = Vec::new();
        match certificate.file {
            FileState::AsRecorded => {}
            FileState::Changed => findings.push(rules::CHANGED.finding(place(), NOT_RECORDED)),
            FileState::NoIssuer => {
                let problem = "no CA in the folder has issued it";
                findings.push(rules::NO_ISSUER.finding(place(), problem));
            }
            FileState::Missing | FileState::Unreadable => {
                let problem = self.at(&certificate.path).and_then(|file| file.certificates.as_ref().err());
                findings.push(problem.unwrap_or(&FileProblem::Missing).finding(place()));
            }
        }
        if certificate.is_read() {
            findings.extend(validity(certificate, now).map(|(rule, problem)| rule.finding(place(), problem)));
        }
        findings.into_iter().map(|finding| finding.about(&certificate.certificate)).collect()
    }

    /// What is wrong with a revocation list, which could not be read because of `unreadable`.
    pub(crate) fn of_list(
        &self,
        list: &RevocationListStatus,
        unreadable: Option<String>,
        now: OffsetDateTime,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(reason) = unreadable {
            findings.push(FileProblem::Unreadable { reason }.finding(self.place(&list.path)));
        }
        if list.file == FileState::NoIssuer {
            let problem = "no CA in the folder has signed it";
            findings.push(rules::NO_ISSUER.finding(self.place(&list.path), problem));
        }
        if let Some(end) = list.next_update.filter(|end| *end <= now) {
            let problem = format!("the next one was due on {}", date(end));
            findings.push(rules::LIST_ENDED.finding(self.place(&list.path), problem));
        }
        findings
    }

    /// The paths of the other files that are not as they were recorded, which are copies of the CAs' certificates, and
    /// what is wrong with them.
    pub(crate) fn others(&self, record: &Record) -> Vec<(String, Finding)> {
        let is_in_use = |file: &&PublicFile| record.certificates.iter().any(|own| own.path == file.path);
        let others = self.files.iter().filter(|file| !is_in_use(file));
        let finding = |file: &PublicFile| match &file.certificates {
            Err(problem) => Some(problem.finding(self.place(&file.path))),
            Ok(_) if file.is_recorded => None,
            Ok(_) => Some(rules::CHANGED.finding(self.place(&file.path), NOT_RECORDED)),
        };
        others.filter_map(|file| Some((file.path.clone(), finding(file)?))).collect()
    }
}

const NOT_RECORDED: &str = "the file is not the one that was recorded";

impl FileProblem {
    fn state(&self) -> FileState {
        match self {
            Self::Missing => FileState::Missing,
            Self::Unreadable { .. } => FileState::Unreadable,
        }
    }

    fn finding(&self, place: Place) -> Finding {
        match self {
            Self::Missing => rules::MISSING.finding(place, "the file is missing"),
            Self::Unreadable { reason } => {
                rules::UNREADABLE.finding(place, format!("the file cannot be read: {reason}"))
            }
        }
    }
}

/// What is wrong with the time for which a certificate is valid.
fn validity(certificate: &CertificateStatus, now: OffsetDateTime) -> Option<(&'static Rule, String)> {
    let with_ca = certificate.ends_with.as_ref().map(|ca| format!(" with its CA, {ca},")).unwrap_or_default();
    let end = date(certificate.ends);
    match certificate.state {
        State::NotYetValid => {
            let begin = date(certificate.not_before);
            Some((rules::NOT_YET_VALID, format!("it is valid only from {begin} on")))
        }
        _ if certificate.ends <= now => Some((rules::ENDED, format!("it ended{with_ca} on {end}"))),
        State::RenewalDue => Some((rules::RENEWAL_DUE, format!("it ends{with_ca} on {end}"))),
        State::Valid | State::Ended => None,
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
