//! Subject alternative names (RFC 5280 section 4.2.1.6), in the order that Go writes them.

use std::fmt;
use std::net::IpAddr;

use der::Tag;
use der::asn1::AnyRef;
use der::{Decode, TagNumber, Tagged};

use crate::x509::der as encode;
use crate::x509::error::Error;

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
