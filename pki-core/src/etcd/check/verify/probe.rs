//! Probes: certificates are tried at ports that they were not made for, and must not open those that the layout keeps
//! them from.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use time::OffsetDateTime;

use crate::cfssl::ca;
use crate::cfssl::csr_json::Request;
use crate::etcd::check::connection::{Connection, ConnectionKind, ShownCertificate};
use crate::etcd::check::verify::client::ClientNode;
use crate::etcd::check::verify::meeting::{Conditions, Dial, Parties, Trust};
use crate::etcd::check::verify::member::{Listener, ListenerTls, Node, Shown};
use crate::etcd::error::Error;
use crate::tls::{Authorities, Client, Identity, Leniency, NoStart};
use crate::x509::key::{KeyAlgorithm, KeySource};
use crate::x509::random::Random;

/// A certificate of a CA that no member knows.
#[derive(Debug, Clone)]
pub struct UntrustedCa(Result<Identity, NoStart>);

impl UntrustedCa {
    /// Makes the CA.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn new(keys: &dyn KeySource, random: &dyn Random, now: OffsetDateTime) -> Result<Self, Error> {
        let request = Request { common_name: "untrusted".to_owned(), ..Request::default() };
        let key = keys.generate(KeyAlgorithm::EcdsaP256)?;
        let authority = ca::create(&request, &key, now, random)?.value.certificate;
        let (certificate, key) = (authority.to_pem(), key.to_pem());
        Ok(Self(Identity::read(certificate.as_bytes(), key.as_bytes(), Leniency::default())))
    }
}

/// The results of all probes.
#[derive(Debug, Default)]
pub(crate) struct ProbeResults {
    /// How many connections had to fail.
    pub(crate) forbidden: usize,
    /// Connections that had to fail and succeeded.
    pub(crate) breaches: Vec<Connection>,
    /// Connections that succeeded at a port that the certificate was not made for, as the layout has it.
    pub(crate) also_opens: Vec<Connection>,
}

/// Certificates, and the ports to try them at.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    planned: Vec<Probe>,
    /// The handshake of each probe.
    dials: Vec<Dial>,
    /// Ports that let in everybody, so that there is nothing to try.
    open: Vec<Connection>,
}

/// A certificate that is tried at a port that it was not made for.
#[derive(Debug)]
struct Probe {
    shows: ShownCertificate,
    /// Whose certificate it is; empty if it is nobody's.
    owner: String,
    port: ConnectionKind,
    members: Vec<String>,
    must_fail: bool,
}

/// Ports that judge alike.
struct PortGroup {
    /// The port that is tried for all of them.
    port: usize,
    members: Vec<String>,
    is_selective: bool,
    demands: bool,
}

/// The ports of all members.
struct Ports {
    /// The number of the host that is dialled, which does not matter.
    host: usize,
    peer: Vec<PortGroup>,
    client: Vec<PortGroup>,
    /// Whether no CA is trusted at both kinds of ports.
    are_separate: bool,
}

/// Whose certificate is shown.
#[derive(Clone, Copy)]
struct Showing<'a> {
    kind: ShownCertificate,
    /// Empty if it is nobody's.
    owner: &'a str,
    shown: Option<&'a Shown>,
}

impl Showing<'_> {
    const NOTHING: Self = Self { kind: ShownCertificate::None, owner: "", shown: None };
}

impl Probes {
    /// Decides which certificates are tried where. Of ports that judge alike, one is tried.
    pub(crate) fn plan(
        nodes: &[Node],
        clients: &[ClientNode],
        untrusted: &UntrustedCa,
        parties: &mut Parties,
    ) -> Self {
        let mut probes = Self::default();
        let ports = Ports {
            host: parties.host(""),
            peer: probes.groups(nodes, ConnectionKind::Peer, |node| &node.peer, parties),
            client: probes.groups(nodes, ConnectionKind::Client, |node| &node.client, parties),
            are_separate: nodes.iter().all(|node| {
                let (peers, clients) = (&node.peer.authorities, &node.client.authorities);
                !peers.is_empty() && !clients.is_empty() && peers.is_disjoint(clients)
            }),
        };
        for port in [ConnectionKind::Peer, ConnectionKind::Client] {
            probes.add(Showing::NOTHING, port, &ports, parties, |group| Some(group.demands));
            if let Ok(identity) = &untrusted.0 {
                let shown = Shown::of_untrusted_ca(identity.clone());
                let showing = Showing { kind: ShownCertificate::Untrusted, owner: "", shown: Some(&shown) };
                probes.add(showing, port, &ports, parties, |group| group.demands.then_some(true));
            }
        }
        for client in clients {
            let shown = client.shown.as_ref();
            let showing = Showing { kind: ShownCertificate::Client, owner: &client.name, shown };
            probes.add_if_kept_out(showing, ConnectionKind::Peer, &ports, parties);
        }
        for node in nodes.iter().filter(|node| node.starts() && node.unseen.is_empty()) {
            probes.add_member(node, &ports, parties);
        }
        probes
    }

    /// The certificates of a member, at the ports that they were not made for.
    fn add_member(&mut self, node: &Node, ports: &Ports, parties: &mut Parties) {
        let (peer, server) = (node.peer.shown.as_ref(), node.client.shown.as_ref());
        let is_one = peer.zip(server).is_some_and(|(peer, server)| peer.certificate == server.certificate);
        let showing = |kind, shown| Showing { kind, owner: &node.name, shown: Some(shown) };
        if let (Some(server), false) = (server, is_one) {
            let showing = showing(ShownCertificate::Server, server);
            self.add_if_kept_out(showing, ConnectionKind::Peer, ports, parties);
        }
        if let (Some(peer), false) = (peer, is_one) {
            let showing = showing(ShownCertificate::Peer, peer);
            self.add_if_kept_out(showing, ConnectionKind::Client, ports, parties);
        }
        if let Some(server) = server {
            let is_needed = node.gateway.is_some() && node.gateway_shows_server;
            let must_fail = ports.are_separate && !is_needed;
            let showing = showing(ShownCertificate::Server, server);
            self.add(showing, ConnectionKind::Client, ports, parties, |_| Some(must_fail));
        }
        if let Some(gateway) = &node.gateway_certificate {
            let showing = showing(ShownCertificate::Gateway, gateway);
            self.add_if_kept_out(showing, ConnectionKind::Peer, ports, parties);
        }
    }

    /// Tries a certificate at all ports of one kind. It must not open those that keep it out: by their CAs, or because
    /// they accept only some certificates.
    fn add_if_kept_out(
        &mut self,
        showing: Showing<'_>,
        port: ConnectionKind,
        ports: &Ports,
        parties: &mut Parties,
    ) {
        self.add(showing, port, ports, parties, |group| Some(ports.are_separate || group.is_selective));
    }

    /// Tries a certificate at all ports of one kind; `must_fail` is `None` for ports at which it is not tried.
    fn add(
        &mut self,
        showing: Showing<'_>,
        port: ConnectionKind,
        ports: &Ports,
        parties: &mut Parties,
        must_fail: impl Fn(&PortGroup) -> Option<bool>,
    ) {
        let Showing { kind, owner, shown } = showing;
        let caller = parties.caller(careless(shown.map(|shown| shown.identity.clone())), trust(shown));
        let source = shown.and_then(|shown| shown.address).unwrap_or(Ipv4Addr::LOCALHOST.into());
        let groups = if port == ConnectionKind::Peer { &ports.peer } else { &ports.client };
        for group in groups {
            let Some(must_fail) = must_fail(group) else { continue };
            self.dials.push(Dial { caller, port: group.port, host: ports.host, source: Some(source) });
            self.planned.push(Probe {
                shows: kind,
                owner: owner.to_owned(),
                port,
                members: group.members.clone(),
                must_fail,
            });
        }
    }

    /// The ports of one kind, in groups that judge alike. Ports that let in everybody are noted.
    fn groups<'a>(
        &mut self,
        nodes: &'a [Node],
        kind: ConnectionKind,
        listener: impl Fn(&'a Node) -> &'a Listener,
        parties: &Parties,
    ) -> Vec<PortGroup> {
        let mut groups: BTreeMap<usize, PortGroup> = BTreeMap::new();
        let mut open = Vec::new();
        for node in nodes.iter().filter(|node| node.starts() && node.unseen.is_empty()) {
            let listener = listener(node);
            if listener.tls == ListenerTls::SelfMade || listener.listening.iter().any(|url| !url.is_tls()) {
                open.push(node.name.clone());
            }
            let ListenerTls::Port(number) = listener.tls else { continue };
            let Some(trust) = parties.trust_of_port(number) else { continue };
            let new = || PortGroup {
                port: number,
                members: Vec::new(),
                is_selective: listener.is_selective,
                demands: parties.demands(number),
            };
            groups.entry(trust).or_insert_with(new).members.push(node.name.clone());
        }
        if !open.is_empty() {
            self.open.push(opened(kind, ShownCertificate::None, Vec::new(), open));
        }
        groups.into_values().collect()
    }

    /// Makes the handshakes of all probes.
    pub(crate) fn run(&self, parties: &Parties, conditions: Conditions<'_>) -> ProbeResults {
        let outcomes = parties.meet(&self.dials, conditions);
        let mut results = ProbeResults {
            forbidden: self.planned.iter().filter(|probe| probe.must_fail).count(),
            breaches: Vec::new(),
            also_opens: self.open.clone(),
        };
        for (probe, _) in self.planned.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_none()) {
            let list = if probe.must_fail { &mut results.breaches } else { &mut results.also_opens };
            let owner = Some(probe.owner.clone()).filter(|owner| !owner.is_empty());
            let alike = list.iter_mut().find(|connection| {
                (connection.shows, connection.kind) == (probe.shows, probe.port)
                    && connection.to == probe.members
            });
            match alike {
                Some(connection) => connection.from.extend(owner),
                None => {
                    let from = owner.into_iter().collect();
                    list.push(opened(probe.port, probe.shows, from, probe.members.clone()));
                }
            }
        }
        results
    }
}

/// A connection that succeeds.
fn opened(kind: ConnectionKind, shows: ShownCertificate, from: Vec<String>, to: Vec<String>) -> Connection {
    Connection { kind, shows, from, to, refused_by: None, log: "" }
}

/// A client that does not check the certificate of the port, because only the verdict of the port counts.
fn careless(identity: Option<Identity>) -> Client {
    let mut client = Client::new(String::new(), Authorities::System);
    client.authorities = None;
    client.identity = identity;
    client
}

fn trust(shown: Option<&Shown>) -> Trust {
    Trust { key: shown.map(|shown| shown.key.clone()).unwrap_or_default(), ..Trust::default() }
}
