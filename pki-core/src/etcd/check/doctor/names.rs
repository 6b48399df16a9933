//! Names of options that etcd does not know: old names, variables of other programs, and misspelt ones.

use crate::base::suggest;
use crate::etcd::option::EtcdOption;

/// What somebody probably meant by an unknown name.
pub(crate) enum Meant {
    /// An option of etcd 0.4 or 2, and what took its place; `None` if nothing did.
    Old(Option<&'static str>),
    /// A variable of a wrapper, an image or a script around etcd.
    OfOthers,
    /// An option whose name is spelled most like it.
    Misspelt(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// The options of etcd 0.4 to 3.3 that are gone, or have another name now (etcd, Documentation/configuration.md of 0.4.9,
/// 2.3.8 and 3.3).
const OLD: [(&str, Option<&str>); 33] = [
    ("addr", Some("advertise-client-urls")),
    ("advertise-client-url", Some("advertise-client-urls")),
    ("bind-addr", Some("listen-client-urls")),
    ("ca-file", Some("trusted-ca-file")),
    ("cluster-name", Some("initial-cluster-token")),
    ("cpu-profile", Some("enable-pprof")),
    ("cpuprofile", Some("enable-pprof")),
    ("experimental-auto-compaction-retention", Some("auto-compaction-retention")),
    ("experimental-grpc-addr", Some("listen-client-urls")),
    ("experimental-peer-client-cert-auth", Some("peer-client-cert-auth")),
    ("experimental-v3demo", None),
    ("graphite-host", None),
    ("heartbeat-timeout", Some("heartbeat-interval")),
    ("http-read-timeout", None),
    ("http-write-timeout", None),
    ("listen-client-addr", Some("listen-client-urls")),
    ("listen-peer-addr", Some("listen-peer-urls")),
    ("log-flush", None),
    ("max-cluster-size", None),
    ("peer-addr", Some("initial-advertise-peer-urls")),
    ("peer-bind-addr", Some("listen-peer-urls")),
    ("peer-ca-file", Some("peer-trusted-ca-file")),
    ("peers", Some("initial-cluster")),
    ("peers-file", Some("initial-cluster")),
    ("pprof", Some("enable-pprof")),
    ("promote-delay", None),
    ("remove-delay", None),
    ("snapshot-interval", Some("snapshot-count")),
    ("standby", None),
    ("sync-interval", None),
    ("trace", Some("log-level=debug")),
    ("vvv", Some("log-level=debug")),
    ("web-url", None),
];

/// Variables that images and wrappers of etcd read themselves, or that scripts around it have.
const OF_OTHERS: [&str; 37] = [
    "ca-dir",
    "cert-dir",
    "certs-dir",
    "cluster",
    "cluster-domain",
    "conf",
    "config-dir",
    "disable-prestop",
    "disable-store-member-id",
    "disaster-recovery",
    "download-url",
    "endpoint",
    "endpoints",
    "host",
    "hostname",
    "hosts",
    "image",
    "ip",
    "log-dir",
    "log-file",
    "new-members-env-file",
    "nodes",
    "on-k8s",
    "path",
    "peer-port",
    "client-port",
    "pki-dir",
    "port",
    "root",
    "root-password",
    "servers",
    "ssl-dir",
    "start-from-snapshot",
    "tls-dir",
    "init-snapshots-dir",
    "snapshots-dir",
    "volume-dir",
];

/// The last words of names that no option of etcd's ends with, and those of wrappers often do.
const LAST_WORDS: [&str; 25] = [
    "arg",
    "args",
    "arguments",
    "bin",
    "binary",
    "cmd",
    "command",
    "flags",
    "gid",
    "group",
    "home",
    "image",
    "opt",
    "options",
    "opts",
    "password",
    "pid",
    "registry",
    "repo",
    "repository",
    "tag",
    "uid",
    "user",
    "ver",
    "prefix",
];

/// What an unknown name, without `ETCD_` or dashes, was meant to be. Comparing with all options takes long, and is left
/// out if `compares` is false.
pub(crate) fn meant(name: &str, is_variable: bool, compares: bool) -> Meant {
    if let Some((_, instead)) = OLD.iter().find(|(old, _)| *old == name) {
        return Meant::Old(*instead);
    }
    let last = name.rsplit('-').next().unwrap_or_default();
    // A single letter of difference to an option is a slip.
    let is_slip = || EtcdOption::all().any(|option| is_near(name, option.name()));
    if is_variable
        && (OF_OTHERS.contains(&name) || LAST_WORDS.contains(&last) || is_folder_of_others(name))
        && !is_slip()
    {
        return Meant::OfOthers;
    }
    let near = compares.then(|| suggest::near(name, EtcdOption::all().map(EtcdOption::name))).flatten();
    near.map_or(Meant::Unknown, Meant::Misspelt)
}

/// etcd has two folders, and a name that resembles neither is of somebody else's.
fn is_folder_of_others(name: &str) -> bool {
    ["-dir", "-url", "-version"].iter().any(|end| name.ends_with(end))
}

/// Whether one letter is wrong, missing, too many, or two are exchanged.
fn is_near(name: &str, option: &str) -> bool {
    name.len().abs_diff(option.len()) <= 1 && strsim::damerau_levenshtein(name, option) <= 1
}
