//! What can go wrong with cfssl's files and rules.

use crate::base::error::{self, Kind};
use crate::base::place::Place;
use crate::base::suggest::did_you_mean;
use crate::cfssl::usage;
use crate::go::duration;
use crate::go::json;
use crate::x509;

/// What went wrong with one of cfssl's files, or with what it asks for, and where.
pub type Error = error::Error<ErrorKind>;

/// The facts of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something is wrong with a key, a request or a certificate.
    #[error(transparent)]
    X509(#[from] x509::ErrorKind),
    /// An authentication key of a config cannot be used.
    #[error("this authentication key cannot be used: {reason}")]
    AuthKey {
        /// Why.
        reason: &'static str,
    },
    /// A byte string is not base64.
    #[error("this is not base64")]
    Base64,
    /// The request asks for a CA, and the profile does not make CAs.
    #[error("the request asks for a CA certificate, and the profile does not allow CAs")]
    CaNotAllowed,
    /// A duration cannot be read.
    #[error("{0}")]
    Duration(duration::ParseError),
    /// A host cannot be written into a certificate.
    #[error("the host {host:?} has letters that a certificate cannot hold")]
    HostNotAscii {
        /// The host.
        host: String,
    },
    /// A host with a port.
    #[error("the host {host:?} has a port: cfssl would take it for a URI, and no client would accept it")]
    HostWithPort {
        /// As written.
        host: String,
        /// Without the port.
        name: String,
    },
    /// A text that is not JSON.
    #[error("{message}")]
    JsonSyntax {
        /// What is wrong.
        message: String,
    },
    /// A JSON value of the wrong type.
    #[error("expected {expected}, found {found}")]
    JsonType {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// There is no key of that size.
    #[error("{algorithm} keys have {allowed} bits, not {size}")]
    KeySize {
        /// Of what kind.
        algorithm: &'static str,
        /// As written.
        size: i64,
        /// What may be written.
        allowed: &'static str,
    },
    /// A key that must be there.
    #[error("the key `{key}` is missing")]
    MissingKey {
        /// Which.
        key: &'static str,
    },
    /// Nothing names the CA.
    #[error("nothing names the CA: `CN` is empty, and `names` does not help")]
    MissingSubject,
    /// A duration below zero.
    #[error("{text:?} is negative: the certificate would end before it begins")]
    NegativeDuration {
        /// As written.
        text: String,
    },
    /// No chain from a certificate to a root.
    #[error("no known CA leads from {subject}, issued by {issuer}, to a trusted root")]
    NoChain {
        /// Whose certificate it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// Something that is no host.
    #[error("{host:?} is no host: {reason}")]
    NotAHost {
        /// As written.
        host: String,
        /// Why.
        reason: &'static str,
    },
    /// A number is no byte.
    #[error("a byte is a number from 0 to 255")]
    NotAByte,
    /// A date that is none.
    #[error("{text:?} is no date as RFC 3339 writes it")]
    NotADate {
        /// As written.
        text: String,
    },
    /// A name that the profile's whitelist does not match.
    #[error("{name:?} does not match the profile's name_whitelist")]
    NotWhitelisted {
        /// Which.
        name: String,
    },
    /// A profile without any usage.
    #[error("the profile has no usages")]
    NoUsages,
    /// A path length that is none.
    #[error("{length} is no path length")]
    PathLen {
        /// As written.
        length: i64,
    },
    /// A policy qualifier of an unknown kind.
    #[error("{kind:?} is no kind of policy qualifier")]
    PolicyQualifier {
        /// As written.
        kind: String,
    },
    /// A CSRWhitelist that lets no key through.
    #[error("the profile's CSRWhitelist does not let the public key through")]
    PublicKeyNotWhitelisted,
    /// A regular expression that is none.
    #[error("{text:?} is no regular expression")]
    Regex {
        /// As written.
        text: String,
    },
    /// The profile leaves signing to a server.
    #[error("the profile leaves signing to the server {name:?}, which etcdpki does not do")]
    Remote {
        /// The server's name in `remotes`.
        name: String,
    },
    /// Two ways to a server.
    #[error("`remote` and `auth_remote` exclude each other")]
    RemoteTwice,
    /// Too much on one line of a list of serial numbers.
    #[error("nothing is expected after the date, and there is {word:?}")]
    RevocationLine {
        /// What is too much.
        word: String,
    },
    /// There is no such profile.
    #[error("there is no profile {name:?}{}", profiles(near.as_deref(), known))]
    UnknownProfile {
        /// As written.
        name: String,
        /// What was probably meant.
        near: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A config refers to something that is not in it.
    #[error("there is no {name:?} in the `{section}` section")]
    UnknownReference {
        /// As written.
        name: String,
        /// Where it was looked for.
        section: &'static str,
    },
    /// There is no such usage.
    #[error("there is no usage {usage:?}{}", did_you_mean(near.as_deref()))]
    UnknownUsage {
        /// As written.
        usage: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// No lifetime at all.
    #[error("an expiry of 0 makes no certificate")]
    ZeroExpiry,
}

fn profiles(near: Option<&str>, known: &[String]) -> String {
    match near {
        Some(_) => did_you_mean(near),
        None if known.is_empty() => ": the config has no profiles".to_owned(),
        None => format!(": there are {}", known.join(", ")),
    }
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::X509(kind) => return kind.hint(),
            Self::CaNotAllowed => "add \"ca_constraint\": {\"is_ca\": true} to the profile".to_owned(),
            Self::Duration(error) => error.hint().to_owned(),
            Self::HostNotAscii { .. } => "write the name in its ASCII form, xn--...".to_owned(),
            Self::HostWithPort { name, .. } => format!("write {name:?}"),
            Self::JsonSyntax { .. } => {
                "cfssl's files are strict JSON: no comments, no trailing commas".to_owned()
            }
            Self::MissingKey { key: "expiry" } => "add \"expiry\": \"8760h\"".to_owned(),
            Self::MissingSubject => "add \"CN\": \"...\", or fill every entry of \"names\"".to_owned(),
            Self::NegativeDuration { .. } | Self::ZeroExpiry => {
                "write a lifetime, such as \"8760h\" or \"365d\"".to_owned()
            }
            Self::NoChain { .. } => {
                "give the root and what stands between, and check that none of them has ended".to_owned()
            }
            Self::NotADate { .. } => "write it like 2027-01-01T00:00:00Z".to_owned(),
            Self::NoUsages => "add \"usages\": [\"signing\", \"key encipherment\", \"server auth\", \
                               \"client auth\"] or choose a profile that has them"
                .to_owned(),
            Self::PolicyQualifier { .. } => "write id-qt-cps or id-qt-unotice".to_owned(),
            Self::PublicKeyNotWhitelisted => "add \"PublicKey\": true to its CSRWhitelist".to_owned(),
            Self::Remote { .. } => "choose a profile without `remote`".to_owned(),
            Self::UnknownUsage { .. } => {
                format!("usages are {}", usage::names().collect::<Vec<_>>().join(", "))
            }
            Self::RevocationLine { .. } => "a line is: SERIAL [REASON [DATE]]".to_owned(),
            _ => return None,
        })
    }
}

impl ErrorKind {
    /// This, as an error at a place.
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
