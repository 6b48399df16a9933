//! The files of kubeadm for an external etcd: `etcd.external` of its configuration, and the paths in it.

use std::fmt::Write;

use crate::etcd::cluster::Cluster;
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::yaml::quoted;

/// The paths of the three files on the hosts of a control plane. kubeadm uses these folders itself.
pub(crate) struct Files {
    pub(crate) authority: HostPath,
    pub(crate) certificate: HostPath,
    pub(crate) key: HostPath,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            authority: HostPath::known("/etc/kubernetes/pki/etcd/ca.pem"),
            certificate: HostPath::known("/etc/kubernetes/pki/apiserver-etcd-client.pem"),
            key: HostPath::known("/etc/kubernetes/pki/apiserver-etcd-client-key.pem"),
        }
    }
}

/// `kubeadm-etcd.yaml`: the part of a `ClusterConfiguration` about an external etcd (kubeadm API, `ExternalEtcd`, which
/// is unchanged from v1beta1 to v1beta4).
pub(crate) fn configuration(cluster: &Cluster) -> String {
    let files = Files::new();
    let mut text = format!(
        "# The etcd cluster {}, for kubeadm: put `etcd` into your ClusterConfiguration.\n\
         # Written by etcdpki.\n\
         apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\netcd:\n  external:\n    endpoints:\n",
        cluster.name()
    );
    for url in cluster.members().iter().flat_map(|member| cluster.advertise_client_urls(member)) {
        let _ = writeln!(text, "      - {}", quoted(&url.to_string()));
    }
    let paths = [("caFile", &files.authority), ("certFile", &files.certificate), ("keyFile", &files.key)];
    for (key, path) in paths {
        let _ = writeln!(text, "    {key}: {}", quoted(path.as_str()));
    }
    text
}
