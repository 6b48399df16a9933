//! Where members are found: addresses and DNS names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// An address that a member can listen on and be reached at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberAddress(IpAddr);

impl MemberAddress {
    /// The address, if it is one that one host can have. IPv4-mapped IPv6 becomes IPv4.
    ///
    /// # Errors
    /// [`InvalidValue`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |reason| InvalidValue { kind: SafeValue::Address, text: text.to_owned(), reason };
        let address: IpAddr = text.parse().map_err(|_| {
            wrong(if text.contains('/') {
                "an address has no prefix length"
            } else if text.contains('%') {
                "an address with a zone means something else on every host"
            } else if text.rsplit_once(':').is_some_and(|(host, _)| host.parse::<IpAddr>().is_ok()) {
                "the port does not belong here"
            } else {
                "it is no IP address"
            })
        })?;
        let address = address.to_canonical();
        if address.is_unspecified() {
            Err(wrong("it stands for every address, so nobody can be sent to it"))
        } else if address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast()) {
            Err(wrong("it is the address of many hosts"))
        } else if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
            Err(wrong("a link-local address means something else on every host"))
        } else {
            Ok(Self(address))
        }
    }

    /// 127.0.0.1
    pub(crate) const LOOPBACK_V4: Self = Self(IpAddr::V4(Ipv4Addr::LOCALHOST));
    /// ::1
    pub(crate) const LOOPBACK_V6: Self = Self(IpAddr::V6(Ipv6Addr::LOCALHOST));

    /// The address.
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
    /// The name, if it is one.
    ///
    /// # Errors
    /// [`InvalidValue`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let labels = || text.split('.');
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.parse::<IpAddr>().is_ok() {
            "it is an address"
        } else if !text.is_ascii() {
            "write it in its ASCII form, xn--..."
        } else if text.len() > 253 {
            "it is longer than 253 characters"
        } else if text.starts_with("*.") {
            "a wildcard is no host"
        } else if labels().any(str::is_empty) {
            "it has an empty part"
        } else if labels().any(|label| label.len() > 63) {
            "a part of it is longer than 63 characters"
        } else if labels().any(|label| label.starts_with('-') || label.ends_with('-')) {
            "a part of it begins or ends with `-`"
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) {
            "it has characters other than letters, digits, `.` and `-`"
        } else if labels().next_back().is_some_and(|label| label.chars().all(|c| c.is_ascii_digit())) {
            "it ends like an IP address, but is none"
        } else {
            return Ok(Self(text.to_ascii_lowercase()));
        };
        Err(InvalidValue { kind: SafeValue::DnsName, text: text.to_owned(), reason })
    }

    /// `localhost` (RFC 6761 section 6.3)
    pub(crate) fn localhost() -> Self {
        Self("localhost".to_owned())
    }

    /// A name made of safe parts.
    pub(crate) fn known(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address or a DNS name: what a certificate is valid for, and what stands in a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// An address, which may be the loopback's
    Address(MemberAddress),
    /// A DNS name
    Dns(DnsName),
}

impl HostName {
    /// The address or name, if it is one. What has a colon, or only digits and dots, was meant as an address.
    ///
    /// # Errors
    /// [`InvalidValue`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let digits = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if text.contains([':', '/']) || (digits && !text.is_empty()) {
            Ok(Self::Address(MemberAddress::parse(text)?))
        } else {
            Ok(Self::Dns(DnsName::parse(text)?))
        }
    }

    /// As a URL holds it (RFC 3986 section 3.2.2).
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
