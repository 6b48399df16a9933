//! Carrying out a plan as far as that is possible without the disk: keys, certificates, bytes of files.

use std::sync::atomic::{AtomicUsize, Ordering};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::certificates::CertificateId;
use super::plan::{Change, Content, PUBLIC, Plan, PlannedCertificate, PlannedFile};
use super::report::Report;
use super::tree::Owner;
use crate::ca;
use crate::certificate::Certificate;
use crate::error::{Error, ErrorKind};
use crate::key::{KeySource, PrivateKey, generate_all};
use crate::notice::{Notice, NoticeKind};
use crate::random::Random;
use crate::request::{BACKDATE, CaSection};
use crate::signer::{Issuer, Template, round_to_minute};

/// What a carried-out plan has to write, and what there is to say about it.
#[derive(Debug)]
pub struct Outcome {
    pub(super) writes: Vec<Write>,
    /// Every folder, whether it has to be made or not
    pub(super) folders: Vec<String>,
    report: Report,
}

/// A file or folder to be written.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) owner: Owner,
    /// None for a folder
    pub(super) bytes: Option<Zeroizing<Vec<u8>>>,
    /// Whether something is there that is to be replaced
    pub(super) replaces: bool,
}

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Keys were made.
    Keys {
        /// So many.
        made: usize,
        /// Of so many.
        of: usize,
    },
}

impl Outcome {
    /// What was done, and what each certificate says.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// A certificate of the plan with everything that it lacked.
struct Finished {
    planned: PlannedCertificate,
    certificate: Certificate,
    /// The new key
    key: Option<PrivateKey>,
}

impl Plan {
    /// Makes the keys and certificates that the plan lacks.
    ///
    /// `progress` is called from several threads.
    ///
    /// # Errors
    /// If a key cannot be made or a certificate cannot be signed.
    pub fn issue(
        mut self,
        keys: &dyn KeySource,
        random: &dyn Random,
        now: OffsetDateTime,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Outcome, Error> {
        let planned = std::mem::take(&mut self.certificates);
        let mut new_keys = make_keys(&planned, keys, progress)?.into_iter();
        let mut planned = planned.into_iter().map(|planned| {
            let key = if needs_key(&planned) { new_keys.next() } else { None };
            (planned, key)
        });
        let mut notices = std::mem::take(&mut self.notices);
        let mut finished: Vec<Finished> = Vec::new();
        let mut writes: Vec<Write> = Vec::new();
        let mut issuer = None;
        if let Some((mut ca, key)) = planned.next() {
            let new_key_text = key.as_ref().map(PrivateKey::to_pem);
            let certificate = match (ca.certificate.take(), key.as_ref().or(ca.key.as_ref())) {
                (Some(certificate), _) => certificate,
                (None, Some(key)) => self.issue_ca(key, now, random)?,
                (None, None) => return Err(ErrorKind::KeyGeneration { algorithm: ca.wanted.key }.into()),
            };
            if let Some(key) = key.or_else(|| ca.key.take()) {
                issuer = Some(Issuer::new(certificate.clone(), key)?);
            }
            finished.push(Finished { planned: ca, certificate, key: None });
            // The issuer owns the key now; its text is all that is left to write.
            if let Some(text) = new_key_text {
                for file in self.files.iter_mut().filter(|file| matches!(file.content, Content::Key(0))) {
                    file.content = Content::Bytes(Zeroizing::new(text.as_bytes().to_vec()));
                }
            }
        }
        for (mut planned, key) in planned {
            let certificate = match planned.certificate.take() {
                Some(certificate) => certificate,
                None => {
                    self.issue_leaf(&planned, key.as_ref(), issuer.as_ref(), now, random, &mut notices)?
                }
            };
            finished.push(Finished { planned, certificate, key });
        }
        let files = std::mem::take(&mut self.files);
        let report = Report::finished(
            self.cluster.name(),
            &finished
                .iter()
                .map(|f| (&f.planned.wanted, &f.planned.change, &f.certificate))
                .collect::<Vec<_>>(),
            &files,
            &notices,
        );
        let folders = files.iter().filter(|file| matches!(file.content, Content::Folder));
        let folders = folders.map(|file| file.path.clone()).collect();
        let mut public: Vec<(String, Zeroizing<Vec<u8>>)> = Vec::new();
        for file in files {
            let PlannedFile { path, mode, owner, change, content } = file;
            let issued = |index: usize| finished.get(index).ok_or(ErrorKind::Truncated);
            let bytes = match content {
                Content::Folder => None,
                Content::Bytes(bytes) => Some(bytes),
                Content::Certificate(index) => {
                    Some(Zeroizing::new(issued(index)?.certificate.to_pem().into_bytes()))
                }
                Content::Key(index) => {
                    let key = issued(index)?.key.as_ref().ok_or(ErrorKind::Truncated)?;
                    Some(Zeroizing::new(key.to_pem().as_bytes().to_vec()))
                }
                Content::Lock => {
                    let pairs: Vec<_> =
                        finished.iter().map(|f| (&f.planned.wanted, &f.certificate)).collect();
                    let hashed: Vec<_> =
                        public.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
                    let lock = self.lock.next(self.cluster.name(), &pairs, &hashed)?;
                    Some(Zeroizing::new(lock.to_json().into_bytes()))
                }
            };
            if let (PUBLIC, Some(bytes)) = (mode, &bytes) {
                public.push((path.clone(), bytes.clone()));
            }
            if change != Change::Kept {
                writes.push(Write { path, mode, owner, bytes, replaces: change != Change::New });
            }
        }
        Ok(Outcome { writes, folders, report })
    }

    fn issue_ca(
        &self,
        key: &PrivateKey,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<Certificate, Error> {
        let section = CaSection { expiry: self.cluster.lifetimes().ca, ..CaSection::default() };
        ca::self_signed(&self.cluster.ca_subject()?, &section, Vec::new(), key, now, random)
    }

    fn issue_leaf(
        &self,
        planned: &PlannedCertificate,
        new_key: Option<&PrivateKey>,
        issuer: Option<&Issuer>,
        now: OffsetDateTime,
        random: &dyn Random,
        notices: &mut Vec<Notice>,
    ) -> Result<Certificate, Error> {
        let wanted = &planned.wanted;
        let (Some(issuer), Some(key)) = (issuer, new_key.or(planned.key.as_ref())) else {
            let needed_for = planned.id().to_string();
            return Err(ErrorKind::CaKeyMissing { path: super::layout::Pair::ca().key, needed_for }.into());
        };
        let lifetime = self.cluster.lifetimes().leaf;
        let mut profile = wanted.purpose.profile(wanted.key, lifetime);
        let ca_end = issuer.certificate().not_after();
        let end = ca::end(round_to_minute(now) - BACKDATE, lifetime)?;
        if end > ca_end {
            profile.not_after = Some(ca_end);
            let certificate = planned.id().to_string();
            notices.push(Notice::new(NoticeKind::Clamped { certificate, wanted: end, not_after: ca_end }));
        }
        let template = Template {
            subject: &wanted.subject,
            public_key: key.public_key(),
            names: &wanted.names,
            profile: &profile,
            crl_url: None,
            extensions: &[],
        };
        Ok(issuer.issue(&template, now, random)?.value)
    }
}

fn needs_key(planned: &PlannedCertificate) -> bool {
    planned.is_issued() && planned.key.is_none()
}

fn make_keys(
    planned: &[PlannedCertificate],
    keys: &dyn KeySource,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<PrivateKey>, Error> {
    let wanted: Vec<_> = planned.iter().filter(|p| needs_key(p)).map(|p| p.wanted.key).collect();
    let (made, of) = (AtomicUsize::new(0), wanted.len());
    generate_all(keys, &wanted, &|| {
        let made = made.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress::Keys { made, of });
    })
}

impl CertificateId {
    pub(super) fn is_ca(&self) -> bool {
        *self == Self::Ca
    }
}
