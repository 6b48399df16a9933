//! The URLs that members listen on and are reached at.

use std::fmt;

use crate::etcd::safe::address::HostName;
use crate::etcd::safe::invalid::{Invalid, SafeValue};

/// `https://HOST:PORT`, as etcd's options have it: with a port, without a path (etcd,
/// client/pkg/types/urls.go). Always https: over http whoever reaches the port is root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberUrl {
    host: HostName,
    port: u16,
}

impl MemberUrl {
    pub(crate) fn new(host: HostName, port: u16) -> Self {
        Self { host, port }
    }

    /// The URL, if it is one that a member may have.
    ///
    /// # Errors
    /// [`Invalid`] with what is wrong with it, or what is wrong with the host in it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |reason| Invalid { kind: SafeValue::Url, text: text.to_owned(), reason };
        let rest = match text.split_once("://") {
            Some(("https", rest)) => rest,
            Some(("http", _)) => return Err(wrong("over http everybody who reaches the port is root")),
            Some(_) => return Err(wrong("it does not begin with https://")),
            None => return Err(wrong("it has no scheme")),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        if port.contains('/') {
            return Err(wrong("it has a path"));
        }
        let port: u16 = port.parse().map_err(|_| wrong("its port is no number from 1 to 65535"))?;
        if port == 0 {
            return Err(wrong("its port is no number from 1 to 65535"));
        }
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(address)) => address,
            Some(None) => return Err(wrong("its brackets do not match")),
            None if host.contains(':') => return Err(wrong("an IPv6 address stands in brackets")),
            None => host,
        };
        Ok(Self { host: HostName::parse(host)?, port })
    }

    /// Its host.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for MemberUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host.in_url(), self.port)
    }
}

/// As etcd's options have several.
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
            "https://$(x):1",
            "https://0.0.0.0:2379",
        ] {
            assert!(MemberUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
