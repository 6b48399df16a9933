//! strace, which ends a program or lets its system calls fail at a chosen moment.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::command::run;
use super::programs::find;
use super::trial::Missing;

/// The system calls that change a folder or a file. The program makes the ones that its C library chooses, so some are
/// never made on a machine.
pub const WRITING: [&str; 21] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "syncfs",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "chown",
    "fchown",
    "ftruncate",
];

/// strace, where it may trace.
pub struct Strace(PathBuf);

impl Strace {
    pub fn find() -> Result<Self, Missing> {
        let strace = find("strace")?;
        let may = run(Command::new(&strace).args(["-qq", "-o", "/dev/null", "true"]));
        match may.code {
            Some(0) => Ok(Self(strace)),
            _ => Err(Missing(format!("strace may not trace here: {}", may.stderr.trim()))),
        }
    }

    /// A command that is to get a program and its arguments, in which `fault` happens at the n-th `call` of a thread.
    pub fn injecting(&self, call: &str, fault: &str, nth: usize) -> Command {
        // The question mark is for calls that this machine does not have.
        self.command(&format!("inject=?{call}:{fault}:when={nth}"))
    }

    /// A command that is to get a program and its arguments, in which each `call` fails with `error`.
    pub fn refusing(&self, call: &str, error: &str) -> Command {
        self.command(&format!("inject=?{call}:error={error}"))
    }

    /// A command that is to get a program and its arguments, in which each `call` begins later.
    pub fn delaying(&self, call: &str, by: Duration) -> Command {
        self.command(&format!("inject=?{call}:delay_enter={}", by.as_micros()))
    }

    /// A command that is to get `-o`, a file for the list of all writing calls, a program and its arguments.
    pub fn listing(&self) -> Command {
        self.command(&format!("trace={}", WRITING.map(|call| format!("?{call}")).join(",")))
    }

    fn command(&self, expression: &str) -> Command {
        let mut command = Command::new(&self.0);
        // A later -o replaces this one.
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", expression]);
        command
    }
}
