//! Files of other init systems than systemd: OpenRC, supervisor, upstart, rc.conf, and files of flags and variables.

#![no_main]

use etcdpki_fuzz::judge_alone;
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 8] = [
    "etc/init.d/etcd",
    "etc/conf.d/etcd",
    "etc/default/etcd",
    "etc/supervisor/conf.d/etcd.conf",
    "etc/rc.conf",
    "etc/containers/systemd/etcd.container",
    "srv/Procfile",
    "snap/etcd/args",
];

fuzz_target!(|text: &[u8]| judge_alone(text, &PATHS));
