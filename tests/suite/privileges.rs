//! Who may reach what: every kind of certificate at every port of real etcd, for each layout.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use libtest_mimic::Trial;

use super::command::{run, until};
use super::layouts::{LAYOUTS, Layout, SHARED_CERT, SINGLE_CA};
use super::live::{Cluster, PATIENCE, described, on_each_etcd, run_unless_turned_away};
use super::programs::{Etcd, find};
use super::trial::{Missing, Outcome};

/// Where one knocks: with etcdctl, and with curl at a member's client port and peer port.
const WHERE: [&str; 5] = ["get", "health", "gateway", "members", "raft"];

/// A row for everybody that knocks, a column for each of `WHERE`: `yes`, the status of HTTP, or `no` for whom
/// TLS turns away. A pipeline of Raft's answers what is no POST with 405, so 405 is inside.
///
/// - `undescribed`: a client's certificate of the clients' CA, but not of the description
/// - `elsewhere`: the same for servers and clients at an address that nobody comes from
/// - `unmarked`: a peer's certificate of the peers' CA, without the name that all peers have
/// - `foreign`: the client root of another cluster
/// - `nobody`: no certificate
/// - `removed-…`: the certificates of a member that is a member no more
const LEAST_PRIVILEGE: &str = "
    who             get  health  gateway  members  raft
    root            yes  200     200      no       no
    undescribed     yes  200     200      no       no
    elsewhere       yes  200     200      no       no
    server          no   no      no       no       no
    peer            no   no      no       200      405
    unmarked        no   no      no       no       no
    gateway         yes  200     200      no       no
    foreign         no   no      no       no       no
    foreign-peer    no   no      no       no       no
    nobody          no   no      no       no       no
    removed-server  no   no      no       no       no
    removed-peer    no   no      no       200      405
    removed-gateway yes  200     200      no       no
";

/// There the gateway is off, and nobody has a certificate for it.
const LEAST_PRIVILEGE_3_4: &str = "
    who             get  health  gateway  members  raft
    root            yes  200     404      no       no
    undescribed     yes  200     404      no       no
    elsewhere       yes  200     404      no       no
    server          no   no      no       no       no
    peer            no   no      no       200      405
    unmarked        no   no      no       no       no
    foreign         no   no      no       no       no
    foreign-peer    no   no      no       no       no
    nobody          no   no      no       no       no
    removed-server  no   no      no       no       no
    removed-peer    no   no      no       200      405
";

/// etcd compares the names of a peer's certificate with where it comes from; one without names passes.
const SINGLE_CA_TABLE: &str = "
    who             get  health  gateway  members  raft
    root            yes  200     200      200      405
    undescribed     yes  200     200      200      405
    elsewhere       yes  200     200      no       no
    server          yes  200     200      200      405
    peer            yes  200     200      200      405
    foreign         no   no      no       no       no
    foreign-peer    no   no      no       no       no
    nobody          no   no      no       no       no
    removed-server  yes  200     200      200      405
    removed-peer    yes  200     200      200      405
";

const SHARED_CERT_TABLE: &str = "
    who             get  health  gateway  members  raft
    root            yes  200     200      200      405
    undescribed     yes  200     200      200      405
    elsewhere       yes  200     200      no       no
    member          yes  200     200      200      405
    foreign         no   no      no       no       no
    foreign-peer    no   no      no       no       no
    nobody          no   no      no       no       no
    removed-member  yes  200     200      200      405
";

pub fn trials() -> Vec<Trial> {
    let on = |layout: &'static Layout| {
        let name = format!("{}::lets_in_who_is_meant_and_nobody_else", layout.name);
        on_each_etcd(&name, move |etcd| lets_in_who_is_meant(etcd, layout))
    };
    LAYOUTS.into_iter().flat_map(on).collect()
}

fn expected(etcd: &Etcd, layout: &Layout) -> Table {
    Table::parse(match layout.name {
        name if name == SINGLE_CA.name => SINGLE_CA_TABLE,
        name if name == SHARED_CERT.name => SHARED_CERT_TABLE,
        _ if etcd.version.starts_with("3.4.") => LEAST_PRIVILEGE_3_4,
        _ => LEAST_PRIVILEGE,
    })
}

fn lets_in_who_is_meant(etcd: &Etcd, layout: &Layout) -> Outcome {
    let curl = find("curl")?;
    let fixture = format!("{}.yaml", layout.name);
    let stranger = described(&fixture, etcd).applied();
    let mut cluster = Cluster::start(etcd, described(&fixture, etcd).applied())?;
    cluster.wait_until_healthy();

    let holders = tempfile::tempdir().unwrap();
    let authority = Authority { folder: cluster.tree.path("ca"), new: holders.path().to_owned() };
    let nodes = cluster.tree.path("nodes");
    let pki = |member: &str| nodes.join(member).join("etc/etcd/pki");
    let peer = layout.members.iter().find(|held| held.is_server && held.is_client).unwrap();
    let mut knocking = vec![
        Who::with("root", &cluster.tree.path("clients/root"), "client"),
        authority.sign("undescribed", layout.clients, "extendedKeyUsage=clientAuth")?,
        authority.sign(
            "elsewhere",
            layout.clients,
            "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:10.255.255.1",
        )?,
        Who::with("foreign", &stranger.path("clients/root"), "client"),
        Who::with("foreign-peer", &stranger.path("nodes/etcd2/etc/etcd/pki"), peer.role),
        Who { name: "nobody".to_owned(), pair: None },
    ];
    if peer.ca != layout.clients {
        let names = "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost";
        knocking.push(authority.sign("unmarked", peer.ca, names)?);
    }
    let held = |member: &str| {
        let pki = pki(member);
        let certificates =
            layout.members.iter().filter(|held| pki.join(held.role).with_extension("pem").is_file());
        certificates.map(|held| Who::with(held.role, &pki, held.role)).collect::<Vec<_>>()
    };
    knocking.extend(held("etcd2"));
    let trusted = authority.folder.join(layout.clients).with_extension("pem");
    let mut found = knock(&curl, etcd, &cluster, &trusted, &knocking);

    let members = cluster.etcdctl(&["member", "list"]).ok().stdout;
    let third = members.lines().find(|line| line.contains(", etcd3,")).expect("a third member");
    // One that stays is told: etcd stops serving as soon as it knows that it is removed.
    let stay = cluster.endpoints(|which| cluster.members[which].name != "etcd3");
    cluster.change_members(&stay, &["member", "remove", third.split(',').next().unwrap()]);
    cluster.wait_for_the_end("etcd3");
    // The others may have to elect a new leader.
    cluster.wait_until_healthy();
    let removed = held("etcd3").into_iter().map(|who| Who { name: format!("removed-{}", who.name), ..who });
    found.0.extend(knock(&curl, etcd, &cluster, &trusted, &removed.collect::<Vec<_>>()).0);

    let expected = expected(etcd, layout);
    let differences = expected.differences(&found);
    assert!(differences.is_empty(), "{} on etcd {}:\n{differences}", layout.name, etcd.version);
    Ok(())
}

/// What everybody finds at the first member's ports, whose CA is `trusted`.
fn knock(curl: &Path, etcd: &Etcd, cluster: &Cluster, trusted: &Path, knocking: &[Who]) -> Table {
    let address = &cluster.members[0].address;
    let (client, peer) = (format!("https://{address}:2379"), format!("https://{address}:2380"));
    let at = |who: &Who, place: &str| match place {
        "get" => who.gets(etcd, trusted, &client),
        "health" => who.asks(curl, &format!("{client}/health"), None),
        "gateway" => who.asks(curl, &format!("{client}/v3/kv/range"), Some(r#"{"key":"AA=="}"#)),
        "members" => who.asks(curl, &format!("{peer}/members"), None),
        "raft" => who.asks(curl, &format!("{peer}/raft"), None),
        other => unreachable!("{other}"),
    };
    thread::scope(|scope| {
        let rows = knocking.iter().map(|who| {
            let cells = WHERE.map(|place| scope.spawn(move || at(who, place)));
            (who.name.clone(), cells)
        });
        let rows: Vec<_> = rows.collect();
        Table(rows.into_iter().map(|(name, cells)| (name, cells.map(|cell| cell.join().unwrap()))).collect())
    })
}

/// Somebody with a certificate, or with none.
struct Who {
    name: String,
    pair: Option<(PathBuf, PathBuf)>,
}

impl Who {
    fn with(name: &str, folder: &Path, file: &str) -> Self {
        let pair = (folder.join(format!("{file}.pem")), folder.join(format!("{file}-key.pem")));
        assert!(pair.0.is_file() && pair.1.is_file(), "no {} with its key", pair.0.display());
        Self { name: name.to_owned(), pair: Some(pair) }
    }

    /// Whom the server trusts is the question, and everybody trusts the server. `--insecure-skip-tls-verify` is not
    /// enough: without a certificate of its own etcdctl 3.5 looks at the server's in spite of it.
    fn gets(&self, etcd: &Etcd, trusted: &Path, endpoint: &str) -> Cell {
        let mut etcdctl = Command::new(&etcd.etcdctl);
        etcdctl.env_clear().env("ETCDCTL_API", "3").args(["get", "anything", "--endpoints", endpoint]);
        etcdctl.arg("--cacert").arg(trusted);
        if let Some((certificate, key)) = &self.pair {
            etcdctl.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        let ran = run_unless_turned_away(&mut etcdctl);
        let told = if ran.code == Some(0) { "yes" } else { "no" };
        Cell { told: told.to_owned(), words: ran.stderr.trim().to_owned() }
    }

    fn asks(&self, curl: &Path, url: &str, body: Option<&str>) -> Cell {
        let mut asking = Command::new(curl);
        asking.env_clear().args(["--silent", "--show-error", "--insecure", "--http1.1", "--max-time", "60"]);
        asking.args(["--output", "/dev/null", "--write-out", "%{http_code}"]);
        if let Some((certificate, key)) = &self.pair {
            asking.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        if let Some(body) = body {
            asking.args(["--data", body]);
        }
        asking.arg(url);
        // On a busy machine /health of a member can be too late for its own limit of a second, and is 503 then.
        let answer = until(PATIENCE, || Some(run(&mut asking)).filter(|ran| ran.stdout != "503"));
        let ran = answer.unwrap_or_else(|| panic!("{} at {url}: always 503", self.name));
        let told = match ran.code {
            Some(0) => ran.stdout.clone(),
            // The handshake failed; or it was over for the client, and then the server hung up: a client learns
            // of what TLS 1.3 servers think of its certificate after that.
            Some(35 | 52 | 55 | 56) => "no".to_owned(),
            _ => panic!("{} at {url}: {ran}", self.name),
        };
        Cell { told, words: ran.stderr.trim().to_owned() }
    }
}

/// A cluster's CAs, in the hands of somebody who signs what no description asks for.
struct Authority {
    folder: PathBuf,
    new: PathBuf,
}

impl Authority {
    fn sign(&self, name: &str, ca: &str, extensions: &str) -> Result<Who, Missing> {
        let openssl = find("openssl")?;
        let path = |suffix: &str| self.new.join(format!("{name}{suffix}"));
        fs::write(path(".ext"), extensions).unwrap();
        let mut request = Command::new(&openssl);
        request.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        request.args(["-subj", &format!("/CN={name}"), "-keyout"]).arg(path("-key.pem"));
        run(request.arg("-out").arg(path(".csr"))).ok();
        let mut sign = Command::new(&openssl);
        sign.args(["x509", "-req", "-days", "1", "-in"]).arg(path(".csr"));
        sign.arg("-CA").arg(self.folder.join(format!("{ca}.pem")));
        sign.arg("-CAkey").arg(self.folder.join(format!("{ca}-key.pem")));
        sign.args(["-set_serial", "0x0102030405060708", "-extfile"]).arg(path(".ext"));
        run(sign.arg("-out").arg(path(".pem"))).ok();
        Ok(Who::with(name, &self.new, name))
    }
}

/// What somebody found somewhere.
#[derive(Clone, Default)]
struct Cell {
    /// `yes`, `no`, or the status of HTTP
    told: String,
    /// What the program said
    words: String,
}

/// By who, in the order of `WHERE`.
struct Table(BTreeMap<String, [Cell; WHERE.len()]>);

impl Table {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut rows = lines.by_ref().filter(|words| !words.is_empty());
        assert_eq!(rows.next().unwrap()[1..], WHERE);
        let row = |words: Vec<&str>| {
            let cells = words[1..].iter().map(|told| Cell { told: (*told).to_owned(), words: String::new() });
            let cells: Vec<_> = cells.collect();
            (
                words[0].to_owned(),
                <[Cell; WHERE.len()]>::try_from(cells).unwrap_or_else(|_| panic!("{words:?}")),
            )
        };
        Self(rows.map(row).collect())
    }

    /// One line for each cell that is not as in `self`.
    fn differences(&self, found: &Self) -> String {
        assert_eq!(
            self.0.keys().collect::<Vec<_>>(),
            found.0.keys().collect::<Vec<_>>(),
            "not the same people"
        );
        let mut differences = String::new();
        for ((who, expected), found) in self.0.iter().zip(found.0.values()) {
            for ((place, expected), Cell { told, words }) in WHERE.iter().zip(expected).zip(found) {
                if expected.told != *told {
                    let _ = writeln!(differences, "{who} at {place}: {told}, not {} {words}", expected.told);
                }
            }
        }
        differences
    }
}
