//! Certificates as Go's `ParseCertificate` reads them (`crypto/x509`).

use std::collections::HashSet;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};
use x509_parser::signature_algorithm::SignatureAlgorithm;

use crate::tls::leniency::Leniency;
use crate::tls::refusal::UnreadableCertificate;
use crate::tls::signature::CertificateSignature;
use crate::x509::acceptance::{allows_usage, unhandled_critical_extension};
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::{Certificate, object_identifier};
use crate::x509::constraints::NameConstraints;
use crate::x509::extension::Extensions;
use crate::x509::key::{PublicKey, PublicKeyKind};
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// A certificate that Go can read, with the fields that Go's checks need.
#[derive(Debug, Clone)]
pub(super) struct GoCertificate {
    certificate: Certificate,
    is_version_3: bool,
    key: Option<PublicKey>,
    pub(super) signature: CertificateSignature,
    pub(super) name_constraints: Option<NameConstraints>,
    unhandled_critical_extension: Option<ObjectIdentifier>,
}

impl GoCertificate {
    pub(super) fn read(der: &[u8], leniency: Leniency) -> Result<Self, UnreadableCertificate> {
        let malformed = |reason: String| UnreadableCertificate::Malformed { reason };
        let certificate = Certificate::from_der(der).map_err(|error| malformed(error.to_string()))?;
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| malformed(error.to_string()))?;
        if certificate.serial().first().is_some_and(|byte| byte & 0x80 != 0) && !leniency.negative_serials {
            return Err(UnreadableCertificate::NegativeSerial);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = certificate.extensions().iter().find(|extension| !seen.insert(extension.oid)) {
            return Err(UnreadableCertificate::DuplicateExtension { oid: twice.oid });
        }
        let key = match certificate.public_key() {
            Ok(key) => Some(key),
            Err(_) => {
                let algorithm = object_identifier(&parsed.public_key().algorithm.algorithm)
                    .map_err(|error| malformed(error.to_string()))?;
                match algorithm {
                    oid::EC_PUBLIC_KEY => return Err(UnreadableCertificate::UnsupportedCurve),
                    oid::RSA_ENCRYPTION | oid::ED25519 => {
                        return Err(malformed("its public key is malformed".to_owned()));
                    }
                    _ => None,
                }
            }
        };
        let name_constraints = match parsed.name_constraints() {
            Ok(found) => {
                let found = found.map(|extension| NameConstraints::read(extension.value)).transpose();
                found.map_err(|reason| malformed(reason.to_owned()))?
            }
            Err(error) => return Err(malformed(error.to_string())),
        };
        let scheme = SignatureAlgorithm::try_from(&parsed.signature_algorithm).ok();
        let signature = CertificateSignature::new(
            certificate.signature_algorithm(),
            scheme.as_ref(),
            parsed.tbs_certificate.as_ref(),
            &parsed.signature_value.data,
        );
        let unhandled_critical_extension =
            unhandled_critical_extension(&certificate, name_constraints.as_ref());
        Ok(Self {
            is_version_3: parsed.version() == X509Version::V3,
            certificate,
            key,
            signature,
            name_constraints,
            unhandled_critical_extension,
        })
    }

    pub(super) fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    pub(super) fn subject(&self) -> String {
        self.certificate.subject().to_string()
    }

    pub(super) fn issuer(&self) -> String {
        self.certificate.issuer().to_string()
    }

    pub(super) fn subject_der(&self) -> &[u8] {
        self.certificate.subject().der()
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.certificate.subject().common_name()
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The public key. `None` if Go does not know its kind.
    pub(super) fn key(&self) -> Option<&PublicKey> {
        self.key.as_ref()
    }

    pub(super) fn key_kind(&self) -> Option<PublicKeyKind> {
        self.key().map(PublicKey::kind)
    }

    pub(super) fn not_before(&self) -> OffsetDateTime {
        self.certificate.not_before()
    }

    pub(super) fn not_after(&self) -> OffsetDateTime {
        self.certificate.not_after()
    }

    pub(super) fn subject_alt_names(&self) -> &SubjectAltNames {
        self.certificate.subject_alt_names()
    }

    pub(super) fn has_subject_alt_name(&self) -> bool {
        self.certificate.extensions().find(oid::SUBJECT_ALT_NAME).is_some()
    }

    pub(super) fn unhandled_critical_extension(&self) -> Option<ObjectIdentifier> {
        self.unhandled_critical_extension
    }

    /// Whether basicConstraints says that it is a CA. Go requires this of intermediate CAs.
    pub(super) fn is_ca(&self) -> bool {
        self.certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// Go's conditions in `CheckSignatureFrom`: a certificate of version 1 is a CA, and a keyUsage without any bit counts
    /// as absent.
    pub(super) fn may_sign(&self) -> bool {
        let is_ca = match self.certificate.basic_constraints() {
            Some(constraints) => constraints.ca,
            None => !self.is_version_3,
        };
        let usage = self.certificate.key_usage().filter(|usage| *usage != KeyUsage::default());
        is_ca && usage.is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
    }

    /// Whether its own extKeyUsage allows `usage`.
    pub(super) fn allows(&self, usage: ObjectIdentifier) -> bool {
        allows_usage(&self.certificate, usage)
    }
}

/// Compares the DER.
impl PartialEq for GoCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}
