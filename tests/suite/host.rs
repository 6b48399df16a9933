//! A host on which a node's folder was unpacked, as far as one machine can play several.
//!
//! It is a mount namespace of its own: `/etc` is this machine's with the node's files laid over it, and so are other
//! folders that the node has; `/var/lib` and `/srv` are empty. Nothing of it is
//! visible outside, and all of it is gone when the last process inside ends; but what is in the last two stays for the
//! next.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::command::{quoted, run};
use super::programs::{can_isolate, find};
use super::systemd::{CommandLine, Unit, environment_file};
use super::trial::Missing;

/// systemd's own default.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The unit of Debian's package.
pub const PACKAGED_UNIT: &str = "/lib/systemd/system/etcd.service";

pub struct Host {
    /// The node's folder.
    overlay: PathBuf,
    scratch: TempDir,
}

impl Host {
    pub fn of(overlay: &Path) -> Result<Self, Missing> {
        can_isolate()?;
        let scratch = tempfile::tempdir().unwrap();
        for folder in ["root", "lib", "srv"] {
            std::fs::create_dir(scratch.path().join(folder)).unwrap();
        }
        Ok(Self { overlay: overlay.to_owned(), scratch })
    }

    /// The unit that the node's folder brings, or this machine's own with the drop-in of the folder over it.
    pub fn unit(&self) -> Unit {
        let parse = |path: PathBuf| {
            Unit::parse(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        };
        let units = self.overlay.join("etc/systemd/system");
        match units.join("etcd.service.d/10-etcdpki.conf") {
            drop_in if drop_in.is_file() => parse(PACKAGED_UNIT.into()).with(parse(drop_in)),
            _ => parse(units.join("etcd.service")),
        }
    }

    /// A shell script on this host.
    pub fn script(&self, script: &str) -> Result<Command, Missing> {
        // Copying is what an administrator does with the node's folder: its modes reach the host too.
        let prelude = "
            umask 022
            mount -t tmpfs -o mode=0755 tmpfs \"$SCRATCH/root\"
            mkdir -p \"$SCRATCH/root/over/etc\"
            cp -a \"$OVERLAY/.\" \"$SCRATCH/root/over/\"
            [ -e \"$PROGRAM\" ] || install -D -m 0755 /dev/null \"$SCRATCH/root/over$PROGRAM\"
            for folder in \"$SCRATCH/root/over\"/*; do
                name=\"${folder##*/}\"
                mkdir \"$SCRATCH/root/work-$name\"
                mount -t overlay -o \"lowerdir=/$name,upperdir=$folder,workdir=$SCRATCH/root/work-$name\" \\
                    overlay \"/$name\"
            done
            mount --bind \"$SCRATCH/lib\" /var/lib
            mount --bind \"$SCRATCH/srv\" /srv
            unset SCRATCH OVERLAY PROGRAM folder name
            cd /
            ";
        let mut command = Command::new(find("unshare")?);
        command.args(["-m", "sh", "-euc"]).arg(format!("{prelude}\n{script}"));
        command
            .env_clear()
            .env("PATH", PATH)
            .env("SCRATCH", self.scratch.path())
            .env("OVERLAY", &self.overlay)
            .env("PROGRAM", "/bin/sh");
        Ok(command)
    }

    /// The service, started as systemd would: the unit's `ExecStartPre=` and `ExecStart=`, its user, its
    /// environment file and nothing else in the environment. The process that this starts becomes etcd.
    pub fn service(&self, etcd: &Path) -> Result<Command, Missing> {
        let unit = self.unit();
        let user = unit.one("Service", "User");
        let (user, group) = match user_exists(user) {
            true => (user, unit.all("Service", "Group").first().copied().unwrap_or(user)),
            false => ("root", "root"),
        };
        let capabilities = match unit.all("Service", "AmbientCapabilities").as_slice() {
            [] | [""] => String::from("--inh-caps=-all --bounding-set=-all"),
            [one] => {
                let one = one.strip_prefix("CAP_").unwrap().to_lowercase();
                // Only a user who is not root loses the others by changing to it.
                format!("--inh-caps=-all,+{one} --ambient-caps=-all,+{one} --bounding-set=-all,+{one}")
            }
            more => panic!("not known here: {more:?}"),
        };
        let as_user =
            format!("setpriv --reuid={user} --regid={group} --clear-groups {capabilities} --no-new-privs");
        // StateDirectory= comes before ExecStartPre=.
        let mut script = String::new();
        let states = unit.all("Service", "StateDirectory");
        for folder in states.iter().flat_map(|folders| folders.split_whitespace()) {
            let folder = quoted(&format!("/var/lib/{folder}"));
            script += &format!("mkdir -p {folder}; chown {user}:{group} {folder}; chmod 0700 {folder}\n");
        }
        // Each command, also one with `+`, gets a mount namespace first, and none without the folders that it is to
        // write to (systemd 252; systemd.exec(5), `ReadWritePaths=`).
        let written = unit.all("Service", "ReadWritePaths");
        let required =
            written.iter().flat_map(|paths| paths.split_whitespace()).filter(|p| !p.starts_with('-'));
        for path in required.map(quoted) {
            script += &format!("[ -e {path} ] || {{ echo no {path}: 226/NAMESPACE >&2; exit 226; }}\n");
        }
        script += "umask 0077\n";
        for line in unit.all("Service", "ExecStartPre").into_iter().map(CommandLine::parse) {
            let identity = if line.privileged { "" } else { &as_user };
            let unless = if line.may_fail { " || true" } else { "" };
            script += &format!("{identity} {}{unless}\n", in_shell(&line.words));
        }
        let start = CommandLine::parse(unit.one("Service", "ExecStart"));
        script += &format!("mount --bind {} {}\n", quoted(etcd.to_str().unwrap()), quoted(&start.words[0]));
        // The last defence against a suite that is killed: its services end with it.
        script += &format!("exec {as_user} --pdeathsig=KILL {}", in_shell(&start.words));

        let mut command = self.script(&script)?;
        // What another version is mounted over.
        command.env("PROGRAM", &start.words[0]);
        for assignment in unit.all("Service", "Environment") {
            let (key, value) = assignment.split_once('=').unwrap();
            assert!(!value.contains(['"', '\'', '\\', '%', '$', ' ']), "not known here: {assignment}");
            command.env(key, value);
        }
        for file in unit.all("Service", "EnvironmentFile") {
            let file = std::fs::read_to_string(self.overlay.join(file.trim_start_matches('/'))).unwrap();
            command.envs(environment_file(&file));
        }
        Ok(command)
    }
}

fn in_shell(words: &[String]) -> String {
    words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")
}

/// Whether this machine knows the user.
pub fn user_exists(name: &str) -> bool {
    run(Command::new("id").args(["-u", name])).code == Some(0)
}
