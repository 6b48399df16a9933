//! What a build of Go takes, and another refuses.

/// What the program at hand tolerates beyond what Go does by itself: it depends on how it was built.
///
/// Debian builds etcd with Go's defaults of long ago (`DefaultGODEBUG=x509negativeserial=1,rsa1024min=0,...`), the
/// etcd project does not. The environment variable `GODEBUG` may change it for each process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leniency {
    /// Serial numbers below zero (`x509negativeserial=1`).
    pub negative_serials: bool,
    /// RSA keys of less than 1024 bits (`rsa1024min=0`).
    pub small_rsa_keys: bool,
}

impl Leniency {
    /// Debian's builds.
    pub const DEBIAN: Self = Self { negative_serials: true, small_rsa_keys: true };
}
