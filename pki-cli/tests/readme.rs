//! The README's session is what really happens, and the commands in the documentation are ones that exist.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pki_cli::Terminal;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A text with the dates in it replaced, since they depend on the day.
fn without_dates(text: &str) -> String {
    let is_date = |word: &str| {
        let word = word.trim_end_matches(['.', ';', ',']);
        word.len() == 10 && word.chars().all(|c| c.is_ascii_digit() || c == '-')
    };
    let line = |line: &str| {
        line.split(' ').map(|word| if is_date(word) { "DATE" } else { word }).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn the_session_of_the_readme_is_real() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().skip_while(|line| !line.starts_with("    $ "));
    let session: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(session.len() > 8, "{session:?}");
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_etcdpki")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut real = String::new();
    for line in session.iter().filter_map(|line| line.strip_prefix("$ ")) {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(folder.path()).env("PATH", &path);
        for name in ["COLUMNS", "CLICOLOR_FORCE"] {
            shell.env_remove(name);
        }
        let ran = shell.output().unwrap();
        real += &format!("$ {line}\n{}{}", text(ran.stdout), text(ran.stderr));
    }
    assert_eq!(without_dates(&real), without_dates(&session.join("\n")));
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The commands of etcdpki in the indented blocks of a document.
fn commands(document: &str) -> Vec<String> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.map(|line| line.strip_prefix("$ ").unwrap_or(line));
    let parts = lines.flat_map(|line| line.split(['|', '&', '#', '>']).map(|part| part.trim().to_owned()));
    parts.filter(|part| part.starts_with("etcdpki ")).collect()
}

#[test]
fn the_commands_of_the_documentation_have_the_options_that_it_names() {
    let mut all = 0;
    for name in ["README.md", "docs/cluster.md", "docs/operations.md", "docs/json.md", "docs/cfssl.md"] {
        let document = fs::read_to_string(root().join(name)).unwrap();
        for command in commands(&document) {
            // Words in quotes are for a shell to read.
            let words: Vec<&str> =
                command.split_whitespace().take_while(|word| !word.contains(['\'', '"'])).collect();
            if !["cluster", "doctor", "completions", "man"].contains(&words[1]) {
                continue;
            }
            all += 1;
            // With `--help` nothing is done, and an option before it that does not exist is an error all the same.
            let args = words.iter().copied().chain(["--help"]).map(OsString::from);
            let (mut output, mut errors) = (Vec::new(), Vec::new());
            let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
                pki_cli::run(args, terminal)
            });
            assert_eq!((status, text(errors)), (0, String::new()), "{name}: {command}");
        }
    }
    assert!(all > 10, "{all}");
}
