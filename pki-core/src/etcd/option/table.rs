//! The options of etcd 3.4 to 3.7.
//!
//! Sources, of etcd-io/etcd: which flags there are and what they take, `etcdmain/config.go` (3.4),
//! `server/etcdmain/config.go` and, from 3.6 on, `AddFlags` of `server/embed/config.go`; the configuration file,
//! the structs in `embed/config.go` (3.4) or `server/embed/config.go`, `server/etcdmain/config.go`
//! (`configProxy`), `client/pkg/transport/sockopt.go` and `client/v3/config.go`; what is deprecated,
//! `deprecatedFlags` and `server/etcdmain/help.go`, and `CHANGELOG-3.4.md` to `CHANGELOG-3.7.md`; values,
//! `Validate` in `server/embed/config.go`. Every tag from v3.4.0 to v3.4.45, v3.5.33, v3.6.14 and v3.7.1 was
//! compared. The tests ask the real etcd of the series that they find.
//!
//! One fact is left out, since only old releases of a series have it: `snapshot-count` was deprecated in 3.6.0 to
//! 3.6.7.

use crate::etcd::option::definition::EtcdOption;
use crate::etcd::option::urls::UrlUse::{Advertise, Listen, Origin};
use crate::etcd::option::value::ValueKind;
use crate::etcd::option::value::ValueKind::{
    Bool, Choice, Choices, CipherSuites, Duration, FeatureGates, Ignored, List, Members, Path,
    PositiveDuration, Retention, Single, Text, Urls,
};

// Go's `int` and `int64`, `uint` and `uint64`, and `uint32` on 64-bit machines.
const INT: ValueKind = ValueKind::Integer { least: i64::MIN, most: i64::MAX };
const UINT: ValueKind = ValueKind::Unsigned { least: 0, most: u64::MAX };
const UINT32: ValueKind = ValueKind::Unsigned { least: 0, most: 4_294_967_295 };
const HEARTBEAT: ValueKind = ValueKind::Unsigned { least: 1, most: 10_000 };
const ELECTION: ValueKind = ValueKind::Unsigned { least: 5, most: 50_000 };
const PER_MILLION: ValueKind = ValueKind::Integer { least: 0, most: 1_000_000 };

const LEVELS: ValueKind = Choice(&["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]);
const TLS_VERSION: ValueKind = Choice(&["TLS1.2", "TLS1.3"]);
const V2_STAGES: ValueKind =
    Choices(&["write-only", "write-only-skip-check", "write-only-drop-data", "gone"]);
const V2_STAGES_3_6_0: ValueKind = Choices(&["write-only", "write-only-drop-data", "gone"]);
const V2_STAGES_3_5: ValueKind =
    Choices(&["not-yet", "write-only", "write-only-skip-check", "write-only-drop-data", "gone"]);
const V2_STAGES_3_5_0: ValueKind = Choices(&["not-yet", "write-only", "write-only-drop-data", "gone"]);

const DISCOVERY: &[&str] = &["discovery-config"];
const DISCOVERY_CLIENT: &[&str] = &["discovery-config", "client"];
const DISCOVERY_SECURE: &[&str] = &["discovery-config", "client", "secure"];
const DISCOVERY_AUTH: &[&str] = &["discovery-config", "client", "auth"];

const fn option(name: &'static str, kind: ValueKind) -> EtcdOption {
    EtcdOption::new(name, kind)
}

/// An option that became stable in 3.6 under another name, and is gone in 3.7.
const fn experimental(name: &'static str, kind: ValueKind, instead: &'static str) -> EtcdOption {
    option(name, kind).deprecated(6).removed(7).instead(instead)
}

/// An option of old command lines, which etcd accepts and ignores.
const fn ignored(name: &'static str) -> EtcdOption {
    option(name, Ignored).not_in_file()
}

/// The options in the order of etcd's help. `(5, 8)` is 3.5.8, and a single number such as `6` is the series 3.6.
#[rustfmt::skip] // One line per option.
pub(crate) static OPTIONS: &[EtcdOption] = &[
    // Program.
    option("config-file", Path).not_in_file(),
    option("version", Bool).not_in_file(),
    // Member.
    option("name", Text),
    option("data-dir", Path),
    option("wal-dir", Path),
    option("snapshot-count", UINT),
    option("heartbeat-interval", HEARTBEAT),
    option("election-timeout", ELECTION),
    option("initial-election-tick-advance", Bool),
    option("listen-peer-urls", Urls(Listen)),
    option("listen-client-urls", Urls(Listen)),
    option("listen-client-http-urls", Urls(Listen)).since(&[(4, 25), (5, 8)]),
    option("max-snapshots", UINT).deprecated(6),
    option("max-wals", UINT),
    option("memory-mlock", Bool).since(&[(6, 0)]),
    option("quota-backend-bytes", INT),
    option("backend-bbolt-freelist-type", Text).since(&[(5, 0)]),
    option("backend-batch-interval", Duration),
    option("backend-batch-limit", INT),
    option("max-txn-ops", UINT),
    option("max-request-bytes", UINT),
    option("max-concurrent-streams", UINT32).since(&[(4, 20), (5, 5)]),
    option("enable-grpc-gateway", Bool),
    option("grpc-keepalive-min-time", Duration),
    option("grpc-keepalive-interval", Duration),
    option("grpc-keepalive-timeout", Duration),
    option("socket-reuse-port", Bool).since(&[(5, 0)]).at(&["socket-options"], "reuse-port").file_since(&[(5, 10)]),
    option("socket-reuse-address", Bool).since(&[(5, 0)]).at(&["socket-options"], "reuse-address").file_since(&[(5, 10)]),
    option("raft-read-timeout", Duration).since(&[(5, 0)]).not_in_file(),
    option("raft-write-timeout", Duration).since(&[(5, 0)]).not_in_file(),
    option("snapshot-catchup-entries", UINT).since(&[(6, 0)]),
    option("max-learners", INT).since(&[(6, 0)]),
    option("compaction-batch-limit", INT).since(&[(6, 0)]),
    option("compaction-sleep-interval", Duration).since(&[(6, 0)]),
    option("corrupt-check-time", Duration).since(&[(6, 0)]),
    option("compact-hash-check-time", PositiveDuration).since(&[(6, 0)]),
    option("watch-progress-notify-interval", Duration).since(&[(6, 0)]),
    option("downgrade-check-time", Duration).since(&[(6, 0)]),
    option("warning-apply-duration", Duration).since(&[(6, 0)]),
    option("warning-unary-request-duration", Duration).since(&[(6, 0)]),
    option("bootstrap-defrag-threshold-megabytes", UINT).since(&[(6, 0)]),
    // Clustering.
    option("initial-advertise-peer-urls", Urls(Advertise)),
    option("initial-cluster", Members),
    option("initial-cluster-state", Choice(&["new", "existing"])),
    option("initial-cluster-token", Text),
    option("advertise-client-urls", Urls(Advertise)),
    option("discovery", Text).removed(7).instead("discovery-endpoints"),
    option("discovery-proxy", Text).removed(7),
    option("discovery-fallback", Choice(&["exit", "proxy"])).file_until(6),
    option("discovery-srv", Text),
    option("discovery-srv-name", Text),
    option("discovery-token", Text).since(&[(6, 0)]).at(DISCOVERY, "token"),
    option("discovery-endpoints", List).since(&[(6, 0)]).at(DISCOVERY_CLIENT, "endpoints"),
    option("discovery-dial-timeout", Duration).since(&[(6, 0)]).at(DISCOVERY_CLIENT, "dial-timeout"),
    option("discovery-request-timeout", Duration).since(&[(6, 0)]).at(DISCOVERY_CLIENT, "request-timeout"),
    option("discovery-keepalive-time", Duration).since(&[(6, 0)]).at(DISCOVERY_CLIENT, "keepalive-time"),
    option("discovery-keepalive-timeout", Duration).since(&[(6, 0)]).at(DISCOVERY_CLIENT, "keepalive-timeout"),
    option("discovery-insecure-transport", Bool).since(&[(6, 0)]).at(DISCOVERY_SECURE, "insecure-transport"),
    option("discovery-insecure-skip-tls-verify", Bool).since(&[(6, 0)]).at(DISCOVERY_SECURE, "insecure-skip-tls-verify"),
    option("discovery-cert", Path).since(&[(6, 0)]).at(DISCOVERY_SECURE, "cert"),
    option("discovery-key", Path).since(&[(6, 0)]).at(DISCOVERY_SECURE, "key"),
    option("discovery-cacert", Path).since(&[(6, 0)]).at(DISCOVERY_SECURE, "cacert"),
    option("discovery-user", Text).since(&[(6, 0)]).at(DISCOVERY_AUTH, "username"),
    option("discovery-password", Text).since(&[(6, 0)]).at(DISCOVERY_AUTH, "password"),
    option("strict-reconfig-check", Bool),
    option("pre-vote", Bool),
    option("auto-compaction-retention", Retention),
    option("auto-compaction-mode", Choice(&["periodic", "revision"])),
    option("enable-v2", Bool).deprecated(5).removed(6),
    option("v2-deprecation", V2_STAGES).formerly(&[((5, 32), V2_STAGES_3_5_0), ((6, 0), V2_STAGES_3_5), ((6, 13), V2_STAGES_3_6_0)]).since(&[(5, 0)]).deprecated(6),
    // Lets a member of 3.4 join a cluster of 3.5.
    option("next-cluster-version-compatible", Bool).since(&[(4, 31)]).removed(5),
    // Security.
    option("cert-file", Path).client("cert-file"),
    option("key-file", Path).client("key-file"),
    option("client-cert-file", Path).since(&[(5, 0)]).client("client-cert-file"),
    option("client-key-file", Path).since(&[(5, 0)]).client("client-key-file"),
    option("client-cert-auth", Bool).client("client-cert-auth"),
    option("client-crl-file", Path).not_in_file(),
    option("client-cert-allowed-hostname", List).formerly(&[((5, 15), Single)]).client("allowed-hostname").file_since(&[(5, 14)]),
    option("trusted-ca-file", Path).client("trusted-ca-file"),
    option("auto-tls", Bool).client("auto-tls"),
    option("peer-cert-file", Path).peer("cert-file"),
    option("peer-key-file", Path).peer("key-file"),
    option("peer-client-cert-file", Path).since(&[(5, 0)]).peer("client-cert-file"),
    option("peer-client-key-file", Path).since(&[(5, 0)]).peer("client-key-file"),
    option("peer-client-cert-auth", Bool).peer("client-cert-auth"),
    option("peer-trusted-ca-file", Path).peer("trusted-ca-file"),
    option("peer-cert-allowed-cn", List).formerly(&[((5, 15), Single)]).peer("allowed-cn").file_since(&[(5, 14)]),
    option("peer-cert-allowed-hostname", List).formerly(&[((5, 15), Single)]).peer("allowed-hostname").file_since(&[(5, 14)]),
    option("peer-auto-tls", Bool).peer("auto-tls"),
    option("self-signed-cert-validity", UINT).since(&[(5, 0)]).file_since(&[(5, 1)]),
    option("peer-crl-file", Path).not_in_file(),
    option("peer-skip-client-san-verification", Bool).since(&[(6, 0)]).peer("skip-client-san-verification"),
    option("cipher-suites", CipherSuites),
    option("cors", Urls(Origin)),
    // Hosts with commas between them, but a single string in the file.
    option("host-whitelist", Text),
    option("tls-min-version", TLS_VERSION).since(&[(4, 25), (5, 8)]),
    option("tls-max-version", TLS_VERSION).since(&[(4, 25), (5, 8)]),
    // Auth.
    option("auth-token", Text),
    option("bcrypt-cost", UINT),
    option("auth-token-ttl", UINT).since(&[(4, 10), (5, 0)]),
    // Profiling and metrics.
    option("enable-pprof", Bool),
    option("metrics", Text),
    option("listen-metrics-urls", Urls(Listen)),
    // Logging.
    option("logger", Choice(&["zap"])).formerly(&[((5, 0), Choice(&["capnslog", "zap"]))]),
    option("log-outputs", List),
    option("log-level", LEVELS),
    option("log-format", Choice(&["json", "console"])).since(&[(6, 0)]),
    option("enable-log-rotation", Bool).since(&[(5, 0)]),
    option("log-rotation-config-json", Text).since(&[(5, 0)]),
    option("log-output", List).deprecated(4).removed(5).instead("log-outputs"),
    option("log-package-levels", Text).deprecated(4).removed(5).instead("log-level"),
    option("debug", Bool).deprecated(4).removed(5).instead("log-level=debug"),
    // Distributed tracing.
    option("enable-distributed-tracing", Bool).since(&[(6, 0)]),
    option("distributed-tracing-address", Text).since(&[(6, 0)]),
    option("distributed-tracing-service-name", Text).since(&[(6, 0)]),
    option("distributed-tracing-instance-id", Text).since(&[(6, 0)]),
    option("distributed-tracing-sampling-rate", PER_MILLION).since(&[(6, 0)]),
    // v2 proxy.
    option("proxy", Choice(&["off", "readonly", "on"])).deprecated(5).removed(6),
    option("proxy-failure-wait", UINT).deprecated(5).removed(6),
    option("proxy-refresh-interval", UINT).deprecated(5).removed(6),
    option("proxy-dial-timeout", UINT).deprecated(5).removed(6),
    option("proxy-write-timeout", UINT).deprecated(5).removed(6),
    option("proxy-read-timeout", UINT).deprecated(5).removed(6),
    // Features.
    option("feature-gates", FeatureGates).since(&[(6, 0)]),
    // Experimental.
    option("experimental-enable-v2v3", Text).deprecated(5).removed(6),
    option("experimental-backend-bbolt-freelist-type", Text).removed(5).instead("backend-bbolt-freelist-type"),
    experimental("experimental-initial-corrupt-check", Bool, "feature-gates=InitialCorruptCheck=true"),
    experimental("experimental-corrupt-check-time", Duration, "corrupt-check-time"),
    experimental("experimental-compact-hash-check-enabled", Bool, "feature-gates=CompactHashCheck=true").since(&[(5, 5)]),
    experimental("experimental-compact-hash-check-time", PositiveDuration, "compact-hash-check-time").since(&[(5, 5)]),
    experimental("experimental-enable-lease-checkpoint", Bool, "feature-gates=LeaseCheckpoint=true"),
    experimental("experimental-enable-lease-checkpoint-persist", Bool, "feature-gates=LeaseCheckpointPersist=true").since(&[(4, 20), (5, 2)]),
    experimental("experimental-compaction-batch-limit", INT, "compaction-batch-limit"),
    experimental("experimental-compaction-sleep-interval", Duration, "compaction-sleep-interval").since(&[(5, 16)]),
    experimental("experimental-peer-skip-client-san-verification", Bool, "peer-skip-client-san-verification").file_since(&[(6, 0)]),
    experimental("experimental-watch-progress-notify-interval", Duration, "watch-progress-notify-interval").since(&[(4, 11), (5, 0)]),
    experimental("experimental-warning-apply-duration", Duration, "warning-apply-duration").since(&[(4, 16), (5, 0)]),
    experimental("experimental-warning-unary-request-duration", Duration, "warning-unary-request-duration").since(&[(6, 0)]),
    experimental("experimental-txn-mode-write-with-shared-buffer", Bool, "feature-gates=TxnModeWriteWithSharedBuffer=true").since(&[(5, 0)]),
    experimental("experimental-bootstrap-defrag-threshold-megabytes", UINT, "bootstrap-defrag-threshold-megabytes").since(&[(5, 0)]),
    experimental("experimental-downgrade-check-time", Duration, "downgrade-check-time").since(&[(5, 0)]),
    experimental("experimental-memory-mlock", Bool, "memory-mlock").since(&[(5, 0)]),
    // The key in the file is spelled with `catch-up`.
    experimental("experimental-snapshot-catchup-entries", UINT, "snapshot-catchup-entries").since(&[(5, 14)]).at(&[], "experimental-snapshot-catch-up-entries"),
    experimental("experimental-stop-grpc-service-on-defrag", Bool, "feature-gates=StopGRPCServiceOnDefrag=true").since(&[(5, 14)]),
    experimental("experimental-enable-distributed-tracing", Bool, "enable-distributed-tracing").since(&[(5, 0)]),
    experimental("experimental-distributed-tracing-address", Text, "distributed-tracing-address").since(&[(5, 0)]),
    experimental("experimental-distributed-tracing-service-name", Text, "distributed-tracing-service-name").since(&[(5, 0)]),
    experimental("experimental-distributed-tracing-instance-id", Text, "distributed-tracing-instance-id").since(&[(5, 0)]),
    experimental("experimental-distributed-tracing-sampling-rate", PER_MILLION, "distributed-tracing-sampling-rate").since(&[(5, 11)]),
    // Unsafe.
    option("unsafe-no-fsync", Bool).since(&[(4, 10), (5, 0)]),
    option("force-new-cluster", Bool),
    // Of etcd 0.x and 2, and of its own tests.
    ignored("cluster-active-size"),
    ignored("cluster-remove-delay"),
    ignored("cluster-sync-interval"),
    ignored("config"),
    ignored("force"),
    ignored("max-result-buffer"),
    ignored("max-retry-attempts"),
    ignored("peer-heartbeat-interval"),
    ignored("peer-election-timeout"),
    ignored("retry-interval"),
    ignored("snapshot"),
    ignored("v"),
    ignored("vv"),
    ignored("test.coverprofile"),
    ignored("test.outputdir"),
];
