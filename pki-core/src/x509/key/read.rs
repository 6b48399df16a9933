//! Reading key files: PKCS#8, PKCS#1 and SEC 1, with any PEM label, encrypted or not.

use aws_lc_rs::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use crate::x509::error::{Error, ErrorKind};
use crate::x509::key::PrivateKey;
use crate::x509::key::encrypted;
use crate::x509::key::private::Signer;
use crate::x509::pem;

impl PrivateKey {
    /// Reads a key file: the first PEM block that is not `EC PARAMETERS`, or bare DER.
    ///
    /// # Errors
    /// [`ErrorKind::NoPrivateKey`] if there is no key, [`ErrorKind::PrivateKey`] if the key is too weak or its kind is not
    /// supported, [`ErrorKind::OtherBlock`] if its label says that it is something else, [`ErrorKind::KeyEncrypted`] if the
    /// key needs a password and there is none, and
    /// [`ErrorKind::WrongPassword`] if `password` does not open it.
    pub fn read(bytes: &[u8], password: Option<&str>) -> Result<Self, Error> {
        let Some(block) = pem::blocks(bytes).into_iter().find(|block| block.label != "EC PARAMETERS") else {
            // A key in DER is a SEQUENCE in each of the three formats.
            return if bytes.first() == Some(&0x30) {
                Self::from_der(bytes)
            } else {
                Err(ErrorKind::NoPrivateKey.into())
            };
        };
        match encrypted::decrypt(&block, password)? {
            Some(der) => Self::from_der(&der),
            None => Self::from_der(&block.der).map_err(|error| match block.label.ends_with("PRIVATE KEY") {
                true => error,
                false => block.is_no("private key"),
            }),
        }
    }

    /// Reads a key in DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut rejected = Vec::new();
        for read in [RsaKeyPair::from_pkcs8, RsaKeyPair::from_der] {
            match read(der) {
                Ok(pair) => return Self::new(Signer::Rsa(pair)),
                Err(reason) => rejected.push(reason.to_string()),
            }
        }
        let curves = [
            &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING,
            &algorithms::ECDSA_P384_SHA384_ASN1_SIGNING,
            &algorithms::ECDSA_P521_SHA512_ASN1_SIGNING,
        ];
        if let Some(pair) =
            curves.into_iter().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok())
        {
            return Self::new(Signer::Ecdsa(pair));
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Self::new(Signer::Ed25519(pair));
        }
        let was_rejected_as = |reason: &str| rejected.iter().any(|rejected| rejected == reason);
        let reason = match () {
            () if was_rejected_as("TooSmall") => "RSA keys of less than 2048 bits are too weak",
            () if was_rejected_as("TooLarge") => "RSA keys of more than 8192 bits are not supported",
            () => "it is not an RSA, P-256, P-384, P-521 or Ed25519 key in PKCS#8, PKCS#1 or SEC 1",
        };
        Err(ErrorKind::PrivateKey { reason }.into())
    }
}
