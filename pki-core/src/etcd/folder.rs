//! The output folder: where things are in it, what is there, and the record of what was issued.

pub(crate) mod disk;
pub(crate) mod record;
pub(crate) mod tree;
pub(crate) mod user;
