//! What deserves a warning about one of cfssl's files, or about what was made of it.

use crate::base::notice;
use crate::base::suggest;
use crate::base::suggest::did_you_mean;
use crate::go::json::UnknownMember;
use crate::x509;

/// What its user should know about one of cfssl's files, or about what was made of it.
pub type Notice = notice::Notice<NoticeKind>;

/// A value, and what its user should know about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// Something about the certificate that was issued.
    #[error(transparent)]
    X509(x509::NoticeKind),
    /// An empty entry in a list of hosts.
    #[error("an empty host becomes an empty DNS name: write \"hosts\": [] for none")]
    EmptyHost,
    /// A host was written in letters outside ASCII.
    #[error("the host {host:?} stands in the certificate as {ascii:?}")]
    InternationalHost {
        /// As written.
        host: String,
        /// In ASCII.
        ascii: String,
    },
    /// A setting that cfssl has and that nothing here looks at.
    #[error("it has no effect here")]
    NoEffect,
    /// A name that clients cannot match.
    #[error("the host {host:?} will not be matched by clients: {reason}")]
    OddHost {
        /// As written.
        host: String,
        /// Why.
        reason: &'static str,
    },
    /// A requester took a CA's usage through `copy_extensions`.
    #[error(
        "the request asked for {usage}, which is not among the profile's usages, and `copy_extensions` gave it: \
         without CA:TRUE it is of no use, but it should not be there"
    )]
    RequestedUsage {
        /// The usage, as RFC 5280 names it.
        usage: &'static str,
    },
    /// Spaces around a host were removed.
    #[error("spaces around the host {host:?} were removed")]
    UntrimmedHost {
        /// The host as written.
        host: String,
    },
    /// A key that nothing reads.
    #[error("unknown key `{key}`{}", did_you_mean(near.as_deref()))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// What was probably meant.
        near: Option<String>,
    },
}

impl From<x509::Notice> for Notice {
    fn from(notice: x509::Notice) -> Self {
        notice.map(NoticeKind::X509)
    }
}

impl From<UnknownMember> for Notice {
    fn from(UnknownMember { key, place, fields }: UnknownMember) -> Self {
        let near = suggest::near(&key, fields).map(str::to_owned);
        Self::new(NoticeKind::UnknownKey { key, near }).at(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::go::json::Node;

    use super::*;

    #[test]
    fn unknown_keys_are_told_with_the_near_miss() {
        let node = Node::parse(r#"{"host":[]}"#, None).unwrap();
        let mut object = node.object().unwrap();
        object.ignore("hosts");
        let notices: Vec<String> = object.unknown().map(|member| Notice::from(member).to_string()).collect();
        assert_eq!(notices, ["1:9: host: unknown key `host`: did you mean `hosts`?"]);
    }
}
