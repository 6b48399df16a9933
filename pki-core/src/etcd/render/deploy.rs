//! `deploy.sh`, the script that copies the files to the hosts and starts the members.

use std::fmt::Write;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::safe::shell::{quoted, word};
use crate::etcd::safe::url;

/// The part of the script that is the same for every cluster.
const BODY: &str = include_str!("deploy.sh");

/// The text of `deploy.sh`. Values of the description are in single quotes, and of types without characters that are
/// special in a shell, because the shells of the hosts read them too.
pub(crate) fn script(cluster: &Cluster, starts: &[Start]) -> String {
    let hosts = &cluster.hosts;
    let container = cluster.startup.container.as_ref().filter(|_| cluster.is_only_in_containers());
    let engine = container.map_or("", |container| container.engine.name());
    // etcd reads these files again for every connection.
    let mut pairs: Vec<String> = Vec::new();
    for role in cluster.member_roles() {
        for file in cluster.members().iter().map(|member| cluster.member_file(role, member.name())) {
            let pair = [format!("{file}-key.pem"), format!("{file}.pem")];
            if !pairs.contains(&pair[1]) {
                pairs.extend(pair);
            }
        }
    }
    let settings = [
        ("user", hosts.user.to_string()),
        ("binary", hosts.binary.to_string()),
        ("pki", hosts.pki.to_string()),
        ("data", hosts.data_dir.to_string()),
        ("unit", cluster.unit().name().to_owned()),
        ("engine", engine.to_owned()),
        ("series", format!("3.{}", cluster.version().minor())),
        ("certificates", pairs.join(" ")),
    ];
    let mut text = format!(
        "#!/usr/bin/env bash\n# Copies the files of the cluster {} to its hosts, and starts its members.\n\
         # Written by etcdpki: change the description, not this file.\nset -euo pipefail\n\n",
        cluster.name()
    );
    for (name, value) in settings {
        let _ = writeln!(text, "{name}={}", quoted(&value));
    }
    let _ = writeln!(
        text,
        "# For each member: name, destination of ssh, peer URLs, client URLs, initial cluster state, where it listens."
    );
    let lines = cluster.members().iter().zip(starts).map(|(member, start)| line(cluster, member, start));
    let _ = writeln!(text, "members={}\n", quoted(&lines.collect::<Vec<_>>().join("\n")));
    text + BODY
}

/// A script that puts files, which come as an archive of tar on its standard input, into their places on the host of a
/// member. It is the part of `deploy.sh` that does this.
pub(crate) fn install_command(cluster: &Cluster) -> String {
    let (user, pki) = (word(cluster.hosts.user.as_str()), word(cluster.hosts.pki.as_str()));
    format!(
        "LC_ALL=C; export LC_ALL; set -eu; umask 077\nuser={user}; pki={pki}\n{}\n",
        part("install_files")
    )
}

/// A script that prints facts about the host of a member, one a line: the part of `deploy.sh` that does this.
pub(crate) fn check_command(cluster: &Cluster, member: &Member) -> String {
    let hosts = &cluster.hosts;
    let container = cluster.startup.container.as_ref().filter(|_| cluster.is_only_in_containers());
    let (user, binary) = (word(hosts.user.as_str()), word(hosts.binary.as_str()));
    let (data, unit) = (word(hosts.data_dir.as_str()), cluster.unit().name());
    let engine = container.map_or("", |container| container.engine.name());
    let listen = [cluster.listen_client_urls(member), cluster.listen_peer_urls(member)].join(",");
    let listen = word(&listen.replace("https://", ""));
    format!(
        "LC_ALL=C; export LC_ALL; set -eu; umask 077\nuser={user}; binary={binary}; data={data}; unit={unit}; \
         engine={engine}; listen={listen}\n{}\n",
        part("check_host")
    )
}

/// A script that stops the member of a host, and moves its data aside. It prints where that is now.
pub(crate) fn set_aside_command(cluster: &Cluster) -> String {
    let data = word(&format!("{}/member", cluster.hosts.data_dir));
    let log = cluster.hosts.wal_dir.as_ref().map(|path| word(&path.to_string())).unwrap_or_default();
    format!(
        "LC_ALL=C; export LC_ALL; set -eu\nsystemctl stop etcd.service 2> /dev/null || true\nage=$(date -u +%Y%m%dT%H%M%SZ)\n\
         for place in {data} {log}; do\n  if test -e \"$place\"; then mv -T -- \"$place\" \"$place.$age\"; echo \
         \"$place.$age\"; fi\ndone\n"
    )
}

/// A script that starts the member of a host, and does not wait for it.
pub(crate) fn start_command() -> String {
    let script = BODY.split_once("\nstart_service='").and_then(|(_, rest)| rest.split_once("'\n"));
    let (script, _) = script.unwrap_or_default();
    format!("set -eu\n{script}")
}

/// The part of `deploy.sh` that runs on a host and has this name there.
fn part(name: &str) -> &'static str {
    let begins = format!("\nread -r -d '' {name} <<'END' || true\n");
    let script = BODY.split_once(&begins).and_then(|(_, rest)| rest.split_once("\nEND\n"));
    let (script, _) = script.unwrap_or_default();
    script
}

/// The line of one member in the script.
fn line(cluster: &Cluster, member: &Member, start: &Start) -> String {
    let (name, target, state) = (member.name(), member.ssh(), start.state.name());
    let peer = url::joined(&cluster.peer_urls(member));
    let client = url::joined(&cluster.advertise_client_urls(member));
    let listen = [cluster.listen_client_urls(member), cluster.listen_peer_urls(member)].join(",");
    format!("{name} {target} {peer} {client} {state} {}", listen.replace("https://", ""))
}
