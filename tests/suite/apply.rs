//! `cluster plan` and `cluster apply`, seen from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::certificates::{Member, members, verify_all, verify_chains};
use super::command::{Running, run};
use super::layouts::{LAYOUTS, LEAST_PRIVILEGE, Layout};
use super::openssl::Openssl;
use super::product::{Entry, Tree, is_key, program};
use super::programs::{can_isolate, find, fixture};
use super::systemd::environment_file;
use super::trial::{Outcome, trial, trials};

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![
        writes_the_agreed_files_and_no_others,
        modes_are_right_under_every_umask,
        environment_files_hold_etcd_options_only,
        etcdctl_env_is_usable_from_anywhere,
        a_second_apply_changes_nothing,
        plan_tells_by_its_exit_status,
        plan_writes_nothing,
        reports_are_json_on_request,
        json_descriptions_mean_the_same,
        notices_every_damaged_file,
        restores_modes,
        a_new_address_replaces_what_names_it_only,
        needs_no_root,
        needs_few_open_files,
        a_new_member_leaves_the_others_keys_alone,
        tells_what_to_do_next,
        a_lost_ca_key_is_named,
        two_at_once_do_no_harm
    ];
    for layout in LAYOUTS {
        let name = format!("apply::repairs_every_file::{}", layout.name);
        trials.push(trial(name, move || repairs_every_file(layout)));
    }
    trials
}

/// The members of the fixture that most tests here use.
pub fn three_members() -> Vec<Member> {
    let text = fs::read_to_string(fixture("cluster/three-members.json")).unwrap();
    members(&serde_json::from_str(&text).unwrap())
}

fn found(tree: &Tree) -> Vec<(String, u32)> {
    tree.entries().into_iter().map(|(path, entry)| (path, entry.mode)).collect()
}

fn writes_the_agreed_files_and_no_others() -> Outcome {
    let paths = |entries: Vec<(String, u32)>| entries.into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    let default = [(Tree::of_fixture("three-members.yaml"), &LEAST_PRIVILEGE)];
    let named = LAYOUTS.map(|layout| (layout.three_members(), layout));
    for (tree, layout) in default.into_iter().chain(named) {
        let tree = tree.applied();
        assert_eq!(paths(found(&tree)), paths(layout.agreed()), "{}", layout.name);
    }
    Ok(())
}

fn modes_are_right_under_every_umask() -> Outcome {
    for umask in ["000", "022", "077"] {
        let tree = Tree::of_fixture("three-members.yaml");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(program());
        run(shell.args(tree.command("apply").get_args())).ok();
        for (expected, found) in LEAST_PRIVILEGE.agreed().into_iter().zip(found(&tree)) {
            assert_eq!(
                (&found.0, format!("{:o}", found.1)),
                (&expected.0, format!("{:o}", expected.1)),
                "under umask {umask}"
            );
        }
    }
    Ok(())
}

fn environment_files_hold_etcd_options_only() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml").applied();
    for member in ["etcd1", "etcd2", "etcd3"] {
        let text = tree.read(&format!("nodes/{member}/etc/etcd/etcd.env"));
        let assignments = environment_file(&text);
        let mut names = BTreeSet::new();
        for (name, value) in &assignments {
            assert!(name.starts_with("ETCD_"), "{name} in\n{text}");
            // etcd takes an empty variable for an unset one, and warns.
            assert!(!value.is_empty(), "{name} is empty in\n{text}");
            assert!(names.insert(name), "{name} twice in\n{text}");
        }
        assert!(text.lines().any(|l| l.starts_with('#')), "no comments in\n{text}");
        let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).count();
        assert_eq!(lines, assignments.len(), "not one option a line:\n{text}");
        assert!(assignments.contains(&("ETCD_NAME".to_owned(), member.to_owned())), "no name in\n{text}");
    }
    Ok(())
}

fn etcdctl_env_is_usable_from_anywhere() -> Outcome {
    // The paths in it must be absolute even when the output folder is not given so.
    let tree = Tree::of_fixture("three-members.yaml");
    let mut apply = Command::new(program());
    apply.args(["cluster", "apply", "-o", "out", "-f"]).arg(&tree.description);
    run(apply.current_dir(tree.root.parent().unwrap())).ok();

    let values = sourced(&tree.path("clients/root/etcdctl.env"));
    let root = fs::canonicalize(&tree.root).unwrap();
    let client = |file: &str| root.join("clients/root").join(file).to_str().unwrap().to_owned();
    let endpoints = "https://127.0.0.1:2379,https://127.0.0.2:2379,https://127.0.0.3:2379";
    assert_eq!(
        values,
        [&client("client-ca.pem"), &client("client.pem"), &client("client-key.pem"), endpoints]
    );

    // It goes where its folder goes, and leaves nothing else in the shell.
    let moved = root.with_file_name("moved");
    fs::rename(&root, &moved).unwrap();
    let script = "before=$(set | cut -d= -f1); . moved/clients/root/etcdctl.env; test -f \"$ETCDCTL_CACERT\"; \
                  set | cut -d= -f1 | grep -vxF \"$before\" | grep -vx \"before\\|_\\|PIPESTATUS\\|BASH_LINENO\"";
    let mut shell = Command::new("bash");
    shell.args(["-euc", script]).current_dir(root.parent().unwrap());
    let left = run(&mut shell).ok().stdout;
    assert!(left.lines().all(|name| name.starts_with("ETCDCTL_")), "{left}");
    // A shell that does not tell where the file is gets no wrong paths.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "if . moved/clients/root/etcdctl.env; then exit 3; fi; test -z \"${ETCDCTL_CACERT-}\""]);
    let told = run(shell.current_dir(root.parent().unwrap())).ok();
    assert!(told.stderr.contains("change into its folder first"), "{told}");
    Ok(())
}

/// What a program started from a shell that sourced the file is told: CA, certificate, key, endpoints.
pub fn sourced(file: &Path) -> [String; 4] {
    let values = ["dash", "bash"].map(|shell| {
        let shell = find(shell).unwrap_or_else(|_| "sh".into());
        let mut command = Command::new(shell);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(["-euc", ". \"$0\"; exec printenv -0 \"$@\""]).arg(file);
        command.args(["CACERT", "CERT", "KEY", "ENDPOINTS"].map(|name| format!("ETCDCTL_{name}")));
        let values: Vec<_> =
            run(&mut command).ok().stdout.split_terminator('\0').map(str::to_owned).collect();
        <[String; 4]>::try_from(values).expect("four values")
    });
    assert_eq!(values[0], values[1], "shells differ about {}", file.display());
    values[0].clone()
}

fn a_second_apply_changes_nothing() -> Outcome {
    for description in ["three-members.yaml", "single-ca.yaml", "shared-cert.yaml", "names.yaml", "rsa.yaml"]
    {
        let tree = Tree::of_fixture(description).applied();
        let before = tree.entries();
        let second = tree.apply().ok();
        assert!(before == tree.entries(), "{description} was written again: {:?}", changed(&before, &tree));
        assert!(second.said().to_lowercase().contains("nothing to do"), "{second}");
    }
    Ok(())
}

/// The paths that are not as they were.
fn changed(before: &BTreeMap<String, Entry>, tree: &Tree) -> Vec<String> {
    let now = tree.entries();
    let paths: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    paths.into_iter().filter(|p| before.get(*p) != now.get(*p)).cloned().collect()
}

fn plan_tells_by_its_exit_status() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml");
    tree.plan().ends_with(2);
    tree.apply().ok();
    tree.plan().ends_with(0);
    tree.describe(&fs::read_to_string(&tree.description).unwrap().replace("127.0.0.3", "127.0.0.4"));
    tree.plan().ends_with(2);
    tree.describe("name: [");
    tree.plan().ends_with(1);
    fs::remove_file(&tree.description).unwrap();
    tree.plan().ends_with(1);
    Ok(())
}

fn plan_writes_nothing() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml");
    tree.plan().ends_with(2);
    assert!(!tree.root.exists(), "plan made the folder");
    let tree = tree.applied();
    fs::remove_file(tree.path("nodes/etcd1/etc/etcd/etcd.env")).unwrap();
    let before = tree.entries();
    let said = tree.plan().ends_with(2).stdout;
    assert!(before == tree.entries(), "plan wrote {:?}", changed(&before, &tree));
    assert!(said.contains("nodes/etcd1/etc/etcd/etcd.env"), "the missing file is not named:\n{said}");
    Ok(())
}

fn reports_are_json_on_request() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml");
    for (verb, status) in [("plan", 2), ("apply", 0), ("plan", 0), ("apply", 0)] {
        let ran = run(tree.command(verb).arg("--json")).ends_with(status);
        let report: Result<Value, _> = serde_json::from_str(&ran.stdout);
        assert!(matches!(report, Ok(Value::Object(_))), "not one JSON object: {ran}");
        assert!(!ran.stdout.contains("PRIVATE KEY"), "a key in the report");
    }
    Ok(())
}

fn json_descriptions_mean_the_same() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml").applied();
    tree.describe(&fs::read_to_string(fixture("cluster/three-members.json")).unwrap());
    tree.plan().ends_with(0);
    Ok(())
}

fn repairs_every_file(layout: &Layout) -> Outcome {
    let openssl = Openssl::find()?;
    let tree = layout.three_members().applied();
    let is_ca_key = |path: &String| path.starts_with("ca/") && is_key(path);
    for path in tree.files().into_keys().filter(|path| !is_ca_key(path)) {
        let before = tree.files();
        fs::remove_file(tree.path(&path)).unwrap();
        tree.plan().ends_with(2);
        tree.apply().ok();
        tree.plan().ends_with(0);
        let after = tree.files();
        assert!(before.keys().eq(after.keys()), "without {path}: {:?}", after.keys());
        for (key, bytes) in before.iter().filter(|(p, _)| is_key(p) && **p != path) {
            assert!(after[key] == *bytes, "{key} was replaced because {path} was missing");
        }
        let rendered = |p: &str| p.ends_with(".env") || p.ends_with(".service");
        for (file, bytes) in before.iter().filter(|(p, _)| rendered(p)) {
            assert!(after[file] == *bytes, "{file} is different after {path} was missing");
        }
        let mut concerned = three_members();
        concerned.retain(|member| path.contains(&format!("/{}/", member.name)));
        verify_all(&openssl, &tree, layout, &concerned, &["root"]);
    }
    verify_all(&openssl, &tree, layout, &three_members(), &["root"]);
    Ok(())
}

/// Whatever is in a file instead of what was written, it is either repaired or reported, never believed.
fn notices_every_damaged_file() -> Outcome {
    let openssl = Openssl::find()?;
    let pristine = Tree::of_fixture("three-members.yaml").applied().files();
    let damaged =
        |path: &str| path.starts_with("ca/") || path.starts_with("clients/") || path.contains("etcd2");
    for (path, bytes) in pristine.iter().filter(|(p, _)| damaged(p)) {
        for damage in [&b""[..], &bytes[..bytes.len() / 2], &b"\0\xff\n"[..]] {
            let tree = Tree::of_fixture("three-members.yaml").applied();
            fs::write(tree.path(path), damage).unwrap();
            let before = tree.entries();
            let status = tree.plan().code;
            if path.starts_with("ca/") {
                // What all others depend on is never made anew.
                assert_eq!(status, Some(1), "{path} damaged");
                let refused = tree.apply().ends_with(1);
                assert!(refused.stderr.contains(path.as_str()), "{path} is not named: {refused}");
                assert!(before == tree.entries(), "it wrote {:?}", changed(&before, &tree));
            } else if status == Some(2) {
                tree.apply().ok();
                tree.plan().ends_with(0);
                verify_chains(&openssl, &tree, &LEAST_PRIVILEGE);
            } else {
                assert_eq!(status, Some(1), "{path} damaged");
            }
        }
    }
    Ok(())
}

fn restores_modes() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml").applied();
    for (path, mode) in LEAST_PRIVILEGE.agreed() {
        fs::set_permissions(tree.path(&path), fs::Permissions::from_mode(mode ^ 0o040)).unwrap();
        tree.plan().ends_with(2);
        tree.apply().ok();
        tree.plan().ends_with(0);
        assert_eq!(found(&tree), LEAST_PRIVILEGE.agreed(), "the mode of {path} was changed");
    }
    Ok(())
}

fn a_new_address_replaces_what_names_it_only() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let before = tree.files();
    tree.describe(&fs::read_to_string(&tree.description).unwrap().replace("127.0.0.3", "127.0.0.33"));
    tree.apply().ok();
    let after = tree.files();
    for (path, bytes) in before.iter().filter(|(p, _)| p.ends_with(".pem")) {
        let replaced = ["server.pem", "peer.pem"].map(|file| format!("nodes/etcd3/etc/etcd/pki/{file}"));
        assert_eq!(after[path] == *bytes, !replaced.contains(path), "{path}");
    }
    let mut members = three_members();
    members[2].addresses = vec!["127.0.0.33".to_owned()];
    verify_all(&openssl, &tree, &LEAST_PRIVILEGE, &members, &["root"]);
    Ok(())
}

fn needs_no_root() -> Outcome {
    can_isolate()?;
    let tree = Tree::of_fixture("three-members.yaml");
    let home = tree.root.parent().unwrap();
    // Nobody may be unable to reach the folder of the program.
    let copy = home.join("etcdpki");
    fs::copy(program(), &copy).unwrap();
    fs::set_permissions(home, fs::Permissions::from_mode(0o777)).unwrap();
    for verb in ["apply", "apply"] {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        run(nobody.args(tree.command(verb).get_args())).ok();
        assert_eq!(found(&tree), LEAST_PRIVILEGE.agreed());
    }
    Ok(())
}

/// There may be more files than a process may have open.
fn needs_few_open_files() -> Outcome {
    let clients: Vec<_> = (0..40).map(|n| json!({"name": format!("client{n}")})).collect();
    let members = json!([{"name": "etcd1", "address": "127.0.0.1"}]);
    let tree = Tree::of_value(&json!({"name": "many", "members": members, "clients": clients}));
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""]).arg(program());
    run(shell.args(tree.command("apply").get_args())).ok();
    Ok(())
}

fn a_new_member_leaves_the_others_keys_alone() -> Outcome {
    let openssl = Openssl::find()?;
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let before = tree.files();
    tree.describe(&fs::read_to_string(fixture("cluster/four-members.yaml")).unwrap());
    tree.plan().ends_with(2);
    tree.apply().ok();
    let after = tree.files();
    for (path, bytes) in before.iter().filter(|(p, _)| p.starts_with("ca/") || p.starts_with("nodes/")) {
        assert!(after[path] == *bytes, "{path} was replaced for a new member");
    }
    let mut members = three_members();
    let addresses = vec!["127.0.0.4".to_owned()];
    members.push(Member { name: "etcd4".to_owned(), addresses, dns: Vec::new() });
    verify_all(&openssl, &tree, &LEAST_PRIVILEGE, &members, &["root"]);
    Ok(())
}

fn tells_what_to_do_next() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml");
    let text = fs::read_to_string(&tree.description).unwrap();
    // To whom is copied, and how etcd is started: all members at once are an outage of a cluster that runs.
    let told = || {
        let said = tree.apply().ok().stdout;
        let copy =
            said.lines().find_map(|line| line.split_once("deploy.sh --copy ")).map_or("", |(_, to)| to);
        let copied = ["etcd1", "etcd2", "etcd3"].map(|name| copy.split(' ').any(|to| to == name));
        (copied, said.contains("restart --no-block"), said.contains("one host after the other"))
    };
    assert_eq!(told(), ([true; 3], true, false), "when there is nothing yet");

    tree.describe(&format!("{text}options: {{snapshot-count: 5000}}\n"));
    assert_eq!(told(), ([true; 3], false, true), "when an option changes");

    fs::remove_file(tree.path("nodes/etcd2/etc/etcd/pki/server.pem")).unwrap();
    assert_eq!(told(), ([false, true, false], false, false), "when a certificate is made again");

    tree.describe(&format!("{text}  - {{name: app}}\noptions: {{snapshot-count: 5000}}\n"));
    assert_eq!(told(), ([false; 3], false, false), "when only a client is new");
    Ok(())
}

fn a_lost_ca_key_is_named() -> Outcome {
    for layout in LAYOUTS {
        for held in layout.members {
            let tree = layout.three_members().applied();
            let key = format!("ca/{}-key.pem", held.ca);
            fs::remove_file(tree.path(&key)).unwrap();
            fs::remove_file(tree.path(&format!("nodes/etcd2/etc/etcd/pki/{}.pem", held.role))).unwrap();
            let before = tree.entries();
            for refused in [tree.plan(), tree.apply()] {
                let refused = refused.ends_with(1);
                assert!(refused.stderr.contains(&key), "the lost file is not named: {refused}");
                assert!(before == tree.entries(), "it wrote {:?}", changed(&before, &tree));
            }
        }
    }

    // A CA may be kept elsewhere for as long as nothing has to be signed by it.
    let tree = LEAST_PRIVILEGE.three_members().applied();
    fs::remove_file(tree.path("ca/client-ca-key.pem")).unwrap();
    fs::remove_file(tree.path("nodes/etcd2/etc/etcd/pki/peer.pem")).unwrap();
    tree.apply().ok();
    tree.plan().ends_with(0);
    Ok(())
}

fn two_at_once_do_no_harm() -> Outcome {
    let openssl = Openssl::find()?;
    for _ in 0..10 {
        let tree = Tree::of_fixture("three-members.yaml");
        let mut both = [(); 2].map(|()| {
            Running::spawn(
                tree.command("apply").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()),
            )
        });
        let ended = both.each_mut().map(|running| {
            let status = running.0.wait().unwrap();
            let mut said = String::new();
            std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut said).unwrap();
            (status.code(), said)
        });
        assert!(ended.iter().any(|(code, _)| *code == Some(0)), "neither succeeded: {ended:?}");
        for (code, said) in &ended {
            // Whoever does not wait has to say why it gave up.
            assert!(*code == Some(0) || said.contains("another"), "{ended:?}");
        }
        tree.plan().ends_with(0);
        assert_eq!(found(&tree), LEAST_PRIVILEGE.agreed());
        verify_all(&openssl, &tree, &LEAST_PRIVILEGE, &three_members(), &["root"]);
    }
    Ok(())
}
