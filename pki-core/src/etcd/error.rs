//! The errors of the etcd layer: about a description, CAs, the output folder and the files of hosts.

pub(crate) mod description;
pub(crate) mod export;

use std::path::{Path, PathBuf};

use crate::base::error::{self, Kind};
use crate::cfssl;
use crate::disk::KeyIsThere;
use crate::etcd::error::description::DescriptionError;
use crate::etcd::error::export::ExportError;
use crate::x509;

/// The text about a file that is too large to be read, after the file's name.
pub(crate) const TOO_LARGE: &str = "not read, because it is larger than 8 MiB";

/// The hint for a file that is too large. A revocation list may drop the certificates that have ended
/// (RFC 5280 section 3.3).
pub(crate) const SHORTEN: &str =
    "keep only what is needed in it: a revocation list does not have to name certificates that have ended";

/// An error of the etcd layer, with the place that it is about.
pub type Error = error::Error<ErrorKind>;

/// What went wrong: the facts of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A key, a request, a certificate or a revocation list cannot be used.
    #[error(transparent)]
    X509(#[from] x509::ErrorKind),
    /// One of cfssl's files, or a host of a certificate, is wrong.
    #[error(transparent)]
    Cfssl(cfssl::ErrorKind),
    /// A certificate must be issued, and the key of its CA is missing.
    #[error("{path}, the key of the CA, is missing, so the certificate {needed_for} cannot be issued")]
    CaKeyMissing {
        /// The path of the CA's key in the output folder.
        path: String,
        /// The certificate that must be issued, such as `etcd1 server`.
        needed_for: String,
    },
    /// The record names a CA whose certificate and key are both missing.
    #[error("this CA and its key are missing, and certificates that the cluster uses were issued by this CA")]
    CaMissing,
    /// The description is wrong.
    #[error("{0}")]
    Description(DescriptionError),
    /// More than one thing is wrong with a description.
    #[error("{}", in_lines(.0))]
    Several(Vec<Error>),
    /// The key of a CA is protected by a password. Planning asks for no passwords.
    #[error("the CA's private key is encrypted")]
    CaKeyEncrypted,
    /// In a file of CA certificates, one was not issued by the next.
    #[error("the CA certificates do not form a chain: {reason}")]
    CaChain {
        /// The subject of the certificate that was not issued by the next one, and why not.
        reason: String,
    },
    /// The record of the issued certificates cannot be read.
    #[error("this record of the issued certificates cannot be read: {reason}")]
    Record {
        /// What is wrong with the file.
        reason: String,
    },
    /// The file with what an operation has begun cannot be read.
    #[error("this file, which says what an operation on the cluster has begun, cannot be read: {reason}")]
    Operation {
        /// What is wrong with the file.
        reason: String,
    },
    /// The record was written by a newer version of this program.
    #[error(
        "a newer version of this program wrote this record of the issued certificates: the record has format {found}, \
         and this version reads format {known}"
    )]
    NewerRecord {
        /// The format version that the record has.
        found: u32,
        /// The newest format version that this program reads.
        known: u32,
    },
    /// Another process holds the lock of the output folder.
    #[error("{} is locked: {holder}", path.display())]
    Locked {
        /// The output folder.
        path: PathBuf,
        /// The process that has locked it, in words.
        holder: String,
    },
    /// Another process has changed the output folder while a member was worked on.
    #[error("{} was changed by another process meanwhile", path.display())]
    ChangedMeanwhile {
        /// The output folder.
        path: PathBuf,
    },
    /// The CA certificate in the output folder has another subject than the description asks for.
    #[error("this is the certificate of the CA {found}, but the description asks for the CA {wanted}")]
    OtherCa {
        /// The subject of the CA certificate that is there.
        found: String,
        /// The subject that follows from the description.
        wanted: String,
    },
    /// The CA certificate in the output folder has a name that only looks like the one that it should have.
    #[error(
        "the name of this CA looks like that of the cluster's CA, {subject}, but its bytes differ (for example \
         PrintableString and UTF8String)"
    )]
    OtherNameBytes {
        /// The subject as text.
        subject: String,
    },
    /// Members that run trust another CA than the one that they would get: its key or the bytes of its name differ.
    #[error(
        "the members that are recorded trust another CA, {recorded}, as in {}: its key or the bytes of its name differ",
        path.display()
    )]
    OtherTrustedCa {
        /// The subject of the CA in the members' files.
        recorded: String,
        /// The file of a member with the CA that it trusts.
        path: PathBuf,
    },
    /// The output folder was made for another layout.
    #[error("this folder has the layout {found}, but the description asks for {wanted}")]
    OtherLayout {
        /// The layout in the record.
        found: String,
        /// The layout in the description.
        wanted: String,
    },
    /// The folder has no record, so it is not an output folder.
    #[error("there is no {}: this is not the output folder of a cluster", path.display())]
    NotApplied {
        /// The path that the record would have.
        path: PathBuf,
    },
    /// Another tool cannot have what was asked for.
    #[error(transparent)]
    Export(ExportError),
    /// A file that the description names does not exist.
    #[error("there is no file {}", path.display())]
    MissingFile {
        /// The path as the description resolves it.
        path: PathBuf,
    },
    /// A file is larger than any file of a cluster has reason to be.
    #[error("{} was {TOO_LARGE}", path.display())]
    TooLarge {
        /// The large file.
        path: PathBuf,
    },
    /// A path cannot be written into an environment file: it is not UTF-8, or has control characters.
    #[error("the path {} cannot be written into an environment file", path.display())]
    UnwritablePath {
        /// The path in question.
        path: PathBuf,
    },
    /// A folder, a device, a socket or a named pipe has the path of a file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// The path where a file is expected.
        path: PathBuf,
    },
    /// A file has the path of a folder.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path where a folder is expected.
        path: PathBuf,
    },
    /// A symbolic link has the path of a file or folder.
    #[error("{} is a symbolic link", path.display())]
    SymbolicLink {
        /// The path of the link.
        path: PathBuf,
    },
    /// An operation on a file failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb after "cannot": `read`, `set the mode of`.
        action: &'static str,
        /// The file or folder that the operation was for.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Errors with a line for each.
fn in_lines(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}

impl ErrorKind {
    /// One error for all of these, in the order of their places.
    pub(crate) fn all_of(mut errors: Vec<Error>) -> Error {
        errors.sort_by_key(|error| error.place().position());
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            last => Self::Several(errors.into_iter().chain(last).collect()).into(),
        }
    }
}

impl Error {
    /// The single errors, each with its place and hint: those of [`ErrorKind::Several`], or this one.
    pub fn each(&self) -> &[Self] {
        match self.kind() {
            ErrorKind::Several(errors) => errors,
            _ => std::slice::from_ref(self),
        }
    }

    /// An [`ErrorKind::Io`]; `action` is a verb after "cannot".
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        ErrorKind::Io { action, path: path.to_owned(), source }.into()
    }
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::X509(kind) => return kind.hint(),
            Self::Cfssl(kind) => return kind.hint(),
            Self::Description(error) => return error.hint(),
            Self::Several(errors) => return errors.iter().find_map(Error::hint),
            Self::Export(error) => return Some(error.hint()),
            Self::CaKeyMissing { path, .. } => {
                return Some(format!("restore the key of the CA as {path} with mode 0600"));
            }
            Self::OtherLayout { found, .. } => {
                return Some(format!(
                    "write `layout: {found}`: running members trust the CAs of that layout; for another layout, use \
                     another output folder"
                ));
            }
            Self::Io { source, .. } => KeyIsThere::in_error(source)?.hint(),
            Self::CaMissing => {
                "restore both from a backup (the folders in `nodes` have a copy of the certificate, but not of the \
                 key); for a new cluster with a new CA, use another output folder"
            }
            Self::CaChain { .. } => {
                "put the certificate of the CA that signs first, then the certificate of the CA which issued it, and \
                 so on up to the root"
            }
            Self::CaKeyEncrypted => {
                "remove `private-key` from the description: then requests are written, for the CA to sign where its \
                 key can be decrypted"
            }
            Self::ChangedMeanwhile { .. } => "run the same command again: it goes on with what is left",
            Self::Locked { .. } => "wait until it has finished, then try again",
            Self::Record { .. } => {
                "restore it from a backup; without a backup, delete it: the next plan makes a new record from the \
                 certificates that are there"
            }
            Self::Operation { .. } => {
                "restore it from a backup; without a backup, delete it, and compare the members that the cluster has with \
                 those of the description"
            }
            Self::NewerRecord { .. } => {
                "use the newer version of the program: the record is whole, and the cluster needs it"
            }
            Self::NotAFile { .. } | Self::NotAFolder { .. } => "rename it or remove it, then try again",
            Self::OtherCa { .. } => {
                "use another output folder for another cluster; the name of a CA cannot change while certificates \
                 depend on it"
            }
            Self::OtherNameBytes { .. } => {
                "put its certificate back from a backup, or from a folder in `nodes`: Go compares the bytes of names, and \
                 members would refuse what this CA has issued"
            }
            Self::OtherTrustedCa { .. } => {
                "use the CA that the members trust: members and clients that run would refuse those with certificates of \
                 another one. For a new cluster use another output folder"
            }
            Self::NotApplied { .. } => {
                "give the output folder of a cluster: the folder with cluster.lock.json"
            }
            Self::MissingFile { .. } => {
                "correct the path in the description: it is relative to its folder, as in pki/ca.pem"
            }
            Self::SymbolicLink { .. } => {
                "remove the link, or give the folder that it points to: files are written only into real folders"
            }
            Self::TooLarge { .. } => SHORTEN,
            Self::UnwritablePath { .. } => {
                "use an output folder whose path is UTF-8 without control characters, such as /srv/etcd/prod"
            }
        };
        Some(text.to_owned())
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

impl From<cfssl::Error> for Error {
    fn from(error: cfssl::Error) -> Self {
        error.map(|kind| match kind {
            cfssl::ErrorKind::X509(kind) => ErrorKind::X509(kind),
            kind => ErrorKind::Cfssl(kind),
        })
    }
}
