//! What lines of etcd's, etcdctl's and systemd's logs mean.

use serde::Serialize;
use serde_json::Value;

/// What is behind a line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What such lines have in them: one of these, whatever its case; `…` stands for anything.
    pub signs: &'static [&'static str],
    /// What happened.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The rules of [`doctor`](crate::etcd::doctor) that find it before it happens.
    pub rules: &'static [&'static str],
    /// Threads where it can be read up.
    pub sources: &'static [&'static str],
}

/// What is behind a line of a log, as text or as etcd's JSON; none if it is not known.
///
/// ```
/// use pki_core::etcd::explain::explain;
///
/// let line = r#"{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"10.0.0.3:35672",
///     "error":"tls: \"10.0.0.3\" does not match any of DNSNames [\"etcd3\"]"}"#;
/// assert_eq!(explain(line).unwrap().rules, ["E521", "E501"]);
/// assert!(explain("etcd is healthy").is_none());
/// ```
pub fn explain(line: &str) -> Option<&'static Explanation> {
    let text = text(line).to_lowercase();
    known().find(|known| known.signs.iter().any(|sign| matches(&text, &sign.to_lowercase())))
}

fn matches(text: &str, sign: &str) -> bool {
    let mut rest = Some(text);
    for part in sign.split('…') {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, after)| after);
    }
    rest.is_some()
}

/// Every explanation, the most particular first.
pub fn known() -> impl Iterator<Item = &'static Explanation> {
    KNOWN.iter()
}

/// A line without JSON's quotes: every text in it, key by key. Journals put words before it.
fn text(line: &str) -> String {
    let object = line.find('{').and_then(|begin| line.get(begin..));
    match object.and_then(|object| serde_json::from_str::<Value>(object).ok()) {
        Some(Value::Object(fields)) => {
            let mut text = String::new();
            for (key, value) in fields {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.push_str(&format!("{key}={value} "));
            }
            text
        }
        _ => line.to_owned(),
    }
}

const KNOWN: &[Explanation] = &[
    // The particular reasons of failed handshakes come before what is said around them.
    Explanation {
        signs: &["does not match any of DNSNames"],
        cause: "a peer's certificate has DNS names only (or lacks the address that the connection came from), and DNS does not say that this address belongs to one of them",
        remedy: "add the addresses that the member connects from to its peer certificate, or correct its A and PTR records",
        rules: &["E521", "E501"],
        sources: &["etcd#8268", "etcd#8534", "etcd#8600", "etcd#12562", "etcd#19691"],
    },
    Explanation {
        signs: &["incompatible key usage"],
        cause: "a certificate is used for what it is not for: mostly etcd's own gRPC gateway, which connects from 127.0.0.1 with a server certificate that lacks `client auth`",
        remedy: "add `client auth` to the certificate, give the gateway one with `client-cert-file` (3.5 and newer), or set `enable-grpc-gateway=false`",
        rules: &["E508", "E507", "E506"],
        sources: &["etcd#9785", "etcd#13630", "etcd#16590", "etcd#17969"],
    },
    Explanation {
        signs: &["doesn't contain any IP SANs"],
        cause: "somebody connects to an address, and the certificate there has no addresses, or has them as DNS names",
        remedy: "issue the certificate again with the address, 127.0.0.1 too, as an address",
        rules: &["E502", "E504", "E501"],
        sources: &["rke#688", "rancher#17073", "cozystack/etcd-operator#315"],
    },
    Explanation {
        signs: &["relies on legacy Common Name field", "is not valid for any names"],
        cause: "a server's certificate has a common name and no subject alternative names",
        remedy: "issue it again with the hosts as subject alternative names",
        rules: &["E503"],
        sources: &["etcd-cloud-operator#61", "rke2#775"],
    },
    Explanation {
        signs: &["certificate is valid for…, not "],
        cause: "the certificate is not for the host that was connected to; on the peer port, it is not for the address that the connection came from, which the kernel chooses on hosts with several",
        remedy: "issue the certificate again with that host, or connect to one that it is for",
        rules: &["E501"],
        sources: &["etcd#17068", "etcd#9953", "rke#3009", "rancher#28073"],
    },
    Explanation {
        signs: &["certificate has expired or is not yet valid"],
        cause: "a certificate, or one of its CAs, has ended, or the clocks of two hosts differ",
        remedy: "issue it again (no restart is needed for that, but for a new CA), or set the clock",
        rules: &["E509", "E511"],
        sources: &["kops#8959", "kubeasz#1069", "kubeasz#918"],
    },
    Explanation {
        signs: &["certificate signed by unknown authority"],
        cause: "a certificate is of another CA than the process trusts: it reads its CA file once, when it starts, so that a new CA counts only after a restart",
        remedy: "compare the issuer with the CA file; if the CA was changed, put old and new CA into the file and restart every member, one by one",
        rules: &["E512", "E409"],
        sources: &["etcd#11555", "gardener#6099", "gardener#8303"],
    },
    Explanation {
        signs: &["x509: negative serial number"],
        cause: "a certificate has a negative serial number, which newer builds of etcd do not read",
        remedy: "issue it again with a positive serial number",
        rules: &["E516"],
        sources: &["trust-manager#515", "istio#56815"],
    },
    Explanation {
        signs: &["certificate is not authorized to sign other certificates"],
        cause: "what is named as CA is not one",
        remedy: "name the CA's certificate, with CA:TRUE",
        rules: &["E519"],
        sources: &["RFC 5280 section 4.2.1.9"],
    },
    Explanation {
        signs: &["insecure algorithm"],
        cause: "a certificate is signed with SHA-1 or MD5",
        remedy: "issue it again with SHA-256 or better",
        rules: &["E515"],
        sources: &["Go, crypto/x509"],
    },
    Explanation {
        signs: &["first record does not look like a TLS handshake"],
        cause: "somebody speaks http to a port that wants https",
        remedy: "use https:// in all URL options, in the endpoints, and in health checks",
        rules: &["E305"],
        sources: &["etcd#9917", "etcd#13280", "etcd#10128", "etcdadm#340"],
    },
    Explanation {
        signs: &["server gave HTTP response to HTTPS client"],
        cause: "somebody speaks https to a port that serves http",
        remedy: "use https:// in all URL options of the member",
        rules: &["E305", "E303"],
        sources: &["etcd#9917"],
    },
    Explanation {
        signs: &["client didn't provide a certificate", "tls: certificate required"],
        cause: "a client connects without a certificate, or with none of a CA that the server trusts",
        remedy: "give it one: `--cert`, `--key` and `--cacert`, or ETCDCTL_CERT, ETCDCTL_KEY and ETCDCTL_CACERT",
        rules: &[],
        sources: &["etcd, client/pkg/transport/listener.go"],
    },
    Explanation {
        signs: &["private key does not match public key"],
        cause: "certificate and key are not of each other, or one of them was replaced a moment before the other",
        remedy: "put the right pair there; keep the key when a certificate is renewed, so that there is no such moment",
        rules: &["E605", "E520"],
        sources: &["Go, crypto/tls"],
    },
    Explanation {
        signs: &["failed to find any PEM data"],
        cause: "a certificate or key file is empty, DER, or something else",
        remedy: "write it as PEM",
        rules: &["E513", "E607"],
        sources: &["Go, crypto/tls"],
    },
    Explanation {
        signs: &["cannot parse IP address of length 0"],
        cause: "a certificate was issued with an empty host",
        remedy: "remove the empty entry from its hosts, and issue it again",
        rules: &["E301"],
        sources: &["rke#947", "rancher#16934"],
    },
    Explanation {
        signs: &["remote error: tls: bad certificate"],
        cause: "the other side refused this member's certificate: a host that it is not for, a CA that the other side does not know, or a clock; the other side's log says which",
        remedy: "look into the log of the address in `remote-addr`, and compare the certificate's names with the URLs that lead here",
        rules: &["E501", "E503", "E509", "E512"],
        sources: &["etcd#11770", "etcd#13485", "kubernetes#106407", "rke#1229", "kubeasz#1069"],
    },
    Explanation {
        signs: &["conflicting environment variable…shadowed"],
        cause: "an option is set by a flag and in the environment; etcd does not start then, even if both are equal",
        remedy: "remove the flag, or the variable",
        rules: &["E201"],
        sources: &["etcd#11298", "etcd#11111", "etcd#8380", "etcd#14640", "etcd#20118"],
    },
    Explanation {
        signs: &["unrecognized environment variable"],
        cause: "a variable that begins with ETCD_ is no option of this version, or is empty",
        remedy: "correct or remove it",
        rules: &["E203", "E205", "E210"],
        sources: &["etcd, pkg/flags/flag.go"],
    },
    Explanation {
        signs: &["flag provided but not defined"],
        cause: "the command line has a flag that this version of etcd does not know, often after an upgrade",
        remedy: "remove it, or write what took its place",
        rules: &["E202", "E205"],
        sources: &["microk8s#5209", "flatcar/scripts#2916"],
    },
    Explanation {
        signs: &["is not a valid flag"],
        cause: "a word on the command line is no flag: a value with a space in it, or a stray backslash",
        remedy: "quote the value, or remove the word",
        rules: &["E209", "E107"],
        sources: &["etcd, server/etcdmain/config.go"],
    },
    Explanation {
        signs: &["KeyFile and CertFile are not presented", "TLS key/cert…must be provided"],
        cause: "https without certificate and key; in a configuration file, the keys stand where etcd does not look, and it says nothing about that",
        remedy: "name both; within peer-transport-security the keys are `cert-file` and `key-file`",
        rules: &["E403", "E204"],
        sources: &["etcd#12887", "etcd#13117", "etcd#17867"],
    },
    Explanation {
        signs: &["KeyFile and CertFile must both be present"],
        cause: "only one of certificate and key is named",
        remedy: "name both",
        rules: &["E403"],
        sources: &["etcd, client/pkg/transport/listener.go"],
    },
    Explanation {
        signs: &["AllowedCN…mutually exclusive"],
        cause: "both common names and names are allowed",
        remedy: "keep `peer-cert-allowed-cn` or `peer-cert-allowed-hostname`",
        rules: &["E406"],
        sources: &["etcd, client/pkg/transport/listener.go"],
    },
    Explanation {
        signs: &["CommonName of client sending a request against gateway will be ignored"],
        cause: "with authentication on, the gateway does not take users from certificates",
        remedy: "use gRPC, or a user name and a password",
        rules: &[],
        sources: &["etcd, server/auth/store.go"],
    },
    Explanation {
        signs: &["user name is empty"],
        cause: "authentication is on, and the member takes no user from certificates, because it lacks `client-cert-auth`",
        remedy: "set `client-cert-auth=true`",
        rules: &["E402"],
        sources: &["etcd, server/auth/store.go"],
    },
    Explanation {
        signs: &["disallowed v2 WAL"],
        cause: "the data folder has data of the v2 store, with which 3.6 does not start",
        remedy: "go back to 3.5, run `etcdutl check v2store`, remove `enable-v2`, and let it write a snapshot before the upgrade",
        rules: &["E213"],
        sources: &["etcd#20870", "etcd-io/website#1179"],
    },
    Explanation {
        signs: &["expected IP in URL for binding"],
        cause: "a listen option has a host name",
        remedy: "listen on an address, or on 0.0.0.0",
        rules: &["E301"],
        sources: &["etcd#9575"],
    },
    Explanation {
        signs: &["does not have the form \"host:port\""],
        cause: "a URL has no port, or an IPv6 address without brackets",
        remedy: "write it as https://10.0.0.1:2380 or https://[2001:db8::1]:2380",
        rules: &["E301"],
        sources: &["etcd, client/pkg/types/urls.go"],
    },
    Explanation {
        signs: &["advertise-client-urls is required"],
        cause: "`listen-client-urls` is set and `advertise-client-urls` is not",
        remedy: "set it to what clients reach this member at",
        rules: &["E306"],
        sources: &["etcd, server/embed/config.go"],
    },
    Explanation {
        signs: &["couldn't find local name"],
        cause: "the member's name is not in its `initial-cluster`, or quotes are part of one of them",
        remedy: "use the same name in both; `docker --env-file` keeps quotes",
        rules: &["E321"],
        sources: &["etcd#3087"],
    },
    Explanation {
        signs: &["missing from --initial-advertise-peer-urls"],
        cause: "`initial-cluster` has another peer URL for this member than it advertises",
        remedy: "write the same URLs in both",
        rules: &["E322"],
        sources: &["etcd, server/etcdserver/api/membership/cluster.go"],
    },
    Explanation {
        signs: &["cluster ID mismatch"],
        cause: "two members are of different clusters: one was started with `initial-cluster-state=new` instead of being added, has another `initial-cluster` or token, or has old data",
        remedy: "run `etcdctl member add`, empty the new member's data folder, and start it with `initial-cluster-state=existing`",
        rules: &["E325", "E323", "E324"],
        sources: &["etcd#13462", "etcd#11951", "etcd#3710", "etcd#13453", "etcd-backup-restore#847"],
    },
    Explanation {
        signs: &["member count is unequal"],
        cause: "a member that joins names other members than the cluster has",
        remedy: "run `etcdctl member add` first, and write into `initial-cluster` what it prints",
        rules: &["E325", "E323"],
        sources: &["etcd, server/etcdserver/api/membership/cluster.go"],
    },
    Explanation {
        signs: &["permission denied"],
        cause: "the user that etcd runs as may not read a file, or not enter one of the folders above it",
        remedy: "give the file to that user, with mode 0600 for keys; all folders above need x for it",
        rules: &["E608"],
        sources: &["etcd#12433", "etcd#12930", "etcd#6327", "kubespray#980"],
    },
    Explanation {
        signs: &["no such file or directory"],
        cause: "a file that an option or the unit names is not there",
        remedy: "put it there, or correct the path",
        rules: &["E604", "E103"],
        sources: &["kubespray#4040"],
    },
    Explanation {
        signs: &["Failed to load environment files"],
        cause: "an `EnvironmentFile=` of the unit, without a dash, is not there",
        remedy: "put it there, or correct the path",
        rules: &["E103"],
        sources: &["systemd.exec(5)"],
    },
    Explanation {
        signs: &["failed because a timeout was exceeded", "start operation timed out"],
        cause: "etcd tells that it is ready only when the cluster has a quorum, and the other members were not started in time or cannot be reached",
        remedy: "start the members at the same time (`systemctl start --no-block etcd`), and set `TimeoutStartSec=15min`; look into etcd's own log for rejected connections",
        rules: &["E110", "E109"],
        sources: &["kubespray#373", "etcd#13526"],
    },
    Explanation {
        signs: &["server is stopping"],
        cause: "the member was removed from its cluster and started again with its old data",
        remedy: "add it again with `etcdctl member add`, and empty its data folder first",
        rules: &[],
        sources: &["etcd, server/etcdserver/server.go"],
    },
    Explanation {
        signs: &["serving client traffic insecurely"],
        cause: "a URL that the member listens on begins with http://",
        remedy: "use https://; etcdctl takes its certificate from a file of variables",
        rules: &["E303"],
        sources: &["etcd, server/embed/serve.go"],
    },
    Explanation {
        signs: &["Ignored key/cert files"],
        cause: "certificates are named, and the URLs begin with http://",
        remedy: "use https:// in the listen and advertise options",
        rules: &["E413"],
        sources: &["etcd, server/embed/etcd.go"],
    },
    Explanation {
        signs: &["context deadline exceeded", "DeadlineExceeded"],
        cause: "the client never says why TLS failed: no certificate, one of a CA that the member does not trust, a host that the member's certificate is not for, http instead of https, or a list of revocations that the member cannot read; or the member has no quorum",
        remedy: "look for `rejected connection` in the member's log and explain that; `etcdctl --debug` shows which certificate was used",
        rules: &["E501", "E509", "E512", "E305", "E701", "E702"],
        sources: &["etcd#13485"],
    },
    Explanation {
        signs: &["rejected connection…EOF"],
        cause: "somebody connected and hung up before TLS was done: a health check of a load balancer, a client that gave up, or one that refused the certificate without a word",
        remedy: "look at who is at `remote-addr`; a check of the port alone does no harm",
        rules: &[],
        sources: &["etcd, client/pkg/transport/listener_tls.go"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::check::rule;

    #[test]
    fn explanations_name_rules_that_there_are() {
        for explanation in known() {
            for id in explanation.rules {
                assert!(rule(id).is_some(), "{id}");
            }
            assert!(!explanation.signs.is_empty() && !explanation.sources.is_empty(), "{explanation:?}");
        }
    }

    /// Nothing that stands later is hidden by something that stands before.
    #[test]
    fn every_explanation_can_be_reached() {
        for explanation in known() {
            for sign in explanation.signs {
                assert_eq!(explain(&sign.replace('…', " x ")), Some(explanation));
            }
        }
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
}
