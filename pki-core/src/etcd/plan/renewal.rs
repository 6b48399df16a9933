//! Which certificates a plan makes anew although nothing else is wrong with them.

use crate::etcd::cluster::certificates::CertificateId;

/// Which certificates of members and clients are renewed. Their keys stay, and CAs are never renewed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Renewal {
    /// Those that are due by `renew-before` of the description.
    #[default]
    Due,
    /// All.
    All,
    /// Those of these members and clients, and those with these identities, such as `etcd1 server`; no others.
    Named(Vec<String>),
}

impl Renewal {
    /// What is to be done with a certificate that is right in every other way.
    pub(crate) fn of(&self, id: &CertificateId) -> Wish {
        match self {
            Self::Due => Wish::IfDue,
            Self::All => Wish::Renew,
            Self::Named(names) if names.iter().any(|name| is_named(id, name)) => Wish::Renew,
            Self::Named(_) => Wish::Keep,
        }
    }
}

/// Whether a name stands for a certificate.
pub(crate) fn is_named(id: &CertificateId, name: &str) -> bool {
    id.owner().is_some_and(|owner| owner.as_str() == name) || id.to_string() == name
}

/// What is to be done with a certificate that is right in every other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is renewed if it is due.
    IfDue,
    /// It is renewed.
    Renew,
    /// It stays, also if it is due.
    Keep,
}
