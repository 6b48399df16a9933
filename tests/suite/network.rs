//! Networks that are not this machine's: what listens there takes no port of this machine, and nobody here is in
//! its way.
//!
//! A test with servers has a network namespace with nothing but the loopback interface. Where a description names
//! addresses of its own there are hosts with them: each is a network namespace, and all are connected by a bridge in
//! another one. All of it is gone when the processes end that are in it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::Uid;

use super::command::{Running, run};
use super::programs::find;
use super::trial::Missing;

/// The network namespace of this process, in which no test starts a server.
static OF_THIS_MACHINE: LazyLock<PathBuf> = LazyLock::new(|| fs::read_link("/proc/self/ns/net").unwrap());

/// Takes this thread, and the processes that it starts from now on, into a network namespace of their own.
pub fn enter() -> Result<(), Missing> {
    LazyLock::force(&OF_THIS_MACHINE);
    let ip = find("ip")?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| Missing(format!("no network namespaces here: {}", error.desc())))?;
    run(Command::new(ip).args(["link", "set", "lo", "up"])).ok();
    Ok(())
}

/// Panics where a server would take a port of this machine.
#[track_caller]
pub fn assert_own() {
    let here = fs::read_link("/proc/thread-self/ns/net").unwrap();
    assert_ne!(here, *OF_THIS_MACHINE, "no network namespace of its own: it is to be a trial_with_servers");
}

/// Only root makes network namespaces. Any other user may have a user namespace with the right to make them, and
/// this process starts again in one, unless that is denied too.
pub fn let_everybody_enter() {
    const MARK: &str = "ETCDPKI_SUITE_IN_USER_NAMESPACE";
    if Uid::effective().is_root() || env::var_os(MARK).is_some() {
        return;
    }
    // With these alone, files are as closed as before.
    let only = "-all,+net_admin,+sys_admin";
    let inside = |program: PathBuf| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-current-user", "--keep-caps", "setpriv"]);
        command.args(["--inh-caps", "--ambient-caps", "--bounding-set"].map(|set| format!("{set}={only}")));
        command.arg("--").arg(program).env(MARK, "");
        command
    };
    if let (Ok(_), Ok(_), Ok(program)) = (find("unshare"), find("setpriv"), find("true"))
        && run(&mut inside(program)).code == Some(0)
    {
        let error = inside(env::current_exe().unwrap()).args(env::args_os().skip(1)).exec();
        eprintln!("not in a user namespace: {error}");
    }
}

pub struct Network {
    holder: Running,
    nsenter: PathBuf,
}

impl Network {
    /// A host for each of some IPv4 addresses, which have the first octet in common, and one more beside them
    /// for clients.
    pub fn of(hosts: &[&str]) -> Result<Self, Missing> {
        let (ip, nsenter) = (find("ip")?, find("nsenter")?);
        let ip = ip.display();
        let mut script = format!(
            "mount -t tmpfs tmpfs /run
            {ip} link set lo up
            {ip} link add hosts type bridge
            {ip} link set hosts up
            {ip} addr add {}.254.254.254/8 dev hosts\n",
            hosts[0].split_once('.').unwrap().0
        );
        for (number, address) in hosts.iter().enumerate() {
            script += &format!(
                "{ip} netns add {address}
                {ip} link add host{number} type veth peer name eth0 netns {address}
                {ip} link set host{number} master hosts up
                {ip} -n {address} addr add {address}/8 dev eth0
                {ip} -n {address} link set eth0 up
                {ip} -n {address} link set lo up\n"
            );
        }
        // The end of the standard input is this process's own.
        script += "echo ready; exec cat";
        let mut command = Command::new(find("unshare")?);
        command.args(["-mn", "sh", "-euc", &script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut holder = Running::spawn(&mut command);
        let mut said = String::new();
        BufReader::new(holder.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said.trim() != "ready" {
            return Err(Missing("no bridges between network namespaces here".into()));
        }
        Ok(Self { holder, nsenter })
    }

    /// A command as if it were given on the host with an address; `None` is the clients'. It must have an
    /// environment of its own, without this process's.
    pub fn on(&self, host: Option<&str>, command: Command) -> Command {
        let mut inside = Command::new(&self.nsenter);
        inside.arg(format!("--net={}", self.namespace(host).display())).arg("--");
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// The network namespace of the host with an address, or of the clients, as a file.
    pub fn namespace(&self, host: Option<&str>) -> PathBuf {
        let process = PathBuf::from(format!("/proc/{}", self.holder.0.id()));
        match host {
            Some(address) => process.join("root/run/netns").join(address),
            None => process.join("ns/net"),
        }
    }
}
