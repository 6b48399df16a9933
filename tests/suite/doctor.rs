//! `etcdpki doctor` and `etcdpki explain`: the guides' own files, what `cluster apply` makes, and whether real etcd
//! does what is foretold.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;

use super::command::{Running, run, server, until};
use super::guides::{self, copy, links};
use super::product::{Tree, etcdpki};
use super::programs::{self, Etcd, find, fixture};
use super::trial::{Outcome, trial, trial_with_servers, trials};

/// What a guide leaves on its hosts, and what is wrong with it.
struct Guide {
    number: usize,
    /// The defects that were known of this guide before there was a doctor.
    known: &'static [&'static str],
    /// What else is true of it.
    more: &'static [&'static str],
}

const GUIDES: [Guide; 5] = [
    Guide {
        number: 0,
        // http on the loopback, no client-cert-auth, the CA of Kubernetes, a leaf of 10 years under a CA of 5, and that
        // CA's key on every node. That the files of all nodes have the same names is no defect: so have ours.
        known: &["E303", "E402", "E411", "E511", "E603"],
        // No `User=`, and nothing that confines it.
        more: &["E111", "E112"],
    },
    Guide {
        number: 1,
        // `~` in ExecStart, an environment file that nobody reads, the peer port advertised to clients, root.
        known: &["E101", "E105", "E111", "E302"],
        // Its first commands have no TLS at all; nothing confines the unit.
        more: &["E112", "E303", "E304"],
    },
    Guide {
        number: 2,
        // http on the loopback, one key on all nodes, snapshot-count pinned. That the names in the certificate are those
        // of before, when a node has joined, cannot be seen as long as none has.
        known: &["E212", "E303", "E602"],
        // No client-cert-auth, the CA of Kubernetes, no `User=`, nothing that confines it.
        more: &["E111", "E112", "E402", "E411"],
    },
    Guide {
        number: 3,
        // The CA's key on all nodes; the fourth member has its files under other names, and no CA. That `member add`
        // came before there was a certificate is not in any file, nor that addresses were typed by hand.
        known: &["E327", "E603", "E604"],
        // 10 years under cfssl's CA of 5, one key for three members, no `User=`, nothing that confines it.
        more: &["E111", "E112", "E511", "E602"],
    },
    Guide {
        number: 4,
        // After=neCNork.target, http on the loopback, no client-cert-auth, 50 years under a CA of 5, nothing that confines it.
        // `sed s/0.12/0.13/g` did what was meant, for once.
        known: &["E102", "E112", "E303", "E402", "E511"],
        // `scp -r /etc/etcd/*` takes the CA's key and one key of all to every node; no `User=`; etcd 3.5.2.
        more: &["E111", "E217", "E602", "E603"],
    },
];

/// What a description asks for on purpose, and is warned of nevertheless.
const ASKED_FOR: [(&str, &str); 5] = [
    ("etcd-3.4.yaml", "E213"),
    ("etcd-3.4.yaml", "E216"),
    ("etcd-3.4.yaml", "E217"),
    ("every-key.yaml", "E217"),
    ("options.yaml", "E217"),
];

/// What is told of a version of etcd itself, whatever its settings are.
const OF_THE_VERSION: [&str; 2] = ["E216", "E217"];

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![
        finds_nothing_in_what_is_applied,
        tells_with_its_exit_status,
        tells_what_it_did_not_read,
        lists_its_rules,
        sees_what_systemd_analyze_does_not,
        explains_lines
    ];
    for guide in &GUIDES {
        let name = format!("doctor::finds_the_defects_of_guide_{}", guide.number);
        trials.push(trial(name, || finds_the_defects(guide)));
    }
    for series in programs::SERIES {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |etcd| &etcd.version).to_owned();
        for foretold in FORETOLD.iter().filter(|foretold| foretold.series.contains(&series)) {
            let found = found.clone();
            let name = format!("doctor::{version}::etcd_{}", foretold.name);
            trials.push(trial_with_servers(name, move || is_what_etcd_does(foretold, &found?)));
        }
        for damage in &DAMAGES {
            let found = found.clone();
            let name = format!("doctor::{version}::etcd_{}", damage.name);
            trials.push(trial_with_servers(name, move || is_what_etcd_does_with(damage, &found?)));
        }
    }
    trials
}

/// The findings at some paths; exit status and findings have to agree.
fn findings(version: &str, paths: &[&Path]) -> Vec<Value> {
    let ran = run(etcdpki(["doctor", "--json", "--etcd", version]).args(paths));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e} in {ran}"));
    let findings = report["findings"].as_array().unwrap().clone();
    let is_wrong = findings.iter().any(|finding| finding["severity"] != "notice");
    assert_eq!(ran.code, Some(i32::from(is_wrong)), "{ran}");
    findings
}

fn ids(findings: &[Value]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

fn finds_the_defects(guide: &Guide) -> Outcome {
    if guide.number == 1 {
        find("openssl")?;
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("guides").join(guide.number.to_string()), folder.path());
    let links = links();
    let mut path = links.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut script = Command::new(find("bash")?);
    script.args(["-c", "umask 022; exec bash found/hosts.sh"]).current_dir(folder.path()).env("PATH", path);
    run(&mut script).ok();
    let made: Vec<_> = ["hosts", "plain"].iter().map(|name| folder.path().join(name)).collect();
    let made: Vec<&Path> = made.iter().map(|path| path.as_path()).filter(|path| path.exists()).collect();
    let found = findings(guides::VERSIONS[guide.number], &made);
    let expected: BTreeSet<&str> = guide.known.iter().chain(guide.more).copied().collect();
    assert_eq!(ids(&found), expected, "{found:#?}");
    Ok(())
}

fn finds_nothing_in_what_is_applied() -> Outcome {
    let mut count = 0;
    for item in fs::read_dir(fixture("cluster")).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // It names a CA that a test has to make first.
        if path.is_dir() || name == "given-ca.yaml" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let version = text.lines().find_map(|line| line.strip_prefix("version:"));
        let version = version.map_or("3.5", |version| version.trim().trim_matches('"'));
        let tree = Tree::of(&text).applied();
        let found = findings(version, &[&tree.root]);
        let others: Vec<_> = found
            .iter()
            .filter(|finding| !ASKED_FOR.contains(&(name.as_str(), finding["rule"].as_str().unwrap())))
            .collect();
        assert!(others.is_empty(), "{name}: {others:#?}");
        count += 1;
    }
    assert!(count > 5, "only {count} descriptions");
    Ok(())
}

fn tells_with_its_exit_status() -> Outcome {
    let tree = Tree::of_fixture("one-member.yaml").applied();
    let clean = run(etcdpki(["doctor"]).arg(&tree.root)).ok();
    assert!(clean.stdout.contains("Nothing is wrong"), "{clean}");
    assert!(!clean.stdout.contains('\u{1b}'), "colours in a pipe: {clean}");

    let key = tree.path("nodes/etcd1/etc/etcd/pki/server-key.pem");
    fs::remove_file(&key).unwrap();
    let ran = run(etcdpki(["doctor"]).arg(&tree.root)).ends_with(1);
    for part in ["error E604", "etcd.env:", "server-key.pem", "consequence:", "remedy:", "read more:"] {
        assert!(ran.stdout.contains(part), "{part} is not in {ran}");
    }
    // A CA's key is worse, and does not part those that come before from those that come after it.
    let tree = Tree::of("name: p\nlayout: single-ca\nmembers:\n  - {name: a, address: 10.0.0.1}\n").applied();
    let pki = tree.path("nodes/a/etc/etcd/pki");
    fs::copy(tree.path("ca/ca-key.pem"), pki.join("ca-key.pem")).unwrap();
    let keys = [tree.path("clients/root/client-key.pem"), pki.join("ca-key.pem"), pki.join("server-key.pem")];
    for key in keys {
        fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let ran = run(etcdpki(["doctor"]).arg(&tree.root)).ends_with(1);
    assert_eq!(ran.stdout.matches("error E601: ").count(), 2, "{ran}");
    assert_eq!(ran.stdout.matches("can be what the certificate says").count(), 1, "{ran}");
    assert_eq!(ran.stdout.matches(": its mode is 0644\n").count(), 3, "{ran}");

    run(etcdpki(["doctor"]).arg(tree.path("nothing"))).ends_with(1);
    run(etcdpki(["doctor"]).arg(tree.path("clients/root/etcdctl.env").with_extension("none"))).ends_with(1);
    run(&mut etcdpki(["doctor"])).ends_with(1);
    run(&mut etcdpki(["doctor", "--etcd", "2.3", "/"])).ends_with(1);
    run(&mut etcdpki(["doctor", "--bogus"])).ends_with(1);
    Ok(())
}

/// As `cluster verify` and `cluster import` do, and none of them says anything else about such a file.
fn tells_what_it_did_not_read() -> Outcome {
    let description = "name: one\nlayout: single-ca\nmembers:\n  - {name: etcd1, address: 127.0.0.1}\n";
    for name in ["server.pem", "clients.crl"] {
        let tree = Tree::of(description).applied();
        let large = tree.path(&format!("nodes/etcd1/etc/etcd/pki/{name}"));
        fs::OpenOptions::new().create(true).append(true).open(&large).unwrap().set_len(9 << 20).unwrap();
        let environment = tree.path("nodes/etcd1/etc/etcd/etcd.env");
        let text = fs::read_to_string(&environment).unwrap();
        fs::write(&environment, format!("{text}ETCD_CLIENT_CRL_FILE=/etc/etcd/pki/clients.crl\n")).unwrap();
        if name == "server.pem" {
            fs::write(&environment, text).unwrap();
        }
        let found = findings("3.5", &[&tree.root]);
        assert_eq!(ids(&found), BTreeSet::from(["E609"]), "{name}: {found:#?}");
        let imported = run(etcdpki(["cluster", "import"]).arg(&tree.root)).ok();
        assert!(imported.stdout.contains("E609") && !imported.said().contains("empty"), "{name}: {imported}");
        let verified = run(etcdpki(["cluster", "verify"]).arg(&tree.root));
        assert!(verified.said().contains("was not read, because it is larger than 8 MiB"), "{verified}");
        // What was not read cannot be judged.
        assert_eq!(verified.code, Some(2), "{name}: {verified}");
        run(etcdpki(["doctor"]).arg(&large)).ends_with(1);
    }
    Ok(())
}

fn lists_its_rules() -> Outcome {
    let text = run(&mut etcdpki(["doctor", "--rules"])).ok().stdout;
    let json = run(&mut etcdpki(["doctor", "--rules", "--json"])).ok().stdout;
    let rules: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert!(rules.len() > 60, "{}", rules.len());
    for rule in &rules {
        assert!(text.contains(rule["id"].as_str().unwrap()));
        assert!(!rule["consequence"].as_str().unwrap().contains("{etcd}"));
    }
    Ok(())
}

/// Each of these `systemd-analyze verify` takes without a word.
fn sees_what_systemd_analyze_does_not() -> Outcome {
    let analyze = find("systemd-analyze")?;
    for (line, rule) in [
        ("After=neCNork.target", "E102"),
        ("Wants=network-onlin.target", "E102"),
        ("EnvironmentFile=/etc/etcd/missing.env", "E103"),
        ("EnvironmentFile=-/etc/etcd/missing.env", "E104"),
        ("ExecStart=/bin/true --name=${NOT_SET}", "E106"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(&units).unwrap();
        fs::create_dir_all(root.path().join("etc/etcd")).unwrap();
        let section = if line.starts_with(['A', 'W']) { "Unit" } else { "Service" };
        let start = if line.starts_with("ExecStart") { "" } else { "[Service]\nExecStart=/bin/true\n" };
        let unit = units.join("etcd.service");
        fs::write(&unit, format!("[{section}]\n{line}\n{start}")).unwrap();
        let verified = run(Command::new(&analyze).args(["--man=no", "verify"]).arg(&unit));
        assert_eq!(verified.code, Some(0), "{line}: {verified}");
        assert!(!verified.said().contains("etcd.service:"), "{line}: systemd tells it now: {verified}");
        let found = findings("3.5", &[root.path()]);
        assert!(ids(&found).contains(rule), "{line}: {found:#?}");
    }
    Ok(())
}

fn explains_lines() -> Outcome {
    let ran = run(&mut etcdpki(["explain", "Error: context deadline exceeded"])).ok();
    assert!(ran.stdout.contains("E501"), "{ran}");
    run(&mut etcdpki(["explain", "all is well"])).ends_with(1);
    // Rules of every check have numbers, whatever is typed: doctor's, verify's, status' and import's.
    for number in ["E604", "e811", "E901", "E1001"] {
        let ran = run(&mut etcdpki(["explain", number])).ok();
        assert!(ran.stdout.contains(&format!(" {}: ", number.to_uppercase())), "{ran}");
        assert!(ran.stdout.contains("remedy: "), "{ran}");
    }
    run(&mut etcdpki(["explain", "E999"])).ends_with(1);
    run(&mut etcdpki(["explain"])).ends_with(1);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let line = r#"{"level":"warn","msg":"rejected connection","error":"remote error: tls: bad certificate"}"#;
    fs::write(&log, format!("{line}\nnothing\n{line}\n")).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" explain --json - <\"$1\""]).arg(super::product::program()).arg(&log);
    let explained: Vec<Value> = serde_json::from_str(&run(&mut command).ok().stdout).unwrap();
    assert_eq!(explained.len(), 1);
    assert_eq!(explained[0]["lines"], 2);
    Ok(())
}

/// A member's settings, what is said about them, and what etcd does.
struct Foretold {
    name: &'static str,
    flags: &'static [&'static str],
    environment: &'static str,
    /// A configuration file, if not empty.
    config: &'static str,
    rules: &'static [&'static str],
    /// What etcd says.
    said: &'static str,
    starts: bool,
    series: &'static [&'static str],
}

const HEALTHY: Foretold = Foretold {
    series: &programs::SERIES,
    name: "starts",
    flags: &["--listen-client-urls=CLIENT", "--advertise-client-urls=CLIENT", "--listen-peer-urls=PEER"],
    environment: "",
    config: "",
    // Without TLS, so that no certificate is needed.
    rules: &["E303", "E304"],
    said: "",
    starts: true,
};

const CONFIG: &str = "listen-client-urls: CLIENT\nadvertise-client-urls: CLIENT\nlisten-peer-urls: PEER\n\
    initial-advertise-peer-urls: PEER\ninitial-cluster: default=PEER\ndata-dir: DATA\nlogger: zap\n";

const FORETOLD: [Foretold; 20] = [
    HEALTHY,
    Foretold {
        name: "refuses_a_feature_that_it_does_not_know",
        flags: &["--feature-gates=NoSuchFeature=true"],
        rules: &["E208"],
        said: "unrecognized feature gate: NoSuchFeature",
        starts: false,
        series: &["3.6", "3.7"],
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_feature_of_a_newer_one",
        flags: &["--feature-gates=PriorityRequest=true"],
        rules: &["E208"],
        said: "unrecognized feature gate: PriorityRequest",
        starts: false,
        series: &["3.6"],
        ..HEALTHY
    },
    Foretold {
        name: "refuses_what_was_experimental",
        flags: &["--experimental-corrupt-check-time=1h"],
        rules: &["E205"],
        said: "flag provided but not defined: -experimental-corrupt-check-time",
        starts: false,
        series: &["3.7"],
        ..HEALTHY
    },
    Foretold {
        name: "refuses_the_api_of_version_2",
        flags: &["--enable-v2=false"],
        rules: &["E205"],
        said: "flag provided but not defined: -enable-v2",
        starts: false,
        series: &["3.6", "3.7"],
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_flag_beside_its_variable",
        flags: &["--name=a"],
        environment: "ETCD_NAME=a\n",
        rules: &["E201"],
        said: "is shadowed by corresponding command-line flag",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_flag_that_it_does_not_know",
        flags: &["--bogus=1"],
        rules: &["E202"],
        said: "flag provided but not defined: -bogus",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "passes_over_a_variable_that_it_does_not_know",
        environment: "ETCD_DATADIR=/nowhere\n",
        rules: &["E203", "E303", "E304"],
        said: "unrecognized environment variable",
        ..HEALTHY
    },
    Foretold {
        name: "passes_over_a_variable_that_is_empty",
        environment: "ETCD_NAME=\n",
        rules: &["E210", "E303", "E304"],
        said: "unrecognized environment variable",
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_host_name_to_listen_on",
        flags: &["--listen-peer-urls=http://etcd1.example:24380"],
        rules: &["E301", "E304"],
        said: "expected IP in URL for binding",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_url_without_a_port",
        flags: &["--listen-peer-urls=http://127.0.0.1"],
        rules: &["E301", "E304"],
        said: "URL address does not have the form",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_value_of_another_kind",
        flags: &["--snapshot-count=many"],
        rules: &["E208"],
        said: "invalid value",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_an_unknown_state",
        flags: &["--initial-cluster-state=joining"],
        rules: &["E208"],
        said: "invalid value",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_a_word_that_is_no_flag",
        flags: &["--name=a", "word"],
        rules: &["E209"],
        said: "is not a valid flag",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "wants_client_urls_to_be_advertised",
        flags: &["--listen-client-urls=CLIENT"],
        rules: &["E303", "E306"],
        said: "--advertise-client-urls is required",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "refuses_https_without_a_certificate",
        flags: &[
            "--listen-client-urls=https://127.0.0.1:24379",
            "--advertise-client-urls=https://127.0.0.1:24379",
            "--listen-peer-urls=PEER",
        ],
        rules: &["E304", "E403", "E404"],
        said: "TLS key/cert (--cert-file, --key-file) must be provided",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "does_not_find_itself_in_its_cluster",
        flags: &[
            "--name=a",
            "--initial-cluster=b=http://127.0.0.1:2380",
            "--listen-client-urls=CLIENT",
            "--advertise-client-urls=CLIENT",
            "--listen-peer-urls=PEER",
        ],
        rules: &["E303", "E304", "E321"],
        said: "couldn't find local name",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "compares_its_peer_urls_with_its_cluster",
        flags: &[
            "--name=a",
            "--initial-advertise-peer-urls=http://127.0.0.1:24380",
            "--initial-cluster=a=http://127.0.0.1:24381",
            "--listen-client-urls=CLIENT",
            "--advertise-client-urls=CLIENT",
            "--listen-peer-urls=PEER",
        ],
        rules: &["E303", "E304", "E322"],
        said: "missing from --initial-advertise-peer-urls",
        starts: false,
        ..HEALTHY
    },
    Foretold {
        name: "passes_over_keys_of_its_configuration_file",
        flags: &["--config-file=CONFIG"],
        config: "totally-bogus-key: 1\nclient-transport-security: {client-crl-file: /nowhere}\n",
        rules: &["E204", "E303", "E304"],
        ..HEALTHY
    },
    Foretold {
        name: "reads_nothing_beside_its_configuration_file",
        flags: &["--config-file=CONFIG", "--data-dir=/nowhere/at/all"],
        environment: "ETCD_LISTEN_PEER_URLS=http://no.such.host:1\n",
        config: "max-txn-ops: 100\n",
        rules: &["E207", "E303", "E304"],
        ..HEALTHY
    },
];

/// What etcd says when it is up, by version and logger.
const READY: [&str; 2] = ["ready to serve client requests", "published local member to cluster"];

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn is_what_etcd_does(foretold: &Foretold, etcd: &Etcd) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [client, peer] = ports.map(|port| format!("http://{}", port.local_addr().unwrap()));
    let (config, data) = (folder.path().join("etcd.yaml"), folder.path().join("data"));
    let fill = |text: &str| {
        text.replace("CLIENT", &client)
            .replace("PEER", &peer)
            .replace("CONFIG", config.to_str().unwrap())
            .replace("DATA", data.to_str().unwrap())
    };
    let mut flags: Vec<String> = foretold.flags.iter().map(|flag| fill(flag)).collect();
    if foretold.config.is_empty() {
        flags.insert(0, format!("--data-dir={}", data.display()));
    } else {
        fs::write(&config, fill(&format!("{CONFIG}{}", foretold.config))).unwrap();
    }

    // What is foretold, of a unit.
    let environment = folder.path().join("etcd.env");
    fs::write(&environment, foretold.environment).unwrap();
    let unit = folder.path().join("etcd.service");
    let service = format!(
        "[Service]\nUser=etcd\nNoNewPrivileges=yes\nEnvironmentFile={}\nExecStart={} \\\n  {}\n",
        environment.display(),
        etcd.etcd.display(),
        flags.join(" \\\n  ")
    );
    fs::write(&unit, service).unwrap();
    let found = findings(&etcd.version, &[&unit]);
    let of_settings = &ids(&found) - &BTreeSet::from(OF_THE_VERSION);
    // Where nothing says where to listen, etcd listens without TLS.
    let is_set = |option: &str| {
        !foretold.config.is_empty()
            || foretold.environment.contains(&option.to_uppercase().replace('-', "_"))
            || foretold.flags.iter().any(|flag| flag.contains(option))
    };
    let of_defaults = [("listen-client-urls", "E303"), ("listen-peer-urls", "E304")];
    let of_defaults = of_defaults.iter().filter(|(option, _)| !is_set(option)).map(|(_, rule)| *rule);
    let expected = foretold.rules.iter().copied().chain(of_defaults).collect();
    assert_eq!(of_settings, expected, "{found:#?}");

    let variables = foretold.environment.lines().filter_map(|line| line.split_once('='));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    etcd_does(etcd, folder.path(), &flags, variables, foretold.starts, foretold.said);
    Ok(())
}

/// Starts etcd, and waits until it is up or has ended.
fn etcd_does<'a>(
    etcd: &Etcd,
    folder: &Path,
    flags: &[&str],
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    starts: bool,
    said: &str,
) {
    let log = folder.join("log");
    let output = File::create(&log).unwrap();
    let mut command = server(&etcd.etcd);
    command.env_clear().args(flags).current_dir(folder).envs(variables);
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut running = Running::spawn(&mut command);
    let text = || fs::read_to_string(&log).unwrap();
    let ended = until(PATIENCE, || match running.0.try_wait().unwrap() {
        Some(status) => Some(Some(status)),
        None => READY.iter().any(|ready| text().contains(ready)).then_some(None),
    });
    let mut ended = ended.unwrap_or_else(|| panic!("neither started nor ended:\n{}", text()));
    // What is wrong with files shows up only after etcd said that it is up.
    if !starts && ended.is_none() {
        ended = until(PATIENCE, || running.0.try_wait().unwrap().map(Some)).flatten();
    }
    assert_eq!(ended.is_none(), starts, "{}", text());
    assert!(text().contains(said), "{said:?} is not in\n{}", text());
}

/// What was done to a member's files, what is said about it, and what etcd does.
struct Damage {
    name: &'static str,
    /// In the folder with the files, with a shell.
    done: &'static str,
    rule: &'static str,
    said: &'static str,
    starts: bool,
}

const DAMAGES: [Damage; 6] = [
    Damage {
        name: "refuses_the_key_of_another_certificate",
        done: "cp peer-key.pem server-key.pem",
        rule: "E605",
        said: "private key does not match public key",
        starts: false,
    },
    Damage {
        name: "refuses_a_key_with_a_password",
        done: "openssl pkcs8 -topk8 -in server-key.pem -out k -passout pass:secret && mv k server-key.pem",
        rule: "E606",
        said: "tls: f",
        starts: false,
    },
    Damage {
        name: "refuses_a_certificate_file_without_a_certificate",
        done: ": >server.pem",
        rule: "E513",
        said: "failed to find any PEM data in certificate input",
        starts: false,
    },
    Damage {
        name: "refuses_a_key_in_its_ca_file",
        done: "cat server-key.pem >>ca.pem && chmod 0600 ca.pem",
        rule: "E410",
        said: "x509: ",
        starts: false,
    },
    Damage { name: "starts_with_an_empty_ca_file", done: ": >ca.pem", rule: "E409", said: "", starts: true },
    Damage {
        name: "starts_with_a_key_that_everybody_may_read",
        done: "chmod 0644 server-key.pem",
        rule: "E601",
        said: "",
        starts: true,
    },
];

fn is_what_etcd_does_with(damage: &Damage, etcd: &Etcd) -> Outcome {
    find("openssl")?;
    let description = "name: one\nlayout: single-ca\nmembers:\n  - {name: etcd1, address: 127.0.0.1}\n";
    let tree = Tree::of(description).applied();
    let folder = tree.path("nodes/etcd1/etc/etcd/pki");
    let scratch = tempfile::tempdir().unwrap();
    // Loose files, beside the unit that names them.
    copy(&folder, scratch.path());
    run(Command::new("sh").args(["-ec", damage.done]).current_dir(scratch.path())).ok();
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [client, peer] = ports.map(|port| format!("https://{}", port.local_addr().unwrap()));
    let file = |name: &str| scratch.path().join(name).display().to_string();
    let flags = [
        format!("--data-dir={}", file("data")),
        "--name=etcd1".to_owned(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=etcd1={peer}"),
        "--client-cert-auth".to_owned(),
        format!("--trusted-ca-file={}", file("ca.pem")),
        format!("--cert-file={}", file("server.pem")),
        format!("--key-file={}", file("server-key.pem")),
        "--peer-client-cert-auth".to_owned(),
        format!("--peer-trusted-ca-file={}", file("ca.pem")),
        format!("--peer-cert-file={}", file("peer.pem")),
        format!("--peer-key-file={}", file("peer-key.pem")),
    ];
    let unit = scratch.path().join("etcd.service");
    let program = etcd.etcd.display();
    let line = flags.join(" \\\n  ");
    let service = format!("[Service]\nUser=etcd\nNoNewPrivileges=yes\nExecStart={program} \\\n  {line}\n");
    fs::write(&unit, service).unwrap();
    let found = findings(&etcd.version, &[&unit]);
    let of_files = &ids(&found) - &BTreeSet::from(OF_THE_VERSION);
    assert_eq!(of_files, BTreeSet::from([damage.rule]), "{found:#?}");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    etcd_does(etcd, scratch.path(), &flags, std::iter::empty(), damage.starts, damage.said);
    Ok(())
}
