//! Reading the certificates that one side sends.

use crate::tls::certificate::GoCertificate;
use crate::tls::leniency::Leniency;
use crate::tls::refusal::Reason;

/// Reads the certificates of one side as Go does: if one of them cannot be read, all are refused.
pub(super) fn read(shown: &[&[u8]], leniency: Leniency) -> Result<Vec<GoCertificate>, Reason> {
    shown.iter().map(|der| GoCertificate::read(der, leniency).map_err(Reason::Unreadable)).collect()
}
