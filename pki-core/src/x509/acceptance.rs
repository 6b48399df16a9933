//! Whether programs accept what a CA issues: the rules of Go's `crypto/x509` for a CA and a certificate below it.
//!
//! [`tls`](crate::tls) judges certificates that exist by them, and [`Issuer`](crate::x509::Issuer) judges those that it
//! issues, so that no certificate leaves it that nobody accepts.

use der::asn1::ObjectIdentifier;

use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::constraints::NameConstraints;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extensions;
use crate::x509::oid;

/// The first critical extension that Go's `processExtensions` leaves unhandled. subjectAltName is unhandled if Go knows
/// none of its names, nameConstraints if it has kinds of names that Go does not know.
pub(crate) fn unhandled_critical_extension(
    certificate: &Certificate,
    constraints: Option<&NameConstraints>,
) -> Option<ObjectIdentifier> {
    let is_handled = |id: ObjectIdentifier| match id {
        oid::SUBJECT_ALT_NAME => !certificate.subject_alt_names().is_empty(),
        oid::NAME_CONSTRAINTS => constraints.is_some_and(|found| !found.has_other_kinds),
        oid::KEY_USAGE
        | oid::BASIC_CONSTRAINTS
        | oid::CRL_DISTRIBUTION_POINTS
        | oid::AUTHORITY_KEY_IDENTIFIER
        | oid::POLICY_CONSTRAINTS
        | oid::EXTENDED_KEY_USAGE
        | oid::SUBJECT_KEY_IDENTIFIER
        | oid::CERTIFICATE_POLICIES
        | oid::POLICY_MAPPINGS
        | oid::INHIBIT_ANY_POLICY
        | oid::AUTHORITY_INFO_ACCESS => true,
        _ => false,
    };
    let mut critical = certificate.extensions().iter().filter(|extension| extension.critical);
    critical.find(|extension| !is_handled(extension.oid)).map(|extension| extension.oid)
}

/// Whether a certificate's own extKeyUsage allows `usage`. That of a CA restricts what is below it.
pub(crate) fn allows_usage(certificate: &Certificate, usage: ObjectIdentifier) -> bool {
    match certificate.extended_key_usage() {
        None | Some([]) => true,
        Some(usages) => usages.contains(&oid::ANY_EXTENDED_KEY_USAGE) || usages.contains(&usage),
    }
}

/// Checks that clients and servers accept `certificate`, which `ca` issued, as far as the CA decides it.
pub(in crate::x509) fn check(ca: &Certificate, certificate: &Certificate) -> Result<(), Error> {
    let usages = certificate.extended_key_usage().unwrap_or_default();
    check_planned(ca, certificate.subject_alt_names(), usages)
}

/// Checks the same for a certificate with these names and usages, before there is one.
pub(crate) fn check_planned(
    ca: &Certificate,
    names: &SubjectAltNames,
    usages: &[ObjectIdentifier],
) -> Result<(), Error> {
    let subject = || ca.subject().to_string();
    let constraints = match ca.extensions().find(oid::NAME_CONSTRAINTS) {
        Some(extension) => {
            let read = NameConstraints::from_der(extension.value.as_bytes());
            let malformed = |reason: &str| ErrorKind::Certificate { reason: reason.to_owned() };
            Some(read.map_err(malformed)?)
        }
        None => None,
    };
    if let Some(oid) = unhandled_critical_extension(ca, constraints.as_ref()) {
        return Err(ErrorKind::CaHasUnknownExtension { ca: subject(), oid }.into());
    }
    if let Some(name) = constraints.and_then(|found| found.forbids(names)) {
        return Err(ErrorKind::CaForbidsName { ca: subject(), name }.into());
    }
    // Who reads a response to OCSP looks for this usage in the responder's certificate alone (RFC 6960 section 4.2.2.2).
    let is_free = |usage| matches!(usage, oid::ANY_EXTENDED_KEY_USAGE | oid::OCSP_SIGNING);
    let mut forbidden = usages.iter().filter(|usage| !is_free(**usage));
    match forbidden.find(|usage| !allows_usage(ca, **usage)) {
        Some(usage) => Err(ErrorKind::CaForbidsUsage { ca: subject(), usage: usage_name(*usage) }.into()),
        None => Ok(()),
    }
}

/// The name of a usage in RFC 5280, or its object identifier.
fn usage_name(usage: ObjectIdentifier) -> String {
    match usage {
        oid::SERVER_AUTH => "serverAuth".to_owned(),
        oid::CLIENT_AUTH => "clientAuth".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::x509::{
        BasicConstraints, Extension, Issuer, KeyAlgorithm, KeySource, KeyUsage, Subject, SystemKeys,
        SystemRandomness, Template, Validity, root,
    };

    /// Issues a certificate for `etcd1.example` and 10.0.0.1 below a CA with these extensions.
    fn issue(usages: &[ObjectIdentifier], ca_extensions: &[Extension]) -> Result<(), ErrorKind> {
        let now = OffsetDateTime::now_utc();
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let subject = Subject::common_name("ca").to_name().unwrap();
        let validity = Validity::new(now, now + Duration::days(1)).unwrap();
        let ca = Template {
            key_usage: KeyUsage::KEY_CERT_SIGN,
            basic_constraints: BasicConstraints { ca: true, path_len: None },
            extensions: ca_extensions,
            ..Template::new(&subject, key.public_key(), validity)
        };
        let ca = root::issue(&ca, &key, &SystemRandomness).unwrap();
        let public_key = key.public_key().clone();
        let issuer = Issuer::new(ca, key).unwrap();
        let names = SubjectAltNames {
            dns: vec!["etcd1.example".to_owned()],
            ip: vec!["10.0.0.1".parse().unwrap()],
            ..SubjectAltNames::default()
        };
        let leaf = Subject::common_name("etcd1").to_name().unwrap();
        let template = Template {
            names: &names,
            extended_key_usage: usages,
            ..Template::new(&leaf, &public_key, validity)
        };
        let first = issuer.issue(&template, now, &SystemRandomness);
        let free = Issuer::new(issuer.certificate().clone(), OtherKey(issuer)).unwrap();
        if let Ok(issued) = &first {
            free.renew(&issued.value, now, &SystemRandomness).unwrap();
        }
        first.map(drop).map_err(crate::base::Error::into_kind)
    }

    /// The key of an issuer, to make another issuer with it.
    #[derive(Debug)]
    struct OtherKey(Issuer);

    impl crate::x509::SigningKey for OtherKey {
        fn public_key(&self) -> &crate::x509::PublicKey {
            self.0.key().public_key()
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
            self.0.key().sign(message)
        }
    }

    fn extension(oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Extension {
        Extension::new(oid, critical, value.to_vec()).unwrap()
    }

    #[test]
    fn a_ca_issues_nothing_that_its_usages_do_not_allow() {
        let client = Extension::extended_key_usage(&[oid::CLIENT_AUTH]).unwrap();
        assert!(issue(&[oid::CLIENT_AUTH], std::slice::from_ref(&client)).is_ok());
        assert!(issue(&[], std::slice::from_ref(&client)).is_ok());
        assert!(issue(&[oid::OCSP_SIGNING], std::slice::from_ref(&client)).is_ok());
        let refused = issue(&[oid::CLIENT_AUTH, oid::SERVER_AUTH], &[client]).unwrap_err();
        assert!(
            matches!(&refused, ErrorKind::CaForbidsUsage { usage, .. } if usage == "serverAuth"),
            "{refused}"
        );
        let any = Extension::extended_key_usage(&[oid::ANY_EXTENDED_KEY_USAGE]).unwrap();
        assert!(issue(&[oid::SERVER_AUTH], &[any]).is_ok());
    }

    #[test]
    fn a_ca_issues_nothing_that_its_name_constraints_do_not_allow() {
        // permitted: the DNS names below "example"; then the addresses of 10.0.0.0/8 and 11.0.0.0/8.
        let dns = |name: &[u8]| [&[0x30, 0x0d, 0xa0, 0x0b, 0x30, 0x09, 0x82, 0x07][..], name].concat();
        let ip = |first| {
            [&[0x30, 0x0e, 0xa0, 0x0c, 0x30, 0x0a, 0x87, 0x08, first, 0, 0, 0, 255, 0, 0, 0][..]].concat()
        };
        let constraints = |value: &[u8]| [extension(oid::NAME_CONSTRAINTS, true, value)];
        assert!(issue(&[], &constraints(&dns(b"example"))).is_ok());
        assert!(issue(&[], &constraints(&ip(10))).is_ok());
        for (value, name) in [(dns(b"exampl3"), "etcd1.example"), (ip(11), "10.0.0.1")] {
            let refused = issue(&[], &constraints(&value)).unwrap_err();
            assert!(
                matches!(&refused, ErrorKind::CaForbidsName { name: forbidden, .. } if forbidden == name),
                "{refused}"
            );
        }
        assert!(matches!(issue(&[], &constraints(&[0x30])).unwrap_err(), ErrorKind::Certificate { .. }));
    }

    #[test]
    fn a_ca_with_an_unknown_critical_extension_issues_nothing() {
        let own = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
        assert!(issue(&[], &[extension(own, false, &[5, 0])]).is_ok());
        let refused = issue(&[], &[extension(own, true, &[5, 0])]).unwrap_err();
        assert!(matches!(refused, ErrorKind::CaHasUnknownExtension { oid, .. } if oid == own));
    }
}
