//! What is left of private keys in the memory of a process that is about to end: nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::command::{Running, run, until};
use super::product::program;
use super::strace::Strace;
use super::trial::{Missing, Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![keys_are_wiped_before_the_end]
}

/// The number of exit_group(2), with which every process ends.
#[cfg(target_arch = "x86_64")]
const EXIT_GROUP: &str = "231 ";
#[cfg(not(target_arch = "x86_64"))]
const EXIT_GROUP: &str = "94 ";

const PATIENCE: Duration = Duration::from_secs(90);

/// Command lines that have private keys in their memory, and files in which these keys are afterwards.
const COMMANDS: [(&str, &[&str]); 9] = [
    ("gencert -ca ca.pem -ca-key ca-key.pem -bare x a.json", &["x-key.pem", "ca-key.pem"]),
    ("gencert -ca ca.pem -ca-key ca-key.pem rsa.json", &["stdout", "ca-key.pem"]),
    ("genkey -bare rsa rsa.json", &["rsa-key.pem"]),
    ("json -bare -f made.json made", &["made-key.pem"]),
    ("json -stdout -bare -f made.json", &["made.json"]),
    ("sign -ca ca.pem -ca-key ca-key.pem ca.csr", &["ca-key.pem"]),
    ("cluster apply -f one.yaml -o out", &["out/ca/peer-ca-key.pem", "out/clients/root/client-key.pem"]),
    ("cluster export out --as kubernetes-secrets -o secrets", &["out/clients/root/client-key.pem"]),
    ("doctor out", &["out/nodes/etcd1/etc/etcd/pki/server-key.pem"]),
];

/// Nothing is written to files by a program with a dump of its memory, but whoever reads what is free memory later must not
/// find a key there.
fn keys_are_wiped_before_the_end() -> Outcome {
    let strace = Strace::find()?;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.json", r#"{"CN": "a", "hosts": ["a.example"]}"#);
    write("rsa.json", r#"{"CN": "a", "hosts": ["a.example"], "key": {"algo": "rsa", "size": 2048}}"#);
    write("one.yaml", "name: s\nmembers: [{name: etcd1, address: 10.0.0.1}]\nclients: [{name: root}]\n");
    let ran = |args: &str| run(Command::new(program()).args(args.split(' ')).current_dir(folder.path())).ok();
    ran("gencert -initca -bare ca a.json");
    write("made.json", &ran("gencert -ca ca.pem -ca-key ca-key.pem a.json").stdout);
    for (args, files) in COMMANDS {
        let memory = memory_at_the_end(&strace, folder.path(), args)?;
        for file in files {
            let text = fs::read_to_string(folder.path().join(file)).unwrap();
            for (form, part) in parts(&text) {
                assert!(!has(&memory, &part), "{args}: the key of {file} is in memory as {form}");
            }
        }
    }
    Ok(())
}

fn has(memory: &[u8], part: &[u8]) -> bool {
    let first = part[0];
    memory.iter().enumerate().any(|(at, byte)| *byte == first && memory[at..].starts_with(part))
}

/// Parts of the first private key in a text, in the forms in which it may be in memory.
fn parts(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = text.replace("\\n", "\n");
    let (before, rest) = text.split_once("PRIVATE KEY-----\n").expect("a key in PEM");
    let (body, rest) = rest.split_once("-----END").unwrap();
    let label = &before[before.rfind("-----BEGIN").unwrap()..];
    let end = rest.split_inclusive("-----").next().unwrap();
    let pem = format!("{label}PRIVATE KEY-----\n{body}-----END{end}\n");
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = key.secret_der();
    // The secret number of an ECDSA key is an OCTET STRING of 32 bytes; numbers of RSA begin after those that are public.
    let at = match key.len() {
        0..200 => key.windows(2).position(|bytes| bytes == [4, 32]).unwrap() + 2,
        length => length * 3 / 4,
    };
    let number = key[at..at + 20].to_vec();
    let reversed: Vec<u8> = key[at..at + 20].iter().rev().copied().collect();
    // The first lines of RSA have what is in the certificate, too.
    let text = match body.lines().count() {
        0..6 => &body[20..52],
        count => &body.lines().nth(count * 3 / 4).unwrap()[..40],
    };
    vec![("PEM", text.as_bytes().to_vec()), ("DER", number), ("a number of the machine", reversed)]
}

/// Runs a command, and reads all its memory when it is about to end.
fn memory_at_the_end(strace: &Strace, folder: &Path, args: &str) -> Result<Vec<u8>, Missing> {
    // It ends when the test ends it.
    let mut command = strace.delaying("exit_group", PATIENCE * 10);
    command.arg(program()).args(args.split(' ')).current_dir(folder).stdin(Stdio::null());
    command.stdout(File::create(folder.join("stdout")).unwrap()).stderr(Stdio::null());
    let mut running = Running::spawn(&mut command);
    let children = format!("/proc/{0}/task/{0}/children", running.0.id());
    // strace has children of its own, with which it tries what the kernel can do.
    let program = fs::canonicalize(program()).unwrap();
    let is_at_its_end = |id: &i32| {
        fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|link| link == program)
            && fs::read_to_string(format!("/proc/{id}/syscall"))
                .is_ok_and(|call| call.starts_with(EXIT_GROUP))
    };
    let found = until(PATIENCE, || {
        let ids = fs::read_to_string(&children).unwrap_or_default();
        let mut ids = ids.split_whitespace().filter_map(|id| id.parse().ok());
        let id = ids.find(is_at_its_end)?;
        match read_memory(id) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Some((id, None)),
            // What is seen of a process that has just stopped may be incomplete.
            result => Some((id, Some(result.ok()?))),
        }
    });
    let (id, memory) = found.unwrap_or_else(|| panic!("{args} does not end"));
    let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    running.kill();
    memory.ok_or_else(|| Missing("the memory of other processes cannot be read here".to_owned()))
}

fn read_memory(id: i32) -> io::Result<Vec<u8>> {
    let malformed = || io::Error::from(ErrorKind::InvalidData);
    let mut memory = File::open(format!("/proc/{id}/mem"))?;
    let mut all = Vec::new();
    for line in fs::read_to_string(format!("/proc/{id}/maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (from, to) = words.next().and_then(|range| range.split_once('-')).ok_or_else(malformed)?;
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| malformed());
        let (from, to) = (number(from)?, number(to)?);
        // Only what may be written to has what the program made.
        if words.next().is_some_and(|flags| flags.starts_with("rw")) {
            let mut part = vec![0; usize::try_from(to - from).map_err(|_| malformed())?];
            memory.seek(SeekFrom::Start(from))?;
            // A part of the address space may have no memory behind it.
            if memory.read_exact(&mut part).is_ok() {
                all.append(&mut part);
            }
        }
    }
    if all.is_empty() { Err(malformed()) } else { Ok(all) }
}
