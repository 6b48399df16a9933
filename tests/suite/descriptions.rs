//! Wrong descriptions: refused before anything is written, with the place and a way out.

use std::fs;

use libtest_mimic::Trial;
use serde_json::json;

use super::command::run;
use super::product::{Tree, etcdpki};
use super::programs::{files, fixture};
use super::trial::{Outcome, trial, trials};

pub fn trials() -> Vec<Trial> {
    let mut bad: Vec<_> = fs::read_dir(fixture("cluster/bad"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    bad.sort();
    let mut trials: Vec<_> = bad
        .into_iter()
        .map(|name| {
            let title = format!("descriptions::refused::{}", name.trim_end_matches(".yaml"));
            trial(title, move || refused(&name))
        })
        .collect();
    for file in files("cluster") {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        // The files of its CAs are not there.
        if name != "given-ca.yaml" {
            trials.push(trial(format!("descriptions::planned::{name}"), move || planned(&name)));
        }
    }
    trials.extend(trials![
        a_new_one_can_be_applied,
        a_new_one_is_commented,
        names_that_could_do_harm_are_refused
    ]);
    trials
}

/// Each wrong description begins with what the refusal has to say: `# expect: LINE:COLUMN MESSAGE`.
fn refused(name: &str) -> Outcome {
    let tree = Tree::of_fixture(&format!("bad/{name}"));
    let text = fs::read_to_string(&tree.description).unwrap();
    let expected: Vec<_> = text.lines().filter_map(|l| l.strip_prefix("# expect: ")).collect();
    assert!(!expected.is_empty(), "{name} has no `# expect:` line");
    for refused in [tree.plan(), tree.apply()] {
        let refused = refused.ends_with(1);
        for line in &expected {
            let (place, message) = line.split_once(' ').unwrap();
            assert!(refused.stderr.contains(&format!("cluster.yaml:{place}")), "not at {place}: {refused}");
            assert!(refused.stderr.contains(message), "does not say {message:?}: {refused}");
        }
        assert!(refused.stdout.is_empty(), "a refusal belongs on standard error: {refused}");
        assert!(!tree.root.exists(), "something was written for {name}");
    }
    Ok(())
}

/// What can be read can be planned.
fn planned(name: &str) -> Outcome {
    let tree = Tree::of_fixture(name);
    tree.plan().ends_with(2);
    assert!(!tree.root.exists(), "something was written for {name}");
    Ok(())
}

fn new_description() -> String {
    let arguments = [
        "cluster",
        "new",
        "--name",
        "fresh",
        "--member",
        "a=127.0.0.1,a.example.com",
        "--member",
        "b=fd00::2",
    ];
    run(&mut etcdpki(arguments)).ok().stdout
}

fn a_new_one_can_be_applied() -> Outcome {
    let tree = Tree::of(&new_description()).applied();
    tree.plan().ends_with(0);
    for member in ["a", "b"] {
        assert!(tree.path(&format!("nodes/{member}/etc/etcd/etcd.env")).is_file(), "no node {member}");
    }
    Ok(())
}

fn a_new_one_is_commented() -> Outcome {
    let text = new_description();
    assert!(text.lines().any(|l| l.trim_start().starts_with('#')), "no comments:\n{text}");
    assert!(
        text.contains("a.example.com") && text.contains("fd00::2"),
        "the members are not all there:\n{text}"
    );
    Ok(())
}

/// Names become paths, unit text and shell words, so only plain ones are allowed.
fn names_that_could_do_harm_are_refused() -> Outcome {
    let harmful = [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/x",
        "a b",
        "-x",
        "--help",
        "$(touch x)",
        "`x`",
        "$HOME",
        "a\nb",
        "a\tb",
        "a\u{0}b",
        "%n",
        "a%",
        "a=b",
        "a,b",
        "a:b",
        "a'b",
        "a\"b",
        "a\\b",
        "a;b",
        "a&b",
        "a#b",
        "~",
        "*",
        "ä",
        "名",
        "a\u{202e}b",
        "a\u{a0}b",
    ];
    let long = "a".repeat(65);
    for name in harmful.into_iter().chain([long.as_str()]) {
        for (what, description) in [
            ("cluster", json!({"name": name, "members": [{"name": "a", "address": "127.0.0.1"}]})),
            ("member", json!({"name": "x", "members": [{"name": name, "address": "127.0.0.1"}]})),
            (
                "client",
                json!({"name": "x", "members": [{"name": "a", "address": "127.0.0.1"}], "clients": [{"name": name}]}),
            ),
        ] {
            let tree = Tree::of_value(&description);
            let refused = tree.apply();
            assert_eq!(refused.code, Some(1), "{what} {name:?}: {refused}");
            assert!(refused.stderr.contains("cluster.yaml:1:"), "{what} {name:?} has no place: {refused}");
            assert!(!tree.root.exists(), "something was written for the {what} {name:?}");
            let beside = fs::read_dir(tree.root.parent().unwrap()).unwrap().count();
            assert_eq!(beside, 1, "something was written beside for the {what} {name:?}");
        }
    }
    Ok(())
}
