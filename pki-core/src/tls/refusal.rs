//! Why a program does not start with its certificate, or refuses the other side of a handshake: the facts, a message, and
//! what etcd logs.

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
    /// The side that connects.
    Client,
    /// The side that listens.
    Server,
}

impl Side {
    /// The opposite side.
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

/// The end of a handshake: one side does not accept the other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {by} refuses: {reason}")]
pub struct Refusal {
    /// The side that ended the handshake, and logs [`Reason::log`].
    pub by: Side,
    /// The facts.
    pub reason: Reason,
}

/// Why Go cannot read a certificate (`crypto/x509`, `ParseCertificate`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableCertificate {
    /// It has an extension twice.
    #[error("it has the extension {oid} twice")]
    DuplicateExtension {
        /// The identifier of the extension.
        oid: ObjectIdentifier,
    },
    /// The bytes are not a certificate.
    #[error("{reason}")]
    Malformed {
        /// The part that is malformed, or what the parser said.
        reason: String,
    },
    /// Its serial number is below zero, and the program does not accept that ([`Leniency::negative_serials`]).
    ///
    /// [`Leniency::negative_serials`]: crate::tls::Leniency::negative_serials
    #[error("its serial number is negative")]
    NegativeSerial,
    /// Its key is on a curve that Go does not know, such as secp256k1.
    #[error("its key is on a curve that Go does not know")]
    UnsupportedCurve,
}

impl UnreadableCertificate {
    /// The text of Go's error.
    pub fn log(&self) -> &'static str {
        match self {
            Self::DuplicateExtension { .. } => "x509: certificate contains duplicate extension",
            Self::Malformed { .. } => "x509: ",
            Self::NegativeSerial => "x509: negative serial number",
            Self::UnsupportedCurve => "x509: unsupported elliptic curve",
        }
    }
}

/// Why a program does not start with the files that it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoStart {
    /// A PEM block in the file of CAs is not a certificate.
    #[error("a PEM block {label:?} among the CAs is not a certificate: {why}")]
    Authority {
        /// The label of the block.
        label: String,
        /// Why the block cannot be read.
        why: UnreadableCertificate,
    },
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(UnreadableCertificate),
    /// The private key is encrypted.
    #[error("the private key is encrypted, and etcd has no option for its password")]
    EncryptedKey,
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The certificate file has no certificate.
    #[error("there is no PEM certificate in the certificate file")]
    NoCertificate,
    /// The key file has no private key.
    #[error("there is no PEM private key in the key file")]
    NoKey,
    /// Go does not support the kind of the key, such as Ed448.
    #[error("the private key is of a kind that Go does not know")]
    UnsupportedKey,
}

impl NoStart {
    /// The text of Go's error, which the program logs.
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

/// Why a side refuses the other, with the facts. [`Reason::log`] is what etcd logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A certificate of the chain was not signed by the trusted CA that has the name of its issuer, so there are two CAs
    /// of this name.
    #[error(
        "the certificate of {subject} is not signed by the trusted {authority}: its issuer has the same name and another key"
    )]
    BadSignature {
        /// The subject of the certificate.
        subject: String,
        /// The name of the CA.
        authority: String,
    },
    /// extKeyUsage does not allow the certificate for this side.
    #[error("the certificate of {subject}, or its CA's, lacks the usage {wanted} auth")]
    ExtendedKeyUsage {
        /// The subject of the certificate.
        subject: String,
        /// The side that it would have to allow.
        wanted: Side,
    },
    /// A certificate of the chain has ended.
    #[error("the certificate of {subject} has ended on {}", date(*not_after))]
    Expired {
        /// The subject of the certificate that has ended.
        subject: String,
        /// The last moment at which it was valid.
        not_after: OffsetDateTime,
    },
    /// The RSA key is longer than 8192 bits.
    #[error("its RSA key has {bits} bits, more than 8192")]
    KeyTooLarge {
        /// The length of the modulus in bits.
        bits: usize,
    },
    /// The RSA key is shorter than 1024 bits, and the program does not accept that
    /// ([`Leniency::small_rsa_keys`](crate::tls::Leniency::small_rsa_keys)).
    #[error("its RSA key has {bits} bits, less than 1024")]
    KeyTooSmall {
        /// The length of the modulus in bits.
        bits: usize,
    },
    /// The certificate has the address of the server as a DNS name only.
    #[error("the address {host} is written as a DNS name in the certificate, not as an IP address")]
    IpAsDnsName {
        /// The address to which the client connects.
        host: String,
    },
    /// The host is the common name, and the certificate has no subject alternative names.
    #[error("{host} is only the common name of the certificate, and not a subject alternative name")]
    LegacyCommonName {
        /// The name to which the client connects.
        host: String,
    },
    /// The name constraints of a CA forbid a name of a certificate.
    #[error("the name constraints of {authority} do not allow {subject} the name {name}")]
    NameConstraint {
        /// The subject of the certificate with the name.
        subject: String,
        /// The name that is forbidden.
        name: String,
        /// The CA with the name constraints.
        authority: String,
    },
    /// The server asked for a client certificate, and the client has none.
    #[error("the client showed no certificate")]
    NoCertificate,
    /// A certificate that issued another is not that of a CA, or its keyUsage lacks keyCertSign.
    #[error("{subject} may not sign certificates")]
    NotACa {
        /// The subject of the issuing certificate.
        subject: String,
    },
    /// The certificate has none of the names that are allowed ([`AllowedPeers`](crate::tls::AllowedPeers)).
    #[error("the certificate of {subject} has none of the names that are allowed: {}", allowed.join(", "))]
    NotAllowed {
        /// The subject of the certificate.
        subject: String,
        /// The common names or host names that are allowed.
        allowed: Vec<String>,
    },
    /// A certificate of the chain is not valid yet.
    #[error("the certificate of {subject} is valid only from {} on", date(*not_before))]
    NotYetValid {
        /// The subject of the certificate that has not begun.
        subject: String,
        /// The first moment at which it will be valid.
        not_before: OffsetDateTime,
    },
    /// The chain has more CAs than the path length of one of them allows.
    #[error("{subject} allows {limit} CAs below it, and there are more")]
    PathLength {
        /// The CA with the path length.
        subject: String,
        /// How many CAs may be below it.
        limit: u8,
    },
    /// The two programs support no common version of TLS.
    #[error("the two have no version of TLS in common")]
    ProtocolVersion,
    /// The serial number of a certificate is on the revocation list.
    #[error("the certificate of {subject}, serial number {serial}, is revoked")]
    Revoked {
        /// The subject of the certificate.
        subject: String,
        /// The serial number in decimal.
        serial: String,
    },
    /// The revocation list cannot be read, so etcd refuses every client.
    #[error("it accepts no client, because of its revocation list: {reason}")]
    RevocationList {
        /// What is wrong with the file.
        reason: String,
    },
    /// The certificate of the client is not for the address from which it connects.
    #[error("the client connects from {address}, and its certificate is for {valid_for}")]
    SourceAddress {
        /// The address of the client.
        address: IpAddr,
        /// The names of the certificate.
        valid_for: Box<SubjectAltNames>,
    },
    /// Only the CAs of the operating system are trusted, which are unknown here.
    #[error(
        "{issuer} is not among the CAs that the operating system trusts, and no file of CAs is configured"
    )]
    SystemAuthorities {
        /// The name of the CA that issued the certificate.
        issuer: String,
    },
    /// The handshake failed for another reason.
    #[error("{message}")]
    Tls {
        /// What rustls said.
        message: String,
    },
    /// Finding a chain takes more than 100 checks of signatures, and Go stops there.
    #[error("there are too many CAs of the same name")]
    TooManyCandidates,
    /// A trusted CA has a name that reads like that of the issuer, and whose bytes differ, as those of a UTF8String and a
    /// PrintableString do. Go compares the bytes.
    #[error(
        "the certificate of {subject} is issued by {authority}, and the trusted CA of that name {}",
        other_encoding(*has_same_key)
    )]
    NameEncoding {
        /// The subject of the certificate.
        subject: String,
        /// The name of both CAs.
        authority: String,
        /// Whether the trusted CA has the key that signed the certificate.
        has_same_key: bool,
    },
    /// No trusted CA has the name of the issuer.
    #[error("the certificate of {subject} is issued by {issuer}, which is not trusted")]
    UnknownAuthority {
        /// The subject of the certificate.
        subject: String,
        /// The name of its issuer.
        issuer: String,
    },
    /// A certificate has a critical extension that Go does not know.
    #[error("the certificate of {subject} has the critical extension {oid}, which Go does not know")]
    UnhandledCriticalExtension {
        /// The subject of the certificate.
        subject: String,
        /// The identifier of the extension.
        oid: ObjectIdentifier,
    },
    /// A certificate of the other side cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(UnreadableCertificate),
    /// The kind of key in the certificate is unknown to Go, such as Ed448.
    #[error("the certificate of {subject} has a key that TLS in Go does not know")]
    UnsupportedKey {
        /// The subject of the certificate.
        subject: String,
    },
    /// TLS 1.3 has no signature algorithm for the key of this side: P-224, or RSA that is too short for PSS.
    #[error("TLS 1.3 cannot sign with its own {kind} key")]
    UnusableKey {
        /// The kind of the key.
        kind: PublicKeyKind,
    },
    /// The signature on a certificate has an algorithm that Go does not accept, such as MD5 or SHA-1.
    #[error("the certificate of {subject} is signed with {algorithm}")]
    WeakSignature {
        /// The subject of the certificate.
        subject: String,
        /// The name of the algorithm, or the length of the RSA key.
        algorithm: String,
    },
    /// The certificate of the server is not for the host to which the client connects.
    #[error("{}{host}", wrong_name(valid_for))]
    WrongName {
        /// The name or address to which the client connects.
        host: String,
        /// The names of the certificate.
        valid_for: Box<SubjectAltNames>,
    },
}

impl Reason {
    /// The text of Go's error without its variable parts. The side that refuses logs it in the field `error`.
    pub fn log(&self) -> &'static str {
        match self {
            Self::BadSignature { .. }
            | Self::NotACa { .. }
            | Self::NameEncoding { .. }
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

/// The beginning of the message of [`Reason::WrongName`], up to the host.
fn other_encoding(has_same_key: bool) -> &'static str {
    match has_same_key {
        true => {
            "has the same key, but its name is written in another string type of ASN.1, which makes it another name"
        }
        false => "has another key, and its name is written in another string type of ASN.1",
    }
}

fn wrong_name(valid_for: &SubjectAltNames) -> String {
    match valid_for.is_empty() {
        true => "the certificate has no names, so it is not for ".to_owned(),
        false => format!("the certificate is for {valid_for}, not for "),
    }
}

fn is_ip(host: &str) -> bool {
    crate::tls::address::address(host).is_some()
}
