//! What a person meets in a terminal: help at any width, what is taken if nothing is named, and how much is told.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::pty::openpty;
use pki_cli::{ColourChoice, Terminal, Verbosity};

struct Outcome {
    status: u8,
    output: String,
    errors: String,
}

/// Runs `etcdpki` in words that are one space apart, with lines of so many columns.
fn in_columns(words: &str, columns: usize) -> Outcome {
    let args = ["etcdpki"].into_iter().chain(words.split(' ')).map(OsString::from);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        let variable = |name: &str| (name == "COLUMNS").then(|| OsString::from(columns.to_string()));
        pki_cli::run(
            args,
            &mut Terminal {
                input: terminal.input,
                output: terminal.output,
                errors: terminal.errors,
                colour: ColourChoice::Auto,
                verbosity: Verbosity::Normal,
                variable: &variable,
                ..*terminal
            },
        )
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { status, output: text(output), errors: text(errors) }
}

/// Runs the program in a working folder.
fn in_folder(folder: &Path, words: &str) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdpki"));
    command.args(words.split(' ')).current_dir(folder);
    for name in ["COLUMNS", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(name);
    }
    let ran = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = u8::try_from(ran.status.code().unwrap()).unwrap();
    Outcome { status, output: text(ran.stdout), errors: text(ran.stderr) }
}

/// All commands, as the program itself tells a shell.
fn all_commands() -> Vec<String> {
    let below = |words: &str| {
        let answer = in_columns(&format!("__complete etcdpki {words}"), 80).output;
        let words = answer.lines().filter_map(|line| line.split_once('\t'));
        words.map(|(word, _)| word.to_owned()).filter(|word| word != "help").collect::<Vec<_>>()
    };
    let of_cluster = below("cluster ").into_iter().map(|name| format!("cluster {name}"));
    below("").into_iter().chain(of_cluster).collect()
}

#[test]
fn help_fits_any_width() {
    let commands = all_commands();
    assert!(commands.len() > 20, "{commands:?}");
    for columns in [40, 60, 80, 120] {
        for command in commands.iter().map(String::as_str).chain([""]) {
            let words = format!("help {command}");
            let help = in_columns(words.trim_end(), columns).output;
            for line in help.lines().filter(|line| line.chars().count() > columns) {
                // A word that is longer than the line cannot be broken. Half of the line may be what stands before it.
                let longest = line.split(' ').map(str::len).max().unwrap();
                assert!(longest > columns / 2, "{command} in {columns} columns: {line:?}");
            }
        }
    }
}

#[test]
fn results_fit_any_width_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let description = folder.path().join("cluster.yaml").display().to_string();
    let members =
        (1..=3).map(|n| format!("  - {{name: etcd{n}.a-long-zone.example.com, address: 10.0.0.{n}}}\n"));
    fs::write(&description, format!("name: prod\nmembers:\n{}", members.collect::<String>())).unwrap();
    assert_eq!(in_columns(&format!("cluster apply {description} -o {out}"), 80).status, 0);
    let node = Path::new(&out).join("nodes/etcd1.a-long-zone.example.com");
    let env = fs::read_to_string(node.join("etc/etcd/etcd.env")).unwrap();
    fs::write(node.join("etc/etcd/etcd.env"), format!("{env}ETCD_BOGUS=1\n")).unwrap();
    fs::remove_file(node.join("etc/etcd/pki/peer.pem")).unwrap();
    let node = node.display();
    for command in [
        format!("cluster plan {description} -o {out}"),
        format!("cluster plan {description} -o {out}-new"),
        format!("cluster status {out}"),
        format!("cluster status {out} --wide"),
        format!("cluster status {node}"),
        format!("cluster verify {out}"),
        format!("doctor {node}"),
        "explain E501".to_owned(),
        "explain E999".to_owned(),
    ] {
        let whole = words(&told(&command, 60_000));
        for (columns, colours) in [(40, " --color=always "), (60, " "), (80, " --color=always ")] {
            let fitted = told(&command.replacen(" ", colours, 1), columns);
            let mut left = words(&fitted);
            for word in &whole {
                let at = left.iter().position(|other| other == word);
                left.swap_remove(at.unwrap_or_else(|| panic!("{word:?} is lost: {command}\n{fitted}")));
            }
            for line in fitted.lines().filter(|line| line.chars().count() > columns) {
                let is_command = line.trim_start().starts_with("etcdpki ");
                let label = line.trim_start().split_once(": ").map_or(line, |(_, text)| text);
                assert!(is_command || !label.trim().contains(' '), "{columns}: {command}\n{line}");
            }
        }
    }
}

/// All that a command prints, without its colours.
fn told(command: &str, columns: usize) -> String {
    let ran = in_columns(command, columns);
    let text = format!("{}{}", ran.output, ran.errors);
    let parts = text.split('\u{1b}').enumerate().map(|(n, part)| match part.split_once('m') {
        Some((_, rest)) if n > 0 => rest,
        _ => part,
    });
    parts.collect()
}

/// The words of a text. The titles of columns may stand before each cell, with a colon.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_end_matches(':').to_owned()).collect()
}

#[test]
fn every_help_says_where_to_read_on() {
    for command in all_commands()
        .iter()
        .filter(|command| ["cluster", "doctor", "explain"].iter().any(|word| command.starts_with(word)))
    {
        let help = in_columns(&format!("{command} --help"), 100).output;
        assert!(help.contains("Read on:"), "{help}");
    }
    assert!(in_columns("--help", 100).output.contains("docs/cluster.md"));
}

const DESCRIPTION: &str = "name: prod\nmembers: [{name: m, address: 10.0.0.1}]\n";

#[test]
fn the_working_folder_is_where_things_are_if_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let missing = in_folder(path, "cluster plan");
    assert_eq!(missing.status, 1);
    assert!(missing.errors.contains("cannot read cluster.yaml"), "{}", missing.errors);
    fs::write(path.join("cluster.yaml"), DESCRIPTION).unwrap();
    assert_eq!(in_folder(path, "cluster plan").status, 2);
    assert_eq!(in_folder(path, "cluster apply").status, 0);
    assert!(path.join("out/cluster.lock.json").exists());
    assert_eq!(in_folder(path, "cluster plan").status, 0);
    assert_eq!(in_folder(path, "cluster status").status, 0);
    assert!(in_folder(path, "cluster verify").output.contains("Verdict"));
    fs::rename(path.join("cluster.yaml"), path.join("b.yaml")).unwrap();
    assert_eq!(in_folder(path, "cluster plan b.yaml").status, 0);
    let several = in_folder(path, "cluster plan b.yaml -f b.yaml");
    assert!(several.status == 1 && several.errors.contains("cannot be used with"), "{}", several.errors);
}

#[test]
fn doctor_looks_at_the_usual_places_of_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let nothing = in_folder(path, "doctor --root .");
    assert_eq!(nothing.status, 2);
    assert!(nothing.errors.contains("/etc/kubernetes/manifests"), "{}", nothing.errors);
    for (name, text) in [
        ("etc/systemd/system/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --bogus-flag\n"),
        ("usr/lib/systemd/system/cron.service", "[Service]\nExecStart=/usr/sbin/cron -f\n"),
        ("home/me/other.service", "[Service]\nExecStart=/usr/bin/etcd --worse-flag\n"),
    ] {
        let file = path.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let found = in_folder(path, "doctor --root .");
    assert_eq!(found.status, 1);
    assert!(found.output.contains("bogus-flag") && !found.output.contains("worse-flag"), "{}", found.output);
    assert!(found.errors.contains("this host was examined") && found.errors.contains("etc/systemd/system"));
    let told = in_folder(path, "doctor --root . -v").errors;
    assert!(told.contains("read: ") && told.contains("etcd.service") && !told.contains("cron"), "{told}");
    assert_eq!(in_folder(path, "doctor --root . -q").errors, "");
}

/// Runs the program with a terminal for its output, and returns its exit status, or `None` if it does not end.
fn on_a_terminal(folder: &Path, words: &str) -> Option<i32> {
    let pty = openpty(None, None).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdpki"));
    command.args(words.split(' ')).current_dir(folder).env("TERM", "xterm").stdin(Stdio::null());
    command.stdout(pty.slave.try_clone().unwrap()).stderr(pty.slave);
    let mut child = command.spawn().unwrap();
    // The command has the terminal too, and the reader below waits until nobody has it.
    drop(command);
    let (ended, end) = mpsc::channel();
    let mut master = File::from(pty.master);
    // Reading fails when the last program that has the terminal ends.
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while master.read(&mut buffer).is_ok_and(|read| read > 0) {}
        let _ = ended.send(());
    });
    if end.recv_timeout(Duration::from_secs(60)).is_err() {
        child.kill().unwrap();
        child.wait().unwrap();
        return None;
    }
    child.wait().unwrap().code()
}

/// Bars are drawn by other threads than the one that writes messages.
#[test]
fn progress_on_a_terminal_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d"] {
        let text = format!("name: {name}\nmembers: [{{name: m, address: 10.0.0.1}}]\n");
        fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let several = "cluster apply a.yaml b.yaml c.yaml d.yaml -o several";
    assert_eq!(on_a_terminal(folder.path(), several), Some(0), "{several}");
    assert_eq!(on_a_terminal(folder.path(), "cluster apply a.yaml"), Some(0));
    for _ in 0..4 {
        assert_eq!(on_a_terminal(folder.path(), "cluster verify"), Some(0));
    }
}
