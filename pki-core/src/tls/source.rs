//! The address that a peer comes from, held against its certificate: client/pkg/transport, `checkCertSAN`.

use std::net::IpAddr;

use crate::tls::certificate::GoCertificate;
use crate::tls::hostname;
use crate::tls::refusal::Reason;

/// What the name servers of the host that listens say.
pub trait Lookup {
    /// The names of an address (PTR).
    fn names(&self, address: IpAddr) -> Vec<String>;

    /// The addresses of a name (A, AAAA).
    fn addresses(&self, name: &str) -> Vec<IpAddr>;
}

/// Name servers that know nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn names(&self, _: IpAddr) -> Vec<String> {
        Vec::new()
    }

    fn addresses(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }
}

/// Checks that a certificate is for the address that its owner comes from; one without any address or name is for all.
pub(super) fn check(certificate: &GoCertificate, address: IpAddr, lookup: &dyn Lookup) -> Result<(), Reason> {
    let names = certificate.subject_alt_names();
    let by_address = !names.ip.is_empty() && hostname::verify(certificate, &address.to_string()).is_ok();
    if (names.ip.is_empty() && names.dns.is_empty()) || by_address || is_name_of(address, &names.dns, lookup)
    {
        return Ok(());
    }
    Err(Reason::SourceAddress { address, valid_for: Box::new(names.clone()) })
}

fn is_name_of(address: IpAddr, names: &[String], lookup: &dyn Lookup) -> bool {
    if names.is_empty() {
        return false;
    }
    let is_wildcard = |name: &String| name.starts_with("*.");
    // Go compares what follows the star with the end of the name, whatever number of labels is before it.
    let is_called = |found: &str, name: &String| match name.strip_prefix('*') {
        Some(end) if is_wildcard(name) => found.ends_with(end),
        _ => name == found,
    };
    let found = lookup.names(address);
    found.iter().any(|found| {
        let found = found.strip_suffix('.').unwrap_or(found);
        names.iter().any(|name| is_called(found, name))
    }) || names.iter().any(|name| !is_wildcard(name) && lookup.addresses(name).contains(&address))
}
