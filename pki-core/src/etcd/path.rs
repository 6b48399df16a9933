//! Where things are in the output folder.

use super::host_path::HostPath;
use super::label::Label;

/// On a host: the folder of units.
pub(super) const HOST_UNITS: &str = "/etc/systemd/system";

/// What was issued.
pub(super) const LOCK: &str = "cluster.lock.json";

/// The CAs of the cluster's own.
pub(super) const AUTHORITIES: &str = "ca";
/// The members' hosts.
pub(super) const NODES: &str = "nodes";
/// The clients.
pub(super) const CLIENTS: &str = "clients";
/// In a client's folder: the file that tells etcdctl everything.
pub(super) const ETCDCTL: &str = "etcdctl.env";
/// What runs the members in containers.
pub(super) const CONTAINERS: &str = "containers";
/// What a CA that stays offline is to sign.
pub(super) const REQUESTS: &str = "requests";

/// A certificate's file and its key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Pair {
    pub(super) fn in_folder(folder: &str, name: &Label) -> Self {
        Self { certificate: certificate(folder, name), key: format!("{folder}/{name}-key.pem") }
    }

    pub(super) fn authority(name: &Label) -> Self {
        Self::in_folder(AUTHORITIES, name)
    }
}

/// The file of a certificate.
pub(super) fn certificate(folder: &str, name: &Label) -> String {
    format!("{folder}/{name}.pem")
}

/// A path of a member's host, in the overlay that the output folder has for it.
pub(super) fn on_node(member: &Label, host_path: &HostPath) -> String {
    format!("{}{host_path}", node(member))
}

/// The overlay of a member's host.
pub(super) fn node(member: &Label) -> String {
    format!("{NODES}/{member}")
}

/// The folder of a client.
pub(super) fn client_folder(client: &Label) -> String {
    format!("{CLIENTS}/{client}")
}
