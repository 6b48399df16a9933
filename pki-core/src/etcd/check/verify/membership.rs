//! Who is a member of the cluster: who counts for its majority, whose files are not here, and who founds another one.

use std::collections::{BTreeSet, HashMap};

use crate::etcd::check::verify::clusters::{Candidate, Scope};
use crate::etcd::found::FoundUrl;

/// The members of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// Of each member that is here, whether it counts for the majority.
    pub(crate) counts: Vec<bool>,
    /// Of each member that is here, whether those who found the cluster name it.
    pub(crate) is_founded: Vec<bool>,
    /// Of each member that is here, whether it joins a cluster that exists.
    pub(crate) joins: Vec<bool>,
    /// The members that are named and whose files are not here.
    pub(crate) absent: Vec<String>,
    /// Who is named, and has left by the record of the output folder.
    pub(crate) left: Vec<String>,
    /// Of each member that is here, the URLs at which it dials another one, by the number of the other.
    pub(crate) dials: Vec<HashMap<usize, Vec<FoundUrl>>>,
    /// What each founds; `None` for one that joins.
    founds: Vec<Option<String>>,
    /// What most of them found.
    main: Option<String>,
}

/// What is taken for granted of what the files do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assume {
    /// That all of it is in order.
    Best,
    /// That nothing of it is.
    Worst,
}

impl Membership {
    /// `meant` tells which of these members an entry of `initial-cluster` means.
    pub(crate) fn of(
        members: &[&Candidate<'_>],
        scope: &Scope,
        is_only_cluster: bool,
        meant: impl Fn(&Candidate<'_>, &(String, FoundUrl)) -> Option<usize>,
    ) -> Self {
        let founds: Vec<Option<String>> = members.iter().map(|member| member.founds.clone()).collect();
        let main = most_founded(&founds);
        let mut membership = Self { founds, main, ..Self::default() };
        let (mut named, mut absent, mut left) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut founded = BTreeSet::new();
        let names = |member: &&'_ &Candidate<'_>| [Some(member.name.clone()), member.recorded_as.clone()];
        let present: BTreeSet<String> = members.iter().flat_map(|member| names(&member)).flatten().collect();
        let recorded = scope.recorded.as_ref();
        for (number, member) in members.iter().enumerate() {
            let is_of_cluster = !membership.founds_another(number);
            let mut dials: HashMap<usize, Vec<FoundUrl>> = HashMap::new();
            for entry in &member.entries {
                let (name, url) = entry;
                match meant(member, entry) {
                    Some(to) => {
                        dials.entry(to).or_default().push(url.clone());
                        if is_of_cluster {
                            named.insert(to);
                        }
                        if is_of_cluster && !member.joins {
                            founded.insert(to);
                        }
                    }
                    None if scope.former.contains(name) => {
                        left.insert(name.clone());
                    }
                    None if is_of_cluster => {
                        absent.insert(name.clone());
                    }
                    None => {}
                }
            }
            membership.dials.push(dials);
        }
        if is_only_cluster {
            let recorded = recorded.into_iter().flat_map(|recorded| recorded.iter());
            absent.extend(recorded.filter(|name| !present.contains(name.as_str())).cloned());
        }
        // Who joins was added before it starts, so the others do not have to name it.
        let joins = |number: usize| membership.founds.get(number).is_some_and(Option::is_none);
        membership.counts =
            (0..members.len()).map(|number| named.contains(&number) || joins(number)).collect();
        if absent.is_empty() && !membership.counts.contains(&true) {
            membership.counts.fill(true);
        }
        membership.is_founded = (0..members.len()).map(|number| founded.contains(&number)).collect();
        membership.joins = members.iter().map(|member| member.joins).collect();
        membership.absent = absent.into_iter().collect();
        membership.left = left.into_iter().collect();
        membership
    }

    /// How many members the cluster has.
    pub(crate) fn size(&self) -> usize {
        self.counts.iter().filter(|counts| **counts).count() + self.absent.len()
    }

    /// Whether a member founds another cluster than most of them do.
    pub(crate) fn founds_another(&self, number: usize) -> bool {
        let founds = self.founds.get(number).and_then(Option::as_ref);
        founds.is_some_and(|founds| Some(founds) != self.main.as_ref())
    }

    /// Whether two members are of one cluster.
    pub(crate) fn is_one_cluster(&self, a: usize, b: usize) -> bool {
        let founds = |number: usize| self.founds.get(number).and_then(Option::as_ref).or(self.main.as_ref());
        founds(a) == founds(b)
    }
}

/// What most members found; of several, the cluster with the most members, and of those, what the first of them founds.
fn most_founded(founds: &[Option<String>]) -> Option<String> {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    let mut places: HashMap<&String, usize> = HashMap::new();
    for founded in founds.iter().flatten() {
        let place = *places.entry(founded).or_insert(counts.len());
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((founded, 1)),
        }
    }
    counts
        .into_iter()
        .rev()
        .max_by_key(|(founded, count)| (*count, founded.lines().count()))
        .map(|(founded, _)| founded.clone())
}
