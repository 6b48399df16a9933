//! systemd's units, those of others too: words, quotes, specifiers and variables of command lines.

#![no_main]

use etcdpki_fuzz::{applied, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|unit: &[u8]| {
    judge(&applied("nodes/a/etc/systemd/system/etcd.service", unit), "/out/nodes/a");
});
