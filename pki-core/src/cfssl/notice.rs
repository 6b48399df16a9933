//! Notices about cfssl's files, and about what was made from them.

use crate::base::notice;
use crate::base::suggest;
use crate::base::suggest::did_you_mean;
use crate::go::json::UnknownMember;
use crate::x509;

/// What the user should know about one of cfssl's files, or about what was made from it.
pub type Notice = notice::Notice<NoticeKind>;

/// A result with the [`Notice`]s about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A notice about the certificate that was issued.
    #[error(transparent)]
    X509(x509::NoticeKind),
    /// A list of hosts has an empty entry.
    #[error("an empty host becomes an empty DNS name: write \"hosts\": [] for no hosts")]
    EmptyHost,
    /// A host was written with characters outside ASCII.
    #[error("the certificate has the host {host:?} in its ASCII form, {ascii:?}")]
    InternationalHost {
        /// The host as the user wrote it.
        host: String,
        /// The host by IDNA, which the certificate has.
        ascii: String,
    },
    /// cfssl has this setting, and the library does not use it.
    #[error("it has no effect here")]
    NoEffect,
    /// Clients will never accept the certificate for this name.
    #[error("no client will accept the certificate for the host {host:?}: {reason}")]
    OddHost {
        /// The DNS name in the certificate.
        host: String,
        /// The property that no host name has.
        reason: &'static str,
    },
    /// An object of the file has a key several times.
    #[error("the key `{key}` is there several times, and the last value counts")]
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// The request took a usage of CAs through `copy_extensions`.
    #[error(
        "the certificate has the usage {usage} because the request asked for it and the profile has \
         `copy_extensions`: the profile's usages do not include it, and without CA:TRUE it has no effect"
    )]
    RequestedUsage {
        /// The usage by its name in RFC 5280.
        usage: &'static str,
    },
    /// Spaces around a host were removed.
    #[error("spaces around the host {host:?} were removed")]
    UntrimmedHost {
        /// The host with the spaces.
        host: String,
    },
    /// The file has a key that cfssl does not know.
    #[error("unknown key `{key}`{}", did_you_mean(near.as_deref()))]
    UnknownKey {
        /// The unknown key.
        key: String,
        /// The known key that is most similar, if one is similar enough.
        near: Option<String>,
    },
}

impl From<x509::Notice> for Notice {
    fn from(notice: x509::Notice) -> Self {
        notice.map(NoticeKind::X509)
    }
}

impl From<UnknownMember> for Notice {
    fn from(UnknownMember { key, place, is_repeated, fields }: UnknownMember) -> Self {
        if is_repeated {
            return Self::new(NoticeKind::RepeatedKey { key }).at(place);
        }
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
