//! Whether the certificate of a client is for the address from which it connects: etcd's `checkCertSAN`
//! (`client/pkg/transport`).

use std::net::IpAddr;

use crate::tls::certificate::GoCertificate;
use crate::tls::hostname;
use crate::tls::refusal::Reason;

/// The name servers that the server asks.
pub trait Lookup {
    /// The names of an address (PTR records). Empty if there are none.
    fn names(&self, address: IpAddr) -> Vec<String>;

    /// The addresses of a name (A and AAAA records). Empty if there are none.
    fn addresses(&self, name: &str) -> Vec<IpAddr>;
}

/// Name servers without any records.
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

/// Checks that a certificate is for the address from which its owner connects. A certificate without IP addresses and DNS
/// names is for every address.
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
    // etcd compares the text after the `*` with the end of the name, so `*` may stand for several labels.
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
