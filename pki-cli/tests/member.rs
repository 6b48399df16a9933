//! `etcdpki cluster member` and `cluster steps` without a cluster that runs: what changes here, and what is printed.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki_cli::Terminal;

/// Nothing listens on these ports.
const TEXT: &str = "# ours\nname: prod\nclient-port: 1\npeer-port: 2\nmembers:\n  - {name: a, address: 127.0.0.1} # first\n  \
                    # rack 2\n  - name: b\n    address: 127.0.0.2\n  - {name: c, address: 127.0.0.3}\n\n# end\n";

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

fn applied(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.yaml"), text).unwrap();
    fs::set_permissions(folder.path().join("c.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(cluster(folder.path(), "apply @c.yaml -o @out").0, 0);
    folder
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_line_comes_and_the_rest_is_printed() {
    let folder = applied(TEXT);
    let path = folder.path();
    let (status, output, _) = cluster(path, "member @out add d=127.0.0.4 -f @c.yaml --dry-run");
    assert_eq!((status, read(path, "c.yaml").as_str()), (2, TEXT), "{output}");
    assert!(
        !path.join("out/nodes/d").exists()
            && output.contains("would change: + {name: d, address: 127.0.0.4}")
    );
    let (status, output, errors) = cluster(path, "member @out add d=127.0.0.4 -f @c.yaml");
    assert_eq!(status, 2, "{output}{errors}");
    let last = "  - {name: c, address: 127.0.0.3}\n";
    assert_eq!(
        read(path, "c.yaml"),
        TEXT.replace(last, &format!("{last}  - {{name: d, address: 127.0.0.4}}\n"))
    );
    assert_eq!(path.join("c.yaml").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let env = read(path, "out/nodes/d/etc/etcd/etcd.env");
    assert!(env.contains("d=https://127.0.0.4:2") && env.contains("existing"), "{env}");
    let part = "etcdctl member add d --learner --peer-urls=https://127.0.0.4:2)";
    for part in [part, "deploy.sh --copy d", "ssh root@127.0.0.4 'systemctl", "member promote"] {
        assert!(output.contains(part), "{output}");
    }
    assert!(errors.contains("the cluster has not said which members it has"), "{errors}");
    // Given again, it changes nothing; and what nobody has seen is not done.
    let before = read(path, "out/cluster.lock.json");
    assert_eq!(cluster(path, "member @out add d=127.0.0.4 -f @c.yaml").0, 2);
    assert_eq!(read(path, "out/cluster.lock.json"), before);
}

#[test]
fn a_member_goes_and_what_has_begun_is_remembered() {
    let folder = applied(TEXT);
    let path = folder.path();
    let (status, output, _) = cluster(path, "member @out remove b -f @c.yaml");
    assert_eq!(status, 2, "{output}");
    assert_eq!(read(path, "c.yaml"), TEXT.replace("  - name: b\n    address: 127.0.0.2\n", ""));
    assert!(output.contains("etcdctl member remove \"$(etcdctl member list"), "{output}");
    assert!(output.contains("ssh root@127.0.0.2 'systemctl disable --now etcd'"), "{output}");
    let begun: serde_json::Value = serde_json::from_str(&read(path, "out/operation.json")).unwrap();
    assert_eq!(begun["leaving"][0]["member"], "b");
    let (_, _, errors) = cluster(path, "apply @c.yaml -o @out");
    assert!(errors.contains("it was not seen yet that b left the cluster"), "{errors}");
    // A change by hand is remembered too.
    let text = read(path, "c.yaml");
    fs::write(path.join("c.yaml"), text.replace("  - {name: c, address: 127.0.0.3}\n", "")).unwrap();
    assert_eq!(cluster(path, "apply @c.yaml -o @out").0, 0);
    assert!(read(path, "out/operation.json").contains("\"member\": \"c\""));
}

#[test]
fn what_cannot_be_changed_is_said_with_the_line() {
    let folder =
        applied("name: prod\nclient-port: 1\npeer-port: 2\nmembers: [{name: a, address: 127.0.0.1}]\n");
    let path = folder.path();
    let (status, _, errors) = cluster(path, "member @out add d=127.0.0.4 -f @c.yaml");
    assert_eq!(status, 1, "{errors}");
    assert!(
        errors.contains("add this line to `members`") && errors.contains("{name: d, address: 127.0.0.4}"),
        "{errors}"
    );
    for (words, part) in [
        ("add a=127.0.0.9", "the description has a already, at 127.0.0.1"),
        ("add a", "a"),
        ("remove a b", "one member is named at a time"),
        ("replace a", "the member that takes the place is missing"),
        ("replace a a=127.0.0.1", "nobody can tell a from the one that comes back"),
    ] {
        let (status, _, errors) = cluster(path, &format!("member @out {words} -f @c.yaml"));
        assert!(status == 1 && errors.contains(part), "{words}: {status} {errors}");
    }
    // Changes that were not applied come first.
    let text = TEXT.replace("# end", "options: {snapshot-count: 4321}");
    let folder = applied(TEXT);
    fs::write(folder.path().join("c.yaml"), text).unwrap();
    let (status, _, errors) = cluster(folder.path(), "member @out add d=127.0.0.4 -f @c.yaml");
    assert!(status == 1 && errors.contains("has changes that were not applied"), "{errors}");
}

#[test]
fn what_is_left_is_listed_with_the_commands() {
    let folder = applied(TEXT);
    let path = folder.path();
    let (status, output, _) = cluster(path, "steps @out -f @c.yaml");
    assert_eq!(status, 2, "{output}");
    assert!(output.contains("1. bring the members to their hosts, and start them: a, b, c"), "{output}");
    assert!(
        output.contains("etcdpki cluster deploy") && output.contains("because no member answers"),
        "{output}"
    );
    let text = TEXT.replace("# end", "options: {snapshot-count: 4321}");
    fs::write(path.join("c.yaml"), text).unwrap();
    let (status, output, _) = cluster(path, "steps @out -f @c.yaml");
    assert!(status == 2 && output.starts_with("1. apply the description: "), "{output}");
}
