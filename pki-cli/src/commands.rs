//! The list of etcdpki's commands: which command a word stands for, what `--help` shows, and which command a misspelt
//! word is close to.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cfssl::{COMMANDS, Command, Flag, TOOLS, Tool};
use crate::completions::{self, Completions};
use crate::etcd::{self, doctor, explain};
use crate::exit_status;
use crate::man::{self, Man};
use crate::terminal::{ColourChoice, CommandError, Terminal, Verbosity, wrap};

const ABOUT: &str = "Makes certificates, units and settings of etcd clusters from one description, checks what \
                     exists, and takes the place of cfssl and cfssljson";

const EXAMPLES: &str = "\
Examples:
  etcdpki cluster new --name prod --member etcd1=10.0.0.11 >cluster.yaml
  etcdpki cluster apply
  etcdpki cluster verify
  etcdpki doctor
  etcdpki gencert -initca ca-csr.json | etcdpki json -bare ca
";

/// The command line of `etcdpki`, as far as clap reads it.
#[derive(Parser)]
#[command(name = "etcdpki", version, about = ABOUT, arg_required_else_help = true)]
pub(crate) struct Etcdpki {
    /// When to use colours; `auto` follows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColourChoice,
    /// Tell only errors and the result: no warnings, no progress, no next steps
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell also what stays as it is, and where things were read
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    pub(crate) command: EtcdCommand,
}

impl Etcdpki {
    /// How much the command line asks to be told.
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

/// The commands about etcd, which clap reads.
#[derive(Subcommand)]
pub(crate) enum EtcdCommand {
    /// Describe an etcd cluster, make what its hosts need, and check it
    #[command(subcommand, after_help = etcd::EXAMPLE)]
    Cluster(etcd::Command),
    /// Find what is wrong with the files of etcd's members, before they start
    #[command(after_help = doctor::EXAMPLE)]
    Doctor(doctor::Doctor),
    /// Explain a line of etcd's log, or the number of a finding
    #[command(after_help = explain::EXAMPLE)]
    Explain(explain::Explain),
    /// Print the script with which a shell completes commands, options and files
    #[command(after_help = completions::EXAMPLE)]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = man::EXAMPLE)]
    Man(Man),
}

/// A command with flags in Go's syntax.
#[derive(Clone, Copy)]
pub(crate) enum GoCommand {
    /// One of cfssl's commands.
    Cfssl(&'static Command),
    /// One of the programs that cfssl installs beside `cfssl`, or `link`, whose flags have the same syntax.
    Tool(&'static Tool),
}

impl GoCommand {
    /// All commands with flags in Go's syntax, in the order in which the help lists them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TOOLS.iter().copied().map(Self::Tool).chain(Self::all_of_cfssl())
    }

    /// The commands of the program `cfssl`.
    pub(crate) fn all_of_cfssl() -> impl Iterator<Item = Self> {
        COMMANDS.iter().map(Self::Cfssl)
    }

    /// The command with this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::all().find(|command| command.name() == name)
    }

    /// The command of the program `cfssl` with this name.
    pub(crate) fn find_of_cfssl(name: &str) -> Option<Self> {
        Self::all_of_cfssl().find(|command| command.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cfssl(command) => command.name,
            Self::Tool(tool) => tool.name,
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Cfssl(command) => command.about,
            Self::Tool(tool) => tool.about,
        }
    }

    /// How the command is called: lines of words, perhaps followed by an empty line and sentences.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::Cfssl(command) => command.usage,
            Self::Tool(tool) => tool.usage,
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Cfssl(command) => command.example,
            Self::Tool(tool) => tool.example,
        }
    }

    /// The flags that the help of the command lists.
    pub(crate) fn flags(self) -> Vec<Flag> {
        match self {
            Self::Cfssl(command) => command.flags_of_help().collect(),
            Self::Tool(tool) => tool.flags.to_vec(),
        }
    }

    /// Whether etcdpki provides the command. The help lists only those that it provides.
    pub(crate) fn is_provided(self) -> bool {
        match self {
            Self::Cfssl(command) => command.is_provided(),
            Self::Tool(_) => true,
        }
    }

    /// Runs the command with `args`, which do not include its name.
    pub(crate) fn run(self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::Cfssl(command) => command.run(args, terminal),
            Self::Tool(tool) => tool.run(args, terminal),
        }
    }
}

/// Reads a command line with clap, whose help lists all commands.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Etcdpki, clap::Error> {
    let args = std::iter::once(OsString::from("etcdpki")).chain(args);
    let matches = parser().try_get_matches_from(args)?;
    <Etcdpki as clap::FromArgMatches>::from_arg_matches(&matches)
}

/// The command line as clap reads it, with a help that lists all commands.
pub(crate) fn parser() -> clap::Command {
    let mut help =
        format!("{EXAMPLES}\nCommands of cfssl, with its flags (`etcdpki COMMAND -h` describes one):\n");
    for command in GoCommand::all().filter(|command| command.is_provided()) {
        help.push_str(&format!("  {:<15} {}\n", command.name(), command.about()));
    }
    Etcdpki::command().after_help(format!("{help}\n{}", exit_status::table()))
}

/// The columns of a help that is printed where no width is known.
const COLUMNS: u16 = 100;

/// The help that a command line asks for, in lines of at most so many columns; `error` is what clap says about it.
pub(crate) fn help(args: Vec<OsString>, columns: Option<u16>, error: clap::Error) -> clap::Error {
    let args = std::iter::once(OsString::from("etcdpki")).chain(args);
    let columns = usize::from(columns.unwrap_or(COLUMNS));
    described(Some(columns)).try_get_matches_from(args).err().unwrap_or(error)
}

/// The command line as clap reads it, each command with the places where to read on below its help, in lines of at most
/// so many columns.
pub(crate) fn described(columns: Option<usize>) -> clap::Command {
    let mut parser = parser();
    if let Some(columns) = columns {
        parser = parser.term_width(columns);
    }
    parser.build();
    describe("", parser, columns)
}

fn describe(above: &str, mut command: clap::Command, columns: Option<usize>) -> clap::Command {
    let name = format!("{above}{}", command.get_name());
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let more = read_on(&name).map(|more| format!("\n\n{more}")).unwrap_or_default();
    let text = format!("{}{more}", after.trim_end());
    command = command.after_help(columns.map_or(text.clone(), |columns| wrap(&text, columns)));
    if let Some(columns) = columns {
        let usage = command.render_usage().to_string();
        if usage.lines().any(|line| line.chars().count() > columns) {
            let usage = usage.trim_start_matches("Usage:").trim();
            command = command
                .override_usage(wrap(usage, columns.saturating_sub("Usage: ".len())).replace('\n', "\n  "));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for below in names.iter().filter(|below| *below != "help") {
        command = command.mut_subcommand(below, |below| describe(&format!("{name} "), below, columns));
    }
    command
}

/// Where to read on about a command: other commands, and files of the documentation.
fn read_on(name: &str) -> Option<&'static str> {
    Some(match name {
        "etcdpki" => {
            "\
Read on:
  etcdpki help cluster apply   one command
  etcdpki man | man -l -       the manual page
  docs/cluster.md              descriptions and output folders
  docs/operations.md           clusters that run
  docs/json.md                 what --json prints
  docs/cfssl.md                what differs from cfssl"
        }
        "etcdpki cluster" | "etcdpki cluster new" | "etcdpki cluster schema" => {
            "Read on: docs/cluster.md has every key of a description, and what `apply` makes of it."
        }
        "etcdpki cluster plan" | "etcdpki cluster apply" => {
            "Read on: docs/cluster.md has every key of a description; docs/json.md what --json prints."
        }
        "etcdpki cluster observe"
        | "etcdpki cluster forecast"
        | "etcdpki cluster restart"
        | "etcdpki cluster deploy"
        | "etcdpki cluster member"
        | "etcdpki cluster steps"
        | "etcdpki cluster recover"
        | "etcdpki cluster renew"
        | "etcdpki cluster renew-ca" => "Read on: docs/operations.md, about clusters that run.",
        "etcdpki cluster status" | "etcdpki cluster verify" | "etcdpki cluster import" | "etcdpki doctor" => {
            "Read on: docs/json.md has what --json prints; `etcdpki explain E501` explains the number of a finding."
        }
        "etcdpki cluster export" => {
            "Read on: docs/bridges.md has an example of each format, and what to do with it."
        }
        "etcdpki cluster report" => "Read on: docs/cluster.md has what the page shows.",
        "etcdpki explain" => "Read on: `etcdpki doctor --rules` lists all rules.",
        _ => return None,
    })
}

/// Whether clap has a command of this name, which may be `help`.
pub(crate) fn is_read_by_clap(name: &str) -> bool {
    let mut parser = parser();
    parser.build();
    parser.find_subcommand(name).is_some()
}

/// Every command as two texts: its own name, and the words that call it, as in `apply` and `cluster apply`.
fn every_command() -> Vec<(String, String)> {
    let mut parser = parser();
    parser.build();
    let mut all: Vec<(String, String)> =
        GoCommand::all().map(|command| (command.name().to_owned(), command.name().to_owned())).collect();
    for command in parser.get_subcommands() {
        let name = command.get_name();
        all.push((name.to_owned(), name.to_owned()));
        // clap's command `help` repeats the names of all others.
        let below = command.get_subcommands().filter(|below| name != "help" && below.get_name() != "help");
        all.extend(below.map(|below| (below.get_name().to_owned(), format!("{name} {}", below.get_name()))));
    }
    all
}

/// The error for a word that is not a command, with the nearest command in its hint.
pub(crate) fn unknown(word: &str) -> CommandError {
    let all = every_command();
    let near = pki_core::base::near(word, all.iter().map(|(name, _)| name.as_str()));
    let near = near.and_then(|near| all.iter().find(|(name, _)| name == near));
    let hint = match near {
        Some((_, words)) => format!("did you mean {words}?"),
        None => "`etcdpki --help` lists the commands".to_owned(),
    };
    CommandError::new(format!("there is no command {word:?}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<String> = every_command().into_iter().map(|(_, words)| words).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
