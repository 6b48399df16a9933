//! Lines of logs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pki_core::etcd::explain::explain;

fuzz_target!(|line: &str| {
    if let Some(explanation) = explain(line) {
        etcdpki_fuzz::write_json(explanation);
    }
});
