//! Errors with keys, requests, certificates and revocation lists.

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::base::error::{self, Kind};
use crate::base::place::date;
use crate::base::suggest::did_you_mean;
use crate::x509::key::kind::{KeyAlgorithm, PublicKeyKind, UnknownKeyAlgorithm};

/// What went wrong with a key, a request, a certificate or a revocation list, and where.
pub type Error = error::Error<ErrorKind>;

/// The facts of an [`Error`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name constraints of the CA do not allow a name of the certificate.
    #[error(
        "the name constraints of {ca} do not allow the name {name}: every client would refuse the certificate"
    )]
    CaForbidsName {
        /// The name of the CA.
        ca: String,
        /// The name or address that is not allowed.
        name: String,
    },
    /// The extKeyUsage of the CA does not allow a usage of the certificate.
    #[error(
        "the extended key usage of {ca} does not allow {usage}: a certificate below it would be refused for this usage"
    )]
    CaForbidsUsage {
        /// The name of the CA.
        ca: String,
        /// The usage by its name in RFC 5280, or its object identifier.
        usage: String,
    },
    /// The CA has a critical extension that programs do not know.
    #[error(
        "{ca} has the critical extension {oid}, which programs do not know: they would refuse the certificate"
    )]
    CaHasUnknownExtension {
        /// The name of the CA.
        ca: String,
        /// The identifier of the extension.
        oid: ObjectIdentifier,
    },
    /// The certificate of the CA has ended, or has not begun.
    #[error("the CA certificate is valid from {} to {}, not now", date(*not_before), date(*not_after))]
    CaNotValid {
        /// The first moment of the CA certificate.
        not_before: OffsetDateTime,
        /// The last moment of the CA certificate.
        not_after: OffsetDateTime,
    },
    /// A certificate is malformed.
    #[error("this is not a certificate: {reason}")]
    Certificate {
        /// What is malformed.
        reason: String,
    },
    /// A name has a character that ends it or moves the cursor in some programs.
    #[error("the name {name:?} has a control character, so programs would read different names in it")]
    ControlCharacter {
        /// The name of the subject, or the subject alternative name.
        name: String,
    },
    /// A revocation list is malformed.
    #[error("this is not a revocation list: {reason}")]
    Crl {
        /// What the parser said.
        reason: String,
    },
    /// The number of a new revocation list is not greater than that of the list before.
    #[error("the number {number} is not greater than that of the list before, {previous}")]
    CrlNumber {
        /// The number for the new list.
        number: u64,
        /// The number of the list before.
        previous: u64,
    },
    /// The date is outside of what a certificate can hold.
    #[error("a certificate cannot hold a date after {}", date(*moment))]
    Date {
        /// The date, or the moment from which a lifetime was counted.
        moment: OffsetDateTime,
    },
    /// DER could not be decoded or encoded.
    #[error("ASN.1: {0}")]
    Der(der::Error),
    /// A text is not an object identifier.
    #[error("{text:?} is not an object identifier")]
    InvalidObjectIdentifier {
        /// The text that should have been numbers with dots between them.
        text: String,
    },
    /// No kind of key has that name.
    #[error(transparent)]
    KeyAlgorithm(#[from] UnknownKeyAlgorithm),
    /// A private key could not be encoded.
    #[error("the key could not be encoded")]
    KeyEncoding,
    /// The private key needs a password, and none was given.
    #[error("the private key is encrypted")]
    KeyEncrypted,
    /// The source of keys failed.
    #[error("no {algorithm} key could be generated")]
    KeyGeneration {
        /// The kind of key that was asked for.
        algorithm: KeyAlgorithm,
    },
    /// The private key is not that of the certificate.
    #[error("the private key does not belong to the CA certificate")]
    KeyMismatch,
    /// The file has no certificate.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// The file is PKCS #12.
    #[error("this is PKCS #12, whose certificates are protected by a password")]
    Pkcs12,
    /// The file has no revocation list.
    #[error("there is no revocation list in it")]
    NoCrl,
    /// The file has no private key.
    #[error("there is no PEM private key in it")]
    NoPrivateKey,
    /// The file has no certification request.
    #[error("there is no PEM certificate request in it")]
    NoRequest,
    /// The certificate may not sign other certificates, or revocation lists.
    #[error("{subject} is not a CA: {reason}")]
    NotACa {
        /// The subject of the certificate.
        subject: String,
        /// The extension that it lacks.
        reason: &'static str,
    },
    /// The PEM block is something else.
    #[error("this is {}, not a {wanted}", block(label))]
    OtherBlock {
        /// The label of the block.
        label: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// An extension of a request cannot be decoded.
    #[error("its extension {name} is malformed")]
    MalformedExtension {
        /// The name of the extension in RFC 5280.
        name: &'static str,
    },
    /// Another CA issued the certificate or revocation list.
    #[error("it was issued by {issuer}, not by {ca}")]
    NotIssuedBy {
        /// The name of its issuer.
        issuer: String,
        /// The name of the CA that was expected.
        ca: String,
    },
    /// The CA is not a root, since another CA issued its certificate.
    #[error("{subject} is not a root CA: {issuer} issued it")]
    NotSelfSigned {
        /// The name of the CA.
        subject: String,
        /// The name of its issuer.
        issuer: String,
    },
    /// The file has more than one PEM block, or text after the first.
    #[error("the PEM file should contain only one object")]
    NotOneCertificate,
    /// pathLenConstraint of the CA does not allow the CA that was asked for.
    #[error("the CA's path length of {limit} does not allow such a CA below it")]
    PathLenExceeded {
        /// The path length of the issuing CA.
        limit: u8,
    },
    /// The private key cannot be used.
    #[error("the private key cannot be used: {reason}")]
    PrivateKey {
        /// The property of the key that is not supported or not safe.
        reason: &'static str,
    },
    /// The source of randomness failed.
    #[error("the operating system gives no random bytes")]
    Randomness,
    /// The request has an extension twice.
    #[error("the request asks for the extension {oid} twice")]
    RepeatedExtension {
        /// The identifier of the extension.
        oid: ObjectIdentifier,
    },
    /// A certification request is malformed.
    #[error("this is not a certificate request: {reason}")]
    Request {
        /// The field that is malformed, or what the parser said.
        reason: String,
    },
    /// The signature algorithm is not supported for the kind of key, or not safe.
    #[error("signatures with {algorithm} are not accepted for this key")]
    SignatureAlgorithm {
        /// Go's name of the algorithm.
        algorithm: &'static str,
    },
    /// The signature is wrong.
    #[error("the signature is wrong: it was made with another key, or the contents were changed")]
    SignatureInvalid,
    /// The private key did not sign.
    #[error("signing failed")]
    Signing,
    /// A structure has fewer fields than it must have.
    #[error("it ends too early")]
    Truncated,
    /// The public key is malformed, or its kind is not supported.
    #[error("its public key is of a kind that is not supported")]
    UnsupportedPublicKey,
    /// The end is not after the beginning.
    #[error("it would be valid from {} to {}: the end is not after the beginning", date(*not_before), date(*not_after))]
    Validity {
        /// The moment at which it would begin.
        not_before: OffsetDateTime,
        /// The moment at which it would end.
        not_after: OffsetDateTime,
    },
    /// The public key is too weak for a new certificate.
    #[error("{kind} keys are too weak")]
    WeakKey {
        /// The kind of the key.
        kind: PublicKeyKind,
    },
    /// The password does not decrypt the private key.
    #[error("the password does not open the private key")]
    WrongPassword,
    /// A text is not the serial number of a certificate.
    #[error("{text:?} is not a serial number")]
    NotASerial {
        /// The text that should have been a number.
        text: String,
    },
    /// RFC 5280 has no such reason code.
    #[error("there is no reason {text:?} to revoke a certificate{}", did_you_mean(near.as_deref()))]
    UnknownReason {
        /// The text that should have been the name or number of a reason.
        text: String,
        /// The name that is most similar, if one is similar enough.
        near: Option<String>,
    },
}

/// What a PEM block with a label is.
fn block(label: &str) -> String {
    match label {
        _ if label.ends_with("PRIVATE KEY") => "a private key".to_owned(),
        _ if label.ends_with("CERTIFICATE REQUEST") => "a certificate request".to_owned(),
        _ if label.ends_with("CERTIFICATE") => "a certificate".to_owned(),
        "X509 CRL" => "a revocation list".to_owned(),
        _ => format!("a PEM block {label:?}"),
    }
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CaForbidsName { .. } => "leave out this name, or use a CA whose name constraints allow it".to_owned(),
            Self::CaForbidsUsage { .. } => {
                "use a CA without extended key usage, or leave out this usage of the certificate".to_owned()
            }
            Self::CaHasUnknownExtension { .. } => "use a CA without this extension".to_owned(),
            Self::ControlCharacter { .. } => "write the name without it".to_owned(),
            Self::CaNotValid { .. } => {
                "check the clock of this host; if the CA has ended, make a new CA and issue the certificates again"
                    .to_owned()
            }
            Self::CrlNumber { previous, .. } => {
                return previous.checked_add(1).map(|least| format!("choose {least} or more"));
            }
            Self::KeyAlgorithm(_) => {
                format!("kinds of key are {}", KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(", "))
            }
            Self::KeyEncrypted => "give the password of the key".to_owned(),
            Self::KeyMismatch => "give the certificate and the private key of one CA".to_owned(),
            Self::NoPrivateKey => "give a file with a private key in PEM; if this file was cut short, restore it from \
                                   a backup, or delete it if nothing uses the key yet"
                .to_owned(),
            Self::OtherBlock { wanted, .. } => {
                format!("give the file of the {wanted}; are two files interchanged?")
            }
            Self::Pkcs12 => "write its certificates into a file of their own: openssl pkcs12 -in FILE -nokeys -out \
                             certificates.pem"
                .to_owned(),
            Self::NotOneCertificate => "keep one certificate in the file".to_owned(),
            Self::NotACa { .. } => "give the CA's own certificate".to_owned(),
            Self::NotASerial { .. } => "write it in decimal, or in hex after 0x, such as 4711 or 0x1267".to_owned(),
            Self::UnknownReason { .. } => "reasons are keyCompromise, cACompromise, affiliationChanged, superseded, \
                                            cessationOfOperation, certificateHold, privilegeWithdrawn and aACompromise"
                .to_owned(),
            Self::NotSelfSigned { .. } => "renew it under the CA that issued it".to_owned(),
            Self::SignatureAlgorithm { .. } => "make the request again with SHA-256 or better".to_owned(),
            Self::UnsupportedPublicKey | Self::WeakKey { .. } => {
                "use RSA with 2048 bits or more, P-256, P-384, P-521 or Ed25519".to_owned()
            }
            Self::WrongPassword => "give the password with which the key was encrypted".to_owned(),
            _ => return None,
        })
    }
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        ErrorKind::Der(error).into()
    }
}
