//! Plans: what has to change in an output folder so that it agrees with a description. Planning changes nothing.

pub(crate) mod apply;
pub(crate) mod authority;
pub(crate) mod change;
pub(crate) mod decisions;
pub(crate) mod difference;
pub(crate) mod files;
pub(crate) mod issue;
pub(crate) mod judge;
pub(crate) mod key_numbers;
pub(crate) mod notices;
pub(crate) mod offline;
pub(crate) mod renewal;
pub(crate) mod renewed;
pub(crate) mod report;
pub(crate) mod restored;
pub(crate) mod steps;

use std::collections::BTreeSet;

use time::OffsetDateTime;

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::JoiningMember;
use crate::etcd::error::Error;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::notice::Notice;
use crate::etcd::plan::change::{Change, PlannedCertificate, PlannedFile};
use crate::etcd::plan::decisions::Decisions;
use crate::etcd::plan::files::Files;
use crate::etcd::plan::renewal::Renewal;

/// What has to change in an output folder, and why.
#[derive(Debug)]
pub struct Plan {
    pub(crate) decisions: Decisions,
    pub(crate) files: Vec<PlannedFile>,
}

impl Plan {
    /// Compares a cluster with the contents of its output folder.
    ///
    /// # Errors
    /// If a CA cannot be used: it belongs to another cluster, it is not valid at `now`, it is missing although the
    /// record has it, or its key is missing although a certificate must be issued. If the record cannot be read, or is
    /// of another layout. If a symbolic link, or something else that is not a file, has the path of a file.
    pub fn new(cluster: &Cluster, snapshot: &Snapshot, now: OffsetDateTime) -> Result<Self, Error> {
        Self::renewing(cluster, snapshot, now, &Renewal::Due)
    }

    /// As [`Self::new`], with another rule for the certificates that are renewed.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn renewing(
        cluster: &Cluster,
        snapshot: &Snapshot,
        now: OffsetDateTime,
        renewal: &Renewal,
    ) -> Result<Self, Error> {
        let decisions = Decisions::new(cluster, snapshot, now, renewal, &BTreeSet::new())?;
        let files = Files::plan(&decisions, snapshot)?;
        Ok(Self { decisions, files })
    }

    /// As [`Self::new`], where certificates of members with these identities, such as `etcd1 server`, get new keys, with
    /// new names of files, and no other certificate is renewed. The files of before stay as they are.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_new_keys(
        cluster: &Cluster,
        snapshot: &Snapshot,
        now: OffsetDateTime,
        certificates: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let decisions = Decisions::new(cluster, snapshot, now, &Renewal::Named(Vec::new()), certificates)?;
        let files = Files::plan(&decisions, snapshot)?;
        Ok(Self { decisions, files })
    }

    /// Whether there is nothing to change, and no certificate to wait for.
    pub fn is_done(&self) -> bool {
        self.files.iter().all(|file| file.change == Change::Kept) && !self.is_waiting()
    }

    /// Whether an offline CA has to sign certificates.
    pub fn is_waiting(&self) -> bool {
        self.certificates().iter().any(PlannedCertificate::is_requested)
    }

    /// The certificates of the cluster. Those of the CAs come first.
    pub fn certificates(&self) -> &[PlannedCertificate] {
        &self.decisions.certificates
    }

    /// The files and folders, in the order in which they have to be made.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// The notices for the operator.
    pub fn notices(&self) -> &[Notice] {
        &self.decisions.notices
    }

    /// The members that join a running cluster, in the order in which they must be added.
    pub fn joining(&self) -> Vec<JoiningMember> {
        self.decisions.joining()
    }

    /// The number of keys that have to be generated.
    pub fn keys_to_make(&self) -> usize {
        self.certificates().iter().filter(|certificate| certificate.needs_key()).count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::cfssl::{Profile, Request, SigningRequest, ca};
    use crate::etcd::cluster::path::RECORD;
    use crate::etcd::error::ErrorKind;
    use crate::etcd::folder::snapshot::Entry;
    use crate::etcd::plan::change::Reason;
    use crate::etcd::plan::issue::Outcome;
    use crate::x509::KeyAlgorithm;
    use crate::x509::error::Error as X509Error;
    use crate::x509::error::ErrorKind as X509ErrorKind;
    use crate::x509::{CertificateRequest, Issuer, KeySource, Random, SystemKeys, SystemRandomness, oid};

    pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    pub(crate) fn cluster(rest: &str) -> Cluster {
        let text =
            format!("name: prod\nlayout: single-ca\nmembers:\n  - {{name: a, address: 10.0.0.1}}\n{rest}");
        Cluster::from_yaml(&text, None).unwrap().value
    }

    pub(crate) fn empty() -> Snapshot {
        Snapshot::new("/out")
    }

    /// The folders and files of an outcome, in its order.
    fn entries(outcome: Outcome) -> impl Iterator<Item = (String, Entry)> {
        let folders: Vec<_> = outcome.folders().to_vec();
        let files: Vec<_> = outcome.files().to_vec();
        let folders = folders.into_iter().map(|folder| (folder.path, Entry::folder(folder.mode)));
        folders.chain(files.into_iter().map(|file| (file.path, Entry::file(file.mode, file.bytes))))
    }

    pub(crate) fn put_outcome(snapshot: &mut Snapshot, outcome: Outcome) {
        for (path, entry) in entries(outcome) {
            snapshot.insert(path, entry);
        }
    }

    pub(crate) fn remove_all(snapshot: &mut Snapshot, is_gone: impl Fn(&str) -> bool) {
        let all: Vec<String> = snapshot.paths().filter(|path| is_gone(path)).map(str::to_owned).collect();
        for path in all {
            snapshot.remove(&path);
        }
    }

    /// Carries out a plan in memory.
    pub(crate) fn apply(cluster: &Cluster, snapshot: &mut Snapshot, now: OffsetDateTime) {
        let plan = Plan::new(cluster, snapshot, now).unwrap();
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap();
        put_outcome(snapshot, outcome);
    }

    pub(crate) fn changes(plan: &Plan) -> Vec<String> {
        let changed = plan.certificates().iter().filter(|planned| *planned.change() != Change::Kept);
        changed.map(|planned| format!("{}: {:?}", planned.id(), planned.change().reasons())).collect()
    }

    #[test]
    fn what_was_applied_is_done() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
        assert!(plan.is_done(), "{:?}", plan.report());
    }

    #[test]
    fn another_kind_of_key_is_the_only_reason() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let plan = Plan::new(&cluster("key: ed25519\n"), &snapshot, NOW).unwrap();
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
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        remove_all(&mut snapshot, |path| path.starts_with("ca/"));
        let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaMissing), "{error}");
        assert!(error.to_string().starts_with("/out/ca/ca.pem: "), "{error}");
        // Without the record, the CA is taken for a new one.
        snapshot.remove(RECORD);
        assert!(Plan::new(&cluster(""), &snapshot, NOW).is_ok());
    }

    #[test]
    fn a_record_of_a_newer_version_is_not_to_be_deleted() {
        let mut snapshot = empty();
        let record = br#"{"version": 4, "unknown": []}"#;
        snapshot.insert(RECORD, Entry::file(0o644, record.to_vec()));
        let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NewerRecord { found: 4, known: 3 }), "{error}");
        assert_eq!(
            error.hint().as_deref(),
            Some("use the newer version of the program: the record is whole, and the cluster needs it")
        );
        for unreadable in ["{", "{}", r#"{"version": 0}"#, r#"{"version": 1, "unknown": []}"#] {
            snapshot.insert(RECORD, Entry::file(0o644, unreadable.as_bytes().to_vec()));
            let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Record { .. }), "{error}");
        }
    }

    #[test]
    fn another_address_changes_certificates_and_keeps_keys() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let key = |snapshot: &Snapshot| {
            snapshot.entry("nodes/a/etc/etcd/pki/server-key.pem").unwrap().unwrap().bytes.clone()
        };
        let before = key(&snapshot);
        let text = "name: prod\nlayout: single-ca\nmembers:\n  - {name: a, address: [10.0.0.1, 10.0.0.9]}\n";
        let moved = Cluster::from_yaml(text, None).unwrap().value;
        let plan = Plan::new(&moved, &snapshot, NOW).unwrap();
        assert_eq!(changes(&plan).len(), 2, "{:?}", changes(&plan));
        assert_eq!(plan.keys_to_make(), 0);
        apply(&moved, &mut snapshot, NOW);
        assert_eq!(key(&snapshot), before);
        assert!(Plan::new(&moved, &snapshot, NOW).unwrap().is_done());
    }

    #[test]
    fn another_kind_of_key_is_made_for_all_but_the_ca() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let plan = Plan::new(&cluster("key: ed25519\n"), &snapshot, NOW).unwrap();
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
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let later = NOW + Duration::days(400);
        assert_eq!(changes(&Plan::new(&cluster(""), &snapshot, later).unwrap()).len(), 3);
        apply(&cluster(""), &mut snapshot, later);
        let record = String::from_utf8(snapshot.entry(RECORD).unwrap().unwrap().bytes.to_vec()).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["former"].as_array().unwrap().len(), 3);
        assert!(Plan::new(&cluster(""), &snapshot, later).unwrap().is_done());
    }

    #[test]
    fn no_certificate_outlives_its_ca() {
        let mut snapshot = empty();
        apply(&cluster("validity: {ca: 30d, leaf: 90d}\n"), &mut snapshot, NOW);
        let plan = Plan::new(&cluster("validity: {ca: 30d, leaf: 90d}\n"), &snapshot, NOW).unwrap();
        assert!(plan.is_done());
        let ends: Vec<_> = plan.certificates().iter().map(|p| p.certificate().unwrap().not_after()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]));
    }

    #[test]
    fn without_the_ca_key_nothing_can_be_issued_but_all_can_be_kept() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        snapshot.remove("ca/ca-key.pem");
        assert!(Plan::new(&cluster(""), &snapshot, NOW).unwrap().is_done());
        snapshot.remove("nodes/a/etc/etcd/pki/peer.pem");
        let error = Plan::new(&cluster(""), &snapshot, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaKeyMissing { .. }), "{error}");
    }

    #[test]
    fn the_ca_of_another_cluster_is_not_touched() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let other = "name: other\nlayout: single-ca\nmembers: [{name: a, address: 10.0.0.1}]\n";
        let other = Cluster::from_yaml(other, None).unwrap().value;
        let error = Plan::new(&other, &snapshot, NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::OtherCa { .. }), "{error}");
    }

    #[test]
    fn a_key_that_others_may_read_is_noticed() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let key = snapshot.entry("clients/root/client-key.pem").unwrap().unwrap().clone();
        snapshot.insert("clients/root/client-key.pem", Entry { mode: 0o644, ..key });
        let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
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
        let mut snapshot = empty();
        for (path, entry) in entries(outcome) {
            snapshot.insert(path, entry);
            let mut stopped = snapshot.clone();
            apply(&cluster(""), &mut stopped, NOW);
            assert!(Plan::new(&cluster(""), &stopped, NOW).unwrap().is_done());
            for path in snapshot.paths().filter(|path| path.ends_with("-key.pem")) {
                let bytes = |snapshot: &Snapshot| snapshot.entry(path).unwrap().unwrap().bytes.clone();
                assert_eq!(bytes(&stopped), bytes(&snapshot), "{path}");
            }
        }
    }

    /// A CA whose certificate is in the snapshot and whose key is not, and a cluster that uses this CA.
    pub(crate) fn offline() -> (Issuer, Cluster, Snapshot) {
        let request = Request { common_name: "The CA".to_owned(), ..Request::default() };
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let ca = ca::create(&request, &key, NOW, &SystemRandomness).unwrap().value.certificate;
        let mut snapshot = empty();
        snapshot.insert_outside("ca.pem", ca.to_pem().into_bytes());
        (Issuer::new(ca, key).unwrap(), cluster("certificates: {ca: {certificate: ca.pem}}\n"), snapshot)
    }

    /// Signs every request in the snapshot.
    pub(crate) fn sign(issuer: &Issuer, snapshot: &mut Snapshot) {
        let requests: Vec<String> =
            snapshot.paths().filter(|path| path.ends_with(".csr")).map(str::to_owned).collect();
        for path in requests {
            let request = CertificateRequest::read(&snapshot.entry(&path).unwrap().unwrap().bytes)
                .unwrap()
                .verify()
                .unwrap();
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
            snapshot.insert(path.replace(".csr", ".pem"), Entry::file(0o644, answer.to_pem().into_bytes()));
        }
    }

    #[test]
    fn an_offline_ca_may_be_asked_from_whatever_a_killed_run_left() {
        let (issuer, cluster, mut snapshot) = offline();
        // At first nothing is there; in the second round everything is signed.
        for is_last in [false, true] {
            let plan = Plan::new(&cluster, &snapshot, NOW).unwrap();
            let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
            for (path, entry) in entries(outcome) {
                snapshot.insert(path, entry);
                let mut stopped = snapshot.clone();
                apply(&cluster, &mut stopped, NOW);
                let plan = Plan::new(&cluster, &stopped, NOW).unwrap();
                assert!(plan.is_waiting() != is_last && plan.is_done() == is_last, "{:?}", plan.report());
                sign(&issuer, &mut stopped);
                apply(&cluster, &mut stopped, NOW);
                assert!(Plan::new(&cluster, &stopped, NOW).unwrap().is_done());
            }
            sign(&issuer, &mut snapshot);
        }
    }
}
