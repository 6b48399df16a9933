//! Free text and paths that look like something else: they stay what they are.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;

use super::apply::sourced;
use super::command::{Ran, run};
use super::openssl::Openssl;
use super::product::{Tree, is_key, program};
use super::strace::Strace;
use super::systemd::Unit;
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        a_subject_stays_text,
        an_output_path_stays_a_path,
        nothing_is_written_through_links_or_over_strangers,
        files_get_names_where_linkat_is_refused
    ]
}

fn a_subject_stays_text() -> Outcome {
    let openssl = Openssl::find()?;
    let organization = r#"It's "$(touch pwned)" `touch pwned` ${HOME} 100% %n \n \"#;
    let unit = "Größe; [Service] ExecStart=/bin/false # 東京";
    let description = json!({
        "name": "free",
        "subject": {"O": organization, "OU": unit},
        "members": [{"name": "etcd1", "address": "127.0.0.1"}],
    });
    let tree = Tree::of_value(&description).applied();
    tree.plan().ends_with(0);
    let server = tree.path("nodes/etcd1/etc/etcd/pki/server.pem");
    let subject = openssl.subject(&server);
    assert!(subject.contains(&format!("O={organization}")), "{subject:?}");
    assert!(subject.contains(&format!("OU={unit}")), "{subject:?}");

    // Nothing of it reached the unit as an instruction, and nothing was run.
    let rendered = Unit::parse(&tree.read("nodes/etcd1/etc/systemd/system/etcd.service"));
    assert_eq!(rendered.one("Service", "ExecStart"), "/usr/bin/etcd");
    sourced(&tree.path("clients/root/etcdctl.env"));
    assert!(!tree.root.with_file_name("pwned").exists());
    Ok(())
}

fn an_output_path_stays_a_path() -> Outcome {
    let hostile = [
        "two words",
        "$HOME",
        "$(touch pwned)",
        "`touch pwned`",
        "it's \"quoted\"",
        "100%n",
        "back\\slash",
        "-o",
        "#x",
        "a;b&c",
        "ä 名",
        " x ",
        "~",
        "*",
        "!",
    ];
    for name in hostile {
        let (tree, applied) = applied_to(name);
        let applied = applied.ok();
        let root = fs::canonicalize(&tree.root).unwrap();
        let files = ["client-ca.pem", "client.pem", "client-key.pem"];
        let values = sourced(&tree.path("clients/root/etcdctl.env"));
        for (file, value) in files.iter().zip(values) {
            assert_eq!(root.join("clients/root").join(file).to_str().unwrap(), value, "in {name:?}");
        }

        // The next steps that it prints are to be pasted into a shell.
        let health = "etcdctl endpoint health";
        let step = applied.stdout.lines().find(|l| l.contains(health)).expect("a step that asks for health");
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(step.replace("etcdctl endpoint health --cluster", "printenv ETCDCTL_KEY"));
        let said = run(shell.current_dir(tree.root.parent().unwrap())).ok().stdout;
        assert_eq!(said.trim_end_matches('\n'), root.join("clients/root/client-key.pem").to_str().unwrap());

        assert!(!tree.root.with_file_name("pwned").exists(), "{name:?} was run");
        tree.plan().ends_with(0);
    }

    // A line break cannot be written into a file of lines.
    let (tree, refused) = applied_to("a\nb");
    refused.ends_with(1);
    assert!(!tree.root.exists());
    Ok(())
}

/// A description and the folder of that name beside it.
fn applied_to(name: &str) -> (Tree, Ran) {
    let mut tree = Tree::of_fixture("one-member.yaml");
    tree.root = tree.root.with_file_name(name);
    let ran = run(tree.command("apply").current_dir(tree.root.parent().unwrap()));
    (tree, ran)
}

fn nothing_is_written_through_links_or_over_strangers() -> Outcome {
    let tree = Tree::of_fixture("one-member.yaml");
    fs::write(&tree.root, "precious").unwrap();
    tree.apply().ends_with(1);
    assert_eq!(fs::read_to_string(&tree.root).unwrap(), "precious");

    // A file of the tree that has become a link must not lead the writer out of the tree, neither one that
    // is rendered again nor a key.
    for file in ["nodes/etcd1/etc/etcd/etcd.env", "nodes/etcd1/etc/etcd/pki/peer-key.pem"] {
        let tree = Tree::of_fixture("one-member.yaml").applied();
        let precious = tree.root.with_file_name("precious");
        fs::write(&precious, "precious").unwrap();
        fs::remove_file(tree.path(file)).unwrap();
        symlink(&precious, tree.path(file)).unwrap();
        tree.apply();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious", "{file} was written through a link");
    }
    Ok(())
}

/// A security module may forbid to give an unnamed file a name, and some file systems cannot do it.
fn files_get_names_where_linkat_is_refused() -> Outcome {
    let strace = Strace::find()?;
    for error in ["EPERM", "EACCES", "ENOENT", "EXDEV", "EOPNOTSUPP"] {
        let refused = || strace.refusing("linkat", error);
        let tree = Tree::of_fixture("one-member.yaml");
        let apply = tree.command("apply");
        run(refused().arg(apply.get_program()).args(apply.get_args())).ok();
        tree.plan().ends_with(0);
        for path in tree.files().into_keys() {
            assert!(!path.contains(".etcdpki-"), "{error}: {path} is left over");
            let mode = fs::metadata(tree.path(&path)).unwrap().permissions().mode() & 0o777;
            assert!(!is_key(&path) || mode == 0o600, "{error}: {path} has the mode {mode:o}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), r#"{"CN": "a"}"#).unwrap();
        for (force, count) in [("", 4), ("-force ", 4)] {
            let args = format!("gencert {force}-initca -bare x a.json");
            run(refused().arg(program()).args(args.split(' ')).current_dir(folder.path())).ok();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), count, "{error}: {args}");
        }
    }
    Ok(())
}
