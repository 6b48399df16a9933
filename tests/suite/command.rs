//! Running programs: everything they said, and never longer than a deadline.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::programs::find;

/// No program of these tests needs longer, even on a busy machine; whoever does is stuck.
const LIMIT: Duration = Duration::from_secs(180);

/// What a program did.
#[derive(Clone)]
pub struct Ran {
    line: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Panics with everything the program said unless it ended with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.ends_with(0)
    }

    /// Panics with everything the program said unless it ended with `code`.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit status {code} from {self}");
        self
    }

    /// Both outputs, for programs that are not consistent about which one they use.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, code, stdout, stderr } = self;
        write!(f, "{line}\nexit status: {code:?}\nstandard output:\n{stdout}\nstandard error:\n{stderr}")
    }
}

/// Runs a program to its end, with an empty standard input.
#[track_caller]
pub fn run(command: &mut Command) -> Ran {
    run_unless(command, |_| false)
}

/// Runs a program to its end, or until what it said on standard error is enough, which it does not survive.
#[track_caller]
pub fn run_unless(command: &mut Command, is_enough: impl Fn(&str) -> bool) -> Ran {
    let line = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::spawn(command);
    let stdout = Reading::of(running.0.stdout.take().unwrap());
    let stderr = Reading::of(running.0.stderr.take().unwrap());
    let ended = until(LIMIT, || {
        let ended = running.0.try_wait().unwrap().map(Some);
        ended.or_else(|| is_enough(&stderr.text()).then_some(None))
    });
    let status = ended.unwrap_or_else(|| panic!("stuck: {line}"));
    if status.is_none() {
        running.kill();
    }
    Ran { line, code: status.and_then(|status| status.code()), stdout: stdout.end(), stderr: stderr.end() }
}

/// A pipe that is read in the background.
struct Reading {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: thread::JoinHandle<()>,
}

impl Reading {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let into = Arc::clone(&bytes);
        let thread = thread::spawn(move || {
            let mut some = [0; 4096];
            loop {
                match from.read(&mut some).unwrap() {
                    0 => return,
                    count => into.lock().unwrap().extend(&some[..count]),
                }
            }
        });
        Self { bytes, thread }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn end(self) -> String {
        self.thread.join().unwrap();
        String::from_utf8(std::mem::take(&mut *self.bytes.lock().unwrap()))
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// A program that serves: even a suite that is killed does not leave it behind.
pub fn server(program: &Path) -> Command {
    let Ok(setpriv) = find("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig=KILL", "--"]).arg(program);
    command
}

/// A process that does not outlive its test, however that ends.
pub struct Running(pub Child);

impl Running {
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        // Both fail only for a process that has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The longest time between two questions.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Asks again and again until there is an answer; `None` when the limit has passed. What takes long to ask is asked more
/// rarely, so that waiting leaves the cores to what is waited for.
pub fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        let asked = Instant::now();
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        thread::sleep(pause.max(asked.elapsed()).min(LONGEST_PAUSE));
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}

/// The text as one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
