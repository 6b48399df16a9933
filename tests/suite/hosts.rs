//! Real hosts: Debian with systemd as process 1 and sshd, booted from one root file system, in a network of their own.
//!
//! Each trial gets a few hosts, as bare as they were booted, and the next trial gets the same. What a person would do
//! by ssh is done by ssh, word by word.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;

use self::machine::Machine;
use super::command::{Ran, Running, quoted, run, until};
use super::network::Network;
use super::product::Tree;
use super::programs::{self, Etcd, can_isolate, find};
use super::trial::{Missing, Outcome, trial_on_hosts};

mod bridges;
mod deploy;
mod fixtures;
mod folders;
mod image;
mod life;
mod machine;
mod packages;
mod printed;
mod race;
mod sandbox;
mod writer;

/// Long enough for an election on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The hosts and their addresses.
const HOSTS: [(&str, &str); 4] =
    [("host1", "10.77.0.1"), ("host2", "10.77.0.2"), ("host3", "10.77.0.3"), ("host4", "10.77.0.4")];

pub fn trials() -> Vec<Trial> {
    let trials = [
        sandbox::trials(),
        life::trials(),
        deploy::trials(),
        printed::trials(),
        folders::trials(),
        fixtures::trials(),
        packages::trials(),
        bridges::trials(),
        race::trials(),
    ];
    trials.into_iter().flatten().collect()
}

/// A trial on the hosts, with an etcd of a series.
fn on_hosts(
    name: &str,
    series: &'static str,
    test: impl FnOnce(&Hosts) -> Outcome + Send + 'static,
) -> Trial {
    let found = programs::etcd(series);
    let version = found.as_ref().map_or(series, |etcd| &etcd.version).to_owned();
    let name = format!("hosts::{version}::{name}");
    trial_on_hosts(name, move || with_hosts(&found?, test))
}

/// Hosts that no trial has at the moment.
static FREE: Mutex<Vec<Hosts>> = Mutex::new(Vec::new());

/// Why there are none.
static MISSING: OnceLock<Missing> = OnceLock::new();

fn with_hosts(etcd: &Etcd, test: impl FnOnce(&Hosts) -> Outcome) -> Outcome {
    if let Some(missing) = MISSING.get() {
        return Err(missing.clone());
    }
    let free = FREE.lock().unwrap().pop();
    let mut hosts = match free {
        Some(hosts) => hosts,
        None => Hosts::boot().map_err(|missing| MISSING.get_or_init(|| missing).clone())?,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        hosts.wipe(etcd);
        test(&hosts)
    }));
    match ended {
        Ok(outcome) => {
            FREE.lock().unwrap().push(hosts);
            outcome
        }
        // Nobody knows what the trial has left, so no other gets these hosts.
        Err(panic) => {
            eprintln!("{}", hosts.accounts());
            resume_unwind(panic)
        }
    }
}

/// Hosts that are on, and the machine from which somebody reaches them.
pub struct Hosts {
    machines: Vec<Machine>,
    etcd: Option<Etcd>,
    network: Network,
    home: PathBuf,
    remover: Running,
}

impl Hosts {
    fn boot() -> Result<Self, Missing> {
        can_isolate()?;
        for program in ["systemd-nspawn", "ssh", "rsync", "flock", "ip"] {
            find(program)?;
        }
        let image = image::image()?;
        let network = Network::of(&HOSTS.map(|(_, address)| address))?;
        let home = tempfile::Builder::new().prefix("etcdpki-hosts-").tempdir().unwrap().keep();
        let remover = remover(&home);
        reach(&home, &image, &network);
        let binds = match programs::etcd("3.5") {
            Ok(etcd) => format!("--bind-ro={}:{LIBRARY}/etcd-3.5", etcd.etcd.display()),
            Err(_) => String::new(),
        };
        let machines = HOSTS.map(|host| Machine::new(&home, &image, &network, host, &binds));
        let hosts = Self { machines: machines.into(), etcd: None, network, home, remover };
        hosts.on_each(Machine::switch_on);
        // Nothing of the product is on them yet.
        let booted: Result<(), String> =
            hosts.on_each(|machine| machine.try_boot(None)).into_iter().collect();
        booted.map_err(Missing)?;
        Ok(hosts)
    }
}

/// Removes a folder when this process ends, and no host uses it any more.
fn remover(home: &Path) -> Running {
    fs::write(home.join("lock"), "").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"cat > /dev/null; flock "$0/lock" rm -rf --one-file-system "$0""#]).arg(home);
    Running::spawn(command.stdin(Stdio::piped()))
}

/// Where programs are.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where the hosts keep the versions of etcd.
const LIBRARY: &str = "/usr/local/lib";

/// Makes the program `ssh` that somebody has who reaches the hosts from their network, with its settings.
fn reach(home: &Path, image: &Path, network: &Network) {
    let config = home.join("ssh_config");
    let key = image.join(image::KEY);
    let settings = format!(
        "Host *\n User root\n IdentityFile \"{}\"\n IdentitiesOnly yes\n UserKnownHostsFile \"{}\"\n \
         StrictHostKeyChecking accept-new\n ConnectTimeout 5\n LogLevel ERROR\n",
        key.display(),
        home.join("known_hosts").display(),
    );
    fs::write(&config, settings).unwrap();
    fs::create_dir(home.join("bin")).unwrap();
    let ssh = find("ssh").expect("it was found before");
    let script = format!(
        "#!/bin/sh\nexec nsenter --net={} -- {} -F {} \"$@\"\n",
        network.namespace(None).display(),
        ssh.display(),
        quoted(config.to_str().unwrap())
    );
    fs::write(home.join("bin/ssh"), script).unwrap();
    fs::set_permissions(home.join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.machines.clear();
        drop(self.remover.0.stdin.take());
        // It removes the folders that are not in use any more.
        until(PATIENCE, || self.remover.0.try_wait().unwrap());
    }
}

/// Leaves nothing of a trial on a host.
const WIPE: &str = r#"
for unit in $(systemctl list-units --all --plain --no-legend "etcd*" | cut -d " " -f 1); do
    systemctl kill --signal=KILL "$unit" 2> /dev/null || true
    systemctl stop "$unit"
done
rm -rf /etc/systemd/system/etcd* /etc/systemd/system/multi-user.target.wants/etcd* \
    /etc/etcd* /opt/* /srv/* /mnt/* /data /home/etcd /run/etcd* /tmp/etcd /usr/local/etcd /var/lib/etcd* \
    /var/log/etcd* /var/tmp/etcd
systemctl daemon-reload
systemctl reset-failed
cmp -s "$etcd" /usr/bin/etcd || install -m 0755 "$etcd" /usr/bin/etcd
"#;

impl Hosts {
    /// Makes the hosts bare again, but for a version of etcd.
    fn wipe(&mut self, etcd: &Etcd) {
        self.etcd = Some(etcd.clone());
        for machine in self.machines.iter().filter(|machine| !machine.is_on()) {
            machine.switch_on();
            machine.wait_until_booted(None);
        }
        self.on_each(|machine| self.wipe_one(machine));
    }

    fn wipe_one(&self, machine: &Machine) {
        let series = if self.etcd().version.starts_with("3.4.") { "3.4" } else { "3.5" };
        machine.shell(&format!("set -eu\netcd={LIBRARY}/etcd-{series}\n{WIPE}")).ok();
    }

    /// Gives a host one more address, and the clients one beside it.
    fn add_address(&self, which: usize, address: &str) {
        let (first, _) = address.split_once('.').unwrap();
        let here =
            [(Some(HOSTS[which].1), "eth0", address), (None, "hosts", &format!("{first}.254.254.254"))];
        for (host, link, address) in here {
            // It may have it already.
            let add = format!(
                "ip addr add {address}/8 dev {link} 2> /dev/null; ip addr show dev {link} to {address}"
            );
            let mut command = Command::new("sh");
            command.args(["-c", &add]).env("PATH", PATH);
            assert_ne!(run(&mut self.network.on(host, command)).ok().stdout, "", "{address}");
        }
    }

    /// Does something with each host, all at once.
    fn on_each<T: Send>(&self, work: impl Fn(&Machine) -> T + Sync) -> Vec<T> {
        self.on_some(self.machines.len(), work)
    }

    /// Does something with each of the first hosts, all at once.
    fn on_some<T: Send>(&self, count: usize, work: impl Fn(&Machine) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let threads: Vec<_> =
                self.machines[..count].iter().map(|machine| scope.spawn(|| work(machine))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    fn etcd(&self) -> &Etcd {
        self.etcd.as_ref().expect("a trial has begun")
    }

    /// A shell of whoever reaches the hosts, with `ssh`, `rsync` and `etcdctl`.
    fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-euc", script]);
        run(&mut self.outside(command))
    }

    /// `deploy.sh` of a tree.
    fn deploy(&self, tree: &Tree, arguments: &[&str]) -> Ran {
        let mut command = Command::new(tree.path("deploy.sh"));
        // The suite waits for no program longer than 180 s, and this one is to say what is wrong.
        command.args(["--timeout", "150"]).args(arguments);
        run(&mut self.outside(command))
    }

    fn outside(&self, mut command: Command) -> Command {
        let etcdctl = self.etcd().etcdctl.parent().unwrap();
        let path = std::env::join_paths([&self.home.join("bin"), etcdctl].map(Path::as_os_str)).unwrap();
        let mut path = path.into_string().unwrap();
        path.push(':');
        path.push_str(PATH);
        command.env_clear().env("PATH", path).env("HOME", &self.home);
        self.network.on(None, command)
    }

    /// Waits until every member of a description is healthy.
    #[track_caller]
    fn wait_until_healthy(&self, tree: &Tree) {
        let mut last = None;
        let healthy = until(PATIENCE, || {
            let ran = self.etcdctl(tree, "endpoint health");
            let is_healthy = ran.code == Some(0);
            last = Some(ran);
            is_healthy.then_some(())
        });
        assert!(healthy.is_some(), "not healthy in time: {}", last.unwrap());
    }

    /// etcdctl as the client `root`.
    fn etcdctl(&self, tree: &Tree, arguments: &str) -> Ran {
        let folder = quoted(tree.path("clients/root").to_str().unwrap());
        self.shell(&format!("cd {folder}; . ./etcdctl.env; etcdctl {arguments}"))
    }

    /// What systemd and etcd say on each host, for whoever reads why a trial failed.
    fn accounts(&self) -> String {
        let script =
            "systemctl status --no-pager --lines=0 etcd; journalctl --no-pager --unit=etcd --lines=12";
        let on = |machine: &Machine| match machine.is_on() {
            true => format!("{}:\n{}", machine.name, machine.shell(script).said()),
            false => format!("{} is off", machine.name),
        };
        self.on_each(on).join("\n")
    }
}
