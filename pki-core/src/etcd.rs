//! Whole etcd clusters from one description.
//!
//! The way through: the text of a description is parsed into a [`Cluster`], which is right by construction;
//! with what is on the disk already it gives a [`Plan`], which is pure; [`Plan::issue`] makes the keys and
//! certificates that it lacks; [`Folder::apply`] writes the files, and nothing else touches the disk.
//!
//! ```
//! use pki_core::etcd::{Cluster, Folder, Plan};
//! use pki_core::{SystemKeys, SystemRandomness};
//! use time::OffsetDateTime;
//!
//! let text = "
//! name: prod
//! members:
//!   - {name: etcd1, address: 10.0.0.11}
//!   - {name: etcd2, address: 10.0.0.12}
//!   - {name: etcd3, address: 10.0.0.13}
//! ";
//! let cluster = Cluster::from_yaml(text, None)?.value;
//!
//! # let temporary = tempfile::tempdir().unwrap();
//! # let out = temporary.path().join("out");
//! let folder = Folder::lock(&out)?;
//! let now = OffsetDateTime::now_utc();
//! let plan = Plan::new(&cluster, &folder, now)?;
//! let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
//! folder.apply(&outcome)?;
//! assert!(Plan::new(&cluster, &folder, now)?.is_done());
//! # Ok::<(), pki_core::Error>(())
//! ```

mod address;
mod authority;
mod bootstrap;
mod certificates;
pub mod check;
mod cluster;
mod container;
mod deploy;
mod description;
mod discovery;
mod env;
mod error;
mod folder;
pub mod found;
mod host_path;
mod import;
mod issue;
mod kubeadm;
mod label;
mod layout;
mod lock;
mod offline;
mod option;
mod path;
mod plan;
mod render;
mod report;
mod settings;
mod shell;
mod ssh;
mod steps;
mod tree;
mod unit;
mod url;
mod user;
mod version;
mod write;
mod yaml;

pub use address::{DnsName, HostName, MemberAddress};
pub use bootstrap::{Joining, Leaving, Moving};
pub use certificates::CertificateId;
pub use check::{doctor, explain, status, verify};
pub use cluster::{
    Client, Cluster, ContainerEngine, InitialClusterState, Lifetimes, Member, Style, UnitKind,
};
pub use error::DescriptionError;
pub use folder::Folder;
pub use host_path::HostPath;
pub use import::{Authorities, ImportError, ImportNotice, Imported, import};
pub use issue::{Outcome, Progress};
pub use label::Label;
pub use layout::{Layout, Role};
pub use option::{Availability, EtcdOption, UrlUse, ValueError, ValueKind, YamlKind, YamlPlace};
pub use plan::{Change, Plan, PlannedCertificate, PlannedFile, Reason};
pub use report::{CertificateReport, FileReport, MemberReport, Report};
pub use shell::word as shell_word;
pub use ssh::SshTarget;
pub use status::Status;
pub use steps::{Step, next_steps};
pub use tree::{Entry, FileKind, Owner, Tree};
pub use url::MemberUrl;
pub use version::EtcdVersion;
pub use write::describe;

/// The JSON Schema of a description, draft 7, which is what editors read: it allows whatever
/// [`Cluster::from_yaml`] takes, and of what is wrong it finds the words and forms.
pub fn schema() -> &'static str {
    include_str!("../cluster.schema.json")
}
