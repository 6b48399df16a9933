//! The trust layouts as they were agreed: which CA signs what, which files that makes, and what each
//! certificate is good for.

use super::product::{Tree, is_key};

pub struct Layout {
    pub name: &'static str,
    pub authorities: &'static [&'static str],
    /// What each member holds.
    pub members: &'static [Held],
    /// The CA of clients, and of the servers that they reach.
    pub clients: &'static str,
}

/// One of a member's certificates.
pub struct Held {
    pub role: &'static str,
    pub ca: &'static str,
    pub is_server: bool,
    pub is_client: bool,
}

pub const LAYOUTS: [&Layout; 3] = [&LEAST_PRIVILEGE, &SINGLE_CA, &SHARED_CERT];

/// Also what a description has that names none.
pub const LEAST_PRIVILEGE: Layout = Layout {
    name: "least-privilege",
    authorities: &["client-ca", "peer-ca"],
    members: &[
        Held { role: "gateway", ca: "client-ca", is_server: false, is_client: true },
        Held { role: "peer", ca: "peer-ca", is_server: true, is_client: true },
        Held { role: "server", ca: "client-ca", is_server: true, is_client: false },
    ],
    clients: "client-ca",
};

pub const SINGLE_CA: Layout = Layout {
    name: "single-ca",
    authorities: &["ca"],
    members: &[
        Held { role: "peer", ca: "ca", is_server: true, is_client: true },
        // etcd dials itself with the certificate that it serves.
        Held { role: "server", ca: "ca", is_server: true, is_client: true },
    ],
    clients: "ca",
};

pub const SHARED_CERT: Layout = Layout {
    name: "shared-cert",
    authorities: &["ca"],
    members: &[Held { role: "member", ca: "ca", is_server: true, is_client: true }],
    clients: "ca",
};

impl Layout {
    /// Three members on loopback addresses.
    pub fn three_members(&self) -> Tree {
        Tree::of_fixture(&format!("{}.yaml", self.name))
    }

    /// The CA that signed the certificate of this path, unless it is a CA's own.
    pub fn ca_of(&self, path: &str) -> Option<&'static str> {
        let role = path.rsplit('/').next().and_then(|file| file.strip_suffix(".pem"))?;
        if is_key(path) || self.authorities.contains(&role) {
            return None;
        }
        match self.members.iter().find(|held| held.role == role) {
            Some(held) => Some(held.ca),
            None if role == "client" => Some(self.clients),
            None => panic!("{path} has no part in {}", self.name),
        }
    }

    /// What `apply` makes of three members and the client root, each path with its mode.
    pub fn agreed(&self) -> Vec<(String, u32)> {
        let pair = |name: &str| [(format!("{name}.pem"), 0o644), (format!("{name}-key.pem"), 0o600)];
        let below = |folder: &str, files: Vec<(String, u32)>| {
            files.into_iter().map(|(path, mode)| (format!("{folder}/{path}"), mode)).collect::<Vec<_>>()
        };
        let mut agreed: Vec<(String, u32)> = [
            ("ca", 0o700),
            ("clients", 0o755),
            ("clients/root", 0o700),
            ("clients/root/etcdctl.env", 0o644),
            ("cluster.lock.json", 0o644),
            ("deploy.sh", 0o755),
            ("nodes", 0o755),
            ("registry.jsonl", 0o644),
        ]
        .map(|(path, mode)| (path.to_owned(), mode))
        .into();
        agreed.extend(below("ca", self.authorities.iter().flat_map(|name| pair(name)).collect()));
        agreed.extend(below("clients/root", pair("client").into()));
        agreed.push((format!("clients/root/{}.pem", self.clients), 0o644));
        for member in ["etcd1", "etcd2", "etcd3"] {
            let node = [
                ("", 0o755),
                ("/etc", 0o755),
                ("/etc/etcd", 0o755),
                ("/etc/etcd/etcd.env", 0o644),
                ("/etc/etcd/pki", 0o700),
                ("/etc/systemd", 0o755),
                ("/etc/systemd/system", 0o755),
                ("/etc/systemd/system/etcd.service", 0o644),
            ];
            agreed.extend(node.map(|(path, mode)| (format!("nodes/{member}{path}"), mode)));
            let mut pki: Vec<_> = self.members.iter().flat_map(|held| pair(held.role)).collect();
            pki.extend(self.authorities.iter().map(|ca| (format!("{ca}.pem"), 0o644)));
            agreed.extend(below(&format!("nodes/{member}/etc/etcd/pki"), pki));
        }
        agreed.sort();
        agreed
    }
}
