//! The guides as descriptions: their certificates, their options and their clusters, but for what is wrong in them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::Vacant;
use std::fs;
use std::sync::Mutex;

use libtest_mimic::Trial;

use super::command::until;
use super::guides::{follow, links};
use super::live::{Cluster, PATIENCE, on_each_etcd, run_unless_turned_away};
use super::openssl::{Openssl, Purpose};
use super::product::{Entry, Tree, entries, restore};
use super::programs::Etcd;
use super::systemd::{CommandLine, Unit, environment_file};
use super::trial::{Missing, Outcome, trial};

/// A guide's description beside the guide.
struct Described {
    number: u8,
    certificates: &'static [Certificate],
    /// Whether the guide's certificates say what they may be used for.
    guide_has_usages: bool,
    /// The member whose flags the guide shows, or whose variables were filled in here.
    member: &'static str,
    flags: &'static str,
    differences: &'static [Difference],
}

/// A certificate of the description and the one of the guide that it stands for.
struct Certificate {
    /// Without `.pem`.
    ours: &'static str,
    guides: &'static str,
    names: &'static [&'static str],
    /// How long ours lives; None for as long as the guide's.
    days: Option<i64>,
}

/// An option that is not the guide's: its value now, and why.
struct Difference(&'static str, Option<&'static str>, &'static str);

const DESCRIBED: [Described; 5] = [
    Described {
        number: 0,
        certificates: &[
            Certificate {
                ours: "nodes/etcd-node1/etc/etcd/ssl/etcd",
                guides: "etcd-node1/etcd.pem",
                names: &["IP Address:192.168.18.74", "IP Address:127.0.0.1"],
                days: Some(365),
            },
            Certificate {
                ours: "nodes/etcd-node2/etc/etcd/ssl/etcd",
                guides: "etcd-node2/etcd.pem",
                names: &["IP Address:192.168.18.82", "IP Address:127.0.0.1"],
                days: Some(365),
            },
            Certificate {
                ours: "nodes/etcd-node3/etc/etcd/ssl/etcd",
                guides: "etcd-node3/etcd.pem",
                names: &["IP Address:192.168.18.83", "IP Address:127.0.0.1"],
                days: Some(365),
            },
        ],
        guide_has_usages: true,
        member: "etcd-node1",
        flags: "
            --name=etcd-node1
            --cert-file=/etc/etcd/ssl/etcd.pem
            --key-file=/etc/etcd/ssl/etcd-key.pem
            --peer-cert-file=/etc/etcd/ssl/etcd.pem
            --peer-key-file=/etc/etcd/ssl/etcd-key.pem
            --trusted-ca-file=/etc/kubernetes/ssl/ca.pem
            --peer-trusted-ca-file=/etc/kubernetes/ssl/ca.pem
            --initial-advertise-peer-urls=https://192.168.18.74:2380
            --listen-peer-urls=https://192.168.18.74:2380
            --listen-client-urls=https://192.168.18.74:2379,http://127.0.0.1:2379
            --advertise-client-urls=https://192.168.18.74:2379
            --initial-cluster-token=etcd-cluster
            --initial-cluster=etcd-node1=https://192.168.18.74:2380,etcd-node2=https://192.168.18.82:2380,etcd-node3=https://192.168.18.83:2380
            --initial-cluster-state=new
            --data-dir=/var/lib/etcd",
        differences: &[
            Difference("trusted-ca-file", Some("/etc/etcd/ssl/ca.pem"), OWN_FOLDER),
            Difference("peer-trusted-ca-file", Some("/etc/etcd/ssl/ca.pem"), OWN_FOLDER),
            Difference(
                "listen-client-urls",
                Some("https://192.168.18.74:2379,https://127.0.0.1:2379"),
                NO_PLAIN_TEXT,
            ),
            Difference("client-cert-auth", Some("true"), BY_NAME),
            Difference("peer-client-cert-auth", Some("true"), BY_NAME),
        ],
    },
    Described {
        number: 1,
        certificates: &[
            Certificate { ours: "ca/GmemCA", guides: "ca.crt", names: &[], days: None },
            Certificate {
                ours: "nodes/radon/opt/etcd/cert/member",
                guides: "radon.crt",
                names: &["DNS:radon.gmem.cc", "IP Address:10.0.2.1", "IP Address:127.0.0.1"],
                days: None,
            },
        ],
        guide_has_usages: false,
        member: "radon",
        flags: "
            --name=radon
            --data-dir=/var/lib/etcd
            --initial-advertise-peer-urls=https://10.0.2.1:2380
            --listen-peer-urls=https://10.0.2.1:2380
            --listen-client-urls=https://10.0.2.1:2379,https://127.0.0.1:2379
            --advertise-client-urls=https://10.0.2.1:2380
            --initial-cluster-token=etcd.gmem.cc
            --initial-cluster=radon=https://10.0.2.1:2380,neon=https://10.0.3.1:2380
            --initial-cluster-state=new
            --client-cert-auth
            --trusted-ca-file=/usr/share/ca-certificates/GmemCA.crt
            --cert-file=/opt/etcd/cert/radon.crt
            --key-file=/opt/etcd/cert/radon.key
            --peer-client-cert-auth
            --peer-trusted-ca-file=/usr/share/ca-certificates/GmemCA.crt
            --peer-cert-file=/opt/etcd/cert/radon.crt
            --peer-key-file=/opt/etcd/cert/radon.key",
        differences: &[
            Difference(
                "advertise-client-urls",
                Some("https://10.0.2.1:2379"),
                "the port for peers serves no clients",
            ),
            Difference("trusted-ca-file", Some("/opt/etcd/cert/GmemCA.pem"), OWN_FOLDER),
            Difference("peer-trusted-ca-file", Some("/opt/etcd/cert/GmemCA.pem"), OWN_FOLDER),
            Difference("cert-file", Some("/opt/etcd/cert/member.pem"), ONE_NAME),
            Difference("key-file", Some("/opt/etcd/cert/member-key.pem"), ONE_NAME),
            Difference("peer-cert-file", Some("/opt/etcd/cert/member.pem"), ONE_NAME),
            Difference("peer-key-file", Some("/opt/etcd/cert/member-key.pem"), ONE_NAME),
        ],
    },
    Described {
        number: 2,
        certificates: &[
            Certificate {
                ours: "nodes/etcd-192.168.1.1/etc/etcd/ssl/etcd",
                guides: "etcd.pem",
                names: &["IP Address:192.168.1.1", "IP Address:127.0.0.1"],
                days: Some(365),
            },
            Certificate {
                ours: "nodes/etcd-192.168.1.3/etc/etcd/ssl/etcd",
                guides: "etcd.pem",
                names: &["IP Address:192.168.1.3", "IP Address:127.0.0.1"],
                days: Some(365),
            },
        ],
        guide_has_usages: true,
        member: "etcd-192.168.1.1",
        flags: "
            --name=etcd-192.168.1.1
            --cert-file=/etc/kubernetes/ssl/etcd.pem
            --key-file=/etc/kubernetes/ssl/etcd-key.pem
            --peer-cert-file=/etc/kubernetes/ssl/etcd.pem
            --peer-key-file=/etc/kubernetes/ssl/etcd-key.pem
            --trusted-ca-file=/etc/kubernetes/ssl/ca.pem
            --peer-trusted-ca-file=/etc/kubernetes/ssl/ca.pem
            --initial-advertise-peer-urls=https://192.168.1.1:2380
            --listen-peer-urls=https://192.168.1.1:2380
            --listen-client-urls=https://192.168.1.1:2379,http://127.0.0.1:2379
            --advertise-client-urls=https://192.168.1.1:2379
            --initial-cluster-token=etcd-cluster-0
            --initial-cluster=etcd-192.168.1.1=https://192.168.1.1:2380,etcd-192.168.1.2=https://192.168.1.2:2380,etcd-192.168.1.3=https://192.168.1.3:2380
            --initial-cluster-state=new
            --data-dir=/var/lib/etcd
            --wal-dir=/var/lib/etcd-wal/wal
            --snapshot-count=50000
            --auto-compaction-retention=1
            --auto-compaction-mode=periodic
            --max-request-bytes=10485760
            --quota-backend-bytes=8589934592",
        differences: &[
            Difference("cert-file", Some("/etc/etcd/ssl/etcd.pem"), OWN_FOLDER),
            Difference("key-file", Some("/etc/etcd/ssl/etcd-key.pem"), OWN_FOLDER),
            Difference("peer-cert-file", Some("/etc/etcd/ssl/etcd.pem"), OWN_FOLDER),
            Difference("peer-key-file", Some("/etc/etcd/ssl/etcd-key.pem"), OWN_FOLDER),
            Difference("trusted-ca-file", Some("/etc/etcd/ssl/ca.pem"), OWN_FOLDER),
            Difference("peer-trusted-ca-file", Some("/etc/etcd/ssl/ca.pem"), OWN_FOLDER),
            Difference(
                "listen-client-urls",
                Some("https://192.168.1.1:2379,https://127.0.0.1:2379"),
                NO_PLAIN_TEXT,
            ),
            Difference("client-cert-auth", Some("true"), BY_NAME),
            Difference("peer-client-cert-auth", Some("true"), BY_NAME),
            Difference("snapshot-count", None, "etcd's own is better since 3.6"),
        ],
    },
    Described {
        number: 3,
        certificates: &[
            Certificate { ours: "ca/etcd-ca", guides: "pki/etcd-ca.pem", names: &[], days: Some(20 * 365) },
            Certificate {
                ours: "nodes/etcd1/etc/etcd/pki/etcd-server",
                guides: "pki/etcd-server.pem",
                names: &["IP Address:192.168.10.80", "IP Address:127.0.0.1"],
                days: None,
            },
            Certificate {
                ours: "nodes/etcd3/etc/etcd/pki/etcd-member",
                guides: "pki/etcd-member.pem",
                names: &["IP Address:192.168.10.82", "IP Address:127.0.0.1"],
                days: None,
            },
            Certificate {
                ours: "clients/etcd-client/etcd-client",
                guides: "pki/etcd-client.pem",
                names: &[],
                days: None,
            },
        ],
        guide_has_usages: true,
        member: "etcd1",
        flags: "
            --name=etcd1
            --client-cert-auth=true
            --cert-file=/etc/etcd/pki/etcd-server.pem
            --key-file=/etc/etcd/pki/etcd-server-key.pem
            --trusted-ca-file=/etc/etcd/pki/etcd-ca.pem
            --peer-client-cert-auth=true
            --peer-cert-file=/etc/etcd/pki/etcd-member.pem
            --peer-key-file=/etc/etcd/pki/etcd-member-key.pem
            --peer-trusted-ca-file=/etc/etcd/pki/etcd-ca.pem
            --advertise-client-urls=https://192.168.10.80:2379
            --listen-client-urls=https://192.168.10.80:2379
            --listen-peer-urls=https://192.168.10.80:2380
            --initial-advertise-peer-urls=https://192.168.10.80:2380
            --initial-cluster=etcd1=https://192.168.10.80:2380,etcd2=https://192.168.10.81:2380,etcd3=https://192.168.10.82:2380
            --initial-cluster-token=k8s-etcd-cluster
            --initial-cluster-state=new
            --data-dir=/var/lib/etcd",
        differences: &[],
    },
    Described {
        number: 4,
        certificates: &[
            Certificate { ours: "ca/ca", guides: "ca.pem", names: &[], days: Some(3650) },
            Certificate {
                ours: "nodes/kubernetes-master1/etc/etcd/ssl/server",
                guides: "server.pem",
                names: &["IP Address:10.0.0.12", "IP Address:127.0.0.1"],
                days: Some(5 * 365),
            },
            Certificate {
                ours: "nodes/kubernetes-master2/etc/etcd/ssl/peer",
                guides: "peer.pem",
                names: &["IP Address:10.0.0.13", "IP Address:127.0.0.1"],
                days: Some(5 * 365),
            },
            Certificate {
                ours: "clients/client/client",
                guides: "client.pem",
                names: &[],
                days: Some(5 * 365),
            },
        ],
        guide_has_usages: true,
        member: "kubernetes-master1",
        flags: "
            --name=kubernetes-master1
            --data-dir=/var/lib/etcd/default.etcd
            --listen-peer-urls=https://10.0.0.12:2380
            --listen-client-urls=https://10.0.0.12:2379,http://127.0.0.1:2379
            --advertise-client-urls=https://10.0.0.12:2379
            --initial-advertise-peer-urls=https://10.0.0.12:2380
            --initial-cluster=kubernetes-master1=https://10.0.0.12:2380,kubernetes-master2=https://10.0.0.13:2380,kubernetes-master3=https://10.0.0.14:2380
            --initial-cluster-token=etcd-cluster
            --initial-cluster-state=new
            --cert-file=/etc/etcd/ssl/server.pem
            --key-file=/etc/etcd/ssl/server-key.pem
            --peer-cert-file=/etc/etcd/ssl/peer.pem
            --peer-key-file=/etc/etcd/ssl/peer-key.pem
            --trusted-ca-file=/etc/etcd/ssl/ca.pem
            --peer-trusted-ca-file=/etc/etcd/ssl/ca.pem",
        differences: &[
            Difference(
                "listen-client-urls",
                Some("https://10.0.0.12:2379,https://127.0.0.1:2379"),
                NO_PLAIN_TEXT,
            ),
            Difference("client-cert-auth", Some("true"), BY_NAME),
            Difference("peer-client-cert-auth", Some("true"), BY_NAME),
        ],
    },
];

/// Guide 3's fourth member, which joins later.
const FOURTH: &str = "  - {name: etcd4, address: 192.168.10.100}\n";
const FOURTH_FLAGS: &str = "
    --name=etcd4
    --client-cert-auth=true
    --cert-file=/etc/etcd/pki/etcd-server.pem
    --key-file=/etc/etcd/pki/etcd-server-key.pem
    --trusted-ca-file=/etc/etcd/pki/etcd-ca.pem
    --peer-client-cert-auth=true
    --peer-cert-file=/etc/etcd/pki/etcd-peer.pem
    --peer-key-file=/etc/etcd/pki/etcd-peer-key.pem
    --peer-trusted-ca-file=/etc/etcd/pki/etcd-ca.pem
    --advertise-client-urls=https://192.168.10.100:2379
    --listen-client-urls=https://192.168.10.100:2379
    --listen-peer-urls=https://192.168.10.100:2380
    --initial-advertise-peer-urls=https://192.168.10.100:2380
    --initial-cluster=etcd1=https://192.168.10.80:2380,etcd2=https://192.168.10.81:2380,etcd3=https://192.168.10.82:2380,etcd4=https://192.168.10.100:2380
    --initial-cluster-token=k8s-etcd-cluster
    --initial-cluster-state=existing
    --data-dir=/var/lib/etcd";
const FOURTH_DIFFERENCES: [Difference; 2] = [
    Difference("peer-cert-file", Some("/etc/etcd/pki/etcd-member.pem"), ONE_NAME),
    Difference("peer-key-file", Some("/etc/etcd/pki/etcd-member-key.pem"), ONE_NAME),
];

const BY_NAME: &str = "a certificate is asked for by name, so that access control knows who connects";
const NO_PLAIN_TEXT: &str = "http on the loopback interface is for everybody on the host";
const ONE_NAME: &str = "a file has the same name on every host";
const OWN_FOLDER: &str = "etcd's files are in a folder of its own, with the CA's certificate";

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for described in &DESCRIBED {
        let guide = format!("guides::{}", described.number);
        trials.push(trial(format!("{guide}::its_description_gives_its_certificates"), || {
            gives_its_certificates(described)
        }));
        trials.push(trial(format!("{guide}::its_description_gives_its_options"), || {
            gives_its_options(described)
        }));
        let name = format!("guides::{}::forms_a_cluster", described.number);
        trials.extend(on_each_etcd(&name, |etcd| forms_a_cluster(described, etcd)));
    }
    trials.extend(on_each_etcd("guides::3::grows_and_shrinks", grows_and_shrinks));
    trials
}

/// What the guide's own commands leave behind, with the description among it.
fn followed(number: u8) -> Result<Tree, Missing> {
    Ok(Tree::in_folder(follow(number, links().path())?))
}

fn gives_its_certificates(described: &Described) -> Outcome {
    let openssl = Openssl::find()?;
    let tree = followed(described.number)?.applied();
    let home = tree.description.parent().unwrap();
    let described_text = fs::read_to_string(&tree.description).unwrap();
    for Certificate { ours, guides, names, days } in described.certificates {
        let (certificate, guides) = (tree.path(&format!("{ours}.pem")), home.join(guides));
        openssl.belong_together(&certificate, &tree.path(&format!("{ours}-key.pem")));
        assert_eq!(openssl.subject(&certificate), openssl.subject(&guides), "{ours}");
        assert_eq!(openssl.key(&certificate), openssl.key(&guides), "{ours}");
        let usages = |certificate| openssl.x509(&["-ext", "keyUsage,extendedKeyUsage"], certificate);
        if described.guide_has_usages {
            assert_eq!(usages(&certificate), usages(&guides), "{ours}");
        }
        let lives = (openssl.days(&certificate), openssl.days(&guides));
        match days {
            None => assert_eq!(lives.0, lives.1, "{ours}"),
            Some(days) => assert!(lives.0 == *days && lives.1 != *days, "{ours} lives for {lives:?} days"),
        }
        let mut found = openssl.names(&certificate);
        found.sort();
        let mut names: Vec<_> = names.iter().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(found, names, "{ours}");
        for name in openssl.names(&guides).iter().filter(|name| !found.contains(name)) {
            let address = name.strip_prefix("IP Address:").unwrap();
            assert!(described_text.contains(&format!("address: {address}}}")), "{ours} lacks {name}");
        }
        let folder = certificate.parent().unwrap();
        let authorities = ["ca.pem", "GmemCA.pem", "etcd-ca.pem"].map(|file| folder.join(file));
        let authority = authorities.iter().find(|file| file.is_file()).expect("the CA's certificate");
        if authority != &certificate {
            openssl.verify(authority, &certificate, Purpose::Client, &[]);
            assert!(lives.0 <= openssl.days(authority), "{ours} outlives its CA");
        }
    }
    Ok(())
}

fn gives_its_options(described: &Described) -> Outcome {
    let tree = followed(described.number)?.applied();
    compare(&tree, described.member, described.flags, described.differences);
    if described.number == 3 {
        grow(&tree);
        compare(&tree, "etcd4", FOURTH_FLAGS, &FOURTH_DIFFERENCES);
        compare(&tree, described.member, described.flags, described.differences);
    }
    Ok(())
}

/// Describes the fourth member too, and applies that: what was said then.
fn grow(tree: &Tree) -> String {
    let text = fs::read_to_string(&tree.description).unwrap();
    let clients = text.find("clients:\n").unwrap();
    tree.describe(&format!("{}{FOURTH}{}", &text[..clients], &text[clients..]));
    tree.apply().ok().stdout
}

/// Panics unless the options of a member are those of a guide, but for the differences.
fn compare(tree: &Tree, member: &str, flags: &str, differences: &[Difference]) {
    let mut expected = options_of(flags.split_whitespace());
    for Difference(option, value, why) in differences {
        let before = match value {
            Some(value) => expected.insert((*option).to_owned(), (*value).to_owned()),
            None => expected.remove(*option),
        };
        assert_ne!(before.as_deref(), *value, "{option} is not different: {why}");
    }
    let unit = Unit::parse(&tree.read(&format!("nodes/{member}/etc/systemd/system/etcd.service")));
    let command = CommandLine::parse(unit.one("Service", "ExecStart"));
    let mut found = options_of(command.words[1..].iter().map(String::as_str));
    for file in unit.all("Service", "EnvironmentFile") {
        for (name, value) in environment_file(&tree.read(&format!("nodes/{member}{file}"))) {
            let option = name.strip_prefix("ETCD_").unwrap().to_lowercase().replace('_', "-");
            assert!(found.insert(option, value).is_none(), "{name} is a flag too");
        }
    }
    assert_eq!(found, expected, "{member}");
}

fn options_of<'a>(flags: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let option = |flag: &str| {
        let flag = flag.strip_prefix("--").unwrap_or_else(|| panic!("no flag: {flag}"));
        let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
        (name.to_owned(), value.to_owned())
    };
    flags.map(option).collect()
}

/// A guide's tree for an etcd that is here.
fn applied_for(number: u8, etcd: &Etcd) -> Result<Tree, Missing> {
    /// The folder of each guide after its commands and an apply. To make RSA keys takes longer than all else here, so all
    /// get the same.
    static MADE: Mutex<BTreeMap<u8, BTreeMap<String, Entry>>> = Mutex::new(BTreeMap::new());
    let home = tempfile::tempdir().unwrap();
    {
        let mut made = MADE.lock().unwrap();
        if let Vacant(place) = made.entry(number) {
            let tree = followed(number)?.applied();
            place.insert(entries(tree.description.parent().unwrap()));
        }
        restore(&made[&number], home.path());
    }
    let tree = Tree::in_folder(home);
    let text = fs::read_to_string(&tree.description).unwrap();
    let version = |line: &str| {
        if line.starts_with("version: ") { format!("version: {}", etcd.version) } else { line.to_owned() }
    };
    tree.describe(&(text.lines().map(version).collect::<Vec<_>>().join("\n") + "\n"));
    Ok(tree.applied())
}

fn forms_a_cluster(described: &Described, etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start_on_network(etcd, applied_for(described.number, etcd)?, &[])?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    let listed = cluster.etcdctl(&["member", "list"]).ok().stdout;
    for name in cluster.members.iter().map(|member| &member.name) {
        assert!(listed.contains(&format!("started, {name},")), "{name} is not in\n{listed}");
    }
    for member in &cluster.members {
        member.assert_no_complaint();
    }
    if described.number != 3 {
        for member in &cluster.members {
            let on_its_host = |scheme: &str| {
                let endpoint = format!("{scheme}://127.0.0.1:2379");
                run_unless_turned_away(&mut cluster.etcdctl_on(member, &endpoint, &["get", "greeting"]))
            };
            assert!(on_its_host("https").ok().stdout.contains("hello"), "{}", member.name);
            assert_ne!(on_its_host("http").code, Some(0), "{} serves without TLS", member.name);
        }
    }
    Ok(())
}

/// The fourth member joins by the commands that `apply` prints, and leaves by them.
fn grows_and_shrinks(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start_on_network(etcd, applied_for(3, etcd)?, &["192.168.10.100"])?;
    cluster.wait_until_healthy();
    let three = fs::read_to_string(&cluster.tree.description).unwrap();
    let before = cluster.tree.files();

    let said = grow(&cluster.tree);
    let add = printed(&said, "etcdctl member add ");
    // etcd wants to have seen all members for a while first.
    let added = until(PATIENCE, || (cluster.shell(&add).code == Some(0)).then_some(()));
    assert!(added.is_some(), "{}", cluster.shell(&add));
    cluster.copy("etcd4")?;
    cluster.start_member(3)?;
    let promote = printed(&said, "etcdctl member promote ");
    let promoted = until(PATIENCE, || (cluster.shell(&promote).code == Some(0)).then_some(()));
    assert!(promoted.is_some(), "{}", cluster.shell(&promote));
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "four", "4"]).ok();
    let at_fourth = cluster.etcdctl_at("https://192.168.10.100:2379", &["get", "four"]);
    assert!(at_fourth.ok().stdout.contains('4'));

    cluster.tree.describe(&three);
    let said = cluster.tree.apply().ok().stdout;
    cluster.shell(&printed(&said, "etcdctl member remove ")).ok();
    cluster.members.pop();
    cluster.wait_until_healthy();
    assert_eq!(cluster.etcdctl(&["member", "list"]).ok().stdout.lines().count(), 3);
    let after = cluster.tree.files();
    for (path, bytes) in before.iter().filter(|(path, _)| path.starts_with("nodes/")) {
        assert!(after[path] == *bytes, "{path} was changed by a member that came and went");
    }
    Ok(())
}

/// The line of a program's output with a command in it.
fn printed(said: &str, command: &str) -> String {
    let line = said.lines().find(|line| line.contains(command));
    line.unwrap_or_else(|| panic!("no {command:?} in\n{said}")).trim().to_owned()
}
