//! Certificate requests, PEM or DER: their signature, and everything that can be told about them.

#![no_main]

use etcdpki_fuzz::write_json;
use libfuzzer_sys::fuzz_target;
use pki_core::cfssl::RequestInfo;
use pki_core::x509::CertificateRequest;

fuzz_target!(|file: &[u8]| {
    let read = [CertificateRequest::read(file), CertificateRequest::read_any_label(file)];
    for request in read.into_iter().flatten() {
        if let Ok(info) = RequestInfo::new(&request) {
            write_json(&info);
        }
        let _ = request.subject_alt_names();
        let _ = request.basic_constraints();
        let _ = request.verify();
    }
});
