//! What is known of a certificate: from itself, or from what cfssl was asked for.

use std::net::IpAddr;
use std::path::Path;

use der::asn1::ObjectIdentifier;
use time::Duration;

use crate::base::place::Place;
use crate::cfssl::csr_json::Request;
use crate::etcd::cluster::Member;
use crate::etcd::found::PemFile;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::key::{KeyAlgorithm, PublicKeyKind};
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// What a certificate says, or was asked to say.
#[derive(Debug, Clone)]
pub(crate) struct Evidence<'a> {
    pub(crate) place: Place,
    pub(crate) subject: Name,
    pub(crate) names: SubjectAltNames,
    /// The kind of its key, as far as there is a word for it
    pub(crate) key: String,
    /// None if nothing tells
    pub(crate) lifetime: Option<Duration>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Vec<ObjectIdentifier>>,
    /// None of a request
    pub(crate) certificate: Option<&'a Certificate>,
    /// The name of its file, without extensions
    pub(crate) stem: String,
}

impl<'a> Evidence<'a> {
    pub(crate) fn of_certificate(file: &'a PemFile, certificate: &'a Certificate) -> Self {
        let key = certificate.public_key().map(|key| key.kind().to_string());
        Self {
            place: Place::file(&file.path),
            subject: certificate.subject().clone(),
            names: certificate.subject_alt_names().clone(),
            key: key.unwrap_or_else(|_| "a key of another kind".to_owned()),
            lifetime: Some(whole(certificate.not_after() - certificate.not_before())),
            key_usage: certificate.key_usage(),
            extended_key_usage: certificate.extended_key_usage().map(<[_]>::to_vec),
            certificate: Some(certificate),
            stem: stem(&file.path),
        }
    }

    pub(crate) fn of_request(path: &Path, request: &Request, lifetime: Option<Duration>) -> Option<Self> {
        let mut names = SubjectAltNames::default();
        for host in request.hosts.iter().filter(|host| !host.trim().is_empty()) {
            if let Ok(one) = SubjectAltNames::from_hosts(std::slice::from_ref(host), &mut Vec::new()) {
                names.dns.extend(one.dns);
                names.ip.extend(one.ip);
                names.email.extend(one.email);
                names.uri.extend(one.uri);
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

    /// The kind of its key, if one like it can be made.
    pub(crate) fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        KeyAlgorithm::ALL.into_iter().find(|kind| PublicKeyKind::from(*kind).to_string() == self.key)
    }
}

/// Some end a second before the whole time is over (RFC 5280 section 4.1.2.5 counts the last one too), and some
/// are counted from a moment before.
pub(crate) fn whole(lifetime: Duration) -> Duration {
    let hours = (lifetime + Duration::minutes(10)).whole_hours();
    let nearest = Duration::hours(hours);
    if (nearest - lifetime).abs() <= Duration::minutes(10) { nearest } else { lifetime }
}

/// `etcd-server` of `etcd-server.pem`, `etcd-server-csr.json` and the like.
pub(crate) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
    name.strip_suffix("-csr").unwrap_or(name).to_owned()
}

/// Whether a server may show a certificate (RFC 5280 section 4.2.1.12), and it is no CA's.
pub(crate) fn is_server(certificate: &Certificate) -> bool {
    let usages = certificate.extended_key_usage();
    !is_authority(certificate) && usages.is_none_or(|usages| usages.contains(&oid::SERVER_AUTH))
}

/// Whether it is for clients only.
pub(crate) fn is_client(certificate: &Certificate) -> bool {
    certificate.extended_key_usage() == Some(&[oid::CLIENT_AUTH]) && !is_authority(certificate)
}

pub(crate) fn is_authority(certificate: &Certificate) -> bool {
    certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
}

/// The names that a member is reached by.
pub(crate) fn names_of(member: &Member) -> Vec<String> {
    let addresses = member.addresses().iter().map(ToString::to_string);
    addresses.chain(member.dns().iter().map(ToString::to_string)).collect()
}

pub(crate) fn is_for(names: &SubjectAltNames, hosts: &[String]) -> bool {
    hosts.iter().any(|host| match host.parse::<IpAddr>() {
        Ok(address) => names.ip.contains(&address),
        Err(_) => names.dns.iter().any(|name| name.eq_ignore_ascii_case(host)),
    })
}
