//! Keys, requests, certificates and revocation lists: RFC 5280, RFC 2986 and RFC 5958.

pub(crate) mod alt_names;
pub(crate) mod certificate;
pub(crate) mod crl;
pub(crate) mod csr;
pub(crate) mod der;
pub(crate) mod extension;
pub(crate) mod issuer;
pub(crate) mod key;
pub(crate) mod name;
pub(crate) mod oid;
pub(crate) mod pem;
pub(crate) mod random;
pub(crate) mod usage;
