//! Notices about certificates that were issued.

use time::OffsetDateTime;

use crate::base::notice;
use crate::base::place::date;
use crate::x509::certificate::Certificate;

/// What the user should know about a certificate that was issued.
pub type Notice = notice::Notice<NoticeKind>;

/// A result with the [`Notice`]s about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The certificate has ended already.
    #[error("the certificate ended on {}: no program accepts it", date(*not_after))]
    Ended {
        /// The last moment of the certificate.
        not_after: OffsetDateTime,
    },
    /// The certificate has the name of its CA.
    #[error("{name} is also the name of the CA, so some programs take the certificate for self-signed")]
    NamedLikeIssuer {
        /// The name of the certificate and of the CA.
        name: String,
    },
    /// A server certificate has no subject alternative names.
    #[error("no hosts: clients refuse a server certificate without any name or address")]
    NoHosts,
    /// A certificate was renewed by another CA than the one that issued it.
    #[error(
        "it was issued by {was} before and is issued by {is} now: every program that checks it must trust {is}"
    )]
    OtherIssuer {
        /// The name of the CA that issued the old certificate.
        was: String,
        /// The name of the CA that issued the new certificate.
        is: String,
    },
    /// The certificate ends after its CA.
    #[error(
        "the certificate is valid until {}, but its CA only until {}: after that, no program accepts the certificate",
        date(*not_after),
        date(*issuer_not_after)
    )]
    OutlivesIssuer {
        /// The last moment of the certificate.
        not_after: OffsetDateTime,
        /// The last moment of the CA.
        issuer_not_after: OffsetDateTime,
    },
}

/// A notice if the certificate has ended at `now`, though it was only just made.
pub(crate) fn ended(certificate: &Certificate, now: OffsetDateTime) -> Option<Notice> {
    let not_after = certificate.not_after();
    (not_after < now).then(|| Notice::new(NoticeKind::Ended { not_after }))
}
