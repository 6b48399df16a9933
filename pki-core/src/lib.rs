//! PKI for etcd clusters: X.509, cfssl's files and rules, and whole clusters from one description.
//!
//! - [`base`]: the shape of errors and notices, and the places in files that they name.
//! - [`x509`]: keys, requests, certificates and revocation lists, and the CA that issues them (RFC 5280).
//! - [`cfssl`]: CSR JSON, ca-config profiles, and what cfssl's commands do with them.
//! - [`tls`]: TLS handshakes in memory, by the rules of Go and etcd.
//! - [`etcd`]: from the description of a cluster to the files of its hosts, and checks of what exists.
//! - [`disk`]: files that are written completely or not at all.
//!
//! # Jobs
//!
//! Most of these have an example in their documentation. `pki-core/examples` has whole programs.
//!
//! | job | cfssl's command | here |
//! |---|---|---|
//! | make a CA | `gencert -initca` | [`cfssl::ca::create`], [`x509::root::issue`] |
//! | renew a CA | `gencert -renewca` | [`x509::root::renew`] |
//! | issue a certificate, with its key | `gencert` | [`Issuer::gencert`](x509::Issuer::gencert) |
//! | issue a certificate for a request | `sign` | [`Issuer::sign`](x509::Issuer::sign) |
//! | issue a certificate from code, without cfssl's files | | [`Issuer::issue`](x509::Issuer::issue), [`x509::Template`] |
//! | renew a certificate | | [`Issuer::renew`](x509::Issuer::renew) |
//! | request what a certificate has | `gencsr -cert` | [`CertificateRequest::for_certificate`](x509::CertificateRequest::for_certificate) |
//! | make a self-signed certificate for tests | `selfsign` | [`cfssl::ca::self_sign`] |
//! | make a revocation list | `gencrl` | [`Issuer::sign_crl`](x509::Issuer::sign_crl), [`Revocation::parse_list`](x509::Revocation::parse_list) |
//! | find a chain to a root | `bundle` | [`Bundler::bundle`](cfssl::Bundler::bundle) |
//! | describe a certificate | `certinfo` | [`cfssl::CertificateInfo`], [`cfssl::FullCertificateInfo`] |
//! | sign with a key in an HSM, a KMS or an agent | | [`x509::SigningKey`], `examples/own_key.rs` |
//! | encrypt a private key | | [`PrivateKey::to_encrypted_pem`](x509::PrivateKey::to_encrypted_pem) |
//! | make the files of a cluster in memory | | [`etcd::Plan`], [`Outcome::files`](etcd::Outcome::files), `examples/cluster_in_memory.rs` |
//! | make the files of a cluster in a folder | | [`etcd::Folder`], `examples/cluster_to_folder.rs` |
//! | check the files of etcd in a folder | | [`etcd::doctor`], [`etcd::verify`], [`etcd::status`], `examples/check_folder.rs` |
//! | try whether etcd and a client accept each other | | [`tls::handshake`] |
//! | write files completely or not at all | `cfssljson -bare` | [`disk::write`], [`disk::Batch`] |
//!
//! # The clock, randomness, files and state
//!
//! The library does not print, exit, read the clock or read environment variables: the moment `now` is an argument.
//! Serial numbers, salts and initialisation vectors come from a [`Random`](x509::Random), and new keys from a
//! [`KeySource`](x509::KeySource). Signatures and handshakes take the randomness that they need from the operating
//! system. rustls asks for the time in a handshake, and the answer is not used.
//!
//! Files are written by [`disk`] and [`etcd::Folder`]. They are read by [`etcd::Folder`], which also looks up users in
//! `/etc/passwd`, by [`etcd::found::SystemFiles`], and by [`disk`] before it replaces a file. All else works on bytes in
//! memory. There is no state but two facts about the process that [`disk`] remembers: how many files it may have open,
//! and whether it has `/proc`.
//!
//! # Features
//!
//! `etcd` is on by default and needs the other two. Without features, [`base`], [`x509`] and [`disk`] are left.
//!
//! | feature | what it adds |
//! |---|---|
//! | `cfssl` | [`cfssl`] |
//! | `tls` | [`tls`] |
//! | `etcd` | [`etcd`] |
//!
//! # Example: a CA and a certificate
//!
//! ```
//! use pki_core::cfssl::{NewRequest, Profile, Request, ca};
//! use pki_core::x509::{Issuer, KeySource, SystemKeys, SystemRandomness};
//! use time::OffsetDateTime;
//!
//! let now = OffsetDateTime::now_utc();
//! let request = Request::from_json(r#"{"CN": "etcd CA"}"#, None)?.value;
//! let key = SystemKeys.generate(request.key)?;
//! let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
//! let issuer = Issuer::new(root, key)?;
//!
//! let request = Request::from_json(r#"{"CN": "etcd1", "hosts": ["10.0.0.1"]}"#, None)?.value;
//! let profile = Profile::built_in();
//! let made = issuer.gencert(&NewRequest::new(&request, &profile), &SystemKeys, now, &SystemRandomness)?.value;
//! assert_eq!(made.certificate.subject_alt_names().to_string(), "10.0.0.1");
//! # Ok::<(), pki_core::cfssl::Error>(())
//! ```

// clippy.toml says which functions read the clock, the environment and the disk, and where they may be called.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
// Without a feature, functions that only its module uses are dead code.
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
