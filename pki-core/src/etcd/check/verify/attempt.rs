//! A connection that should succeed, and how its outcome is found out.

use std::ops::Range;

use crate::etcd::check::connection::ConnectionKind;
use crate::etcd::check::verify::meeting::Outcome;

/// A connection that should succeed.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) kind: ConnectionKind,
    /// The number of the member or client that dials.
    pub(crate) from: usize,
    /// The number of the member that is dialled.
    pub(crate) to: usize,
    pub(crate) way: Way,
    /// What has to be so for the connection to be made at all; it is an obstacle that is open.
    pub(crate) assumes: Outcome,
}

/// How the outcome of an attempt is found out.
#[derive(Debug)]
pub(crate) enum Way {
    /// It is known without a handshake.
    Known(Outcome),
    /// By these handshakes, one for each address that the caller may dial from.
    Dials(Range<usize>),
}
