//! The sockets that etcd listens on, and what it needs for them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::place::Place;
use crate::etcd::found::FoundUrl;
use crate::etcd::option::port::{GATEWAY, PEER, Port, SERVER};
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::Values;

/// For whom etcd listens on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// The other members.
    Peers,
    /// Clients, by gRPC, and by HTTP unless that has URLs of its own.
    Clients,
    /// Clients by HTTP only.
    HttpClients,
    /// Whoever reads metrics.
    Metrics,
}

/// A URL that etcd listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// For whom it is.
    pub service: Service,
    /// The URL.
    pub url: FoundUrl,
    /// Whether etcd listens there by itself, since nothing says where.
    pub is_default: bool,
}

impl Service {
    /// The option with its URLs.
    pub fn option(self) -> &'static str {
        match self {
            Self::Peers => PEER.listen,
            Self::Clients => SERVER.listen,
            Self::HttpClients => "listen-client-http-urls",
            Self::Metrics => "listen-metrics-urls",
        }
    }

    fn default(self) -> &'static str {
        match self {
            Self::Peers => PEER.usual_url,
            Self::Clients => SERVER.usual_url,
            Self::HttpClients | Self::Metrics => "",
        }
    }

    const ALL: [Self; 4] = [Self::Peers, Self::Clients, Self::HttpClients, Self::Metrics];
}

/// The listeners, and the services whose URLs are not known.
pub(super) fn listeners(values: &Values<'_>) -> (Vec<Listener>, Vec<Service>) {
    let (mut listeners, mut unknown) = (Vec::new(), Vec::new());
    for service in Service::ALL {
        let Some(urls) = values.urls(service.option(), service.default()) else {
            unknown.push(service);
            continue;
        };
        let is_default = values.given(service.option()).is_none();
        // Flags and variables keep each URL once (etcd, pkg/flags/unique_urls.go); 3.4 keeps all.
        let mut seen = BTreeSet::new();
        let keeps_all = values.has_file || !values.version.has(5, 0);
        let kept = urls.into_iter().filter(|url| keeps_all || seen.insert(url.text.clone()));
        listeners.extend(kept.map(|url| Listener { service, url, is_default }));
    }
    (listeners, unknown)
}

/// What keeps etcd from listening.
pub(super) fn refusals(values: &Values<'_>, listeners: &[Listener], member: &Place) -> Vec<Refusal> {
    let mut refusals = twice(values, listeners, member);
    refusals.extend(pairs(values, listeners, member));
    refusals
}

/// The address of a socket. Go listens on both families for either wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Socket {
    Any(u16),
    At(IpAddr, u16),
}

impl Socket {
    fn of(url: &FoundUrl) -> Option<Self> {
        let port = url.port.filter(|port| *port != 0 && url.is_tcp())?;
        let ip = match url.host.as_str() {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            "" => return Some(Self::Any(port)),
            host => host.parse::<IpAddr>().ok()?.to_canonical(),
        };
        Some(if ip.is_unspecified() { Self::Any(port) } else { Self::At(ip, port) })
    }

    fn port(&self) -> u16 {
        match self {
            Self::Any(port) | Self::At(_, port) => *port,
        }
    }

    fn is_taken_by(&self, other: &Self) -> bool {
        self.port() == other.port()
            && match (self, other) {
                (Self::At(one, _), Self::At(other, _)) => one == other,
                _ => true,
            }
    }
}

/// The listeners of one port that others are compared with.
const MOST_AT_A_PORT: usize = 100;

/// A socket that is needed twice. Clients with and without TLS may share one.
fn twice(values: &Values<'_>, listeners: &[Listener], member: &Place) -> Vec<Refusal> {
    // etcd puts the same URL of clients and of HTTP clients aside with words of its own (embed/etcd.go).
    let reuses = ["socket-reuse-port"].iter().any(|option| values.is_true(option, false) != Some(false));
    if reuses {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    let mut taken: BTreeMap<u16, Vec<(&Listener, Socket)>> = BTreeMap::new();
    for listener in listeners {
        let Some(socket) = Socket::of(&listener.url) else { continue };
        let at_port = taken.entry(socket.port()).or_default();
        let earlier = at_port.iter().find(|(other, taken)| {
            let is_shared = matches!(listener.service, Service::Clients | Service::HttpClients)
                && other.service == listener.service
                && listener.url.host == other.url.host;
            socket.is_taken_by(taken) && !is_shared
        });
        if let Some((other, _)) = earlier {
            let option = listener.service.option();
            let problem = if other.service == listener.service {
                format!("{option} has {} and {}, which are one socket", other.url.text, listener.url.text)
            } else {
                format!(
                    "{option} has {}, and {} has {}",
                    listener.url.text,
                    other.service.option(),
                    other.url.text
                )
            };
            refusals.push(
                Refusal::new(RefusalKind::Address, values.place(option, member), problem)
                    .saying("bind: address already in use"),
            );
        }
        // Two are enough to tell of, and a file may have any number.
        if at_port.len() < MOST_AT_A_PORT {
            at_port.push((listener, socket));
        }
    }
    refusals
}

/// Certificates and keys that are needed and not named (etcd, client/pkg/transport/listener.go, `baseConfig`).
fn pairs(values: &Values<'_>, listeners: &[Listener], member: &Place) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for port in [&PEER, &SERVER] {
        let is_peer = port.listen == PEER.listen;
        let serves = |listener: &&Listener| (listener.service == Service::Peers) == is_peer;
        // A peer's Unix socket has no TLS (client/pkg/transport/listener.go, `newListener`).
        let needs = |listener: &&Listener| listener.url.is_tls() && (!is_peer || listener.url.is_tcp());
        let tls = listeners.iter().filter(serves).find(needs);
        let lacks = [port.certificate, port.key].map(|option| values.lacks(option));
        let is_given = [port.certificate, port.key].map(|option| values.given(option).is_some());
        let makes_its_own = values.is_true(port.auto_tls, false) != Some(false);
        if lacks == [true, true] {
            if let Some(listener) = tls.filter(|_| !makes_its_own) {
                let problem = format!(
                    "{} is https, and neither {} nor {} is set",
                    listener.url.text, port.certificate, port.key
                );
                let place = values.place(listener.service.option(), member);
                refusals.push(
                    Refusal::new(RefusalKind::Certificate, place, problem)
                        .saying("TLS key/cert must be provided, or: KeyFile and CertFile are not presented"),
                );
            }
            continue;
        }
        // Whoever dials the peers reads the pair, whatever the member listens on.
        if !is_peer && tls.is_none() {
            continue;
        }
        for (index, other) in [(0, 1), (1, 0)] {
            let names = [port.certificate, port.key];
            if let [true, true] = [is_given.get(index) == Some(&true), lacks.get(other) == Some(&true)] {
                refusals.extend(half(values, names.get(index), names.get(other), member));
            }
        }
        refusals.extend(second_pair(values, port, member));
        if let Some(names) = port.allowed_names
            && let (Some(_), Some((_, hosts))) = (values.given(names), values.given(port.allowed_hosts))
        {
            let problem = format!("{names} and {} are both set", port.allowed_hosts);
            refusals
                .push(Refusal::of(RefusalKind::AllowLists, hosts, problem).saying("are mutually exclusive"));
        }
    }
    refusals
}

/// The certificate that a port dials with, and its key.
fn second_pair(values: &Values<'_>, port: &Port, member: &Place) -> Vec<Refusal> {
    let (certificate, key) =
        if port.listen == PEER.listen { ("peer-client-cert-file", "peer-client-key-file") } else { GATEWAY };
    let half_of = |set: &'static str, unset: &'static str| {
        (values.given(set).is_some() && values.lacks(unset))
            .then(|| half(values, Some(&set), Some(&unset), member))
            .flatten()
    };
    half_of(certificate, key).into_iter().chain(half_of(key, certificate)).collect()
}

fn half(
    values: &Values<'_>,
    set: Option<&&'static str>,
    unset: Option<&&'static str>,
    member: &Place,
) -> Option<Refusal> {
    let (set, unset) = (set?, unset?);
    let place = values.place(set, member);
    let refusal = Refusal::new(RefusalKind::Certificate, place, format!("{set} is set, and {unset} is not"));
    Some(refusal.saying("must both be present"))
}
