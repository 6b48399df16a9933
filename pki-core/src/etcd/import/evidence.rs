//! What is known of a certificate: from itself, or from what cfssl was asked for.

use std::net::IpAddr;
use std::path::Path;

use der::asn1::ObjectIdentifier;
use time::Duration;

use crate::base::place::Place;
use crate::cfssl::csr_json::Request;
use crate::etcd::cluster::Member;
use crate::etcd::cluster::layout::Role;
use crate::etcd::found::PemFile;
use crate::etcd::import::Importer;
use crate::etcd::import::known::Known;
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

    fn of_request(path: &Path, request: &Request, lifetime: Option<Duration>) -> Option<Self> {
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
fn whole(lifetime: Duration) -> Duration {
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

fn is_for(names: &SubjectAltNames, hosts: &[String]) -> bool {
    hosts.iter().any(|host| match host.parse::<IpAddr>() {
        Ok(address) => names.ip.contains(&address),
        Err(_) => names.dns.iter().any(|name| name.eq_ignore_ascii_case(host)),
    })
}

impl<'a> Importer<'a> {
    /// Every file of certificates that was found.
    pub(crate) fn pems(&self) -> impl Iterator<Item = &'a PemFile> + use<'a> {
        self.found.hosts.iter().flat_map(|host| host.pems.values())
    }

    /// What is known of the certificate that a member, reached by `names`, has in a role.
    pub(crate) fn held(
        &self,
        known: &Known<'a>,
        role: Role,
        option: &str,
        names: &[String],
    ) -> Option<Evidence<'a>> {
        let Some((host, member)) = known.told() else {
            // Of one that only others name, and of those that were made up.
            return self.for_names(role, &known.hosts);
        };
        let path = member.settings.value(option)?;
        if let Some(file) = host.pem(member, option) {
            let certificate = file.valid_certificates().next()?;
            return Some(Evidence::of_certificate(file, certificate));
        }
        let name = Path::new(path).file_name()?;
        let files = self.pems().filter(|file| file.path.file_name() == Some(name));
        let first = files.filter_map(|file| Some((file, file.valid_certificates().next()?)));
        let first: Vec<_> = first.collect();
        let own = first.iter().find(|(_, certificate)| is_for(certificate.subject_alt_names(), names));
        let certificate = own.or(if let [only] = first.as_slice() { Some(only) } else { None });
        if let Some((file, certificate)) = certificate {
            return Some(Evidence::of_certificate(file, certificate));
        }
        self.asked_for(role, &stem(Path::new(path)), names)
    }

    /// A certificate of a server that has one of these names.
    fn for_names(&self, role: Role, names: &[String]) -> Option<Evidence<'a>> {
        if names.is_empty() || role == Role::Gateway {
            return None;
        }
        let certificates = self.pems().filter_map(|file| Some((file, file.valid_certificates().next()?)));
        let suits = |certificate: &Certificate| {
            is_server(certificate) && is_for(certificate.subject_alt_names(), names)
        };
        let mut all: Vec<_> = certificates.filter(|(_, certificate)| suits(certificate)).collect();
        all.sort_by_key(|(file, _)| !stem(&file.path).contains(role.name()));
        match all.first() {
            Some((file, certificate)) => Some(Evidence::of_certificate(file, certificate)),
            None => self.asked_for(role, role.name(), names),
        }
    }

    /// What cfssl was asked for under a file's name, or else for a server of one of these names.
    fn asked_for(&self, role: Role, name: &str, names: &[String]) -> Option<Evidence<'a>> {
        let requests = self.requests(role);
        let named = |evidence: &&Evidence<'a>| evidence.stem == name;
        let own = |evidence: &&Evidence<'a>| is_for(&evidence.names, names);
        let of_name = || requests.iter().filter(named);
        let nearest = of_name().find(own).or_else(|| of_name().next()).or_else(|| requests.iter().find(own));
        nearest.cloned()
    }

    /// Everything that cfssl was asked for, with the lifetime that a certificate of a role has from it.
    pub(crate) fn requests(&self, role: Role) -> Vec<Evidence<'a>> {
        let mut all = Vec::new();
        for host in &self.found.hosts {
            for (path, request) in &host.requests {
                let lifetime = match &request.ca {
                    Some(ca) => Some(ca.expiry),
                    // cfssl's default of a CA
                    None if role.is_authority() => Some(crate::cfssl::csr_json::CaSection::default().expiry),
                    None => self.lifetime(role, &stem(path)),
                };
                all.extend(Evidence::of_request(path, request, lifetime));
            }
        }
        all
    }

    /// How long what was signed under the profile of a role lives.
    fn lifetime(&self, role: Role, stem: &str) -> Option<Duration> {
        let policy = self.found.hosts.iter().flat_map(|host| host.policies.values()).next()?;
        let usual = match role {
            Role::Client | Role::Gateway => "client",
            Role::Server => "server",
            _ => "peer",
        };
        let names: Vec<&str> = policy.names().collect();
        let exact = [stem, usual, "peer", "etcd"].into_iter().find(|name| names.contains(name));
        let name = exact.or(if let [only] = names.as_slice() { Some(only) } else { None });
        policy.profile(name).ok().map(|profile| profile.expiry).filter(|expiry| expiry.is_positive())
    }
}
