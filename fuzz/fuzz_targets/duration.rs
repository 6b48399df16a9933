//! Lengths of time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pki_core::go::duration;

fuzz_target!(|text: &str| {
    match duration::parse(text) {
        Ok(length) => assert_eq!(duration::parse(&duration::format(length)), Ok(length)),
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
