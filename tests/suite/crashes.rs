//! Every command that writes, killed before each system call with which it writes, or with each of these calls failing:
//! the same command, given again, finishes the work, keeps the keys, and leaves nothing over.
//!
//! The suite takes about 500 of these moments, spread evenly. `ETCDPKI_CRASHES=10000` takes that many, if there are so many.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;
use pki_core::disk;
use pki_core::etcd::status::Status;
use pki_core::etcd::{Cluster, Folder, Plan};
use pki_core::x509::{Certificate, PrivateKey, SystemKeys, SystemRandomness};
use tempfile::TempDir;

use super::command::run;
use super::product::program;
use super::strace::{Strace, WRITING};
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        every_command_is_declared_as_writing_or_not,
        single_certificates_survive_crashes,
        many_certificates_survive_crashes,
        other_files_survive_crashes,
        clusters_survive_crashes
    ]
}

/// A command line that writes, and what it writes.
struct Case {
    /// The command that it is about, as the help lists it.
    command: &'static str,
    /// The arguments. The command runs in the folder with the files of [`prepare`].
    args: &'static str,
    /// The paths that are there when it has done its work.
    outputs: &'static [&'static str],
    /// The names of pairs: NAME.pem is a certificate for NAME-key.pem.
    pairs: &'static [&'static str],
}

const fn case(
    command: &'static str,
    args: &'static str,
    outputs: &'static [&'static str],
    pairs: &'static [&'static str],
) -> Case {
    Case { command, args, outputs, pairs }
}

const SINGLE: &[Case] = &[
    case("gencert", "gencert -ca ca.pem -ca-key ca-key.pem -bare x a.json", &["x.csr"], &["x"]),
    case("gencert", "gencert -force -ca ca.pem -ca-key ca-key.pem -bare old a.json", &["old.csr"], &["old"]),
    case("gencert", "gencert -initca -bare x a.json", &["x.csr"], &["x"]),
    case("gencert", "gencert -renewca -ca ca.pem -ca-key ca-key.pem -bare ca", &[], &["ca"]),
    case("gencert", "gencert -from old.pem -ca ca.pem -ca-key ca-key.pem -bare old", &[], &["old"]),
    case("initca", "initca -bare x a.json", &["x.csr"], &["x"]),
    case("genkey", "genkey -bare x a.json", &["x-key.pem", "x.csr"], &[]),
    case("gencsr", "gencsr -key old-key.pem -bare x a.json", &["x.csr"], &[]),
    case("selfsign", "selfsign -bare x localhost a.json", &["x.csr"], &["x"]),
    case("sign", "sign -ca ca.pem -ca-key ca-key.pem -bare old old.csr", &["old.pem"], &["old"]),
    case("json", "json -bare -f made.json x", &["x.csr"], &["x"]),
    case("json", "json -bare -force -f made.json old", &["old.csr"], &["old"]),
];

const MANY: &[Case] = &[
    case(
        "gencert",
        "gencert -loglevel 2 -into many -ca ca.pem -ca-key ca-key.pem a.json b.json c.json",
        &["many/a.csr", "many/b.csr", "many/c.csr"],
        &["many/a", "many/b", "many/c"],
    ),
    case(
        "gencert",
        "gencert -loglevel 2 -force -into . -ca ca.pem -ca-key ca-key.pem old.json b.json",
        &["old.csr", "b.csr"],
        &["old", "b"],
    ),
    case("sign", "sign -loglevel 2 -into many -ca ca.pem -ca-key ca-key.pem old.csr", &["many/old.pem"], &[]),
];

const OTHER: &[Case] = &[
    case("gencrl", "gencrl -bare new serials ca.pem ca-key.pem", &["new.crl"], &[]),
    case("gencrl", "gencrl -bare list serials ca.pem ca-key.pem", &["list.crl"], &[]),
    case("mkbundle", "mkbundle -f all.pem ca.pem old.pem", &["all.pem"], &[]),
    case("link", "link links", &["links/cfssl", "links/cfssljson", "links/mkbundle"], &[]),
    case("link", "link -replace-keys links", &["links/cfssl", "links/.etcdpki/cfssl", "links/mkbundle"], &[]),
    case("link", "link -force other-links", &["other-links/cfssl", "other-links/mkbundle"], &[]),
    case("cluster status", "cluster status out --prometheus old.prom", &["old.prom"], &[]),
    case("cluster report", "cluster report out --html old.prom", &["old.prom"], &[]),
    case(
        "cluster export",
        "cluster export out --as cloud-init --member etcd1 -o user-data",
        &["user-data"],
        &[],
    ),
    case("man", "man pages", &["pages/etcdpki.1", "pages/cfssl.1"], &[]),
];

const CLUSTERS: &[Case] = &[
    case(
        "cluster apply",
        "cluster apply -f one.yaml -o new",
        &["new/deploy.sh", "new/cluster.lock.json"],
        &["new/ca/peer-ca", "new/nodes/etcd1/etc/etcd/pki/server"],
    ),
    case(
        "cluster renew-ca",
        "cluster renew-ca lasting -f lasting.yaml",
        &["lasting/cluster.lock.json"],
        &["lasting/ca/client-ca", "lasting/ca/peer-ca", "lasting/nodes/etcd1/etc/etcd/pki/server"],
    ),
    case(
        "cluster renew",
        "cluster renew out -f one.yaml --all",
        &["out/cluster.lock.json"],
        &[
            "out/nodes/etcd1/etc/etcd/pki/server",
            "out/nodes/etcd1/etc/etcd/pki/peer",
            "out/clients/root/client",
        ],
    ),
    case(
        "cluster renew",
        "cluster renew out -f one.yaml etcd1 --new-key",
        &["out/nodes/etcd1/etc/etcd/pki/server-g2.pem"],
        &[
            "out/nodes/etcd1/etc/etcd/pki/server",
            "out/nodes/etcd1/etc/etcd/pki/server-g2",
            "out/nodes/etcd1/etc/etcd/pki/peer-g2",
        ],
    ),
    case(
        "cluster recover",
        "cluster recover ended -f ended.yaml --timeout 10ms",
        &["ended/cluster.lock.json"],
        &[
            "ended/ca/client-ca",
            "ended/ca/peer-ca",
            "ended/nodes/etcd1/etc/etcd/pki/server",
            "ended/clients/root/client",
        ],
    ),
    case(
        "cluster apply",
        "cluster apply -f other.yaml -o out",
        &["out/cluster.lock.json", "out/clients/second/etcdctl.env"],
        &["out/ca/client-ca", "out/nodes/etcd1/etc/etcd/pki/server"],
    ),
];

/// The commands that need members that run. What they write goes through the same functions as
/// `cluster status` and `cluster apply`.
const WITH_MEMBERS: &[&str] = &["cluster deploy", "cluster member", "cluster observe"];

/// The commands that write no files.
const READING: &[&str] = &[
    "bundle",
    "certinfo",
    "completions",
    "cluster forecast",
    "cluster import",
    "cluster new",
    "cluster plan",
    "cluster restart",
    "cluster schema",
    "cluster steps",
    "cluster verify",
    "doctor",
    "explain",
    "info",
    "print-defaults",
    "version",
];

/// Every command of the help is in one of the lists, so a new command that writes cannot be left out.
fn every_command_is_declared_as_writing_or_not() -> Outcome {
    let names = |args: &[&str], title: &str| -> Vec<String> {
        let help = run(Command::new(program()).args(args)).ok().stdout;
        let lines = help.lines().skip_while(|line| !line.starts_with(title)).skip(1);
        let names = lines.take_while(|line| line.starts_with("  ")).filter_map(|line| {
            // A description that is continued is indented further.
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty() && name != "help").then(|| name.to_owned())
        });
        names.collect()
    };
    let mut all: BTreeSet<String> = names(&["--help"], "Commands of cfssl").into_iter().collect();
    all.extend(names(&["--help"], "Commands:").into_iter().filter(|name| name != "cluster"));
    all.extend(names(&["cluster", "--help"], "Commands:").iter().map(|name| format!("cluster {name}")));
    let cases = [SINGLE, MANY, OTHER, CLUSTERS].into_iter().flatten();
    let writing: BTreeSet<String> = cases.map(|case| case.command.to_owned()).collect();
    let reading = READING.iter().chain(WITH_MEMBERS);
    let reading: BTreeSet<String> = reading.map(|name| (*name).to_owned()).collect();
    assert!(writing.is_disjoint(&reading));
    assert_eq!(
        all,
        writing.union(&reading).cloned().collect(),
        "the commands of the help, and those declared here"
    );
    Ok(())
}

fn single_certificates_survive_crashes() -> Outcome {
    survive(SINGLE, 4)
}

fn many_certificates_survive_crashes() -> Outcome {
    survive(MANY, 9)
}

fn other_files_survive_crashes() -> Outcome {
    survive(OTHER, 9)
}

fn clusters_survive_crashes() -> Outcome {
    survive(CLUSTERS, 5)
}

/// What happens to a call: the process is killed before it, or it fails.
const FAULTS: [&str; 6] =
    ["signal=KILL", "error=EIO", "error=ENOSPC", "error=EDQUOT", "error=EROFS", "error=EPERM"];

/// The number of moments of all cases together, unless `ETCDPKI_CRASHES` says another.
const USUAL: usize = 500;

/// Tries the moments of some cases. `share` of all 27 parts of the moments are for them.
fn survive(cases: &[Case], share: usize) -> Outcome {
    let strace = Strace::find()?;
    let wanted = std::env::var("ETCDPKI_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    let template = prepare();
    let moments: Vec<(&Case, &str, &str, usize)> = cases
        .iter()
        .flat_map(|case| {
            let counts = calls(&strace, template.path(), case);
            counts.into_iter().flat_map(move |(call, count)| {
                FAULTS.into_iter().flat_map(move |fault| (1..=count).map(move |nth| (case, call, fault, nth)))
            })
        })
        // Before the program itself runs, its libraries are opened, and nobody can report an error.
        .filter(|(_, call, fault, _)| *call != "openat" || fault.starts_with("signal"))
        .collect();
    let step = (moments.len() / (wanted * share / 27).max(1)).max(1);
    let (mut tried, mut stopped) = (0, 0);
    for (case, call, fault, nth) in moments.iter().step_by(step) {
        let folder = TempDir::new().unwrap();
        copy(template.path(), folder.path());
        let ran = run(strace
            .injecting(call, fault, *nth)
            .arg(program())
            .args(case.args.split(' '))
            .current_dir(folder.path()));
        let when = format!("{fault} at {call} number {nth} of {}", case.args);
        tried += 1;
        // Some commands end with 2, because files wait for their hosts.
        let is_done = matches!(ran.code, Some(0 | 2));
        stopped += usize::from(!is_done);
        assert!(!ran.stderr.contains("panicked"), "{when}: {ran}");
        let failed_in_silence = fault.starts_with("error") && !is_done && ran.stderr.trim().is_empty();
        // What cannot be written to the standard error cannot be told.
        assert!(!failed_in_silence || *call == "write", "{when}: {ran}");
        // The next process that writes there finds or makes pairs that fit, whatever it does: every second time another one.
        if nth % 2 == 0 {
            drop(disk::begin(folder.path()).unwrap());
            old_pair_fits(folder.path(), &when);
        }
        registry_is_whole(folder.path(), &when);
        let keys = keys(folder.path());
        let again = run(Command::new(program()).args(case.args.split(' ')).current_dir(folder.path()));
        // If the run was killed after its last name, the work is done, and a new key is not made over it.
        let was_done = again.stderr.contains("is already there") && !case.args.contains("-into");
        // Files wait for their hosts.
        let waits = ["cluster renew", "cluster renew-ca", "cluster recover"].contains(&case.command)
            && again.code == Some(2);
        assert!(again.code == Some(0) || waits || was_done, "after {when}: {again}");
        check(case, folder.path(), &keys, &when);
    }
    println!("crashes: {tried} moments of {}, {stopped} of which stopped the command", moments.len());
    assert!(
        stopped * 3 > tried,
        "only {stopped} of {tried} crashes: the calls are not those that the program makes"
    );
    Ok(())
}

/// Key and certificate of the pair that is there from the beginning are of one run, whatever a killed run replaced.
fn old_pair_fits(folder: &Path, when: &str) {
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let key = PrivateKey::read(&read("old-key.pem"), None).unwrap();
    let certificate = Certificate::read(&read("old.pem")).unwrap();
    assert!(certificate.is_for(key.public_key()), "after {when}: old is no pair");
}

/// The registries of output folders have an unbroken chain, and every certificate that is there, whatever was killed.
fn registry_is_whole(folder: &Path, when: &str) {
    for out in
        ["out", "new", "lasting", "ended"].map(|name| folder.join(name)).iter().filter(|out| out.is_dir())
    {
        let text = fs::read_to_string(out.join("registry.jsonl")).unwrap_or_default();
        let certificates = files(out).into_iter().filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".pem") && !name.ends_with("-key.pem") && !name.contains(".etcdpki-")
        });
        for path in certificates {
            let certificate = Certificate::read(&fs::read(&path).unwrap()).unwrap();
            assert!(
                text.contains(&certificate.fingerprint()),
                "after {when}: {} is not registered",
                path.display()
            );
        }
        let Ok(status) = Status::new(&Folder::open(out).unwrap().public_snapshot(), SystemTime::now().into())
        else {
            // There is no record yet.
            continue;
        };
        let wrong = status.findings.iter().filter(|finding| ["E910", "E911", "E912"].contains(&finding.rule));
        let wrong: Vec<String> = wrong.map(ToString::to_string).collect();
        assert_eq!(wrong, [""; 0], "after {when}");
    }
}

/// After the second run: everything is there, fits together, and nothing else is.
fn check(case: &Case, folder: &Path, keys: &BTreeMap<PathBuf, Vec<u8>>, when: &str) {
    for output in case.outputs {
        assert!(folder.join(output).exists(), "after {when}: {output} is missing");
    }
    for pair in case.pairs {
        let read = |suffix: &str| fs::read(folder.join(format!("{pair}{suffix}"))).unwrap();
        let key =
            PrivateKey::read(&read("-key.pem"), None).unwrap_or_else(|e| panic!("after {when}: {pair}: {e}"));
        let certificate =
            Certificate::read_all(&read(".pem")).unwrap_or_else(|e| panic!("after {when}: {pair}: {e}"));
        assert!(certificate[0].is_for(key.public_key()), "after {when}: {pair} is no pair");
    }
    registry_is_whole(folder, when);
    for path in files(folder) {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(!name.contains(".etcdpki-"), "after {when}: {} is left over", path.display());
    }
    if !case.args.contains("-force") {
        for (path, bytes) in keys {
            assert!(fs::read(path).unwrap() == *bytes, "after {when}: {} was replaced", path.display());
        }
    }
}

/// The private keys that have their names.
fn keys(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_key = |path: &PathBuf| path.to_string_lossy().ends_with("-key.pem");
    files(folder).into_iter().filter(is_key).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        match item.file_type().unwrap().is_dir() {
            true => found.extend(files(&item.path())),
            false => found.push(item.path()),
        }
    }
    found
}

/// How often a thread of the command makes each of the writing calls.
fn calls(strace: &Strace, template: &Path, case: &Case) -> BTreeMap<&'static str, usize> {
    let folder = TempDir::new().unwrap();
    copy(template, folder.path());
    let log = TempDir::new().unwrap();
    let log = log.path().join("log");
    run(strace
        .listing()
        .arg("-o")
        .arg(&log)
        .arg(program())
        .args(case.args.split(' '))
        .current_dir(folder.path()));
    let mut of_threads: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let name = rest.trim_start().split('(').next().unwrap();
        if let Some(call) = WRITING.into_iter().find(|call| *call == name) {
            *of_threads.entry((thread.to_owned(), call)).or_default() += 1;
        }
    }
    let mut counts = BTreeMap::new();
    for ((_, call), count) in of_threads {
        let most = counts.entry(call).or_default();
        *most = count.max(*most);
    }
    counts
}

/// A folder with what the commands read, and with files that some of them replace.
fn prepare() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for name in ["a", "b", "c", "old"] {
        write(&format!("{name}.json"), &format!(r#"{{"CN": "{name}", "hosts": ["{name}.example"]}}"#));
    }
    write("ca.json", r#"{"CN": "CA", "hosts": []}"#);
    write("serials", "4711\n");
    write("list.crl", "an old list\n");
    write("all.pem", "an old bundle\n");
    write("old.prom", "# old\n");
    let description = "name: s\nmembers: [{name: etcd1, address: 10.0.0.1}]\nclients: [{name: root}]\n";
    write("one.yaml", description);
    write("short.yaml", &format!("{description}validity: {{ca: 40d}}\n"));
    write("lasting.yaml", description);
    write("other.yaml", &description.replace("{name: root}", "{name: root}, {name: second}"));
    for name in ["many", "links", "other-links"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    symlink("/nowhere", folder.path().join("other-links/cfssl")).unwrap();
    let all = [
        "gencert -initca -bare ca ca.json",
        "gencert -ca ca.pem -ca-key ca-key.pem -bare old old.json",
        "cluster apply -f one.yaml -o out",
        "cluster apply -f short.yaml -o lasting",
    ];
    for args in all {
        run(Command::new(program()).args(args.split(' ')).current_dir(folder.path())).ok();
    }
    let then = (SystemTime::now() - Duration::from_secs(400 * 86400)).into();
    let cluster =
        Cluster::from_yaml(&format!("{description}validity: {{ca: 30d, leaf: 10d}}\n"), None).unwrap().value;
    write("ended.yaml", &format!("{description}validity: {{ca: 30d, leaf: 10d}}\n"));
    let locked = Folder::lock(&folder.path().join("ended")).unwrap();
    let plan = Plan::new(&cluster, &locked.snapshot(&cluster).unwrap(), then).unwrap();
    locked.apply(&plan.issue(&SystemKeys, &SystemRandomness, then, &|_| {}).unwrap()).unwrap();
    drop(locked);
    let made = "gencert -ca ca.pem -ca-key ca-key.pem a.json";
    let made = run(Command::new(program()).args(made.split(' ')).current_dir(folder.path())).ok();
    write("made.json", &made.stdout);
    folder
}

/// Copies a folder with everything in it. Modes and owners stay, so nothing has to be corrected.
fn copy(from: &Path, to: &Path) {
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let (source, target) = (item.path(), to.join(item.file_name()));
        let kind = item.file_type().unwrap();
        if kind.is_dir() {
            fs::create_dir(&target).unwrap();
            fs::set_permissions(&target, item.metadata().unwrap().permissions()).unwrap();
            copy(&source, &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
        }
        let about = item.metadata().unwrap();
        if !kind.is_symlink() && about.uid() != fs::metadata(&target).unwrap().uid() {
            chown(&target, Some(about.uid()), Some(about.gid())).unwrap();
        }
    }
}
