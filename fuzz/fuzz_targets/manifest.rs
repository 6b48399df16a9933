//! Files of container engines: a pod of Kubernetes, or a file of Compose.

#![no_main]

use etcdpki_fuzz::judge_alone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| judge_alone(text, &["etc/kubernetes/manifests/etcd.yaml", "srv/etcd/compose.yml"]));
