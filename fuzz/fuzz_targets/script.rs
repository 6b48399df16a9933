//! Scripts that start etcd, by itself or in a container.

#![no_main]

use etcdpki_fuzz::{applied, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let mut files = applied("nodes/a/etc/etcd/start.sh", script);
    files.retain(|path, _| !path.starts_with("/out/nodes/a/etc/systemd"));
    judge(&files, "/out/nodes/a");
});
