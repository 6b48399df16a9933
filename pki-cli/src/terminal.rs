//! What people see on their terminals.

pub(crate) mod finding;
