//! Revocation lists, PEM or DER, and lists of serial numbers.

#![no_main]

use etcdpki_fuzz::NOW;
use libfuzzer_sys::fuzz_target;
use pki_core::x509::{Crl, Revocation, RevokedSerial};

fuzz_target!(|file: &[u8]| {
    if let Ok(crl) = Crl::read(file) {
        for revocation in crl.revocations() {
            let serial = RevokedSerial::parse(&revocation.serial.to_string());
            assert!(serial.is_err() || crl.revocation(&revocation.serial).is_some());
        }
        assert_eq!(Crl::read(crl.to_pem().as_bytes()).ok(), Some(crl));
    }
    if let Ok(text) = str::from_utf8(file) {
        let _ = Revocation::parse_list(text, NOW, None);
    }
});
