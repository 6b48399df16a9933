//! Names and addresses as the files themselves tell them, without asking name servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::tls::Lookup;

/// What the files of a cluster tell about names.
///
/// The host in a member's URL leads to the addresses where the member listens, or nobody would reach it. `localhost`
/// is the loopback (RFC 6761 section 6.3). A name that stands in `--peer-cert-allowed-hostname` is not the name of a
/// host.
#[derive(Debug, Clone)]
pub(crate) struct KnownNames {
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
    markers: BTreeSet<String>,
}

impl Default for KnownNames {
    fn default() -> Self {
        let localhost = ("localhost".to_owned(), LOOPBACK.into());
        Self { addresses: BTreeMap::from([localhost]), markers: BTreeSet::new() }
    }
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

impl KnownNames {
    /// Notes that a host name leads to addresses.
    pub(crate) fn learn(&mut self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        if host.parse::<IpAddr>().is_err() {
            self.addresses.entry(host.to_ascii_lowercase()).or_default().extend(addresses);
        }
    }

    /// Notes that a name is in the certificates of all members and leads to no address.
    pub(crate) fn learn_marker(&mut self, name: &str) {
        self.markers.insert(name.to_ascii_lowercase());
    }

    /// The names in a certificate that may lead to `source`, as far as the files tell.
    ///
    /// No name leads to the loopback but `localhost`.
    pub(crate) fn open(&self, source: IpAddr, names: &[String]) -> Vec<String> {
        let is_open = |name: &&String| {
            !self.markers.contains(&name.to_ascii_lowercase()) && name.parse::<IpAddr>().is_err()
        };
        names.iter().filter(is_open).filter(|_| !source.is_loopback()).cloned().collect()
    }
}

impl Lookup for KnownNames {
    fn names(&self, address: IpAddr) -> Vec<String> {
        if LOOPBACK.contains(&address) { vec!["localhost".to_owned()] } else { Vec::new() }
    }

    /// An address leads to itself (Go, net, `LookupHost`).
    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return vec![address];
        }
        let found = self.addresses.get(&name.to_ascii_lowercase());
        found.map(|found| found.iter().copied().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_told_is_known() {
        let mut known = KnownNames::default();
        known.learn("Etcd1.example", [[10, 0, 0, 1].into()]);
        known.learn("10.0.0.9", [[10, 0, 0, 8].into()]);
        known.learn_marker("peer.internal");
        assert_eq!(known.addresses("etcd1.EXAMPLE"), [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(known.addresses("10.0.0.9"), [IpAddr::from([10, 0, 0, 9])]);
        assert!(known.addresses("etcd2.example").is_empty());
        let names = ["Peer.internal".to_owned(), "etcd1.example".to_owned()];
        assert_eq!(known.open([10, 0, 0, 9].into(), &names), ["etcd1.example"]);
        assert!(known.open([127, 0, 0, 1].into(), &names).is_empty());
        assert_eq!(Lookup::names(&known, LOOPBACK[0]), ["localhost"]);
    }
}
