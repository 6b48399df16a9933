//! What the program does with input that somebody made to harm it, and when the system refuses something.

// A failure of these is an error in this test.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pki_core::base::is_unshowable;
use pki_core::disk::{Access, FolderLock};
use pki_core::x509::{Certificate, PrivateKey};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_etcdpki");

/// Runs a line of a shell in a folder, in which `$P` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .env("P", PROGRAM)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A folder with a CA and a CSR JSON.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.json"), r#"{"CN": "CA"}"#).unwrap();
    fs::write(folder.path().join("a.json"), r#"{"CN": "a", "hosts": ["a.example"]}"#).unwrap();
    let made = shell(folder.path(), "$P gencert -initca -bare ca ca.json");
    assert!(made.status.success(), "{}", said(&made));
    folder
}

/// The same with the output folder of a cluster.
fn output_folder() -> TempDir {
    let folder = folder();
    let description = "name: s\nmembers: [{name: etcd1, address: 10.0.0.1}]\nclients: [{name: root}]\n";
    fs::write(folder.path().join("one.yaml"), description).unwrap();
    let made = shell(folder.path(), "$P cluster apply -f one.yaml -o out");
    assert!(made.status.success(), "{}", said(&made));
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_pair(folder: &Path, name: &str) {
    let read = |suffix: &str| fs::read(folder.join(format!("{name}{suffix}"))).unwrap();
    let key = PrivateKey::read(&read("-key.pem"), None).unwrap();
    assert!(Certificate::read(&read(".pem")).unwrap().is_for(key.public_key()));
}

/// A terminal would clear the screen, or show lines that the program did not write.
#[test]
fn what_files_say_reaches_no_terminal_as_a_command() {
    let folder = TempDir::new().unwrap();
    let evil = "x\u{1b}[2J\u{9b}31m\u{202e}\rerror: forged";
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "key.yaml",
        "name: s\n\"\\e[31m\\u202ezz\\nerror: forged\": 1\nmembers: [{name: a, address: 10.0.0.1}]\n",
    );
    write("key.json", r#"{"CN": "x", "\u001b[31m\u009b\n2026 [INFO] forged": 1}"#);
    write(
        "etcd.env",
        &format!("ETCD_NAME=a\nETCD_CERT_FILE=/etc/{}.pem\nETCD_{}=1\n", evil.replace('\r', ""), "X\u{1b}Y"),
    );
    // Two members make a matrix, whose columns have their names.
    let name = |port: u8| format!("\u{1b}[2J\u{9b}31m\u{202e}{port}");
    let url = |port: u8| format!("http://10.0.0.{port}:2380");
    let all = [1, 2].map(|port| format!("{}={}", name(port), url(port))).join(",");
    for port in [1, 2] {
        let lines = format!(
            "ETCD_NAME=\"{}\"\nETCD_LISTEN_PEER_URLS={url}\nETCD_INITIAL_ADVERTISE_PEER_URLS={url}\n\
             ETCD_INITIAL_CLUSTER=\"{all}\"\n",
            name(port),
            url = url(port),
        );
        let place = format!("two/{port}/etc/etcd/etcd.env");
        fs::create_dir_all(folder.path().join(&place).parent().unwrap()).unwrap();
        write(&place, &lines);
    }
    write("log", &format!("remote error: tls: bad certificate {evil}\n"));
    for line in [
        "$P cluster plan -f key.yaml -o out",
        "$P genkey key.json",
        "$P doctor etcd.env",
        "$P doctor --json etcd.env",
        "$P cluster verify etcd.env",
        "$P cluster verify two",
        "$P cluster import etcd.env",
        "$P explain - <log",
        "$P explain --json - <log",
        "$P explain \"$(cat log)\"",
        "$P \"$(cat log)\"",
        "$P cluster \"$(cat log)\"",
        "$P certinfo -cert \"$(cat log)\"",
        "$P gencert -\"$(cat log)\"",
    ] {
        let output = shell(folder.path(), line);
        let text = said(&output);
        let bad: Vec<char> =
            text.chars().filter(|c| is_unshowable(*c) && !matches!(c, '\n' | '\t')).collect();
        assert!(bad.is_empty(), "{line}: {bad:?} in {text}");
        let forged =
            text.lines().find(|line| line.starts_with("error: forged") || line.starts_with("2026 [INFO]"));
        assert!(forged.is_none(), "{line}: {text}");
        assert!(!text.is_empty(), "{line}");
    }
}

#[test]
fn input_without_an_end_is_refused() {
    let folder = folder();
    for line in [
        "$P certinfo -cert /dev/zero",
        "$P certinfo -cert - </dev/zero",
        "$P gencert -initca - </dev/zero",
        "$P gencert -ca ca.pem -ca-key /dev/zero a.json",
        "$P sign -ca ca.pem -ca-key ca-key.pem /dev/zero",
        "$P gencrl /dev/zero ca.pem ca-key.pem",
        "$P json -bare x </dev/zero",
        "$P cluster plan -f /dev/zero -o out",
        "$P cluster plan -f - -o out </dev/zero",
        "$P explain - </dev/zero",
    ] {
        let output = shell(folder.path(), line);
        assert_eq!(output.status.code(), Some(1), "{line}: {}", said(&output));
        assert!(said(&output).contains(" MiB"), "{line}: {}", said(&output));
    }
}

/// Whoever reads up to a NUL would see another name than whoever reads on.
#[test]
fn names_with_control_characters_are_refused_with_their_place() {
    let folder = folder();
    for (text, place) in [
        (r#"{"CN": "a\u0000b"}"#, "x.json:1:8: CN"),
        (r#"{"CN": "a", "hosts": ["b", "a\u0000.b"]}"#, "x.json:1:28: hosts[1]"),
        (r#"{"CN": "a", "names": [{"O": "a\u001bb"}]}"#, "x.json:1:29: names[0].O"),
    ] {
        fs::write(folder.path().join("x.json"), text).unwrap();
        for command in ["genkey", "gencert -initca", "gencert -ca ca.pem -ca-key ca-key.pem"] {
            let output = shell(folder.path(), &format!("$P {command} -bare x x.json"));
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(said(&output).contains(place), "{text}: {}", said(&output));
        }
    }
    let flags = "$P gencert -ca ca.pem -ca-key ca-key.pem -bare x";
    for flag in ["-cn \"$(printf 'a\\tb')\"", "-hostname \"$(printf 'a\\033b')\""] {
        let output = shell(folder.path(), &format!("{flags} {flag} a.json"));
        assert!(
            output.status.code() == Some(1) && said(&output).contains("control character"),
            "{}",
            said(&output)
        );
    }
    assert!(!names(folder.path()).iter().any(|name| name.starts_with("x.pem") || name.starts_with("x-key")));
}

#[test]
fn a_result_that_would_be_lost_is_an_error() {
    let folder = folder();
    for line in [
        "$P gencert -ca ca.pem -ca-key ca-key.pem a.json >&-",
        "$P genkey a.json >&-",
        "$P gencert -ca ca.pem -ca-key ca-key.pem a.json >/dev/full",
        "$P --help >/dev/full",
        "$P cluster apply --help >/dev/full",
        "$P cluster new --name s --member a=10.0.0.1 >&-",
    ] {
        let output = shell(folder.path(), line);
        assert!(
            output.status.code() == Some(1) && said(&output).contains("output"),
            "{line}: {}",
            said(&output)
        );
    }
    // Whoever throws the output away knows it.
    let output = shell(folder.path(), "$P genkey a.json >/dev/null");
    assert!(output.status.success(), "{}", said(&output));
}

/// Without care the kernel ends the process by SIGXFSZ, without a word (setrlimit(2)).
#[test]
fn a_limit_for_files_is_an_error_in_words() {
    let folder = folder();
    let output = shell(folder.path(), "ulimit -f 0; $P gencert -ca ca.pem -ca-key ca-key.pem -bare a a.json");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("file too large"), "{}", said(&output));
    assert_eq!(names(folder.path()), ["a.json", "ca-key.pem", "ca.csr", "ca.json", "ca.pem"]);
}

/// The key of one run and the certificate of another would fit nothing.
#[test]
fn runs_that_replace_one_pair_take_turns() {
    let folder = folder();
    for _ in 0..5 {
        let line = "$P gencert -force -ca ca.pem -ca-key ca-key.pem -bare a a.json";
        let run = || {
            let mut command = Command::new("sh");
            command.args(["-c", line]).env("P", PROGRAM).current_dir(folder.path());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let runs: Vec<_> = (0..8).map(|_| run()).collect();
        for mut run in runs {
            assert!(run.wait().unwrap().success());
        }
        assert_pair(folder.path(), "a");
    }
}

/// A reader between two files of a writer would judge what never was.
#[test]
fn who_reads_an_output_folder_waits_for_who_writes() {
    let folder = TempDir::new().unwrap();
    let description = "name: s\nmembers: [{name: etcd1, address: 10.0.0.1}]\n";
    fs::write(folder.path().join("cluster.yaml"), description).unwrap();
    let made = shell(folder.path(), "$P cluster apply");
    assert!(made.status.success(), "{}", said(&made));
    let commands = [
        "cluster plan",
        "cluster status",
        "cluster verify out",
        "cluster report",
        "doctor out",
        "cluster import out",
    ];
    let writer = FolderLock::new(&folder.path().join("out"), Access::Write).unwrap();
    let readers = commands.map(|command| {
        let mut reader = Command::new(PROGRAM);
        reader.args(command.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        reader.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for (command, reader) in commands.into_iter().zip(readers) {
        let output = reader.wait_with_output().unwrap();
        let told = format!("the process {} ", std::process::id());
        assert!(
            output.status.code() == Some(1) && said(&output).contains(&told),
            "{command}: {}",
            said(&output)
        );
    }
    drop(writer);
    assert!(shell(folder.path(), "$P cluster status").status.success());
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_that_writes_there() {
    let folder = folder();
    let left = folder.path().join(".etcdpki-2147483647-a1b2c3");
    for line in [
        "$P gencert -force -ca ca.pem -ca-key ca-key.pem -bare a a.json",
        "$P gencert -force -ca ca.pem -ca-key ca-key.pem -into . a.json",
        "$P mkbundle -f all.pem ca.pem",
        "echo 1 >serials; $P gencrl -bare list serials ca.pem ca-key.pem",
    ] {
        fs::write(&left, "half of a key").unwrap();
        let output = shell(folder.path(), line);
        assert!(output.status.success() && !left.exists(), "{line}: {}", said(&output));
    }
}

#[test]
fn messages_are_for_people() {
    let folder = folder();
    let host = format!(r#"{{"CN": "x", "hosts": ["{}:2379"]}}"#, "a".repeat(65_536));
    fs::write(folder.path().join("long.json"), host).unwrap();
    let output = shell(folder.path(), "$P genkey long.json");
    assert!(output.status.code() == Some(1) && output.stderr.len() < 8000, "{}", output.stderr.len());
    for (text, message) in [
        (r#"{"CN": "a", "cn": "b"}"#, "the key `CN` is there several times"),
        (
            r#"{"key": {"algo": "rsa", "size": 1e999}}"#,
            "key.size: expected a whole number, found one with a fraction",
        ),
    ] {
        fs::write(folder.path().join("x.json"), text).unwrap();
        let output = shell(folder.path(), "$P genkey x.json");
        assert!(said(&output).contains(message), "{}", said(&output));
    }
}

/// The time to read a file must not grow with the square of its length. The limit is far above the usual time, and far
/// below what the square would take.
#[test]
fn many_keys_are_read_in_linear_time() {
    let time = |count: usize| {
        let folder = folder();
        let keys: Vec<String> = (0..count).map(|number| format!("\"k{number}\": 1")).collect();
        let mut file = fs::File::create(folder.path().join("many.json")).unwrap();
        write!(file, "{{\"CN\": \"x\", {}}}", keys.join(", ")).unwrap();
        let began = std::time::Instant::now();
        let output = shell(folder.path(), "$P genkey -loglevel 3 many.json");
        assert!(output.status.success(), "{}", said(&output));
        began.elapsed()
    };
    let quickest = |count| (0..3).map(|_| time(count)).min().unwrap();
    // Four times as many keys take four times the time, or sixteen times.
    assert!((0..5).any(|_| quickest(40_000) < 10 * quickest(10_000)));
}

/// For root it would be the `/dev/null` of the whole machine.
#[test]
fn no_command_puts_a_file_in_the_place_of_a_device() {
    let folder = output_folder();
    let at = |name: &str| folder.path().join(name);
    nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("fifo", at("link")).unwrap();
    fs::write(at("serials"), "1\n").unwrap();
    symlink(at("fifo"), at("list.crl")).unwrap();
    for line in [
        "$P cluster status out --prometheus fifo",
        "$P cluster report out --html link",
        "$P cluster export out --as cert-manager -o fifo",
        "$P cluster export out --as cloud-init --member etcd1 -o link",
        "ln -sf \"$P\" mkbundle; ./mkbundle -f fifo ca.pem",
        "$P gencrl -bare list serials ca.pem ca-key.pem",
        "$P gencrl -force -bare list serials ca.pem ca-key.pem",
        "mkdir pages; ln -s ../fifo pages/etcdpki.1; $P man pages",
    ] {
        let output = shell(folder.path(), line);
        let is_refused =
            output.status.code() == Some(1) && said(&output).contains("a device, a FIFO or a socket");
        assert!(is_refused, "{line}: {}", said(&output));
        assert!(at("fifo").symlink_metadata().unwrap().file_type().is_fifo(), "{line}");
        assert!(at("link").is_symlink() && at("list.crl").is_symlink(), "{line}");
    }
}

/// Every flag that names a file to write, and a file that has a private key or is a link to one.
#[test]
fn no_flag_loses_a_key() {
    let folder = output_folder();
    let at = |name: &str| folder.path().join(name);
    let key = fs::read(at("ca-key.pem")).unwrap();
    for line in [
        "$P cluster status out --prometheus FILE",
        "$P cluster report out --html FILE",
        "$P cluster export out --as cert-manager -o FILE",
        "$P cluster export out --as kubernetes-secrets -o FILE",
        "$P cluster export out --as cloud-init --member etcd1 -o FILE",
        "$P cluster export out --as butane --member etcd1 -o FILE",
        "ln -sf \"$P\" mkbundle; ./mkbundle -f FILE ca.pem",
    ] {
        fs::write(at("precious"), &key).unwrap();
        let output = shell(folder.path(), &line.replace("FILE", "precious"));
        assert!(
            output.status.code() == Some(1) && said(&output).contains("a private key, which would be lost"),
            "{line}: {}",
            said(&output)
        );
        let _ = fs::remove_file(at("link"));
        symlink("precious", at("link")).unwrap();
        let output = shell(folder.path(), &line.replace("FILE", "link"));
        assert!(output.status.success(), "{line}: {}", said(&output));
        assert!(!at("link").is_symlink(), "the link is replaced, and not followed");
        assert_eq!(fs::read(at("precious")).unwrap(), key, "{line}");
    }
}

#[test]
fn links_replace_no_key_and_no_fifo() {
    let folder = folder();
    let at = |name: &str| folder.path().join("links").join(name);
    fs::create_dir(folder.path().join("links")).unwrap();
    fs::copy(folder.path().join("ca-key.pem"), at("cfssl")).unwrap();
    for line in ["$P link links", "$P link -force links"] {
        let output = shell(folder.path(), line);
        assert!(
            output.status.code() == Some(1) && said(&output).contains("links/cfssl"),
            "{}",
            said(&output)
        );
        assert_eq!(fs::read(at("cfssl")).unwrap(), fs::read(folder.path().join("ca-key.pem")).unwrap());
    }
    fs::remove_file(at("cfssl")).unwrap();
    nix::unistd::mkfifo(&at("cfssl"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(shell(folder.path(), "$P link -force links").status.code(), Some(1));
    fs::remove_file(at("cfssl")).unwrap();
    fs::write(at("cfssl"), "another program").unwrap();
    let output = shell(folder.path(), "$P link -force links");
    assert!(output.status.success() && at("cfssl").is_symlink(), "{}", said(&output));
}

/// A dump of the memory would have the keys. The process has opened the FIFO, so it waits there with what it has read.
#[test]
fn core_dumps_are_off() {
    let folder = folder();
    nix::unistd::mkfifo(&folder.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    // A soft limit of the shell's own, if it may set one.
    let line = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$P\" gencert -ca ca.pem -ca-key ca-key.pem fifo";
    let mut process = Command::new("sh");
    process.args(["-c", line]).env("P", PROGRAM).current_dir(folder.path());
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = process.spawn().unwrap();
    // This waits until the process opens it.
    let mut fifo = fs::OpenOptions::new().write(true).open(folder.path().join("fifo")).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    fifo.write_all(&fs::read(folder.path().join("a.json")).unwrap()).unwrap();
    drop(fifo);
    assert!(process.wait().unwrap().success());
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    // Whoever has the limit 0 from the beginning may not have 1, which the kernel gives to no program either.
    assert!(matches!(words[4..6], ["1", "1"] | ["0", "0"]), "{core}");
}

/// What other users can write or read is told, by each command that trusts it.
#[test]
fn folders_and_keys_that_are_open_to_others_are_told() {
    let folder = output_folder();
    let set = |name: &str, mode: u32| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let gencert = "$P gencert -ca ca.pem -ca-key ca-key.pem a.json";
    let sign = "$P sign -ca ca.pem -ca-key ca-key.pem ca.csr";
    let crl = "echo 1 >serials; $P gencrl serials ca.pem ca-key.pem";
    let given = "$P cluster apply -f given.yaml -o new";
    let plan = "$P cluster plan -f one.yaml -o out";
    let description = fs::read_to_string(folder.path().join("one.yaml")).unwrap();
    let authorities = "certificates: {client-ca: {certificate: ca.pem, private-key: ca-key.pem}}\n";
    fs::write(folder.path().join("given.yaml"), format!("{description}{authorities}")).unwrap();
    for (line, name, usual, open) in [
        (gencert, "ca-key.pem", 0o600, 0o666),
        (gencert, "ca-key.pem", 0o600, 0o604),
        (sign, "ca-key.pem", 0o600, 0o606),
        (crl, "ca-key.pem", 0o600, 0o644),
        (given, "ca-key.pem", 0o600, 0o666),
        (plan, "out", 0o700, 0o777),
        (plan, "out", 0o700, 0o702),
    ] {
        for (mode, is_told) in [(usual, false), (open, true)] {
            set(name, mode);
            let output = shell(folder.path(), line);
            assert!(matches!(output.status.code(), Some(0 | 2)), "{line}: {}", said(&output));
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let told = errors.lines().any(|line| {
                line.to_ascii_lowercase().contains("warning") && line.contains(name) && line.contains("chmod")
            });
            assert_eq!(told, is_told, "{line}, {mode:o}: {errors}");
        }
        set(name, usual);
    }
}

/// A path that cannot exist is a fact about one member.
#[test]
fn one_odd_path_hides_nothing_of_the_others() {
    let long = format!("/{}", "a".repeat(5000));
    let folder = TempDir::new().unwrap();
    let loops = folder.path().join("loop");
    symlink("loop", &loops).unwrap();
    let odd = [
        "\"/etc/a\\0b.pem\"",
        &long,
        &format!("/{}/x.pem", "b".repeat(300)),
        loops.to_str().unwrap(),
        "/dev/null/x",
    ];
    for (index, path) in odd.into_iter().enumerate() {
        for name in ["one", "two"] {
            let value = if name == "one" { path } else { "/etc/etcd/absent.pem" };
            let member = folder.path().join(format!("{index}/{name}/etc/etcd"));
            fs::create_dir_all(&member).unwrap();
            let text = format!(
                "name: {name}\nlisten-client-urls: https://10.0.0.1:2379\n\
                 client-transport-security: {{cert-file: {value}, key-file: {value}}}\n"
            );
            fs::write(member.join("etcd.yaml"), text).unwrap();
        }
        for command in ["doctor", "cluster verify"] {
            let output = shell(folder.path(), &format!("$P {command} {index}"));
            let text = said(&output);
            assert!(
                matches!(output.status.code(), Some(1 | 2)) && !text.contains("panicked"),
                "{path}: {text}"
            );
            assert!(text.contains("two"), "{command} of {path}: {text}");
        }
    }
}
