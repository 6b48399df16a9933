//! What kubeadm needs of a cluster that is not its own: `etcd.external`, and the files that it names.

use std::fmt::Write;

use super::cluster::Cluster;
use super::host_path::HostPath;
use super::yaml::quoted;

/// Where the three files are on the hosts of a control plane; the folders are kubeadm's own.
pub(super) struct Files {
    pub(super) authority: HostPath,
    pub(super) certificate: HostPath,
    pub(super) key: HostPath,
}

impl Files {
    pub(super) fn new() -> Self {
        Self {
            authority: HostPath::known("/etc/kubernetes/pki/etcd/ca.pem"),
            certificate: HostPath::known("/etc/kubernetes/pki/apiserver-etcd-client.pem"),
            key: HostPath::known("/etc/kubernetes/pki/apiserver-etcd-client-key.pem"),
        }
    }
}

/// `kubeadm-etcd.yaml`: what a `ClusterConfiguration` says of an external etcd (kubeadm API, `ExternalEtcd`; the
/// same from v1beta1 to v1beta4).
pub(super) fn configuration(cluster: &Cluster) -> String {
    let files = Files::new();
    let mut text = format!(
        "# The etcd cluster {}, for kubeadm: put `etcd` into your ClusterConfiguration.\n# Written by etcdpki.\n\
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
