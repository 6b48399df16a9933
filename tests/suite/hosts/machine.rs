//! One host: systemd as process 1 and sshd, in namespaces of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::suite::command::{Ran, Running, run, until};
use crate::suite::network::Network;

/// How long a host may take to boot on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Boots the host and lets it run until the standard input ends.
///
/// systemd tracks its services by control groups, so each host needs one of its own: in a shared one it would find the
/// others' processes. On a machine that has both versions of control groups, systemd-nspawn takes the path from the
/// hierarchy of version 1. `ip netns exec` would hide all of them. When the process that reads the standard input ends,
/// the kernel ends all processes of its namespace. After a reboot systemd-nspawn ends with status 133 and has to be
/// started again (systemd-nspawn(1), `--keep-unit`).
const RUN: &str = r#"
trap 'echo "the host is off"' EXIT
exec 8< "$FOLDER/../lock"
flock -s 8
mount -t overlay -o "lowerdir=$IMAGE,upperdir=$FOLDER/upper,workdir=$FOLDER/work" overlay "$FOLDER/root"
mount --bind "$NETWORK" "$FOLDER/network"
echo "$NAME" > "$FOLDER/root/etc/hostname"
printf "127.0.0.1 localhost\n::1 localhost\n" > "$FOLDER/root/etc/hosts"
: > "$FOLDER/root/etc/resolv.conf"
groups=
for base in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if test -w "$base/cgroup.procs"; then
        mkdir -p "$base/$GROUP"
        groups="$groups $base/$GROUP"
    fi
done
unshare --pid --fork --kill-child --mount-proc sh -euc '
    (
        for group in $1; do echo 0 > "$group/cgroup.procs"; done
        status=133
        while test "$status" = 133; do
            status=0
            systemd-nspawn --quiet --directory="$FOLDER/root" --boot --register=no --keep-unit --link-journal=no \
                --resolv-conf=off --timezone=off --network-namespace-path="$FOLDER/network" \
                --machine="$GROUP" --hostname="$NAME" $BINDS || status=$?
        done
        echo "systemd-nspawn has ended with status $status"
    ) < /dev/null >> "$FOLDER/console" 2>&1 &
    exec cat > /dev/null
' sh "$groups"
for group in $groups; do find "$group" -depth -type d -exec rmdir {} +; done
"#;

/// How the console ends of a host that ends by itself.
const ENDS: [&str; 2] = ["systemd-nspawn has ended", "the host is off"];

pub struct Machine {
    pub name: String,
    pub address: String,
    /// Everything that is this host's on the disk.
    folder: PathBuf,
    image: PathBuf,
    network: PathBuf,
    binds: String,
    ssh: PathBuf,
    runner: Mutex<Option<Running>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.is_on() {
            self.pull_the_plug();
        }
    }
}

impl Machine {
    pub fn is_on(&self) -> bool {
        self.runner.lock().unwrap().is_some()
    }

    /// Begins to boot.
    pub fn switch_on(&self) {
        let mut runner = self.runner.lock().unwrap();
        assert!(runner.is_none(), "{} is on", self.name);
        // The folder of these hosts has a name of its own.
        let all = self.folder.parent().and_then(Path::file_name).unwrap().to_string_lossy();
        let group = format!("{all}-{}", self.name);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", RUN]).env("IMAGE", &self.image).env("FOLDER", &self.folder);
        command.env("NETWORK", &self.network).env("GROUP", group).env("NAME", &self.name);
        command.env("BINDS", &self.binds).stdin(Stdio::piped());
        let console = File::create(self.console()).unwrap();
        command.stdout(console.try_clone().unwrap()).stderr(console);
        *runner = Some(Running::spawn(&mut command));
    }

    /// Takes the electricity away: no process on the host can do anything more.
    pub fn pull_the_plug(&self) {
        let mut runner = self.runner.lock().unwrap().take().unwrap_or_else(|| panic!("{} is off", self.name));
        drop(runner.0.stdin.take());
        until(PATIENCE, || runner.0.try_wait().unwrap()).unwrap_or_else(|| panic!("{} goes on", self.name));
    }
}

impl Machine {
    pub fn new(
        home: &Path,
        image: &Path,
        network: &Network,
        (name, address): (&str, &str),
        binds: &str,
    ) -> Self {
        let folder = home.join(name);
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        for file in ["network", "console"] {
            File::create(folder.join(file)).unwrap();
        }
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            image: image.to_owned(),
            network: network.namespace(Some(address)),
            binds: binds.to_owned(),
            ssh: home.join("bin/ssh"),
            folder,
            runner: Mutex::new(None),
        }
    }

    pub fn console(&self) -> PathBuf {
        self.folder.join("console")
    }
}
impl Machine {
    /// A script on the host, by ssh as root.
    pub fn shell(&self, script: &str) -> Ran {
        self.shell_as("root", script)
    }

    pub fn shell_as(&self, user: &str, script: &str) -> Ran {
        let mut ssh = Command::new(&self.ssh);
        run(ssh.arg(format!("{user}@{}", self.address)).arg("--").arg(script))
    }

    /// Waits until the host has booted, after another boot or for the first time.
    #[track_caller]
    pub fn wait_until_booted(&self, before: Option<&str>) {
        self.try_boot(before).unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// Waits until the host has booted, or says why it does not.
    pub fn try_boot(&self, before: Option<&str>) -> Result<(), String> {
        let booted = until(PATIENCE, || {
            let console = fs::read_to_string(self.console()).unwrap_or_default();
            if ENDS.iter().any(|end| console.contains(end)) {
                return Some(Err(format!("{} does not boot: {}", self.name, console.trim())));
            }
            let ran = self.shell(BOOT);
            (ran.code == Some(0) && before != Some(&ran.stdout)).then_some(Ok(()))
        });
        booted.unwrap_or_else(|| Err(format!("{} does not answer", self.name)))?;
        // A unit that fails is the business of whoever asks for it.
        self.shell("systemctl is-system-running --wait");
        Ok(())
    }

    /// What the kernel calls this boot.
    pub fn boot(&self) -> String {
        self.shell(BOOT).ok().stdout
    }
}

/// Prints what the kernel calls this boot.
const BOOT: &str = "cat /proc/sys/kernel/random/boot_id";
