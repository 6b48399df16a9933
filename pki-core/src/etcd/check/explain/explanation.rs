//! An explanation, and whose lines it is about.

use serde::Serialize;

/// What a line of a log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The number of this explanation, such as `L501`. It never changes.
    pub id: &'static str,
    /// Texts by which such lines are recognised, in capital or small letters; `…` stands for any text.
    pub signs: &'static [&'static str],
    /// Whose lines these are.
    pub said_by: SaidBy,
    /// What has happened.
    pub cause: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// The rules of [`doctor`](crate::etcd::doctor) that find it before it happens.
    pub rules: &'static [&'static str],
    /// Discussions and source files to read more in.
    pub sources: &'static [&'static str],
}

/// The programs that write a kind of line.
///
/// A journal has lines of many programs, and many of them say "permission denied". A line whose writer is known is only
/// explained as one of its own; a line of which nobody knows who wrote it may be anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SaidBy {
    /// etcd itself.
    Member,
    /// Whoever connects: clients of etcd, and its members, which connect to each other.
    Client,
    /// systemd, about a unit.
    Systemd,
    /// The kernel.
    Kernel,
}
