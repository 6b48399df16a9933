//! The verdict: whether the cluster forms, and which losses it survives.

use std::collections::BTreeSet;

use crate::base::place::Place;
use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::finding::{Finding, Rule};
use crate::etcd::check::verify::Connections;
use crate::etcd::check::verify::meeting::Outcome;
use crate::etcd::check::verify::member::Node;
use crate::etcd::check::verify::membership::{Assume, Membership};
use crate::etcd::check::verify::quorum::Quorum;
use crate::etcd::check::verify::report::{Link, Loss, Verdict, some};
use crate::etcd::check::verify::rules;

/// The most assumptions that a sentence has.
const MOST_ASSUMPTIONS: usize = 3;

/// A member that counts for the majority.
enum Voter<'a> {
    /// The number of a member whose files are here.
    Here(usize),
    /// The name of a member whose files are not here.
    Absent(&'a str),
}

impl Voter<'_> {
    fn here(&self) -> Option<usize> {
        match self {
            Self::Here(at) => Some(*at),
            Self::Absent(_) => None,
        }
    }
}

/// More pairs of members that cannot talk would say nothing new.
const MOST_PAIRS: usize = 10;

impl Connections {
    /// Which member can dial which, at any of its URLs: etcd tries one after the other (rafthttp/urlpick.go).
    pub(crate) fn links(&self, outcomes: &[Outcome]) -> Vec<Vec<Link>> {
        let size = self.nodes.len();
        let mut mesh = vec![vec![Link::NotThere; size]; size];
        for (at, row) in mesh.iter_mut().enumerate() {
            if let Some(link) = row.get_mut(at) {
                *link = Link::Itself;
            }
        }
        for (attempt, outcome) in self.attempts.iter().zip(outcomes) {
            if attempt.kind != ConnectionKind::Peer {
                continue;
            }
            let found = match outcome.as_deref() {
                None => Link::Connects,
                Some(obstacle) if obstacle.is_open() => Link::Depends,
                Some(_) => Link::Fails,
            };
            if let Some(link) = mesh.get_mut(attempt.from).and_then(|row| row.get_mut(attempt.to)) {
                *link = match (*link, found) {
                    (Link::Connects, _) | (_, Link::Connects) => Link::Connects,
                    (Link::Depends, _) | (_, Link::Depends) => Link::Depends,
                    _ => Link::Fails,
                };
            }
        }
        mesh
    }

    /// Whether the cluster forms, and which losses it survives.
    pub(crate) fn verdict(&self, mesh: &[Vec<Link>], assume: Assume) -> Verdict {
        let voters = self.voters();
        let is_founded = assume == Assume::Best || self.is_founded(mesh, assume);
        let quorum = self.quorum(mesh, &voters, assume, |_| is_founded);
        let name = |at: usize| voters.get(at).map(|voter| self.name_of(voter)).unwrap_or_default();
        let silent = |lost: usize| {
            let left = |at: &usize| *at != lost && quorum.runs(*at);
            let pairs = (0..quorum.size()).filter(left).flat_map(|a| {
                let others = (a + 1..quorum.size()).filter(left);
                others.filter(|b| !quorum.talk(a, *b)).map(move |b| (a, b)).collect::<Vec<_>>()
            });
            pairs.take(MOST_PAIRS).map(|(a, b)| (name(a), name(b))).collect::<Vec<_>>()
        };
        let forms = quorum.forms();
        let fatal: Vec<usize> = match quorum.size() {
            1 => Vec::new(),
            _ if !forms => Vec::new(),
            _ => quorum.fatal_losses().collect(),
        };
        Verdict {
            forms,
            survives_any_one: forms && fatal.is_empty(),
            majority: quorum.majority(),
            fatal_losses: fatal
                .into_iter()
                .map(|lost| Loss { member: name(lost), silent: silent(lost) })
                .collect(),
            stranded: quorum.stranded().map(name).collect(),
        }
    }

    /// Whether those who found the cluster become one without those who join: who joins asks the others who they are, and
    /// ends unless they have a leader (etcd, server/etcdserver/bootstrap.go, `bootstrapExistingClusterNoWAL`).
    pub(crate) fn is_founded(&self, mesh: &[Vec<Link>], assume: Assume) -> bool {
        let is = |all: &[bool], at: usize| all.get(at).copied().unwrap_or_default();
        let Membership { is_founded, joins, .. } = &self.membership;
        let voters = self.voters();
        let has_joining = voters.iter().filter_map(Voter::here).any(|at| is(joins, at));
        if !has_joining || (assume == Assume::Best && !self.membership.absent.is_empty()) {
            return true;
        }
        let of_founders = |voter: &Voter<'_>| voter.here().is_none_or(|at| is(is_founded, at));
        let voters: Vec<Voter<'_>> = voters.into_iter().filter(of_founders).collect();
        let founds = |voter: &Voter<'_>| voter.here().is_none_or(|at| !is(joins, at));
        self.quorum(mesh, &voters, assume, founds).forms()
    }

    /// The finding about a cluster that is not founded.
    pub(crate) fn not_founded(&self) -> Finding {
        let joins = self.membership.joins.iter().filter(|joins| **joins).count();
        let problem = match self.membership.joins.len() {
            all if all == joins => "all members join a cluster that exists".to_owned(),
            all => format!(
                "{joins} of {all} members join a cluster that exists, and the others are too few to found it"
            ),
        };
        rules::NOT_FOUNDED.finding(Place::default(), problem)
    }

    fn voters(&self) -> Vec<Voter<'_>> {
        let counts = |number: &usize| self.membership.counts.get(*number).copied().unwrap_or_default();
        let here = (0..self.nodes.len()).filter(counts).map(Voter::Here);
        here.chain(self.membership.absent.iter().map(|name| Voter::Absent(name))).collect()
    }

    fn name_of(&self, voter: &Voter<'_>) -> String {
        match voter {
            Voter::Here(at) => self.nodes.get(*at).map(|node| node.name.clone()).unwrap_or_default(),
            Voter::Absent(name) => (*name).to_owned(),
        }
    }

    /// `takes_part` tells which of them run, if they start.
    fn quorum(
        &self,
        mesh: &[Vec<Link>],
        voters: &[Voter<'_>],
        assume: Assume,
        takes_part: impl Fn(&Voter<'_>) -> bool,
    ) -> Quorum {
        let dials = |from: usize, to: usize| match mesh.get(from).and_then(|row| row.get(to)) {
            Some(Link::Connects) => true,
            Some(Link::Depends) => assume == Assume::Best,
            _ => false,
        };
        let runs = |voter: &Voter<'_>| match voter {
            Voter::Here(at) => self
                .nodes
                .get(*at)
                .is_some_and(|node| node.starts() && (node.unseen.is_empty() || assume == Assume::Best)),
            Voter::Absent(_) => assume == Assume::Best,
        };
        let here: Vec<usize> = voters.iter().filter_map(Voter::here).collect();
        // A member that is not here, and is in order, talks to whoever talks to somebody.
        let is_reached =
            |at: usize| here.len() == 1 || here.iter().any(|other| dials(at, *other) || dials(*other, at));
        let reached: Vec<bool> = (0..self.nodes.len()).map(is_reached).collect();
        let dialled = |from: &Voter<'_>, to: &Voter<'_>| match (from, to) {
            (Voter::Here(from), Voter::Here(to)) => dials(*from, *to),
            (Voter::Here(at), Voter::Absent(_)) | (Voter::Absent(_), Voter::Here(at)) => {
                reached.get(*at).copied().unwrap_or_default()
            }
            (Voter::Absent(_), Voter::Absent(_)) => true,
        };
        let all = voters.iter().map(|from| voters.iter().map(|to| dialled(from, to)).collect());
        let runs = voters.iter().map(|voter| runs(voter) && takes_part(voter));
        Quorum::new(runs.collect(), all.collect())
    }

    /// What the verdict takes for granted.
    pub(crate) fn assumptions(&self, outcomes: &[Outcome], mesh: &[Vec<Link>]) -> Vec<String> {
        let is_founded = self.is_founded(mesh, Assume::Best);
        let mut all: BTreeSet<String> = BTreeSet::new();
        for (attempt, outcome) in self.attempts.iter().zip(outcomes) {
            let link = mesh.get(attempt.from).and_then(|row| row.get(attempt.to));
            if attempt.kind == ConnectionKind::Peer && link == Some(&Link::Depends) {
                let both = [outcome, &attempt.assumes];
                all.extend(both.into_iter().filter_map(|one| one.as_deref()?.assumption()));
            }
        }
        let has = |rule: &Rule| self.findings.iter().any(|finding| finding.rule == rule.id);
        let unseen = self.nodes.iter().filter(|node| node.starts() && !node.unseen.is_empty());
        let unseen: Vec<String> = unseen.map(|node| node.name.clone()).collect();
        let mut list: Vec<String> = all.into_iter().collect();
        if !unseen.is_empty() {
            list.push(format!("what was not seen of {} is in order", some(&unseen)));
        }
        match self.membership.absent.as_slice() {
            [] => {}
            [one] => list.push(format!("{one}, whose files are not here, is in order")),
            more => list.push(format!("{}, whose files are not here, are in order", some(more))),
        }
        if !is_founded {
            list.push("the members have data".to_owned());
        }
        if has(rules::INCOMPLETE_SETTINGS) {
            list.push("the settings that are not here are in order".to_owned());
        }
        if has(rules::DISCOVERED) {
            list.push("the members find each other".to_owned());
        }
        list
    }

    /// The verdict in one sentence.
    pub(crate) fn summary(&self, verdict: &Verdict, assumes: &[String]) -> String {
        let text = self.verdict_in_words(verdict);
        // What does not form as things are best does not form at all.
        if assumes.is_empty() || !verdict.forms {
            return text;
        }
        let shown = assumes.iter().take(MOST_ASSUMPTIONS).cloned().collect::<Vec<_>>().join(", and ");
        match assumes.len().saturating_sub(MOST_ASSUMPTIONS) {
            0 => format!("{text}, if {shown}"),
            more => format!("{text}, if {shown}, and {more} more of this kind"),
        }
    }

    fn verdict_in_words(&self, verdict: &Verdict) -> String {
        if !verdict.forms {
            return format!("does not form: {}", self.why_it_does_not_form(verdict));
        }
        let size = self.membership.size();
        let lost: Vec<&str> = verdict.fatal_losses.iter().map(|loss| loss.member.as_str()).collect();
        match lost.as_slice() {
            [] if size == 1 => "forms, with the only member that there is".to_owned(),
            [] => "survives the loss of any one member".to_owned(),
            lost if lost.len() == size => {
                format!(
                    "forms, and survives the loss of no member: {} of {size} are needed",
                    verdict.majority
                )
            }
            lost => format!("forms, and does not survive the loss of {}", lost.join(", of ")),
        }
    }

    fn why_it_does_not_form(&self, verdict: &Verdict) -> String {
        let size = self.membership.size();
        let starts = |voter: &Voter<'_>| match voter {
            Voter::Here(at) => self.nodes.get(*at).is_some_and(Node::starts),
            Voter::Absent(_) => true,
        };
        let starting = self.voters().iter().filter(|voter| starts(voter)).count();
        if starting < verdict.majority {
            return format!("{starting} of {size} members start, and {} are needed", verdict.majority);
        }
        format!("no member can talk to enough others, {} of {size} are needed", verdict.majority)
    }

    /// Findings about a majority that is lost.
    pub(crate) fn lost_majorities(&self, verdict: &Verdict) -> Vec<Finding> {
        if !verdict.forms {
            let problem = self.why_it_does_not_form(verdict);
            return vec![rules::NO_MAJORITY.finding(Place::default(), problem)];
        }
        let losses = verdict.fatal_losses.iter().map(|loss| {
            let pairs: Vec<String> = loss.silent.iter().map(|(a, b)| format!("{a} and {b}")).collect();
            let problem = match pairs.as_slice() {
                [] => format!(
                    "without it too few members run: {} of {} are needed",
                    verdict.majority,
                    self.membership.size()
                ),
                pairs => format!("without it these cannot talk in either direction: {}", some(pairs)),
            };
            rules::FATAL_LOSS.finding(Place::default(), problem).about(&loss.member)
        });
        let stranded = verdict.stranded.iter().map(|member| {
            let problem = "it can talk to no member that can be the leader";
            rules::STRANDED.finding(Place::default(), problem).about(member)
        });
        losses.chain(stranded).collect()
    }
}
