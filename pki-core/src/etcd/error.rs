//! What can go wrong with a whole cluster: its description, its CAs, its output folder, the files of its hosts.

pub(crate) mod description;

use std::path::{Path, PathBuf};

use crate::base::error::{self, Kind};
use crate::cfssl;
use crate::disk::KeyIsThere;
use crate::etcd::error::description::DescriptionError;
use crate::x509;

/// What is said of a file that is larger.
pub(crate) const TOO_LARGE: &str = "not read, because it is larger than 8 MiB";

/// What to do about it. An entry may go when its certificate has ended (RFC 5280 section 3.3).
pub(crate) const SHORTEN: &str =
    "leave in it what is needed only; a revocation list may leave out certificates that have ended";

/// What went wrong with a cluster, and where.
pub type Error = error::Error<ErrorKind>;

/// The facts of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something is wrong with a key, a request, a certificate or a revocation list.
    #[error(transparent)]
    X509(#[from] x509::ErrorKind),
    /// Something is wrong with one of cfssl's files, or with the hosts of a certificate.
    #[error(transparent)]
    Cfssl(cfssl::ErrorKind),
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
    /// A cluster description that cannot be.
    #[error("{0}")]
    Description(DescriptionError),
    /// A CA's key is protected by a password, which nobody is asked for.
    #[error("the CA's private key is encrypted")]
    CaKeyEncrypted,
    /// The certificates behind a CA's are not those of the CAs above it.
    #[error("the CA certificates do not follow from each other: {reason}")]
    CaChain {
        /// What does not follow.
        reason: String,
    },
    /// The record of what was issued cannot be read.
    #[error("this record of what was issued cannot be read: {reason}")]
    Record {
        /// Why.
        reason: String,
    },
    /// Another process works on the same folder.
    #[error("another etcdpki is at work on {}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
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
    /// A folder that nothing was issued into.
    #[error("there is no {}", path.display())]
    NotApplied {
        /// The record that would be there.
        path: PathBuf,
    },
    /// A file that is named is not there.
    #[error("there is no file {}", path.display())]
    MissingFile {
        /// Which.
        path: PathBuf,
    },
    /// A file that is larger than anything that is looked for.
    #[error("{} was {TOO_LARGE}", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// A path that cannot be written down.
    #[error("the path {} cannot be written into a file of variables", path.display())]
    UnwritablePath {
        /// Which.
        path: PathBuf,
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
    /// A link where a file or folder should be.
    #[error("{} is a symbolic link", path.display())]
    SymbolicLink {
        /// Where.
        path: PathBuf,
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
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        ErrorKind::Io { action, path: path.to_owned(), source }.into()
    }
}

impl Kind for ErrorKind {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::X509(kind) => return kind.hint(),
            Self::Cfssl(kind) => return kind.hint(),
            Self::Description(error) => return error.hint(),
            Self::CaKeyMissing { path, .. } => format!("put the CA's key back as {path}, mode 0600"),
            Self::CaMissing => "put both back from a copy (the nodes' folders have the certificate, and only the \
                                certificate); for a new cluster with a new CA, take another output folder"
                .to_owned(),
            Self::CaChain { .. } => "put the certificate of the CA that signs first, then that of the CA which issued \
                                     it, and so on"
                .to_owned(),
            Self::CaKeyEncrypted => {
                "leave out `private-key`: requests are made, to be signed where the key can be opened".to_owned()
            }
            Self::Locked { .. } => "wait until it is done, then run this again".to_owned(),
            Self::Record { .. } => {
                "put it back from a backup, or delete it: it is made anew from the certificates that are there".to_owned()
            }
            Self::NotAFile { .. } | Self::NotAFolder { .. } => "move it out of the way".to_owned(),
            Self::OtherCa { .. } => "use another output folder for another cluster; a CA's name cannot change while \
                                     certificates depend on it"
                .to_owned(),
            Self::OtherLayout { found, .. } => format!(
                "write `layout: {found}`; members that run trust the CAs of that layout, so another one needs another \
                 output folder"
            ),
            Self::NotApplied { .. } => "name an output folder".to_owned(),
            Self::MissingFile { .. } => "paths in a description are relative to its folder".to_owned(),
            Self::SymbolicLink { .. } => {
                "only real folders are written into: remove the link, or name the folder behind it".to_owned()
            }
            Self::TooLarge { .. } => SHORTEN.to_owned(),
            Self::UnwritablePath { .. } => {
                "use an output folder whose path is UTF-8 without control characters".to_owned()
            }
            Self::Io { source, .. } => KeyIsThere::in_error(source)?.hint().to_owned(),
        })
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
