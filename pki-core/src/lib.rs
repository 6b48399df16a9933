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
//! use pki_core::cfssl::{Config, Request, SigningRequest, ca};
//! use pki_core::x509::{Issuer, KeySource, SystemKeys, SystemRandomness};
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
//! # Ok::<(), pki_core::cfssl::Error>(())
//! ```

// What only a room above uses is dead where that room is left out.
#![cfg_attr(not(feature = "etcd"), allow(dead_code, unused_imports))]

pub mod base;
#[cfg(feature = "cfssl")]
pub mod cfssl;
pub mod disk;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod go;
#[cfg(feature = "tls")]
pub mod tls;
pub mod x509;
