//! The certificates and files of a plan, and why they change.

use std::fmt;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::base::place::date;
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::layout::Role;
use crate::etcd::folder::output::is_secret;
use crate::etcd::folder::snapshot::{FileKind, Owner};
use crate::etcd::plan::difference::DifferentLine;
use crate::x509::certificate::Certificate;
use crate::x509::key::{KeyAlgorithm, PrivateKey};

/// Whether a certificate or file stays, is new, or changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It exists and is right.
    Kept,
    /// It does not exist.
    New,
    /// It exists and is not right, for these reasons.
    Changed(Vec<Reason>),
}

/// Why an existing certificate or file is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A leaf is a CA certificate.
    #[error("it is a CA certificate")]
    Authority,
    /// The contents of the file differ.
    #[error("its contents differ")]
    Contents,
    /// Its renewal was asked for.
    #[error("its renewal was asked for")]
    Asked,
    /// The certificate is due for renewal.
    #[error("it is due for renewal: it ends at {}", date(*not_after))]
    Due {
        /// The end of the certificate.
        not_after: OffsetDateTime,
    },
    /// The certificate has ended.
    #[error("it ended at {}", date(*not_after))]
    Ended {
        /// The end of the certificate.
        not_after: OffsetDateTime,
    },
    /// Another CA issued the certificate.
    #[error("the cluster's CA did not issue it")]
    Issuer,
    /// The key is of another kind.
    #[error("its key is {found}, not {wanted}")]
    KeyKind {
        /// The kind of the existing key.
        found: String,
        /// The described kind of key.
        wanted: KeyAlgorithm,
    },
    /// The certificate is for another key than the one in the file next to it.
    #[error("it does not belong to the key beside it")]
    KeyMismatch,
    /// The file of the key is missing.
    #[error("its key is missing")]
    KeyMissing,
    /// The certificate has another lifetime.
    #[error("it is valid for {} days, not {}", found.whole_days(), wanted.whole_days())]
    Lifetime {
        /// The lifetime of the existing certificate.
        found: Duration,
        /// The described lifetime.
        wanted: Duration,
    },
    /// The permission bits of the file differ.
    #[error("its mode is {found:04o}, not {wanted:04o}")]
    Mode {
        /// The existing permission bits.
        found: u32,
        /// The right permission bits.
        wanted: u32,
    },
    /// The subject alternative names differ.
    #[error("it is for {found}, not for {wanted}")]
    Names {
        /// The names in the existing certificate.
        found: String,
        /// The names that follow from the description.
        wanted: String,
    },
    /// The certificate is not valid yet.
    #[error("it is not valid before {}", date(*not_before))]
    NotYet {
        /// The first moment at which it is valid.
        not_before: OffsetDateTime,
    },
    /// The file has another owner.
    #[error("its owner is not {wanted}")]
    Owner {
        /// The user that should own the file.
        wanted: String,
    },
    /// The subject differs.
    #[error("its subject is {found}, not {wanted}")]
    Subject {
        /// The subject of the existing certificate.
        found: String,
        /// The described subject.
        wanted: String,
    },
    /// The certificate or key cannot be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// The error of reading it.
        reason: String,
    },
    /// The key usages or extended key usages differ.
    #[error("it may be used for {found}, not for {wanted}")]
    Usages {
        /// The usages of the existing certificate.
        found: String,
        /// The usages that follow from the layout.
        wanted: String,
    },
}

/// A certificate of a plan.
#[derive(Debug)]
pub struct PlannedCertificate {
    pub(crate) spec: CertificateSpec,
    pub(crate) change: Change,
    /// The existing certificate, if it stays: for good, or until an offline CA has signed another one.
    pub(crate) certificate: Option<Certificate>,
    /// The existing key, if it stays.
    pub(crate) key: Option<PrivateKey>,
    /// The request for an offline CA, if one has to sign the certificate.
    pub(crate) pending: Option<PendingRequest>,
}

/// A request that an offline CA has to sign.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    /// The existing request, if it is still right.
    pub(crate) request: Option<Zeroizing<Vec<u8>>>,
    /// Why the certificate that the CA has signed does not fit the request. Empty if the CA has not signed one.
    pub(crate) refused: Vec<Reason>,
}

/// A file or folder of a plan.
#[derive(Debug)]
pub struct PlannedFile {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) change: Change,
    pub(crate) content: Content,
    /// The lines that change in a text file.
    pub(crate) lines: Vec<DifferentLine>,
}

/// The contents of a file after the plan.
#[derive(Debug)]
pub(crate) enum Content {
    Folder,
    Bytes(Zeroizing<Vec<u8>>),
    /// A certificate that has to be issued: its index in the plan.
    Certificate(usize),
    /// A key that has to be generated: the index of its certificate.
    Key(usize),
    /// A request that has to be made: the index of its certificate.
    Request(usize),
    /// The [`Record`](crate::etcd::folder::record::Record), which can be written when everything is issued.
    Record,
    /// The [`Registry`](crate::etcd::folder::registry::Registry), and whether lines are added to it.
    Registry {
        grows: bool,
    },
}

pub(crate) const PUBLIC: u32 = 0o644;
pub(crate) const SECRET: u32 = 0o600;
pub(crate) const PROGRAM: u32 = 0o755;
pub(crate) const PUBLIC_FOLDER: u32 = 0o755;
pub(crate) const SECRET_FOLDER: u32 = 0o700;

/// A certificate of a plan after issuing.
#[derive(Debug)]
pub(crate) struct IssuedCertificate {
    pub(crate) spec: CertificateSpec,
    pub(crate) change: Change,
    /// `None` if an offline CA has to sign it and no older one is in use.
    pub(crate) certificate: Option<Certificate>,
    /// Whether an offline CA has to sign it.
    pub(crate) is_requested: bool,
    /// The PEM of the key, if it is new.
    pub(crate) new_key: Option<Zeroizing<String>>,
    /// The PEM of the request, if it is new.
    pub(crate) request: Option<String>,
}

impl PlannedCertificate {
    /// The identity of the certificate in the cluster.
    pub fn id(&self) -> &CertificateId {
        &self.spec.id
    }

    /// Whether the certificate stays, is new, or changes.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// The existing certificate, if it stays: for good, or until an offline CA has signed another one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether an offline CA has to sign the certificate.
    pub fn is_requested(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether a member cannot start before an offline CA has signed this certificate.
    pub(crate) fn blocks_start_of(&self, member: &str) -> bool {
        let is_of_member =
            self.id().role() != Role::Client && self.id().owner().is_some_and(|o| o.as_str() == member);
        is_of_member && self.is_requested() && self.certificate.is_none()
    }

    /// Whether the plan issues the certificate.
    pub(crate) fn is_issued(&self) -> bool {
        self.certificate.is_none() && !self.is_requested()
    }

    /// Whether the plan generates a key for the certificate.
    pub(crate) fn needs_key(&self) -> bool {
        self.certificate.is_none() && self.key.is_none()
    }
}

impl PlannedFile {
    /// The path relative to the output folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The user that should own the file.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether the file stays, is new, or changes.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Whether it is a file or a folder.
    pub fn kind(&self) -> FileKind {
        if matches!(self.content, Content::Folder) { FileKind::Folder } else { FileKind::File }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::New => "new",
            Self::Changed(_) => "changed",
        })
    }
}

impl PlannedFile {
    /// The path and contents of a public file whose contents do not depend on issuing.
    pub(crate) fn known(&self) -> Option<(&str, &[u8])> {
        match &self.content {
            Content::Bytes(bytes) if !is_secret(self.mode) => Some((&self.path, bytes)),
            _ => None,
        }
    }
}

impl Reason {
    /// Whether a new certificate for the same key, with the same contents but its dates, is the answer to it.
    pub fn is_of_renewal(&self) -> bool {
        matches!(self, Self::Asked | Self::Due { .. } | Self::Ended { .. })
    }
}

impl Change {
    /// The reasons of a change. Empty if there is no change.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Changed(reasons) => reasons,
            Self::Kept | Self::New => &[],
        }
    }
}
