//! The URLs of members.

use std::fmt;

use crate::etcd::safe::address::HostName;
use crate::etcd::safe::invalid::{InvalidValue, SafeValue};
use crate::go::net::split_host_port;
use crate::go::url::{NO_URL, Url};

/// `https://HOST:PORT`: etcd takes URLs with a port and without a path (etcd, client/pkg/types/urls.go, `NewURLs`).
/// `http` is refused: without client certificates, everyone who can connect to the port has full access.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberUrl {
    host: HostName,
    port: u16,
}

impl MemberUrl {
    pub(crate) fn new(host: HostName, port: u16) -> Self {
        Self { host, port }
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// [`InvalidValue`] about the URL, or about the address or name in it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |reason| InvalidValue { kind: SafeValue::Url, text: text.to_owned(), reason };
        match text.split_once("://") {
            Some(("https", _)) => {}
            Some(("http", _)) => {
                return Err(wrong("over http everyone who can connect to the port has full access"));
            }
            Some(_) | None => return Err(wrong("it does not begin with https://")),
        }
        let url = Url::parse(text).ok_or_else(|| wrong(NO_URL))?;
        let (host, port) = split_host_port(&url.host).map_err(|error| wrong(error.reason()))?;
        if !url.path.is_empty() {
            return Err(wrong("it has a path"));
        }
        // etcd accepts a user, a query and a fragment, and ignores them.
        if text.contains(['@', '?', '#']) {
            return Err(wrong("it has more than a host and a port"));
        }
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| wrong("its port is not a number from 1 to 65535"))?;
        Ok(Self { host: HostName::parse(host)?, port })
    }

    /// The host, without brackets.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// The port, which is not 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for MemberUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host.in_url(), self.port)
    }
}

/// The URLs with commas between them, as an option of etcd has them.
pub(crate) fn joined(urls: &[MemberUrl]) -> String {
    urls.iter().map(MemberUrl::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_etcd_takes_is_a_url() {
        for good in ["https://10.0.0.1:2379", "https://[2001:db8::1]:2380", "https://etcd1.example:1"] {
            assert_eq!(MemberUrl::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "10.0.0.1:2379",
            "http://10.0.0.1:2379",
            "unix://a:1",
            "https://10.0.0.1",
            "https://10.0.0.1:0",
            "https://10.0.0.1:99999",
            "https://10.0.0.1:2379/",
            "https://10.0.0.1:2379/v3",
            "https://::1:2379",
            "https://[::1:2379",
            "https://10.0.0.1:2379?x",
            "https://u@10.0.0.1:2379",
            " https://10.0.0.1:2379",
            "https://$(x):1",
            "https://0.0.0.0:2379",
        ] {
            assert!(MemberUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
