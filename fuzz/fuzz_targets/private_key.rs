//! Private keys, encrypted or not.

#![no_main]

use etcdpki_fuzz::PASSWORD;
use libfuzzer_sys::fuzz_target;
use pki_core::x509::PrivateKey;

fuzz_target!(|file: &[u8]| {
    for password in [None, Some(PASSWORD)] {
        match PrivateKey::read(file, password) {
            Ok(key) => {
                let again = PrivateKey::read(key.to_pem().as_bytes(), None).expect("what it wrote is a key");
                assert_eq!(again.public_key(), key.public_key());
            }
            Err(error) => drop((error.to_string(), error.hint())),
        }
    }
});
