//! What has to be done so that the output folder is what the description says. Pure: it looks at a [`Tree`]
//! and changes nothing.

pub(crate) mod authority;
mod files;
pub(crate) mod issue;
mod judge;
pub(crate) mod offline;
pub(crate) mod report;
pub(crate) mod steps;

use std::collections::HashSet;
use std::fmt;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::base::place::date;
use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::{Joining, Start};
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Lock;
use crate::etcd::folder::tree::{FileKind, Owner, Tree};
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::plan::authority::{Authority, Source};
use crate::etcd::plan::files::Files;
use crate::x509::certificate::Certificate;
use crate::x509::key::{KeyAlgorithm, PrivateKey, PublicKeyKind};

/// What has to be done.
#[derive(Debug)]
pub struct Plan {
    pub(crate) cluster: Cluster,
    pub(crate) authorities: Vec<Authority>,
    /// The CAs' own first
    pub(crate) certificates: Vec<PlannedCertificate>,
    pub(crate) files: Vec<PlannedFile>,
    /// What was recorded before
    pub(crate) lock: Lock,
    /// How each member first starts
    pub(crate) starts: Vec<Start>,
    /// Of these, what is recorded: a member that joins is new as long as it has no certificates
    pub(crate) recorded: Vec<Start>,
    pub(crate) notices: Vec<Notice>,
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
    /// It is a CA's.
    #[error("it is a CA's")]
    Authority,
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
    /// It is not valid yet.
    #[error("it is not valid before {}", date(*not_before))]
    NotYet {
        /// From when on it is.
        not_before: OffsetDateTime,
    },
    /// Its owner is wrong.
    #[error("its owner is not {wanted}")]
    Owner {
        /// Who should own it.
        wanted: String,
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
    #[error("it may be used for {found}, not for {wanted}")]
    Usages {
        /// What it allows.
        found: String,
        /// What it should allow.
        wanted: String,
    },
}

/// A certificate of the plan.
#[derive(Debug)]
pub struct PlannedCertificate {
    pub(crate) wanted: CertificateSpec,
    pub(crate) change: Change,
    /// The certificate that is kept: for good, or until an offline CA has signed another one.
    pub(crate) certificate: Option<Certificate>,
    /// The key that is kept, if it was there.
    pub(crate) key: Option<PrivateKey>,
    /// Some if an offline CA has to be asked for it
    pub(crate) asked: Option<Asked>,
}

/// What an offline CA is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The request that was made before, if it still is right
    pub(crate) request: Option<Zeroizing<Vec<u8>>>,
    /// Why what the CA has signed is not what it was asked for; empty if there is nothing
    pub(crate) refused: Vec<Reason>,
}

/// A file or folder of the plan.
#[derive(Debug)]
pub struct PlannedFile {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) change: Change,
    pub(crate) content: Content,
}

/// A folder of the plan.
#[derive(Debug)]
pub(crate) struct PlannedFolder {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) change: Change,
}

/// What a file will hold.
#[derive(Debug)]
pub(crate) enum Content {
    Folder,
    Bytes(Zeroizing<Vec<u8>>),
    /// A certificate that is to be issued, by its place in the plan.
    Certificate(usize),
    /// A key that is to be made, by its certificate's place in the plan.
    Key(usize),
    /// A request that is to be made, by its certificate's place in the plan.
    Request(usize),
    /// [`Lock`], once everything is issued.
    Lock,
}

const PUBLIC: u32 = 0o644;
const SECRET: u32 = 0o600;
const PROGRAM: u32 = 0o755;
const PUBLIC_FOLDER: u32 = 0o755;
const SECRET_FOLDER: u32 = 0o700;

/// Whether only the owner may read a file: its contents appear nowhere else.
pub(crate) fn is_secret(mode: u32) -> bool {
    mode & 0o044 == 0
}

/// A certificate that ends within this time deserves a word.
const SOON: Duration = Duration::days(30);

impl Plan {
    /// Compares a description with what is there.
    ///
    /// # Errors
    /// If `tree` cannot be read, or holds a CA that is not this cluster's, cannot be used any more, or whose
    /// key is missing although something must be issued.
    pub fn new(cluster: &Cluster, tree: &dyn Tree, now: OffsetDateTime) -> Result<Self, Error> {
        let lock = Lock::read(tree, cluster)?;
        let mut certificates = Vec::new();
        for wanted in cluster.wanted_authorities()? {
            certificates.push(judge::authority(wanted, &lock, tree, now)?);
        }
        let authorities = authorities(cluster, &certificates, tree, now)?;
        for wanted in cluster.wanted_leaves()? {
            let issuer = cluster.layout().issuer(wanted.id.role());
            let issuer = issuer_of(issuer, &authorities, &certificates);
            certificates.push(judge::leaf(wanted, issuer, &lock, tree, now)?);
        }
        refuse_without_ca_key(cluster, &authorities, &certificates)?;
        let notices = notices(cluster, &authorities, &certificates, tree, now)?;
        let starts = cluster.starts(&lock.members);
        let joining = cluster.joining(&starts, &lock.members);
        let waits = |start: &Start| {
            joining.iter().any(|joining| joining.member == start.member)
                && certificates.iter().any(|planned| planned.is_awaited_by(&start.member))
        };
        let recorded = starts.iter().filter(|start| !waits(start)).cloned().collect();
        let (cluster, files) = (cluster.clone(), Vec::new());
        let mut plan = Self { cluster, authorities, certificates, files, lock, starts, recorded, notices };
        plan.files = Files::plan(&plan, tree)?;
        Ok(plan)
    }

    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.files.iter().all(|file| file.change == Change::Kept) && !self.is_waiting()
    }

    /// Whether certificates are missing that a CA has to sign which is offline.
    pub fn is_waiting(&self) -> bool {
        self.certificates.iter().any(PlannedCertificate::is_requested)
    }

    /// The certificates, the CA's first.
    pub fn certificates(&self) -> &[PlannedCertificate] {
        &self.certificates
    }

    /// The files and folders, in the order in which they are to be made.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// The folders, each before what is in it.
    pub(crate) fn folders(&self) -> Vec<PlannedFolder> {
        let folders = self.files.iter().filter(|file| file.kind() == FileKind::Folder);
        let folder = |file: &PlannedFile| PlannedFolder {
            path: file.path.clone(),
            mode: file.mode,
            owner: file.owner.clone(),
            change: file.change.clone(),
        };
        folders.map(folder).collect()
    }

    /// What to tell the user.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// What stands behind a role's certificates in their files.
    pub(crate) fn chain(&self, role: Role) -> String {
        let issuer = self.cluster.layout().issuer(role);
        let issuer =
            self.authorities.iter().find(|authority| authority.role == issuer && authority.role != role);
        issuer.map(Authority::chain).unwrap_or_default()
    }

    /// The members that join a cluster which runs already, in the order in which they have to be added.
    pub fn joining(&self) -> Vec<Joining> {
        self.cluster.joining(&self.starts, &self.lock.members)
    }

    /// How many keys have to be made.
    pub fn keys_to_make(&self) -> usize {
        self.certificates.iter().filter(|certificate| certificate.needs_key()).count()
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

    /// The certificate, if it is kept: for good, or until an offline CA has signed another one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether an offline CA has to be asked for it.
    pub fn is_requested(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether a member cannot start before an offline CA has signed this.
    fn is_awaited_by(&self, member: &str) -> bool {
        let is_its =
            self.id().role() != Role::Client && self.id().owner().is_some_and(|o| o.as_str() == member);
        is_its && self.is_requested() && self.certificate.is_none()
    }

    /// Whether it has to be issued.
    pub(crate) fn is_issued(&self) -> bool {
        self.certificate.is_none() && !self.is_requested()
    }

    /// Whether a key has to be made for it.
    pub(crate) fn needs_key(&self) -> bool {
        self.certificate.is_none() && self.key.is_none()
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
    pub fn owner(&self) -> &Owner {
        &self.owner
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

impl PlannedFile {
    /// Path and contents of a public file that is known before anything is issued.
    fn known(&self) -> Option<(&str, &[u8])> {
        match &self.content {
            Content::Bytes(bytes) if !is_secret(self.mode) => Some((&self.path, bytes)),
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

/// The CAs of the layout.
fn authorities(
    cluster: &Cluster,
    certificates: &[PlannedCertificate],
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<Vec<Authority>, Error> {
    let authority = |role: &Role| match &cluster.certificate_settings.of(*role).given {
        Some(given) => Authority::given(*role, given, tree, now),
        None => {
            let place = certificates.iter().position(|planned| planned.id().role() == *role);
            Ok(Authority { role: *role, source: Source::Own(place.unwrap_or_default()) })
        }
    };
    cluster.layout().authorities().iter().map(authority).collect()
}

fn issuer_of<'a>(
    role: Role,
    authorities: &'a [Authority],
    certificates: &'a [PlannedCertificate],
) -> judge::Issuer<'a> {
    let authority = authorities.iter().find(|authority| authority.role == role);
    let certificate = authority.and_then(|authority| match &authority.source {
        Source::Given(given) => Some(&given.certificate),
        Source::Own(place) => certificates.get(*place)?.certificate.as_ref(),
    });
    judge::Issuer { certificate, is_offline: authority.is_some_and(Authority::is_offline) }
}

/// Nothing can be issued under a CA of the cluster's own whose key is somewhere else.
fn refuse_without_ca_key(
    cluster: &Cluster,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
) -> Result<(), Error> {
    for authority in authorities {
        let Source::Own(place) = authority.source else { continue };
        let Some(ca) = certificates.get(place) else { continue };
        if ca.certificate.is_none() || ca.key.is_some() {
            continue;
        }
        let is_below = |planned: &&PlannedCertificate| {
            planned.is_issued() && cluster.layout().issuer(planned.id().role()) == authority.role
        };
        if let Some(leaf) = certificates.iter().find(is_below) {
            let path = ca.wanted.pair.key.clone();
            return Err(ErrorKind::CaKeyMissing { path, needed_for: leaf.id().to_string() }.into());
        }
    }
    Ok(())
}

/// A CA is never replaced, so a description that asks for another one gets a word.
fn ca_notices(planned: &PlannedCertificate) -> Vec<Notice> {
    let Some(ca) = planned.certificate.as_ref().filter(|_| planned.id().role().is_authority()) else {
        return Vec::new();
    };
    let mut notices = Vec::new();
    let mut kept =
        |found: String, wanted: String| notices.push(Notice::new(NoticeKind::CaKept { found, wanted }));
    let kind = ca.public_key().map(|key| key.kind());
    if let Ok(kind) = kind
        && kind != PublicKeyKind::from(planned.wanted.key)
    {
        kept(format!("a key of the kind {kind}"), planned.wanted.key.to_string());
    }
    let (found, wanted) = (ca.not_after() - ca.not_before(), planned.wanted.lifetime);
    if found != wanted {
        kept(format!("a life of {} days", found.whole_days()), format!("{} days", wanted.whole_days()));
    }
    notices
}

/// What an offline CA has signed wrongly, and what is not asked of it.
fn offline_notices(planned: &PlannedCertificate) -> Vec<Notice> {
    let mut notices = Vec::new();
    let certificate = planned.id().to_string();
    if let Some(Asked { refused, .. }) = &planned.asked
        && !refused.is_empty()
    {
        let (answer, request) = (offline::answer(planned.id()), offline::request(planned.id()));
        let (certificate, reasons) = (certificate.clone(), refused.clone());
        notices.push(Notice::new(NoticeKind::WrongAnswer { answer, certificate, reasons, request }));
    }
    if let Some(key) = &planned.key
        && !planned.id().role().is_authority()
        && key.public_key().kind() != PublicKeyKind::from(planned.wanted.key)
    {
        let (found, path) = (key.public_key().kind().to_string(), planned.wanted.pair.key.clone());
        let wanted = planned.wanted.key;
        notices.push(Notice::new(NoticeKind::KeyKept { certificate, found, wanted, path }));
    }
    notices
}

fn notices(
    cluster: &Cluster,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<Vec<Notice>, Error> {
    let mut notices: Vec<Notice> = certificates.iter().flat_map(ca_notices).collect();
    notices.extend(certificates.iter().flat_map(offline_notices));
    if let [one, other] = authorities
        && let (Source::Given(one), Source::Given(other)) = (&one.source, &other.source)
        && one.certificate.has_key_of(&other.certificate)
    {
        notices.push(Notice::new(NoticeKind::OneCa));
    }
    for authority in authorities {
        if let Source::Given(given) = &authority.source {
            let subject = given.certificate.subject().to_string();
            notices.push(Notice::new(NoticeKind::ForeignCa { subject }));
        }
    }
    for planned in certificates {
        if let Some(certificate) = &planned.certificate {
            let issuer = cluster.layout().issuer(planned.id().role());
            let given =
                authorities.iter().find(|authority| authority.role == issuer).and_then(Authority::ends);
            let own = issuer_of(issuer, authorities, certificates).certificate.map(Certificate::not_after);
            let ends = [Some(certificate.not_after()), own, given].into_iter().flatten().min();
            let not_after = ends.unwrap_or(certificate.not_after());
            if not_after < now + SOON {
                let certificate = planned.id().to_string();
                notices.push(Notice::new(NoticeKind::EndsSoon { certificate, not_after }));
            }
        }
    }
    let members: HashSet<&str> = cluster.members().iter().map(|member| member.name().as_str()).collect();
    let clients: HashSet<&str> = cluster.clients().iter().map(|client| client.name.as_str()).collect();
    for (folder, known) in [(path::NODES, members), (path::CLIENTS, clients)] {
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
    use crate::cfssl::{Profile, Request, SigningRequest, ca};
    use crate::etcd::cluster::path::LOCK;
    use crate::etcd::folder::tree::Entry;
    use crate::x509::error::Error as X509Error;
    use crate::x509::error::ErrorKind as X509ErrorKind;
    use crate::x509::{CertificateRequest, Issuer, KeySource, Random, SystemKeys, SystemRandomness, oid};

    type Memory = (PathBuf, BTreeMap<String, Entry>);

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn cluster(rest: &str) -> Cluster {
        let text =
            format!("name: prod\nlayout: single-ca\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n{rest}");
        Cluster::from_yaml(&text, None).unwrap().value
    }

    fn empty() -> Memory {
        (PathBuf::from("/out"), BTreeMap::new())
    }

    /// Carries out a plan in memory.
    fn apply(cluster: &Cluster, tree: &mut Memory, now: OffsetDateTime) {
        let plan = Plan::new(cluster, tree, now).unwrap();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap();
        tree.1.extend(outcome.entries());
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
    fn another_kind_of_key_is_the_only_reason() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let plan = Plan::new(&cluster("key: ed25519\n"), &tree, NOW).unwrap();
        let changed: Vec<_> =
            plan.certificates().iter().filter(|planned| *planned.change() != Change::Kept).collect();
        assert_eq!(changed.len(), 3);
        for planned in changed {
            let reasons = planned.change().reasons();
            assert!(matches!(reasons, [Reason::KeyKind { .. }]), "{reasons:?}");
        }
    }

    #[test]
    fn a_ca_that_is_gone_is_not_made_anew() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        tree.1.retain(|path, _| !path.starts_with("ca/"));
        let error = Plan::new(&cluster(""), &tree, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaMissing), "{error}");
        assert!(error.to_string().starts_with("/out/ca/ca.pem: "), "{error}");
        // Without the record nothing is known of a CA.
        tree.1.remove(LOCK);
        assert!(Plan::new(&cluster(""), &tree, NOW).is_ok());
    }

    #[test]
    fn another_address_changes_certificates_and_keeps_keys() {
        let mut tree = empty();
        apply(&cluster(""), &mut tree, NOW);
        let key = |tree: &Memory| tree.1["nodes/a/etc/etcd/pki/server-key.pem"].bytes.clone();
        let before = key(&tree);
        let text = "name: prod\nlayout: single-ca\nmembers:\n  - {name: a, address: [10.0.0.1, 10.0.0.9]}\n";
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
        let other = "name: other\nlayout: single-ca\nmembers: [{name: a, address: 10.0.0.1}]\n";
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
            fn fill(&self, _: &mut [u8]) -> Result<(), X509Error> {
                Err(X509ErrorKind::Randomness.into())
            }
        }
        let plan = Plan::new(&cluster(""), &empty(), NOW).unwrap();
        assert!(plan.issue(&SystemKeys, &Failing, NOW, &|_| {}).is_err());
        // Every prefix of the writes is a state that a run may be stopped in.
        let plan = Plan::new(&cluster(""), &empty(), NOW).unwrap();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
        let mut tree = empty();
        for (path, entry) in outcome.entries() {
            tree.1.insert(path, entry);
            let mut stopped = tree.clone();
            apply(&cluster(""), &mut stopped, NOW);
            assert!(Plan::new(&cluster(""), &stopped, NOW).unwrap().is_done());
            for (path, entry) in tree.1.iter().filter(|(path, _)| path.ends_with("-key.pem")) {
                assert_eq!(stopped.1[path].bytes, entry.bytes, "{path}");
            }
        }
    }

    /// A CA of which only the certificate is in the tree, and a cluster that asks it.
    fn offline() -> (Issuer, Cluster, Memory) {
        let request = Request { common_name: "The CA".to_owned(), ..Request::default() };
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let ca = ca::create(&request, &key, NOW, &SystemRandomness).unwrap().value.certificate;
        let mut tree = empty();
        let bytes = Zeroizing::new(ca.to_pem().into_bytes());
        tree.1.insert("ca.pem".to_owned(), Entry { kind: FileKind::File, mode: PUBLIC, ids: (0, 0), bytes });
        (Issuer::new(ca, key).unwrap(), cluster("certificates: {ca: {certificate: ca.pem}}\n"), tree)
    }

    /// Signs every request that is there.
    fn sign(issuer: &Issuer, tree: &mut Memory) {
        let requests: Vec<String> = tree.1.keys().filter(|path| path.ends_with(".csr")).cloned().collect();
        for path in requests {
            let request = CertificateRequest::read(&tree.1[&path].bytes).unwrap().verify().unwrap();
            let profile = Profile {
                extended_key_usage: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
                ..Profile::built_in()
            };
            let signing = SigningRequest {
                request: &request,
                profile: &profile,
                subject: None,
                names: None,
                crl_url: None,
            };
            let answer = issuer.sign(&signing, NOW, &SystemRandomness).unwrap().value;
            let bytes = Zeroizing::new(answer.to_pem().into_bytes());
            let entry = Entry { kind: FileKind::File, mode: PUBLIC, ids: (0, 0), bytes };
            tree.1.insert(path.replace(".csr", ".pem"), entry);
        }
    }

    #[test]
    fn an_offline_ca_may_be_asked_from_whatever_a_killed_run_left() {
        let (issuer, cluster, mut tree) = offline();
        // First nothing is there, then all is signed.
        for is_last in [false, true] {
            let plan = Plan::new(&cluster, &tree, NOW).unwrap();
            let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
            for (path, entry) in outcome.entries() {
                tree.1.insert(path, entry);
                let mut stopped = tree.clone();
                apply(&cluster, &mut stopped, NOW);
                let plan = Plan::new(&cluster, &stopped, NOW).unwrap();
                assert!(plan.is_waiting() != is_last && plan.is_done() == is_last, "{:?}", plan.report());
                sign(&issuer, &mut stopped);
                apply(&cluster, &mut stopped, NOW);
                assert!(Plan::new(&cluster, &stopped, NOW).unwrap().is_done());
            }
            sign(&issuer, &mut tree);
        }
    }
}
