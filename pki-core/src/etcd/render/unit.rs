//! The systemd unit of a member: a whole unit, or a drop-in for the unit of the distribution.

use std::fmt::Write;

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::settings::Setting;
use crate::etcd::cluster::{Cluster, HostPaths, Member, Style};
use crate::etcd::render;
use crate::etcd::safe::host_path::HostPath;

/// The folder that `StateDirectory=` is relative to (systemd.exec(5)).
const STATE: &str = "/var/lib";

/// Writes a unit file. Values of the description go through [`data`] or [`word`], or have a type that needs no quotes.
#[derive(Default)]
struct Unit {
    text: String,
    /// Whether the file is a drop-in. Then a list of the unit is emptied before the list of the drop-in.
    is_drop_in: bool,
}

impl Unit {
    fn section(&mut self, name: &str) {
        let separator = if self.text.contains('[') { "\n" } else { "" };
        let _ = writeln!(self.text, "{separator}[{name}]");
    }

    fn comment(&mut self, text: &str) {
        let _ = writeln!(self.text, "# {text}");
    }

    fn set(&mut self, settings: &[(&str, &str)]) {
        for (key, value) in settings {
            let _ = writeln!(self.text, "{key}={value}");
        }
    }

    /// Writes a setting that is a set of words. The words in the unit below a drop-in do not count.
    fn only(&mut self, key: &str, words: &str) {
        if self.is_drop_in && !words.is_empty() {
            let _ = writeln!(self.text, "{key}=");
        }
        let _ = writeln!(self.text, "{key}={words}");
    }

    /// Writes a setting that is a list, one value per line. The values in the unit below a drop-in do not count: an
    /// empty assignment removes them (systemd.syntax(7)).
    fn replace(&mut self, key: &str, values: &[String]) {
        if self.is_drop_in {
            let _ = writeln!(self.text, "{key}=");
        }
        for value in values {
            let _ = writeln!(self.text, "{key}={value}");
        }
    }
}

/// Text in which systemd sees no specifiers: they begin with `%` (systemd.unit(5)).
fn data(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word of a command line (systemd.service(5), "Command lines").
fn word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars() {
        match c {
            '%' | '$' => word.extend([c, c]),
            '"' | '\\' => word.extend(['\\', c]),
            _ => word.push(c),
        }
    }
    let plain = |c: char| !c.is_whitespace() && !"'\";".contains(c);
    if word.chars().all(plain) { word } else { format!("\"{word}\"") }
}

/// `etcd.service`
pub(crate) fn service(cluster: &Cluster, member: &Member, start: &Start) -> String {
    let mut unit = Unit::default();
    unit.comment("Written by etcdpki: use `systemctl edit etcd` for changes of your own.");
    unit.section("Unit");
    let (member_name, cluster_name) = (data(member.name().as_str()), data(cluster.name().as_str()));
    unit.set(&[
        ("Description", &format!("etcd member {member_name} of {cluster_name}")),
        ("Documentation", "https://etcd.io/docs"),
    ]);
    body(&mut unit, cluster, member, start);
    unit.section("Install");
    unit.set(&[("WantedBy", "multi-user.target")]);
    unit.text
}

/// `etcd.service.d/10-etcdpki.conf`
pub(crate) fn drop_in(cluster: &Cluster, member: &Member, start: &Start) -> String {
    let mut unit = Unit { is_drop_in: true, ..Unit::default() };
    unit.comment(
        "Written by etcdpki, over the unit of the distribution: use a file that sorts after this one,",
    );
    unit.comment("such as that of `systemctl edit etcd`, for changes of your own.");
    unit.section("Unit");
    body(&mut unit, cluster, member, start);
    unit.text
}

/// The sections `[Unit]` and `[Service]`.
fn body(unit: &mut Unit, cluster: &Cluster, member: &Member, start: &Start) {
    let hosts = &cluster.hosts;
    let options = render::options_file(cluster);
    unit.set(&[
        ("Wants", "network-online.target time-sync.target"),
        ("After", "network-online.target time-sync.target"),
    ]);
    // systemd names the file that is missing, which is clearer than etcd's own errors.
    let authorities = cluster.layout().authorities().iter().map(|role| cluster.host_certificate(*role));
    let own = cluster.member_roles().into_iter().map(|role| cluster.host_pair(role, member).0);
    for path in options.iter().cloned().chain(authorities).chain(own) {
        unit.set(&[("AssertPathExists", path.as_str())]);
    }
    unit.set(&[("StartLimitIntervalSec", "0")]);
    let (states, others): (Vec<HostPath>, Vec<HostPath>) =
        hosts.data_folders().into_iter().partition(|folder| folder.below(STATE).is_some());
    for folder in &others {
        unit.set(&[("RequiresMountsFor", folder.as_str())]);
    }
    unit.section("Service");
    let user = hosts.user.as_str();
    unit.set(&[("Type", "notify"), ("User", user), ("Group", user)]);
    unit.replace("Environment", &[]);
    let environment = options.as_ref().filter(|_| cluster.style() == Style::Env);
    unit.replace("EnvironmentFile", &environment.iter().map(ToString::to_string).collect::<Vec<_>>());
    unit.comment("Copied files belong to the user that copied them, but only their owner can read keys.");
    // With `-h` a symbolic link that etcd's user made does not change the owner of its target.
    let mut before = vec![format!("+/bin/chown -hR {user}:{user} {}", hosts.pki)];
    // Root creates no folder in a folder of etcd's user, who could put a link there. etcd creates such a folder itself.
    let is_in_other = |folder: &HostPath| others.iter().any(|other| folder.below(other.as_str()).is_some());
    for folder in others.iter().filter(|folder| !is_in_other(folder)) {
        before.push(format!("+/usr/bin/install -d -m 0700 -o {user} -g {user} {folder}"));
    }
    unit.replace("ExecStartPre", &before);
    let settings = cluster.settings(member, start);
    unit.replace("ExecStart", &[command(cluster, &settings, options.as_ref())]);
    unit.set(&[("Restart", "always"), ("RestartSec", "5s")]);
    unit.comment("A member is ready when the cluster has a quorum, so start the members at the same time.");
    unit.set(&[("TimeoutStartSec", "15min"), ("TimeoutStopSec", "60s")]);
    let states: Vec<&str> = states.iter().filter_map(|folder| folder.below(STATE)).collect();
    if !states.is_empty() {
        unit.set(&[("StateDirectory", &states.join(" ")), ("StateDirectoryMode", "0700")]);
    }
    // With `-` the folder may be missing: `ExecStartPre=` creates it, and runs in the working directory too.
    let missing = if hosts.data_dir.below(STATE).is_some() { "" } else { "-" };
    unit.set(&[("WorkingDirectory", &format!("{missing}{}", hosts.data_dir)), ("LimitNOFILE", "65536")]);
    if settings.iter().any(Setting::locks_memory) {
        unit.set(&[("LimitMEMLOCK", "infinity")]);
    }
    unit.set(&[
        ("OOMScoreAdjust", "-999"),
        ("Nice", "-5"),
        ("IOSchedulingClass", "best-effort"),
        ("IOSchedulingPriority", "0"),
        ("UMask", "0077"),
    ]);
    sandbox(unit, hosts, &others, &settings);
}

/// The sandbox allows what etcd was observed to use: 62 system calls, all of them in @system-service, the data folder,
/// and sockets of four families. etcd reads `/proc/sys/net/core/somaxconn`, so `ProcSubset=pid` is not possible.
fn sandbox(unit: &mut Unit, hosts: &HostPaths, others: &[HostPath], settings: &[Setting]) {
    let paths = [&hosts.binary, &hosts.config, &hosts.pki, &hosts.data_dir];
    let is_below = |folders: &[&str]| {
        let mut paths = paths.into_iter().chain(others);
        paths.any(|path| folders.iter().any(|folder| path.below(folder).is_some()))
    };
    let home = if is_below(&["/home", "/root"]) { "read-only" } else { "yes" };
    let temporary = if is_below(&["/tmp", "/var/tmp"]) { "no" } else { "yes" };
    // The only capability for a port below 1024 (capabilities(7)).
    let privileged = settings.iter().any(Setting::needs_privileged_port);
    let capability = if privileged { "CAP_NET_BIND_SERVICE" } else { "" };
    unit.comment("The sandbox: etcd needs no more than this.");
    unit.set(&[("NoNewPrivileges", "yes")]);
    unit.only("CapabilityBoundingSet", capability);
    unit.only("AmbientCapabilities", capability);
    unit.set(&[("ProtectSystem", "strict"), ("ProtectHome", home)]);
    // With `-` a folder may be missing: systemd applies this setting to `ExecStartPre=` too, which creates the folder.
    for folder in others {
        unit.set(&[("ReadWritePaths", &format!("-{folder}"))]);
    }
    unit.set(&[
        ("PrivateTmp", temporary),
        ("PrivateDevices", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectClock", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectProc", "invisible"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RemoveIPC", "yes"),
    ]);
    unit.only("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK");
    unit.only("SystemCallArchitectures", "native");
    let calls = ["@system-service", "~@privileged @resources"];
    unit.replace("SystemCallFilter", &calls.map(str::to_owned));
    unit.set(&[("SystemCallErrorNumber", "EPERM")]);
}

/// The command line of etcd, for `ExecStart=`.
fn command(cluster: &Cluster, settings: &[Setting], options: Option<&HostPath>) -> String {
    let binary = &cluster.hosts.binary;
    match (cluster.style(), options) {
        (Style::Yaml, Some(file)) => format!("{binary} --config-file={file}"),
        (Style::Flags, _) => {
            let flags = settings.iter().map(|setting| word(&setting.flag()));
            std::iter::once(binary.to_string()).chain(flags).collect::<Vec<_>>().join(" \\\n  ")
        }
        (Style::Env | Style::Yaml, _) => binary.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_are_data() {
        assert_eq!(word("--name=etcd-1"), "--name=etcd-1");
        assert_eq!(word("a b"), "\"a b\"");
        assert_eq!(word("%n $HOME"), "\"%%n $$HOME\"");
        assert_eq!(word("a\"b\\c"), "\"a\\\"b\\\\c\"");
    }
}
