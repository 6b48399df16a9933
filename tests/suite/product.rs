//! The product's program, and the folder that it writes.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Ran, run};
use super::programs::{fixture, workspace};

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The program under test.
pub fn program() -> &'static Path {
    PROGRAM.get().expect("the program was built before the first test")
}

/// Finds or builds the program under test, once, before any test: cargo builds programs only for the tests
/// of their own package. `ETCDPKI_BIN` names a program to test instead.
pub fn build() {
    let program = match env::var_os("ETCDPKI_BIN") {
        Some(given) => PathBuf::from(given),
        None => built(),
    };
    println!("program under test: {}", program.display());
    PROGRAM.set(program).expect("built once");
}

/// The folder that cargo builds in, which it marks.
pub fn target() -> PathBuf {
    let this = env::current_exe().unwrap();
    let target = this.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.expect("a target folder").to_owned()
}

fn built() -> PathBuf {
    let this = env::current_exe().unwrap();
    // TARGET/[TRIPLE/]PROFILE/deps/suite-HASH
    let profile = this.ancestors().nth(2).unwrap();
    let target = target();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    // With the tests of the workspace, so that it is the program that `cargo test --workspace` has built already.
    cargo
        .args(["build", "--quiet", "--workspace", "--test", "suite", "--bin", "etcdpki", "--target-dir"])
        .arg(&target);
    match profile.file_name().and_then(|n| n.to_str()) {
        Some("debug") => cargo.args(["--profile", "dev"]),
        Some(name) => cargo.args(["--profile", name]),
        None => unreachable!("{} has a name", profile.display()),
    };
    if let Some(triple) = profile.parent().filter(|parent| *parent != target) {
        cargo.arg("--target").arg(triple.file_name().unwrap());
    }
    if !cargo.current_dir(workspace()).status().is_ok_and(|s| s.success()) {
        eprintln!("the program under test does not build: {cargo:?}");
        exit(101);
    }
    profile.join("etcdpki")
}

/// A call of the program.
pub fn etcdpki<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    command
}

/// A description and the folder that `cluster apply` makes of it.
pub struct Tree {
    _home: TempDir,
    pub description: PathBuf,
    pub root: PathBuf,
}

impl Tree {
    /// Nothing is applied yet, and the output folder does not exist.
    pub fn of(description: &str) -> Self {
        let tree = Self::in_folder(tempfile::tempdir().unwrap());
        tree.describe(description);
        tree
    }

    /// The description that is in a folder already, beside what it refers to.
    pub fn in_folder(home: TempDir) -> Self {
        Self { description: home.path().join("cluster.yaml"), root: home.path().join("out"), _home: home }
    }

    /// A description made of values: JSON is YAML too, and needs no care for what the values hold.
    pub fn of_value(description: &Value) -> Self {
        Self::of(&description.to_string())
    }

    /// A description from `fixtures/cluster/`.
    pub fn of_fixture(name: &str) -> Self {
        Self::of(&fs::read_to_string(fixture("cluster").join(name)).unwrap())
    }

    /// Replaces the description.
    pub fn describe(&self, description: &str) {
        fs::write(&self.description, description).unwrap();
    }

    /// Applied, or a panic.
    #[track_caller]
    pub fn applied(self) -> Self {
        self.apply().ok();
        self
    }

    pub fn apply(&self) -> Ran {
        run(&mut self.command("apply"))
    }

    pub fn plan(&self) -> Ran {
        run(&mut self.command("plan"))
    }

    /// `etcdpki cluster VERB` on this description and folder, to be run by the caller.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = etcdpki(["cluster", verb, "-f"]);
        command.arg(&self.description).arg("-o").arg(&self.root);
        command
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Everything in the folder, by path relative to it.
    pub fn entries(&self) -> BTreeMap<String, Entry> {
        if self.root.exists() { entries(&self.root) } else { BTreeMap::new() }
    }

    /// Only the files, without their times.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.entries().into_iter().filter_map(|(path, e)| Some((path, e.bytes?))).collect()
    }
}

/// A file or folder as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// `None` for a folder.
    pub bytes: Option<Vec<u8>>,
    /// What changes when a file is written or replaced: inode, time in nanoseconds.
    pub written: Option<(u64, i64, i64)>,
}

/// Everything in a folder, by path relative to it.
pub fn entries(folder: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

/// Writes entries into a folder that has none of them.
pub fn restore(entries: &BTreeMap<String, Entry>, folder: &Path) {
    for (path, entry) in entries {
        let path = folder.join(path);
        match &entry.bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::create_dir(&path).unwrap(),
        }
        fs::set_permissions(path, fs::Permissions::from_mode(entry.mode)).unwrap();
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Entry>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let mode = about.mode() & 0o7777;
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if about.is_dir() {
            found.insert(relative, Entry { mode, bytes: None, written: None });
            collect(root, &path, found);
        } else {
            let written = Some((about.ino(), about.mtime(), about.mtime_nsec()));
            found.insert(relative, Entry { mode, bytes: Some(fs::read(&path).unwrap()), written });
        }
    }
}

/// Whether a path names a private key.
pub fn is_key(path: &str) -> bool {
    path.ends_with("-key.pem")
}

/// The commands that `apply` printed as next steps, each with the title above it.
#[track_caller]
pub fn printed_steps(applied: &Ran) -> Vec<(&str, &str)> {
    let (_, steps) = applied.stdout.split_once("\nNext:\n").expect("steps");
    let mut title = "";
    let mut all = Vec::new();
    for line in steps.lines() {
        match line.strip_prefix("     ") {
            Some(command) => all.push((title, command)),
            None => title = line,
        }
    }
    all
}
