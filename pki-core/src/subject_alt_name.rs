//! Subject alternative names (RFC 5280 section 4.2.1.6), in the order that Go writes them.

use std::fmt;
use std::net::IpAddr;

use der::Tag;
use der::asn1::AnyRef;
use der::{Decode, TagNumber, Tagged};

use crate::encode;
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::notice::{Notice, NoticeKind};

/// The names and addresses that a certificate is valid for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectAltNames {
    /// dNSName
    pub dns: Vec<String>,
    /// rfc822Name
    pub email: Vec<String>,
    /// iPAddress
    pub ip: Vec<IpAddr>,
    /// uniformResourceIdentifier
    pub uri: Vec<String>,
}

const EMAIL: TagNumber = TagNumber(1);
const DNS: TagNumber = TagNumber(2);
const URI: TagNumber = TagNumber(6);
const IP: TagNumber = TagNumber(7);

impl SubjectAltNames {
    /// Sorts `hosts` into kinds as cfssl does. Spaces around a host are removed, and empty ones stay empty DNS
    /// names, each with a notice.
    ///
    /// # Errors
    /// [`ErrorKind::HostWithPort`] for `host:2379`, which is no host, and [`ErrorKind::HostNotAscii`] for what
    /// an IA5String cannot hold.
    pub fn from_hosts(hosts: &[String], notices: &mut Vec<Notice>) -> Result<Self, Error> {
        let mut names = Self::default();
        for host in hosts {
            let trimmed = host.trim();
            if trimmed.is_empty() {
                notices.push(Notice::new(NoticeKind::EmptyHost));
            } else if trimmed != host {
                notices.push(Notice::new(NoticeKind::UntrimmedHost { host: host.clone() }));
            }
            let classified = Host::classify(trimmed);
            if let Host::Uri(uri) = &classified
                && let Some((name, port)) = uri.split_once(':')
                && !port.is_empty()
                && port.chars().all(|c| c.is_ascii_digit())
            {
                return Err(ErrorKind::HostWithPort { host: host.clone(), name: name.to_owned() }.into());
            }
            match classified {
                Host::Ip(address) => names.ip.push(address),
                Host::Email(text) => names.email.push(ascii(text)?),
                Host::Uri(text) => names.uri.push(ascii(text)?),
                Host::Dns(text) => names.dns.push(ascii(text)?),
            }
        }
        Ok(names)
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both have the same names, in whatever order.
    pub(crate) fn is_same_set_as(&self, other: &Self) -> bool {
        fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
            let mut list = list.to_vec();
            list.sort();
            list
        }
        sorted(&self.dns) == sorted(&other.dns)
            && sorted(&self.email) == sorted(&other.email)
            && sorted(&self.ip) == sorted(&other.ip)
            && sorted(&self.uri) == sorted(&other.uri)
    }

    /// The value of the extension: all DNS names, e-mail addresses, IP addresses and URIs, in that order.
    pub(crate) fn to_der(&self) -> Result<Vec<u8>, Error> {
        let mut names = Vec::new();
        let tag = |number| Tag::ContextSpecific { constructed: false, number };
        for text in &self.dns {
            names.push(encode::element(tag(DNS), text.as_bytes())?);
        }
        for text in &self.email {
            names.push(encode::element(tag(EMAIL), text.as_bytes())?);
        }
        for address in &self.ip {
            names.push(match address.to_canonical() {
                IpAddr::V4(v4) => encode::element(tag(IP), &v4.octets())?,
                IpAddr::V6(v6) => encode::element(tag(IP), &v6.octets())?,
            });
        }
        for text in &self.uri {
            names.push(encode::element(tag(URI), text.as_bytes())?);
        }
        encode::sequence(&names)
    }

    /// The names in the value of an extension; kinds that are not here, such as otherName, are passed over.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut names = Self::default();
        let sequence = AnyRef::from_der(der)?;
        for name in encode::elements::<AnyRef<'_>>(sequence.value())? {
            let text = || String::from_utf8_lossy(name.value()).into_owned();
            match name.tag() {
                Tag::ContextSpecific { number: DNS, .. } => names.dns.push(text()),
                Tag::ContextSpecific { number: EMAIL, .. } => names.email.push(text()),
                Tag::ContextSpecific { number: URI, .. } => names.uri.push(text()),
                Tag::ContextSpecific { number: IP, .. } => {
                    if let Ok(octets) = <[u8; 4]>::try_from(name.value()) {
                        names.ip.push(octets.into());
                    } else if let Ok(octets) = <[u8; 16]>::try_from(name.value()) {
                        names.ip.push(octets.into());
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }
}

/// As in `etcd1.example, 10.0.0.1`.
impl fmt::Display for SubjectAltNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ips: Vec<String> = self.ip.iter().map(IpAddr::to_string).collect();
        let all: Vec<&str> =
            [&self.dns, &self.email, &ips, &self.uri].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&all.join(", "))
    }
}

fn ascii(text: String) -> Result<String, Error> {
    if text.is_ascii() { Ok(text) } else { Err(ErrorKind::HostNotAscii { host: text }.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_through_der() {
        let hosts =
            ["b.example", "10.0.0.1", "::1", "u@h", "https://a.example", "a.example"].map(str::to_owned);
        let names = SubjectAltNames::from_hosts(&hosts, &mut Vec::new()).unwrap();
        assert_eq!(SubjectAltNames::from_der(&names.to_der().unwrap()).unwrap(), names);
        assert_eq!(names.to_string(), "b.example, a.example, u@h, 10.0.0.1, ::1, https://a.example");
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        let error = SubjectAltNames::from_hosts(&["etcd1:2379".to_owned()], &mut Vec::new()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HostWithPort { name, .. } if name == "etcd1"));
    }

    #[test]
    fn spaces_and_empty_entries_are_told() {
        let mut notices = Vec::new();
        let names = SubjectAltNames::from_hosts(&["".into(), " 10.0.0.1".into()], &mut notices).unwrap();
        assert_eq!((names.ip.len(), names.dns), (1, vec![String::new()]));
        assert_eq!(notices.len(), 2);
    }
}
