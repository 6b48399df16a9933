//! CAs, requests and keys of other programs, which `fixtures/names/make` makes for each test. What is issued with
//! them is checked by openssl and rustls-webpki. Without openssl, these tests are reported as ignored.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Trial};
use pki_core::cfssl::{Config, Request, SigningRequest};
use pki_core::x509::{
    Certificate, CertificateRequest, Issuer, KeySource, PrivateKey, SystemKeys, SystemRandomness,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage};

fn main() -> ExitCode {
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    let trial = |name: &str, test: fn()| {
        Trial::ignorable_test(name, move || {
            if !has_openssl {
                return Ok(Completion::ignored_with("openssl is not installed"));
            }
            test();
            Ok(Completion::Completed)
        })
    };
    let trials = vec![
        trial("what_is_issued_under_foreign_cas_verifies", what_is_issued_under_foreign_cas_verifies),
        trial("odd_requests_are_signed_and_bad_ones_refused", odd_requests_are_signed_and_bad_ones_refused),
        trial("keys_of_openssl_are_read_unless_they_are_weak", keys_of_openssl_are_read_unless_they_are_weak),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A folder with the files that the script makes.
fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/names/make");
    let made = Command::new("bash").arg(script).arg(folder.path()).status().unwrap();
    assert!(made.success());
    folder
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn issuer(key_file: &Path) -> Issuer {
    let file = PathBuf::from(key_file.to_string_lossy().replace("-key.pem", ".pem"));
    let certificate = Certificate::read(&fs::read(file).unwrap()).unwrap();
    Issuer::new(certificate, PrivateKey::read(&fs::read(key_file).unwrap(), None).unwrap()).unwrap()
}

fn sign(issuer: &Issuer, request: CertificateRequest) -> Certificate {
    let config = Config::default();
    let profile = config.profile(None).unwrap().value;
    let request = request.verify().unwrap();
    let signing = SigningRequest { request: &request, profile, subject: None, names: None, crl_url: None };
    issuer.sign(&signing, OffsetDateTime::now_utc(), &SystemRandomness).unwrap().value
}

/// Asserts that openssl and webpki find the chain from the certificate to the CA.
fn assert_accepted(folder: &Path, ca: &Certificate, certificate: &Certificate, what: &str) {
    assert_eq!(certificate.issuer().der(), ca.subject().der(), "{what}");
    let (ca_file, file) = (folder.join("ca.pem"), folder.join("leaf.pem"));
    fs::write(&ca_file, ca.to_pem()).unwrap();
    fs::write(&file, certificate.to_pem()).unwrap();
    let verified = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "10.0.0.1", "-CAfile"])
        .args([&ca_file, &file])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{what}: {}", String::from_utf8_lossy(&verified.stderr));

    let (ca, leaf) = (CertificateDer::from(ca.der()), CertificateDer::from(certificate.der()));
    let anchors = [webpki::anchor_from_trusted_cert(&ca).unwrap()];
    let leaf = EndEntityCert::try_from(&leaf).unwrap();
    let path = leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &[],
        UnixTime::now(),
        KeyUsage::server_auth(),
        None,
        None,
    );
    assert!(path.is_ok(), "{what}: {:?}", path.err());
}

fn what_is_issued_under_foreign_cas_verifies() {
    let folder = made();
    let cas = files(&folder.path().join("ca"), "-key.pem");
    assert_eq!(cas.len(), 11);
    for ca in cas {
        let issuer = issuer(&ca);
        let hosts = ["etcd1.example", "10.0.0.1"].map(str::to_owned).to_vec();
        let request = Request { common_name: "etcd1".into(), hosts, ..Request::default() };
        let key = SystemKeys.generate(request.key).unwrap();
        let certificate = sign(&issuer, request.sign(&key).unwrap().value);
        let what = ca.display().to_string();
        assert_accepted(folder.path(), issuer.certificate(), &certificate, &what);

        let now = OffsetDateTime::now_utc();
        let renewed = issuer.renew(&certificate, now, &SystemRandomness).unwrap().value;
        assert_accepted(folder.path(), issuer.certificate(), &renewed, &what);
        let key = PrivateKey::read(&fs::read(&ca).unwrap(), None).unwrap();
        let root = pki_core::x509::root::renew(issuer.certificate(), &key, now, &SystemRandomness).unwrap();
        assert_accepted(folder.path(), &root, &certificate, &what);
    }
}

fn odd_requests_are_signed_and_bad_ones_refused() {
    let folder = made();
    let issuer = issuer(&folder.path().join("ca/plain-key.pem"));
    for file in files(&folder.path().join("accept"), ".csr") {
        let what = file.display().to_string();
        let request = CertificateRequest::read(&fs::read(&file).unwrap()).unwrap();
        let subject: Vec<_> = request.subject().attributes().to_vec();
        let certificate = sign(&issuer, request);
        for attribute in subject {
            assert!(certificate.subject().attributes().contains(&attribute), "{what}: {attribute:?}");
        }
        assert_accepted(folder.path(), issuer.certificate(), &certificate, &what);
    }
    for file in files(&folder.path().join("refuse"), ".csr") {
        let request = CertificateRequest::read(&fs::read(&file).unwrap());
        let refused = request.and_then(CertificateRequest::verify).unwrap_err().to_string();
        assert!(!refused.is_empty(), "{}", file.display());
    }
}

fn keys_of_openssl_are_read_unless_they_are_weak() {
    let folder = made();
    for file in files(&folder.path().join("accept"), ".key") {
        PrivateKey::read(&fs::read(&file).unwrap(), None).unwrap();
    }
    for file in files(&folder.path().join("refuse"), ".key") {
        PrivateKey::read(&fs::read(&file).unwrap(), None).unwrap_err();
    }
}
