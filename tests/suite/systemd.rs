//! The two file formats in which systemd is told about a service, read as systemd reads them.
//!
//! systemd itself cannot run here, so that the tests have to start etcd in its place. Whatever these
//! readers do not know they refuse, so that a test never runs something else than systemd would.

use libtest_mimic::Trial;

use super::trial::{Outcome, trials};

/// A unit file.
pub struct Unit(Vec<(String, String, String)>);

impl Unit {
    pub fn parse(text: &str) -> Self {
        let mut section = String::new();
        let mut entries = Vec::new();
        let joined = text.replace("\\\n", " ");
        for line in joined.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = name.to_owned();
            } else {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("not a unit line: {line}"));
                entries.push((section.clone(), key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self(entries)
    }

    /// This unit with a drop-in over it: an empty value empties a list (systemd.syntax(7)), and of what is no
    /// list the last one counts.
    pub fn with(mut self, drop_in: Self) -> Self {
        const LISTS: [&str; 12] = [
            "After",
            "AssertPathExists",
            "Documentation",
            "Environment",
            "EnvironmentFile",
            "ExecStart",
            "ExecStartPre",
            "ReadWritePaths",
            "RequiresMountsFor",
            "SystemCallFilter",
            "WantedBy",
            "Wants",
        ];
        for (section, key, value) in drop_in.0 {
            if value.is_empty() || !LISTS.contains(&key.as_str()) {
                self.0.retain(|(s, k, _)| *s != section || *k != key);
            }
            if !value.is_empty() {
                self.0.push((section, key, value));
            }
        }
        self
    }

    /// Every value of a key, in the file's order.
    pub fn all(&self, section: &str, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(s, k, _)| s == section && k == key).map(|(_, _, v)| v.as_str()).collect()
    }

    /// The value of a key that is there exactly once.
    #[track_caller]
    pub fn one(&self, section: &str, key: &str) -> &str {
        match self.all(section, key)[..] {
            [value] => value,
            ref other => panic!("{section}.{key} is there {} times: {other:?}", other.len()),
        }
    }
}

/// One of the command lines of a service.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// `+`: with all privileges, whatever `User=` says.
    pub privileged: bool,
    /// `-`: a failure does not matter.
    pub may_fail: bool,
    pub words: Vec<String>,
}

impl CommandLine {
    pub fn parse(text: &str) -> Self {
        let line = text.trim_start_matches(['+', '-']);
        let prefixes = &text[..text.len() - line.len()];
        assert!(!line.starts_with(['@', ':', '!', '|']), "prefix not known here: {text}");
        let (mut words, mut word, mut quote, mut characters) =
            (Vec::new(), None::<String>, None, line.chars());
        while let Some(c) = characters.next() {
            match c {
                '\\' => {
                    let escaped = characters.next().filter(|c| "\\\"'".contains(*c));
                    word.get_or_insert_default()
                        .push(escaped.unwrap_or_else(|| panic!("not known here: {c} in {text}")));
                }
                ';' if word.is_none() => panic!("not known here: {c} in {text}"),
                '%' | '$' => {
                    assert_eq!(
                        characters.next(),
                        Some(c),
                        "specifiers and variables are not known here: {text}"
                    );
                    word.get_or_insert_default().push(c);
                }
                '"' | '\'' if quote == Some(c) => quote = None,
                '"' | '\'' if quote.is_none() => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                c if c.is_whitespace() && quote.is_none() => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        assert_eq!(quote, None, "unbalanced quotes: {text}");
        words.extend(word);
        Self { privileged: prefixes.contains('+'), may_fail: prefixes.contains('-'), words }
    }
}

/// The assignments of an `EnvironmentFile=`.
pub fn environment_file(text: &str) -> Vec<(String, String)> {
    enum At {
        Start,
        Comment,
        Key(String),
        /// Before a value, or between its quoted parts.
        Between(String, String),
        Plain(String, String),
        Single(String, String),
        Double(String, String),
    }
    let mut found = Vec::new();
    let mut at = At::Start;
    let mut characters = text.chars().chain(['\n']);
    while let Some(c) = characters.next() {
        at = match (at, c) {
            (At::Start, c) if c.is_whitespace() => At::Start,
            (At::Start | At::Comment, '\n') => At::Start,
            (At::Start, '#' | ';') => At::Comment,
            (At::Start, c) => At::Key(c.into()),
            (At::Comment, '\\') => {
                // Versions differ on whether the next line is still a comment.
                assert_ne!(characters.next(), Some('\n'), "a comment must not end with a backslash");
                At::Comment
            }
            (At::Comment, _) => At::Comment,
            (At::Key(key), '\n') => panic!("no assignment: {key}"),
            (At::Key(key), '=') => At::Between(key.trim_end().to_owned(), String::new()),
            (At::Key(key), c) => At::Key(key + c.encode_utf8(&mut [0; 4])),
            (At::Between(key, value), '\n') => {
                found.push((key, value));
                At::Start
            }
            (At::Plain(key, value), '\n') => {
                found.push((key, value.trim_end().to_owned()));
                At::Start
            }
            (At::Between(key, value), '\'') => At::Single(key, value),
            (At::Between(key, value), '"') => At::Double(key, value),
            (At::Between(key, value), c) if c.is_whitespace() => At::Between(key, value),
            (At::Between(key, value) | At::Plain(key, value), '\\') => match characters.next() {
                None | Some('\n') => At::Plain(key, value),
                Some(c) => At::Plain(key, value + c.encode_utf8(&mut [0; 4])),
            },
            (At::Between(key, value) | At::Plain(key, value), c) => {
                At::Plain(key, value + c.encode_utf8(&mut [0; 4]))
            }
            (At::Single(key, value), '\'') | (At::Double(key, value), '"') => At::Between(key, value),
            (At::Single(key, value), c) => At::Single(key, value + c.encode_utf8(&mut [0; 4])),
            (At::Double(key, value), '\\') => match characters.next() {
                None | Some('\n') => At::Double(key, value),
                Some(c @ ('"' | '\\' | '`' | '$')) => At::Double(key, value + c.encode_utf8(&mut [0; 4])),
                Some(c) => At::Double(key, value + "\\" + c.encode_utf8(&mut [0; 4])),
            },
            (At::Double(key, value), c) => At::Double(key, value + c.encode_utf8(&mut [0; 4])),
        };
    }
    assert!(matches!(at, At::Start), "the file ends within quotes");
    found
}

pub fn trials() -> Vec<Trial> {
    trials![reads_environment_files_by_its_rules, reads_units_by_its_rules]
}

fn reads_environment_files_by_its_rules() -> Outcome {
    let text = "# c\n\n; c\nA=1\n B = two words \nC=\"q \\\" \\$ \\n\"'s'\nD=a\\ b\nE=\nF=x#y\n";
    let expected =
        [("A", "1"), ("B", "two words"), ("C", "q \" $ \\ns"), ("D", "a b"), ("E", ""), ("F", "x#y")];
    assert_eq!(environment_file(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    Ok(())
}

fn reads_units_by_its_rules() -> Outcome {
    let unit = Unit::parse("[Service]\n# c\nExecStart=/a \\\n  b\nUser=x\n[Unit]\nUser=y\n");
    assert_eq!(unit.one("Service", "User"), "x");
    let line = CommandLine::parse(unit.one("Service", "ExecStart"));
    assert_eq!(line.words, ["/a", "b"]);
    let line = CommandLine::parse("+-/bin/x 'a b' \"c\"d %% $$ \"\\\\\\\";\"");
    assert_eq!(line.words, ["/bin/x", "a b", "cd", "%", "$", "\\\";"]);
    assert!(line.privileged && line.may_fail);
    Ok(())
}
