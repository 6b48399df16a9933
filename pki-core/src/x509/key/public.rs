//! Public keys: the SubjectPublicKeyInfo as it was read, the kind of key, and checking signatures with it.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as algorithms, UnparsedPublicKey, VerificationAlgorithm};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Sequence};

use crate::x509::error::{Error, ErrorKind};
use crate::x509::key::kind::PublicKeyKind;
use crate::x509::oid;

/// A SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
    bits: Vec<u8>,
    kind: PublicKeyKind,
}

#[derive(Sequence)]
pub(super) struct AlgorithmIdentifier<'a> {
    pub(super) oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    pub(super) parameters: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct SubjectPublicKeyInfo<'a> {
    algorithm: AlgorithmIdentifier<'a>,
    subject_public_key: BitStringRef<'a>,
}

/// RSAPublicKey (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: UintRef<'a>,
    pub(super) exponent: UintRef<'a>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedPublicKey`] if it is malformed, or the kind of key is unknown.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let unsupported = || ErrorKind::UnsupportedPublicKey;
        let info = SubjectPublicKeyInfo::from_der(der).map_err(|_| unsupported())?;
        let bits = info.subject_public_key.as_bytes().ok_or_else(unsupported)?;
        let kind = kind_of(&info.algorithm, bits).ok_or_else(unsupported)?;
        Ok(Self { der: der.to_vec(), bits: bits.to_vec(), kind })
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The kind of key, with the length of RSA keys.
    pub fn kind(&self) -> PublicKeyKind {
        self.kind
    }

    /// The contents of the subjectPublicKey BIT STRING.
    pub fn subject_public_key(&self) -> &[u8] {
        &self.bits
    }

    /// The key identifier of RFC 5280 section 4.2.1.2, method 1: SHA-1 over the subjectPublicKey.
    pub fn identifier(&self) -> Vec<u8> {
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.bits).as_ref().to_vec()
    }

    /// Whether the key is too weak for a new certificate: RSA below 2048 bits, or P-224.
    pub fn is_weak(&self) -> bool {
        matches!(self.kind, PublicKeyKind::Rsa { bits: ..2048 } | PublicKeyKind::EcdsaP224)
    }

    /// Modulus and exponent of an RSA key, big-endian without leading zeros.
    pub(crate) fn rsa_numbers(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let key = RsaPublicKey::from_der(&self.bits)?;
        Ok((key.modulus.as_bytes().to_vec(), key.exponent.as_bytes().to_vec()))
    }

    /// Checks `signature` over `message` with the signature algorithm `algorithm`.
    ///
    /// An ECDSA key may be used with any of the three hashes: OpenSSL signs with P-384 and SHA-256 by default.
    ///
    /// # Errors
    /// [`ErrorKind::SignatureInvalid`] if the signature is wrong, [`ErrorKind::SignatureAlgorithm`] if the algorithm is
    /// not supported for this kind of key, or not safe.
    pub fn verify(&self, algorithm: ObjectIdentifier, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let algorithm = verification(self.kind, algorithm)
            .ok_or_else(|| ErrorKind::SignatureAlgorithm { algorithm: oid::signature_name(algorithm) })?;
        UnparsedPublicKey::new(algorithm, &self.bits)
            .verify(message, signature)
            .map_err(|_| ErrorKind::SignatureInvalid.into())
    }
}

fn kind_of(algorithm: &AlgorithmIdentifier<'_>, bits: &[u8]) -> Option<PublicKeyKind> {
    match algorithm.oid {
        oid::RSA_ENCRYPTION => {
            let key = RsaPublicKey::from_der(bits).ok()?;
            let leading = key.modulus.as_bytes().first()?.leading_zeros();
            let length = key.modulus.as_bytes().len().checked_mul(8)?;
            Some(PublicKeyKind::Rsa { bits: length.checked_sub(usize::try_from(leading).ok()?)? })
        }
        oid::EC_PUBLIC_KEY => match algorithm.parameters?.decode_as::<ObjectIdentifier>().ok()? {
            oid::SECP224R1 => Some(PublicKeyKind::EcdsaP224),
            oid::SECP256R1 => Some(PublicKeyKind::EcdsaP256),
            oid::SECP384R1 => Some(PublicKeyKind::EcdsaP384),
            oid::SECP521R1 => Some(PublicKeyKind::EcdsaP521),
            _ => None,
        },
        oid::ED25519 => Some(PublicKeyKind::Ed25519),
        _ => None,
    }
}

/// The verification for a kind of key and a signature algorithm. `None` for MD5, SHA-1 and pairs that aws-lc lacks.
fn verification(
    kind: PublicKeyKind,
    algorithm: ObjectIdentifier,
) -> Option<&'static dyn VerificationAlgorithm> {
    use PublicKeyKind::{EcdsaP256, EcdsaP384, EcdsaP521, Ed25519, Rsa};
    Some(match (kind, algorithm) {
        (Rsa { bits: 2048.. }, oid::SHA256_WITH_RSA) => &algorithms::RSA_PKCS1_2048_8192_SHA256,
        (Rsa { bits: 2048.. }, oid::SHA384_WITH_RSA) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        (Rsa { bits: 2048.. }, oid::SHA512_WITH_RSA) => &algorithms::RSA_PKCS1_2048_8192_SHA512,
        (EcdsaP256, oid::ECDSA_WITH_SHA256) => &algorithms::ECDSA_P256_SHA256_ASN1,
        (EcdsaP256, oid::ECDSA_WITH_SHA384) => &algorithms::ECDSA_P256_SHA384_ASN1,
        (EcdsaP256, oid::ECDSA_WITH_SHA512) => &algorithms::ECDSA_P256_SHA512_ASN1,
        (EcdsaP384, oid::ECDSA_WITH_SHA256) => &algorithms::ECDSA_P384_SHA256_ASN1,
        (EcdsaP384, oid::ECDSA_WITH_SHA384) => &algorithms::ECDSA_P384_SHA384_ASN1,
        (EcdsaP384, oid::ECDSA_WITH_SHA512) => &algorithms::ECDSA_P384_SHA512_ASN1,
        (EcdsaP521, oid::ECDSA_WITH_SHA256) => &algorithms::ECDSA_P521_SHA256_ASN1,
        (EcdsaP521, oid::ECDSA_WITH_SHA384) => &algorithms::ECDSA_P521_SHA384_ASN1,
        (EcdsaP521, oid::ECDSA_WITH_SHA512) => &algorithms::ECDSA_P521_SHA512_ASN1,
        (Ed25519, oid::ED25519) => &algorithms::ED25519,
        _ => return None,
    })
}
