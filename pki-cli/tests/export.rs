//! `etcdpki cluster export`, and `cluster plan --flat`: what other tools read.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki_cli::Terminal;
use serde_json::Value;

/// Runs `etcdpki`; `@` in a word stands for `folder`.
fn etcdpki(folder: &Path, words: &str) -> (u8, String, String) {
    let folder = format!("{}/", folder.display());
    let words = words.split(' ').map(|word| OsString::from(word.replace('@', &folder)));
    let args = std::iter::once(OsString::from("etcdpki")).chain(words);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    (status, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
}

fn described(folder: &Path) {
    let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\nclients: [{name: api, kubeadm: true}]\n";
    fs::write(folder.join("cluster.yaml"), text).unwrap();
}

fn applied(folder: &Path) {
    described(folder);
    let (status, _, errors) = etcdpki(folder, "cluster apply @cluster.yaml -o @out");
    assert_eq!(status, 0, "{errors}");
}

#[test]
fn private_keys_go_into_a_file_for_its_owner_or_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    applied(path);
    for of in [
        "cloud-init --member a",
        "butane --member a",
        "kubernetes-secrets",
        "kubernetes-secrets --client api",
    ] {
        let (status, output, errors) = etcdpki(path, &format!("cluster export @out --as {of}"));
        assert!(status == 1 && output.is_empty() && errors.contains("-o FILE"), "{of}: {errors}");
        // A second run replaces what the first has written.
        for _ in 0..2 {
            let (status, output, errors) = etcdpki(path, &format!("cluster export @out --as {of} -o @file"));
            assert!(status == 0 && output.is_empty(), "{of}: {errors}");
        }
        let mode = fs::metadata(path.join("file")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{of}");
        let (status, output, _) = etcdpki(path, &format!("cluster export @out --as {of} -o -"));
        assert!(status == 0 && output == fs::read_to_string(path.join("file")).unwrap(), "{of}");
        fs::remove_file(path.join("file")).unwrap();
    }
}

#[test]
fn what_has_no_keys_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    applied(path);
    for of in ["cert-manager --namespace etcd", "kubeadm", "kubeadm --client api"] {
        let (status, output, errors) = etcdpki(path, &format!("cluster export @out --as {of}"));
        assert!(status == 0 && !output.contains("PRIVATE KEY"), "{of}: {errors}");
        let (status, ..) = etcdpki(path, &format!("cluster export @out --as {of} -o @file"));
        let mode = fs::metadata(path.join("file")).unwrap().permissions().mode() & 0o777;
        assert!(status == 0 && mode == 0o644, "{of}: {mode:o}");
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), output, "{of}");
    }
    for wrong in ["Etcd", "-a", "a_b", "a.b"] {
        let (status, _, errors) =
            etcdpki(path, &format!("cluster export @out --as cert-manager --namespace={wrong}"));
        assert!(status == 1 && errors.contains("kube-system"), "{wrong}: {errors}");
    }
    let key = path.join("out/ca/peer-ca-key.pem");
    let before = fs::read(&key).unwrap();
    let (status, ..) = etcdpki(path, "cluster export @out --as kubeadm -o @out/ca/peer-ca-key.pem");
    assert!(status == 1 && fs::read(&key).unwrap() == before);
}

#[test]
fn a_flat_plan_has_texts_only_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    described(path);
    let flat = |words: &str| -> Value {
        let (status, output, errors) = etcdpki(path, &format!("cluster plan --flat {words} -o @out"));
        assert_eq!(status, 0, "{errors}");
        serde_json::from_str(&output).unwrap()
    };
    let before = flat("@cluster.yaml");
    assert!(before.as_object().unwrap().values().all(Value::is_string), "{before}");
    assert_eq!((&before["changed"], &before["first_end"]), (&"true".into(), &"".into()));
    assert_eq!((&before["members"], &before["certificates_new"]), (&"a".into(), &"7".into()));
    applied(path);
    let after = flat("@cluster.yaml");
    assert_eq!((&after["changed"], &after["certificates_kept"]), (&"false".into(), &"7".into()));
    assert!(after["first_end"].as_str().unwrap().ends_with('Z'), "{after}");
    let (status, output, errors) = etcdpki(path, "cluster plan --flat @cluster.yaml @cluster.yaml -o @out");
    assert!(status == 1 && output.is_empty() && errors.contains("one description"), "{errors}");
}
