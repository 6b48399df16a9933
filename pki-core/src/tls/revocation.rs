//! Revocation by the rules of etcd's `checkCRL` (`client/pkg/transport`).

use std::collections::HashSet;

use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Version};

use crate::tls::certificate::GoCertificate;
use crate::tls::refusal::Reason;
use crate::x509::crl::Crl;
use crate::x509::crl::RevokedSerial;
use crate::x509::pem;

/// The file of `--client-crl-file` or `--peer-crl-file`, as etcd reads it.
///
/// etcd uses only the serial numbers. It does not check the signature or the dates of the list. It reads the file at
/// every handshake, and starts without it; while the file cannot be read, etcd refuses every client.
#[derive(Debug, Clone)]
pub struct RevocationFile(Result<HashSet<RevokedSerial>, String>);

/// The formats of revocation lists that a version of etcd reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationFormat {
    /// PEM or DER, of version 1 or 2: etcd 3.4 and 3.5.
    Any,
    /// DER of version 2 only: etcd 3.6 and newer.
    DerVersion2,
}

impl RevocationFile {
    /// Reads the contents of the file. `bytes` is `None` if there is no file.
    pub fn read(bytes: Option<&[u8]>, format: RevocationFormat) -> Self {
        Self(Self::parse(bytes, format).map_err(str::to_owned))
    }

    fn parse(bytes: Option<&[u8]>, format: RevocationFormat) -> Result<HashSet<RevokedSerial>, &'static str> {
        let bytes = bytes.ok_or("the file does not exist")?;
        let block = pem::blocks_one_by_one(bytes).into_iter().find(|block| block.label == "X509 CRL");
        let der = match (&block, format) {
            (Some(block), RevocationFormat::Any) => block.der.as_slice(),
            (Some(_), RevocationFormat::DerVersion2) => {
                return Err("it is PEM, and this etcd reads DER only");
            }
            (None, _) => bytes,
        };
        let unreadable = "it is not a revocation list";
        let (_, parsed) = CertificateRevocationList::from_der(der).map_err(|_| unreadable)?;
        if format == RevocationFormat::DerVersion2 && parsed.version() != Some(X509Version::V2) {
            return Err("it is of version 1, and this etcd reads version 2 only");
        }
        let list = Crl::from_der(der).map_err(|_| unreadable)?;
        Ok(list.revocations().iter().map(|revocation| revocation.serial.clone()).collect())
    }

    /// Checks every certificate that the client sent, as etcd does.
    pub(super) fn check(&self, chain: &[GoCertificate]) -> Result<(), Reason> {
        let serials = self.0.as_ref().map_err(|reason| Reason::RevocationList { reason: reason.clone() })?;
        match chain.iter().find(|shown| serials.contains(&RevokedSerial::from(shown.certificate()))) {
            Some(shown) => Err(Reason::Revoked {
                subject: shown.subject(),
                serial: shown.certificate().serial_decimal(),
            }),
            None => Ok(()),
        }
    }
}
