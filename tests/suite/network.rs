//! A network of hosts with addresses of their own, as a description names them.
//!
//! Each host is a network namespace, and all are connected by a bridge in another one. None of it reaches this
//! machine's network or is reached from there, and all of it is gone when the process ends that holds it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::command::Running;
use super::programs::find;
use super::trial::Missing;

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
