//! Every rule: something that it finds, and a cluster in which it finds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use der::asn1::ObjectIdentifier;
use time::macros::datetime;
use zeroize::Zeroizing;

use super::*;
use crate::cfssl::csr_json::Request;
use crate::cfssl::profile::Profile;
use crate::cfssl::sign::SigningRequest;
use crate::etcd::check::verify::{Conditions, Connections, UntrustedCa};
use crate::etcd::check::{Severity, groups};
use crate::etcd::cluster::Cluster;
use crate::etcd::error::TOO_LARGE;
use crate::etcd::folder::snapshot::{Entry, FileKind, Snapshot};
use crate::etcd::found::{ReadError, SystemFiles};
use crate::etcd::plan::Plan;
use crate::tls::Leniency;
use crate::x509::certificate::Certificate;
use crate::x509::issuer::Issuer;
use crate::x509::key::{PrivateKey, SystemKeys};
use crate::x509::random::SystemRandomness;
use crate::x509::usage::KeyUsage;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

pub(crate) type Files = BTreeMap<PathBuf, Entry>;

/// What `cluster apply` makes, in memory, below `/out`.
pub(crate) fn applied(description: &str) -> Files {
    let cluster = Cluster::from_yaml(description, None).unwrap().value;
    let plan = Plan::new(&cluster, &Snapshot::new("/out"), NOW).unwrap();
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {}).unwrap();
    let files = outcome.files().iter();
    files
        .map(|file| (Path::new("/out").join(&file.path), Entry::file(file.mode, file.bytes.clone())))
        .collect()
}

pub(crate) const MEMBERS: &str = "
name: prod
members:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3}
";

/// Three members of one CA, without anything wrong.
pub(crate) fn healthy() -> Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| applied(&format!("layout: single-ca{MEMBERS}"))).clone()
}

pub(crate) fn find(files: &Files, paths: &[&str], version: EtcdVersion, now: OffsetDateTime) -> Vec<Finding> {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    examine(&Found::read(&paths, version, files).unwrap(), version, now)
}

#[track_caller]
fn finds(files: &Files, expected: &[&str]) {
    finds_with(files, EtcdVersion::V3_5, NOW, expected);
}

#[track_caller]
pub(crate) fn finds_with(files: &Files, version: EtcdVersion, now: OffsetDateTime, expected: &[&str]) {
    let findings = find(files, &["/out"], version, now);
    let ids: BTreeSet<&str> = findings.iter().map(|finding| finding.rule).collect();
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    assert_eq!(ids, expected, "{findings:#?}");
}

pub(crate) fn write(files: &mut Files, path: &str, text: impl AsRef<[u8]>, mode: u32) {
    let bytes = Zeroizing::new(text.as_ref().to_vec());
    files.insert(PathBuf::from(path), Entry { kind: FileKind::File, mode, ids: (0, 0), bytes });
}

#[track_caller]
pub(crate) fn edit(files: &mut Files, path: &str, from: &str, to: &str) {
    let entry = files.get_mut(Path::new(path)).unwrap_or_else(|| panic!("{path} is not there"));
    let text = String::from_utf8(entry.bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    entry.bytes = Zeroizing::new(text.replacen(from, to, 1).into_bytes());
}

pub(crate) const UNIT: &str = "/out/nodes/a/etc/systemd/system/etcd.service";
pub(crate) const ENV: &str = "/out/nodes/a/etc/etcd/etcd.env";

/// The healthy cluster with one file changed.
pub(crate) fn edited(path: &str, from: &str, to: &str) -> Files {
    let mut files = healthy();
    edit(&mut files, path, from, to);
    files
}

/// Finds exactly these problems, each as `RULE PROBLEM`.
pub(crate) fn problems(files: &Files, version: EtcdVersion, now: OffsetDateTime) -> Vec<String> {
    let findings = find(files, &["/out"], version, now);
    findings.iter().map(|finding| format!("{} {}", finding.rule, finding.problem)).collect()
}

/// All cases whose problems are not those expected, so that one run shows everything.
#[track_caller]
pub(crate) fn all_say(cases: Vec<(Files, Vec<&str>)>) {
    let mut wrong = String::new();
    for (place, (files, expected)) in cases.into_iter().enumerate() {
        let found = problems(&files, EtcdVersion::V3_5, NOW);
        if found != expected {
            wrong.push_str(&format!("case {place}:\n  found    {found:#?}\n  expected {expected:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_wrong_with_what_is_applied() {
    finds(&healthy(), &[]);
    for layout in ["least-privilege", "single-ca", "shared-cert"] {
        for style in ["env", "flags", "yaml"] {
            let files = applied(&format!("layout: {layout}\nstyle: {style}{MEMBERS}"));
            finds(&files, &[]);
        }
    }
}

#[test]
fn systemd_rules() {
    for (from, to, id) in [
        ("ExecStart=/usr/bin/etcd", "ExecStart=~/workspace/etcd/bin/etcd", "E101"),
        ("After=network-online.target", "After=neCNork.target", "E102"),
        ("After=network-online.target", "After=network-onlin.target", "E102"),
        ("EnvironmentFile=/etc/etcd/etcd.env", "EnvironmentFile=/etc/etcd/other.env", "E103"),
        ("EnvironmentFile=/etc/etcd/etcd.env", "EnvironmentFile=-/etc/etcd/other.env", "E104"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd --log-level=${LEVEL}", "E106"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd \\ \n  --log-level=info", "E107"),
        ("User=etcd", "User=etcd\nsome junk", "E108"),
        ("TimeoutStartSec=15min", "TimeoutStartSec=0", "E109"),
        ("Restart=always", "Restart=no\nTimeoutStartSec=90", "E110"),
        ("User=etcd", "User=root", "E111"),
        ("User=etcd", "", "E111"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd\nExecStart=/usr/bin/etcd", "E113"),
        (
            "ExecStart=/usr/bin/etcd",
            "ExecStart=/etc/etcd/none/../etcd\nExecStart=\nExecStart=/etc/etcd/etcd",
            "E115",
        ),
        ("LimitNOFILE=65536", "LimitNOFILE=65536\nWorkingDirectory=/etc/etcd/none", "E116"),
        ("Type=notify", "Type=forking", "E117"),
        ("Type=notify", "Type=oneshot", "E117"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/bin/sh -c 'etcd 2>&1 | logger -t etcd'", "E118"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/timeout 1h /usr/bin/etcd", "E118"),
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd\nInaccessiblePaths=/etc/etcd/pki", "E119"),
        ("ExecStart=/usr/bin/etcd", "Type=exec\nExecStart=/bin/sh -c 'etcd &'", "E121"),
    ] {
        let mut files = edited(UNIT, from, to);
        if id == "E110" {
            edit(&mut files, UNIT, "TimeoutStartSec=15min\n", "");
        }
        let also: &[&str] = match id {
            "E103" | "E104" => &["E105"],
            "E107" => &["E108", "E209"],
            _ => &[],
        };
        finds(&files, &[&[id], also].concat());
    }
    for good in ["After=docker.service", "After=etcd-defrag.service", "After=%i.service dev-sda.device"] {
        finds(&edited(UNIT, "After=network-online.target", good), &[]);
    }
    // Debian's and our own drop-in: what is not there is not judged.
    finds(&edited(UNIT, "ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd --log-level=${HOME}"), &[]);
    let bare = "[Service]\nType=notify\nUser=etcd\nRestart=always\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd\n";
    let mut files = healthy();
    write(&mut files, UNIT, bare, 0o644);
    finds(&files, &["E112"]);
    finds(&edited(ENV, "ETCD_NAME=a\n", "export ETCD_NAME=a\n"), &["E114", "E321"]);
    let tmp = edited(ENV, "ETCD_DATA_DIR=/var/lib/etcd", "ETCD_DATA_DIR=/var/tmp/etcd");
    finds(&tmp, &["E120"]);
}

#[test]
fn what_etcd_made_itself_is_judged() {
    let own = |key: &str| {
        let mut files =
            edited(UNIT, "ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd --auto-tls --cipher-suites=");
        let pki = "/out/nodes/a/etc/etcd/pki";
        let fixtures = "/out/nodes/a/var/lib/etcd/fixtures/client";
        let certificate = files[Path::new(&format!("{pki}/server.pem"))].bytes.to_vec();
        write(&mut files, &format!("{fixtures}/cert.pem"), certificate, 0o600);
        let bytes = match key {
            "" => Vec::new(),
            name => files[Path::new(&format!("{pki}/{name}"))].bytes.to_vec(),
        };
        write(&mut files, &format!("{fixtures}/key.pem"), bytes, 0o600);
        find(&files, &["/out/nodes/a"], EtcdVersion::V3_5, NOW)
    };
    let is_told = |findings: &[Finding]| findings.iter().any(|finding| finding.rule == "E610");
    assert!(is_told(&own("")));
    assert!(is_told(&own("peer-key.pem")), "E610");
    assert!(!is_told(&own("server-key.pem")));
}

#[test]
fn option_rules() {
    let flags =
        |more: &str| edited(UNIT, "ExecStart=/usr/bin/etcd", &format!("ExecStart=/usr/bin/etcd {more}"));
    for (more, ids) in [
        ("--name=a", &["E201"][..]),
        ("--bogus=1", &["E202"]),
        ("--socket-reuse-port --log-level debug", &[]),
        ("--proxy=off --tls-min-version=TLS1.4", &["E206", "E208"]),
        ("--log-level=loud", &["E208"]),
        ("--log-level=info extra", &["E209"]),
        ("--log-level=info --log-level=warn", &["E211"]),
        ("--snapshot-count=200000", &["E212"]),
        ("--snapshot-count=50000", &[]),
        ("--enable-v2=true", &["E206", "E213"]),
        ("--enable-v2=F", &["E206"]),
        ("--heartbeat-interval=300", &["E218"]),
        ("--heartbeat-interval=300 --election-timeout=1500", &[]),
        ("--discovery=https://discovery.example/x", &["E218"]),
        ("--tls-min-version=TLS1.3 --tls-max-version=TLS1.2", &["E218"]),
        ("--auth-token=foo", &["E208"]),
        ("--auth-token=jwt,sign-method=RS256,pub-key=/x", &[]),
        ("--cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", &["E218", "E415"]),
        ("--force-new-cluster", &["E219"]),
        ("--force-new-cluster=0 --unsafe-no-fsync=f", &[]),
        ("--unsafe-no-fsync=T", &["E219"]),
        ("--log-level", &["E209"]),
        ("---log-level=info", &["E209"]),
        ("--snapshot extra", &["E206", "E209"]),
        ("--log-level=info --", &[]),
    ] {
        let findings = find(&flags(more), &["/out"], EtcdVersion::V3_5, NOW);
        let found: BTreeSet<&str> = findings.iter().map(|finding| finding.rule).collect();
        let mut ids: BTreeSet<&str> = ids.iter().copied().collect();
        // Whether an option is deprecated is the table's business.
        if !found.contains("E206") {
            ids.remove("E206");
        }
        assert_eq!(found, ids, "{more}: {findings:#?}");
    }
    finds_with(&flags("--enable-v2=true"), EtcdVersion::V3_6, NOW, &["E205"]);
    finds_with(&flags("--snapshot-count=50000"), EtcdVersion::V3_6, NOW, &["E212"]);
    let env = |line: &str| edited(ENV, "ETCD_NAME=a\n", &format!("ETCD_NAME=a\n{line}\n"));
    for (line, ids) in [
        ("ETCD_DATADIR=/x", &["E203"][..]),
        ("ETCD_UNSUPPORTED_ARCH=arm", &[]),
        ("ETCD_LOG_LEVEL=", &["E210"]),
        ("ETCD_FORCE_NEW_CLUSTER=TRUE", &["E219"]),
        ("ETCD_VERSION=3.5.30", &[]),
        ("ETCDCTL_API=2", &["E214"]),
        ("ETCDCTL_API=3", &[]),
    ] {
        finds(&env(line), ids);
    }
    let findings = find(&env("ETCD_DATADIR=/x"), &["/out"], EtcdVersion::V3_5, NOW);
    assert_eq!(findings[0].problem, "there is no ETCD_DATADIR: did you mean ETCD_DATA_DIR?");
    finds_with(&env("ETCD_ENABLE_V2=true"), EtcdVersion::V3_6, NOW, &["E205"]);
    finds_with(&env("ETCD_VERSION=3.4.23"), EtcdVersion::V3_4, NOW, &["E208", "E216", "E217"]);
    let gates = "--feature-gates=CompactHashCheck=true --experimental-compact-hash-check-enabled";
    finds_with(&flags(gates), EtcdVersion::V3_6, NOW, &["E206", "E218"]);
}

/// An old name is told to be that before any spelling is compared, and what belongs to others is not misspelt.
#[test]
fn unknown_names_are_told_what_they_were_meant_to_be() {
    for (line, end) in [
        ("ETCD_CA_FILE=/x", "ETCD_CA_FILE: it is an old name of ETCD_TRUSTED_CA_FILE"),
        ("ETCD_PEER_CA_FILE=/x", "it is an old name of ETCD_PEER_TRUSTED_CA_FILE"),
        ("ETCD_PEERS=a", "it is an old name of ETCD_INITIAL_CLUSTER"),
        ("ETCD_HTTP_READ_TIMEOUT=1", "any more, and nothing took its place"),
        ("ETCD_SSL_DIR=/x", "it is for an image, a wrapper or a script around etcd"),
        ("ETCD_IMAGE_TAG=v3", "it is for an image, a wrapper or a script around etcd"),
        ("ETCD_OPTS=x", "it is for an image, a wrapper or a script around etcd"),
        ("ETCD_DATA_DRI=/x", "did you mean ETCD_DATA_DIR?"),
        ("ETCD_DATADIR=/x", "did you mean ETCD_DATA_DIR?"),
        ("ETCD_WALL_DIR=/x", "did you mean ETCD_WAL_DIR?"),
        ("ETCD_BOGUS=1", "there is no ETCD_BOGUS"),
    ] {
        let files = edited(ENV, "ETCD_NAME=a\n", &format!("ETCD_NAME=a\n{line}\n"));
        let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].problem.ends_with(end), "{line}: {}", findings[0].problem);
    }
    let files =
        edited(UNIT, "ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/etcd --peer-bind-addr=10.0.0.1:7001");
    let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
    assert_eq!(findings[0].problem, "there is no --peer-bind-addr: it is an old name of --listen-peer-urls");
}

#[test]
fn configuration_file_rules() {
    const YAML: &str = "/out/nodes/a/etc/etcd/etcd.env";
    const HEALTHY: &str = "\
name: a
data-dir: /var/lib/etcd
listen-client-urls: https://10.0.0.1:2379
advertise-client-urls: https://10.0.0.1:2379
listen-peer-urls: https://10.0.0.1:2380
initial-advertise-peer-urls: https://10.0.0.1:2380
initial-cluster: a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380
initial-cluster-token: prod
initial-cluster-state: new
client-transport-security:
  cert-file: /etc/etcd/pki/server.pem
  key-file: /etc/etcd/pki/server-key.pem
  client-cert-auth: true
  trusted-ca-file: /etc/etcd/pki/ca.pem
peer-transport-security:
  cert-file: /etc/etcd/pki/peer.pem
  key-file: /etc/etcd/pki/peer-key.pem
  client-cert-auth: true
  trusted-ca-file: /etc/etcd/pki/ca.pem
";
    let mut healthy = healthy();
    write(&mut healthy, YAML, HEALTHY, 0o644);
    edit(&mut healthy, UNIT, "EnvironmentFile=/etc/etcd/etcd.env\n", "");
    edit(&mut healthy, UNIT, "/usr/bin/etcd", "/usr/bin/etcd --config-file=/etc/etcd/etcd.env");
    finds(&healthy, &[]);
    let with = |from: &str, to: &str| {
        let mut files = healthy.clone();
        edit(&mut files, YAML, from, to);
        files
    };
    let findings = find(&with("name: a", "totally-bogus-key: 1\nname: a"), &["/out"], EtcdVersion::V3_5, NOW);
    assert_eq!((findings[0].rule, findings[0].severity), ("E204", Severity::Warning));
    let files = with("peer-transport-security:", "peer-transport-security:\n  peer-cert-file: /x.pem");
    let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].problem.ends_with("the key is `peer-transport-security.cert-file`"), "{findings:#?}");
    let files = with("client-transport-security:", "client-transport-security:\n  client-crl-file: /x.crl");
    let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
    assert!(findings[0].problem.contains("only as a flag"), "{findings:#?}");
    assert_eq!(findings[0].severity, Severity::Error);
    let mut files = healthy.clone();
    edit(&mut files, UNIT, "/usr/bin/etcd ", "/usr/bin/etcd --name=a ");
    finds(&files, &["E207"]);
    // What says the same as the file does no harm.
    let unit = |more: &str| {
        let mut files = healthy.clone();
        edit(&mut files, UNIT, "[Service]\n", &format!("[Service]\nEnvironment={more}\n"));
        let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
        findings.iter().map(|finding| (finding.rule, finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(unit("ETCD_DATA_DIR=/var/lib/etcd"), [("E207", Severity::Warning)]);
    assert_eq!(unit("ETCD_CLIENT_CERT_AUTH=1"), [("E207", Severity::Warning)]);
    assert_eq!(unit("ETCD_DATA_DIR=/var/lib/other"), [("E207", Severity::Error)]);
    finds(&with("name: a", "name: ["), &["E215"]);
    // A key that is there twice, and what is only there to be referred to.
    finds(&with("name: a", "name: b\nname: a"), &["E220"]);
    finds(&with("name: a", "name: a\nname: b"), &["E220", "E322", "E326", "E501"]);
    finds(&with("name: a", "x-dir: &dir /var/lib/etcd\nname: a"), &[]);
    let mut files = healthy.clone();
    edit(&mut files, YAML, "name: a", "---\nname: a");
    write(&mut files, YAML, format!("# etcd\n---\n{HEALTHY}---\nname: [\n"), 0o644);
    finds(&files, &["E220"]);
    finds(&with("name: a", "name: a\nauto-compaction-retention: 1h"), &["E218"]);
    finds(&with("name: a", "name: a\nsocket-options: on"), &["E208"]);
    finds(&with("name: a", "name: {first: a}"), &["E208", "E321"]);
    // The default of the file is the default of the flag.
    finds(&with("advertise-client-urls: https://10.0.0.1:2379\n", ""), &["E305"]);
    // Not the rules of flags, but those of Go for YAML.
    for taken in
        ["snapshot-count: 10__000", "enable-pprof: yes", "grpc-keepalive-timeout: 1_000", "name: 'a'"]
    {
        finds(&with("name: a", &format!("name: a\n{taken}").replace("name: a\nname", "name")), &[]);
    }
    for refused in
        ["snapshot-count: '5'", "enable-pprof: T", "grpc-keepalive-timeout: 10s", "log-outputs: default"]
    {
        finds(&with("name: a", &format!("name: a\n{refused}")), &["E208"]);
    }
    finds(&with("name: a", "name: a\nlisten-metrics-urls: [https://10.0.0.1:2381]"), &["E208"]);
    finds(&with("  client-cert-auth: true\n  trusted", "  client-cert-auth: yes\n  trusted"), &[]);
}

#[test]
fn address_rules() {
    for (from, to, ids) in [
        (
            "ETCD_LISTEN_PEER_URLS=https://10.0.0.1:",
            "ETCD_LISTEN_PEER_URLS=https://etcd1.example:",
            &["E301"][..],
        ),
        (
            "ADVERTISE_CLIENT_URLS=https://10.0.0.1:2379",
            "ADVERTISE_CLIENT_URLS=https://10.0.0.1:2380",
            &["E302"],
        ),
        (
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,http://127.0.0.1:2379",
            &["E303"],
        ),
        (
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379",
            &[],
        ),
        (
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://10.0.0.1:2380",
            &["E308"],
        ),
        (
            "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
            "LISTEN_CLIENT_URLS=https://0.0.0.0:2379,https://127.0.0.1:2379",
            &["E308"],
        ),
        ("LISTEN_PEER_URLS=https://10.0.0.1", "LISTEN_PEER_URLS=https://127.0.0.1", &["E309"]),
        ("ETCD_LISTEN_PEER_URLS=", "# ", &["E304", "E305", "E309", "E413"]),
        ("ETCD_LISTEN_CLIENT_URLS=", "# ", &["E303", "E305", "E309", "E413"]),
        ("LISTEN_PEER_URLS=https://10.0.0.1:2380", "LISTEN_PEER_URLS=https://10.0.0.1:2390", &["E310"]),
        ("LISTEN_CLIENT_URLS=https://10.0.0.1:2379", "LISTEN_CLIENT_URLS=https://0.0.0.0:4001", &["E310"]),
        ("LISTEN_PEER_URLS=https", "LISTEN_PEER_URLS=http", &["E304", "E305", "E413"]),
        ("ADVERTISE_CLIENT_URLS=https", "ADVERTISE_CLIENT_URLS=http", &["E305"]),
        ("ETCD_ADVERTISE_CLIENT_URLS=", "# ", &["E306"]),
        ("ADVERTISE_CLIENT_URLS=https://10.0.0.1", "ADVERTISE_CLIENT_URLS=https://0.0.0.0", &["E307"]),
    ] {
        finds(&edited(ENV, from, to), ids);
    }
}

#[test]
fn cluster_rules() {
    for (from, to, ids) in [
        ("ETCD_NAME=a", "ETCD_NAME='\"a\"'", &["E321"][..]),
        ("ETCD_NAME=a", "ETCD_NAME=b", &["E322", "E326", "E501"]),
        (
            "ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2380",
            "ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2390",
            &["E322"],
        ),
        ("c=https://10.0.0.3:2380", "c=https://10.0.0.4:2380", &["E323"]),
        ("ETCD_INITIAL_CLUSTER_TOKEN=prod", "ETCD_INITIAL_CLUSTER_TOKEN=other", &["E324"]),
    ] {
        let mut files = edited(ENV, from, to);
        if ids.contains(&"E326") {
            // The names of two members, where a third is not told.
            files.retain(|path, _| !path.starts_with("/out/nodes/c"));
        }
        finds(&files, ids);
    }
    // The same member on two hosts is one too many; told twice, by a script beside, it is not.
    let mut files = healthy();
    let env = files[Path::new(ENV)].clone();
    files.insert("/out/copies/a.env".into(), env.clone());
    finds(&files, &[]);
    files.remove(Path::new("/out/copies/a.env"));
    files.insert("/out/nodes/x/etc/etcd/etcd.env".into(), env);
    finds(&files, &["E326"]);
    // A fourth member that says new, and is in nobody's list.
    let fourth = format!("layout: single-ca{MEMBERS}  - {{name: d, address: 10.0.0.4}}\n");
    let mut files = applied(&fourth);
    for node in ["a", "b", "c"] {
        edit(&mut files, &format!("/out/nodes/{node}/etc/etcd/etcd.env"), ",d=https://10.0.0.4:2380", "");
    }
    finds(&files, &["E325"]);
    edit(&mut files, "/out/nodes/d/etc/etcd/etcd.env", "CLUSTER_STATE=new", "CLUSTER_STATE=existing");
    finds(&files, &[]);
    let mut files = healthy();
    for name in ["peer.pem", "peer-key.pem"] {
        let entry = files.remove(&Path::new("/out/nodes/a/etc/etcd/pki").join(name)).unwrap();
        let other = name.replace("peer", "member");
        files.insert(Path::new("/out/nodes/a/etc/etcd/pki").join(&other), entry);
        edit(&mut files, ENV, &format!("/etc/etcd/pki/{name}"), &format!("/etc/etcd/pki/{other}"));
    }
    finds(&files, &["E327"]);
}

#[test]
fn trust_rules() {
    for (from, to, ids) in [
        ("ETCD_TRUSTED_CA_FILE=", "# ", &["E401"][..]),
        ("ETCD_PEER_TRUSTED_CA_FILE=", "# ", &["E401"]),
        ("ETCD_CLIENT_CERT_AUTH=true", "", &["E402"]),
        ("ETCD_KEY_FILE=", "# ", &["E403"]),
        ("ETCD_CLIENT_CERT_AUTH=true", "ETCD_CLIENT_CERT_AUTH=true\nETCD_PEER_AUTO_TLS=true", &["E405"]),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_PEER_CERT_ALLOWED_CN=a\nETCD_PEER_CERT_ALLOWED_HOSTNAME=localhost",
            &["E406", "E407"],
        ),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_PEER_CERT_ALLOWED_HOSTNAME=localhost",
            &[],
        ),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_CLIENT_CERT_ALLOWED_HOSTNAME=x",
            &["E408"],
        ),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_TLS_MIN_VERSION=TLS1.3\nETCD_CIPHER_SUITES=TLS_AES_128_GCM_SHA256",
            &["E412"],
        ),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_CIPHER_SUITES=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            &["E415"],
        ),
        (
            "ETCD_CLIENT_CERT_AUTH=true",
            "ETCD_CLIENT_CERT_AUTH=true\nETCD_CIPHER_SUITES=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            &[],
        ),
    ] {
        finds(&edited(ENV, from, to), ids);
    }
    let mut files = edited(ENV, "ETCD_CLIENT_CERT_AUTH=true", "");
    edit(&mut files, ENV, "ETCD_TRUSTED_CA_FILE=", "# ");
    finds(&files, &["E404"]);
    const CA: &str = "/out/nodes/a/etc/etcd/pki/ca.pem";
    let ca = healthy()[Path::new(CA)].bytes.clone();
    let pem = String::from_utf8(ca.to_vec()).unwrap();
    for text in ["", "junk", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let mut files = healthy();
        write(&mut files, CA, text, 0o644);
        finds(&files, &["E409"]);
    }
    let mut files = healthy();
    write(&mut files, CA, Certificate::read(pem.as_bytes()).unwrap().der(), 0o644);
    finds(&files, &["E409"]);
    let mut files = healthy();
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
    write(&mut files, CA, format!("{pem}{request}"), 0o644);
    finds(&files, &["E410"]);
    let mut files = healthy();
    for node in ["a", "b", "c"] {
        let env = format!("/out/nodes/{node}/etc/etcd/etcd.env");
        edit(
            &mut files,
            &env,
            "ETCD_TRUSTED_CA_FILE=/etc/etcd/pki",
            "ETCD_TRUSTED_CA_FILE=/etc/kubernetes/ssl",
        );
        write(&mut files, &format!("/out/nodes/{node}/etc/kubernetes/ssl/ca.pem"), &pem, 0o644);
    }
    finds(&files, &["E411"]);
    let mut files = healthy();
    edit(&mut files, ENV, "ETCD_PEER_TRUSTED_CA_FILE=", "ETCD_DISCOVERY_SRV=example.com\n# ");
    edit(&mut files, ENV, "ETCD_PEER_CLIENT_CERT_AUTH=true", "");
    finds(&files, &["E218", "E404", "E414"]);
    edit(&mut files, ENV, "ETCD_INITIAL_CLUSTER=", "# ");
    finds(&files, &["E404", "E414"]);
}

#[test]
fn file_rules() {
    const KEY: &str = "/out/nodes/a/etc/etcd/pki/server-key.pem";
    const CERTIFICATE: &str = "/out/nodes/a/etc/etcd/pki/server.pem";
    let mut files = healthy();
    files.get_mut(Path::new(KEY)).unwrap().mode = 0o644;
    finds(&files, &["E601"]);
    let mut files = healthy();
    for name in ["server.pem", "server-key.pem"] {
        let entry = files[&Path::new("/out/nodes/b/etc/etcd/pki").join(name)].clone();
        files.insert(Path::new("/out/nodes/a/etc/etcd/pki").join(name), entry);
    }
    finds(&files, &["E501", "E602"]);
    let mut files = healthy();
    let ca_key = files[Path::new("/out/ca/ca-key.pem")].clone();
    files.insert("/out/nodes/a/etc/etcd/pki/ca-key.pem".into(), ca_key);
    finds(&files, &["E603"]);
    let mut files = healthy();
    files.remove(Path::new(KEY));
    finds(&files, &["E604"]);
    let mut files = healthy();
    let other = files[Path::new("/out/nodes/a/etc/etcd/pki/peer-key.pem")].clone();
    files.insert(KEY.into(), other);
    finds(&files, &["E605"]);
    let mut files = healthy();
    let key = crate::x509::key::PrivateKey::read(&files[Path::new(KEY)].bytes, None).unwrap();
    write(&mut files, KEY, key.to_encrypted_pem("secret", &SystemRandomness).unwrap().as_bytes(), 0o600);
    finds(&files, &["E606"]);
    let mut files = healthy();
    let certificate = files[Path::new(CERTIFICATE)].bytes.clone();
    write(&mut files, KEY, &certificate[..], 0o600);
    finds(&files, &["E607"]);
    let mut files = healthy();
    write(&mut files, CERTIFICATE, "", 0o644);
    finds(&files, &["E513"]);
    let mut files = healthy();
    let ca = files[Path::new("/out/ca/ca.pem")].bytes.clone();
    let chain = [&ca[..], &certificate[..]].concat();
    write(&mut files, CERTIFICATE, chain, 0o644);
    finds(&files, &["E520", "E605"]);
}

/// Wherever they lie.
#[test]
fn keys_of_cas_are_judged_as_others_are() {
    const KEY: &str = "/out/ca/ca-key.pem";
    let one = |files: &Files, path: &str, rule: &str| {
        let findings = find(files, &["/out"], EtcdVersion::V3_5, NOW);
        let [finding] = findings.as_slice() else { panic!("{path}: {findings:#?}") };
        assert_eq!((finding.rule, finding.place.path()), (rule, Some(Path::new(path))), "{finding:#?}");
        finding.clone()
    };
    let mut files = healthy();
    files.get_mut(Path::new(KEY)).unwrap().mode = 0o644;
    assert!(one(&files, KEY, "E601").consequence.contains("can issue certificates"));

    // Of another CA, by the names that cfssl and kubeadm give to the pair.
    let other = applied(&format!("layout: single-ca{}", MEMBERS.replace("prod", "other")));
    let mut files = healthy();
    files.insert(KEY.into(), other[Path::new(KEY)].clone());
    let finding = one(&files, KEY, "E605");
    assert!(finding.problem.starts_with("it is not the key of CN=prod etcd CA"), "{finding:#?}");
    assert!(finding.consequence.contains("`cluster apply` refuses"), "{finding:#?}");
    for (from, to) in [(KEY, "/out/ca/ca.key"), ("/out/ca/ca.pem", "/out/ca/ca.crt")] {
        let entry = files.remove(Path::new(from)).unwrap();
        files.insert(to.into(), entry);
    }
    one(&files, "/out/ca/ca.key", "E605");
    // One that is about to follow another.
    let mut files = healthy();
    files.insert(KEY.into(), other[Path::new(KEY)].clone());
    let bundle = [&files[Path::new("/out/ca/ca.pem")], &other[Path::new("/out/ca/ca.pem")]];
    let bundle = bundle.map(|entry| entry.bytes.to_vec()).concat();
    write(&mut files, "/out/ca/ca.pem", bundle, 0o644);
    finds(&files, &[]);
    // Which certificate a key with a password belongs to, nobody can see.
    let mut files = healthy();
    let key = PrivateKey::read(&files[Path::new(KEY)].bytes, None).unwrap();
    write(&mut files, KEY, key.to_encrypted_pem("secret", &SystemRandomness).unwrap().as_bytes(), 0o600);
    finds(&files, &[]);

    let kubeadm = applied(&format!(
        "layout: single-ca{MEMBERS}clients:\n  - {{name: root}}\n  - {{name: api, kubeadm: true}}\n"
    ));
    finds(&kubeadm, &[]);
    for path in [
        "/out/nodes/b/etc/etcd/pki/old.pem",
        "/out/clients/root/ca-key.pem",
        "/out/clients/api/kubeadm/etc/kubernetes/pki/etcd/ca.key",
    ] {
        let mut files = kubeadm.clone();
        files.insert(path.into(), files[Path::new(KEY)].clone());
        assert_eq!(one(&files, path, "E603").problem, "it is the key of CN=prod etcd CA");
    }
    // Where certificates are issued, clients' may lie beside.
    let mut files = healthy();
    for name in ["ca.pem", "ca-key.pem"] {
        files.insert(Path::new("/out/work").join(name), files[&Path::new("/out/ca").join(name)].clone());
    }
    for name in ["client.pem", "client-key.pem"] {
        let entry = files[&Path::new("/out/clients/root").join(name)].clone();
        files.insert(Path::new("/out/work").join(name), entry);
    }
    finds(&files, &[]);
}

/// Also those between which others come.
#[test]
fn findings_that_are_alike_are_grouped() {
    let mut files = healthy();
    let keys = ["/out/clients/root/client-key.pem", "/out/nodes/b/etc/etcd/pki/peer-key.pem"];
    let ca_key = "/out/nodes/a/etc/etcd/pki/ca-key.pem";
    files.insert(ca_key.into(), files[Path::new("/out/ca/ca-key.pem")].clone());
    for path in keys.into_iter().chain([ca_key]) {
        files.get_mut(Path::new(path)).unwrap().mode = 0o644;
    }
    let findings = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
    let groups: Vec<(&str, Vec<String>)> = groups(&findings)
        .iter()
        .map(|group| (group[0].rule, group.iter().map(|finding| finding.place.to_string()).collect()))
        .collect();
    let alone = || vec![ca_key.to_owned()];
    let expected = [("E601", keys.map(str::to_owned).to_vec()), ("E601", alone()), ("E603", alone())];
    assert_eq!(groups, expected);
}

/// Nothing is said of what is in them, and that nothing was read is.
#[test]
fn files_that_are_too_large_are_told_of() {
    use std::fs::{self, File};
    let folder = tempfile::tempdir().unwrap();
    for (path, entry) in healthy() {
        let path = folder.path().join(path.strip_prefix("/").unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &entry.bytes).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(entry.mode);
        fs::set_permissions(&path, mode).unwrap();
    }
    let read = |path: &Path| Found::read(&[path.to_owned()], EtcdVersion::V3_5, &SystemFiles);
    let etcd = folder.path().join("out/nodes/a/etc/etcd");
    // Nothing names it.
    File::create(etcd.join("db")).unwrap().set_len(9 << 20).unwrap();
    assert_eq!(examine(&read(folder.path()).unwrap(), EtcdVersion::V3_5, NOW), []);
    for name in ["pki/server.pem", "pki/server-key.pem", "pki/ca.pem", "etcd.env"] {
        let path = etcd.join(name);
        let bytes = fs::read(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(9 << 20).unwrap();
        let findings = examine(&read(folder.path()).unwrap(), EtcdVersion::V3_5, NOW);
        let [finding] = findings.as_slice() else { panic!("{name}: {findings:#?}") };
        assert_eq!((finding.rule, finding.place.path()), ("E609", Some(path.as_path())), "{finding:#?}");
        assert_eq!(finding.problem, "it was not read, because it is larger than 8 MiB");
        let error = read(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{} was {TOO_LARGE}", path.display()));
        assert!(error.hint().is_some());
        fs::write(&path, bytes).unwrap();
    }
    // Without its unit, all that is told of a member would mean something else.
    let unit = folder.path().join(UNIT.strip_prefix('/').unwrap());
    File::options().write(true).open(&unit).unwrap().set_len(9 << 20).unwrap();
    assert!(matches!(read(folder.path()), Err(ReadError::Unreadable(_))));
}

/// Only the host itself knows its users.
#[test]
fn owners_are_judged_on_the_host_itself() {
    struct Host(Files);
    impl crate::etcd::found::Files for Host {
        fn entry(&self, path: &Path) -> Result<Option<Entry>, crate::etcd::Error> {
            self.0.entry(path)
        }
        fn names(&self, path: &Path) -> Result<Vec<String>, crate::etcd::Error> {
            self.0.names(path)
        }
        fn user(&self, name: &str) -> Option<u32> {
            (name == "etcd").then_some(998)
        }
    }
    let node = healthy().into_iter().filter_map(|(path, entry)| {
        Some((Path::new("/").join(path.strip_prefix("/out/nodes/a").ok()?), entry))
    });
    let mut host = Host(node.collect());
    let unit = "/etc/systemd/system/etcd.service";
    let ids = |host: &Host| {
        let found = Found::read(&[unit.into()], EtcdVersion::V3_5, host).unwrap();
        let findings = examine(&found, EtcdVersion::V3_5, NOW);
        findings.iter().map(|finding| finding.rule).collect::<BTreeSet<_>>()
    };
    assert!(ids(&host).is_empty(), "the unit gives the files to etcd");
    edit(&mut host.0, unit, "ExecStartPre=", "# ");
    assert_eq!(ids(&host), BTreeSet::from(["E608"]));
    for entry in host.0.values_mut() {
        entry.ids = (998, 998);
    }
    assert!(ids(&host).is_empty());
}

pub(crate) const PEER_PEM: &str = "/out/nodes/a/etc/etcd/pki/peer.pem";
pub(crate) const SERVER_PEM: &str = "/out/nodes/a/etc/etcd/pki/server.pem";

/// What a certificate is to be, where it differs from that of a.
pub(crate) struct Wish<'a> {
    pub(crate) hosts: &'a [&'a str],
    pub(crate) usages: Vec<ObjectIdentifier>,
    pub(crate) now: OffsetDateTime,
    pub(crate) days: i64,
}

pub(crate) const BOTH: [ObjectIdentifier; 2] = [crate::x509::oid::SERVER_AUTH, crate::x509::oid::CLIENT_AUTH];

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { hosts: &["10.0.0.1", "127.0.0.1"], usages: BOTH.to_vec(), now: NOW, days: 365 }
    }
}

/// The healthy cluster, with one certificate of a issued again for its own key.
pub(crate) fn reissued(path: &str, wish: &Wish<'_>) -> Files {
    let mut files = healthy();
    let read = |path: &str| files[Path::new(path)].bytes.clone();
    let key = |path: &str| PrivateKey::read(&read(path), None).unwrap();
    let ca = Certificate::read(&read("/out/ca/ca.pem")).unwrap();
    let issuer = Issuer::new(ca, key("/out/ca/ca-key.pem")).unwrap();
    let hosts = wish.hosts.iter().map(|host| (*host).to_owned()).collect();
    let request = Request { common_name: "a".into(), hosts, ..Request::default() };
    let csr = request.sign(&key(&path.replace(".pem", "-key.pem"))).unwrap().value;
    let profile = Profile {
        key_usage: KeyUsage::DIGITAL_SIGNATURE,
        extended_key_usage: wish.usages.clone(),
        not_before: Some(wish.now),
        not_after: Some(wish.now + time::Duration::days(wish.days)),
        ..Profile::default()
    };
    let csr = csr.verify().unwrap();
    let signing =
        SigningRequest { request: &csr, profile: &profile, subject: None, names: None, crl_url: None };
    let certificate = issuer.sign(&signing, NOW, &SystemRandomness).unwrap().value;
    write(&mut files, path, certificate.to_pem(), 0o644);
    files
}

#[test]
fn certificate_rules() {
    let day = time::Duration::days(1);
    let wish = Wish::default;
    for (path, wish, ids) in [
        (SERVER_PEM, wish(), &[][..]),
        (PEER_PEM, wish(), &[]),
        (SERVER_PEM, Wish { hosts: &["10.0.0.9", "127.0.0.1"], ..wish() }, &["E501"]),
        (SERVER_PEM, Wish { hosts: &["*.example.com"], ..wish() }, &["E501"]),
        (PEER_PEM, Wish { hosts: &["10.0.0.9", "127.0.0.1"], ..wish() }, &["E501"]),
        (SERVER_PEM, Wish { hosts: &[], ..wish() }, &["E503"]),
        (PEER_PEM, Wish { hosts: &[], ..wish() }, &["E503"]),
        (SERVER_PEM, Wish { usages: vec![BOTH[1]], ..wish() }, &["E506"]),
        (PEER_PEM, Wish { usages: vec![BOTH[0]], ..wish() }, &["E507"]),
        (SERVER_PEM, Wish { usages: vec![BOTH[0]], ..wish() }, &["E508"]),
        (SERVER_PEM, Wish { usages: vec![], ..wish() }, &[]),
        (SERVER_PEM, Wish { now: NOW - day * 400, ..wish() }, &["E509"]),
        (SERVER_PEM, Wish { now: NOW + day, ..wish() }, &["E509"]),
        (SERVER_PEM, Wish { now: NOW - day * 340, ..wish() }, &["E510"]),
        (SERVER_PEM, Wish { days: 20, ..wish() }, &[]),
        (SERVER_PEM, Wish { days: 20000, ..wish() }, &["E511"]),
        (PEER_PEM, Wish { hosts: &["etcd1.example.com"], ..wish() }, &["E501", "E521"]),
    ] {
        finds(&reissued(path, &wish), ids);
    }
    let mut files = reissued(SERVER_PEM, &Wish { hosts: &["10.0.0.1"], ..Wish::default() });
    finds(&files, &[]);
    edit(
        &mut files,
        ENV,
        "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
        "LISTEN_CLIENT_URLS=https://0.0.0.0:2379",
    );
    finds(&files, &["E504"]);
}

#[test]
fn members_on_one_host_need_the_loopback() {
    let members = MEMBERS.replace("10.0.0.", "127.0.0.");
    let files = applied(&format!("layout: single-ca{members}"));
    finds(&files, &[]);
    let mut files = files;
    let wish = Wish { hosts: &["127.0.0.2"], ..Wish::default() };
    // Its own CA does not matter here, only its names.
    let foreign = reissued(PEER_PEM, &wish);
    for name in ["peer.pem", "peer-key.pem"] {
        let path = Path::new("/out/nodes/b/etc/etcd/pki").join(name);
        files.insert(path, foreign[&Path::new("/out/nodes/a/etc/etcd/pki").join(name)].clone());
    }
    finds(&files, &["E505", "E512"]);
    edit(
        &mut files,
        "/out/nodes/b/etc/etcd/etcd.env",
        "ETCD_NAME=b",
        "ETCD_NAME=b\nETCD_EXPERIMENTAL_PEER_SKIP_CLIENT_SAN_VERIFICATION=true",
    );
    for node in ["a", "c"] {
        let env = format!("/out/nodes/{node}/etc/etcd/etcd.env");
        let name = format!("ETCD_NAME={node}");
        edit(
            &mut files,
            &env,
            &name,
            &format!("{name}\nETCD_EXPERIMENTAL_PEER_SKIP_CLIENT_SAN_VERIFICATION=true"),
        );
    }
    finds(&files, &["E512"]);
}

/// Rules that look at the bytes of a certificate only.
#[test]
fn odd_certificates() {
    const CLIENT: &str = "/out/clients/root/client.pem";
    let client = Certificate::read(&healthy()[Path::new(CLIENT)].bytes).unwrap();
    let at = client.der().windows(client.serial().len()).position(|w| w == client.serial()).unwrap();
    let mut der = client.der().to_vec();
    der[at] |= 0x80;
    let mut files = healthy();
    write(&mut files, CLIENT, crate::x509::pem::encode("CERTIFICATE", &der), 0o644);
    finds(&files, &["E516"]);

    let names = "-----BEGIN CERTIFICATE-----\n".to_owned() + P224 + "-----END CERTIFICATE-----\n";
    let mut files = healthy();
    write(&mut files, SERVER_PEM, &names, 0o644);
    let found = find(&files, &["/out"], EtcdVersion::V3_5, NOW);
    for id in ["E502", "E514", "E515", "E517", "E605"] {
        assert!(found.iter().any(|finding| finding.rule == id), "{id} is not among {found:#?}");
    }
    // The same serial number, of another certificate.
    let mut files = healthy();
    let other = reissued(SERVER_PEM, &Wish::default());
    let same = Certificate::read(&other[Path::new(SERVER_PEM)].bytes).unwrap();
    let mut der = same.der().to_vec();
    if same.serial().len() == client.serial().len() {
        let at = der.windows(same.serial().len()).position(|w| w == same.serial()).unwrap();
        der[at..at + client.serial().len()].copy_from_slice(client.serial());
        write(
            &mut files,
            "/out/clients/other/client.pem",
            crate::x509::pem::encode("CERTIFICATE", &der),
            0o644,
        );
        finds(&files, &["E518"]);
    }
    let mut files = healthy();
    let leaf = files[Path::new(SERVER_PEM)].bytes.clone();
    let ca = files[Path::new("/out/ca/ca.pem")].bytes.clone();
    write(&mut files, "/out/nodes/a/etc/etcd/pki/ca.pem", [&ca[..], &leaf[..]].concat(), 0o644);
    finds(&files, &["E519"]);
}

#[test]
fn revocation_rules() {
    const CRL: &str = "/out/nodes/a/etc/etcd/pki/clients.crl";
    let base = edited(
        ENV,
        "ETCD_CLIENT_CERT_AUTH=true",
        "ETCD_CLIENT_CERT_AUTH=true\nETCD_CLIENT_CRL_FILE=/etc/etcd/pki/clients.crl",
    );
    finds(&base, &["E701"]);
    let issuer = |files: &Files| {
        let read = |path: &str| files[Path::new(path)].bytes.clone();
        let key = PrivateKey::read(&read("/out/ca/ca-key.pem"), None).unwrap();
        Issuer::new(Certificate::read(&read("/out/ca/ca.pem")).unwrap(), key).unwrap()
    };
    let template = crate::x509::crl::CrlTemplate {
        number: 1,
        this_update: NOW,
        next_update: NOW + time::Duration::days(9),
        revocations: &[],
    };
    let crl = issuer(&base).sign_crl(&template).unwrap();
    let with = |bytes: &[u8]| {
        let mut files = base.clone();
        write(&mut files, CRL, bytes, 0o644);
        files
    };
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7] {
        finds_with(&with(crl.der()), version, NOW, &[]);
        finds_with(&with(b""), version, NOW, &["E701"]);
        finds_with(&with(b"junk"), version, NOW, &["E701"]);
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, crl.der());
        finds_with(&with(base64.as_bytes()), version, NOW, &["E701"]);
        let findings = find(&with(crl.to_pem().as_bytes()), &["/out"], version, NOW);
        let expected = if version.has(6, 0) { Severity::Error } else { Severity::Warning };
        assert_eq!(findings.iter().map(|f| (f.rule, f.severity)).collect::<Vec<_>>(), [("E702", expected)]);
    }
    let other =
        issuer(&applied(&MEMBERS.replace("prod", "other").replacen('\n', "\nlayout: single-ca\n", 1)));
    finds(&with(other.sign_crl(&template).unwrap().der()), &["E704"]);
    let mut files = with(crl.der());
    edit(&mut files, ENV, "ETCD_NAME=a", "ETCD_NAME=a\nETCD_LISTEN_CLIENT_HTTP_URLS=https://10.0.0.1:2382");
    finds(&files, &[]);
    let old = EtcdVersion::parse("3.5.30").unwrap();
    finds_with(&files, old, NOW, &["E217", "E703"]);
    // No release of 3.4 mends it.
    finds_with(&files, EtcdVersion::V3_4, NOW, &["E216", "E217", "E703"]);
}

#[test]
fn version_rules() {
    let found = |version: &str, now| {
        let findings = find(&healthy(), &["/out"], EtcdVersion::parse(version).unwrap(), now);
        let of_version = findings.into_iter().filter(|finding| ["E216", "E217"].contains(&finding.rule));
        of_version.map(|finding| (finding.rule, finding.problem)).collect::<Vec<_>>()
    };
    for version in ["3.5", "3.5.33", "3.6", "3.6.16", "3.7"] {
        assert_eq!(found(version, NOW), [], "{version}");
    }
    let ended = "support of etcd 3.4 ended on 2026-06-01; its last release is 3.4.45";
    assert_eq!(found("3.4", NOW)[0], ("E216", ended.to_owned()));
    let before = found("3.4", datetime!(2026-05-31 12:00 UTC));
    assert!(before.iter().all(|(rule, _)| *rule == "E217"), "{before:?}");
    let holes = found("3.6.10", NOW);
    let names = holes.iter().map(|(rule, problem)| (*rule, problem.split(' ').next().unwrap()));
    let expected = ["CVE-2026-44283", "CVE-2026-73499", "CVE-2026-73500"].map(|cve| ("E217", cve));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    assert!(holes[0].1.ends_with("; mended in 3.6.11"), "{}", holes[0].1);
    assert!(before[0].1.ends_with("; this series is not mended"), "{}", before[0].1);
    // Nothing that is here runs etcd.
    let mut certificates = healthy();
    certificates.retain(|path, _| path.extension().is_some_and(|end| end == "pem"));
    finds_with(&certificates, EtcdVersion::V3_4, NOW, &[]);
}

/// `openssl req -x509 -sha1` with a key on P-224, a serial number of 22 octets, and 10.0.0.1 as a DNS name.
const P224: &str = "\
MIIBdTCCASSgAwIBAgIWEjRWeJASNFZ4kBI0VniQEjRWeJASqzAJBgcqhkjOPQQB
MA4xDDAKBgNVBAMMA29kZDAgFw0yNjExMjExMzEwNTRaGA8yMTI2MTAyODEzMTA1
NFowDjEMMAoGA1UEAwwDb2RkME4wEAYHKoZIzj0CAQYFK4EEACEDOgAEpa0U9gsB
UzIwfnhFZouSPTv3VwrA79O68TEQ1LW5H4AfYbeCsXzGQJvGFNWcs+DU101dsfT2
7JijaDBmMB0GA1UdDgQWBBSiLnvs4JgcSC24DIiwyAe0CLRzSDAfBgNVHSMEGDAW
gBSiLnvs4JgcSC24DIiwyAe0CLRzSDAJBgNVHRMEAjAAMBkGA1UdEQQSMBCCCDEw
LjAuMC4xhwR/AAABMAkGByqGSM49BAEDQAAwPQIdAKhmy+Ox//qBNIAtBMKX55hY
PQFq7wINBHAj6YsCHEAD4gRs+S9THg4s6qhXaR4GZLJbWJP4lYysYgs=
";

/// Files of which some may not be read, as for a user who is not root.
struct Guarded {
    files: Files,
    denied: &'static str,
}

impl Guarded {
    fn check(&self, path: &Path) -> Result<(), crate::etcd::Error> {
        let denied = Path::new(self.denied);
        if path.starts_with(denied) {
            return Err(crate::etcd::Error::io("read", denied, std::io::ErrorKind::PermissionDenied.into()));
        }
        Ok(())
    }
}

impl crate::etcd::found::Files for Guarded {
    fn entry(&self, path: &Path) -> Result<Option<Entry>, crate::etcd::Error> {
        // Whoever may not enter a folder still sees that it is there.
        if path != Path::new(self.denied) || path.extension().is_some() {
            self.check(path)?;
        }
        self.files.entry(path)
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, crate::etcd::Error> {
        self.check(path)?;
        self.files.names(path)
    }

    fn user(&self, _: &str) -> Option<u32> {
        None
    }
}

/// One member that may not be read is no reason to judge nothing of the others, and never passes for clean.
#[test]
fn what_may_not_be_read_is_told_and_the_rest_is_judged() {
    for (denied, told) in [
        ("/out/nodes/a", "/out/nodes/a"),
        ("/out/nodes/a/etc/etcd/etcd.env", "/out/nodes/a/etc/etcd/etcd.env"),
        ("/out/nodes/a/etc/systemd/system/etcd.service", "/out/nodes/a/etc/systemd/system/etcd.service"),
        ("/out/nodes/a/etc/etcd/pki/server-key.pem", "/out/nodes/a/etc/etcd/pki/server-key.pem"),
        ("/out/clients/root", "/out/clients/root"),
    ] {
        let mut files = healthy();
        edit(&mut files, "/out/nodes/b/etc/etcd/etcd.env", "ETCD_NAME=", "ETCD_NANE=");
        let guarded = Guarded { files, denied };
        let found = Found::read(&["/out".into()], EtcdVersion::V3_5, &guarded).unwrap();
        let omissions = found.omissions();
        let of_file = |path: &Path| omissions.iter().any(|omission| omission.file == path);
        assert!(of_file(Path::new(told)), "{denied}: {omissions:#?}");
        let findings = examine(&found, EtcdVersion::V3_5, NOW);
        assert!(findings.iter().any(|finding| finding.problem.contains("NANE")), "{denied}: {findings:#?}");
    }
    // So does the verdict over the cluster.
    for (denied, rules) in [
        ("/out/nodes/a", &["E854", "E861"][..]),
        ("/out/nodes/a/etc/etcd/etcd.env", &["E861"]),
        ("/out/nodes/a/etc/etcd/pki/server-key.pem", &["E807"]),
        ("/out/clients", &["E857"]),
        ("/out/clients/root", &["E857"]),
        ("/out/clients/root/client-key.pem", &["E857"]),
    ] {
        let guarded = Guarded { files: healthy(), denied };
        let untrusted = UntrustedCa::new(&SystemKeys, &SystemRandomness, NOW).unwrap();
        let leniency = Leniency::default();
        let clusters =
            Connections::read(Path::new("/out"), EtcdVersion::V3_5, leniency, &untrusted, &guarded).unwrap();
        let [cluster] = clusters.as_slice() else { panic!("{denied}: {clusters:#?}") };
        let verification = cluster.verify(Conditions { lookup: None, now: NOW });
        let found: BTreeSet<&str> = verification.findings.iter().map(|finding| finding.rule).collect();
        for rule in rules {
            assert!(found.contains(rule), "{denied}: {found:?}");
        }
        let is_healthy = verification.is_healthy() && !verification.is_certain();
        assert!(is_healthy, "{denied}: {:#?}", verification.findings);
    }
    // Nothing can be said of what was named itself.
    let guarded = Guarded { files: healthy(), denied: "/out" };
    assert!(matches!(
        Found::read(&["/out".into()], EtcdVersion::V3_5, &guarded),
        Err(ReadError::Unreadable(_))
    ));
}

/// Debian's package has an environment file with comments only, which its unit names.
#[test]
fn an_environment_file_without_settings_is_understood_where_a_unit_names_it() {
    let mut files = Files::new();
    let unit = "[Service]\nEnvironmentFile=-/etc/default/%p\nExecStart=/usr/bin/etcd --name a\n";
    write(&mut files, "/usr/lib/systemd/system/etcd.service", unit, 0o644);
    write(&mut files, "/etc/default/etcd", "# ETCD_NAME=\"hostname\"\n", 0o644);
    let omissions = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        Found::read(&paths, EtcdVersion::V3_5, &files).map(|found| found.omissions())
    };
    assert_eq!(omissions(&["/usr/lib/systemd/system/etcd.service", "/etc/default/etcd"]).unwrap(), []);
    assert!(omissions(&["/etc/default/etcd"]).is_err());
}

/// Files of members have passwords of etcd's users, and of proxies and discovery services.
#[test]
fn passwords_are_not_repeated() {
    let mut files = healthy();
    let environment = "/out/nodes/a/etc/etcd/etcd.env";
    edit(
        &mut files,
        environment,
        "ETCD_NAME=",
        "ETCD_ROOT_PASSWORD=s3cret\nETCD_DISCOVERY_PASSWORD=s3cret\nETCD_DISCOVERY=https://u:s3cret@d.example/s3cret\n\
         ETCD_CONFIG_FILE=/etc/etcd/etcd.yaml\nETCD_AUTH_TOKEN=jwt,s3cret\nETCD_NAME=",
    );
    let urls = "listen-peer-urls: https://u:s3cret@10.0.0.1:2380\nlisten-client-urls: https://s3cret@10.0.0.1:2379\n";
    write(&mut files, "/out/nodes/a/etc/etcd/etcd.yaml", urls, 0o644);
    let findings = find(&files, &["/out/nodes/a"], EtcdVersion::V3_5, NOW);
    let has = |text: &str| findings.iter().any(|finding| finding.problem.contains(text));
    assert!(
        has("ETCD_ROOT_PASSWORD has no effect") && has("https://(not shown)@10.0.0.1:2380"),
        "{findings:#?}"
    );
    assert!(!format!("{findings:?}").contains("s3cret"), "{findings:#?}");
}
