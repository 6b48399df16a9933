//! Whole etcd clusters from one description.
//!
//! The text of a description is read as a [`Cluster`], a value that is always valid. A [`Plan`] compares the cluster with
//! a [`Snapshot`] of its output folder, without changing anything. [`Plan::issue`] generates the missing keys and issues
//! the missing certificates in memory. [`LockedFolder::apply`] writes the files.
//!
//! ```
//! use pki_core::etcd::{Cluster, Folder, Plan};
//! use pki_core::x509::{SystemKeys, SystemRandomness};
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
//! let plan = Plan::new(&cluster, &folder.snapshot(&cluster)?, now)?;
//! let outcome = plan.issue(&SystemKeys, &SystemRandomness, now, &|_| {})?;
//! folder.apply(&outcome)?;
//! assert!(Plan::new(&cluster, &folder.snapshot(&cluster)?, now)?.is_done());
//! # Ok::<(), pki_core::etcd::Error>(())
//! ```

pub mod check;
pub(crate) mod cluster;
pub(crate) mod describe;
pub(crate) mod error;
pub mod export;
pub(crate) mod folder;
pub mod found;
mod import;
pub mod live;
pub(crate) mod notice;
pub mod operate;
pub(crate) mod option;
pub(crate) mod plan;
pub(crate) mod render;
pub mod report;
pub(crate) mod safe;
pub mod start;

pub use check::{doctor, explain, forecast, observe, status, verify};
pub use cluster::bootstrap::{JoiningMember, LeavingMember, MovingMember};
pub use cluster::certificates::CertificateId;
pub use cluster::layout::{Layout, Role};
pub use cluster::path::{RepeatedCluster, output_folders};
pub use cluster::renewal::RenewBefore;
pub use cluster::{
    Client, Cluster, ContainerEngine, InitialClusterState, Lifetimes, Member, Style, UnitKind,
};
pub use describe::builder::ClusterBuilder;
pub use describe::edit::{EditError, member_line, with_member, without_member};
pub use describe::writer::describe;
pub use error::description::DescriptionError;
pub use error::export::ExportError;
pub use error::{Error, ErrorKind};
pub use folder::disk::{Folder, LockedFolder};
pub use folder::former::FormerCertificate;
pub use folder::operation::{Leaving, Operation};
pub use folder::output::{OutputFile, OutputFolder};
pub use folder::registry::RegistryEvent;
pub use folder::snapshot::{Entry, FileKind, Owner, Snapshot};
pub use import::{AuthorityChoice, ImportError, ImportNotice, ImportedCluster, import};
pub use notice::{Notice, NoticeGroup, NoticeKind, WithNotices, in_groups};
pub use option::release::{Advisory, Series};
pub use option::version::EtcdVersion;
pub use option::{Availability, EtcdOption, UrlUse, ValueError, ValueKind, YamlKind, YamlPlace};
pub use plan::Plan;
pub use plan::change::{Change, PlannedCertificate, PlannedFile, Reason};
pub use plan::difference::DifferentLine;
pub use plan::issue::{Outcome, Progress};
pub use plan::renewal::Renewal;
pub use plan::report::{CertificateReport, FileReport, MemberReport, Report};
pub use plan::steps::{Step, next_steps};
pub use safe::address::{DnsName, HostName, MemberAddress};
pub use safe::host_path::HostPath;
pub use safe::invalid::{InvalidValue, SafeValue};
pub use safe::label::Label;
pub use safe::shell::word as shell_word;
pub use safe::ssh::SshTarget;
pub use safe::url::MemberUrl;
pub use status::Status;

/// The JSON Schema (draft 7) of descriptions, for editors. It accepts every text that [`Cluster::from_yaml`] reads, and
/// finds wrong keys, words and forms of values, but not every error.
pub fn schema() -> &'static str {
    include_str!("../cluster.schema.json")
}
