//! Every explanation, in tables by what the lines are about.
//!
//! The first that fits is taken, so what is particular comes before what is said around it, and each table before those
//! that it is more particular than.

mod addresses;
mod alerts;
mod certificates;
mod clients;
mod files;
mod general;
mod members;
mod requests;
mod start;
mod storage;
mod systemd;

use super::explanation::Explanation;

/// What a healthy member says when it, or another one, is stopped as it should be.
pub(super) const HARMLESS: [&str; 3] = [
    "leadership transfer failed",
    "rejected connection…use of closed network connection",
    "peer became inactive…connection reset by peer",
];

/// The tables, in the order in which they are asked.
pub(super) const TABLES: [&[Explanation]; 11] = [
    systemd::TABLE,
    files::TABLE,
    storage::TABLE,
    addresses::TABLE,
    start::TABLE,
    certificates::TABLE,
    alerts::TABLE,
    clients::TABLE,
    members::TABLE,
    requests::TABLE,
    general::TABLE,
];
