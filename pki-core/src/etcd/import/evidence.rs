//! What is known about a certificate: from the certificate itself, or from the request for it.

use std::net::IpAddr;
use std::path::Path;

use der::asn1::ObjectIdentifier;
use time::Duration;

use crate::base::place::Place;
use crate::cfssl::csr_json::Request;
use crate::etcd::cluster::Member;
use crate::etcd::cluster::layout::Role;
use crate::etcd::found::PemFile;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::key::{KeyAlgorithm, PublicKeyKind};
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// A certificate of a member, as the index of the member, its role, and the contents.
pub(crate) type MemberCertificate<'a> = (usize, Role, CertificateEvidence<'a>);

/// The contents of a certificate, or of a request for one.
#[derive(Debug, Clone)]
pub(crate) struct CertificateEvidence<'a> {
    pub(crate) place: Place,
    pub(crate) subject: Name,
    pub(crate) names: SubjectAltNames,
    /// The name of the key's algorithm and size.
    pub(crate) key: String,
    /// The time from `notBefore` to `notAfter`, or the one in the ca-config; `None` if neither was found.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Vec<ObjectIdentifier>>,
    /// The certificate; `None` if only the request was found.
    pub(crate) certificate: Option<&'a Certificate>,
    /// The name of the file, as [`stem`] has it.
    pub(crate) stem: String,
}

impl<'a> CertificateEvidence<'a> {
    /// The contents of a certificate in a file.
    pub(crate) fn of_certificate(file: &'a PemFile, certificate: &'a Certificate) -> Self {
        let key = certificate.public_key().map(|key| key.kind().to_string());
        Self {
            place: Place::file(&file.path),
            subject: certificate.subject().clone(),
            names: certificate.subject_alt_names().clone(),
            key: key.unwrap_or_else(|_| "an unknown kind of key".to_owned()),
            lifetime: Some(whole_hours(certificate.not_after() - certificate.not_before())),
            key_usage: certificate.key_usage(),
            extended_key_usage: certificate.extended_key_usage().map(<[_]>::to_vec),
            certificate: Some(certificate),
            stem: stem(&file.path),
        }
    }

    /// The contents of a request; `None` if its subject is not one that cfssl accepts. Hosts that cfssl refuses are
    /// left out.
    pub(crate) fn of_request(path: &Path, request: &Request, lifetime: Option<Duration>) -> Option<Self> {
        let mut names = SubjectAltNames::default();
        for host in request.hosts.iter().filter(|host| !host.trim().is_empty()) {
            if let Ok(one) = SubjectAltNames::from_hosts(std::slice::from_ref(host)) {
                names.dns.extend(one.value.dns);
                names.ip.extend(one.value.ip);
                names.email.extend(one.value.email);
                names.uri.extend(one.value.uri);
            }
        }
        Some(Self {
            place: Place::file(path),
            subject: request.subject().ok()?,
            names,
            key: request.key.to_string(),
            lifetime,
            key_usage: None,
            extended_key_usage: None,
            certificate: None,
            stem: stem(path),
        })
    }

    /// The algorithm of the key; `None` if such keys cannot be generated.
    pub(crate) fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        KeyAlgorithm::ALL.into_iter().find(|kind| PublicKeyKind::from(*kind).to_string() == self.key)
    }
}

/// A lifetime, rounded to whole hours if it is at most 10 minutes away from them. Some programs let a certificate end a
/// second early, since `notAfter` is a part of its validity (RFC 5280 section 4.1.2.5), and some let it begin a few
/// minutes before it was issued.
fn whole_hours(lifetime: Duration) -> Duration {
    let hours = (lifetime + Duration::minutes(10)).whole_hours();
    let nearest = Duration::hours(hours);
    if (nearest - lifetime).abs() <= Duration::minutes(10) { nearest } else { lifetime }
}

/// The name of a file without its extensions and cfssl's `-csr`: `etcd-server` for `etcd-server.pem` and
/// `etcd-server-csr.json`.
pub(crate) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
    name.strip_suffix("-csr").unwrap_or(name).to_owned()
}

/// Whether a certificate is a leaf that a server may use (RFC 5280 section 4.2.1.12).
pub(crate) fn is_server(certificate: &Certificate) -> bool {
    let usages = certificate.extended_key_usage();
    !is_authority(certificate) && usages.is_none_or(|usages| usages.contains(&oid::SERVER_AUTH))
}

/// Whether a certificate is a leaf for clients only.
pub(crate) fn is_client(certificate: &Certificate) -> bool {
    certificate.extended_key_usage() == Some(&[oid::CLIENT_AUTH]) && !is_authority(certificate)
}

/// Whether a certificate is a CA's (RFC 5280 section 4.2.1.9).
pub(crate) fn is_authority(certificate: &Certificate) -> bool {
    certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
}

/// The addresses and DNS names of a member, as texts.
pub(crate) fn names_of(member: &Member) -> Vec<String> {
    let addresses = member.addresses().iter().map(ToString::to_string);
    addresses.chain(member.dns().iter().map(ToString::to_string)).collect()
}

/// Whether a certificate is for one of `hosts`, which are addresses and DNS names.
pub(crate) fn is_for(names: &SubjectAltNames, hosts: &[String]) -> bool {
    hosts.iter().any(|host| match host.parse::<IpAddr>() {
        Ok(address) => names.ip.contains(&address),
        Err(_) => names.dns.iter().any(|name| name.eq_ignore_ascii_case(host)),
    })
}
