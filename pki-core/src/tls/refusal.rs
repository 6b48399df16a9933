//! Why a program does not start with a certificate, or a side of a handshake refuses the other: facts, what
//! they mean in words, and what etcd logs.

use std::fmt;
use std::net::IpAddr;

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::base::place::date;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::key::PublicKeyKind;

/// One of the two sides of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who dials.
    Client,
    /// Who listens.
    Server,
}

impl Side {
    /// The one across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// What ended a connection before it was one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {by} refuses: {reason}")]
pub struct Refusal {
    /// Who ended it, and logs [`Reason::log`].
    pub by: Side,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate cannot be read by Go's rules (crypto/x509, `ParseCertificate`), although DER allows for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// An extension stands in it twice.
    #[error("it has the extension {oid} twice")]
    DuplicateExtension {
        /// Which.
        oid: ObjectIdentifier,
    },
    /// The bytes are no certificate.
    #[error("{reason}")]
    Malformed {
        /// Why.
        reason: String,
    },
    /// Its serial number is below zero, and the program does not tolerate that.
    #[error("its serial number is negative")]
    NegativeSerial,
    /// Its key is on a curve that Go does not know, such as secp256k1.
    #[error("its key is on a curve that Go does not know")]
    UnsupportedCurve,
}

impl Unreadable {
    /// Go's words for it.
    pub fn log(&self) -> &'static str {
        match self {
            Self::DuplicateExtension { .. } => "x509: certificate contains duplicate extension",
            Self::Malformed { .. } => "x509: ",
            Self::NegativeSerial => "x509: negative serial number",
            Self::UnsupportedCurve => "x509: unsupported elliptic curve",
        }
    }
}

/// Why a program that is given these files does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoStart {
    /// A PEM block among the CAs that is no certificate.
    #[error("a PEM block {label:?} among the CAs is no certificate: {why}")]
    Authority {
        /// What the block says it is.
        label: String,
        /// What is wrong with it.
        why: Unreadable,
    },
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(Unreadable),
    /// The private key is protected by a password.
    #[error("the private key is encrypted, and there is no way to give its password")]
    EncryptedKey,
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// No certificate.
    #[error("there is no PEM certificate in the certificate file")]
    NoCertificate,
    /// No private key.
    #[error("there is no PEM private key in the key file")]
    NoKey,
    /// A key that Go does not know, such as Ed448.
    #[error("the private key is of a kind that Go does not know")]
    UnsupportedKey,
}

impl NoStart {
    /// What the program logs: Go's words.
    pub fn log(&self) -> &'static str {
        match self {
            Self::Authority { why, .. } | Self::Certificate(why) => why.log(),
            Self::EncryptedKey | Self::UnsupportedKey => "tls: failed to parse private key",
            Self::KeyMismatch => "tls: private key does not match public key",
            Self::NoCertificate => "tls: failed to find any PEM data in certificate input",
            Self::NoKey => "tls: failed to find any PEM data in key input",
        }
    }
}

/// Why a side refuses, with the facts. Each has [Go's words](Reason::log), which are what etcd logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The chain's signature does not fit the key of the CA that has the right name: another CA of that name.
    BadSignature {
        /// Whose certificate it is.
        subject: String,
        /// The CA's name.
        authority: String,
    },
    /// The certificate says that it may not be used like this.
    ExtendedKeyUsage {
        /// Whose certificate it is.
        subject: String,
        /// What it would have to allow.
        wanted: Side,
    },
    /// A certificate of the chain has ended.
    Expired {
        /// Whose.
        subject: String,
        /// Its last moment.
        not_after: OffsetDateTime,
    },
    /// The RSA key is longer than 8192 bits.
    KeyTooLarge {
        /// The length of the modulus.
        bits: usize,
    },
    /// The RSA key is shorter than 1024 bits, and the program does not tolerate that.
    KeyTooSmall {
        /// The length of the modulus.
        bits: usize,
    },
    /// The address that was dialled stands in the certificate, but as a DNS name.
    IpAsDnsName {
        /// The address.
        host: String,
    },
    /// The host is the common name, and there is no subject alternative name at all.
    LegacyCommonName {
        /// What was dialled.
        host: String,
    },
    /// A CA's name constraints do not let a name through.
    NameConstraint {
        /// Whose certificate it is.
        subject: String,
        /// The name.
        name: String,
        /// The CA that constrains it.
        authority: String,
    },
    /// A client certificate is demanded, and none came.
    NoCertificate,
    /// The certificate that signed is no CA's, or its key usage forbids signing.
    NotACa {
        /// Whose it is.
        subject: String,
    },
    /// The common name or host name is not among those that are allowed.
    NotAllowed {
        /// Whose certificate it is.
        subject: String,
        /// What is allowed.
        allowed: Vec<String>,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// Whose.
        subject: String,
        /// Its first moment.
        not_before: OffsetDateTime,
    },
    /// There are more CAs in the chain than one of them allows.
    PathLength {
        /// The CA that forbids it.
        subject: String,
        /// How many may be below it.
        limit: u8,
    },
    /// The two programs have no version of TLS in common.
    ProtocolVersion,
    /// The certificate's serial number is on the revocation list.
    Revoked {
        /// Whose certificate it is.
        subject: String,
        /// Its serial number, decimal.
        serial: String,
    },
    /// The revocation list is missing, empty or cannot be read, so everybody is refused.
    RevocationList {
        /// What is wrong with it.
        reason: String,
    },
    /// The client's certificate is not for the address that it comes from.
    SourceAddress {
        /// Where it comes from.
        address: IpAddr,
        /// What the certificate is for.
        valid_for: Box<SubjectAltNames>,
    },
    /// The host's own CAs are asked, and they are not known here.
    SystemAuthorities {
        /// Who issued the certificate.
        issuer: String,
    },
    /// The handshake failed in a way that has no name here.
    Tls {
        /// What the TLS library said.
        message: String,
    },
    /// More than 100 signatures would have to be checked.
    TooManyCandidates,
    /// No trusted CA has the issuer's name.
    UnknownAuthority {
        /// Whose certificate it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// The certificate has a critical extension that Go does not know.
    UnhandledCriticalExtension {
        /// Whose certificate it is.
        subject: String,
        /// Which.
        oid: ObjectIdentifier,
    },
    /// The certificate that came cannot be read.
    Unreadable(Unreadable),
    /// The certificate that came has a key of a kind that TLS in Go does not know, such as Ed448.
    UnsupportedKey {
        /// Whose certificate it is.
        subject: String,
    },
    /// TLS 1.3 has no signature for this side's own key: P-224, and RSA that is too short for PSS.
    UnusableKey {
        /// What kind of key it is.
        kind: PublicKeyKind,
    },
    /// The chain is signed with MD5 or SHA-1, or in another way that Go does not accept.
    WeakSignature {
        /// Whose certificate it is.
        subject: String,
        /// The name of the algorithm.
        algorithm: String,
    },
    /// The server's certificate is not for the host that was dialled.
    WrongName {
        /// What was dialled.
        host: String,
        /// What the certificate is for.
        valid_for: Box<SubjectAltNames>,
    },
}

impl Reason {
    /// A part of the line that the side which refuses logs as `error`: Go's words, without what varies.
    pub fn log(&self) -> &'static str {
        match self {
            Self::BadSignature { .. }
            | Self::NotACa { .. }
            | Self::UnknownAuthority { .. }
            | Self::SystemAuthorities { .. }
            | Self::WeakSignature { .. } => "x509: certificate signed by unknown authority",
            Self::ExtendedKeyUsage { .. } => "x509: certificate specifies an incompatible key usage",
            Self::Expired { .. } | Self::NotYetValid { .. } => {
                "x509: certificate has expired or is not yet valid"
            }
            Self::KeyTooLarge { .. } => "sent certificate containing RSA key larger than 8192 bits",
            Self::KeyTooSmall { .. } => "keys are insecure",
            Self::LegacyCommonName { .. } => "x509: certificate relies on legacy Common Name field",
            Self::NameConstraint { .. } => {
                "x509: a root or intermediate certificate is not authorized to sign for this name"
            }
            Self::NoCertificate => "tls: client didn't provide a certificate",
            Self::NotAllowed { .. } => "client certificate authentication failed",
            Self::PathLength { .. } => "x509: too many intermediates for path length constraint",
            Self::ProtocolVersion => "tls: client offered only unsupported versions",
            Self::Revoked { .. } => "transport: certificate serial",
            Self::RevocationList { .. } | Self::Tls { .. } => "",
            Self::SourceAddress { valid_for, .. } if valid_for.dns.is_empty() => {
                "x509: certificate is valid for"
            }
            Self::SourceAddress { .. } => "does not match any of DNSNames",
            Self::TooManyCandidates => "x509: signature check attempts limit reached",
            Self::UnhandledCriticalExtension { .. } => "x509: unhandled critical extension",
            Self::Unreadable(why) => why.log(),
            Self::UnsupportedKey { .. } => "unsupported public key",
            Self::UnusableKey { kind: PublicKeyKind::Rsa { .. } } => {
                "tls: certificate RSA key size too small"
            }
            Self::UnusableKey { .. } => "tls: unsupported certificate curve",
            Self::IpAsDnsName { .. } => "because it doesn't contain any IP SANs",
            Self::WrongName { host, valid_for } if is_ip(host) && valid_for.ip.is_empty() => {
                "because it doesn't contain any IP SANs"
            }
            Self::WrongName { host, valid_for } if !is_ip(host) && valid_for.dns.is_empty() => {
                "x509: certificate is not valid for any names"
            }
            Self::WrongName { .. } => "x509: certificate is valid for",
        }
    }
}

fn is_ip(host: &str) -> bool {
    crate::tls::address::address(host).is_some()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature { subject, authority } => write!(
                f,
                "the signature on the certificate of {subject} is not that of the trusted {authority}: another CA has \
                 the same name"
            ),
            Self::ExtendedKeyUsage { subject, wanted } => {
                write!(f, "the certificate of {subject}, or its CA's, lacks the usage {wanted} auth")
            }
            Self::Expired { subject, not_after } => {
                write!(f, "the certificate of {subject} has ended on {}", date(*not_after))
            }
            Self::KeyTooLarge { bits } => write!(f, "its RSA key has {bits} bits, more than 8192"),
            Self::KeyTooSmall { bits } => write!(f, "its RSA key has {bits} bits, less than 1024"),
            Self::IpAsDnsName { host } => {
                write!(
                    f,
                    "the address {host} is written as a DNS name in the certificate, not as an IP address"
                )
            }
            Self::LegacyCommonName { host } => {
                write!(f, "{host} is the certificate's common name only, and no subject alternative name")
            }
            Self::NameConstraint { subject, name, authority } => {
                write!(f, "the name constraints of {authority} do not allow {subject} the name {name}")
            }
            Self::NoCertificate => f.write_str("no client certificate came"),
            Self::NotACa { subject } => write!(f, "{subject} may not sign certificates"),
            Self::NotAllowed { subject, allowed } => {
                write!(f, "the certificate of {subject} is none of those allowed: {}", allowed.join(", "))
            }
            Self::NotYetValid { subject, not_before } => {
                write!(f, "the certificate of {subject} is valid only from {} on", date(*not_before))
            }
            Self::PathLength { subject, limit } => {
                write!(f, "{subject} allows {limit} CAs below it, and there are more")
            }
            Self::ProtocolVersion => f.write_str("the two have no version of TLS in common"),
            Self::Revoked { subject, serial } => {
                write!(f, "the certificate of {subject}, serial number {serial}, is revoked")
            }
            Self::RevocationList { reason } => {
                write!(f, "everybody, because of its revocation list: {reason}")
            }
            Self::SourceAddress { address, valid_for } => {
                write!(f, "it comes from {address}, and its certificate is for {valid_for}")
            }
            Self::SystemAuthorities { issuer } => {
                write!(f, "{issuer} is none of the CAs that the system trusts, and no other CAs are named")
            }
            Self::Tls { message } => f.write_str(message),
            Self::TooManyCandidates => f.write_str("there are too many CAs of the same name"),
            Self::UnhandledCriticalExtension { subject, oid } => {
                write!(
                    f,
                    "the certificate of {subject} has the critical extension {oid}, which Go does not know"
                )
            }
            Self::UnknownAuthority { subject, issuer } => {
                write!(f, "the certificate of {subject} is issued by {issuer}, which is not trusted")
            }
            Self::Unreadable(why) => write!(f, "the certificate cannot be read: {why}"),
            Self::UnsupportedKey { subject } => {
                write!(f, "the certificate of {subject} has a key that TLS in Go does not know")
            }
            Self::UnusableKey { kind } => write!(f, "TLS 1.3 cannot sign with its own {kind} key"),
            Self::WeakSignature { subject, algorithm } => {
                write!(f, "the certificate of {subject} is signed with {algorithm}")
            }
            Self::WrongName { host, valid_for } if valid_for.is_empty() => {
                write!(f, "the certificate is for no name at all, not for {host}")
            }
            Self::WrongName { host, valid_for } => {
                write!(f, "the certificate is for {valid_for}, not for {host}")
            }
        }
    }
}
