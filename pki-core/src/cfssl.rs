//! cfssl's files and rules: CSR JSON, ca-config profiles, and what its commands make of them.

pub(crate) mod bundle;
pub mod ca;
pub(crate) mod certinfo;
pub(crate) mod config;
pub(crate) mod csr_json;
pub(crate) mod error;
pub(crate) mod host;
pub(crate) mod hosts;
pub(crate) mod notice;
pub(crate) mod number;
pub(crate) mod profile;
pub(crate) mod serials;
pub(crate) mod sign;
pub(crate) mod usage;

pub use bundle::{Bundle, BundleInfo, BundleStatus, Bundler, Flavor};
pub use certinfo::{
    AltNameInfo, AttributeInfo, CertificateInfo, ExtensionInfo, FullCertificateInfo, FullNameInfo, NameInfo,
    PublicKeyInfo, RequestInfo,
};
pub use config::Config;
pub use csr_json::{CaSection, NameEntry, Request};
pub use error::{Error, ErrorKind};
pub use host::Host;
pub use notice::{Notice, NoticeKind, WithNotices};
pub use number::number;
pub use profile::{CaConstraint, CsrWhitelist, Profile};
pub use sign::{NewCertificate, SigningRequest};
