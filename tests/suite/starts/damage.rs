//! Ways in which settings are slightly wrong, or right in an unusual form.

use pki_core::etcd::EtcdOption;

use super::case::{Draft, Way};
use crate::suite::random::Random;

type Damage = fn(&mut Draft<'_>, &mut Random);

const DAMAGES: [Damage; 21] = [
    another_value,
    another_value,
    another_option,
    another_option,
    one_less,
    one_less,
    same_socket,
    words,
    shadowed,
    unknown_variable,
    timing,
    tls,
    features,
    two_names,
    tokens,
    compaction,
    logs,
    members,
    urls,
    ways_to_find_members,
    half_a_pair,
];

/// Damages of the configuration file.
const OF_THE_FILE: [Damage; 4] = [mistyped, mistyped, lines, sections];

pub fn apply(draft: &mut Draft<'_>, random: &mut Random) {
    if draft.way == Way::File && random.percent(45) {
        random.pick(&OF_THE_FILE)(draft, random);
    } else {
        random.pick(&DAMAGES)(draft, random);
    }
}

/// Texts of every kind, and of none.
const TEXTS: [&str; 40] = [
    "",
    "x",
    "true",
    "T",
    "tRUE",
    "yes",
    "0",
    "1",
    "-1",
    "+5",
    "007",
    "09",
    "0x10",
    "1_000",
    "1e3",
    "1.5",
    "10s",
    "1h30m",
    "1d",
    "0s",
    "-1s",
    "4294967296",
    "18446744073709551616",
    "new",
    "existing",
    "info",
    "INFO",
    "Warn",
    "warning",
    "zap",
    "capnslog",
    "json",
    "console",
    "periodic",
    "revision",
    "TLS1.2",
    "TLS1.3",
    "stderr",
    "default",
    "a,b",
];

fn another_value(draft: &mut Draft<'_>, random: &mut Random) {
    if draft.settings.is_empty() {
        return;
    }
    let index = random.below(draft.settings.len());
    let option = draft.settings[index].0.clone();
    // A file that is not there is another matter.
    if !option.ends_with("-file") {
        draft.settings[index].1 = random.pick(&TEXTS).to_owned();
    }
}

fn another_option(draft: &mut Draft<'_>, random: &mut Random) {
    let option = random.pick(&draft.options());
    let risky = ["log-outputs", "log-output", "data-dir"];
    if !option.name().ends_with("-file") && !risky.contains(&option.name()) {
        draft.set(option.name(), random.pick(&TEXTS));
    }
}

fn one_less(draft: &mut Draft<'_>, random: &mut Random) {
    if !draft.settings.is_empty() {
        draft.settings.remove(random.below(draft.settings.len()));
    }
}

fn same_socket(draft: &mut Draft<'_>, random: &mut Random) {
    let port = random.pick(&["2379", "2380"]);
    let host = random.pick(&["127.0.0.1", "0.0.0.0", "localhost", "[::1]"]);
    let option = random.pick(&[
        "listen-peer-urls",
        "listen-client-urls",
        "listen-metrics-urls",
        "listen-client-http-urls",
    ]);
    let more = draft.get(option).map(|urls| format!("{urls},")).unwrap_or_default();
    let url = format!("http://{host}:{port}");
    let value = random.pick(&[url.clone(), format!("{more}{url}"), format!("{url},{url}")]);
    draft.set(option, value);
}

fn words(draft: &mut Draft<'_>, random: &mut Random) {
    let words = [
        "---name=a",
        "--",
        "-",
        "word",
        "--name",
        "-name=b",
        "--bogus=1",
        "--=x",
        "-- word",
        "--snapshot",
        "--vv=x",
        "--no-such-flag",
        "--name= ",
        "--enable-pprof",
        "--enable-pprof=",
        "--enable-pprof true",
    ];
    draft.words.extend(random.pick(&words).split(' ').map(str::to_owned));
}

fn shadowed(draft: &mut Draft<'_>, random: &mut Random) {
    let Some((option, value)) = draft.settings.first().cloned() else { return };
    let Some(option) = EtcdOption::find(&option) else { return };
    draft.words.push(format!("--{}={value}", option.name()));
    let value = random.pick(&["", value.as_str()]).to_owned();
    draft.variables.push((option.variable(), value));
}

fn unknown_variable(draft: &mut Draft<'_>, random: &mut Random) {
    let (name, value) = random.pick(&[
        ("ETCD_BOGUS", "1"),
        ("ETCD_VERSION", "3.5.0"),
        ("ETCD_VERSION", "true"),
        ("ETCD_NAME", ""),
        ("ETCD_SNAPSHOT", "x"),
        ("ETCDCTL_API", "3"),
        ("ETCD_ENABLE_PPROF", "T"),
    ]);
    if draft.variables.iter().all(|(other, _)| other != name)
        && draft.get("name").is_none_or(|_| name != "ETCD_NAME")
    {
        draft.variables.push((name.to_owned(), value.to_owned()));
    }
}

fn timing(draft: &mut Draft<'_>, random: &mut Random) {
    let heartbeats = ["0", "1", "10", "100", "200", "201", "10000", "10001"];
    draft.set("heartbeat-interval", random.pick(&heartbeats));
    draft.set("election-timeout", random.pick(&["0", "5", "49", "50", "500", "1000", "1001", "50001"]));
}

fn tls(draft: &mut Draft<'_>, random: &mut Random) {
    let versions = ["TLS1.2", "TLS1.3", "", "TLS1.1"];
    if random.percent(70) {
        draft.set("tls-min-version", random.pick(&versions));
    }
    if random.percent(50) {
        draft.set("tls-max-version", random.pick(&versions));
    }
    let suites = [
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_RC4_128_SHA,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_NO_SUCH_SUITE",
        "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384",
        "",
    ];
    if random.percent(60) {
        draft.set("cipher-suites", random.pick(&suites));
    }
}

fn features(draft: &mut Draft<'_>, random: &mut Random) {
    let gates = [
        "CompactHashCheck=true",
        "LeaseCheckpointPersist=true",
        "LeaseCheckpoint=true,LeaseCheckpointPersist=true",
        "AllAlpha=true",
        "AllAlpha=true,LeaseCheckpoint=false",
        "AllBeta=false",
        "NoSuchFeature=true",
        "CompactHashCheck",
        "CompactHashCheck=yes",
        " CompactHashCheck = T ,",
        "TxnModeWriteWithSharedBuffer=false",
        "PriorityRequest=true",
        "",
    ];
    draft.set("feature-gates", random.pick(&gates));
    let options = [
        "experimental-compact-hash-check-enabled",
        "experimental-enable-lease-checkpoint",
        "experimental-enable-lease-checkpoint-persist",
        "experimental-txn-mode-write-with-shared-buffer",
        "experimental-initial-corrupt-check",
    ];
    for option in options {
        if random.percent(30) {
            draft.set(option, random.pick(&["true", "false"]));
        }
    }
}

fn two_names(draft: &mut Draft<'_>, random: &mut Random) {
    let (old, new, value) = random.pick(&[
        ("experimental-compact-hash-check-time", "compact-hash-check-time", "1s"),
        ("experimental-corrupt-check-time", "corrupt-check-time", "1s"),
        ("experimental-compaction-batch-limit", "compaction-batch-limit", "100"),
        ("experimental-snapshot-catchup-entries", "snapshot-catchup-entries", "100"),
        ("experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification", "true"),
        ("experimental-warning-unary-request-duration", "warning-unary-request-duration", "1s"),
        ("experimental-warning-apply-duration", "warning-apply-duration", "1s"),
        ("experimental-distributed-tracing-address", "distributed-tracing-address", "localhost:1"),
        ("experimental-distributed-tracing-sampling-rate", "distributed-tracing-sampling-rate", "1000001"),
        ("experimental-enable-distributed-tracing", "enable-distributed-tracing", "true"),
    ]);
    draft.set(old, value);
    if random.percent(70) {
        draft.set(new, value);
    }
    if random.percent(30) {
        draft.set(
            random.pick(&["enable-distributed-tracing", "experimental-enable-distributed-tracing"]),
            "true",
        );
    }
}

fn tokens(draft: &mut Draft<'_>, random: &mut Random) {
    let [_, key] = &draft.files.server;
    let tokens = [
        "foo".to_owned(),
        "simple,x".to_owned(),
        "simple,a=b,a=c".to_owned(),
        "jwt".to_owned(),
        "jwt,sign-method=RS256".to_owned(),
        "jwt,sign-method=HS256".to_owned(),
        "jwt,sign-method=none".to_owned(),
        format!("jwt,sign-method=ES256,priv-key={key}"),
        format!("jwt,sign-method=HS256,priv-key={key}"),
        format!("jwt,sign-method=HS256,priv-key={key},ttl=5"),
        format!("jwt,sign-method=HS256,priv-key={key},ttl=5m,x=y"),
        "Simple".to_owned(),
        " simple".to_owned(),
        format!("jwt,sign-method=hs256,priv-key={key}"),
        "jwt,sign-method=EdDSA".to_owned(),
    ];
    draft.set("auth-token", random.pick(&tokens));
}

fn compaction(draft: &mut Draft<'_>, random: &mut Random) {
    if random.percent(60) {
        draft.set("auto-compaction-mode", random.pick(&["periodic", "revision", "", "Periodic", "x"]));
    }
    let retentions = ["0", "1", "1h", "0h", "1000", "-1", "x", "", "1.5", "1d", "+5"];
    draft.set("auto-compaction-retention", random.pick(&retentions));
}

fn logs(draft: &mut Draft<'_>, random: &mut Random) {
    let outputs = [
        "stderr",
        "stdout",
        "default",
        "stderr,stdout",
        "default,stderr",
        "stderr,stderr",
        "out.log",
        "out.log,b.log",
        "stderr,out.log",
    ];
    draft.set("log-outputs", random.pick(&outputs));
    if random.percent(30) {
        draft.set("log-output", random.pick(&outputs));
    }
    if random.percent(50) {
        draft.set("logger", random.pick(&["zap", "zap", "capnslog", "", "x"]));
    }
    if random.percent(50) {
        draft.set("enable-log-rotation", random.pick(&["true", "true", "false"]));
    }
    if random.percent(30) {
        draft.set("log-level", random.pick(&["debug", "DEBUG", "Info", "", "loud", "warning"]));
    }
    if random.percent(20) {
        draft.set("log-format", random.pick(&["json", "console", "", "JSON"]));
    }
}

fn members(draft: &mut Draft<'_>, random: &mut Random) {
    let own = draft.get("initial-cluster").unwrap_or("a=http://127.0.0.1:2380").to_owned();
    let (name, url) =
        own.split_once('=').map(|(name, url)| (name.to_owned(), url.to_owned())).unwrap_or_default();
    let values = [
        format!("{own},"),
        format!("{own},{own}"),
        format!("x={url}"),
        format!("\"{name}\"={url}"),
        url.clone(),
        format!("{name}= {url}"),
        format!(" {name}={url}"),
        format!("{name}={url},{name}=http://127.0.0.9:2380"),
        format!("{name}={url}/"),
        String::new(),
        format!("{name}="),
        format!("{name}={}", url.replace("127.0.0.1", "localhost")),
        format!("{name}={}", url.replace("localhost", "127.0.0.1")),
        format!("{name}={}", url.replace("http:", "https:")),
        format!("{name}={url}?x=y"),
        "default=http://localhost:2380".to_owned(),
        ",".to_owned(),
    ];
    if random.percent(15) {
        draft.set("initial-cluster-state", random.pick(&["existing", "new", "", "New"]));
    } else {
        draft.set("initial-cluster", random.pick(&values));
    }
}

fn urls(draft: &mut Draft<'_>, random: &mut Random) {
    let option = random.pick(&[
        "listen-peer-urls",
        "listen-client-urls",
        "advertise-client-urls",
        "initial-advertise-peer-urls",
        "listen-metrics-urls",
        "cors",
    ]);
    let urls = [
        "127.0.0.1:4001",
        "http://127.0.0.1",
        "http://127.0.0.1:4001/",
        "ftp://127.0.0.1:4001",
        "http://:4001",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:",
        "http://a.example:4001",
        "http://::1:4001",
        "http://[::1]",
        "HTTP://127.0.0.1:4001",
        "http://127.0.0.1:4001,",
        " http://127.0.0.1:4001",
        "http://u:p@127.0.0.1:4001",
        "http://127.0.0.1:4001?x",
        "http://127.0.0.1:04001",
        "http://127.0.0.1:4001#x",
        "http://LOCALHOST:4001",
        "",
        "http://127.0.0.1:4001, http://127.0.0.4:4001",
        "http://127.1:4001",
        "http://0127.0.0.1:4001",
        "http:127.0.0.1:4001",
        "*",
        "http://[::ffff:127.0.0.1]:4001",
        "http://127.0.0.1:4001 ",
        "http://127.0.0.1:x",
    ];
    draft.set(option, random.pick(&urls));
    if option == "listen-client-urls" && random.percent(50) {
        draft.set("advertise-client-urls", "http://127.0.0.1:4001");
    }
    if option == "initial-advertise-peer-urls" && random.percent(50) {
        draft.unset("initial-cluster");
    }
}

fn ways_to_find_members(draft: &mut Draft<'_>, random: &mut Random) {
    if draft.get("initial-cluster").is_none_or(|cluster| cluster == "default=http://localhost:2380") {
        draft.set("initial-cluster", "a=http://127.0.0.1:2380");
    }
    match random.below(5) {
        0 => draft.set("discovery", "http://127.0.0.1:1/x"),
        1 => draft.set("discovery-srv", "a.example"),
        2 => draft.set("discovery-endpoints", "127.0.0.1:1"),
        3 => draft.set("discovery-token", "t"),
        _ => draft.set("discovery-fallback", random.pick(&["exit", "proxy", "x"])),
    }
}

fn half_a_pair(draft: &mut Draft<'_>, random: &mut Random) {
    let files = draft.files;
    let (option, file) = random.pick(&[
        ("cert-file", &files.server[0]),
        ("key-file", &files.server[1]),
        ("peer-cert-file", &files.peer[0]),
        ("peer-key-file", &files.peer[1]),
        ("client-cert-file", &files.server[0]),
        ("client-key-file", &files.server[1]),
        ("peer-client-cert-file", &files.peer[0]),
        ("peer-client-key-file", &files.peer[1]),
    ]);
    let other = if option.contains("cert-file") {
        option.replace("cert-file", "key-file")
    } else {
        option.replace("key-file", "cert-file")
    };
    if random.percent(20) {
        draft.set("peer-cert-allowed-cn", "a");
        draft.set("peer-cert-allowed-hostname", "localhost");
    } else {
        draft.set(option, file.clone());
        draft.unset(&other);
    }
}

fn mistyped(draft: &mut Draft<'_>, random: &mut Random) {
    if draft.settings.is_empty() {
        return;
    }
    let (option, value) = random.pick(&draft.settings);
    if option.ends_with("-file") {
        return;
    }
    let written = [
        format!("\"{value}\""),
        format!("'{value}'"),
        format!("[\"{value}\"]"),
        value.clone(),
        String::new(),
        "~".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "yes".to_owned(),
        "off".to_owned(),
        "5".to_owned(),
        "1e3".to_owned(),
        "1.5".to_owned(),
        "10s".to_owned(),
        "0x10".to_owned(),
        "\"\"".to_owned(),
        format!("{{a: \"{value}\"}}"),
        "!!str 5".to_owned(),
        "|\n  text".to_owned(),
        "-5".to_owned(),
        "1_000".to_owned(),
        "[~]".to_owned(),
        "[5]".to_owned(),
        format!("\"{value}\" # why"),
        "2001-01-01".to_owned(),
        "TRUE".to_owned(),
        "y".to_owned(),
        "&a 5".to_owned(),
    ];
    draft.mistyped.push((option, random.pick(&written)));
}

fn lines(draft: &mut Draft<'_>, random: &mut Random) {
    let before = [
        "---",
        "# etcd",
        "%YAML 1.1\n---",
        "name: first",
        "x-tls: &tls {cert-file: x}",
        "bogus: 1",
        "bogus:\n  - a: {b: c}",
        "Name: b",
    ];
    let after = [
        "...",
        "---\nname: other",
        "...\n{{{{",
        "---\n{ [",
        "name: last",
        "x-y: {z: 1}",
        "snapshot-count: 1e4",
        "name: [",
        "name: {{ name }}",
        "\tname: a",
        "strict-reconfig-check: yes",
        "bogus-key",
        "peer-transport-security: {client-cert-auth: no}",
        "heartbeat-interval: \"10\"",
        "NAME: c",
        "strict-reconfig-check: \"true\"",
        "cors: \"*\"",
        "cors: bogus",
        "initial-cluster-state: \"\"",
        "log-outputs: []",
        "log-outputs: [stderr]",
        "? a\n: b",
        "- a",
        "name: *nowhere",
        "socket-options: {reuse-port: false}",
    ];
    if random.percent(35) {
        draft.lines_before.push(random.pick(&before).to_owned());
    } else {
        draft.lines_after.push(random.pick(&after).to_owned());
    }
}

fn sections(draft: &mut Draft<'_>, random: &mut Random) {
    let section = random.pick(&[
        "client-transport-security",
        "peer-transport-security",
        "socket-options",
        "discovery-config",
    ]);
    let is_there = draft.settings.iter().any(|(option, _)| {
        EtcdOption::find(option)
            .and_then(|o| o.yaml(draft.version))
            .is_some_and(|place| place.section.first() == Some(&section))
    });
    if !is_there {
        let value = random.pick(&["", "x", "{}", "[]", "5", "~", "{bogus: 1}", "{auto-tls: false}"]);
        draft.lines_after.push(format!("{section}: {value}"));
    }
}
