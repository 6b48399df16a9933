//! `cluster.lock.json` of a folder that `cluster apply` has made.

#![no_main]

use std::sync::LazyLock;

use etcdpki_fuzz::{NOW, applied, write_json};
use libfuzzer_sys::fuzz_target;
use pki_core::etcd::status::prometheus;
use pki_core::etcd::{Cluster, Plan, Snapshot, Status};
use time::Duration;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let text = include_str!("../seeds/description/two-members.yaml");
    Cluster::from_yaml(text, None).expect("the seed is a description").value
});

fuzz_target!(|record: &[u8]| {
    let mut tree = Snapshot::new("/out");
    for (path, entry) in applied("cluster.lock.json", record) {
        if let Some(path) = path.strip_prefix("/out").ok().and_then(|path| path.to_str()) {
            tree.insert(path, entry);
        }
    }
    match Status::new(&tree, NOW) {
        Ok(status) => {
            let status = status.must_last(Duration::days(30));
            status.is_healthy();
            write_json(&status);
            prometheus(&[status]);
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
    match Plan::new(&CLUSTER, &tree, NOW) {
        Ok(plan) => write_json(&plan.report()),
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
