//! Complete descriptions of certificates, which `certinfo -full` prints. cfssl does not have this option.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Tag, TagNumber, Tagged};
use serde::Serialize;
use time::OffsetDateTime;

use crate::cfssl::certinfo::{colons, rfc3339};
use crate::cfssl::usage;
use crate::x509::certificate::Certificate;
use crate::x509::der as encode;
use crate::x509::digest::hex;
use crate::x509::extension::Extension;
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// A certificate with all attributes, names, usages and extensions.
///
/// ```
/// # use pki_core::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
/// # use pki_core::cfssl::{Request, ca};
/// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
/// # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// # let now = time::OffsetDateTime::now_utc();
/// # let certificate = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
/// let info = pki_core::cfssl::FullCertificateInfo::from(&certificate);
/// assert_eq!(info.key_usage, ["cert sign", "crl sign"]);
/// assert_eq!(info.public_key.algorithm, "ecdsa-256");
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct FullCertificateInfo {
    /// The name of its owner.
    pub subject: FullNameInfo,
    /// The name of the CA that issued it.
    pub issuer: FullNameInfo,
    /// The serial number in decimal.
    pub serial_number: String,
    /// The serial number in hex.
    pub serial_number_hex: String,
    /// The first moment at which it is valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_before: OffsetDateTime,
    /// The last moment at which it is valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_after: OffsetDateTime,
    /// The subject alternative names, each with its kind, in order.
    pub subject_alt_names: Vec<AltNameInfo>,
    /// The kind of its public key.
    pub public_key: PublicKeyInfo,
    /// The usages of keyUsage by cfssl's names.
    pub key_usage: Vec<&'static str>,
    /// The usages of extKeyUsage by cfssl's names, or by their object identifiers.
    pub extended_key_usage: Vec<String>,
    /// Whether basicConstraints says that it is a CA.
    pub is_ca: bool,
    /// pathLenConstraint of basicConstraints.
    pub path_len: Option<u8>,
    /// The signature algorithm by Go's name, or by its object identifier.
    pub signature_algorithm: String,
    /// subjectKeyIdentifier in upper-case hex with colons. Empty if it is absent.
    pub subject_key_id: String,
    /// authorityKeyIdentifier in upper-case hex with colons. Empty if it is absent.
    pub authority_key_id: String,
    /// The URLs of its revocation lists.
    pub crl_urls: Vec<String>,
    /// The URLs of its OCSP responders.
    pub ocsp_urls: Vec<String>,
    /// The URLs of the certificate of its issuer.
    pub issuer_urls: Vec<String>,
    /// All extensions, in order.
    pub extensions: Vec<ExtensionInfo>,
    /// The SHA-256 digest of the DER in lower-case hex.
    pub sha256: String,
    /// The SHA-1 digest of the DER in lower-case hex, for comparing with programs that show it.
    pub sha1: String,
    /// The certificate in PEM.
    pub pem: String,
}

/// A name with all attributes.
#[derive(Debug, Clone, Serialize)]
pub struct FullNameInfo {
    /// The name in one line, as in `CN=etcd1, O=Example`.
    pub text: String,
    /// The attributes, in order.
    pub attributes: Vec<AttributeInfo>,
}

/// One attribute of a name.
#[derive(Debug, Clone, Serialize)]
pub struct AttributeInfo {
    /// The short name of its type, or the object identifier if there is no short name.
    pub name: String,
    /// The object identifier of its type.
    pub oid: String,
    /// The value as text.
    pub value: String,
}

/// One subject alternative name.
#[derive(Debug, Clone, Serialize)]
pub struct AltNameInfo {
    /// `dns`, `email`, `ip`, `uri`, `directory`, `registered id` or `other`.
    pub kind: &'static str,
    /// The name as text, or its DER in base64 if it has no text.
    pub value: String,
}

/// The kind of a public key.
#[derive(Debug, Clone, Serialize)]
pub struct PublicKeyInfo {
    /// The kind, as in `rsa-2048`, or `unknown`.
    pub algorithm: String,
    /// Whether the key is too weak for a new certificate.
    pub weak: bool,
}

/// One extension.
#[derive(Debug, Clone, Serialize)]
pub struct ExtensionInfo {
    /// Its name in RFC 5280, or its object identifier.
    pub name: String,
    /// Its object identifier.
    pub oid: String,
    /// Whether a program that does not know the extension must reject the certificate.
    pub critical: bool,
    /// The DER of the value in base64.
    pub value: String,
}

impl From<&Certificate> for FullCertificateInfo {
    fn from(certificate: &Certificate) -> Self {
        let key = certificate.public_key().ok();
        let constraints = certificate.basic_constraints();
        Self {
            subject: certificate.subject().into(),
            issuer: certificate.issuer().into(),
            serial_number: certificate.serial_decimal(),
            serial_number_hex: hex(certificate.serial()),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            subject_alt_names: alt_names(certificate.extensions()),
            public_key: PublicKeyInfo {
                algorithm: key.as_ref().map_or("unknown".to_owned(), |key| key.kind().to_string()),
                weak: key.as_ref().is_some_and(PublicKey::is_weak),
            },
            key_usage: certificate.key_usage().map(usage_names).unwrap_or_default(),
            extended_key_usage: certificate
                .extended_key_usage()
                .unwrap_or_default()
                .iter()
                .map(|oid| usage::extended_name(*oid).map_or_else(|| oid.to_string(), str::to_owned))
                .collect(),
            is_ca: constraints.is_some_and(|constraints| constraints.ca),
            path_len: constraints.and_then(|constraints| constraints.path_len),
            signature_algorithm: match oid::signature_name(certificate.signature_algorithm()) {
                "Unknown Signature" => certificate.signature_algorithm().to_string(),
                name => name.to_owned(),
            },
            subject_key_id: colons(certificate.subject_key_identifier().unwrap_or_default()),
            authority_key_id: colons(certificate.authority_key_identifier().unwrap_or_default()),
            crl_urls: certificate.crl_urls(),
            ocsp_urls: certificate.ocsp_urls(),
            issuer_urls: certificate.issuer_urls(),
            extensions: certificate.extensions().iter().map(ExtensionInfo::from).collect(),
            sha256: certificate.fingerprint(),
            sha1: hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der()).as_ref()),
            pem: certificate.to_pem(),
        }
    }
}

impl From<&Name> for FullNameInfo {
    fn from(name: &Name) -> Self {
        let attributes = name.attributes().iter().map(|attribute| AttributeInfo {
            name: attribute.type_name(),
            oid: attribute.oid.to_string(),
            value: attribute.value.clone(),
        });
        Self { text: name.to_string(), attributes: attributes.collect() }
    }
}

impl From<&Extension> for ExtensionInfo {
    fn from(extension: &Extension) -> Self {
        Self {
            name: extension_name(extension.oid).map_or_else(|| extension.oid.to_string(), str::to_owned),
            oid: extension.oid.to_string(),
            critical: extension.critical,
            value: STANDARD.encode(extension.value.as_bytes()),
        }
    }
}

/// All GeneralNames (RFC 5280 section 4.2.1.6), including the kinds that [`SubjectAltNames`] does not have.
///
/// [`SubjectAltNames`]: crate::x509::SubjectAltNames
pub(super) fn alt_names(extensions: &[Extension]) -> Vec<AltNameInfo> {
    let Some(extension) = extensions.iter().find(|extension| extension.oid == oid::SUBJECT_ALT_NAME) else {
        return Vec::new();
    };
    let names = AnyRef::try_from(extension.value.as_bytes())
        .and_then(|sequence| encode::elements::<AnyRef<'_>>(sequence.value()));
    names.unwrap_or_default().into_iter().map(alt_name).collect()
}

fn alt_name(name: AnyRef<'_>) -> AltNameInfo {
    let text = || String::from_utf8_lossy(name.value()).into_owned();
    let base64 = || STANDARD.encode(name.value());
    let number = match name.tag() {
        Tag::ContextSpecific { number: TagNumber(number), .. } => number,
        _ => u32::MAX,
    };
    let (kind, value) = match number {
        1 => ("email", text()),
        2 => ("dns", text()),
        4 => ("directory", Name::from_der(name.value()).map_or_else(|_| base64(), |name| name.to_string())),
        6 => ("uri", text()),
        7 => ("ip", address(name.value()).unwrap_or_else(base64)),
        8 => {
            let id = ObjectIdentifier::from_bytes(name.value());
            ("registered id", id.map_or_else(|_| base64(), |id| id.to_string()))
        }
        _ => ("other", base64()),
    };
    AltNameInfo { kind, value }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(octets).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| std::net::Ipv6Addr::from(octets).to_string())
}

fn usage_names(usage: KeyUsage) -> Vec<&'static str> {
    usage::key_usage_names(usage).collect()
}

fn extension_name(oid: ObjectIdentifier) -> Option<&'static str> {
    Some(match oid {
        oid::AUTHORITY_INFO_ACCESS => "authorityInfoAccess",
        oid::AUTHORITY_KEY_IDENTIFIER => "authorityKeyIdentifier",
        oid::BASIC_CONSTRAINTS => "basicConstraints",
        oid::CERTIFICATE_POLICIES => "certificatePolicies",
        oid::CRL_DISTRIBUTION_POINTS => "cRLDistributionPoints",
        oid::EXTENDED_KEY_USAGE => "extKeyUsage",
        oid::KEY_USAGE => "keyUsage",
        oid::NAME_CONSTRAINTS => "nameConstraints",
        oid::OCSP_NO_CHECK => "ocspNoCheck",
        oid::SUBJECT_ALT_NAME => "subjectAltName",
        oid::SUBJECT_KEY_IDENTIFIER => "subjectKeyIdentifier",
        _ => return None,
    })
}
