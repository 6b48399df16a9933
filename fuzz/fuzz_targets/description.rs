//! Descriptions of clusters, YAML or JSON, and the plan for an empty folder.

#![no_main]

use etcdpki_fuzz::{NOW, write_json};
use libfuzzer_sys::fuzz_target;
use pki_core::etcd::{Cluster, Plan, Snapshot};

fuzz_target!(|text: &str| {
    match Cluster::from_yaml(text, None) {
        Ok(cluster) => {
            let empty = Snapshot::new("/out");
            match Plan::new(&cluster.value, &empty, NOW) {
                Ok(plan) => write_json(&plan.report()),
                Err(error) => drop((error.to_string(), error.hint())),
            }
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
