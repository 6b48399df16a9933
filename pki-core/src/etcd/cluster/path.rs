//! Where things are in the output folder.

use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;

/// On a host: the folder of units.
pub(crate) const HOST_UNITS: &str = "/etc/systemd/system";

/// What was issued.
pub(crate) const LOCK: &str = "cluster.lock.json";

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
