//! Descriptions of requests as `cfssl certinfo -csr` prints them: the JSON of Go's `CertificateRequest` (`crypto/x509`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::ObjectIdentifier;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cfssl::error::Error;
use crate::x509::csr::{CertificateRequest, RequestAttribute};
use crate::x509::der as encode;
use crate::x509::digest::decimal;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::extension::Extension;
use crate::x509::key::{PublicKey, PublicKeyKind};
use crate::x509::name::Subject;
use crate::x509::oid;

/// A certification request in Go's JSON, with Go's keys in Go's order, because scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestInfo {
    raw: String,
    #[serde(rename = "RawTBSCertificateRequest")]
    raw_tbs_certificate_request: String,
    raw_subject_public_key_info: String,
    raw_subject: String,
    version: u8,
    signature: String,
    signature_algorithm: u8,
    public_key_algorithm: u8,
    public_key: PublicKeyInfo,
    subject: SubjectInfo,
    attributes: Option<Vec<AttributeInfo>>,
    extensions: Option<Vec<ExtensionInfo>>,
    extra_extensions: (),
    #[serde(rename = "DNSNames")]
    dns_names: Option<Vec<String>>,
    email_addresses: Option<Vec<String>>,
    #[serde(rename = "IPAddresses")]
    ip_addresses: Option<Vec<String>>,
    #[serde(rename = "URIs")]
    uris: Option<Vec<UrlInfo>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubjectInfo {
    country: Option<Vec<String>>,
    organization: Option<Vec<String>>,
    organizational_unit: Option<Vec<String>>,
    locality: Option<Vec<String>>,
    province: Option<Vec<String>>,
    street_address: Option<Vec<String>>,
    postal_code: Option<Vec<String>>,
    serial_number: String,
    common_name: String,
    names: Option<Vec<TypedValue>>,
    extra_names: (),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TypedValue {
    r#type: Vec<u32>,
    value: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeInfo {
    r#type: Vec<u32>,
    value: Vec<Vec<TypedValue>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExtensionInfo {
    id: Vec<u32>,
    critical: bool,
    value: String,
}

impl RequestInfo {
    /// Describes a request. Its signature is not checked.
    ///
    /// # Errors
    /// [`x509::ErrorKind::UnsupportedPublicKey`](X509ErrorKind::UnsupportedPublicKey) if the kind of its key is unknown,
    /// [`x509::ErrorKind::Der`](X509ErrorKind::Der) if its names are malformed.
    pub fn new(request: &CertificateRequest) -> Result<Self, Error> {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let public_key = PublicKey::from_der(request.subject_public_key_info())?;
        let names = request.subject_alt_names()?;
        Ok(Self {
            raw: base64(request.der()),
            raw_tbs_certificate_request: base64(request.info()),
            raw_subject_public_key_info: base64(request.subject_public_key_info()),
            raw_subject: base64(request.subject().der()),
            version: 0,
            signature: base64(request.signature()),
            signature_algorithm: oid::signature_number(request.signature_algorithm()),
            public_key_algorithm: match public_key.kind() {
                PublicKeyKind::Rsa { .. } => 1,
                PublicKeyKind::Ed25519 => 4,
                _ => 3,
            },
            public_key: PublicKeyInfo::new(&public_key)?,
            subject: subject(request),
            attributes: unless_empty(request.attributes().iter().filter_map(attribute).collect()),
            extensions: unless_empty(request.extensions().iter().map(extension).collect()),
            extra_extensions: (),
            dns_names: unless_empty(names.dns),
            email_addresses: unless_empty(names.email),
            ip_addresses: unless_empty(names.ip.iter().map(ToString::to_string).collect()),
            uris: unless_empty(names.uri.iter().map(|uri| UrlInfo::new(uri)).collect()),
        })
    }
}

/// `None` for an empty list: Go's parser leaves such a list nil, and writes `null`.
fn unless_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// A public key in Go's JSON. Its numbers are written as raw texts, since they are too large for number types.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PublicKeyInfo {
    Ecdsa {
        #[serde(rename = "Curve")]
        curve: Empty,
        #[serde(rename = "X")]
        x: Box<RawValue>,
        #[serde(rename = "Y")]
        y: Box<RawValue>,
    },
    Ed25519(String),
    Rsa {
        #[serde(rename = "N")]
        modulus: Box<RawValue>,
        #[serde(rename = "E")]
        exponent: Box<RawValue>,
    },
}

#[derive(Debug, Serialize)]
struct Empty {}

impl PublicKeyInfo {
    fn new(key: &PublicKey) -> Result<Self, Error> {
        let bits = key.subject_public_key();
        let number = |bytes: &[u8]| {
            RawValue::from_string(decimal(bytes))
                .map_err(|_| Error::from(X509ErrorKind::UnsupportedPublicKey))
        };
        Ok(match key.kind() {
            PublicKeyKind::Rsa { .. } => {
                let (modulus, exponent) = key.rsa_numbers()?;
                Self::Rsa { modulus: number(&modulus)?, exponent: number(&exponent)? }
            }
            PublicKeyKind::Ed25519 => Self::Ed25519(STANDARD.encode(bits)),
            _ => {
                // The point is uncompressed: the byte 4, then X and Y.
                let coordinates = bits.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                Self::Ecdsa { curve: Empty {}, x: number(x)?, y: number(y)? }
            }
        })
    }
}

fn arcs(oid: ObjectIdentifier) -> Vec<u32> {
    oid.arcs().collect()
}

fn subject(request: &CertificateRequest) -> SubjectInfo {
    let name = request.subject();
    let fields = Subject::from(name);
    let names = name.attributes().iter();
    let names = names.map(|a| TypedValue { r#type: arcs(a.oid), value: a.value.clone().into() }).collect();
    SubjectInfo {
        country: unless_empty(fields.country),
        organization: unless_empty(fields.organization),
        organizational_unit: unless_empty(fields.organizational_unit),
        locality: unless_empty(fields.locality),
        province: unless_empty(fields.province),
        street_address: unless_empty(fields.street_address),
        postal_code: unless_empty(fields.postal_code),
        serial_number: fields.serial_number,
        common_name: fields.common_name,
        names: unless_empty(names),
        extra_names: (),
    }
}

/// Go reads an attribute as lists of pairs of type and value. In a critical extension, the second element is the flag and
/// not the value, so Go shows the flag. Attributes of another form are left out.
fn attribute(attribute: &RequestAttribute) -> Option<AttributeInfo> {
    let mut value = Vec::new();
    for list in &attribute.values {
        let mut pairs = Vec::new();
        for pair in encode::elements::<Extension>(list.value()).ok()? {
            let value =
                if pair.critical { json!(true) } else { json!(STANDARD.encode(pair.value.as_bytes())) };
            pairs.push(TypedValue { r#type: arcs(pair.oid), value });
        }
        value.push(pairs);
    }
    Some(AttributeInfo { r#type: arcs(attribute.oid), value })
}

fn extension(extension: &Extension) -> ExtensionInfo {
    let value = STANDARD.encode(extension.value.as_bytes());
    ExtensionInfo { id: arcs(extension.oid), critical: extension.critical, value }
}

/// A URI in the JSON of Go's `url.URL`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UrlInfo {
    scheme: String,
    opaque: String,
    /// Go writes who is named before the `@` as an object without keys.
    user: Option<Empty>,
    host: String,
    path: String,
    fragment: String,
    raw_query: String,
    raw_path: &'static str,
    raw_fragment: &'static str,
    force_query: bool,
    omit_host: bool,
}

impl UrlInfo {
    fn new(uri: &str) -> Self {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (opaque, host, path) = match rest.strip_prefix("//") {
            Some(rest) => match rest.find('/') {
                Some(at) => ("", rest.get(..at).unwrap_or_default(), rest.get(at..).unwrap_or_default()),
                None => ("", rest, ""),
            },
            None if rest.starts_with('/') => ("", "", rest),
            None => (rest, "", ""),
        };
        let (user, host) = host.rsplit_once('@').map_or((None, host), |(_, host)| (Some(Empty {}), host));
        Self {
            scheme: scheme.to_owned(),
            opaque: opaque.to_owned(),
            user,
            host: host.to_owned(),
            path: path.to_owned(),
            fragment: fragment.to_owned(),
            raw_query: query.to_owned(),
            raw_path: "",
            raw_fragment: "",
            force_query: false,
            omit_host: false,
        }
    }
}
