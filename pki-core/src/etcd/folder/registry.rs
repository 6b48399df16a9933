//! The registry, `registry.jsonl`: what happened to certificates, a line for each event. Each line has the digest of the
//! line before, so that nobody can change or take out a line unnoticed.
//!
//! The record says what is; the registry says what happened. Lines are only added. A certificate is in the registry
//! before it gets a name in the folder, so there is none that the registry does not have.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::disk::FolderLock;
use crate::etcd::cluster::path::{AUTHORITIES, NODES, RECORD, REGISTRY};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::disk::{Folder, LockedFolder};
use crate::etcd::folder::output::{OutputFile, is_secret};
use crate::etcd::folder::record::RecordedCertificate;
use crate::etcd::folder::snapshot::{Owner, Snapshot};
use crate::x509::certificate::Certificate;
use crate::x509::crl::Crl;
use crate::x509::digest::sha256;

/// Something that happened: a line of `registry.jsonl`, without what every line has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RegistryEvent {
    /// A certificate was issued for the folder, or taken from a CA that is offline. It may never have been used: if the
    /// program is stopped, the next run may issue another one.
    Issued {
        /// Its identity, such as `etcd1 server`.
        certificate: String,
        /// Its path in the output folder.
        path: String,
        /// Its subject as text.
        subject: String,
        /// Its issuer as text. `None` if only the record knew it.
        issuer: Option<String>,
        /// Its serial number in decimal.
        serial: String,
        /// The SHA-256 digest of its DER.
        sha256: String,
        /// The SHA-256 digest of its public key (`SubjectPublicKeyInfo`). `None` if only the record knew it.
        key: Option<String>,
        /// When it begins.
        #[serde(with = "time::serde::rfc3339")]
        not_before: OffsetDateTime,
        /// When it ends.
        #[serde(with = "time::serde::rfc3339")]
        not_after: OffsetDateTime,
    },
    /// Files were put into their places on the host of a member.
    Placed {
        /// The member.
        member: String,
        /// How its host was reached: `[USER@]HOST`.
        host: String,
        /// The SHA-256 digests of the files, by their paths in the output folder.
        files: BTreeMap<String, String>,
    },
    /// The process of a member was seen to use what is in the folder.
    Proved {
        /// The member.
        member: String,
        /// When the process began, if it told.
        #[serde(with = "time::serde::rfc3339::option")]
        started: Option<OffsetDateTime>,
        /// The serial number of the certificate that the client port showed.
        client: Option<String>,
        /// The serial number of the certificate that the peer port showed.
        peer: Option<String>,
    },
    /// A revocation list in the folder names a certificate.
    Revoked {
        /// The identity of the certificate, such as `client root`.
        certificate: String,
        /// Its serial number in decimal.
        serial: String,
        /// The SHA-256 digest of its DER.
        sha256: String,
        /// The path of the revocation list.
        list: String,
        /// When it was revoked, as the list says.
        #[serde(with = "time::serde::rfc3339")]
        revoked: OffsetDateTime,
    },
}

/// A line as it is written.
#[derive(Serialize)]
struct Line<'a> {
    /// The SHA-256 digest of the line before. `None` in the first line.
    previous: Option<&'a str>,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(flatten)]
    event: &'a RegistryEvent,
}

/// What is read of a line. A newer program may write events and keys that this one does not know.
#[derive(Deserialize)]
struct ReadLine {
    previous: Option<String>,
    event: String,
    certificate: Option<String>,
    issuer: Option<String>,
    serial: Option<String>,
    sha256: Option<String>,
    member: Option<String>,
    files: Option<serde_json::Value>,
    started: Option<String>,
    client: Option<String>,
    peer: Option<String>,
}

/// What a process was seen to use, and since when it ran.
type Proof = (String, Option<OffsetDateTime>, Option<String>, Option<String>);

/// The registry of an output folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    bytes: Zeroizing<Vec<u8>>,
    /// The number of lines.
    pub(crate) lines: usize,
    /// The digest of the last line.
    pub(crate) head: Option<String>,
    /// The first line that does not follow from the one before.
    pub(crate) gap: Option<Gap>,
    /// The certificates that were issued, by the digest of their DER.
    issued: HashMap<String, Issued>,
    /// The digests of those that were revoked.
    revoked: HashSet<String>,
    proved: HashSet<Proof>,
    /// The files that were put into their places: member, path, and digest.
    placed: HashSet<(String, String, String)>,
}

/// A place where the chain of the registry is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The number of the line, from 1 on.
    pub(crate) line: usize,
    pub(crate) why: String,
}

#[derive(Debug, Clone)]
struct Issued {
    certificate: String,
    serial: String,
    issuer: Option<String>,
}

impl Registry {
    /// The registry in `snapshot`. `None` if there is none.
    ///
    /// # Errors
    /// If something that cannot be read has its path.
    pub(crate) fn read(snapshot: &Snapshot) -> Result<Option<Self>, Error> {
        Ok(snapshot.entry(REGISTRY)?.map(|entry| Self::parse(&entry.bytes)))
    }

    /// Reads a registry, whatever is in it: what is not a right line is a gap.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut registry = Self { bytes: Zeroizing::new(bytes.to_vec()), ..Self::default() };
        let whole = bytes.strip_suffix(b"\n");
        for line in whole.unwrap_or(bytes).split(|byte| *byte == b'\n') {
            if bytes.is_empty() {
                break;
            }
            registry.add(line);
        }
        if whole.is_none() && !bytes.is_empty() {
            registry.found_gap("the line does not end".to_owned());
        }
        registry
    }

    fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        let before = self.head.replace(sha256(line));
        let read: ReadLine = match serde_json::from_slice(line) {
            Ok(read) => read,
            Err(error) => return self.found_gap(format!("the line cannot be read: {error}")),
        };
        if read.previous != before {
            self.found_gap(match before {
                Some(before) => format!("it does not follow the line before, whose digest is {before}"),
                None => "lines before it are missing".to_owned(),
            });
        }
        match (read.event.as_str(), read.sha256) {
            ("issued", Some(digest)) => {
                let (certificate, serial) =
                    (read.certificate.unwrap_or_default(), read.serial.unwrap_or_default());
                self.issued.insert(digest, Issued { certificate, serial, issuer: read.issuer });
            }
            ("revoked", Some(digest)) => drop(self.revoked.insert(digest)),
            ("placed", _) => {
                let member = read.member.unwrap_or_default();
                for (path, digest) in
                    read.files.as_ref().and_then(|files| files.as_object()).into_iter().flatten()
                {
                    let digest = digest.as_str().unwrap_or_default().to_owned();
                    self.placed.insert((member.clone(), path.clone(), digest));
                }
            }
            ("proved", _) => {
                let started = read.started.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
                let member = read.member.unwrap_or_default();
                self.proved.insert((member, started, read.client, read.peer));
            }
            _ => {}
        }
    }

    /// Remembers a gap in the last line. The first gap counts.
    fn found_gap(&mut self, why: String) {
        let line = self.lines;
        self.gap.get_or_insert(Gap { line, why });
    }

    /// The events that tell something new: a proof that is there is not written again.
    fn new_among(&self, events: &[RegistryEvent]) -> Vec<RegistryEvent> {
        let is_new = |event: &&RegistryEvent| match event {
            RegistryEvent::Proved { member, started, client, peer } => {
                !self.proved.contains(&(member.clone(), *started, client.clone(), peer.clone()))
            }
            _ => true,
        };
        events.iter().filter(is_new).cloned().collect()
    }

    /// Whether a certificate with this digest was issued.
    pub(crate) fn has(&self, sha256: &str) -> bool {
        self.issued.contains_key(sha256)
    }

    /// Whether a revocation list names the certificate with this digest.
    pub(crate) fn has_revoked(&self, sha256: &str) -> bool {
        self.revoked.contains(sha256)
    }

    /// Whether a file with this digest was put into its place on the host of a member.
    pub(crate) fn has_placed(&self, member: &str, path: &str, sha256: &str) -> bool {
        self.placed.contains(&(member.to_owned(), path.to_owned(), sha256.to_owned()))
    }

    /// The text with lines for more events. What is there is kept as it is, also after a gap.
    pub(crate) fn with(&self, events: &[RegistryEvent], now: OffsetDateTime) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let mut head = self.head.clone();
        let at = now.replace_nanosecond(0).unwrap_or(now);
        for event in events {
            let line = Line { previous: head.as_deref(), at, event };
            // Serialising text and dates with serde_json does not fail.
            let text = serde_json::to_string(&line).unwrap_or_default();
            head = Some(sha256(text.as_bytes()));
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// The revocations that `snapshot` has lists of, signed by one of `authorities`, and the registry does not have.
    pub(crate) fn revocations(
        &self,
        snapshot: &Snapshot,
        authorities: &[&Certificate],
    ) -> Vec<RegistryEvent> {
        let (mut events, mut seen) = (Vec::new(), HashSet::new());
        for path in snapshot.paths().filter(|path| may_be_list(path)) {
            let Ok(Some(list)) = snapshot.entry(path).map(|entry| entry.map(|entry| Crl::read(&entry.bytes)))
            else {
                continue;
            };
            let Ok(list) = list else { continue };
            if !authorities.iter().any(|ca| list.verify_issued_by(ca).is_ok()) {
                continue;
            }
            let issuer = list.issuer().to_string();
            let serials: HashMap<String, OffsetDateTime> =
                list.revocations().iter().map(|one| (one.serial.to_string(), one.date)).collect();
            let mut named: Vec<(&String, &Issued)> = self
                .issued
                .iter()
                .filter(|(_, issued)| issued.issuer.as_ref().is_none_or(|name| *name == issuer))
                .collect();
            named.sort_by_key(|(digest, issued)| (&issued.certificate, *digest));
            for (digest, issued) in named {
                if let Some(revoked) = serials.get(&issued.serial)
                    && !self.revoked.contains(digest)
                    && seen.insert(digest)
                {
                    events.push(RegistryEvent::Revoked {
                        certificate: issued.certificate.clone(),
                        serial: issued.serial.clone(),
                        sha256: digest.clone(),
                        list: path.to_owned(),
                        revoked: *revoked,
                    });
                }
            }
        }
        events
    }
}

impl RegistryEvent {
    /// A certificate that is at hand.
    pub(crate) fn issued(certificate: &str, path: &str, issued: &Certificate) -> Self {
        Self::Issued {
            certificate: certificate.to_owned(),
            path: path.to_owned(),
            subject: issued.subject().to_string(),
            issuer: Some(issued.issuer().to_string()),
            serial: issued.serial_decimal(),
            sha256: issued.fingerprint(),
            key: issued.public_key().ok().map(|key| sha256(key.der())),
            not_before: issued.not_before(),
            not_after: issued.not_after(),
        }
    }

    /// A certificate of which only the record knows.
    pub(crate) fn recorded(recorded: &RecordedCertificate) -> Self {
        Self::Issued {
            certificate: recorded.certificate.clone(),
            path: recorded.path.clone(),
            subject: recorded.subject.clone(),
            issuer: None,
            serial: recorded.serial.clone(),
            sha256: recorded.sha256.clone(),
            key: None,
            not_before: recorded.not_before,
            not_after: recorded.not_after,
        }
    }

    /// Files that were put into their places on the host of a member: those of `paths` that are the member's.
    ///
    /// # Errors
    /// If a file is not in `snapshot`, or cannot be read.
    pub fn placed(snapshot: &Snapshot, member: &str, host: &str, paths: &[String]) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        for path in paths.iter().filter(|path| path.starts_with(&format!("{NODES}/{member}/"))) {
            let missing = || ErrorKind::MissingFile { path: snapshot.root().join(path) };
            let entry = snapshot.entry(path)?.ok_or_else(missing)?;
            // Nobody learns from a digest what a key is, but it has no use either.
            if !is_secret(entry.mode) {
                files.insert(path.clone(), sha256(&entry.bytes));
            }
        }
        Ok(Self::Placed { member: member.to_owned(), host: host.to_owned(), files })
    }
}

impl Folder {
    /// Adds lines to the registry of the folder, while `lock` keeps others from writing to the folder. For a moment it is
    /// given back.
    ///
    /// # Errors
    /// [`ErrorKind::ChangedMeanwhile`] if another process has changed the record in this moment, and the errors of
    /// [`Folder::lock`] and [`LockedFolder::register`].
    pub fn register(
        &self,
        lock: &mut Option<FolderLock>,
        events: &[RegistryEvent],
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let registry = Registry::read(&self.only(REGISTRY))?.unwrap_or_default();
        let events = registry.new_among(events);
        if events.is_empty() {
            return Ok(());
        }
        let record = self.record_digest()?;
        let check = |now: String| match now == record {
            true => Ok(()),
            false => Err(Error::from(ErrorKind::ChangedMeanwhile { path: self.root().to_owned() })),
        };
        drop(lock.take());
        let locked = Self::lock(self.root())?;
        check(self.record_digest()?)?;
        locked.register(&events, now)?;
        drop(locked);
        *lock = self.lock_for_reading()?;
        check(self.record_digest()?)
    }

    fn record_digest(&self) -> Result<String, Error> {
        Ok(self.only(RECORD).entry(RECORD)?.map(|entry| sha256(&entry.bytes)).unwrap_or_default())
    }
}

impl LockedFolder {
    /// Adds lines to the registry of the folder. A proof that it has already is left out.
    ///
    /// # Errors
    /// If the registry cannot be read or written.
    pub fn register(&self, events: &[RegistryEvent], now: OffsetDateTime) -> Result<(), Error> {
        let snapshot = self.only(REGISTRY);
        let before = Registry::read(&snapshot)?;
        let replaces = before.is_some();
        let before = before.unwrap_or_default();
        let bytes = before.with(&before.new_among(events), now);
        let (path, owner) = (REGISTRY.to_owned(), Owner::Operator);
        let file = OutputFile { path, mode: 0o644, owner, bytes, replaces };
        self.write(snapshot.users(), &[file], &mut HashSet::new())
    }
}

/// Whether the file at a path is where a revocation list may be, and has such a name.
fn may_be_list(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_place =
        |place: &str| folder == place || folder.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
    is_list(name) && (is_place(AUTHORITIES) || is_place(NODES))
}

/// Whether a file's name is that of a revocation list: `ca.crl`, `crl.pem`, `peer-crl.der`.
pub(crate) fn is_list(name: &str) -> bool {
    let stem = name.strip_suffix(".pem").or_else(|| name.strip_suffix(".der"));
    name.ends_with(".crl") || stem.is_some_and(|stem| stem.ends_with("crl"))
}

#[cfg(test)]
mod tests;
