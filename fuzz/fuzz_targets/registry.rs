//! `registry.jsonl` of a folder that `cluster apply` has made.

#![no_main]

use etcdpki_fuzz::{NOW, applied, write_json};
use libfuzzer_sys::fuzz_target;
use pki_core::etcd::report::{ClusterReport, graph, mermaid, page, timeline};
use pki_core::etcd::{Snapshot, Status};

fuzz_target!(|registry: &[u8]| {
    let mut tree = Snapshot::new("/out");
    for (path, entry) in applied("registry.jsonl", registry) {
        if let Some(path) = path.strip_prefix("/out").ok().and_then(|path| path.to_str()) {
            tree.insert(path, entry);
        }
    }
    match Status::new(&tree, NOW) {
        Ok(status) => write_json(&status),
        Err(error) => drop((error.to_string(), error.hint())),
    }
    if let Ok(report) = ClusterReport::new(&tree, NOW) {
        drop((graph(&report), mermaid(&report), timeline(&report)));
        let page = page(&[report], NOW);
        assert!(!page.contains("<script"), "what the registry says is text in the page");
    }
});
