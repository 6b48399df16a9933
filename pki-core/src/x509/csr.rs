//! Certification requests (RFC 2986): making, reading and checking them.

use der::asn1::{Any, AnyRef, BitString, ObjectIdentifier};
use der::{Decode, Encode, Sequence, Tag, TagNumber};

use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::{BasicConstraints, Extension, Extensions};
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::pem;
use crate::x509::sign::{AlgorithmIdentifier, SigningKey, check_names, sign_structure};

/// A certification request: its DER, and the fields that were read from it. Its signature was not checked;
/// [`CertificateRequest::verify`] does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    info: Vec<u8>,
    subject: Name,
    subject_public_key_info: Vec<u8>,
    attributes: Vec<RequestAttribute>,
    extensions: Vec<Extension>,
    signature_algorithm: ObjectIdentifier,
    signature: Vec<u8>,
}

/// What a request for another certificate does not take over from the one that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The subject in place of that of the certificate.
    pub subject: Option<Name>,
    /// The subject alternative names in place of those of the certificate.
    pub names: Option<SubjectAltNames>,
}

/// A request whose signature was checked, which proves that the requester has the private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    request: CertificateRequest,
    public_key: PublicKey,
}

/// One attribute of a request (RFC 2986 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestAttribute {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) values: Vec<Any>,
}

#[derive(Sequence)]
struct CertificationRequest {
    info: Any,
    signature_algorithm: AlgorithmIdentifier,
    signature: BitString,
}

#[derive(Sequence)]
struct Attribute {
    oid: ObjectIdentifier,
    values: Any,
}

const ATTRIBUTES: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

impl CertificateRequest {
    /// Makes a request for `subject`, signed by `key`. Without extensions it has no extensionRequest attribute.
    ///
    /// # Errors
    /// [`ErrorKind::Der`] if something cannot be encoded, and what `key` says.
    pub fn new(subject: &Name, extensions: &[Extension], key: &dyn SigningKey) -> Result<Self, Error> {
        // A subjectAltName of the requester's own may be malformed; then no CA accepts the request.
        match check_names(subject, extensions) {
            Err(error) if !matches!(error.kind(), ErrorKind::MalformedExtension { .. }) => return Err(error),
            _ => {}
        }
        let mut attributes = Vec::new();
        if !extensions.is_empty() {
            let extensions: Vec<_> = extensions.iter().map(Encode::to_der).collect::<Result<_, _>>()?;
            let values = encode::element(Tag::Set, &encode::sequence(&extensions)?)?;
            attributes = encode::sequence(&[oid::EXTENSION_REQUEST.to_der()?, values])?;
        }
        let info = encode::sequence(&[
            0u8.to_der()?.as_slice(),
            subject.der(),
            key.public_key().der(),
            &encode::element(ATTRIBUTES, &attributes)?,
        ])?;
        Self::from_der(&sign_structure(&info, key)?)
    }

    /// Makes a request for another certificate like `certificate`: with its subject, byte for byte, its subject
    /// alternative names, and for a CA its basicConstraints, but for what `changes` replaces. `key` may be the key of the
    /// certificate, or a new one.
    ///
    /// ```
    /// use pki_core::x509::{CertificateRequest, Changes, KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
    /// use pki_core::cfssl::{Request, ca};
    ///
    /// # let now = time::OffsetDateTime::now_utc();
    /// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// # let old = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
    /// let new_key = SystemKeys.generate(KeyAlgorithm::EcdsaP384)?;
    /// let request = CertificateRequest::for_certificate(&old, &Changes::default(), &new_key)?;
    /// assert_eq!(request.subject(), old.subject());
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`CertificateRequest::new`] says.
    pub fn for_certificate(
        certificate: &Certificate,
        changes: &Changes,
        key: &dyn SigningKey,
    ) -> Result<Self, Error> {
        let mut extensions = Vec::new();
        match (&changes.names, certificate.extensions().find(oid::SUBJECT_ALT_NAME)) {
            (Some(names), _) if names.is_empty() => {}
            (Some(names), _) => extensions.push(Extension::subject_alt_name(names, false)?),
            (None, Some(names)) => extensions.push(Extension { critical: false, ..names.clone() }),
            (None, None) => {}
        }
        if let Some(constraints) = certificate.basic_constraints().filter(|constraints| constraints.ca) {
            extensions.push(Extension::basic_constraints(constraints)?);
        }
        Self::new(changes.subject.as_ref().unwrap_or(certificate.subject()), &extensions, key)
    }

    /// Reads the first PEM block of a file, or bare DER. Text around the block is ignored.
    ///
    /// # Errors
    /// [`ErrorKind::NoRequest`] if there is neither, [`ErrorKind::OtherBlock`] if the block has the label of something
    /// else, [`ErrorKind::Request`] if it is malformed.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        match pem::blocks(bytes).first() {
            Some(block)
                if matches!(block.label.as_str(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") =>
            {
                Self::from_der(&block.der)
            }
            Some(block) => Err(block.is_no("certificate request")),
            None if bytes.first() == Some(&0x30) => Self::from_der(bytes),
            None => Err(ErrorKind::NoRequest.into()),
        }
    }

    /// Reads the first PEM block of a file, with any label, or bare DER.
    ///
    /// # Errors
    /// [`ErrorKind::NoRequest`] if there is neither, [`ErrorKind::Request`] if it is malformed, and
    /// [`ErrorKind::OtherBlock`] if its label says that it is something else.
    pub fn read_any_label(bytes: &[u8]) -> Result<Self, Error> {
        match pem::blocks(bytes).first() {
            Some(block) => {
                Self::from_der(&block.der).map_err(|error| match block.label.ends_with("REQUEST") {
                    true => error,
                    false => block.is_no("certificate request"),
                })
            }
            None => Self::read(bytes),
        }
    }

    /// Reads a request in DER.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] if it is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::parse(der).map_err(|error| ErrorKind::Request { reason: error.kind().to_string() }.into())
    }

    fn parse(der: &[u8]) -> Result<Self, Error> {
        let request = CertificationRequest::from_der(der)?;
        let fields = encode::elements::<AnyRef<'_>>(request.info.value())?;
        let mut fields = fields.into_iter();
        let mut field = || fields.next().ok_or_else(|| Error::from(ErrorKind::Truncated));
        let (_version, subject, public_key) = (field()?, field()?, field()?);
        let mut attributes = Vec::new();
        if let Ok(field) = field() {
            for attribute in encode::elements::<Attribute>(field.value())? {
                let values = encode::elements::<Any>(attribute.values.value())?;
                attributes.push(RequestAttribute { oid: attribute.oid, values });
            }
        }
        let mut extensions = Vec::new();
        for attribute in &attributes {
            if attribute.oid == oid::EXTENSION_REQUEST
                && let Some(requested) = attribute.values.first()
            {
                extensions.extend(encode::elements::<Extension>(requested.value())?);
            }
        }
        Ok(Self {
            der: der.to_vec(),
            info: request.info.to_der()?,
            subject: Name::from_der(&subject.to_der()?)?,
            subject_public_key_info: public_key.to_der()?,
            attributes,
            extensions,
            signature_algorithm: request.signature_algorithm.oid,
            signature: request.signature.raw_bytes().to_vec(),
        })
    }

    /// Checks the signature with the public key in the request.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedPublicKey`] or [`ErrorKind::WeakKey`] because of the key,
    /// [`ErrorKind::RepeatedExtension`] if the request has an extension twice, and what [`PublicKey::verify`] says.
    pub fn verify(self) -> Result<VerifiedRequest, Error> {
        let verified = self.trust_own_signature()?;
        let Self { signature_algorithm, info, signature, .. } = &verified.request;
        verified.public_key.verify(*signature_algorithm, info, signature)?;
        Ok(verified)
    }

    /// Skips the check of the signature, for a request that this process has just signed. The check takes longer than
    /// the signature.
    pub(crate) fn trust_own_signature(self) -> Result<VerifiedRequest, Error> {
        let public_key = PublicKey::from_der(&self.subject_public_key_info)?;
        if public_key.is_weak() {
            return Err(ErrorKind::WeakKey { kind: public_key.kind() }.into());
        }
        let mut seen = Vec::new();
        for extension in &self.extensions {
            if seen.contains(&extension.oid) {
                return Err(ErrorKind::RepeatedExtension { oid: extension.oid }.into());
            }
            seen.push(extension.oid);
        }
        Ok(VerifiedRequest { request: self, public_key })
    }

    /// The request in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request in PEM, with the label `CERTIFICATE REQUEST`.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der)
    }

    /// The subject that is asked for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The extensions that are asked for, in order.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The subject alternative names that are asked for.
    ///
    /// # Errors
    /// [`ErrorKind::MalformedExtension`].
    pub fn subject_alt_names(&self) -> Result<SubjectAltNames, Error> {
        self.extensions.subject_alt_names()
    }

    /// The basicConstraints that are asked for, if any.
    ///
    /// # Errors
    /// [`ErrorKind::MalformedExtension`].
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>, Error> {
        self.extensions.basic_constraints()
    }

    /// The algorithm of the signature.
    pub fn signature_algorithm(&self) -> ObjectIdentifier {
        self.signature_algorithm
    }

    /// The CertificationRequestInfo in DER, which is the part that is signed.
    pub(crate) fn info(&self) -> &[u8] {
        &self.info
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn attributes(&self) -> &[RequestAttribute] {
        &self.attributes
    }

    pub(crate) fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }
}

impl VerifiedRequest {
    /// The request that was checked.
    pub fn request(&self) -> &CertificateRequest {
        &self.request
    }

    /// The public key in the request.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The request without the proof.
    pub(crate) fn into_request(self) -> CertificateRequest {
        self.request
    }
}
