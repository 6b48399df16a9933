//! What has to be done so that the output folder is what the description says. Pure: it looks at a [`Tree`]
//! and changes nothing.

mod judge;

use std::collections::{HashMap, HashSet};
use std::fmt;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::certificates::{CertificateId, Wanted};
use super::cluster::Cluster;
use super::layout::{HOST_ENV, HOST_PKI, HOST_UNIT, LOCK, Pair, client_folder, on_node};
use super::lock::Lock;
use super::tree::{self, Entry, FileKind, Owner, Tree};
use super::{env, unit};
use crate::certificate::Certificate;
use crate::error::{Error, ErrorKind};
use crate::key::{KeyAlgorithm, PrivateKey, PublicKeyKind};
use crate::notice::{Notice, NoticeKind};
use crate::place::date;

/// What has to be done.
#[derive(Debug)]
pub struct Plan {
    pub(super) cluster: Cluster,
    pub(super) certificates: Vec<PlannedCertificate>,
    pub(super) files: Vec<PlannedFile>,
    pub(super) lock: Lock,
    pub(super) notices: Vec<Notice>,
}

/// Whether something is right already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there and right.
    Kept,
    /// It is not there.
    New,
    /// It is there, but not right.
    Changed(Vec<Reason>),
}

/// Why something that is there is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The contents are not what they should be.
    #[error("its contents differ")]
    Contents,
    /// It has ended.
    #[error("it ended at {}", date(*not_after))]
    Ended {
        /// When.
        not_after: OffsetDateTime,
    },
    /// The CA did not issue it.
    #[error("the cluster's CA did not issue it")]
    Issuer,
    /// Its key is of another kind.
    #[error("its key is {found}, not {wanted}")]
    KeyKind {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: KeyAlgorithm,
    },
    /// It does not belong to the key beside it.
    #[error("it does not belong to the key beside it")]
    KeyMismatch,
    /// It is valid for another time.
    #[error("it lives for {} days, not {}", found.whole_days(), wanted.whole_days())]
    Lifetime {
        /// How long it lives.
        found: Duration,
        /// How long it should.
        wanted: Duration,
    },
    /// Its permissions are wrong.
    #[error("its mode is {found:04o}, not {wanted:04o}")]
    Mode {
        /// What they are.
        found: u32,
        /// What they should be.
        wanted: u32,
    },
    /// Names are missing, or there are too many.
    #[error("it is for {found}, not for {wanted}")]
    Names {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// Its owner is wrong.
    #[error("its owner is not {wanted}")]
    Owner {
        /// Who should own it.
        wanted: &'static str,
    },
    /// Its subject is another.
    #[error("its subject is {found}, not {wanted}")]
    Subject {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// It allows other usages.
    #[error("its usages differ")]
    Usages,
}

/// A certificate of the plan.
#[derive(Debug)]
pub struct PlannedCertificate {
    pub(super) wanted: Wanted,
    pub(super) change: Change,
    /// The certificate that is kept.
    pub(super) certificate: Option<Certificate>,
    /// The key that is kept, if it was there.
    pub(super) key: Option<PrivateKey>,
}

/// A file or folder of the plan.
#[derive(Debug)]
pub struct PlannedFile {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) owner: Owner,
    pub(super) change: Change,
    pub(super) content: Content,
}

/// What a file will hold.
#[derive(Debug)]
pub(super) enum Content {
    Folder,
    Bytes(Zeroizing<Vec<u8>>),
    /// A certificate that is to be issued, by its place in the plan.
    Certificate(usize),
    /// A key that is to be made, by its certificate's place in the plan.
    Key(usize),
    /// [`Lock`], once everything is issued.
    Lock,
}

pub(super) const PUBLIC: u32 = 0o644;
pub(super) const SECRET: u32 = 0o600;
const PUBLIC_FOLDER: u32 = 0o755;
const SECRET_FOLDER: u32 = 0o700;

/// A certificate that ends within this time deserves a word.
const SOON: Duration = Duration::days(30);

impl Plan {
    /// Compares a description with what is there.
    ///
    /// # Errors
    /// If `tree` cannot be read, or holds a CA that is not this cluster's, cannot be used any more, or whose
    /// key is missing although something must be issued.
    pub fn new(cluster: &Cluster, tree: &dyn Tree, now: OffsetDateTime) -> Result<Self, Error> {
        let ca = judge::ca(cluster, tree, now)?;
        let mut certificates = vec![ca];
        for wanted in cluster.wanted()? {
            let ca = certificates.first().and_then(|ca| ca.certificate.as_ref());
            let planned = judge::leaf(cluster, wanted, ca, tree, now)?;
            certificates.push(planned);
        }
        refuse_without_ca_key(&certificates)?;
        let lock = Lock::read(tree)?;
        let notices = notices(cluster, &certificates, tree, now)?;
        let mut plan = Self { cluster: cluster.clone(), certificates, files: Vec::new(), lock, notices };
        plan.files = plan.plan_files(tree)?;
        Ok(plan)
    }

    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.files.iter().all(|file| file.change == Change::Kept)
    }

    /// The certificates, the CA's first.
    pub fn certificates(&self) -> &[PlannedCertificate] {
        &self.certificates
    }

    /// The files and folders, in the order in which they are to be made.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// What to tell the user.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// How many keys have to be made.
    pub fn keys_to_make(&self) -> usize {
        self.certificates.iter().filter(|certificate| certificate.needs_key()).count()
    }

    fn plan_files(&self, tree: &dyn Tree) -> Result<Vec<PlannedFile>, Error> {
        let places = self.certificates.iter().enumerate().map(|(index, planned)| (planned.id(), index));
        let mut files = Files { tree, plan: self, places: places.collect(), files: Vec::new() };
        let ca = Pair::ca();
        files.folder("ca", SECRET_FOLDER, Owner::Operator)?;
        // A key is written before its certificate: what stops in between is finished by the next run.
        files.key(0, Owner::Operator)?;
        files.certificate(0, &ca.certificate, Owner::Operator)?;
        let cluster = &self.cluster;
        files.folder("nodes", PUBLIC_FOLDER, Owner::Operator)?;
        for member in cluster.members() {
            let path = |host_path: &str| on_node(member.name(), host_path);
            for host_folder in ["", "/etc", "/etc/etcd", "/etc/systemd", "/etc/systemd/system"] {
                files.folder(&path(host_folder), PUBLIC_FOLDER, Owner::Root)?;
            }
            files.folder(&path(HOST_PKI), SECRET_FOLDER, Owner::Etcd)?;
            files.certificate(0, &path(&format!("{HOST_PKI}/ca.pem")), Owner::Etcd)?;
            for id in
                [CertificateId::Server(member.name().clone()), CertificateId::Peer(member.name().clone())]
            {
                files.pair(&id, Owner::Etcd)?;
            }
            files.text(&path(HOST_ENV), env::member(cluster, member), Owner::Root)?;
            files.text(&path(HOST_UNIT), unit::member(cluster, member), Owner::Root)?;
        }
        files.folder("clients", PUBLIC_FOLDER, Owner::Operator)?;
        for client in cluster.clients() {
            let folder = client_folder(&client.name);
            files.folder(&folder, SECRET_FOLDER, Owner::Operator)?;
            files.certificate(0, &format!("{folder}/ca.pem"), Owner::Operator)?;
            files.pair(&CertificateId::Client(client.name.clone()), Owner::Operator)?;
            let absolute = tree.root().join(&folder);
            files.text(
                &format!("{folder}/etcdctl.env"),
                env::client(cluster, tree::text(&absolute)?),
                Owner::Operator,
            )?;
        }
        files.lock()?;
        Ok(files.files)
    }
}

impl PlannedCertificate {
    /// Which one.
    pub fn id(&self) -> &CertificateId {
        &self.wanted.id
    }

    /// Whether it is right already.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// The certificate, if it is kept.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether it has to be issued.
    pub(super) fn is_issued(&self) -> bool {
        self.change != Change::Kept
    }

    /// Whether a key has to be made for it.
    pub(super) fn needs_key(&self) -> bool {
        self.is_issued() && self.key.is_none()
    }
}

impl PlannedFile {
    /// Its path in the output folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Who should own it.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether it is right already.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// File or folder.
    pub fn kind(&self) -> FileKind {
        if matches!(self.content, Content::Folder) { FileKind::Folder } else { FileKind::File }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::New => "new",
            Self::Changed(_) => "changed",
        })
    }
}

/// Files in the making, each compared with what is there.
struct Files<'a> {
    tree: &'a dyn Tree,
    plan: &'a Plan,
    /// Where each certificate is in the plan
    places: HashMap<&'a CertificateId, usize>,
    files: Vec<PlannedFile>,
}

impl Files<'_> {
    fn folder(&mut self, path: &str, mode: u32, owner: Owner) -> Result<(), Error> {
        self.add(path, mode, owner, Content::Folder, &[])
    }

    fn text(&mut self, path: &str, text: String, owner: Owner) -> Result<(), Error> {
        self.add(path, PUBLIC, owner, Content::Bytes(Zeroizing::new(text.into_bytes())), &[])
    }

    fn pair(&mut self, id: &CertificateId, owner: Owner) -> Result<(), Error> {
        let Some(&index) = self.places.get(id) else { return Ok(()) };
        self.key(index, owner)?;
        let path = self.planned(index).map(|planned| planned.wanted.pair.certificate.clone());
        path.map_or(Ok(()), |path| self.certificate(index, &path, owner))
    }

    fn planned(&self, index: usize) -> Option<&PlannedCertificate> {
        self.plan.certificates.get(index)
    }

    /// The file of a certificate, or a copy of it.
    fn certificate(&mut self, index: usize, path: &str, owner: Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        let reasons = planned.change.reasons().to_vec();
        let content = match &planned.certificate {
            Some(certificate) => Content::Bytes(Zeroizing::new(certificate.to_pem().into_bytes())),
            None => Content::Certificate(index),
        };
        self.add(path, PUBLIC, owner, content, &reasons)
    }

    fn key(&mut self, index: usize, owner: Owner) -> Result<(), Error> {
        let Some(planned) = self.planned(index) else { return Ok(()) };
        let path = planned.wanted.pair.key.clone();
        let reasons = planned.change.reasons().to_vec();
        let content = if planned.key.is_some() {
            // Whatever way the key is written, it stays as it is.
            match self.tree.entry(&path)? {
                Some(entry) => Content::Bytes(entry.bytes),
                None => return Ok(()),
            }
        } else if planned.is_issued() {
            Content::Key(index)
        } else {
            // The CA's key may be kept somewhere else while nothing has to be issued.
            return Ok(());
        };
        self.add(&path, SECRET, owner, content, &reasons)
    }

    /// The record of what was issued comes last: it tells of files that are there.
    fn lock(&mut self) -> Result<(), Error> {
        let issued = self.plan.certificates.iter().any(PlannedCertificate::is_issued);
        let content = if issued {
            Content::Lock
        } else {
            let certificates = self.plan.certificates.iter();
            let pairs: Vec<_> =
                certificates.filter_map(|p| p.certificate.as_ref().map(|c| (&p.wanted, c))).collect();
            let files: Vec<_> = self.files.iter().filter_map(PlannedFile::known).collect();
            let text = self.plan.lock.next(self.plan.cluster.name(), &pairs, &files)?.to_json();
            Content::Bytes(Zeroizing::new(text.into_bytes()))
        };
        self.add(LOCK, PUBLIC, Owner::Operator, content, &[])
    }

    fn add(
        &mut self,
        path: &str,
        mode: u32,
        owner: Owner,
        content: Content,
        reasons: &[Reason],
    ) -> Result<(), Error> {
        let change = match self.tree.entry(path)? {
            None => Change::New,
            Some(entry) => {
                let reasons = self.differences(&entry, mode, owner, &content, reasons, path)?;
                if reasons.is_empty() { Change::Kept } else { Change::Changed(reasons) }
            }
        };
        self.files.push(PlannedFile { path: path.to_owned(), mode, owner, change, content });
        Ok(())
    }

    fn differences(
        &self,
        entry: &Entry,
        mode: u32,
        owner: Owner,
        content: &Content,
        reasons: &[Reason],
        path: &str,
    ) -> Result<Vec<Reason>, Error> {
        let mut found = Vec::new();
        match content {
            Content::Folder if entry.kind != FileKind::Folder => {
                return Err(ErrorKind::NotAFolder { path: self.tree.root().join(path) }.into());
            }
            Content::Folder => {}
            _ if entry.kind != FileKind::File => {
                return Err(ErrorKind::NotAFile { path: self.tree.root().join(path) }.into());
            }
            Content::Bytes(bytes) if *bytes == entry.bytes => {}
            Content::Bytes(_) | Content::Lock => found.push(Reason::Contents),
            Content::Certificate(_) | Content::Key(_) => {
                found.extend(reasons.iter().cloned());
                if found.is_empty() {
                    found.push(Reason::Contents);
                }
            }
        }
        if entry.mode != mode {
            found.push(Reason::Mode { found: entry.mode, wanted: mode });
        }
        if let (Some(ids), Some(wanted)) = (self.tree.ids(owner), owner.name())
            && ids != entry.ids
        {
            found.push(Reason::Owner { wanted });
        }
        Ok(found)
    }
}

impl PlannedFile {
    /// Path and contents of a public file that is known before anything is issued.
    fn known(&self) -> Option<(&str, &[u8])> {
        match &self.content {
            Content::Bytes(bytes) if self.mode == PUBLIC => Some((&self.path, bytes)),
            _ => None,
        }
    }
}

impl Change {
    /// Why it is not right.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Changed(reasons) => reasons,
            Self::Kept | Self::New => &[],
        }
    }
}

/// Nothing can be issued under a CA whose key is somewhere else.
fn refuse_without_ca_key(certificates: &[PlannedCertificate]) -> Result<(), Error> {
    let [ca, leaves @ ..] = certificates else { return Ok(()) };
    let needed = leaves.iter().find(|leaf| leaf.is_issued());
    match needed {
        Some(leaf) if ca.certificate.is_some() && ca.key.is_none() => {
            let path = ca.wanted.pair.key.clone();
            Err(ErrorKind::CaKeyMissing { path, needed_for: leaf.id().to_string() }.into())
        }
        _ => Ok(()),
    }
}

/// The CA is never replaced, so a description that asks for another one gets a word.
fn ca_notices(cluster: &Cluster, certificates: &[PlannedCertificate]) -> Vec<Notice> {
    let Some(ca) = certificates.first().and_then(|ca| ca.certificate.as_ref()) else { return Vec::new() };
    let mut notices = Vec::new();
    let mut kept =
        |found: String, wanted: String| notices.push(Notice::new(NoticeKind::CaKept { found, wanted }));
    let kind = ca.public_key().map(|key| key.kind());
    if let Ok(kind) = kind
        && kind != PublicKeyKind::from(cluster.key())
    {
        kept(format!("a key of the kind {kind}"), cluster.key().to_string());
    }
    let (found, wanted) = (ca.not_after() - ca.not_before(), cluster.lifetimes().ca);
    if found != wanted {
        kept(format!("a life of {} days", found.whole_days()), format!("{} days", wanted.whole_days()));
    }
    notices
}

fn notices(
    cluster: &Cluster,
    certificates: &[PlannedCertificate],
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<Vec<Notice>, Error> {
    let mut notices = ca_notices(cluster, certificates);
    let ca_end = certificates.first().and_then(|ca| ca.certificate.as_ref()).map(Certificate::not_after);
    for planned in certificates {
        if let Some(certificate) = &planned.certificate {
            let not_after = ca_end.map_or(certificate.not_after(), |end| end.min(certificate.not_after()));
            if not_after < now + SOON {
                let certificate = planned.id().to_string();
                notices.push(Notice::new(NoticeKind::EndsSoon { certificate, not_after }));
            }
        }
    }
    let members: HashSet<&str> = cluster.members().iter().map(|member| member.name().as_str()).collect();
    let clients: HashSet<&str> = cluster.clients().iter().map(|client| client.name.as_str()).collect();
    for (folder, known) in [("nodes", members), ("clients", clients)] {
        for name in tree.names(folder)? {
            if !known.contains(name.as_str()) {
                notices.push(Notice::new(NoticeKind::Orphan { path: format!("{folder}/{name}") }));
            }
        }
    }
    Ok(notices)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use time::macros::datetime;

    use super::*;
    use crate::{Random, SystemKeys, SystemRandomness};

    type Memory = (PathBuf, BTreeMap<String, Entry>);

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn cluster(rest: &str) -> Cluster {
        let text = format!("name: prod\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n{rest}");
        Cluster::from_yaml(&text, None).unwrap().value
    }

    fn empty() -> Memory {
        (PathBuf::from("/out"), BTreeMap::new())
    }

    /// Carries out a plan in memory.
    fn apply(cluster: &Cluster, tree: &mut Memory, now: OffsetDateTime) {
        let plan = Plan::new(cluster, tree, now).unwrap();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap();
        for write in outcome.writes {
            let kind = if write.bytes.is_some() { FileKind::File } else { FileKind::Folder };
            let bytes = write.bytes.unwrap_or_default();
            tree.1.insert(write.path, Entry { kind, mode: write.mode, ids: (0, 0), bytes });
        }
    }

    fn changes(plan: &Plan) -> Vec<String> {
        let changed = plan.certificates().iter().filter(|planned| *planned.change() != Change::Kept);
        changed.map(|planned| format!("{}: {:?}", planned.id(), planned.change().reasons())).collect()
    }

    #[test]
    fn what_was_applied_is_done() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let plan = Plan::new(&cluster(""), &tree, NOW).unwrap();
        assert!(plan.is_done(), "{:?}", plan.report());
    }

    #[test]
    fn another_address_changes_certificates_and_keeps_keys() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let key = |tree: &Memory| tree.1["nodes/a/etc/etcd/pki/server-key.pem"].bytes.clone();
        let before = key(&tree);
        let text = "name: prod\nmembers:\n  - {name: a, address: [10.0.0.1, 10.0.0.9]}\n";
        let moved = Cluster::from_yaml(text, None).unwrap().value;
        let plan = Plan::new(&moved, &tree, NOW).unwrap();
        assert_eq!(changes(&plan).len(), 2, "{:?}", changes(&plan));
        assert_eq!(plan.keys_to_make(), 0);
        apply(&moved, &mut tree, NOW);
        assert_eq!(key(&tree), before);
        assert!(Plan::new(&moved, &tree, NOW).unwrap().is_done());
    }

    #[test]
    fn another_kind_of_key_is_made_for_all_but_the_ca() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let plan = Plan::new(&cluster("key: ed25519\n"), &tree, NOW).unwrap();
        assert_eq!(plan.keys_to_make(), 3);
        assert_eq!(*plan.certificates()[0].change(), Change::Kept);
        assert!(
            plan.notices()[0].to_string().contains("a key of the kind ecdsa-256"),
            "{:?}",
            plan.notices()
        );
    }

    #[test]
    fn a_certificate_that_has_ended_is_issued_anew_and_the_old_one_is_remembered() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let later = NOW + Duration::days(400);
        assert_eq!(changes(&Plan::new(&cluster(""), &tree, later).unwrap()).len(), 3);
        apply(&cluster(""), &mut tree, later);
        let lock = String::from_utf8(tree.1[LOCK].bytes.to_vec()).unwrap();
        let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
        assert_eq!(lock["former"].as_array().unwrap().len(), 3);
        assert!(Plan::new(&cluster(""), &tree, later).unwrap().is_done());
    }

    #[test]
    fn no_certificate_outlives_its_ca() {
        let mut tree = empty();
        apply(&cluster("validity: {ca: 30d, leaf: 90d}\n"), &mut tree, NOW);
        let plan = Plan::new(&cluster("validity: {ca: 30d, leaf: 90d}\n"), &tree, NOW).unwrap();
        assert!(plan.is_done());
        let ends: Vec<_> = plan.certificates().iter().map(|p| p.certificate().unwrap().not_after()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]));
    }

    #[test]
    fn without_the_ca_key_nothing_can_be_issued_but_all_can_be_kept() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        tree.1.remove("ca/ca-key.pem");
        assert!(Plan::new(&cluster(""), &tree, NOW).unwrap().is_done());
        tree.1.remove("nodes/a/etc/etcd/pki/peer.pem");
        let error = Plan::new(&cluster(""), &tree, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaKeyMissing { .. }), "{error}");
    }

    #[test]
    fn the_ca_of_another_cluster_is_not_touched() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let other = "name: other\nmembers: [{name: a, address: 10.0.0.1}]\n";
        let other = Cluster::from_yaml(other, None).unwrap().value;
        let error = Plan::new(&other, &tree, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::OtherCa { .. }), "{error}");
    }

    #[test]
    fn a_key_that_others_may_read_is_noticed() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        tree.1.get_mut("clients/root/client-key.pem").unwrap().mode = 0o644;
        let plan = Plan::new(&cluster(""), &tree, NOW).unwrap();
        let file = plan.files().iter().find(|file| file.path() == "clients/root/client-key.pem").unwrap();
        assert_eq!(file.change().reasons(), [Reason::Mode { found: 0o644, wanted: 0o600 }]);
    }

    #[test]
    fn whatever_a_killed_run_left_is_finished() {
        struct Failing;
        impl Random for Failing {
            fn fill(&self, _: &mut [u8]) -> Result<(), Error> {
                Err(ErrorKind::Randomness.into())
            }
        }
        let plan = Plan::new(&cluster(""), &empty(), NOW).unwrap();
        assert!(plan.issue(&SystemKeys, &Failing, NOW, &|_| {}).is_err());
        // Every prefix of the writes is a state that a run may be stopped in.
        let plan = Plan::new(&cluster(""), &empty(), NOW).unwrap();
        let writes = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap().writes;
        let mut tree = empty();
        for write in writes {
            let kind = if write.bytes.is_some() { FileKind::File } else { FileKind::Folder };
            let bytes = write.bytes.unwrap_or_default();
            tree.1.insert(write.path, Entry { kind, mode: write.mode, ids: (0, 0), bytes });
            let mut stopped = tree.clone();
            apply(&cluster(""), &mut stopped, NOW);
            assert!(Plan::new(&cluster(""), &stopped, NOW).unwrap().is_done());
            for (path, entry) in tree.1.iter().filter(|(path, _)| path.ends_with("-key.pem")) {
                assert_eq!(stopped.1[path].bytes, entry.bytes, "{path}");
            }
        }
    }
}
