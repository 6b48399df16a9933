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
    /// A host was written with a port, and is not in the certificate.
    #[error("{host:?} is left out, because names in certificates have no port: write {name:?}")]
    HostWithPort {
        /// The host as the user wrote it.
        host: String,
        /// The host without the port.
        name: String,
    },
    /// A host was written with characters outside ASCII.
    #[error("the certificate has the host {host:?} in its ASCII form, {ascii:?}")]
    InternationalHost {
        /// The host as the user wrote it.
        host: String,
        /// The host by IDNA, which the certificate has.
        ascii: String,
    },
    /// The request has a subjectAltName of its own that cannot be decoded.
    #[error(
        "the extension 2.5.29.17 (subjectAltName) in `extensions` is malformed: no CA will accept the request"
    )]
    MalformedSubjectAltName,
    /// A key of another of cfssl's files.
    #[error("`{key}` has no effect here: {instead}")]
    Misplaced {
        /// The key.
        key: String,
        /// Where it belongs.
        instead: &'static str,
    },
    /// cfssl has this setting, and the library does not use it.
    #[error("it has no effect here")]
    NoEffect,
    /// A profile was named, and there are no profiles to choose from.
    #[error("there are no profiles, so {name:?} means the default profile")]
    NoProfiles {
        /// The name of the profile.
        name: String,
    },
    /// Clients will never accept the certificate for this name.
    #[error("no client will accept the certificate for the host {host:?}: {reason}")]
    OddHost {
        /// The DNS name in the certificate.
        host: String,
        /// The property that no host name has.
        reason: &'static str,
    },
    /// The CA's path length is smaller than that of the new CA, and counts.
    #[error(
        "the profile's path length of {path_len} is more than the CA above it allows: \
         {limit} further CAs may follow"
    )]
    PathLenLimited {
        /// The path length in the profile.
        path_len: u8,
        /// The path length that remains.
        limit: u8,
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
    /// A value that is not used has a mistake.
    #[error("{reason}; it is not used here")]
    UnusedMistake {
        /// What is wrong with it.
        reason: String,
    },
    /// A profile that was not chosen has a mistake.
    #[error("the profile {name:?} cannot be used: {reason}")]
    UnusableProfile {
        /// The name of the profile.
        name: String,
        /// What is wrong with it.
        reason: String,
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
        let kind = match instead(&key, &fields) {
            Some(instead) => NoticeKind::Misplaced { key, instead },
            None => {
                let near = suggest::near(&key, fields).map(str::to_owned);
                NoticeKind::UnknownKey { key, near }
            }
        };
        Self::new(kind).at(place)
    }
}

/// Where a key belongs that is unknown among `fields`, if it is one of cfssl's other file.
fn instead(key: &str, fields: &[&str]) -> Option<&'static str> {
    let is_csr_json = fields.contains(&"hosts");
    let is_config = fields.contains(&"signing") || fields.contains(&"usages");
    match key {
        "expiry" | "usages" | "ca_constraint" | "signing" | "profiles" if is_csr_json => Some(
            "the lifetime and the usages of a certificate are in the ca-config's profile, and the lifetime of a CA is \
             in \"ca\": {\"expiry\": \"87600h\"}",
        ),
        "CN" | "hosts" | "names" | "key" | "ca" | "CA" if is_config => {
            Some("the name, the hosts and the key of a certificate are in the CSR JSON")
        }
        _ => None,
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
