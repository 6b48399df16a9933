//! Private keys: signing, and the text of a key file.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as algorithms, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use der::asn1::OctetStringRef;
use der::{Decode, Sequence};
use zeroize::Zeroizing;

use crate::x509::error::{Error, ErrorKind};
use crate::x509::key::encrypted;
use crate::x509::key::public::{AlgorithmIdentifier, PublicKey};
use crate::x509::random::Random;
use crate::x509::sign::SigningKey;
use crate::x509::{oid, pem};

/// A private key in memory.
///
/// `Debug` shows the kind of key and nothing else. The encoded key is wiped from memory when it is dropped.
pub struct PrivateKey {
    signer: Signer,
    label: &'static str,
    der: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

pub(super) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// PrivateKeyInfo, the PKCS#8 format (RFC 5958 section 2), without attributes and public key.
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifier<'a>,
    private_key: &'a OctetStringRef,
}

impl PrivateKey {
    pub(super) fn new(signer: Signer) -> Result<Self, Error> {
        let failed = |_| ErrorKind::KeyEncoding;
        let (label, der, public) = match &signer {
            Signer::Ecdsa(pair) => {
                let der: EcPrivateKeyRfc5915Der<'static> = pair.private_key().as_der().map_err(failed)?;
                let public: PublicKeyX509Der<'static> = pair.public_key().as_der().map_err(failed)?;
                ("EC PRIVATE KEY", Zeroizing::new(der.as_ref().to_vec()), public)
            }
            Signer::Ed25519(pair) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
                let public: PublicKeyX509Der<'static> = pair.public_key().as_der().map_err(failed)?;
                ("PRIVATE KEY", Zeroizing::new(der.as_ref().to_vec()), public)
            }
            Signer::Rsa(pair) => {
                // The OCTET STRING of PKCS#8 contains the PKCS#1 structure.
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
                let info = PrivateKeyInfo::from_der(der.as_ref())?;
                let public: PublicKeyX509Der<'static> = pair.public_key().as_der().map_err(failed)?;
                ("RSA PRIVATE KEY", Zeroizing::new(info.private_key.as_bytes().to_vec()), public)
            }
        };
        let public = PublicKey::from_der(public.as_ref())?;
        Ok(Self { signer, label, der, public })
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The text of a key file, not encrypted, in the formats of cfssl: SEC 1 for ECDSA, PKCS#1 for RSA. An Ed25519 key
    /// is PKCS#8 with the label `PRIVATE KEY`, which OpenSSL reads, unlike cfssl's label `Ed25519 PRIVATE KEY`.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode_secret(self.label, &self.der)
    }

    /// The text of a key file in PKCS#8, encrypted with `password` (RFC 8018, PBES2 with PBKDF2 and AES-256-CBC).
    ///
    /// ```
    /// use pki_core::x509::{KeyAlgorithm, KeySource, PrivateKey, SystemKeys, SystemRandomness};
    ///
    /// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// let text = key.to_encrypted_pem("secret", &SystemRandomness)?;
    /// assert!(PrivateKey::read(text.as_bytes(), None).is_err());
    /// let read = PrivateKey::read(text.as_bytes(), Some("secret"))?;
    /// assert_eq!(read.public_key(), key.public_key());
    /// # Ok::<(), pki_core::x509::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Randomness`] if `random` fails, [`ErrorKind::KeyEncoding`] if the key cannot be encoded.
    pub fn to_encrypted_pem(&self, password: &str, random: &dyn Random) -> Result<Zeroizing<String>, Error> {
        let der = encrypted::encrypt(&self.to_pkcs8()?, password, random)?;
        Ok(pem::encode_secret(encrypted::LABEL, &der))
    }

    /// The text of a key file in PKCS#8 (RFC 5958), with the label `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::KeyEncoding`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, Error> {
        Ok(pem::encode_secret("PRIVATE KEY", &self.to_pkcs8()?))
    }

    /// The key as PKCS#8 (RFC 5958) in DER.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| ErrorKind::KeyEncoding;
        Ok(Zeroizing::new(match &self.signer {
            Signer::Ecdsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Signer::Ed25519(_) => self.der.to_vec(),
            Signer::Rsa(pair) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        }))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kind", &self.public.kind()).finish_non_exhaustive()
    }
}

impl SigningKey for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.signer {
            Signer::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| ErrorKind::Signing)?;
                Ok(signature.as_ref().to_vec())
            }
            Signer::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Signer::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match self.public.kind().signature_algorithm() {
                    oid::SHA256_WITH_RSA => &algorithms::RSA_PKCS1_SHA256,
                    oid::SHA384_WITH_RSA => &algorithms::RSA_PKCS1_SHA384,
                    _ => &algorithms::RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| ErrorKind::Signing)?;
                Ok(signature)
            }
        }
    }
}
