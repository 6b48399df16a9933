//! Which key each certificate of a member has. The names of the files tell it: `server-g2.pem` has the second one.

use std::collections::{BTreeMap, BTreeSet};

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::certificates::CertificateId;
use crate::etcd::cluster::path;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;

/// The numbers of the keys that members have, by the record, or by the files if the record does not know a certificate.
/// Those in `next` get the one that follows.
pub(crate) fn key_numbers(
    cluster: &Cluster,
    record: &Record,
    snapshot: &Snapshot,
    next: &BTreeSet<String>,
) -> BTreeMap<String, u32> {
    let mut numbers = BTreeMap::new();
    let all_files: Vec<String> =
        cluster.member_roles().into_iter().map(|role| cluster.file(role).to_string()).collect();
    for member in cluster.members() {
        let folder = path::on_node(member.name(), &cluster.hosts.pki);
        for role in cluster.member_roles() {
            let id = CertificateId::of(role, member.name()).to_string();
            let number = |path: &str| {
                let (place, name) = path.rsplit_once('/')?;
                let name = name.strip_suffix("-key.pem").or_else(|| name.strip_suffix(".pem"));
                let name = name.filter(|_| place == folder)?;
                // Another certificate may have a name that only looks so.
                let is_own =
                    name == cluster.file(role).as_str() || !all_files.iter().any(|file| file == name);
                cluster.key_number(role, name).filter(|_| is_own)
            };
            let recorded = record.certificates.iter().find(|issued| issued.certificate == id);
            let known = match recorded {
                Some(issued) => number(&issued.path),
                None => {
                    let names = snapshot.names(&folder).into_iter();
                    names.filter_map(|name| number(&format!("{folder}/{name}"))).max()
                }
            };
            let mut known = known.unwrap_or(1);
            if next.contains(&id) {
                known += 1;
                while all_files.contains(&format!("{}-g{known}", cluster.file(role))) {
                    known += 1;
                }
            }
            if known > 1 {
                numbers.insert(id, known);
            }
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::cluster::path::RECORD;
    use crate::etcd::folder::snapshot::Entry;
    use crate::etcd::plan::Plan;
    use crate::etcd::plan::change::Change;
    use crate::etcd::plan::renewal::Renewal;
    use crate::etcd::plan::tests::{NOW, apply, cluster, empty, put_outcome};
    use crate::x509::{Certificate, PrivateKey, SystemKeys, SystemRandomness};

    const PKI: &str = "nodes/a/etc/etcd/pki";

    fn ids(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|id| (*id).to_owned()).collect()
    }

    fn bytes(snapshot: &Snapshot, path: &str) -> Vec<u8> {
        snapshot.entry(path).unwrap().unwrap_or_else(|| panic!("{path} is missing")).bytes.to_vec()
    }

    fn pair(snapshot: &Snapshot, name: &str) -> (Certificate, PrivateKey) {
        let certificate = Certificate::read(&bytes(snapshot, &format!("{PKI}/{name}.pem"))).unwrap();
        let key = PrivateKey::read(&bytes(snapshot, &format!("{PKI}/{name}-key.pem")), None).unwrap();
        assert!(certificate.is_for(key.public_key()), "{name} is no pair");
        (certificate, key)
    }

    fn issue(plan: Plan, snapshot: &mut Snapshot) {
        put_outcome(snapshot, plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap());
    }

    fn with_new_keys(snapshot: &Snapshot, all: &[&str]) -> Plan {
        Plan::with_new_keys(&cluster(""), snapshot, NOW, &ids(all)).unwrap()
    }

    #[test]
    fn a_new_key_has_a_new_name_and_stays() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let (before, _) = pair(&snapshot, "server");
        let peer = pair(&snapshot, "peer").0;
        issue(with_new_keys(&snapshot, &["a server"]), &mut snapshot);
        let (after, key) = pair(&snapshot, "server-g2");
        assert!(!before.is_for(key.public_key()) && pair(&snapshot, "server").0 == before);
        assert_eq!((after.subject(), pair(&snapshot, "peer").0), (before.subject(), peer));
        let env = String::from_utf8(bytes(&snapshot, "nodes/a/etc/etcd/etcd.env")).unwrap();
        assert!(env.contains("ETCD_CERT_FILE=/etc/etcd/pki/server-g2.pem\n"), "{env}");
        assert!(env.contains("ETCD_KEY_FILE=/etc/etcd/pki/server-g2-key.pem\n"), "{env}");
        assert!(env.contains("ETCD_PEER_CERT_FILE=/etc/etcd/pki/peer.pem\n"), "{env}");
        let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
        assert!(plan.is_done(), "{:?}", plan.report());
        // The certificate of before is a former one, and the registry has the new path.
        let record = Record::open(&snapshot).unwrap().unwrap();
        assert!(record.former.iter().any(|former| former.sha256 == before.fingerprint()));
        let registry = String::from_utf8(bytes(&snapshot, "registry.jsonl")).unwrap();
        assert!(registry.contains("/server-g2.pem"), "{registry}");
        // A renewal for the same key, and one more key.
        let renewal = Plan::renewing(&cluster(""), &snapshot, NOW, &Renewal::All).unwrap();
        assert_eq!((renewal.keys_to_make(), renewal.other_changes()), (0, vec![]));
        issue(renewal, &mut snapshot);
        assert!(pair(&snapshot, "server-g2").0.is_for(key.public_key()));
        issue(with_new_keys(&snapshot, &["a server"]), &mut snapshot);
        pair(&snapshot, "server-g3");
    }

    #[test]
    fn what_a_killed_run_left_is_finished_and_no_key_is_replaced() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        let all = ["a server", "a peer"];
        let plan = with_new_keys(&snapshot, &all);
        let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
        let mut stopped = snapshot.clone();
        for file in outcome.files().iter().filter(|file| file.path != RECORD) {
            stopped.insert(file.path.clone(), Entry::file(file.mode, file.bytes.clone()));
            let mut repeated = stopped.clone();
            let again = with_new_keys(&repeated, &all);
            let kept = Plan::renewing(&cluster(""), &repeated, NOW, &Renewal::Named(Vec::new())).unwrap();
            assert_eq!(again.not_yet(kept.other_changes()), [""; 0], "after {}", file.path);
            issue(again, &mut repeated);
            assert!(Plan::new(&cluster(""), &repeated, NOW).unwrap().is_done(), "after {}", file.path);
            pair(&repeated, "server-g2");
            pair(&repeated, "peer-g2");
            if file.path.ends_with("-key.pem") {
                assert_eq!(bytes(&repeated, &file.path), file.bytes.to_vec());
            }
        }
    }

    #[test]
    fn without_the_record_the_files_tell_which_key_is_in_use() {
        let mut snapshot = empty();
        apply(&cluster(""), &mut snapshot, NOW);
        issue(with_new_keys(&snapshot, &["a peer"]), &mut snapshot);
        snapshot.remove(RECORD);
        let plan = Plan::new(&cluster(""), &snapshot, NOW).unwrap();
        let changed = plan.files().iter().filter(|file| *file.change() != Change::Kept);
        assert_eq!(changed.map(|file| file.path()).collect::<Vec<_>>(), [RECORD]);
    }

    #[test]
    fn a_name_that_only_looks_like_a_number_is_another_certificate() {
        let described = "certificates: {peer: {file: server-g2}}\n";
        let mut snapshot = empty();
        apply(&cluster(described), &mut snapshot, NOW);
        let plan = Plan::with_new_keys(&cluster(described), &snapshot, NOW, &ids(&["a server"])).unwrap();
        issue(plan, &mut snapshot);
        pair(&snapshot, "server-g3");
        pair(&snapshot, "server-g2");
        assert!(Plan::new(&cluster(described), &snapshot, NOW).unwrap().is_done());
    }
}
