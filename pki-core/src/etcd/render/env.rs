//! Environment files: of members, for `EnvironmentFile=` of systemd, and of clients, for the `.` command of a shell.

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

/// `etcdctl.env`: the environment of etcdctl, for the shell that sources it. The paths in it follow the file when its
/// folder is moved, and no other variable is left in the shell.
pub(crate) fn client(cluster: &Cluster) -> String {
    let authority = cluster.layout().issuer(cluster.layout().server());
    let (authority, client) = (cluster.file(authority), cluster.file(Role::Client));
    let (name, endpoints) = (cluster.name(), quoted(&cluster.endpoints()));
    format!(
        "# For etcdctl and the cluster {name}. Written by etcdpki.
# In bash and zsh: . FOLDER/etcdctl.env
# Other shells do not tell where a file is that they read: cd FOLDER && . ./etcdctl.env
ETCDCTL_ENDPOINTS={endpoints}
ETCDCTL_CACERT=${{BASH_SOURCE:-$0}}
ETCDCTL_CACERT=$(CDPATH='' cd -- \"${{ETCDCTL_CACERT%/*}}/\" 2> /dev/null && pwd) || ETCDCTL_CACERT=
test -f \"$ETCDCTL_CACERT/etcdctl.env\" || ETCDCTL_CACERT=$(pwd)
if test -f \"$ETCDCTL_CACERT/etcdctl.env\"; then
    ETCDCTL_CERT=$ETCDCTL_CACERT/{client}.pem
    ETCDCTL_KEY=$ETCDCTL_CACERT/{client}-key.pem
    ETCDCTL_CACERT=$ETCDCTL_CACERT/{authority}.pem
    export ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
else
    unset ETCDCTL_ENDPOINTS ETCDCTL_CACERT
    echo 'etcdctl.env: change into its folder first, because this shell does not tell where the file is' >&2
    false
fi
"
    )
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
