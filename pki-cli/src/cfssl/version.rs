//! `version`: the version of the program, in cfssl's form.

use super::invocation::Invocation;
use crate::terminal::{CommandError, Terminal, print};

/// Runs `version`.
pub(crate) fn run(_: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print(terminal)
}

/// Prints the version.
pub(super) fn print(terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    print::text(terminal, &format!("Version: {}\nRuntime: rust\n", env!("CARGO_PKG_VERSION")))
}
