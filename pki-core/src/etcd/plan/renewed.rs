//! What a plan that renews changes.

use std::collections::BTreeSet;

use crate::etcd::cluster::layout::Role;
use crate::etcd::plan::Plan;
use crate::etcd::plan::change::{Change, Content, PlannedCertificate, Reason};
use crate::etcd::plan::renewal::is_named;

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

    /// What the plan changes besides renewing certificates: identities of certificates and paths of files. If there is
    /// something, the description was changed after it was applied, or files were.
    pub fn other_changes(&self) -> Vec<String> {
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
            *file.change() != Change::Kept && !follows
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
    use crate::etcd::folder::snapshot::Snapshot;
    use crate::etcd::plan::renewal::Renewal;
    use crate::etcd::plan::tests::{NOW, apply, cluster, empty, offline, put_outcome, sign};
    use crate::x509::{SystemKeys, SystemRandomness};

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
}
