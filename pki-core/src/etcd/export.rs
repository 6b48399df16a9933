//! What other tools deploy: the files of an output folder, as cloud-init, Butane, Kubernetes, cert-manager and kubeadm
//! read them.
//!
//! Everything is made from a [`Snapshot`] of the output folder, so it says what was issued and nothing else.
//!
//! ```
//! use pki_core::etcd::export::{ExportFormat, Holder, export};
//! use pki_core::etcd::Snapshot;
//!
//! let empty = Snapshot::new("/srv/etcd/out");
//! assert!(export(&empty, ExportFormat::CloudInit, Some(Holder::Member("etcd1")), None).is_err());
//! assert!(ExportFormat::CloudInit.has_keys() && !ExportFormat::CertManager.has_keys());
//! ```

mod cert_manager;
mod held;
mod kubernetes;
mod node;
mod yaml;

use zeroize::Zeroizing;

use crate::base::WipedBuffer;
use crate::etcd::cluster::path::{CLIENTS, NODES, RECORD};
use crate::etcd::error::export::ExportError;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;

/// What is made for which tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// User data for cloud-init that makes a new host a member.
    CloudInit,
    /// A Butane configuration, from which Ignition makes a new host a member.
    Butane,
    /// Secrets of Kubernetes with certificates and keys.
    KubernetesSecrets,
    /// Issuers and Certificates of cert-manager that say what was issued here.
    CertManager,
    /// `etcd.external` of kubeadm's configuration.
    Kubeadm,
}

impl ExportFormat {
    /// Whether the text has private keys.
    pub fn has_keys(self) -> bool {
        matches!(self, Self::CloudInit | Self::Butane | Self::KubernetesSecrets)
    }
}

/// Whose files are exported, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// A member.
    Member(&'a str),
    /// A client.
    Client(&'a str),
}

impl Holder<'_> {
    fn folder(self) -> String {
        match self {
            Self::Member(name) => format!("{NODES}/{name}"),
            Self::Client(name) => format!("{CLIENTS}/{name}"),
        }
    }
}

/// The text for a tool, of one holder or of all. `namespace` is that of Kubernetes' objects.
///
/// # Errors
/// [`ErrorKind::NotApplied`] without a record; [`ErrorKind::Export`] if there is no such holder, or the tool cannot say
/// what was issued; the errors of [`Snapshot::entry`].
pub fn export(
    snapshot: &Snapshot,
    format: ExportFormat,
    holder: Option<Holder<'_>>,
    namespace: Option<&str>,
) -> Result<Zeroizing<String>, Error> {
    let Some(record) = Record::open(snapshot)? else {
        return Err(ErrorKind::NotApplied { path: snapshot.root().join(RECORD) }.into());
    };
    if let Some(holder) = holder {
        check(&record, holder)?;
    }
    let mut text = WipedBuffer::default();
    match (format, holder) {
        (ExportFormat::CloudInit, Some(Holder::Member(name))) => {
            node::cloud_init(snapshot, &record, name, &mut text)?;
        }
        (ExportFormat::Butane, Some(Holder::Member(name))) => {
            node::butane(snapshot, &record, name, &mut text)?;
        }
        (ExportFormat::CloudInit | ExportFormat::Butane, _) => {
            return Err(ErrorKind::Export(ExportError::NoHost { members: members(&record) }).into());
        }
        (ExportFormat::KubernetesSecrets, _) => {
            kubernetes::secrets(snapshot, &record, holder, namespace, &mut text)?;
        }
        (ExportFormat::CertManager, _) => {
            cert_manager::certificates(snapshot, &record, holder, namespace, &mut text)?;
        }
        (ExportFormat::Kubeadm, _) => kubernetes::kubeadm(snapshot, holder, &mut text)?,
    }
    Ok(text.into_text())
}

/// Whether the record has a certificate of the holder. Folders of those who have left are not exported.
fn check(record: &Record, holder: Holder<'_>) -> Result<(), Error> {
    let folder = format!("{}/", holder.folder());
    if record.certificates.iter().any(|issued| issued.path.starts_with(&folder)) {
        return Ok(());
    }
    let (what, name, known) = match holder {
        Holder::Member(name) => ("member", name, members(record)),
        Holder::Client(name) => ("client", name, names(record, CLIENTS)),
    };
    Err(ErrorKind::Export(ExportError::NoHolder { what, name: name.to_owned(), known }).into())
}

fn members(record: &Record) -> Vec<String> {
    names(record, NODES)
}

/// The names of those who have a certificate below this folder.
fn names(record: &Record, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    let mut names: Vec<String> = Vec::new();
    for issued in &record.certificates {
        let name = issued.path.strip_prefix(&prefix).and_then(|rest| rest.split('/').next());
        if let Some(name) = name
            && names.iter().all(|known| known != name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests;
