//! What is said about units, options, addresses, clusters and trust, and where it begins.

use super::*;
use crate::etcd::check::doctor::tests::{ENV, Files, UNIT, all_say, edit, edited, healthy};

fn unit(from: &str, to: &str) -> Files {
    edited(UNIT, from, to)
}

fn env(from: &str, to: &str) -> Files {
    edited(ENV, from, to)
}

fn line(line: &str) -> Files {
    env("ETCD_NAME=a\n", &format!("ETCD_NAME=a\n{line}\n"))
}

#[test]
fn what_is_wrong_with_a_unit_is_told() {
    let start = |command: &str| unit("ExecStart=/usr/bin/etcd", &format!("ExecStart={command}"));
    all_say(vec![
        (start("~/bin/etcd"), vec!["E101 `~/bin/etcd` is no absolute path"]),
        (start("-$HOME/etcd"), vec!["E101 `$HOME/etcd` is no absolute path"]),
        (start("bin/etcd"), vec!["E101 `bin/etcd` is no absolute path"]),
        (start("@/usr/bin/etcd"), vec![]),
        (start("etcd"), vec![]),
        (start("\"/usr/bin/etcd\""), vec![]),
        (
            unit("After=network-online.target", "After=network-onlin.target"),
            vec![
                "E102 After=network-onlin.target: there is no such unit: did you mean network-online.target?",
            ],
        ),
        (
            unit("After=network-online.target", "After=bogus-thing.target"),
            vec!["E102 After=bogus-thing.target: systemd has no such target"],
        ),
        (
            unit("After=network-online.target", "After=dockr.service"),
            vec!["E102 After=dockr.service: there is no such unit: did you mean docker.service?"],
        ),
        (unit("After=network-online.target", "After=bogus.service"), vec![]),
        (unit("User=etcd", "User=0"), vec!["E111 User=0"]),
        (unit("User=etcd\n", ""), vec!["E111 there is no `User=`, so that it is root"]),
        (unit("User=etcd\n", "DynamicUser=yes\n"), vec![]),
        (
            unit("TimeoutStartSec=15min", "TimeoutStartSec=infinity"),
            vec!["E109 TimeoutStartSec=infinity with Type=notify"],
        ),
        (unit("TimeoutStartSec=15min", "TimeoutSec=0"), vec!["E109 TimeoutSec=0 with Type=notify"]),
        (
            unit("Restart=always", "Restart=no").tap("TimeoutStartSec=15min", "TimeoutStartSec=119"),
            vec!["E110 Type=notify, 119 to start, and no Restart= that tries again"],
        ),
        (
            unit("Restart=always", "Restart=no").tap("TimeoutStartSec=15min", "TimeoutStartSec=1min 30sec"),
            vec!["E110 Type=notify, 1min 30sec to start, and no Restart= that tries again"],
        ),
        (
            unit("Restart=always", "Restart=no").tap("TimeoutStartSec=15min\n", ""),
            vec!["E110 Type=notify, systemd's 90 s to start, and no Restart= that tries again"],
        ),
        (unit("Restart=always", "Restart=no").tap("TimeoutStartSec=15min", "TimeoutStartSec=120"), vec![]),
        (
            unit("Restart=always", "Restart=on-failure").tap("TimeoutStartSec=15min", "TimeoutStartSec=30"),
            vec![],
        ),
        (
            unit("Restart=always", "Restart=on-abnormal").tap("TimeoutStartSec=15min", "TimeoutStartSec=30"),
            vec![],
        ),
        (unit("Type=notify", "Type=simple").tap("Restart=always", "Restart=no").tap("=15min", "=30"), vec![]),
        (start("/usr/bin/etcd --log-level=${LEVEL}"), vec!["E106 ${LEVEL} is not set"]),
        (unit("User=etcd", "User=etcd\nsome junk"), vec!["E108 \"some junk\" is no setting"]),
    ]);
}

/// One more edit.
trait Tap {
    fn tap(self, from: &str, to: &str) -> Self;
}

impl Tap for Files {
    fn tap(mut self, from: &str, to: &str) -> Self {
        edit(&mut self, UNIT, from, to);
        self
    }
}

#[test]
fn times_of_systemd_are_read() {
    for (text, seconds) in [
        ("0", None),
        ("infinity", None),
        ("90", Some(90.0)),
        ("2min", Some(120.0)),
        ("2 minutes", Some(120.0)),
        ("1 minute 30 sec", Some(90.0)),
        ("1h", Some(3600.0)),
        ("bogus", Some(f64::MAX)),
    ] {
        assert_eq!(start_timeout(text), seconds, "{text}");
    }
    for (name, other, is) in [
        ("docker", "dockr", true),
        ("docker", "docker", true),
        ("docker", "dccker", true),
        ("docker", "dccler", false),
        ("docker", "dockers2", false),
        ("docker", "xdocker", true),
        ("docker", "dcoker", false),
    ] {
        assert_eq!((is_slip(name, other), is_slip(other, name)), (is, is), "{name} {other}");
    }
}

#[test]
fn what_is_wrong_with_options_is_told() {
    let flags = |more: &str| unit("ExecStart=/usr/bin/etcd", &format!("ExecStart=/usr/bin/etcd {more}"));
    let path = "/out/nodes/a/etc/etcd/etcd.env";
    let conflict = format!("E201 --name is also set at {path}:");
    let found = crate::etcd::check::doctor::tests::problems(
        &flags("--name=a"),
        crate::etcd::EtcdVersion::V3_5,
        crate::etcd::check::doctor::tests::NOW,
    );
    assert!(
        found.len() == 1 && found[0].starts_with(&conflict) && found[0].ends_with(", by ETCD_NAME"),
        "{found:?}"
    );
    all_say(vec![
        (flags("--log-levl=info"), vec!["E202 there is no --log-levl: did you mean --log-level?"]),
        (flags("--xyzzyqq=1"), vec!["E202 there is no --xyzzyqq"]),
        (line("ETCD_LOG_LEVL=info"), vec!["E203 there is no ETCD_LOG_LEVL: did you mean ETCD_LOG_LEVEL?"]),
        (flags("info --log-level=info"), vec!["E209 `info` is no flag, and etcd takes nothing else"]),
        (line("ETCD_LOG_LEVEL="), vec!["E210 ETCD_LOG_LEVEL is empty"]),
        (flags("--snapshot-count=100000"), vec![]),
        (
            flags("--snapshot-count=100001"),
            vec!["E212 --snapshot-count=100001, where etcd 3.5 itself has 100000"],
        ),
        (line("ETCDCTL_API=2"), vec!["E214 ETCDCTL_API=2"]),
    ]);
}

#[test]
fn what_is_wrong_with_addresses_and_clusters_is_told() {
    all_say(vec![
        (
            env("ADVERTISE_CLIENT_URLS=https://10.0.0.1:2379", "ADVERTISE_CLIENT_URLS=https://10.0.0.1:2380"),
            vec!["E302 https://10.0.0.1:2380 is advertised to clients, and 2380 is the port of peers"],
        ),
        (
            env(
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,http://127.0.0.1:2399",
            ),
            vec!["E303 listen-client-urls has http://127.0.0.1:2399, for every user of the host"],
        ),
        (
            env(
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,http://10.0.0.1:2399",
            ),
            vec!["E303 listen-client-urls has http://10.0.0.1:2399"],
        ),
        (
            env("ADVERTISE_CLIENT_URLS=https", "ADVERTISE_CLIENT_URLS=http"),
            vec!["E305 advertise-client-urls has http://10.0.0.1:2379, and listen-client-urls does not"],
        ),
        (env("ETCD_ADVERTISE_CLIENT_URLS=", "# "), vec!["E306 advertise-client-urls is not set"]),
        (
            env("ADVERTISE_CLIENT_URLS=https://10.0.0.1:2379", "ADVERTISE_CLIENT_URLS=https://[::]:2379"),
            vec!["E307 advertise-client-urls has https://[::]:2379"],
        ),
        (env("ETCD_NAME=a", "ETCD_NAME=z"), vec!["E321 its name is `z`, and initial-cluster has a, b and c"]),
        (
            env("ETCD_NAME=a", "ETCD_NAME='\"a\"'"),
            vec![
                "E321 its name is `\"a\"`, and initial-cluster has a, b and c; the quotes are part of it, as `docker \
                 --env-file` leaves them",
            ],
        ),
        (
            line("ETCD_LISTEN_CLIENT_HTTP_URLS=http://10.0.0.1:2382"),
            vec!["E303 listen-client-http-urls has http://10.0.0.1:2382"],
        ),
        (
            env(
                "ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2380",
                "ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2390",
            ),
            vec![
                "E322 initial-cluster has https://10.0.0.1:2380 for a, and initial-advertise-peer-urls is \
                 https://10.0.0.1:2390",
            ],
        ),
        (healthy(), vec![]),
    ]);
}

#[test]
fn what_is_wrong_with_trust_is_told() {
    all_say(vec![
        (
            env("ETCD_TRUSTED_CA_FILE=", "# "),
            vec!["E401 client-cert-auth is set, and trusted-ca-file is not"],
        ),
        (env("ETCD_CLIENT_CERT_AUTH=true", ""), vec!["E402 a does not have client-cert-auth"]),
        (env("ETCD_KEY_FILE=", "# "), vec!["E403 cert-file is set, and key-file is not"]),
        (env("ETCD_CERT_FILE=", "# "), vec!["E403 key-file is set, and cert-file is not"]),
        (
            env("ETCD_CLIENT_CERT_AUTH=true", "").tap_env("ETCD_TRUSTED_CA_FILE=", "# "),
            vec!["E404 a has neither trusted-ca-file nor client-cert-auth"],
        ),
        (line("ETCD_PEER_AUTO_TLS=true"), vec!["E405 peer-auto-tls is set"]),
        (line("ETCD_CLIENT_CERT_ALLOWED_HOSTNAME=x"), vec!["E408 enable-grpc-gateway is not false"]),
        (line("ETCD_CLIENT_CERT_ALLOWED_HOSTNAME=x\nETCD_ENABLE_GRPC_GATEWAY=false"), vec![]),
        (
            line("ETCD_TLS_MIN_VERSION=TLS1.3\nETCD_CIPHER_SUITES=TLS_AES_128_GCM_SHA256"),
            vec!["E412 tls-min-version is TLS1.3"],
        ),
    ]);
}

/// One more edit of the environment.
trait TapEnvironment {
    fn tap_env(self, from: &str, to: &str) -> Self;
}

impl TapEnvironment for Files {
    fn tap_env(mut self, from: &str, to: &str) -> Self {
        edit(&mut self, ENV, from, to);
        self
    }
}

#[test]
fn a_sandbox_is_judged_by_what_it_leaves() {
    let more = |lines: &str| unit("ExecStart=", &format!("{lines}\nExecStart="));
    let data = |lines: &str| {
        let mut files = more(lines);
        edit(&mut files, ENV, "ETCD_DATA_DIR=/var/lib/etcd", "ETCD_DATA_DIR=/srv/etcd");
        files
    };
    let read_only = "E119 data-dir is /srv/etcd, and ProtectSystem=strict makes it read-only";
    let options = [
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
    ];
    let names = ["server", "server-key", "ca", "peer", "peer-key", "ca"];
    let hidden: Vec<String> = options
        .iter()
        .zip(names)
        .map(|(option, name)| {
            format!(
                "E119 {option} is /etc/etcd/pki/{name}.pem, and TemporaryFileSystem=/etc/etcd:ro hides it"
            )
        })
        .collect();
    all_say(vec![
        (more("TemporaryFileSystem=/etc/etcd:ro"), hidden.iter().map(String::as_str).collect()),
        (more("TemporaryFileSystem=/etc/etcd\nBindReadOnlyPaths=/etc/etcd/pki"), vec![]),
        (more("ReadOnlyPaths=/etc"), vec![]),
        (data(""), vec![read_only]),
        (data("ReadWritePaths=-/srv/etcd"), vec![]),
        (data("ReadWritePaths=/srv"), vec![]),
        (data("BindPaths=/data:/srv/etcd"), vec![]),
        (
            data("ReadWritePaths=/srv\nReadOnlyPaths=/srv/etcd"),
            vec!["E119 data-dir is /srv/etcd, and ReadOnlyPaths=/srv/etcd makes it read-only"],
        ),
        (data("").tap("ProtectSystem=strict", "ProtectSystem=full"), vec![]),
        (
            data("ProtectSystem=no\nDynamicUser=yes"),
            vec![
                "E119 data-dir is /srv/etcd, and DynamicUser=yes, which implies ProtectSystem=strict, makes it read-only",
            ],
        ),
        (data("StateDirectory=\nRootDirectory=/x"), vec![]),
    ]);
}

#[test]
fn systemd_hears_who_may_tell_it() {
    let start = |command: &str| unit("ExecStart=/usr/bin/etcd", &format!("ExecStart={command}"));
    all_say(vec![
        (start("/bin/sh -c 'exec etcd >>/var/log/x 2>&1'"), vec![]),
        (start("/bin/sh -c 'etcd | logger'\nNotifyAccess=all"), vec![]),
        (
            start("/bin/sh -c 'etcd | logger'\nNotifyAccess=main"),
            vec!["E118 Type=notify, and sh is the main process, not etcd: NotifyAccess= is main"],
        ),
        (
            start("/bin/sh -c '/usr/bin/etcd'"),
            vec![
                "E118 Type=notify, and sh starts etcd without `exec`: NotifyAccess= is not set, so that it is main",
            ],
        ),
        (start("/bin/bash -c '/usr/bin/etcd'"), vec![]),
        (
            start("/bin/bash -c '/usr/bin/etcd >/var/log/x'"),
            vec![
                "E118 Type=notify, and bash is the main process, not etcd: NotifyAccess= is not set, so that it is main",
            ],
        ),
        (
            start("/bin/bash -c '/usr/bin/etcd &'\nNotifyAccess=all"),
            vec!["E118 Type=notify, and bash puts etcd into the background and ends"],
        ),
        (start("/bin/sh -c '/usr/bin/etcd & wait'\nNotifyAccess=all"), vec![]),
        (start("/bin/bash -c 'etcd & echo $$! >/run/pid'\nType=forking"), vec![]),
        (
            start("/bin/bash -c 'etcd & wait'\nType=forking"),
            vec!["E117 Type=forking waits until the program has put itself into the background"],
        ),
        (start("/bin/bash -c 'etcd &'\nType=simple\nRemainAfterExit=yes"), vec![]),
        (
            start("/usr/bin/setsid /usr/bin/etcd\nType=exec"),
            vec!["E121 Type=exec, and setsid puts etcd into the background and ends"],
        ),
        (
            start("/usr/sbin/runuser -u etcd -- /usr/bin/etcd"),
            vec![
                "E118 Type=notify, and runuser is the main process, not etcd: NotifyAccess= is not set, so that it is main",
            ],
        ),
        (start("/usr/bin/setpriv --reuid=etcd --init-groups -- /usr/bin/etcd"), vec![]),
        (start("/usr/bin/flock --no-fork /run/lock/etcd /usr/bin/etcd"), vec![]),
        (
            start("/usr/bin/sudo -u etcd /usr/bin/etcd\nNotifyAccess=all"),
            vec!["E118 Type=notify, and sudo takes the variable NOTIFY_SOCKET away"],
        ),
        (start("/usr/bin/sudo -E -u etcd /usr/bin/etcd\nNotifyAccess=all"), vec![]),
        (start("/usr/bin/nice -n 5 /usr/bin/etcd"), vec![]),
        (start("/usr/bin/env GOMAXPROCS=2 /usr/bin/etcd $ETCD_OPTS"), vec![]),
    ]);
}

#[test]
fn what_a_unit_needs_is_looked_for_where_the_unit_sees_it() {
    let line = |lines: &str| unit("ExecStart=", &format!("{lines}\nExecStart="));
    let start = |text: &str| unit("ExecStart=/usr/bin/etcd", text);
    let folder = "E116 WorkingDirectory=/etc/etcd/none is not there";
    let working = |lines: &str| {
        unit("WorkingDirectory=/var/lib/etcd", &format!("WorkingDirectory=/etc/etcd/none\n{lines}"))
    };
    let made = |path: &str, text: &str| {
        let mut files = working("");
        crate::etcd::check::doctor::tests::write(&mut files, &format!("/out/nodes/a/{path}"), text, 0o644);
        files
    };
    all_say(vec![
        (working(""), vec![folder]),
        (working("ConfigurationDirectory=etcd/none"), vec![]),
        (working("ConfigurationDirectory=etcd/none/below"), vec![]),
        (working("ConfigurationDirectory=etcd/nonesuch"), vec![folder]),
        (working("RootImage=/srv/etcd.raw"), vec![]),
        (working("WorkingDirectory=-/etc/etcd/none"), vec![]),
        (made("etc/tmpfiles.d/etcd.conf", "# x\nd /etc/etcd/none/below 0700 etcd etcd\n"), vec![]),
        (made("etc/tmpfiles.d/etcd.conf", "z /etc/etcd/none 0700 etcd etcd\n"), vec![folder]),
        (made("etc/fstab", "/dev/sdb1 /etc/etcd/none xfs defaults 0 0\n"), vec![]),
        (made("etc/systemd/system/etc-etcd-none.mount", "[Mount]\nWhat=/dev/sdb1\n"), vec![]),
        (start("ExecStart=/etc/etcd/etcd"), vec!["E115 /etc/etcd/etcd is not there"]),
        (start("ExecStart=@/etc/etcd/etcd etcd"), vec!["E115 /etc/etcd/etcd is not there"]),
        (start("ExecStart=-/etc/etcd/etcd"), vec!["E115 /etc/etcd/etcd is not there"]),
        (start("ExecStart=\"/etc/etcd/my etcd/etcd\""), vec![]),
        (start("RootImage=/srv/etcd.raw\nExecStart=/etc/etcd/etcd"), vec![]),
        (line("ExecStartPre=/etc/etcd/prepare"), vec!["E115 /etc/etcd/prepare is not there"]),
        (line("ExecStartPre=-/etc/etcd/prepare"), vec![]),
        (start("ExecStartPre=/usr/bin/install /x /etc/etcd/etcd\nExecStart=/etc/etcd/etcd"), vec![]),
        (start("ExecStartPre=/usr/bin/tar -C /etc/etcd -xf /x\nExecStart=/etc/etcd/etcd"), vec![]),
    ]);
    // What is bound elsewhere is looked for where it comes from.
    let bound = |source: &str| {
        let mut files = line(&format!("BindReadOnlyPaths={source}:/etc/etcd/keys:norbind"));
        for _ in 0..6 {
            edit(&mut files, ENV, "_FILE=/etc/etcd/pki/", "_FILE=/etc/etcd/keys/");
        }
        files
    };
    let missing = crate::etcd::check::doctor::tests::problems(
        &bound("/etc/etcd/nowhere"),
        crate::etcd::EtcdVersion::V3_5,
        crate::etcd::check::doctor::tests::NOW,
    );
    assert!(!missing.iter().any(|problem| problem.contains("/etc/etcd/keys")), "{missing:?}");
    all_say(vec![(bound("/etc/etcd/pki"), vec![])]);
}

#[test]
fn a_sandbox_is_for_programs_logs_and_relative_paths_too() {
    let more = |lines: &str| unit("ExecStart=", &format!("{lines}\nExecStart="));
    let env = |lines: &str, to: &str| {
        let mut files = more(lines);
        edit(&mut files, ENV, "ETCD_DATA_DIR=/var/lib/etcd", to);
        files
    };
    all_say(vec![
        (
            more("NoExecPaths=/\nExecPaths=/usr/lib"),
            vec!["E119 the program is /usr/bin/etcd, and NoExecPaths= lets nobody run it"],
        ),
        (
            unit("ExecStart=/usr/bin/etcd", "ExecStart=/home/etcd/etcd"),
            vec!["E119 the program is /home/etcd/etcd, and ProtectHome=yes hides it"],
        ),
        (unit("ExecStart=/usr/bin/etcd", "ExecStart=+/home/etcd/etcd"), vec![]),
        (
            env("", "ETCD_DATA_DIR=/var/lib/etcd\nETCD_LOG_OUTPUTS=stderr,/var/log/etcd.log"),
            vec!["E119 log-outputs is /var/log/etcd.log, and ProtectSystem=strict makes it read-only"],
        ),
        (
            env("LogsDirectory=etcd", "ETCD_DATA_DIR=/var/lib/etcd\nETCD_LOG_OUTPUTS=/var/log/etcd/log"),
            vec![],
        ),
        (env("", "ETCD_DATA_DIR=default.etcd"), vec![]),
        (
            env("", "ETCD_DATA_DIR=default.etcd")
                .tap("WorkingDirectory=/var/lib/etcd", "WorkingDirectory=/srv"),
            vec!["E119 data-dir is /srv/default.etcd, and ProtectSystem=strict makes it read-only"],
        ),
        (
            env("", "ETCD_DATA_DIR=/tmp/etcd"),
            vec!["E120 data-dir is /tmp/etcd, and PrivateTmp=yes does not keep it"],
        ),
        (
            env("RuntimeDirectory=etcd", "ETCD_DATA_DIR=/run/etcd"),
            vec!["E120 data-dir is /run/etcd, and RuntimeDirectory= does not keep it"],
        ),
        (env("RuntimeDirectory=etcd\nRuntimeDirectoryPreserve=yes", "ETCD_DATA_DIR=/run/etcd"), vec![]),
    ]);
}
