//! The output folder: reading it, writing to it, and the record of the issued certificates.

pub(crate) mod disk;
pub(crate) mod forget;
pub(crate) mod former;
pub(crate) mod operation;
pub(crate) mod others;
pub(crate) mod output;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod snapshot;
pub(crate) mod user;
pub(crate) mod write;
