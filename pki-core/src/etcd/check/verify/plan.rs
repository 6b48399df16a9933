//! Decides which connections are tried: those between members, of clients and of gRPC gateways.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::base::place::Place;
use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::verify::Connections;
use crate::etcd::check::verify::attempt::{Attempt, Way};
use crate::etcd::check::verify::meeting::{Dial, Outcome};
use crate::etcd::check::verify::member::{Listener, ListenerTls, Node};
use crate::etcd::check::verify::obstacle::Obstacle;
use crate::etcd::check::verify::rules;
use crate::etcd::found::FoundUrl;
use crate::tls::{Lookup, NoStart};

impl Connections {
    pub(crate) fn plan_peers(&mut self) {
        let size = self.nodes.len();
        let numbers: Vec<Vec<usize>> = self
            .nodes
            .iter()
            .map(|node| node.peer.advertised.iter().map(|url| self.parties.host(&url.host)).collect())
            .collect();
        for from in 0..size {
            for to in (0..size).filter(|to| *to != from) {
                let (Some(dialler), Some(target)) = (self.nodes.get(from), self.nodes.get(to)) else {
                    continue;
                };
                if !(dialler.starts() && target.starts()) {
                    continue;
                }
                let hosts = numbers.get(to).into_iter().flatten();
                for (url, host) in target.peer.advertised.iter().zip(hosts) {
                    let way = match behind(url, &target.peer) {
                        Err(known) => Way::Known(known),
                        Ok(port) => {
                            let first = self.dials.len();
                            let dial = |source| Dial { caller: dialler.caller, port, host: *host, source };
                            match self.sources(dialler, &url.host).as_slice() {
                                [] => self.dials.push(dial(None)),
                                known => self.dials.extend(known.iter().map(|source| dial(Some(*source)))),
                            }
                            Way::Dials(first..self.dials.len())
                        }
                    };
                    self.attempts.push(Attempt { kind: ConnectionKind::Peer, from, to, way });
                }
            }
        }
    }

    /// The addresses that a member may dial a host from.
    ///
    /// The kernel chooses: to any address of the loopback, the first one of it; to others, one of the member's own of
    /// the same family.
    fn sources(&self, dialler: &Node, host: &str) -> Vec<IpAddr> {
        let targets = self.parties.names.addresses(host);
        if let Some(loopback) = targets.iter().find(|address| address.is_loopback()) {
            return vec![match loopback {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            }];
        }
        let mut own = dialler.peer.addresses();
        own.extend(dialler.peer.advertised.iter().flat_map(|url| self.parties.names.addresses(&url.host)));
        let is_alike = |own: &IpAddr| {
            targets.is_empty() || targets.iter().any(|target| target.is_ipv4() == own.is_ipv4())
        };
        own.into_iter().filter(|own| !own.is_loopback() && is_alike(own)).collect()
    }

    pub(crate) fn plan_clients(&mut self) {
        let mut strays: BTreeSet<(String, String)> = BTreeSet::new();
        let mut planned = Vec::new();
        for (from, client) in self.clients.iter().enumerate() {
            let mut reached = BTreeSet::new();
            for url in &client.endpoints {
                let members =
                    self.nodes.iter().enumerate().filter(|(_, node)| self.is_reached(&node.client, url));
                let members: Vec<usize> = members.map(|(to, _)| to).collect();
                if members.is_empty() {
                    strays.insert((client.name.clone(), url.text.clone()));
                }
                planned.extend(members.iter().map(|to| (from, *to, url.clone())));
                reached.extend(members);
            }
            let others = self.nodes.iter().enumerate().filter(|(to, _)| !reached.contains(to));
            planned.extend(others.flat_map(|(to, node)| {
                node.client.advertised.iter().map(move |url| (from, to, url.clone()))
            }));
        }
        for (client, url) in strays {
            let problem = format!("no member listens at its endpoint {url}");
            let finding = rules::STRAY_ENDPOINT.finding(Place::default(), problem);
            self.findings.push(finding.about(format!("client {client}")));
        }
        for (from, to, url) in planned {
            let (Some(client), Some(node)) = (self.clients.get(from), self.nodes.get(to)) else { continue };
            if !node.starts() {
                continue;
            }
            let way = match (&client.caller, behind(&url, &node.client)) {
                (Err(why), _) => Way::Known(Some(Arc::new(Obstacle::Unusable(why.clone())))),
                (_, Err(known)) => Way::Known(known),
                (Ok(caller), Ok(port)) => {
                    let host = self.parties.host(&url.host);
                    self.dial_once(Dial { caller: *caller, port, host, source: None })
                }
            };
            self.attempts.push(Attempt { kind: ConnectionKind::Client, from, to, way });
        }
    }

    pub(crate) fn plan_gateways(&mut self) {
        let host = self.parties.host("localhost");
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(at).filter(|node| node.starts()) else { continue };
            if let (Some(caller), ListenerTls::Port(port)) = (node.gateway, node.client.tls) {
                let way = self.dial_once(Dial { caller, port, host, source: None });
                self.attempts.push(Attempt { kind: ConnectionKind::Gateway, from: at, to: at, way });
            }
        }
    }

    fn dial_once(&mut self, dial: Dial) -> Way {
        self.dials.push(dial);
        Way::Dials(self.dials.len() - 1..self.dials.len())
    }

    /// Whether an endpoint leads to a member's client port.
    fn is_reached(&self, listener: &Listener, url: &FoundUrl) -> bool {
        let addresses = self.parties.names.addresses(&url.host);
        let is_here = |own: &FoundUrl| {
            let same = own.host.eq_ignore_ascii_case(&url.host)
                || self.parties.names.addresses(&own.host).iter().any(|address| addresses.contains(address));
            same && own.port == url.port
        };
        listener.advertised.iter().chain(&listener.listening).any(is_here)
    }
}

/// The port with TLS that answers at a URL, or the outcome if none answers.
fn behind(url: &FoundUrl, listener: &Listener) -> Result<usize, Outcome> {
    let obstacle = |obstacle| Err(Some(Arc::new(obstacle)));
    let listens_with_tls = listener.listens_with_tls(url);
    if url.is_tls() != listens_with_tls {
        return obstacle(Obstacle::Scheme { url: url.text.clone(), listens_with_tls });
    }
    match listener.tls {
        _ if !listens_with_tls => Err(None),
        ListenerTls::Port(port) => Ok(port),
        ListenerTls::SelfMade => obstacle(Obstacle::SelfMade),
        ListenerTls::None => obstacle(Obstacle::Unusable(NoStart::NoCertificate)),
    }
}
