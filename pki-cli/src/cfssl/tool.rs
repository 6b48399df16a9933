//! The programs that cfssl installs beside `cfssl`, each with its own flags in Go's syntax.

use std::ffi::OsString;

use super::command::help;
use super::goflag::{self, CommandLine, Flag, FlagError};
use super::invocation::flag_error;
use super::replace_keys;
use crate::terminal::{CommandError, Terminal, print};

/// One of the programs that cfssl installs beside `cfssl`, or a command that is built like them.
pub(crate) struct Tool {
    /// The name of the command, as in `etcdpki json`.
    pub(crate) name: &'static str,
    /// The names of links to etcdpki that run this program.
    pub(crate) programs: &'static [&'static str],
    /// The name for messages and for the help.
    pub(crate) called: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) example: &'static str,
    pub(crate) flags: &'static [Flag],
    pub(crate) job: fn(CommandLine, &mut Terminal<'_>) -> Result<(), CommandError>,
}

impl Tool {
    /// Runs the program with `args`, which do not include its name.
    pub(crate) fn run(&self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let writes_keys = !self.programs.is_empty() && self.flags.iter().any(|flag| flag.name == "force");
        let args = replace_keys::with_force(args, writes_keys, terminal)?;
        match goflag::parse(self.flags, args) {
            Ok(flags) => (self.job)(flags, terminal),
            Err(FlagError::HelpRequested) => print::help(
                terminal,
                &help(self.called, self.about, self.usage, self.flags.iter().copied(), self.example),
            ),
            Err(error) => Err(flag_error(&error, self.called)),
        }
    }
}
