//! Why something cannot be written for another tool.

/// What of an output folder another tool cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file for a host was asked for, and not which host.
    #[error("this format is for the host of one member, and no member is named")]
    NoHost {
        /// The members that there are.
        members: Vec<String>,
    },
    /// There is no member or client of this name.
    #[error("there is no {what} {name:?} in cluster.lock.json")]
    NoHolder {
        /// `member` or `client`.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No client has files for kubeadm.
    #[error("no client has a configuration of kubeadm")]
    NoKubeadm,
    /// A certificate or key is missing in the output folder.
    #[error("{path} is missing")]
    Missing {
        /// The path in the output folder.
        path: String,
    },
    /// Two objects of Kubernetes would have one name.
    #[error("{first:?} and {second:?} would both have the name {name} in Kubernetes")]
    OneName {
        /// The name.
        name: String,
        /// The certificate that has the name.
        first: String,
        /// The certificate that would have it too.
        second: String,
    },
    /// cert-manager has no words for what a certificate says.
    #[error("cert-manager cannot issue the certificate {certificate}: {reason}")]
    NotForCertManager {
        /// The certificate, such as `etcd1 server`.
        certificate: String,
        /// What it cannot say.
        reason: String,
    },
}

impl ExportError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoHost { members } => format!("name one of the members: {}", members.join(", ")),
            Self::NoHolder { what, known, .. } if known.is_empty() => {
                format!("there is no {what} at all: look whether this is the output folder that is meant")
            }
            Self::NoHolder { known, .. } => format!("name one of these: {}", known.join(", ")),
            Self::NoKubeadm => "write `kubeadm: true` at the client in the description, and make its files".to_owned(),
            Self::Missing { .. } => {
                "make the files that are missing from the description; if its CA is offline, it has to sign first".to_owned()
            }
            Self::OneName { .. } => {
                "Kubernetes' names have only small letters, digits and `-`: export the members and clients one by one, or \
                 rename one of them"
                    .to_owned()
            }
            Self::NotForCertManager { .. } => {
                "use Secrets with the certificates that were issued here".to_owned()
            }
        }
    }
}
