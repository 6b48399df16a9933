//! Keys: kinds, generation, reading, writing as cfssl writes them, signing, checking signatures.

mod encrypted;
mod generate;
mod private;
mod public;
mod read;

use std::fmt;
use std::str::FromStr;

pub use generate::{KeySource, RacingKeys, SystemKeys};
pub use private::PrivateKey;
pub use public::{PublicKey, PublicKeyKind};

use crate::error::ErrorKind;

/// A kind of key that can be generated.
///
/// Written as cfssl writes it, `ecdsa-256`, `rsa-2048`, `ed25519`:
///
/// ```
/// use pki_core::KeyAlgorithm;
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

    /// The kind that cfssl's `"key": {"algo": ..., "size": ...}` names. The size of Ed25519 is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::KeySize`] or [`ErrorKind::KeyAlgorithm`] if there is no such kind, or it is too weak.
    pub fn from_cfssl(algo: &str, size: i64) -> Result<Self, ErrorKind> {
        match (algo, size) {
            ("ecdsa", 256) => Ok(Self::EcdsaP256),
            ("ecdsa", 384) => Ok(Self::EcdsaP384),
            ("ecdsa", 521) => Ok(Self::EcdsaP521),
            ("ed25519", _) => Ok(Self::Ed25519),
            ("rsa", 2048) => Ok(Self::Rsa2048),
            ("rsa", 3072) => Ok(Self::Rsa3072),
            ("rsa", 4096) => Ok(Self::Rsa4096),
            ("rsa", 8192) => Ok(Self::Rsa8192),
            ("rsa", _) => {
                Err(ErrorKind::KeySize { algorithm: "rsa", size, allowed: "2048, 3072, 4096 or 8192" })
            }
            ("ecdsa", _) => Err(ErrorKind::KeySize { algorithm: "ecdsa", size, allowed: "256, 384 or 521" }),
            _ => Err(ErrorKind::KeyAlgorithm { name: algo.to_owned() }),
        }
    }

    /// Whether the key is made of RSA primes, which takes seconds rather than microseconds.
    pub fn is_slow(self) -> bool {
        self.is_rsa()
    }

    /// Whether this is RSA, the only kind that can encipher a TLS session key (RFC 5280 section 4.2.1.3).
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 | Self::Rsa8192)
    }

    /// The name, as in `ecdsa-256`.
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
    type Err = ErrorKind;

    fn from_str(text: &str) -> Result<Self, ErrorKind> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| ErrorKind::KeyAlgorithm { name: text.to_owned() })
    }
}
