//! Makes the files for a description of a cluster in an output folder, as `etcdpki cluster apply` does.
//!
//! `cargo run -p pki-core --example cluster_to_folder -- [DESCRIPTION [FOLDER]]`

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use pki_core::etcd::{Change, Cluster, Folder, Plan, next_steps};
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;

fn main() -> Result<(), Box<dyn Error>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cluster/three-members.yaml");
    let description = env::args_os().nth(1).map_or(example, PathBuf::from);
    let temporary = env::temp_dir().join(format!("etcdpki-example-{}", std::process::id()));
    let output = env::args_os().nth(2).map_or_else(|| temporary.clone(), PathBuf::from);
    let now = OffsetDateTime::now_utc();

    let cluster = Cluster::from_yaml(&fs::read_to_string(&description)?, Some(&description))?;
    for notice in &cluster.notices {
        eprintln!("warning: {notice}");
    }
    let cluster = cluster.value;

    let folder = Folder::lock(&output)?;
    let plan = Plan::new(&cluster, &folder.snapshot(&cluster)?, now)?;
    for planned in plan.certificates().iter().filter(|planned| *planned.change() != Change::Kept) {
        println!("{}: {}", planned.id(), planned.change());
    }
    let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
    folder.apply(&outcome)?;
    for step in next_steps(&cluster, outcome.report(), &output) {
        println!("{}\n    {}", step.title, step.commands.join("\n    "));
    }

    assert!(
        Plan::new(&cluster, &folder.snapshot(&cluster)?, now)?.is_done(),
        "running it twice changes nothing"
    );
    if output == temporary {
        fs::remove_dir_all(temporary)?;
    }
    Ok(())
}
