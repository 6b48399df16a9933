//! The program `etcdpki`: cfssl's commands with cfssl's flags, and whole etcd clusters.
//!
//! Everything that a library user would need too is in `pki_core`; here are flags, files, and what a person or
//! a script reads.

mod cfssl;
mod cluster;
mod doctor;
mod explain;
mod failure;
mod goflag;
mod hint;
mod io;
mod program;
mod terminal;

use std::ffi::OsString;

pub use io::Io;

/// Runs the program that `args`, the first of which is its name, ask for. Returns the exit status: 0 for
/// success, 1 for failure, 2 for a command line that cannot be read, or, from `cluster plan`, for changes.
pub fn run(args: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> u8 {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    program::Program::named(&name).run(args, io)
}
