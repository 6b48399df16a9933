//! Output folders on a disk: locking, reading and writing.

use std::os::unix::fs::symlink;

use nix::unistd::geteuid;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::error::ErrorKind;
use crate::etcd::folder::disk::Folder;
use crate::etcd::folder::snapshot::{FileKind, Owner, Snapshot};
use crate::etcd::plan::Plan;
use crate::etcd::plan::tests::{NOW, cluster};
use crate::etcd::safe::label::Label;
use crate::x509::{SystemKeys, SystemRandomness};

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn folder(path: &str, mode: u32) -> OutputFolder {
    OutputFolder { path: path.into(), mode, owner: Owner::Operator, exists: false, is_right: false }
}

fn file(path: &str, mode: u32, text: &str, replaces: bool) -> OutputFile {
    let bytes = Zeroizing::new(text.as_bytes().to_vec());
    OutputFile { path: path.into(), mode, owner: Owner::Operator, bytes, replaces }
}

fn locked() -> (TempDir, LockedFolder) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&temporary.path().join("out")).unwrap();
    (temporary, folder)
}

fn apply(root: &Path, cluster: &Cluster) -> Result<(), Error> {
    let folder = Folder::lock(root)?;
    let plan = Plan::new(cluster, &folder.snapshot(cluster)?, NOW)?;
    folder.apply(&plan.issue(&SystemKeys, &SystemRandomness, NOW, &|_| {})?)
}

#[test]
fn one_process_writes_at_a_time() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("a/b");
    let lock = Folder::lock(&root).unwrap();
    assert_eq!((mode(&root), lock.root()), (0o700, root.as_path()));
    let error = Folder::lock(&root).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Locked { path, .. } if *path == root), "{error}");
    assert_eq!(error.hint().as_deref(), Some("wait until it has finished, then try again"));
    drop(lock);
    drop(Folder::lock(&root).unwrap());
    // Nothing is left behind, and a folder that exists keeps its mode.
    assert_eq!(root.read_dir().unwrap().count(), 0);
    fs::set_permissions(&root, Permissions::from_mode(0o750)).unwrap();
    drop(Folder::lock(&root).unwrap());
    assert_eq!(mode(&root), 0o750);
    fs::write(temporary.path().join("file"), "").unwrap();
    let error = Folder::lock(&temporary.path().join("file")).unwrap_err();
    assert!(error.to_string().starts_with("cannot make "), "{error}");
    let error = Folder::open(Path::new("a\nb")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnwritablePath { .. }), "{error}");
}

#[test]
fn an_applied_cluster_has_its_modes_and_is_read_again() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("out");
    apply(&root, &cluster("")).unwrap();
    let read = Folder::open(&root).unwrap().snapshot(&cluster("")).unwrap();
    let plan = Plan::new(&cluster(""), &read, NOW).unwrap();
    assert!(plan.is_done(), "{:?}", plan.report());
    for planned in plan.files() {
        assert_eq!(mode(&root.join(planned.path())), planned.mode(), "{}", planned.path());
        let entry = read.entry(planned.path()).unwrap().unwrap();
        assert_eq!((entry.kind, entry.mode), (planned.kind(), planned.mode()));
    }
    assert_eq!(read.paths().count(), plan.files().len());

    // What has changed is put right, and nothing else is touched.
    let (key, env) = ("nodes/a/etc/etcd/pki/server-key.pem", "nodes/a/etc/etcd/etcd.env");
    let inode = |path: &str| root.join(path).metadata().unwrap().ino();
    let before = inode(key);
    fs::set_permissions(root.join("ca"), Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join(env), "x").unwrap();
    fs::write(root.join("ca/.etcdpki-a1b2c3"), "left by a killed run").unwrap();
    fs::write(root.join("notes"), "somebody's").unwrap();
    apply(&root, &cluster("")).unwrap();
    assert_eq!((mode(&root.join("ca")), inode(key)), (0o700, before));
    assert_ne!(fs::read(root.join(env)).unwrap(), b"x");
    assert!(!root.join("ca/.etcdpki-a1b2c3").exists());
    assert_eq!(fs::read(root.join("notes")).unwrap(), b"somebody's");
}

#[test]
fn folders_get_their_modes() {
    let (_temporary, output) = locked();
    let users = crate::etcd::folder::snapshot::Users::default();
    let folders = [folder("a", 0o755), folder("a/b", 0o700), folder("a/b/c", 0o751)];
    let seen = output.make_folders(&users, &folders).unwrap();
    let root = output.root();
    let modes = ["a", "a/b", "a/b/c"].map(|path| mode(&root.join(path)));
    assert_eq!(modes, [0o755, 0o700, 0o751]);
    assert!(seen.contains(&root.join("a/b")));
    // Those that are right are left alone.
    let right = OutputFolder { is_right: true, exists: true, ..folder("a", 0o700) };
    output.make_folders(&users, &[right]).unwrap();
    assert_eq!(mode(&root.join("a")), 0o755);
    let wrong = OutputFolder { exists: true, ..folder("a", 0o711) };
    output.make_folders(&users, &[wrong]).unwrap();
    assert_eq!(mode(&root.join("a")), 0o711);
    let error = output.make_folders(&users, &[folder("x/y", 0o755)]).unwrap_err();
    assert!(error.to_string().starts_with("cannot make "), "{error}");
}

#[test]
fn nothing_is_written_through_a_link() {
    let (temporary, output) = locked();
    let users = crate::etcd::folder::snapshot::Users::default();
    let elsewhere = temporary.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, output.root().join("a")).unwrap();
    let write = |files: &[OutputFile]| output.write(&users, files, &mut HashSet::new());
    for error in [
        write(&[file("a/key", 0o600, "x", false)]).unwrap_err(),
        output.make_folders(&users, &[folder("a", 0o755)]).unwrap_err(),
        output.make_folders(&users, &[folder("a/b", 0o755)]).unwrap_err(),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::SymbolicLink { path } if path.ends_with("out/a")),
            "{error}"
        );
    }
    assert_eq!(elsewhere.read_dir().unwrap().count(), 0);
    for path in ["../x", "b/../../x", "..", "/x"] {
        let error = write(&[file(path, 0o644, "x", false)]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnwritablePath { .. }), "{path}: {error}");
    }
    assert!(!temporary.path().join("x").exists());
    // A link with the name of the file itself is replaced, and what it points to stays.
    fs::write(elsewhere.join("precious"), "precious").unwrap();
    symlink(elsewhere.join("precious"), output.root().join("env")).unwrap();
    write(&[file("env", 0o644, "new", true)]).unwrap();
    assert_eq!(fs::read(elsewhere.join("precious")).unwrap(), b"precious");
    assert!(output.root().join("env").symlink_metadata().unwrap().is_file());
}

#[test]
fn only_a_plan_replaces_keys() {
    let (_temporary, output) = locked();
    let users = crate::etcd::folder::snapshot::Users::default();
    let write = |files: &[OutputFile]| output.write(&users, files, &mut HashSet::new());
    let at = |path: &str| output.root().join(path);
    let key = SystemKeys.generate_one();
    fs::write(at("a-key.pem"), &key).unwrap();
    fs::write(at("b.env"), &key).unwrap();
    // A file that a plan takes for new is not there.
    let error = write(&[file("a-key.pem", 0o600, "new", false)]).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    // A key in the place of a public file is nobody's to lose.
    let error = write(&[file("b.env", 0o644, "new", true)]).unwrap_err();
    assert!(error.to_string().contains("the file has a private key, which would be lost"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(fs::read_to_string(at("b.env")).unwrap(), key);
    write(&[file("a-key.pem", 0o600, "new", true)]).unwrap();
    assert_eq!((fs::read(at("a-key.pem")).unwrap(), mode(&at("a-key.pem"))), (b"new".to_vec(), 0o600));
}

/// A key as text.
trait GenerateOne {
    fn generate_one(&self) -> String;
}

impl GenerateOne for SystemKeys {
    fn generate_one(&self) -> String {
        use crate::x509::KeySource;
        self.generate(Default::default()).unwrap().to_pem().to_string()
    }
}

#[test]
fn what_is_no_file_is_told_when_it_is_needed() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("out");
    apply(&root, &cluster("")).unwrap();
    let read = || Folder::open(&root).unwrap().public_snapshot();
    let unusable = |path: &str| read().entry(path).unwrap_err().to_string();
    let replace = |path: &str| {
        let path = root.join(path);
        fs::remove_file(&path).unwrap();
        path
    };
    let env = "nodes/a/etc/etcd/etcd.env";
    symlink("/etc/passwd", replace(env)).unwrap();
    assert_eq!(unusable(env), format!("{} is a symbolic link", root.join(env).display()));
    nix::unistd::mkfifo(&replace("deploy.sh"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert_eq!(unusable("deploy.sh"), format!("{} is not a file", root.join("deploy.sh").display()));
    let large = "clients/root/etcdctl.env";
    for (size, is_read) in [(8 << 20, true), ((8 << 20) + 1, false)] {
        let file = fs::File::create(root.join(large)).unwrap();
        file.set_len(size).unwrap();
        assert_eq!(read().entry(large).is_ok(), is_read, "{size}");
    }
    assert!(unusable(large).ends_with("larger than 8 MiB"));
    // Temporary files and what is not the cluster's are not read.
    fs::write(root.join("ca/.etcdpki-x"), "").unwrap();
    fs::write(root.join("other"), "").unwrap();
    let snapshot = read();
    assert!(snapshot.paths().all(|path| path != "other" && !path.contains(".etcdpki")));
    // Keys are left out by their names.
    assert!(snapshot.paths().all(|path| !path.ends_with("-key.pem")));
    assert!(snapshot.paths().any(|path| path == "ca/ca.pem"));
    let everything = Folder::open(&root).unwrap().snapshot(&cluster("")).unwrap();
    assert!(everything.paths().any(|path| path == "ca/ca-key.pem"));
    assert_eq!(everything.entry("ca").unwrap().unwrap().kind, FileKind::Folder);
    assert_eq!(Folder::open(&temporary.path().join("nothing")).unwrap().public_snapshot().paths().count(), 0);
}

#[test]
fn files_of_given_cas_are_read_beside_the_folder() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let rest = format!("certificates: {{ca: {{certificate: {}}}}}\n", at("ca.pem").display());
    let cluster = cluster(&rest);
    let snapshot = || Folder::open(&at("out")).unwrap().snapshot(&cluster);
    assert_eq!(snapshot().unwrap().outside(&at("ca.pem")), None);
    fs::write(at("ca.pem"), "x").unwrap();
    assert_eq!(snapshot().unwrap().outside(&at("ca.pem")), Some(&b"x"[..]));
    fs::remove_file(at("ca.pem")).unwrap();
    fs::create_dir(at("ca.pem")).unwrap();
    let error = snapshot().unwrap_err();
    assert_eq!(error.to_string(), format!("{} is not a file", at("ca.pem").display()));
    let snapshot = Snapshot::new("/out");
    assert_eq!(snapshot.users().ids(&Owner::Root), None);
}

/// Only root can give files away.
#[test]
fn files_are_given_to_their_owners() {
    if !geteuid().is_root() {
        return;
    }
    let (_temporary, output) = locked();
    let mut snapshot = Snapshot::new("/out");
    snapshot.insert_user("etcd", (998, 997));
    let user = Owner::User(Label::parse("etcd").unwrap());
    let mut own_folder = folder("a", 0o700);
    own_folder.owner = user.clone();
    let mut own_file = file("a/key", 0o600, "x", false);
    own_file.owner = user;
    output.make_folders(snapshot.users(), &[own_folder]).unwrap();
    output
        .write(snapshot.users(), &[own_file, file("a/other", 0o644, "x", false)], &mut HashSet::new())
        .unwrap();
    let ids = |path: &str| {
        let metadata = output.root().join(path).metadata().unwrap();
        (metadata.uid(), metadata.gid())
    };
    assert_eq!((ids("a"), ids("a/key"), ids("a/other")), ((998, 997), (998, 997), (0, 0)));
    let users = Folder::open(output.root()).unwrap().snapshot(&cluster("")).unwrap();
    assert_eq!(users.users().ids(&Owner::Root), Some((0, 0)));
}

#[test]
fn a_key_that_is_replaced_changes_together_with_its_certificate() {
    let (_temporary, folder) = locked();
    let at = |name: &str| folder.root().join(name);
    for name in ["x.pem", "x-key.pem"] {
        fs::write(at(name), "old").unwrap();
    }
    // A folder in the place of the certificate cannot be replaced, so the key is not replaced either.
    fs::remove_file(at("x.pem")).unwrap();
    fs::create_dir(at("x.pem")).unwrap();
    let files = [file("x-key.pem", 0o600, "new", true), file("x.pem", 0o644, "new", true)];
    folder.write(&Users::default(), &files, &mut HashSet::new()).unwrap_err();
    assert_eq!(fs::read_to_string(at("x-key.pem")).unwrap(), "old");
    fs::remove_dir(at("x.pem")).unwrap();
    fs::write(at("x.pem"), "old").unwrap();
    folder.write(&Users::default(), &files, &mut HashSet::new()).unwrap();
    for name in ["x.pem", "x-key.pem"] {
        assert_eq!(fs::read_to_string(at(name)).unwrap(), "new");
    }
    assert_eq!(folder.root().read_dir().unwrap().count(), 2);
}
