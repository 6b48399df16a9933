//! Where things are in the output folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

/// On a host: the folder of units.
pub(crate) const HOST_UNITS: &str = "/etc/systemd/system";

/// What was issued.
pub(crate) const RECORD: &str = "cluster.lock.json";

/// The CAs of the cluster's own.
pub(crate) const AUTHORITIES: &str = "ca";
/// The members' hosts.
pub(crate) const NODES: &str = "nodes";
/// The clients.
pub(crate) const CLIENTS: &str = "clients";
/// In a client's folder: the file that tells etcdctl everything.
pub(crate) const ETCDCTL: &str = "etcdctl.env";
/// What runs the members in containers.
pub(crate) const CONTAINERS: &str = "containers";
/// What a CA that stays offline is to sign.
pub(crate) const REQUESTS: &str = "requests";

/// A certificate's file and its key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn in_folder(folder: &str, name: &Label) -> Self {
        Self { certificate: certificate(folder, name), key: format!("{folder}/{name}-key.pem") }
    }

    pub(crate) fn authority(name: &Label) -> Self {
        Self::in_folder(AUTHORITIES, name)
    }
}

/// The file of a certificate.
pub(crate) fn certificate(folder: &str, name: &Label) -> String {
    format!("{folder}/{name}.pem")
}

/// A path of a member's host, in the overlay that the output folder has for it.
pub(crate) fn on_node(member: &Label, host_path: &HostPath) -> String {
    format!("{}{host_path}", node(member))
}

/// The overlay of a member's host.
pub(crate) fn node(member: &Label) -> String {
    format!("{NODES}/{member}")
}

/// The folder of a client.
pub(crate) fn client_folder(client: &Label) -> String {
    format!("{CLIENTS}/{client}")
}

/// Two clusters that are made together have one name, so their files would go into one folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are two descriptions of {name}")]
pub struct RepeatedCluster {
    /// The name
    pub name: Label,
    /// The position of the second one with this name
    pub position: usize,
}

/// The output folder of each cluster that is made with others: `output` for one alone, and for each of several a
/// folder of its name in `output`.
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
