//! Environment files, for `EnvironmentFile=` of systemd and for the `.` command of a shell.

use std::fmt::Write;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::settings::Setting;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::option;
use crate::etcd::safe::shell;

/// `etcd.env`: the settings of a member, one per line.
pub(crate) fn member(cluster: &Cluster, member: &Member, start: &Start) -> String {
    let mut text = format!(
        "# etcd member {} of the cluster {}.\n# Written by etcdpki: change the description, not this file.\n",
        member.name(),
        cluster.name()
    );
    let mut last = "";
    for Setting { group, option, value } in cluster.settings(member, start) {
        if group != last {
            let _ = writeln!(text, "\n# {group}");
            last = group;
        }
        let _ = writeln!(text, "{}={}", option::variable(option), quoted(&value));
    }
    text
}

/// `etcdctl.env`: the environment of etcdctl. `folder` is the absolute path of the client's folder.
pub(crate) fn client(cluster: &Cluster, folder: &str) -> String {
    let authority = cluster.layout().issuer(cluster.layout().server());
    let variables = [
        ("ETCDCTL_ENDPOINTS", cluster.endpoints()),
        ("ETCDCTL_CACERT", format!("{folder}/{}.pem", cluster.file(authority))),
        ("ETCDCTL_CERT", format!("{folder}/{}.pem", cluster.file(Role::Client))),
        ("ETCDCTL_KEY", format!("{folder}/{}-key.pem", cluster.file(Role::Client))),
    ];
    let mut text = format!(
        "# For etcdctl and the cluster {}; in a shell: . etcdctl.env\n# Written by etcdpki.\n",
        cluster.name()
    );
    for (name, value) in &variables {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
    let _ = writeln!(text, "export {}", variables.map(|(name, _)| name).join(" "));
    text
}

/// A value that systemd (systemd.exec(5), `EnvironmentFile=`) and a shell (POSIX, Shell Command Language, 2.2.3) read
/// in the same way: without quotes, or in double quotes with backslashes. No quoting of a line break is the same for
/// both; the values have none.
fn quoted(value: &str) -> String {
    if shell::is_plain(value) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        if "\\\"$`".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_means_something_is_quoted() {
        assert_eq!(
            quoted("https://10.0.0.1:2379,https://10.0.0.2:2379"),
            "https://10.0.0.1:2379,https://10.0.0.2:2379"
        );
        assert_eq!(quoted("https://[::1]:2379"), "\"https://[::1]:2379\"");
        assert_eq!(quoted("/a b/$(x)`y`\"z\\"), r#""/a b/\$(x)\`y\`\"z\\""#);
        assert_eq!(quoted(""), "\"\"");
    }
}
