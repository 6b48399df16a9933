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
use crate::etcd::check::verify::obstacle::{Obstacle, Unknown};
use crate::etcd::check::verify::reach::{Destination, Sockets};
use crate::etcd::check::verify::rules;
use crate::etcd::found::FoundUrl;
use crate::tls::{Lookup, NoStart};

impl Connections {
    pub(crate) fn plan_peers(&mut self) {
        let size = self.nodes.len();
        let sockets = Sockets::of(&self.nodes);
        for from in 0..size {
            for to in (0..size).filter(|to| *to != from) {
                for url in self.dialled(from, to) {
                    let planned = self.peer_way(from, to, &url, &sockets);
                    let Some((way, assumes)) = planned else { continue };
                    self.attempts.push(Attempt { kind: ConnectionKind::Peer, from, to, way, assumes });
                }
            }
        }
    }

    /// The URLs at which a member dials another one. A member knows the URLs of those that joined later from the others.
    fn dialled(&self, from: usize, to: usize) -> Vec<FoundUrl> {
        let named = self.membership.dials.get(from).and_then(|dials| dials.get(&to));
        let advertised = self.nodes.get(to).map(|node| &node.peer.advertised);
        named.or(advertised).cloned().unwrap_or_default()
    }

    fn peer_way(
        &mut self,
        from: usize,
        to: usize,
        url: &FoundUrl,
        sockets: &Sockets,
    ) -> Option<(Way, Outcome)> {
        let host = self.parties.host(&url.host);
        let (dialler, target) = (self.nodes.get(from)?, self.nodes.get(to)?);
        if !(dialler.starts() && target.starts()) {
            return None;
        }
        if !self.membership.is_one_cluster(from, to) {
            return Some((Way::Known(Some(Arc::new(Obstacle::OtherCluster))), None));
        }
        if let Some(unseen) = [dialler, target].into_iter().find(|node| !node.unseen.is_empty()) {
            let unknown = Unknown::NotSeen(unseen.name.clone());
            return Some((Way::Known(Some(Arc::new(Obstacle::Depends(unknown)))), None));
        }
        let destination = sockets.destination(url, ConnectionKind::Peer, Some((from, dialler)), (to, target));
        let (behind, assumes) = self.behind(url, &target.peer, ConnectionKind::Peer, from, destination);
        let way = match behind {
            Err(known) => Way::Known(known),
            Ok(port) => {
                let first = self.dials.len();
                let dial = |source| Dial { caller: dialler.caller, port, host, source };
                let dials: Vec<Dial> = match self.sources(dialler, &url.host).as_slice() {
                    [] => vec![dial(None)],
                    known => known.iter().map(|source| dial(Some(*source))).collect(),
                };
                self.dials.extend(dials);
                Way::Dials(first..self.dials.len())
            }
        };
        Some((way, assumes))
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

    /// `tells_strays` is whether endpoints at which no member listens are findings.
    pub(crate) fn plan_clients(&mut self, tells_strays: bool) {
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
        for (client, url) in strays.into_iter().filter(|_| tells_strays) {
            let problem = format!("no member listens at its endpoint {url}");
            let finding = rules::STRAY_ENDPOINT.finding(Place::default(), problem);
            self.findings.push(finding.about(format!("client {client}")));
        }
        let sockets = Sockets::of(&self.nodes);
        for (from, to, url) in planned {
            let host = self.parties.host(&url.host);
            let (Some(client), Some(node)) = (self.clients.get(from), self.nodes.get(to)) else { continue };
            if !node.starts() || !node.unseen.is_empty() {
                continue;
            }
            let destination = sockets.destination(&url, ConnectionKind::Client, None, (to, node));
            // Up to etcd 3.5 the port for members serves clients too.
            let (listener, destination) = match destination {
                Destination::OtherPort { has_tls } if !self.version.has(6, 0) => {
                    (&node.peer, Destination::Member { has_tls })
                }
                other => (&node.client, other),
            };
            let (behind, assumes) = self.behind(&url, listener, ConnectionKind::Client, to, destination);
            let way = match (&client.caller, behind) {
                (Err(why), _) => Way::Known(Some(Arc::new(Obstacle::Unusable(why.clone())))),
                (_, Err(known)) => Way::Known(known),
                (Ok(caller), Ok(port)) => {
                    let dial = Dial { caller: *caller, port, host, source: None };
                    self.dial_once(dial)
                }
            };
            self.attempts.push(Attempt { kind: ConnectionKind::Client, from, to, way, assumes });
        }
    }

    pub(crate) fn plan_gateways(&mut self) {
        let host = self.parties.host("localhost");
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(at).filter(|node| node.starts() && node.unseen.is_empty()) else {
                continue;
            };
            if let (Some(caller), ListenerTls::Port(port)) = (node.gateway, node.client.tls) {
                let way = self.dial_once(Dial { caller, port, host, source: None });
                let (kind, assumes) = (ConnectionKind::Gateway, None);
                self.attempts.push(Attempt { kind, from: at, to: at, way, assumes });
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

    /// The port with TLS that answers at a URL, or the outcome if none answers; and what is taken for granted.
    fn behind(
        &self,
        url: &FoundUrl,
        listener: &Listener,
        kind: ConnectionKind,
        from: usize,
        destination: Destination,
    ) -> (Result<usize, Outcome>, Outcome) {
        let fails = |obstacle: Obstacle| Err(Some(Arc::new(obstacle)));
        let text = || url.text.clone();
        let (listens_with_tls, assumes) = match destination {
            Destination::Member { has_tls } => (has_tls, None),
            Destination::OtherPort { .. } => {
                let is_for_clients = kind == ConnectionKind::Peer;
                return (fails(Obstacle::OtherPort { url: text(), is_for_clients }), None);
            }
            Destination::OtherMember(other) => {
                let member = self.nodes.get(other).map(|node| node.name.clone()).unwrap_or_default();
                let is_itself = kind == ConnectionKind::Peer && other == from;
                return (fails(Obstacle::OtherMember { url: text(), member, is_itself }), None);
            }
            Destination::Forwarded { listener: at } => {
                let unknown = Unknown::Forwarding { url: text(), listener: at };
                let has_tls = listener.listening.iter().any(FoundUrl::is_tls);
                (has_tls && url.is_tls(), Some(Arc::new(Obstacle::Depends(unknown))))
            }
        };
        let found = match listener.tls {
            // What forwards connections may end TLS, too.
            _ if assumes.is_some() && !listens_with_tls => Err(None),
            _ if url.is_tls() != listens_with_tls => {
                fails(Obstacle::Scheme { url: text(), listens_with_tls })
            }
            _ if !listens_with_tls => Err(None),
            ListenerTls::Port(port) => Ok(port),
            ListenerTls::SelfMade => fails(Obstacle::SelfMade),
            ListenerTls::None => fails(Obstacle::Unusable(NoStart::NoCertificate)),
        };
        (found, assumes)
    }
}
