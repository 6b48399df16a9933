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
mod certificates;
mod cluster;
mod description;
mod env;
mod error;
mod folder;
mod issue;
mod label;
mod layout;
mod lock;
mod option;
mod options;
mod plan;
mod report;
mod tree;
mod unit;
mod version;
mod write;

pub use address::{DnsName, MemberAddress};
pub use certificates::{CertificateId, Purpose};
pub use cluster::{Client, Cluster, Layout, Lifetimes, Member};
pub use error::DescriptionError;
pub use folder::Folder;
pub use issue::{Outcome, Progress};
pub use label::Label;
pub use option::{Availability, EtcdOption, UrlUse, ValueError, ValueKind, YamlKind, YamlPlace};
pub use plan::{Change, Plan, PlannedCertificate, PlannedFile, Reason};
pub use report::{CertificateReport, FileReport, Report};
pub use tree::{Entry, FileKind, Owner, Tree};
pub use version::EtcdVersion;
pub use write::describe;
