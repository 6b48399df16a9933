//! Finds the certificates and requests of each member.

use std::path::Path;

use time::Duration;

use crate::cfssl::csr_json::CaSection;
use crate::etcd::cluster::layout::Role;
use crate::etcd::found::PemFile;
use crate::etcd::import::evidence::{CertificateEvidence, is_for, is_server, stem};
use crate::etcd::import::importer::Importer;
use crate::etcd::import::members::KnownMember;
use crate::x509::certificate::Certificate;

impl<'a> Importer<'a> {
    /// Every file with certificates, keys or revocation lists, of all hosts.
    pub(crate) fn pems(&self) -> impl Iterator<Item = &'a PemFile> + use<'a> {
        self.found.hosts.iter().flat_map(|host| host.pems.values())
    }

    /// The certificate that a member has in a role, or else the request for it. `option` names the certificate's file,
    /// and `names` are the member's addresses and DNS names.
    pub(crate) fn held(
        &self,
        known: &KnownMember<'a>,
        role: Role,
        option: &str,
        names: &[String],
    ) -> Option<CertificateEvidence<'a>> {
        let Some((host, member)) = known.best_source() else {
            // Only other members or certificates name this member.
            return self.for_names(role, &known.hosts);
        };
        let path = member.settings.value(option)?;
        if let Some(file) = host.pem(member, option) {
            let certificate = file.valid_certificates().next()?;
            return Some(CertificateEvidence::of_certificate(file, certificate));
        }
        let name = Path::new(path).file_name()?;
        let files = self.pems().filter(|file| file.path.file_name() == Some(name));
        let first = files.filter_map(|file| Some((file, file.valid_certificates().next()?)));
        let first: Vec<_> = first.collect();
        let own = first.iter().find(|(_, certificate)| is_for(certificate.subject_alt_names(), names));
        let certificate = own.or(if let [only] = first.as_slice() { Some(only) } else { None });
        if let Some((file, certificate)) = certificate {
            return Some(CertificateEvidence::of_certificate(file, certificate));
        }
        self.request(role, &stem(Path::new(path)), names)
    }

    /// A server's certificate for one of `names`, or else the request for it. Of several, one whose file is called
    /// after the role comes first.
    fn for_names(&self, role: Role, names: &[String]) -> Option<CertificateEvidence<'a>> {
        if names.is_empty() || role == Role::Gateway {
            return None;
        }
        let certificates = self.pems().filter_map(|file| Some((file, file.valid_certificates().next()?)));
        let is_for_names = |certificate: &Certificate| {
            is_server(certificate) && is_for(certificate.subject_alt_names(), names)
        };
        let mut all: Vec<_> = certificates.filter(|(_, certificate)| is_for_names(certificate)).collect();
        all.sort_by_key(|(file, _)| !stem(&file.path).contains(role.name()));
        match all.first() {
            Some((file, certificate)) => Some(CertificateEvidence::of_certificate(file, certificate)),
            None => self.request(role, role.name(), names),
        }
    }

    /// The request whose file is called `name`, or else a request for one of `names`.
    fn request(&self, role: Role, name: &str, names: &[String]) -> Option<CertificateEvidence<'a>> {
        let requests = self.requests(role);
        let named = |evidence: &&CertificateEvidence<'a>| evidence.stem == name;
        let own = |evidence: &&CertificateEvidence<'a>| is_for(&evidence.names, names);
        let of_name = || requests.iter().filter(named);
        let nearest = of_name().find(own).or_else(|| of_name().next()).or_else(|| requests.iter().find(own));
        nearest.cloned()
    }

    /// Every request for cfssl, with the lifetime that cfssl gives to a certificate of the role.
    pub(crate) fn requests(&self, role: Role) -> Vec<CertificateEvidence<'a>> {
        let mut all = Vec::new();
        for host in &self.found.hosts {
            for (path, request) in &host.requests {
                let lifetime = match &request.ca {
                    Some(ca) => Some(ca.expiry),
                    // cfssl's default for a CA.
                    None if role.is_authority() => Some(CaSection::default().expiry),
                    None => self.lifetime(role, &stem(path)),
                };
                all.extend(CertificateEvidence::of_request(path, request, lifetime));
            }
        }
        all
    }

    /// The lifetime in the ca-config's profile for a role: the profile with the name of the request's file or of the
    /// role, `peer`, `etcd`, or the only profile. `None` if there is no such profile.
    fn lifetime(&self, role: Role, stem: &str) -> Option<Duration> {
        let ca_config = self.found.hosts.iter().flat_map(|host| host.ca_configs.values()).next()?;
        let usual = match role {
            Role::Client | Role::Gateway => "client",
            Role::Server => "server",
            _ => "peer",
        };
        let names: Vec<&str> = ca_config.names().collect();
        let exact = [stem, usual, "peer", "etcd"].into_iter().find(|name| names.contains(name));
        let name = exact.or(if let [only] = names.as_slice() { Some(only) } else { None });
        ca_config.profile(name).ok().map(|profile| profile.value.expiry).filter(|expiry| expiry.is_positive())
    }
}
