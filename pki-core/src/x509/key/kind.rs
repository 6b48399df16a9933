//! Kinds of keys: those that can be generated, and those that are read.

use std::fmt;
use std::str::FromStr;

use der::asn1::ObjectIdentifier;

use crate::x509::oid;

/// A kind of key that can be generated.
///
/// Its names are made of cfssl's `algo` and `size`, as in `ecdsa-256`, `rsa-2048` and `ed25519`:
///
/// ```
/// use pki_core::x509::KeyAlgorithm;
/// assert_eq!("rsa-2048".parse::<KeyAlgorithm>().unwrap(), KeyAlgorithm::Rsa2048);
/// assert_eq!(KeyAlgorithm::default().to_string(), "ecdsa-256");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// RSA with a modulus of 2048 bits, exponent 65537.
    Rsa2048,
    /// RSA with a modulus of 3072 bits, exponent 65537.
    Rsa3072,
    /// RSA with a modulus of 4096 bits, exponent 65537.
    Rsa4096,
    /// RSA with a modulus of 8192 bits, exponent 65537.
    Rsa8192,
}

/// The error of parsing a [`KeyAlgorithm`]: no kind of key has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a kind of key")]
pub struct UnknownKeyAlgorithm {
    /// The text that should have been a name.
    pub name: String,
}

impl KeyAlgorithm {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 8] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::Rsa8192,
    ];

    /// Whether generating takes milliseconds to seconds, rather than microseconds: the primes of RSA.
    pub fn is_slow(self) -> bool {
        self.is_rsa()
    }

    /// Whether it is RSA, the only kind for which the usage keyEncipherment makes sense (RFC 5280 section 4.2.1.3).
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 | Self::Rsa8192)
    }

    /// Its name, as in `ecdsa-256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-256",
            Self::EcdsaP384 => "ecdsa-384",
            Self::EcdsaP521 => "ecdsa-521",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::Rsa8192 => "rsa-8192",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownKeyAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownKeyAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| UnknownKeyAlgorithm { name: text.to_owned() })
    }
}

/// The kind of a [`PublicKey`](crate::x509::PublicKey) that was read. It has more kinds than [`KeyAlgorithm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKeyKind {
    /// ECDSA on P-224. Certificates with such keys can be read, but not issued.
    EcdsaP224,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// RSA of any length.
    Rsa {
        /// The length of the modulus in bits.
        bits: usize,
    },
}

impl From<KeyAlgorithm> for PublicKeyKind {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Self::EcdsaP256,
            KeyAlgorithm::EcdsaP384 => Self::EcdsaP384,
            KeyAlgorithm::EcdsaP521 => Self::EcdsaP521,
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Rsa2048 => Self::Rsa { bits: 2048 },
            KeyAlgorithm::Rsa3072 => Self::Rsa { bits: 3072 },
            KeyAlgorithm::Rsa4096 => Self::Rsa { bits: 4096 },
            KeyAlgorithm::Rsa8192 => Self::Rsa { bits: 8192 },
        }
    }
}

impl fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP224 => f.write_str("ecdsa-224"),
            Self::EcdsaP256 => f.write_str("ecdsa-256"),
            Self::EcdsaP384 => f.write_str("ecdsa-384"),
            Self::EcdsaP521 => f.write_str("ecdsa-521"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
        }
    }
}

impl PublicKeyKind {
    /// The algorithm that a key of this kind signs with. It is cfssl's choice (`signer.go`, `DefaultSigAlgo`): the longer
    /// the key, the longer the hash.
    pub fn signature_algorithm(self) -> ObjectIdentifier {
        match self {
            Self::Rsa { bits: ..3072 } => oid::SHA256_WITH_RSA,
            Self::Rsa { bits: ..4096 } => oid::SHA384_WITH_RSA,
            Self::Rsa { .. } => oid::SHA512_WITH_RSA,
            Self::EcdsaP384 => oid::ECDSA_WITH_SHA384,
            Self::EcdsaP521 => oid::ECDSA_WITH_SHA512,
            Self::Ed25519 => oid::ED25519,
            Self::EcdsaP224 | Self::EcdsaP256 => oid::ECDSA_WITH_SHA256,
        }
    }
}
