//! The output folder: where things are in it, what is there, and the record of what was issued.

pub(crate) mod disk;
pub(crate) mod record;
pub(crate) mod snapshot;
pub(crate) mod user;
