//! Which certificates a plan makes anew although nothing else is wrong with them.

use crate::etcd::cluster::certificates::CertificateId;
use crate::etcd::cluster::layout::Role;

/// Which certificates are renewed. Their keys stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Renewal {
    /// Those of members and clients that are due by `renew-before` of the description.
    #[default]
    Due,
    /// All of members and clients.
    All,
    /// Those of these members and clients, and those with these identities, such as `etcd1 server`; no others.
    Named(Vec<String>),
    /// Those of the CAs with these roles, such as `client-ca`, or of all CAs if none is named; no others. A CA that would
    /// last less than a day longer is left out, so that a run which was stopped can be repeated.
    Authorities(Vec<String>),
    /// Those that have ended, also of CAs.
    Ended,
}

impl Renewal {
    /// What is to be done with a certificate that is right in every other way.
    pub(crate) fn of(&self, id: &CertificateId) -> Wish {
        match self {
            Self::Due => Wish::IfDue,
            Self::All => Wish::Renew,
            Self::Named(names) if names.iter().any(|name| is_named(id, name)) => Wish::Renew,
            Self::Named(_) | Self::Authorities(_) => Wish::Keep,
            Self::Ended => Wish::IfEnded,
        }
    }

    /// What is to be done with the certificate of a CA.
    pub(crate) fn of_authority(&self, role: Role) -> Wish {
        match self {
            Self::Authorities(names) if names.is_empty() || names.iter().any(|name| name == role.name()) => {
                Wish::Renew
            }
            Self::Ended => Wish::IfEnded,
            _ => Wish::Keep,
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
    /// It is renewed if it has ended.
    IfEnded,
    /// It stays, also if it is due.
    Keep,
}
