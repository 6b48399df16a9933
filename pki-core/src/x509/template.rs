//! The contents of a certificate before it is signed.

use der::asn1::ObjectIdentifier;

use crate::x509::alt_names::SubjectAltNames;
use crate::x509::error::Error;
use crate::x509::extension::{BasicConstraints, CertificatePolicy, Extension};
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::Validity;

/// The contents of a certificate that do not come from the issuing CA.
///
/// ```
/// use pki_core::x509::{KeyAlgorithm, KeySource, Subject, SystemKeys, Template, Validity};
/// use time::{Duration, OffsetDateTime};
///
/// let now = OffsetDateTime::now_utc();
/// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
/// let subject = Subject::common_name("etcd1").to_name()?;
/// let template = Template::new(&subject, key.public_key(), Validity::new(now, now + Duration::days(90))?);
/// assert!(template.extended_key_usage.is_empty());
/// # Ok::<(), pki_core::x509::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// The name of the owner.
    pub subject: &'a Name,
    /// The key of the owner, of which subjectKeyIdentifier is made.
    pub public_key: &'a PublicKey,
    /// notBefore and notAfter.
    pub validity: Validity,
    /// keyUsage. If it is empty, the extension is left out.
    pub key_usage: KeyUsage,
    /// extKeyUsage, in this order. If it is empty, the extension is left out.
    pub extended_key_usage: &'a [ObjectIdentifier],
    /// basicConstraints, which every certificate gets.
    pub basic_constraints: BasicConstraints,
    /// subjectAltName. If it is empty, the extension is left out.
    pub names: &'a SubjectAltNames,
    /// The URL of the OCSP responder, for authorityInfoAccess.
    pub ocsp_url: Option<&'a str>,
    /// The URLs of the certificate of the issuer, for authorityInfoAccess.
    pub issuer_urls: &'a [String],
    /// The URL of the revocation list, for cRLDistributionPoints.
    pub crl_url: Option<&'a str>,
    /// certificatePolicies. If it is empty, the extension is left out.
    pub policies: &'a [CertificatePolicy],
    /// Whether the certificate has the extension id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1).
    pub ocsp_no_check: bool,
    /// Extensions that are copied as they are. Each replaces the extension of that type that a field above would make,
    /// except for certificatePolicies and id-pkix-ocsp-nocheck.
    pub extensions: &'a [Extension],
}

static NO_NAMES: SubjectAltNames =
    SubjectAltNames { dns: Vec::new(), email: Vec::new(), ip: Vec::new(), uri: Vec::new() };

impl<'a> Template<'a> {
    /// A template for a leaf without usages and names. The other fields are set with the syntax `..Template::new(...)`.
    pub fn new(subject: &'a Name, public_key: &'a PublicKey, validity: Validity) -> Self {
        Self {
            subject,
            public_key,
            validity,
            key_usage: KeyUsage::default(),
            extended_key_usage: &[],
            basic_constraints: BasicConstraints::default(),
            names: &NO_NAMES,
            ocsp_url: None,
            issuer_urls: &[],
            crl_url: None,
            policies: &[],
            ocsp_no_check: false,
            extensions: &[],
        }
    }

    /// All extensions, in the order in which cfssl writes them. `issuer` is the key identifier of the issuing CA for
    /// authorityKeyIdentifier, or `None` to leave that out.
    pub(crate) fn all_extensions(&self, issuer: Option<&[u8]>) -> Result<Vec<Extension>, Error> {
        let mut extensions = Vec::new();
        if !self.key_usage.is_empty() {
            extensions.push(Extension::key_usage(self.key_usage)?);
        }
        if !self.extended_key_usage.is_empty() {
            extensions.push(Extension::extended_key_usage(self.extended_key_usage)?);
        }
        extensions.push(Extension::basic_constraints(self.basic_constraints)?);
        extensions.push(Extension::subject_key_identifier(&self.public_key.identifier())?);
        if let Some(identifier) = issuer {
            extensions.push(Extension::authority_key_identifier(identifier)?);
        }
        if self.ocsp_url.is_some() || !self.issuer_urls.is_empty() {
            extensions.push(Extension::authority_info_access(self.ocsp_url, self.issuer_urls)?);
        }
        if !self.names.is_empty() {
            extensions.push(Extension::subject_alt_name(self.names, self.subject.is_empty())?);
        }
        if let Some(url) = self.crl_url {
            extensions.push(Extension::crl_distribution_points(url)?);
        }
        extensions.retain(|extension| !self.extensions.iter().any(|own| own.oid == extension.oid));
        extensions.extend(self.extensions.iter().cloned());
        if !self.policies.is_empty() {
            extensions.push(Extension::certificate_policies(self.policies)?);
        }
        if self.ocsp_no_check {
            extensions.push(Extension::ocsp_no_check()?);
        }
        Ok(extensions)
    }
}
