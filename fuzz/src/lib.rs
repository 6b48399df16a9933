//! What the fuzz targets share.

use pki_core::PrivateKey;
use serde::Serialize;
use time::{OffsetDateTime, macros::datetime};

/// The password of the encrypted seeds.
pub const PASSWORD: &str = "password";

/// The same moment in every run, so that findings can be repeated.
pub const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

/// A key that signs whatever can be signed.
pub fn key() -> PrivateKey {
    let pem = include_bytes!("../seeds/private_key/ecdsa.pem");
    PrivateKey::read(pem, None).expect("the seed is a private key")
}

/// Writes `value` as JSON; what people can read must never fail to be written.
pub fn write_json(value: &impl Serialize) {
    serde_json::to_string(value).expect("descriptions are JSON");
}
