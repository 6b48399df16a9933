//! The systemd unit of a member.

use std::fmt::Write;

use super::cluster::{Cluster, Member};
use super::layout::{HOST_ENV, HOST_PKI, HOST_USER};

/// Where the distribution's package has etcd.
const ETCD: &str = "/usr/bin/etcd";

/// A unit file in the making. What comes from a description goes through [`data`].
struct Unit(String);

impl Unit {
    fn section(&mut self, name: &str) {
        let separator = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{separator}[{name}]");
    }

    fn comment(&mut self, text: &str) {
        let _ = writeln!(self.0, "# {text}");
    }

    fn set(&mut self, settings: &[(&str, &str)]) {
        for (key, value) in settings {
            let _ = writeln!(self.0, "{key}={value}");
        }
    }
}

/// Text that means nothing to systemd: `%` begins a specifier (systemd.unit(5)).
fn data(text: &str) -> String {
    text.replace('%', "%%")
}

/// `etcd.service`
///
/// The sandbox leaves what etcd was seen to use: 62 system calls, all in @system-service, its data folder, and
/// sockets of the families below. etcd reads `/proc/sys/net/core/somaxconn`, so /proc is not cut down further.
pub(super) fn member(cluster: &Cluster, member: &Member) -> String {
    let description =
        format!("etcd member {} of {}", data(member.name().as_str()), data(cluster.name().as_str()));
    let mut unit = Unit(String::new());
    unit.comment("Written by etcdpki: use `systemctl edit etcd` for changes of your own.");
    unit.section("Unit");
    unit.set(&[
        ("Description", &description),
        ("Documentation", "https://etcd.io/docs"),
        ("Wants", "network-online.target time-sync.target"),
        ("After", "network-online.target time-sync.target"),
        ("AssertPathExists", HOST_ENV),
        ("AssertPathExists", &format!("{HOST_PKI}/ca.pem")),
        ("AssertPathExists", &format!("{HOST_PKI}/server.pem")),
        ("AssertPathExists", &format!("{HOST_PKI}/peer.pem")),
        ("StartLimitIntervalSec", "0"),
    ]);
    unit.section("Service");
    unit.set(&[("Type", "notify"), ("User", HOST_USER), ("Group", HOST_USER), ("EnvironmentFile", HOST_ENV)]);
    unit.comment("Copied files belong to whoever copied them, and keys are for their owner only.");
    unit.set(&[
        ("ExecStartPre", &format!("+/bin/chown -R {HOST_USER}:{HOST_USER} {HOST_PKI}")),
        ("ExecStart", ETCD),
        ("Restart", "always"),
        ("RestartSec", "5s"),
    ]);
    unit.comment("A member is ready only when the cluster has a quorum: start the members in parallel.");
    unit.set(&[
        ("TimeoutStartSec", "15min"),
        ("TimeoutStopSec", "60s"),
        ("StateDirectory", "etcd"),
        ("StateDirectoryMode", "0700"),
        ("WorkingDirectory", "%S/etcd"),
        ("LimitNOFILE", "65536"),
        ("OOMScoreAdjust", "-999"),
        ("Nice", "-5"),
        ("IOSchedulingClass", "best-effort"),
        ("IOSchedulingPriority", "0"),
        ("UMask", "0077"),
    ]);
    unit.comment("The sandbox.");
    unit.set(&[
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
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
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RemoveIPC", "yes"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "@system-service"),
        ("SystemCallFilter", "~@privileged @resources"),
        ("SystemCallErrorNumber", "EPERM"),
    ]);
    unit.section("Install");
    unit.set(&[("WantedBy", "multi-user.target")]);
    unit.0
}
