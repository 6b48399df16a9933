//! IP addresses and pairs of host and port as Go's `net` reads them (`net/ip.go`, `net/ipsock.go`,
//! `net/netip/netip.go`).

use std::net::{IpAddr, Ipv6Addr};

/// Go's `ParseIP`, followed by the `To4` of `crypto/x509`: an IPv4-mapped IPv6 address becomes the IPv4 address.
///
/// Rust's standard library accepts the same texts as Go: no zone, no leading zeros in dotted decimals, an embedded
/// dotted decimal only at the end.
pub(crate) fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Whether Go's `netip.ParseAddr` reads the text as an IPv6 address, which a zone may follow.
pub(crate) fn is_ipv6_with_optional_zone(text: &[u8]) -> bool {
    let mut parts = text.splitn(2, |byte| *byte == b'%');
    let address = parts.next().and_then(|address| str::from_utf8(address).ok());
    let zone_is_empty = parts.next().is_some_and(<[u8]>::is_empty);
    !zone_is_empty && address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether a host in a URL or a certificate means the loopback interface of the program that uses it.
///
/// An address does if Go's `IP.IsLoopback` says so: all of 127.0.0.0/8, also as `::ffff:127.0.0.1` because Go looks at
/// `To4` first, and `::1`. A name does if it is `localhost`, in any case and with or without a dot at its end: Go looks
/// names up in /etc/hosts in lower case and as absolute names (`net/hosts.go`, `lookupStaticHost`), and RFC 6761,
/// section 6.3, gives `localhost` no other meaning. The rule that etcd listens only at `localhost` in lower case is one
/// of its options, and is not applied here.
pub(crate) fn is_loopback(host: &str) -> bool {
    is_localhost(host) || parse_ip(host).is_some_and(|address| address.is_loopback())
}

/// Whether a host is the name of the loopback interface, and not an address.
pub(crate) fn is_localhost(host: &str) -> bool {
    host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case("localhost")
}

/// Why a text is not a host with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostPortError {
    /// There is no port behind the host.
    NoPort,
    /// There is more than one colon, and there are no brackets.
    Colons,
    /// The brackets do not match, or are not around the host.
    Brackets,
}

impl HostPortError {
    /// The reason in a message about a URL.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoPort => "it has no port",
            Self::Colons => "an IPv6 address needs brackets, as in [2001:db8::11]",
            Self::Brackets => "its brackets do not match",
        }
    }
}

/// Go's `SplitHostPort`: the host without its brackets, and the port, which is not checked.
pub(crate) fn split_host_port(text: &str) -> Result<(&str, &str), HostPortError> {
    let (before, port) = text.rsplit_once(':').ok_or(HostPortError::NoPort)?;
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, behind) = inner.split_once(']').ok_or(HostPortError::Brackets)?;
            match behind.strip_prefix(':') {
                Some(port) if port.contains(':') => return Err(HostPortError::Colons),
                Some(port) => (host, port),
                None => return Err(HostPortError::NoPort),
            }
        }
        None if before.contains(':') => return Err(HostPortError::Colons),
        None => (before, port),
    };
    let has_bracket = |part: &str| part.contains(['[', ']']);
    if has_bracket(host) || has_bracket(port) { Err(HostPortError::Brackets) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4() {
        for (text, address) in [
            ("10.0.0.1", Some("10.0.0.1")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("::ffff:a00:1", Some("10.0.0.1")),
            ("::10.0.0.1", Some("::a00:1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("010.0.0.1", None),
            ("127.1", None),
            ("::1%lo", None),
            (" ::1", None),
        ] {
            assert_eq!(parse_ip(text).map(|address| address.to_string()).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn the_loopback_interface_has_many_names() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "0:0:0:0:0:0:0:1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ".",
            "localhost..",
            "localhost.example",
            "mylocalhost",
            "128.0.0.1",
            "0.0.0.0",
            "::",
            "::2",
            "::127.0.0.1",
            "127.1",
            "127.0.0.1.",
            "[::1]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn hosts_are_told_from_ports() {
        for (text, parts) in [
            ("a:1", Ok(("a", "1"))),
            (":", Ok(("", ""))),
            ("a:x", Ok(("a", "x"))),
            ("[::1]:80", Ok(("::1", "80"))),
            ("[::1%lo]:80", Ok(("::1%lo", "80"))),
            ("", Err(HostPortError::NoPort)),
            ("a", Err(HostPortError::NoPort)),
            ("[::1]", Err(HostPortError::NoPort)),
            ("[::1]a:1", Err(HostPortError::NoPort)),
            ("[::1]a", Err(HostPortError::NoPort)),
            ("[::1]:1:2", Err(HostPortError::Colons)),
            ("::1", Err(HostPortError::Colons)),
            ("a:b:1", Err(HostPortError::Colons)),
            ("[::1", Err(HostPortError::Brackets)),
            ("a[b]:1", Err(HostPortError::Brackets)),
            ("a:[1", Err(HostPortError::Brackets)),
        ] {
            assert_eq!(split_host_port(text), parts, "{text}");
        }
    }

    #[test]
    fn a_zone_is_not_empty() {
        assert!(is_ipv6_with_optional_zone(b"fe80::1%eth0") && is_ipv6_with_optional_zone(b"::1"));
        assert!(!is_ipv6_with_optional_zone(b"fe80::1%") && !is_ipv6_with_optional_zone(b"10.0.0.1"));
    }
}
