//! cfssl's files and rules: CSR JSON ([`Request`]), ca-config profiles ([`Config`], [`Profile`]), and what its commands
//! do with them.
//!
//! [`ca`] and [`Issuer::gencert`](crate::x509::Issuer::gencert) make CAs and certificates, [`Bundler`] finds chains,
//! [`CertificateInfo`] describes certificates in cfssl's JSON. The rules are those of cfssl 1.6.5; `docs/cfssl.md` lists
//! the differences.

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
mod text;
pub(crate) mod usage;

pub use bundle::{Bundle, BundleInfo, BundleStatus, Bundler, Flavor};
pub use certinfo::{
    AltNameInfo, AttributeInfo, CertificateInfo, ExtensionInfo, FullCertificateInfo, FullNameInfo, NameInfo,
    PublicKeyInfo, RequestInfo, certificate_text, request_text,
};
pub use config::Config;
pub use csr_json::{CaSection, NameEntry, Request};
pub use error::{Error, ErrorKind};
pub use host::Host;
pub use notice::{Notice, NoticeKind, WithNotices};
pub use number::number;
pub use profile::{CaConstraint, CsrWhitelist, Profile};
pub use sign::{NewCertificate, NewRequest, SigningRequest};
pub use text::text;
