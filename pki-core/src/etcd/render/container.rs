//! The script that runs a member in a container.

use std::fmt::Write;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::settings::Setting;
use crate::etcd::cluster::{Cluster, Container, ContainerEngine, Member};
use crate::etcd::safe::shell::quoted;

/// `containers/NAME.sh`, which runs on the member's host. The options of etcd are flags, because container engines and
/// shells read quotes in environment files differently.
pub(crate) fn script(cluster: &Cluster, container: &Container, member: &Member, start: &Start) -> String {
    let hosts = &cluster.hosts;
    let settings = cluster.settings(member, start);
    let folders = hosts.data_folders();
    let user = quoted(hosts.user.as_str());
    let mut text = format!(
        "#!/bin/sh\n# Runs etcd member {} of the cluster {} in a container: as root, on the member's host.\n\
         # To have a changed one take the place of one that runs: {} rm --force etcd-{}\n\
         # Written by etcdpki: change the description, not this file.\nset -eu\n\n\
         # The files and the process belong to the host's user, by number: the image need not know it.\n\
         user=$(id -u -- {user})\ngroup=$(id -g -- {user})\n",
        member.name(),
        cluster.name(),
        container.engine.name(),
        member.name(),
    );
    for folder in &folders {
        let _ = writeln!(text, "install -d -m 0700 -o \"$user\" -g \"$group\" {}", quoted(folder.as_str()));
    }
    let mut options = vec![
        "--detach".to_owned(),
        format!("--name {}", quoted(&format!("etcd-{}", member.name()))),
        "--restart unless-stopped".to_owned(),
        "--network host".to_owned(),
        "--user \"$user:$group\"".to_owned(),
        "--read-only".to_owned(),
        "--cap-drop ALL".to_owned(),
        "--security-opt no-new-privileges".to_owned(),
        "--ulimit nofile=65536:65536".to_owned(),
    ];
    if container.engine == ContainerEngine::Podman {
        // SELinux would deny access to files that are not labelled for containers (podman-run(1)).
        options.push("--security-opt label=disable".to_owned());
    }
    if settings.iter().any(Setting::needs_privileged_port) {
        options.push("--cap-add NET_BIND_SERVICE".to_owned());
    }
    if settings.iter().any(Setting::locks_memory) {
        options.push("--ulimit memlock=-1:-1".to_owned());
    }
    options.push(format!("--volume {}", quoted(&format!("{0}:{0}:ro", hosts.pki))));
    options
        .extend(folders.iter().map(|folder| format!("--volume {}", quoted(&format!("{folder}:{folder}")))));
    options.push(format!("--entrypoint etcd {}", quoted(&container.image)));
    options.extend(settings.iter().map(|setting| quoted(&setting.flag())));
    let _ = write!(text, "\nexec {} run", container.engine.name());
    for option in options {
        let _ = write!(text, " \\\n  {option}");
    }
    text.push('\n');
    text
}
