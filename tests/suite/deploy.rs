//! `deploy.sh`, run as it is, with hosts that are folders of this machine.
//!
//! First on PATH stands a program `ssh` that runs the script's own commands in a mount namespace where `/etc`,
//! `/run` and `/var/lib` are the host's. A program `systemctl` notes there what it is asked for, and the test starts
//! real etcd from what has arrived.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{Ran, Running, run, until};
use super::host::{Host, user_exists};
use super::product::{Tree, is_key};
use super::programs::{self, Etcd, can_isolate, find};
use super::trial::{Missing, Outcome, trial_with_servers, trials};

/// A folder's name with everything that a shell could take for more.
const HOSTILE: &str = "-a 'b' \"c\" $HOME `x` $(x) \\ * ; & # é";

pub fn trials() -> Vec<Trial> {
    let mut trials = trials![
        shellcheck_accepts_it,
        files_arrive_with_owners_and_modes,
        printed_copies_take_nothing_from_whom_it_belongs_to,
        links_of_the_user_lead_nowhere,
        what_a_host_lacks_is_told_before_anything_is_done,
        another_version_of_etcd_is_told_before_anything_is_done,
        another_etcd_is_told_before_anything_is_done,
        who_listens_already_is_told_before_anything_is_done,
        all_hosts_are_reached_at_the_same_time,
        one_host_that_fails_keeps_all_from_starting,
        usage_is_checked,
    ];
    for series in programs::SERIES {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |e| &e.version).to_owned();
        let name = format!("deploy::{version}::starts_a_cluster_and_lets_it_grow");
        trials.push(trial_with_servers(name, move || starts_a_cluster_and_lets_it_grow(&found?)));
    }
    trials
}

/// Folders that are hosts, and the programs that reach them.
struct Hosts(TempDir);

/// What `ssh` does: a shell on the host, as root.
const SSH: &str = r#"#!/bin/sh
while :; do
    case $1 in
        -[lo]) shift 2 ;;
        --) shift ;;
        *) break ;;
    esac
done
host=$HOSTS/${1#root@}
test -d "$host" || { echo "ssh: connect to host ${1#root@}: No route to host" >&2; exit 255; }
shift
case $* in
    *'mktemp -d /run'*) if test -e "$host/breaks"; then echo "no space left" >&2; exit 1; fi ;;
esac
if test "$MEET"; then
    # Nobody goes on before all are here.
    count() { set -- "$HOSTS"/*/here-$call; echo $#; }
    call=1
    while test -e "$host/here-$call"; do call=$((call + 1)); done
    : > "$host/here-$call"
    until test "$(count)" = "$MEET" || ! test -d "$HOSTS"; do sleep 0.02; done
fi
exec unshare -m sh -c '
    host=$1
    shift
    mount --bind "$HOSTS/bin/etcd" /usr/bin/etcd
    for folder in etc run; do mount --bind "$host/$folder" "/$folder"; done
    mount --bind "$host/var/lib" /var/lib
    PATH=$HOSTS/bin/host:$PATH
    unset HOSTS
    exec sh -c "$*"
' sh "$host" "$@"
"#;

/// What `systemctl` does: it starts nothing, but notes that it was asked to.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /run/asked
case "$*" in
    'is-active etcd.service') test ! -e /run/running || echo active ;;
    'start --no-block etcd.service') : > /run/running ;;
    'show --property=MainPID --value etcd.service') test ! -e /run/process || cat /run/process ;;
esac
"#;

impl Hosts {
    fn new(addresses: &[&str]) -> Result<Self, Missing> {
        can_isolate()?;
        find("bash")?;
        if !user_exists("etcd") {
            return Err(Missing("no user etcd here".into()));
        }
        let hosts = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(hosts.path("bin/host")).unwrap();
        if !Path::new("/usr/bin/etcd").exists() {
            return Err(Missing("no /usr/bin/etcd, in whose place a host has its own".into()));
        }
        hosts.program("bin/ssh", SSH);
        hosts.program("bin/host/systemctl", SYSTEMCTL);
        hosts.program("bin/etcd", "#!/bin/sh\necho 'etcd Version: 3.5.30'\n");
        for address in addresses {
            for folder in ["etc/systemd/system", "run", "var/lib"] {
                fs::create_dir_all(hosts.path(address).join(folder)).unwrap();
            }
            for file in ["etc/passwd", "etc/group"] {
                fs::copy(Path::new("/").join(file), hosts.path(address).join(file)).unwrap();
            }
        }
        Ok(hosts)
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn program(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o755)).unwrap();
    }

    /// `deploy.sh` of a tree, run from somewhere else.
    fn deploy(&self, tree: &Tree, arguments: &[&str]) -> Command {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new(tree.path("deploy.sh"));
        command
            .args(arguments)
            .current_dir("/")
            .env("PATH", path)
            .env("HOSTS", self.0.path())
            .env("MEET", "");
        // What a caller may have set must not get in the way.
        command.env("ETCDCTL_ENDPOINTS", "https://192.0.2.1:1").env("CDPATH", "/tmp");
        command
    }

    fn asked(&self, address: &str) -> String {
        fs::read_to_string(self.path(address).join("run/asked")).unwrap_or_default()
    }
}

/// Applied, and then moved to a folder of another name.
fn moved(mut tree: Tree) -> Tree {
    let elsewhere = tree.root.with_file_name(HOSTILE);
    fs::rename(&tree.root, &elsewhere).unwrap();
    tree.root = elsewhere;
    tree
}

fn shellcheck_accepts_it() -> Outcome {
    let shellcheck = find("shellcheck")?;
    for fixture in ["three-members.yaml", "flags.yaml", "drop-in.yaml", "container.yaml", "ipv6.yaml"] {
        let tree = Tree::of_fixture(fixture).applied();
        let entries = tree.entries();
        let scripts = entries.keys().filter(|name| name.ends_with(".sh")).map(|name| tree.path(name));
        run(Command::new(&shellcheck).args(scripts)).ok();
    }
    Ok(())
}

fn files_arrive_with_owners_and_modes() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let host = hosts.path("127.0.0.1");
    // What is there already: a folder with an owner and a mode of its own, and a trap of etcd's user.
    let pki = host.join("etc/etcd/pki");
    fs::create_dir_all(&pki).unwrap();
    fs::set_permissions(host.join("etc/etcd"), Permissions::from_mode(0o750)).unwrap();
    chown(host.join("etc/etcd"), Some(7), Some(8)).unwrap();
    fs::write(host.join("etc/victim"), "precious").unwrap();
    symlink("/etc/victim", pki.join("server-key.pem")).unwrap();

    let tree = moved(Tree::of(ONE_MEMBER).applied());
    let ran = run(&mut hosts.deploy(&tree, &["--copy"])).ok();
    assert!(ran.stdout.is_empty() && ran.stderr.contains("/etc/etcd/pki/server.pem"), "{ran}");

    let etcd = ids("etcd");
    let node = tree.path("nodes/etcd1");
    let arrived = super::guides::listing(&node);
    assert!(arrived.len() > 8);
    for (path, mode) in arrived {
        let place = host.join(&path);
        let about = fs::symlink_metadata(&place).unwrap();
        assert!(about.is_file(), "{}", place.display());
        assert_eq!(fs::read(&place).unwrap(), fs::read(node.join(&path)).unwrap(), "{}", place.display());
        let secret = is_key(path.to_str().unwrap());
        assert_eq!(about.mode() & 0o7777, if secret { 0o600 } else { mode }, "{}", place.display());
        let owner = if path.starts_with("etc/etcd/pki") { etcd } else { (0, 0) };
        assert_eq!((about.uid(), about.gid()), owner, "{}", place.display());
    }
    let about = fs::metadata(&pki).unwrap();
    assert_eq!((about.mode() & 0o7777, (about.uid(), about.gid())), (0o700, etcd));
    let about = fs::metadata(host.join("etc/etcd")).unwrap();
    assert_eq!((about.mode() & 0o7777, about.uid(), about.gid()), (0o750, 7, 8), "a folder that was there");
    let victim = fs::metadata(host.join("etc/victim")).unwrap();
    assert_eq!(fs::read(host.join("etc/victim")).unwrap(), b"precious");
    assert_eq!((victim.uid(), victim.mode() & 0o7777), (0, 0o644));
    let mut left = fs::read_dir(host.join("run")).unwrap().map(|item| item.unwrap().file_name());
    assert!(!left.any(|name| name.to_str().unwrap().starts_with("etcdpki")), "keys are left in /run");
    assert!(!hosts.asked("127.0.0.1").contains("start"), "only copied");

    let again = run(&mut hosts.deploy(&tree, &["--copy", "etcd1"])).ok();
    assert!(!again.stderr.contains(".pem"), "nothing has changed: {again}");
    Ok(())
}

/// What `apply` prints for those who copy by themselves, where root's umask is strict.
fn printed_copies_take_nothing_from_whom_it_belongs_to() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let host = hosts.path("127.0.0.1");
    let tree = Tree::of(&ONE_MEMBER.replace("members", "host: {user: daemon}\nmembers"));
    let printed = tree.apply().ok().stdout;
    let commands: Vec<_> = printed.lines().map(str::trim).filter(|line| line.contains(" --copy ")).collect();
    assert_eq!(commands, [format!("{} --copy etcd1", tree.path("deploy.sh").display())], "{printed}");
    let copy = || {
        let script = format!("set -e; umask 077\n{}", commands.join("\n"));
        let mut path = OsString::from(format!("{}:", hosts.path("bin").display()));
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("PATH", path).env("HOSTS", hosts.0.path()).env("MEET", "");
        run(&mut command).ok();
    };
    let about = |path: &str| {
        let about = fs::symlink_metadata(host.join(path)).unwrap();
        (about.mode() & 0o7777, about.uid(), about.gid())
    };
    for path in ["etc", "etc/systemd/system"] {
        fs::set_permissions(host.join(path), Permissions::from_mode(0o751)).unwrap();
        chown(host.join(path), Some(7), Some(8)).unwrap();
    }
    let (user, group) = ids("daemon");
    for time in ["the first", "the second"] {
        copy();
        for path in ["etc", "etc/systemd/system"] {
            assert_eq!(about(path), (0o751, 7, 8), "{path}, {time} time");
        }
        assert_eq!(about("etc/etcd"), (0o755, 0, 0), "{time} time");
        assert_eq!(about("etc/etcd/pki"), (0o700, user, group), "{time} time");
        for (path, mode) in super::guides::listing(&tree.path("nodes/etcd1")) {
            let path = path.to_str().unwrap();
            let wanted = if path.starts_with("etc/etcd/pki") { (mode, user, group) } else { (mode, 0, 0) };
            assert_eq!(about(path), wanted, "{path}, {time} time");
            // As it was left by whoever copied everything as root's.
            chown(host.join(path), Some(0), Some(0)).unwrap();
        }
        chown(host.join("etc/etcd/pki"), Some(0), Some(0)).unwrap();
    }
    Ok(())
}

/// Whoever is etcd's user on a host puts links to what is root's where root will work: as files that arrive, while
/// they arrive, and as the folder itself.
fn links_of_the_user_lead_nowhere() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let host = hosts.path("127.0.0.1");
    let (etcd, folder, pki) = (ids("etcd"), host.join("etc/etcd"), host.join("etc/etcd/pki"));
    let tree = Tree::of(ONE_MEMBER).applied();
    fs::create_dir_all(&pki).unwrap();
    for folder in [&folder, &pki] {
        chown(folder, Some(etcd.0), Some(etcd.1)).unwrap();
    }
    let secret = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
    };
    fs::create_dir_all(host.join("etc/root/folder")).unwrap();
    secret(
        &host.join("etc/root/copy.pem"),
        &fs::read(tree.path("nodes/etcd1/etc/etcd/pki/peer.pem")).unwrap(),
    );
    secret(&host.join("etc/root/victim"), b"precious");
    // The folder itself, and what is in it.
    let of_root = || (contents(&host.join("etc/root")), contents(&host.join("etc")).remove("root"));
    let before = of_root();
    symlink("/etc/root/folder", pki.join("server.pem")).unwrap();
    symlink("/etc/root/copy.pem", pki.join("peer.pem")).unwrap();
    let quick = "#!/bin/sh\nfor file in /etc/etcd/pki/*; do ln -sfn /etc/root/victim \"$file\"; done\n\
                 exec /bin/chmod \"$@\"\n";
    fs::write(hosts.path("bin/host/chmod"), quick).unwrap();
    fs::set_permissions(hosts.path("bin/host/chmod"), Permissions::from_mode(0o755)).unwrap();
    run(&mut hosts.deploy(&tree, &["--copy"])).ok();
    assert_eq!(of_root(), before);

    fs::remove_file(hosts.path("bin/host/chmod")).unwrap();
    run(&mut hosts.deploy(&tree, &["--copy"])).ok();
    for (name, entry) in contents(&pki) {
        assert!(entry.0 & 0o170_000 == 0o100_000 && (entry.1, entry.2) == etcd, "{name}: {entry:?}");
    }
    assert_eq!(of_root(), before);

    fs::rename(&pki, folder.join("away")).unwrap();
    symlink("/etc/root", &pki).unwrap();
    let ran = run(&mut hosts.deploy(&tree, &["--copy"])).ends_with(1);
    assert!(ran.stderr.contains("/etc/etcd/pki is a link to /etc/root, and a user other than root"), "{ran}");
    assert_eq!(of_root(), before);
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|item| item.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["away", "etcd.env", "pki"]);
    // What root made a link of is meant so.
    chown(&folder, Some(0), Some(0)).unwrap();
    fs::rename(folder.join("away"), host.join("etc/keys")).unwrap();
    fs::remove_file(&pki).unwrap();
    symlink("/etc/keys", &pki).unwrap();
    run(&mut hosts.deploy(&tree, &["--copy"])).ok();
    Ok(())
}

/// Mode, user, group and bytes of what is in a folder.
fn contents(folder: &Path) -> BTreeMap<String, (u32, u32, u32, Vec<u8>)> {
    let inside = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    let about = inside.map(|path| {
        let about = fs::symlink_metadata(&path).unwrap();
        let mut bytes = if about.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if about.is_dir() {
            let names = fs::read_dir(&path).unwrap().map(|item| item.unwrap().file_name());
            bytes = names.flat_map(OsString::into_encoded_bytes).collect();
        }
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            (about.mode(), about.uid(), about.gid(), bytes),
        )
    });
    about.collect()
}

const ONE_MEMBER: &str = "name: one\nmembers: [{name: etcd1, address: 127.0.0.1}]\n";

fn ids(user: &str) -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn what_a_host_lacks_is_told_before_anything_is_done() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let description = json!({
        "name": "lacking",
        "host": {"binary": "/opt/none/etcd", "user": "nobody-of-that-name"},
        "members": [{"name": "here", "address": "127.0.0.1"}, {"name": "away", "dns": "away.example"}],
    });
    let tree = Tree::of_value(&description).applied();
    let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ends_with(1);
    for told in ["no /opt/none/etcd on", "no user nobody-of-that-name on", "useradd", "root@away.example"] {
        assert!(ran.stderr.contains(told), "{told}: {ran}");
    }
    assert!(!hosts.path("127.0.0.1/etc/etcd").exists(), "something was copied");

    let ran = run(hosts.deploy(&tree, &["here"]).env("ETCDCTL", "no-such-etcdctl")).ends_with(1);
    assert!(ran.stderr.contains("etcdctl is not installed on this machine"), "{ran}");
    Ok(())
}

/// One host has what all need, and the other one has another series of etcd, or a program that is no etcd.
fn another_version_of_etcd_is_told_before_anything_is_done() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1", "127.0.0.2"])?;
    let tree = Tree::of_value(&json!({
        "name": "versions",
        "version": "3.6",
        "members": [{"name": "a", "address": "127.0.0.1"}, {"name": "b", "address": "127.0.0.2"}],
    }));
    let tree = tree.applied();
    let etcd = |says: &str| {
        let other = "test -e /run/is-b || { echo etcd Version: 3.6.4; exit; }";
        hosts.program("bin/etcd", &format!("#!/bin/sh\n{other}\n{says}\n"));
    };
    fs::write(hosts.path("127.0.0.2/run/is-b"), "").unwrap();
    for (says, told) in [
        (
            "echo 'etcd Version: 3.4.23'",
            "b: /usr/bin/etcd on root@127.0.0.2 is etcd 3.4.23, and the description is for etcd 3.6\n",
        ),
        ("echo 'etcd Version: 3.60.1'", "is etcd 3.60.1, and"),
        (
            "echo no such library >&2; exit 127",
            "does not tell its version to the user etcd: no such library\n",
        ),
        ("id -un", "does not tell its version to the user etcd: etcd\n"),
    ] {
        etcd(says);
        let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ends_with(1);
        assert!(ran.stderr.contains(told), "{told}: {ran}");
        assert!(!ran.stderr.contains("a: "), "{ran}");
        for address in ["127.0.0.1", "127.0.0.2"] {
            assert!(!hosts.path(address).join("etc/etcd").exists(), "something was copied: {ran}");
        }
    }
    etcd("echo 'etcd Version: 3.4.23'");
    let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ends_with(1);
    assert!(ran.stderr.contains("hint: install etcd 3.6 there; or write `version: \"3.4\"` in the"), "{ran}");
    etcd("echo 'etcd Version: 3.6.0'");
    run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ok();
    Ok(())
}

/// The unit runs already, with another database or with that of the member.
fn another_etcd_is_told_before_anything_is_done() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let host = hosts.path("127.0.0.1");
    let folder = host.join("var/lib/member/snap");
    fs::create_dir_all(&folder).unwrap();
    // This process is what runs.
    let _open = File::create(folder.join("db")).unwrap();
    fs::write(host.join("run/running"), "").unwrap();
    fs::write(host.join("run/process"), format!("{}\n", std::process::id())).unwrap();
    let own = host.join("var/lib");
    for (data, ssh, restart) in [
        ("/var/lib/etcd", "root@127.0.0.1", "ssh root@127.0.0.1 systemctl stop etcd,"),
        ("/var/lib/etcd", "127.0.0.1", "ssh 127.0.0.1 sudo systemctl stop etcd,"),
        (own.to_str().unwrap(), "root@127.0.0.1", ""),
    ] {
        let tree = Tree::of_value(&json!({
            "name": "one",
            "host": {"data-dir": data},
            "members": [{"name": "etcd1", "address": "127.0.0.1", "ssh": ssh}],
        }));
        let tree = tree.applied();
        let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true"));
        if restart.is_empty() {
            let ran = ran.ok();
            assert!(ran.stderr.contains("etcd1 still uses the old contents of: /etc/"), "{ran}");
            continue;
        }
        let ran = ran.ends_with(1);
        let told = format!(
            "etcd1: etcd.service on {ssh} runs already, with its data in {} and not in /var/lib/etcd\n",
            own.display()
        );
        assert!(ran.stderr.contains(&told) && ran.stderr.contains(restart), "{ran}");
        assert!(!host.join("etc/etcd").exists(), "something was copied");
        assert!(!hosts.asked("127.0.0.1").contains("start"));
    }
    Ok(())
}

fn who_listens_already_is_told_before_anything_is_done() -> Outcome {
    let hosts = Hosts::new(&["127.0.0.1"])?;
    let tree = Tree::of(&ONE_MEMBER.replace("127.0.0.1", "[127.0.0.1, '::1']")).applied();
    for (place, is_ours) in [
        ("127.0.0.1:2379", true),
        ("[::1]:2380", true),
        ("*:2380", true),
        ("0.0.0.0:2379", true),
        ("[::]:2379", true),
        ("127.0.0.2:2379", false),
        ("127.0.0.1:23790", false),
        ("127.0.0.1:379", false),
        ("*:22", false),
    ] {
        let line = format!("LISTEN 0 4096 {place} 0.0.0.0:* users:((\"other\",pid=7,fd=3))");
        hosts.program("bin/host/ss", &format!("#!/bin/sh\necho '{line}'\n"));
        let ran = run(hosts.deploy(&tree, &["--timeout", "0"]).env("ETCDCTL", "false"));
        if is_ours {
            let ran = ran.ends_with(1);
            let told = format!("listens on {place}: users:((\"other\",pid=7,fd=3))\n");
            assert!(ran.stderr.contains(&told), "{ran}");
            assert!(!hosts.path("127.0.0.1/etc/etcd").exists(), "something was copied");
        } else {
            // Nobody answers, but it was started.
            let ran = ran.ends_with(3);
            assert!(hosts.asked("127.0.0.1").contains("start"), "{ran}");
            for left in ["etc/etcd", "run/asked", "run/running"] {
                let left = hosts.path("127.0.0.1").join(left);
                if left.is_dir() { fs::remove_dir_all(left).unwrap() } else { fs::remove_file(left).unwrap() }
            }
        }
    }
    Ok(())
}

const THREE: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

fn three_members() -> Tree {
    let members: Vec<_> =
        (1..).zip(THREE).map(|(i, a)| json!({"name": format!("etcd{i}"), "address": a})).collect();
    Tree::of_value(&json!({"name": "three", "members": members})).applied()
}

/// No host is finished with a phase before all have begun it, or this would go on for ever.
fn all_hosts_are_reached_at_the_same_time() -> Outcome {
    let hosts = Hosts::new(&THREE)?;
    let tree = three_members();
    let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true").env("MEET", "3")).ok();
    // What one host says stands together, in the order of the members.
    let told: Vec<_> =
        ran.stderr.lines().filter_map(|line| line.split_once(": /etc/")).map(|(name, _)| name).collect();
    assert!(told.len() > 9 && told.is_sorted(), "{ran}");
    for address in THREE {
        assert!(hosts.asked(address).contains("start --no-block"), "{ran}");
    }
    Ok(())
}

fn one_host_that_fails_keeps_all_from_starting() -> Outcome {
    let hosts = Hosts::new(&THREE)?;
    let tree = three_members();
    fs::write(hosts.path("127.0.0.2/breaks"), "").unwrap();
    let ran = run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ends_with(1);
    assert!(ran.stderr.contains("etcd2: no space left\n"), "{ran}");
    for address in THREE {
        assert!(!hosts.asked(address).contains("start"), "{ran}");
    }
    fs::remove_file(hosts.path("127.0.0.2/breaks")).unwrap();
    run(hosts.deploy(&tree, &[]).env("ETCDCTL", "true")).ok();
    Ok(())
}

fn usage_is_checked() -> Outcome {
    let hosts = Hosts::new(&[])?;
    let tree = Tree::of(ONE_MEMBER).applied();
    assert!(run(&mut hosts.deploy(&tree, &["--help"])).ok().stdout.starts_with("Usage: "));
    for wrong in [
        &["etcd"][..],
        &["etcd1 root@127.0.0.1"],
        &[""],
        &["*"],
        &["--all"],
        &["--timeout"],
        &["--timeout", "1m"],
        &["--timeout="],
    ] {
        let ran = run(&mut hosts.deploy(&tree, wrong)).ends_with(2);
        assert!(ran.stderr.starts_with("error: "), "{ran}");
    }
    Ok(())
}

const ADDRESSES: [&str; 4] = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];

fn description(etcd: &Etcd, members: usize, quota: u64) -> Value {
    let members = ADDRESSES.iter().enumerate().take(members);
    let members: Vec<_> =
        members.map(|(i, address)| json!({"name": format!("etcd{}", i + 1), "address": address})).collect();
    json!({
        "name": "deployed",
        "version": etcd.version,
        "options": {"quota-backend-bytes": quota},
        "members": members,
    })
}

fn starts_a_cluster_and_lets_it_grow(etcd: &Etcd) -> Outcome {
    let hosts = Hosts::new(&ADDRESSES)?;
    fs::remove_file(hosts.path("bin/etcd")).unwrap();
    symlink(&etcd.etcd, hosts.path("bin/etcd")).unwrap();
    let tree = moved(Tree::of_value(&description(etcd, 3, 1 << 30)).applied());
    let mut members = Members { hosts: &hosts, etcd, running: Vec::new() };

    let ran = members.deploy(&tree, &[])?.ok();
    assert!(ran.stderr.ends_with("all members are healthy\n"), "{ran}");
    assert_eq!(members.running.len(), 3);
    for address in &ADDRESSES[..3] {
        let asked = hosts.asked(address);
        let start = asked.find("start --no-block etcd.service").unwrap();
        assert!(
            asked.find("daemon-reload").unwrap() < start && asked.contains("--quiet enable etcd.service")
        );
    }

    // A fourth one, and an option that all have to restart for.
    tree.describe(&description(etcd, 4, 2 << 30).to_string());
    tree.apply().ok();
    let ran = members.deploy(&tree, &[])?.ok();
    assert!(ran.stderr.contains("added etcd4 to the cluster"), "{ran}");
    assert_eq!(members.running.len(), 4);
    for address in &ADDRESSES[..3] {
        let restart = format!("each when all are healthy: ssh root@{address} systemctl restart etcd");
        assert!(ran.stderr.contains(&restart), "{ran}");
        assert!(!hosts.asked(address).contains("restart"), "{address} was restarted");
    }
    let list = "cd -- \"$0/clients/root\"; . ./etcdctl.env; exec \"$1\" member list";
    let mut list_members = Command::new("sh");
    list_members.args(["-c", list]).arg(&tree.root).arg(&etcd.etcdctl);
    let listed = run(&mut list_members).ok().stdout;
    assert_eq!(listed.matches(", started, ").count(), 4, "{listed}");

    let ran = members.deploy(&tree, &["etcd4"])?.ok();
    assert!(!ran.stderr.contains("added etcd4") && !ran.stderr.contains("restart"), "{ran}");

    members.running.clear();
    let ran = run(hosts.deploy(&tree, &["--timeout", "1"]).env("ETCDCTL", &etcd.etcdctl)).ends_with(3);
    assert!(ran.stderr.contains("not healthy after 1 s"), "{ran}");
    Ok(())
}

/// What runs on the hosts.
struct Members<'a> {
    hosts: &'a Hosts,
    etcd: &'a Etcd,
    running: Vec<(&'static str, Running, Host)>,
}

impl Members<'_> {
    /// Runs `deploy.sh`, and starts what it asks for.
    fn deploy(&mut self, tree: &Tree, arguments: &[&str]) -> Result<Ran, Missing> {
        let mut command = self.hosts.deploy(tree, arguments);
        command.env("ETCDCTL", &self.etcd.etcdctl);
        thread::scope(|scope| {
            let deploy = scope.spawn(move || run(&mut command));
            until(Duration::from_secs(180), || {
                for address in ADDRESSES {
                    let asked = self.hosts.path(address).join("run/running").exists();
                    if asked
                        && !self.running.iter().any(|(running, ..)| *running == address)
                        && let Err(missing) = self.start(address)
                    {
                        return Some(Err(missing));
                    }
                }
                deploy.is_finished().then_some(Ok(()))
            })
            .expect("deploy.sh ends")?;
            Ok(deploy.join().unwrap())
        })
    }

    fn start(&mut self, address: &'static str) -> Result<(), Missing> {
        let host = Host::of(&self.hosts.path(address))?;
        let log = File::create(self.hosts.path(&format!("{address}.log"))).unwrap();
        let mut service = host.service(&self.etcd.etcd)?;
        service.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push((address, Running::spawn(&mut service), host));
        Ok(())
    }
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            for (address, ..) in &self.running {
                let log = fs::read_to_string(self.hosts.path(&format!("{address}.log"))).unwrap_or_default();
                eprintln!("{address}:\n{}", log.lines().rev().take(8).collect::<Vec<_>>().join("\n"));
            }
        }
    }
}
