//! The members that a cluster has, as it says itself, beside those that it should have: what has to be done next.

use serde::Deserialize;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::folder::operation::{Leaving, Operation};

/// A member, as `etcdctl member list -w json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedMember {
    /// Its identifier.
    #[serde(rename = "ID")]
    id: u64,
    /// Its name; empty if it has not started yet.
    #[serde(default)]
    pub name: String,
    /// Its peer URLs.
    #[serde(rename = "peerURLs", default)]
    pub peer_urls: Vec<String>,
    /// Its client URLs; none if it has not started yet.
    #[serde(rename = "clientURLs", default)]
    pub client_urls: Vec<String>,
    /// Whether it has no vote.
    #[serde(rename = "isLearner", default)]
    pub is_learner: bool,
}

impl ListedMember {
    /// Reads a list of members.
    ///
    /// # Errors
    /// If it is not what `etcdctl` writes.
    pub(super) fn read_all(text: &str) -> Result<Vec<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct List {
            members: Vec<ListedMember>,
        }
        Ok(serde_json::from_str::<List>(text)?.members)
    }

    /// Its identifier in hexadecimal, as `etcdctl` takes it.
    pub fn id(&self) -> String {
        format!("{:x}", self.id)
    }

    /// Its identifier, if it is known.
    pub fn known_id(&self) -> Option<String> {
        self.is_known().then(|| self.id())
    }

    /// Whether its identifier is known.
    pub(super) fn is_known(&self) -> bool {
        self.id != 0
    }

    /// Whether it has started at least once.
    pub fn has_started(&self) -> bool {
        !self.name.is_empty()
    }

    /// A member as it will be listed when it runs.
    pub(super) fn started(name: &str, peer_urls: Vec<String>) -> Self {
        Self { id: 0, name: name.to_owned(), peer_urls, client_urls: Vec::new(), is_learner: false }
    }

    fn shares_url(&self, urls: &[String]) -> bool {
        self.peer_urls.iter().any(|url| urls.contains(url))
    }

    /// What it is called in messages: its name, or its URLs.
    pub(super) fn shown(&self) -> String {
        if self.has_started() { self.name.clone() } else { self.peer_urls.join(",") }
    }

    /// Whether it is the described member.
    fn is(&self, member: &Member, cluster: &Cluster) -> bool {
        let urls: Vec<String> = cluster.peer_urls(member).iter().map(ToString::to_string).collect();
        let has_name = self.name == member.name().as_str();
        has_name || !self.has_started() && self.shares_url(&urls)
    }

    /// Whether it is the member that has to be removed.
    fn is_leaving(&self, leaving: &Leaving, cluster: &Cluster) -> bool {
        if let Some(id) = &leaving.id {
            return self.id() == *id;
        }
        let is_described = cluster.members().iter().any(|member| member.name().as_str() == leaving.member);
        match self.has_started() {
            true => self.name == leaving.member && !is_described,
            false => self.shares_url(&leaving.peer_urls),
        }
    }
}

/// What has to be done next with the members of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The cluster has a member that is in no description, and nobody has said that it goes.
    Unknown(ListedMember),
    /// This one has to be removed.
    Remove(ListedMember),
    /// The described member with this name has other peer URLs than the cluster knows.
    Move(String),
    /// The described member with this name has to be added.
    Add(String),
    /// The described member with this name was added, and has not started, or has no vote yet.
    Finish(String),
    /// Nothing is left to do.
    Nothing,
}

/// What has to be done next, so that a cluster with these members becomes the described one. Members go before others
/// come, because a member that joins names exactly those that there are, and a cluster with a dead member takes nobody.
pub fn next(cluster: &Cluster, operation: &Operation, list: &[ListedMember]) -> Next {
    let described = |listed: &ListedMember| cluster.members().iter().any(|member| listed.is(member, cluster));
    let leaves =
        |listed: &&ListedMember| operation.leaving.iter().any(|leaving| listed.is_leaving(leaving, cluster));
    if let Some(gone) = list.iter().find(leaves) {
        return Next::Remove(gone.clone());
    }
    if let Some(unknown) = list.iter().find(|listed| !described(listed)) {
        return Next::Unknown(unknown.clone());
    }
    // Whoever was begun with is finished first: a cluster takes one learner at a time.
    for member in cluster.members() {
        let name = member.name().to_string();
        let Some(listed) = list.iter().find(|listed| listed.is(member, cluster)) else { continue };
        if !listed.has_started() || listed.is_learner {
            return Next::Finish(name);
        }
        let urls: Vec<String> = cluster.peer_urls(member).iter().map(ToString::to_string).collect();
        if listed.peer_urls.iter().any(|url| !urls.contains(url)) || urls.len() != listed.peer_urls.len() {
            return Next::Move(name);
        }
    }
    let missing = absent(cluster, operation, list).into_iter().next();
    missing.map_or(Next::Nothing, Next::Add)
}

/// The described members that the cluster does not have, in their order, with those that come back.
pub fn absent(cluster: &Cluster, operation: &Operation, list: &[ListedMember]) -> Vec<String> {
    let is_there = |member: &&Member| {
        let mut listed = list.iter().filter(|listed| listed.is(member, cluster));
        listed.any(|listed| !operation.leaving.iter().any(|leaving| listed.is_leaving(leaving, cluster)))
    };
    let missing = cluster.members().iter().filter(|member| !is_there(member));
    missing.map(|member| member.name().to_string()).collect()
}

/// The listed member with a name, or that has not started yet and has its URLs.
pub(super) fn listed<'a>(
    cluster: &Cluster,
    list: &'a [ListedMember],
    name: &str,
) -> Option<&'a ListedMember> {
    let member = cluster.members().iter().find(|member| member.name().as_str() == name)?;
    list.iter().find(|listed| listed.is(member, cluster))
}

/// Why a member would not start with the list of members that its files have; `None` if it does. etcd compares the list
/// with the members that there are (etcd, server/etcdserver/api/membership/cluster.go, `ValidateClusterAndAssignIDs`).
pub(super) fn differs(start: &Start, own: &[String], list: &[ListedMember]) -> Option<String> {
    let mut named: Vec<&str> =
        start.initial_cluster.split(',').filter_map(|one| Some(one.split_once('=')?.1)).collect();
    let others = list.iter().flat_map(|listed| listed.peer_urls.iter().map(String::as_str));
    let mut there: Vec<&str> = others.chain(own.iter().map(String::as_str)).collect();
    for urls in [&mut named, &mut there] {
        urls.sort_unstable();
        urls.dedup();
    }
    (named != there)
        .then(|| format!("its files name {}, and the cluster has {}", named.join(", "), there.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(members: &[(&str, &str)]) -> Cluster {
        let members: Vec<_> = members.iter().map(|(n, a)| format!("{{name: {n}, address: {a}}}")).collect();
        Cluster::from_yaml(&format!("name: prod\nmembers: [{}]\n", members.join(", ")), None).unwrap().value
    }

    fn listed(id: u64, name: &str, address: &str) -> ListedMember {
        ListedMember {
            id,
            name: name.to_owned(),
            peer_urls: vec![format!("https://{address}:2380")],
            client_urls: Vec::new(),
            is_learner: false,
        }
    }

    fn leaving(member: &str, address: &str, id: Option<u64>) -> Operation {
        let mut operation = Operation::default();
        operation.leave(Leaving {
            member: member.to_owned(),
            peer_urls: vec![format!("https://{address}:2380")],
            host: None,
            id: id.map(|id| format!("{id:x}")),
        });
        operation
    }

    const THREE: [(&str, &str); 3] = [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3")];

    fn three() -> Vec<ListedMember> {
        THREE.iter().zip(1..).map(|((name, address), id)| listed(id, name, address)).collect()
    }

    #[test]
    fn a_list_of_etcdctl_is_read() {
        let text = "{\"header\":{\"cluster_id\":1},\"members\":[{\"ID\":18249187646912138824,\"name\":\"a\",\"peerURLs\":\
                    [\"https://10.0.0.1:2380\"],\"clientURLs\":[\"https://10.0.0.1:2379\"]},{\"ID\":7,\"peerURLs\":\
                    [\"https://10.0.0.2:2380\"],\"isLearner\":true}]}\n";
        let list = ListedMember::read_all(text).unwrap();
        assert_eq!((list[0].id(), list[0].name.as_str()), ("fd422379fda50e48".to_owned(), "a"));
        assert!(!list[1].has_started() && list[1].is_learner);
        assert!(ListedMember::read_all("7, started, a").is_err());
    }

    #[test]
    fn a_cluster_as_described_has_nothing_left_to_do() {
        assert_eq!(next(&cluster(&THREE), &Operation::default(), &three()), Next::Nothing);
    }

    #[test]
    fn who_joins_is_added_and_then_finished() {
        let four = [THREE[0], THREE[1], THREE[2], ("d", "10.0.0.4")];
        let (cluster, operation, mut list) = (cluster(&four), Operation::default(), three());
        assert_eq!(next(&cluster, &operation, &list), Next::Add("d".to_owned()));
        list.push(ListedMember { is_learner: true, ..listed(4, "", "10.0.0.4") });
        assert_eq!(next(&cluster, &operation, &list), Next::Finish("d".to_owned()));
        list[3].name = "d".to_owned();
        assert_eq!(next(&cluster, &operation, &list), Next::Finish("d".to_owned()));
        list[3].is_learner = false;
        assert_eq!(next(&cluster, &operation, &list), Next::Nothing);
    }

    #[test]
    fn who_leaves_goes_before_another_comes() {
        let replaced = cluster(&[THREE[0], THREE[1], ("d", "10.0.0.4")]);
        let list = three();
        let operation = leaving("c", "10.0.0.3", None);
        assert_eq!(next(&replaced, &operation, &list), Next::Remove(list[2].clone()));
        assert_eq!(next(&replaced, &operation, &list[..2]), Next::Add("d".to_owned()));
        // One of whom nobody has said anything.
        assert_eq!(next(&replaced, &Operation::default(), &list), Next::Unknown(list[2].clone()));
        // It never started, so it has no name.
        let list = [list[0].clone(), list[1].clone(), listed(3, "", "10.0.0.3")];
        assert_eq!(next(&replaced, &operation, &list), Next::Remove(list[2].clone()));
    }

    #[test]
    fn who_comes_back_with_its_name_is_told_from_who_went_by_the_identifier() {
        let (cluster, operation, list) = (cluster(&THREE), leaving("c", "10.0.0.3", Some(3)), three());
        assert_eq!(next(&cluster, &operation, &list), Next::Remove(list[2].clone()));
        assert_eq!(absent(&cluster, &operation, &list), ["c"]);
        assert_eq!(next(&cluster, &operation, &list[..2]), Next::Add("c".to_owned()));
        let back = [list[0].clone(), list[1].clone(), listed(9, "c", "10.0.0.3")];
        assert_eq!(next(&cluster, &operation, &back), Next::Nothing);
        assert_eq!(absent(&cluster, &operation, &back), [""; 0]);
        // Without the identifier, who is described is not removed.
        let operation = leaving("c", "10.0.0.3", None);
        assert_eq!(next(&cluster, &operation, &list), Next::Nothing);
    }

    #[test]
    fn another_url_is_told_to_the_cluster() {
        let moved = cluster(&[THREE[0], THREE[1], ("c", "10.0.0.9")]);
        assert_eq!(next(&moved, &Operation::default(), &three()), Next::Move("c".to_owned()));
    }

    #[test]
    fn who_joins_must_name_those_who_are_there_and_itself() {
        let start = |text: &str| Start {
            member: "d".to_owned(),
            state: crate::etcd::cluster::InitialClusterState::Existing,
            initial_cluster: text.to_owned(),
        };
        let own = ["https://10.0.0.4:2380".to_owned()];
        let list = three();
        let two = "d=https://10.0.0.4:2380,a=https://10.0.0.1:2380,b=https://10.0.0.2:2380";
        assert_eq!(differs(&start(two), &own, &list[..2]), None);
        assert_eq!(differs(&start(&format!("{two},c=https://10.0.0.3:2380")), &own, &list), None);
        let why = differs(&start(two), &own, &list).unwrap();
        assert!(why.ends_with("https://10.0.0.3:2380, https://10.0.0.4:2380"), "{why}");
    }
}
