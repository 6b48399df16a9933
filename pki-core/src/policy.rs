//! cfssl's ca-config JSON: the profiles that a CA signs under.

mod config;
mod profile;

pub use config::Config;
pub use profile::{CaConstraint, CertificatePolicy, CsrWhitelist, PolicyQualifier, Profile};
