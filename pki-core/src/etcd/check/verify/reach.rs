//! Where a URL leads that somebody dials: to a listener of the member that is meant, or elsewhere.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::verify::member::{Listener, Node};
use crate::etcd::found::FoundUrl;

/// The sockets that members listen at, by address and port, with the number of the member.
#[derive(Debug, Default)]
pub(crate) struct Sockets(HashMap<(IpAddr, u16), usize>);

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To the right port of the member that is meant. Whether it speaks TLS there.
    Member { has_tls: bool },
    /// To the other port of the member that is meant.
    OtherPort { has_tls: bool },
    /// To the member with this number.
    OtherMember(usize),
    /// To an address and port at which no member listens. The port of the member that is meant listens at the URL here:
    /// if something forwards connections, it leads there.
    Forwarded { listener: String },
}

/// The host in a URL.
enum UrlHost {
    Address(IpAddr),
    Localhost,
    Name,
}

impl UrlHost {
    fn of(url: &FoundUrl) -> Self {
        match url.host.parse() {
            Ok(address) => Self::Address(address),
            Err(_) if url.host.eq_ignore_ascii_case("localhost") => Self::Localhost,
            Err(_) => Self::Name,
        }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Localhost => true,
            Self::Name => false,
        }
    }
}

impl Sockets {
    pub(crate) fn of(nodes: &[Node]) -> Self {
        let mut sockets = HashMap::new();
        for (number, node) in nodes.iter().enumerate() {
            for url in node.peer.listening.iter().chain(&node.client.listening) {
                if let (Some(address), Some(port)) = (bound_address(url), url.port)
                    && !address.is_unspecified()
                {
                    sockets.entry((address, port)).or_insert(number);
                }
            }
        }
        Self(sockets)
    }

    /// Where `url` leads, which `from` dials (`None` for a client) and which means the port of `kind` of `to`. Members
    /// come with their numbers.
    pub(crate) fn destination(
        &self,
        url: &FoundUrl,
        kind: ConnectionKind,
        from: Option<(usize, &Node)>,
        (number, to): (usize, &Node),
    ) -> Destination {
        let (own, other) = match kind {
            ConnectionKind::Peer => (&to.peer.listening, &to.client.listening),
            ConnectionKind::Client | ConnectionKind::Gateway => (&to.client.listening, &to.peer.listening),
        };
        // On its own loopback a member reaches itself first.
        if let Some((dialler, from)) = from
            && UrlHost::of(url).is_loopback()
            && from.peer.listening.iter().chain(&from.client.listening).any(|listener| takes(listener, url))
        {
            return Destination::OtherMember(dialler);
        }
        let taking = |listeners: &[FoundUrl]| {
            listeners.iter().find(|listener| takes(listener, url)).map(FoundUrl::is_tls)
        };
        if let Some(has_tls) = taking(own) {
            return Destination::Member { has_tls };
        }
        if let Some(has_tls) = taking(other) {
            return Destination::OtherPort { has_tls };
        }
        if let (UrlHost::Address(address), Some(port)) = (UrlHost::of(url), url.port)
            && let Some(other) = self.0.get(&(address, port)).filter(|other| **other != number)
        {
            return Destination::OtherMember(*other);
        }
        let alike = own.iter().find(|listener| listener.is_tls() == url.is_tls());
        let listener = alike.or(own.first()).map(|listener| listener.text.clone()).unwrap_or_default();
        Destination::Forwarded { listener }
    }
}

/// Listeners at an address of another member: one that the other listens at and advertises, and that they do not
/// advertise. With each, the number of its member and that of the other.
///
/// Where nobody knows whether the two share a host, it has to be the same port, which only one of them can have.
pub(crate) fn of_others(nodes: &[Node]) -> Vec<(usize, &Listener, &FoundUrl, usize)> {
    let has = |node: &Node, address: IpAddr| {
        let all = node.peer.advertised.iter().chain(&node.client.advertised);
        all.filter_map(bound_address).any(|own| own == address)
    };
    let listening = || {
        let all = nodes
            .iter()
            .enumerate()
            .flat_map(|(number, node)| [&node.peer, &node.client].map(|listener| (number, node, listener)));
        all.flat_map(|(number, node, listener)| {
            listener.listening.iter().filter_map(move |url| {
                let address = bound_address(url)?;
                let is_own = address.is_unspecified() || address.is_loopback();
                (!is_own).then_some((number, node, listener, url, address))
            })
        })
    };
    let mut owners: HashMap<IpAddr, Vec<(usize, Option<u16>)>> = HashMap::new();
    for (number, _, _, url, address) in listening().filter(|(_, node, .., address)| has(node, *address)) {
        owners.entry(address).or_default().push((number, url.port));
    }
    let strange = listening().filter(|(_, node, .., address)| !has(node, *address));
    strange
        .filter_map(|(number, node, listener, url, address)| {
            let is_elsewhere = |other: usize| {
                let root = nodes.get(other).and_then(|other| other.root.as_ref());
                root.is_some() && node.root.is_some() && root != node.root.as_ref()
            };
            let mut owners = owners.get(&address)?.iter();
            let owner = owners.find(|(other, port)| *port == url.port || is_elsewhere(*other))?;
            Some((number, listener, url, owner.0))
        })
        .collect()
}

/// The address that a member binds for a URL (Go, net, `Listen`: of `localhost`, the address of IPv4).
fn bound_address(url: &FoundUrl) -> Option<IpAddr> {
    match UrlHost::of(url) {
        UrlHost::Address(address) => Some(address),
        UrlHost::Localhost => Some(Ipv4Addr::LOCALHOST.into()),
        UrlHost::Name => None,
    }
}

/// Whether what a member listens at takes a connection to `url` on the host of that member.
fn takes(listener: &FoundUrl, url: &FoundUrl) -> bool {
    if !listener.is_tcp() || !url.is_tcp() {
        return listener.text == url.text;
    }
    if listener.port.is_none() || listener.port != url.port {
        return false;
    }
    let Some(bound) = bound_address(listener) else { return listener.host.eq_ignore_ascii_case(&url.host) };
    match UrlHost::of(url) {
        // Go listens at 0.0.0.0 and at :: for both families (net, `favoriteAddrFamily`).
        _ if bound.is_unspecified() => true,
        UrlHost::Address(address) => address == bound,
        UrlHost::Localhost => bound == Ipv4Addr::LOCALHOST || bound == Ipv6Addr::LOCALHOST,
        // A name leads to the host of the member, or nobody would reach it.
        UrlHost::Name => !bound.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_takes_its_address_and_port() {
        let is_taken = |listener: &str, url: &str| {
            takes(&FoundUrl::parse(listener).unwrap(), &FoundUrl::parse(url).unwrap())
        };
        for (listener, url, expected) in [
            ("https://10.0.0.1:2380", "https://10.0.0.1:2380", true),
            ("https://10.0.0.1:2380", "http://10.0.0.1:2380", true),
            ("https://10.0.0.1:2380", "https://10.0.0.1:2390", false),
            ("https://10.0.0.1:2380", "https://10.0.0.2:2380", false),
            ("https://0.0.0.0:2380", "https://10.0.0.1:2380", true),
            ("https://0.0.0.0:2380", "https://[fd00::1]:2380", true),
            ("https://[::]:2380", "https://10.0.0.1:2380", true),
            ("https://[fd00::1]:2380", "https://[fd00:0::1]:2380", true),
            ("https://0.0.0.0:2380", "https://etcd1.example:2381", false),
            ("https://10.0.0.1:2380", "https://etcd1.example:2380", true),
            ("https://127.0.0.1:2380", "https://etcd1.example:2380", false),
            ("https://127.0.0.1:2380", "https://10.0.0.1:2380", false),
            ("https://127.0.0.1:2380", "https://localhost:2380", true),
            ("https://localhost:2380", "https://127.0.0.1:2380", true),
            ("https://localhost:2380", "https://127.0.0.2:2380", false),
            ("https://10.0.0.1:2380", "https://localhost:2380", false),
            ("unix://a:1", "unix://a:1", true),
            ("unix://a:1", "https://a:1", false),
        ] {
            assert_eq!(is_taken(listener, url), expected, "{listener} {url}");
        }
    }
}
