//! Public and private keys: their kinds, generating, reading, writing, signing and checking signatures.

mod encrypted;
mod generate;
pub(crate) mod kind;
pub(crate) mod private;
pub(crate) mod public;
mod read;

pub use generate::{KeySource, RacingKeys, SystemKeys};
pub use kind::{KeyAlgorithm, PublicKeyKind, UnknownKeyAlgorithm};
pub use private::PrivateKey;
pub use public::PublicKey;

#[cfg(test)]
mod tests;
