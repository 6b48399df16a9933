//! `cluster renew` on members that run, while others connect.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use serde_json::Value;

use super::command::{Ran, quoted, run};
use super::live::{Cluster, all_on_each_etcd};
use super::observe::{healthy, observe, until_it_ends_with};
use super::product::etcdpki;
use super::programs::Etcd;
use super::trial::{Outcome, named};

pub fn trials() -> Vec<Trial> {
    all_on_each_etcd(&named![
        all_are_renewed_and_no_handshake_fails,
        who_has_another_key_gets_no_certificate,
        what_was_stopped_goes_on
    ])
}

/// How often all certificates are renewed.
fn rounds() -> u32 {
    std::env::var("ETCDPKI_RENEWALS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn renew(cluster: &Cluster, more: &[&str]) -> (Ran, Value) {
    let mut command = etcdpki(["cluster", "renew", "--json", "--timeout", "20s"]);
    command.arg(&cluster.tree.root).arg("-f").arg(&cluster.tree.description).args(more);
    let ran = run(&mut command);
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    (ran, report)
}

/// Runs what is to be run on the host of a member where its process sees its files.
fn exec(cluster: &Cluster) -> String {
    let names = cluster.members.iter().map(|member| member.name.as_str());
    let cases = names.zip(pids(cluster)).map(|(name, pid)| format!("{name}) pid={pid};; "));
    let cases: String = cases.collect();
    format!("--exec=case {{name}} in {cases}esac; nsenter -t $pid -m sh -c {{command}}")
}

/// A file of the host on which a process runs.
fn on_host(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/root/etc/etcd/pki/{name}"))
}

/// Threads that make handshakes with every member, as the client root, until they are stopped.
pub struct Handshakes {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU32>,
    threads: Vec<thread::JoinHandle<Result<(), String>>>,
}

impl Handshakes {
    pub fn start(cluster: &Cluster) -> Self {
        Self::with(cluster, false)
    }

    /// Handshakes while members restart: one that is away, or hangs up as it ends, has not failed.
    pub fn start_through_restarts(cluster: &Cluster) -> Self {
        Self::with(cluster, true)
    }

    fn with(cluster: &Cluster, may_be_away: bool) -> Self {
        let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let config = Arc::new(config(cluster));
        let threads = cluster.members.iter().map(|member| {
            let (stop, made, config) = (stop.clone(), made.clone(), config.clone());
            let address = member.address.clone();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match handshake(&address, &config) {
                        Ok(()) => drop(made.fetch_add(1, Ordering::Relaxed)),
                        // What TLS refuses has another kind.
                        Err(error) if may_be_away && error.kind() != io::ErrorKind::InvalidData => {
                            thread::yield_now();
                        }
                        Err(error) => return Err(format!("{address}: {error}")),
                    }
                }
                Ok(())
            })
        });
        let threads = threads.collect();
        Self { stop, made, threads }
    }

    /// How many there were; a panic if one has failed.
    #[track_caller]
    pub fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
        self.made.load(Ordering::Relaxed)
    }
}

fn config(cluster: &Cluster) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cluster.tree.path("ca/client-ca.pem")).unwrap()).unwrap();
    let chain = CertificateDer::from_pem_file(cluster.tree.path("clients/root/client.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(cluster.tree.path("clients/root/client-key.pem")).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = builder.with_client_auth_cert(vec![chain], key).unwrap();
    // Each handshake is a full one.
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A full handshake, and an answer: in TLS 1.3 only that shows that the member has accepted the certificate.
fn handshake(address: &str, config: &Arc<ClientConfig>) -> io::Result<()> {
    let mut tcp = TcpStream::connect((address, 2379))?;
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let name = ServerName::try_from(address.to_owned()).unwrap();
    let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut tls, &mut tcp);
    let request = format!("GET /version HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    let is_right = (answer == *b"HTTP/1.1 200").then_some(());
    is_right.ok_or_else(|| io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
}

/// Of each member: its name, its process, and the serial numbers that its ports show.
fn shown(cluster: &Cluster) -> Vec<(String, String, String, String)> {
    let (_, seen) = observe(cluster, &[]);
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{seen}")).to_owned();
    let members = seen["members"].as_array().unwrap().iter();
    let one = |member: &Value| {
        let serial = |port: &str| text(&member[port]["serial"]);
        (text(&member["name"]), text(&member["started"]), serial("client"), serial("peer"))
    };
    members.map(one).collect()
}

fn recorded(cluster: &Cluster, certificate: &str) -> String {
    let record: Value = serde_json::from_str(&cluster.tree.read("cluster.lock.json")).unwrap();
    let mut all = record["certificates"].as_array().unwrap().iter();
    let one = all.find(|one| one["certificate"] == certificate).unwrap();
    one["serial"].as_str().unwrap().to_owned()
}

fn pids(cluster: &Cluster) -> Vec<u32> {
    cluster.members.iter().map(|member| member.process.as_ref().unwrap().0.id()).collect()
}

fn all_are_renewed_and_no_handshake_fails(etcd: &Etcd) -> Outcome {
    let cluster = healthy(etcd, "three-members.yaml")?;
    let exec = exec(&cluster);
    let (before, processes) = (shown(&cluster), pids(&cluster));
    let keys = |cluster: &Cluster| {
        let mut files = cluster.tree.files();
        files.retain(|path, _| path.ends_with("-key.pem"));
        files
    };
    let keys_before = keys(&cluster);
    let handshakes = Handshakes::start(&cluster);
    let mut last = before.clone();
    for _ in 0..rounds() {
        let (ran, report) = renew(&cluster, &["--all", &exec]);
        assert_eq!(ran.code, Some(0), "{ran}");
        assert_eq!(report["proved"].as_array().unwrap().len(), 3, "{report}");
        let now = shown(&cluster);
        for ((name, started, client, peer), old) in now.iter().zip(&last) {
            assert_eq!(
                (client, peer),
                (
                    &recorded(&cluster, &format!("{name} server")),
                    &recorded(&cluster, &format!("{name} peer"))
                )
            );
            assert_eq!(started, &old.1, "{name} was restarted");
            assert!(client != &old.2 && peer != &old.3, "{name} shows what it showed before");
        }
        last = now;
    }
    let made = handshakes.end();
    eprintln!("{}: {} renewals, {made} handshakes, 0 failed", etcd.version, rounds());
    assert!(made > 0, "no handshake was made");
    assert_eq!(pids(&cluster), processes);
    assert!(keys(&cluster) == keys_before, "a key has changed");
    for (member, pid) in cluster.members.iter().zip(processes) {
        let own = fs::metadata(on_host(pid, "server-key.pem")).unwrap();
        for name in ["server.pem", "peer.pem"] {
            let file = on_host(pid, name);
            let in_folder = format!("nodes/{}/etc/etcd/pki/{name}", member.name);
            assert_eq!(fs::read_to_string(&file).unwrap(), cluster.tree.read(&in_folder), "{in_folder}");
            let is = fs::metadata(file).unwrap();
            assert_eq!(
                (is.mode() & 0o7777, is.uid(), is.gid()),
                (0o644, own.uid(), own.gid()),
                "{in_folder}"
            );
        }
    }
    until_it_ends_with(&cluster, 0, &[]);
    let registry = cluster.tree.read("registry.jsonl");
    let events: Vec<Value> = registry.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |event: &str| events.iter().filter(|line| line["event"] == event).count();
    let each = usize::try_from(rounds()).unwrap() * 3;
    // What was there before the first renewal is proved too.
    assert_eq!((count("placed"), count("proved")), (each, each + 3), "{registry}");
    let is_proved = |(name, _, client, peer): &(String, String, String, String)| {
        events
            .iter()
            .any(|line| line["member"] == **name && line["client"] == **client && line["peer"] == **peer)
    };
    assert!(last.iter().all(is_proved), "{registry}");
    // Nothing is due, and nothing waits.
    let (ran, report) = renew(&cluster, &[&exec]);
    assert_eq!((ran.code, report["renewed"].as_array().unwrap().len()), (Some(0), 0), "{ran}");
    Ok(())
}

/// A copy of the output folder.
fn copied(cluster: &Cluster, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(&cluster.tree.root).arg(to).status().unwrap().success());
}

fn who_has_another_key_gets_no_certificate(etcd: &Etcd) -> Outcome {
    let mut cluster = healthy(etcd, "three-members.yaml")?;
    let exec = exec(&cluster);
    // This folder has another key for etcd2 than its host.
    let home = tempfile::tempdir().unwrap();
    let other = home.path().join("out");
    copied(&cluster, &other);
    for name in ["server.pem", "server-key.pem"] {
        fs::remove_file(other.join("nodes/etcd2/etc/etcd/pki").join(name)).unwrap();
    }
    run(etcdpki(["cluster", "apply", "-f"]).arg(&cluster.tree.description).arg("-o").arg(&other)).ok();
    let record = fs::read(other.join("cluster.lock.json")).unwrap();
    let mut command = etcdpki(["cluster", "renew", "--json", "--timeout", "20s", "--all", &exec]);
    let ran = run(command.arg(&other).arg("-f").arg(&cluster.tree.description)).ends_with(3);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let told = report["obstacles"].to_string();
    assert!(told.contains("etcd2: client port: it has another key than its file"), "{ran}");
    assert!(!told.contains("etcd1: ") && report["placed"].as_array().unwrap().is_empty(), "{ran}");
    assert_eq!(fs::read(other.join("cluster.lock.json")).unwrap(), record, "something was renewed");
    // One that does not answer is named too, and the others can be renewed by name.
    cluster.members[2].process.take().unwrap().kill();
    let (ran, report) = renew(&cluster, &["--all", &exec]);
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(report["obstacles"].to_string().contains("etcd3: client port: "), "{ran}");
    let (ran, report) = renew(&cluster, &["etcd1", "etcd2", &exec]);
    assert_eq!((ran.code, report["proved"].as_array().unwrap().len()), (Some(0), 2), "{ran}");
    Ok(())
}

fn what_was_stopped_goes_on(etcd: &Etcd) -> Outcome {
    let cluster = healthy(etcd, "three-members.yaml")?;
    let home = tempfile::tempdir().unwrap();
    let exec = exec(&cluster);
    let root = cluster.tree.root.to_str().unwrap();
    // Nothing is due; a dry run changes nothing; without --exec the commands are printed.
    let record = cluster.tree.read("cluster.lock.json");
    let (ran, _) = renew(&cluster, &[]);
    assert_eq!(ran.code, Some(0), "{ran}");
    let (ran, report) = renew(&cluster, &["--all", "--dry-run", &exec]);
    // Before 3.5 the gateway has no certificate of its own.
    let count = if etcd.version.starts_with("3.4.") { 7 } else { 10 };
    assert_eq!((ran.code, report["renewed"].as_array().unwrap().len()), (Some(2), count), "{ran}");
    assert_eq!(cluster.tree.read("cluster.lock.json"), record);
    let (ran, report) = renew(&cluster, &["etcd1 server"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    let command = format!("{}/deploy.sh --copy etcd1", quoted(root).trim_matches('\''));
    assert!(report["commands"].to_string().contains(&command), "{ran}");
    // The folder of a machine that does not reach its hosts: renewed, and not brought.
    let away = home.path().join("away");
    copied(&cluster, &away);
    let record = cluster.tree.read("cluster.lock.json");
    let renew_away = |wait: &str, more: &[&str]| {
        let mut command = etcdpki(["cluster", "renew", "--timeout", "20s", "--wait", wait, "--json"]);
        run(command.arg(&away).arg("-f").arg(&cluster.tree.description).args(more))
    };
    let ran = renew_away("1m", &["--all", "--exec=false {name} {command}"]).ends_with(1);
    assert!(ran.stderr.contains("etcd1: its files were not brought to its host"), "{ran}");
    let renewed = fs::read(away.join("cluster.lock.json")).unwrap();
    assert_ne!(renewed, record.as_bytes());
    // A host that takes the files and does not put them into their places is seen.
    let ran = renew_away("2s", &["--exec=cat > /dev/null; : {name} {command}"]).ends_with(3);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["placed"].to_string(), "[\"etcd1\"]", "{ran}");
    assert!(report["obstacles"][0].as_str().unwrap().starts_with("etcd1: client port: it shows "), "{ran}");
    // When they are put there, the same command goes on, and renews nothing again.
    let ran = renew_away("1m", &[&exec]).ends_with(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["proved"].as_array().unwrap().len(), 3, "{ran}");
    assert_eq!(fs::read(away.join("cluster.lock.json")).unwrap(), renewed);
    Ok(())
}
