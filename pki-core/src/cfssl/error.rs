//! Errors with cfssl's files and rules.

use crate::base::error::{self, Kind};
use crate::base::place::Place;
use crate::base::suggest::did_you_mean;
use crate::cfssl::usage;
use crate::go::duration;
use crate::go::json;
use crate::x509;

/// What went wrong with one of cfssl's files, or with what it asks for, and where in the file.
pub type Error = error::Error<ErrorKind>;

/// The facts of an [`Error`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An error with a key, a request or a certificate.
    #[error(transparent)]
    X509(#[from] x509::ErrorKind),
    /// An entry of `auth_keys` cannot be used.
    #[error("this authentication key cannot be used: {reason}")]
    AuthKey {
        /// What is wrong with its type or its value.
        reason: &'static str,
    },
    /// A text that should be base64 is not.
    #[error("this is not base64")]
    Base64,
    /// The request asks for a CA, and the profile does not make CAs.
    #[error("the request asks for a CA certificate, and the profile does not allow CAs")]
    CaNotAllowed,
    /// A duration cannot be read.
    #[error("{0}")]
    Duration(duration::ParseError),
    /// A host has no ASCII form, so a certificate cannot hold it.
    #[error("the host {host:?} has characters that a certificate cannot hold")]
    HostNotAscii {
        /// The host as written.
        host: String,
    },
    /// A host has a port.
    #[error("the host {host:?} has a port: cfssl would take it for a URI, and no client would accept it")]
    HostWithPort {
        /// The host with its port.
        host: String,
        /// The host without its port.
        name: String,
    },
    /// A text is not JSON.
    #[error("{message}")]
    JsonSyntax {
        /// What the parser said.
        message: String,
    },
    /// A JSON value has the wrong type.
    #[error("expected {expected}, found {found}")]
    JsonType {
        /// The type that the key must have, as in "a whole number".
        expected: &'static str,
        /// The type of the value, as in "a string".
        found: &'static str,
    },
    /// No key has that size.
    #[error("{algorithm} keys have {allowed} bits, not {size}")]
    KeySize {
        /// The value of `algo`.
        algorithm: &'static str,
        /// The value of `size`.
        size: i64,
        /// The sizes that are allowed, as a list in words.
        allowed: &'static str,
    },
    /// A JSON object lacks a key.
    #[error("the key `{key}` is missing")]
    MissingKey {
        /// The key that it must have.
        key: &'static str,
    },
    /// The CA has no name.
    #[error("the CA has no name: `CN` is empty, and `names` is empty or has an empty entry")]
    MissingSubject,
    /// A lifetime is below zero.
    #[error("{text:?} is negative: the certificate would end before it begins")]
    NegativeDuration {
        /// The duration as written.
        text: String,
    },
    /// There is no chain from a certificate to a root.
    #[error("there is no chain from {subject}, issued by {issuer}, to a trusted root")]
    NoChain {
        /// The subject of the certificate.
        subject: String,
        /// The name of the CA that issued it.
        issuer: String,
    },
    /// An entry of `hosts` is not a host.
    #[error("{host:?} is not a host: {reason}")]
    NotAHost {
        /// The entry of `hosts`.
        host: String,
        /// What it is, or what to write instead.
        reason: &'static str,
    },
    /// A number in a list of bytes is not a byte.
    #[error("a byte is a number from 0 to 255")]
    NotAByte,
    /// The file is not UTF-8.
    #[error("there is a byte that is not UTF-8, in which JSON is written")]
    NotUtf8,
    /// The file is UTF-16.
    #[error("the file is UTF-16, and JSON is written in UTF-8")]
    Utf16,
    /// The file is UTF-32.
    #[error("the file is UTF-32, and JSON is written in UTF-8")]
    Utf32,
    /// A text is not a date.
    #[error("{text:?} is not a date in the format of RFC 3339")]
    NotADate {
        /// The text that should have been a date.
        text: String,
    },
    /// A name does not match the expression in the profile.
    #[error("{name:?} does not match the profile's name_whitelist")]
    NotWhitelisted {
        /// The common name or subject alternative name.
        name: String,
    },
    /// The profile has no usage.
    #[error("the profile has no usages")]
    NoUsages,
    /// A number cannot be a path length.
    #[error("{length} is not a path length")]
    PathLen {
        /// The number in the file.
        length: i64,
    },
    /// A policy qualifier has an unknown type.
    #[error("{kind:?} is not a type of policy qualifier")]
    PolicyQualifier {
        /// The value of `type`.
        kind: String,
    },
    /// The CSRWhitelist of the profile excludes the public key.
    #[error("the profile's CSRWhitelist does not allow the public key")]
    PublicKeyNotWhitelisted,
    /// A text is not a regular expression.
    #[error("{text:?} is not a regular expression")]
    Regex {
        /// The value of `name_whitelist`.
        text: String,
    },
    /// The profile leaves signing to a server.
    #[error("the profile leaves signing to the server {name:?}, and remote signing is not supported")]
    Remote {
        /// The name of the server in `remotes`.
        name: String,
    },
    /// The profile names a server twice.
    #[error("`remote` and `auth_remote` exclude each other")]
    RemoteTwice,
    /// A line of a list of serial numbers has too many words.
    #[error("there is unexpected text after the date: {word:?}")]
    RevocationLine {
        /// The first word after the date.
        word: String,
    },
    /// The ca-config has no profile of that name.
    #[error("there is no profile {name:?}{}", profiles(near.as_deref(), known))]
    UnknownProfile {
        /// The name that was asked for.
        name: String,
        /// The most similar name, if one is similar enough.
        near: Option<String>,
        /// The names of all profiles.
        known: Vec<String>,
    },
    /// The ca-config refers to an entry that it does not have.
    #[error("there is no {name:?} in the `{section}` section")]
    UnknownReference {
        /// The name of the entry.
        name: String,
        /// The section that should have it.
        section: &'static str,
    },
    /// cfssl has no usage of that name.
    #[error("there is no usage {usage:?}{}", did_you_mean(near.as_deref()))]
    UnknownUsage {
        /// The name in `usages`.
        usage: String,
        /// The most similar name, if one is similar enough.
        near: Option<String>,
    },
    /// The lifetime is zero.
    #[error("the expiry is 0: the certificate would never be valid")]
    ZeroExpiry,
}

fn profiles(near: Option<&str>, known: &[String]) -> String {
    match near {
        Some(_) => did_you_mean(near),
        None => format!(": there are {}", known.join(", ")),
    }
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::X509(kind) => return kind.hint(),
            Self::CaNotAllowed => "add \"ca_constraint\": {\"is_ca\": true} to the profile".to_owned(),
            Self::Duration(error) => error.hint().to_owned(),
            Self::HostNotAscii { .. } => {
                "write the name in its ASCII form, such as xn--exmple-cua.com for exämple.com".to_owned()
            }
            Self::HostWithPort { name, .. } => format!("write {name:?}"),
            Self::JsonSyntax { .. } => {
                "cfssl's files are strict JSON: no comments, no trailing commas".to_owned()
            }
            Self::MissingKey { key: "signing" } => {
                "a ca-config has its profiles in \"signing\": {\"profiles\": {...}}; \
                                                    is a CSR JSON given in its place?"
                    .to_owned()
            }
            Self::MissingKey { key: "expiry" } => "add \"expiry\": \"8760h\"".to_owned(),
            Self::MissingSubject => {
                "add a common name, such as \"CN\": \"etcd CA\", or an attribute to every entry of \"names\""
                    .to_owned()
            }
            Self::NegativeDuration { .. } | Self::ZeroExpiry => {
                "write a lifetime, such as \"8760h\" or \"365d\"".to_owned()
            }
            Self::NoChain { .. } => {
                "give the root and the intermediate CAs of the certificate, and check that none of \
                                     these certificates has ended"
                    .to_owned()
            }
            Self::NotADate { .. } => "write it like 2027-01-01T00:00:00Z".to_owned(),
            Self::NotUtf8 => "save the file as UTF-8, or convert it with iconv -f LATIN1 -t UTF-8".to_owned(),
            Self::Utf16 => "save the file as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8".to_owned(),
            Self::Utf32 => "save the file as UTF-8, or convert it with iconv -f UTF-32 -t UTF-8".to_owned(),
            Self::PathLen { .. } => "write a number from 1 to 255, or -1 for no limit".to_owned(),
            Self::NoUsages => "add \"usages\": [\"signing\", \"key encipherment\", \"server auth\", \
                               \"client auth\"] or choose a profile that has them"
                .to_owned(),
            Self::PolicyQualifier { .. } => "write id-qt-cps or id-qt-unotice".to_owned(),
            Self::PublicKeyNotWhitelisted => "add \"PublicKey\": true to its CSRWhitelist".to_owned(),
            Self::Remote { .. } => "choose a profile without `remote`".to_owned(),
            Self::UnknownUsage { .. } => {
                format!(
                    "usages are {}, and object identifiers such as 1.3.6.1.5.5.7.3.17",
                    usage::names().collect::<Vec<_>>().join(", ")
                )
            }
            Self::RevocationLine { .. } => "a line is: SERIAL [REASON [DATE]]".to_owned(),
            _ => return None,
        })
    }
}

impl ErrorKind {
    /// Makes an error of this kind at a place.
    pub(crate) fn at(self, place: Place) -> Error {
        Error::from(self).at(place)
    }
}

impl From<json::Error> for Error {
    fn from(error: json::Error) -> Self {
        let kind = match error.kind {
            json::ErrorKind::Syntax { message } => ErrorKind::JsonSyntax { message },
            json::ErrorKind::Type { expected, found } => ErrorKind::JsonType { expected, found },
        };
        kind.at(error.place)
    }
}

impl From<x509::Error> for Error {
    fn from(error: x509::Error) -> Self {
        error.map(ErrorKind::X509)
    }
}

impl From<x509::ErrorKind> for Error {
    fn from(kind: x509::ErrorKind) -> Self {
        ErrorKind::X509(kind).into()
    }
}
