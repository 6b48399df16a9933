//! etcd's configuration file, YAML or JSON, named by a unit.

#![no_main]

use etcdpki_fuzz::{applied, judge, put};
use libfuzzer_sys::fuzz_target;

const DROP_IN: &[u8] = b"[Service]\nExecStart=\nExecStart=/usr/bin/etcd --config-file=/etc/etcd/etcd.yaml\n";

fuzz_target!(|config: &[u8]| {
    let mut files = applied("nodes/a/etc/etcd/etcd.yaml", config);
    put(&mut files, "nodes/a/etc/systemd/system/etcd.service.d/1.conf", DROP_IN);
    judge(&files, "/out/nodes/a");
});
