//! What a CA refuses to issue, and what it tells about what it has issued.

use time::Duration;

use super::*;
use crate::x509::tests::{Always, Contents, NOW, SECOND, extension, p224, rsa};
use crate::x509::{
    BasicConstraints, KeyUsage, PrivateKey, PublicKey, Subject, SubjectAltNames, SystemRandomness, Validity,
};

fn texts(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(ToString::to_string).collect()
}

#[test]
fn a_ca_is_a_certificate_that_may_sign_with_its_key() {
    let join = |contents: &Contents| {
        let (certificate, key) = contents.self_signed();
        Issuer::new(certificate, key).map(|_| ()).map_err(|error| error.to_string())
    };
    let ca = Contents::ca("A");
    assert_eq!(join(&ca), Ok(()));
    assert_eq!(join(&Contents { key_usage: KeyUsage::default(), ..ca.clone() }), Ok(()));
    let lacks = |what: &str| Err(format!("CN=A is not a CA: {what}"));
    assert_eq!(join(&Contents::leaf("A")), lacks("basicConstraints lacks CA:TRUE"));
    let crl_only = Contents { key_usage: KeyUsage::CRL_SIGN, ..ca.clone() };
    assert_eq!(join(&crl_only), lacks("keyUsage lacks keyCertSign"));
    let (certificate, _) = ca.self_signed();
    let (_, other) = ca.self_signed();
    let error = Issuer::new(certificate, other).unwrap_err();
    assert_eq!(error.to_string(), "the private key does not belong to the CA certificate");
}

/// The ways to issue something with a CA.
type Way = fn(&Issuer, OffsetDateTime) -> Result<Certificate, Error>;

const WAYS: [Way; 2] = [
    |issuer, now| {
        let contents = Contents::leaf("leaf");
        let key = contents.new_key();
        let issued =
            contents.template(key.public_key(), |template| issuer.issue(template, now, &SystemRandomness));
        issued.map(|issued| issued.value)
    },
    |issuer, now| {
        let (old, _) = Contents::leaf("leaf").under(&Contents::ca("another CA").issuer());
        issuer.renew(&old, now, &SystemRandomness).map(|issued| issued.value)
    },
];

#[test]
fn a_ca_issues_from_its_first_to_its_last_second() {
    let contents = Contents::ca("A");
    let issuer = contents.issuer();
    for way in WAYS {
        for now in [contents.begins, NOW, contents.ends] {
            way(&issuer, now).unwrap().verify_issued_by(issuer.certificate()).unwrap();
        }
        for now in [contents.begins - SECOND, contents.ends + SECOND] {
            let error = way(&issuer, now).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the CA certificate is valid from 2026-10-22 12:00:00 UTC to 2036-11-18 12:00:00 UTC, not now"
            );
            assert!(error.hint().unwrap().starts_with("check the clock of this host"));
        }
    }
    // One that ended years ago.
    let past = Contents { begins: NOW - Duration::days(9000), ends: NOW - Duration::days(2000), ..contents };
    for way in WAYS {
        let error = way(&past.issuer(), NOW).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CaNotValid { .. }), "{error}");
    }
}

/// RFC 5280 section 4.2.1.9.
#[test]
fn the_path_length_limits_the_cas_below() {
    for (limit, asked, is_allowed) in [
        (None, None, true),
        (None, Some(0), true),
        (None, Some(200), true),
        (Some(0), None, false),
        (Some(0), Some(0), false),
        (Some(1), None, true),
        (Some(1), Some(0), true),
        (Some(1), Some(1), false),
        (Some(2), Some(1), true),
        (Some(2), Some(2), false),
        (Some(2), Some(3), false),
    ] {
        let ca = |path_len| BasicConstraints { ca: true, path_len };
        let issuer = Contents { constraints: ca(limit), ..Contents::ca("A") }.issuer();
        let expected = match limit {
            _ if is_allowed => Ok(()),
            limit => Err(limit),
        };
        let limit_of = |error: Error| match error.kind() {
            ErrorKind::PathLenExceeded { limit } => Some(*limit),
            other => panic!("{other}"),
        };
        assert_eq!(issuer.check_path_len(asked).map_err(limit_of), expected, "{limit:?} {asked:?}");
        let (below, _) = Contents { constraints: ca(asked), ..Contents::ca("B") }.self_signed();
        let renewed = issuer.renew(&below, NOW, &SystemRandomness).map(|_| ());
        assert_eq!(renewed.map_err(limit_of), expected, "{limit:?} {asked:?}");
        // Leaves are no CAs.
        let (leaf, _) = Contents::leaf("leaf").under(&issuer);
        issuer.renew(&leaf, NOW, &SystemRandomness).unwrap();
    }
    let error = Error::from(ErrorKind::PathLenExceeded { limit: 0 });
    assert_eq!(error.to_string(), "the CA's path length of 0 does not allow such a CA below it");
}

#[test]
fn what_is_issued_says_what_the_template_says() {
    let issuer = Contents::ca("A").issuer();
    let contents = Contents {
        extensions: vec![extension("1.2.3", true)],
        names: SubjectAltNames { dns: vec!["a.example".into()], ..SubjectAltNames::default() },
        ..Contents::leaf("leaf")
    };
    let key = contents.new_key();
    let issued = contents.template(key.public_key(), |template| issuer.issue(template, NOW, &Always(0xff)));
    let issued = issued.unwrap();
    assert_eq!(issued.notices, []);
    let certificate = issued.value;
    certificate.verify_issued_by(issuer.certificate()).unwrap();
    assert_eq!(certificate.issuer().der(), issuer.certificate().subject().der());
    assert_eq!(certificate.subject().to_string(), "CN=leaf");
    assert_eq!(certificate.serial(), [&[0x7f][..], &[0xff; 19]].concat());
    assert_eq!(certificate.validity(), Validity::new(contents.begins, contents.ends).unwrap());
    assert!(certificate.is_for(key.public_key()));
    assert_eq!(certificate.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    assert_eq!(certificate.extended_key_usage().unwrap(), [oid::SERVER_AUTH, oid::CLIENT_AUTH]);
    assert_eq!(certificate.basic_constraints(), Some(BasicConstraints { ca: false, path_len: None }));
    assert_eq!(*certificate.subject_alt_names(), contents.names);
    assert_eq!(certificate.subject_key_identifier().unwrap(), key.public_key().identifier());
    assert_eq!(
        certificate.authority_key_identifier(),
        issuer.certificate().subject_key_identifier(),
        "the CA's key"
    );
    assert!(certificate.extensions().iter().any(|e| *e == extension("1.2.3", true)));
    assert_eq!(certificate.der()[..2], [0x30, 0x82], "a SEQUENCE");
    assert_eq!(certificate.der()[8..13], [0xa0, 3, 2, 1, 2], "of version 3");
}

#[test]
fn what_is_unusual_about_a_certificate_is_told() {
    let ca = Contents::ca("A");
    let issuer = ca.issuer();
    let told = |contents: &Contents| {
        let key = contents.new_key();
        texts(&contents.for_key(&issuer, key.public_key()).notices)
    };
    let leaf = Contents::leaf("leaf");
    assert_eq!(told(&leaf), [""; 0]);
    assert_eq!(told(&Contents { ends: ca.ends, ..leaf.clone() }), [""; 0]);
    assert_eq!(
        told(&Contents { ends: ca.ends + SECOND, ..leaf.clone() }),
        [
            "the certificate is valid until 2036-11-18 12:00:01 UTC, but its CA only until 2036-11-18 12:00:00 UTC: \
         after that, no program accepts the certificate"
        ]
    );
    assert_eq!(
        told(&Contents { subject: Subject::common_name("A"), ..leaf.clone() }),
        ["CN=A is also the name of the CA, so some programs take the certificate for self-signed"]
    );
    let nameless = Contents { names: SubjectAltNames::default(), ..leaf };
    let no_hosts = "no hosts: clients refuse a server certificate without any name or address";
    assert_eq!(told(&nameless), [no_hosts]);
    assert_eq!(told(&Contents { usages: vec![oid::CLIENT_AUTH], ..nameless.clone() }), [""; 0]);
    assert_eq!(told(&Contents { usages: Vec::new(), ..nameless }), [""; 0]);
}

/// As Go's `CreateCertificate` does it.
#[test]
fn a_certificate_with_the_name_of_its_ca_has_no_authority_key_identifier() {
    let issuer = Contents::ca("A").issuer();
    let (same, _) = Contents::leaf("A").under(&issuer);
    assert_eq!(same.authority_key_identifier(), None);
    let (other, _) = Contents::leaf("B").under(&issuer);
    assert!(other.authority_key_identifier().is_some());
}

#[test]
fn a_renewed_certificate_differs_in_serial_number_dates_and_issuer() {
    let first = Contents::ca("A").issuer();
    let contents = Contents { extensions: vec![extension("1.2.3", false)], ..Contents::leaf("leaf") };
    let (old, _) = contents.under(&first);
    let later = NOW + Duration::days(100) + Duration::seconds(31);
    let renewed = first.renew(&old, later, &Always(1)).unwrap();
    assert_eq!(renewed.notices, []);
    let new = renewed.value;
    new.verify_issued_by(first.certificate()).unwrap();
    assert_eq!(new.serial(), [1; 20]);
    // Five minutes before the nearest minute.
    let begin = NOW + Duration::days(100) - Duration::minutes(4);
    assert_eq!(new.validity(), Validity::new(begin, begin + Duration::days(365)).unwrap());
    assert_eq!((new.subject().der(), new.extensions()), (old.subject().der(), old.extensions()));
    assert!(new.has_key_of(&old));

    let second = Contents::ca("B").issuer();
    let renewed = second.renew(&old, NOW, &SystemRandomness).unwrap();
    assert_eq!(
        texts(&renewed.notices),
        [
            "it was issued by CN=A before and is issued by CN=B now: every program that checks it must trust CN=B"
        ]
    );
    let new = renewed.value;
    new.verify_issued_by(second.certificate()).unwrap();
    assert_eq!(new.authority_key_identifier(), second.certificate().subject_key_identifier());
    let kept = |certificate: &Certificate| {
        let mut extensions = certificate.extensions().to_vec();
        extensions.retain(|extension| extension.oid != oid::AUTHORITY_KEY_IDENTIFIER);
        extensions
    };
    assert_eq!(kept(&new), kept(&old));
    let order = |certificate: &Certificate| {
        certificate.extensions().iter().map(|extension| extension.oid).collect::<Vec<_>>()
    };
    assert_eq!(order(&new), order(&old));

    // A certificate that outlives its CA does so again.
    let long = Contents { ends: NOW + Duration::days(5000), ..Contents::leaf("long") };
    let (old, _) = long.under(&first);
    assert_eq!(texts(&first.renew(&old, NOW, &SystemRandomness).unwrap().notices).len(), 1);
}

#[test]
fn weak_keys_are_not_renewed() {
    let issuer = Contents::ca("A").issuer();
    let renew = |key: &PublicKey| {
        let old = Contents::leaf("old").for_key(&issuer, key).value;
        issuer.renew(&old, NOW, &SystemRandomness).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(renew(&rsa(2048)), Ok(()));
    assert_eq!(renew(&rsa(2047)), Err("rsa-2047 keys are too weak".to_owned()));
    assert_eq!(renew(&p224()), Err("ecdsa-224 keys are too weak".to_owned()));
}

/// RFC 5280 section 4.2.1.1: there is nothing to point at.
#[test]
fn a_ca_without_key_identifier_gives_none() {
    use crate::x509::sign::ToBeSigned;
    let contents = Contents::ca("A");
    let key: PrivateKey = contents.new_key();
    let subject = contents.subject.to_name().unwrap();
    let constraints = crate::x509::Extension::basic_constraints(contents.constraints).unwrap();
    let certificate = ToBeSigned {
        serial: SerialNumber::generate(&Always(1)).unwrap(),
        issuer: &subject,
        validity: Validity::new(contents.begins, contents.ends).unwrap(),
        subject: &subject,
        public_key: key.public_key(),
        extensions: &[constraints],
    };
    let issuer = Issuer::new(certificate.sign(&key).unwrap(), key).unwrap();
    let (leaf, _) = Contents::leaf("leaf").under(&issuer);
    assert_eq!(leaf.authority_key_identifier(), None);
    let (old, _) = Contents::leaf("leaf").under(&Contents::ca("B").issuer());
    let renewed = issuer.renew(&old, NOW, &SystemRandomness).unwrap().value;
    assert_eq!(renewed.authority_key_identifier(), None);
    assert_eq!(renewed.extensions().len(), old.extensions().len() - 1);
}
