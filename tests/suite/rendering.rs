//! One description in every style: whatever etcd is told by, the same cluster starts.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Map, Value, json};

use super::command::{Running, quoted, run, until};
use super::dns::{NameServer, Record};
use super::host::{Host, PACKAGED_UNIT};
use super::live::{Cluster, PATIENCE, Test, described};
use super::openssl::{Openssl, Purpose};
use super::product::Tree;
use super::programs::{self, Etcd, can_isolate, find, fixture};
use super::trial::{Missing, Outcome, named, trial_with_servers, trials};

const STYLES: [&str; 3] = ["env", "flags", "yaml"];

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![kubeadm_finds_its_etcd, a_zone_leads_to_names_that_members_have];
    for series in programs::SERIES {
        // 3.4 has no certificate for the gateway, and in its configuration file the gateway is off.
        let layouts = if series == "3.4" { &["single-ca"][..] } else { &["single-ca", "least-privilege"] };
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        let tests: [(&str, Test); 3] = named![
            a_drop_in_starts_on_privileged_ports,
            members_find_each_other_by_the_zone,
            containers_are_run_with_what_etcd_needs,
        ];
        for (name, test) in tests {
            let found = found.clone();
            trials.push(trial_with_servers(format!("rendering::{version}::{name}"), move || test(&found?)));
        }
        for layout in layouts {
            let found = found.clone();
            let name = format!("rendering::{version}::every_style_starts_the_same_{layout}_cluster");
            trials
                .push(trial_with_servers(name, move || every_style_starts_the_same_cluster(&found?, layout)));
        }
    }
    trials
}

/// What a description says in every style, with a value of every kind of the file's.
fn description(style: &str, layout: &str, version: &str) -> Value {
    json!({
        "name": "styles",
        "version": version,
        "layout": layout,
        "style": style,
        "members": [
            {"name": "etcd1", "address": "127.0.0.1"},
            {"name": "etcd2", "address": "127.0.0.2"},
            {"name": "etcd3", "address": "127.0.0.3"},
        ],
        "options": {
            "snapshot-count": 50000,
            "quota-backend-bytes": 8_589_934_592_u64,
            "auto-compaction-retention": 8,
            "grpc-keepalive-interval": "1h30m",
            "pre-vote": true,
            "log-outputs": ["stderr"],
            "host-whitelist": ["a b", "yes", "# no", "\"q\"", "'s'", "x: y;$HOME %n", "\\", "名"],
        },
    })
}

fn every_style_starts_the_same_cluster(etcd: &Etcd, layout: &str) -> Outcome {
    let curl = find("curl")?;
    let mut accounts = Vec::new();
    for style in STYLES {
        let tree = Tree::of_value(&description(style, layout, &etcd.version)).applied();
        let mut cluster = Cluster::start(etcd, tree)?;
        cluster.wait_until_healthy();
        let mut account: Vec<_> = cluster.members.iter().map(|m| configuration(&m.log)).collect();

        // What a log does not tell: whether the gateway is there, and which TLS it begins with.
        let client = |file: &str| cluster.tree.path("clients/root").join(file);
        let authority = if layout == "single-ca" { "ca.pem" } else { "client-ca.pem" };
        let ask = |more: &[&str]| {
            let mut curl = Command::new(&curl);
            curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]).args(more);
            curl.arg("--cacert").arg(client(authority)).arg("--cert").arg(client("client.pem"));
            curl.arg("--key").arg(client("client-key.pem")).args(["-d", r#"{"key": "YQ=="}"#]);
            run(curl.arg("https://127.0.0.1:2379/v3/kv/range")).stdout
        };
        let old = ask(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
        account.push(json!({"gateway": ask(&[]), "tls 1.1": old}));
        accounts.push(account);
    }
    assert_eq!(accounts[0][3], json!({"gateway": "200", "tls 1.1": "000"}));
    for (style, account) in STYLES.iter().zip(&accounts).skip(1) {
        assert_eq!(account, &accounts[0], "{style} and {}", STYLES[0]);
    }
    Ok(())
}

/// What etcd says of its own configuration while it starts.
fn configuration(log: &Path) -> Value {
    let text = fs::read_to_string(log).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    let says = ["starting an etcd server", "starting with client TLS", "starting with peer TLS"];
    let mut said: Vec<_> = lines
        .filter(|line| line.get("msg").and_then(Value::as_str).is_some_and(|msg| says.contains(&msg)))
        .map(|mut line| {
            for key in ["ts", "caller"] {
                line.remove(key);
            }
            // A file without a list and a command line with an empty one are the same.
            line.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!(""));
            line
        })
        .collect();
    said.sort_by_key(|line| line.get("msg").map(Value::to_string));
    assert!(said.len() >= 2, "too little about the configuration in\n{text}");
    json!(said)
}

/// Over the unit of Debian's package, with a log outside of the data folder.
fn a_drop_in_starts_on_privileged_ports(etcd: &Etcd) -> Outcome {
    if !Path::new(PACKAGED_UNIT).is_file() {
        return Err(Missing(format!("no {PACKAGED_UNIT} here")));
    }
    let text = fs::read_to_string(fixture("cluster/drop-in.yaml")).unwrap();
    let tree = Tree::of(&format!("version: {}\n{text}", etcd.version)).applied();
    let host = Host::of(&tree.path("nodes/etcd1"))?;
    let mut service = host.service(&etcd.etcd)?;
    let log = tree.root.with_file_name("log");
    let file = File::create(&log).unwrap();
    service.stdout(file.try_clone().unwrap()).stderr(file);
    let mut service = Running::spawn(&mut service);
    wait_until_healthy(&tree, etcd, || {
        let ended = service.0.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}:\n{}", fs::read_to_string(&log).unwrap());
    });
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("/srv/etcd/wal") && log.contains("https://127.0.0.1:379"), "{log}");
    Ok(())
}

/// A program in the engine's place notes how it is called, and then does what an engine would: it starts etcd with
/// these flags, as this user.
fn containers_are_run_with_what_etcd_needs(etcd: &Etcd) -> Outcome {
    let tree = described("container.yaml", etcd).applied();
    let folder = tempfile::tempdir().unwrap();
    let engine = folder.path().join("podman");
    let text = format!(
        r#"#!/bin/sh
            for word; do printf '%s\0' "$word"; done > "$0.called.$NAME"
            until [ "$1" = --user ]; do shift; done
            user=$2
            until [ "$1" = --entrypoint ]; do shift; done
            test "$2" = etcd
            shift 3
            exec setpriv --reuid="${{user%:*}}" --regid="${{user#*:}}" --clear-groups --inh-caps=-all \
                --bounding-set=-all --no-new-privs --pdeathsig=KILL {} "$@"
        "#,
        etcd.etcd.display()
    );
    fs::write(&engine, text).unwrap();
    fs::set_permissions(&engine, Permissions::from_mode(0o755)).unwrap();

    let mut running = Vec::new();
    for name in ["etcd1", "etcd2", "etcd3"] {
        assert!(!tree.path(&format!("nodes/{name}/etc/systemd")).exists(), "a unit beside the container");
        let host = Host::of(&tree.path("nodes").join(name))?;
        let script = tree.path("containers").join(name).with_extension("sh");
        let start = format!("chown -R etcd: /etc/etcd/pki; exec {}", quoted(script.to_str().unwrap()));
        let mut command = host.script(&start)?;
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.path().display());
        let log = File::create(folder.path().join(format!("{name}.log"))).unwrap();
        command.env("PATH", path).env("NAME", name).stdout(log.try_clone().unwrap()).stderr(log);
        running.push((Running::spawn(&mut command), host));
    }
    wait_until_healthy(&tree, etcd, || {
        for (process, _) in &mut running {
            if let Some(status) = process.0.try_wait().unwrap() {
                let logs = ["etcd1", "etcd2", "etcd3"].map(|name| folder.path().join(format!("{name}.log")));
                panic!("{status}:\n{}", logs.map(|log| fs::read_to_string(log).unwrap()).join("\n"));
            }
        }
    });

    let called = fs::read(engine.with_extension("called.etcd2")).unwrap();
    let called: Vec<_> = called.split(|byte| *byte == 0).map(|word| str::from_utf8(word).unwrap()).collect();
    let has =
        |words: &[&str]| assert!(called.windows(words.len()).any(|w| w == words), "{words:?} in {called:?}");
    assert_eq!(called[..2], ["run", "--detach"]);
    has(&["--name", "etcd-etcd2"]);
    has(&["--network", "host"]);
    has(&["--restart", "unless-stopped"]);
    has(&["--volume", "/etc/etcd/pki:/etc/etcd/pki:ro"]);
    has(&["--volume", "/var/lib/etcd:/var/lib/etcd"]);
    has(&["--volume", "/srv/etcd:/srv/etcd"]);
    has(&["--entrypoint", "etcd", "quay.io/coreos/etcd:v3.5.30", "--name=etcd2"]);
    has(&["--host-whitelist=a b,$HOME,`x`,\"q\",'s',\\x;y"]);
    Ok(())
}

/// The records of a zone's fragment: name, type, data.
fn records(zone: &str) -> Vec<Record> {
    let lines = zone.lines().filter(|line| !line.starts_with(';'));
    lines
        .map(|line| {
            let mut words = line.splitn(5, ' ');
            let mut next = || words.next().unwrap_or_else(|| panic!("no record: {line}")).to_owned();
            let (name, _, class, kind, data) = (next(), next(), next(), next(), next());
            assert_eq!(class, "IN");
            (name, kind, data)
        })
        .collect()
}

/// No member is told of another: they ask a name server that has nothing but the fragment.
fn members_find_each_other_by_the_zone(etcd: &Etcd) -> Outcome {
    can_isolate()?;
    let description = json!({
        "name": "found",
        "version": etcd.version,
        "discovery-srv": "example.com",
        "members": [
            {"name": "etcd1", "address": "127.0.0.1"},
            {"name": "etcd2", "address": "127.0.0.2"},
            {"name": "etcd3", "address": "127.0.0.3"},
        ],
    });
    let tree = Tree::of_value(&description).applied();
    let address = "127.0.53.53";
    for name in ["etcd1", "etcd2", "etcd3"] {
        assert!(!tree.read(&format!("nodes/{name}/etc/etcd/etcd.env")).contains("INITIAL_CLUSTER="));
        let file = tree.path(&format!("nodes/{name}/etc/resolv.conf"));
        fs::write(file, format!("nameserver {address}\n")).unwrap();
    }
    let zone = records(&tree.read("discovery.zone"));
    let _server = NameServer::start(address, zone)
        .map_err(|error| Missing(format!("no name server on {address}: {error}")))?;
    let mut cluster = Cluster::start(etcd, tree)?;
    cluster.wait_until_healthy();
    let listed = cluster.etcdctl(&["member", "list"]).ok().stdout;
    assert!(listed.contains("etcd3, https://etcd3.example.com:2380, https://127.0.0.3:2379"), "{listed}");
    for member in &cluster.members {
        member.assert_no_complaint();
    }
    Ok(())
}

fn a_zone_leads_to_names_that_members_have() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("discovery.yaml").applied();
    let records = records(&tree.read("discovery.zone"));
    let data = |name: &str, kind: &str| -> Vec<&str> {
        let found = records.iter().filter(|(n, k, _)| n == name && k == kind);
        found.map(|(_, _, data)| data.as_str()).collect()
    };
    for (service, port, certificate) in [("server", 2380, "peer"), ("client", 2379, "server")] {
        let targets = data(&format!("_etcd-{service}-ssl._tcp.example.com."), "SRV");
        assert_eq!(targets.len(), 3);
        for (member, target) in ["etcd1", "etcd2", "etcd3"].into_iter().zip(targets) {
            let target = target.strip_prefix(&format!("0 0 {port} ")).unwrap().strip_suffix('.').unwrap();
            let certificate = tree.path(&format!("nodes/{member}/etc/etcd/pki/{certificate}.pem"));
            let checked = openssl.x509(&["-checkhost", target], &certificate);
            assert!(checked.contains("does match"), "{member}, {target}: {checked}");
        }
    }
    assert_eq!(data("etcd1.example.com.", "A"), ["10.0.0.12"]);
    assert_eq!(data("etcd2.example.com.", "AAAA"), ["fd00::13"]);
    assert_eq!(
        data("third.example.net.", "A"),
        [""; 0],
        "what has a name of its own has its record elsewhere"
    );
    Ok(())
}

/// The three files that kubeadm's configuration names, on the host of a control plane; they follow every renewal.
fn kubeadm_finds_its_etcd() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("kubeadm.yaml").applied();
    let client = "clients/kube-apiserver";
    let text = tree.read(&format!("{client}/kubeadm-etcd.yaml"));
    let configuration: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(configuration["kind"], "ClusterConfiguration");
    let external = &configuration["etcd"]["external"];
    let endpoints = ["https://10.0.0.12:2379", "https://10.0.0.13:2379", "https://[fd00::14]:2379"];
    assert_eq!(external["endpoints"], json!(endpoints));

    let on_host = |key: &str| format!("{client}/kubeadm{}", external[key].as_str().unwrap());
    let [authority, certificate, key] = ["caFile", "certFile", "keyFile"].map(on_host);
    let mut certificates = Vec::new();
    for validity in ["", "validity: {leaf: 30d}\n"] {
        let fixture = fs::read_to_string(fixture("cluster/kubeadm.yaml")).unwrap();
        tree.describe(&format!("{fixture}{validity}"));
        tree.apply().ok();
        tree.plan().ends_with(0);
        openssl.belong_together(&tree.path(&certificate), &tree.path(&key));
        openssl.verify(&tree.path(&authority), &tree.path(&certificate), Purpose::Client, &[]);
        assert_eq!(openssl.subject(&tree.path(&certificate)), ["CN=kube-apiserver"]);
        for (copy, original) in [(&certificate, "client.pem"), (&key, "client-key.pem")] {
            assert_eq!(tree.read(copy), tree.read(&format!("{client}/{original}")));
        }
        let modes = tree.entries();
        assert_eq!((modes[&certificate].mode, modes[&key].mode), (0o644, 0o600));
        certificates.push(tree.read(&certificate));
    }
    assert_ne!(certificates[0], certificates[1], "renewed");

    // Whatever is lost or changed comes back.
    fs::remove_file(tree.path(&key)).unwrap();
    fs::write(tree.path(&certificate), "").unwrap();
    tree.plan().ends_with(2);
    tree.apply().ok();
    openssl.belong_together(&tree.path(&certificate), &tree.path(&key));
    assert_eq!(tree.read(&certificate), certificates[1]);
    Ok(())
}

/// Asks until all are healthy; `check` is called in between.
fn wait_until_healthy(tree: &Tree, etcd: &Etcd, mut check: impl FnMut()) {
    let healthy = until(PATIENCE, || {
        check();
        let script = "set -eu; . \"$0\"; exec \"$1\" endpoint health";
        let mut health = Command::new("sh");
        health.env_clear().args(["-c", script]).arg(tree.path("clients/root/etcdctl.env")).arg(&etcd.etcdctl);
        (run(&mut health).code == Some(0)).then_some(())
    });
    assert!(healthy.is_some(), "not healthy in time");
}
