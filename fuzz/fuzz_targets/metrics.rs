//! `/metrics` of a member that runs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pki_core::etcd::live::Metrics;

fuzz_target!(|text: &str| {
    drop(Metrics::parse(text));
});
