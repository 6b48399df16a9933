//! What `cluster verify` foresees of a cluster, against what becomes of it when real etcd runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{run, until};
use super::handshakes::{self, CASES_ISSUED, Setting, Verdict};
use super::live::{Cluster, PATIENCE};
use super::product::{Tree, etcdpki};
use super::programs::{self, Etcd};
use super::trial::{Missing, Outcome, trial_with_servers, trials};

type Harm = fn(&Workshop, &Tree);

/// A cluster of three on the loopback, what is done to its files, and the verdict.
struct Case {
    name: &'static str,
    layout: &'static str,
    /// The names in every certificate of a member.
    loopback: &'static [&'static str],
    harm: Harm,
    forms: bool,
    /// Whose loss ends it.
    fatal: &'static [&'static str],
    /// Whether old versions of etcd are tried too: TLS is the same to them, but for what their options can say.
    on_3_4: bool,
}

const GOOD: Case = Case {
    name: "least_privilege",
    layout: "least-privilege",
    loopback: &["127.0.0.1", "localhost"],
    harm: |_, _| {},
    forms: true,
    fatal: &[],
    on_3_4: false,
};

const CASES: [Case; 13] = [
    Case { on_3_4: true, ..GOOD },
    Case { name: "single_ca", layout: "single-ca", ..GOOD },
    Case { name: "shared_cert", layout: "shared-cert", ..GOOD },
    Case { name: "own_addresses_only", loopback: &[], fatal: &["etcd1"], on_3_4: true, ..GOOD },
    Case {
        name: "servers_without_client_auth",
        layout: "single-ca",
        harm: |workshop, tree| {
            for member in MEMBERS {
                workshop.reissue(tree, member, "server", &Certificate { usage: "serverAuth", ..NOW });
            }
        },
        on_3_4: true,
        ..GOOD
    },
    Case {
        name: "common_names_only",
        layout: "single-ca",
        harm: |workshop, tree| {
            for member in ["etcd2", "etcd3"] {
                workshop.reissue(tree, member, "peer", &Certificate { names: &|_| String::new(), ..NOW });
            }
        },
        fatal: &["etcd1"],
        on_3_4: true,
        ..GOOD
    },
    Case {
        name: "address_as_dns_name",
        layout: "single-ca",
        harm: |workshop, tree| {
            let certificate = Certificate { names: &|address| format!("DNS:{address}"), ..NOW };
            workshop.reissue(tree, "etcd2", "peer", &certificate);
        },
        fatal: &["etcd1", "etcd3"],
        ..GOOD
    },
    Case {
        name: "an_expired_certificate",
        layout: "single-ca",
        harm: |workshop, tree| {
            let certificate = Certificate { from: "20200101000000Z", until: "20210101000000Z", ..NOW };
            workshop.reissue(tree, "etcd3", "peer", &certificate);
        },
        fatal: &["etcd1", "etcd2"],
        ..GOOD
    },
    Case {
        name: "certificates_not_yet_valid",
        layout: "single-ca",
        harm: |workshop, tree| {
            for member in MEMBERS {
                workshop.reissue(tree, member, "peer", &Certificate { from: "20900101000000Z", ..NOW });
            }
        },
        forms: false,
        ..GOOD
    },
    Case {
        name: "another_ca",
        harm: |workshop, tree| {
            fs::copy(workshop.stranger(), tree.path("nodes/etcd2/etc/etcd/pki/peer-ca.pem")).unwrap();
        },
        fatal: &["etcd1", "etcd3"],
        ..GOOD
    },
    Case {
        name: "another_allowed_hostname",
        harm: |_, tree| {
            replace(&tree.path("nodes/etcd3/etc/etcd/etcd.env"), "peer.prod.etcd.internal", "peer.other");
        },
        fatal: &["etcd1", "etcd2"],
        on_3_4: true,
        ..GOOD
    },
    Case {
        name: "different_allowed_hostnames",
        harm: |_, tree| {
            for member in MEMBERS {
                let environment = tree.path(&format!("nodes/{member}/etc/etcd/etcd.env"));
                replace(&environment, "peer.prod.etcd.internal", &format!("{member}.other"));
            }
        },
        forms: false,
        ..GOOD
    },
    Case {
        name: "a_key_of_another",
        harm: |_, tree| {
            let key = |member: &str| tree.path(&format!("nodes/{member}/etc/etcd/pki/peer-key.pem"));
            fs::copy(key("etcd2"), key("etcd1")).unwrap();
        },
        fatal: &["etcd2", "etcd3"],
        ..GOOD
    },
];

const MEMBERS: [&str; 3] = ["etcd1", "etcd2", "etcd3"];

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![every_kind_of_certificate];
    for series in programs::SERIES {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        for case in CASES.iter().filter(|case| series != "3.4" || case.on_3_4) {
            let found = found.clone();
            let name = format!("verify::{version}::{}", case.name);
            trials.push(trial_with_servers(name, move || foreseen(case, &found?)));
        }
    }
    trials
}

/// A whole tree comes to the same end as a handshake alone, whatever a member's certificate is. What becomes of the
/// handshake with real etcd is held elsewhere.
fn every_kind_of_certificate() -> Outcome {
    let workshop = CASES_ISSUED.as_ref().map_err(Clone::clone)?;
    let tree = Tree::of_value(&json!({
        "name": "one", "layout": "single-ca", "clients": [{"name": "root"}],
        "members": [{"name": "etcd1", "address": "127.0.0.1"}],
    }))
    .applied();
    let put = |from: &str, into: &str| fs::copy(workshop.path(from), tree.path(into)).unwrap();
    put("ca.pem", "clients/root/ca.pem");
    put("ca.pem", "nodes/etcd1/etc/etcd/pki/ca.pem");
    put("good.pem", "clients/root/client.pem");
    put("good-key.pem", "clients/root/client-key.pem");
    let mut differences = Vec::new();
    for case in &handshakes::CASES {
        put(&format!("{}.pem", case.name), "nodes/etcd1/etc/etcd/pki/server.pem");
        put(&format!("{}-key.pem", case.name), "nodes/etcd1/etc/etcd/pki/server-key.pem");
        let verified = verify(&tree, &[]);
        let client = failures(&verified).find(|finding| finding["connection"]["kind"] == "client");
        let foreseen = workshop.foresee("good", case.name, &Setting::plain());
        let is_same = match (&foreseen, client) {
            (Verdict::NoStart(_, why), None) => {
                let of_member = errors(&verified).find(|finding| finding["subject"] == "etcd1");
                let problem = of_member.and_then(|finding| finding["problem"].as_str()).unwrap_or_default();
                problem.ends_with(&why.to_string()) && verified["members"][0]["starts"] == false
            }
            (Verdict::Refused(by, why), Some(finding)) => {
                finding["problem"] == format!("the {by} refuses: {why}")
                    && finding["connection"]["log"] == why.log()
            }
            (Verdict::Connects, None) => verified["verdict"]["forms"] == true,
            _ => false,
        };
        if !is_same {
            differences.push(format!("{}:\n  a handshake: {foreseen}\n  a tree: {verified:#}", case.name));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// Holds the verdict, then lets etcd run, and holds every refusal and every loss against it.
fn foreseen(case: &Case, etcd: &Etcd) -> Outcome {
    let workshop = Workshop::new()?;
    let series = etcd.version.rsplit_once('.').map_or("3.5", |(series, _)| series);
    let tree = Tree::of_value(&description(case, series)).applied();
    (case.harm)(&workshop, &tree);
    let verified = verify(&tree, &["--etcd", series]);
    let fatal: Vec<&str> = verified["verdict"]["fatal_losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| loss["member"].as_str().unwrap())
        .collect();
    assert_eq!(verified["verdict"]["forms"], case.forms, "{verified:#}");
    assert_eq!(fatal, case.fatal, "{verified:#}");
    assert_eq!(verified["verdict"]["survives_any_one"], case.forms && case.fatal.is_empty());

    let mut cluster = Cluster::start(etcd, tree)?;
    for member in verified["members"].as_array().unwrap().iter().filter(|member| member["starts"] == false) {
        let running = cluster.members.iter_mut().find(|running| member["name"] == *running.name).unwrap();
        let process = &mut running.process.as_mut().unwrap().0;
        let ended = until(PATIENCE, || process.try_wait().unwrap());
        assert!(ended.is_some_and(|status| !status.success()), "{} runs", member["name"]);
    }
    for finding in failures(&verified) {
        see(&cluster, &finding["connection"]);
    }
    if !case.forms {
        let everybody = cluster.endpoints(|_| true);
        let put = cluster.etcdctl_at(&everybody, &["put", "a", "b", "--command-timeout=3s"]);
        assert_ne!(put.code, Some(0), "it forms: {put}");
        return Ok(());
    }
    write(&cluster, None);
    // One loss for each version of etcd: one that ends it, one that does not, or else the leader's.
    let ends = ["3.5", "3.7"].contains(&series) && !case.fatal.is_empty();
    let is_one = |name: &str| case.fatal.contains(&name) == ends;
    let lost = match case.fatal {
        [] => leader(&cluster),
        _ => cluster.members.iter().position(|member| is_one(&member.name)).unwrap(),
    };
    let logs: Vec<usize> = cluster.members.iter().map(|member| log(&member.log).len()).collect();
    cluster.members[lost].process.take().expect("it runs").kill();
    if !ends {
        write(&cluster, Some(lost));
        return Ok(());
    }
    // Those who are left try to lead, again and again, and nobody gets there.
    let tries = |member: usize| {
        log(&cluster.members[member].log)[logs[member]..].matches(" starting a new election").count()
    };
    let left = || (0..cluster.members.len()).filter(|member| *member != lost);
    let tried = until(PATIENCE, || left().any(|member| tries(member) >= 4).then_some(()));
    assert!(tried.is_some(), "nobody misses {}", cluster.members[lost].name);
    let endpoints = cluster.endpoints(|member| member != lost);
    let put = cluster.etcdctl_at(&endpoints, &["put", "a", "b", "--command-timeout=2s"]);
    assert_ne!(put.code, Some(0), "it goes on without {}: {put}", cluster.members[lost].name);
    Ok(())
}

fn description(case: &Case, series: &str) -> Value {
    let member = |at: usize| json!({"name": MEMBERS[at], "address": format!("127.0.0.{}", at + 1)});
    json!({
        "name": "prod", "version": series, "layout": case.layout, "loopback": case.loopback,
        "options": {"heartbeat-interval": 50, "election-timeout": 500},
        "members": [member(0), member(1), member(2)], "clients": [{"name": "root"}],
    })
}

fn verify(tree: &Tree, options: &[&str]) -> Value {
    let ran = run(etcdpki(["cluster", "verify", "--json"]).arg(&tree.root).args(options));
    let verified: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let is_healthy = errors(&verified).next().is_none();
    assert!(!is_healthy || verified["verdict"]["survives_any_one"] == true, "{ran}");
    let depends = ["E851", "E852"];
    let is_certain = !findings(&verified).any(|finding| depends.contains(&finding["rule"].as_str().unwrap()));
    let status = match (is_healthy, is_certain) {
        (true, true) => 0,
        (true, false) => 2,
        (false, _) => 1,
    };
    assert_eq!(ran.code, Some(status), "{ran}");
    verified
}

fn findings(verified: &Value) -> impl Iterator<Item = &Value> {
    verified["findings"].as_array().unwrap().iter()
}

/// The findings that are errors.
fn errors(verified: &Value) -> impl Iterator<Item = &Value> {
    findings(verified).filter(|finding| finding["severity"] == "error")
}

/// The findings about connections that fail.
fn failures(verified: &Value) -> impl Iterator<Item = &Value> {
    errors(verified).filter(|finding| {
        let rule = finding["rule"].as_str().unwrap();
        ("E811".."E831").contains(&rule)
    })
}

/// Waits until the one who refuses says so, in the words that were foreseen.
fn see(cluster: &Cluster, failed: &Value) {
    let words = failed["log"].as_str().unwrap();
    let (refusing, refused) = match failed["refused_by"].as_str() {
        Some("client") => ("from", "to"),
        _ => ("to", "from"),
    };
    let names = |side: &str| {
        let names = failed[side].as_array().unwrap();
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for member in cluster.members.iter().filter(|member| names(refusing).contains(&member.name)) {
        if failed["kind"] == "client" {
            continue;
        }
        let seen = until(PATIENCE, || {
            if failed["kind"] == "gateway" {
                ask_gateway(cluster, &member.address);
            }
            log(&member.log).contains(words).then_some(())
        });
        assert!(seen.is_some(), "{} does not refuse {:?}: {words}", member.name, names(refused));
    }
}

/// From 3.7 on the gateway connects to its member only when somebody asks it (etcd, server/embed/etcd.go,
/// `grpcGatewayDial`: `grpc.NewClient` in place of `grpc.DialContext`).
fn ask_gateway(cluster: &Cluster, address: &str) {
    let Ok(curl) = programs::find("curl") else { return };
    let client = |file: &str| cluster.tree.path(&format!("clients/root/{file}"));
    let mut asking = Command::new(curl);
    asking.args(["--silent", "--insecure", "--max-time", "5", "--data", r#"{"key":"AA=="}"#]);
    asking.arg("--cert").arg(client("client.pem")).arg("--key").arg(client("client-key.pem"));
    run(asking.arg(format!("https://{address}:2379/v3/kv/range")));
}

fn write(cluster: &Cluster, lost: Option<usize>) {
    let endpoints = cluster.endpoints(|member| Some(member) != lost);
    let mut last = None;
    let written = until(PATIENCE, || {
        let put = cluster.etcdctl_at(&endpoints, &["put", "a", "b", "--command-timeout=3s"]);
        let done = (put.code == Some(0)).then_some(());
        last = Some(put);
        done
    });
    assert!(written.is_some(), "no write without {lost:?}: {}", last.unwrap());
}

/// The member that leads.
fn leader(cluster: &Cluster) -> usize {
    (0..cluster.members.len())
        .find(|member| {
            let endpoint = cluster.endpoints(|other| other == *member);
            let said = cluster.etcdctl_at(&endpoint, &["endpoint", "status", "--write-out=fields"]).ok();
            let field = |name: &str| {
                let line = said.stdout.lines().find(|line| line.starts_with(&format!("\"{name}\"")));
                line.and_then(|line| line.split(" : ").nth(1)).unwrap_or_default().to_owned()
            };
            field("MemberID") == field("Leader")
        })
        .expect("a leader")
}

fn log(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What a certificate is to say.
struct Certificate {
    /// Of an address, as openssl has it.
    names: &'static dyn Fn(&str) -> String,
    usage: &'static str,
    from: &'static str,
    until: &'static str,
}

const NOW: Certificate = Certificate {
    names: &|address| format!("IP:{address},IP:127.0.0.1,DNS:localhost"),
    usage: "serverAuth,clientAuth",
    from: "20200101000000Z",
    until: "20910101000000Z",
};

/// Certificates as a cluster's own CA would not make them, by openssl.
struct Workshop {
    folder: TempDir,
    openssl: PathBuf,
}

impl Workshop {
    fn new() -> Result<Self, Missing> {
        Ok(Self { folder: tempfile::tempdir().unwrap(), openssl: programs::find("openssl")? })
    }

    fn openssl(&self, arguments: &[&str]) {
        run(Command::new(&self.openssl).args(arguments).current_dir(self.folder.path())).ok();
    }

    /// The certificate of a CA that has nothing to do with anything.
    fn stranger(&self) -> PathBuf {
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let request = ["req", "-x509", "-subj", "/CN=stranger", "-keyout", "key", "-out", "stranger.pem"];
        self.openssl(&[&request[..], &curve].concat());
        self.folder.path().join("stranger.pem")
    }

    /// Puts another certificate in the place of a member's, for the same key.
    fn reissue(&self, tree: &Tree, member: &str, role: &str, certificate: &Certificate) {
        let file = |name: &str| tree.path(name).to_str().unwrap().to_owned();
        let pki = format!("nodes/{member}/etc/etcd/pki/{role}");
        let (into, key) = (file(&format!("{pki}.pem")), file(&format!("{pki}-key.pem")));
        let (ca, ca_key) = (file("ca/ca.pem"), file("ca/ca-key.pem"));
        let number = MEMBERS.iter().position(|name| *name == member).unwrap() + 1;
        let names = (certificate.names)(&format!("127.0.0.{number}"));
        let names = if names.is_empty() { names } else { format!("subjectAltName={names}\n") };
        let extensions = format!("extendedKeyUsage={}\n{names}", certificate.usage);
        let config = "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n\
                      default_md=sha256\nunique_subject=no\n[p]\ncommonName=supplied\n";
        for (name, contents) in [("ca.cnf", config), ("index", ""), ("extensions", &extensions)] {
            fs::write(self.folder.path().join(name), contents).unwrap();
        }
        self.openssl(&["req", "-new", "-key", &key, "-subj", &format!("/CN={member}"), "-out", "csr"]);
        let signer = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", &ca, "-keyfile", &ca_key];
        let dates = ["-startdate", certificate.from, "-enddate", certificate.until];
        let files = ["-in", "csr", "-out", "made.pem", "-extfile", "extensions"];
        self.openssl(&[&signer[..], &dates, &files].concat());
        // Into the file that is there, so that its owner and mode stay.
        fs::write(into, fs::read(self.folder.path().join("made.pem")).unwrap()).unwrap();
    }
}
