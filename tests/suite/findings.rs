//! The findings of `doctor`, `cluster verify`, `cluster status` and `cluster import`: one shape in the JSON of all of
//! them, which the schema in the repository describes, and one form on the terminal.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use libtest_mimic::Trial;
use pki_core::etcd::check;
use serde_json::{Value, json};

use super::command::{Ran, run};
use super::product::{Tree, etcdpki};
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        of_all_commands_have_one_shape,
        schema_refuses_other_shapes,
        status_tells_what_ends_too_soon,
        verify_tells_breaches_and_losses
    ]
}

const DESCRIPTION: &str = "name: prod\nmembers:\n  - {name: etcd1, address: 127.0.0.1}\n  \
                           - {name: etcd2, address: 127.0.0.2}\n  - {name: etcd3, address: 127.0.0.3}\n\
                           clients: [{name: root}]\n";

fn validator() -> Validator {
    jsonschema::options().build(&serde_json::from_str(check::schema()).unwrap()).unwrap()
}

/// What a command prints, which has to fit the schema.
fn printed(ran: &Ran) -> Value {
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let validator = validator();
    let complaints: Vec<String> =
        validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(complaints.is_empty(), "{complaints:#?}: {ran}");
    report
}

fn rules(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

/// A cluster whose first member lacks a file, and whose second one trusts another CA.
fn damaged() -> Tree {
    let tree = Tree::of(DESCRIPTION).applied();
    fs::remove_file(tree.path("nodes/etcd1/etc/etcd/pki/server.pem")).unwrap();
    let pki = tree.path("nodes/etcd2/etc/etcd/pki");
    fs::copy(pki.join("client-ca.pem"), pki.join("peer-ca.pem")).unwrap();
    tree
}

fn of_all_commands_have_one_shape() -> Outcome {
    let tree = damaged();
    // Another file about a member, which says something else.
    let copy = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(tree.path("nodes/etcd3/etc/etcd/etcd.env")).unwrap();
    fs::write(copy.path().join("etcd.env"), text.replace("ETCD_DATA_DIR=", "ETCD_DATA_DIR=/other")).unwrap();
    let commands: [(&[&str], i32, &[&str]); 4] = [
        (&["doctor"], 1, &["E604"]),
        (&["cluster", "verify"], 1, &["E802", "E811", "E841"]),
        (&["cluster", "status"], 1, &["E904", "E906"]),
        (&["cluster", "import"], 0, &["E604", "E1001"]),
    ];
    for (command, code, expected) in commands {
        let paths = [Some(tree.root.as_path()), command.contains(&"import").then_some(copy.path())];
        let paths = || paths.into_iter().flatten();
        let ran = run(etcdpki(command.iter().copied().chain(["--json"])).args(paths()));
        assert_eq!(ran.code, Some(code), "{ran}");
        let report = printed(&ran);
        let found = rules(&report);
        assert!(expected.iter().all(|rule| found.contains(*rule)), "{command:?}: {found:?}");
        // People read the same findings.
        let said = run(etcdpki(command.iter().copied()).args(paths())).said();
        for finding in report["findings"].as_array().unwrap() {
            let of = |key: &str| finding[key].as_str().unwrap();
            let heading = format!("{} {}: {}", of("severity"), of("rule"), of("title"));
            for part in [heading.as_str(), of("problem"), of("consequence"), of("remedy")] {
                assert!(said.contains(part), "{command:?} does not say {part:?}: {said}");
            }
        }
    }
    // Several folders make a list.
    let other = Tree::of(&DESCRIPTION.replace("name: prod", "name: other")).applied();
    let ran = run(etcdpki(["cluster", "status", "--json"]).args([&tree.root, &other.root])).ends_with(1);
    assert_eq!(rules(&printed(&ran)[1]), BTreeSet::new(), "{ran}");
    Ok(())
}

fn schema_refuses_other_shapes() -> Outcome {
    let tree = damaged();
    let report = printed(&run(etcdpki(["cluster", "verify", "--json"]).arg(&tree.root)));
    let validator = validator();
    let changes: [fn(&mut Value); 6] = [
        |finding| drop(finding.as_object_mut().unwrap().remove("subject")),
        |finding| finding["more"] = json!(1),
        |finding| finding["severity"] = json!("fatal"),
        |finding| finding["rule"] = json!("801"),
        |finding| finding["line"] = json!("3"),
        |finding| finding["connection"] = json!({"kind": "peer"}),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = report.clone();
        change(&mut other["findings"][0]);
        assert!(!validator.is_valid(&other), "change {number} fits the schema: {:#}", other["findings"][0]);
    }
    assert!(!validator.is_valid(&json!({"failures": []})));
    Ok(())
}

fn status_tells_what_ends_too_soon() -> Outcome {
    let tree = Tree::of(DESCRIPTION).applied();
    let status =
        |within: &str| run(etcdpki(["cluster", "status", "--json", "--fail-within", within]).arg(&tree.root));
    let healthy = status("1d").ends_with(0);
    assert_eq!(rules(&printed(&healthy)), BTreeSet::new(), "{healthy}");
    let ran = status("100y").ends_with(1);
    assert_eq!(rules(&printed(&ran)), BTreeSet::from(["E909".to_owned()]), "{ran}");
    Ok(())
}

/// Members that trust one CA for both ports, and one that names its files in a way that no loss is survived.
fn verify_tells_breaches_and_losses() -> Outcome {
    let tree = Tree::of(DESCRIPTION).applied();
    let verify =
        |code| printed(&run(etcdpki(["cluster", "verify", "--json"]).arg(&tree.root)).ends_with(code));
    assert_eq!(rules(&verify(0)), BTreeSet::new());
    // The second member does not start, so each of the others is needed.
    fs::remove_file(tree.path("nodes/etcd2/etc/etcd/pki/peer-key.pem")).unwrap();
    let report = verify(1);
    assert_eq!(rules(&report), BTreeSet::from(["E802".to_owned(), "E842".to_owned()]), "{report:#}");
    let lost = report["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "E842");
    let lost: Vec<&Value> = lost.map(|finding| &finding["subject"]).collect();
    assert_eq!(lost, [&json!("etcd1"), &json!("etcd3")]);
    // A server's certificate of the CA for clients may not be a client: with one that may, the member's own server
    // certificate opens the client ports.
    let tree = Tree::of(DESCRIPTION).applied();
    let pki = tree.path("nodes/etcd3/etc/etcd/pki");
    for (from, into) in [("client.pem", "server.pem"), ("client-key.pem", "server-key.pem")] {
        fs::copy(tree.path("clients/root").join(from), pki.join(into)).unwrap();
    }
    let report = printed(&run(etcdpki(["cluster", "verify", "--json"]).arg(&tree.root)).ends_with(1));
    let findings = report["findings"].as_array().unwrap();
    let breach =
        findings.iter().find(|finding| finding["rule"] == "E831").unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(breach["connection"]["shows"], "server", "{breach:#}");
    assert_eq!(breach["connection"]["from"], json!(["etcd3"]), "{breach:#}");
    Ok(())
}
