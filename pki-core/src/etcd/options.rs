//! The options that a member runs with, by etcd's own names.

use super::address::MemberAddress;
use super::cluster::{Cluster, Member};
use super::layout::{HOST_DATA, HOST_PKI};

/// etcd's ports (IANA: etcd-client, etcd-server).
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// One option: `--name` is `name`, and `ETCD_NAME` in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EtcdOption {
    /// A line that says what follows; given where a new group begins.
    pub(super) comment: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) value: String,
}

impl EtcdOption {
    /// The name of the environment variable (etcd, server/etcdmain/help.go).
    pub(super) fn variable(&self) -> String {
        format!("ETCD_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

impl Member {
    /// The host that others find this member by.
    fn host(&self) -> String {
        match (self.addresses().first(), self.dns().first()) {
            (Some(address), _) => host(*address),
            (None, Some(name)) => name.to_string(),
            // A member without either cannot be made.
            (None, None) => String::new(),
        }
    }

    /// The URL that clients use.
    pub(super) fn client_url(&self) -> String {
        format!("https://{}:{CLIENT_PORT}", self.host())
    }

    fn peer_url(&self) -> String {
        format!("https://{}:{PEER_PORT}", self.host())
    }

    /// etcd listens on addresses only (etcd, server/embed/config.go, `checkBindURLs`).
    fn listen_urls(&self, port: u16) -> String {
        let urls: Vec<String> =
            self.addresses().iter().map(|address| format!("https://{}:{port}", host(*address))).collect();
        if urls.is_empty() { format!("https://0.0.0.0:{port}") } else { urls.join(",") }
    }
}

/// An address as a URL holds it.
fn host(address: MemberAddress) -> String {
    if address.ip().is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

impl Cluster {
    /// The URLs of all members, for clients.
    pub(super) fn endpoints(&self) -> String {
        self.members.iter().map(Member::client_url).collect::<Vec<_>>().join(",")
    }

    /// The options of one member.
    pub(super) fn options(&self, member: &Member) -> Vec<EtcdOption> {
        let initial_cluster: Vec<String> =
            self.members.iter().map(|member| format!("{}={}", member.name(), member.peer_url())).collect();
        let option = |name, value: String| EtcdOption { comment: None, name, value };
        let group = |comment, name, value: String| EtcdOption { comment: Some(comment), name, value };
        let file = |name| format!("{HOST_PKI}/{name}.pem");
        vec![
            group("This member.", "name", member.name().to_string()),
            option("data-dir", HOST_DATA.to_owned()),
            option("logger", "zap".to_owned()),
            group(
                "Where it listens, and where others find it.",
                "listen-client-urls",
                member.listen_urls(CLIENT_PORT),
            ),
            option("advertise-client-urls", member.client_url()),
            option("listen-peer-urls", member.listen_urls(PEER_PORT)),
            option("initial-advertise-peer-urls", member.peer_url()),
            group(
                "How the cluster first comes together; a member that has data ignores these.",
                "initial-cluster",
                initial_cluster.join(","),
            ),
            option("initial-cluster-token", self.name.to_string()),
            option("initial-cluster-state", "new".to_owned()),
            group("Clients must have a certificate.", "cert-file", file("server")),
            option("key-file", file("server-key")),
            option("client-cert-auth", "true".to_owned()),
            option("trusted-ca-file", file("ca")),
            group("Peers must have a certificate.", "peer-cert-file", file("peer")),
            option("peer-key-file", file("peer-key")),
            option("peer-client-cert-auth", "true".to_owned()),
            option("peer-trusted-ca-file", file("ca")),
        ]
    }
}
