//! Certificates where they were not made for: what a layout keeps apart must not open.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use time::OffsetDateTime;

use super::guest::Guest;
use super::meeting::{Circumstances, Company, Dial, Trust};
use super::node::{Door, Lock, Node, Shown};
use super::report::Visit;
use crate::ca;
use crate::error::Error;
use crate::key::{KeyAlgorithm, KeySource};
use crate::random::Random;
use crate::request::Request;
use crate::tls::{Authorities, Client, Identity, Leniency, NoStart};

/// Somebody with a CA of his own, whom nobody trusts.
#[derive(Debug, Clone)]
pub struct Stranger(Result<Identity, NoStart>);

impl Stranger {
    /// Makes one.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn new(keys: &dyn KeySource, random: &dyn Random, now: OffsetDateTime) -> Result<Self, Error> {
        let request = Request { common_name: "stranger".to_owned(), ..Request::default() };
        let key = keys.generate(KeyAlgorithm::EcdsaP256)?;
        let authority = ca::create(&request, &key, now, random)?.value.certificate;
        let (certificate, key) = (authority.to_pem(), key.to_pem());
        Ok(Self(Identity::read(certificate.as_bytes(), key.as_bytes(), Leniency::default())))
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Visited {
    pub(super) forbidden: usize,
    pub(super) breaches: Vec<Visit>,
    pub(super) opens_also: Vec<Visit>,
}

/// Certificates, and the ports to try them at.
#[derive(Debug, Default)]
pub(super) struct Visits {
    planned: Vec<Planned>,
    dials: Vec<Dial>,
    /// Ports that take everybody, without asking.
    open: Vec<Visit>,
}

#[derive(Debug)]
struct Planned {
    visitor: &'static str,
    of: String,
    port: &'static str,
    members: Vec<String>,
    is_forbidden: bool,
}

/// Ports that judge alike.
#[derive(Clone)]
struct Gate {
    port: usize,
    members: Vec<String>,
    is_selective: bool,
    demands: bool,
}

impl Visits {
    /// Who is to be tried where. One port is tried of those that judge alike.
    pub(super) fn plan(nodes: &[Node], guests: &[Guest], stranger: &Stranger, company: &mut Company) -> Self {
        let mut visits = Self::default();
        let host = company.host("");
        let is_separate = nodes.iter().all(|node| {
            let (peers, clients) = (&node.peer.authorities, &node.client.authorities);
            !peers.is_empty() && !clients.is_empty() && peers.is_disjoint(clients)
        });
        let peer_gates = visits.gates(nodes, "peer", |node| &node.peer, company);
        let client_gates = visits.gates(nodes, "client", |node| &node.client, company);
        let mut visit = |visitor,
                         of: &str,
                         shown: Option<&Shown>,
                         port,
                         gates: &[Gate],
                         is_forbidden: &dyn Fn(&Gate) -> bool| {
            let caller = company.caller(dialler(shown.map(|shown| shown.identity.clone())), trust(shown));
            let source = shown.and_then(|shown| shown.address).unwrap_or(Ipv4Addr::LOCALHOST.into());
            for gate in gates {
                visits.dials.push(Dial { caller, port: gate.port, host, source: Some(source) });
                visits.planned.push(Planned {
                    visitor,
                    of: of.to_owned(),
                    port,
                    members: gate.members.clone(),
                    is_forbidden: is_forbidden(gate),
                });
            }
        };
        let is_kept_out = |gate: &Gate| is_separate || gate.is_selective;
        for (port, gates) in [("peer", &peer_gates), ("client", &client_gates)] {
            visit("nobody", "", None, port, gates, &|gate| gate.demands);
            if let Ok(identity) = &stranger.0 {
                let asking: Vec<Gate> = gates.iter().filter(|gate| gate.demands).cloned().collect();
                let shown = Shown::of_stranger(identity.clone());
                visit("stranger", "", Some(&shown), port, &asking, &|_| true);
            }
        }
        for guest in guests {
            visit("client", &guest.name, guest.shown.as_ref(), "peer", &peer_gates, &is_kept_out);
        }
        for node in nodes.iter().filter(|node| node.starts()) {
            let (peer, server) = (node.peer.shown.as_ref(), node.client.shown.as_ref());
            let is_one =
                peer.zip(server).is_some_and(|(peer, server)| peer.certificate == server.certificate);
            if let (Some(server), false) = (server, is_one) {
                visit("server", &node.name, Some(server), "peer", &peer_gates, &is_kept_out);
            }
            if let (Some(peer), false) = (peer, is_one) {
                visit("peer", &node.name, Some(peer), "client", &client_gates, &is_kept_out);
            }
            if let Some(server) = server {
                let is_needed = node.gateway.is_some() && node.gateway_shows_server;
                let is_forbidden = |_: &Gate| is_separate && !is_needed;
                visit("server", &node.name, Some(server), "client", &client_gates, &is_forbidden);
            }
            if let Some(gateway) = &node.gateway_certificate {
                visit("gateway", &node.name, Some(gateway), "peer", &peer_gates, &is_kept_out);
            }
        }
        visits
    }

    /// The ports of one kind, one for each way to judge; those that judge nobody are noted.
    fn gates<'a>(
        &mut self,
        nodes: &'a [Node],
        port: &'static str,
        door: impl Fn(&'a Node) -> &'a Door,
        company: &Company,
    ) -> Vec<Gate> {
        let mut gates: BTreeMap<usize, Gate> = BTreeMap::new();
        let mut open = Vec::new();
        for node in nodes.iter().filter(|node| node.starts()) {
            let door = door(node);
            if door.lock == Lock::SelfMade || door.listening.iter().any(|url| !url.is_tls()) {
                open.push(node.name.clone());
            }
            let Lock::Port(number) = door.lock else { continue };
            let Some(trust) = company.trust_of_port(number) else { continue };
            let new = || Gate {
                port: number,
                members: Vec::new(),
                is_selective: door.is_selective,
                demands: company.demands(number),
            };
            gates.entry(trust).or_insert_with(new).members.push(node.name.clone());
        }
        if !open.is_empty() {
            self.open.push(Visit { visitor: "nobody", of: Vec::new(), port, members: open });
        }
        gates.into_values().collect()
    }

    /// Tries them.
    pub(super) fn make(&self, company: &Company, circumstances: Circumstances<'_>) -> Visited {
        let ends = company.meet(&self.dials, circumstances);
        let mut visited = Visited {
            forbidden: self.planned.iter().filter(|planned| planned.is_forbidden).count(),
            breaches: Vec::new(),
            opens_also: self.open.clone(),
        };
        for (planned, _) in self.planned.iter().zip(&ends).filter(|(_, end)| end.is_none()) {
            let list = if planned.is_forbidden { &mut visited.breaches } else { &mut visited.opens_also };
            let same = list.iter_mut().find(|visit| {
                (visit.visitor, visit.port) == (planned.visitor, planned.port)
                    && visit.members == planned.members
            });
            let of = Some(planned.of.clone()).filter(|of| !of.is_empty());
            match same {
                Some(visit) => visit.of.extend(of),
                None => list.push(Visit {
                    visitor: planned.visitor,
                    of: of.into_iter().collect(),
                    port: planned.port,
                    members: planned.members.clone(),
                }),
            }
        }
        visited
    }
}

/// Who does not look at the port's certificate: only what the port says counts.
fn dialler(identity: Option<Identity>) -> Client {
    let mut client = Client::new(String::new(), Authorities::System);
    client.authorities = None;
    client.identity = identity;
    client
}

fn trust(shown: Option<&Shown>) -> Trust {
    Trust { key: shown.map(|shown| shown.key.clone()).unwrap_or_default(), ..Trust::default() }
}
