//! `etcdpki cluster report`: the page and its pictures, of one cluster and of many.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki_cli::Terminal;

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

/// Applies a cluster of three into a folder of its name.
fn apply(folder: &Path, name: &str, more: &str) {
    let members =
        "[{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}, {name: c, address: 10.0.0.3}]";
    fs::write(folder.join("cluster.yaml"), format!("name: {name}\nmembers: {members}\n{more}")).unwrap();
    let (status, _, errors) = etcdpki(folder, &format!("cluster apply @cluster.yaml -o @all/{name}"));
    assert_eq!(status, 0, "{errors}");
}

#[test]
fn a_page_loads_nothing_and_has_every_part() {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), "prod", "");
    let (status, page, errors) = etcdpki(folder.path(), "cluster report @all/prod");
    assert_eq!(status, 0, "{errors}");
    for part in [
        "Who trusts whom",
        "When everything ends",
        "Which member can dial which",
        "Findings (0)",
        "What was issued last",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let page_without_namespace = page.replace("http://www.w3.org/2000/svg", "");
    for loads in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "PRIVATE KEY"] {
        assert!(!page_without_namespace.contains(loads), "{loads}");
    }
    assert!(page.contains("CN=prod etcd client CA") && page.contains("survives the loss of any one member"));
}

#[test]
fn what_is_wrong_is_in_the_page() {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), "prod", "");
    fs::remove_file(folder.path().join("all/prod/nodes/b/etc/etcd/pki/peer.pem")).unwrap();
    let (status, page, errors) = etcdpki(folder.path(), "cluster report @all/prod");
    assert_eq!(status, 0, "{errors}");
    assert!(!page.contains("Findings (0)") && page.contains("E904"), "{page}");
    assert!(page.contains("! b peer") && page.contains("nobody: it does not start"), "{page}");
    let (_, chart, _) = etcdpki(folder.path(), "cluster report @all/prod --mermaid");
    assert!(chart.contains("|\"fails\"|"), "{chart}");
}

#[test]
fn of_many_the_cluster_that_ends_first_comes_first_and_a_picture_is_of_one() {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), "late", "");
    apply(folder.path(), "soon", "validity: {leaf: 20d}\n");
    let (status, page, _) = etcdpki(folder.path(), "cluster report @all");
    assert_eq!(status, 0);
    let place = |name: &str| page.find(&format!("<h2>Cluster {name}</h2>")).unwrap();
    assert!(place("soon") < place("late"));
    for picture in ["--svg timeline", "--svg graph", "--mermaid"] {
        let (status, output, errors) = etcdpki(folder.path(), &format!("cluster report @all {picture}"));
        assert!(status == 1 && output.is_empty() && errors.contains("there are 2"), "{errors}");
        let (status, output, _) = etcdpki(folder.path(), &format!("cluster report @all/late {picture}"));
        assert!(status == 0 && (output.starts_with("<svg ") || output.starts_with("flowchart")), "{output}");
    }
}

#[test]
fn a_page_replaces_a_page_and_no_private_key() {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), "prod", "");
    for _ in 0..2 {
        let (status, output, errors) = etcdpki(folder.path(), "cluster report @all/prod --html @report.html");
        assert!(status == 0 && output.is_empty(), "{errors}");
    }
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    let key = folder.path().join("all/prod/ca/peer-ca-key.pem");
    let before = fs::read(&key).unwrap();
    let (status, ..) = etcdpki(folder.path(), "cluster report @all/prod --html @all/prod/ca/peer-ca-key.pem");
    assert_eq!(status, 1);
    assert_eq!(fs::read(&key).unwrap(), before);
    let (status, _, errors) = etcdpki(folder.path(), "cluster report @nothing");
    assert!(status == 1 && errors.contains("nothing"), "{errors}");
}

#[test]
fn the_verdict_is_never_better_than_that_of_doctor() {
    let folder = tempfile::tempdir().unwrap();
    apply(folder.path(), "prod", "");
    apply(folder.path(), "second", "");
    let of = |words: &str| etcdpki(folder.path(), words);
    assert_eq!(of("doctor @all/prod").0, 0);
    let (_, page, _) = of("cluster report @all/prod");
    assert!(page.contains("✓ Nothing is wrong.") && page.contains("✓ Verdict"), "{page}");

    let unit = "[Service]\nExecStart=/usr/local/bin/etcd --name {{ name }}\n";
    let file = "all/prod/nodes/a/etc/etcd/etcd.service.j2";
    fs::write(folder.path().join(file), unit).unwrap();
    let (status, said, _) = of("doctor @all/prod");
    assert!(status == 2 && said.contains("could not be judged"), "{said}");
    let (_, page, _) = of("cluster report @all/prod");
    for part in [
        "? Nothing was found wrong, but there is 1 thing that could not be judged.",
        "? Verdict",
        "etcd.service.j2",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains('✓') || !page.contains("✓ Nothing"), "{page}");
    let (_, page, _) = of("cluster report @all");
    let row = |name: &str| {
        let row = page.split(&format!(">{name}</a>")).nth(1).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    assert!(
        row("prod").contains("\"Not judged\">1<") && row("prod").contains(">?</span>"),
        "{}",
        row("prod")
    );
    assert!(row("second").contains("\"Not judged\">0<") && row("second").contains(">✓</span>"));

    fs::remove_file(folder.path().join(file)).unwrap();
    let key = folder.path().join("all/prod/nodes/a/etc/etcd/pki/peer-key.pem");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let (status, said, _) = of("doctor @all/prod");
    assert_eq!(status, 1, "{said}");
    let (_, page, _) = of("cluster report @all/prod");
    assert!(page.contains("× Found 1 error") && page.contains("× Verdict"), "{page}");
}
