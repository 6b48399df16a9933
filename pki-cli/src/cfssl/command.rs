//! What all commands of cfssl have in common: a line in the overview, a help, flags, and a config that is read first.

use std::ffi::OsString;
use std::fmt::Write;

use super::COMMANDS;
use super::effect;
use super::flags::FLAGS;
use super::goflag::{self, Flag, FlagError};
use super::invocation::{Invocation, flag_error, refuse_misplaced};
use super::replace_keys;
use crate::terminal::{CommandError, Terminal, print};

/// A command of cfssl.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) example: &'static str,
    pub(crate) job: Job,
}

/// Whether etcdpki provides a command, and what runs it.
pub(crate) enum Job {
    /// The function that runs the command.
    Provided(fn(&Invocation, &mut Terminal<'_>) -> Result<(), CommandError>),
    /// The command is not provided. The text says what to use instead.
    Missing(&'static str),
}

impl Command {
    pub(crate) const fn missing(name: &'static str, instead: &'static str) -> Self {
        Self { name, about: "not provided", usage: "", example: "", job: Job::Missing(instead) }
    }

    pub(crate) fn is_provided(&self) -> bool {
        matches!(self.job, Job::Provided(_))
    }

    /// Reads the flags and then the config, and runs the command. cfssl has this order too.
    pub(crate) fn run(&self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let job = match self.job {
            Job::Provided(job) => job,
            Job::Missing(instead) => {
                let message = format!("{} is not provided by etcdpki", self.name);
                return Err(CommandError::new(message).hint(instead));
            }
        };
        let args = replace_keys::with_force(args, effect::acts(self.name, "force"), terminal)?;
        let flags = match goflag::parse(FLAGS, args) {
            Ok(flags) => flags,
            Err(FlagError::HelpRequested) => return print::help(terminal, &self.help()),
            Err(error) => return Err(flag_error(&error, &format!("etcdpki {}", self.name))),
        };
        refuse_misplaced(&flags)?;
        // cfssl accepts flags that a command does not use. -into is not cfssl's, and a user who gives it expects that
        // keys go into that folder, so it is not ignored.
        if !flags.text("into").is_empty() && !effect::acts(self.name, "into") {
            return Err(CommandError::new(format!("-into is for gencert and sign, not for {}", self.name))
                .hint("write the files with -bare NAME"));
        }
        let invocation = Invocation::with_config(self.name, flags, terminal)?;
        job(&invocation, terminal)
    }

    /// The flags that the help lists: those that the command uses, as it means them.
    pub(crate) fn flags_of_help(&self) -> impl Iterator<Item = Flag> {
        let used = FLAGS.iter().filter(|flag| effect::acts(self.name, flag.name));
        used.map(|flag| flag.of_command(self.name))
    }

    fn help(&self) -> String {
        help(self.name, self.about, self.usage, self.flags_of_help(), self.example)
    }
}

/// The exit statuses of cfssl's commands, for their help.
pub(crate) const STATUSES: &str = "\
Exit status:
  0  the work is done
  1  the work could not be done
  2  a flag is wrong
";

/// The help of a command or a program.
pub(super) fn help(
    name: &str,
    about: &str,
    usage: &str,
    flags: impl IntoIterator<Item = Flag>,
    example: &str,
) -> String {
    let flags = goflag::render_help(flags);
    format!("{name} - {about}\n\nUsage:\n  {usage}\n\nFlags:\n{flags}\n{STATUSES}\nExample:\n  {example}\n")
}

/// The list of commands, for the hint of a wrong command.
pub(super) fn overview() -> String {
    let mut text = "Usage: etcdpki COMMAND [flags] [arguments]\n\nCommands:\n".to_owned();
    for command in COMMANDS.iter().filter(|command| command.is_provided()) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<15} {}", command.name, command.about);
    }
    text.push_str("\n`etcdpki COMMAND -h` describes a command.\n");
    text
}

/// The help of the program `cfssl`.
pub(super) fn overview_with_example() -> String {
    format!(
        "{}\n{STATUSES}\nExample:\n  cfssl gencert -initca ca-csr.json | cfssljson -bare ca\n",
        overview()
    )
}
