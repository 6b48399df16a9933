//! cfssl's files and rules: CSR JSON, ca-config profiles, and what its commands make of them.

pub(crate) mod bundle;
pub mod ca;
pub(crate) mod certinfo;
pub(crate) mod config;
pub(crate) mod csr_json;
pub(crate) mod profile;
