//! The hosts of members: commands on them run through the operator's own program, or are printed.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pki_core::base::shown;
use pki_core::etcd::forecast::Forecast;
use pki_core::etcd::observe::{Observation, Running};
use pki_core::etcd::operate::{End, Operator, Template};

use time::OffsetDateTime;

use crate::exit_status::ExitStatus;
use crate::terminal::Terminal;

/// How hosts are reached.
#[derive(Args)]
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

/// Operations are carried out from here: with a shell of this machine, and progress on the standard error.
pub(super) struct Here<'t, 'a> {
    terminal: &'t mut Terminal<'a>,
    /// How long to wait for the answers of a member.
    timeout: Duration,
    start: Instant,
}

impl<'t, 'a> Here<'t, 'a> {
    pub(super) fn new(terminal: &'t mut Terminal<'a>, timeout: Duration) -> Self {
        Self { terminal, timeout, start: Instant::now() }
    }
}

impl Operator for Here<'_, '_> {
    fn run(&mut self, lines: &[String], limit: Duration) -> Vec<Result<String, String>> {
        thread::scope(|scope| {
            let all: Vec<_> = lines.iter().map(|line| scope.spawn(move || output_of(line, limit))).collect();
            let ended =
                all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it was lost".to_owned())));
            ended.collect()
        })
    }

    fn observe(&mut self, running: &Running) -> Observation {
        running.observe((self.terminal.now)(), self.timeout)
    }

    fn forecast(&mut self, running: &Running) -> Forecast {
        running.forecast((self.terminal.now)(), self.timeout)
    }

    fn tell(&mut self, text: &str) {
        // If standard error is closed, nobody reads the message.
        let _ = writeln!(self.terminal.errors, "{}", shown(text));
    }

    fn now(&mut self) -> OffsetDateTime {
        (self.terminal.now)()
    }

    fn clock(&mut self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

impl From<End> for ExitStatus {
    fn from(end: End) -> Self {
        match end {
            End::Done => Self::Done,
            End::Waits => Self::NotFinished,
            _ => Self::NotSafeNow,
        }
    }
}

/// Runs a line in a shell, and returns what it writes to its standard output.
fn output_of(line: &str, limit: Duration) -> Result<String, String> {
    let child = shell(line).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("/bin/sh cannot be started: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    let said = child.stdout.take();
    // Whoever has left the tree of processes may hold the pipe open for ever, so nobody waits for this thread.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = said.map(|said| said.take(MOST_OUTPUT).read_to_end(&mut bytes));
        // The receiver is away if the time is up.
        let _ = sender.send(read.transpose().map(|_| bytes));
    });
    wait(child, limit)?;
    let said = receiver.recv_timeout(AFTER_THE_END).map_err(|_| "its output does not end".to_owned())?;
    Ok(String::from_utf8_lossy(&said.map_err(|error| error.to_string())?).into_owned())
}

/// The most that is read of what a command writes.
const MOST_OUTPUT: u64 = 1 << 20;

/// How long the output of a command may go on after its end.
const AFTER_THE_END: Duration = Duration::from_secs(2);

fn shell(line: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line).stdin(Stdio::null());
    shell
}

fn wait(mut child: Child, limit: Duration) -> Result<(), String> {
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
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                end(&mut child);
                return Err(format!("it did not end within {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Ends a shell and all that it started. They are in the process group of this program, not in one of their own: in
/// another group ssh could not ask for a passphrase, and Ctrl-C would not reach it.
fn end(shell: &mut Child) {
    let Ok(pid) = i32::try_from(shell.id()) else { return };
    // Who is stopped starts nothing more.
    let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
    let mut known = vec![pid];
    loop {
        let found: Vec<i32> = children_of(&known).into_iter().filter(|pid| !known.contains(pid)).collect();
        if found.is_empty() {
            break;
        }
        for pid in &found {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGSTOP);
        }
        known.extend(found);
    }
    // It fails only for a process that has ended.
    for pid in known {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = shell.wait();
}

/// The processes whose parents are these (proc_pid_stat(5)).
fn children_of(parents: &[i32]) -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let parent = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program stands in parentheses, and may have any characters.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<i32>().ok()
    };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid).is_some_and(|parent| parents.contains(&parent))).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_does_not_end_is_ended_with_all_that_it_started() {
        // The inner shell waits for a child of its own.
        let line = "sh -c 'echo $$ >&3; sleep 100; true' 3>&1; true";
        let child = shell(line).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut first = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
        let inner: i32 = first.trim().parse().unwrap();
        let sleeps = loop {
            if let [pid] = children_of(&[inner])[..] {
                break pid;
            }
        };
        assert_eq!(wait(child, Duration::ZERO), Err("it did not end within 0 s".to_owned()));
        for pid in [inner, sleeps] {
            // Who is killed ends at once, but not in the same moment.
            let start = Instant::now();
            while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| !text.contains(") Z ")) {
                assert!(start.elapsed() < Duration::from_secs(60), "{pid} goes on");
                thread::yield_now();
            }
        }
    }

    #[test]
    fn what_a_line_writes_is_returned_and_how_it_failed_is_said() {
        assert_eq!(output_of("echo a; echo b", Duration::from_secs(60)), Ok("a\nb\n".to_owned()));
        assert_eq!(output_of("exit 7", Duration::from_secs(60)), Err("it ended with status 7".to_owned()));
        assert_eq!(output_of("kill $$", Duration::from_secs(60)), Err("a signal ended it".to_owned()));
    }
}
