//! Carrying out a plan in memory: keys, certificates, and the contents of files.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::etcd::cluster::certificates::CertificateSpec;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path::{AUTHORITIES, OPERATION, REGISTRY};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::output::{OutputFile, OutputFolder, is_secret};
use crate::etcd::folder::snapshot::Users;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::plan::Plan;
use crate::etcd::plan::authority::CaSource;
use crate::etcd::plan::change::{
    Change, Content, IssuedCertificate, PendingRequest, PlannedCertificate, PlannedFile,
};
use crate::etcd::plan::decisions::Decisions;
use crate::etcd::plan::offline;
use crate::etcd::plan::report::Report;
use crate::x509::certificate::Certificate;
use crate::x509::digest::sha256;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::extension::BasicConstraints;
use crate::x509::issuer::Issuer;
use crate::x509::key::{KeySource, PrivateKey};
use crate::x509::random::Random;
use crate::x509::root;
use crate::x509::template::Template;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::{BACKDATE, Validity, round_to_minute};

/// The folders and files that a plan made, and a report.
///
/// [`LockedFolder::apply`](crate::etcd::LockedFolder::apply) writes them to a disk. A program can also store them
/// elsewhere.
#[derive(Debug)]
pub struct Outcome {
    folders: Vec<OutputFolder>,
    files: Vec<OutputFile>,
    report: Report,
    users: Users,
}

/// The progress of [`Plan::issue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Keys were generated.
    Keys {
        /// The number of keys so far.
        made: usize,
        /// The number of keys in all.
        of: usize,
    },
}

impl Outcome {
    /// The report about the certificates and files.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The users of the snapshot's machine that files can be given to.
    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    /// All folders of the cluster. Each comes before the folders in it.
    pub fn folders(&self) -> &[OutputFolder] {
        &self.folders
    }

    /// The files that are missing or differ, in the order in which they have to be written: the registry, then a CA
    /// before the certificates that it signed, a key before its certificate, and the record last.
    ///
    /// A plan for an empty [`Snapshot`](crate::etcd::Snapshot) has all files of the cluster.
    pub fn files(&self) -> &[OutputFile] {
        &self.files
    }
}

impl Plan {
    /// Generates the keys, and makes the certificates and requests of the plan. `progress` is called from several
    /// threads.
    ///
    /// # Errors
    /// [`ErrorKind::X509`] if a key cannot be generated or a certificate cannot be signed.
    pub fn issue(
        self,
        keys: &dyn KeySource,
        random: &dyn Random,
        now: OffsetDateTime,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Outcome, Error> {
        let Self { mut decisions, files } = self;
        let planned = std::mem::take(&mut decisions.certificates);
        let keys = make_keys(&planned, keys, progress)?;
        let certificates = decisions.issue_certificates(planned, keys, now, random)?;
        let report = Report::finished(&decisions, &certificates, &files);
        let folders = files.iter().filter_map(output_folder).collect();
        let files = decisions.output_files(files, &certificates)?;
        Ok(Outcome { folders, files, report, users: decisions.users })
    }
}

/// The folder for the outcome. `None` for a file.
fn output_folder(file: &PlannedFile) -> Option<OutputFolder> {
    let PlannedFile { path, mode, owner, change, content, .. } = file;
    matches!(content, Content::Folder).then(|| OutputFolder {
        path: path.clone(),
        mode: *mode,
        owner: owner.clone(),
        exists: *change != Change::New,
        is_right: *change == Change::Kept,
    })
}

impl Decisions {
    /// Issues the certificates. The CAs come first in the plan, so they can sign the others. `keys` are the new keys in
    /// the order of the plan.
    fn issue_certificates(
        &mut self,
        planned: Vec<PlannedCertificate>,
        keys: Vec<PrivateKey>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<Vec<IssuedCertificate>, Error> {
        let mut new_keys = keys.into_iter();
        let mut issuers = self.given_issuers()?;
        let mut finished = Vec::new();
        for planned in planned {
            let new_key = if planned.needs_key() { new_keys.next() } else { None };
            let PlannedCertificate { spec, change, certificate, key, is_renewed, pending } = planned;
            let new_key_text = new_key.as_ref().map(PrivateKey::to_pem);
            let key = new_key.or(key);
            let role = spec.id.role();
            let is_requested = pending.is_some();
            let mut request = None;
            if let (Some(PendingRequest { request: None, .. }), Some(key)) = (&pending, &key) {
                request = Some(offline::make_request(&spec, key)?.to_pem());
            }
            let certificate = match (certificate, &key) {
                (Some(old), Some(key)) if is_renewed => {
                    let validity = Validity::lasting(round_to_minute(now) - BACKDATE, spec.lifetime)?;
                    Some(root::renew_with(&old, key, validity, random)?)
                }
                (Some(certificate), _) => Some(certificate),
                (None, None) => return Err(X509ErrorKind::KeyGeneration { algorithm: spec.key }.into()),
                (None, Some(_)) if is_requested => None,
                (None, Some(key)) if role.is_authority() => Some(issue_ca(&spec, key, now, random)?),
                (None, Some(key)) => {
                    let issuer = issuers.get(&self.cluster.layout().issuer(role));
                    Some(issue_leaf(&spec, key, issuer, now, random, &mut self.notices)?)
                }
            };
            if let (Some(certificate), Some(key), true) = (&certificate, key, role.is_authority()) {
                issuers.insert(role, Issuer::new(certificate.clone(), key)?);
            }
            let new_key = new_key_text;
            finished.push(IssuedCertificate { spec, change, certificate, is_requested, new_key, request });
        }
        Ok(finished)
    }

    /// The existing CAs that have a key here.
    fn given_issuers(&self) -> Result<HashMap<Role, Issuer>, Error> {
        let mut issuers = HashMap::new();
        for authority in &self.authorities {
            if let CaSource::Existing(given) = &authority.source
                && let Some(key) = given.key.clone()
            {
                issuers.insert(authority.role, Issuer::new(given.certificate.clone(), key)?);
            }
        }
        Ok(issuers)
    }

    /// The files that are missing or differ, with their contents.
    fn output_files(
        &self,
        files: Vec<PlannedFile>,
        certificates: &[IssuedCertificate],
    ) -> Result<Vec<OutputFile>, Error> {
        let finished = |index: usize| certificates.get(index).ok_or(X509ErrorKind::Truncated);
        let text = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let issued = certificates.iter();
        let pairs: Vec<_> = issued.filter_map(|f| f.certificate.as_ref().map(|c| (&f.spec, c))).collect();
        let mut hashes = BTreeMap::new();
        let mut output = Vec::new();
        for PlannedFile { path, mode, owner, change, content, .. } in files {
            let bytes = match content {
                Content::Folder => continue,
                Content::Bytes(bytes) => bytes,
                Content::Certificate(index) => {
                    let IssuedCertificate { spec, certificate, .. } = finished(index)?;
                    let certificate = certificate.as_ref().ok_or(X509ErrorKind::Truncated)?;
                    text(&(certificate.to_pem() + &self.chain(spec.id.role())))
                }
                Content::Key(index) => {
                    text(finished(index)?.new_key.as_ref().ok_or(X509ErrorKind::Truncated)?)
                }
                Content::Request(index) => {
                    text(finished(index)?.request.as_ref().ok_or(X509ErrorKind::Truncated)?)
                }
                Content::Record => {
                    let hashes = std::mem::take(&mut hashes);
                    text(&self.record.next(&self.cluster, &self.recorded, &pairs, hashes, self.now).to_json())
                }
                Content::Registry { .. } => self.registry.with(&self.unregistered(&pairs), self.now),
            };
            // The registry grows without the record, and what was begun is done without it.
            if !is_secret(mode) && path != REGISTRY && path != OPERATION {
                hashes.insert(path.clone(), sha256(&bytes));
            }
            if change != Change::Kept {
                output.push(OutputFile { path, mode, owner, bytes, replaces: change != Change::New });
            }
        }
        Ok(output)
    }
}

fn issue_ca(
    spec: &CertificateSpec,
    key: &PrivateKey,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<Certificate, Error> {
    let validity = Validity::lasting(round_to_minute(now) - BACKDATE, spec.lifetime)?;
    let template = Template {
        key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
        basic_constraints: BasicConstraints { ca: true, path_len: None },
        ..Template::new(&spec.subject, key.public_key(), validity)
    };
    Ok(root::issue(&template, key, random)?)
}

fn issue_leaf(
    spec: &CertificateSpec,
    key: &PrivateKey,
    issuer: Option<&Issuer>,
    now: OffsetDateTime,
    random: &dyn Random,
    notices: &mut Vec<Notice>,
) -> Result<Certificate, Error> {
    let Some(issuer) = issuer else {
        let needed_for = spec.id.to_string();
        return Err(ErrorKind::CaKeyMissing { path: AUTHORITIES.to_owned(), needed_for }.into());
    };
    let mut validity = Validity::lasting(round_to_minute(now) - BACKDATE, spec.lifetime)?;
    let (end, ca_end) = (validity.not_after(), issuer.certificate().not_after());
    if end > ca_end {
        validity = Validity::new(validity.not_before(), ca_end)?;
        let certificate = spec.id.to_string();
        notices.push(Notice::new(NoticeKind::Clamped { certificate, wanted: end, not_after: ca_end }));
    }
    let template = Template {
        key_usage: spec.key_usage,
        extended_key_usage: &spec.extended_key_usage,
        names: &spec.names,
        ..Template::new(&spec.subject, key.public_key(), validity)
    };
    Ok(issuer.issue(&template, now, random)?.value)
}

/// Generates the new keys, in the order of the plan.
fn make_keys(
    planned: &[PlannedCertificate],
    keys: &dyn KeySource,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<PrivateKey>, Error> {
    let algorithms: Vec<_> = planned.iter().filter(|p| p.needs_key()).map(|p| p.spec.key).collect();
    let (made, of) = (AtomicUsize::new(0), algorithms.len());
    let made = keys.generate_all(&algorithms, &|| {
        let made = made.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress::Keys { made, of });
    })?;
    Ok(made)
}
