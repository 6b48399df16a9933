//! TLS handshakes in memory: whether etcd and a client accept each other.
//!
//! A client and a server of rustls make a handshake without a socket, so each side proves that it has its key. Whether a
//! side accepts the certificate of the other is decided by the rules of Go's `crypto/tls` and `crypto/x509`, with which
//! etcd and its clients are built, and by etcd's own (`client/pkg/transport`). They differ from those of other TLS
//! libraries: a server may use a CA certificate, a certificate without extKeyUsage is for every usage, and a root has to
//! be valid at the moment too.
//!
//! rustls cannot use some keys that Go can (RSA below 2048 bits, P-224). For these, the certificate is checked as any
//! other, its public key is compared with the private key, and a substitute key signs the handshake.
//!
//! Not checked are cipher suites, policy constraints, and signatures of CAs with P-224 keys, which Go accepts and aws-lc
//! cannot verify.
//!
//! ```
//! use pki_core::tls::{Authorities, Client, Identity, Leniency, NoLookup, Reason, Server, handshake};
//! # use pki_core::cfssl::{Config, Request, SigningRequest, ca};
//! # use pki_core::x509::{Issuer, KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
//! # let now = time::OffsetDateTime::now_utc();
//! # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
//! # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
//! # let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
//! # let ca = root.to_pem().into_bytes();
//! # let issuer = Issuer::new(root, key)?;
//! # let request = Request { common_name: "etcd1".into(), hosts: vec!["10.0.0.1".into()], ..Request::default() };
//! # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
//! # let csr = request.sign(&key)?.value.verify()?;
//! # let config = Config::default();
//! # let signing = SigningRequest { request: &csr, profile: config.profile(None)?.value, subject: None, names: None, crl_url: None };
//! # let certificate = issuer.sign(&signing, now, &SystemRandomness)?.value.to_pem().into_bytes();
//! # let key = key.to_pem().as_bytes().to_vec();
//! let leniency = Leniency::default();
//! let identity = Identity::read(&certificate, &key, leniency)?;
//! let authorities = Authorities::read(&ca, leniency)?;
//!
//! let mut server = Server::new(identity.clone());
//! server.client_authorities = Some(authorities.clone());
//! let mut client = Client::new("10.0.0.1", authorities);
//! let refusal = handshake(&client, &server, &NoLookup, now).unwrap_err();
//! assert_eq!(refusal.reason, Reason::NoCertificate);
//!
//! client.identity = Some(identity);
//! handshake(&client, &server, &NoLookup, now)?;
//!
//! client.host = "10.0.0.2".to_owned();
//! let refusal = handshake(&client, &server, &NoLookup, now).unwrap_err();
//! assert_eq!(refusal.to_string(), "the client refuses: the certificate is for 10.0.0.1, not for 10.0.0.2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod certificate;
mod chain;
mod greet;
mod hostname;
mod identity;
mod leniency;
mod peer;
mod refusal;
mod revocation;
mod signature;
mod source;
mod verify;
mod wire;

use std::net::{IpAddr, Ipv4Addr};

use time::OffsetDateTime;

pub use greet::{Greeting, NoSession, Session, Show, alert_in, greet};
pub(crate) use hostname::is_among;
pub use identity::{Authorities, Identity, NamedAuthorities};
pub use leniency::Leniency;
pub use peer::AllowedPeers;
pub use refusal::{NoStart, Reason, Refusal, Side, UnreadableCertificate};
pub use revocation::{RevocationFile, RevocationFormat};
pub use source::{Lookup, NoLookup};

use peer::PeerVerifier;
use wire::{ClientHalf, ServerHalf};

/// The versions of TLS that etcd supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// A range of versions. The default is that of etcd: both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The lowest version: `--tls-min-version`.
    pub min: Version,
    /// The highest version: `--tls-max-version`.
    pub max: Version,
}

impl Default for Versions {
    fn default() -> Self {
        Self { min: Version::Tls12, max: Version::Tls13 }
    }
}

impl Versions {
    fn best_in_common(self, other: Self) -> Option<Version> {
        let best = self.max.min(other.max);
        (best >= self.min.max(other.min)).then_some(best)
    }
}

/// A listener of etcd: its client port, its peer port, or its port for metrics.
#[derive(Debug, Clone)]
pub struct Server {
    /// The certificate and the key of the server.
    pub identity: Identity,
    /// The CAs that must have issued the certificates of clients. `None` if clients need no certificate; see
    /// [`Authorities::of_clients`].
    pub client_authorities: Option<Authorities>,
    /// The names that the certificates of clients must have.
    pub allowed: AllowedPeers,
    /// The revocation list for clients, if a file is configured.
    pub revocation: Option<RevocationFile>,
    /// Whether the certificates of clients must be for the addresses from which they connect. This is so at the peer
    /// port, and at a port for metrics over https, unless `--peer-skip-client-san-verification` is set.
    pub checks_source: bool,
    /// The versions of TLS that it supports.
    pub versions: Versions,
    /// What its build of Go tolerates.
    pub leniency: Leniency,
}

impl Server {
    /// A listener that accepts every client.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            client_authorities: None,
            allowed: AllowedPeers::All,
            revocation: None,
            checks_source: false,
            versions: Versions::default(),
            leniency: Leniency::default(),
        }
    }
}

/// A program that connects to etcd: another member, etcdctl, or etcd's own gRPC gateway.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its certificate and key. It shows them if the server asks, without regard to the CAs that the server names.
    pub identity: Option<Identity>,
    /// The CAs that must have issued the certificate of the server. `None` for etcd's gRPC gateway, which accepts every
    /// certificate.
    pub authorities: Option<Authorities>,
    /// The name or address to which it connects.
    pub host: String,
    /// The address from which it connects.
    pub source: IpAddr,
    /// The names that the certificate of the server must have, beside `host`.
    pub allowed: AllowedPeers,
    /// The versions of TLS that it supports.
    pub versions: Versions,
    /// What its build of Go tolerates.
    pub leniency: Leniency,
}

impl Client {
    /// A client without a certificate that connects from 127.0.0.1.
    pub fn new(host: impl Into<String>, authorities: Authorities) -> Self {
        Self {
            identity: None,
            authorities: Some(authorities),
            host: host.into(),
            source: Ipv4Addr::LOCALHOST.into(),
            allowed: AllowedPeers::All,
            versions: Versions::default(),
            leniency: Leniency::default(),
        }
    }
}

/// Makes a handshake at the moment `now`. `lookup` answers for the name servers that the server asks about the client.
///
/// The documentation of this module has an example.
///
/// # Errors
/// A [`Refusal`] if one side does not accept the other.
pub fn handshake(
    client: &Client,
    server: &Server,
    lookup: &dyn Lookup,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let refuse = |by| move |reason| Refusal { by, reason };
    let version = client.versions.best_in_common(server.versions);
    let version = version.ok_or(Reason::ProtocolVersion).map_err(refuse(Side::Server))?;
    let is_tls13 = version == Version::Tls13;
    if let Some(reason) = peer::unusable(&server.identity, is_tls13, server.leniency) {
        return Err(Refusal { by: Side::Server, reason });
    }
    let client_half = ClientHalf {
        certificate: client.identity.as_ref().map(Identity::certified_key),
        host: client.host.clone(),
        verifier: PeerVerifier {
            by: Side::Client,
            authorities: client.authorities.clone(),
            host: Some(client.host.clone()),
            allowed: client.allowed.clone(),
            leniency: client.leniency,
            now,
            stand_in: server.identity.stand_in().cloned(),
            unusable: None,
        },
    };
    let verifier = server.client_authorities.clone().map(|authorities| PeerVerifier {
        by: Side::Server,
        authorities: Some(authorities),
        host: None,
        allowed: server.allowed.clone(),
        leniency: server.leniency,
        now,
        stand_in: client.identity.as_ref().and_then(Identity::stand_in).cloned(),
        unusable: client.identity.as_ref().and_then(|own| peer::unusable(own, is_tls13, client.leniency)),
    });
    let is_asked = verifier.is_some();
    let server_half = ServerHalf { certificate: server.identity.certified_key(), verifier };
    let version = if is_tls13 { &rustls::version::TLS13 } else { &rustls::version::TLS12 };
    wire::shake_hands(client_half, server_half, version)?;
    match &client.identity {
        Some(shown) if is_asked => {
            server.check_connection(shown, client.source, lookup).map_err(refuse(Side::Server))
        }
        _ => Ok(()),
    }
}

/// Whether one side accepts certificates that the other side has shown, without a handshake. `host` is what a client
/// dials, and `None` for a server.
///
/// # Errors
/// The [`Refusal`] of the side that checks.
pub fn check_shown(
    shown: &[&[u8]],
    authorities: &Authorities,
    allowed: &AllowedPeers,
    host: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let verifier = PeerVerifier {
        by: if host.is_some() { Side::Client } else { Side::Server },
        authorities: Some(authorities.clone()),
        host: host.map(str::to_owned),
        allowed: allowed.clone(),
        leniency: Leniency::default(),
        now,
        stand_in: None,
        unusable: None,
    };
    verifier.verify(shown)
}

impl Server {
    /// The checks that etcd makes after the handshake (`client/pkg/transport`, `listener_tls.go`).
    fn check_connection(&self, shown: &Identity, source: IpAddr, lookup: &dyn Lookup) -> Result<(), Reason> {
        let chain = shown.read_chain(self.leniency)?;
        if self.checks_source
            && let Some(leaf) = chain.first()
        {
            source::check(leaf, source, lookup)?;
        }
        self.revocation.as_ref().map_or(Ok(()), |file| file.check(&chain))
    }
}

#[cfg(test)]
mod tests;
