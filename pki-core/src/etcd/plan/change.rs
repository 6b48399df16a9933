//! What a plan does with each certificate and each file, and why.

use std::fmt;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::base::place::date;
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::layout::Role;
use crate::etcd::folder::output::is_secret;
use crate::etcd::folder::snapshot::{FileKind, Owner};
use crate::x509::certificate::Certificate;
use crate::x509::key::{KeyAlgorithm, PrivateKey};

/// Whether something is right already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there and right.
    Kept,
    /// It is not there.
    New,
    /// It is there, but not right.
    Changed(Vec<Reason>),
}

/// Why something that is there is not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is a CA's.
    #[error("it is a CA's")]
    Authority,
    /// The contents are not what they should be.
    #[error("its contents differ")]
    Contents,
    /// It has ended.
    #[error("it ended at {}", date(*not_after))]
    Ended {
        /// When.
        not_after: OffsetDateTime,
    },
    /// The CA did not issue it.
    #[error("the cluster's CA did not issue it")]
    Issuer,
    /// Its key is of another kind.
    #[error("its key is {found}, not {wanted}")]
    KeyKind {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: KeyAlgorithm,
    },
    /// It does not belong to the key beside it.
    #[error("it does not belong to the key beside it")]
    KeyMismatch,
    /// It is valid for another time.
    #[error("it lives for {} days, not {}", found.whole_days(), wanted.whole_days())]
    Lifetime {
        /// How long it lives.
        found: Duration,
        /// How long it should.
        wanted: Duration,
    },
    /// Its permissions are wrong.
    #[error("its mode is {found:04o}, not {wanted:04o}")]
    Mode {
        /// What they are.
        found: u32,
        /// What they should be.
        wanted: u32,
    },
    /// Names are missing, or there are too many.
    #[error("it is for {found}, not for {wanted}")]
    Names {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// It is not valid yet.
    #[error("it is not valid before {}", date(*not_before))]
    NotYet {
        /// From when on it is.
        not_before: OffsetDateTime,
    },
    /// Its owner is wrong.
    #[error("its owner is not {wanted}")]
    Owner {
        /// Who should own it.
        wanted: String,
    },
    /// Its subject is another.
    #[error("its subject is {found}, not {wanted}")]
    Subject {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// It allows other usages.
    #[error("it may be used for {found}, not for {wanted}")]
    Usages {
        /// What it allows.
        found: String,
        /// What it should allow.
        wanted: String,
    },
}

/// A certificate of the plan.
#[derive(Debug)]
pub struct PlannedCertificate {
    pub(crate) spec: CertificateSpec,
    pub(crate) change: Change,
    /// The certificate that is kept: for good, or until an offline CA has signed another one.
    pub(crate) certificate: Option<Certificate>,
    /// The key that is kept, if it was there.
    pub(crate) key: Option<PrivateKey>,
    /// Some if an offline CA has to be asked for it
    pub(crate) pending: Option<PendingRequest>,
}

/// What an offline CA is asked.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    /// The request that was made before, if it still is right
    pub(crate) request: Option<Zeroizing<Vec<u8>>>,
    /// Why what the CA has signed is not what it was asked for; empty if there is nothing
    pub(crate) refused: Vec<Reason>,
}

/// A file or folder of the plan.
#[derive(Debug)]
pub struct PlannedFile {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) change: Change,
    pub(crate) content: Content,
}

/// What a file will hold.
#[derive(Debug)]
pub(crate) enum Content {
    Folder,
    Bytes(Zeroizing<Vec<u8>>),
    /// A certificate that is to be issued, by its place in the plan.
    Certificate(usize),
    /// A key that is to be made, by its certificate's place in the plan.
    Key(usize),
    /// A request that is to be made, by its certificate's place in the plan.
    Request(usize),
    /// [`Record`](crate::etcd::folder::record::Record), once everything is issued.
    Record,
}

pub(crate) const PUBLIC: u32 = 0o644;
pub(crate) const SECRET: u32 = 0o600;
pub(crate) const PROGRAM: u32 = 0o755;
pub(crate) const PUBLIC_FOLDER: u32 = 0o755;
pub(crate) const SECRET_FOLDER: u32 = 0o700;

/// A certificate of the plan with everything that it lacked.
#[derive(Debug)]
pub(crate) struct IssuedCertificate {
    pub(crate) spec: CertificateSpec,
    pub(crate) change: Change,
    /// None if an offline CA is asked for it and none is in use yet
    pub(crate) certificate: Option<Certificate>,
    /// Whether an offline CA is asked for it
    pub(crate) is_requested: bool,
    /// The text of a new key
    pub(crate) new_key: Option<Zeroizing<String>>,
    /// The text of a new request
    pub(crate) request: Option<String>,
}

impl PlannedCertificate {
    /// Which one.
    pub fn id(&self) -> &CertificateId {
        &self.spec.id
    }

    /// Whether it is right already.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// The certificate, if it is kept: for good, or until an offline CA has signed another one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether an offline CA has to be asked for it.
    pub fn is_requested(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether a member cannot start before an offline CA has signed this.
    pub(crate) fn blocks_start_of(&self, member: &str) -> bool {
        let is_its =
            self.id().role() != Role::Client && self.id().owner().is_some_and(|o| o.as_str() == member);
        is_its && self.is_requested() && self.certificate.is_none()
    }

    /// Whether it has to be issued.
    pub(crate) fn is_issued(&self) -> bool {
        self.certificate.is_none() && !self.is_requested()
    }

    /// Whether a key has to be made for it.
    pub(crate) fn needs_key(&self) -> bool {
        self.certificate.is_none() && self.key.is_none()
    }
}

impl PlannedFile {
    /// Its path in the output folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Who should own it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether it is right already.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// File or folder.
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
    /// Path and contents of a public file that is known before anything is issued.
    pub(crate) fn known(&self) -> Option<(&str, &[u8])> {
        match &self.content {
            Content::Bytes(bytes) if !is_secret(self.mode) => Some((&self.path, bytes)),
            _ => None,
        }
    }
}

impl Change {
    /// Why it is not right.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Changed(reasons) => reasons,
            Self::Kept | Self::New => &[],
        }
    }
}
