//! Keys (RFC 5958), certification requests (RFC 2986), certificates and revocation lists (RFC 5280), and the CA that
//! issues them.
//!
//! [`Issuer`] is a CA that can sign, [`root`] makes self-signed certificates, and a [`Template`] holds the contents of a
//! certificate. What was read keeps its bytes: names, keys and extensions are copied into new certificates unchanged.

pub(crate) mod acceptance;
pub(crate) mod alt_names;
pub(crate) mod certificate;
pub(crate) mod constraints;
pub(crate) mod crl;
pub(crate) mod csr;
pub(crate) mod der;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod extension;
pub(crate) mod issuer;
pub(crate) mod key;
pub(crate) mod name;
pub(crate) mod notice;
pub(crate) mod oid;
pub(crate) mod pem;
pub(crate) mod pkcs7;
pub(crate) mod random;
pub mod root;
pub(crate) mod sign;
pub(crate) mod template;
pub(crate) mod usage;
pub(crate) mod validity;

pub use alt_names::SubjectAltNames;
pub use certificate::Certificate;
pub use crl::{Crl, CrlTemplate, Revocation, RevocationReason, RevokedSerial};
pub use csr::{CertificateRequest, Changes, VerifiedRequest};
pub use error::{Error, ErrorKind};
pub use extension::{BasicConstraints, CertificatePolicy, Extension, PolicyQualifier};
pub use issuer::Issuer;
pub use key::{
    KeyAlgorithm, KeySource, PrivateKey, PublicKey, PublicKeyKind, RacingKeys, SystemKeys,
    UnknownKeyAlgorithm,
};
pub use name::{Attribute, Name, Subject};
pub use notice::{Notice, NoticeKind, WithNotices};
pub use random::{Random, SerialNumber, SystemRandomness};
pub use sign::SigningKey;
pub use template::Template;
pub use usage::KeyUsage;
pub use validity::{BACKDATE, Validity};

#[cfg(test)]
pub(crate) mod tests;
