//! The layout, the CAs, the clients, and the settings of the certificates of each role.

use std::cmp::Reverse;
use std::path::Path;

use crate::base::place::Place;
use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::{Client, Cluster, GivenAuthority, RoleSettings, SubjectFields};
use crate::etcd::describe as description;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::{FoundKey, PemFile};
use crate::etcd::import::evidence;
use crate::etcd::import::evidence::{CertificateEvidence, MemberCertificate};
use crate::etcd::import::importer::Importer;
use crate::etcd::import::members::KnownMember;
use crate::etcd::import::outcome::AuthorityChoice;
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};
use crate::etcd::safe::label::Label;
use crate::x509::certificate::Certificate;
use crate::x509::name::Name;
use crate::x509::oid;

/// The option that names the certificate of a member in a role.
pub(crate) fn certificate_option(role: Role) -> &'static str {
    match role {
        Role::Gateway => GATEWAY.0,
        Role::Peer => PEER.certificate,
        _ => SERVER.certificate,
    }
}

/// The options that name the certificate of a CA.
fn authority_options(role: Role) -> &'static [&'static str] {
    match role {
        Role::ClientCa => &[SERVER.ca],
        Role::PeerCa => &[PEER.ca],
        _ => &[SERVER.ca, PEER.ca],
    }
}

/// Beginnings of folders that are for the certificates of other programs.
const FOREIGN_FOLDERS: [&str; 5] =
    ["/etc/kubernetes", "/etc/pki", "/etc/ssl", "/usr/local/share/ca-", "/usr/share/ca-"];

/// A CA that was found.
struct FoundAuthority<'a> {
    evidence: CertificateEvidence<'a>,
    /// The files of the CA, or why a description cannot name them; `None` if only the request for the CA was found.
    given: Option<Result<GivenAuthority, String>>,
}

impl<'a> Importer<'a> {
    /// The layout that fits best, by the options of members, or else by the names of files.
    pub(crate) fn layout(&self) -> Layout {
        let (server, peer) = (self.common(SERVER.certificate), self.common(PEER.certificate));
        if server.is_some() && server == peer {
            return Layout::SharedCert;
        }
        if server.is_some() || peer.is_some() {
            return if self.has_two_authorities() { Layout::LeastPrivilege } else { Layout::SingleCa };
        }
        if self.members_on_hosts().next().is_some() {
            // Members without TLS can have any layout.
            return Layout::default();
        }
        let stems: Vec<String> = self.pems().map(|file| evidence::stem(&file.path)).collect();
        let stems: Vec<String> =
            stems.into_iter().chain(self.requests(Role::Server).into_iter().map(|r| r.stem)).collect();
        let is_there = |word: &str| stems.iter().any(|stem| stem.contains(word));
        let is_split = is_there("server") && (is_there("peer") || is_there("member"));
        if is_split { Layout::SingleCa } else { Layout::SharedCert }
    }

    /// Whether most members trust different CAs for clients and for peers, by the certificates, or else by the names of
    /// their files.
    fn has_two_authorities(&self) -> bool {
        let differs = |known: &KnownMember<'a>| {
            let (host, member) = known.best_source()?;
            let path = |option: &str| member.settings.value(option);
            let (clients, peers) = (path(SERVER.ca)?, path(PEER.ca)?);
            let file = |option: &str| host.pem(member, option);
            Some(match (file(SERVER.ca), file(PEER.ca)) {
                (Some(clients), Some(peers)) => clients.certificates != peers.certificates,
                _ => clients != peers,
            })
        };
        most_common(self.members.iter().filter_map(differs)).unwrap_or_default()
    }

    /// Sets what certificates contain, by role and by member, and the clients.
    pub(crate) fn import_certificate_settings(
        &mut self,
        cluster: &mut Cluster,
        evidence: &[MemberCertificate<'a>],
    ) {
        let clients = self.clients();
        // A role without any certificate gets the settings that most certificates have.
        let all: Vec<&CertificateEvidence<'a>> = evidence.iter().map(|(.., evidence)| evidence).collect();
        cluster.certificate_settings.change(|role, settings| {
            let lifetime = settings.lifetime;
            *settings = settings_of(&all, settings);
            if role.is_authority() {
                settings.lifetime = lifetime;
            }
        });
        let mut settings: Vec<(Role, RoleSettings)> = Vec::new();
        for role in cluster.layout.authorities() {
            settings.push((*role, self.authority_settings(cluster, *role, evidence)));
        }
        for role in cluster.layout.of_members() {
            let all: Vec<&CertificateEvidence<'a>> = evidence
                .iter()
                .filter(|(_, other, _)| other == role)
                .map(|(.., evidence)| evidence)
                .collect();
            let mut own = settings_of(&all, cluster.certificate_settings.of(*role));
            own.common_name = common_name_of_role(cluster, *role, evidence);
            own.file = self.file(certificate_option(*role)).filter(|file| file.as_str() != role.name());
            settings.push((*role, own));
        }
        let all: Vec<&CertificateEvidence<'a>> = clients.iter().collect();
        let mut own = settings_of(&all, cluster.certificate_settings.of(Role::Client));
        let stems: Vec<&str> = clients.iter().map(|client| client.stem.as_str()).collect();
        let is_same = stems.first().is_some_and(|first| stems.iter().all(|stem| stem == first));
        own.file = stems.first().filter(|_| is_same).and_then(|stem| Label::parse(stem).ok());
        own.file = own.file.filter(|file| file.as_str() != Role::Client.name());
        settings.push((Role::Client, own));
        reset_clashing_files(&mut settings);
        cluster.certificate_settings.change(|role, changed| {
            if let Some((_, own)) = settings.iter().find(|(other, _)| *other == role) {
                *changed = own.clone();
            }
        });
        self.import_common_names(cluster, evidence);
        self.import_clients(cluster, &clients);
    }

    /// Sets the common names of members that differ from the usual one, which is the role's or else the member's name.
    fn import_common_names(&self, cluster: &mut Cluster, evidence: &[MemberCertificate<'a>]) {
        for index in 0..cluster.members.len() {
            let Some(member) = cluster.members.get(index) else { continue };
            let own = evidence.iter().filter(|(other, role, _)| *other == index && role.is_named());
            let names: Vec<(Role, Option<&str>)> =
                own.map(|(_, role, evidence)| (*role, evidence.subject.common_name())).collect();
            let expected = |role: Role| {
                let common = cluster.certificate_settings.of(role).common_name.clone();
                common.unwrap_or_else(|| member.name().to_string())
            };
            let Some((_, Some(first))) = names.first() else { continue };
            let is_same = names.iter().all(|(_, name)| *name == Some(first));
            let is_expected = names.iter().all(|(role, name)| *name == Some(expected(*role).as_str()));
            let name = description::attribute(first, 64).ok().filter(|_| is_same && !is_expected);
            if let Some(member) = cluster.members.get_mut(index) {
                member.overrides.common_name = name;
            }
        }
    }

    /// The certificates that are for clients only, or that clients are told to show, that etcd accepts, and that no
    /// member uses. Of several with one common name, the one that ends last.
    pub(crate) fn clients(&self) -> Vec<CertificateEvidence<'a>> {
        let mut all: Vec<CertificateEvidence<'a>> = Vec::new();
        let trusted = self.trusted_for_clients();
        let accepts = |certificate: &Certificate| {
            trusted.is_empty() || trusted.iter().any(|ca| certificate.verify_issued_by(ca).is_ok())
        };
        let is_told = |file: &PemFile| self.found.of_clients.iter().any(|told| told.is_in(&file.path));
        let is_members = |file: &PemFile| {
            self.members_on_hosts().any(|(host, member)| {
                [SERVER.certificate, PEER.certificate].iter().any(|option| {
                    host.pem(member, option).is_some_and(|own| own.certificates == file.certificates)
                })
            })
        };
        let is_gateways = |file: &PemFile| {
            self.members_on_hosts().any(|(host, member)| {
                host.pem(member, "client-cert-file").is_some_and(|own| own.certificates == file.certificates)
                    || member.settings.value("client-cert-file").map(Path::new).and_then(Path::file_name)
                        == file.path.file_name()
            })
        };
        let mut certificates: Vec<(&PemFile, &Certificate)> = self
            .pems()
            .filter_map(|file| Some((file, file.valid_certificates().next()?)))
            .filter(|(file, certificate)| {
                let is_client = evidence::is_client(certificate)
                    || is_told(file) && !evidence::is_authority(certificate) && !is_members(file);
                is_client && !is_gateways(file) && accepts(certificate)
            })
            .collect();
        // A copy for kubeadm comes after the client's own file, whose name it would hide.
        certificates.sort_by_key(|(file, c)| (Reverse(c.not_after()), is_for_kubeadm(&file.path)));
        let found = certificates.into_iter().map(|(file, c)| CertificateEvidence::of_certificate(file, c));
        // A client's request has no hosts.
        let requests = self.requests(Role::Client).into_iter();
        let requests = requests.filter(|request| request.names.is_empty() && request.stem.contains("client"));
        for client in found.chain(requests) {
            if !all.iter().any(|known| known.subject.common_name() == client.subject.common_name()) {
                all.push(client);
            }
        }
        all.sort_by(|a, b| a.subject.common_name().cmp(&b.subject.common_name()));
        all
    }

    /// The CAs whose certificates etcd accepts from clients; empty if they were not found.
    fn trusted_for_clients(&self) -> Vec<&'a Certificate> {
        self.authorities_by(&[SERVER.ca])
    }

    /// The CAs that members trust; empty if they were not found.
    pub(crate) fn authorities_of_members(&self) -> Vec<&'a Certificate> {
        self.authorities_by(&[SERVER.ca, PEER.ca])
    }

    /// The CAs in the files that options of members name, and those below them.
    fn authorities_by(&self, options: &[&str]) -> Vec<&'a Certificate> {
        let mut all: Vec<&Certificate> = Vec::new();
        for (host, member) in self.members_on_hosts() {
            let files = options.iter().filter_map(|option| host.pem(member, option));
            for certificate in files.flat_map(PemFile::valid_certificates) {
                if !all.iter().any(|known| known.der() == certificate.der()) {
                    all.push(certificate);
                }
            }
        }
        let below = self.pems().flat_map(PemFile::valid_certificates).filter(|certificate| {
            let is_below = |ca: &&&Certificate| {
                ca.der() != certificate.der() && certificate.verify_issued_by(ca).is_ok()
            };
            evidence::is_authority(certificate) && all.iter().find(is_below).is_some()
        });
        let below: Vec<&Certificate> = below.collect();
        all.extend(below);
        all
    }

    /// Whether a copy of a client's certificate is where kubeadm expects it.
    fn has_copy_for_kubeadm(&self, client: &CertificateEvidence<'a>) -> bool {
        self.pems().filter(|file| is_for_kubeadm(&file.path)).any(|file| {
            let copy = file.valid_certificates().next().map(Certificate::der);
            copy.is_some() && copy == client.certificate.map(Certificate::der)
        })
    }

    /// Sets the clients. There is always one called root, which etcd's access control needs.
    fn import_clients(&mut self, cluster: &mut Cluster, evidence: &[CertificateEvidence<'a>]) {
        let mut clients: Vec<Client> = Vec::new();
        for client in evidence {
            let name = client.subject.common_name().unwrap_or_default();
            match Label::parse(name) {
                Ok(name) => clients.push(Client { name, kubeadm: self.has_copy_for_kubeadm(client) }),
                Err(error) => {
                    self.notice(
                        "clients",
                        client.place.clone(),
                        format!("this client is not in the description: {error}"),
                    );
                }
            }
        }
        let is_root = |client: &Client| client.name.as_str() == "root";
        if !clients.iter().any(is_root) {
            clients.insert(0, Client::root());
            self.notice(
                "clients/root",
                Place::default(),
                "no certificate of the client root was found, so that a new one is described",
            );
        }
        cluster.clients = clients;
    }

    /// The settings of a CA: the files of the one that was found, or else the contents of a new one that resembles it.
    fn authority_settings(
        &mut self,
        cluster: &Cluster,
        role: Role,
        evidence: &[MemberCertificate<'a>],
    ) -> RoleSettings {
        let issued: Vec<&Certificate> = evidence
            .iter()
            .filter(|(_, other, _)| cluster.layout.issuer(*other) == role)
            .filter_map(|(.., evidence)| evidence.certificate)
            .collect();
        let file = authority_options(role).iter().find_map(|option| self.file(option));
        let file = file.filter(|file| file.as_str() != role.name());
        let usual = cluster.certificate_settings.of(role);
        let Some(FoundAuthority { evidence, given }) = self.authority(role, &issued) else {
            return RoleSettings { file, ..usual.clone() };
        };
        let key = format!("certificates/{}", role.name());
        match given.filter(|_| self.authorities == AuthorityChoice::Keep) {
            Some(Ok(given)) => {
                if given.private_key.is_none() {
                    let text = "the private key of this CA was not found, so that requests are made for the \
                                certificates that it has to issue";
                    self.notice(key, evidence.place, text);
                }
                return RoleSettings { file, given: Some(given), ..usual.clone() };
            }
            Some(Err(reason)) => {
                let text = format!(
                    "this CA cannot be kept, because {reason}: a new CA is described, which no member or client \
                     trusts yet"
                );
                self.notice(key, evidence.place.clone(), text);
            }
            None => {}
        }
        let common_name = evidence.subject.common_name().and_then(usable_common_name);
        RoleSettings {
            common_name: common_name.filter(|name| *name != cluster.authority_name(role)),
            file,
            ..settings_of(&[&evidence], usual)
        }
    }

    /// The CA of a role, which is the one that issued its certificates. If there are none, the CA is known by the name
    /// of its file, and if its certificate was not found either, by the request for it.
    fn authority(&self, role: Role, issued: &[&Certificate]) -> Option<FoundAuthority<'a>> {
        let named = self.members_on_hosts().flat_map(|(host, member)| {
            authority_options(role).iter().filter_map(move |option| host.pem(member, option))
        });
        let all = named.chain(self.pems());
        let certificates = all.flat_map(|file| file.valid_certificates().map(move |c| (file, c)));
        let certificates: Vec<_> = certificates.filter(|(_, c)| evidence::is_authority(c)).collect();
        let is_issuer = |certificate: &Certificate| {
            issued.iter().any(|issued| issued.verify_issued_by(certificate).is_ok())
        };
        let found = match certificates.iter().find(|(_, certificate)| is_issuer(certificate)) {
            Some(found) => Some(found),
            None if issued.is_empty() => {
                let stem = authority_options(role).iter().find_map(|option| self.file(option));
                let of_name = |file: &PemFile| {
                    stem.as_ref().is_none_or(|stem| evidence::stem(&file.path) == stem.as_str())
                };
                certificates.iter().find(|(file, _)| of_name(file) && !is_of_kubernetes(&file.path))
            }
            None => None,
        };
        if let Some((file, certificate)) = found {
            let evidence = CertificateEvidence::of_certificate(file, certificate);
            return Some(FoundAuthority { given: Some(self.given(certificate)), evidence });
        }
        let stem = authority_options(role).iter().find_map(|option| self.file(option));
        let names = [stem.as_ref().map_or(role.name(), Label::as_str), role.name(), "ca"];
        let requests = self.requests(role);
        let request = names.into_iter().find_map(|name| requests.iter().find(|request| request.stem == name));
        request.map(|request| FoundAuthority { evidence: request.clone(), given: None })
    }

    /// The files with the certificate and the key of a CA that can issue certificates.
    ///
    /// # Errors
    /// If a description cannot name the CA, why.
    fn given(&self, certificate: &Certificate) -> Result<GivenAuthority, String> {
        if !certificate.is_valid_at(self.now) {
            return Err("its certificate is not valid now".to_owned());
        }
        certificate.check_ca().map_err(|error| error.to_string())?;
        let public_key = certificate.public_key().map_err(|error| error.to_string())?;
        let holds_key = |file: &&PemFile| file.keys.contains(&FoundKey::Usable(public_key.clone()));
        let key = self.pems().find(holds_key).map(|file| file.path.clone());
        // After the CA's certificate, a file may only have the certificates of the CAs above it.
        let is_chain = |file: &&PemFile| {
            let certificates: Vec<&Certificate> = file.valid_certificates().collect();
            let is_first = certificates.first().is_some_and(|first| first.der() == certificate.der());
            let pairs = certificates.iter().zip(certificates.iter().skip(1));
            is_first && pairs.into_iter().all(|(below, above)| below.verify_issued_by(above).is_ok())
        };
        let mut files: Vec<_> = self.pems().filter(is_chain).map(|file| file.path.clone()).collect();
        let folder = key.as_deref().and_then(Path::parent);
        files.sort_by_key(|path| path.parent() != folder);
        let certificate = files.into_iter().next().ok_or("no file begins with its certificate")?;
        Ok(GivenAuthority { certificate, private_key: key })
    }

    /// The name of the file that an option names on most members, without its extension. `None` if each member has
    /// another.
    fn file(&self, option: &str) -> Option<Label> {
        let stem = |path: &'a str| {
            let name = Path::new(path).file_name()?.to_str()?;
            Some(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
        };
        let names = self.members_on_hosts().filter_map(|(_, member)| stem(member.settings.value(option)?));
        let names: Vec<&str> = names.collect();
        let name = most_common(names.iter().copied())?;
        // A name that only one of several members has is that of the member.
        let is_shared = self.members.len() == 1 || names.iter().filter(|other| **other == name).count() > 1;
        Label::parse(name).ok().filter(|_| is_shared)
    }

    /// The folder of certificates; `None` if it is not etcd's alone, since etcd's user becomes its owner.
    pub(crate) fn pki_folder(&self) -> Option<&'a str> {
        let folder = |path: &'a str| path.rsplit_once('/').map(|(folder, _)| folder);
        let (host, path) = self.members_on_hosts().find_map(|(host, member)| {
            let options = [SERVER.certificate, PEER.certificate];
            Some((host, options.iter().find_map(|option| member.settings.value(option))?))
        })?;
        let folder = folder(path)?;
        let on_disk = host.root.as_ref().map(|root| root.join(folder.trim_start_matches('/')));
        let seen = on_disk.map(|folder| {
            let below = host.pems.keys().filter(|path| path.starts_with(&folder));
            below.map(|path| host.is_named(path)).collect::<Vec<_>>()
        });
        let is_own = match seen.as_deref() {
            Some([]) | None => false,
            Some(named) => named.iter().all(|is_named| *is_named),
        };
        let is_foreign = FOREIGN_FOLDERS.iter().any(|foreign| folder.starts_with(foreign));
        (folder.contains("etcd") || is_own && !is_foreign).then_some(folder)
    }
}

/// Whether a file is of Kubernetes' own PKI, in which only one folder is etcd's (Kubernetes, "PKI certificates and
/// requirements").
fn is_of_kubernetes(path: &Path) -> bool {
    let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
    names.contains(&"kubernetes") && !names.contains(&"etcd")
}

/// Whether a file has the name that kubeadm uses for the certificate with which the API server connects to etcd.
fn is_for_kubeadm(path: &Path) -> bool {
    evidence::stem(path) == "apiserver-etcd-client"
}

/// A common name, if a description can have it.
fn usable_common_name(name: &str) -> Option<String> {
    description::attribute(name, 64).ok()
}

/// The settings that most of these certificates have. What the certificates do not tell is as in `usual`.
fn settings_of(all: &[&CertificateEvidence<'_>], usual: &RoleSettings) -> RoleSettings {
    let Some(subject) = most_common(all.iter().map(|evidence| subject(&evidence.subject))) else {
        return usual.clone();
    };
    RoleSettings {
        subject,
        key: most_common(all.iter().filter_map(|evidence| evidence.key_algorithm())).unwrap_or(usual.key),
        lifetime: most_common(all.iter().filter_map(|evidence| evidence.lifetime))
            .filter(|lifetime| description::is_lifetime(*lifetime))
            .unwrap_or(usual.lifetime),
        ..usual.clone()
    }
}

/// The attributes of a subject that a description can have.
fn subject(name: &Name) -> SubjectFields {
    let first = |oid, longest| {
        let text = name.values(oid).next()?;
        description::attribute(text, longest).ok()
    };
    SubjectFields {
        country: name.values(oid::COUNTRY_NAME).next().and_then(|text| description::country(text).ok()),
        province: first(oid::STATE_OR_PROVINCE_NAME, 128),
        locality: first(oid::LOCALITY_NAME, 128),
        organization: first(oid::ORGANIZATION_NAME, 64),
        organizational_unit: first(oid::ORGANIZATIONAL_UNIT_NAME, 64),
    }
}

/// The common name that the certificates of several members share in a role; `None` if it is the usual one.
fn common_name_of_role(cluster: &Cluster, role: Role, evidence: &[MemberCertificate<'_>]) -> Option<String> {
    let all: Vec<(usize, &str)> = evidence
        .iter()
        .filter(|(_, other, _)| *other == role)
        .filter_map(|(index, _, evidence)| Some((*index, evidence.subject.common_name()?)))
        .collect();
    let name = most_common(all.iter().map(|(_, name)| *name))?;
    let count = all.iter().filter(|(_, other)| *other == name).count();
    let is_usual = all.iter().any(|(index, other)| {
        let member = cluster.members.get(*index).map(|member| member.name().as_str()).unwrap_or_default();
        let usual = if role == Role::Gateway { format!("{member} gateway") } else { member.to_owned() };
        *other == name && usual == name
    });
    let is_shared = count > 1 || cluster.members.len() == 1;
    usable_common_name(name).filter(|_| is_shared && !is_usual)
}

/// Removes file names that an earlier role has already, so that no file overwrites another. Such a role has its usual
/// file name.
fn reset_clashing_files(settings: &mut [(Role, RoleSettings)]) {
    let mut taken: Vec<String> = Vec::new();
    for (role, settings) in settings {
        let names = |file: &str| [format!("{}-key", file.to_ascii_lowercase()), file.to_ascii_lowercase()];
        if let Some(file) = &settings.file
            && names(file.as_str()).iter().any(|name| taken.contains(name))
        {
            settings.file = None;
        }
        taken.extend(names(settings.file.as_ref().map_or(role.name(), Label::as_str)));
    }
}
