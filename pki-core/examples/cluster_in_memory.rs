//! Describes a cluster in code and makes the files of its hosts in memory, for a program that distributes them itself.
//!
//! `cargo run -p pki-core --example cluster_in_memory`

use std::error::Error;

use pki_core::etcd::{Client, Cluster, EtcdVersion, Label, Member, Plan, Snapshot};
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;

fn main() -> Result<(), Box<dyn Error>> {
    let now = OffsetDateTime::now_utc();
    let cluster = Cluster::builder(Label::parse("prod")?)
        .member(Member::parse("etcd1=10.0.0.11")?)
        .member(Member::parse("etcd2=10.0.0.12")?)
        .member(Member::parse("etcd3=10.0.0.13")?)
        .client(Client { name: Label::parse("apiserver")?, kubeadm: false })
        .version(EtcdVersion::V3_5)
        .build()?
        .value;

    // No files exist yet. Snapshot::insert adds those that were made before.
    let snapshot = Snapshot::new("/srv/etcd/prod");
    let plan = Plan::new(&cluster, &snapshot, now)?;
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;

    for file in outcome.files() {
        let owner = file.owner.name().unwrap_or("the operator");
        println!("{:04o} {owner:<12} {:>5} bytes  {}", file.mode, file.bytes.len(), file.path);
    }
    assert!(outcome.files().iter().any(|file| file.path == "nodes/etcd1/etc/systemd/system/etcd.service"));
    Ok(())
}
