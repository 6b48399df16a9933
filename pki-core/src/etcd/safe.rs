//! Values that are safe in every file that is rendered: paths, units, shell lines, certificates.

pub(crate) mod address;
pub(crate) mod host_path;
pub(crate) mod invalid;
pub(crate) mod label;
pub(crate) mod shell;
pub(crate) mod ssh;
pub(crate) mod url;
pub(crate) mod yaml;
