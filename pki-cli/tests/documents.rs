//! Every command that README and the documents show is run: here, or by the test that is named here. The few that no test
//! runs are named with the reason.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Blocks that need hosts, other programs or minutes: the document, the begin of the block, and the test that runs what
/// it shows.
const ELSEWHERE: [(&str, &str, &str); 16] = [
    ("README.md", "$ etcdpki cluster new", "the_session_of_the_readme_is_real"),
    ("README.md", "etcdpki cluster new", "as_root_it_copies_and_starts"),
    ("docs/bridges.md", "ansible-playbook", "ansible_brings_up_a_cluster"),
    ("docs/cluster.md", "out/deploy.sh                   all members", "as_root_it_copies_and_starts"),
    ("docs/cluster.md", ". out/clients/root/etcdctl.env", "etcdctl_env_is_usable_from_anywhere"),
    ("docs/cluster.md", "out/deploy.sh", "containers_are_run_with_what_etcd_needs"),
    ("docs/cluster.md", "tar -C", "kubeadm_finds_its_etcd"),
    ("docs/operations.md", "etcdpki cluster observe", "what_runs_is_seen"),
    ("docs/operations.md", "etcdpki cluster forecast", "who_cannot_be_asked_is_told"),
    ("docs/operations.md", "etcdpki cluster restart", "all_restart_and_nothing_is_lost"),
    ("docs/operations.md", "etcdpki cluster deploy", "the_command_deploys_restarts_and_proves"),
    ("docs/operations.md", "etcdpki cluster member", "members_come_go_and_take_the_places_of_others"),
    ("docs/operations.md", "etcdpki cluster steps", "members_come_go_and_take_the_places_of_others"),
    ("docs/operations.md", "etcdpki cluster renew-ca", "authorities_are_renewed_and_recovered"),
    ("docs/operations.md", "etcdpki cluster renew", "all_are_renewed_and_no_handshake_fails"),
    ("docs/operations.md", "etcdpki cluster recover", "authorities_are_renewed_and_recovered"),
];

/// Blocks that no test runs: the document, the begin of the block, and why.
const NOT_RUN: [(&str, &str, &str); 4] = [
    ("README.md", "cargo run", "it builds the whole program anew"),
    ("README.md", "cargo install", "it builds the whole program anew, optimised"),
    ("docs/bridges.md", "butane", "no package of this system has butane; a test reads what it would read"),
    ("docs/bridges.md", "kubectl", "it needs a cluster of Kubernetes; a test reads what it would read"),
];

/// Lines of indented blocks that end with another status than 0, because something is to be told.
const STATUSES: [(&str, &[i32]); 2] = [("etcdpki doctor", &[0, 1, 2]), ("etcdpki cluster plan", &[0, 2])];

/// The first words of lines that somebody types.
const PROGRAMS: [&str; 12] = [
    "$",
    "etcdpki",
    "cfssl",
    "out/deploy.sh",
    "cargo",
    "kubectl",
    "butane",
    "ansible-playbook",
    "ssh",
    "tar",
    "jq",
    ".",
];

/// What the documents suppose to be there.
const BEFORE: &str = r#"
etcdpki link bin >/dev/null 2>&1
etcdpki cluster new --name prod --member etcd1=10.0.0.11 --member etcd2=10.0.0.12 --member etcd3=10.0.0.13 >cluster.yaml
etcdpki cluster apply --quiet >/dev/null
cp cluster.yaml prod.yaml
cp -r out/nodes/etcd1 collected
mkdir -p srv/etcd && cp collected/etc/systemd/system/etcd.service srv/etcd
echo '{"CN": "etcd", "key": {"algo": "ecdsa", "size": 256}}' >ca-csr.json
cp ca-csr.json peer.json
echo '{"signing": {"profiles": {"peer": {"expiry": "8760h", "usages": ["server auth", "client auth"]}}}}' >ca-config.json
"#;

struct Block {
    /// What stands behind the fence; `None` for a block that is indented.
    kind: Option<String>,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documents() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let docs = docs.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
    let mut all: Vec<String> = docs.map(|name| format!("docs/{name}")).collect();
    all.push("README.md".to_owned());
    all.sort();
    all
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence = None;
    let mut is_inside = false;
    for line in document.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            is_inside = fence.is_none();
            fence = fence.is_none().then(|| kind.to_owned());
            if is_inside {
                blocks.push(Block { kind: fence.clone(), text: String::new() });
            }
            is_inside = false;
        } else if fence.is_some() {
            blocks.last_mut().unwrap().text += &format!("{line}\n");
        } else if let Some(text) = line.strip_prefix("    ") {
            if !is_inside {
                blocks.push(Block { kind: None, text: String::new() });
            }
            is_inside = true;
            blocks.last_mut().unwrap().text += &format!("{text}\n");
        } else {
            is_inside = is_inside && line.is_empty();
        }
    }
    blocks
}

/// Whether a line is one that somebody types.
fn is_typed(line: &str) -> bool {
    let line = line.trim_start_matches('(');
    let first = line.split(' ').next().unwrap_or_default();
    // A list of files has names of programs too, with three dots or a brace behind.
    PROGRAMS.contains(&first) && !line.contains("     copies all this")
}

/// Runs a text in a shell, and returns its exit status and what it said.
fn shell(folder: &Path, text: &str) -> (i32, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_etcdpki")).parent().unwrap();
    let links = folder.join("bin");
    let path =
        format!("{}:{}:{}", program.display(), links.display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("sh").args(["-euc", text]).current_dir(folder).env("PATH", path).output().unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (ran.status.code().unwrap_or(-1), said)
}

/// The line with paths of a host replaced by paths in the working folder.
fn here(line: &str) -> String {
    [" /srv/", " /usr/local/", " /var/"].iter().fold(line.to_owned(), |line, at| {
        line.replace(at, &at.replacen(" /", " ./", 1).replace("./usr/local/", "./"))
    })
}

#[test]
fn every_command_of_the_documents_is_run() {
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    let mut run = 0;
    for name in documents() {
        let folder = tempfile::tempdir().unwrap();
        symlink(root().canonicalize().unwrap().join("fixtures"), folder.path().join("fixtures")).unwrap();
        let (status, said) = shell(folder.path(), BEFORE);
        assert_eq!(status, 0, "{said}");
        for block in blocks(&fs::read_to_string(root().join(&name)).unwrap()) {
            let fenced = matches!(block.kind.as_deref(), Some("sh" | "shell" | "console"));
            if !fenced && !block.text.lines().any(is_typed) {
                continue;
            }
            let is_named =
                |(of, begin, _): &&(&str, &str, &str)| *of == name && block.text.starts_with(begin);
            if let Some(elsewhere) = ELSEWHERE.iter().chain(&NOT_RUN).find(is_named) {
                used.push(*elsewhere);
                continue;
            }
            // The lines of a fenced block belong together.
            let texts = if fenced { vec![block.text.as_str()] } else { block.text.lines().collect() };
            for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
                let expected = STATUSES.iter().find(|(begin, _)| !fenced && text.starts_with(begin));
                let (status, said) = shell(folder.path(), &here(text));
                run += 1;
                if !expected.map_or(&[0][..], |(_, all)| all).contains(&status) || said.contains("unexpected")
                {
                    wrong.push(format!("{name}: {text}\nended with {status}: {said}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run > 15, "{run}");
    let unused: Vec<_> = ELSEWHERE.iter().chain(&NOT_RUN).filter(|one| !used.contains(one)).collect();
    assert!(unused.is_empty(), "no document has these blocks: {unused:?}");
}

#[test]
fn the_tests_that_run_the_other_blocks_exist() {
    let mut sources = String::new();
    let mut folders = vec![
        root().join("tests/suite"),
        root().join("pki-cli/tests"),
        root().join("pki-core/src/etcd/export"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    for (document, begin, test) in ELSEWHERE {
        assert!(sources.contains(&format!("fn {test}(")), "{document}: {begin}: there is no {test}");
    }
}
