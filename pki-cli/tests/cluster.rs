//! `etcdpki cluster` with several descriptions, in process.

// clippy knows functions with #[test], and not those that they call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pki_cli::Io;

/// Runs `etcdpki cluster`; `@` in a word stands for `folder`.
fn cluster(folder: &Path, words: &str) -> (u8, String, String) {
    let folder = format!("{}/", folder.display());
    let words = words.split(' ').map(|word| OsString::from(word.replace('@', &folder)));
    let args = ["etcdpki".into(), "cluster".into()].into_iter().chain(words);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Io::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |io| pki_cli::run(args, io));
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
