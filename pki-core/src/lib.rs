//! PKI for etcd clusters.
//!
//! Two layers:
//!
//! * cfssl's formats and rules: CSR JSON ([`Request`]), ca-config profiles ([`Config`]), CAs ([`ca`]), signing
//!   ([`Issuer`]), and descriptions of certificates ([`CertificateInfo`]);
//! * [`etcd`]: one description of a cluster ([`etcd::Cluster`]) becomes a pure [`etcd::Plan`], and the plan
//!   becomes files.
//!
//! Nothing here prints, exits, reads the clock or keeps global state: the time, randomness
//! ([`Random`]) and new keys ([`KeySource`]) come in as arguments, and only [`disk`] touches the disk.
//!
//! # Jobs
//!
//! Each has an example where the link leads:
//!
//! | job | cfssl's command | here |
//! |---|---|---|
//! | a CA | `gencert -initca` | [`ca::create`] |
//! | a CA anew, for the same key | `gencert -renewca` | [`ca::renew`] |
//! | a certificate | `gencert`, `sign` | [`Issuer::sign`] |
//! | a certificate anew, for the same key | | [`Issuer::renew`] |
//! | a request for a certificate that exists | `gencsr -cert` | [`CertificateRequest::for_certificate`] |
//! | a self-signed certificate | `selfsign` | [`ca::self_sign`] |
//! | a revocation list | `gencrl` | [`Issuer::sign_crl`], [`Revocation::parse_list`] |
//! | a chain to a root | `bundle` | [`Bundler::bundle`] |
//! | what a certificate says | `certinfo` | [`CertificateInfo`], [`FullCertificateInfo`] |
//! | an encrypted key | | [`PrivateKey::to_encrypted_pem`] |
//! | whether etcd and its clients accept each other | | [`tls::handshake`] |
//! | files, whole or not at all | `cfssljson -bare` | [`disk::write`] |
//!
//! # A CA and a certificate, as `cfssl gencert` makes them
//! ```
//! use pki_core::{Config, Issuer, KeySource, Request, SigningRequest, SystemKeys, SystemRandomness, ca};
//! use time::OffsetDateTime;
//!
//! let now = OffsetDateTime::now_utc();
//! let request = Request::from_json(r#"{"CN": "etcd CA"}"#, None)?.value;
//! let key = SystemKeys.generate(request.key)?;
//! let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
//!
//! let issuer = Issuer::new(root, key)?;
//! let request = Request::from_json(r#"{"CN": "etcd1", "hosts": ["10.0.0.1"]}"#, None)?.value;
//! let key = SystemKeys.generate(request.key)?;
//! let csr = request.sign(&key, &mut Vec::new())?.verify()?;
//! let config = Config::default();
//! let profile = config.profile(None)?;
//! let signing = SigningRequest { request: &csr, profile, subject: None, names: None, crl_url: None };
//! let certificate = issuer.sign(&signing, now, &SystemRandomness)?.value;
//! assert_eq!(certificate.subject_alt_names().to_string(), "10.0.0.1");
//! # Ok::<(), pki_core::Error>(())
//! ```

pub mod base;
pub mod cfssl;
pub mod disk;
pub mod duration;
mod error;
pub mod etcd;
pub mod host;
mod json;
mod notice;
pub mod tls;
pub mod x509;

pub use base::parallel;
pub use cfssl::ca;

pub use base::place::Place;
pub use base::suggest::near as near_miss;
pub use cfssl::bundle::{Bundle, Bundler, Flavor};
pub use cfssl::certinfo::{
    AltNameInfo, AttributeInfo, CertificateInfo, ExtensionInfo, FullCertificateInfo, FullNameInfo, NameInfo,
    PublicKeyInfo, RequestInfo,
};
pub use cfssl::config::Config;
pub use cfssl::csr_json::{CaSection, NameEntry, Request};
pub use cfssl::profile::{CaConstraint, CertificatePolicy, CsrWhitelist, PolicyQualifier, Profile};
pub use error::{Error, ErrorKind};
pub use notice::{Notice, NoticeKind, Noticed};
pub use x509::alt_names::SubjectAltNames;
pub use x509::certificate::{Certificate, Validity};
pub use x509::crl::{Crl, CrlTemplate, Revocation, RevocationReason, RevokedSerial};
pub use x509::csr::{CertificateRequest, VerifiedRequest};
pub use x509::extension::{BasicConstraints, Extension};
pub use x509::issuer::{Issuer, NewCertificate, SigningRequest, Template};
pub use x509::key::{KeyAlgorithm, KeySource, PrivateKey, PublicKey, PublicKeyKind, RacingKeys, SystemKeys};
pub use x509::name::{Attribute, Name, Subject};
pub use x509::random::{Random, SerialNumber, SystemRandomness};
pub use x509::usage::KeyUsage;
