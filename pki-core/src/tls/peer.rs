//! Whether one side accepts the certificates of the other: Go's `verifyServerCertificate` and `processCertsFromClient`
//! (`crypto/tls`), and etcd's own check after them.

use time::OffsetDateTime;

use crate::tls::certificate::GoCertificate;
use crate::tls::chain;
use crate::tls::hostname;
use crate::tls::identity::{Authorities, Identity};
use crate::tls::leniency::Leniency;
use crate::tls::refusal::{Reason, Refusal, Side};
use crate::tls::signature::SMALLEST_RSA_KEY;
use crate::tls::verify::Verification;
use crate::x509::certificate::Certificate;
use crate::x509::key::{PublicKey, PublicKeyKind};

/// The longest RSA keys, in bits, that Go accepts in TLS (`defaultMaxRSAKeySize`).
const LARGEST_RSA_KEY: usize = 8192;

/// The names that certificates of the other side must have, beside being verified.
///
/// etcd applies this in both directions: a member checks the members that connect to it, and those to which it connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedPeers {
    /// Every certificate is accepted.
    #[default]
    All,
    /// The common name must be one of these: `--peer-cert-allowed-cn`.
    CommonNames(Vec<String>),
    /// The certificate must be for one of these hosts: `--peer-cert-allowed-hostname`, `--client-cert-allowed-hostname`.
    Hostnames(Vec<String>),
}

/// The check of the certificates that the other side shows.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    /// The side that checks.
    pub(super) by: Side,
    /// The CAs that are trusted. `None` if this side accepts every certificate.
    pub(super) authorities: Option<Authorities>,
    pub(super) host: Option<String>,
    pub(super) allowed: AllowedPeers,
    pub(super) leniency: Leniency,
    pub(super) now: OffsetDateTime,
    /// The substitute for the other side's key, if rustls cannot use that.
    pub(super) stand_in: Option<PublicKey>,
    /// Why the other side cannot sign with its own key. It fails when this side asks for its certificate.
    pub(super) unusable: Option<Reason>,
}

impl PeerVerifier {
    pub(super) fn verify(&self, shown: &[&[u8]]) -> Result<(), Refusal> {
        if let Some(reason) = self.unusable.clone() {
            return Err(Refusal { by: self.by.other(), reason });
        }
        self.check(shown).map_err(|reason| Refusal { by: self.by, reason })
    }

    fn check(&self, shown: &[&[u8]]) -> Result<(), Reason> {
        let chain = chain::read(shown, self.leniency)?;
        let Some((leaf, intermediates)) = chain.split_first() else { return Err(Reason::NoCertificate) };
        if let Some(bits) = chain.iter().filter_map(rsa_bits).find(|bits| *bits > LARGEST_RSA_KEY) {
            return Err(Reason::KeyTooLarge { bits });
        }
        if let Some(authorities) = &self.authorities {
            let Some(authorities) = authorities.certificates() else {
                return Err(Reason::SystemAuthorities { issuer: leaf.issuer() });
            };
            let verification = Verification {
                authorities,
                intermediates,
                side: self.by.other(),
                host: self.host.as_deref(),
                now: self.now,
                leniency: self.leniency,
            };
            verification.verify(leaf)?;
        }
        if leaf.key().is_none() {
            return Err(Reason::UnsupportedKey { subject: leaf.subject() });
        }
        // etcd looks for the names in the verified chains, and without verification there are none.
        let is_allowed = match &self.allowed {
            AllowedPeers::All => true,
            AllowedPeers::CommonNames(names) => {
                names.iter().any(|name| leaf.common_name().unwrap_or_default() == name)
            }
            AllowedPeers::Hostnames(hosts) => hosts.iter().any(|host| hostname::verify(leaf, host).is_ok()),
        };
        if let AllowedPeers::CommonNames(allowed) | AllowedPeers::Hostnames(allowed) = &self.allowed
            && (self.authorities.is_none() || !is_allowed)
        {
            return Err(Reason::NotAllowed { subject: leaf.subject(), allowed: allowed.clone() });
        }
        match rsa_bits(leaf) {
            Some(bits) if bits < SMALLEST_RSA_KEY && !self.leniency.small_rsa_keys => {
                Err(Reason::KeyTooSmall { bits })
            }
            _ => Ok(()),
        }
    }

    /// The key with which the other side has to sign the handshake.
    pub(super) fn proving_key(&self, certificate: &[u8]) -> Option<PublicKey> {
        match &self.stand_in {
            Some(key) => Some(key.clone()),
            None => Certificate::from_der(certificate).ok()?.public_key().ok(),
        }
    }
}

/// Why one side cannot sign a handshake with its key, or `None` if it can (`crypto/tls`, `selectSignatureScheme`).
pub(super) fn unusable(identity: &Identity, is_tls13: bool, leniency: Leniency) -> Option<Reason> {
    let kind = identity.leaf().key_kind()?;
    // The shortest RSASSA-PSS signature of TLS 1.3 needs two hashes of 32 bytes and two bytes more.
    const SHORTEST_PSS: usize = 66 * 8;
    match kind {
        PublicKeyKind::EcdsaP224 | PublicKeyKind::Rsa { bits: ..SHORTEST_PSS } if is_tls13 => {
            Some(Reason::UnusableKey { kind })
        }
        PublicKeyKind::Rsa { bits } if bits < SMALLEST_RSA_KEY && !leniency.small_rsa_keys => {
            Some(Reason::KeyTooSmall { bits })
        }
        _ => None,
    }
}

fn rsa_bits(certificate: &GoCertificate) -> Option<usize> {
    match certificate.key_kind()? {
        PublicKeyKind::Rsa { bits } => Some(bits),
        _ => None,
    }
}
