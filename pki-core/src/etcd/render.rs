//! The text files of a cluster: options, units, scripts.

pub(crate) mod container;
pub(crate) mod deploy;
pub(crate) mod env;
pub(crate) mod kubeadm;
pub(crate) mod unit;
pub(crate) mod yaml;
pub(crate) mod zone;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::path::{CONTAINERS, HOST_UNITS};
use crate::etcd::cluster::{Cluster, Member, Style, UnitKind};
use crate::etcd::safe::host_path::HostPath;

/// A text file. `P` is the type of its path: on a host, or in the output folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TextFile<P> {
    pub(crate) path: P,
    pub(crate) text: String,
    /// Whether the file is executable.
    pub(crate) is_program: bool,
}

impl<P> TextFile<P> {
    pub(crate) fn text(path: P, text: String) -> Self {
        Self { path, text, is_program: false }
    }

    pub(crate) fn program(path: P, text: String) -> Self {
        Self { path, text, is_program: true }
    }
}

/// The file with a member's options. `None` if they are flags of a unit or a container.
pub(crate) fn options_file(cluster: &Cluster) -> Option<HostPath> {
    match cluster.style() {
        _ if cluster.is_only_in_containers() => None,
        Style::Env => Some(cluster.hosts.config.join("etcd.env")),
        Style::Flags => None,
        Style::Yaml => Some(cluster.hosts.config.join("etcd.yaml")),
    }
}

/// The text files on a member's host.
pub(crate) fn member(cluster: &Cluster, member: &Member, start: &Start) -> Vec<TextFile<HostPath>> {
    let mut files = Vec::new();
    if let Some(path) = options_file(cluster) {
        let write = if cluster.style() == Style::Yaml { yaml::member } else { env::member };
        files.push(TextFile::text(path, write(cluster, member, start)));
    }
    let units = HostPath::known(HOST_UNITS);
    match cluster.unit() {
        UnitKind::Service => {
            let text = unit::service(cluster, member, start);
            files.push(TextFile::text(units.join("etcd.service"), text));
        }
        UnitKind::DropIn => {
            let path = units.join("etcd.service.d").join("10-etcdpki.conf");
            files.push(TextFile::text(path, unit::drop_in(cluster, member, start)));
        }
        UnitKind::None => {}
    }
    files
}

/// The text files in the output folder.
pub(crate) fn cluster(cluster: &Cluster, starts: &[Start]) -> Vec<TextFile<String>> {
    let mut files = vec![TextFile::program("deploy.sh".to_owned(), deploy::script(cluster, starts))];
    if let Some(domain) = &cluster.bootstrap.discovery_srv {
        files.push(TextFile::text("discovery.zone".to_owned(), zone::zone(cluster, domain)));
    }
    if let Some(container) = &cluster.startup.container {
        let members = cluster.members().iter().zip(starts);
        files.extend(members.map(|(member, start)| {
            let text = container::script(cluster, container, member, start);
            TextFile::program(format!("{CONTAINERS}/{}.sh", member.name()), text)
        }));
    }
    files
}
