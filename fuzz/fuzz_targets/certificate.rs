//! Certificates, PEM or DER, and everything that can be told about them.

#![no_main]

use etcdpki_fuzz::{key, write_json};
use libfuzzer_sys::fuzz_target;
use pki_core::cfssl::{CertificateInfo, FullCertificateInfo};
use pki_core::x509::{Certificate, CertificateRequest, Changes};

fuzz_target!(|file: &[u8]| {
    for certificate in Certificate::read_all(file).into_iter().flatten().chain(Certificate::read(file)) {
        write_json(&CertificateInfo::from(&certificate));
        write_json(&FullCertificateInfo::from(&certificate));
        let _ = certificate.check_ca();
        let _ = certificate.verify_issued_by(&certificate);
        let _ = CertificateRequest::for_certificate(&certificate, &Changes::default(), &key());
        assert_eq!(Certificate::read(certificate.to_pem().as_bytes()).ok(), Some(certificate));
    }
});
