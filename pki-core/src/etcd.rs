//! Whole etcd clusters from one description.
mod address;
mod cluster;
mod description;
mod error;
mod label;
pub use address::{DnsName, MemberAddress};
pub use cluster::{Client, Cluster, Layout, Lifetimes, Member};
pub use error::DescriptionError;
pub use label::Label;
