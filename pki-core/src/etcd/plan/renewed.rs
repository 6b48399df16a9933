//! What a plan that renews changes.

use std::collections::BTreeSet;

use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::cluster::path::{NODES, RECORD};
use crate::etcd::error::Error;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::plan::Plan;
use crate::etcd::plan::change::{Change, Content, PlannedCertificate, PlannedFile, Reason};
use crate::etcd::plan::renewal::is_named;
use crate::x509::digest::sha256;

impl Plan {
    /// The names that stand for no certificate of a member or client.
    pub fn unknown_names<'a>(&self, names: &'a [String]) -> Vec<&'a str> {
        let is_unknown = |name: &&String| {
            let mut leaves = self.certificates().iter().filter(|planned| !planned.id().role().is_authority());
            !leaves.any(|planned| is_named(planned.id(), name))
        };
        names.iter().filter(is_unknown).map(String::as_str).collect()
    }

    /// The certificates that are renewed.
    pub fn renewed(&self) -> impl Iterator<Item = &PlannedCertificate> {
        self.certificates().iter().filter(|planned| {
            let reasons = planned.change().reasons();
            !reasons.is_empty() && reasons.iter().all(Reason::is_of_renewal)
        })
    }

    /// The paths of the files of the CAs that a member trusts, in the output folder.
    pub fn trusted_paths(&self, member: &str) -> Vec<String> {
        let cluster = &self.decisions.cluster;
        let Some(member) = cluster.members().iter().find(|known| known.name().as_str() == member) else {
            return Vec::new();
        };
        let folder = path::on_node(member.name(), &cluster.hosts.pki);
        let authorities = cluster.layout().authorities().iter();
        authorities.map(|role| path::certificate(&folder, &cluster.file(*role))).collect()
    }

    /// The paths of all keys and certificates of a member, and of the CAs that it trusts.
    pub fn pki_paths(&self, member: &str) -> Vec<String> {
        let of_member = self.certificates().iter().filter(|planned| planned.member() == Some(member));
        let pairs = of_member.flat_map(|planned| {
            let pair = &planned.spec.pair;
            [pair.key.clone(), pair.certificate.clone()]
        });
        self.trusted_paths(member).into_iter().chain(pairs).collect()
    }

    /// The paths of all files of a member's host, in two parts: keys and certificates, and what names them.
    pub(crate) fn host_paths(&self, member: &str) -> (Vec<String>, Vec<String>) {
        let prefix = format!("{NODES}/{member}/");
        let is_file = |file: &&PlannedFile| {
            !matches!(file.content, Content::Folder) && file.path().starts_with(&prefix)
        };
        let paths = self.files().iter().filter(is_file).map(|file| file.path().to_owned());
        paths.partition(|path| path.ends_with(".pem"))
    }

    /// Of what another plan would change besides renewing, that which this plan would change too: the rest is as this
    /// plan wants it, because a run that was stopped has written it.
    pub(crate) fn not_yet(&self, other: Vec<String>) -> Vec<String> {
        let is_kept = |path: &String| {
            let mut files = self.files().iter();
            files.any(|file| file.path() == *path && *file.change() == Change::Kept)
        };
        other.into_iter().filter(|path| !is_kept(path)).collect()
    }

    /// The members of which the registry does not know that they have the certificate of a CA which was renewed.
    ///
    /// # Errors
    /// If a file of a CA cannot be read.
    pub fn without_renewed_authority(&self, snapshot: &Snapshot) -> Result<Vec<String>, Error> {
        let (cluster, record) = (&self.decisions.cluster, &self.decisions.record);
        let was_renewed = |role: &&Role| record.former.iter().any(|former| former.certificate == role.name());
        let renewed: Vec<&Role> = cluster.layout().authorities().iter().filter(was_renewed).collect();
        let mut members = Vec::new();
        for member in cluster.members() {
            let folder = path::on_node(member.name(), &cluster.hosts.pki);
            for role in &renewed {
                let path = path::certificate(&folder, &cluster.file(**role));
                let Some(entry) = snapshot.entry(&path)? else { continue };
                let name = member.name().to_string();
                let digest = sha256(&entry.bytes);
                if !self.decisions.registry.has_placed(&name, &path, &digest) && !members.contains(&name) {
                    members.push(name);
                }
            }
        }
        Ok(members)
    }

    /// What the plan changes besides renewing certificates: identities of certificates and paths of files. If there is
    /// something, the description was changed after it was applied, or files were.
    pub fn other_changes(&self) -> Vec<String> {
        self.changes_besides(|_| false)
    }

    /// As [`Self::other_changes`], without what a renewal of CAs that was stopped has left: files of CAs that are not the
    /// ones of the CAs, and the record.
    pub fn other_changes_besides_authorities(&self) -> Vec<String> {
        let cluster = &self.decisions.cluster;
        let authorities = cluster.layout().authorities().iter();
        let names: Vec<String> = authorities.map(|role| format!("/{}.pem", cluster.file(*role))).collect();
        self.changes_besides(|file| {
            let is_copy = names.iter().any(|name| file.path().ends_with(name));
            is_copy || file.path() == RECORD && *file.change() != Change::New
        })
    }

    fn changes_besides(&self, is_left: impl Fn(&PlannedFile) -> bool) -> Vec<String> {
        let renewed: BTreeSet<String> = self.renewed().map(|planned| planned.id().to_string()).collect();
        let certificates = self.certificates().iter().filter(|planned| {
            *planned.change() != Change::Kept && !renewed.contains(&planned.id().to_string())
        });
        let files = self.files().iter().filter(|file| {
            let follows = match file.content {
                Content::Certificate(_) | Content::Key(_) | Content::Request(_) => true,
                Content::Record => *file.change() != Change::New,
                Content::Registry { .. } => true,
                Content::Folder | Content::Bytes(_) => false,
            };
            *file.change() != Change::Kept && !follows && !is_left(file)
        });
        let certificates = certificates.map(|planned| planned.id().to_string());
        certificates.chain(files.map(|file| file.path().to_owned())).collect()
    }
}

impl PlannedCertificate {
    /// The member that has the certificate on its host.
    pub fn member(&self) -> Option<&str> {
        let is_of_member = self.id().role() != Role::Client && !self.id().role().is_authority();
        self.id().owner().filter(|_| is_of_member).map(|owner| owner.as_str())
    }

    /// The path of the key in the output folder.
    pub(crate) fn key_path(&self) -> &str {
        &self.spec.pair.key
    }

    /// The path of the certificate in the output folder.
    pub fn path(&self) -> &str {
        &self.spec.pair.certificate
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::etcd::cluster::Cluster;
    use crate::etcd::error::ErrorKind;
    use crate::etcd::folder::snapshot::Entry;
    use crate::etcd::plan::renewal::Renewal;
    use crate::etcd::plan::tests::{NOW, apply, cluster, empty, offline, put_outcome, sign};
    use crate::x509::{Certificate, SystemKeys, SystemRandomness};

    fn plan(cluster: &Cluster, snapshot: &Snapshot, days: i64, renewal: &Renewal) -> Plan {
        Plan::renewing(cluster, snapshot, NOW + Duration::days(days), renewal).unwrap()
    }

    fn ids(plan: &Plan) -> Vec<String> {
        plan.renewed().map(|planned| planned.id().to_string()).collect()
    }

    const ALL: [&str; 3] = ["a server", "a peer", "client root"];

    #[test]
    fn who_is_due_is_renewed_and_keeps_its_key() {
        for (description, day) in [
            ("", 244),
            ("renew-before: 30d\n", 335),
            ("renew-before: 1/4\n", 274),
            ("renew-before: 4/5\n", 73),
        ] {
            let cluster = cluster(description);
            let mut snapshot = empty();
            apply(&cluster, &mut snapshot, NOW);
            assert_eq!(ids(&plan(&cluster, &snapshot, day - 2, &Renewal::Due)), [""; 0], "{description}");
            let due = plan(&cluster, &snapshot, day, &Renewal::Due);
            assert_eq!(ids(&due), ALL, "{description}");
            assert_eq!((due.keys_to_make(), due.other_changes()), (0, vec![]), "{description}");
            let now = NOW + Duration::days(day);
            put_outcome(&mut snapshot, due.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap());
            assert!(plan(&cluster, &snapshot, day, &Renewal::Due).is_done(), "{description}");
        }
    }

    #[test]
    fn nothing_is_renewed_that_would_not_end_later() {
        let cluster = cluster("validity: {ca: 30d, leaf: 90d}\n");
        let mut snapshot = empty();
        apply(&cluster, &mut snapshot, NOW);
        assert!(plan(&cluster, &snapshot, 29, &Renewal::Due).is_done());
    }

    #[test]
    fn who_is_named_is_renewed_and_nobody_else() {
        let cluster = cluster("");
        let mut snapshot = empty();
        apply(&cluster, &mut snapshot, NOW);
        let named = |names: &[&str], days| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            ids(&plan(&cluster, &snapshot, days, &Renewal::Named(names)))
        };
        assert_eq!(named(&["a"], 1), ["a server", "a peer"]);
        assert_eq!(named(&["a peer"], 1), ["a peer"]);
        assert_eq!(named(&["root"], 300), ["client root"]);
        assert_eq!(ids(&plan(&cluster, &snapshot, 1, &Renewal::All)), ALL);
        let names = ["ca", "b", "root"].map(str::to_owned);
        assert_eq!(plan(&cluster, &snapshot, 1, &Renewal::All).unknown_names(&names), ["ca", "b"]);
    }

    #[test]
    fn what_is_no_renewal_is_told() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let other = plan(&cluster("key: ed25519\n"), &snapshot, 1, &Renewal::All).other_changes();
        assert_eq!(other, ALL);
        let other = plan(&cluster("client-port: 99\n"), &snapshot, 1, &Renewal::All).other_changes();
        assert!(other.contains(&"deploy.sh".to_owned()), "{other:?}");
    }

    #[test]
    fn an_offline_ca_is_asked_and_its_answer_taken_once() {
        let (issuer, cluster, mut snapshot) = offline();
        apply(&cluster, &mut snapshot, NOW);
        sign(&issuer, &mut snapshot);
        apply(&cluster, &mut snapshot, NOW);
        for path in snapshot.paths().map(str::to_owned).collect::<Vec<_>>() {
            // The answers that were used are still there, or were deleted: both are possible.
            if path.ends_with(".csr") {
                snapshot.remove(&path);
            }
        }
        let asked = plan(&cluster, &snapshot, 1, &Renewal::All);
        assert!(asked.is_waiting(), "{:?}", asked.report());
        assert_eq!(ids(&asked), ALL);
        let now = NOW + Duration::days(1);
        put_outcome(&mut snapshot, asked.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap());
        sign(&issuer, &mut snapshot);
        let answered = plan(&cluster, &snapshot, 1, &Renewal::All);
        assert!(!answered.is_waiting(), "{:?}", answered.report());
        assert_eq!(ids(&answered), ALL);
    }

    const CA: &str = "ca/ca.pem";
    const COPY: &str = "nodes/a/etc/etcd/pki/ca.pem";

    fn certificate(snapshot: &Snapshot, path: &str) -> Certificate {
        Certificate::read(&snapshot.entry(path).unwrap().unwrap().bytes).unwrap()
    }

    fn carry_out(plan: Plan, snapshot: &mut Snapshot, days: i64) {
        let now = NOW + Duration::days(days);
        put_outcome(snapshot, plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {}).unwrap());
    }

    #[test]
    fn a_renewed_ca_keeps_all_but_its_dates() {
        for description in ["", "layout: least-privilege\n"] {
            // It was made to last for a year, and is to last for ten.
            let text = |more: &str| {
                let layout = if description.is_empty() { "layout: single-ca\n" } else { description };
                let text = format!("name: prod\n{layout}members: [{{name: a, address: 10.0.0.1}}]\n{more}");
                Cluster::from_yaml(&text, None).unwrap().value
            };
            let mut snapshot = empty();
            apply(&text("validity: {ca: 365d, leaf: 400d}\n"), &mut snapshot, NOW);
            let cluster = text("validity: {leaf: 400d}\n");
            let names: &[&str] = if description.is_empty() { &["ca"] } else { &["peer-ca"] };
            let file = |name: &str| format!("ca/{name}.pem");
            let before = snapshot.clone();
            let all = plan(&cluster, &snapshot, 10, &Renewal::Authorities(Vec::new()));
            assert_eq!(ids(&all).len(), cluster.layout().authorities().len());
            let wanted = names.iter().map(|name| (*name).to_owned()).collect();
            let renewal = Renewal::Authorities(wanted);
            let one = plan(&cluster, &snapshot, 10, &renewal);
            assert_eq!(
                (ids(&one), one.other_changes(), one.keys_to_make()),
                (names.iter().map(ToString::to_string).collect(), vec![], 0)
            );
            carry_out(one, &mut snapshot, 10);
            for name in names {
                let (old, new) = (certificate(&before, &file(name)), certificate(&snapshot, &file(name)));
                assert_eq!((old.subject().der(), old.has_key_of(&new)), (new.subject().der(), true));
                assert_eq!(new.extensions(), old.extensions());
                assert_eq!(new.not_after() - new.not_before(), Duration::days(3650));
                assert_eq!(certificate(&snapshot, &format!("nodes/a/etc/etcd/pki/{name}.pem")), new);
            }
            // No leaf and no other CA is another one, and all are below what is there now.
            for path in before.paths().filter(|path| path.ends_with(".pem")) {
                let is_of_ca = names.iter().any(|name| path.ends_with(&format!("/{name}.pem")));
                let bytes = |snapshot: &Snapshot| snapshot.entry(path).unwrap().unwrap().bytes.clone();
                assert_eq!(bytes(&before) != bytes(&snapshot), is_of_ca, "{path}");
            }
            // The same again has nothing to do: it would gain less than a day.
            let again = plan(&cluster, &snapshot, 10, &renewal);
            assert!(again.is_done(), "{:?}", again.report());
            // What ended with the CA of before may last longer now, which is a renewal.
            let later = plan(&cluster, &snapshot, 10, &Renewal::Due);
            assert!(!ids(&later).is_empty() && later.other_changes().is_empty(), "{:?}", later.report());
        }
    }

    #[test]
    fn what_a_killed_renewal_of_a_ca_left_is_finished() {
        let short = cluster("validity: {ca: 365d}\n");
        let mut snapshot = empty();
        apply(&short, &mut snapshot, NOW);
        let renewal = Renewal::Authorities(Vec::new());
        let plan = |snapshot: &Snapshot| Plan::renewing(&cluster(""), snapshot, NOW, &renewal).unwrap();
        let outcome = plan(&snapshot).issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
        let mut stopped = snapshot.clone();
        for file in outcome.files() {
            stopped.insert(file.path.clone(), Entry::file(file.mode, file.bytes.clone()));
            let mut repeated = stopped.clone();
            assert_eq!(plan(&repeated).other_changes_besides_authorities(), [""; 0], "after {}", file.path);
            let again = plan(&repeated).issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
            put_outcome(&mut repeated, again);
            assert!(Plan::new(&cluster(""), &repeated, NOW).unwrap().is_done(), "after {}", file.path);
            assert_eq!(certificate(&repeated, CA), certificate(&repeated, COPY), "after {}", file.path);
            assert!(certificate(&repeated, CA).not_after() > NOW + Duration::days(3000));
        }
    }

    #[test]
    fn a_ca_is_renewed_only_with_its_key() {
        let mut snapshot = empty();
        apply(&cluster("validity: {ca: 365d}\n"), &mut snapshot, NOW);
        let renewal = Renewal::Authorities(Vec::new());
        let (issuer, given, of_given) = offline();
        drop(issuer);
        // An existing CA belongs to others.
        assert_eq!(ids(&plan(&given, &of_given, 1, &renewal)), [""; 0]);
        snapshot.remove("ca/ca-key.pem");
        let error = Plan::renewing(&cluster(""), &snapshot, NOW, &renewal).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaKeyMissing { .. }), "{error}");
    }

    #[test]
    fn what_has_ended_is_renewed_and_nothing_else() {
        let short = cluster("validity: {ca: 30d, leaf: 10d}\n");
        let mut snapshot = empty();
        apply(&short, &mut snapshot, NOW);
        let ended = |snapshot: &Snapshot, days| ids(&plan(&short, snapshot, days, &Renewal::Ended));
        assert_eq!(ended(&snapshot, 9), [""; 0]);
        assert_eq!(ended(&snapshot, 20), ALL);
        assert_eq!(ended(&snapshot, 31), ["ca", ALL[0], ALL[1], ALL[2]]);
        assert!(
            Plan::new(&short, &snapshot, NOW + Duration::days(31)).is_err(),
            "only who is asked renews a CA"
        );
        let before = snapshot.clone();
        let recovery = plan(&short, &snapshot, 31, &Renewal::Ended);
        assert_eq!((recovery.keys_to_make(), recovery.other_changes()), (0, vec![]));
        carry_out(recovery, &mut snapshot, 31);
        assert!(plan(&short, &snapshot, 31, &Renewal::Due).is_done());
        let (ca, server) =
            (certificate(&snapshot, CA), certificate(&snapshot, "nodes/a/etc/etcd/pki/server.pem"));
        server.verify_issued_by(&ca).unwrap();
        assert!(ca.is_valid_at(NOW + Duration::days(31)) && server.is_valid_at(NOW + Duration::days(31)));
        assert!(ca.has_key_of(&certificate(&before, CA)));
        assert_eq!(ca.subject().der(), certificate(&before, CA).subject().der());
    }
}
