//! The guides' own pipelines, with this product in cfssl's place.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use tempfile::TempDir;

use super::command::run;
use super::openssl::{Openssl, Purpose};
use super::product;
use super::programs::{self, find, fixture};
use super::trial::{Missing, Outcome, trial};

/// The version of etcd that each guide installs or shows.
pub(super) const VERSIONS: [&str; 5] = ["3.5", "3.5", "3.6", "3.5", "3.5.2"];

/// What a guide's pipeline leaves behind.
struct Guide {
    number: u8,
    ca: &'static str,
    leaves: &'static [Leaf],
}

/// One of its certificates, as the guide's JSON asks for it.
struct Leaf {
    /// The path without `.pem`.
    base: &'static str,
    server: bool,
    common_name: &'static str,
    /// The rest of the subject.
    subject: &'static [&'static str],
    addresses: &'static [&'static str],
}

const SYSTEM: &[&str] = &["C=CN", "ST=BeiJing", "L=BJ", "O=k8s", "OU=System"];
const TIANJIN: &[&str] = &["C=CN", "ST=TianJin", "L=TianJin", "O=k8s", "OU=System"];
const HANGZHOU: &[&str] = &["C=CN", "ST=HangZhou", "L=XS", "O=k8s", "OU=System"];
const ETCD: &[&str] = &["C=CN", "ST=ShangHai", "L=ShangHai", "O=ETCD"];
const THREE: &[&str] = &["127.0.0.1", "192.168.10.80", "192.168.10.81", "192.168.10.82"];
const FOURTH: &[&str] = &["127.0.0.1", "192.168.10.100"];
const TENS: &[&str] = &["10.0.0.12", "10.0.0.13", "10.0.0.14", "127.0.0.1"];

const GUIDES: [Guide; 4] = [
    Guide {
        number: 0,
        ca: "ca",
        leaves: &[
            Leaf {
                base: "etcd-node1/etcd",
                server: true,
                common_name: "CN=etcd",
                subject: TIANJIN,
                addresses: &["127.0.0.1", "192.168.18.74"],
            },
            Leaf {
                base: "etcd-node2/etcd",
                server: true,
                common_name: "CN=etcd",
                subject: TIANJIN,
                addresses: &["127.0.0.1", "192.168.18.82"],
            },
            Leaf {
                base: "etcd-node3/etcd",
                server: true,
                common_name: "CN=etcd",
                subject: TIANJIN,
                addresses: &["127.0.0.1", "192.168.18.83"],
            },
        ],
    },
    Guide {
        number: 2,
        ca: "ca",
        leaves: &[Leaf {
            base: "etcd",
            server: true,
            common_name: "CN=etcd",
            subject: HANGZHOU,
            addresses: &["192.168.1.1", "192.168.1.2", "192.168.1.3", "127.0.0.1"],
        }],
    },
    Guide {
        number: 3,
        ca: "pki/etcd-ca",
        leaves: &[
            Leaf {
                base: "pki/etcd-server",
                server: true,
                common_name: "CN=etcd-server",
                subject: ETCD,
                addresses: THREE,
            },
            Leaf {
                base: "pki/etcd-member",
                server: true,
                common_name: "CN=etcd",
                subject: ETCD,
                addresses: THREE,
            },
            Leaf {
                base: "pki/etcd-client",
                server: false,
                common_name: "CN=etcd-client",
                subject: ETCD,
                addresses: &[],
            },
            Leaf {
                base: "etcd4/etcd-server",
                server: true,
                common_name: "CN=etcd-server",
                subject: ETCD,
                addresses: FOURTH,
            },
            Leaf {
                base: "etcd4/etcd-peer",
                server: true,
                common_name: "CN=etcd-member",
                subject: ETCD,
                addresses: FOURTH,
            },
        ],
    },
    Guide {
        number: 4,
        ca: "ca",
        leaves: &[
            Leaf { base: "client", server: false, common_name: "CN=client", subject: SYSTEM, addresses: &[] },
            Leaf { base: "server", server: true, common_name: "CN=etcd", subject: SYSTEM, addresses: TENS },
            Leaf { base: "peer", server: true, common_name: "CN=etcd", subject: SYSTEM, addresses: TENS },
        ],
    },
];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for guide in &GUIDES {
        let number = guide.number;
        trials.push(trial(format!("guides::{number}::its_pipeline_makes_valid_certificates"), || {
            makes_valid_certificates(guide)
        }));
        let cfssl = programs::cfssl();
        let version = cfssl.as_ref().map_or("1.6", |c| &c.version).to_owned();
        trials.push(trial(format!("guides::{number}::agrees_with_cfssl::{version}"), move || {
            agrees_with(guide, &cfssl?.folder)
        }));
    }
    trials
}

fn makes_valid_certificates(guide: &'static Guide) -> Outcome {
    let openssl = Openssl::find()?;
    let done = follow(guide.number, links().path())?;
    let at = |base: &str, extension: &str| done.path().join(format!("{base}{extension}"));

    let ca = at(guide.ca, ".pem");
    openssl.belong_together(&ca, &at(guide.ca, "-key.pem"));
    for leaf in guide.leaves {
        let (certificate, key) = (at(leaf.base, ".pem"), at(leaf.base, "-key.pem"));
        openssl.belong_together(&certificate, &key);
        openssl.verify(&ca, &certificate, Purpose::Client, &[]);
        let as_server = openssl.verification(&ca, &certificate, Purpose::Server, &[]);
        assert_eq!(as_server.code == Some(0), leaf.server, "{as_server}");

        // In which order is another test's business.
        let mut subject = openssl.subject(&certificate);
        subject.sort();
        let mut wanted = [&[leaf.common_name], leaf.subject].concat();
        wanted.sort();
        assert_eq!(subject, wanted, "{}", leaf.base);
        let names: Vec<_> = leaf.addresses.iter().map(|a| format!("IP Address:{a}")).collect();
        assert_eq!(openssl.names(&certificate), names, "{}", leaf.base);
        for address in leaf.addresses {
            let said = openssl.x509(&["-checkip", address], &certificate);
            assert!(said.contains("does match"), "{}: {said}", leaf.base);
        }
    }
    for base in guide.leaves.iter().map(|l| l.base).chain([guide.ca]) {
        assert_eq!(mode(&at(base, "-key.pem")), 0o600, "{base}-key.pem");
        assert_eq!(mode(&at(base, ".pem")), 0o644, "{base}.pem");
    }
    Ok(())
}

/// The same files with the same modes, and certificates that differ in nothing but what is new each time.
fn agrees_with(guide: &'static Guide, cfssl: &Path) -> Outcome {
    let openssl = Openssl::find()?;
    let (ours, theirs) = (follow(guide.number, links().path())?, follow(guide.number, cfssl)?);
    assert_eq!(listing(ours.path()), listing(theirs.path()));
    for base in guide.leaves.iter().map(|l| l.base).chain([guide.ca]) {
        let described = [&ours, &theirs].map(|folder| {
            let certificate = folder.path().join(format!("{base}.pem"));
            let text = openssl
                .x509(&["-text", "-certopt", "no_serial,no_validity,no_pubkey,no_sigdump"], &certificate);
            let identifiers =
                |line: &str| line.len() > 40 && line.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
            let lines: Vec<_> = text.lines().filter(|l| !identifiers(l.trim())).map(str::to_owned).collect();
            (lines.join("\n"), openssl.days(&certificate))
        });
        assert_eq!(described[0], described[1], "{base}");
    }
    Ok(())
}

/// What every guide's pipeline leaves behind when this product runs it.
pub fn followed() -> Result<Vec<TempDir>, Missing> {
    GUIDES.iter().map(|guide| follow(guide.number, links().path())).collect()
}

/// Runs a guide's pipeline in a fresh folder, with `programs` first on PATH.
pub fn follow(guide: u8, programs: &Path) -> Result<TempDir, Missing> {
    let bash = find("bash")?;
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("guides").join(guide.to_string()), folder.path());
    let mut path = programs.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // The modes that this leaves behind are compared, so they must not depend on who runs the suite.
    let mut pipeline = Command::new(bash);
    pipeline.args(["-c", "umask 022; exec bash pipeline.sh"]).current_dir(folder.path()).env("PATH", path);
    run(&mut pipeline).ok();
    Ok(folder)
}

/// A folder in which the product goes by the names `cfssl` and `cfssljson`.
pub fn links() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["cfssl", "cfssljson"] {
        symlink(fs::canonicalize(product::program()).unwrap(), folder.path().join(name)).unwrap();
    }
    folder
}

/// Copies the files and folders of a folder into another.
pub fn copy(from: &Path, to: &Path) {
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}

/// Every file below a folder, with its mode.
pub fn listing(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), mode(&path)));
            }
        }
    }
    found.sort();
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
