//! Handshakes of many parties with many others, as few of them as possible.
//!
//! Whether a side accepts the other depends on its own trust, which members usually have in common, and on the
//! certificate that the other shows. A handshake that succeeds has tested both sides. Where both tests are known from
//! other handshakes, the result is known without a handshake. So a thousand members need some thousands of handshakes,
//! not a million.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::base::parallel;
use crate::etcd::check::verify::names::KnownNames;
use crate::etcd::check::verify::obstacle::{Obstacle, Unknown};
use crate::tls::{Client, Lookup, Reason, Refusal, Server, Side, Versions, handshake};

/// Why a connection fails or may fail; `None` if it succeeds.
pub(crate) type Outcome = Option<Arc<Obstacle>>;

/// All that a side's judgement of others depends on. Sides for which it is equal judge alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Trust {
    /// The contents of the file of CAs.
    pub(crate) authorities: Option<Vec<u8>>,
    /// Whether it checks certificates even without such a file.
    pub(crate) demands: bool,
    pub(crate) allowed: String,
    /// The contents of the revocation list: `None` if none is configured, `Some(None)` if its file is missing.
    pub(crate) revocation: Option<Option<Vec<u8>>>,
    pub(crate) checks_source: bool,
    pub(crate) versions: String,
    /// The kind of its own key, because some kinds cannot sign in some versions of TLS.
    pub(crate) key: String,
}

/// A party that dials.
#[derive(Debug)]
struct Caller {
    client: Client,
    trust: usize,
}

/// A port that listens with TLS.
#[derive(Debug)]
struct Port {
    server: Server,
    trust: usize,
}

/// All parties that dial, all ports that listen, and the hosts that are dialled. They have numbers.
#[derive(Debug, Default)]
pub(crate) struct Parties {
    callers: Vec<Caller>,
    ports: Vec<Port>,
    hosts: Vec<String>,
    trusts: HashMap<Trust, usize>,
    host_numbers: HashMap<String, usize>,
    /// What the files tell about names.
    pub(crate) names: KnownNames,
}

/// A connection to try, by the numbers of its parties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dial {
    pub(crate) caller: usize,
    pub(crate) port: usize,
    pub(crate) host: usize,
    /// The address that the caller dials from; `None` if the files do not tell it.
    pub(crate) source: Option<IpAddr>,
}

/// The conditions under which connections are tried.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    /// The moment at which they are tried.
    pub now: OffsetDateTime,
    /// The name servers of the members' hosts. If it is `None`, only what the files tell about names counts, and
    /// connections that depend on more are findings.
    pub lookup: Option<&'a (dyn Lookup + Sync)>,
}

/// The test by which one side accepts or refuses the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Test {
    OfPort { trust: usize, port: usize, host: usize },
    OfCaller { trust: usize, caller: usize, source: Option<IpAddr> },
}

impl Parties {
    pub(crate) fn caller(&mut self, client: Client, trust: Trust) -> usize {
        let trust = self.trust(Trust { versions: words(client.versions), ..trust });
        self.callers.push(Caller { client, trust });
        self.callers.len() - 1
    }

    pub(crate) fn port(&mut self, server: Server, trust: Trust) -> usize {
        let trust = self.trust(Trust { versions: words(server.versions), ..trust });
        self.ports.push(Port { server, trust });
        self.ports.len() - 1
    }

    pub(crate) fn host(&mut self, host: &str) -> usize {
        let next = self.hosts.len();
        let number = *self.host_numbers.entry(host.to_owned()).or_insert(next);
        if number == next {
            self.hosts.push(host.to_owned());
        }
        number
    }

    fn trust(&mut self, trust: Trust) -> usize {
        let next = self.trusts.len();
        *self.trusts.entry(trust).or_insert(next)
    }

    /// A number that ports have in common if they judge alike.
    pub(crate) fn trust_of_port(&self, port: usize) -> Option<usize> {
        self.ports.get(port).map(|port| port.trust)
    }

    /// The contents of the file of CAs that a port trusts, if it has one.
    pub(crate) fn authorities_of_port(&self, port: usize) -> Option<&[u8]> {
        let number = self.ports.get(port)?.trust;
        let trust = self.trusts.iter().find(|(_, other)| **other == number);
        trust.and_then(|(trust, _)| trust.authorities.as_deref())
    }

    /// Whether a port asks for a certificate.
    pub(crate) fn demands(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|port| port.server.client_authorities.is_some())
    }

    /// The outcome of each connection.
    pub(crate) fn meet(&self, dials: &[Dial], conditions: Conditions<'_>) -> Vec<Outcome> {
        let mut tests: HashMap<Test, Outcome> = HashMap::new();
        let mut outcomes: Vec<Outcome> = vec![None; dials.len()];
        let mut waiting: Vec<(Dial, &mut Outcome)> = dials.iter().copied().zip(&mut outcomes).collect();
        while !waiting.is_empty() {
            // Of handshakes that would make the same test, one is made and the others wait for its result.
            let mut round = Vec::new();
            let mut claimed = HashSet::new();
            waiting.retain_mut(|(dial, outcome)| {
                let both = self.tests(*dial);
                if let Some(end) = known(&tests, both) {
                    **outcome = end;
                    return false;
                }
                let [first, second] = both.map(|test| (!tests.contains_key(&test)).then_some(test));
                let new: Vec<Test> = first.into_iter().chain(second).collect();
                if new.iter().all(|test| !claimed.contains(test)) {
                    claimed.extend(new);
                    round.push(*dial);
                }
                true
            });
            let ends = parallel::map(&round, |dial| self.shake_hands(*dial, conditions));
            for (dial, end) in round.into_iter().zip(ends) {
                let [of_port, of_caller] = self.tests(dial);
                match end.as_deref() {
                    None => {
                        tests.insert(of_port, None);
                        tests.insert(of_caller, None);
                    }
                    Some(Obstacle::Refused(Refusal { by: Side::Client, .. })) => {
                        tests.insert(of_port, end);
                    }
                    Some(obstacle) => {
                        if obstacle.is_open() {
                            tests.insert(of_port, None);
                        }
                        tests.insert(of_caller, end);
                    }
                }
            }
        }
        outcomes
    }

    fn tests(&self, dial: Dial) -> [Test; 2] {
        let Dial { caller, port, host, source } = dial;
        let by_caller = self.callers.get(caller).map(|caller| caller.trust).unwrap_or_default();
        let by_port = self.ports.get(port).map(|port| port.trust).unwrap_or_default();
        [Test::OfPort { trust: by_caller, port, host }, Test::OfCaller { trust: by_port, caller, source }]
    }

    fn shake_hands(&self, dial: Dial, conditions: Conditions<'_>) -> Outcome {
        let (caller, port) = (self.callers.get(dial.caller)?, self.ports.get(dial.port)?);
        let client = Client {
            host: self.hosts.get(dial.host).cloned().unwrap_or_default(),
            // No certificate is for this address, so only those succeed whose address is not checked.
            source: dial.source.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            ..caller.client.clone()
        };
        let Conditions { lookup, now } = conditions;
        let names = &self.names;
        let known: &dyn Lookup = match lookup {
            Some(servers) => servers,
            None => names,
        };
        let refusal = handshake(&client, &port.server, known, now).err()?;
        let Refusal { reason: Reason::SourceAddress { valid_for, .. }, .. } = &refusal else {
            return Some(Arc::new(Obstacle::Refused(refusal)));
        };
        let unknown = match dial.source {
            None => Some(Unknown::Source),
            Some(_) if lookup.is_some() => None,
            Some(source) => {
                let open = names.open(source, &valid_for.dns);
                (!open.is_empty()).then_some(Unknown::Names(open))
            }
        };
        let Some(unknown) = unknown else { return Some(Arc::new(Obstacle::Refused(refusal))) };
        let lenient = Server { checks_source: false, ..port.server.clone() };
        Some(Arc::new(match handshake(&client, &lenient, known, now) {
            Ok(()) => Obstacle::Depends(unknown),
            Err(refusal) => Obstacle::Refused(refusal),
        }))
    }
}

/// The outcome of a connection, if the tests that are known tell it.
fn known(tests: &HashMap<Test, Outcome>, [of_port, of_caller]: [Test; 2]) -> Option<Outcome> {
    let is_open = |outcome: &Outcome| outcome.as_deref().is_some_and(Obstacle::is_open);
    match (tests.get(&of_port), tests.get(&of_caller)) {
        (Some(end @ Some(_)), _) => Some(end.clone()),
        (_, Some(end @ Some(_))) if !is_open(end) => Some(end.clone()),
        (Some(None), Some(end)) => Some(end.clone()),
        _ => None,
    }
}

fn words(versions: Versions) -> String {
    format!("{versions:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfssl::ca;
    use crate::cfssl::config::Config;
    use crate::cfssl::csr_json::Request;
    use crate::cfssl::sign::SigningRequest;
    use crate::tls::{AllowedPeers, Authorities, Identity, Leniency};
    use crate::x509::issuer::Issuer;
    use crate::x509::key::{KeyAlgorithm, KeySource, SystemKeys};
    use crate::x509::random::SystemRandomness;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn identity(issuer: &Issuer, common_name: &str, host: &str) -> Identity {
        let request = Request {
            common_name: common_name.to_owned(),
            hosts: vec![host.to_owned()],
            ..Request::default()
        };
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let csr = request.sign(&key).unwrap().value.verify().unwrap();
        let config = Config::default();
        let profile = config.profile(None).unwrap().value;
        let signing = SigningRequest { request: &csr, profile, subject: None, names: None, crl_url: None };
        let certificate = issuer.sign(&signing, NOW, &SystemRandomness).unwrap().value.to_pem();
        Identity::read(certificate.as_bytes(), key.to_pem().as_bytes(), Leniency::default()).unwrap()
    }

    /// Members that differ in everything that may matter: the outcome for any two of them is that of a handshake of
    /// these two alone.
    #[test]
    fn nothing_is_concluded_that_is_not_so() {
        let authorities: Vec<(String, Issuer)> = (0..2)
            .map(|_| {
                let request = Request { common_name: "ca".to_owned(), ..Request::default() };
                let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
                let root = ca::create(&request, &key, NOW, &SystemRandomness).unwrap().value.certificate;
                (root.to_pem(), Issuer::new(root, key).unwrap())
            })
            .collect();
        let mut parties = Parties::default();
        let (mut callers, mut ports) = (Vec::new(), Vec::new());
        for own in 0..2 {
            for trusted in 0..2 {
                for host in ["10.0.0.1", "10.0.0.2", "etcd1.example"] {
                    for allowed in [AllowedPeers::All, AllowedPeers::CommonNames(vec!["0".to_owned()])] {
                        let identity = identity(&authorities[own].1, &own.to_string(), host);
                        let pem = &authorities[trusted].0;
                        let bundle = Authorities::read(pem.as_bytes(), Leniency::default()).unwrap();
                        let trust = Trust {
                            authorities: Some(pem.clone().into_bytes()),
                            allowed: format!("{allowed:?}"),
                            checks_source: true,
                            ..Trust::default()
                        };
                        let mut client = Client::new("", bundle.clone());
                        client.identity = Some(identity.clone());
                        client.allowed = allowed.clone();
                        callers.push(parties.caller(client, trust.clone()));
                        let mut server = Server::new(identity);
                        server.client_authorities = Some(bundle);
                        server.allowed = allowed;
                        server.checks_source = true;
                        ports.push(parties.port(server, trust));
                    }
                }
            }
        }
        let host = parties.host("10.0.0.1");
        let sources = [Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()), None];
        let mut dials = Vec::new();
        for (at, caller) in callers.iter().enumerate() {
            for port in &ports {
                dials.push(Dial { caller: *caller, port: *port, host, source: sources[at % 3] });
            }
        }
        let conditions = Conditions { lookup: None, now: NOW };
        let together = parties.meet(&dials, conditions);
        for (dial, end) in dials.iter().zip(together) {
            let alone = parties.shake_hands(*dial, conditions);
            // Of two reasons either may be given, but whether it is certain has to agree.
            let kind = |outcome: &Outcome| outcome.as_deref().map(Obstacle::is_open);
            assert_eq!(kind(&end), kind(&alone), "{dial:?}: {end:?} and {alone:?}");
        }
    }
}
