//! What a shell is told that can stand in the place of a word, and the manual pages.

// clippy allows unwrap in functions with #[test], but not in the functions that these call.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;

use pki_cli::Terminal;

/// Runs `etcdpki` and returns what it prints.
fn etcdpki(words: &[&str]) -> String {
    let args = ["etcdpki"].iter().chain(words).map(OsString::from);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = Terminal::with_buffers(&mut [].as_slice(), &mut output, &mut errors, |terminal| {
        pki_cli::run(args, terminal)
    });
    assert_eq!((status, String::from_utf8(errors).unwrap().as_str()), (0, ""), "{words:?}");
    String::from_utf8(output).unwrap()
}

/// The words for the last word of a line, whose words are one space apart, and what paths are possible.
fn candidates(line: &str) -> (Vec<String>, String) {
    let words: Vec<&str> = ["__complete"].into_iter().chain(line.split(' ')).collect();
    let answer = etcdpki(&words);
    let mut lines: Vec<&str> = answer.lines().collect();
    let paths = lines.pop().unwrap().to_owned();
    let word = |line: &&str| line.split_once('\t').unwrap().0.to_owned();
    (lines.iter().map(word).collect(), paths)
}

#[test]
fn words_are_completed_by_what_the_command_reads() {
    for (line, words, paths) in [
        ("etcdpki clus", &["cluster"][..], ":none"),
        ("/usr/bin/etcdpki help gence", &["gencert"], ":none"),
        ("etcdpki cluster s", &["status", "schema", "steps"], ":none"),
        ("etcdpki cluster apply --o", &["--output"], ":none"),
        ("etcdpki cluster apply -f ", &[], ":files"),
        ("etcdpki cluster apply --json -f x -o ", &[], ":files"),
        ("etcdpki cluster status --prometheus=", &[], ":files --prometheus="),
        ("etcdpki doctor x ", &[], ":files"),
        ("etcdpki completions z", &["zsh"], ":none"),
        // Go's flags have one dash or two, and end at the first operand.
        ("etcdpki gencert -prof", &["-profile"], ":none"),
        ("etcdpki gencert --ca-", &["--ca-key"], ":none"),
        ("etcdpki gencert -ca=", &[], ":files -ca="),
        ("etcdpki gencert -ca ca.pem -into ", &[], ":folders"),
        ("etcdpki gencert -initca csr.json -c", &[], ":files"),
        ("etcdpki print-defaults c", &["config", "csr"], ":none"),
        ("cfssl gencr", &["gencrl"], ":none"),
        ("cfssl bundle -flavor=o", &["-flavor=optimal"], ":none -flavor="),
        ("cfssl gencert -initca=f", &["-initca=false"], ":none -initca="),
        ("cfssljson -ba", &["-bare"], ":none"),
        // cfssl has no such command, and a command that is not provided is not offered.
        ("cfssl cluster ", &[], ":none"),
        ("cfssl serv", &[], ":none"),
        ("etcdpki link ", &[], ":folders"),
        ("etcdpki version ", &[], ":none"),
        ("etcdpki gencert -hostname ", &[], ":none"),
        ("", &[], ":none"),
    ] {
        let (found, found_paths) = candidates(line);
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        let mut words = words.to_vec();
        words.sort_unstable();
        assert_eq!((found, found_paths.as_str()), (words, paths), "{line}");
    }
}

#[test]
fn every_command_and_every_flag_is_offered() {
    let (all, _) = candidates("etcdpki ");
    let help = etcdpki(&["--help"]);
    for command in all {
        assert!(help.contains(&format!("  {command} ")), "{command} is not in {help}");
        let flags = candidates(&format!("etcdpki {command} -")).0;
        let help = etcdpki(&["help", &command]);
        for flag in flags {
            assert!(help.contains(&flag), "{flag} is not in {help}");
        }
    }
    assert!(candidates("etcdpki sign -").0.len() > 8);
}

#[test]
fn profiles_are_those_of_the_config_on_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("ca-config.json");
    let profile = r#"{"expiry": "1h", "usages": ["signing"]}"#;
    let text = format!(
        r#"{{"signing": {{"default": {profile}, "profiles": {{"peer": {profile}, "b": {profile}}}}}}}"#
    );
    fs::write(&config, text).unwrap();
    let config = config.display();
    assert_eq!(candidates(&format!("cfssl gencert -config {config} -profile ")).0, ["b", "peer"]);
    assert_eq!(candidates(&format!("cfssl gencert --config={config} -profile=p")).0, ["-profile=peer"]);
    assert!(candidates("cfssl gencert -config /no/such/file -profile ").0.is_empty());
    assert!(candidates("cfssl gencert -config - -profile ").0.is_empty());
}

#[test]
fn every_command_has_a_page_with_its_flags_and_example() {
    let folder = tempfile::tempdir().unwrap();
    let written = etcdpki(&["man", folder.path().to_str().unwrap()]);
    let page = |name: &str| fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
    assert_eq!(written.lines().count(), fs::read_dir(folder.path()).unwrap().count());
    for command in candidates("etcdpki ").0.iter().filter(|command| *command != "help") {
        let page = page(&format!("etcdpki-{command}"));
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLE", ".SH \"EXIT STATUS\""] {
            // The page of `cluster` points to those below it.
            assert!(page.contains(part) || command == "cluster", "{part} is not in {page}");
        }
        for flag in candidates(&format!("etcdpki {command} -")).0 {
            assert!(page.contains(&flag.replace('-', "\\-")), "{flag} is not in {page}");
        }
    }
    assert!(page("etcdpki-cluster").contains("etcdpki\\-cluster\\-apply"));
    assert!(page("cfssljson").contains("\\-bare"));
    assert_eq!(page("etcdpki"), etcdpki(&["man"]));
}
