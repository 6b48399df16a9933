//! Entries of `hosts`, one per line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pki_core::cfssl::Host;
use pki_core::x509::SubjectAltNames;

fuzz_target!(|text: &str| {
    let hosts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for host in &hosts {
        let _ = Host::classify(host);
    }
    match SubjectAltNames::from_hosts(&hosts) {
        Ok(names) => assert!(names.value.to_string().is_ascii()),
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
