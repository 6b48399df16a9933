//! What every command of cfssl has: a line in the list, a help, flags, and a config that is read first.

use std::ffi::OsString;
use std::fmt::Write;

use super::COMMANDS;
use super::flags::FLAGS;
use super::goflag::{self, Flag, FlagError};
use super::invocation::{Invocation, flag_error, refuse_misplaced};
use crate::terminal::{CommandError, Terminal, print};

/// A command of cfssl.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) example: &'static str,
    /// The flags that it makes use of; all of cfssl's are accepted.
    pub(crate) flags: &'static [&'static str],
    pub(crate) job: Job,
}

/// What a command does.
pub(crate) enum Job {
    Provided(fn(&Invocation, &mut Terminal<'_>) -> Result<(), CommandError>),
    /// Nothing. It says what to use instead.
    Missing(&'static str),
}

impl Command {
    pub(crate) const fn missing(name: &'static str, instead: &'static str) -> Self {
        Self { name, about: "not provided", usage: "", example: "", flags: &[], job: Job::Missing(instead) }
    }

    pub(crate) fn is_provided(&self) -> bool {
        matches!(self.job, Job::Provided(_))
    }

    /// Reads the flags, then the config, then runs: cfssl's own order.
    pub(crate) fn run(&self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let job = match self.job {
            Job::Provided(job) => job,
            Job::Missing(instead) => {
                let message = format!("{} is not provided by etcdpki", self.name);
                return Err(CommandError::new(message).hint(instead));
            }
        };
        let flags = match goflag::parse(FLAGS, args) {
            Ok(flags) => flags,
            Err(FlagError::HelpRequested) => return print::text(terminal, &self.help()),
            Err(error) => return Err(flag_error(&error, &format!("etcdpki {}", self.name))),
        };
        refuse_misplaced(&flags)?;
        // cfssl accepts flags that a command does not use. This one is not cfssl's, and says where a key is to go.
        if !flags.text("into").is_empty() && !self.flags.contains(&"into") {
            return Err(CommandError::new(format!("-into is for gencert and sign, not for {}", self.name))
                .hint("name the files: -bare NAME"));
        }
        job(&Invocation::with_config(flags)?, terminal)
    }

    fn help(&self) -> String {
        let flags = FLAGS.iter().filter(|flag| self.flags.contains(&flag.name) || flag.name == "loglevel");
        help(self.name, self.about, self.usage, flags, self.example)
    }
}

/// The help of a command.
pub(super) fn help<'a>(
    name: &str,
    about: &str,
    usage: &str,
    flags: impl IntoIterator<Item = &'a Flag>,
    example: &str,
) -> String {
    let flags = goflag::render_help(flags);
    format!("{name} - {about}\n\nUsage:\n  {usage}\n\nFlags:\n{flags}\nExample:\n  {example}\n")
}

/// The commands, a line each.
pub(super) fn overview() -> String {
    let mut text = "Usage: etcdpki COMMAND [flags] [arguments]\n\nCommands:\n".to_owned();
    for command in COMMANDS.iter().filter(|command| command.is_provided()) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<15} {}", command.name, command.about);
    }
    text.push_str("\netcdpki COMMAND -h tells more.\n");
    text
}

/// The help of `cfssl` itself.
pub(super) fn overview_with_example() -> String {
    format!("{}\nExample:\n  cfssl gencert -initca ca-csr.json | cfssljson -bare ca\n", overview())
}
