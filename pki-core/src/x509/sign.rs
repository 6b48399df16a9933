//! The one gate: every certificate, request and revocation list gets its signature here.

use std::fmt;
use std::sync::Arc;

use der::asn1::{Any, ObjectIdentifier, Uint};
use der::{Encode, Sequence, Tag, TagNumber};

use crate::x509::certificate::Certificate;
use crate::x509::der as encode;
use crate::x509::error::Error;
use crate::x509::extension::Extension;
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::random::SerialNumber;
use crate::x509::validity::Validity;

/// A key that can sign. It may be in memory ([`PrivateKey`](crate::x509::PrivateKey)), or elsewhere: in an HSM, a KMS or
/// an agent.
///
/// `pki-core/examples/own_key.rs` has a key of one's own behind it.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`, which is not hashed yet, with
    /// [`PublicKeyKind::signature_algorithm`](crate::x509::PublicKeyKind::signature_algorithm) of its own kind:
    /// RSASSA-PKCS1-v1_5 (RFC 8017), ECDSA as an Ecdsa-Sig-Value (RFC 3279 section 2.2.3), or Ed25519 (RFC 8032).
    ///
    /// # Errors
    /// [`ErrorKind::Signing`](crate::x509::ErrorKind::Signing) if the key cannot be reached or refuses.
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
struct AlgorithmIdentifier {
    oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    parameters: Option<Any>,
}

/// The AlgorithmIdentifier that `key` signs with: RSA has NULL parameters (RFC 3279 section 2.2.1), the others have
/// none.
pub(in crate::x509) fn algorithm_identifier(key: &dyn SigningKey) -> Result<Vec<u8>, Error> {
    let oid = key.public_key().kind().signature_algorithm();
    let is_rsa = [oid::SHA256_WITH_RSA, oid::SHA384_WITH_RSA, oid::SHA512_WITH_RSA].contains(&oid);
    Ok(AlgorithmIdentifier { oid, parameters: is_rsa.then(Any::null) }.to_der()?)
}

/// `SEQUENCE { body, signatureAlgorithm, signature }`: the shape of certificates, requests and revocation lists.
pub(in crate::x509) fn sign_structure(body: &[u8], key: &dyn SigningKey) -> Result<Vec<u8>, Error> {
    let mut bits = vec![0];
    bits.extend(key.sign(body)?);
    let signature = encode::element(Tag::BitString, &bits)?;
    encode::sequence(&[body, &algorithm_identifier(key)?, &signature])
}

/// Everything that a certificate will say, to be signed.
pub(in crate::x509) struct ToBeSigned<'a> {
    pub(in crate::x509) serial: SerialNumber,
    pub(in crate::x509) issuer: &'a Name,
    pub(in crate::x509) validity: Validity,
    pub(in crate::x509) subject: &'a Name,
    pub(in crate::x509) public_key: &'a PublicKey,
    pub(in crate::x509) extensions: &'a [Extension],
}

impl ToBeSigned<'_> {
    /// The certificate, version 3, signed by `key`.
    pub(in crate::x509) fn sign(&self, key: &dyn SigningKey) -> Result<Certificate, Error> {
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
