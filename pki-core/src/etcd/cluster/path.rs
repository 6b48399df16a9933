//! The paths in the output folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

/// The folder of systemd units on a host (systemd.unit(5)).
pub(crate) const HOST_UNITS: &str = "/etc/systemd/system";

/// The record of the issued certificates.
pub(crate) const RECORD: &str = "cluster.lock.json";
/// The registry of what happened to certificates.
pub(crate) const REGISTRY: &str = "registry.jsonl";

/// What an operation on a running cluster has begun and not seen done.
pub(crate) const OPERATION: &str = "operation.json";

/// The folder of the CAs that were made for the cluster.
pub(crate) const AUTHORITIES: &str = "ca";
/// The folder with the files of the members' hosts.
pub(crate) const NODES: &str = "nodes";
/// The folder of the clients.
pub(crate) const CLIENTS: &str = "clients";
/// The file with the environment of etcdctl, in a client's folder.
pub(crate) const ETCDCTL: &str = "etcdctl.env";
/// The folder of the scripts that run members in containers.
pub(crate) const CONTAINERS: &str = "containers";
/// The folder of the requests for an offline CA.
pub(crate) const REQUESTS: &str = "requests";

/// The paths of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn in_folder(folder: &str, name: &str) -> Self {
        Self { certificate: format!("{folder}/{name}.pem"), key: format!("{folder}/{name}-key.pem") }
    }

    pub(crate) fn authority(name: &Label) -> Self {
        Self::in_folder(AUTHORITIES, name.as_str())
    }
}

/// The path of a certificate.
pub(crate) fn certificate(folder: &str, name: &Label) -> String {
    format!("{folder}/{name}.pem")
}

/// The path in the output folder of a file on a member's host.
pub(crate) fn on_node(member: &Label, host_path: &HostPath) -> String {
    format!("{}{host_path}", node(member))
}

/// The folder in the output folder that stands for the root of a member's host.
pub(crate) fn node(member: &Label) -> String {
    format!("{NODES}/{member}")
}

/// The folder of a client.
pub(crate) fn client_folder(client: &Label) -> String {
    format!("{CLIENTS}/{client}")
}

/// Two clusters for one output folder have the same name, so their files would be in the same folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are two descriptions of {name}")]
pub struct RepeatedCluster {
    /// The name of both clusters.
    pub name: Label,
    /// The index of the second cluster with this name.
    pub position: usize,
}

/// The output folder of each cluster: `output` for a single cluster, and for each of several clusters the folder of its
/// name in `output`.
///
/// ```
/// use std::path::{Path, PathBuf};
/// use pki_core::etcd::{Label, output_folders};
///
/// let (blue, green) = (Label::parse("blue")?, Label::parse("green")?);
/// assert_eq!(output_folders(Path::new("out"), &[&blue]), Ok(vec![PathBuf::from("out")]));
/// assert_eq!(output_folders(Path::new("out"), &[&blue, &green]), Ok(vec!["out/blue".into(), "out/green".into()]));
/// assert_eq!(output_folders(Path::new("out"), &[&blue, &green, &blue]).unwrap_err().position, 2);
/// # Ok::<(), pki_core::etcd::InvalidValue>(())
/// ```
///
/// # Errors
/// If two clusters have the same name.
pub fn output_folders(output: &Path, clusters: &[&Label]) -> Result<Vec<PathBuf>, RepeatedCluster> {
    let mut known = HashSet::new();
    if let Some((position, name)) = (0..).zip(clusters).find(|(_, name)| !known.insert(name.as_str())) {
        return Err(RepeatedCluster { name: (*name).clone(), position });
    }
    Ok(match clusters {
        [_] => vec![output.to_owned()],
        several => several.iter().map(|name| output.join(name.as_str())).collect(),
    })
}
