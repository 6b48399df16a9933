//! Issuing: what the tests of several rooms make certificates with, and the files that are read.

use std::sync::LazyLock;

use ::der::asn1::ObjectIdentifier;
use ::der::{Encode, Tag};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::x509::der as encode;
use crate::x509::oid;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);
pub(crate) const SECOND: Duration = Duration::SECOND;

/// One byte again and again, in place of random ones.
pub(crate) struct Always(pub(crate) u8);

impl Random for Always {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// What a certificate is to say. Tests change what they are about.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) subject: Subject,
    pub(crate) begins: OffsetDateTime,
    pub(crate) ends: OffsetDateTime,
    pub(crate) constraints: BasicConstraints,
    pub(crate) key_usage: KeyUsage,
    pub(crate) usages: Vec<ObjectIdentifier>,
    pub(crate) names: SubjectAltNames,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) key: KeyAlgorithm,
}

impl Contents {
    /// A CA from thirty days before [`NOW`] until ten years after it.
    pub(crate) fn ca(name: &str) -> Self {
        Self {
            subject: Subject::common_name(name),
            begins: NOW - Duration::days(30),
            ends: NOW + Duration::days(3650),
            constraints: BasicConstraints { ca: true, path_len: None },
            key_usage: KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
            usages: Vec::new(),
            names: SubjectAltNames::default(),
            extensions: Vec::new(),
            key: KeyAlgorithm::EcdsaP256,
        }
    }

    /// The certificate of a server that is a client too, at 10.0.0.1, for a year from [`NOW`] on.
    pub(crate) fn leaf(name: &str) -> Self {
        Self {
            begins: NOW,
            ends: NOW + Duration::days(365),
            constraints: BasicConstraints::default(),
            key_usage: KeyUsage::DIGITAL_SIGNATURE,
            usages: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
            names: SubjectAltNames { ip: vec![[10, 0, 0, 1].into()], ..SubjectAltNames::default() },
            ..Self::ca(name)
        }
    }

    pub(crate) fn new_key(&self) -> PrivateKey {
        SystemKeys.generate(self.key).unwrap()
    }

    /// Calls `make` with the template.
    pub(crate) fn template<T>(&self, key: &PublicKey, make: impl FnOnce(&Template<'_>) -> T) -> T {
        let subject = self.subject.to_name().unwrap();
        let validity = Validity::new(self.begins, self.ends).unwrap();
        make(&Template {
            key_usage: self.key_usage,
            extended_key_usage: &self.usages,
            basic_constraints: self.constraints,
            names: &self.names,
            extensions: &self.extensions,
            ..Template::new(&subject, key, validity)
        })
    }

    pub(crate) fn self_signed(&self) -> (Certificate, PrivateKey) {
        let key = self.new_key();
        let made = self.template(key.public_key(), |template| root::issue(template, &key, &SystemRandomness));
        (made.unwrap(), key)
    }

    /// A CA that signed its own certificate.
    pub(crate) fn issuer(&self) -> Issuer {
        let (certificate, key) = self.self_signed();
        Issuer::new(certificate, key).unwrap()
    }

    /// What a CA signs that refuses nothing, for a new key.
    pub(crate) fn signed_by(&self, issuer: &Issuer) -> (Certificate, PrivateKey) {
        let key = self.new_key();
        let identifier = issuer.certificate().subject_key_identifier();
        let made = self.template(key.public_key(), |template| {
            let to_be_signed = crate::x509::sign::ToBeSigned {
                serial: SerialNumber::generate(&SystemRandomness)?,
                issuer: issuer.certificate().subject(),
                validity: template.validity,
                subject: template.subject,
                public_key: template.public_key,
                extensions: &template.all_extensions(identifier)?,
            };
            to_be_signed.sign(issuer.key())
        });
        (made.unwrap(), key)
    }

    /// What `issuer` issues for a new key.
    pub(crate) fn under(&self, issuer: &Issuer) -> (Certificate, PrivateKey) {
        let key = self.new_key();
        (self.for_key(issuer, key.public_key()).value, key)
    }

    pub(crate) fn for_key(&self, issuer: &Issuer, key: &PublicKey) -> WithNotices<Certificate> {
        self.template(key, |template| issuer.issue(template, NOW, &SystemRandomness)).unwrap()
    }
}

/// The SubjectPublicKeyInfo of an RSA key with a modulus of so many bits, and no private key.
pub(crate) fn rsa(bits: usize) -> PublicKey {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= modulus.len() * 8 - bits;
    let integer = |bytes: &[u8]| {
        let positive = [&[0][..], bytes].concat();
        encode::element(Tag::Integer, if bytes[0] & 0x80 == 0 { bytes } else { &positive }).unwrap()
    };
    let key = encode::sequence(&[integer(&modulus), integer(&[1, 0, 1])]).unwrap();
    spki(oid::RSA_ENCRYPTION, None, &key)
}

/// The SubjectPublicKeyInfo of a key on P-224, which is no point of that curve.
pub(crate) fn p224() -> PublicKey {
    spki(oid::EC_PUBLIC_KEY, Some(oid::SECP224R1), &[4; 57])
}

fn spki(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>, bits: &[u8]) -> PublicKey {
    PublicKey::from_der(&spki_der(algorithm, curve, bits)).unwrap()
}

pub(crate) fn spki_der(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>, bits: &[u8]) -> Vec<u8> {
    let curve = curve.map_or_else(|| vec![5, 0], |curve| curve.to_der().unwrap());
    let algorithm = encode::sequence(&[algorithm.to_der().unwrap(), curve]).unwrap();
    let bits = encode::element(Tag::BitString, &[&[0], bits].concat()).unwrap();
    encode::sequence(&[algorithm, bits]).unwrap()
}

/// A key that shows another public key than its own.
#[derive(Debug)]
pub(crate) struct Disguised(pub(crate) PrivateKey, pub(crate) PublicKey);

impl SigningKey for Disguised {
    fn public_key(&self) -> &PublicKey {
        &self.1
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.sign(message)
    }
}

/// Extensions of which nothing but their types and bytes matters.
pub(crate) fn extension(oid: &str, critical: bool) -> Extension {
    Extension::new(oid.parse().unwrap(), critical, vec![5, 0]).unwrap()
}

static CA: LazyLock<Issuer> = LazyLock::new(|| Contents::ca("test CA").issuer());

#[test]
fn certificates_are_read_from_pem_and_der() {
    let ca = CA.certificate();
    let (leaf, _) = Contents::leaf("leaf").under(&CA);
    let (pem, other) = (ca.to_pem(), leaf.to_pem());
    for bytes in [ca.der(), pem.as_bytes(), format!("a comment\n{pem}\n \n").as_bytes()] {
        assert_eq!(Certificate::read(bytes).unwrap(), *ca);
        assert_eq!(Certificate::read_all(bytes).unwrap(), std::slice::from_ref(ca));
    }
    let both = format!("{pem}{other}");
    let refused = |bytes: &[u8]| Certificate::read(bytes).unwrap_err().to_string();
    assert_eq!(refused(both.as_bytes()), "the PEM file should contain only one object");
    assert_eq!(refused(format!("{pem}junk").as_bytes()), "the PEM file should contain only one object");
    for nothing in [&b""[..], b"junk", b"\x31\x00"] {
        assert_eq!(refused(nothing), "there is no PEM certificate in it");
        assert_eq!(
            Certificate::read_all(nothing).unwrap_err().to_string(),
            "there is no PEM certificate in it"
        );
    }
    let longer = [ca.der(), b"\x00"].concat();
    let message = "this is not a certificate: there are more bytes after its end";
    assert_eq!(refused(&longer), message);
    assert_eq!(Certificate::read_all(&longer).unwrap_err().to_string(), message);
    let damaged = "this is not a certificate: it is something else, or it is damaged";
    assert_eq!(refused(b"\x30\x00"), damaged);

    // Other blocks are passed over, and the order is that of the file.
    let block = |label: &str, der: &[u8]| pem::encode(label, der);
    let text = format!(
        "{}{}{}between\n{}",
        block("EC PARAMETERS", b"\x05\x00"),
        block("X509 CERTIFICATE", leaf.der()),
        block("CERTIFICATE REQUEST", b"\x05\x00"),
        block("TRUSTED CERTIFICATE", ca.der()),
    );
    assert_eq!(Certificate::read_all(text.as_bytes()).unwrap(), [leaf, ca.clone()]);
    let only_others = block("EC PARAMETERS", b"\x05\x00");
    let error = Certificate::read_all(only_others.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "this is a PEM block \"EC PARAMETERS\", not a certificate");
    let one_bad = format!("{pem}{}", block("CERTIFICATE", b"\x05\x00"));
    assert_eq!(Certificate::read_all(one_bad.as_bytes()).unwrap_err().to_string(), damaged);
}

#[test]
fn a_certificate_is_valid_from_its_first_to_its_last_second() {
    let (leaf, _) = Contents::leaf("leaf").under(&CA);
    for (moment, is_valid) in [
        (leaf.not_before() - SECOND, false),
        (leaf.not_before(), true),
        (leaf.not_after(), true),
        (leaf.not_after() + SECOND, false),
    ] {
        assert_eq!(leaf.is_valid_at(moment), is_valid, "{moment}");
    }
    assert_eq!(leaf.validity(), Validity::new(NOW, NOW + Duration::days(365)).unwrap());
}

#[test]
fn who_issued_a_certificate_is_decided_by_name_and_signature() {
    let (leaf, key) = Contents::leaf("leaf").under(&CA);
    leaf.verify_issued_by(CA.certificate()).unwrap();
    let (other_name, _) = Contents::ca("other CA").self_signed();
    let error = leaf.verify_issued_by(&other_name).unwrap_err();
    assert_eq!(error.to_string(), "it was issued by CN=test CA, not by CN=other CA");
    let (other_key, _) = Contents::ca("test CA").self_signed();
    let error = leaf.verify_issued_by(&other_key).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");
    // One bit of what is signed.
    let mut der = leaf.der().to_vec();
    let at = der.windows(4).position(|window| window == b"leaf").unwrap();
    der[at] ^= 1;
    let error = Certificate::from_der(&der).unwrap().verify_issued_by(CA.certificate()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");

    assert!(leaf.is_for(key.public_key()) && !leaf.is_for(CA.key().public_key()));
    let again = Contents::leaf("again").for_key(&CA, key.public_key()).value;
    assert!(leaf.has_key_of(&again) && !leaf.has_key_of(CA.certificate()));
    assert_eq!(format!("{leaf:?}").matches("CN=leaf").count(), 1);
}

#[test]
fn only_a_ca_may_sign() {
    let refusal = |contents: &Contents| contents.self_signed().0.check_ca().map_err(|e| e.to_string());
    let ca = Contents::ca("A");
    assert_eq!(refusal(&ca), Ok(()));
    assert_eq!(refusal(&Contents { key_usage: KeyUsage::default(), ..ca.clone() }), Ok(()));
    assert_eq!(refusal(&Contents { key_usage: KeyUsage::KEY_CERT_SIGN, ..ca.clone() }), Ok(()));
    let no_ca = Contents { constraints: BasicConstraints { ca: false, path_len: None }, ..ca.clone() };
    assert_eq!(refusal(&no_ca), Err("CN=A is not a CA: basicConstraints lacks CA:TRUE".to_owned()));
    let crl_only = Contents { key_usage: KeyUsage::CRL_SIGN, ..ca };
    assert_eq!(refusal(&crl_only), Err("CN=A is not a CA: keyUsage lacks keyCertSign".to_owned()));
}

#[test]
fn requests_are_read_from_pem_and_der() {
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject::common_name("x").to_name().unwrap();
    let request = CertificateRequest::new(&subject, &[], &key).unwrap();
    let pem = request.to_pem();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"), "{pem}");
    let new = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    for bytes in [request.der(), pem.as_bytes(), new.as_bytes(), format!("x\n{pem}y\n").as_bytes()] {
        assert_eq!(CertificateRequest::read(bytes).unwrap(), request);
        assert_eq!(CertificateRequest::read_any_label(bytes).unwrap(), request);
    }
    let odd = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    let error = CertificateRequest::read(odd.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "this is a certificate, not a certificate request");
    assert_eq!(CertificateRequest::read_any_label(odd.as_bytes()).unwrap(), request);
    for nothing in [&b""[..], b"junk"] {
        for read in [CertificateRequest::read, CertificateRequest::read_any_label] {
            assert_eq!(read(nothing).unwrap_err().to_string(), "there is no PEM certificate request in it");
        }
    }
    for malformed in [&b"\x30\x00"[..], &[request.der(), b"\x00"].concat(), CA.certificate().der()] {
        let error = CertificateRequest::read(malformed).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Request { .. }), "{error}");
    }
}

#[test]
fn a_request_proves_its_key() {
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject::common_name("x").to_name().unwrap();
    let request = CertificateRequest::new(&subject, &[], &key).unwrap();
    let verified = request.clone().verify().unwrap();
    assert_eq!((verified.public_key(), verified.request()), (key.public_key(), &request));
    assert_eq!(request.signature_algorithm(), oid::ECDSA_WITH_SHA256);

    // Somebody else's key, which cannot sign for it.
    let other = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let stolen = Disguised(other, key.public_key().clone());
    let error = CertificateRequest::new(&subject, &[], &stolen).unwrap().verify().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");
    let mut der = request.der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let error = CertificateRequest::read(&der).unwrap().verify().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");
}

#[test]
fn weak_keys_and_repeated_extensions_are_refused_in_requests() {
    let subject = Subject::common_name("x").to_name().unwrap();
    let verify = |public: PublicKey, extensions: &[Extension]| {
        let key = Disguised(SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap(), public);
        CertificateRequest::new(&subject, extensions, &key).unwrap().verify().unwrap_err().to_string()
    };
    assert_eq!(verify(rsa(1024), &[]), "rsa-1024 keys are too weak");
    assert_eq!(verify(rsa(2047), &[]), "rsa-2047 keys are too weak");
    assert_eq!(verify(p224(), &[]), "ecdsa-224 keys are too weak");
    // A key that is not too weak comes as far as the signature.
    let wrong = "signatures with SHA256WithRSA are not accepted for this key";
    assert_ne!(verify(rsa(2048), &[]), wrong);
    assert!(verify(rsa(2048), &[]).starts_with("the signature is wrong"), "{}", verify(rsa(2048), &[]));
    let own = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap().public_key().clone();
    let (one, two) = (extension("1.2.3", false), extension("1.2.4", false));
    assert_eq!(
        verify(own.clone(), &[one.clone(), two.clone(), one.clone()]),
        "the request asks for the extension 1.2.3 twice"
    );
    assert!(verify(own, &[one, two]).starts_with("the signature is wrong"));
}

#[test]
fn a_request_like_a_certificate_asks_for_its_name_and_names() {
    let critical = Contents { subject: Subject::default(), ..Contents::leaf("") };
    for contents in [Contents::leaf("leaf"), critical, Contents::ca("A")] {
        let (certificate, key) = contents.under(&CA);
        let request = CertificateRequest::for_certificate(&certificate, &Changes::default(), &key).unwrap();
        assert_eq!(request.subject(), certificate.subject());
        assert_eq!(request.subject_alt_names().unwrap(), *certificate.subject_alt_names());
        let asked = request.basic_constraints().unwrap();
        assert_eq!(asked, certificate.basic_constraints().filter(|constraints| constraints.ca));
        assert!(request.extensions().iter().all(|e| e.oid != oid::SUBJECT_ALT_NAME || !e.critical));
        let expected = usize::from(!contents.names.is_empty()) + usize::from(contents.constraints.ca);
        assert_eq!(request.extensions().len(), expected);
        request.verify().unwrap();
    }
}

/// Which signatures are checked with which keys. The first of each row is what the key signs with itself.
#[test]
fn signatures_are_checked_by_key_and_algorithm() {
    use KeyAlgorithm::{EcdsaP256, EcdsaP384, EcdsaP521, Ed25519, Rsa2048};
    let all = [
        oid::SHA256_WITH_RSA,
        oid::SHA384_WITH_RSA,
        oid::SHA512_WITH_RSA,
        oid::ECDSA_WITH_SHA256,
        oid::ECDSA_WITH_SHA384,
        oid::ECDSA_WITH_SHA512,
        oid::ED25519,
        oid::MD5_WITH_RSA,
        oid::SHA1_WITH_RSA,
        oid::ECDSA_WITH_SHA1,
        oid::RSASSA_PSS,
    ];
    let (rsa, ecdsa) = (&all[..3], &all[3..6]);
    for (kind, own, possible) in [
        (Rsa2048, oid::SHA256_WITH_RSA, rsa),
        (EcdsaP256, oid::ECDSA_WITH_SHA256, ecdsa),
        (EcdsaP384, oid::ECDSA_WITH_SHA384, ecdsa),
        (EcdsaP521, oid::ECDSA_WITH_SHA512, ecdsa),
        (Ed25519, oid::ED25519, &[oid::ED25519][..]),
    ] {
        let key = SystemKeys.generate(kind).unwrap();
        let (public, signature) = (key.public_key(), key.sign(b"message").unwrap());
        for algorithm in all {
            let checked = public.verify(algorithm, b"message", &signature);
            let reason = |error: &Error| match error.kind() {
                ErrorKind::SignatureInvalid => "invalid",
                ErrorKind::SignatureAlgorithm { .. } => "algorithm",
                _ => "other",
            };
            let expected = match possible.contains(&algorithm) {
                true if algorithm == own => Ok(()),
                true => Err("invalid"),
                false => Err("algorithm"),
            };
            assert_eq!(checked.as_ref().copied().map_err(reason), expected, "{kind:?} {algorithm}");
        }
        let error = public.verify(own, b"massage", &signature).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");
    }
    let error = self::rsa(1024).verify(oid::SHA256_WITH_RSA, b"", b"").unwrap_err();
    assert_eq!(error.to_string(), "signatures with SHA256WithRSA are not accepted for this key");
    let error = p224().verify(oid::ECDSA_WITH_SHA1, b"", b"").unwrap_err();
    assert_eq!(error.to_string(), "signatures with ECDSAWithSHA1 are not accepted for this key");
}

#[test]
fn longer_keys_sign_with_longer_hashes() {
    for (kind, algorithm) in [
        (PublicKeyKind::Rsa { bits: 2048 }, "SHA256WithRSA"),
        (PublicKeyKind::Rsa { bits: 3071 }, "SHA256WithRSA"),
        (PublicKeyKind::Rsa { bits: 3072 }, "SHA384WithRSA"),
        (PublicKeyKind::Rsa { bits: 4095 }, "SHA384WithRSA"),
        (PublicKeyKind::Rsa { bits: 4096 }, "SHA512WithRSA"),
        (PublicKeyKind::Rsa { bits: 8192 }, "SHA512WithRSA"),
        (PublicKeyKind::EcdsaP224, "ECDSAWithSHA256"),
        (PublicKeyKind::EcdsaP256, "ECDSAWithSHA256"),
        (PublicKeyKind::EcdsaP384, "ECDSAWithSHA384"),
        (PublicKeyKind::EcdsaP521, "ECDSAWithSHA512"),
        (PublicKeyKind::Ed25519, "Ed25519"),
    ] {
        assert_eq!(oid::signature_name(kind.signature_algorithm()), algorithm, "{kind}");
    }
    // The hash that a key really signs with, beside what the certificate says.
    for kind in [KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096] {
        let (root, key) = Contents { key: kind, ..Contents::ca("A") }.self_signed();
        root.verify_issued_by(&root).unwrap();
        assert_eq!(root.signature_algorithm(), key.public_key().kind().signature_algorithm());
    }
}

#[test]
fn kinds_of_public_keys() {
    for bits in [512, 1023, 1024, 2047, 2048, 4096] {
        let key = rsa(bits);
        assert_eq!((key.kind(), key.is_weak()), (PublicKeyKind::Rsa { bits }, bits < 2048));
    }
    assert!(p224().is_weak());
    for algorithm in
        [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519]
    {
        let key = SystemKeys.generate(algorithm).unwrap();
        let public = key.public_key();
        assert_eq!((public.kind(), public.is_weak()), (algorithm.into(), false));
        assert_eq!(public.kind().to_string(), algorithm.name());
        assert_eq!(PublicKey::from_der(public.der()).unwrap(), *public);
        let (certificate, _) = Contents { key: algorithm, ..Contents::leaf("x") }.under(&CA);
        assert_eq!(certificate.public_key().unwrap().kind(), algorithm.into());
    }
    let secp256k1 = "1.3.132.0.10".parse().unwrap();
    for der in [
        spki_der(oid::EC_PUBLIC_KEY, Some(secp256k1), &[4; 65]),
        spki_der(oid::SHA256, None, &[]),
        vec![0x30, 0],
    ] {
        let error = PublicKey::from_der(&der).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsupportedPublicKey), "{error}");
    }
    let (modulus, exponent) = rsa(2048).rsa_numbers().unwrap();
    assert_eq!((modulus.len(), exponent), (256, vec![1, 0, 1]));
}

#[test]
fn serial_numbers_are_positive_and_random() {
    let ones = SerialNumber::generate(&Always(0xff)).unwrap();
    assert_eq!(ones.as_bytes(), [&[0x7f][..], &[0xff; 19]].concat());
    let short = SerialNumber::generate_short(&Always(0xff)).unwrap();
    assert_eq!(short.as_bytes(), [&[0; 12][..], &[0x7f], &[0xff; 7]].concat());
    let short = SerialNumber::generate_short(&Always(2)).unwrap();
    assert_eq!(short.as_bytes()[12..], [1, 1, 1, 1, 1, 1, 1, 1].map(|byte| byte));
    let (one, other) = (
        SerialNumber::generate(&SystemRandomness).unwrap(),
        SerialNumber::generate(&SystemRandomness).unwrap(),
    );
    assert_ne!(one, other);
    let one = SerialNumber::generate_short(&SystemRandomness).unwrap();
    assert_ne!(one, SerialNumber::generate_short(&SystemRandomness).unwrap());
}

/// A source that gives zeros first is asked again.
#[test]
fn no_serial_number_is_zero() {
    use std::sync::atomic::{AtomicU8, Ordering};
    struct Late(AtomicU8);
    impl Random for Late {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
            // The first two times nothing, and then the bit that is left out.
            bytes.fill(0);
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => {}
                1 => bytes[0] = 0x80,
                _ => bytes.fill(3),
            }
            Ok(())
        }
    }
    assert_eq!(SerialNumber::generate(&Late(AtomicU8::new(0))).unwrap().as_bytes(), [3; 20]);
    let short = SerialNumber::generate_short(&Late(AtomicU8::new(2))).unwrap();
    assert_eq!(short.as_bytes()[12..], [1, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81]);
    let short = SerialNumber::generate_short(&Late(AtomicU8::new(0))).unwrap();
    assert_eq!(short.as_bytes()[12..], [0x40, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_template_is_encoded_extension_by_extension() {
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject::common_name("x").to_name().unwrap();
    let nobody = Subject::default().to_name().unwrap();
    let validity = Validity::new(NOW, NOW + SECOND).unwrap();
    let bare = Template::new(&subject, key.public_key(), validity);
    let oids = |template: &Template<'_>, issuer: Option<&[u8]>| {
        let extensions = template.all_extensions(issuer).unwrap();
        extensions.iter().map(|extension| extension.oid.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(oids(&bare, None), ["2.5.29.19", "2.5.29.14"]);
    assert_eq!(oids(&bare, Some(&[1])), ["2.5.29.19", "2.5.29.14", "2.5.29.35"]);
    let names = SubjectAltNames { dns: vec!["a".into()], ..SubjectAltNames::default() };
    let urls = ["http://ca.example/".to_owned()];
    let policies = [CertificatePolicy { id: "1.2.3".parse().unwrap(), qualifiers: Vec::new() }];
    let full = Template {
        key_usage: KeyUsage::DIGITAL_SIGNATURE,
        extended_key_usage: &[oid::SERVER_AUTH],
        names: &names,
        ocsp_url: Some("http://ocsp.example/"),
        crl_url: Some("http://crl.example/"),
        policies: &policies,
        ocsp_no_check: true,
        ..bare
    };
    let all = [
        "2.5.29.15",
        "2.5.29.37",
        "2.5.29.19",
        "2.5.29.14",
        "2.5.29.35",
        "1.3.6.1.5.5.7.1.1",
        "2.5.29.17",
        "2.5.29.31",
        "2.5.29.32",
        "1.3.6.1.5.5.7.48.1.5",
    ];
    assert_eq!(oids(&full, Some(&[1])), all);
    for one in [
        Template { ocsp_url: Some("http://x/"), ..bare },
        Template { issuer_urls: &urls, ..bare },
        Template { ocsp_url: Some("http://x/"), issuer_urls: &urls, ..bare },
    ] {
        assert_eq!(oids(&one, None), ["2.5.29.19", "2.5.29.14", "1.3.6.1.5.5.7.1.1"]);
    }
    // What is copied takes the place of what a field would make, and stands behind, before the policies.
    let own = [extension("2.5.29.17", true), extension("2.5.29.15", true), extension("1.2.4", false)];
    let copied = Template { extensions: &own, ..full };
    let expected = [
        "2.5.29.37",
        "2.5.29.19",
        "2.5.29.14",
        "2.5.29.35",
        "1.3.6.1.5.5.7.1.1",
        "2.5.29.31",
        "2.5.29.17",
        "2.5.29.15",
        "1.2.4",
        "2.5.29.32",
        "1.3.6.1.5.5.7.48.1.5",
    ];
    assert_eq!(oids(&copied, Some(&[1])), expected);
    // RFC 5280 section 4.2.1.6: critical exactly if there is no other name.
    for (subject, critical) in [(&subject, false), (&nobody, true)] {
        let extensions = Template { subject, names: &names, ..bare }.all_extensions(None).unwrap();
        let found = extensions.iter().find(|extension| extension.oid == oid::SUBJECT_ALT_NAME).unwrap();
        assert_eq!(found.critical, critical);
    }
    let critical: Vec<_> = full.all_extensions(Some(&[1])).unwrap();
    let critical: Vec<_> = critical.iter().filter(|e| e.critical).map(|e| e.oid.to_string()).collect();
    assert_eq!(critical, ["2.5.29.15", "2.5.29.19"]);
    let ski = full.all_extensions(None).unwrap().into_iter().find(|e| e.oid == oid::SUBJECT_KEY_IDENTIFIER);
    let identifier = key.public_key().identifier();
    assert_eq!(identifier.len(), 20);
    assert_eq!(ski.unwrap().value.as_bytes(), encode::element(Tag::OctetString, &identifier).unwrap());
}

#[test]
fn urls_and_policies_are_written_and_read() {
    let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject::common_name("x").to_name().unwrap();
    let urls = ["http://a.example/", "http://b.example/"].map(str::to_owned);
    let policies = [CertificatePolicy {
        id: "1.2.3".parse().unwrap(),
        qualifiers: vec![
            PolicyQualifier::Cps("http://cps.example/".into()),
            PolicyQualifier::UserNotice("ü".into()),
        ],
    }];
    let template = Template {
        ocsp_url: Some("http://ocsp.example/"),
        issuer_urls: &urls,
        crl_url: Some("http://crl.example/"),
        policies: &policies,
        ..Template::new(&subject, key.public_key(), Validity::new(NOW, NOW + SECOND).unwrap())
    };
    let certificate = CA.issue(&template, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(certificate.ocsp_urls(), ["http://ocsp.example/"]);
    assert_eq!(certificate.issuer_urls(), urls);
    assert_eq!(certificate.crl_urls(), ["http://crl.example/"]);
    let policies = certificate.extensions().iter().find(|e| e.oid == oid::CERTIFICATE_POLICIES).unwrap();
    // As `openssl asn1parse` shows it: SEQUENCE { SEQUENCE { OID, SEQUENCE { qualifiers } } }.
    let cps = b"\x30\x1f\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01\x16\x13http://cps.example/";
    let notice = b"\x30\x10\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02\x30\x04\x0c\x02\xc3\xbc";
    let expected = [&b"\x30\x3b\x30\x39\x06\x02\x2a\x03\x30\x33"[..], cps, notice].concat();
    assert_eq!(policies.value.as_bytes(), expected);
    let bare = Contents::leaf("x").under(&CA).0;
    assert!(bare.ocsp_urls().is_empty() && bare.issuer_urls().is_empty() && bare.crl_urls().is_empty());
}
