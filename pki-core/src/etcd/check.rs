//! Checks of what exists: files of members, the connections between them, and an output folder.
//!
//! Every check ends in a list of [`Finding`]s of one shape, each by a [`Rule`] that has a number. Numbers of one
//! hundred belong together:
//!
//! | numbers | what they are about | found by |
//! |---|---|---|
//! | 1xx | systemd's units | [`doctor`] |
//! | 2xx | options | [`doctor`] |
//! | 3xx | addresses and the cluster | [`doctor`] |
//! | 4xx | trust | [`doctor`] |
//! | 5xx | certificates | [`doctor`] |
//! | 6xx | files of keys | [`doctor`] |
//! | 7xx | revocation lists | [`doctor`] |
//! | 8xx | members that do not start, connections and majorities | [`verify`] |
//! | 9xx | the files of an output folder | [`status`] |
//! | 10xx | what several files say about one cluster | [`import`](crate::etcd::import()) |
//! | 11xx | members that run | [`observe`], [`forecast`] |

mod connection;
pub mod doctor;
pub mod explain;
mod finding;
pub mod forecast;
pub(crate) mod import;
pub mod observe;
mod rules;
pub mod status;
pub mod verify;

pub use connection::{Connection, ConnectionKind, ConnectionSide, ShownCertificate};
pub use finding::{Finding, Rule, RuleReport, Severity, groups};
pub use rules::{rule, rules};

/// The JSON Schema, draft 7, of the `findings` that `doctor`, `verify`, `status` and `import` print as JSON.
pub fn schema() -> &'static str {
    include_str!("../../findings.schema.json")
}

#[cfg(test)]
mod tests;
