//! What a test is here: a function that panics when the product is wrong, and says so when this machine
//! lacks what the test needs.

use libtest_mimic::{Completion, Trial};

/// Why a test cannot run on this machine.
#[derive(Debug, Clone)]
pub struct Missing(pub String);

/// How a test ends, unless it panics.
pub type Outcome = Result<(), Missing>;

/// A test that may turn out to be impossible here; it then counts as ignored, and its reason is printed.
pub fn trial(name: impl Into<String>, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        Ok(match test() {
            Ok(()) => Completion::Completed,
            Err(Missing(reason)) => Completion::ignored_with(reason),
        })
    })
}
