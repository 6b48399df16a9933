//! The numbers of errors in cfssl's logs and JSON (`errors/error.go`).

use crate::cfssl::error::ErrorKind;
use crate::x509;

/// cfssl's number for a kind of error, or `None` if cfssl has no number for it.
pub fn number(kind: &ErrorKind) -> Option<u32> {
    Some(match kind {
        ErrorKind::X509(kind) => return x509_number(kind),
        ErrorKind::PathLen { .. } => 1000,
        ErrorKind::NoChain { .. } => 1220,
        ErrorKind::KeySize { .. } => 2400,
        ErrorKind::NoUsages => 5100,
        ErrorKind::AuthKey { .. }
        | ErrorKind::NegativeDuration { .. }
        | ErrorKind::NotADate { .. }
        | ErrorKind::PolicyQualifier { .. }
        | ErrorKind::Regex { .. }
        | ErrorKind::RemoteTwice
        | ErrorKind::UnknownReference { .. }
        | ErrorKind::UnknownUsage { .. }
        | ErrorKind::ZeroExpiry => 5200,
        ErrorKind::CaNotAllowed | ErrorKind::MissingSubject | ErrorKind::Remote { .. } => 5300,
        ErrorKind::UnknownProfile { .. } => 5400,
        ErrorKind::NotWhitelisted { .. } => 5500,
        ErrorKind::NotAHost { .. } => 9003,
        ErrorKind::HostNotAscii { .. } | ErrorKind::HostWithPort { .. } => 9300,
        _ => return None,
    })
}

/// cfssl's number for an error with a key, a request or a certificate.
fn x509_number(kind: &x509::ErrorKind) -> Option<u32> {
    Some(match kind {
        x509::ErrorKind::KeyMismatch => 1000,
        x509::ErrorKind::NoCertificate => 1002,
        x509::ErrorKind::OtherBlock { wanted: "certificate", .. } => 1003,
        x509::ErrorKind::OtherBlock { wanted: "private key", .. } => 2003,
        // cfssl has no numbers for what is no JSON.
        x509::ErrorKind::OtherBlock { wanted: "JSON file", .. } => return None,
        x509::ErrorKind::OtherBlock { .. } => 9300,
        x509::ErrorKind::Certificate { .. } | x509::ErrorKind::NotOneCertificate => 1003,
        x509::ErrorKind::NoPrivateKey => 2002,
        x509::ErrorKind::PrivateKey { .. } => 2003,
        x509::ErrorKind::KeyEncrypted => 2100,
        x509::ErrorKind::KeyAlgorithm(_) | x509::ErrorKind::WeakKey { .. } => 2400,
        x509::ErrorKind::CaNotValid { .. }
        | x509::ErrorKind::NotACa { .. }
        | x509::ErrorKind::PathLenExceeded { .. } => 5300,
        x509::ErrorKind::NoRequest => 9002,
        x509::ErrorKind::RepeatedExtension { .. }
        | x509::ErrorKind::Request { .. }
        | x509::ErrorKind::UnsupportedPublicKey => 9003,
        x509::ErrorKind::InvalidObjectIdentifier { .. }
        | x509::ErrorKind::MalformedExtension { .. }
        | x509::ErrorKind::SignatureAlgorithm { .. }
        | x509::ErrorKind::SignatureInvalid => 9300,
        _ => return None,
    })
}
