//! Files that make a host, with other files in them: cloud-init, Ignition, Butane.

#![no_main]

use etcdpki_fuzz::judge_alone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| judge_alone(text, &["user-data.yaml", "user-data"]));
