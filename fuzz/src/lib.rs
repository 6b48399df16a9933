//! What the fuzz targets share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pki_core::etcd::found::Found;
use pki_core::etcd::verify::{Conditions, Connections, UntrustedCa};
use pki_core::etcd::{AuthorityChoice, Entry, EtcdVersion, FileKind, Plan, Snapshot, doctor, import};
use pki_core::tls::Leniency;
use pki_core::x509::{PrivateKey, SystemKeys, SystemRandomness};
use serde::Serialize;
use time::{OffsetDateTime, macros::datetime};
use zeroize::Zeroizing;

/// The password of the encrypted seeds.
pub const PASSWORD: &str = "password";

/// The same moment in every run, so that findings can be repeated.
pub const NOW: OffsetDateTime = datetime!(2027-01-01 00:00 UTC);

/// A key that signs whatever can be signed.
pub fn key() -> PrivateKey {
    let pem = include_bytes!("../seeds/private_key/ecdsa.pem");
    PrivateKey::read(pem, None).expect("the seed is a private key")
}

/// Writes `value` as JSON; what people can read must never fail to be written.
pub fn write_json(value: &impl Serialize) {
    serde_json::to_string(value).expect("descriptions are JSON");
}

/// A tree of files as a text: `=== MODE USER PATH`, and below it what is in the file.
pub fn files(text: &str) -> BTreeMap<PathBuf, Entry> {
    let mut files = BTreeMap::new();
    let mut last = None;
    for line in text.split_inclusive('\n') {
        if let Some(header) = line.strip_prefix("=== ") {
            last = header_of(header.trim_end());
            files.extend(last.clone().map(|(path, mode, user)| (path, file_of(b"", mode, user))));
        } else if let Some(file) = last.as_ref().and_then(|(path, ..)| files.get_mut(path)) {
            file.bytes.extend(line.as_bytes());
        }
    }
    files
}

fn header_of(text: &str) -> Option<(PathBuf, u32, u32)> {
    let [mode, user, path] = text.splitn(3, ' ').collect::<Vec<_>>()[..] else { return None };
    // As the program makes them of what is typed: absolute, and without `.` between.
    let path = Path::new("/").join(path).components().collect();
    Some((path, u32::from_str_radix(mode, 8).ok()? & 0o7777, user.parse().ok()?))
}

/// What `cluster apply` has made for two members and a client, with other contents for one file.
pub fn applied(path: &str, bytes: &[u8]) -> BTreeMap<PathBuf, Entry> {
    static APPLIED: LazyLock<BTreeMap<PathBuf, Entry>> =
        LazyLock::new(|| files(include_str!("../seeds/tree/applied")));
    let mut files = APPLIED.clone();
    put(&mut files, path, bytes);
    files
}

/// Gives a file of [`applied`] other contents.
pub fn put(files: &mut BTreeMap<PathBuf, Entry>, path: &str, bytes: &[u8]) {
    files.insert(Path::new("/out").join(path), file_of(bytes, 0o644, 0));
}

fn file_of(bytes: &[u8], mode: u32, user: u32) -> Entry {
    Entry { kind: FileKind::File, mode, ids: (user, user), bytes: Zeroizing::new(bytes.to_vec()) }
}

/// Does what `doctor` and `cluster import` do with what is in `folder`, and plans what was imported.
pub fn judge(files: &BTreeMap<PathBuf, Entry>, folder: &str) {
    let version = EtcdVersion::V3_5;
    match Found::read(&[folder.into()], version, files) {
        Ok(found) => {
            write_json(&doctor::examine(&found, version, NOW));
            match import(&found, version, AuthorityChoice::Keep, NOW) {
                Ok(imported) => {
                    write_json(&imported.findings);
                    write_json(&imported.notices);
                    let empty = Snapshot::new("/out");
                    match Plan::new(&imported.cluster, &empty, NOW) {
                        Ok(plan) => write_json(&plan.report()),
                        Err(error) => drop((error.to_string(), error.hint())),
                    }
                }
                Err(error) => drop((error.to_string(), error.hint())),
            }
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
}

/// Judges a host that has nothing but one file, at each of these paths in turn.
pub fn judge_alone(bytes: &[u8], paths: &[&str]) {
    for path in paths {
        let files = BTreeMap::from([(Path::new("/host").join(path), file_of(bytes, 0o644, 0))]);
        judge(&files, "/host");
    }
}

/// Does what `cluster verify` does with it. Handshakes take ten times as long as all the rest.
pub fn verify(files: &BTreeMap<PathBuf, Entry>, folder: &str) {
    static UNTRUSTED: LazyLock<UntrustedCa> = LazyLock::new(|| {
        UntrustedCa::new(&SystemKeys, &SystemRandomness, NOW).expect("the machine has randomness")
    });
    match Connections::read(Path::new(folder), EtcdVersion::V3_5, Leniency::default(), &UNTRUSTED, files) {
        Ok(clusters) => {
            for cluster in clusters {
                write_json(&cluster.verify(Conditions { now: NOW, lookup: None }));
            }
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
}
