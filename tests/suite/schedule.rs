//! Which trials run when: as many at once as the machine bears, and the longest first.
//!
//! How long each took is kept in `suite-times.tsv` in cargo's target folder, from where the next run takes its order.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use libtest_mimic::Trial;

/// How many trials with servers run at once for each core. They wait most of the time. But a member that gets no core
/// for its election timeout loses its leader, and then a test waits for elections instead.
const SERVERS_PER_CORE: u32 = 3;

/// How many trials on hosts run at once. Each has hosts of its own, which take 40 MiB of memory each and seconds to boot.
const HOSTS_AT_ONCE: u32 = 3;

/// How many trials run at once: those with servers, those on hosts, and one of the others on each core.
pub fn threads() -> usize {
    usize::try_from(servers_at_once() + HOSTS_AT_ONCE + cores()).unwrap()
}

fn cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap())
}

fn servers_at_once() -> u32 {
    SERVERS_PER_CORE * cores()
}

/// How many trials of a kind are running.
struct Running {
    count: Mutex<u32>,
    ended: Condvar,
}

impl Running {
    const fn none() -> Self {
        Self { count: Mutex::new(0), ended: Condvar::new() }
    }

    /// Waits until there are not too many.
    fn turn(&'static self, most: u32) -> Turn {
        let mut count = self.ended.wait_while(self.count.lock().unwrap(), |count| *count >= most).unwrap();
        *count += 1;
        Turn(self)
    }
}

/// The right to run a trial of a kind, until it is dropped.
pub struct Turn(&'static Running);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap() -= 1;
        self.0.ended.notify_one();
    }
}

pub fn turn_of_servers() -> Turn {
    static SERVERS: Running = Running::none();
    SERVERS.turn(servers_at_once())
}

pub fn turn_on_hosts() -> Turn {
    static HOSTS: Running = Running::none();
    HOSTS.turn(HOSTS_AT_ONCE)
}

/// The names of the trials that start servers.
static WITH_SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says that a trial starts servers.
pub fn has_servers(name: &str) {
    WITH_SERVERS.lock().unwrap().insert(name.to_owned());
}

/// The names of the trials on hosts.
static ON_HOSTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says that a trial is on hosts.
pub fn is_on_hosts(name: &str) {
    ON_HOSTS.lock().unwrap().insert(name.to_owned());
}

/// Where what is measured is written at once, so that a run that is stopped leaves it too.
static MEASURED: OnceLock<File> = OnceLock::new();

/// Runs a test, and notes how long it took unless it panics.
pub fn timed<T>(name: &str, test: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = test();
    let line = format!("{:.2}\t{name}\n", start.elapsed().as_secs_f64());
    if let Some(mut file) = MEASURED.get() {
        // The next run has another order, at worst.
        let _ = file.write_all(line.as_bytes());
    }
    outcome
}

/// The longest trials, for a machine on which nothing was measured yet. The order and the proportions count, not the
/// seconds: they were measured on two cores while other trials ran, and made smaller.
const LONGEST: &str = include_str!("times.tsv");

/// What earlier runs measured.
pub struct Times(HashMap<String, f64>);

impl Times {
    /// Reads them in the folder that cargo builds in, and sorts them there; what is measured from now on follows.
    pub fn in_folder(target: &Path) -> Self {
        let path = target.join("suite-times.tsv");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let line = |line: &str| {
            let (seconds, name) = line.split_once('\t')?;
            Some((name.to_owned(), seconds.parse().ok()?))
        };
        let seconds: HashMap<_, f64> = LONGEST.lines().chain(text.lines()).filter_map(line).collect();
        let mut lines: Vec<_> = seconds.iter().collect();
        lines.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
        let lines = lines.iter().map(|(name, seconds)| format!("{seconds:.2}\t{name}\n"));
        let _ = fs::write(&path, lines.collect::<String>());
        if let Ok(file) = File::options().append(true).open(&path) {
            MEASURED.set(file).expect("read once");
        }
        Self(seconds)
    }

    /// All trials in the order in which to start them: the longest of each kind first, and of all kinds so many that
    /// none waits for the others at the end.
    pub fn order(&self, trials: Vec<Trial>) -> Vec<Trial> {
        let (with_servers, on_hosts) = (WITH_SERVERS.lock().unwrap(), ON_HOSTS.lock().unwrap());
        let mut kinds = [
            Kind { at_once: HOSTS_AT_ONCE, unknown: 10.0, trials: Vec::new(), until: 0.0 },
            Kind { at_once: servers_at_once(), unknown: 10.0, trials: Vec::new(), until: 0.0 },
            Kind { at_once: cores(), unknown: 0.1, trials: Vec::new(), until: 0.0 },
        ];
        for trial in trials {
            let kind = match trial.name() {
                name if on_hosts.contains(name) => 0,
                name if with_servers.contains(name) => 1,
                _ => 2,
            };
            let seconds = self.0.get(trial.name()).copied().unwrap_or(kinds[kind].unknown);
            kinds[kind].trials.push((seconds, trial));
        }
        for kind in &mut kinds {
            // The last is taken first.
            kind.trials.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
        let mut order = Vec::new();
        loop {
            let waiting = kinds.iter_mut().filter(|kind| !kind.trials.is_empty());
            let Some(kind) = waiting.min_by(|a, b| a.until.total_cmp(&b.until)) else { return order };
            let (seconds, trial) = kind.trials.pop().unwrap();
            kind.until += seconds / f64::from(kind.at_once);
            order.push(trial);
        }
    }
}

/// Trials that are alike in how many of them run at once.
struct Kind {
    at_once: u32,
    /// The seconds of a trial that was never measured.
    unknown: f64,
    trials: Vec<(f64, Trial)>,
    /// Until when they would keep their threads busy.
    until: f64,
}
