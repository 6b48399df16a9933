//! How etcd reads the URLs in its options.

use crate::etcd::option::version::EtcdVersion;
use crate::go::net::{parse_ip, split_host_port};
use crate::go::url::{NO_URL, Url};

/// A URL in an option that somebody wrote. It is read more leniently than by etcd, so that an error can be about one of
/// its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundUrl {
    /// The whole URL, without spaces around it.
    pub text: String,
    /// The scheme in lower case: `https`, `http`, `unix` or `unixs`, if etcd knows it.
    pub scheme: String,
    /// The host; an IPv6 address is without brackets.
    pub host: String,
    /// The port. `None` if there is none, or if it is not a number up to 65535.
    pub port: Option<u16>,
}

/// The use that etcd makes of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlUse {
    /// etcd listens on it: the host must be an address or `localhost`.
    Listen,
    /// etcd tells it to others: there must be a host.
    Advertise,
    /// etcd compares it with the `Origin` header of requests: `*` allows all.
    Origin,
}

impl FoundUrl {
    /// Takes a URL apart. `None` if it has no scheme.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

    /// Whether the scheme means TLS.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "unixs")
    }

    /// Whether the URL is of a TCP port, and not of a Unix socket.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "http")
    }
}

/// The URLs of a value, without the spaces around them. Empty items are included, because etcd refuses them.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

/// The entries of `initial-cluster`, each a name and a URL. `Err` has an entry without `=` (etcd,
/// client/pkg/types/urlsmap.go, `parse`).
pub(crate) fn members(value: &str) -> impl Iterator<Item = Result<(&str, &str), &str>> {
    let items = value.split(',').filter(|item| !item.is_empty());
    items.map(|item| item.split_once('=').map(|(name, url)| (name, url.trim())).ok_or(item))
}

/// Whether `NewURLs` reads a URL (etcd, client/pkg/types/urls.go): all that a flag itself asks of it.
pub(crate) fn is_read(text: &str, version: EtcdVersion) -> bool {
    let Some(url) = Url::parse(text) else { return false };
    let has_port = split_host_port(&url.host).is_ok() && url.path.is_empty();
    match url.scheme.as_str() {
        "http" | "https" => has_port,
        "unix" | "unixs" => has_port || version.has(5, 13),
        _ => false,
    }
}

/// The fault of a URL that ends with a colon. etcd starts with it: it listens on a port that nobody knows before, or
/// sends others to none.
const NO_PORT: &str = "it has a colon and no port behind it";

const WRONG_PORT: &str = "it does not end with a port";

/// Whether etcd starts with a URL that has this fault: a port that is missing everywhere, and one that is too great where
/// it does not listen.
pub(crate) fn is_started_with(fault: &str, used: UrlUse) -> bool {
    fault == NO_PORT || fault == WRONG_PORT && used != UrlUse::Listen
}

/// Checks a URL by the rules of `NewURLs` (etcd, client/pkg/types/urls.go), of `checkBindURLs` and `checkHostURLs`
/// (server/embed/config.go), and of listening on a port. The error is the reason why etcd cannot use the URL.
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
                Err("this version of etcd needs the form unix://NAME:NUMBER")
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
    let fault = match port {
        "" => Some(NO_PORT),
        _ if port.parse::<u16>().is_err() => Some(WRONG_PORT),
        _ => None,
    };
    match used {
        // `checkBindURLs` accepts no names but this one, in lower case.
        UrlUse::Listen if host != "localhost" && parse_ip(host).is_none() => {
            Err("etcd listens on addresses, not on names")
        }
        _ if host.is_empty() => Err("it has no host"),
        _ => fault.map_or(Ok(()), Err),
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
            ("https://127.0.0.1:", "no port behind"),
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
