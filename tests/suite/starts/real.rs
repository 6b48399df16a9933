//! One start of a real etcd, until it is ready or has ended.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pki_core::etcd::EtcdVersion;
use pki_core::etcd::start::FoundUrl;

use super::ANSWERING;
use super::case::Case;
use crate::suite::command::{Running, server};
use crate::suite::programs::Etcd;

/// What neither starts nor ends in that time does neither.
const LIMIT: Duration = Duration::from_secs(40);

pub struct Run {
    pub outcome: Outcome,
    /// The end of what it said.
    pub log: String,
}

pub enum Outcome {
    /// It ended before it was ready.
    Refused,
    /// It is ready and listens on these sockets.
    Started(Vec<Socket>),
    Neither,
}

/// A socket that is listened on; the address is missing for any address.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket(Option<IpAddr>, u16);

impl Socket {
    pub fn of(url: &FoundUrl) -> Option<Self> {
        let address = match url.host.as_str() {
            "localhost" => IpAddr::from(Ipv4Addr::LOCALHOST),
            host => host.parse::<IpAddr>().ok()?.to_canonical(),
        };
        Some(Self::at(address, url.port?))
    }

    fn at(address: IpAddr, port: u16) -> Self {
        Self(Some(address).filter(|address| !address.is_unspecified()), port)
    }

    pub fn has_port(&self) -> bool {
        self.1 != 0
    }

    /// An address at which it answers.
    fn reached(&self) -> SocketAddr {
        SocketAddr::new(self.0.unwrap_or(Ipv4Addr::LOCALHOST.into()), self.1)
    }
}

pub fn run(etcd: &Etcd, case: &Case) -> Run {
    let place = if fs::metadata("/dev/shm").is_ok() { "/dev/shm" } else { "/tmp" };
    let folder = tempfile::tempdir_in(place).unwrap();
    if let Some(text) = &case.config {
        fs::write(folder.path().join("etcd.yaml"), text).unwrap();
    }
    let (log, ready) = (folder.path().join("log"), folder.path().join("ready"));
    let notified = UnixDatagram::bind(&ready).unwrap();
    notified.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let output = File::create(&log).unwrap();
    let mut command = server(&etcd.etcd);
    command.args(&case.arguments).env_clear().envs(case.environment.iter().cloned());
    command.env("PATH", "/usr/bin:/bin").env("NOTIFY_SOCKET", &ready).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut running = Running::spawn(&mut command);
    let version = EtcdVersion::parse(&etcd.version).unwrap();
    let outcome = watch(&mut running, &notified, case, version);
    running.kill();
    let said = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let lines: Vec<&str> =
        said.lines().filter(|line| !line.contains("stacktrace") || line.len() < 3000).collect();
    let end = lines.iter().rev().take(6).rev().map(|line| line.chars().take(400).collect::<String>());
    Run { outcome, log: end.collect::<Vec<_>>().join("\n") }
}

fn watch(running: &mut Running, notified: &UnixDatagram, case: &Case, version: EtcdVersion) -> Outcome {
    let began = Instant::now();
    let mut has_ended = || running.0.try_wait().unwrap().is_some();
    let mut message = [0; 256];
    loop {
        if has_ended() {
            return Outcome::Refused;
        }
        if notified.recv(&mut message).is_ok() {
            break;
        }
        if began.elapsed() > LIMIT {
            return Outcome::Neither;
        }
    }
    // It says that it is ready before it has looked at all files and options of its client ports.
    let start = case.model(version);
    let urls = ANSWERING.iter().flat_map(|service| start.listens(*service));
    let sockets: BTreeSet<Socket> = urls
        .filter(|url| url.scheme.starts_with("http"))
        .filter_map(Socket::of)
        .filter(Socket::has_port)
        .collect();
    for socket in &sockets {
        // What is dying may still answer once.
        let mut answers = 0;
        while answers < 2 {
            if has_ended() {
                return Outcome::Refused;
            }
            if began.elapsed() > LIMIT {
                return Outcome::Neither;
            }
            answers = if answer(socket) { answers + 1 } else { 0 };
        }
    }
    if has_ended() { Outcome::Refused } else { Outcome::Started(listening()) }
}

/// Whether somebody answers at a socket, whatever it says.
fn answer(socket: &Socket) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&socket.reached(), Duration::from_secs(1)) else {
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    if stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").is_err() {
        return false;
    }
    stream.read(&mut [0; 64]).is_ok()
}

/// All sockets that are listened on in the network of this thread (proc_net_tcp(5)).
fn listening() -> Vec<Socket> {
    let mut sockets = BTreeSet::new();
    for file in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, "0A", ..] = fields.as_slice() else { continue };
            let (address, port) = local.split_once(':').unwrap();
            sockets.insert(Socket::at(read(address), u16::from_str_radix(port, 16).unwrap()));
        }
    }
    sockets.into_iter().collect()
}

/// An address as the kernel writes it: words of 32 bits in the order of this machine.
fn read(hex: &str) -> IpAddr {
    let words = (0..hex.len() / 8).map(|word| u32::from_str_radix(&hex[word * 8..][..8], 16).unwrap());
    let bytes: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Ipv4Addr::from(four).into(),
        Err(_) => {
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).unwrap())).to_canonical()
        }
    }
}
