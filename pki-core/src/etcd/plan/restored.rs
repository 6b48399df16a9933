//! What the record would say, where it is lost: the first start of each member, as the member's own settings have it.

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::path;
use crate::etcd::cluster::{Cluster, InitialClusterState};
use crate::etcd::folder::snapshot::Snapshot;

/// The first starts that files of members name. Of a run that was killed some members have no files yet: then they are
/// among those with which another member founds the cluster.
pub(crate) fn starts_in_files(cluster: &Cluster, snapshot: &Snapshot) -> Vec<Start> {
    let names = cluster.members().iter().map(|member| member.name().as_str());
    let mut starts: Vec<Start> = names.filter_map(|name| start_of(name, snapshot)).collect();
    let Some(founded) = starts.iter().find(|start| start.state == InitialClusterState::New).cloned() else {
        return starts;
    };
    for member in cluster.members() {
        let name = member.name().as_str();
        let is_founder = founded.names(name).next().is_some();
        if is_founder && !starts.iter().any(|start| start.member == name) {
            starts.push(Start { member: name.to_owned(), ..founded.clone() });
        }
    }
    starts
}

/// The first start of a member, from the files for its host.
fn start_of(member: &str, snapshot: &Snapshot) -> Option<Start> {
    let (folder, script) =
        (format!("{}/{member}/", path::NODES), format!("{}/{member}.sh", path::CONTAINERS));
    let is_told = |path: &&str| path.starts_with(&folder) && !path.ends_with(".pem") || *path == script;
    let files = snapshot.paths().filter(is_told);
    let mut texts = files.filter_map(|path| {
        let entry = snapshot.entry(path).ok()??;
        Some(std::str::from_utf8(&entry.bytes).ok()?.to_owned())
    });
    texts.find_map(|text| {
        let value = |option: &str| text.lines().find_map(|line| value_of(line, option));
        let state = match value("initial-cluster-state")? {
            "new" => InitialClusterState::New,
            "existing" => InitialClusterState::Existing,
            _ => return None,
        };
        let initial_cluster = value("initial-cluster")?.to_owned();
        Some(Start { member: member.to_owned(), state, initial_cluster })
    })
}

/// The value of an option in a line that this program has rendered: of an environment file, a configuration file, a unit
/// or a script.
fn value_of<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let line = line.trim().trim_end_matches('\\').trim_end().trim_start_matches(['\'', '-']);
    let (name, value) = line.split_at(line.find(['=', ':'])?);
    let name = name.strip_prefix("ETCD_").unwrap_or(name).to_ascii_lowercase().replace('_', "-");
    let value = value.get(1..)?.trim().trim_matches(['"', '\'']);
    (name == option).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::cluster::path::RECORD;
    use crate::etcd::plan::Plan;
    use crate::etcd::plan::change::Change;
    use crate::etcd::plan::tests::{NOW, apply, empty, remove_all};

    fn cluster(members: &str, rest: &str) -> Cluster {
        let text = format!("name: prod\nlayout: single-ca\nmembers: [{members}]\n{rest}");
        Cluster::from_yaml(&text, None).unwrap().value
    }

    const A: &str = "{name: a, address: 10.0.0.1}";
    const BOTH: &str = "{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}";

    #[test]
    fn a_member_that_joined_has_joined_without_the_record_too() {
        for rest in ["", "style: flags\n", "style: yaml\n", "container: {image: etcd}\nstyle: flags\n"] {
            let mut snapshot = empty();
            apply(&cluster(A, rest), &mut snapshot, NOW);
            apply(&cluster(BOTH, rest), &mut snapshot, NOW);
            let kept =
                Plan::new(&cluster(BOTH, rest), &snapshot, NOW).unwrap().decisions.record.members.clone();
            assert_eq!(kept[1].state, InitialClusterState::Existing);
            snapshot.remove(RECORD);
            let plan = Plan::new(&cluster(BOTH, rest), &snapshot, NOW).unwrap();
            assert_eq!(plan.decisions.starts, kept, "{rest:?}");
            assert!(plan.joining().is_empty());
            let changed = plan.files().iter().filter(|file| *file.change() != Change::Kept);
            assert_eq!(changed.map(|file| file.path()).collect::<Vec<_>>(), [RECORD]);
        }
    }

    #[test]
    fn those_whom_a_killed_run_did_not_reach_found_the_cluster_too() {
        let mut snapshot = empty();
        apply(&cluster(BOTH, ""), &mut snapshot, NOW);
        remove_all(&mut snapshot, |path| path == RECORD || path.starts_with("nodes/b"));
        let plan = Plan::new(&cluster(BOTH, ""), &snapshot, NOW).unwrap();
        assert!(plan.decisions.starts.iter().all(|start| start.state == InitialClusterState::New));
        assert!(plan.joining().is_empty());
    }
}
