//! Settings of Go (`GODEBUG`) by which programs accept certificates that Go refuses by default.

/// What a program accepts beyond the defaults of Go, by the settings with which it was built.
///
/// Debian builds etcd with the defaults of old versions of Go
/// (`DefaultGODEBUG=x509negativeserial=1,rsa1024min=0,...`); the etcd project does not. The environment variable
/// `GODEBUG` can change these settings for a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leniency {
    /// Whether serial numbers may be below zero (`x509negativeserial=1`).
    pub negative_serials: bool,
    /// Whether RSA keys may have less than 1024 bits (`rsa1024min=0`).
    pub small_rsa_keys: bool,
}

impl Leniency {
    /// The settings of Debian's builds of etcd.
    pub const DEBIAN: Self = Self { negative_serials: true, small_rsa_keys: true };
}
