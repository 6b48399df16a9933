//! The program `etcdpki`: cfssl's commands with cfssl's flags, and whole etcd clusters.
//!
//! Everything that another program may need too is in `pki_core`. This package reads flags and files, and prints what
//! a person or a script reads.

mod cfssl;
mod commands;
mod completions;
mod etcd;
mod exit_status;
mod man;
mod program;
mod terminal;

use std::ffi::OsString;

pub use exit_status::ExitStatus;
pub use terminal::{ColourChoice, Terminal, Verbosity};

/// Runs the program with `args`, the first of which is the name that it was called by.
///
/// Returns the exit status of the process: the number of an [`ExitStatus`], or, for cfssl's commands, the one with which
/// cfssl ends.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    program::Program::named(&name).run(args, terminal)
}
