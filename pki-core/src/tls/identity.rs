//! What a program reads from its files: its own certificate and key (crypto/tls, `X509KeyPair`), and the CAs that it
//! trusts (etcd's client/pkg/tlsutil, `NewCertPool`).

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
use crate::x509::der as encode;
use crate::x509::key::{KeyAlgorithm, KeySource, PrivateKey, PublicKey, PublicKeyKind, SystemKeys};
use crate::x509::pem;
use crate::x509::pem::Block;

/// A certificate with what it was issued by, and its key: what one side shows and proves.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<Vec<u8>>,
    leaf: GoCertificate,
    signing_key: Arc<dyn SigningKey>,
    stand_in: Option<PublicKey>,
}

impl Identity {
    /// Reads a certificate file and a key file, as `--cert-file` and `--key-file` name them; they may be the same.
    ///
    /// The certificate comes first, then what issued it. Only the certificate itself is parsed: what comes after it is
    /// the other side's concern.
    ///
    /// # Errors
    /// If a program in Go would not start with them.
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

    /// Everything that it shows, as the other side reads it.
    pub(super) fn read_chain(&self, leniency: Leniency) -> Result<Vec<GoCertificate>, Reason> {
        chain::read(&self.chain.iter().map(Vec::as_slice).collect::<Vec<_>>(), leniency)
    }

    /// The key that proves the certificate in a handshake, where it is not the certificate's own.
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

/// The key in `block` for rustls, if it is that of the certificate.
///
/// RSA keys below 2048 bits and P-224 are none for aws-lc, and are keys for Go. Their public halves are compared here,
/// and a new key stands in for them in the handshake: everything else about the handshake is as it would be.
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

/// What PKCS#8 (RFC 5958) wraps, or the bytes themselves.
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

/// The public point in an ECPrivateKey (RFC 5915), which is optional there, and which everybody writes.
fn ec_point(der: &[u8]) -> Option<Vec<u8>> {
    let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(unwrapped(der)?).ok()?.value()).ok()?;
    let public = fields.iter().find(|field| {
        der::Tagged::tag(*field) == der::Tag::ContextSpecific { constructed: true, number: der::TagNumber(1) }
    })?;
    let bits = der::asn1::BitStringRef::from_der(public.value()).ok()?;
    bits.as_bytes().map(<[u8]>::to_vec)
}

/// The CAs that a side trusts.
#[derive(Debug, Clone)]
pub enum Authorities {
    /// Those of a file. There may be none in it, and then nobody is trusted.
    Named(NamedAuthorities),
    /// Those of the operating system, because no file is named. They are not known here, and a cluster's own CA is
    /// none of them, so nobody is trusted.
    System,
}

/// The CAs of a file.
#[derive(Debug, Clone)]
pub struct NamedAuthorities {
    certificates: Arc<[GoCertificate]>,
}

impl Authorities {
    /// Reads a file of CAs, as `--trusted-ca-file` names it: every PEM block, whatever its label. What is no PEM is
    /// passed over, so bare DER, or an empty file, has no CA at all and is none the less taken.
    ///
    /// # Errors
    /// If one of the blocks is no certificate: a key, for example.
    pub fn read(bundle: &[u8], leniency: Leniency) -> Result<Self, NoStart> {
        let certificates = pem::blocks_one_by_one(bundle)
            .into_iter()
            .map(|block| {
                let label = block.label.clone();
                GoCertificate::read(&block.der, leniency).map_err(|why| NoStart::Authority { label, why })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::Named(NamedAuthorities { certificates }))
    }

    /// Whom clients must be issued by, as etcd decides it (`ServerConfig`): they need a certificate if
    /// `--trusted-ca-file` or `--client-cert-auth` is given, and without the former the operating system's CAs count.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn of_clients(
        trusted_ca_file: Option<&[u8]>,
        client_cert_auth: bool,
        leniency: Leniency,
    ) -> Result<Option<Self>, NoStart> {
        match trusted_ca_file {
            Some(bundle) => Self::read(bundle, leniency).map(Some),
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
