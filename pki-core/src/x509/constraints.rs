//! Name constraints (RFC 5280 section 4.2.1.10) as Go applies them (`crypto/x509`, `constraints.go`).

use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, GeneralSubtree};
use x509_parser::prelude::FromDer;

use crate::x509::alt_names::SubjectAltNames;

/// The names that the certificates of a CA may have.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
    /// Whether there are constraints on kinds of names that Go does not check.
    pub(crate) has_other_kinds: bool,
}

#[derive(Debug, Clone, Default)]
struct Subtrees {
    dns: Vec<String>,
    email: Vec<String>,
    ip: Vec<Network>,
    uri: Vec<String>,
}

/// A network as address and mask.
#[derive(Debug, Clone)]
enum Network {
    V4(u32, u32),
    V6(u128, u128),
}

impl Network {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
        let v4 = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_be_bytes);
        let v6 = |bytes: &[u8]| bytes.try_into().ok().map(u128::from_be_bytes);
        match bytes.len() {
            8 => Some(Self::V4(v4(address)?, v4(mask)?)),
            32 => Some(Self::V6(v6(address)?, v6(mask)?)),
            _ => None,
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(network, mask), IpAddr::V4(address)) => network & mask == address.to_bits() & mask,
            (Self::V6(network, mask), IpAddr::V6(address)) => network & mask == address.to_bits() & mask,
            _ => false,
        }
    }
}

impl NameConstraints {
    /// Reads what was parsed. An error is what is wrong with it.
    pub(crate) fn read(parsed: &x509_parser::extensions::NameConstraints<'_>) -> Result<Self, &'static str> {
        let mut constraints = Self::default();
        for (from, into) in [
            (&parsed.permitted_subtrees, &mut constraints.permitted),
            (&parsed.excluded_subtrees, &mut constraints.excluded),
        ] {
            for GeneralSubtree { base } in from.iter().flatten() {
                match base {
                    GeneralName::DNSName(name) => into.dns.push((*name).to_owned()),
                    GeneralName::RFC822Name(name) => into.email.push((*name).to_owned()),
                    GeneralName::URI(name) => into.uri.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => {
                        let network = Network::read(bytes);
                        into.ip.push(network.ok_or("a name constraint on IP addresses is not a network")?);
                    }
                    _ => constraints.has_other_kinds = true,
                }
            }
        }
        Ok(constraints)
    }

    /// Reads the value of the extension. An error is what is wrong with it.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, &'static str> {
        match x509_parser::extensions::NameConstraints::from_der(der) {
            Ok((_, parsed)) => Self::read(&parsed),
            Err(_) => Err("its name constraints are malformed"),
        }
    }

    /// The first of `names` that is not allowed, or `None` if all are.
    pub(crate) fn forbids(&self, names: &SubjectAltNames) -> Option<String> {
        let ip =
            names.ip.iter().filter(|address| !self.allow(|subtrees| &subtrees.ip, |n| n.contains(**address)));
        let dns = names.dns.iter().filter(|name| {
            let wildcard = name.strip_prefix("*.");
            let permitted =
                self.permitted.dns.is_empty() || self.permitted.dns.iter().any(|c| is_below(name, c));
            // A wildcard is excluded too if a name that it matches is.
            let excluded =
                |c: &String| is_below(name, c) || wildcard.is_some_and(|parent| is_child(c, parent));
            !permitted || self.excluded.dns.iter().any(excluded)
        });
        let email = names.email.iter().filter(|mailbox| {
            let domain = mailbox.rsplit_once('@').map_or("", |(_, domain)| domain);
            !self.allow(
                |subtrees| &subtrees.email,
                |c| if c.contains('@') { c == *mailbox } else { is_host_of(domain, c) },
            )
        });
        let uri = names.uri.iter().filter(|uri| {
            let constrained = !(self.permitted.uri.is_empty() && self.excluded.uri.is_empty());
            let host = host_of(uri);
            let is_name = host.is_some_and(|host| host.parse::<IpAddr>().is_err());
            constrained && !is_name
                || !self.allow(|subtrees| &subtrees.uri, |c| host.is_some_and(|host| is_below(host, c)))
        });
        ip.map(IpAddr::to_string).chain(dns.cloned()).chain(email.cloned()).chain(uri.cloned()).next()
    }

    fn allow<T>(&self, kind: impl Fn(&Subtrees) -> &Vec<T>, matches: impl Fn(&T) -> bool) -> bool {
        let (permitted, excluded) = (kind(&self.permitted), kind(&self.excluded));
        (permitted.is_empty() || permitted.iter().any(&matches)) && !excluded.iter().any(&matches)
    }
}

/// Whether `name` is the domain `constraint` or below it. If the constraint begins with a dot, only names below it match;
/// an empty constraint matches every name.
fn is_below(name: &str, constraint: &str) -> bool {
    let (name, lowered) = (name.to_ascii_lowercase(), constraint.to_ascii_lowercase());
    match name.strip_suffix(lowered.as_str()) {
        Some(_) if lowered.is_empty() => true,
        Some(front) => {
            if lowered.starts_with('.') {
                !front.is_empty()
            } else {
                front.is_empty() || front.ends_with('.')
            }
        }
        None => false,
    }
}

/// Whether `name` has exactly one label more than `parent`.
fn is_child(name: &str, parent: &str) -> bool {
    name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
}

/// Whether the host of an e-mail address matches: it equals the constraint, or is below it if that begins with a dot. An
/// empty constraint matches every host.
fn is_host_of(host: &str, constraint: &str) -> bool {
    constraint.is_empty()
        || host.eq_ignore_ascii_case(constraint)
        || constraint.starts_with('.') && is_below(host, constraint)
}

fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |(host, _)| host) };
    (!host.is_empty() && !host.starts_with('[')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(permitted: &[&str], excluded: &[&str]) -> NameConstraints {
        let subtrees = |names: &[&str]| Subtrees {
            dns: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Subtrees::default()
        };
        NameConstraints {
            permitted: subtrees(permitted),
            excluded: subtrees(excluded),
            has_other_kinds: false,
        }
    }

    fn forbids(constraints: &NameConstraints, name: &str) -> bool {
        let names = SubjectAltNames { dns: vec![name.to_owned()], ..SubjectAltNames::default() };
        constraints.forbids(&names).is_some()
    }

    #[test]
    fn permitted_names_are_the_domain_and_what_is_below() {
        let constraints = dns(&["etcd.example"], &[]);
        for name in ["etcd.example", "a.ETCD.example", "*.etcd.example"] {
            assert!(!forbids(&constraints, name), "{name}");
        }
        for name in ["xetcd.example", "example", "*.example"] {
            assert!(forbids(&constraints, name), "{name}");
        }
        assert!(forbids(&dns(&[".etcd.example"], &[]), "etcd.example"));
    }

    #[test]
    fn a_wildcard_may_not_reach_what_is_excluded() {
        let constraints = dns(&[], &["a.etcd.example"]);
        assert!(forbids(&constraints, "*.etcd.example"));
        assert!(forbids(&constraints, "b.a.etcd.example"));
        assert!(!forbids(&constraints, "b.etcd.example"));
    }

    #[test]
    fn networks_hold_addresses_of_their_own_kind() {
        let network = Network::read(&[10, 0, 0, 0, 255, 0, 0, 0]).unwrap();
        assert!(network.contains([10, 1, 2, 3].into()));
        assert!(!network.contains([11, 1, 2, 3].into()));
        assert!(!network.contains(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)));
        assert!(Network::read(&[10, 0, 0, 0]).is_none());
    }
}
