//! Why files cannot be read for [`Found`](crate::etcd::found::Found).

use std::path::PathBuf;

use crate::etcd::error::Error;

/// The number of files that are read at most. A host's root folder has more; what is made for a cluster has a dozen
/// per member, so that more than a thousand clusters fit.
pub(crate) const MOST_FILES: usize = 100_000;

/// Why files cannot be read, or are not etcd's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file or folder exists and cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// A file is the description of a cluster, which etcd itself does not read.
    #[error("{} is the description of a cluster, which etcd does not read", path.display())]
    Description {
        /// The description.
        path: PathBuf,
    },
    /// There is no such file or folder.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file or folder that was named.
        path: PathBuf,
    },
    /// A folder has more files than are read.
    #[error("{} has more than {MOST_FILES} files", path.display())]
    TooMany {
        /// The folder that was named.
        path: PathBuf,
    },
    /// A folder has no member of a cluster.
    #[error("{} has no member of an etcd cluster", path.display())]
    NoMember {
        /// The folder in which members were expected.
        path: PathBuf,
    },
    /// A file was named that has no setting of etcd's.
    #[error("{}: {reason}", path.display())]
    NotUnderstood {
        /// The file that was named.
        path: PathBuf,
        /// What it seems to be.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// No file is one that etcd, systemd or cfssl reads for etcd.
    #[error(
        "{} has nothing that belongs to etcd: no unit, environment file, configuration file, certificate or key",
        path.display()
    )]
    Nothing {
        /// The file or folder that was named.
        path: PathBuf,
    },
}

impl ReadError {
    /// Whether nothing was there that could be judged, which is no fault of what is judged.
    pub fn is_not_judged(&self) -> bool {
        matches!(self, Self::NotUnderstood { .. } | Self::Nothing { .. })
    }

    /// What to do about it, as an instruction; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable(error) => return error.hint(),
            Self::NotUnderstood { remedy, .. } => remedy,
            Self::Description { .. } | Self::NoMember { .. } => {
                "name the output folder that was made from the description, such as /srv/etcd/out, or a folder with \
                 the files of every member's host"
            }
            Self::Missing { .. } | Self::Nothing { .. } => {
                "name a unit, an environment or configuration file, certificates, or a folder that has them, such as \
                 /etc/etcd"
            }
            Self::TooMany { .. } => {
                "name only what belongs to etcd, such as /etc/systemd/system/etcd.service and /etc/etcd"
            }
        };
        Some(hint.to_owned())
    }
}
