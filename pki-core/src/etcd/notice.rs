//! What deserves a warning about a cluster.

use time::OffsetDateTime;

use crate::base::notice;
use crate::base::place::date;
use crate::x509;
use crate::x509::KeyAlgorithm;

/// What the operator should know about a cluster.
pub type Notice = notice::Notice<NoticeKind>;

/// A value, and what its user should know about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// Something about a certificate that was issued.
    #[error(transparent)]
    X509(x509::NoticeKind),
    /// The description asks for another CA than there is.
    #[error(
        "the CA stays as it is, with {found}, though the description says {wanted}: everything depends on it"
    )]
    CaKept {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// An option that will go.
    #[error("the option `{option}` is deprecated in etcd {version}{}", instead_of(*instead))]
    DeprecatedOption {
        /// Which.
        option: String,
        /// In which etcd.
        version: String,
        /// What to use.
        instead: Option<&'static str>,
    },
    /// A cluster of this size tolerates no more failures than one with a member less.
    #[error(
        "{members} members tolerate {tolerated} failure(s), no more than {} would: use an odd number",
        members - 1
    )]
    EvenMembers {
        /// How many members there are.
        members: usize,
        /// How many may fail.
        tolerated: usize,
    },
    /// A certificate ends soon.
    #[error("{certificate} ends at {}", date(*not_after))]
    EndsSoon {
        /// Which one.
        certificate: String,
        /// The earliest end in its chain.
        not_after: OffsetDateTime,
    },
    /// A folder belongs to nobody in the description.
    #[error("{path} is not in the description any more: it was left as it is and holds private keys")]
    Orphan {
        /// The folder, relative to the output folder.
        path: String,
    },
    /// The cluster trusts a CA that may have issued certificates for others.
    #[error("whoever has a certificate of {subject} can read and write everything in this cluster")]
    ForeignCa {
        /// The CA.
        subject: String,
    },
    /// A certificate's end was moved to its CA's end.
    #[error("{certificate} was to end at {} and ends with its CA at {}", date(*wanted), date(*not_after))]
    Clamped {
        /// Which one.
        certificate: String,
        /// The end that the description asks for.
        wanted: OffsetDateTime,
        /// The CA's end.
        not_after: OffsetDateTime,
    },
    /// A key stays although the description asks for another kind.
    #[error(
        "{certificate} keeps its key, which is {found}, not {wanted}: with a CA that is offline a new key would not fit \
         the certificate that is in use; delete {path} to have one made"
    )]
    KeyKept {
        /// Whose it is.
        certificate: String,
        /// What kind it is.
        found: String,
        /// What the description asks for.
        wanted: KeyAlgorithm,
        /// Where it is.
        path: String,
    },
    /// Two CAs that are one.
    #[error(
        "client-ca and peer-ca have one key, so the certificates of peers open the client port too: give each a CA of its \
         own"
    )]
    OneCa,
    /// One certificate for clients and peers.
    #[error(
        "with the layout shared-cert a member's key opens the client port and the peer port alike, here and on every \
         other member: least-privilege keeps them apart"
    )]
    SharedCertificates,
    /// A single member cannot fail.
    #[error("one member: every restart is an outage and a lost disk is a lost cluster")]
    SingleMember,
    /// What an offline CA has signed is not what it was asked for, and is not taken.
    #[error(
        "{answer} is not the certificate of {certificate} that is asked for: {}; sign {request} again",
        reasons.join("; ")
    )]
    WrongAnswer {
        /// The file.
        answer: String,
        /// Which certificate is asked for.
        certificate: String,
        /// What is different.
        reasons: Vec<String>,
        /// The file of the request.
        request: String,
    },
}

/// `: use `instead``, or nothing.
fn instead_of(instead: Option<&str>) -> String {
    instead.map(|instead| format!(": use `{instead}`")).unwrap_or_default()
}

impl From<x509::Notice> for Notice {
    fn from(notice: x509::Notice) -> Self {
        notice.map(NoticeKind::X509)
    }
}
