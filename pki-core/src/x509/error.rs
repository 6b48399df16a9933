//! What can go wrong with keys, requests, certificates and revocation lists.

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::base::error::{self, Kind};
use crate::base::place::date;
use crate::base::suggest::did_you_mean;
use crate::x509::key::kind::{KeyAlgorithm, PublicKeyKind, UnknownKeyAlgorithm};

/// What went wrong with a key, a request, a certificate or a revocation list, and where.
pub type Error = error::Error<ErrorKind>;

/// The facts of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The CA is not valid now.
    #[error("the CA certificate is valid from {} to {}, not now", date(*not_before), date(*not_after))]
    CaNotValid {
        /// From when on it is valid.
        not_before: OffsetDateTime,
        /// The last moment at which it is valid.
        not_after: OffsetDateTime,
    },
    /// A certificate cannot be parsed.
    #[error("this is no certificate: {reason}")]
    Certificate {
        /// Why.
        reason: String,
    },
    /// A revocation list cannot be parsed.
    #[error("this is no revocation list: {reason}")]
    Crl {
        /// Why.
        reason: String,
    },
    /// A revocation list would not have a greater number than the list before it.
    #[error("the number {number} is not greater than that of the list before, {previous}")]
    CrlNumber {
        /// The number that it would have.
        number: u64,
        /// The number of the list before.
        previous: u64,
    },
    /// A date that a certificate cannot hold.
    #[error("a certificate cannot hold a date after {}", date(*moment))]
    Date {
        /// The date, or where it was counted from.
        moment: OffsetDateTime,
    },
    /// DER could not be read or written.
    #[error("ASN.1: {0}")]
    Der(der::Error),
    /// An object identifier that is none.
    #[error("{text:?} is no object identifier")]
    InvalidObjectIdentifier {
        /// As written.
        text: String,
    },
    /// There is no kind of key of that name.
    #[error(transparent)]
    KeyAlgorithm(#[from] UnknownKeyAlgorithm),
    /// A key could not be encoded.
    #[error("the key could not be encoded")]
    KeyEncoding,
    /// The private key is protected by a password.
    #[error("the private key is encrypted")]
    KeyEncrypted,
    /// No key could be made.
    #[error("no {algorithm} key could be generated")]
    KeyGeneration {
        /// Of what kind.
        algorithm: KeyAlgorithm,
    },
    /// A CA's key and certificate do not belong together.
    #[error("the private key does not belong to the CA certificate")]
    KeyMismatch,
    /// A file without a certificate.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// A file without a revocation list.
    #[error("there is no revocation list in it")]
    NoCrl,
    /// A file without a private key.
    #[error("there is no PEM private key in it")]
    NoPrivateKey,
    /// A file without a certification request.
    #[error("there is no PEM certificate request in it")]
    NoRequest,
    /// A certificate that may not sign others.
    #[error("{subject} is no CA: {reason}")]
    NotACa {
        /// Whose it is.
        subject: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// A PEM block of something else.
    #[error("this is a {label}, not a certificate request")]
    NotARequest {
        /// What it says it is.
        label: String,
    },
    /// A certificate of another CA.
    #[error("it was issued by {issuer}, not by {ca}")]
    NotIssuedBy {
        /// Who issued it.
        issuer: String,
        /// Who should have.
        ca: String,
    },
    /// A CA certificate that another CA issued.
    #[error("{subject} is no root: {issuer} issued it")]
    NotSelfSigned {
        /// Whose it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// More than one PEM block.
    #[error("the PEM file should contain only one object")]
    NotOneCertificate,
    /// The CA's own path length forbids what was asked for.
    #[error("the CA's path length of {limit} does not allow such a CA below it")]
    PathLenExceeded {
        /// The CA's path length.
        limit: u8,
    },
    /// A private key that cannot be used.
    #[error("the private key cannot be used: {reason}")]
    PrivateKey {
        /// Why.
        reason: &'static str,
    },
    /// No random bytes could be had.
    #[error("the system has no random bytes")]
    Randomness,
    /// An extension that is asked for twice.
    #[error("the request asks for the extension {oid} twice")]
    RepeatedExtension {
        /// Which.
        oid: ObjectIdentifier,
    },
    /// A request that cannot be parsed.
    #[error("this is no certificate request: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
    /// A signature algorithm that is not supported, or not safe.
    #[error("signatures with {algorithm} are not accepted for this key")]
    SignatureAlgorithm {
        /// Its name.
        algorithm: &'static str,
    },
    /// A signature that does not fit.
    #[error("the signature does not fit")]
    SignatureInvalid,
    /// Signing failed.
    #[error("signing failed")]
    Signing,
    /// A structure that ends too early.
    #[error("it ends too early")]
    Truncated,
    /// A public key that cannot be used.
    #[error("its public key is of a kind that is not supported")]
    UnsupportedPublicKey,
    /// A certificate that would end before it begins.
    #[error("it would be valid from {} to {}, which is never", date(*not_before), date(*not_after))]
    Validity {
        /// The begin.
        not_before: OffsetDateTime,
        /// The end.
        not_after: OffsetDateTime,
    },
    /// A key that is too weak to sign for.
    #[error("{kind} keys are too weak")]
    WeakKey {
        /// Of what kind.
        kind: PublicKeyKind,
    },
    /// The password does not open the key.
    #[error("the password does not open the private key")]
    WrongPassword,
    /// A serial number that is none.
    #[error("{text:?} is no serial number")]
    NotASerial {
        /// As written.
        text: String,
    },
    /// There is no such reason to revoke a certificate.
    #[error("there is no reason {text:?}{}", did_you_mean(near.as_deref()))]
    UnknownReason {
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
    },
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CaNotValid { .. } => {
                "check the clock; if the CA has really ended, make a new one and issue again".to_owned()
            }
            Self::CrlNumber { previous, .. } => {
                return previous.checked_add(1).map(|least| format!("choose {least} or more"));
            }
            Self::KeyAlgorithm(_) => {
                format!("kinds of key are {}", KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(", "))
            }
            Self::KeyEncrypted => "give the password of the key".to_owned(),
            Self::KeyMismatch => "compare the CA certificate and the key: they are not a pair".to_owned(),
            Self::NoPrivateKey => "name the file of a private key in PEM; if this one was cut short, put it back from \
                                   a backup, or, where nothing depends on it yet, delete it"
                .to_owned(),
            Self::NotOneCertificate => "keep one certificate in the file".to_owned(),
            Self::NotACa { .. } => "give the CA's own certificate".to_owned(),
            Self::NotASerial { .. } => "write it in decimal, or in hex after 0x".to_owned(),
            Self::UnknownReason { .. } => "reasons are keyCompromise, cACompromise, affiliationChanged, superseded, \
                                            cessationOfOperation, certificateHold, privilegeWithdrawn and aACompromise"
                .to_owned(),
            Self::NotSelfSigned { .. } => "renew it under the CA that issued it".to_owned(),
            Self::SignatureAlgorithm { .. } => "make the request again with SHA-256 or better".to_owned(),
            Self::UnsupportedPublicKey | Self::WeakKey { .. } => {
                "use RSA with 2048 bits or more, P-256, P-384, P-521 or Ed25519".to_owned()
            }
            Self::WrongPassword => "check the password".to_owned(),
            _ => return None,
        })
    }
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        ErrorKind::Der(error).into()
    }
}
