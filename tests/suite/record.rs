//! What the record of an output folder tells the checks: who is a member, and for which etcd the files are.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::command::{Ran, run};
use super::guides::copy;
use super::product::{Tree, etcdpki};
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        a_member_with_a_unit_and_a_container_is_one,
        who_has_left_is_left_out,
        the_described_version_is_followed,
        a_damaged_record_is_told,
    ]
}

fn described(members: &[&str], clients: &[&str], more: &Value) -> Value {
    let number = |name: &str| name.bytes().map(u32::from).sum::<u32>() % 200 + 1;
    let member = |name: &&str| json!({"name": name, "address": format!("10.0.0.{}", number(name))});
    let mut description = json!({
        "name": "prod",
        "members": members.iter().map(member).collect::<Vec<_>>(),
        "clients": clients.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
    });
    description.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    description
}

fn check(command: &[&str], path: &Path) -> Ran {
    run(etcdpki(command).arg(path))
}

fn checked(command: &[&str], path: &Path) -> Value {
    let ran = run(etcdpki(command).arg("--json").arg(path));
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
}

const VERIFY: &[&str] = &["cluster", "verify"];
const DOCTOR: &[&str] = &["doctor"];
const IMPORT: &[&str] = &["cluster", "import"];

fn names(verified: &Value) -> Vec<&str> {
    verified["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect()
}

fn a_member_with_a_unit_and_a_container_is_one() -> Outcome {
    for style in ["env", "flags", "yaml"] {
        let both = json!({"unit": "service", "style": style, "container": {"image": "etcd:v3.5.30"}});
        let tree = Tree::of_value(&described(&["a", "b"], &[], &both)).applied();
        let verified = checked(VERIFY, &tree.root);
        assert_eq!(names(&verified), ["a", "b"], "{style}");
        assert_eq!(verified["verdict"]["majority"], 2, "{style}");
        assert_eq!(checked(DOCTOR, &tree.root)["members"], 2, "{style}");
    }
    Ok(())
}

fn who_has_left_is_left_out() -> Outcome {
    for more in [json!({}), json!({"container": {"image": "etcd:v3.5.30"}})] {
        let tree = Tree::of_value(&described(&["a", "b", "c"], &["one", "other"], &more)).applied();
        assert_eq!(checked(VERIFY, &tree.root)["left_out"], json!([]));
        tree.describe(&described(&["a", "b"], &["one"], &more).to_string());
        tree.apply().ok();
        let mut left = vec!["clients/other", "nodes/c"];
        if more.get("container").is_some() {
            left.insert(1, "containers/c.sh");
        }
        let verified = checked(VERIFY, &tree.root);
        assert_eq!(verified["left_out"], json!(left));
        assert_eq!(names(&verified), ["a", "b"]);
        let doctored = checked(DOCTOR, &tree.root);
        assert_eq!(doctored["members"], 2);
        let imported = checked(IMPORT, &tree.root);
        let description = imported["description"].as_str().unwrap();
        assert!(!description.contains("name: c") && !description.contains("other\n"), "{description}");
        for what in &left {
            let told = format!("/{what}");
            let notices = imported["notices"].as_array().unwrap();
            assert!(notices.iter().any(|n| n["file"].as_str().is_some_and(|f| f.ends_with(&told))), "{what}");
            assert!(check(DOCTOR, &tree.root).stdout.contains(&told), "{what}");
        }

        // What is said is what would be said without these files.
        let clean = tempfile::tempdir().unwrap();
        copy(&tree.root, clean.path());
        for what in left {
            let path = clean.path().join(what);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let again = checked(VERIFY, clean.path());
        for key in ["verdict", "tried", "mesh", "members", "summary"] {
            assert_eq!(verified[key], again[key], "{key}");
        }
        assert_eq!(check(VERIFY, &tree.root).code, check(VERIFY, clean.path()).code);
        assert_eq!(doctored["certificates"], checked(DOCTOR, clean.path())["certificates"]);
    }
    Ok(())
}

fn the_described_version_is_followed() -> Outcome {
    for version in ["3.4", "3.5.21", "3.6"] {
        let tree = Tree::of_value(&described(&["a"], &[], &json!({"version": version}))).applied();
        for path in ["", "nodes/a", "nodes/a/etc/systemd/system/etcd.service"] {
            assert_eq!(checked(DOCTOR, &tree.path(path))["etcd"], version, "{path}");
        }
        assert_eq!(checked(VERIFY, &tree.root)["etcd"], version);
        let imported = checked(IMPORT, &tree.root);
        let line = format!("version: {}", json!(version));
        assert!(imported["description"].as_str().unwrap().contains(&line), "{imported}");
        assert_eq!(
            checked(&["doctor", "--etcd", "3.7"], &tree.root)["etcd"],
            "3.7",
            "who names one means it"
        );
        // A file of its own is of no output folder.
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("etcd.env"), "ETCD_NAME=a\n").unwrap();
        let usual = checked(DOCTOR, other.path());
        assert_ne!(usual["etcd"], json!("3.5.21"));
    }
    Ok(())
}

fn a_damaged_record_is_told() -> Outcome {
    let tree = Tree::of_value(&described(&["a"], &[], &json!({}))).applied();
    let record = tree.read("cluster.lock.json");
    for damaged in [record[..100].to_owned(), record.replace("\"version\": 3", "\"version\": 9")] {
        fs::write(tree.path("cluster.lock.json"), &damaged).unwrap();
        for command in [VERIFY, DOCTOR, IMPORT] {
            let ran = check(command, &tree.root).ends_with(1);
            assert!(ran.stderr.contains("cluster.lock.json"), "{ran}");
        }
    }
    Ok(())
}
