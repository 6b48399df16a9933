//! The commands of the program: their names, their help, and the exit statuses of etcdpki's own commands.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pki_cli::{ExitStatus, Terminal};

struct Outcome {
    status: u8,
    output: String,
    errors: String,
}

/// Runs a program by its name, with the arguments `words`.
fn run(program: &str, words: &[&str]) -> Outcome {
    let args = [program].into_iter().chain(words.iter().copied()).map(OsString::from);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { status, output: text(output), errors: text(errors) }
}

/// Runs `etcdpki` in words that are one space apart.
fn etcdpki(words: &str) -> Outcome {
    run("etcdpki", &words.split(' ').collect::<Vec<_>>())
}

/// The commands that a help lists, which are indented by two spaces below a line that ends with a colon.
fn listed(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| !line.starts_with("Commands:"));
    // Other places to read are no commands.
    let lines = lines.take_while(|line| *line != "Read on:").filter(|line| {
        let name = line.strip_prefix("  ").unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.contains("  ")
    });
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

/// All commands, each in the words that follow `etcdpki`.
fn all_commands() -> Vec<String> {
    let help = etcdpki("--help").output;
    let below = etcdpki("cluster --help").output;
    let mut all: Vec<String> = listed(&help).iter().map(|name| (*name).to_owned()).collect();
    all.extend(listed(&below).iter().map(|name| format!("cluster {name}")));
    all.retain(|words| !words.ends_with("help"));
    all
}

#[test]
fn every_command_has_a_help_with_an_example_and_its_exit_statuses() {
    let all = all_commands();
    for expected in ["json", "link", "mkbundle", "gencert", "doctor", "cluster", "cluster apply"] {
        assert!(all.iter().any(|words| words == expected), "{expected} is not in {all:?}");
    }
    for words in &all {
        let is_read_by_clap = ["cluster", "doctor", "explain", "completions", "man"]
            .contains(&words.split(' ').next().unwrap());
        let flag = if is_read_by_clap { "--help" } else { "-h" };
        for line in [format!("help {words}"), format!("{words} {flag}")] {
            let helped = etcdpki(&line);
            assert_eq!((helped.status, helped.errors.as_str()), (0, ""), "{line}");
            for part in ["Example", "Exit status:"] {
                assert!(helped.output.contains(part), "{line}: {}", helped.output);
            }
        }
    }
    for program in ["etcdpki", "cfssl", "cfssljson", "cfssl-certinfo", "cfssl-newkey", "mkbundle"] {
        assert!(run(program, &["--help"]).output.contains("Example"), "{program}");
    }
}

#[test]
fn a_misspelt_command_is_told_the_nearest_of_all() {
    for (word, near) in [
        ("lnk", "link"),
        ("mkbundel", "mkbundle"),
        ("jsn", "json"),
        ("gencret", "gencert"),
        ("doctr", "doctor"),
        ("clutser", "cluster"),
        ("hlep", "help"),
        ("aply", "cluster apply"),
        ("verify", "cluster verify"),
    ] {
        for line in [word.to_owned(), format!("help {word}"), format!("{word} --flag x")] {
            let refused = etcdpki(&line);
            assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{line}");
            assert!(refused.errors.contains(&format!("hint: did you mean {near}?\n")), "{}", refused.errors);
        }
    }
    assert!(etcdpki("bogus").errors.contains("`etcdpki --help` lists the commands"));
    // A command that is not provided says what to use.
    assert!(etcdpki("help serve").errors.contains("serve is not provided"));
}

#[test]
fn wrong_use_and_what_cannot_be_read_fail() {
    let failed = ExitStatus::Failed.number();
    let hint = "write the version that `etcd --version` prints, such as 3.5.30";
    for command in ["doctor", "cluster import", "cluster verify"] {
        for arguments in ["--etcd 9 /", "--bogus", "/no/such/path"] {
            let line = format!("{command} {arguments}");
            let refused = etcdpki(&line);
            assert_eq!(refused.status, failed, "{line}: {}", refused.errors);
            assert_eq!(refused.errors.contains(hint), arguments.starts_with("--etcd"), "{}", refused.errors);
        }
    }
    for line in ["doctor", "explain", "cluster", "cluster plan", "cluster status", "--bogus", "bogus"] {
        assert_eq!(etcdpki(line).status, failed, "{line}");
    }
    // cfssl's programs have cfssl's statuses.
    assert_eq!(run("cfssl", &["gencert", "-bogus"]).status, 2);
    assert_eq!(etcdpki("gencert -bogus").status, 2);
}

#[test]
fn explain_fails_where_it_knows_nothing() {
    let failed = ExitStatus::Failed.number();
    assert_eq!(etcdpki("explain all is well").status, failed);
    assert_eq!(etcdpki("explain remote error: tls: bad certificate").status, 0);
    let unknown = etcdpki("explain E501 E999");
    assert_eq!((unknown.status, unknown.output.contains("error E501: ")), (failed, true));
    assert!(unknown.errors.starts_with("there is no rule E999: "), "{}", unknown.errors);
}

#[test]
fn what_could_not_be_judged_is_not_finished() {
    let not_finished = ExitStatus::NotFinished.number();
    let folder = tempfile::tempdir().unwrap();
    let member = |name: &str| format!("  - {{name: {name}, dns: {name}.example.com}}\n");
    let members: String = ["a", "b", "c"].map(member).concat();
    let apply = |members: &str, output: &Path| {
        let description = folder.path().join("cluster.yaml");
        fs::write(&description, format!("name: prod\nmembers:\n{members}")).unwrap();
        let line = format!("cluster apply -f {} -o {}", description.display(), output.display());
        assert_eq!(etcdpki(&line).status, 0);
    };
    let out = folder.path().join("by-name");
    apply(&members, &out);
    let verified = etcdpki(&format!("cluster verify {}", out.display()));
    assert_eq!(verified.status, not_finished, "{}", verified.output);
    let out = folder.path().join("by-address");
    apply("  - {name: a, address: 10.0.0.1}\n", &out);
    assert_eq!(etcdpki(&format!("cluster verify {}", out.display())).status, 0);
}

#[test]
fn the_help_has_the_table_of_statuses() {
    let help = etcdpki("--help").output;
    for status in ExitStatus::ALL {
        let line = format!("  {}  {}\n", status.number(), status.meaning());
        assert!(help.contains(&line), "{line} is not in {help}");
    }
    let documented = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cluster.md")).unwrap();
    for status in ExitStatus::ALL {
        assert!(
            documented.contains(&format!("| {} | ", status.number())),
            "{status:?} is not in docs/cluster.md"
        );
    }
}
