//! IP addresses and DNS names of members.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// An IP address that a member can listen on and that others can connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberAddress(IpAddr);

impl MemberAddress {
    /// Reads an address that belongs to one host. An IPv4-mapped IPv6 address becomes IPv4 (RFC 4291 section 2.5.5.2).
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |reason| InvalidValue { kind: SafeValue::Address, text: text.to_owned(), reason };
        let address: IpAddr = text.parse().map_err(|_| {
            wrong(if text.contains("://") {
                "it is a URL, and an address has neither a scheme nor a port"
            } else if text.contains('/') {
                "an address has no prefix length such as /24"
            } else if text.contains('%') {
                "an address with a zone such as %eth0 is valid on one host only"
            } else if text.rsplit_once(':').is_some_and(|(host, _)| host.parse::<IpAddr>().is_ok()) {
                "it has a port, which does not belong here"
            } else if DnsName::parse(text).is_ok() {
                "it is a host name, not an IP address"
            } else {
                "it is not an IP address"
            })
        })?;
        let address = address.to_canonical();
        if address.is_unspecified() {
            Err(wrong("it means every address of a host, so nobody can connect to it"))
        } else if address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast()) {
            Err(wrong("it is a multicast or broadcast address, for many hosts"))
        } else if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            Err(wrong("it is a link-local address, which is valid on one network link only"))
        } else {
            Ok(Self(address))
        }
    }

    /// `127.0.0.1`
    pub(crate) const LOOPBACK_V4: Self = Self(IpAddr::V4(Ipv4Addr::LOCALHOST));
    /// `::1`
    pub(crate) const LOOPBACK_V6: Self = Self(IpAddr::V6(Ipv6Addr::LOCALHOST));

    /// The address as the standard library has it.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for MemberAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host name (RFC 1123 section 2.1), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

impl DnsName {
    /// Reads a host name. Upper case becomes lower case.
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let labels = || text.split('.');
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.parse::<IpAddr>().is_ok() {
            "it is an IP address"
        } else if text.contains("://") {
            "it is a URL, and a host name has neither a scheme nor a port"
        } else if text
            .rsplit_once(':')
            .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && !host.contains(':'))
        {
            "it has a port, which does not belong here"
        } else if !text.is_ascii() {
            "write it in its ASCII form, xn--..."
        } else if text.len() > 253 {
            "it is longer than 253 characters"
        } else if text.starts_with("*.") {
            "a wildcard is not the name of one host"
        } else if labels().any(str::is_empty) {
            "it has an empty part between dots"
        } else if labels().any(|label| label.len() > 63) {
            "a part of it is longer than 63 characters"
        } else if labels().any(|label| label.starts_with('-') || label.ends_with('-')) {
            "a part of it begins or ends with `-`"
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) {
            "it has characters other than letters, digits, `.` and `-`"
        } else if labels().next_back().is_some_and(|label| label.chars().all(|c| c.is_ascii_digit())) {
            "its last part is a number, as in an IP address, but it is not an IP address"
        } else {
            return Ok(Self(text.to_ascii_lowercase()));
        };
        Err(InvalidValue { kind: SafeValue::DnsName, text: text.to_owned(), reason })
    }

    /// `localhost` (RFC 6761 section 6.3)
    pub(crate) fn localhost() -> Self {
        Self("localhost".to_owned())
    }

    /// A name that the caller has made of safe parts. It is not checked.
    pub(crate) fn known(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address or a DNS name, as a subject alternative name and the host of a URL have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// An IP address, also of the loopback interface.
    Address(MemberAddress),
    /// A DNS name.
    Dns(DnsName),
}

impl HostName {
    /// Reads an address or a DNS name. A text with a colon or a slash, or of digits and dots only, is read as an
    /// address, so that its error is about addresses.
    ///
    /// # Errors
    /// [`InvalidValue`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if text.contains([':', '/']) || (digits && !text.is_empty()) {
            Ok(Self::Address(MemberAddress::parse(text)?))
        } else {
            Ok(Self::Dns(DnsName::parse(text)?))
        }
    }

    /// The host as a URL has it: IPv6 in brackets (RFC 3986 section 3.2.2).
    pub(crate) fn in_url(&self) -> String {
        match self {
            Self::Address(address) if address.ip().is_ipv6() => format!("[{address}]"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Dns(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_one_host_are_taken() {
        for good in ["10.0.0.1", "127.0.0.2", "2001:db8::1", "::1"] {
            assert_eq!(MemberAddress::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "10.0.0.1/24",
            "10.0.0.1:2380",
            "x",
        ] {
            assert!(MemberAddress::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(MemberAddress::parse("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1");
    }

    #[test]
    fn only_host_names_are_taken() {
        assert_eq!(DnsName::parse("Etcd1.Example").unwrap().as_str(), "etcd1.example");
        for bad in ["", "a..b", "a.", "-a", "a_b", "a b", "10.0.0.256", "*.a", "é", "$(a)", "a/b"] {
            assert!(DnsName::parse(bad).is_err(), "{bad}");
        }
    }
}
