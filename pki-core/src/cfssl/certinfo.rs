//! Descriptions of certificates as `cfssl certinfo` prints them.

mod full;
mod request;
mod text;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use full::{AltNameInfo, AttributeInfo, ExtensionInfo, FullCertificateInfo, FullNameInfo, PublicKeyInfo};
pub use request::RequestInfo;
pub use text::{certificate_text, request_text};

use crate::x509::certificate::Certificate;
use crate::x509::name::Name;
use crate::x509::oid;

/// cfssl's description of a certificate (`certinfo/certinfo.go`). Its JSON has cfssl's keys in cfssl's order.
///
/// ```no_run
/// # let pem = "";
/// let certificate = pki_core::x509::Certificate::read(pem.as_bytes())?;
/// let info = pki_core::cfssl::CertificateInfo::from(&certificate);
/// println!("{} until {}", info.subject.common_name, info.not_after);
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct CertificateInfo {
    /// The name of its owner.
    pub subject: NameInfo,
    /// The name of the CA that issued it.
    pub issuer: NameInfo,
    /// The serial number in decimal.
    pub serial_number: String,
    /// The DNS names, then the IP addresses. cfssl shows no other kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<String>,
    /// The first moment at which it is valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_before: OffsetDateTime,
    /// The last moment at which it is valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_after: OffsetDateTime,
    /// The signature algorithm by Go's name, as in `ECDSAWithSHA256`.
    pub sigalg: &'static str,
    /// authorityKeyIdentifier in upper-case hex with colons. Empty if it is absent.
    pub authority_key_id: String,
    /// subjectKeyIdentifier in upper-case hex with colons. Empty if it is absent.
    pub subject_key_id: String,
    /// The certificate in PEM.
    pub pem: String,
}

/// cfssl's description of a name. Several values of one type are joined with commas.
#[derive(Debug, Clone, Serialize)]
pub struct NameInfo {
    /// The last value of commonName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub common_name: String,
    /// The last value of serialNumber, which is not that of the certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial_number: String,
    /// The values of countryName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// The values of organizationName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organization: String,
    /// The values of organizationalUnitName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organizational_unit: String,
    /// The values of localityName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    /// The values of stateOrProvinceName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub province: String,
    /// The values of streetAddress.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street_address: String,
    /// The values of postalCode.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// The values of all attributes, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl From<&Certificate> for CertificateInfo {
    fn from(certificate: &Certificate) -> Self {
        let names = certificate.subject_alt_names();
        let sans = names.dns.iter().cloned().chain(names.ip.iter().map(ToString::to_string)).collect();
        Self {
            subject: certificate.subject().into(),
            issuer: certificate.issuer().into(),
            serial_number: certificate.serial_decimal(),
            sans,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            sigalg: oid::signature_name(certificate.signature_algorithm()),
            authority_key_id: colons(certificate.authority_key_identifier().unwrap_or_default()),
            subject_key_id: colons(certificate.subject_key_identifier().unwrap_or_default()),
            pem: certificate.to_pem(),
        }
    }
}

impl From<&Name> for NameInfo {
    fn from(name: &Name) -> Self {
        let joined = |oid| name.values(oid).collect::<Vec<_>>().join(",");
        let last = |oid| name.values(oid).last().unwrap_or_default().to_owned();
        Self {
            common_name: last(oid::COMMON_NAME),
            serial_number: last(oid::SERIAL_NUMBER),
            country: joined(oid::COUNTRY_NAME),
            organization: joined(oid::ORGANIZATION_NAME),
            organizational_unit: joined(oid::ORGANIZATIONAL_UNIT_NAME),
            locality: joined(oid::LOCALITY_NAME),
            province: joined(oid::STATE_OR_PROVINCE_NAME),
            street_address: joined(oid::STREET_ADDRESS),
            postal_code: joined(oid::POSTAL_CODE),
            names: name.attributes().iter().map(|attribute| attribute.value.clone()).collect(),
        }
    }
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn rfc3339<S: Serializer>(moment: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
}
