//! Files of variables, as `EnvironmentFile=` names them.

#![no_main]

use etcdpki_fuzz::{applied, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|variables: &[u8]| {
    judge(&applied("nodes/a/etc/etcd/etcd.env", variables), "/out/nodes/a");
});
