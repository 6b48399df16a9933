//! The files of one side: its own certificate and key, read as Go's `X509KeyPair` does (`crypto/tls`), and the CAs that
//! it trusts, read as etcd's `NewCertPool` does (`client/pkg/tlsutil`).

use std::fmt;
use std::sync::Arc;

use der::Decode;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::tls::certificate::GoCertificate;
use crate::tls::chain;
use crate::tls::leniency::Leniency;
use crate::tls::refusal::{NoStart, Reason};
use crate::x509::certificate::Certificate;
use crate::x509::der as encode;
use crate::x509::key::{KeyAlgorithm, KeySource, PrivateKey, PublicKey, PublicKeyKind, SystemKeys};
use crate::x509::pem;
use crate::x509::pem::Block;

/// The certificate of one side, with its intermediate CAs and its private key.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<Vec<u8>>,
    leaf: GoCertificate,
    signing_key: Arc<dyn SigningKey>,
    stand_in: Option<PublicKey>,
}

impl Identity {
    /// Reads the contents of the files of `--cert-file` and `--key-file`, which may be one file.
    ///
    /// The certificate comes first, then its intermediate CAs. As in Go, only the certificate is parsed here; the other
    /// side parses the intermediate CAs.
    ///
    /// # Errors
    /// A [`NoStart`] if a program in Go would not start with these files.
    pub fn read(certificates: &[u8], key: &[u8], leniency: Leniency) -> Result<Self, NoStart> {
        let chain: Vec<Vec<u8>> = pem::blocks_one_by_one(certificates)
            .into_iter()
            .filter(|block| block.label == "CERTIFICATE")
            .map(|block| block.der.to_vec())
            .collect();
        let first = chain.first().ok_or(NoStart::NoCertificate)?;
        let key_block = pem::blocks_one_by_one(key)
            .into_iter()
            .find(|block| block.label == "PRIVATE KEY" || block.label.ends_with(" PRIVATE KEY"))
            .ok_or(NoStart::NoKey)?;
        let leaf = GoCertificate::read(first, leniency).map_err(NoStart::Certificate)?;
        if key_block.label == "ENCRYPTED PRIVATE KEY" || key_block.header("DEK-Info").is_some() {
            return Err(NoStart::EncryptedKey);
        }
        let public = leaf.key().ok_or(NoStart::UnsupportedKey)?;
        let (signing_key, stand_in) = signing_key(&key_block, public)?;
        Ok(Self { chain, leaf, signing_key, stand_in })
    }

    pub(super) fn leaf(&self) -> &GoCertificate {
        &self.leaf
    }

    /// The name of the CA that issued the last certificate of the chain, in DER.
    pub(super) fn issuer_der(&self) -> Vec<u8> {
        let last = self.chain.last().and_then(|der| Certificate::from_der(der).ok());
        last.as_ref().unwrap_or(self.leaf.certificate()).issuer().der().to_vec()
    }

    /// The certificates that it shows, in DER: its own, then those of CAs above it.
    pub fn chain(&self) -> Vec<&[u8]> {
        self.chain.iter().map(Vec::as_slice).collect()
    }

    /// The certificate and the intermediate CAs, as the other side reads them.
    pub(super) fn read_chain(&self, leniency: Leniency) -> Result<Vec<GoCertificate>, Reason> {
        chain::read(&self.chain.iter().map(Vec::as_slice).collect::<Vec<_>>(), leniency)
    }

    /// The substitute key that signs the handshake, if rustls cannot use the key of the certificate.
    pub(super) fn stand_in(&self) -> Option<&PublicKey> {
        self.stand_in.as_ref()
    }

    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        Arc::new(CertifiedKey::new(chain, Arc::clone(&self.signing_key)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", self.leaf.certificate()).finish_non_exhaustive()
    }
}

/// Reads the key in `block` for rustls, if it is that of the certificate.
///
/// aws-lc cannot use RSA keys below 2048 bits and P-224 keys, and Go can. For these, the public keys are compared here,
/// and a new key signs the handshake instead. Nothing else about the handshake differs.
fn signing_key(
    block: &Block,
    certified: &PublicKey,
) -> Result<(Arc<dyn SigningKey>, Option<PublicKey>), NoStart> {
    let unsupported = || NoStart::UnsupportedKey;
    let for_rustls = |key: &PrivateKey| {
        let der = key.to_pkcs8().map_err(|_| unsupported())?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.as_slice()));
        rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).map_err(|_| unsupported())
    };
    match PrivateKey::from_der(&block.der) {
        Ok(key) if key.public_key().subject_public_key() == certified.subject_public_key() => {
            Ok((for_rustls(&key)?, None))
        }
        Ok(_) => Err(NoStart::KeyMismatch),
        Err(_) => {
            let is_pair = match certified.kind() {
                PublicKeyKind::Rsa { .. } => {
                    let (modulus, exponent) = certified.rsa_numbers().map_err(|_| unsupported())?;
                    rsa_numbers(&block.der).map(|found| found == (modulus, exponent))
                }
                PublicKeyKind::EcdsaP224 => {
                    ec_point(&block.der).map(|point| point == certified.subject_public_key())
                }
                _ => None,
            };
            if !is_pair.ok_or_else(unsupported)? {
                return Err(NoStart::KeyMismatch);
            }
            let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).map_err(|_| unsupported())?;
            Ok((for_rustls(&key)?, Some(key.public_key().clone())))
        }
    }
}

/// The key inside of a PKCS#8 structure (RFC 5958), or the bytes themselves if they are not PKCS#8.
fn unwrapped(der: &[u8]) -> Option<&[u8]> {
    let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(der).ok()?.value()).ok()?;
    match fields.get(2).map(|field| field.decode_as::<&OctetStringRef>()) {
        Some(Ok(inner)) => Some(inner.as_bytes()),
        _ => Some(der),
    }
}

/// Modulus and exponent of an RSAPrivateKey (RFC 8017 appendix A.1.2).
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(unwrapped(der)?).ok()?.value()).ok()?;
    let number = |at: usize| {
        let number = fields.get(at)?.decode_as::<UintRef<'_>>().ok()?;
        Some(number.as_bytes().to_vec())
    };
    Some((number(1)?, number(2)?))
}

/// The public key in an ECPrivateKey (RFC 5915). It is optional there, but OpenSSL and Go write it.
fn ec_point(der: &[u8]) -> Option<Vec<u8>> {
    let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(unwrapped(der)?).ok()?.value()).ok()?;
    let public = fields.iter().find(|field| {
        der::Tagged::tag(*field) == der::Tag::ContextSpecific { constructed: true, number: der::TagNumber(1) }
    })?;
    let bits = der::asn1::BitStringRef::from_der(public.value()).ok()?;
    bits.as_bytes().map(<[u8]>::to_vec)
}

/// The CAs that one side trusts.
#[derive(Debug, Clone)]
pub enum Authorities {
    /// The CAs of a file. If it has no CA, no certificate is trusted.
    Named(NamedAuthorities),
    /// The CAs of the operating system, because no file is configured. They are unknown here, and do not include the CAs
    /// of a cluster, so no certificate is trusted.
    System,
}

/// The CAs in a file.
#[derive(Debug, Clone)]
pub struct NamedAuthorities {
    certificates: Arc<[GoCertificate]>,
}

impl Authorities {
    /// Reads the contents of the file of `--trusted-ca-file`: all PEM blocks, with any label. Other text is skipped, so a
    /// file with bare DER, or an empty file, is accepted and has no CA.
    ///
    /// # Errors
    /// [`NoStart::Authority`] if one of the blocks is not a certificate, for example a key.
    pub fn read(bytes: &[u8], leniency: Leniency) -> Result<Self, NoStart> {
        let certificates = pem::blocks_one_by_one(bytes)
            .into_iter()
            .map(|block| {
                let label = block.label.clone();
                GoCertificate::read(&block.der, leniency).map_err(|why| NoStart::Authority { label, why })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::Named(NamedAuthorities { certificates }))
    }

    /// The CAs that must have issued the certificates of clients, as etcd decides it (`ServerConfig`). Clients need a
    /// certificate if `--trusted-ca-file` or `--client-cert-auth` is given; without `--trusted-ca-file`, the CAs are those
    /// of the operating system. `None` if clients need no certificate.
    ///
    /// # Errors
    /// What [`Self::read`] says.
    pub fn of_clients(
        trusted_ca_file: Option<&[u8]>,
        client_cert_auth: bool,
        leniency: Leniency,
    ) -> Result<Option<Self>, NoStart> {
        match trusted_ca_file {
            Some(bytes) => Self::read(bytes, leniency).map(Some),
            None => Ok(client_cert_auth.then_some(Self::System)),
        }
    }

    pub(super) fn certificates(&self) -> Option<&[GoCertificate]> {
        match self {
            Self::Named(named) => Some(&named.certificates),
            Self::System => None,
        }
    }
}
