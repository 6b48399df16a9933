//! What can stand in the place of the last word of a command line.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use clap::{Arg, ValueHint};
use pki_core::cfssl::Config;
use pki_core::disk::{self, LARGEST_FILE};

use crate::cfssl::{Flag, Kind};
use crate::commands::{self, GoCommand};
use crate::program::Program;

/// What can stand in the place of a word.
#[derive(Default)]
pub(super) struct Candidates {
    /// The words, each with its description.
    words: Vec<(String, String)>,
    /// The paths that are possible too.
    paths: Paths,
    /// What stands before a path in the word, as in `-ca=ca.pem`.
    before_path: String,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Paths {
    #[default]
    None,
    Files,
    Folders,
}

/// A line for each word, with its description after a tab, and at last a line that says which paths are possible.
impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, about) in &self.words {
            writeln!(f, "{word}\t{}", about.lines().next().unwrap_or_default())?;
        }
        let paths = match self.paths {
            Paths::None => ":none",
            Paths::Files => ":files",
            Paths::Folders => ":folders",
        };
        let space = if self.before_path.is_empty() { "" } else { " " };
        writeln!(f, "{paths}{space}{}", self.before_path)
    }
}

impl Candidates {
    /// What can stand in the place of the last of `words`, the first of which is the program's name.
    pub(super) fn of_words(words: &[String]) -> Self {
        let [program, before @ .., current] = words else { return Self::default() };
        let mut all = match Program::named(OsStr::new(program)) {
            Program::Etcdpki => Self::of_etcdpki(before, current),
            Program::Cfssl => match before {
                [] => Self::commands(GoCommand::all_of_cfssl()),
                [name, before @ ..] => match GoCommand::find_of_cfssl(name) {
                    Some(command) => Self::of_go_command(command, before, current),
                    None => Self::default(),
                },
            },
            Program::Tool(tool) => Self::of_go_command(GoCommand::Tool(tool), before, current),
        };
        all.words.retain(|(word, _)| word.starts_with(current.as_str()));
        all
    }

    fn of_etcdpki(before: &[String], current: &str) -> Self {
        let name = before.first().map(String::as_str);
        if let Some(command) = name.and_then(GoCommand::find) {
            return Self::of_go_command(command, before.get(1..).unwrap_or_default(), current);
        }
        let mut parser = commands::parser();
        parser.build();
        let mut all = Self::of_clap(&parser, before, current);
        if before.is_empty() || before == ["help"] {
            all.words.extend(Self::commands(GoCommand::all()).words);
        }
        all
    }

    fn commands(commands: impl Iterator<Item = GoCommand>) -> Self {
        let provided = commands.filter(|command| command.is_provided());
        let words = provided.map(|command| (command.name().to_owned(), command.about().to_owned()));
        Self { words: words.collect(), ..Self::default() }
    }

    /// What can follow the words `before` of a command that clap reads.
    fn of_clap(command: &clap::Command, before: &[String], current: &str) -> Self {
        let mut command = command;
        let mut value_of = None;
        let mut operands = 0;
        for word in before {
            if value_of.take().is_some() {
                continue;
            }
            if let Some(below) = command.find_subcommand(word) {
                (command, operands) = (below, 0);
            } else if word.starts_with('-') && word.len() > 1 {
                value_of = option(command, word).filter(|arg| takes_value(arg) && !word.contains('='));
            } else {
                operands += 1;
            }
        }
        if let Some(arg) = value_of {
            return Self::values_of(arg, "");
        }
        if let Some((name, _)) = current.split_once('=').filter(|_| current.starts_with('-')) {
            let arg = option(command, name).filter(|arg| takes_value(arg));
            return arg.map(|arg| Self::values_of(arg, &format!("{name}="))).unwrap_or_default();
        }
        if current.starts_with('-') {
            return Self::options_of(command);
        }
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        let about = |of: Option<&clap::builder::StyledStr>| of.map(ToString::to_string).unwrap_or_default();
        let words: Vec<_> =
            below.map(|below| (below.get_name().to_owned(), about(below.get_about()))).collect();
        if !words.is_empty() {
            return Self { words, ..Self::default() };
        }
        // The last operand may be repeated.
        let operand = command.get_positionals().nth(operands).or_else(|| command.get_positionals().last());
        operand.map(|arg| Self::values_of(arg, "")).unwrap_or_default()
    }

    fn options_of(command: &clap::Command) -> Self {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let words = shown.filter_map(|arg| {
            let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.get_long().map(|long| (format!("--{long}"), about))
        });
        Self { words: words.collect(), ..Self::default() }
    }

    /// The values of an option or an operand, behind what stands before them in the word.
    fn values_of(arg: &Arg, before: &str) -> Self {
        let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        let about = |value: &clap::builder::PossibleValue| {
            value.get_help().map(ToString::to_string).unwrap_or_default()
        };
        let words: Vec<_> =
            values.map(|value| (format!("{before}{}", value.get_name()), about(&value))).collect();
        let paths = match arg.get_value_hint() {
            ValueHint::AnyPath | ValueHint::FilePath => Paths::Files,
            ValueHint::DirPath => Paths::Folders,
            _ => Paths::None,
        };
        Self { words, paths, before_path: before.to_owned() }
    }

    /// What can follow the words `before` of a command with flags in Go's syntax.
    fn of_go_command(command: GoCommand, before: &[String], current: &str) -> Self {
        let flags = command.flags();
        let find = |word: &str| {
            let name = word.strip_prefix("--").or(word.strip_prefix('-'))?.split('=').next()?;
            flags.iter().find(|flag| flag.name == name)
        };
        let mut words = before.iter();
        while let Some(word) = words.next() {
            // Go reads no flags behind the first operand.
            if !word.starts_with('-') || word == "-" || word == "--" {
                return Self::operands(command);
            }
            let needs_value = |flag: &&Flag| !word.contains('=') && !matches!(flag.kind, Kind::Switch);
            if let Some(flag) = find(word).filter(needs_value)
                && words.next().is_none()
            {
                return Self::values_of_flag(flag, "", before);
            }
        }
        if let Some((name, _)) = current.split_once('=').filter(|_| current.starts_with('-')) {
            let known = find(name).map(|flag| Self::values_of_flag(flag, &format!("{name}="), before));
            return known.unwrap_or_default();
        }
        if current.starts_with('-') {
            // Go takes two dashes for one.
            let dashes = if current.starts_with("--") { "--" } else { "-" };
            let words = flags.iter().map(|flag| (format!("{dashes}{}", flag.name), flag.about.to_owned()));
            return Self { words: words.collect(), ..Self::default() };
        }
        Self::operands(command)
    }

    fn operands(command: GoCommand) -> Self {
        let word = |word: &str| (word.to_owned(), String::new());
        match command.name() {
            "print-defaults" => Self { words: ["config", "csr", "list"].map(word).into(), ..Self::default() },
            "link" => Self { paths: Paths::Folders, ..Self::default() },
            "version" => Self::default(),
            _ => Self { paths: Paths::Files, ..Self::default() },
        }
    }

    fn values_of_flag(flag: &Flag, before_value: &str, before: &[String]) -> Self {
        let values: Vec<String> = match (flag.name, flag.kind) {
            (_, Kind::Switch) => vec!["true".to_owned(), "false".to_owned()],
            ("flavor", _) => ["ubiquitous", "optimal", "force"].map(ToOwned::to_owned).into(),
            ("profile", _) => profiles(before),
            _ => Vec::new(),
        };
        let paths = match flag.name {
            "into" | "int-dir" => Paths::Folders,
            "cn" | "hostname" | "number" | "profile" | "flavor" | "password" | "serial" => Paths::None,
            _ if flag.kind == Kind::Text => Paths::Files,
            _ => Paths::None,
        };
        let words = values.into_iter().map(|value| (format!("{before_value}{value}"), String::new()));
        Self { words: words.collect(), paths, before_path: before_value.to_owned() }
    }
}

/// The option of a command that a word such as `--file`, `--file=x` or `-f` names.
fn option<'a>(command: &'a clap::Command, word: &str) -> Option<&'a Arg> {
    let mut arguments = command.get_arguments();
    match word.strip_prefix("--") {
        Some(long) => {
            let name = long.split('=').next();
            arguments.find(|arg| arg.get_long() == name)
        }
        None => {
            let short = word.chars().last();
            arguments.find(|arg| arg.get_short() == short)
        }
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// The names of the profiles in the ca-config that `-config` names.
fn profiles(before: &[String]) -> Vec<String> {
    let mut words = before.iter();
    let mut file = None;
    while let Some(word) = words.next() {
        let name = word.trim_start_matches('-');
        if word.starts_with('-') && name == "config" {
            file = words.next().map(String::as_str);
        } else if let Some(value) = name.strip_prefix("config=") {
            file = Some(value);
        }
    }
    // A pipe would have to be waited for.
    let file = file.map(Path::new).filter(|file| file.is_file());
    let bytes = file.and_then(|file| disk::read(file, LARGEST_FILE).ok());
    let config = bytes.and_then(|bytes| Config::from_json(std::str::from_utf8(&bytes).ok()?, None).ok());
    config.map(|config| config.value.names().map(ToOwned::to_owned).collect()).unwrap_or_default()
}
