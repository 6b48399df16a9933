//! How each member first starts: with which others, and whether it founds the cluster or joins it.

use serde::{Deserialize, Serialize};

use crate::etcd::cluster::{Cluster, InitialClusterState, Member};
use crate::etcd::safe::label::Label;
use crate::etcd::safe::url::MemberUrl;

/// How one member first starts. It is kept in the record of what was made: what others do later does not
/// change how this one began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    pub(crate) member: String,
    /// `--initial-cluster-state`
    pub(crate) state: InitialClusterState,
    /// `--initial-cluster`
    pub(crate) initial_cluster: String,
}

/// A member that joins a cluster which runs already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JoiningMember {
    /// Its name
    pub member: String,
    /// Where other members will find it: what `etcdctl member add --peer-urls` is told
    pub peer_urls: Vec<String>,
    /// The shell's command that tells the cluster of it, before it starts
    pub command: String,
}

/// A member that other members find elsewhere from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MovingMember {
    /// Its name
    pub member: String,
    /// Where other members will find it
    pub peer_urls: Vec<String>,
    /// The shell's command that tells the cluster so, before it starts there
    pub command: String,
}

/// A member that is not described any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeavingMember {
    /// Its name
    pub member: String,
    /// The shell's command that tells the cluster that it has gone
    pub command: String,
}

impl Cluster {
    /// How each member starts, in their order, when `before` is how those start that were made before.
    ///
    /// The first members found the cluster. Whoever comes later joins it, and must name exactly the members
    /// that there are (etcd, server/etcdserver/api/membership/cluster.go, `ValidateClusterAndAssignIDs`).
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
            // Who founds the cluster may be told anew; whom a member joined stays as it was.
            let joined = |start: &Start| {
                [asked(member), Some(start.state)] == [Some(InitialClusterState::Existing); 2]
            };
            if let Some(start) = known(member)
                && (asked(member).is_none() || joined(start))
                && self.is_still_true(start)
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

    /// `NAME=URL` for each URL of a member.
    fn named_peer_urls(&self, member: &Member) -> impl Iterator<Item = String> {
        self.peer_urls(member).into_iter().map(|url| format!("{}={url}", member.name()))
    }

    /// Whether the members that a start names are where it says, as far as they are described.
    fn is_still_true(&self, start: &Start) -> bool {
        start.names(&start.member).next().is_some()
            && self.members.iter().all(|member| self.is_named_rightly(member, start))
    }

    /// Whether a start names this member where it is, or not at all.
    fn is_named_rightly(&self, member: &Member, start: &Start) -> bool {
        let mut named = start.names(member.name().as_str()).peekable();
        named.peek().is_none() || named.eq(self.named_peer_urls(member))
    }

    /// The members that join for the first time, in the order in which they have to be added.
    pub(crate) fn joining(&self, starts: &[Start], before: &[Start]) -> Vec<JoiningMember> {
        let new = |member: &&Member| !before.iter().any(|start| start.member == member.name().as_str());
        let joins = |member: &&Member| {
            let start = starts.iter().find(|start| start.member == member.name().as_str());
            start.is_some_and(|start| start.state == InitialClusterState::Existing)
        };
        let joining = self.members.iter().filter(new).filter(joins);
        joining.map(|member| JoiningMember::new(member.name(), &self.peer_urls(member))).collect()
    }

    /// The members that were made before for another place.
    pub(crate) fn moving(&self, before: &[Start]) -> Vec<MovingMember> {
        let moved = self.members.iter().filter(|member| {
            let start = before.iter().find(|start| start.member == member.name().as_str());
            start.is_some_and(|start| !self.is_named_rightly(member, start))
        });
        moved.map(|member| MovingMember::new(member.name(), &self.peer_urls(member))).collect()
    }

    /// The members that were made before and are not described any more.
    pub(crate) fn leaving(&self, before: &[Start]) -> Vec<LeavingMember> {
        let names = before.iter().filter_map(|start| Label::parse(&start.member).ok());
        let gone = names.filter(|name| !self.members.iter().any(|member| member.name() == name));
        gone.map(|name| LeavingMember::new(&name)).collect()
    }
}

impl Start {
    /// `NAME=URL` for each URL of a member that it names.
    fn names(&self, member: &str) -> impl Iterator<Item = &str> {
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

// Names and URLs need no quotes.

impl JoiningMember {
    fn new(member: &Label, peer_urls: &[MemberUrl]) -> Self {
        let peer_urls = texts(peer_urls);
        let command = format!("etcdctl member add {member} --peer-urls={}", peer_urls.join(","));
        Self { member: member.to_string(), peer_urls, command }
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
    fn new(member: &Label) -> Self {
        let command = format!("etcdctl member remove {}", id_of(member));
        Self { member: member.to_string(), command }
    }
}

fn texts(urls: &[MemberUrl]) -> Vec<String> {
    urls.iter().map(ToString::to_string).collect()
}

/// In a shell, what etcd calls a member by.
fn id_of(member: &Label) -> String {
    format!("\"$(etcdctl member list | awk -F', ' '$3 == \"{member}\" {{print $1}}')\"")
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
        assert_eq!(joining[0].command, "etcdctl member add d --peer-urls=https://10.0.0.4:2380");

        let shrunk = cluster(&THREE, "");
        assert_eq!(shrunk.starts(&starts), founders);
        let leaving = shrunk.leaving(&starts);
        assert_eq!(leaving.iter().map(|leaving| leaving.member.as_str()).collect::<Vec<_>>(), ["d"]);
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
