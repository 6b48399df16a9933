//! Subject alternative names (RFC 5280 section 4.2.1.6), in the order in which Go writes them.

use std::fmt;
use std::net::IpAddr;

use der::Tag;
use der::asn1::AnyRef;
use der::{Decode, TagNumber, Tagged};

use crate::x509::der as encode;
use crate::x509::error::Error;

/// The names and addresses that a certificate is valid for.
///
/// ```
/// use pki_core::x509::SubjectAltNames;
///
/// let names = SubjectAltNames {
///     dns: vec!["etcd1.example.com".to_owned()],
///     ip: vec!["10.0.0.11".parse().unwrap()],
///     ..SubjectAltNames::default()
/// };
/// assert_eq!(names.to_string(), "etcd1.example.com, 10.0.0.11");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectAltNames {
    /// DNS names (`dNSName`), of which the first label may be `*`.
    pub dns: Vec<String>,
    /// E-mail addresses (`rfc822Name`).
    pub email: Vec<String>,
    /// IP addresses (`iPAddress`).
    pub ip: Vec<IpAddr>,
    /// URIs (`uniformResourceIdentifier`).
    pub uri: Vec<String>,
}

const EMAIL: TagNumber = TagNumber(1);
const DNS: TagNumber = TagNumber(2);
const URI: TagNumber = TagNumber(6);
const IP: TagNumber = TagNumber(7);

impl SubjectAltNames {
    /// Whether there are no names of any kind.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both have the same names, in any order.
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

    /// The value of the extension: DNS names, e-mail addresses, IP addresses and URIs, in that order.
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

    /// Reads the value of the extension. Other kinds of names, such as otherName, are skipped.
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

/// Writes all names in one line, as in `etcd1.example.com, 10.0.0.11`.
impl fmt::Display for SubjectAltNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ips: Vec<String> = self.ip.iter().map(IpAddr::to_string).collect();
        let all: Vec<&str> =
            [&self.dns, &self.email, &ips, &self.uri].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&all.join(", "))
    }
}
