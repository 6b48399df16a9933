//! Revocation as etcd understands it: client/pkg/transport, `checkCRL`.

use std::collections::HashSet;

use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Version};

use crate::tls::certificate::GoCertificate;
use crate::tls::refusal::Reason;
use crate::x509::crl::Crl;
use crate::x509::crl::RevokedSerial;
use crate::x509::pem;

/// What etcd makes of the file that `--client-crl-file` or `--peer-crl-file` names.
///
/// Only serial numbers count: not who signed the list, nor whether it has ended. The file is read at every handshake,
/// and etcd starts without it; as long as it cannot be read, everybody is refused.
#[derive(Debug, Clone)]
pub struct RevocationFile(Result<HashSet<RevokedSerial>, String>);

/// Which forms of revocation list a version of etcd reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationFormat {
    /// PEM or DER, version 1 or 2: etcd 3.4 and 3.5.
    Any,
    /// DER of version 2 only: etcd 3.6 and newer.
    DerVersion2,
}

impl RevocationFile {
    /// The file's contents, none if it is not there.
    pub fn read(file: Option<&[u8]>, format: RevocationFormat) -> Self {
        Self(Self::parse(file, format).map_err(str::to_owned))
    }

    fn parse(file: Option<&[u8]>, format: RevocationFormat) -> Result<HashSet<RevokedSerial>, &'static str> {
        let file = file.ok_or("it is not there")?;
        let block = pem::blocks_one_by_one(file).into_iter().find(|block| block.label == "X509 CRL");
        let der = match (&block, format) {
            (Some(block), RevocationFormat::Any) => block.der.as_slice(),
            (Some(_), RevocationFormat::DerVersion2) => {
                return Err("it is PEM, and this etcd reads DER only");
            }
            (None, _) => file,
        };
        let unreadable = "it is no revocation list";
        let (_, parsed) = CertificateRevocationList::from_der(der).map_err(|_| unreadable)?;
        if format == RevocationFormat::DerVersion2 && parsed.version() != Some(X509Version::V2) {
            return Err("it is of version 1, and this etcd reads version 2 only");
        }
        let list = Crl::from_der(der).map_err(|_| unreadable)?;
        Ok(list.revocations().iter().map(|revocation| revocation.serial.clone()).collect())
    }

    /// Checks everything that the client sent.
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
