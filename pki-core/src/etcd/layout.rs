//! Where things are: in the output folder, and on the hosts.

use super::label::Label;

/// On a host: the folder of certificates and keys.
pub(super) const HOST_PKI: &str = "/etc/etcd/pki";
/// On a host: the environment file of the unit.
pub(super) const HOST_ENV: &str = "/etc/etcd/etcd.env";
/// On a host: the unit.
pub(super) const HOST_UNIT: &str = "/etc/systemd/system/etcd.service";
/// On a host: the data.
pub(super) const HOST_DATA: &str = "/var/lib/etcd";
/// On a host: the user that etcd runs as.
pub(super) const HOST_USER: &str = "etcd";

/// In the output folder: what was issued.
pub(super) const LOCK: &str = "cluster.lock.json";

/// A certificate's file and its key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Pair {
    fn new(folder: &str, name: &str) -> Self {
        Self { certificate: format!("{folder}/{name}.pem"), key: format!("{folder}/{name}-key.pem") }
    }

    pub(super) fn ca() -> Self {
        Self::new("ca", "ca")
    }

    pub(super) fn server(member: &Label) -> Self {
        Self::new(&on_node(member, HOST_PKI), "server")
    }

    pub(super) fn peer(member: &Label) -> Self {
        Self::new(&on_node(member, HOST_PKI), "peer")
    }

    pub(super) fn client(client: &Label) -> Self {
        Self::new(&client_folder(client), "client")
    }
}

/// A path of a member's host, in the overlay that the output folder has for it.
pub(super) fn on_node(member: &Label, host_path: &str) -> String {
    format!("nodes/{member}{host_path}")
}

/// The folder of a client.
pub(super) fn client_folder(client: &Label) -> String {
    format!("clients/{client}")
}
