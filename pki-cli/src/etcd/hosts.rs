//! The hosts of members: commands on them run through the operator's own program, or are printed.

use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use pki_core::etcd::operate::{Host, Template};

/// How hosts are reached.
#[derive(Args, Clone)]
pub(super) struct HostArgs {
    /// Run the commands on the hosts, with this line for a shell; `{user}`, `{address}`, `{name}` and `{command}` stand for
    /// values, and without `{command}` the command is the last word. With `--exec` alone it is `ssh {user}@{address}`.
    /// Without it the commands are printed
    #[arg(long, value_name = "LINE", num_args = 0..=1, require_equals = true,
          default_missing_value = Template::USUAL, value_parser = template)]
    pub(super) exec: Option<Template>,
}

fn template(text: &str) -> Result<Template, String> {
    Template::parse(text).map_err(|error| error.to_string())
}

impl HostArgs {
    /// The line that a person would give to run a command on a host as root.
    pub(super) fn line(&self, host: &Host, command: &str) -> String {
        self.exec.clone().unwrap_or_default().line(host, &host.as_root(command))
    }
}

/// Runs a line in a shell, and waits for it at most this long. What it says goes to the standard error.
pub(super) fn run(line: &str, limit: Duration) -> Result<(), String> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).stdin(Stdio::null()).stdout(Stdio::from(io::stderr()));
    let mut child = shell.spawn().map_err(|error| format!("/bin/sh cannot be started: {error}"))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                return Err(match status.code() {
                    Some(code) => format!("it ended with status {code}"),
                    None => "a signal ended it".to_owned(),
                });
            }
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                // Both fail only for a process that has ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it did not end within {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
