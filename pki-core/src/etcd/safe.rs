//! Names, addresses, paths and URLs that can be written into units, scripts, YAML and certificates as they are, and
//! how to quote texts that cannot.

pub(crate) mod address;
pub(crate) mod host_path;
pub(crate) mod invalid;
pub(crate) mod label;
pub(crate) mod shell;
pub(crate) mod ssh;
pub(crate) mod url;
pub(crate) mod yaml;
