//! What would become of a cluster: who gets through to whom, by the files that its members and clients are given.
//!
//! [`Mesh::read`] takes what [`found`](crate::etcd::found) finds in a folder, [`Mesh::verify`] tries every connection that
//! there should be with real handshakes ([`tls`](crate::tls)), and some that there should not be, and counts
//! whether a majority is left when a member is lost.

mod fault;
mod guest;
mod meeting;
mod names;
mod node;
mod quorum;
mod report;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

pub use fault::{Connection, Fault, Obstacle, Unknown};
pub use report::{
    Failure, FaultReport, FirstEnd, Link, Loss, MemberReport, Tried, Verdict, Verification, Visit,
};
pub use visit::Stranger;

use crate::etcd::found::{Files, Found, FoundUrl, ReadError};
use crate::etcd::version::EtcdVersion;
use crate::tls::{Leniency, Lookup, NoStart};
use guest::Guest;
use meeting::{Circumstances, Company, Dial, Outcome};
use names::KnownNames;
use node::{Door, End, Lock, Node, Reading};
use quorum::Quorum;
use report::{Failing, gather};
use visit::Visits;

/// Members and clients with their files, and every connection between them that there should be.
#[derive(Debug)]
pub struct Mesh {
    version: EtcdVersion,
    company: Company,
    nodes: Vec<Node>,
    guests: Vec<Guest>,
    names: KnownNames,
    ends: BTreeSet<End>,
    warnings: Vec<String>,
    attempts: Vec<Attempt>,
    dials: Vec<Dial>,
    visits: Visits,
    /// From which addresses those who dial are taken to come.
    sources_of: BTreeMap<usize, BTreeSet<IpAddr>>,
}

/// Under what conditions a mesh is looked at.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    /// When.
    pub now: OffsetDateTime,
    /// The name servers of the members' hosts. Without them, what the files tell has to do, and what they do not
    /// tell is said.
    pub lookup: Option<&'a (dyn Lookup + Sync)>,
}

/// A connection that there should be.
#[derive(Debug)]
struct Attempt {
    connection: Connection,
    from: usize,
    to: usize,
    way: Way,
}

/// How it is found out what becomes of it.
#[derive(Debug)]
enum Way {
    Known(Outcome),
    /// By these handshakes, one for each address that the one who dials may come from.
    Dials(Range<usize>),
}

impl Mesh {
    /// Looks at the folder that `apply` made, or at any other that has members and, in `clients/`, clients, as etcd of
    /// a version would. The `stranger` is to be let in nowhere.
    ///
    /// # Errors
    /// If the folder is not there, cannot be read, or has nothing of etcd in it.
    pub fn read(
        folder: &Path,
        version: EtcdVersion,
        leniency: Leniency,
        stranger: &Stranger,
        files: &dyn Files,
    ) -> Result<Self, ReadError> {
        let found = Found::read(&[folder.to_owned()], version, files)?;
        let company = Company::default();
        let mut reading = Reading {
            folder,
            files,
            version,
            leniency,
            company,
            ends: BTreeSet::new(),
            warnings: Vec::new(),
        };
        let mut nodes = Vec::new();
        for (host, member) in found.members() {
            let name = member.settings.value("name").unwrap_or("default").to_owned();
            if !member.settings.is_complete {
                let warning = format!("{name}: not all of its settings are here ({})", member.place);
                reading.warnings.push(warning);
            }
            nodes.push(Node::read(host, member, name, &mut reading)?);
        }
        if nodes.is_empty() {
            return Err(ReadError::NoMember { path: folder.to_owned() });
        }
        let guests = Guest::read_all(folder, &mut reading)?;
        let Reading { mut company, ends, warnings, .. } = reading;
        let names = known_names(&nodes);
        let visits = Visits::plan(&nodes, &guests, stranger, &mut company);
        let mut mesh = Self {
            version,
            company,
            nodes,
            guests,
            names,
            ends,
            warnings,
            attempts: Vec::new(),
            dials: Vec::new(),
            visits,
            sources_of: BTreeMap::new(),
        };
        mesh.warn_of_absent_members();
        mesh.plan_peers();
        for Dial { caller, source, .. } in &mesh.dials {
            mesh.sources_of.entry(*caller).or_default().extend(*source);
        }
        mesh.plan_clients();
        mesh.plan_gateways();
        Ok(mesh)
    }

    /// The members.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    fn warn_of_absent_members(&mut self) {
        let here: BTreeSet<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let named: BTreeSet<&str> =
            self.nodes.iter().flat_map(|node| &node.initial_cluster).map(String::as_str).collect();
        let absent: Vec<&str> = named.difference(&here).copied().collect();
        if !absent.is_empty() {
            let absent = absent.join(", ");
            self.warnings.push(format!("initial-cluster names {absent} too, not here and not counted"));
        }
    }

    fn plan_peers(&mut self) {
        let size = self.nodes.len();
        let numbers: Vec<Vec<usize>> = self
            .nodes
            .iter()
            .map(|node| node.peer.advertised.iter().map(|url| self.company.host(&url.host)).collect())
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
                    self.attempts.push(Attempt { connection: Connection::Peer, from, to, way });
                }
            }
        }
    }

    /// Where a member comes from when it dials a host.
    ///
    /// The kernel chooses: to any address of the loopback, the first one of it; to others, one of the member's own of
    /// the same family.
    fn sources(&self, dialler: &Node, host: &str) -> Vec<IpAddr> {
        let targets = self.names.addresses(host);
        if let Some(loopback) = targets.iter().find(|address| address.is_loopback()) {
            return vec![match loopback {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            }];
        }
        let mut own = dialler.peer.addresses();
        own.extend(dialler.peer.advertised.iter().flat_map(|url| self.names.addresses(&url.host)));
        let is_alike = |own: &IpAddr| {
            targets.is_empty() || targets.iter().any(|target| target.is_ipv4() == own.is_ipv4())
        };
        own.into_iter().filter(|own| !own.is_loopback() && is_alike(own)).collect()
    }

    fn plan_clients(&mut self) {
        let mut strays = BTreeSet::new();
        let mut planned = Vec::new();
        for (from, guest) in self.guests.iter().enumerate() {
            let mut reached = BTreeSet::new();
            for url in &guest.endpoints {
                let members =
                    self.nodes.iter().enumerate().filter(|(_, node)| self.is_reached(&node.client, url));
                let members: Vec<usize> = members.map(|(to, _)| to).collect();
                if members.is_empty() {
                    strays.insert(format!("{}: no member listens at its endpoint {}", guest.name, url.text));
                }
                planned.extend(members.iter().map(|to| (from, *to, url.clone())));
                reached.extend(members);
            }
            let others = self.nodes.iter().enumerate().filter(|(to, _)| !reached.contains(to));
            planned.extend(others.flat_map(|(to, node)| {
                node.client.advertised.iter().map(move |url| (from, to, url.clone()))
            }));
        }
        self.warnings.extend(strays);
        for (from, to, url) in planned {
            let (Some(guest), Some(node)) = (self.guests.get(from), self.nodes.get(to)) else { continue };
            if !node.starts() {
                continue;
            }
            let way = match (&guest.caller, behind(&url, &node.client)) {
                (Err(why), _) => Way::Known(Some(Arc::new(Obstacle::Unusable(why.clone())))),
                (_, Err(known)) => Way::Known(known),
                (Ok(caller), Ok(port)) => {
                    let host = self.company.host(&url.host);
                    self.dial_once(Dial { caller: *caller, port, host, source: None })
                }
            };
            self.attempts.push(Attempt { connection: Connection::Client, from, to, way });
        }
    }

    fn plan_gateways(&mut self) {
        let host = self.company.host("localhost");
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(at).filter(|node| node.starts()) else { continue };
            if let (Some(caller), Lock::Port(port)) = (node.gateway, node.client.lock) {
                let way = self.dial_once(Dial { caller, port, host, source: None });
                self.attempts.push(Attempt { connection: Connection::Gateway, from: at, to: at, way });
            }
        }
    }

    fn dial_once(&mut self, dial: Dial) -> Way {
        self.dials.push(dial);
        Way::Dials(self.dials.len() - 1..self.dials.len())
    }

    /// Whether an endpoint leads to a member's client port.
    fn is_reached(&self, door: &Door, url: &FoundUrl) -> bool {
        let addresses = self.names.addresses(&url.host);
        let is_here = |own: &FoundUrl| {
            let same = own.host.eq_ignore_ascii_case(&url.host)
                || self.names.addresses(&own.host).iter().any(|address| addresses.contains(address));
            same && own.port == url.port
        };
        door.advertised.iter().chain(&door.listening).any(is_here)
    }

    /// Tries every connection and counts.
    pub fn verify(&self, conditions: Conditions<'_>) -> Verification {
        let Conditions { now, lookup } = conditions;
        let circumstances = Circumstances { names: &self.names, lookup, now };
        let outcomes = self.outcomes(circumstances);
        let mesh = self.links(&outcomes);
        let verdict = self.verdict(&mesh);
        let is_open = |outcome: &Outcome| outcome.as_deref().is_some_and(Obstacle::is_open);
        let failing = |open: bool| {
            let all = self.attempts.iter().zip(&outcomes);
            let failing = all.filter(move |(_, outcome)| is_open(outcome) == open);
            gather(failing.filter_map(|(attempt, outcome)| self.failing(attempt, outcome)))
        };
        let visits = self.visits.make(&self.company, circumstances);
        let tried =
            |connection| self.attempts.iter().filter(|attempt| attempt.connection == connection).count();
        Verification {
            etcd: self.version.to_string(),
            at: now,
            summary: self.summary(&verdict, &mesh),
            verdict,
            members: self.nodes.iter().map(|node| self.report(node)).collect(),
            mesh,
            tried: Tried {
                peers: tried(Connection::Peer),
                clients: tried(Connection::Client),
                gateways: tried(Connection::Gateway),
                forbidden: visits.forbidden,
            },
            failures: failing(false),
            unknown: failing(true),
            breaches: visits.breaches,
            opens_also: visits.opens_also,
            first_end: self.first_end(circumstances, &outcomes),
            warnings: self.warnings.clone(),
        }
    }

    fn outcomes(&self, circumstances: Circumstances<'_>) -> Vec<Outcome> {
        let dialled = self.company.meet(&self.dials, circumstances);
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
        self.attempts.iter().map(of_attempt).collect()
    }

    /// Who can dial whom: by any of the URLs, for etcd tries one after the other (rafthttp/urlpick.go).
    fn links(&self, outcomes: &[Outcome]) -> Vec<Vec<Link>> {
        let size = self.nodes.len();
        let mut mesh = vec![vec![Link::NotThere; size]; size];
        for (at, row) in mesh.iter_mut().enumerate() {
            if let Some(link) = row.get_mut(at) {
                *link = Link::Itself;
            }
        }
        for (attempt, outcome) in self.attempts.iter().zip(outcomes) {
            if attempt.connection != Connection::Peer {
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

    fn verdict(&self, mesh: &[Vec<Link>]) -> Verdict {
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

    fn summary(&self, verdict: &Verdict, mesh: &[Vec<Link>]) -> String {
        let told = self.told(verdict);
        let is_open = mesh.iter().flatten().any(|link| *link == Link::Depends);
        if is_open { format!("{told}, if what is unknown here is in order") } else { told }
    }

    fn told(&self, verdict: &Verdict) -> String {
        let size = self.nodes.len();
        let starting = self.nodes.iter().filter(|node| node.starts()).count();
        if !verdict.forms {
            return match starting {
                _ if starting < verdict.majority => format!(
                    "does not form: {starting} of {size} members start, and {} are needed",
                    verdict.majority
                ),
                _ => format!(
                    "does not form: no member can talk to enough others, {} of {size} are needed",
                    verdict.majority
                ),
            };
        }
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

    fn report(&self, node: &Node) -> MemberReport {
        let faults = node.faults.iter();
        let comes_from = self.sources_of.get(&node.caller);
        MemberReport {
            name: node.name.clone(),
            starts: node.starts(),
            faults: faults
                .map(|fault| FaultReport { reason: fault.to_string(), hint: fault.hint() })
                .collect(),
            comes_from: comes_from.into_iter().flatten().copied().collect(),
        }
    }

    fn failing(&self, attempt: &Attempt, outcome: &Outcome) -> Option<Failing> {
        let (from, to) = self.ends_of(attempt);
        let obstacle = Arc::clone(outcome.as_ref()?);
        Some(Failing { connection: attempt.connection, from, to, obstacle })
    }

    /// The names of both sides.
    fn ends_of(&self, attempt: &Attempt) -> (String, String) {
        let node = |at: usize| self.nodes.get(at).map(|node| node.name.clone()).unwrap_or_default();
        let from = match attempt.connection {
            Connection::Client => {
                self.guests.get(attempt.from).map(|guest| guest.name.clone()).unwrap_or_default()
            }
            Connection::Peer | Connection::Gateway => node(attempt.from),
        };
        (from, node(attempt.to))
    }

    /// The first moment at which something ends that works now.
    fn first_end(&self, circumstances: Circumstances<'_>, outcomes: &[Outcome]) -> Option<FirstEnd> {
        let mut certificates: BTreeMap<OffsetDateTime, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for End { at, file, owner } in self.ends.iter().filter(|end| end.at >= circumstances.now) {
            let files = certificates.entry(*at).or_default();
            files.entry(file.clone()).or_default().push(owner.clone());
        }
        let lost_after = |end: OffsetDateTime| {
            let now = end.checked_add(Duration::SECOND)?;
            let later = self.outcomes(Circumstances { now, ..circumstances });
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

/// More pairs that cannot talk say nothing more.
const MOST_PAIRS: usize = 10;

/// What is behind a URL that is dialled: a port with TLS, or what becomes of it without one.
fn behind(url: &FoundUrl, door: &Door) -> Result<usize, Outcome> {
    let obstacle = |obstacle| Err(Some(Arc::new(obstacle)));
    let listens_with_tls = door.listens_with_tls(url);
    if url.is_tls() != listens_with_tls {
        return obstacle(Obstacle::Scheme { url: url.text.clone(), listens_with_tls });
    }
    match door.lock {
        _ if !listens_with_tls => Err(None),
        Lock::Port(port) => Ok(port),
        Lock::SelfMade => obstacle(Obstacle::SelfMade),
        Lock::None => obstacle(Obstacle::Unusable(NoStart::NoCertificate)),
    }
}

fn known_names(nodes: &[Node]) -> KnownNames {
    let mut names = KnownNames::new();
    for node in nodes {
        for door in [&node.peer, &node.client] {
            let addresses = door.addresses();
            for url in &door.advertised {
                names.learn(&url.host, addresses.iter().copied());
            }
        }
        for marker in &node.markers {
            names.learn_marker(marker);
        }
    }
    names
}
