//! Extensions of certificates and requests (RFC 5280 section 4.2), encoded as cfssl encodes them.

use der::asn1::{AnyRef, BitStringRef, Ia5StringRef, ObjectIdentifier, OctetString, Utf8StringRef};
use der::{Decode, Encode, Sequence, Tag, TagNumber};

use crate::x509::alt_names::SubjectAltNames;
use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub struct Extension {
    /// extnID: the type of the extension.
    pub oid: ObjectIdentifier,
    /// Whether a program that does not know the extension must reject the certificate.
    #[asn1(default = "Default::default")]
    pub critical: bool,
    /// extnValue: the DER of the value.
    pub value: OctetString,
}

/// basicConstraints (RFC 5280 section 4.2.1.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Sequence)]
pub struct BasicConstraints {
    /// Whether the subject is a CA.
    #[asn1(default = "Default::default")]
    pub ca: bool,
    /// pathLenConstraint: how many further CAs may stand between this one and a leaf. `None` means no limit.
    #[asn1(optional = "true")]
    pub path_len: Option<u8>,
}

/// A certificate policy (RFC 5280 section 4.2.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePolicy {
    /// policyIdentifier: the number of the policy.
    pub id: ObjectIdentifier,
    /// policyQualifiers. If there are none, the field is left out.
    pub qualifiers: Vec<PolicyQualifier>,
}

/// A qualifier of a certificate policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyQualifier {
    /// id-qt-cps: the URI of the certification practice statement.
    Cps(String),
    /// id-qt-unotice: a text to show to users, as explicitText.
    UserNotice(String),
}

#[derive(Sequence)]
struct PolicyQualifierInfo<'a> {
    oid: ObjectIdentifier,
    qualifier: AnyRef<'a>,
}

impl Extension {
    pub(crate) fn new(oid: ObjectIdentifier, critical: bool, value: Vec<u8>) -> Result<Self, Error> {
        Ok(Self { oid, critical, value: OctetString::new(value)? })
    }

    pub(crate) fn key_usage(usage: KeyUsage) -> Result<Self, Error> {
        Self::new(oid::KEY_USAGE, true, encode::element(Tag::BitString, &usage.to_bits())?)
    }

    pub(crate) fn extended_key_usage(usages: &[ObjectIdentifier]) -> Result<Self, Error> {
        Self::new(oid::EXTENDED_KEY_USAGE, false, usages.to_vec().to_der()?)
    }

    pub(crate) fn basic_constraints(constraints: BasicConstraints) -> Result<Self, Error> {
        Self::new(oid::BASIC_CONSTRAINTS, true, constraints.to_der()?)
    }

    pub(crate) fn subject_key_identifier(identifier: &[u8]) -> Result<Self, Error> {
        Self::new(oid::SUBJECT_KEY_IDENTIFIER, false, encode::element(Tag::OctetString, identifier)?)
    }

    /// authorityKeyIdentifier with keyIdentifier only.
    pub(crate) fn authority_key_identifier(identifier: &[u8]) -> Result<Self, Error> {
        let key_identifier = encode::element(context(0, false), identifier)?;
        Self::new(oid::AUTHORITY_KEY_IDENTIFIER, false, encode::sequence(&[key_identifier])?)
    }

    /// authorityInfoAccess with the OCSP responder first, then the certificates of the issuer.
    pub(crate) fn authority_info_access(ocsp: Option<&str>, issuers: &[String]) -> Result<Self, Error> {
        let methods = ocsp
            .map(|url| (oid::ACCESS_OCSP, url))
            .into_iter()
            .chain(issuers.iter().map(|url| (oid::ACCESS_CA_ISSUERS, url.as_str())));
        let mut descriptions = Vec::new();
        for (method, url) in methods {
            descriptions.push(encode::sequence(&[method.to_der()?, uri(url)?])?);
        }
        Self::new(oid::AUTHORITY_INFO_ACCESS, false, encode::sequence(&descriptions)?)
    }

    /// subjectAltName. RFC 5280 section 4.2.1.6 asks for `critical` exactly if the subject is empty.
    pub(crate) fn subject_alt_name(names: &SubjectAltNames, critical: bool) -> Result<Self, Error> {
        Self::new(oid::SUBJECT_ALT_NAME, critical, names.to_der()?)
    }

    /// cRLDistributionPoints with one distribution point and one URI.
    pub(crate) fn crl_distribution_points(url: &str) -> Result<Self, Error> {
        let full_name = encode::element(context(0, true), &uri(url)?)?;
        let distribution_point = encode::element(context(0, true), &full_name)?;
        let point = encode::sequence(&[distribution_point])?;
        Self::new(oid::CRL_DISTRIBUTION_POINTS, false, encode::sequence(&[point])?)
    }

    pub(crate) fn certificate_policies(policies: &[CertificatePolicy]) -> Result<Self, Error> {
        let mut information = Vec::new();
        for policy in policies {
            let mut parts = vec![policy.id.to_der()?];
            if !policy.qualifiers.is_empty() {
                let qualifiers: Vec<_> =
                    policy.qualifiers.iter().map(qualifier_info).collect::<Result<_, _>>()?;
                parts.push(encode::sequence(&qualifiers)?);
            }
            information.push(encode::sequence(&parts)?);
        }
        Self::new(oid::CERTIFICATE_POLICIES, false, encode::sequence(&information)?)
    }

    /// id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1).
    pub(crate) fn ocsp_no_check() -> Result<Self, Error> {
        Self::new(oid::OCSP_NO_CHECK, false, encode::element(Tag::Null, &[])?)
    }

    /// id-pe-delegationUsage, with which cfssl requests a certificate for delegated credentials (RFC 9345).
    pub(crate) fn delegation_usage() -> Result<Self, Error> {
        Self::new(oid::DELEGATION_USAGE, false, encode::element(Tag::Null, &[])?)
    }
}

fn qualifier_info(qualifier: &PolicyQualifier) -> Result<Vec<u8>, Error> {
    Ok(match qualifier {
        PolicyQualifier::Cps(uri) => {
            let uri = Ia5StringRef::new(uri)?;
            PolicyQualifierInfo { oid: oid::QUALIFIER_CPS, qualifier: uri.into() }.to_der()?
        }
        PolicyQualifier::UserNotice(text) => {
            let notice = encode::sequence(&[Utf8StringRef::new(text)?.to_der()?])?;
            let qualifier = AnyRef::from_der(&notice)?;
            PolicyQualifierInfo { oid: oid::QUALIFIER_USER_NOTICE, qualifier }.to_der()?
        }
    })
}

fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific { constructed, number: TagNumber(number) }
}

/// Encodes a GeneralName of the kind uniformResourceIdentifier.
fn uri(url: &str) -> Result<Vec<u8>, Error> {
    encode::element(context(6, false), url.as_bytes())
}

/// The elements of `contents` that have `tag`.
fn tagged(contents: &[u8], tag: Tag) -> Result<Vec<AnyRef<'_>>, Error> {
    let mut elements = encode::elements::<AnyRef<'_>>(contents)?;
    elements.retain(|element| der::Tagged::tag(element) == tag);
    Ok(elements)
}

/// The values of the extensions of a certificate or a request. Each is `None` or empty if the extension is absent.
pub(crate) trait Extensions {
    fn find(&self, oid: ObjectIdentifier) -> Option<&Extension>;

    /// Decodes the value of an extension. `name` is its name in RFC 5280, for the error.
    fn decode<T>(
        &self,
        oid: ObjectIdentifier,
        name: &'static str,
        decode: impl FnOnce(&[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(extension) = self.find(oid) else { return Ok(None) };
        decode(extension.value.as_bytes())
            .map(Some)
            .map_err(|_| ErrorKind::MalformedExtension { name }.into())
    }

    fn basic_constraints(&self) -> Result<Option<BasicConstraints>, Error> {
        self.decode(oid::BASIC_CONSTRAINTS, "basicConstraints", |der| Ok(BasicConstraints::from_der(der)?))
    }

    fn key_usage(&self) -> Result<Option<KeyUsage>, Error> {
        self.decode(oid::KEY_USAGE, "keyUsage", |der| {
            Ok(KeyUsage::from_bits(BitStringRef::from_der(der)?.raw_bytes()))
        })
    }

    fn extended_key_usage(&self) -> Result<Option<Vec<ObjectIdentifier>>, Error> {
        self.decode(oid::EXTENDED_KEY_USAGE, "extKeyUsage", |der| Ok(Vec::from_der(der)?))
    }

    fn subject_alt_names(&self) -> Result<SubjectAltNames, Error> {
        let names = self.decode(oid::SUBJECT_ALT_NAME, "subjectAltName", SubjectAltNames::from_der)?;
        Ok(names.unwrap_or_default())
    }

    /// The URIs of one access method in authorityInfoAccess.
    fn access_urls(&self, method: ObjectIdentifier) -> Result<Vec<String>, Error> {
        let Some(extension) = self.find(oid::AUTHORITY_INFO_ACCESS) else { return Ok(Vec::new()) };
        let mut urls = Vec::new();
        let descriptions = AnyRef::from_der(extension.value.as_bytes())?;
        for description in encode::elements::<AnyRef<'_>>(descriptions.value())? {
            let mut fields = encode::elements::<AnyRef<'_>>(description.value())?.into_iter();
            if let (Some(oid), Some(location)) = (fields.next(), fields.next())
                && oid.decode_as::<ObjectIdentifier>()? == method
                && der::Tagged::tag(&location) == context(6, false)
            {
                urls.push(String::from_utf8_lossy(location.value()).into_owned());
            }
        }
        Ok(urls)
    }

    /// The URIs in cRLDistributionPoints.
    fn crl_urls(&self) -> Result<Vec<String>, Error> {
        let Some(extension) = self.find(oid::CRL_DISTRIBUTION_POINTS) else { return Ok(Vec::new()) };
        let mut urls = Vec::new();
        let points = AnyRef::from_der(extension.value.as_bytes())?;
        for point in encode::elements::<AnyRef<'_>>(points.value())? {
            for name in tagged(point.value(), context(0, true))? {
                for full_name in tagged(name.value(), context(0, true))? {
                    for uri in tagged(full_name.value(), context(6, false))? {
                        urls.push(String::from_utf8_lossy(uri.value()).into_owned());
                    }
                }
            }
        }
        Ok(urls)
    }

    fn subject_key_identifier(&self) -> Result<Option<Vec<u8>>, Error> {
        self.decode(oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier", |der| {
            Ok(AnyRef::from_der(der)?.value().to_vec())
        })
    }

    /// The keyIdentifier, if the extension has one.
    fn authority_key_identifier(&self) -> Result<Option<Vec<u8>>, Error> {
        let identifier = self.decode(oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier", |der| {
            let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(der)?.value())?;
            let identifier = fields.into_iter().find(|field| der::Tagged::tag(field) == context(0, false));
            Ok(identifier.map(|field| field.value().to_vec()))
        })?;
        Ok(identifier.flatten())
    }
}

impl Extensions for [Extension] {
    fn find(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.iter().find(|extension| extension.oid == oid)
    }
}
