//! Signatures on certificates and in handshakes that Go accepts (`crypto/x509`, `checkSignature`).

use aws_lc_rs::signature::{self as algorithms, UnparsedPublicKey, VerificationAlgorithm};
use der::asn1::ObjectIdentifier;
use rustls::SignatureScheme;
use x509_parser::signature_algorithm::SignatureAlgorithm;

use crate::tls::leniency::Leniency;
use crate::x509::certificate::object_identifier;
use crate::x509::error::ErrorKind;
use crate::x509::key::{PublicKey, PublicKeyKind};
use crate::x509::oid;

/// The signature on a certificate, and the bytes that are signed.
#[derive(Debug, Clone)]
pub(super) struct CertificateSignature {
    algorithm: ObjectIdentifier,
    /// The hash of an RSASSA-PSS signature, if it is one that Go knows.
    pss_hash: Option<ObjectIdentifier>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a signature on a certificate is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadSignature {
    /// Go does not accept the algorithm, such as MD5 or SHA-1, or aws-lc does not have it.
    Algorithm(String),
    /// Another key made the signature, or the certificate was changed.
    Wrong,
}

impl CertificateSignature {
    pub(super) fn new(
        algorithm: ObjectIdentifier,
        scheme: Option<&SignatureAlgorithm<'_>>,
        message: &[u8],
        signature: &[u8],
    ) -> Self {
        let pss_hash = match scheme {
            Some(SignatureAlgorithm::RSASSA_PSS(parameters)) => {
                object_identifier(parameters.hash_algorithm_oid()).ok()
            }
            _ => None,
        };
        Self { algorithm, pss_hash, message: message.to_vec(), signature: signature.to_vec() }
    }

    /// Checks the signature with the key of the issuer.
    pub(super) fn verify(&self, key: &PublicKey, leniency: Leniency) -> Result<(), BadSignature> {
        let name = || match oid::signature_name(self.algorithm) {
            "Unknown Signature" => self.algorithm.to_string(),
            name => name.to_owned(),
        };
        if let PublicKeyKind::Rsa { bits } = key.kind()
            && bits < SMALLEST_RSA_KEY
            && !leniency.small_rsa_keys
        {
            return Err(BadSignature::Algorithm(format!("an RSA key of {bits} bits")));
        }
        match self.lenient_algorithm(key.kind()) {
            Some(algorithm) => UnparsedPublicKey::new(algorithm, key.subject_public_key())
                .verify(&self.message, &self.signature)
                .map_err(|_| BadSignature::Wrong),
            None => key.verify(self.algorithm, &self.message, &self.signature).map_err(|error| {
                match error.kind() {
                    ErrorKind::SignatureAlgorithm { .. } if self.fits(key.kind()) => {
                        BadSignature::Algorithm(name())
                    }
                    _ => BadSignature::Wrong,
                }
            }),
        }
    }

    /// The algorithm for signatures that Go accepts and [`PublicKey::verify`] does not: short RSA keys, and PSS.
    fn lenient_algorithm(&self, kind: PublicKeyKind) -> Option<&'static dyn VerificationAlgorithm> {
        let PublicKeyKind::Rsa { bits } = kind else { return None };
        Some(match (self.algorithm, self.pss_hash) {
            (oid::RSASSA_PSS, Some(oid::SHA256)) => &algorithms::RSA_PSS_2048_8192_SHA256,
            (oid::RSASSA_PSS, Some(oid::SHA384)) => &algorithms::RSA_PSS_2048_8192_SHA384,
            (oid::RSASSA_PSS, Some(oid::SHA512)) => &algorithms::RSA_PSS_2048_8192_SHA512,
            (oid::SHA256_WITH_RSA, _) if bits < 2048 => {
                &algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            (oid::SHA512_WITH_RSA, _) if bits < 2048 => {
                &algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
            }
            _ => return None,
        })
    }

    /// Whether the algorithm is for this kind of key. If it is not, another CA of the same name has signed.
    fn fits(&self, kind: PublicKeyKind) -> bool {
        let is_ecdsa = oid::signature_name(self.algorithm).starts_with("ECDSA");
        let is_ed25519 = self.algorithm == oid::ED25519;
        match kind {
            PublicKeyKind::Rsa { .. } => !is_ecdsa && !is_ed25519,
            PublicKeyKind::Ed25519 => is_ed25519,
            _ => is_ecdsa,
        }
    }
}

/// The shortest RSA keys, in bits, that Go accepts without the setting `rsa1024min=0`.
pub(super) const SMALLEST_RSA_KEY: usize = 1024;

/// Whether `key` made a signature in a handshake.
pub(super) fn is_signed_by(
    key: &PublicKey,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> bool {
    use SignatureScheme as Scheme;
    let algorithm = match scheme {
        Scheme::RSA_PKCS1_SHA256 => oid::SHA256_WITH_RSA,
        Scheme::RSA_PKCS1_SHA384 => oid::SHA384_WITH_RSA,
        Scheme::RSA_PKCS1_SHA512 => oid::SHA512_WITH_RSA,
        Scheme::ECDSA_NISTP256_SHA256 => oid::ECDSA_WITH_SHA256,
        Scheme::ECDSA_NISTP384_SHA384 => oid::ECDSA_WITH_SHA384,
        Scheme::ECDSA_NISTP521_SHA512 => oid::ECDSA_WITH_SHA512,
        Scheme::ED25519 => oid::ED25519,
        Scheme::RSA_PSS_SHA256 => {
            return is_signed_pss(key, &algorithms::RSA_PSS_2048_8192_SHA256, message, signature);
        }
        Scheme::RSA_PSS_SHA384 => {
            return is_signed_pss(key, &algorithms::RSA_PSS_2048_8192_SHA384, message, signature);
        }
        Scheme::RSA_PSS_SHA512 => {
            return is_signed_pss(key, &algorithms::RSA_PSS_2048_8192_SHA512, message, signature);
        }
        _ => return false,
    };
    key.verify(algorithm, message, signature).is_ok()
}

fn is_signed_pss(
    key: &PublicKey,
    algorithm: &'static dyn VerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    matches!(key.kind(), PublicKeyKind::Rsa { .. })
        && UnparsedPublicKey::new(algorithm, key.subject_public_key()).verify(message, signature).is_ok()
}

/// The signature schemes that Go offers, in its order (`crypto/tls`, `defaultSupportedSignatureAlgorithms`), without
/// SHA-1.
pub(super) const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
];
