//! Errors as values: what is wrong, where, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::etcd::found::{SHORTEN, TOO_LARGE};
use crate::go::{duration, json};
use crate::key::{KeyAlgorithm, PublicKeyKind};
use crate::notice::did_you_mean;
use crate::place::{Place, date};

/// What went wrong, and where.
///
/// `Display` tells both in one line; [`Error::hint`] tells what to do about it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    place: Place,
}

/// The facts of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
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
    /// The CA is not valid now.
    #[error("the CA certificate is valid from {} to {}, not now", date(*not_before), date(*not_after))]
    CaNotValid {
        /// From when on it is valid.
        not_before: OffsetDateTime,
        /// The last moment at which it is valid.
        not_after: OffsetDateTime,
    },
    /// Something must be issued, and the CA's key is not there.
    #[error("{path} is not there, and {needed_for} must be issued")]
    CaKeyMissing {
        /// Where it should be, in the output folder.
        path: String,
        /// What must be issued.
        needed_for: String,
    },
    /// Certificate and key of a CA that was made before, by the record in the output folder, are not there.
    #[error("neither it nor its key is there, and what the cluster uses was issued by it")]
    CaMissing,
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
    /// A date that a certificate cannot hold.
    #[error("a certificate cannot hold a date after {}", date(*moment))]
    Date {
        /// The date, or where it was counted from.
        moment: OffsetDateTime,
    },
    /// DER could not be read or written.
    #[error("ASN.1: {0}")]
    Der(der::Error),
    /// A cluster description that cannot be.
    #[error("{0}")]
    Description(crate::etcd::DescriptionError),
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
    /// An object identifier that is none.
    #[error("{text:?} is no object identifier")]
    InvalidObjectIdentifier {
        /// As written.
        text: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
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
    /// There is no key algorithm of that name.
    #[error("{name:?} is no kind of key")]
    KeyAlgorithm {
        /// As written.
        name: String,
    },
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
    /// A CA's key is protected by a password, which nobody is asked for.
    #[error("the CA's private key is encrypted")]
    CaKeyEncrypted,
    /// The certificates behind a CA's are not those of the CAs above it.
    #[error("the CA certificates do not follow from each other: {reason}")]
    CaChain {
        /// What does not follow.
        reason: String,
    },
    /// A CA's key and certificate do not belong together.
    #[error("the private key does not belong to the CA certificate")]
    KeyMismatch,
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
    /// The record of what was issued cannot be read.
    #[error("this record of what was issued cannot be read: {reason}")]
    LockFile {
        /// Why.
        reason: String,
    },
    /// Another process works on the same folder.
    #[error("another etcdpki is at work on {}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
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
    /// A file without a certificate.
    #[error("there is no PEM certificate in it")]
    NoCertificate,
    /// No chain from a certificate to a root.
    #[error("no known CA leads from {subject}, issued by {issuer}, to a trusted root")]
    NoChain {
        /// Whose certificate it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// A file without a revocation list.
    #[error("there is no revocation list in it")]
    NoCrl,
    /// A file without a private key.
    #[error("there is no PEM private key in it")]
    NoPrivateKey,
    /// A file without a certification request.
    #[error("there is no PEM certificate request in it")]
    NoRequest,
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
    /// A certificate that may not sign others.
    #[error("{subject} is no CA: {reason}")]
    NotACa {
        /// Whose it is.
        subject: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// Something stands where a file should be.
    #[error("{} is no file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// Something stands where a folder should be.
    #[error("{} is no folder", path.display())]
    NotAFolder {
        /// Where.
        path: PathBuf,
    },
    /// A date that is none.
    #[error("{text:?} is no date as RFC 3339 writes it")]
    NotADate {
        /// As written.
        text: String,
    },
    /// A PEM block of something else.
    #[error("this is a {label}, not a certificate request")]
    NotARequest {
        /// What it says it is.
        label: String,
    },
    /// A serial number that is none.
    #[error("{text:?} is no serial number")]
    NotASerial {
        /// As written.
        text: String,
    },
    /// A certificate of another CA.
    #[error("it was issued by {issuer}, not by {ca}")]
    NotIssuedBy {
        /// Who issued it.
        issuer: String,
        /// Who should have.
        ca: String,
    },
    /// The output folder was not locked before writing.
    #[error("{} is not locked", path.display())]
    NotLocked {
        /// The folder.
        path: PathBuf,
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
    /// A name that the profile's whitelist does not match.
    #[error("{name:?} does not match the profile's name_whitelist")]
    NotWhitelisted {
        /// Which.
        name: String,
    },
    /// A profile without any usage.
    #[error("the profile has no usages")]
    NoUsages,
    /// The output folder has the CA of another cluster.
    #[error("this is the CA {found}, and the description asks for {wanted}")]
    OtherCa {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// The output folder was made in another layout.
    #[error("this folder has the layout {found}, and the description asks for {wanted}")]
    OtherLayout {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// A path length that is none.
    #[error("{length} is no path length")]
    PathLen {
        /// As written.
        length: i64,
    },
    /// The CA's own path length forbids what was asked for.
    #[error("the CA's path length of {limit} does not allow such a CA below it")]
    PathLenExceeded {
        /// The CA's path length.
        limit: u8,
    },
    /// A policy qualifier of an unknown kind.
    #[error("{kind:?} is no kind of policy qualifier")]
    PolicyQualifier {
        /// As written.
        kind: String,
    },
    /// A private key that cannot be used.
    #[error("the private key cannot be used: {reason}")]
    PrivateKey {
        /// Why.
        reason: &'static str,
    },
    /// A CSRWhitelist that lets no key through.
    #[error("the profile's CSRWhitelist does not let the public key through")]
    PublicKeyNotWhitelisted,
    /// No random bytes could be had.
    #[error("the system has no random bytes")]
    Randomness,
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
    /// Too much on one line of a list of serial numbers.
    #[error("nothing is expected after the date, and there is {word:?}")]
    RevocationLine {
        /// What is too much.
        word: String,
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
    /// A link where a file or folder should be.
    #[error("{} is a symbolic link", path.display())]
    SymbolicLink {
        /// Where.
        path: PathBuf,
    },
    /// A file that is larger than anything that is looked for.
    #[error("{} was {TOO_LARGE}", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// A structure that ends too early.
    #[error("it ends too early")]
    Truncated,
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
    /// There is no such reason to revoke a certificate.
    #[error("there is no reason {text:?}{}", did_you_mean(near.as_deref()))]
    UnknownReason {
        /// As written.
        text: String,
        /// What was probably meant.
        near: Option<String>,
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
    /// A public key that cannot be used.
    #[error("its public key is of a kind that is not supported")]
    UnsupportedPublicKey,
    /// A path that cannot be written down.
    #[error("the path {} cannot be written into a file of variables", path.display())]
    UnwritablePath {
        /// Which.
        path: PathBuf,
    },
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
    /// A folder that nothing was issued into.
    #[error("there is no {}", path.display())]
    NotApplied {
        /// The record that would be there.
        path: std::path::PathBuf,
    },
    /// A file that is named is not there.
    #[error("there is no file {}", path.display())]
    MissingFile {
        /// Which.
        path: std::path::PathBuf,
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

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The same error at `place`, unless its place is known already.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        if self.0.place.is_unknown() {
            self.0.place = place;
        }
        self
    }

    /// The same error, in `file` unless a file is known already.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.place = std::mem::take(&mut self.0.place).or_file(file);
        self
    }

    /// The same error without its place, for a text that the user never saw.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.0.place = Place::default();
        self
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        ErrorKind::Io { action, path: path.to_owned(), source }.into()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.kind.hint()
    }

    /// The number that cfssl gives to this kind of error (its errors/error.go), where it has one.
    pub fn code(&self) -> Option<u32> {
        self.0.kind.code()
    }
}

impl ErrorKind {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CaKeyMissing { path, .. } => format!("put the CA's key back as {path}, mode 0600"),
            Self::CaMissing => {
                "put both back from a copy (the nodes' folders have the certificate, and only the certificate); for a \
                 new cluster with a new CA, take another output folder".to_owned()
            }
            Self::CaChain { .. } => "put the certificate of the CA that signs first, then that of the CA which issued it, and so on".to_owned(),
            Self::CaKeyEncrypted => "leave out `private-key`: requests are made, and `etcdpki sign` opens the key with the password in CFSSL_CA_PK_PASSWORD".to_owned(),
            Self::CaNotAllowed => "add \"ca_constraint\": {\"is_ca\": true} to the profile".to_owned(),
            Self::CaNotValid { .. } => {
                "check the clock; if the CA has really ended, make a new one and issue anew".to_owned()
            }
            Self::Description(error) => return error.hint(),
            Self::Duration(error) => return Some(error.hint().to_owned()),
            Self::HostNotAscii { .. } => "write the name in its ASCII form, xn--...".to_owned(),
            Self::HostWithPort { name, .. } => format!("write {name:?}"),
            Self::JsonSyntax { .. } => "cfssl's files are strict JSON: no comments, no trailing commas".to_owned(),
            Self::KeyAlgorithm { .. } => format!("kinds of key are {}", KeyAlgorithm::ALL.map(KeyAlgorithm::name).join(", ")),
            Self::KeyEncrypted => "give its password in the environment variable CFSSL_CA_PK_PASSWORD".to_owned(),
            Self::KeyMismatch => "compare the CA certificate and the key: they are not a pair".to_owned(),
            Self::Locked { .. } => "wait until it is done, then run this again".to_owned(),
            Self::LockFile { .. } => {
                "put it back from a backup, or delete it: it is made anew from the certificates that are there".to_owned()
            }
            Self::MissingKey { key: "expiry" } => "add \"expiry\": \"8760h\"".to_owned(),
            Self::MissingSubject => "add \"CN\": \"...\", or fill every entry of \"names\"".to_owned(),
            Self::NegativeDuration { .. } | Self::ZeroExpiry => "write a lifetime, such as \"8760h\" or \"365d\"".to_owned(),
            Self::NoPrivateKey => "name the file of a private key in PEM; if this one was cut short, put it back from a backup, or, where nothing depends on it yet, delete it".to_owned(),
            Self::NotOneCertificate => "keep one certificate in the file; certinfo -full describes all of them".to_owned(),
            Self::NotACa { .. } => "give the CA's own certificate, the one that `gencert -initca` made".to_owned(),
            Self::NotAFile { .. } | Self::NotAFolder { .. } => "move it out of the way".to_owned(),
            Self::NoChain { .. } => "give the root with -ca-bundle and what stands between with -int-bundle, and check that none has ended".to_owned(),
            Self::NotASerial { .. } => "write it in decimal as `certinfo` shows it, or in hex after 0x".to_owned(),
            Self::NotSelfSigned { .. } => "renew it under the CA that issued it: gencert -from OLD -ca CA -ca-key KEY".to_owned(),
            Self::NotADate { .. } => "write it like 2027-01-01T00:00:00Z".to_owned(),
            Self::NoUsages => "add \"usages\": [\"signing\", \"key encipherment\", \"server auth\", \"client auth\"] or choose a profile that has them".to_owned(),
            Self::NotLocked { .. } => "open the folder with Folder::lock".to_owned(),
            Self::OtherCa { .. } => {
                "use another output folder for another cluster; a CA's name cannot change while certificates depend on it"
                    .to_owned()
            }
            Self::OtherLayout { found, .. } => format!(
                "write `layout: {found}`; members that run trust the CAs of that layout, so another one needs another output folder"
            ),
            Self::NotApplied { .. } => "name the folder that `etcdpki cluster apply` has made".to_owned(),
            Self::MissingFile { .. } => "paths in a description are relative to its folder".to_owned(),
            Self::PolicyQualifier { .. } => "write id-qt-cps or id-qt-unotice".to_owned(),
            Self::PublicKeyNotWhitelisted => "add \"PublicKey\": true to its CSRWhitelist".to_owned(),
            Self::Remote { .. } => "choose a profile without `remote`, and give -ca and -ca-key".to_owned(),
            Self::SignatureAlgorithm { .. } => "make the request again with SHA-256 or better".to_owned(),
            Self::SymbolicLink { .. } => {
                "etcdpki writes into real folders only: remove the link, or name the folder behind it".to_owned()
            }
            Self::TooLarge { .. } => SHORTEN.to_owned(),
            Self::UnwritablePath { .. } => "use an output folder whose path is UTF-8 without control characters".to_owned(),
            Self::UnknownUsage { .. } => format!("usages are {}", crate::usage::names().collect::<Vec<_>>().join(", ")),
            Self::RevocationLine { .. } => "a line is: SERIAL [REASON [DATE]]".to_owned(),
            Self::UnknownReason { .. } => "reasons are keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold, privilegeWithdrawn and aACompromise".to_owned(),
            Self::UnsupportedPublicKey | Self::WeakKey { .. } => "use RSA with 2048 bits or more, P-256, P-384, P-521 or Ed25519".to_owned(),
            Self::WrongPassword => "check the environment variable CFSSL_CA_PK_PASSWORD".to_owned(),
            _ => return None,
        })
    }

    /// The number that cfssl gives to this kind of error, where it has one.
    pub fn code(&self) -> Option<u32> {
        Some(match self {
            Self::KeyMismatch | Self::PathLen { .. } => 1000,
            Self::NoCertificate => 1002,
            Self::Certificate { .. } | Self::NotOneCertificate => 1003,
            Self::NoChain { .. } => 1220,
            Self::NoPrivateKey => 2002,
            Self::PrivateKey { .. } => 2003,
            Self::KeyEncrypted => 2100,
            Self::KeyAlgorithm { .. } | Self::KeySize { .. } | Self::WeakKey { .. } => 2400,
            Self::NoUsages => 5100,
            Self::AuthKey { .. }
            | Self::NegativeDuration { .. }
            | Self::NotADate { .. }
            | Self::PolicyQualifier { .. }
            | Self::Regex { .. }
            | Self::RemoteTwice
            | Self::UnknownReference { .. }
            | Self::UnknownUsage { .. }
            | Self::ZeroExpiry => 5200,
            Self::CaNotAllowed
            | Self::CaNotValid { .. }
            | Self::MissingSubject
            | Self::NotACa { .. }
            | Self::PathLenExceeded { .. } => 5300,
            Self::UnknownProfile { .. } => 5400,
            Self::NotWhitelisted { .. } => 5500,
            Self::NoRequest => 9002,
            Self::RepeatedExtension { .. } | Self::Request { .. } => 9003,
            Self::HostNotAscii { .. }
            | Self::HostWithPort { .. }
            | Self::InvalidObjectIdentifier { .. }
            | Self::NotAHost { .. }
            | Self::NotARequest { .. }
            | Self::SignatureAlgorithm { .. }
            | Self::SignatureInvalid => 9300,
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.place.is_unknown() {
            write!(f, "{}: ", self.0.place)?;
        }
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

impl ErrorKind {
    /// This, as an error at a place.
    pub(crate) fn at(self, place: Place) -> Error {
        Error::from(self).at(place)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, place: Place::default() }))
    }
}

impl From<der::Error> for Error {
    fn from(error: der::Error) -> Self {
        ErrorKind::Der(error).into()
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
