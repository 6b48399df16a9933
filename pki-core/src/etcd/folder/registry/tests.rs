//! The chain of the registry, what breaks it, and what `apply` writes into it.

use time::macros::datetime;

use super::*;
use crate::etcd::folder::snapshot::Entry;

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00:07.5 UTC);

fn proved(member: &str) -> RegistryEvent {
    RegistryEvent::Proved {
        member: member.to_owned(),
        started: None,
        client: Some("7".to_owned()),
        peer: None,
    }
}

fn chain(members: &[&str]) -> String {
    let mut bytes: Zeroizing<Vec<u8>> = Zeroizing::default();
    for member in members {
        bytes = Registry::parse(&bytes).with(&[proved(member)], NOW);
    }
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn lines_are_added_and_follow_each_other() {
    let text = chain(&["a", "b", "c"]);
    let all = Registry::default().with(&["a", "b", "c"].map(proved), NOW);
    assert_eq!(text.as_bytes(), all.as_slice(), "one by one, or together");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"previous":null,"at":"2026-11-21T12:00:07Z","event":"proved","member":"a","started":null,"client":"7","peer":null}"#
    );
    assert!(lines[1].starts_with(&format!("{{\"previous\":\"{}\",", sha256(lines[0].as_bytes()))));
    let registry = Registry::parse(text.as_bytes());
    assert_eq!((registry.lines, &registry.gap), (3, &None));
    assert_eq!(registry.head, Some(sha256(lines[2].as_bytes())));
    assert_eq!(registry.with(&[], NOW).as_slice(), text.as_bytes());
    let empty = Registry::parse(b"");
    assert_eq!((empty.lines, empty.head, empty.gap), (0, None, None));
}

#[test]
fn whatever_is_changed_is_a_gap() {
    let text = chain(&["a", "b", "c", "d"]);
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let gap = |text: &str| Registry::parse(text.as_bytes()).gap.map(|gap| gap.line);
    assert_eq!(gap(&text), None);
    // A shorter chain is a chain: the record tells that lines are missing.
    assert_eq!(gap(&joined(&lines[..2])), None);
    for (changed, line) in [
        (joined(&lines[1..]), 1),
        (joined(&[lines[0], lines[2], lines[3]]), 2),
        (joined(&[lines[0], lines[2], lines[1], lines[3]]), 2),
        (text.replacen("\"a\"", "\"x\"", 1), 2),
        (text.replacen("\"c\"", "\"x\"", 1), 4),
        (text.replacen("\"7\"", "\"07\"", 1), 2),
        (joined(&[lines[0], "", lines[1]]), 2),
        (joined(&[lines[0], lines[0], lines[1]]), 2),
        (joined(&[lines[0], "no JSON"]), 2),
        (text[..text.len() - 20].to_owned(), 4),
        ("\n".to_owned(), 1),
    ] {
        assert_eq!(gap(&changed), Some(line), "{changed}");
        // Writing goes on behind it, and hides nothing.
        let longer = Registry::parse(changed.as_bytes()).with(&[proved("z")], NOW);
        assert!(longer.starts_with(changed.as_bytes()), "{changed}");
        let again = Registry::parse(&longer);
        assert_eq!(again.lines, Registry::parse(changed.as_bytes()).lines + 1, "{changed}");
        assert!(again.gap.is_some_and(|gap| gap.line <= line + 1), "{changed}");
    }
}

#[test]
fn only_the_end_of_a_line_may_be_missing() {
    let text = chain(&["a", "b"]);
    let longer = Registry::parse(text.trim_end().as_bytes()).with(&[proved("z")], NOW);
    assert_eq!(longer.as_slice(), chain(&["a", "b", "z"]).as_bytes());
    assert_eq!(Registry::parse(text.trim_end().as_bytes()).gap.map(|gap| gap.line), Some(2));
}

#[test]
fn what_a_newer_program_wrote_is_kept() {
    let text = "{\"previous\":null,\"at\":\"later\",\"event\":\"flown\",\"new\":[1]}\n";
    let registry = Registry::parse(text.as_bytes());
    assert_eq!(registry.gap, None);
    let longer = registry.with(&[proved("a")], NOW);
    assert_eq!((Registry::parse(&longer).gap, longer.starts_with(text.as_bytes())), (None, true));
}

#[test]
fn lists_are_looked_for_where_they_are_used() {
    for (path, is) in [
        ("ca/client-ca.crl", true),
        ("nodes/a/etc/etcd/pki/crl.pem", true),
        ("nodes/a/etc/etcd/pki/ca.pem", false),
        ("clients/root/x.crl", false),
        ("nodesx/a.crl", false),
        ("a.crl", false),
    ] {
        assert_eq!(may_be_list(path), is, "{path}");
    }
}

#[test]
fn it_is_read_from_a_snapshot() {
    let mut snapshot = Snapshot::new("/out");
    assert!(Registry::read(&snapshot).unwrap().is_none());
    snapshot.insert(REGISTRY, Entry::file(0o644, chain(&["a"]).into_bytes()));
    assert_eq!(Registry::read(&snapshot).unwrap().unwrap().lines, 1);
}
