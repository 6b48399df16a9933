//! What a user should know although the work can go on.

use std::fmt;

use time::OffsetDateTime;

use crate::etcd::Reason;
use crate::go::json::UnknownMember;
use crate::key::KeyAlgorithm;
use crate::place::{Place, date};
use crate::suggest;

/// Something that deserves a warning, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    kind: NoticeKind,
    place: Place,
}

/// The facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
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
    /// A certificate that has its CA's own name.
    #[error("{name} is its CA's name too, so some programs take the certificate for self-signed")]
    NamedLikeIssuer {
        /// The name of both.
        name: String,
    },
    /// A setting that cfssl has and that nothing here looks at.
    #[error("it has no effect here")]
    NoEffect,
    /// A server certificate without any name.
    #[error("no hosts: clients refuse a server certificate without any name or address")]
    NoHosts,
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
    /// A name that clients cannot match.
    #[error("the host {host:?} will not be matched by clients: {reason}")]
    OddHost {
        /// As written.
        host: String,
        /// Why.
        reason: &'static str,
    },
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
    /// A requester took a CA's usage through `copy_extensions`.
    #[error(
        "the request asked for {usage}, which is not among the profile's usages, and `copy_extensions` gave it: \
         without CA:TRUE it is of no use, but it should not be there"
    )]
    RequestedUsage {
        /// The usage, as RFC 5280 names it.
        usage: &'static str,
    },
    /// One certificate for clients and peers.
    #[error(
        "with the layout shared-cert a member's key opens the client port and the peer port alike, here and on every \
         other member: least-privilege keeps them apart"
    )]
    SharedCertificates,
    /// A single member cannot fail.
    #[error("one member: every restart is an outage and a lost disk is a lost cluster")]
    SingleMember,
    /// Spaces around a host were removed.
    #[error("spaces around the host {host:?} were removed")]
    UntrimmedHost {
        /// The host as written.
        host: String,
    },
    /// What an offline CA has signed is not what it was asked for, and is not taken.
    #[error(
        "{answer} is not the certificate of {certificate} that is asked for: {}; sign {request} again",
        in_a_row(reasons)
    )]
    WrongAnswer {
        /// The file.
        answer: String,
        /// Which certificate is asked for.
        certificate: String,
        /// What is different.
        reasons: Vec<Reason>,
        /// The file of the request.
        request: String,
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

/// `: did you mean `near`?`, or nothing.
fn instead_of(instead: Option<&str>) -> String {
    instead.map(|instead| format!(": use `{instead}`")).unwrap_or_default()
}

fn in_a_row(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; ")
}

pub(crate) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

impl Notice {
    pub(crate) fn new(kind: NoticeKind) -> Self {
        Self { kind, place: Place::default() }
    }

    #[must_use]
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// What there is to know.
    pub fn kind(&self) -> &NoticeKind {
        &self.kind
    }

    /// Where it was found.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl From<UnknownMember> for Notice {
    fn from(UnknownMember { key, place, fields }: UnknownMember) -> Self {
        let near = suggest::near(&key, fields).map(str::to_owned);
        Self::new(NoticeKind::UnknownKey { key, near }).at(place)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_unknown() {
            write!(f, "{}: ", self.place)?;
        }
        self.kind.fmt(f)
    }
}

/// A value, and what its reader should know about it.
#[derive(Debug, Clone)]
pub struct Noticed<T> {
    /// The value.
    pub value: T,
    /// What to tell the user.
    pub notices: Vec<Notice>,
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
