//! The output folder: what is in it, what is brought to it, and the record of what was issued.

pub(crate) mod disk;
pub(crate) mod output;
pub(crate) mod record;
pub(crate) mod snapshot;
pub(crate) mod user;
pub(crate) mod write;
