//! The URLs in etcd's options, as etcd reads them.

use crate::etcd::option::version::EtcdVersion;
use crate::go::net::{parse_ip, split_host_port};
use crate::go::url::{NO_URL, Url};

/// A URL that etcd listens on, or is reached at. It has parts also where etcd would not take it, so that it can be
/// told what it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUrl {
    /// As written.
    pub text: String,
    /// `https`, `http`, `unix`, `unixs`
    pub scheme: String,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// The port; `None` if there is none.
    pub port: Option<u16>,
}

/// What etcd does with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlUse {
    /// It listens there: the host must be an address, or `localhost`.
    Listen,
    /// It tells others: there must be a host.
    Advertise,
    /// It compares it with the origins of requests: `*` is all of them.
    Origin,
}

impl FoundUrl {
    /// The parts of a URL; `None` if it has no scheme.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (authority, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { text: text.to_owned(), scheme: scheme.to_ascii_lowercase(), host: host.to_owned(), port })
    }

    /// Whether it is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "unixs")
    }

    /// Whether it is a port, and not a socket in the file system.
    pub fn is_tcp(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "http")
    }
}

/// The URLs of a value. Spaces around them count for nothing; an empty item is one that etcd refuses.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

/// The entries of `initial-cluster`, each a name and a URL; `Err` is an entry that is none (etcd,
/// client/pkg/types/urlsmap.go, `parse`).
pub(crate) fn members(value: &str) -> impl Iterator<Item = Result<(&str, &str), &str>> {
    let items = value.split(',').filter(|item| !item.is_empty());
    items.map(|item| item.split_once('=').map(|(name, url)| (name, url.trim())).ok_or(item))
}

/// Why etcd cannot use a URL, if it cannot: `NewURLs` (etcd, client/pkg/types/urls.go), `checkBindURLs` and
/// `checkHostURLs` (server/embed/config.go), and what listening at it needs.
pub(crate) fn check(text: &str, used: UrlUse, version: EtcdVersion) -> Result<(), &'static str> {
    let Some(url) = Url::parse(text) else {
        let has_scheme = text.contains("://");
        return Err(if has_scheme { NO_URL } else { "it does not begin with https:// or http://" });
    };
    match url.scheme.as_str() {
        "http" | "https" => {}
        "unix" | "unixs" => {
            let needs_port = match used {
                UrlUse::Listen | UrlUse::Origin => !version.has(5, 13),
                UrlUse::Advertise => !version.has(7, 0),
            };
            let has_port = split_host_port(&url.host).is_ok() && url.path.is_empty();
            return if needs_port && !has_port {
                Err("this version wants the form unix://name:number")
            } else {
                Ok(())
            };
        }
        _ if !text.contains("://") => return Err("it does not begin with https:// or http://"),
        _ => return Err("its scheme is not https, http, unixs or unix"),
    }
    let (host, port) = split_host_port(&url.host).map_err(|error| error.reason())?;
    if !url.path.is_empty() {
        return Err("it has a path");
    }
    if port.parse::<u16>().is_err() {
        return Err("it does not end with a port");
    }
    match used {
        // Of names, `checkBindURLs` knows this one, in lower case.
        UrlUse::Listen if host != "localhost" && parse_ip(host).is_none() => {
            Err("etcd listens on addresses, not on names")
        }
        _ if host.is_empty() => Err("it has no host"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<&'static str> {
        check(text, UrlUse::Advertise, EtcdVersion::V3_5).err()
    }

    #[test]
    fn urls_have_parts() {
        let url = FoundUrl::parse("https://[::1]:2379").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.is_tls()), ("::1", Some(2379), true));
        assert_eq!(FoundUrl::parse("http://a").unwrap().port, None);
        assert_eq!(FoundUrl::parse("HTTPS://u:p@a:1/b").unwrap().host, "a");
        assert!(FoundUrl::parse("a:1").is_none());
    }

    #[test]
    fn members_have_names_and_urls() {
        let named: Vec<_> = members("a=https://a:1,,b= https://b:1?x=y ,c").collect();
        assert_eq!(named, [Ok(("a", "https://a:1")), Ok(("b", "https://b:1?x=y")), Err("c")]);
    }

    /// What etcd 3.5.30 says of each as a flag; of ports without digits or beyond 65535 it says it when it listens.
    #[test]
    fn urls_are_judged_as_etcd_judges_them() {
        for good in [
            "https://127.0.0.1:1",
            "HTTPS://127.0.0.1:1",
            "https://[::1]:1",
            "https://[::1%25lo]:1",
            "https://a.example:1?x",
            "https://a.example:1#x",
            "https://u:p@a.example:1",
            "https://a\"<b:1",
            "https://\u{e4}.example:1",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, words) in [
            ("", "begin with"),
            ("127.0.0.1:1", "begin with"),
            ("a.example:1", "begin with"),
            ("ftp://127.0.0.1:1", "scheme"),
            ("https://127.0.0.1", "no port"),
            ("https:127.0.0.1:1", "no port"),
            ("https:/127.0.0.1:1", "no port"),
            ("https://[::1]", "no port"),
            ("https://127.0.0.1:1/", "path"),
            ("https://127.0.0.1:1/v3", "path"),
            ("https://127.0.0.1:", "end with a port"),
            ("https://127.0.0.1:65536", "end with a port"),
            ("https://127.0.0.1:x", "Go cannot read it"),
            ("https://127.0.0.1:+1", "Go cannot read it"),
            ("https://a:b:1", "brackets"),
            ("https://::1:1", "brackets"),
            ("https://[x]:1", "Go cannot read it"),
            ("https://[::1]x:1", "Go cannot read it"),
            ("https://[::1%lo]:1", "Go cannot read it"),
            ("https://a b:1", "Go cannot read it"),
            ("https://a%20b:1", "Go cannot read it"),
            ("https://{a}:1", "Go cannot read it"),
            ("https://a:1#%zz", "Go cannot read it"),
            ("https://:1", "no host"),
        ] {
            assert!(fault(bad).is_some_and(|fault| fault.contains(words)), "{bad}: {:?}", fault(bad));
        }
    }

    #[test]
    fn etcd_listens_on_addresses_and_at_localhost() {
        let listens = |text: &str| check(text, UrlUse::Listen, EtcdVersion::V3_5).is_ok();
        assert!(listens("https://localhost:1") && listens("https://[::]:1") && listens("unix:x"));
        assert!(
            !listens("https://LOCALHOST:1") && !listens("https://[::1%25lo]:1") && !listens("https://a:1")
        );
        let old = EtcdVersion::parse("3.4.23").unwrap();
        assert!(check("unix:///run/etcd.sock", UrlUse::Listen, old).is_err());
        assert!(check("unix://etcd:1", UrlUse::Listen, old).is_ok());
    }
}
