//! Certificates and requests in words, which `certinfo -text` prints. cfssl does not have this option.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Tag, Tagged};
use time::OffsetDateTime;
use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints};
use x509_parser::prelude::FromDer;

use crate::base::place::date;
use crate::base::shown;
use crate::cfssl::certinfo::full::{AltNameInfo, FullCertificateInfo, alt_names};
use crate::cfssl::usage;
use crate::x509::certificate::Certificate;
use crate::x509::csr::CertificateRequest;
use crate::x509::der::elements;
use crate::x509::digest::hex;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extension;
use crate::x509::key::PublicKey;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// The text about a certificate, for people: a line for each fact, with the days that are left at `now`.
///
/// ```
/// # use pki_core::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
/// # use pki_core::cfssl::{Request, ca};
/// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
/// # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// # let now = time::OffsetDateTime::now_utc();
/// # let certificate = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
/// let text = pki_core::cfssl::certificate_text(&certificate, now);
/// assert!(text.starts_with("Subject:            CN=etcd CA\n"));
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
pub fn certificate_text(certificate: &Certificate, now: OffsetDateTime) -> String {
    let info = FullCertificateInfo::from(certificate);
    let mut lines = Lines::default();
    lines.add("Subject", name(&info.subject.text));
    let own = if certificate.subject() == certificate.issuer() { " (itself)" } else { "" };
    lines.add("Issuer", format!("{}{own}", name(&info.issuer.text)));
    lines.add("Serial number", format!("{} (0x{})", info.serial_number, info.serial_number_hex));
    lines.add("Valid", validity(certificate, now));
    let weak = if info.public_key.weak { ", too weak" } else { "" };
    lines.add("Key", format!("{}{weak}", info.public_key.algorithm));
    lines.add("Signature", info.signature_algorithm.clone());
    lines.extensions(certificate.extensions());
    let ca = match (info.is_ca, info.path_len) {
        (false, _) => "no".to_owned(),
        (true, None) => "yes, with any number of CAs below it".to_owned(),
        (true, Some(0)) => "yes, with no CA below it".to_owned(),
        (true, Some(most)) => format!("yes, with at most {most} CAs one below the other"),
    };
    lines.add("CA", format!("{ca}{}", critical(certificate.extensions(), oid::BASIC_CONSTRAINTS)));
    lines.list("Revocation lists", info.crl_urls);
    lines.list("OCSP", info.ocsp_urls);
    lines.list("Issuer's certificate", info.issuer_urls);
    lines.add("Subject key id", info.subject_key_id);
    lines.add("Issuer's key id", info.authority_key_id);
    lines.add("SHA-256", info.sha256);
    lines.add("SHA-1", info.sha1);
    lines.text
}

/// The text about a request, for people.
pub fn request_text(request: &CertificateRequest) -> String {
    let mut lines = Lines::default();
    lines.add("Subject", name(&request.subject().to_string()));
    let key = PublicKey::from_der(request.subject_public_key_info());
    let kind = key.as_ref().map_or_else(|_| "unknown".to_owned(), |key| key.kind().to_string());
    let weak = if key.is_ok_and(|key| key.is_weak()) { ", too weak" } else { "" };
    lines.add("Key", format!("{kind}{weak}"));
    lines.add("Signature", oid::signature_name(request.signature_algorithm()));
    lines.extensions(request.extensions());
    let proof = match request.clone().verify() {
        Ok(_) => "yes".to_owned(),
        Err(error) => format!("no: {}", error.kind()),
    };
    lines.add("Proves its key", proof);
    lines.text
}

fn name(name: &str) -> String {
    if name.is_empty() { "no name".to_owned() } else { name.to_owned() }
}

fn validity(certificate: &Certificate, now: OffsetDateTime) -> String {
    let (begin, end) = (certificate.not_before(), certificate.not_after());
    let days = |from: OffsetDateTime, to: OffsetDateTime| (to - from).whole_days();
    let state = if now < begin {
        format!("it begins in {} days", days(now, begin))
    } else if now > end {
        format!("it ended {} days ago", days(end, now))
    } else {
        format!("{} days are left", days(now, end))
    };
    format!("{} to {}: {} days, {state}", date(begin), date(end), days(begin, end))
}

/// Lines of a label and a value.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, label: &str, value: impl AsRef<str>) {
        if !value.as_ref().is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{:<20}{}", format!("{label}:"), shown(value.as_ref()));
        }
    }

    /// Several values, each on a line of its own, the first behind the label.
    fn list(&mut self, label: &str, values: impl IntoIterator<Item = String>) {
        for (index, value) in values.into_iter().enumerate() {
            let label = if index == 0 { format!("{label}:") } else { String::new() };
            let _ = writeln!(self.text, "{label:<20}{}", shown(&value));
        }
    }

    /// What the extensions say, but for those that only a certificate has a line for.
    fn extensions(&mut self, all: &[Extension]) {
        let names = alt_names(all).into_iter().map(|AltNameInfo { kind, value }| match kind {
            "dns" => format!("DNS {value}"),
            "ip" => format!("IP {value}"),
            "uri" => format!("URI {value}"),
            kind => format!("{kind} {value}"),
        });
        self.list("Names", names);
        for extension in all {
            let value = extension.value.as_bytes();
            let critical = if extension.critical { " (critical)" } else { "" };
            match extension.oid {
                oid::KEY_USAGE => self.add("Key usage", format!("{}{critical}", key_usages(value))),
                oid::EXTENDED_KEY_USAGE => self.add("For", format!("{}{critical}", usages(value))),
                oid::CERTIFICATE_POLICIES => self.list("Policies", policies(value)),
                oid::NAME_CONSTRAINTS => self.list("Name constraints", constraints(value)),
                oid if HAVE_LINES.contains(&oid) => {}
                oid => self.add("Also", format!("{}{critical}", other(oid))),
            }
        }
    }
}

/// The extensions that have a line elsewhere.
const HAVE_LINES: [ObjectIdentifier; 6] = [
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::AUTHORITY_INFO_ACCESS,
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
];

fn critical(all: &[Extension], oid: ObjectIdentifier) -> &'static str {
    let is_critical = all.iter().any(|extension| extension.oid == oid && extension.critical);
    if is_critical { " (critical)" } else { "" }
}

const MALFORMED: &str = "malformed";

fn key_usages(value: &[u8]) -> String {
    let Ok(bits) = AnyRef::from_der(value) else { return MALFORMED.to_owned() };
    // The first byte is the number of unused bits.
    let (Tag::BitString, Some(bits)) = (bits.tag(), bits.value().get(1..)) else {
        return MALFORMED.to_owned();
    };
    let usages: Vec<&str> = usage::key_usage_names(KeyUsage::from_bits(bits)).collect();
    usages.join(", ")
}

fn usages(value: &[u8]) -> String {
    let Ok(usages) = Vec::<ObjectIdentifier>::from_der(value) else { return MALFORMED.to_owned() };
    let words = usages.iter().map(|oid| match *oid {
        oid::SERVER_AUTH => "TLS servers".to_owned(),
        oid::CLIENT_AUTH => "TLS clients".to_owned(),
        oid::ANY_EXTENDED_KEY_USAGE => "everything".to_owned(),
        oid => usage::extended_name(oid).map_or_else(|| oid.to_string(), ToOwned::to_owned),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The policies by their names, with what their qualifiers say (RFC 5280 section 4.2.1.4).
fn policies(value: &[u8]) -> Vec<String> {
    read_policies(value).unwrap_or_else(|_| vec![MALFORMED.to_owned()])
}

fn read_policies(value: &[u8]) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for policy in elements::<AnyRef<'_>>(AnyRef::from_der(value)?.value())? {
        let fields = elements::<AnyRef<'_>>(policy.value())?;
        let (id, qualifiers) = fields.split_first().ok_or(ErrorKind::Truncated)?;
        let id = id.decode_as::<ObjectIdentifier>()?.to_string();
        // CA/Browser Forum, Baseline Requirements, section 7.1.6.1; RFC 5280 section 4.2.1.4
        let words = match id.as_str() {
            "2.5.29.32.0" => " (any policy)",
            "2.23.140.1.1" => " (extended validation)",
            "2.23.140.1.2.1" => " (the domain was validated)",
            "2.23.140.1.2.2" => " (the organization was validated)",
            "2.23.140.1.2.3" => " (the person was validated)",
            _ => "",
        };
        let mut text = format!("{id}{words}");
        for qualifier in
            qualifiers.iter().flat_map(|list| elements::<AnyRef<'_>>(list.value()).unwrap_or_default())
        {
            if let [kind, value] = elements::<AnyRef<'_>>(qualifier.value())?.as_slice() {
                let value = readable(*value);
                text.push_str(&match kind.decode_as::<ObjectIdentifier>()?.to_string().as_str() {
                    "1.3.6.1.5.5.7.2.1" => format!("; practice statement {value}"),
                    "1.3.6.1.5.5.7.2.2" => format!("; notice {value:?}"),
                    other => format!("; qualifier {other}"),
                });
            }
        }
        all.push(text);
    }
    Ok(all)
}

/// The texts in a value of DER.
fn readable(value: AnyRef<'_>) -> String {
    match value.tag() {
        Tag::Ia5String | Tag::Utf8String | Tag::VisibleString | Tag::PrintableString => {
            String::from_utf8_lossy(value.value()).into_owned()
        }
        Tag::Sequence => {
            let parts = elements::<AnyRef<'_>>(value.value()).unwrap_or_default();
            let is_text = |part: &&AnyRef<'_>| !matches!(part.tag(), Tag::Sequence | Tag::Integer);
            parts.iter().filter(is_text).map(|part| readable(*part)).collect::<Vec<_>>().join(" ")
        }
        _ => hex(value.value()),
    }
}

/// Which names the certificates of a CA may have, and may not have (RFC 5280 section 4.2.1.10).
fn constraints(value: &[u8]) -> Vec<String> {
    let Ok((_, constraints)) = NameConstraints::from_der(value) else { return vec![MALFORMED.to_owned()] };
    let text = |word: &str, subtrees: Option<&Vec<GeneralSubtree<'_>>>| {
        subtrees
            .into_iter()
            .flatten()
            .map(|subtree| format!("{word} {}", base(&subtree.base)))
            .collect::<Vec<_>>()
    };
    let permitted = text("only", constraints.permitted_subtrees.as_ref());
    let excluded = text("not", constraints.excluded_subtrees.as_ref());
    permitted.into_iter().chain(excluded).collect()
}

fn base(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS {name}"),
        GeneralName::RFC822Name(name) => format!("mail {name}"),
        GeneralName::URI(name) => format!("URI {name}"),
        GeneralName::IPAddress(bytes) => format!("IP {}", network(bytes)),
        GeneralName::DirectoryName(name) => format!("directory {name}"),
        _ => "names of another kind".to_owned(),
    }
}

/// An address and the length of its mask, as in `10.0.0.0/8`.
fn network(bytes: &[u8]) -> String {
    let Some((address, mask)) = bytes.split_at_checked(bytes.len() / 2) else { return MALFORMED.to_owned() };
    let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let v4 = <[u8; 4]>::try_from(address).map(|octets| Ipv4Addr::from(octets).to_string());
    let v6 = <[u8; 16]>::try_from(address).map(|octets| Ipv6Addr::from(octets).to_string());
    v4.or(v6).map_or_else(|_| MALFORMED.to_owned(), |address| format!("{address}/{bits}"))
}

/// An extension without a line of its own.
fn other(oid: ObjectIdentifier) -> String {
    // RFC 7633 section 4.1, RFC 6962 section 3.3, RFC 6960 section 4.2.2.2.1
    match oid.to_string().as_str() {
        "1.3.6.1.5.5.7.1.24" => "OCSP answers must be stapled".to_owned(),
        "1.3.6.1.4.1.11129.2.4.2" => "signed certificate timestamps".to_owned(),
        "1.3.6.1.5.5.7.48.1.5" => "OCSP responders: their own revocation is not checked".to_owned(),
        other => format!("an extension {other}"),
    }
}
