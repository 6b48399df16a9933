//! Gathers what certificates and requests tell of each member.

use std::path::Path;

use time::Duration;

use crate::etcd::cluster::layout::Role;
use crate::etcd::found::PemFile;
use crate::etcd::import::evidence::{Evidence, is_for, is_server, stem};
use crate::etcd::import::importer::Importer;
use crate::etcd::import::known::Known;
use crate::x509::certificate::Certificate;

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
        let policy = self.found.hosts.iter().flat_map(|host| host.ca_configs.values()).next()?;
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
