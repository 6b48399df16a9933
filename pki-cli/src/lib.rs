//! The program `etcdpki`: cfssl's commands with cfssl's flags, and whole etcd clusters.
//!
//! Everything that a library user would need too is in `pki_core`; here are flags, files, and what a person or
//! a script reads.

mod cfssl;
mod commands;
mod etcd;
mod exit_status;
mod program;
mod terminal;

use std::ffi::OsString;

pub use exit_status::ExitStatus;
pub use terminal::Terminal;

/// Runs the program that `args`, the first of which is its name, ask for. Returns the number that the process is to
/// end with: that of an [`ExitStatus`], or, for cfssl's commands, cfssl's own.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    program::Program::named(&name).run(args, terminal)
}
