//! When what was issued really ends: every certificate and revocation list of an output folder.

mod prometheus;

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use time::{Duration, OffsetDateTime};

use crate::etcd::cluster::path::{AUTHORITIES, RECORD};
use crate::etcd::cluster::renewal::{Span, days};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::{Issued, Record as Lock};
use crate::etcd::folder::snapshot::Snapshot;
use crate::x509::certificate::Certificate;
use crate::x509::crl::Crl;
use crate::x509::digest::sha256;
use crate::x509::error::ErrorKind as X509ErrorKind;

pub use crate::etcd::cluster::renewal::State;
pub use prometheus::prometheus;

/// What stands in an output folder, at one moment. Serialises to the JSON of `cluster status --json`.
///
/// Only public files are read, so a copy without the CA's key will do.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The cluster's name
    pub cluster: String,
    /// The moment that days are counted from
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The certificates in use: the CAs', the members', the clients'
    pub certificates: Vec<CertificateStatus>,
    /// The revocation lists
    pub revocation_lists: Vec<RevocationListStatus>,
    /// Certificates that were replaced, and are valid still for whoever has their keys
    pub former: Vec<FormerCertificate>,
    /// Public files that are not as they were recorded, beside the certificates in use
    pub problems: Vec<FileProblem>,
}

/// A certificate in use.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// Which one, as in `etcd1 server`; the name of its file, if it is that of a CA from elsewhere
    pub certificate: String,
    /// Its file
    pub path: String,
    /// As in the file; as recorded if it cannot be read
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
    /// When it should be renewed: after two thirds of its time
    #[serde(with = "time::serde::rfc3339")]
    pub renewal: OffsetDateTime,
    /// Whole days until it ends; below zero if it has ended
    pub days_left: i64,
    /// How it stands
    pub state: State,
    /// What is wrong with its file
    pub problem: Option<Problem>,
}

/// A revocation list.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RevocationListStatus {
    /// Its file
    pub path: String,
    /// The CA that it is of; none if it cannot be read
    pub issuer: Option<String>,
    /// When the next one is due; none if it does not say. etcd reads the list without looking at this (etcd,
    /// client/pkg/transport/listener_tls.go, `checkCRL`), others refuse everybody from then on
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_update: Option<OffsetDateTime>,
    /// Whole days until then
    pub days_left: Option<i64>,
    /// How many certificates it revokes
    pub revoked: usize,
    /// What is wrong with its file
    pub problem: Option<Problem>,
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

/// A file that is not as it was recorded.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FileProblem {
    /// Its path
    pub path: String,
    /// What is wrong
    pub problem: Problem,
}

/// What is wrong with a file. Serialises to its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is not what was written.
    #[error("the file is not the one that was recorded")]
    Changed,
    /// It is not there.
    #[error("the file is missing")]
    Missing,
    /// Its issuer is not in the folder, or did not issue it.
    #[error("no CA in the folder issued it")]
    NoIssuer,
    /// It cannot be read.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Status {
    /// The status of a folder that `apply` has made, or of a copy of it.
    ///
    /// What is wrong with single files is told in the status.
    ///
    /// # Errors
    /// [`ErrorKind::NotApplied`] without a record, or if it cannot be read.
    pub fn new(tree: &Snapshot, now: OffsetDateTime) -> Result<Self, Error> {
        let Some(lock) = Lock::open(tree)? else {
            return Err(ErrorKind::NotApplied { path: tree.root().join(RECORD) }.into());
        };
        let folder = PublicFiles::read(tree, &lock);
        let mut certificates = folder.other_authorities(&lock, now);
        certificates.extend(lock.certificates.iter().map(|issued| folder.certificate(issued, now)));
        let former = lock.former.iter().filter(|former| former.not_after >= now);
        Ok(Self {
            now,
            certificates,
            revocation_lists: folder.revocation_lists(tree, now),
            former: former.map(|former| FormerCertificate::new(former, now)).collect(),
            problems: folder.problems(&lock),
            cluster: lock.cluster,
        })
    }

    /// Whether everything in use is as recorded, and serves from now until `within` is over.
    pub fn is_sound(&self, within: Duration) -> bool {
        let certificates = self.certificates.iter().all(|certificate| {
            certificate.problem.is_none()
                && !matches!(certificate.state, State::NotYetValid | State::Ended)
                && !self.is_over(certificate.ends, within)
        });
        let lists = self.revocation_lists.iter().all(|list| {
            list.problem.is_none() && !list.next_update.is_some_and(|end| self.is_over(end, within))
        });
        certificates && lists && self.problems.is_empty()
    }

    /// Whether `end` comes before `within` is over.
    pub fn is_over(&self, end: OffsetDateTime, within: Duration) -> bool {
        end.saturating_sub(within) <= self.now
    }
}

/// The public files of a folder, as far as they are certificates, by path.
struct PublicFiles {
    files: Vec<PublicFile>,
}

struct PublicFile {
    path: String,
    is_recorded: bool,
    certificates: Result<Vec<Certificate>, Problem>,
}

impl PublicFiles {
    fn read(tree: &Snapshot, lock: &Lock) -> Self {
        let files = lock.files.iter().filter(|(path, _)| path.ends_with(".pem"));
        let read = |(path, hash): (&String, &String)| {
            let unreadable = |error: Error| Problem::Unreadable { reason: error.kind().to_string() };
            let mut is_recorded = false;
            let certificates = match tree.entry(path) {
                Ok(Some(entry)) => {
                    is_recorded = *hash == sha256(&entry.bytes);
                    Certificate::read_all(&entry.bytes).map_err(|error| unreadable(error.into()))
                }
                Ok(None) => Err(Problem::Missing),
                Err(error) => Err(unreadable(error)),
            };
            PublicFile { path: path.clone(), is_recorded, certificates }
        };
        Self { files: files.map(read).collect() }
    }

    fn at(&self, path: &str) -> Option<&PublicFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// A certificate that was issued for the cluster.
    fn certificate(&self, issued: &Issued, now: OffsetDateTime) -> CertificateStatus {
        let file = self.at(&issued.path);
        let found = match file.map(|file| &file.certificates) {
            Some(Ok(certificates)) => certificates.first().ok_or(Problem::Missing),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem::Missing),
        };
        match found {
            Ok(certificate) => {
                let mut status = self.status(&issued.certificate, &issued.path, certificate, now);
                if status.sha256 != issued.sha256 {
                    status.problem = Some(Problem::Changed);
                }
                status
            }
            Err(problem) => {
                CertificateStatus { problem: Some(problem), ..CertificateStatus::recorded(issued, now) }
            }
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
            problem: (!has_issuer).then_some(Problem::NoIssuer),
        }
        .at(first.map_or(certificate.not_after(), |first| first.not_after()), now)
    }

    /// The certificate and its issuers. Those beside it go before those in the folder of CAs: they are what its
    /// host has.
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
    fn other_authorities(&self, lock: &Lock, now: OffsetDateTime) -> Vec<CertificateStatus> {
        let mut seen: BTreeSet<String> = lock.certificates.iter().map(|own| own.sha256.clone()).collect();
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

    /// The lists beside the CAs and the members' certificates.
    fn revocation_lists(&self, tree: &Snapshot, now: OffsetDateTime) -> Vec<RevocationListStatus> {
        let mut folders: BTreeSet<&str> = self.files.iter().map(|file| folder_of(&file.path)).collect();
        folders.insert(AUTHORITIES);
        let mut lists = Vec::new();
        for folder in folders {
            // A folder that cannot be listed shows in its files.
            for name in tree.names(folder).iter().filter(|name| is_list(name)) {
                lists.push(self.revocation_list(tree, format!("{folder}/{name}"), now));
            }
        }
        lists
    }

    fn revocation_list(&self, tree: &Snapshot, path: String, now: OffsetDateTime) -> RevocationListStatus {
        let read = || -> Result<Crl, Error> {
            let entry = tree.entry(&path)?.ok_or(X509ErrorKind::NoCrl)?;
            Ok(Crl::read(&entry.bytes)?)
        };
        match read() {
            Ok(list) => {
                let mut known = self.files.iter().flat_map(|file| file.certificates.iter().flatten());
                let has_issuer = known.any(|ca| list.verify_issued_by(ca).is_ok());
                RevocationListStatus {
                    issuer: Some(list.issuer().to_string()),
                    next_update: list.next_update(),
                    days_left: list.next_update().map(|end| days(now, end)),
                    revoked: list.revocations().len(),
                    problem: (!has_issuer).then_some(Problem::NoIssuer),
                    path,
                }
            }
            Err(error) => RevocationListStatus {
                path,
                issuer: None,
                next_update: None,
                days_left: None,
                revoked: 0,
                problem: Some(Problem::Unreadable { reason: error.kind().to_string() }),
            },
        }
    }

    /// What is wrong with files that are no certificate in use, which are the copies of the CAs' certificates.
    fn problems(&self, lock: &Lock) -> Vec<FileProblem> {
        let is_in_use = |file: &&PublicFile| lock.certificates.iter().any(|own| own.path == file.path);
        let others = self.files.iter().filter(|file| !is_in_use(file));
        let problem = |file: &PublicFile| match &file.certificates {
            Err(problem) => Some(problem.clone()),
            Ok(_) => (!file.is_recorded).then_some(Problem::Changed),
        };
        others
            .filter_map(|file| Some(FileProblem { path: file.path.clone(), problem: problem(file)? }))
            .collect()
    }
}

impl CertificateStatus {
    /// Whether what it says is from its file, and not from the record.
    fn is_read(&self) -> bool {
        !matches!(self.problem, Some(Problem::Missing | Problem::Unreadable { .. }))
    }

    /// By the record alone.
    fn recorded(issued: &Issued, now: OffsetDateTime) -> Self {
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
            problem: None,
        }
        .at(issued.not_after, now)
    }

    /// Fills in what follows from its end and the moment.
    fn at(self, ends: OffsetDateTime, now: OffsetDateTime) -> Self {
        let span = Span { begins: self.not_before, ends };
        let (renewal, state) = (span.renewal(), span.state(now));
        Self { ends, renewal, days_left: span.days_left(now), state, ..self }
    }
}

impl FormerCertificate {
    fn new(issued: &Issued, now: OffsetDateTime) -> Self {
        Self {
            certificate: issued.certificate.clone(),
            subject: issued.subject.clone(),
            serial: issued.serial.clone(),
            not_after: issued.not_after,
            days_left: days(now, issued.not_after),
        }
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a file's name is that of a revocation list: `ca.crl`, `crl.pem`, `peer-crl.der`.
fn is_list(name: &str) -> bool {
    let stem = name.strip_suffix(".pem").or_else(|| name.strip_suffix(".der"));
    name.ends_with(".crl") || stem.is_some_and(|stem| stem.ends_with("crl"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use time::macros::datetime;
    use zeroize::Zeroizing;

    use super::*;
    use crate::etcd::cluster::Cluster;
    use crate::etcd::folder::snapshot::{Entry, FileKind};
    use crate::etcd::plan::Plan;
    use crate::etcd::plan::issue::Outcome;
    use crate::x509::crl::{CrlTemplate, Revocation, RevokedSerial};
    use crate::x509::issuer::Issuer;
    use crate::x509::key::PrivateKey;
    use crate::x509::{SystemKeys, SystemRandomness};

    type Memory = Snapshot;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
    const SERVER: &str = "nodes/a/etc/etcd/pki/server.pem";

    fn cluster(rest: &str) -> Cluster {
        let text = format!("name: prod\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n{rest}");
        Cluster::from_yaml(&text, None).unwrap().value
    }

    fn apply(rest: &str, tree: &mut Memory, now: OffsetDateTime) {
        let plan = Plan::new(&cluster(rest), tree, now).unwrap();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap();
        put_outcome(tree, outcome);
    }

    fn applied(rest: &str) -> Memory {
        let mut tree = Snapshot::new("/out");
        apply(rest, &mut tree, NOW);
        // A copy without the keys tells the same.
        {
            let all: Vec<String> = tree.paths().map(str::to_owned).collect();
            for path in all.iter().filter(|path| !(!path.ends_with("-key.pem"))) {
                tree.remove(path);
            }
        }
        tree
    }

    /// What an outcome makes, in its order.
    fn entries(outcome: Outcome) -> impl Iterator<Item = (String, Entry)> {
        let folders: Vec<_> = outcome.folders().to_vec();
        let files: Vec<_> = outcome.files().to_vec();
        let folders = folders.into_iter().map(|folder| (folder.path, Entry::folder(folder.mode)));
        folders.chain(files.into_iter().map(|file| (file.path, Entry::file(file.mode, file.bytes))))
    }

    fn put_outcome(tree: &mut Memory, outcome: Outcome) {
        for (path, entry) in entries(outcome) {
            tree.insert(path, entry);
        }
    }

    fn put(tree: &mut Memory, path: &str, text: &str) {
        let bytes = Zeroizing::new(text.as_bytes().to_vec());
        let entry = Entry { kind: FileKind::File, mode: 0o644, ids: (0, 0), bytes };
        tree.insert(path.to_owned(), entry);
    }

    fn problems(status: &Status) -> Vec<String> {
        let certificates = status.certificates.iter().map(|one| (&one.path, one.problem.as_ref()));
        let lists = status.revocation_lists.iter().map(|one| (&one.path, one.problem.as_ref()));
        let files = status.problems.iter().map(|one| (&one.path, Some(&one.problem)));
        let all = certificates.chain(lists).chain(files);
        all.filter_map(|(path, problem)| Some(format!("{path}: {}", problem?))).collect()
    }

    fn of<'a>(status: &'a Status, certificate: &str) -> &'a CertificateStatus {
        status.certificates.iter().find(|one| one.certificate == certificate).unwrap()
    }

    #[test]
    fn what_was_applied_is_sound_until_it_ends() {
        let tree = applied("validity: {ca: 10d, leaf: 3d}\n");
        let status = Status::new(&tree, NOW).unwrap();
        let names: Vec<_> = status.certificates.iter().map(|one| one.certificate.as_str()).collect();
        assert_eq!(names, ["client-ca", "peer-ca", "a server", "a peer", "a gateway", "client root"]);
        assert_eq!(problems(&status), [""; 0]);
        let server = of(&status, "a server");
        assert_eq!((server.days_left, server.state), (2, State::Valid), "{server:?}");
        assert!(status.is_sound(Duration::days(2)) && !status.is_sound(Duration::days(3)));
        let state = |days: f64| {
            let status = Status::new(&tree, NOW + Duration::DAY * days).unwrap();
            (
                of(&status, "a server").state,
                of(&status, "a server").days_left,
                status.is_sound(Duration::ZERO),
            )
        };
        assert_eq!(state(2.1), (State::RenewalDue, 0, true));
        assert_eq!(state(3.1), (State::Ended, -1, false));
        assert_eq!(state(-1.0), (State::NotYetValid, 3, false));
    }

    #[test]
    fn it_ends_with_its_ca() {
        let mut tree = applied("layout: single-ca\nvalidity: {ca: 10d, leaf: 10d}\n");
        // The member's copy of the CA's certificate is an older one, for the same key, that ends before it.
        let mut keys = Snapshot::new("/out");
        apply("layout: single-ca\nvalidity: {ca: 10d, leaf: 10d}\n", &mut keys, NOW);
        let key = PrivateKey::read(&keys.entry("ca/ca-key.pem").unwrap().unwrap().bytes, None).unwrap();
        let old = Certificate::read(&keys.entry("ca/ca.pem").unwrap().unwrap().bytes).unwrap();
        let older = crate::x509::root::renew(&old, &key, NOW - Duration::days(5), &SystemRandomness).unwrap();
        {
            let all: Vec<String> = keys.paths().map(str::to_owned).collect();
            for path in all.iter().filter(|path| !(!path.ends_with("-key.pem"))) {
                keys.remove(path);
            }
        }
        put(&mut keys, "nodes/a/etc/etcd/pki/ca.pem", &older.to_pem());
        let status = Status::new(&keys, NOW).unwrap();
        let server = of(&status, "a server");
        assert_eq!((server.days_left, server.ends), (4, older.not_after()), "{server:?}");
        assert_eq!(server.ends_with.as_deref(), Some("CN=prod etcd CA"));
        assert_eq!(of(&status, "client root").days_left, 9);
        assert_eq!(
            problems(&status),
            ["nodes/a/etc/etcd/pki/ca.pem: the file is not the one that was recorded"]
        );
        // Without any CA nobody can say when it ends.
        {
            let all: Vec<String> = tree.paths().map(str::to_owned).collect();
            for path in all.iter().filter(|path| !(!path.ends_with("/ca.pem"))) {
                tree.remove(path);
            }
        }
        let status = Status::new(&tree, NOW).unwrap();
        assert_eq!(of(&status, "a server").problem, Some(Problem::NoIssuer));
        assert_eq!(of(&status, "ca").problem, Some(Problem::Missing));
    }

    #[test]
    fn damage_is_told_file_by_file() {
        let mut tree = applied("");
        let other = String::from_utf8(tree.entry("clients/root/client.pem").unwrap().unwrap().bytes.to_vec())
            .unwrap();
        put(&mut tree, SERVER, &other);
        put(&mut tree, "nodes/a/etc/etcd/pki/peer.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
        tree.remove("nodes/a/etc/etcd/pki/peer-ca.pem");
        tree.remove("clients/root/client.pem");
        let status = Status::new(&tree, NOW).unwrap();
        assert!(!status.is_sound(Duration::ZERO));
        let problems = problems(&status);
        assert_eq!(problems[0], format!("{SERVER}: the file is not the one that was recorded"));
        assert!(problems[1].starts_with("nodes/a/etc/etcd/pki/peer.pem: the file cannot be read: "));
        assert_eq!(
            problems[2..],
            [
                "clients/root/client.pem: the file is missing",
                "nodes/a/etc/etcd/pki/peer-ca.pem: the file is missing"
            ]
        );
        tree.remove("cluster.lock.json");
        let error = Status::new(&tree, NOW).unwrap_err();
        assert_eq!(error.to_string(), "there is no /out/cluster.lock.json");
    }

    #[test]
    fn what_was_replaced_is_told_until_it_ends() {
        let mut tree = Snapshot::new("/out");
        apply("validity: {leaf: 3d}\n", &mut tree, NOW);
        apply("validity: {leaf: 6d}\n", &mut tree, NOW);
        let former = |days| Status::new(&tree, NOW + Duration::days(days)).unwrap().former;
        assert_eq!(former(0).iter().map(|one| one.days_left).collect::<Vec<_>>(), [2; 4]);
        assert!(former(4).is_empty());
    }

    #[test]
    fn revocation_lists_are_found() {
        let mut tree = Snapshot::new("/out");
        apply("", &mut tree, NOW);
        let read = |path: &str| tree.entry(path).unwrap().unwrap().bytes.clone();
        let ca = Certificate::read(&read("ca/client-ca.pem")).unwrap();
        let key = PrivateKey::read(&read("ca/client-ca-key.pem"), None).unwrap();
        let client = Certificate::read(&read("clients/root/client.pem")).unwrap();
        let serial = RevokedSerial::parse(&client.serial_decimal()).unwrap();
        let template = CrlTemplate {
            revocations: &[Revocation { serial, date: NOW, reason: None }],
            this_update: NOW,
            next_update: NOW + Duration::days(7),
            number: 1,
        };
        let list = Issuer::new(ca, key).unwrap().sign_crl(&template).unwrap();
        put(&mut tree, "nodes/a/etc/etcd/pki/client-crl.pem", &list.to_pem());
        put(&mut tree, "ca/broken.crl", "nothing");
        put(&mut tree, "ca/notes.pem", "nothing");
        let status = Status::new(&tree, NOW).unwrap();
        let [broken, list] = status.revocation_lists.as_slice() else { panic!("{status:?}") };
        assert_eq!((list.days_left, list.revoked, &list.problem), (Some(7), 1, &None));
        assert_eq!(broken.path, "ca/broken.crl");
        assert!(matches!(broken.problem, Some(Problem::Unreadable { .. })));
        tree.remove("ca/broken.crl");
        let status = Status::new(&tree, NOW).unwrap();
        assert!(status.is_sound(Duration::ZERO) && !status.is_sound(Duration::days(7)));
    }

    /// Text format 0.0.4: samples of a metric in one group below its HELP and TYPE, none twice.
    #[test]
    fn metrics_are_what_prometheus_reads() {
        let mut tree = applied("");
        tree.remove(SERVER);
        let statuses = [Status::new(&tree, NOW).unwrap()];
        let text = prometheus(&statuses);
        let (mut seen, mut metric) = (HashSet::new(), "");
        for line in text.lines() {
            assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "twice: {line}");
            if let Some(help) = line.strip_prefix("# HELP ") {
                metric = help.split(' ').next().unwrap();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert_eq!(kind, format!("{metric} gauge"));
            } else {
                let (name, value) = line.rsplit_once("} ").unwrap();
                assert!(name.starts_with(&format!("{metric}{{cluster=\"prod\",")), "{line}");
                assert!(value.parse::<i64>().is_ok(), "{line}");
            }
        }
        assert!(text.ends_with('\n'));
        let peer = of(&statuses[0], "a peer");
        let sample = format!(
            "\netcdpki_certificate_expiry_timestamp_seconds{{cluster=\"prod\",certificate=\"a peer\",serial=\"{}\"}} {}\n",
            peer.serial,
            peer.ends.unix_timestamp()
        );
        assert!(text.contains(&sample), "{text}");
        assert!(!text.contains("certificate=\"a server\""), "nothing is known of a file that is missing");
        assert!(text.contains(&format!("etcdpki_file_problem{{cluster=\"prod\",path=\"{SERVER}\"}} 1\n")));
        let later = [Status::new(&tree, NOW + Duration::DAY).unwrap()];
        assert_eq!(text, prometheus(&later), "metrics do not depend on when they were written");
    }
}
