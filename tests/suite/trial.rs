//! What a test is here: a function that panics when the product is wrong, and says so when this machine
//! lacks what the test needs.

use std::panic::resume_unwind;
use std::thread;

use libtest_mimic::{Completion, Trial};

use super::{network, proved, schedule};

/// Why a test cannot run on this machine.
#[derive(Debug, Clone)]
pub struct Missing(pub String);

/// How a test ends, unless it panics.
pub type Outcome = Result<(), Missing>;

/// A test that may turn out to be impossible here; it then counts as ignored, and its reason is printed.
pub fn trial(name: impl Into<String>, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let name = name.into();
    let named = name.clone();
    ignorable(name, move || schedule::timed(&named, test))
}

/// A test that starts servers. It is alone in a network namespace, where every port of the loopback is free, and only
/// some of these tests run at once.
pub fn trial_with_servers(name: impl Into<String>, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let name = name.into();
    schedule::has_servers(&name);
    let named = name.clone();
    ignorable(name, move || {
        let _turn = schedule::turn_of_servers();
        let alone = || {
            network::enter()?;
            test()
        };
        // What a thread has entered it does not leave again, so it is a thread of the test's own.
        schedule::timed(&named, || {
            thread::scope(|scope| {
                let thread = thread::Builder::new().name(named.clone()).spawn_scoped(scope, alone).unwrap();
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            })
        })
    })
}

/// A test on hosts that are booted, which no other test has meanwhile.
pub fn trial_on_hosts(name: impl Into<String>, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let name = name.into();
    schedule::is_on_hosts(&name);
    let named = name.clone();
    ignorable(name, move || {
        let _turn = schedule::turn_on_hosts();
        schedule::timed(&named, test)
    })
}

fn ignorable(name: String, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    Trial::ignorable_test(name.clone(), move || {
        proved::note(&name, false);
        Ok(match test() {
            Ok(()) => {
                proved::note(&name, true);
                Completion::Completed
            }
            Err(Missing(reason)) => Completion::ignored_with(reason),
        })
    })
}

/// Tests with their names: `[("a", a), ("b", b)]`.
macro_rules! named {
    ($($test:ident),+ $(,)?) => { [$((stringify!($test), $test)),+] };
}

/// Tests as trials, each named like its function: `MODULE::a`, or `MODULE::PART::a` with `"PART"` before them.
macro_rules! trials {
    ($part:literal, $($test:ident),+ $(,)?) => {
        vec![$($crate::suite::trial::trial(
            format!("{}::{}::{}", $crate::suite::trial::last(module_path!()), $part, stringify!($test)),
            $test,
        )),+]
    };
    ($($test:ident),+ $(,)?) => {
        vec![$($crate::suite::trial::trial(
            format!("{}::{}", $crate::suite::trial::last(module_path!()), stringify!($test)),
            $test,
        )),+]
    };
}

pub(crate) use {named, trials};

/// The last part of a path of modules.
pub fn last(module: &str) -> &str {
    module.rsplit("::").next().unwrap_or(module)
}
