//! Looking things up in a snapshot.

use super::*;

#[test]
fn what_cannot_be_used_is_an_error_for_all_below_it() {
    let mut snapshot = Snapshot::new("/out");
    snapshot.insert("a/b/c", Entry::file(0o644, b"x".to_vec()));
    assert_eq!(snapshot.entry("a/b/c").unwrap().unwrap().bytes.as_slice(), b"x");
    assert!(snapshot.entry("a/b").unwrap().is_none());
    snapshot.insert_unusable("a".to_owned(), UnusableEntry::SymbolicLink);
    for path in ["a", "a/b", "a/b/c", "a/x"] {
        assert_eq!(snapshot.entry(path).unwrap_err().to_string(), "/out/a is a symbolic link", "{path}");
    }
    assert!(snapshot.entry("ab").unwrap().is_none());
    for (reason, message) in [
        (UnusableEntry::Special, "/out/f is not a file"),
        (UnusableEntry::TooLarge, "/out/f was not read, because it is larger than 8 MiB"),
        (
            UnusableEntry::Unreadable(io::ErrorKind::PermissionDenied, Some(13)),
            "cannot read /out/f: Permission denied (os error 13)",
        ),
        (UnusableEntry::Unreadable(io::ErrorKind::TimedOut, None), "cannot read /out/f: timed out"),
    ] {
        snapshot.insert_unusable("f".to_owned(), reason);
        assert_eq!(snapshot.entry("f").unwrap_err().to_string(), message);
    }
}

#[test]
fn names_are_those_in_the_folder_itself() {
    let mut snapshot = Snapshot::new("/out");
    for path in ["nodes", "nodes/a", "nodes/a/etc", "nodes/b", "nodes2", "nodes2/c", "node"] {
        snapshot.insert(path, Entry::folder(0o755));
    }
    assert_eq!(snapshot.names("nodes"), ["a", "b"]);
    assert_eq!(snapshot.names("nodes/a"), ["etc"]);
    assert_eq!(snapshot.names("nothing"), [""; 0]);
    assert!(snapshot.remove("nodes/a") && !snapshot.remove("nodes/a"));
    assert_eq!(snapshot.names("nodes/a"), ["etc"], "without those in it");
    assert_eq!((snapshot.paths().count(), snapshot.root()), (6, Path::new("/out")));
}

#[test]
fn owners_have_ids_where_users_are_known() {
    let mut snapshot = Snapshot::new("/out");
    snapshot.insert_user("etcd", (998, 997));
    let user = Owner::User(Label::parse("etcd").unwrap());
    assert_eq!(snapshot.users().ids(&user), Some((998, 997)));
    assert_eq!((snapshot.users().ids(&Owner::Root), snapshot.users().ids(&Owner::Operator)), (None, None));
    assert_eq!((user.name(), Owner::Root.name(), Owner::Operator.name()), (Some("etcd"), Some("root"), None));
    snapshot.insert_outside("ca.pem", b"x".to_vec());
    assert_eq!(snapshot.outside(Path::new("ca.pem")), Some(&b"x"[..]));
    assert_eq!(snapshot.outside(Path::new("other.pem")), None);
    let (file, folder) = (Entry::file(0o600, b"x".to_vec()), Entry::folder(0o700));
    assert_eq!((file.kind, file.mode, file.ids), (FileKind::File, 0o600, (0, 0)));
    assert_eq!((folder.kind, folder.mode, folder.bytes.len()), (FileKind::Folder, 0o700, 0));
}

#[test]
fn paths_are_text_without_control_characters() {
    use std::os::unix::ffi::OsStrExt;
    assert_eq!(text(Path::new("/a b/ü")).unwrap(), "/a b/ü");
    for bytes in [&b"/a\nb"[..], b"/a\x1b", b"/\xff"] {
        let error = text(Path::new(std::ffi::OsStr::from_bytes(bytes))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnwritablePath { .. }), "{error}");
    }
}
