//! The kinds of hosts: which kind of subject alternative name cfssl makes of an entry of `hosts`.

use std::net::IpAddr;

use crate::go::{mail, net, url};

/// An entry of `hosts` as the kind of GeneralName (RFC 5280 section 4.2.1.6) that cfssl makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// iPAddress. An IPv4-mapped IPv6 address is the IPv4 address here.
    Ip(IpAddr),
    /// rfc822Name: `local@domain`, without display name, comments and quotes.
    Email(String),
    /// uniformResourceIdentifier, in the form in which Go writes it.
    Uri(String),
    /// dNSName: any other text, byte for byte. It may not be the name of a host at all.
    Dns(String),
}

impl Host {
    /// Sorts an entry as cfssl 1.6.5 does (`csr/csr.go`): if Go reads it as an IP address it is one, else an e-mail
    /// address, else a URI, else a DNS name.
    ///
    /// Spaces are not removed, and a DNS name is not checked. `host:2379` has the form of a URI, so it becomes one;
    /// [`SubjectAltNames::from_hosts`](crate::x509::SubjectAltNames::from_hosts) refuses it.
    ///
    /// # Examples
    ///
    /// ```
    /// use pki_core::cfssl::Host;
    ///
    /// assert_eq!(Host::classify("10.0.0.1"), Host::Ip([10, 0, 0, 1].into()));
    /// assert_eq!(Host::classify("Ops <ops@a.example>"), Host::Email("ops@a.example".to_owned()));
    /// assert_eq!(Host::classify("a.example:2379"), Host::Uri("a.example:2379".to_owned()));
    /// assert_eq!(Host::classify("*.a.example"), Host::Dns("*.a.example".to_owned()));
    /// ```
    pub fn classify(entry: &str) -> Self {
        net::parse_ip(entry)
            .map(Self::Ip)
            .or_else(|| mail::parse(entry).map(Self::Email))
            .or_else(|| url::parse(entry).map(Self::Uri))
            .unwrap_or_else(|| Self::Dns(entry.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> Host {
        Host::Ip(text.parse().unwrap())
    }

    fn email(text: &str) -> Host {
        Host::Email(text.to_owned())
    }

    fn uri(text: &str) -> Host {
        Host::Uri(text.to_owned())
    }

    fn assert_dns(entries: &[&str]) {
        for entry in entries {
            assert_eq!(Host::classify(entry), Host::Dns((*entry).to_owned()));
        }
    }

    #[test]
    fn ip_addresses() {
        assert_eq!(Host::classify("10.0.0.1"), ip("10.0.0.1"));
        assert_eq!(Host::classify("0.0.0.0"), ip("0.0.0.0"));
        assert_eq!(Host::classify("::"), ip("::"));
        assert_eq!(Host::classify("::1"), ip("::1"));
        assert_eq!(Host::classify("2001:DB8::1"), ip("2001:db8::1"));
        assert_eq!(Host::classify("64:ff9b::10.0.0.1"), ip("64:ff9b::a00:1"));
        assert_eq!(Host::classify("::10.0.0.1"), ip("::a00:1"));
        assert_eq!(Host::classify("1:2:3:4:5:6:7::"), ip("1:2:3:4:5:6:7:0"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(Host::classify("::ffff:10.0.0.1"), ip("10.0.0.1"));
        assert_eq!(Host::classify("::ffff:a00:1"), ip("10.0.0.1"));
        assert_eq!(Host::classify("0:0:0:0:0:FFFF:10.0.0.1"), ip("10.0.0.1"));
    }

    #[test]
    fn near_addresses_are_names() {
        assert_dns(&["010.0.0.1", "10.0.0.256", "127.1", "1", "10.0.0.0/24", "10.0.0.1 ", " 10.0.0.1"]);
        assert_dns(&["10.0.0.1.", "1.2.3.4.5", "10.0.0.1:2379", "[::1]", "[::1]:2379", "::1/128", "::1 "]);
        assert_dns(&["::12345", "::ffff:010.0.0.1", "1:2:3:4:5:6:7:8::", ":::", "1.2.3.4::", "::1%eth0"]);
    }

    #[test]
    fn a_zone_makes_a_uri() {
        assert_eq!(Host::classify("fe80::1%eth0"), uri("fe80::1%eth0"));
    }

    #[test]
    fn names_are_kept_byte_for_byte() {
        assert_dns(&[
            "",
            "A.Example",
            "a.example.",
            "*.example.com",
            "*.*.x",
            "*:80",
            ":80",
            "x_y:1",
            "9x:1",
        ]);
        assert_dns(&[
            "a/b",
            "h%41st",
            "?x",
            "foo_bar.x",
            "a b",
            "a,b",
            "a\0b",
            "a\nb",
            "exämple.com",
            "a..b",
        ]);
    }

    #[test]
    fn each_kind_in_its_turn() {
        assert_eq!(Host::classify("user@host"), email("user@host"));
        // This is also a URI, but cfssl tries e-mail addresses first.
        assert_eq!(Host::classify("a:u@h;"), email("u@h"));
        assert_eq!(Host::classify("mailto:x@y.z"), uri("mailto:x@y.z"));
        assert_eq!(Host::classify("HOST.example:2379"), uri("host.example:2379"));
        assert_eq!(Host::classify("*"), uri("*"));
        assert_dns(&["https://bad host/", "https://h/%zz", "u@h:80", "a@b@c"]);
    }

    proptest! {
        #[test]
        fn no_entry_panics(entry in any::<String>()) {
            Host::classify(&entry);
        }

        #[test]
        fn no_near_entry_panics(entry in "([a-z]{0,3}|[\\[\\]:/@.%?#<>()\",; \\\\=*0-9-]|%25|ä|//|://){0,12}") {
            Host::classify(&entry);
        }

        #[test]
        fn addresses_are_addresses(address in any::<IpAddr>()) {
            prop_assert_eq!(Host::classify(&address.to_string()), Host::Ip(address.to_canonical()));
        }
    }
}
