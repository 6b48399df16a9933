//! Notices about a cluster: what was done, but should be known.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::base::notice;
use crate::base::place::date;
use crate::x509;
use crate::x509::KeyAlgorithm;

/// Something that the operator of a cluster should know.
pub type Notice = notice::Notice<NoticeKind>;

/// A value, and the notices about it.
pub type WithNotices<T> = notice::WithNotices<T, NoticeKind>;

/// What should be known: the facts of a [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeKind {
    /// About a certificate that was issued.
    #[error(transparent)]
    X509(x509::NoticeKind),
    /// The description asks for another key or lifetime than the CA has.
    #[error(
        "the CA keeps {found}, although the description says {wanted}: a CA is not replaced while certificates depend \
         on it"
    )]
    CaKept {
        /// What the CA has.
        found: String,
        /// What the description asks for.
        wanted: String,
    },
    /// A later version of etcd will not have an option.
    #[error("the option `{option}` is deprecated in etcd {version}{}", instead_of(*instead))]
    DeprecatedOption {
        /// The option's name.
        option: String,
        /// The version of etcd in the description.
        version: String,
        /// The option to use instead: `option` or `option=value`.
        instead: Option<&'static str>,
    },
    /// A cluster of this size tolerates no more failures than one with a member less.
    #[error(
        "a cluster of {members} members tolerates {tolerated} failure(s), no more than a cluster of {}: use an odd \
         number of members",
        members - 1
    )]
    EvenMembers {
        /// How many members there are.
        members: usize,
        /// How many may fail.
        tolerated: usize,
    },
    /// A certificate ends soon.
    #[error("the certificate {certificate} ends at {}", date(*not_after))]
    EndsSoon {
        /// The certificate, such as `etcd1 server`.
        certificate: String,
        /// The earliest end in its chain.
        not_after: OffsetDateTime,
    },
    /// The output folder has the folder of a member or client that the description does not have.
    #[error(
        "{path} is not in the description any more: it is left as it is, with private keys; delete it when it is not \
         needed"
    )]
    Orphan {
        /// The folder, relative to the output folder.
        path: String,
    },
    /// The cluster trusts a CA that may have issued certificates for others.
    #[error("everyone who has a certificate of {subject} can read and write everything in this cluster")]
    ForeignCa {
        /// The subject of the CA.
        subject: String,
    },
    /// A certificate ends earlier than described, because its CA does.
    #[error(
        "the certificate {certificate} ends with its CA at {}, and not at {}, as described",
        date(*not_after),
        date(*wanted)
    )]
    Clamped {
        /// The certificate, such as `etcd1 server`.
        certificate: String,
        /// The end that the description asks for.
        wanted: OffsetDateTime,
        /// The CA's end.
        not_after: OffsetDateTime,
    },
    /// A key stays although the description asks for another kind.
    #[error(
        "{certificate} keeps its key, which is {found}, not {wanted}: its CA is offline, and a new key would not fit \
         the certificate that is in use; delete {path} to have a new key generated"
    )]
    KeyKept {
        /// The certificate of the key, such as `etcd1 server`.
        certificate: String,
        /// The kind of the key that is there.
        found: String,
        /// The kind of key that the description asks for.
        wanted: KeyAlgorithm,
        /// The path of the key in the output folder.
        path: String,
    },
    /// Others can write to a folder above the files of the cluster.
    #[error(
        "other users can write to {} ({why}), so they can put files of their own in the place of the cluster's: run \
         chmod go-w on it, or use another folder",
        path.display()
    )]
    FolderForOthers {
        /// The output folder, or a folder above it.
        path: PathBuf,
        /// Its mode, or its owner.
        why: String,
    },
    /// Members have to be removed from the cluster, and nobody has seen that done.
    #[error(
        "it was not seen yet that {} left the cluster; until that is so, the cluster may count on members that are not \
         described", members.join(", ")
    )]
    Unfinished {
        /// The members that have to go.
        members: Vec<String>,
    },
    /// Others can read or write the key of a CA.
    #[error("other users of this machine can read or change the private key {}: run chmod 600 on it", path.display())]
    KeyForOthers {
        /// The file of the key.
        path: PathBuf,
    },
    /// The CA of clients and the CA of peers have the same key.
    #[error(
        "client-ca and peer-ca have the same key, so the client port accepts the certificates of peers too: use two \
         CAs with different keys"
    )]
    OneCa,
    /// A member has one certificate for clients and peers.
    #[error(
        "with the layout shared-cert, the client port and the peer port of every member accept the certificate of any \
         member: the layout least-privilege separates the two ports"
    )]
    SharedCertificates,
    /// A cluster of one member does not tolerate its failure.
    #[error(
        "a cluster of one member is not available while the member restarts, and is lost with the member's disk: use \
         three members"
    )]
    SingleMember,
    /// The certificate that an offline CA has signed is not the one that was requested, and is not used.
    #[error(
        "{answer} is not the certificate that was requested for {certificate}: {}; sign {request} again",
        reasons.join("; ")
    )]
    WrongAnswer {
        /// The file with the signed certificate.
        answer: String,
        /// The requested certificate, such as `etcd1 server`.
        certificate: String,
        /// The differences from the request.
        reasons: Vec<String>,
        /// The file with the request.
        request: String,
    },
}

/// The most names that a sentence about several certificates lists. Of more names it gives the number.
const MOST_NAMES: usize = 12;

/// What several notices say in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeGroup {
    /// The sentence.
    pub text: String,
    /// Whether the notices themselves say more: more names, or the files.
    pub is_shortened: bool,
}

/// The notices, where those that say one thing of several members, clients or certificates are one sentence.
///
/// ```
/// use pki_core::etcd::{Cluster, in_groups};
///
/// let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\n";
/// let cluster = Cluster::from_yaml(text, None)?;
/// assert_eq!(in_groups(&cluster.notices).len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn in_groups(notices: &[Notice]) -> Vec<NoticeGroup> {
    let mut groups: Vec<(&Notice, Vec<&str>)> = Vec::new();
    for notice in notices {
        let says_it = |other: &Notice| other.place() == notice.place() && other.kind().says_as(notice.kind());
        let name = notice.kind().name();
        match groups.iter_mut().find(|(first, _)| says_it(first)) {
            Some((_, names)) => names.extend(name.filter(|name| !names.contains(name))),
            None => groups.push((notice, name.into_iter().collect())),
        }
    }
    groups
        .iter()
        .map(|(first, names)| NoticeGroup {
            text: sentence(first, names),
            is_shortened: names.len() > MOST_NAMES || (names.len() > 1 && first.kind().has_file()),
        })
        .collect()
}

fn sentence(first: &Notice, names: &[&str]) -> String {
    if names.len() < 2 {
        return first.to_string();
    }
    let listed = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    let listed = match names.len().saturating_sub(MOST_NAMES) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    };
    match first.kind() {
        NoticeKind::EndsSoon { not_after, .. } => {
            format!("the certificates {listed} end at {}", date(*not_after))
        }
        NoticeKind::Clamped { wanted, not_after, .. } => format!(
            "the certificates {listed} end with their CA at {}, and not at {}, as described",
            date(*not_after),
            date(*wanted)
        ),
        NoticeKind::Orphan { .. } => format!(
            "{listed} are not in the description any more: they are left as they are, with private keys; delete them \
             when they are not needed"
        ),
        NoticeKind::KeyKept { found, wanted, .. } => format!(
            "{listed} keep their keys, which are {found}, not {wanted}: their CA is offline, and new keys would not fit \
             the certificates that are in use; delete a key to have a new one generated"
        ),
        _ => first.to_string(),
    }
}

impl NoticeKind {
    /// The certificate or folder that the notice is about, if others may be told in the same sentence.
    fn name(&self) -> Option<&str> {
        match self {
            Self::EndsSoon { certificate, .. }
            | Self::Clamped { certificate, .. }
            | Self::KeyKept { certificate, .. } => Some(certificate),
            Self::Orphan { path } => Some(path),
            _ => None,
        }
    }

    /// Whether the notice names a file that the sentence about several leaves out.
    fn has_file(&self) -> bool {
        matches!(self, Self::KeyKept { .. })
    }

    /// Whether the other notice says the same, be it of something else.
    fn says_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::EndsSoon { not_after: a, .. }, Self::EndsSoon { not_after: b, .. }) => {
                date(*a) == date(*b)
            }
            (
                Self::Clamped { wanted, not_after, .. },
                Self::Clamped { wanted: other_wanted, not_after: other_end, .. },
            ) => date(*wanted) == date(*other_wanted) && date(*not_after) == date(*other_end),
            (Self::KeyKept { found, wanted, .. }, Self::KeyKept { found: f, wanted: w, .. }) => {
                (found, wanted) == (f, w)
            }
            (Self::Orphan { .. }, Self::Orphan { .. }) => true,
            _ => self == other,
        }
    }
}

/// The end of the sentence about a deprecated option: ``: use `instead` ``, or nothing.
fn instead_of(instead: Option<&str>) -> String {
    instead.map(|instead| format!(": use `{instead}`")).unwrap_or_default()
}

impl From<x509::Notice> for Notice {
    fn from(notice: x509::Notice) -> Self {
        notice.map(NoticeKind::X509)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_is_said_of_several_is_one_sentence() {
        let end = datetime!(2027-01-01 12:00 UTC);
        let ends = |name: &str, not_after| {
            Notice::new(NoticeKind::EndsSoon { certificate: name.to_owned(), not_after })
        };
        let orphan = |path: &str| Notice::new(NoticeKind::Orphan { path: path.to_owned() });
        let all = [
            ends("a server", end),
            orphan("nodes/c"),
            ends("a peer", end),
            ends("b peer", end + time::Duration::days(1)),
            Notice::new(NoticeKind::OneCa),
            Notice::new(NoticeKind::OneCa),
            orphan("nodes/d"),
        ];
        let texts = in_groups(&all);
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts.iter().all(|group| !group.is_shortened));
        assert_eq!(texts[0].text, format!("the certificates a server, a peer end at {}", date(end)));
        assert!(texts[1].text.starts_with("nodes/c, nodes/d are not in the description"), "{texts:?}");
        assert_eq!(texts[2].text, all[3].to_string());
        let many: Vec<Notice> = (0..20).map(|number| ends(&format!("m{number}"), end)).collect();
        let [group] = in_groups(&many).try_into().unwrap();
        assert!(group.is_shortened && group.text.contains("m11 and 8 more end at"), "{group:?}");
    }

    #[test]
    fn a_sentence_without_the_files_is_shortened() {
        let kept = |member: &str| {
            Notice::new(NoticeKind::KeyKept {
                certificate: format!("{member} server"),
                found: "RSA 2048".to_owned(),
                wanted: KeyAlgorithm::default(),
                path: format!("nodes/{member}/etc/etcd/pki/server-key.pem"),
            })
        };
        let [one] = in_groups(&[kept("a")]).try_into().unwrap();
        assert!(!one.is_shortened && one.text.contains("nodes/a/"), "{one:?}");
        let [both] = in_groups(&[kept("a"), kept("b")]).try_into().unwrap();
        assert!(both.is_shortened && !both.text.contains("nodes/"), "{both:?}");
    }
}
