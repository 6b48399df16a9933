//! Files with certificates, private keys or revocation lists.

use std::path::PathBuf;

use crate::x509::certificate::Certificate;
use crate::x509::crl::Crl;
use crate::x509::key::{PrivateKey, PublicKey};
use crate::x509::pem;

/// A file with certificates, keys or revocation lists. Of a private key, only its public key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    pub(crate) path: PathBuf,
    /// The permission bits.
    pub(crate) mode: u32,
    /// The user ID of the owner.
    pub(crate) user: u32,
    pub(crate) form: Form,
    /// The certificates in the order of the file, or why a block with the label of a certificate is not one.
    pub(crate) certificates: Vec<Result<Certificate, String>>,
    /// The private keys in the order of the file.
    pub(crate) keys: Vec<FoundKey>,
    /// The first revocation list, or why it is not one.
    pub(crate) crl: Option<Result<FoundCrl, String>>,
    /// The labels of the PEM blocks that are neither certificates, nor private keys, nor revocation lists.
    pub(crate) others: Vec<String>,
}

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// PEM blocks (RFC 7468).
    Pem,
    /// DER, without any encoding around it.
    Der,
    /// DER in base64 without the lines of PEM around it, as `cfssl gencrl` prints a revocation list.
    Base64,
    /// White space or nothing at all.
    Empty,
    /// Neither PEM, nor DER, nor base64.
    Other,
}

/// A private key in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundKey {
    /// A key that can be used, by its public key.
    Usable(PublicKey),
    /// A key that can only be read with its password.
    Encrypted,
    /// Why the key cannot be read: it is damaged, or its algorithm is not supported.
    Unreadable(String),
}

/// A revocation list in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundCrl {
    pub(crate) crl: Crl,
    /// Whether it is of version 1, which has no extensions and so no `cRLNumber`.
    pub(crate) is_v1: bool,
}

impl PemFile {
    /// Reads a file that may have keys or certificates.
    pub(crate) fn read(path: PathBuf, bytes: &[u8], mode: u32, user: u32) -> Self {
        let form = form(bytes);
        let mut file = Self {
            path,
            mode,
            user,
            form,
            certificates: Vec::new(),
            keys: Vec::new(),
            crl: None,
            others: Vec::new(),
        };
        match form {
            Form::Pem => {
                for block in pem::blocks(bytes) {
                    let label = block.label.as_str();
                    if matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
                        file.certificates
                            .push(Certificate::from_der(&block.der).map_err(|error| error.to_string()));
                    } else if label.ends_with("PRIVATE KEY") {
                        let is_encrypted = label == "ENCRYPTED PRIVATE KEY"
                            || block.header("Proc-Type").is_some_and(|value| value.ends_with("ENCRYPTED"));
                        file.keys.push(if is_encrypted {
                            FoundKey::Encrypted
                        } else {
                            FoundKey::read(&block.der)
                        });
                    } else if label.ends_with("CRL") {
                        file.crl.get_or_insert_with(|| read_crl(&block.der));
                    } else {
                        file.others.push(label.to_owned());
                    }
                }
            }
            Form::Der => match Certificate::from_der(bytes) {
                Ok(certificate) => file.certificates.push(Ok(certificate)),
                Err(_) => file.crl = Some(read_crl(bytes)).filter(Result::is_ok),
            },
            Form::Base64 => {
                let der = decode(bytes).unwrap_or_default();
                file.crl = Some(read_crl(&der)).filter(Result::is_ok);
            }
            Form::Empty | Form::Other => {}
        }
        file
    }

    /// Whether the file has a certificate, a key, a revocation list or another PEM block.
    pub(crate) fn has_something(&self) -> bool {
        !(self.certificates.is_empty()
            && self.keys.is_empty()
            && self.crl.is_none()
            && self.others.is_empty())
    }

    /// The certificates that could be parsed, in the order of the file.
    pub fn valid_certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().flatten()
    }
}

impl FoundKey {
    fn read(der: &[u8]) -> Self {
        match PrivateKey::read(der, None) {
            Ok(key) => Self::Usable(key.public_key().clone()),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

fn form(bytes: &[u8]) -> Form {
    let begin = b"-----BEGIN ";
    if bytes.trim_ascii().is_empty() {
        Form::Empty
    } else if bytes.windows(begin.len()).any(|window| window == begin) {
        Form::Pem
    } else if bytes.first() == Some(&0x30) && bytes.len() > 64 && bytes.get(1).is_some_and(|b| *b >= 0x80) {
        Form::Der
    } else if decode(bytes).is_some_and(|der| der.first() == Some(&0x30)) {
        Form::Base64
    } else {
        Form::Other
    }
}

fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn read_crl(der: &[u8]) -> Result<FoundCrl, String> {
    let crl = Crl::from_der(der).map_err(|error| error.to_string())?;
    Ok(FoundCrl { is_v1: is_v1(der), crl })
}

/// Whether a `TBSCertList` has no `version`, which is then 1 (RFC 5280 section 5.1.2.1).
fn is_v1(der: &[u8]) -> bool {
    use x509_parser::prelude::{CertificateRevocationList, FromDer};
    CertificateRevocationList::from_der(der).is_ok_and(|(_, list)| list.tbs_cert_list.version.is_none())
}
