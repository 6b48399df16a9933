//! What members and clients are told, and whether they get through to each other.
//!
//! Up to the first line `===` it is the first member's file of variables, below that the client's.

#![no_main]

use etcdpki_fuzz::{applied, put, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (member, client) = text.split_once("\n===\n").unwrap_or((text, ""));
    let mut files = applied("nodes/a/etc/etcd/etcd.env", member.as_bytes());
    if !client.is_empty() {
        put(&mut files, "clients/root/etcdctl.env", client.as_bytes());
    }
    verify(&files, "/out");
});
