//! What `cluster verify` says of a cluster as a whole: whom each member reaches, who belongs together, and what is taken
//! for granted.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pki_cli::Terminal;
use serde_json::Value;
use tempfile::TempDir;

fn etcdpki(words: &[&str]) -> (u8, String, String) {
    let args = ["etcdpki"].iter().chain(words).map(OsString::from);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    (status, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
}

/// The output folder of three members at 10.4.0.1 to 10.4.0.3, with one client.
struct Cluster {
    home: TempDir,
    out: PathBuf,
}

/// What `cluster verify` said.
struct Said {
    status: u8,
    clusters: Vec<Value>,
}

const MEMBERS: [&str; 3] = ["e1", "e2", "e3"];

impl Cluster {
    /// A copy of one that was applied.
    fn new() -> Self {
        static APPLIED: LazyLock<Cluster> =
            LazyLock::new(|| Cluster::of("name: prod\nclients: [{name: root}]\n"));
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        copy(&APPLIED.out, &out);
        Self { home, out }
    }

    fn of(description: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let cluster = Self { out: home.path().join("out"), home };
        let member = |at: usize| format!("{{name: {}, address: 10.4.0.{}}}", MEMBERS[at], at + 1);
        cluster.apply(&format!("{description}members: [{}, {}, {}]\n", member(0), member(1), member(2)));
        cluster
    }

    fn apply(&self, description: &str) {
        let file = self.home.path().join("cluster.yaml");
        fs::write(&file, description).unwrap();
        let (file, out) = (file.to_str().unwrap(), self.out.to_str().unwrap());
        let (status, output, errors) = etcdpki(&["cluster", "apply", "-f", file, "-o", out]);
        assert_eq!(status, 0, "{output}{errors}");
    }

    fn environment(&self, member: &str) -> PathBuf {
        self.out.join(format!("nodes/{member}/etc/etcd/etcd.env"))
    }

    /// Changes one line of a member's environment file; without a value it is taken out. `#` stands for the member's
    /// number.
    fn set(&self, member: &str, variable: &str, value: Option<&str>) -> &Self {
        let file = self.environment(member);
        let text = fs::read_to_string(&file).unwrap();
        let others = text.lines().filter(|line| !line.starts_with(&format!("{variable}=")));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        lines.extend(value.map(|value| format!("{variable}={}", value.replace('#', &member[1..]))));
        fs::write(file, lines.join("\n") + "\n").unwrap();
        self
    }

    fn set_all(&self, variable: &str, value: Option<&str>) -> &Self {
        for member in MEMBERS {
            self.set(member, variable, value);
        }
        self
    }

    fn verify(&self) -> Said {
        verify(&self.out, &[])
    }
}

fn copy(from: &Path, into: &Path) {
    fs::create_dir(into).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, into) = (entry.path(), into.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &into);
        } else {
            fs::copy(from, into).unwrap();
        }
    }
}

fn verify(folder: &Path, more: &[&str]) -> Said {
    let words = [&["cluster", "verify", "--json", folder.to_str().unwrap()], more].concat();
    let (status, output, errors) = etcdpki(&words);
    let said: Value =
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}{errors}"));
    let clusters = match said {
        Value::Array(all) => all,
        one => vec![one],
    };
    Said { status, clusters }
}

impl Said {
    /// Of a single cluster: the exit status, the verdict and the rules of the findings.
    #[track_caller]
    fn is(&self, status: u8, summary: &str, rules: &[&str]) -> &Value {
        let [one] = self.clusters.as_slice() else { panic!("{} clusters", self.clusters.len()) };
        assert_eq!((one["summary"].as_str().unwrap(), self.rules()), (summary, rules.to_vec()), "{one:#}");
        assert_eq!(self.status, status, "{one:#}");
        one
    }

    fn rules(&self) -> Vec<&str> {
        let findings = self.clusters.iter().flat_map(|cluster| cluster["findings"].as_array().unwrap());
        let mut rules: Vec<&str> = findings.map(|finding| finding["rule"].as_str().unwrap()).collect();
        rules.dedup();
        rules
    }

    fn summaries(&self) -> Vec<&str> {
        self.clusters.iter().map(|cluster| cluster["summary"].as_str().unwrap()).collect()
    }
}

const SURVIVES: &str = "survives the loss of any one member";

#[test]
fn a_cluster_as_it_is_applied_needs_no_assumption() {
    for (layout, style) in [("least-privilege", "env"), ("single-ca", "flags"), ("shared-cert", "yaml")] {
        let cluster = Cluster::of(&format!("name: p\nlayout: {layout}\nstyle: {style}\n"));
        let one = cluster.verify();
        let one = one.is(0, SURVIVES, &[]);
        assert_eq!((&one["assumes"], &one["otherwise"]), (&Value::Array(Vec::new()), &Value::Null));
    }
}

/// A listener that takes what is dialled, in each form, and some that do not.
#[test]
fn a_dialled_url_meets_a_listener() {
    for listening in
        ["https://0.0.0.0:2380", "https://[::]:2380", "https://10.4.0.#:2390,https://10.4.0.#:2380"]
    {
        let cluster = Cluster::new();
        cluster.set_all("ETCD_LISTEN_PEER_URLS", Some(listening));
        cluster.verify().is(0, SURVIVES, &[]);
    }
    for listening in ["https://10.4.0.#:2390", "https://127.0.0.1:2380"] {
        let cluster = Cluster::new();
        cluster.set_all("ETCD_LISTEN_PEER_URLS", Some(listening));
        let said = cluster.verify();
        let leads =
            |at: u8| format!("https://10.4.0.{at}:2380 leads to {}", listening.replace('#', &at.to_string()));
        let summary = format!("{SURVIVES}, if {}, and {}, and {}", leads(1), leads(2), leads(3));
        let one = said.is(2, &summary, &["E858"]);
        assert_eq!(one["otherwise"]["forms"], false, "{one:#}");
    }
    // The address that it dials from is not known then, either.
    let cluster = Cluster::new();
    cluster.set_all("ETCD_LISTEN_PEER_URLS", Some("https://10.5.0.#:2380"));
    let said = cluster.verify();
    assert_eq!((said.status, said.rules()), (2, vec!["E851", "E858"]));
    assert!(said.summaries()[0].contains("https://10.4.0.1:2380 leads to https://10.5.0.1:2380"));
    // Only one member depends on it, so the cluster forms in any case.
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_LISTEN_PEER_URLS", Some("https://10.4.0.2:2390"));
    let said = cluster.verify();
    // e2 dials the others, and that is enough to talk.
    said.is(2, &format!("{SURVIVES}, if https://10.4.0.2:2380 leads to https://10.4.0.2:2390"), &["E858"]);
    assert_eq!(said.clusters[0]["otherwise"]["survives_any_one"], true);
}

#[test]
fn a_url_that_leads_elsewhere_fails() {
    // The port for clients.
    let cluster = Cluster::new();
    let named = "e1=https://10.4.0.1:2380,e2=https://10.4.0.2:2380,e3=https://10.4.0.3:2379";
    cluster.set_all("ETCD_INITIAL_CLUSTER", Some(named));
    cluster.set("e3", "ETCD_INITIAL_ADVERTISE_PEER_URLS", Some("https://10.4.0.3:2379"));
    let said = cluster.verify();
    // e3 dials the others.
    said.is(1, SURVIVES, &["E822"]);
    let finding = &said.clusters[0]["findings"][0];
    assert!(finding["problem"].as_str().unwrap().ends_with("leads to the port for clients"), "{finding:#}");
    // Each dials its own loopback.
    let cluster = Cluster::new();
    cluster
        .set_all("ETCD_LISTEN_PEER_URLS", Some("https://0.0.0.0:2380"))
        .set_all(
            "ETCD_INITIAL_CLUSTER",
            Some("e1=https://localhost:2380,e2=https://127.0.0.1:2380,e3=https://127.0.0.2:2380"),
        )
        .set("e1", "ETCD_INITIAL_ADVERTISE_PEER_URLS", Some("https://localhost:2380"))
        .set("e2", "ETCD_INITIAL_ADVERTISE_PEER_URLS", Some("https://127.0.0.1:2380"))
        .set("e3", "ETCD_INITIAL_ADVERTISE_PEER_URLS", Some("https://127.0.0.2:2380"));
    let said = cluster.verify();
    let summary = "does not form: no member can talk to enough others, 2 of 3 are needed";
    said.is(1, summary, &["E822", "E841"]);
}

/// A member that etcd does not start counts as lost.
#[test]
fn a_member_that_does_not_start_is_lost() {
    for (variable, value) in [
        ("ETCD_HEARTBEAT_INTERVAL", "1000"),
        ("ETCD_DISCOVERY_SRV", "example.com"),
        ("ETCD_AUTH_TOKEN", "foo"),
        ("ETCD_LISTEN_CLIENT_URLS", "https://10.4.0.#:2380"),
        ("ETCD_TLS_MIN_VERSION", "TLS1.4"),
        ("ETCD_PEER_KEY_FILE", ""),
        ("ETCD_NAME", "nobody"),
    ] {
        let cluster = Cluster::new();
        cluster.set_all(variable, Some(value));
        let said = cluster.verify();
        assert_eq!(said.status, 1, "{variable}");
        assert!(
            said.summaries().iter().all(|summary| summary.starts_with("does not form: 0 of 3")),
            "{variable}: {:?}",
            said.summaries()
        );
        let cluster = Cluster::new();
        cluster.set("e2", variable, Some(value));
        let said = cluster.verify();
        assert_eq!(said.status, 1, "{variable}");
        let main = said.summaries();
        assert!(main.contains(&"forms, and does not survive the loss of e1, of e3"), "{variable}: {main:?}");
    }
}

/// The address of another host is not there.
#[test]
fn an_address_of_another_member_cannot_be_listened_at() {
    const TWO: &str = "forms, and does not survive the loss of e1, of e3";
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_LISTEN_PEER_URLS", Some("https://10.4.0.3:2380"));
    cluster.verify().is(1, TWO, &["E810", "E842"]);
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_LISTEN_CLIENT_URLS", Some("https://10.4.0.2:2379,https://10.4.0.3:2379"));
    let said = cluster.verify();
    let finding = &said.is(1, TWO, &["E810", "E842"])["findings"][0];
    assert_eq!(finding["problem"], "it listens at https://10.4.0.3:2379, which is an address of e3");
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_LISTEN_PEER_URLS", Some("https://10.4.0.2:2380,https://10.4.0.3:2390"));
    cluster.verify().is(1, TWO, &["E810", "E842"]);
    // Who advertises it has it, however it came to that.
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_LISTEN_CLIENT_URLS", Some("https://10.4.0.2:2379,https://10.4.0.3:2389"));
    cluster.set("e2", "ETCD_ADVERTISE_CLIENT_URLS", Some("https://10.4.0.3:2389"));
    assert!(!cluster.verify().rules().contains(&"E810"));
}

#[test]
fn members_that_do_not_name_each_other_are_several_clusters() {
    let alone = "forms, with the only member that there is";
    // By the record, they are one cluster.
    let cluster = Cluster::new();
    cluster.set_all("ETCD_INITIAL_CLUSTER", None);
    let said = cluster.verify();
    assert_eq!((said.status, said.summaries(), said.rules()), (1, vec![alone; 3], vec!["E844"]));
    // Without a record nobody can tell.
    fs::remove_file(cluster.out.join("cluster.lock.json")).unwrap();
    let said = cluster.verify();
    assert_eq!((said.status, said.summaries(), said.rules()), (2, vec![alone; 3], vec!["E859"]));
    // They name themselves, so they are meant to be alone.
    cluster.set_all("ETCD_INITIAL_CLUSTER", Some("e#=https://10.4.0.#:2380"));
    let said = cluster.verify();
    assert_eq!((said.status, said.summaries(), said.rules()), (0, vec![alone; 3], vec![]));
    // A shell's `export` sets nothing for systemd, so each is the member that etcd is by default.
    let cluster = Cluster::new();
    for member in MEMBERS {
        let file = cluster.environment(member);
        let text = fs::read_to_string(&file).unwrap().replace("\nETCD_", "\nexport ETCD_");
        fs::write(file, text).unwrap();
    }
    let said = cluster.verify();
    assert_eq!((said.status, said.summaries()), (1, vec![alone; 3]));
    assert_eq!(said.clusters[0]["cluster"], "default");
}

/// Several output folders in one folder are several clusters, even at the same addresses.
/// Two that found clusters of their own do not make the cluster of three smaller.
#[test]
fn the_verdict_is_about_the_whole_cluster() {
    let cluster = Cluster::new();
    for member in ["e1", "e2"] {
        cluster.set(member, "ETCD_INITIAL_CLUSTER", Some(&format!("{member}=https://10.4.0.#:2380")));
    }
    let summary = "does not form: no member can talk to enough others, 2 of 3 are needed";
    cluster.verify().is(1, summary, &["E823", "E841"]);
}

#[test]
fn each_output_folder_is_judged_for_itself() {
    let (a, b) = (Cluster::new(), Cluster::new());
    let home = tempfile::tempdir().unwrap();
    fs::rename(&a.out, home.path().join("a")).unwrap();
    fs::rename(&b.out, home.path().join("b")).unwrap();
    let said = verify(home.path(), &[]);
    assert_eq!((said.status, said.summaries()), (0, vec![SURVIVES; 2]));
    assert!(said.clusters.iter().all(|cluster| cluster["tried"]["clients"] == 3), "{:?}", said.clusters);
}

#[test]
fn founders_with_other_members_or_tokens_found_another_cluster() {
    for (variable, value) in [
        ("ETCD_INITIAL_CLUSTER_TOKEN", "other"),
        ("ETCD_INITIAL_CLUSTER", "e1=https://10.4.0.1:2380,e2=https://10.4.0.2:2380"),
    ] {
        let cluster = Cluster::new();
        cluster.set("e2", variable, Some(value));
        let said = cluster.verify();
        said.is(1, "forms, and does not survive the loss of e1, of e3", &["E823", "E842", "E843"]);
    }
    let cluster = Cluster::new();
    for member in MEMBERS {
        cluster.set(member, "ETCD_INITIAL_CLUSTER_TOKEN", Some(member));
    }
    let said = cluster.verify();
    said.is(1, "does not form: no member can talk to enough others, 2 of 3 are needed", &["E823", "E841"]);
}

#[test]
fn members_that_are_not_here_are_counted_and_told() {
    let cluster = Cluster::new();
    fs::remove_dir_all(cluster.out.join("nodes/e3")).unwrap();
    let said = cluster.verify();
    let summary = format!("{SURVIVES}, if e3, whose files are not here, is in order");
    let one = said.is(2, &summary, &["E854", "E855"]);
    assert_eq!(one["verdict"]["majority"], 2);
    let lost: Vec<&Value> =
        one["otherwise"]["fatal_losses"].as_array().unwrap().iter().map(|loss| &loss["member"]).collect();
    assert_eq!(lost, ["e1", "e2"]);
    // Of one member alone, nothing more can be said.
    let said = verify(&cluster.out.join("nodes/e1"), &[]);
    said.is(2, &format!("{SURVIVES}, if e2, e3, whose files are not here, are in order"), &["E854", "E855"]);
    // What is here fails for certain.
    cluster.set_all_here("ETCD_AUTH_TOKEN", "foo");
    let said = cluster.verify();
    said.is(1, "does not form: 1 of 3 members start, and 2 are needed", &["E809", "E841", "E854", "E855"]);
}

impl Cluster {
    fn set_all_here(&self, variable: &str, value: &str) {
        for member in MEMBERS.iter().filter(|member| self.environment(member).exists()) {
            self.set(member, variable, Some(value));
        }
    }
}

/// A member that never was in the record has not left: those who found the cluster count it.
#[test]
fn a_member_that_nobody_has_counts() {
    let cluster = Cluster::new();
    let members = [1, 2, 3].map(|at| format!("e{at}=https://10.4.0.{at}:2380")).join(",");
    cluster.set_all("ETCD_INITIAL_CLUSTER", Some(&format!("{members},e9=https://10.4.0.9:2380")));
    let said = cluster.verify();
    let summary = format!("{SURVIVES}, if e9, whose files are not here, is in order");
    let otherwise = &said.is(2, &summary, &["E854"])["otherwise"];
    assert_eq!(
        (otherwise["majority"].as_u64(), otherwise["survives_any_one"].as_bool()),
        (Some(3), Some(false))
    );
}

/// Who joins asks those who have a leader, and without data only those who found the cluster can have one.
#[test]
fn too_few_founders_need_data() {
    const EXISTING: Option<&str> = Some("existing");
    let cluster = Cluster::new();
    cluster.set("e2", "ETCD_INITIAL_CLUSTER_STATE", EXISTING);
    cluster.verify().is(0, SURVIVES, &[]);
    cluster.set("e3", "ETCD_INITIAL_CLUSTER_STATE", EXISTING);
    let summary = format!("{SURVIVES}, if the members have data");
    let said = cluster.verify();
    assert_eq!(said.is(2, &summary, &["E862"])["otherwise"]["forms"], false);
    let problem = "2 of 3 members join a cluster that exists, and the others are too few to found it";
    assert_eq!(said.clusters[0]["findings"][0]["problem"], problem);
    // One that was founded alone, and that the others joined.
    cluster.set("e1", "ETCD_INITIAL_CLUSTER", Some("e1=https://10.4.0.1:2380"));
    cluster.verify().is(0, SURVIVES, &[]);
    let cluster = Cluster::new();
    cluster.set_all("ETCD_INITIAL_CLUSTER_STATE", EXISTING);
    let said = cluster.verify();
    said.is(2, &summary, &["E862"]);
    assert_eq!(said.clusters[0]["findings"][0]["problem"], "all members join a cluster that exists");
}

/// Who has left by the record does not count, wherever the folder is that is looked at.
#[test]
fn who_has_left_is_left_out() {
    let cluster = Cluster::new();
    let two = "members: [{name: e1, address: 10.4.0.1}, {name: e2, address: 10.4.0.2}]\n";
    cluster.apply(&format!("name: prod\nclients: [{{name: root}}]\n{two}"));
    let summary = "forms, and survives the loss of no member: 2 of 2 are needed";
    for folder in [cluster.out.clone(), cluster.out.join("nodes"), cluster.home.path().to_owned()] {
        let said = verify(&folder, &[]);
        let one = said.is(1, summary, &["E842"]);
        let left = one["left_out"][0].as_str().unwrap_or_default();
        assert!(left.ends_with("e3"), "{}: {left}", folder.display());
    }
    // A member that joins is named by none of those that founded the cluster.
    let four = "members: [{name: e1, address: 10.4.0.1}, {name: e2, address: 10.4.0.2}, {name: e4, address: 10.4.0.4}]\n";
    cluster.apply(&format!("name: prod\nclients: [{{name: root}}]\n{four}"));
    cluster.verify().is(0, SURVIVES, &[]);
}

/// What was not seen is neither right nor wrong.
#[test]
fn what_was_not_seen_is_not_judged() {
    let cluster = Cluster::new();
    let loose = tempfile::tempdir().unwrap();
    for member in MEMBERS {
        fs::copy(cluster.environment(member), loose.path().join(format!("{member}.env"))).unwrap();
    }
    let said = verify(loose.path(), &[]);
    let summary = format!("{SURVIVES}, if what was not seen of e1, e2, e3 is in order");
    let one = said.is(2, &summary, &["E807"]);
    assert_eq!(one["otherwise"]["forms"], false);
}
