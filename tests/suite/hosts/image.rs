//! The root file system of all hosts: a small Debian with systemd, sshd and the distribution's etcd. It is made once and
//! kept in the user's cache.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::suite::command::{Running, until};
use crate::suite::programs::find;
use crate::suite::trial::Missing;

const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,openssh-server,rsync,iproute2,etcd-server,etcd-client,procps,sudo,python3";

/// etcd of the package does not start by itself, and neither does what a host without a console and without the
/// Internet has no use for. `admin` can become root without a password. Everybody who can read the key may log in: the
/// hosts are only reached from the network that the suite makes for them.
const CHANGES: [&str; 6] = [
    r#"rm -f "$1/etc/systemd/system/multi-user.target.wants/etcd.service""#,
    r#"cp "$1/usr/bin/etcd" "$1/usr/local/lib/etcd-3.4""#,
    r#"for unit in console-getty.service getty-static.service systemd-logind.service apt-daily.timer \
        apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
        ln -sf /dev/null "$1/etc/systemd/system/$unit"
    done"#,
    r#"chroot "$1" useradd --create-home --shell /bin/bash admin"#,
    r#"echo "admin ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/admin" && chmod 0440 "$1/etc/sudoers.d/admin""#,
    r#"chroot "$1" sh -euc 'for user in root admin; do
        home=$(getent passwd "$user" | cut -d: -f6)
        install -d -m 0700 -o "$user" -g "$user" "$home/.ssh"
        test "$user" != root || ssh-keygen -q -t ed25519 -N "" -C suite -f /root/.ssh/id_ed25519
        install -m 0600 -o "$user" -g "$user" /root/.ssh/id_ed25519.pub "$home/.ssh/authorized_keys"
    done'"#,
];

/// It takes 24 seconds, and more where the packages come from far away.
const PATIENCE: Duration = Duration::from_secs(900);

/// The key with which one may log in as root or as admin, in the root file system.
pub const KEY: &str = "root/.ssh/id_ed25519";

/// The folder of the root file system, which nobody may write to.
pub fn image() -> Result<PathBuf, Missing> {
    let mmdebstrap = find("mmdebstrap")?;
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let says =
        |key: &str| release.lines().find_map(|line| line.strip_prefix(key)).map(|v| v.trim_matches('"'));
    let (Some("debian"), Some(suite)) = (says("ID="), says("VERSION_CODENAME=")) else {
        return Err(Missing("hosts are made from the packages of a Debian, and this machine is none".into()));
    };
    let sources = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
    let Some(sources) = sources.into_iter().find(|file| Path::new(file).is_file()) else {
        return Err(Missing(format!("no {}", sources.join(" and no "))));
    };
    let cache = cache().ok_or_else(|| Missing("neither XDG_CACHE_HOME nor HOME is set".into()))?;
    fs::create_dir_all(&cache).map_err(|e| Missing(format!("{}: {e}", cache.display())))?;
    let mut recipe = DefaultHasher::new();
    (PACKAGES, CHANGES, suite).hash(&mut recipe);
    let image = cache.join(format!("{:016x}", recipe.finish()));
    let lock = File::options().create(true).append(true).open(cache.join("lock")).unwrap();
    lock.lock().unwrap();
    if image.is_dir() {
        return Ok(image);
    }
    let unfinished = image.with_extension("new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).unwrap();
    }
    let mut make = Command::new(mmdebstrap);
    make.args(["--quiet", "--variant=apt", "--include", PACKAGES]);
    make.args(CHANGES.iter().map(|change| format!("--customize-hook={change}")));
    let said = image.with_extension("log");
    let log = File::create(&said).unwrap();
    make.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut making = Running::spawn(make.arg(suite).arg(&unfinished).arg(sources));
    let ended = until(PATIENCE, || making.0.try_wait().unwrap());
    if !ended.is_some_and(|status| status.success()) {
        return Err(Missing(format!("mmdebstrap makes no root file system here: {}", said.display())));
    }
    fs::rename(&unfinished, &image).unwrap();
    Ok(image)
}

fn cache() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
    Some(cache.join("etcdpki-hosts"))
}
