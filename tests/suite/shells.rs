//! The completions in real shells, which get the keys of a person in a terminal, and the manual pages in man.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use super::command::{Ran, run};
use super::product;
use super::programs::find;
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![bash_completes, zsh_completes, fish_completes, man_shows_every_page]
}

/// What is typed before the tab, and the line after it.
const LINES: [(&str, &str); 9] = [
    ("etcdpki clus", "etcdpki cluster "),
    ("etcdpki cluster ver", "etcdpki cluster verify "),
    ("etcdpki gencert -conf", "etcdpki gencert -config "),
    ("etcdpki gencert -ca=on", "etcdpki gencert -ca=only.pem "),
    ("etcdpki gencert -config=only.pem -ca on", "etcdpki gencert -config=only.pem -ca only.pem "),
    ("etcdpki gencert -into fo", "etcdpki gencert -into folder/"),
    ("cfssl bundle -flavor=u", "cfssl bundle -flavor=ubiquitous "),
    ("cfssljson -std", "cfssljson -stdout "),
    ("etcdpki cluster apply --fi", "etcdpki cluster apply --file "),
];

/// A folder with the script of a shell, the program on the path, and files to complete.
fn folder(shell: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = run(Command::new(product::program()).args(["completions", shell])).ok().stdout;
    fs::write(folder.path().join("_etcdpki"), script).unwrap();
    fs::write(folder.path().join("only.pem"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    std::os::unix::fs::symlink(product::program(), folder.path().join("etcdpki")).unwrap();
    for name in ["cfssl", "cfssljson"] {
        std::os::unix::fs::symlink(product::program(), folder.path().join(name)).unwrap();
    }
    folder
}

/// Types every line, a tab, and the key that prints the line, into `shell` on a terminal.
fn typed(folder: &Path, shell: &str) -> Result<Ran, super::trial::Missing> {
    let keys: String = LINES.iter().map(|(typed, _)| format!("{typed}\t\u{7}")).collect();
    fs::write(folder.join("keys"), format!("{keys}exit\n")).unwrap();
    let mut command = Command::new(find("bash")?);
    find("script")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    command.args(["-c", "script -qec \"$1\" /dev/null <keys", "bash", shell]);
    command.current_dir(folder).env("PATH", path).env("ZDOTDIR", folder).env("TERM", "dumb");
    Ok(run(&mut command))
}

#[track_caller]
fn shows_all(ran: &Ran) {
    for (typed, line) in LINES {
        assert!(ran.stdout.contains(&format!("<{line}>")), "{typed:?} does not become {line:?}: {ran}");
    }
}

fn bash_completes() -> Outcome {
    let folder = folder("bash");
    let settings = "source ./_etcdpki\nPS1=\nbind 'set enable-bracketed-paste off'\n\
                    bind -x '\"\\C-g\": printf \"\\n<%s>\\n\" \"$READLINE_LINE\"; READLINE_LINE='\n";
    fs::write(folder.path().join("settings"), settings).unwrap();
    shows_all(&typed(folder.path(), "bash --noprofile --rcfile ./settings -i")?);
    Ok(())
}

fn zsh_completes() -> Outcome {
    find("zsh")?;
    let folder = folder("zsh");
    // The file is found on fpath, as a package lays it.
    let settings = "PS1=\nfpath=($PWD $fpath)\nautoload -Uz compinit\ncompinit -u -D\n\
                    show() { print -r -- $'\\n'\"<$BUFFER>\"; BUFFER= }\nzle -N show\nbindkey '^G' show\n";
    fs::write(folder.path().join(".zshrc"), settings).unwrap();
    shows_all(&typed(folder.path(), "zsh -d -i")?);
    Ok(())
}

fn fish_completes() -> Outcome {
    let fish = find("fish")?;
    let folder = folder("fish");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    for (typed, line) in LINES {
        let mut command = Command::new(&fish);
        command.args(["--no-config", "-c", "source _etcdpki; complete -C $argv[1]", typed]);
        command.current_dir(folder.path()).env("PATH", &path).env("HOME", folder.path());
        let ran = run(&mut command).ok();
        let word = line.trim_end().rsplit(' ').next().unwrap();
        let words: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
        assert!(words.contains(&word), "{typed:?} does not become {line:?}: {ran}");
    }
    Ok(())
}

fn man_shows_every_page() -> Outcome {
    let man = find("man")?;
    let folder = tempfile::tempdir().unwrap();
    let pages = run(Command::new(product::program()).arg("man").arg(folder.path())).ok().stdout;
    assert!(pages.lines().count() > 30, "{pages}");
    for page in pages.lines() {
        let mut command = Command::new(&man);
        command.args(["--warnings", "-l", page]).env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80");
        let shown = run(&mut command).ok();
        assert_eq!(shown.stderr, "", "{shown}");
        assert!(shown.stdout.contains("SYNOPSIS"), "{shown}");
    }
    Ok(())
}
