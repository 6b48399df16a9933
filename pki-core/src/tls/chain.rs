//! The certificates that one side sends.

use crate::tls::certificate::GoCertificate;
use crate::tls::leniency::Leniency;
use crate::tls::refusal::Reason;

/// What one side sent.
pub(super) fn read(shown: &[&[u8]], leniency: Leniency) -> Result<Vec<GoCertificate>, Reason> {
    shown.iter().map(|der| GoCertificate::read(der, leniency).map_err(Reason::Unreadable)).collect()
}
