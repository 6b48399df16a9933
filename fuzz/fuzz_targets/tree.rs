//! Whole trees of files: `=== MODE USER PATH`, and below it what is in the file.

#![no_main]

use etcdpki_fuzz::{files, judge, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = files(text);
    judge(&files, "/");
    verify(&files, "/out");
});
