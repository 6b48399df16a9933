//! The first start of each member: whether it founds the cluster or joins it, and which other members it names.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::etcd::cluster::{Cluster, InitialClusterState, Member};
use crate::etcd::safe::label::Label;
use crate::etcd::safe::url::MemberUrl;

/// The first start of one member. The record keeps it, because later changes of the cluster do not change how this
/// member started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    pub(crate) member: String,
    /// `--initial-cluster-state`
    pub(crate) state: InitialClusterState,
    /// `--initial-cluster`
    pub(crate) initial_cluster: String,
}

/// A member that joins a running cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JoiningMember {
    /// The member's name.
    pub member: String,
    /// Its peer URLs, for `etcdctl member add --peer-urls`.
    pub peer_urls: Vec<String>,
    /// The shell command that adds it to the cluster, without a vote. It runs before the member starts.
    pub command: String,
    /// The shell command that gives it a vote. It fails until the member has what the leader has.
    pub promote: String,
}

/// A member whose peer URLs have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MovingMember {
    /// The member's name.
    pub member: String,
    /// Its new peer URLs, for `etcdctl member update --peer-urls`.
    pub peer_urls: Vec<String>,
    /// The shell command that tells the cluster the new URLs. It runs before the member starts with them.
    pub command: String,
}

/// A member that was recorded and is no longer described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeavingMember {
    /// The member's name.
    pub member: String,
    /// Its recorded peer URLs, without those that another member has now.
    pub peer_urls: Vec<String>,
    /// The shell command that removes it from the cluster.
    pub command: String,
}

impl Cluster {
    /// The first start of each member, in the order of the members. `before` has the recorded starts.
    ///
    /// The first members found the cluster. A later member joins it, and must name exactly the members that the cluster
    /// has (etcd, server/etcdserver/api/membership/cluster.go, `ValidateClusterAndAssignIDs`).
    pub(crate) fn starts(&self, before: &[Start]) -> Vec<Start> {
        let known = |member: &Member| before.iter().find(|start| start.member == member.name().as_str());
        let asked = |member: &Member| member.overrides.state.or(self.bootstrap.state);
        let state = |member: &Member| {
            asked(member).unwrap_or(match known(member) {
                Some(start) => start.state,
                None if before.is_empty() => InitialClusterState::New,
                None => InitialClusterState::Existing,
            })
        };
        let start = |(index, member): (usize, &Member)| {
            // `state` in the description makes the list again, but the list of a member that has joined stays.
            let joined = |start: &Start| {
                [asked(member), Some(start.state)] == [Some(InitialClusterState::Existing); 2]
            };
            if let Some(start) = known(member)
                && (asked(member).is_none() || joined(start))
                && self.is_current(start)
            {
                return start.clone();
            }
            let state = state(member);
            let others = self.members.iter().enumerate().filter(|(other, _)| *other != index);
            let others = others.filter(|(other_index, other)| match state {
                InitialClusterState::New => self::is_founder(asked(other), known(other), before),
                InitialClusterState::Existing => {
                    let is_founder = self::is_founder(asked(other), known(other), before);
                    is_founder || known(other).is_some() || *other_index < index
                }
            });
            let mut named: Vec<(usize, &Member)> = others.collect();
            named.push((index, member));
            named.sort_by_key(|(index, _)| *index);
            let urls = named.into_iter().flat_map(|(_, member)| self.named_peer_urls(member));
            let initial_cluster = urls.collect::<Vec<_>>().join(",");
            Start { member: member.name().to_string(), state, initial_cluster }
        };
        self.members.iter().enumerate().map(start).collect()
    }

    /// The entries of a member in `--initial-cluster`: `NAME=URL` for each of its peer URLs.
    fn named_peer_urls(&self, member: &Member) -> impl Iterator<Item = String> {
        self.peer_urls(member).into_iter().map(|url| format!("{}={url}", member.name()))
    }

    /// Whether a start names its own member, and has the present URLs of all described members that it names.
    fn is_current(&self, start: &Start) -> bool {
        start.names(&start.member).next().is_some()
            && self.members.iter().all(|member| self.has_current_urls(member, start))
    }

    /// Whether a start names this member with its present URLs, or does not name it.
    fn has_current_urls(&self, member: &Member, start: &Start) -> bool {
        let mut named = start.names(member.name().as_str()).peekable();
        named.peek().is_none() || named.eq(self.named_peer_urls(member))
    }

    /// The members that join and are not recorded yet, in the order in which they must be added.
    pub(crate) fn joining(&self, starts: &[Start], before: &[Start]) -> Vec<JoiningMember> {
        let new = |member: &&Member| !before.iter().any(|start| start.member == member.name().as_str());
        let joins = |member: &&Member| {
            let start = starts.iter().find(|start| start.member == member.name().as_str());
            start.is_some_and(|start| start.state == InitialClusterState::Existing)
        };
        let joining = self.members.iter().filter(new).filter(joins);
        joining.map(|member| JoiningMember::new(member.name(), &self.peer_urls(member))).collect()
    }

    /// The recorded members whose peer URLs have changed.
    pub(crate) fn moving(&self, before: &[Start]) -> Vec<MovingMember> {
        let moved = self.members.iter().filter(|member| {
            let start = before.iter().find(|start| start.member == member.name().as_str());
            start.is_some_and(|start| !self.has_current_urls(member, start))
        });
        moved.map(|member| MovingMember::new(member.name(), &self.peer_urls(member))).collect()
    }

    /// The recorded members that are no longer described.
    pub(crate) fn leaving(&self, before: &[Start]) -> Vec<LeavingMember> {
        let names = before.iter().filter_map(|start| Some((start, Label::parse(&start.member).ok()?)));
        let gone = names.filter(|(_, name)| !self.members.iter().any(|member| member.name() == name));
        gone.map(|(start, name)| LeavingMember::new(&name, &self.former_urls(start))).collect()
    }

    /// The recorded peer URLs of a member that leaves, without those that a described member has now.
    fn former_urls(&self, start: &Start) -> Vec<MemberUrl> {
        let named = start.names(&start.member).filter_map(|named| named.split_once('='));
        let urls = named.filter_map(|(_, url)| MemberUrl::parse(url).ok());
        urls.filter(|url| !self.members.iter().any(|member| self.peer_urls(member).contains(url))).collect()
    }
}

impl Start {
    /// The entries of one member in `--initial-cluster`.
    pub(crate) fn names(&self, member: &str) -> impl Iterator<Item = &str> {
        let named = self.initial_cluster.split(',');
        named.filter(move |named| named.split_once('=').is_some_and(|(name, _)| name == member))
    }
}

fn is_founder(asked: Option<InitialClusterState>, known: Option<&Start>, before: &[Start]) -> bool {
    match (asked, known) {
        (Some(state), _) => state == InitialClusterState::New,
        (None, Some(start)) => start.state == InitialClusterState::New,
        (None, None) => before.is_empty(),
    }
}

// A `Label` and a `MemberUrl` need no quotes in a shell.

impl JoiningMember {
    fn new(member: &Label, peer_urls: &[MemberUrl]) -> Self {
        let peer_urls = texts(peer_urls);
        let command = format!("etcdctl member add {member} --learner --peer-urls={}", peer_urls.join(","));
        let promote = format!("etcdctl member promote {}", id_at(&peer_urls));
        Self { member: member.to_string(), peer_urls, command, promote }
    }
}

impl MovingMember {
    fn new(member: &Label, peer_urls: &[MemberUrl]) -> Self {
        let (peer_urls, id) = (texts(peer_urls), id_of(member));
        let command = format!("etcdctl member update {id} --peer-urls={}", peer_urls.join(","));
        Self { member: member.to_string(), peer_urls, command }
    }
}

impl LeavingMember {
    /// The command removes nothing if the cluster does not have the member, and fails if the cluster does not answer. A
    /// member that never started has no name there, so it is found by its URLs.
    fn new(member: &Label, peer_urls: &[MemberUrl]) -> Self {
        let mut wanted = format!("$3 == \"{member}\"");
        for url in peer_urls {
            let _ = write!(wanted, " || $3 == \"\" && index($4 \",\", \"{url},\")");
        }
        let command = format!(
            "members=$(etcdctl member list) && \
             for id in $(echo \"$members\" | awk -F', ' '{wanted} {{print $1}}'); do etcdctl member remove \"$id\"; done"
        );
        Self { member: member.to_string(), peer_urls: texts(peer_urls), command }
    }
}

fn texts(urls: &[MemberUrl]) -> Vec<String> {
    urls.iter().map(ToString::to_string).collect()
}

/// A shell word that expands to the ID of a member: `etcdctl member list` prints ID, status and name.
fn id_of(member: &Label) -> String {
    format!("\"$(etcdctl member list | awk -F', ' '$3 == \"{member}\" {{print $1}}')\"")
}

/// The same by its first peer URL, which it has before it starts. In the list a comma follows each URL.
pub(crate) fn id_at(peer_urls: &[String]) -> String {
    let url = peer_urls.first().map_or("", String::as_str);
    format!("\"$(etcdctl member list | awk -F', ' 'index($4 \",\", \"{url},\") {{print $1}}')\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(members: &[(&str, &str)], rest: &str) -> Cluster {
        let members: Vec<_> = members.iter().map(|(n, a)| format!("{{name: {n}, address: {a}}}")).collect();
        let text = format!("name: prod\n{rest}members: [{}]\n", members.join(", "));
        Cluster::from_yaml(&text, None).unwrap().value
    }

    const THREE: [(&str, &str); 3] = [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3")];
    const FOUR: [(&str, &str); 4] =
        [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3"), ("d", "10.0.0.4")];

    #[test]
    fn founders_name_each_other_and_who_joins_names_all() {
        let founders = cluster(&THREE, "").starts(&[]);
        assert!(founders.iter().all(|start| start.state == InitialClusterState::New));
        let all = "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380";
        assert_eq!(founders[0].initial_cluster, all);

        let grown = cluster(&FOUR, "");
        let starts = grown.starts(&founders);
        assert_eq!(starts[..3], founders, "nothing changes for those that were there");
        assert_eq!(starts[3].state, InitialClusterState::Existing);
        assert_eq!(starts[3].initial_cluster, format!("{all},d=https://10.0.0.4:2380"));
        let joining = grown.joining(&starts, &founders);
        assert_eq!(joining[0].command, "etcdctl member add d --learner --peer-urls=https://10.0.0.4:2380");

        let shrunk = cluster(&THREE, "");
        assert_eq!(shrunk.starts(&starts), founders);
        let leaving = shrunk.leaving(&starts);
        assert_eq!(leaving.iter().map(|leaving| leaving.member.as_str()).collect::<Vec<_>>(), ["d"]);
        assert_eq!(
            leaving[0].command,
            "members=$(etcdctl member list) && for id in $(echo \"$members\" | awk -F', ' '$3 == \"d\" || \
             $3 == \"\" && index($4 \",\", \"https://10.0.0.4:2380,\") {print $1}'); do etcdctl member remove \"$id\"; done"
        );
        // Who has its URL now must not be taken for it.
        let heir = cluster(&[THREE[0], THREE[1], THREE[2], ("e", "10.0.0.4")], "");
        let command = &heir.leaving(&starts)[0].command;
        assert!(command.contains("$3 == \"d\" {print $1}"), "{command}");
    }

    #[test]
    fn who_joins_names_the_founders_and_goes_on_to_name_the_same() {
        let text = "name: prod\nstate: existing\nmembers:\n  - {name: a, address: 10.0.0.1}\n  \
                    - {name: b, address: 10.0.0.2}\n  - {name: c, address: 10.0.0.3, state: new}\n";
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        let starts = cluster.starts(&[]);
        let named: Vec<_> = starts.iter().map(|start| start.initial_cluster.as_str()).collect();
        let [a, b, c] = ["a=https://10.0.0.1:2380", "b=https://10.0.0.2:2380", "c=https://10.0.0.3:2380"];
        assert_eq!(named, [format!("{a},{c}"), format!("{a},{b},{c}"), c.to_owned()]);
        assert_eq!(cluster.starts(&starts), starts);
    }

    #[test]
    fn two_that_join_at_once_are_added_one_after_the_other() {
        let founders = cluster(&THREE[..1], "").starts(&[]);
        let starts = cluster(&THREE, "").starts(&founders);
        assert_eq!(starts[1].initial_cluster, "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380");
        assert!(starts[2].initial_cluster.ends_with("c=https://10.0.0.3:2380"));
    }

    #[test]
    fn another_address_reaches_those_that_name_it() {
        let founders = cluster(&THREE, "").starts(&[]);
        let moved = cluster(&[("a", "10.0.0.1"), ("b", "10.0.0.9"), ("c", "10.0.0.3")], "").starts(&founders);
        assert!(moved.iter().all(|start| start.initial_cluster.contains("b=https://10.0.0.9:2380")));
        assert!(moved.iter().all(|start| start.state == InitialClusterState::New));
    }

    #[test]
    fn the_cluster_is_told_of_another_address() {
        let founders = cluster(&THREE, "").starts(&[]);
        assert_eq!(cluster(&THREE, "").moving(&founders), []);
        let moved = cluster(&[("a", "10.0.0.1"), ("b", "10.0.0.9"), ("c", "10.0.0.3")], "");
        let moving = moved.moving(&founders);
        assert_eq!(moving[0].peer_urls, ["https://10.0.0.9:2380"]);
        assert_eq!(
            moving[0].command,
            "etcdctl member update \"$(etcdctl member list | awk -F', ' '$3 == \"b\" {print $1}')\" \
             --peer-urls=https://10.0.0.9:2380"
        );
        assert_eq!(moving.len(), 1);
    }

    #[test]
    fn a_description_may_say_that_nobody_started_yet() {
        let founders = cluster(&THREE, "").starts(&[]);
        let starts = cluster(&FOUR, "state: new\n").starts(&founders);
        assert!(starts.iter().all(|start| start.initial_cluster == starts[3].initial_cluster));
        assert!(starts[0].initial_cluster.ends_with("d=https://10.0.0.4:2380"));
    }
}
