//! Signing: every certificate, request and revocation list gets its signature from [`sign_structure`].

use std::fmt;
use std::sync::Arc;

use der::asn1::{Any, ObjectIdentifier, Uint};
use der::{Encode, Sequence, Tag, TagNumber};

use crate::x509::certificate::Certificate;
use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::{Extension, Extensions};
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::random::SerialNumber;
use crate::x509::validity::Validity;

/// A key that can sign: one in memory ([`PrivateKey`](crate::x509::PrivateKey)), or one in an HSM, a KMS or an agent.
///
/// The program `pki-core/examples/own_key.rs` implements it for a key that it does not hold itself.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The public key that belongs to it.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`, which is not hashed yet, with the
    /// [signature algorithm](crate::x509::PublicKeyKind::signature_algorithm) of its kind. The result has the form that
    /// certificates need: RSASSA-PKCS1-v1_5 (RFC 8017), an Ecdsa-Sig-Value in DER (RFC 3279 section 2.2.3), or Ed25519
    /// (RFC 8032).
    ///
    /// # Errors
    /// [`ErrorKind::Signing`](crate::x509::ErrorKind::Signing) if the key cannot be reached or does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error>;
}

impl<K: SigningKey + ?Sized> SigningKey for Arc<K> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        (**self).sign(message)
    }
}

#[derive(Sequence)]
pub(in crate::x509) struct AlgorithmIdentifier {
    pub(in crate::x509) oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    pub(in crate::x509) parameters: Option<Any>,
}

/// The AlgorithmIdentifier of the signatures of `key`: for RSA with NULL as parameters (RFC 3279 section 2.2.1), for
/// others without parameters.
pub(in crate::x509) fn algorithm_identifier(key: &dyn SigningKey) -> Result<Vec<u8>, Error> {
    let oid = key.public_key().kind().signature_algorithm();
    let is_rsa = [oid::SHA256_WITH_RSA, oid::SHA384_WITH_RSA, oid::SHA512_WITH_RSA].contains(&oid);
    Ok(AlgorithmIdentifier { oid, parameters: is_rsa.then(Any::null) }.to_der()?)
}

/// Signs `body` and encodes `SEQUENCE { body, signatureAlgorithm, signature }`, as certificates, requests and revocation
/// lists are built.
pub(in crate::x509) fn sign_structure(body: &[u8], key: &dyn SigningKey) -> Result<Vec<u8>, Error> {
    let mut bits = vec![0];
    bits.extend(key.sign(body)?);
    let signature = encode::element(Tag::BitString, &bits)?;
    encode::sequence(&[body, &algorithm_identifier(key)?, &signature])
}

/// Checks that no name has a control character. A program in C reads a name up to a NUL, so it would see another name than
/// one in Go, and a log would have lines that nobody wrote.
pub(in crate::x509) fn check_names(subject: &Name, extensions: &[Extension]) -> Result<(), Error> {
    let names = extensions.subject_alt_names()?;
    let values = subject.attributes().iter().map(|attribute| &attribute.value);
    let mut all = values.chain(&names.dns).chain(&names.email).chain(&names.uri);
    match all.find(|name| name.chars().any(char::is_control)) {
        Some(name) => Err(ErrorKind::ControlCharacter { name: name.clone() }.into()),
        None => Ok(()),
    }
}

/// The fields of a TBSCertificate (RFC 5280 section 4.1.2).
pub(in crate::x509) struct ToBeSigned<'a> {
    pub(in crate::x509) serial: SerialNumber,
    pub(in crate::x509) issuer: &'a Name,
    pub(in crate::x509) validity: Validity,
    pub(in crate::x509) subject: &'a Name,
    pub(in crate::x509) public_key: &'a PublicKey,
    pub(in crate::x509) extensions: &'a [Extension],
}

impl ToBeSigned<'_> {
    /// Makes the certificate, of version 3, signed by `key`.
    pub(in crate::x509) fn sign(&self, key: &dyn SigningKey) -> Result<Certificate, Error> {
        check_names(self.subject, self.extensions)?;
        let context = |number| Tag::ContextSpecific { constructed: true, number: TagNumber(number) };
        let version = encode::element(context(0), &2u8.to_der()?)?;
        let extensions: Vec<_> = self.extensions.iter().map(Encode::to_der).collect::<Result<_, _>>()?;
        let extensions = encode::element(context(3), &encode::sequence(&extensions)?)?;
        let to_be_signed = encode::sequence(&[
            version.as_slice(),
            &Uint::new(self.serial.as_bytes())?.to_der()?,
            &algorithm_identifier(key)?,
            self.issuer.der(),
            &self.validity.to_der()?,
            self.subject.der(),
            self.public_key.der(),
            &extensions,
        ])?;
        Certificate::from_der(&sign_structure(&to_be_signed, key)?)
    }
}
