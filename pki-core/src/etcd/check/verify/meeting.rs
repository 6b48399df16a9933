//! Handshakes of many with many, none of them twice.
//!
//! What a side makes of the other depends on its own trust, which members usually share, and on what the other shows.
//! A handshake that comes about has put both to the test; where both tests are known from other handshakes, the end is
//! known too. So a thousand members need some thousands of handshakes, not a million.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use time::OffsetDateTime;

use super::fault::{Obstacle, Unknown};
use super::names::KnownNames;
use crate::parallel;
use crate::tls::{Client, Lookup, Reason, Refusal, Server, Side, Versions, handshake};

/// What is in the way of a connection; none if it comes about.
pub(super) type Outcome = Option<Arc<Obstacle>>;

/// All that a side's judgement of others depends on. Sides that share it judge alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Trust {
    /// The file of CAs
    pub(super) authorities: Option<Vec<u8>>,
    /// Whether it looks at certificates without such a file
    pub(super) demands: bool,
    pub(super) allowed: String,
    /// The revocation list, if one is configured and is there
    pub(super) revocation: Option<Option<Vec<u8>>>,
    pub(super) checks_source: bool,
    pub(super) versions: String,
    /// The kind of its own key: some cannot sign in some versions of TLS.
    pub(super) key: String,
}

/// Somebody who dials.
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

/// All who dial and all that listen.
#[derive(Debug, Default)]
pub(super) struct Company {
    callers: Vec<Caller>,
    ports: Vec<Port>,
    hosts: Vec<String>,
    trusts: HashMap<Trust, usize>,
    host_numbers: HashMap<String, usize>,
}

/// A connection to try, by numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dial {
    pub(super) caller: usize,
    pub(super) port: usize,
    pub(super) host: usize,
    /// Where it comes from; none if nobody knows.
    pub(super) source: Option<IpAddr>,
}

/// The circumstances of handshakes.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) names: &'a KnownNames,
    /// Name servers to ask; without them, what the files tell has to do.
    pub(super) lookup: Option<&'a (dyn Lookup + Sync)>,
    pub(super) now: OffsetDateTime,
}

/// One side's test of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Test {
    OfPort { trust: usize, port: usize, host: usize },
    OfCaller { trust: usize, caller: usize, source: Option<IpAddr> },
}

impl Company {
    pub(super) fn caller(&mut self, client: Client, trust: Trust) -> usize {
        let trust = self.trust(Trust { versions: words(client.versions), ..trust });
        self.callers.push(Caller { client, trust });
        self.callers.len() - 1
    }

    pub(super) fn port(&mut self, server: Server, trust: Trust) -> usize {
        let trust = self.trust(Trust { versions: words(server.versions), ..trust });
        self.ports.push(Port { server, trust });
        self.ports.len() - 1
    }

    pub(super) fn host(&mut self, host: &str) -> usize {
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

    /// What ports have in common if they judge alike.
    pub(super) fn trust_of_port(&self, port: usize) -> Option<usize> {
        self.ports.get(port).map(|port| port.trust)
    }

    /// Whether a port asks for certificates.
    pub(super) fn demands(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|port| port.server.client_authorities.is_some())
    }

    /// How each connection ends.
    pub(super) fn meet(&self, dials: &[Dial], circumstances: Circumstances<'_>) -> Vec<Outcome> {
        let mut tests: HashMap<Test, Outcome> = HashMap::new();
        let mut outcomes: Vec<Outcome> = vec![None; dials.len()];
        let mut waiting: Vec<(Dial, &mut Outcome)> = dials.iter().copied().zip(&mut outcomes).collect();
        while !waiting.is_empty() {
            // Handshakes that would put the same to the test wait for each other.
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
            let ends = parallel::map(&round, |dial| self.shake_hands(*dial, circumstances));
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

    fn shake_hands(&self, dial: Dial, circumstances: Circumstances<'_>) -> Outcome {
        let (caller, port) = (self.callers.get(dial.caller)?, self.ports.get(dial.port)?);
        let client = Client {
            host: self.hosts.get(dial.host).cloned().unwrap_or_default(),
            // An address that no certificate is for, so that only those that are not looked at come through.
            source: dial.source.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            ..caller.client.clone()
        };
        let Circumstances { names, lookup, now } = circumstances;
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

/// The end of a connection, if both tests tell it.
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
    use crate::ca;
    use crate::key::{KeyAlgorithm, KeySource, SystemKeys};
    use crate::policy::Config;
    use crate::random::SystemRandomness;
    use crate::request::Request;
    use crate::signer::{Issuer, SigningRequest};
    use crate::tls::{Allowed, Authorities, Identity, Leniency};

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn identity(issuer: &Issuer, common_name: &str, host: &str) -> Identity {
        let request = Request {
            common_name: common_name.to_owned(),
            hosts: vec![host.to_owned()],
            ..Request::default()
        };
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let csr = request.sign(&key, &mut Vec::new()).unwrap().verify().unwrap();
        let config = Config::default();
        let profile = config.profile(None).unwrap();
        let signing = SigningRequest { request: &csr, profile, subject: None, names: None, crl_url: None };
        let certificate = issuer.sign(&signing, NOW, &SystemRandomness).unwrap().value.to_pem();
        Identity::read(certificate.as_bytes(), key.to_pem().as_bytes(), Leniency::default()).unwrap()
    }

    /// Members that differ in everything that may matter: whoever meets whomever, the end is that of a handshake of
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
        let mut company = Company::default();
        let (mut callers, mut ports) = (Vec::new(), Vec::new());
        for own in 0..2 {
            for trusted in 0..2 {
                for host in ["10.0.0.1", "10.0.0.2", "etcd1.example"] {
                    for allowed in [Allowed::All, Allowed::CommonNames(vec!["0".to_owned()])] {
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
                        callers.push(company.caller(client, trust.clone()));
                        let mut server = Server::new(identity);
                        server.client_authorities = Some(bundle);
                        server.allowed = allowed;
                        server.checks_source = true;
                        ports.push(company.port(server, trust));
                    }
                }
            }
        }
        let host = company.host("10.0.0.1");
        let sources = [Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()), None];
        let mut dials = Vec::new();
        for (at, caller) in callers.iter().enumerate() {
            for port in &ports {
                dials.push(Dial { caller: *caller, port: *port, host, source: sources[at % 3] });
            }
        }
        let names = KnownNames::new();
        let circumstances = Circumstances { names: &names, lookup: None, now: NOW };
        let together = company.meet(&dials, circumstances);
        for (dial, end) in dials.iter().zip(together) {
            let alone = company.shake_hands(*dial, circumstances);
            // Of two reasons either may be told, but for those that may be none.
            let kind = |outcome: &Outcome| outcome.as_deref().map(Obstacle::is_open);
            assert_eq!(kind(&end), kind(&alone), "{dial:?}: {end:?} and {alone:?}");
        }
    }
}
