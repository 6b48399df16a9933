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
            && !path.ends_with(".json")
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
