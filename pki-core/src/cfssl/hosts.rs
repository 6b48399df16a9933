//! Subject alternative names from the entries of `hosts`: checks, and the ASCII form of international names.

use std::net::IpAddr;

use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::host::Host;
use crate::cfssl::notice::{Notice, NoticeKind, WithNotices};
use crate::x509::alt_names::SubjectAltNames;

impl SubjectAltNames {
    /// Sorts hosts into kinds of names as cfssl does.
    ///
    /// Some hosts give a notice: spaces around a host are removed, an empty host becomes an empty DNS name, a name outside
    /// ASCII is converted into its ASCII form (IDNA, UTS 46), and for some DNS names no client will accept the
    /// certificate. A host with a port, such as `host:2379`, is left out if there are hosts without: cfssl makes a URI of it, which
    /// no client compares with a host.
    ///
    /// ```
    /// use pki_core::x509::SubjectAltNames;
    ///
    /// let hosts = ["etcd1.example", "10.0.0.1", "exämple.com"].map(str::to_owned);
    /// let names = SubjectAltNames::from_hosts(&hosts)?;
    /// assert_eq!(names.value.to_string(), "etcd1.example, xn--exmple-cua.com, 10.0.0.1");
    /// assert_eq!(names.notices.len(), 1);
    /// assert!(SubjectAltNames::from_hosts(&["host:2379".to_owned()]).is_err());
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::HostWithPort`] for a host with a port if there are none without, [`ErrorKind::NotAHost`] for a path, a network, an address
    /// in brackets and so on, and [`ErrorKind::HostNotAscii`] for a host without an ASCII form.
    pub fn from_hosts(hosts: &[String]) -> Result<WithNotices<Self>, Error> {
        let (mut names, mut notices) = (Self::default(), Vec::new());
        let is_alone = hosts
            .iter()
            .map(|host| host.trim())
            .all(|host| host.is_empty() || name_before_port(host).is_some());
        for host in hosts {
            let trimmed = host.trim();
            if trimmed.is_empty() {
                // Many guides have `"hosts": [""]` for clients, whose certificates are not checked by name.
                notices.push(Notice::new(NoticeKind::EmptyHost));
                names.dns.push(String::new());
                continue;
            }
            if trimmed != host {
                notices.push(Notice::new(NoticeKind::UntrimmedHost { host: host.clone() }));
            }
            let ascii = to_ascii(trimmed)?;
            if ascii != trimmed {
                let (host, ascii) = (trimmed.to_owned(), ascii.clone());
                notices.push(Notice::new(NoticeKind::InternationalHost { host, ascii }));
            }
            if let Some(name) = name_before_port(&ascii) {
                let (host, name) = (ascii.clone(), name.to_owned());
                if is_alone {
                    return Err(ErrorKind::HostWithPort { host, name }.into());
                }
                notices.push(Notice::new(NoticeKind::HostWithPort { host, name }));
                continue;
            }
            check(&ascii)?;
            let classified = Host::classify(&ascii);
            if let Host::Email(text) | Host::Uri(text) | Host::Dns(text) = &classified
                && !text.is_ascii()
            {
                return Err(ErrorKind::HostNotAscii { host: host.clone() }.into());
            }
            match classified {
                Host::Ip(address) => names.ip.push(address),
                Host::Email(text) => names.email.push(text),
                Host::Uri(text) => names.uri.push(text),
                Host::Dns(text) => {
                    if let Some(reason) = odd(&text) {
                        notices.push(Notice::new(NoticeKind::OddHost { host: text.clone(), reason }));
                    }
                    names.dns.push(text);
                }
            }
        }
        Ok(WithNotices { value: names, notices })
    }
}

/// Converts a host into ASCII by IDNA: a name, or the name in an e-mail address or a URI.
fn to_ascii(host: &str) -> Result<String, Error> {
    if host.is_ascii() {
        return Ok(host.to_owned());
    }
    let (before, name, after) = match (host.split_once("://"), host.rsplit_once('@')) {
        (Some((scheme, rest)), _) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let (name, port) = authority.split_at(authority.rfind(':').unwrap_or(authority.len()));
            (format!("{scheme}://"), name, format!("{port}{path}"))
        }
        (None, Some((local, domain))) => (format!("{local}@"), domain, String::new()),
        (None, None) => (String::new(), host, String::new()),
    };
    let none = || ErrorKind::HostNotAscii { host: host.to_owned() };
    let (star, rest) = match name.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", name),
    };
    // A path may stay as it is, because it is percent-encoded later.
    if !before.is_ascii() || (!after.is_ascii() && !after.starts_with(['/', ':'])) {
        return Err(none().into());
    }
    let ascii = idna::domain_to_ascii_strict(rest).map_err(|_| none())?;
    Ok(format!("{before}{star}{ascii}{after}"))
}

/// The name or address before the port in a text such as `host:2379`.
fn name_before_port(host: &str) -> Option<&str> {
    let (name, port) = host.rsplit_once(':')?;
    let is_port = has_digits_only(port)
        && host.parse::<IpAddr>().is_err()
        && !name.contains('/')
        && (!name.contains(':') || name.starts_with('['));
    is_port.then(|| name.trim_start_matches('[').trim_end_matches(']'))
}

fn has_digits_only(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// Refuses texts that are not hosts, although cfssl would put them into a certificate.
fn check(host: &str) -> Result<(), Error> {
    let not_a_host = |reason| Err(ErrorKind::NotAHost { host: host.to_owned(), reason }.into());
    if let Some((address, length)) = host.split_once('/')
        && address.parse::<IpAddr>().is_ok()
        && has_digits_only(length)
    {
        return not_a_host("it is a network, and a certificate needs every address, such as 10.0.0.11");
    }
    if let Some((address, _)) = host.split_once('%')
        && address.parse::<IpAddr>().is_ok()
    {
        return not_a_host("a certificate cannot hold the zone of an address");
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'))
        && address.parse::<IpAddr>().is_ok()
    {
        return not_a_host("write the address without brackets");
    }
    if host == "*" {
        return not_a_host("a wildcard needs a domain, as in *.example.com");
    }
    if host.starts_with('/') {
        return not_a_host("it is the path of a file");
    }
    if let Some((_, rest)) = host.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let name = authority.rsplit('@').next().unwrap_or_default();
        let name = if name.starts_with('[') { "" } else { name.split(':').next().unwrap_or_default() };
        if name.contains('%') || name.split('.').any(str::is_empty) && !name.is_empty() {
            return not_a_host("the host in this URI is malformed");
        }
    }
    Ok(())
}

/// Why no client will accept a certificate for this DNS name, although a certificate can hold it (RFC 1034 section 3.5,
/// RFC 6125 section 6.4.3). `None` for a proper name.
fn odd(name: &str) -> Option<&'static str> {
    let labels = name.strip_prefix("*.").unwrap_or(name);
    if labels.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Some("it looks like an IP address, and is not one");
    }
    if labels.contains('*') {
        return Some("only the whole first label may be *, as in *.example.com");
    }
    if name.ends_with('.') {
        return Some("clients compare names without a dot at the end");
    }
    if labels.split('.').any(str::is_empty) {
        return Some("it has an empty label");
    }
    if labels.chars().any(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))) {
        return Some("it has characters that host names cannot have");
    }
    if labels.split('.').any(|label| label.len() > 63) || name.len() > 253 {
        return Some("it is too long");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_through_der() {
        let hosts =
            ["b.example", "10.0.0.1", "::1", "u@h", "https://a.example", "a.example"].map(str::to_owned);
        let names = SubjectAltNames::from_hosts(&hosts).unwrap().value;
        assert_eq!(SubjectAltNames::from_der(&names.to_der().unwrap()).unwrap(), names);
        assert_eq!(names.to_string(), "b.example, a.example, u@h, 10.0.0.1, ::1, https://a.example");
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        let error = SubjectAltNames::from_hosts(&["etcd1:2379".to_owned()]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HostWithPort { name, .. } if name == "etcd1"));

        let hosts = ["etcd1", "etcd1:2379", "[::1]:2379"].map(str::to_owned);
        let names = SubjectAltNames::from_hosts(&hosts).unwrap();
        assert_eq!(names.value.to_string(), "etcd1");
        let left_out = |host: &str, name: &str| {
            Notice::new(NoticeKind::HostWithPort { host: host.to_owned(), name: name.to_owned() })
        };
        assert_eq!(names.notices, [left_out("etcd1:2379", "etcd1"), left_out("[::1]:2379", "::1")]);
        assert!(SubjectAltNames::from_hosts(&hosts[1..]).is_err());
        assert!(SubjectAltNames::from_hosts(&["".into(), "etcd1:2379".into()]).is_err());
    }

    #[test]
    fn spaces_and_empty_entries_are_told() {
        let names = SubjectAltNames::from_hosts(&["".into(), " 10.0.0.1".into()]).unwrap();
        assert_eq!((names.value.ip.len(), names.value.dns), (1, vec![String::new()]));
        assert_eq!(names.notices.len(), 2);
    }

    fn one(host: &str) -> Result<(String, Vec<String>), Error> {
        let names = SubjectAltNames::from_hosts(&[host.to_owned()])?;
        Ok((names.value.to_string(), names.notices.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn names_outside_ascii_get_their_ascii_form() {
        for (host, ascii) in [
            ("exämple.com", "xn--exmple-cua.com"),
            ("*.ex\u{e4}mple.com", "*.xn--exmple-cua.com"),
            ("例え.jp", "xn--r8jz45g.jp"),
            ("u@exämple.com", "u@xn--exmple-cua.com"),
            ("https://exämple.com:8080/a", "https://xn--exmple-cua.com:8080/a"),
        ] {
            let (names, notices) = one(host).unwrap();
            assert_eq!(names, ascii);
            assert_eq!(notices.len(), 1, "{notices:?}");
        }
        assert!(matches!(one("ü@example.com").unwrap_err().kind(), ErrorKind::HostNotAscii { .. }));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "host:2379",
            "10.0.0.1:2379",
            "[::1]:2379",
            "[::1]",
            "*",
            "*:80",
            "/var/run",
            "10.0.0.0/24",
            "fe80::1%eth0",
            "http://a..b/",
            "http://a./",
            "https://ex%C3%A4mple.com/",
        ] {
            one(host).unwrap_err();
        }
        for host in
            ["spiffe://td/x", "urn:a:b", "mailto:x@y.z", "https://[::1]:2379/", "https://h:1/p", "::1"]
        {
            assert_eq!(one(host).unwrap(), (host.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn names_that_no_client_matches_are_told() {
        for host in ["010.0.0.1", "127.1", "a b", "x..y", "a.example.", "a.*.example"] {
            assert_eq!(one(host).unwrap().1.len(), 1, "{host}");
        }
        for host in ["a.example", "*.a.example", "under_score", "A.Example", "xn--a"] {
            assert!(one(host).unwrap().1.is_empty(), "{host}");
        }
    }
}
