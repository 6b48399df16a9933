//! Secrets of Kubernetes, and kubeadm's part about an external etcd.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::base::WipedBuffer;
use crate::etcd::cluster::path::CLIENTS;
use crate::etcd::error::export::ExportError;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::export::Holder;
use crate::etcd::export::held;
use crate::etcd::export::yaml::{comment, line};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::safe::yaml::quoted;

/// A Secret of the type `kubernetes.io/tls` for each certificate, with the CA that issued it as `ca.crt`.
pub(crate) fn secrets(
    snapshot: &Snapshot,
    record: &Record,
    holder: Option<Holder<'_>>,
    namespace: Option<&str>,
    out: &mut WipedBuffer,
) -> Result<(), Error> {
    comment(
        out,
        &format!("Certificates and private keys of the etcd cluster {}. Made by etcdpki.", record.cluster),
    );
    for held in held::certificates(snapshot, record, holder)? {
        line(out, "---\napiVersion: v1\nkind: Secret");
        metadata(out, &held.object, namespace, &record.cluster);
        line(out, "type: kubernetes.io/tls\ndata:");
        let parts = [
            ("tls.crt", Some(held.pem)),
            ("tls.key", Some(held.key()?)),
            ("ca.crt", held.authority.map(|of| of.1)),
        ];
        for (name, bytes) in parts {
            let Some(bytes) = bytes else { continue };
            out.push(format!("  {name}: ").as_bytes());
            out.push(Zeroizing::new(STANDARD.encode(bytes)).as_bytes());
            out.push(b"\n");
        }
    }
    Ok(())
}

/// The `metadata` of an object.
pub(crate) fn metadata(out: &mut WipedBuffer, name: &str, namespace: Option<&str>, cluster: &str) {
    line(out, &format!("metadata:\n  name: {}", quoted(name)));
    if let Some(namespace) = namespace {
        line(out, &format!("  namespace: {}", quoted(namespace)));
    }
    // A value of a label has at most 63 characters.
    let part_of: String = held::object_name(cluster).chars().take(48).collect();
    line(
        out,
        &format!("  labels:\n    app.kubernetes.io/part-of: {}", quoted(part_of.trim_end_matches('-'))),
    );
}

/// The configuration that was made for a client of kubeadm, in the newest version of kubeadm's API. `ExternalEtcd` is the
/// same in `v1beta3` and `v1beta4`.
pub(crate) fn kubeadm(
    snapshot: &Snapshot,
    holder: Option<Holder<'_>>,
    out: &mut WipedBuffer,
) -> Result<(), Error> {
    let named = match holder {
        Some(Holder::Client(name)) => vec![name],
        Some(Holder::Member(_)) => Vec::new(),
        None => snapshot.names(CLIENTS),
    };
    for client in named {
        if let Some(entry) = snapshot.entry(&format!("{CLIENTS}/{client}/kubeadm-etcd.yaml"))? {
            let text = String::from_utf8_lossy(&entry.bytes);
            out.push(text.replace("kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4").as_bytes());
            return Ok(());
        }
    }
    Err(ErrorKind::Export(ExportError::NoKubeadm).into())
}
