//! CSR JSON: the certificate request and the CA that it asks for.

#![no_main]

use etcdpki_fuzz::{NOW, key};
use libfuzzer_sys::fuzz_target;
use pki_core::cfssl::{Request, ca};
use pki_core::x509::SystemRandomness;

fuzz_target!(|text: &str| {
    match Request::from_json(text, None) {
        Ok(request) => {
            if let Ok(signed) = request.value.sign(&key()) {
                let _ = signed.value.verify().map_err(|error| error.to_string());
            }
            let _ = ca::create(&request.value, &key(), NOW, &SystemRandomness);
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
