//! Whether etcd and those who dial it accept each other: real TLS handshakes, in memory.
//!
//! Two state machines of rustls shake hands without a socket, so each side really proves its key. What a side makes of
//! the other's certificate is decided by the rules of Go's crypto/tls and crypto/x509, which etcd and its clients are
//! built on, and by etcd's own: client/pkg/transport. They differ from those of other TLS libraries: CA certificates
//! are fine for servers, a certificate without extKeyUsage is for everything, the dates of roots count.
//!
//! Where rustls cannot carry what Go can (RSA below 2048 bits, P-224), the certificate is judged as any other, its key
//! is compared with the private one, and another key signs.
//!
//! Not modelled: cipher suites, policy constraints, and CAs with P-224 keys, whose signatures nobody here can check;
//! Go accepts them.
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
//! # let csr = request.sign(&key, &mut Vec::new())?.verify()?;
//! # let config = Config::default();
//! # let signing = SigningRequest { request: &csr, profile: config.profile(None)?, subject: None, names: None, crl_url: None };
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
mod constraints;
mod hostname;
mod identity;
mod judge;
mod leniency;
mod refusal;
mod revocation;
mod signature;
mod source;
mod verify;
mod wire;

use std::net::{IpAddr, Ipv4Addr};

use time::OffsetDateTime;

pub(crate) use hostname::is_among;
pub use identity::{Authorities, Identity, NamedAuthorities};
pub use judge::Allowed;
pub use leniency::Leniency;
pub use refusal::{NoStart, Reason, Refusal, Side, Unreadable};
pub use revocation::{RevocationFile, RevocationFormat};
pub use source::{Lookup, NoLookup};

use judge::Judge;
use wire::{ClientHalf, ServerHalf};

/// The versions of TLS that etcd speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2 (RFC 5246), the least unless something else is configured.
    Tls12,
    /// TLS 1.3 (RFC 8446), the most unless something else is configured.
    Tls13,
}

/// A range of versions: `--tls-min-version`, `--tls-max-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The least.
    pub min: Version,
    /// The most.
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

/// A port that listens: etcd's client port, its peer port, its port for metrics.
#[derive(Debug, Clone)]
pub struct Server {
    /// What it shows.
    pub identity: Identity,
    /// Whom clients must be issued by; none if they need no certificate: see [`Authorities::of_clients`].
    pub client_authorities: Option<Authorities>,
    /// Which clients it accepts.
    pub allowed: Allowed,
    /// Which clients it does not accept any more, if a file is configured.
    pub revocation: Option<RevocationFile>,
    /// Whether the certificates of clients must be for the address that they come from. So it is at the peer port, and
    /// at a port for metrics over https, unless `--peer-skip-client-san-verification` is set.
    pub checks_source: bool,
    /// The versions that it speaks.
    pub versions: Versions,
    /// How it was built.
    pub leniency: Leniency,
}

impl Server {
    /// A port that takes everybody.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            client_authorities: None,
            allowed: Allowed::All,
            revocation: None,
            checks_source: false,
            versions: Versions::default(),
            leniency: Leniency::default(),
        }
    }
}

/// Somebody who dials: a member, etcdctl, etcd's own gRPC gateway.
#[derive(Debug, Clone)]
pub struct Client {
    /// What it shows if it is asked, whatever CAs the server names.
    pub identity: Option<Identity>,
    /// Whom the server must be issued by. None for etcd's gRPC gateway, which looks at nothing.
    pub authorities: Option<Authorities>,
    /// The name or address that it dials.
    pub host: String,
    /// The address that it comes from.
    pub source: IpAddr,
    /// Which servers it accepts.
    pub allowed: Allowed,
    /// The versions that it speaks.
    pub versions: Versions,
    /// How it was built.
    pub leniency: Leniency,
}

impl Client {
    /// Somebody without a certificate, who comes from 127.0.0.1.
    pub fn new(host: impl Into<String>, authorities: Authorities) -> Self {
        Self {
            identity: None,
            authorities: Some(authorities),
            host: host.into(),
            source: Ipv4Addr::LOCALHOST.into(),
            allowed: Allowed::All,
            versions: Versions::default(),
            leniency: Leniency::default(),
        }
    }
}

/// Shakes hands at the moment `now`. `lookup` is what the server's name servers say of the client.
///
/// # Errors
/// If one of the two refuses the other.
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
    if let Some(reason) = judge::unusable(&server.identity, is_tls13, server.leniency) {
        return Err(Refusal { by: Side::Server, reason });
    }
    let client_half = ClientHalf {
        certificate: client.identity.as_ref().map(Identity::certified_key),
        host: client.host.clone(),
        judge: Judge {
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
    let judge = server.client_authorities.clone().map(|authorities| Judge {
        by: Side::Server,
        authorities: Some(authorities),
        host: None,
        allowed: server.allowed.clone(),
        leniency: server.leniency,
        now,
        stand_in: client.identity.as_ref().and_then(Identity::stand_in).cloned(),
        unusable: client.identity.as_ref().and_then(|own| judge::unusable(own, is_tls13, client.leniency)),
    });
    let is_asked = judge.is_some();
    let server_half = ServerHalf { certificate: server.identity.certified_key(), judge };
    let version = if is_tls13 { &rustls::version::TLS13 } else { &rustls::version::TLS12 };
    wire::shake_hands(client_half, server_half, version)?;
    match &client.identity {
        Some(shown) if is_asked => {
            server.check_connection(shown, client.source, lookup).map_err(refuse(Side::Server))
        }
        _ => Ok(()),
    }
}

impl Server {
    /// What etcd looks at once the handshake is done: client/pkg/transport, listener_tls.go.
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
