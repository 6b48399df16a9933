//! Every sign is tried in every form in which etcd and those around it write lines.

use super::*;
use crate::etcd::check::rule;

#[test]
fn explanations_name_rules_that_there_are_and_have_numbers_of_their_own() {
    let mut numbers: Vec<&str> = known().map(|known| known.id).collect();
    numbers.sort_unstable();
    let all = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "{numbers:?}");
    for known in known() {
        for id in known.rules {
            assert!(rule(id).is_some(), "{id} of {}", known.id);
        }
        assert!(!known.signs.is_empty() && !known.sources.is_empty(), "{known:?}");
        let digits = known.id.strip_prefix('L').unwrap();
        assert!(digits.len() == 3 && digits.parse::<u16>().is_ok(), "{}", known.id);
        assert_eq!(explanation(&known.id.to_lowercase()), Some(known));
    }
    assert!(explanation("L000").is_none());
}

/// Healthy clusters say these while their members start and stop, so no such line proves a fault alone.
#[test]
fn what_healthy_clusters_say_is_called_harmless_unless_it_goes_on() {
    for line in [
        r#"{"level":"warn","ts":"2026","caller":"embed/config_logging.go:170","msg":"rejected connection on peer endpoint","remote-addr":"127.0.0.2:1","server-name":"","error":"EOF"}"#,
        r#"{"level":"warn","ts":"2026","caller":"etcdserver/server.go:2138","msg":"failed to publish local member to cluster through raft","error":"etcdserver: request timed out"}"#,
        r#"{"level":"warn","ts":"2026","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","error":"dial tcp 127.0.0.2:2380: connect: connection refused"}"#,
        r#"{"level":"warn","ts":"2026","caller":"rafthttp/stream.go:223","msg":"lost TCP streaming connection with remote peer","error":"read tcp 127.0.0.1:1->127.0.0.2:2380: read: connection reset by peer"}"#,
        r#"{"level":"warn","ts":"2026","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","error":"not known"}"#,
        r#"{"level":"warn","ts":"2026","caller":"etcdserver/util.go:170","msg":"apply request took too long"}"#,
    ] {
        let known = explain(line).unwrap_or_else(|| panic!("{line}"));
        let cause = known.cause;
        assert!(
            cause.contains("; harmless ") && cause.ends_with(", a fault if it goes on"),
            "{}: {cause}",
            known.id
        );
    }
}

/// Members of a healthy cluster say these of each other while they start.
#[test]
fn members_that_do_not_know_each_other_yet_are_not_explained() {
    for line in [
        r#"{"level":"warn","ts":"2026","caller":"rafthttp/http.go:413","msg":"failed to find remote peer in cluster","local-member-id":"1","remote-peer-id":"2","cluster-id":"3"}"#,
        r#"{"level":"warn","ts":"2026","caller":"rafthttp/stream.go:661","msg":"failed to dial","error":"peer 1 failed to find local node 2"}"#,
    ] {
        assert_eq!(explain(line).map(|known| known.id), None, "{line}");
    }
}

/// etcd says how long a request took that failed at once; what failed is at the end.
#[test]
fn requests_that_fail_are_explained_by_their_error_and_not_by_their_time() {
    let old = r#"2026-01-01 00:00:00.000000 W | etcdserver: failed to apply request "header:<ID:1 > put:<key:\"a\" > " with response "" took (4.3µs) to execute, err is ERROR"#;
    let new = r#"{"level":"warn","ts":"2026","caller":"txn/util.go:93","msg":"failed to apply request","took":"4.3µs","request":"header:<ID:1 > put:<key:\"a\" > ","response":"","error":"ERROR"}"#;
    for line in [old, new] {
        let id = |error| explain(&line.replace("ERROR", error)).map(|known| known.id);
        assert_eq!(id("etcdserver: no space"), Some("L602"), "{line}");
        assert_ne!(id("lease not found"), Some("L601"), "{line}");
    }
}

#[test]
fn locked_and_cut_data_is_explained() {
    for (line, id) in [
        (
            r#"{"level":"warn","ts":"2026","caller":"backend/backend.go:1","msg":"db file is flocked by another process, or taking too long","path":"/var/lib/etcd/member/snap/db"}"#,
            Some("L605"),
        ),
        ("panic: bda4ffc1bc48207d state.commit 47 is out of range [12, 31]", Some("L606")),
    ] {
        assert_eq!(explain(line).map(|known| known.id), id, "{line}");
    }
}

/// Why nobody was reached decides, and not that nobody was.
#[test]
fn a_connection_that_failed_is_explained_by_its_reason() {
    for (line, id) in [
        ("curl: (7) Failed to connect to 10.0.0.1 port 2379 after 0 ms: Couldn't connect to server", "L514"),
        ("curl: (7) Failed to connect to 10.0.0.1 port 2379: Connection refused", "L514"),
        ("curl: (28) Failed to connect to 10.0.0.1 port 2379 after 130000 ms: Connection timed out", "L516"),
        ("curl: (7) Failed to connect to 10.0.0.1 port 2379: No route to host", "L515"),
        ("curl: (35) gnutls_handshake() failed: Error in the certificate verification.", "L212"),
        ("curl: (35) gnutls_handshake() failed: The TLS connection was non-properly terminated.", "L805"),
        (
            r#"{"level":"fatal","caller":"etcdmain/etcd.go:204","msg":"x","error":"open /d/member/snap: no such file or directory"}"#,
            "L606",
        ),
    ] {
        assert_eq!(explain(line).map(|known| known.id), Some(id), "{line}");
    }
}

/// No explanation is hidden by one that stands before it.
#[test]
fn every_sign_can_be_reached() {
    let mut hidden = Vec::new();
    for known in known() {
        for sign in known.signs {
            let found = explain(&sign.replace('…', " x "));
            if found != Some(known) {
                hidden.push(format!("{} {sign:?}: {:?}", known.id, found.map(|found| found.id)));
            }
        }
    }
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
}

/// The forms in which a text comes into a log.
fn forms(first: &str, second: &str) -> Vec<String> {
    let json = |fields: &[(&str, &str)]| {
        let fields: Vec<String> =
            fields.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
        format!("{{{}}}", fields.join(","))
    };
    let zap = json(&[
        ("level", "warn"),
        ("ts", "2026-01-01T00:00:00.000Z"),
        ("caller", "embed/config_logging.go:177"),
        ("msg", first),
        ("remote-addr", "10.0.0.9:4711"),
        ("error", second),
    ]);
    let sorted = json(&[("caller", "embed/x.go:1"), ("error", second), ("level", "warn"), ("msg", first)]);
    vec![
        format!("{first} {second}"),
        format!("2026-01-01 00:00:00.000000 W | embed: {first} ({second})"),
        format!("2026-01-01T00:00:00.000Z\twarn\tembed/x.go:177\t{first}\t{}", json(&[("error", second)])),
        format!("Jan 01 00:00:00 n1 etcd[12]: {zap}"),
        format!("2026-01-01T00:00:00+0000 n1 etcd[12]: {first}: {second}"),
        format!("Thu 2026-01-01 00:00:00 UTC n1 etcd[12]: {zap}"),
        format!("[    5.000000] n1 etcd[12]: {first}: {second}"),
        format!("<30>Jan  1 00:00:00 n1 etcd[12]: {zap}"),
        format!("<30>1 2026-01-01T00:00:00.000Z n1 etcd 12 - - {zap}"),
        format!("etcd-1  | {zap}"),
        format!("[pod/etcd-n1/etcd] {zap}"),
        format!("2026-01-01T00:00:00.000000000Z stderr F {zap}"),
        json(&[("log", &format!("{zap}\n")), ("stream", "stderr"), ("time", "2026-01-01T00:00:00Z")]),
        json(&[("_COMM", "etcd"), ("MESSAGE", &zap), ("_PID", "12")]),
        json(&[("MESSAGE", &format!("{first}: {second}")), ("SYSLOG_IDENTIFIER", "etcd")]),
        zap,
        sorted,
    ]
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn every_sign_is_known_in_every_form() {
    let mut unknown = Vec::new();
    for known in known().filter(|known| matches!(known.said_by, SaidBy::Member | SaidBy::Client)) {
        for sign in known.signs {
            let (first, second) = sign.split_once('…').unwrap_or(("it failed", sign));
            let second = second.replace('…', " x ");
            for form in forms(first, &second) {
                // More words may make a line more particular, but never unknown or systemd's.
                let found = explain(&form);
                if !found.is_some_and(|found| matches!(found.said_by, SaidBy::Member | SaidBy::Client)) {
                    unknown.push(format!("{}: {form}: {:?}", known.id, found.map(|found| found.id)));
                } else if found != Some(known) && explain(&format!("{first} {second}")) == Some(known) {
                    unknown.push(format!("{}: {form}: {:?}", known.id, found.map(|found| found.id)));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{} unknown:\n{}", unknown.len(), unknown.join("\n"));
}

#[test]
fn systemd_and_the_kernel_are_known_by_their_names() {
    for known in known().filter(|known| matches!(known.said_by, SaidBy::Systemd)) {
        for sign in known.signs {
            let sign = sign.replace('…', " x ");
            let said = |by: &str, unit: &str| format!("Jan 01 00:00:00 n1 {by}[1]: {unit}: {sign}");
            assert_eq!(explain(&said("systemd", "etcd.service")), Some(known), "{sign}");
            assert_eq!(explain(&said("systemd", "etcd@n1.service")), Some(known), "{sign}");
            if !sign.contains("etcd") {
                assert_eq!(explain(&said("systemd", "nginx.service")), None, "{sign}");
            }
            assert_eq!(explain(&said("sshd", "etcd.service")), None, "{sign}");
        }
    }
    let line = |rest: &str| format!("Jan 01 00:00:00 n1 kernel: {rest}");
    for denied in [
        line("audit: type=1400 audit(1.2:3): avc:  denied  { write } for  pid=5 comm=\"etcd\" name=\"data\""),
        "Jan 01 00:00:00 n1 audit[5]: AVC avc:  denied  { name_bind } for  pid=5 comm=\"etcd\"".to_owned(),
    ] {
        assert_eq!(explain(&denied).map(|known| known.id), Some("L616"), "{denied}");
        assert!(explain(&denied.replace("etcd", "java")).is_none());
    }
    let killed = line("Out of memory: Killed process 1234 (etcd) total-vm:1kB");
    assert_eq!(explain(&killed).map(|known| known.id), Some("L610"));
    assert!(explain(&killed.replace("etcd", "java")).is_none());
    assert!(explain(&line("EXT4-fs error: no space left on device")).is_none());
}

#[test]
fn lines_of_other_programs_are_not_explained() {
    for line in [
        "Jan 01 00:00:00 n1 sshd[99]: error: Could not open user 'etcd' keys '/home/etcd/.ssh/a': Permission denied",
        "Jan 01 00:00:00 n1 sshd[99]: open /home/etcd/.ssh/authorized_keys: permission denied",
        "Jan 01 00:00:00 n1 kubelet[8]: E0101 00:00:00.000000 88 x.go:83] \"Failed\" err=\"open /sys/fs/cgroup/x: no such file or directory\"",
        "Jan 01 00:00:00 n1 kubelet[8]: E0101 00:00:00.000000 88 x.go:83] Get \"https://10.0.0.1:6443/api\": dial tcp 10.0.0.1:6443: connect: connection refused",
        "2026-01-01T00:00:00.123456+00:00 n1 cron[7]: (root) CAN'T OPEN (/etc/crontab): permission denied",
        "Jan 01 00:00:00 n1 kube-apiserver[5]: I0101 00:00:00.000000 55 log.go:172] http: TLS handshake error from 10.0.0.9:23790: remote error: tls: bad certificate",
        "I0101 00:00:00.000000 1 log.go:245] http: TLS handshake error from 10.0.0.9:52160: EOF",
        "http: TLS handshake error from 10.0.0.9:52160: remote error: tls: unknown certificate",
        "Jan 01 00:00:00 n1 dockerd[4]: time=\"2026-01-01T00:00:00Z\" level=error msg=\"open /run/x: permission denied\"",
        "Jan 01 00:00:00 n1 haproxy[4]: Server api/n1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\"",
        "Jan 01 00:00:00 n1 postgres[4]: FATAL: could not write lock file: No space left on device",
        "Jan 01 00:00:00 n1 systemd[1]: cron.service: Main process exited, code=exited, status=203/EXEC",
        "{\"MESSAGE\":\"open /x: permission denied\",\"SYSLOG_IDENTIFIER\":\"sudo\"}",
        "prometheus-1  | ts=2026 level=error err=\"open /x: permission denied\"",
    ] {
        assert_eq!(explain(line).map(|known| known.id), None, "{line}");
    }
}

#[test]
fn clients_of_etcd_are_explained_whatever_their_names() {
    for (line, id) in [
        (
            "Jan 01 00:00:00 n1 kube-apiserver[5]: W0101 00:00:00.000000 1 clientconn.go:1331] [core] grpc: addrConn.createTransport failed to connect to {127.0.0.1:2379 127.0.0.1 <nil> 0 <nil>}. Err: connection error: desc = \"transport: authentication handshake failed: x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-01-01T00:00:00Z\". Reconnecting...",
            "L208",
        ),
        (
            "W0101 00:00:00.000000 1 logging.go:59] [core] [Channel #1 SubChannel #2] grpc: addrConn.createTransport failed to connect to {Addr: \"10.0.0.1:2379\"}. Err: connection error: desc = \"transport: Error while dialing: dial tcp 10.0.0.1:2379: connect: connection refused\"",
            "L514",
        ),
        (
            "Jan 01 00:00:00 n1 patroni[7]: ERROR: Failed to get list of machines from https://10.0.0.1:2379/v3: SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1129)'))",
            "L208",
        ),
        (
            "Jan 01 00:00:00 n1 k3s[7]: {\"level\":\"warn\",\"ts\":\"2026-01-01T00:00:00Z\",\"logger\":\"etcd-client\",\"caller\":\"v3@v3.5.9/retry_interceptor.go:62\",\"msg\":\"retrying of unary invoker failed\",\"error\":\"rpc error: code = Unavailable desc = etcdserver: no leader\"}",
            "L512",
        ),
        (
            "Jan 01 00:00:00 n1 sh[7]: {\"level\":\"fatal\",\"caller\":\"etcdmain/etcd.go:204\",\"msg\":\"discovery failed\",\"error\":\"open /etc/etcd/server-key.pem: permission denied\"}",
            "L317",
        ),
    ] {
        assert_eq!(explain(line).map(|known| known.id), Some(id), "{line}");
    }
}

/// What etcd says at the level `info` without an error is no failure.
#[test]
fn what_goes_on_is_not_explained() {
    let line = r#"{"level":"info","ts":"2026","caller":"etcdserver/server.go:1","msg":"closing; tls: bad certificate"}"#;
    assert!(explain(line).is_none());
    assert!(explain(&line.replace("info", "warn")).is_some());
    assert!(explain(&line.replace("\"msg\"", "\"error\":\"x\",\"msg\"")).is_some());
}

#[test]
fn any_line_has_an_answer() {
    for line in [
        "",
        "{",
        "{}",
        "{\"MESSAGE\":1}",
        "<>",
        "<30>",
        "<30>1 ",
        "[pod/",
        " | ",
        ":",
        "a: ",
        "[x] ",
        "\u{feff}",
    ] {
        explain(line);
    }
    let nested = (0..20).fold("x".to_owned(), |inner, _| format!("{{\"log\":{}}}", quoted(&inner)));
    explain(&nested);
}

#[test]
fn lines_of_every_form_are_explained() {
    for (line, rule) in [
        (
            r#"{"level":"fatal","ts":"2026-11-21T12:55:10Z","caller":"flags/flag.go:85","msg":"conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))","environment-variable":"ETCD_NAME"}"#,
            "E201",
        ),
        (
            r#"Nov 21 12:00:00 n1 etcd[12]: {"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"127.0.0.1:1","error":"remote error: tls: bad certificate"}"#,
            "E501",
        ),
        (
            r#"2020-01-01 00:00:00.0 I | embed: rejected connection from "10.0.0.1:4" (error "tls: \"10.0.0.1\" does not match any of DNSNames [\"a\"]", ServerName "")"#,
            "E521",
        ),
        ("flag provided but not defined: -enable-v2", "E202"),
        ("Job for etcd.service failed because a timeout was exceeded.", "E110"),
        ("Error: context deadline exceeded", "E501"),
        (
            r#"{"level":"warn","ts":"2026","logger":"etcd-client","msg":"retrying of unary invoker failed","error":"rpc error: code = DeadlineExceeded desc = latest balancer error: last connection error: connection error: desc = \"transport: authentication handshake failed: x509: certificate is valid for 10.0.0.1, not 10.0.0.2\""}"#,
            "E501",
        ),
        (
            r#"discovery failed error="couldn't find local name \"a\" in the initial cluster configuration""#,
            "E321",
        ),
    ] {
        let found = explain(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(found.rules[0], rule, "{line}");
    }
}
