//! The programs that the product has to live with: where they are, and which versions.

use std::collections::HashMap;
use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use super::command::run;
use super::trial::Missing;

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A file or folder under `fixtures/`.
pub fn fixture(path: &str) -> PathBuf {
    workspace().join("fixtures").join(path)
}

/// The files in a folder of fixtures.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let items = std::fs::read_dir(fixture(folder)).unwrap().map(|item| item.unwrap().path());
    let mut files: Vec<_> = items.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// A program on PATH.
pub fn find(name: &str) -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|p| p.is_file())
        .ok_or_else(|| Missing(format!("no {name} on PATH")))
}

/// The series of etcd that everything is proved with that a cluster does.
pub const SERIES: [&str; 4] = ["3.4", "3.5", "3.6", "3.7"];

/// etcd with its etcdctl.
#[derive(Debug, Clone)]
pub struct Etcd {
    pub version: String,
    pub etcd: PathBuf,
    pub etcdctl: PathBuf,
}

/// The etcd of a series, like `3.4`.
pub fn etcd(series: &str) -> Result<Etcd, Missing> {
    let wanted = |version: &str| version.strip_prefix(series).is_some_and(|rest| rest.starts_with('.'));
    let (version, folder) = versioned("etcd", "--version", "etcd Version:", wanted)
        .ok_or_else(|| Missing(format!("no etcd {series} here; tests/run installs what it can")))?;
    let (etcd, etcdctl) = (folder.join("etcd"), folder.join("etcdctl"));
    if !etcdctl.is_file() {
        return Err(Missing(format!("no etcdctl beside {}", etcd.display())));
    }
    Ok(Etcd { version, etcd, etcdctl })
}

/// cfssl with its cfssljson.
#[derive(Debug, Clone)]
pub struct Cfssl {
    pub version: String,
    /// The folder that holds both.
    pub folder: PathBuf,
}

/// cfssl 1.6. Debian's calls itself `dev`; the one before, 1.2, makes other certificates.
pub fn cfssl() -> Result<Cfssl, Missing> {
    versioned("cfssl", "version", "Version:", |version| version == "dev" || version.starts_with("1.6."))
        .map(|(version, folder)| Cfssl { version: version.replace("dev", "1.6-dev"), folder })
        .ok_or_else(|| Missing("no cfssl 1.6 here; tests/run installs what it can".into()))
}

/// zlint, of whatever version.
pub fn zlint() -> Result<PathBuf, Missing> {
    versioned("zlint", "-version", "ZLint version", |_| true)
        .map(|(_, folder)| folder.join("zlint"))
        .ok_or_else(|| Missing("no zlint here".into()))
}

/// ansible-core's program for playbooks.
pub fn ansible_playbook() -> Result<PathBuf, Missing> {
    versioned("ansible-playbook", "--version", "ansible-playbook [core", |_| true)
        .map(|(_, folder)| folder.join("ansible-playbook"))
        .ok_or_else(|| Missing("no ansible-core here; tests/run installs what it can".into()))
}

/// Whether this process may mount, change owners and become another user.
pub fn can_isolate() -> Result<(), Missing> {
    if std::fs::metadata("/proc/self").map(|m| m.uid()).ok() != Some(0) {
        return Err(Missing("needs root, for a mount namespace".into()));
    }
    find("setpriv")?;
    let ran = run(Command::new(find("unshare")?).args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]));
    match ran.code {
        Some(0) => Ok(()),
        _ => Err(Missing(format!("no mount namespaces here: {}", ran.stderr.trim()))),
    }
}

/// The first `program` whose version is `wanted`: that version, and the folder.
fn versioned(
    program: &str,
    flag: &str,
    label: &str,
    wanted: impl Fn(&str) -> bool,
) -> Option<(String, PathBuf)> {
    FOLDERS.iter().filter(|folder| folder.join(program).is_file()).find_map(|folder| {
        let version = version(folder.join(program), flag, label)?;
        wanted(&version).then(|| (version, folder.clone()))
    })
}

/// What a program says of its version. Each is asked once.
fn version(program: PathBuf, flag: &str, label: &str) -> Option<String> {
    static TOLD: LazyLock<Mutex<HashMap<PathBuf, Option<String>>>> = LazyLock::new(Mutex::default);
    let ask = |program: &PathBuf| {
        let said = run(Command::new(program).arg(flag)).said();
        let version = said.lines().find_map(|line| line.trim().strip_prefix(label))?;
        Some(version.trim().to_owned())
    };
    TOLD.lock().unwrap().entry(program).or_insert_with_key(ask).clone()
}

/// Where programs are: on PATH, and then in the folders into which `tests/peers` puts newer versions than the
/// distribution installs. So both are found without a change of PATH.
static FOLDERS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&path).collect();
    if let Some(peers) = peers() {
        let items = std::fs::read_dir(&peers).into_iter().flatten().flatten();
        // What is being got has a hidden name.
        let is_complete = |item: &std::fs::DirEntry| !item.file_name().as_encoded_bytes().starts_with(b".");
        let mut complete: Vec<_> = items.filter(is_complete).map(|item| item.path()).collect();
        complete.sort();
        folders.push(peers);
        folders.extend(complete);
    }
    folders
});

/// The folder of `tests/peers`.
fn peers() -> Option<PathBuf> {
    let cache = || {
        let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
        Some(cache.join("etcdpki-peers"))
    };
    env::var_os("ETCDPKI_PEERS").map(PathBuf::from).or_else(cache)
}
