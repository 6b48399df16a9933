//! How Go reads text: the rules of its standard library, and of the packages beside it, by which cfssl and etcd read
//! their files, options and hosts.
//!
//! The rules are for [`cfssl`](crate::cfssl) and [`etcd`](crate::etcd), each rule in one place. [`duration`] and
//! [`number`] are public for programs that read options in the way of Go's `flag` package, as the command line of this
//! project does; [`yaml`] is public because settings that were found in a configuration file have its types.

pub mod duration;
#[cfg(feature = "cfssl")]
pub(crate) mod json;
pub(crate) mod mail;
pub(crate) mod net;
pub mod number;
pub(crate) mod url;
pub mod yaml;
