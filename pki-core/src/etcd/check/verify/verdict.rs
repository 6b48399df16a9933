//! The verdict: whether the cluster forms, and which losses it survives.

use crate::base::place::Place;
use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::verify::Connections;
use crate::etcd::check::verify::meeting::Outcome;
use crate::etcd::check::verify::member::Node;
use crate::etcd::check::verify::quorum::Quorum;
use crate::etcd::check::verify::report::{Link, Loss, Verdict, some};
use crate::etcd::check::verify::rules;

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
    pub(crate) fn verdict(&self, mesh: &[Vec<Link>]) -> Verdict {
        let dials = mesh
            .iter()
            .map(|row| row.iter().map(|link| matches!(link, Link::Connects | Link::Depends)).collect())
            .collect();
        let quorum = Quorum::new(self.nodes.iter().map(Node::starts).collect(), dials);
        let name = |at: usize| self.nodes.get(at).map(|node| node.name.clone()).unwrap_or_default();
        let silent = |lost: Option<usize>| {
            let left = |at: &usize| Some(*at) != lost && self.nodes.get(*at).is_some_and(Node::starts);
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
                .map(|lost| Loss { member: name(lost), silent: silent(Some(lost)) })
                .collect(),
            stranded: quorum.stranded().map(name).collect(),
        }
    }

    /// The verdict in one sentence.
    pub(crate) fn summary(&self, verdict: &Verdict, mesh: &[Vec<Link>]) -> String {
        let text = self.verdict_in_words(verdict);
        let is_open = mesh.iter().flatten().any(|link| *link == Link::Depends);
        if is_open { format!("{text}, if what is unknown here is in order") } else { text }
    }

    fn verdict_in_words(&self, verdict: &Verdict) -> String {
        if !verdict.forms {
            return format!("does not form: {}", self.why_it_does_not_form(verdict));
        }
        let size = self.nodes.len();
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
        let size = self.nodes.len();
        let starting = self.nodes.iter().filter(|node| node.starts()).count();
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
                    self.nodes.len()
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
