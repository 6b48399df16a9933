//! What is done to a cluster: mostly harm, and some changes that do none.

use std::fs;

use super::case::{Case, Member, address};
use super::material::{self, Leaf, stranger};
use crate::suite::random::Random;

type Damage = fn(&mut Case, &mut Random);

/// The number of a host that nobody has.
const NOBODY: usize = 9;

const DAMAGES: [Damage; 24] = [
    certificate,
    certificate,
    certificate,
    certificate,
    key,
    missing_file,
    missing_file,
    trust,
    trust,
    contents,
    advertised,
    advertised,
    listens_elsewhere,
    listens_elsewhere,
    ports,
    client_auth,
    allowed,
    allowed,
    plain,
    initial_cluster,
    initial_cluster,
    bootstrap,
    options,
    records,
];

pub fn apply(case: &mut Case, random: &mut Random) {
    random.pick(&DAMAGES)(case, random);
}

/// The members that a damage is done to: one, two or all of them.
fn some(case: &Case, random: &mut Random) -> Vec<Member> {
    let first = random.below(case.members.len());
    let count = match random.below(100) {
        0..60 => 1,
        60..80 => 2,
        _ => case.members.len(),
    };
    let after = case.members.iter().cycle().skip(first);
    after.take(count.min(case.members.len())).cloned().collect()
}

fn names(members: &[Member]) -> String {
    members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Another member, or the same if there is no other.
fn other(case: &Case, member: &Member, random: &mut Random) -> Member {
    let others: Vec<&Member> = case.members.iter().filter(|other| other.name != member.name).collect();
    if others.is_empty() { member.clone() } else { random.pick(&others).clone() }
}

/// The options of the peers' port, or of the clients'.
fn port(random: &mut Random) -> &'static str {
    random.pick(&["peer-", "peer-", "peer-", ""])
}

fn certificate(case: &mut Case, random: &mut Random) {
    let (members, port) = (some(case, random), port(random));
    let what = random.below(11);
    let stray = address(NOBODY);
    for member in &members {
        let own = member.address.clone();
        let hosts = |hosts: &[&str]| Some(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>());
        let leaf = match what {
            0 => Leaf { is_foreign: true, ..Leaf::default() },
            1 => Leaf { validity: Some(["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"]), ..Leaf::default() },
            2 => Leaf { validity: Some(["2034-01-01T00:00:00Z", "2035-01-01T00:00:00Z"]), ..Leaf::default() },
            3 => Leaf { hosts: hosts(&[&stray]), ..Leaf::default() },
            4 => Leaf { hosts: hosts(&[]), ..Leaf::default() },
            5 => Leaf { hosts: hosts(&["etcd.example", "peer.c.etcd.internal"]), ..Leaf::default() },
            6 => Leaf { hosts: hosts(&[&own]), ..Leaf::default() },
            7 => Leaf { usages: Some(&["signing", "server auth"]), ..Leaf::default() },
            8 => Leaf { usages: Some(&["signing", "client auth"]), ..Leaf::default() },
            9 => Leaf { usages: Some(&["signing"]), ..Leaf::default() },
            _ => Leaf { common_name: Some("somebody"), ..Leaf::default() },
        };
        material::reissue(case, member, port, &leaf);
    }
    let what = [
        "of a CA that nobody knows",
        "that has ended",
        "that is not valid yet",
        "for another address",
        "for no name",
        "for names only",
        "for the address only",
        "for servers only",
        "for clients only",
        "without extended usages",
        "with another common name",
    ][what];
    case.tell(format!("{}: a `{port}` certificate {what}", names(&members)));
}

fn key(case: &mut Case, random: &mut Random) {
    let (members, port) = (some(case, random), port(random));
    for member in &members {
        let from = other(case, member, random);
        let file = |member: &Member, option: &str| case.file(member, &format!("{port}{option}"));
        let both = random.percent(40);
        let options: &[&str] = if both { &["cert-file", "key-file"] } else { &["key-file"] };
        for option in options {
            if let (Some(from), Some(into)) = (file(&from, option), file(member, option)) {
                fs::write(into, fs::read(from).unwrap_or_default()).unwrap();
            }
        }
        case.tell(format!("{} has {} of {}", member.name, options.join(" and "), from.name));
    }
}

const FILES: [&str; 6] =
    ["peer-cert-file", "peer-key-file", "peer-trusted-ca-file", "cert-file", "key-file", "trusted-ca-file"];

fn missing_file(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let mut options = FILES.to_vec();
    options.push("client-cert-file");
    let option = random.pick(&options);
    let is_file = random.percent(70);
    for member in &members {
        match case.file(member, option) {
            Some(file) if is_file => drop(fs::remove_file(file)),
            _ => case.unset(member, option),
        }
    }
    let what = if is_file { "the file of it is not there" } else { "it is not set" };
    case.tell(format!("{}: {option}: {what}", names(&members)));
}

/// A member trusts another CA, or another one too.
fn trust(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let port = random.pick(&["peer-", "peer-", ""]);
    let what = random.below(4);
    for member in &members {
        let Some(file) = case.file(member, &format!("{port}trusted-ca-file")) else { continue };
        let Ok(old) = fs::read_to_string(&file) else { continue };
        let new = match what {
            0 | 1 => stranger().to_owned(),
            2 => format!("{}{old}", stranger()),
            _ => {
                let own = case.file(member, &format!("{port}cert-file"));
                own.and_then(|own| fs::read_to_string(own).ok()).unwrap_or_default()
            }
        };
        fs::write(file, new).unwrap();
    }
    let what = ["another CA", "another CA", "another CA too", "only its own certificate"][what];
    case.tell(format!("{}: its {port}trusted-ca-file has {what}", names(&members)));
}

/// Files that hold something else.
fn contents(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let option = random.pick(&FILES);
    let what = random.below(4);
    for member in &members {
        let Some(file) = case.file(member, option) else { continue };
        let old = fs::read_to_string(&file).unwrap_or_default();
        let new = match what {
            0 => String::new(),
            1 => "hello\n".to_owned(),
            2 => old.replace("-----BEGIN", "----BEGIN"),
            _ => format!("# a comment\n{old}\n"),
        };
        fs::write(file, new).unwrap();
    }
    let what = ["nothing", "no PEM", "a damaged PEM", "a comment too"][what];
    case.tell(format!("{}: the file of {option} has {what}", names(&members)));
}

/// What a member advertises is not where it listens.
fn advertised(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let what = random.below(5);
    let in_all = random.percent(60);
    for member in &members {
        let old = format!("https://{}:2380", member.address);
        let new = match what {
            0 => format!("https://{}:2380", address(NOBODY)),
            1 => format!("https://{}:2380", other(case, member, random).address),
            2 => format!("https://{}:2390", member.address),
            3 => format!("https://{}:2379", member.address),
            _ => format!("https://127.0.0.1:{}", random.pick(&[2380, 2380, 2390])),
        };
        case.replace(member, "initial-advertise-peer-urls", &old, &new);
        let told = case.members.clone();
        for other in told.iter().filter(|other| in_all || other.name == member.name) {
            case.replace(other, "initial-cluster", &old, &new);
        }
        let who = if in_all { "all" } else { "itself" };
        case.tell(format!("{} advertises {new} to peers, as in initial-cluster of {who}", member.name));
    }
}

fn listens_elsewhere(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let (option, port) =
        random.pick(&[("listen-peer-urls", 2380), ("listen-peer-urls", 2380), ("listen-client-urls", 2379)]);
    let what = random.below(6);
    for member in &members {
        let other = other(case, member, random).address;
        let new = match what {
            0 => format!("https://0.0.0.0:{port}"),
            1 => format!("https://127.0.0.1:{port}"),
            2 => format!("https://{}:{}", member.address, port + 10),
            3 => format!("https://[::]:{port}"),
            4 => format!("https://{other}:{port}"),
            _ => format!("https://{}:{port},https://127.0.0.1:{port}", member.address),
        };
        case.set(member, option, &new);
        case.tell(format!("{}: {option} is {new}", member.name));
    }
}

/// Peers and clients at one port, or at each other's.
fn ports(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let what = random.below(3);
    for member in &members {
        let urls = [2379, 2380].map(|port| format!("https://{}:{port}", member.address));
        let [clients, peers] = match what {
            0 => [&urls[1], &urls[1]],
            1 => [&urls[0], &urls[0]],
            _ => [&urls[1], &urls[0]],
        };
        case.set(member, "listen-client-urls", clients);
        case.set(member, "listen-peer-urls", peers);
        case.tell(format!("{}: listens at {clients} for clients and at {peers} for peers", member.name));
    }
}

fn client_auth(case: &mut Case, random: &mut Random) {
    let (members, port) = (some(case, random), port(random));
    let option = format!("{port}client-cert-auth");
    let value = random.pick(&["false", "", "yes", "t", "0"]);
    for member in &members {
        if value.is_empty() { case.unset(member, &option) } else { case.set(member, &option, value) }
    }
    case.tell(format!("{}: {option} is {value:?}", names(&members)));
}

fn allowed(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let options = [
        "peer-cert-allowed-cn",
        "peer-cert-allowed-cn",
        "peer-cert-allowed-hostname",
        "client-cert-allowed-hostname",
    ];
    let option = random.pick(&options);
    let value = match random.below(4) {
        0 => "etcd1".to_owned(),
        1 => "peer.c.etcd.internal".to_owned(),
        2 => address(1),
        _ => "somebody".to_owned(),
    };
    let is_alone = random.percent(80);
    for member in &members {
        if is_alone {
            case.unset(member, "peer-cert-allowed-hostname");
        }
        case.set(member, option, &value);
    }
    case.tell(format!("{}: {option} is {value}, alone: {is_alone}", names(&members)));
}

/// `http` in place of `https`.
fn plain(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let options = random.pick(&[
        &["listen-peer-urls"][..],
        &["listen-peer-urls", "initial-advertise-peer-urls"],
        &["listen-client-urls"],
        &["listen-client-urls", "advertise-client-urls"],
    ]);
    let is_peer = options[0] == "listen-peer-urls";
    for member in &members {
        for option in options {
            case.replace(member, option, "https://", "http://");
        }
        if is_peer && options.len() == 2 {
            let [old, new] = ["https", "http"].map(|scheme| format!("{scheme}://{}:", member.address));
            for member in &case.members {
                case.replace(member, "initial-cluster", &old, &new);
            }
        }
    }
    case.tell(format!("{}: http in {}", names(&members), options.join(", ")));
}

/// Who is a member, as some of them are told.
fn initial_cluster(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let what = random.below(7);
    let target = random.pick(&case.members);
    let entry = |member: &Member| format!("{}=https://{}:2380", member.name, member.address);
    let all: Vec<String> = case.members.iter().map(entry).collect();
    let at = |address: &str| format!("//{address}:");
    for member in &members {
        let list: Vec<String> = match what {
            0 => all.iter().filter(|line| **line != entry(&target)).cloned().collect(),
            1 => [all.clone(), vec![format!("ghost=https://{}:2380", address(NOBODY))]].concat(),
            2 => vec![entry(member)],
            3 => all.iter().map(|line| line.replace(&format!("{}=", target.name), "x=")).collect(),
            4 => all.iter().rev().cloned().collect(),
            5 => all.iter().map(|line| line.replace(&at(&target.address), &at(&address(NOBODY)))).collect(),
            _ => Vec::new(),
        };
        if list.is_empty() {
            case.unset(member, "initial-cluster");
        } else {
            case.set(member, "initial-cluster", &list.join(","));
        }
    }
    let what = match what {
        0 => format!("without {}", target.name),
        1 => "with a member that there is not".to_owned(),
        2 => "with itself only".to_owned(),
        3 => format!("with another name for {}", target.name),
        4 => "in another order".to_owned(),
        5 => format!("with another address for {}", target.name),
        _ => "that is not set".to_owned(),
    };
    case.tell(format!("{}: an initial-cluster {what}", names(&members)));
}

/// How a member first starts.
fn bootstrap(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let (option, value) = random.pick(&[
        ("initial-cluster-token", "another"),
        ("initial-cluster-state", "existing"),
        ("initial-cluster-state", "existing"),
        ("initial-cluster-state", "joined"),
        ("name", "another"),
        ("force-new-cluster", "true"),
    ]);
    for member in &members {
        case.set(member, option, value);
    }
    case.tell(format!("{}: {option} is {value}", names(&members)));
}

/// Options that etcd refuses, takes or passes over.
fn options(case: &mut Case, random: &mut Random) {
    let members = some(case, random);
    let settings: &[(&str, &str)] = random.pick(&[
        &[("election-timeout", "200")][..],
        &[("heartbeat-interval", "x")],
        &[("auth-token", "foo")],
        &[("auto-compaction-mode", "revision"), ("auto-compaction-retention", "1000")],
        &[("snapshot-count", "ten")],
        &[("cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")],
        &[("cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")],
        &[("cipher-suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")],
        &[("tls-min-version", "TLS1.3")],
        &[("tls-max-version", "TLS1.2")],
        &[("tls-min-version", "TLS1.3"), ("tls-max-version", "TLS1.2")],
        &[("peer-auto-tls", "true")],
        &[("auto-tls", "true")],
        &[("discovery-srv", "example.invalid")],
        &[("enable-grpc-gateway", "false")],
        &[("experimental-peer-skip-client-san-verification", "true")],
        &[("peer-skip-client-san-verification", "true")],
        &[("no-such-option", "1")],
        &[("logger", "zap"), ("log-outputs", "stderr,stdout")],
        &[("metrics", "more")],
        &[("peer-crl-file", "/etc/etcd/pki/none.pem")],
        &[("client-crl-file", "/etc/etcd/pki/none.pem")],
        &[("strict-reconfig-check", "no")],
        &[("pre-vote", "false")],
    ]);
    for member in &members {
        for (option, value) in settings {
            case.set(member, option, value);
        }
    }
    let text: Vec<String> = settings.iter().map(|(option, value)| format!("{option}={value}")).collect();
    case.tell(format!("{}: {}", names(&members), text.join(" ")));
}

/// Whose files are there, and whose are not.
fn records(case: &mut Case, random: &mut Random) {
    if case.members.len() < 3 {
        return;
    }
    let who = random.pick(&case.members);
    case.members.retain(|member| member.name != who.name);
    if random.percent(60) {
        let left = case.members.clone();
        case.apply_again(&left);
        case.tell(format!("{} has left, and its files are still there", who.name));
    } else {
        fs::remove_dir_all(case.host(&who)).unwrap();
        case.tell(format!("the files of {} are not there, and it does not run", who.name));
    }
}
