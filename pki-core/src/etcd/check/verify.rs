//! Finds out which members and clients of a cluster can connect to each other, using only their files.
//!
//! [`Connections::read`] takes what [`found`](crate::etcd::found) finds in a folder. [`Connections::verify`] tries every
//! connection that should succeed with real handshakes ([`tls`](crate::tls)), and some that must fail, and counts
//! whether a majority is left when a member is lost.

mod assembly;
mod attempt;
mod client;
mod clusters;
mod meeting;
mod member;
mod membership;
mod names;
mod obstacle;
mod plan;
mod probe;
mod quorum;
mod reach;
mod report;
mod rules;
mod start;
mod trust;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

pub use meeting::Conditions;
pub use probe::UntrustedCa;
pub use report::{FirstEnd, Link, Loss, MemberReport, Tried, Verdict, Verification};
pub(crate) use rules::RULES;
pub use trust::{Accepted, Access, PortCaller, PortTrust};

use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::finding::Finding;
use crate::etcd::option::version::EtcdVersion;
use attempt::{Attempt, Way};
use client::ClientNode;
use meeting::{Dial, Outcome, Parties};
use member::{End, Node};
use membership::{Assume, Membership};
use obstacle::{Obstacle, Unknown};
use probe::Probes;
use report::{Failing, breach, failed_connections};

/// Members and clients with their files, and every connection that should be possible between them.
#[derive(Debug)]
pub struct Connections {
    version: EtcdVersion,
    parties: Parties,
    /// What the cluster is called where there are several.
    name: String,
    nodes: Vec<Node>,
    membership: Membership,
    clients: Vec<ClientNode>,
    /// When certificates end.
    ends: BTreeSet<End>,
    /// What is not looked at, relative to the folder.
    left_out: Vec<PathBuf>,
    /// What the files do not tell, as far as it is known before the connections are tried.
    findings: Vec<Finding>,
    attempts: Vec<Attempt>,
    /// The handshakes of the attempts.
    dials: Vec<Dial>,
    probes: Probes,
    /// The addresses that each caller is assumed to dial from.
    sources_of: BTreeMap<usize, BTreeSet<IpAddr>>,
}

impl Connections {
    /// The number of members whose files are here.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Tries every connection and counts.
    pub fn verify(&self, conditions: Conditions<'_>) -> Verification {
        let outcomes = self.outcomes(conditions);
        let mesh = self.links(&outcomes);
        let verdict = self.verdict(&mesh, Assume::Best);
        let assumes = self.assumptions(&outcomes, &mesh);
        let results = self.probes.run(&self.parties, conditions);
        let size = self.nodes.len();
        let mut findings = self.findings.clone();
        findings.extend(self.nodes.iter().flat_map(|node| node.faults.iter().chain(&node.unseen).cloned()));
        let failing = self.attempts.iter().zip(&outcomes);
        findings.extend(failed_connections(
            failing.flat_map(|(attempt, outcome)| self.failing(attempt, outcome)),
        ));
        findings.extend(results.breaches.into_iter().map(|connection| breach(connection, size)));
        findings.extend(self.lost_majorities(&verdict));
        if verdict.forms && !self.is_founded(&mesh, Assume::Best) {
            findings.push(self.not_founded());
        }
        findings.sort_by_key(|finding| (finding.severity, finding.rule));
        let tried = |kind| self.attempts.iter().filter(|attempt| attempt.kind == kind).count();
        Verification {
            etcd: self.version.to_string(),
            at: conditions.now,
            cluster: self.name.clone(),
            summary: self.summary(&verdict, &assumes),
            otherwise: (!assumes.is_empty()).then(|| self.verdict(&mesh, Assume::Worst)),
            verdict,
            assumes,
            members: self.nodes.iter().map(|node| self.report(node)).collect(),
            mesh,
            tried: Tried {
                peers: tried(ConnectionKind::Peer),
                clients: tried(ConnectionKind::Client),
                gateways: tried(ConnectionKind::Gateway),
                forbidden: results.forbidden,
            },
            findings,
            also_opens: results.also_opens,
            left_out: self.left_out.clone(),
            first_end: self.first_end(conditions, &outcomes),
        }
    }

    /// The outcome of every attempt.
    fn outcomes(&self, conditions: Conditions<'_>) -> Vec<Outcome> {
        let dialled = self.parties.meet(&self.dials, conditions);
        let of_attempt = |attempt: &Attempt| match &attempt.way {
            Way::Known(outcome) => outcome.clone(),
            Way::Dials(range) => {
                let ends = dialled.get(range.clone()).unwrap_or_default();
                let sources = self.dials.get(range.clone()).unwrap_or_default();
                let refused = || {
                    let all = sources.iter().zip(ends).filter(|(_, end)| end.is_some());
                    all.filter_map(|(dial, _)| dial.source).collect::<Vec<_>>()
                };
                match ends.iter().find(|end| end.is_some()) {
                    Some(Some(_)) if ends.iter().any(Option::is_none) => {
                        Some(Arc::new(Obstacle::Depends(Unknown::WhichSource(refused()))))
                    }
                    Some(end) => end.clone(),
                    None => None,
                }
            }
        };
        let with_assumption = |attempt: &Attempt| of_attempt(attempt).or_else(|| attempt.assumes.clone());
        self.attempts.iter().map(with_assumption).collect()
    }

    fn report(&self, node: &Node) -> MemberReport {
        let comes_from = self.sources_of.get(&node.caller);
        MemberReport {
            name: node.name.clone(),
            starts: node.starts(),
            comes_from: comes_from.into_iter().flatten().copied().collect(),
        }
    }

    /// Why an attempt fails or may fail.
    fn failing(&self, attempt: &Attempt, outcome: &Outcome) -> Vec<Failing> {
        // What was not seen of two members is told of each of them.
        let is_told =
            |obstacle: &Arc<Obstacle>| !matches!(**obstacle, Obstacle::Depends(Unknown::NotSeen(_)));
        let is_open = outcome.as_deref().is_some_and(Obstacle::is_open);
        let assumes = attempt.assumes.as_ref().filter(|assumes| is_open && outcome.as_ref() != Some(assumes));
        let all = outcome.iter().filter(|obstacle| is_told(obstacle)).chain(assumes);
        all.map(|obstacle| {
            let (from, to) = self.ends_of(attempt);
            Failing { kind: attempt.kind, from, to, obstacle: Arc::clone(obstacle) }
        })
        .collect()
    }

    /// The names of both sides.
    fn ends_of(&self, attempt: &Attempt) -> (String, String) {
        let node = |at: usize| self.nodes.get(at).map(|node| node.name.clone()).unwrap_or_default();
        let from = match attempt.kind {
            ConnectionKind::Client => {
                self.clients.get(attempt.from).map(|client| client.name.clone()).unwrap_or_default()
            }
            ConnectionKind::Peer | ConnectionKind::Gateway => node(attempt.from),
        };
        (from, node(attempt.to))
    }

    /// The first moment at which something ends that works now.
    fn first_end(&self, conditions: Conditions<'_>, outcomes: &[Outcome]) -> Option<FirstEnd> {
        let mut certificates: BTreeMap<OffsetDateTime, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for End { at, file, owner } in self.ends.iter().filter(|end| end.at >= conditions.now) {
            let files = certificates.entry(*at).or_default();
            files.entry(file.clone()).or_default().push(owner.clone());
        }
        let lost_after = |end: OffsetDateTime| {
            let now = end.checked_add(Duration::SECOND)?;
            let later = self.outcomes(Conditions { now, ..conditions });
            let pairs = outcomes.iter().zip(&later);
            let lost = pairs.enumerate().find(|(_, (now, later))| now.is_none() && later.is_some());
            lost.map(|(at, _)| at)
        };
        // What has ended stays ended, so there is one moment before which nothing is lost.
        let moments: Vec<OffsetDateTime> = certificates.keys().copied().collect();
        let first = moments.partition_point(|end| lost_after(*end).is_none());
        let at = *moments.get(first)?;
        let (from, to) = self.ends_of(self.attempts.get(lost_after(at)?)?);
        Some(FirstEnd {
            at,
            certificates: certificates.remove(&at).unwrap_or_default(),
            connection: format!("{from} to {to}"),
        })
    }
}
