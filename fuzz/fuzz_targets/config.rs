//! ca-config JSON: the profiles.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pki_core::cfssl::Config;

fuzz_target!(|text: &str| {
    match Config::from_json(text, None) {
        Ok(config) => {
            let names: Vec<_> = config.value.names().map(Some).chain([None]).collect();
            for name in names {
                let _ = config.value.profile(name).and_then(|profile| profile.value.check_usable());
            }
            config.notices.iter().for_each(|notice| drop(notice.to_string()));
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
});
