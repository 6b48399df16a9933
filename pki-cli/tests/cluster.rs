//! `etcdpki cluster` with several descriptions, and `cluster status`, without starting a process.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pki_cli::Terminal;

/// Runs `etcdpki cluster`; `@` in a word stands for `folder`.
fn cluster(folder: &Path, words: &str) -> (u8, String, String) {
    let folder = format!("{}/", folder.display());
    let words = words.split(' ').map(|word| OsString::from(word.replace('@', &folder)));
    let args = ["etcdpki".into(), "cluster".into()].into_iter().chain(words);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    (status, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
}

#[test]
fn several_clusters_have_a_folder_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["a", "b", "c"] {
        let text = format!("name: {name}\nmembers: [{{name: m, address: 10.0.0.1}}]\n");
        fs::write(path.join(format!("{name}.yaml")), text).unwrap();
    }
    let files = "-f @a.yaml -f @b.yaml -f @c.yaml -o @out";
    assert_eq!(cluster(path, &format!("plan {files}")).0, 2);
    assert!(!path.join("out").exists());
    let (status, output, _) = cluster(path, &format!("apply {files}"));
    assert_eq!((status, output.lines().count()), (0, 3), "{output}");
    for name in ["a", "b", "c"] {
        assert!(path.join(format!("out/{name}/nodes/m/etc/etcd/pki/server.pem")).exists());
    }
    assert_eq!(cluster(path, &format!("plan {files}")).0, 0);
    let (_, json, _) = cluster(path, &format!("apply {files} --json"));
    let reports: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> = reports.as_array().unwrap().iter().map(|report| &report["cluster"]).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn what_fails_of_several_clusters_is_in_the_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["a", "b", "c"] {
        let text = format!("name: {name}\nmembers: [{{name: m, address: 10.0.0.1}}]\n");
        fs::write(path.join(format!("{name}.yaml")), text).unwrap();
    }
    let files = "@a.yaml @b.yaml @c.yaml -o @out --json";
    assert_eq!(cluster(path, &format!("apply {files}")).0, 0);
    fs::write(path.join("out/b/cluster.lock.json"), "{").unwrap();
    let (status, json, errors) = cluster(path, &format!("apply {files}"));
    let items: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> = items.as_array().unwrap().iter().map(|item| &item["cluster"]).collect();
    assert_eq!((status, names.as_slice()), (1, [&"a".into(), &"c".into(), &"b".into()].as_slice()));
    assert!(items[2]["errors"][0]["message"].as_str().unwrap().contains("cluster.lock.json"), "{json}");
    assert!(errors.contains("error: b: "), "{errors}");
}

#[test]
fn one_wrong_description_stops_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("a.yaml"), "name: a\nmembers: [{name: m, address: 10.0.0.1}]\n").unwrap();
    fs::write(path.join("b.yaml"), "name: b\nmembers: []\n").unwrap();
    let (status, _, errors) = cluster(path, "apply -f @a.yaml -f @b.yaml -o @out");
    assert_eq!(status, 1);
    assert!(errors.contains("b.yaml:2:10"), "{errors}");
    let (status, _, errors) = cluster(path, "apply -f @a.yaml -f @a.yaml -o @out");
    assert!(status == 1 && errors.contains("two descriptions of a"), "{errors}");
    assert!(!path.join("out").exists());
}

#[test]
fn what_was_made_is_told_when_another_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let describe = |name: &str, members: &[u8]| {
        let members: Vec<_> =
            members.iter().map(|n| format!("{{name: m{n}, address: 10.0.0.{n}}}")).collect();
        let text = format!("name: {name}\nmembers: [{}]\n", members.join(", "));
        fs::write(path.join(format!("{name}.yaml")), text).unwrap();
    };
    ["a", "b", "c"].into_iter().for_each(|name| describe(name, &[1]));
    fs::create_dir(path.join("out")).unwrap();
    for name in ["b", "c"] {
        fs::write(path.join("out").join(name), "in the way").unwrap();
    }
    let files = "apply -f @a.yaml -f @b.yaml -f @c.yaml -o @out";
    let (status, output, errors) = cluster(path, files);
    assert!(status == 1 && output.starts_with("a: 6 certificates made"), "{output}{errors}");
    assert!(errors.contains("error: b: ") && errors.contains("error: c: "), "{errors}");
    let (status, json, _) = cluster(path, &format!("{files} --json"));
    assert_eq!(
        (status, serde_json::from_str::<serde_json::Value>(&json).unwrap().as_array().unwrap().len()),
        (1, 3)
    );

    // What is printed for a cluster that grows names the next step.
    ["b", "c"].into_iter().for_each(|name| fs::remove_file(path.join("out").join(name)).unwrap());
    assert_eq!(cluster(path, files).0, 0);
    describe("b", &[1, 2]);
    let (status, output, errors) = cluster(path, files);
    assert!(status == 0 && output.contains("etcdctl member add m2"), "{output}");
    assert!(errors.contains("warning: b: a cluster of 2 members"), "{errors}");
    fs::write(path.join("c.yaml"), "name: d\nstate: existing\nmembers: [{name: m1, address: 10.0.0.1}]\n")
        .unwrap();
    let (status, output, errors) = cluster(path, files);
    assert!(status == 0 && output.contains("etcdctl member add m1"), "{output}{errors}");
}

/// A cluster of one member, applied to `out`.
fn applied(path: &Path) {
    fs::write(path.join("a.yaml"), "name: a\nmembers: [{name: m, address: 10.0.0.1}]\n").unwrap();
    let (status, _, errors) = cluster(path, "apply -f @a.yaml -o @out");
    assert_eq!(status, 0, "{errors}");
}

#[test]
fn the_schema_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let (status, output, _) = cluster(folder.path(), "schema");
    let schema: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &schema["required"]), (0, &serde_json::json!(["name", "members"])));
}

#[test]
fn the_status_tells_when_everything_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    applied(path);
    let (status, output, _) = cluster(path, "status @out");
    let lines: Vec<_> = output.lines().collect();
    assert_eq!((status, lines.len()), (0, 9), "{output}");
    assert!(lines[0].starts_with("CERTIFICATE  ENDS "), "{output}");
    assert!(lines[3].starts_with("m server     20") && lines[3].contains("  364   "), "{output}");
    assert!(lines[8].starts_with("a: 6 certificates in use; m server ends first, on 20"), "{output}");
    assert!(!output.contains('\u{1b}'), "colours belong on a terminal");

    let (status, json, _) = cluster(path, "status @out --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let server = &json["certificates"][2];
    assert_eq!((status, &server["certificate"], &server["state"]), (0, &"m server".into(), &"valid".into()));
    assert_eq!(server["days_left"], 364);
}

#[test]
fn the_status_fails_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    applied(path);
    assert_eq!(cluster(path, "status @out --fail-within 300d").0, 0);
    assert_eq!(cluster(path, "status @out --fail-within 1y1h").0, 1);
    for wrong in ["30", "3weeks", "-1d"] {
        let (status, _, errors) = cluster(path, &format!("status @out --fail-within={wrong}"));
        assert!(status == 1 && errors.contains("--fail-within"), "{wrong}: {errors}");
    }
    let (status, _, errors) = cluster(path, "status @nothing");
    assert!(status == 1 && errors.contains("hint: name the folder"), "{errors}");
    let (status, _, errors) = cluster(path, "status @out @out");
    assert!(status == 1 && errors.contains("two folders of a"), "{errors}");
}

#[test]
fn the_status_of_a_damaged_copy_without_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    applied(path);
    fs::rename(path.join("out"), path.join("copy")).unwrap();
    fs::remove_file(path.join("copy/ca/client-ca-key.pem")).unwrap();
    fs::remove_file(path.join("copy/ca/peer-ca-key.pem")).unwrap();
    assert_eq!(cluster(path, "status @copy").0, 0);
    let pki = path.join("copy/nodes/m/etc/etcd/pki");
    fs::write(pki.join("server.pem"), "nothing").unwrap();
    fs::remove_file(pki.join("peer.pem")).unwrap();
    // A symbolic link that leads out of the folder is not followed.
    fs::rename(pki.join("gateway.pem"), path.join("gateway.pem")).unwrap();
    std::os::unix::fs::symlink(path.join("gateway.pem"), pki.join("gateway.pem")).unwrap();
    let (status, output, errors) = cluster(path, "status @copy --prometheus @metrics.prom");
    assert_eq!((status, errors.as_str()), (1, ""), "{output}");
    assert_eq!(output.matches("the file cannot be read: ").count(), 2, "{output}");
    assert_eq!(output.matches("the file is missing").count(), 1, "{output}");
    assert!(output.ends_with("; 3 errors.\n"), "{output}");
    let metrics = fs::read_to_string(path.join("metrics.prom")).unwrap();
    let wrong =
        metrics.lines().filter(|line| line.starts_with("etcdpki_file_problem{") && line.ends_with("} 1"));
    assert_eq!(wrong.count(), 3, "{metrics}");
    let (status, _, errors) = cluster(path, "status @copy --prometheus @no/such/folder.prom");
    assert!(status == 1 && errors.contains("cannot write"), "{errors}");
}

#[test]
fn all_mistakes_of_a_description_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let told = |text: &str| {
        fs::write(path.join("a.yaml"), text).unwrap();
        let (status, output, errors) = cluster(path, "plan -f @a.yaml -o @out");
        assert_eq!((status, output.as_str()), (1, ""), "{errors}");
        errors.replace(&format!("{}/", path.display()), "")
    };
    let errors = told(
        "name: a b\nvalidity: {leaf: 1}\noptions: {quota-backend-bytes: 8GiB, heartbeat-interval: 1s, bogus: 1}\n\
         members:\n  - {name: x, address: 10.0.0.1/8}\n  - {name: y, address: etcd.example}\nclients: [{name: _}]\n",
    );
    let places: Vec<_> = errors
        .lines()
        .filter_map(|line| line.strip_prefix("error: a.yaml:"))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(places, ["1", "2", "3", "3", "3", "5", "6", "7"], "{errors}");
    for expected in ["etcd takes it in bytes: 8589934592", "etcd takes it in milliseconds: 1000", "is `dns`"]
    {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
    // Each hint stands below its error.
    assert!(errors.starts_with("error: "), "{errors}");
    let errors = told("name: a\nvalidity: 1y\nclients: [backup]\nmembers: {x: 10.0.0.1}\ncolour: red\n");
    for expected in [
        "a.yaml:2:11: `validity` has to be a mapping with keys of these: `ca`, `leaf`\n\
         hint: write it like `validity: {leaf: 1y, ca: 10y}`\n",
        "a.yaml:3:11: an item of `clients` has to be a mapping with keys of these: `name`, `kubeadm`\n\
         hint: write it like `clients: [{name: backup}]`\n",
        "a.yaml:4:10: `members` has to be a list, with an item for each\n",
        "a.yaml:5:1: `colour` is not a key here",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn a_plan_names_who_joins_moves_and_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let describe = |members: &[(&str, u8)]| {
        let members: Vec<_> =
            members.iter().map(|(name, n)| format!("{{name: {name}, address: 10.0.0.{n}}}")).collect();
        fs::write(path.join("a.yaml"), format!("name: a\nmembers: [{}]\n", members.join(", "))).unwrap();
    };
    describe(&[("x", 1), ("y", 2), ("z", 3)]);
    assert_eq!(cluster(path, "apply -f @a.yaml -o @out").0, 0);
    describe(&[("x", 1), ("y", 9), ("new", 4)]);
    let (status, output, _) = cluster(path, "plan -f @a.yaml -o @out");
    assert_eq!(status, 2);
    let expected = "+ new joins the running cluster at https://10.0.0.4:2380\n\
                    ~ y moves to https://10.0.0.9:2380\n- z leaves the cluster\n\n";
    assert!(output.starts_with(expected), "{output}");
}

/// A description of three members with further lines.
fn three(more: &str) -> String {
    let members: String = (1..4).map(|n| format!("  - {{name: m{n}, address: 10.0.0.{n}}}\n")).collect();
    format!("name: prod\nmembers:\n{members}{more}")
}

#[test]
fn a_plan_shows_the_lines_that_change_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("a.yaml"), three("")).unwrap();
    assert_eq!(cluster(path, "apply @a.yaml -o @out").0, 0);
    let more = "token: geheim\noptions: {quota-backend-bytes: 4294967296, discovery-fallback: exit}\n";
    fs::write(path.join("b.yaml"), three(more)).unwrap();
    let (status, output, _) = cluster(path, "plan @b.yaml -o @out");
    assert_eq!(status, 2);
    assert_eq!(output.matches("+ ETCD_QUOTA_BACKEND_BYTES=4294967296").count(), 1, "once for all: {output}");
    assert!(output.contains("nodes/m1/etc/etcd/etcd.env, nodes/m2/etc/etcd/etcd.env, nodes/m3/"), "{output}");
    assert!(output.contains("~ changed") && !output.contains("kept"), "{output}");
    assert!(output.contains("ETCD_INITIAL_CLUSTER_TOKEN=(not shown)"), "{output}");
    let (_, json, _) = cluster(path, "plan @b.yaml -o @out --json");
    let (_, all, _) = cluster(path, "plan @b.yaml -o @out --all");
    assert!(all.contains("m1 server") && all.contains("kept") && all.contains("ca/client-ca.pem"), "{all}");
    assert_eq!(cluster(path, "plan @b.yaml -o @out -v").1, all);
    for text in [&output, &json, &all] {
        assert!(!text.contains("geheim"), "{text}");
    }
    assert!(json.contains("\"text\": \"ETCD_QUOTA_BACKEND_BYTES=4294967296\""), "{json}");
    let (_, quiet, _) = cluster(path, "plan @b.yaml -o @out -q");
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
    // A key or a certificate that changes shows none of its lines.
    let server = path.join("out/nodes/m1/etc/etcd/pki/server.pem");
    fs::write(&server, fs::read(path.join("out/nodes/m2/etc/etcd/pki/server.pem")).unwrap()).unwrap();
    let (_, output, _) = cluster(path, "plan @a.yaml -o @out");
    assert!(output.contains("m1 server") && !output.contains("-----BEGIN"), "{output}");
}

#[test]
fn apply_tells_what_changes_and_what_is_said_of_several_members_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("a.yaml"), three("")).unwrap();
    let (_, output, _) = cluster(path, "apply @a.yaml -o @out");
    assert!(output.contains("m1 server") && output.contains("Next:"), "{output}");
    fs::remove_file(path.join("out/nodes/m2/etc/etcd/pki/server.pem")).unwrap();
    let (_, output, _) = cluster(path, "apply @a.yaml -o @out");
    assert!(output.contains("m2 server") && !output.contains("m1 server"), "{output}");
    assert!(output.contains("Certificates that are kept: 11."), "{output}");
    fs::remove_file(path.join("out/nodes/m2/etc/etcd/pki/server.pem")).unwrap();
    let (_, output, _) = cluster(path, "apply @a.yaml -o @out --all");
    assert!(output.contains("m1 server"), "{output}");
    fs::remove_file(path.join("out/nodes/m2/etc/etcd/pki/server.pem")).unwrap();
    let (status, output, errors) = cluster(path, "apply @a.yaml -o @out -q");
    assert_eq!((status, output.lines().count(), errors.as_str()), (0, 1, ""), "{output}");

    let short = three("validity: {leaf: 20d}\n");
    fs::write(path.join("c.yaml"), short.replace("name: prod", "name: short")).unwrap();
    assert_eq!(cluster(path, "apply @c.yaml -o @short").0, 0);
    let (_, _, errors) = cluster(path, "plan @c.yaml -o @short");
    let ends: Vec<&str> = errors.lines().filter(|line| line.contains("end at")).collect();
    assert!(ends.len() == 1 && ends[0].contains("m1 server, m1 peer"), "{errors}");
    assert_eq!(cluster(path, "plan @c.yaml -o @short -q").2, "");
}
