//! Certificates: reading files and DER, the fields, and checks.

use std::fmt;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;
use x509_parser::num_bigint::BigInt;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::x509::alt_names::SubjectAltNames;
use crate::x509::digest::sha256;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::{BasicConstraints, Extension, Extensions};
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::pem;
use crate::x509::pkcs7;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::Validity;

/// A certificate: its DER, and the fields that were read from it. Its signature was not checked;
/// [`Certificate::verify_issued_by`] does that.
///
/// Reading is lenient: a certificate may have an unknown kind of key, a serial number below zero, or unknown extensions.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    to_be_signed: Vec<u8>,
    signature: Vec<u8>,
    serial: Vec<u8>,
    signature_algorithm: ObjectIdentifier,
    issuer: Name,
    subject: Name,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    subject_public_key_info: Vec<u8>,
    extensions: Vec<Extension>,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Option<Vec<ObjectIdentifier>>,
    subject_alt_names: SubjectAltNames,
    subject_key_identifier: Option<Vec<u8>>,
    authority_key_identifier: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads a file with one certificate: one PEM block with any label, or bare DER. Text before the block is skipped. The
    /// block may be a SignedData of PKCS #7 with one certificate.
    ///
    /// # Errors
    /// [`ErrorKind::NoCertificate`] if there is neither, [`ErrorKind::NotOneCertificate`] if there is more after the
    /// block, [`ErrorKind::Certificate`] if it is malformed, and [`ErrorKind::OtherBlock`] if its label says that it is
    /// something else.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        match pem::blocks(bytes).first() {
            Some(_) if pem::has_more_after_first(bytes) => Err(ErrorKind::NotOneCertificate.into()),
            Some(block) => match Self::of_block(block)?.as_slice() {
                [] => Err(ErrorKind::NoCertificate.into()),
                [one] => Ok(one.clone()),
                _ => Err(ErrorKind::NotOneCertificate.into()),
            },
            None if bytes.first() == Some(&0x30) => match Self::all_of_der(bytes)?.as_slice() {
                [one] => Ok(one.clone()),
                _ => Err(ErrorKind::NotOneCertificate.into()),
            },
            None => Err(ErrorKind::NoCertificate.into()),
        }
    }

    /// Reads all certificates of a PEM file in order, or one certificate or PKCS #7 in bare DER. Other blocks, and text between the blocks, are
    /// skipped.
    ///
    /// # Errors
    /// [`ErrorKind::NoCertificate`] if there is nothing in PEM, [`ErrorKind::OtherBlock`] if there is something else,
    /// [`ErrorKind::Certificate`] if one is malformed.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let blocks = pem::blocks(bytes);
        if blocks.is_empty() && bytes.first() == Some(&0x30) {
            return Self::all_of_der(bytes);
        }
        let mut all = Vec::new();
        for block in &blocks {
            if pkcs7::has_label(block)
                || matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
            {
                all.extend(Self::of_block(block)?);
            }
        }
        match blocks.first() {
            Some(other) if all.is_empty() => Err(other.is_no("certificate")),
            None => Err(ErrorKind::NoCertificate.into()),
            Some(_) => Ok(all),
        }
    }

    /// The certificates of a file without PEM: one certificate, or those of PKCS #7.
    fn all_of_der(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let error = match Self::from_der(bytes) {
            Ok(one) => return Ok(vec![one]),
            Err(error) => error,
        };
        if pkcs7::is_pkcs12(bytes) {
            return Err(ErrorKind::Pkcs12.into());
        }
        match pkcs7::certificates(bytes) {
            Ok(all) if !all.is_empty() => all.iter().map(|der| Self::from_der(der)).collect(),
            _ => Err(error),
        }
    }

    /// The certificates of a PEM block.
    fn of_block(block: &pem::Block) -> Result<Vec<Self>, Error> {
        if pkcs7::has_label(block) {
            return pkcs7::certificates(&block.der)?.iter().map(|der| Self::from_der(der)).collect();
        }
        match Self::from_der(&block.der) {
            Ok(one) => Ok(vec![one]),
            Err(error) if block.label.ends_with("CERTIFICATE") => Err(error),
            Err(_) => Err(block.is_no("certificate")),
        }
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] if it is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::parse(der).map_err(|error| match error.kind() {
            ErrorKind::Certificate { .. } => error,
            other => ErrorKind::Certificate { reason: other.to_string() }.into(),
        })
    }

    fn parse(der: &[u8]) -> Result<Self, Error> {
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| ErrorKind::Certificate {
            reason: "it is something else, or it is damaged".to_owned(),
        })?;
        if !rest.is_empty() {
            return Err(
                ErrorKind::Certificate { reason: "there are more bytes after its end".to_owned() }.into()
            );
        }
        let mut extensions = Vec::new();
        for extension in parsed.extensions() {
            let oid = object_identifier(&extension.oid)?;
            extensions.push(Extension::new(oid, extension.critical, extension.value.to_vec())?);
        }
        Ok(Self {
            der: der.to_vec(),
            to_be_signed: parsed.tbs_certificate.as_ref().to_vec(),
            signature: parsed.signature_value.data.to_vec(),
            serial: parsed.raw_serial().to_vec(),
            signature_algorithm: object_identifier(&parsed.signature_algorithm.algorithm)?,
            issuer: Name::from_der(parsed.issuer().as_raw())?,
            subject: Name::from_der(parsed.subject().as_raw())?,
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            subject_public_key_info: parsed.public_key().raw.to_vec(),
            basic_constraints: extensions.basic_constraints()?,
            key_usage: extensions.key_usage()?,
            extended_key_usage: extensions.extended_key_usage()?,
            subject_alt_names: extensions.subject_alt_names()?,
            subject_key_identifier: extensions.subject_key_identifier()?,
            authority_key_identifier: extensions.authority_key_identifier()?,
            extensions,
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, with the label `CERTIFICATE`.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// The bytes of the serial number in the DER: big-endian, two's complement.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The serial number in decimal.
    pub fn serial_decimal(&self) -> String {
        BigInt::from_signed_bytes_be(&self.serial).to_string()
    }

    /// The SHA-256 digest of the DER, in lower-case hex.
    pub fn fingerprint(&self) -> String {
        sha256(&self.der)
    }

    /// The algorithm of the signature.
    pub fn signature_algorithm(&self) -> ObjectIdentifier {
        self.signature_algorithm
    }

    /// The name of the CA that issued it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// The name of its owner.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The first moment at which it is valid.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last moment at which it is valid.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// notBefore and notAfter together.
    pub fn validity(&self) -> Validity {
        Validity::as_read(self.not_before, self.not_after)
    }

    /// Its public key.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedPublicKey`] if the key is malformed, or its kind is unknown.
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_der(&self.subject_public_key_info)
    }

    /// Its extensions, in order.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// basicConstraints, if present.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.basic_constraints
    }

    /// keyUsage, if present.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// extKeyUsage, if present.
    pub fn extended_key_usage(&self) -> Option<&[ObjectIdentifier]> {
        self.extended_key_usage.as_deref()
    }

    /// subjectAltName; empty if absent.
    pub fn subject_alt_names(&self) -> &SubjectAltNames {
        &self.subject_alt_names
    }

    /// subjectKeyIdentifier, if present.
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.subject_key_identifier.as_deref()
    }

    /// authorityKeyIdentifier's keyIdentifier, if present.
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.authority_key_identifier.as_deref()
    }

    /// The URLs of its revocation lists. Empty if the extension is absent or malformed.
    pub fn crl_urls(&self) -> Vec<String> {
        self.extensions.crl_urls().unwrap_or_default()
    }

    /// The URLs of its OCSP responders. Empty if the extension is absent or malformed.
    pub fn ocsp_urls(&self) -> Vec<String> {
        self.extensions.access_urls(oid::ACCESS_OCSP).unwrap_or_default()
    }

    /// The URLs of the certificate of its issuer. Empty if the extension is absent or malformed.
    pub fn issuer_urls(&self) -> Vec<String> {
        self.extensions.access_urls(oid::ACCESS_CA_ISSUERS).unwrap_or_default()
    }

    /// Whether its public key is `key`.
    pub fn is_for(&self, key: &PublicKey) -> bool {
        self.subject_public_key_info == key.der()
    }

    /// Whether both certificates have one public key.
    pub fn has_key_of(&self, other: &Self) -> bool {
        self.subject_public_key_info == other.subject_public_key_info
    }

    /// Whether `moment` is between notBefore and notAfter.
    pub fn is_valid_at(&self, moment: OffsetDateTime) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }

    /// Checks that it is the certificate of a CA: basicConstraints says so, and keyUsage allows keyCertSign.
    ///
    /// # Errors
    /// [`ErrorKind::NotACa`] if it is not.
    pub fn check_ca(&self) -> Result<(), Error> {
        let not_a_ca = |reason| ErrorKind::NotACa { subject: self.subject.to_string(), reason };
        if !self.basic_constraints.is_some_and(|constraints| constraints.ca) {
            return Err(not_a_ca("basicConstraints lacks CA:TRUE").into());
        }
        if self.key_usage.is_some_and(|usage| !usage.contains(KeyUsage::KEY_CERT_SIGN)) {
            return Err(not_a_ca("keyUsage lacks keyCertSign").into());
        }
        Ok(())
    }

    /// Checks that `issuer` issued it: the names are equal byte for byte, and the signature is made with its key.
    ///
    /// # Errors
    /// [`ErrorKind::NotIssuedBy`] if the names differ, else what [`PublicKey::verify`] says.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), Error> {
        if self.issuer.der() != issuer.subject.der() {
            let (issuer, ca) = (self.issuer.to_string(), issuer.subject.to_string());
            return Err(ErrorKind::NotIssuedBy { issuer, ca }.into());
        }
        issuer.public_key()?.verify(self.signature_algorithm, &self.to_be_signed, &self.signature)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject.to_string())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

pub(crate) fn object_identifier(
    oid: &x509_parser::der_parser::oid::Oid<'_>,
) -> Result<ObjectIdentifier, Error> {
    Ok(ObjectIdentifier::from_bytes(oid.as_bytes()).map_err(der::Error::from)?)
}
