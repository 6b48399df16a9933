//! `etcdpki cluster import`: what `cluster apply` makes is described as it was, and so is what the guides leave on
//! their hosts, as far as it should be.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{Ran, run};
use super::guides::{self, copy, links};
use super::product::{Tree, etcdpki};
use super::programs::{find, fixture};
use super::trial::{Outcome, trial, trials};

/// What cannot be told from files: in a line of a shell a dollar may stand for something else, and where `deploy.sh`
/// connects to is in no file of a host.
const UNSEEN: [(&str, &str); 3] =
    [("container.yaml", "containers/"), ("container.yaml", "deploy.sh"), ("every-key.yaml", "deploy.sh")];

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![
        goes_on_with_the_ca,
        of_one_member_names_all,
        tells_what_disagrees,
        of_requests_alone,
        refuses_what_is_no_cluster,
        takes_clients_from_etcdctl,
        keeps_kubernetes_apart,
        takes_names_for_data
    ];
    let mut names: Vec<String> = fs::read_dir(fixture("cluster"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        // The last names a CA that a test has to make first.
        .filter(|name| name.ends_with(".yaml") && name != "given-ca.yaml")
        .collect();
    names.sort();
    for name in names {
        let title = format!("import::round_trip::{}", name.trim_end_matches(".yaml"));
        trials.push(trial(title, move || is_described_as_it_was(&name)));
    }
    for guide in &GUIDES {
        let title = format!("import::guide_{}", guide.number);
        trials.push(trial(title, || describes_a_guide(guide)));
    }
    trials
}

fn import<S: AsRef<OsStr>>(options: &[&str], paths: impl IntoIterator<Item = S>) -> Ran {
    run(etcdpki(["cluster", "import"]).args(options).args(paths))
}

/// Everything about certificates that does not depend on when they were issued.
fn certificates(tree: &Tree) -> Vec<Value> {
    let ran = run(tree.command("plan").arg("--json"));
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e} in {ran}"));
    let all = report["certificates"].as_array().unwrap().iter();
    let sorted = |names: &Value| {
        let mut names: Vec<_> = names.as_str().unwrap().split(", ").collect();
        names.sort_unstable();
        names.join(", ")
    };
    let mut all: Vec<_> = all
        .map(|c| {
            json!([c["certificate"], c["path"], c["subject"], sorted(&c["names"]), c["key"], c["change"]])
        })
        .collect();
    all.sort_by_key(Value::to_string);
    all
}

/// The files that are only text, with their lines sorted: in which order options stand does not matter.
fn texts(tree: &Tree, without: &[&str]) -> BTreeMap<String, Vec<String>> {
    let root = tree.root.to_str().unwrap().to_owned();
    let files = tree.files().into_iter().filter(|(path, _)| {
        !path.ends_with(".pem")
            && ![".json", ".jsonl"].iter().any(|end| path.ends_with(end))
            && !without.iter().any(|part| path.starts_with(part))
    });
    let lines = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap().replace(&root, "ROOT");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    files.map(|(path, bytes)| (path, lines(bytes))).collect()
}

fn version(text: &str) -> &str {
    let version = text.lines().find_map(|line| line.strip_prefix("version:"));
    version.map_or("3.5", |version| version.trim().trim_matches('"'))
}

fn is_described_as_it_was(name: &str) -> Outcome {
    let first = Tree::of_fixture(name).applied();
    let described = fs::read_to_string(&first.description).unwrap();
    let options = ["--new-ca", "--etcd", version(&described)];
    let imported = import(&options, [&first.root]).ok();
    let second = Tree::of(&imported.stdout).applied();
    assert_eq!(certificates(&second), certificates(&first), "{imported}");
    let unseen: Vec<&str> = UNSEEN.iter().filter(|(of, _)| *of == name).map(|(_, path)| *path).collect();
    assert_eq!(texts(&second, &unseen), texts(&first, &unseen), "{imported}");
    if !unseen.is_empty() {
        return Ok(());
    }
    // Lifetimes are in the description, and what is imported again is the same.
    let again = import(&options, [&second.root]).ok();
    let without_root = |ran: &Ran, tree: &Tree| ran.stdout.replace(tree.root.to_str().unwrap(), "ROOT");
    assert_eq!(without_root(&again, &second), without_root(&imported, &first));
    assert!(!imported.stdout.contains("described as"), "something is told to be different: {imported}");
    Ok(())
}

/// Whoever has a cluster goes on with its CA: members and clients trust it.
fn goes_on_with_the_ca() -> Outcome {
    let first = Tree::of_fixture("three-members.yaml").applied();
    let imported = import(&[], [&first.root]).ok();
    let second = Tree::of(&imported.stdout).applied();
    second.plan().ends_with(0);
    let of = |tree: &Tree| tree.read("nodes/etcd1/etc/etcd/pki/client-ca.pem");
    assert_eq!(of(&second), of(&first));
    // Without the CA's key it is asked.
    let imported = import(&[], [first.path("nodes"), first.path("clients")]).ok();
    assert!(imported.stderr.contains("private key of this CA was not found"), "{imported}");
    let third = Tree::of(&imported.stdout);
    third.apply().ends_with(2);
    assert!(third.path("requests").is_dir());
    Ok(())
}

fn of_one_member_names_all() -> Outcome {
    let first = Tree::of_fixture("three-members.yaml").applied();
    let imported = import(&["--json"], [first.path("nodes/etcd2")]).ok();
    let report: Value = serde_json::from_str(&imported.stdout).unwrap();
    let description = report["description"].as_str().unwrap();
    for member in ["etcd1", "etcd2", "etcd3"] {
        assert!(description.contains(&format!("- name: \"{member}\"")), "no {member}: {description}");
    }
    let notices = report["notices"].as_array().unwrap();
    let unknown =
        notices.iter().filter(|r| r["text"].as_str().unwrap().starts_with("no file of the member "));
    let keys: Vec<_> = unknown.map(|notice| notice["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["members/etcd1", "members/etcd3"]);
    Tree::of(description).plan().ends_with(2);
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const ONE: &str = "ETCD_NAME=a\nETCD_INITIAL_CLUSTER=a=https://10.0.0.1:2380\nETCD_SNAPSHOT_COUNT=5\n";

fn tells_what_disagrees() -> Outcome {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "one/etcd.env", ONE);
    write(folder.path(), "two/etcd.env", &ONE.replace("COUNT=5", "COUNT=6"));
    let imported = import(&[], [folder.path()]).ok();
    assert!(imported.stderr.contains("differ from those in"), "{imported}");
    assert!(imported.stdout.contains("snapshot-count: \"5\""), "{imported}");
    assert!(imported.stdout.contains("two/etcd.env: its values of `snapshot-count`"), "{imported}");
    Tree::of(&imported.stdout).plan().ends_with(2);
    Ok(())
}

/// cfssl's JSON has addresses, subjects and kinds of keys, but no names of members.
fn of_requests_alone() -> Outcome {
    let imported =
        import(&[], [fixture("guides/4").join("etcd.json"), fixture("guides/4").join("client.json")]);
    let imported = imported.ok();
    for part in ["10.0.0.12", "10.0.0.14", "key: rsa-2048", "ST: \"BeiJing\"", "name: \"client\""] {
        assert!(imported.stdout.contains(part), "no {part}: {imported}");
    }
    Tree::of(&imported.stdout).applied();
    Ok(())
}

fn refuses_what_is_no_cluster() -> Outcome {
    let folder = TempDir::new().unwrap();
    // 2 where nothing can be said of what is there, 1 where it is wrong.
    let refused = |status: i32, what: &str, message: &str| {
        let ran = import(&[], [folder.path().join(what)]).ends_with(status);
        assert!(ran.stderr.contains(message), "does not say {message:?}: {ran}");
        assert!(ran.stdout.is_empty(), "{ran}");
    };
    refused(1, "absent", "does not exist");
    write(folder.path(), "empty/README", "hello");
    refused(2, "empty", "has nothing that belongs to etcd");
    write(folder.path(), "garbage/x.pem", "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n");
    refused(2, "garbage", "has nothing that belongs to etcd");
    let tree = Tree::of_fixture("one-member.yaml").applied();
    fs::create_dir(folder.path().join("client")).unwrap();
    fs::copy(tree.path("clients/root/client.pem"), folder.path().join("client/client.pem")).unwrap();
    refused(1, "client", "no member of an etcd cluster was found");
    write(folder.path(), "many/a/etcd.env", ONE);
    write(folder.path(), "many/b/etcd.env", &ONE.replace("=a", "=b").replace("10.0.0.1", "10.0.0.2"));
    refused(1, "many", "different clusters: a; b");
    Ok(())
}

/// Those who deploy etcd give etcdctl a certificate for both ends of a connection, and name it in a file.
fn takes_clients_from_etcdctl() -> Outcome {
    let first = Tree::of_value(&json!({
        "name": "prod", "layout": "shared-cert",
        "members": [{"name": "n1", "address": "10.0.0.1"}, {"name": "admin", "address": "10.0.0.9"}],
    }))
    .applied();
    let folder = TempDir::new().unwrap();
    let pki = folder.path().join("etc/etcd/pki");
    fs::create_dir_all(&pki).unwrap();
    for (from, to) in [("n1/etc/etcd/pki/member", "server"), ("admin/etc/etcd/pki/member", "admin")] {
        for end in [".pem", "-key.pem"] {
            fs::copy(first.path(&format!("nodes/{from}{end}")), pki.join(format!("{to}{end}"))).unwrap();
        }
    }
    fs::copy(first.path("ca/ca.pem"), pki.join("ca.pem")).unwrap();
    let settings = "ETCD_NAME=n1\nETCD_INITIAL_CLUSTER=n1=https://10.0.0.1:2380\n\
                    ETCD_CERT_FILE=/etc/etcd/pki/server.pem\nETCD_KEY_FILE=/etc/etcd/pki/server-key.pem\n\
                    ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.pem\nETCD_CLIENT_CERT_AUTH=true\n";
    write(folder.path(), "etc/etcd/etcd.env", settings);
    let clients = |imported: &Ran| {
        let (_, clients) = imported.stdout.split_once("\nclients:").unwrap_or_else(|| panic!("{imported}"));
        clients.contains("name: \"admin\"")
    };
    // Nothing says that it is a client's.
    let imported = import(&[], [folder.path()]).ok();
    assert!(
        !clients(&imported) && imported.stderr.contains("admin.pem: no member that was found"),
        "{imported}"
    );
    for (file, text) in [
        ("etc/etcd/etcd.env", format!("{settings}ETCDCTL_CERT=/etc/etcd/pki/admin.pem\n")),
        ("etc/profile.d/etcd.sh", "export ETCDCTL_CERT=\"/etc/etcd/pki/admin.pem\"\n".to_owned()),
        (
            "usr/local/bin/backup",
            "#!/bin/sh\netcdctl --cert /etc/etcd/pki/admin.pem snapshot save x\n".to_owned(),
        ),
    ] {
        write(folder.path(), file, &text);
        let imported = import(&[], [folder.path()]).ok();
        assert!(
            clients(&imported) && !imported.stderr.contains("no member that was found"),
            "{file}: {imported}"
        );
        fs::remove_file(folder.path().join(file)).unwrap();
        write(folder.path(), "etc/etcd/etcd.env", settings);
    }
    Ok(())
}

/// On a host of a control plane most certificates are not etcd's.
fn keeps_kubernetes_apart() -> Outcome {
    let etcds = Tree::of_value(&json!({
        "name": "etcd", "layout": "single-ca",
        "members": [{"name": "n1", "address": "10.0.0.1"}],
        "clients": [{"name": "kube-apiserver-etcd-client"}],
    }))
    .applied();
    // Kubernetes' own CA, its API server and a client of its own.
    let others = Tree::of_value(&json!({
        "name": "kubernetes", "layout": "single-ca",
        "members": [{"name": "kube-apiserver", "address": "10.96.0.1"}],
        "clients": [{"name": "front-proxy-client"}],
    }))
    .applied();
    let folder = TempDir::new().unwrap();
    let pki = folder.path().join("etc/kubernetes/pki");
    fs::create_dir_all(pki.join("etcd")).unwrap();
    let node = "nodes/n1/etc/etcd/pki";
    for (tree, from, to) in [
        (&etcds, "ca/ca.pem", "etcd/ca.crt"),
        (&etcds, &format!("{node}/server.pem"), "etcd/server.crt"),
        (&etcds, &format!("{node}/server-key.pem"), "etcd/server.key"),
        (&etcds, &format!("{node}/peer.pem"), "etcd/peer.crt"),
        (&etcds, &format!("{node}/peer-key.pem"), "etcd/peer.key"),
        (&etcds, "clients/kube-apiserver-etcd-client/client.pem", "apiserver-etcd-client.crt"),
        (&others, "ca/ca.pem", "ca.crt"),
        (&others, "ca/ca-key.pem", "ca.key"),
        (&others, "nodes/kube-apiserver/etc/etcd/pki/server.pem", "apiserver.crt"),
        (&others, "clients/front-proxy-client/client.pem", "front-proxy-client.crt"),
    ] as [(&Tree, &str, &str); 10]
    {
        fs::copy(tree.path(from), pki.join(to)).unwrap();
    }
    // Certificates do not tell who is a member.
    let refused = import(&[], [folder.path()]).ends_with(1);
    assert!(refused.stderr.contains("no member of an etcd cluster was found"), "{refused}");
    let flags = "--name=n1 --initial-cluster=n1=https://10.0.0.1:2380 \
                 --initial-advertise-peer-urls=https://10.0.0.1:2380 --listen-peer-urls=https://10.0.0.1:2380 \
                 --listen-client-urls=https://10.0.0.1:2379 --advertise-client-urls=https://10.0.0.1:2379 \
                 --client-cert-auth=true --peer-client-cert-auth=true \
                 --cert-file=PKI/server.crt --key-file=PKI/server.key --trusted-ca-file=PKI/ca.crt \
                 --peer-cert-file=PKI/peer.crt --peer-key-file=PKI/peer.key --peer-trusted-ca-file=PKI/ca.crt";
    let command: Vec<&str> = ["etcd"].into_iter().chain(flags.split(' ')).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd"}, "spec": {"containers": [{
        "name": "etcd", "image": "registry.k8s.io/etcd:3.5.15-0",
        "command": command,
        "volumeMounts": [{"mountPath": "PKI", "name": "certs"}],
    }], "volumes": [{"name": "certs", "hostPath": {"path": "PKI"}}]}});
    let pod = pod.to_string().replace("PKI", "/etc/kubernetes/pki/etcd");
    write(folder.path(), "etc/kubernetes/manifests/etcd.yaml", &pod);
    let imported = import(&[], [folder.path()]).ok();
    let said = format!("{}{}", imported.stdout, imported.stderr);
    for (text, is_there) in [
        ("kubernetes/pki/etcd/ca.crt\"", true),
        ("name: \"kube-apiserver-etcd-client\"", true),
        ("kubernetes/pki/ca.crt", false),
        ("10.96.0.1", false),
        ("front-proxy", false),
        ("pki/apiserver.crt", false),
    ] {
        assert_eq!(said.contains(text), is_there, "{text}: {imported}");
    }
    Ok(())
}

/// Whatever stands in a file is data in the description, in its comments too.
fn takes_names_for_data() -> Outcome {
    let folder = TempDir::new().unwrap();
    let evil = "ETCD_NAME='a\nname: evil # $(touch x)'\nETCD_DATA_DIR='/d\nkey: ed25519'\nETCD_LOG_OUTPUTS=\"x: y\"\n\
                ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.1:2380\nETCD_WHATEVER='x\nstate: new'\n";
    write(folder.path(), "etcd.env", evil);
    let imported = import(&[], [folder.path()]).ok();
    for line in ["name: evil", "key: ed25519", "state: new"] {
        assert!(
            !imported.stdout.lines().any(|text| text.trim_start().starts_with(line)),
            "{line}: {imported}"
        );
    }
    assert!(imported.stdout.contains("log-outputs: \"x: y\""), "{imported}");
    Tree::of(&imported.stdout).plan().ends_with(2);
    Ok(())
}

/// A guide, and what of its cluster has to be in the description, whatever else is different.
struct Guide {
    number: usize,
    /// Lines that have to be there
    says: &'static [&'static str],
    /// What doctor finds, and what is only described otherwise
    tells: &'static [&'static str],
}

const GUIDES: [Guide; 5] = [
    Guide {
        number: 0,
        says: &[
            "layout: shared-cert",
            "style: flags",
            "listen-loopback: true",
            "key: rsa-2048",
            r#"subject: {C: "CN", ST: "TianJin", L: "TianJin", O: "k8s", OU: "System"}"#,
            r#"common-name: "etcd""#,
            r#"file: "etcd""#,
            r#"binary: "/usr/local/bin/etcd""#,
            r#"pki: "/etc/etcd/ssl""#,
            r#"- name: "etcd-node3""#,
            r#"address: "192.168.18.83""#,
        ],
        tells: &["E303", "E402", "E411", "E603", "https://127.0.0.1:2379", "Restart=on-failure"],
    },
    Guide {
        number: 1,
        says: &[
            "layout: shared-cert",
            "key: rsa-2048",
            r#"subject: {C: "CN", ST: "BeiJing", O: "Gmem Studio"}"#,
            r#"pki: "/opt/etcd/cert""#,
            r#"- name: "radon""#,
            r#"address: "10.0.2.1""#,
            r#"dns: "radon.gmem.cc""#,
            r#"common-name: "Server Neon""#,
        ],
        tells: &["E101", "E302", "radon.crt", "described as https://10.0.2.1:2379", "other usages"],
    },
    Guide {
        number: 2,
        says: &[
            r#"version: "3.6""#,
            "layout: shared-cert",
            "style: flags",
            r#"subject: {C: "CN", ST: "HangZhou", L: "XS", O: "k8s", OU: "System"}"#,
            r#"snapshot-count: "50000""#,
            r#"quota-backend-bytes: "8589934592""#,
            r#"- name: "etcd-192.168.1.2""#,
        ],
        tells: &[
            "E602",
            "E212",
            "is also for 192.168.1.2, 192.168.1.3",
            "described as /var/lib/etcd-wal/wal",
        ],
    },
    Guide {
        number: 3,
        says: &[
            r#"name: "k8s-etcd-cluster""#,
            "layout: single-ca",
            r#"leaf: "10y""#,
            r#"subject: {C: "CN", ST: "ShangHai", L: "ShangHai", O: "ETCD"}"#,
            r#"common-name: "etcd-server""#,
            r#"file: "etcd-member""#,
            r#"file: "etcd-ca""#,
            r#"- name: "etcd4""#,
            "state: existing",
            r#"- name: "etcd-client""#,
        ],
        tells: &["E327", "E604", "etcd-peer.pem; described as", "CN=etcd-member; described as"],
    },
    Guide {
        number: 4,
        says: &[
            "layout: single-ca",
            r#"leaf: "50y""#,
            r#"subject: {C: "CN", ST: "BeiJing", L: "BJ", O: "k8s", OU: "System"}"#,
            r#"data-dir: "/var/lib/etcd/default.etcd""#,
            r#"- name: "kubernetes-master3""#,
            r#"- name: "client""#,
        ],
        tells: &["E102", "E511", "neCNork.target"],
    },
];

fn describes_a_guide(guide: &Guide) -> Outcome {
    find("openssl")?;
    let folder = TempDir::new().unwrap();
    copy(&fixture("guides").join(guide.number.to_string()), folder.path());
    let links = links();
    let mut path = links.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut script = Command::new(find("bash")?);
    script.args(["-c", "umask 022; exec bash found/hosts.sh"]).current_dir(folder.path()).env("PATH", path);
    run(&mut script).ok();
    let imported = import(&["--etcd", guides::VERSIONS[guide.number]], [folder.path().join("hosts")]).ok();
    for line in guide.says {
        assert!(imported.stdout.lines().any(|text| text.trim() == *line), "no {line}: {imported}");
    }
    for part in guide.tells {
        assert!(imported.stderr.contains(part), "does not tell {part}: {imported}");
    }
    let tree = Tree::of(&imported.stdout);
    let status = if imported.stderr.contains("private key of this CA was not found") { 2 } else { 0 };
    tree.apply().ends_with(status);
    Ok(())
}
