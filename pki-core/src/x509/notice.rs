//! What deserves a warning about a certificate that was issued.

use time::OffsetDateTime;

use crate::base::notice;
use crate::base::place::date;

/// What its user should know about a certificate that was issued.
pub type Notice = notice::Notice<NoticeKind>;

/// A value, and what its user should know about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A certificate that has its CA's own name.
    #[error("{name} is its CA's name too, so some programs take the certificate for self-signed")]
    NamedLikeIssuer {
        /// The name of both.
        name: String,
    },
    /// A server certificate without any name.
    #[error("no hosts: clients refuse a server certificate without any name or address")]
    NoHosts,
    /// A renewed certificate has another CA than before.
    #[error("it was issued by {was} and is now by {is}: whoever checks it must trust the new CA")]
    OtherIssuer {
        /// The CA before.
        was: String,
        /// The CA now.
        is: String,
    },
    /// A certificate will be useless before its date says so.
    #[error(
        "the certificate says {}, but its CA ends at {}: it is useless from then on",
        date(*not_after),
        date(*issuer_not_after)
    )]
    OutlivesIssuer {
        /// The certificate's own end.
        not_after: OffsetDateTime,
        /// The CA's end.
        issuer_not_after: OffsetDateTime,
    },
}
