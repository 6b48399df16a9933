//! The files that are nothing but text: options, units, scripts.

use super::bootstrap::Start;
use super::cluster::{Cluster, Member, Style, UnitKind};
use super::host_path::HostPath;
use super::path::{CONTAINERS, HOST_UNITS};
use super::{container, deploy, discovery, env, unit, yaml};

/// A file and its text. `P` says where the path begins: on a host, or in the output folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered<P> {
    pub(super) path: P,
    pub(super) text: String,
    /// Whether it is to be run
    pub(super) is_program: bool,
}

impl<P> Rendered<P> {
    pub(super) fn text(path: P, text: String) -> Self {
        Self { path, text, is_program: false }
    }

    pub(super) fn program(path: P, text: String) -> Self {
        Self { path, text, is_program: true }
    }
}

/// The file of a member's options; none where a container is told them by flags.
pub(super) fn options_file(cluster: &Cluster) -> Option<HostPath> {
    match cluster.style() {
        _ if cluster.is_only_in_containers() => None,
        Style::Env => Some(cluster.hosts.config.join("etcd.env")),
        Style::Flags => None,
        Style::Yaml => Some(cluster.hosts.config.join("etcd.yaml")),
    }
}

/// On a member's host.
pub(super) fn member(cluster: &Cluster, member: &Member, start: &Start) -> Vec<Rendered<HostPath>> {
    let mut files = Vec::new();
    if let Some(path) = options_file(cluster) {
        let write = if cluster.style() == Style::Yaml { yaml::member } else { env::member };
        files.push(Rendered::text(path, write(cluster, member, start)));
    }
    let units = HostPath::known(HOST_UNITS);
    match cluster.unit() {
        UnitKind::Service => {
            let text = unit::service(cluster, member, start);
            files.push(Rendered::text(units.join("etcd.service"), text));
        }
        UnitKind::DropIn => {
            let path = units.join("etcd.service.d").join("10-etcdpki.conf");
            files.push(Rendered::text(path, unit::drop_in(cluster, member, start)));
        }
        UnitKind::None => {}
    }
    files
}

/// In the output folder.
pub(super) fn cluster(cluster: &Cluster, starts: &[Start]) -> Vec<Rendered<String>> {
    let mut files = vec![Rendered::program("deploy.sh".to_owned(), deploy::script(cluster, starts))];
    if let Some(domain) = &cluster.bootstrap.discovery_srv {
        files.push(Rendered::text("discovery.zone".to_owned(), discovery::zone(cluster, domain)));
    }
    if let Some(container) = &cluster.rendering.container {
        let members = cluster.members().iter().zip(starts);
        files.extend(members.map(|(member, start)| {
            let text = container::script(cluster, container, member, start);
            Rendered::program(format!("{CONTAINERS}/{}.sh", member.name()), text)
        }));
    }
    files
}
