//! Programs beside cfssl: each has flags of its own in Go's syntax.

use std::ffi::OsString;

use super::command::help;
use super::goflag::{self, Flag, FlagError, Parsed};
use super::invocation::flag_error;
use crate::terminal::{CommandError, Terminal, print};

/// A program beside cfssl.
pub(crate) struct Tool {
    /// Its name as a command of etcdpki.
    pub(crate) name: &'static str,
    /// The names of programs that do this when etcdpki is called by them.
    pub(crate) programs: &'static [&'static str],
    /// How it is called in messages.
    pub(crate) called: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) example: &'static str,
    pub(crate) flags: &'static [Flag],
    pub(crate) job: fn(Parsed, &mut Terminal<'_>) -> Result<(), CommandError>,
}

impl Tool {
    /// Runs it with `args`, which do not hold its name.
    pub(crate) fn run(&self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match goflag::parse(self.flags, args) {
            Ok(flags) => (self.job)(flags, terminal),
            Err(FlagError::HelpRequested) => {
                print::text(terminal, &help(self.called, self.about, self.usage, self.flags, self.example))
            }
            Err(error) => Err(flag_error(&error, self.called)),
        }
    }
}
