//! Who trusts whom, and what the certificates of each kind say.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::{Client, Cluster, GivenAuthority, RoleSettings, SubjectFields};
use crate::etcd::describe as description;
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::{FoundKey, PemFile};
use crate::etcd::import::evidence;
use crate::etcd::import::evidence::Evidence;
use crate::etcd::import::importer::Importer;
use crate::etcd::import::known::Known;
use crate::etcd::import::outcome::AuthorityChoice;
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};
use crate::etcd::safe::label::Label;
use crate::x509::certificate::Certificate;
use crate::x509::name::Name;
use crate::x509::oid;

/// The option that names a member's certificate.
pub(crate) fn certificate_option(role: Role) -> &'static str {
    match role {
        Role::Gateway => GATEWAY.0,
        Role::Peer => PEER.certificate,
        _ => SERVER.certificate,
    }
}

/// The options that name the certificates of a CA.
fn authority_options(role: Role) -> &'static [&'static str] {
    match role {
        Role::ClientCa => &[SERVER.ca],
        Role::PeerCa => &[PEER.ca],
        _ => &[SERVER.ca, PEER.ca],
    }
}

/// Folders of certificates that are not etcd's, whatever else is in them.
const FOREIGN_FOLDERS: [&str; 5] =
    ["/etc/kubernetes", "/etc/pki", "/etc/ssl", "/usr/local/share/ca-", "/usr/share/ca-"];

/// The certificate of a CA, and where it is.
struct FoundAuthority<'a> {
    evidence: Evidence<'a>,
    /// None of one that cannot be gone on with
    given: Option<GivenAuthority>,
}

impl<'a> Importer<'a> {
    /// The layout that comes nearest.
    pub(crate) fn layout(&self) -> Layout {
        let (server, peer) = (self.common(SERVER.certificate), self.common(PEER.certificate));
        if server.is_some() && server == peer {
            return Layout::SharedCert;
        }
        if server.is_some() || peer.is_some() {
            return if self.has_two_authorities() { Layout::LeastPrivilege } else { Layout::SingleCa };
        }
        if self.told().next().is_some() {
            // Without any certificate, whatever is best.
            return Layout::default();
        }
        let stems: Vec<String> = self.pems().map(|file| evidence::stem(&file.path)).collect();
        let stems: Vec<String> =
            stems.into_iter().chain(self.requests(Role::Server).into_iter().map(|r| r.stem)).collect();
        let is_there = |word: &str| stems.iter().any(|stem| stem.contains(word));
        let is_split = is_there("server") && (is_there("peer") || is_there("member"));
        if is_split { Layout::SingleCa } else { Layout::SharedCert }
    }

    /// Whether clients and peers have different CAs: by their certificates, or else by the files' names.
    fn has_two_authorities(&self) -> bool {
        let differs = |known: &Known<'a>| {
            let (host, member) = known.told()?;
            let path = |option: &str| member.settings.value(option);
            let (clients, peers) = (path(SERVER.ca)?, path(PEER.ca)?);
            let file = |option: &str| host.pem(member, option);
            Some(match (file(SERVER.ca), file(PEER.ca)) {
                (Some(clients), Some(peers)) => clients.certificates != peers.certificates,
                _ => clients != peers,
            })
        };
        most_common(self.known.iter().filter_map(differs)).unwrap_or_default()
    }

    /// What certificates say, by kind, and who has one as a client.
    pub(crate) fn take_terms(&mut self, cluster: &mut Cluster, evidence: &[(usize, Role, Evidence<'a>)]) {
        let clients = self.clients();
        // What nothing tells of is like the rest.
        let all: Vec<&Evidence<'a>> = evidence.iter().map(|(.., evidence)| evidence).collect();
        cluster.certificate_settings.change(|role, terms| {
            let lifetime = terms.lifetime;
            *terms = terms_of(&all, terms);
            if role.is_authority() {
                terms.lifetime = lifetime;
            }
        });
        let mut terms: Vec<(Role, RoleSettings)> = Vec::new();
        for role in cluster.layout.authorities() {
            terms.extend(self.authority_terms(cluster, *role, evidence).map(|terms| (*role, terms)));
        }
        for role in cluster.layout.of_members() {
            let all: Vec<&Evidence<'a>> = evidence
                .iter()
                .filter(|(_, other, _)| other == role)
                .map(|(.., evidence)| evidence)
                .collect();
            let mut own = terms_of(&all, cluster.certificate_settings.of(*role));
            own.common_name = common_name_of_role(cluster, *role, evidence);
            own.file = self.file(certificate_option(*role)).filter(|file| file.as_str() != role.name());
            terms.push((*role, own));
        }
        let all: Vec<&Evidence<'a>> = clients.iter().collect();
        let mut own = terms_of(&all, cluster.certificate_settings.of(Role::Client));
        let stems: Vec<&str> = clients.iter().map(|client| client.stem.as_str()).collect();
        let is_same = stems.first().is_some_and(|first| stems.iter().all(|stem| stem == first));
        own.file = stems.first().filter(|_| is_same).and_then(|stem| Label::parse(stem).ok());
        own.file = own.file.filter(|file| file.as_str() != Role::Client.name());
        terms.push((Role::Client, own));
        without_clashes(&mut terms);
        cluster.certificate_settings.change(|role, changed| {
            if let Some((_, own)) = terms.iter().find(|(other, _)| *other == role) {
                *changed = own.clone();
            }
        });
        self.take_common_names(cluster, evidence);
        self.take_clients(cluster, &clients);
    }

    /// Members whose certificates have names of their own.
    fn take_common_names(&self, cluster: &mut Cluster, evidence: &[(usize, Role, Evidence<'a>)]) {
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

    /// The certificates that are for clients only, and that no member uses; of several of one name, the one that
    /// lives longest.
    fn clients(&self) -> Vec<Evidence<'a>> {
        let mut all: Vec<Evidence<'a>> = Vec::new();
        let is_gateways = |file: &PemFile| {
            self.told().any(|(host, member)| {
                host.pem(member, "client-cert-file").is_some_and(|own| own.certificates == file.certificates)
                    || member.settings.value("client-cert-file").map(Path::new).and_then(Path::file_name)
                        == file.path.file_name()
            })
        };
        let mut certificates: Vec<(&PemFile, &Certificate)> = self
            .pems()
            .filter_map(|file| Some((file, file.valid_certificates().next()?)))
            .filter(|(file, certificate)| evidence::is_client(certificate) && !is_gateways(file))
            .collect();
        // kubeadm has copies under names of its own.
        certificates.sort_by_key(|(file, c)| (std::cmp::Reverse(c.not_after()), is_kubeadms(&file.path)));
        let found = certificates.into_iter().map(|(file, c)| Evidence::of_certificate(file, c));
        // Nobody connects to a client by a name.
        let asked = self.requests(Role::Client).into_iter();
        let asked = asked.filter(|request| request.names.is_empty() && request.stem.contains("client"));
        for client in found.chain(asked) {
            if !all.iter().any(|known| known.subject.common_name() == client.subject.common_name()) {
                all.push(client);
            }
        }
        all.sort_by(|a, b| a.subject.common_name().cmp(&b.subject.common_name()));
        all
    }

    /// Whether a client's certificate is where kubeadm has it.
    fn is_for_kubeadm(&self, client: &Evidence<'a>) -> bool {
        self.pems().filter(|file| is_kubeadms(&file.path)).any(|file| {
            let copy = file.valid_certificates().next().map(Certificate::der);
            copy.is_some() && copy == client.certificate.map(Certificate::der)
        })
    }

    fn take_clients(&mut self, cluster: &mut Cluster, evidence: &[Evidence<'a>]) {
        let mut clients: Vec<Client> = Vec::new();
        for client in evidence {
            let name = client.subject.common_name().unwrap_or_default();
            match Label::parse(name) {
                Ok(name) => clients.push(Client { name, kubeadm: self.is_for_kubeadm(client) }),
                Err(error) => {
                    self.notice(
                        "clients",
                        client.place.clone(),
                        format!("this client is not described: {error}"),
                    );
                }
            }
        }
        let is_root = |client: &Client| client.name.as_str() == "root";
        if !clients.iter().any(is_root) {
            clients.insert(0, Client::root());
            self.notice("clients/root", Place::default(), "No certificate of root was found.");
        }
        cluster.clients = clients;
    }

    /// What a CA's certificate says, or where it is.
    fn authority_terms(
        &mut self,
        cluster: &Cluster,
        role: Role,
        evidence: &[(usize, Role, Evidence<'a>)],
    ) -> Option<RoleSettings> {
        let issued: Vec<&Certificate> = evidence
            .iter()
            .filter(|(_, other, _)| cluster.layout.issuer(*other) == role)
            .filter_map(|(.., evidence)| evidence.certificate)
            .collect();
        let options = authority_options(role);
        let file = options.iter().find_map(|option| self.file(option));
        let file = file.filter(|file| file.as_str() != role.name());
        let Some(authority) = self.authority(role, &issued) else {
            return Some(RoleSettings { file, ..cluster.certificate_settings.of(role).clone() });
        };
        if let (Some(given), AuthorityChoice::Keep) = (&authority.given, self.authorities) {
            if given.private_key.is_none() {
                let key = format!("certificates/{}", role.name());
                let text = "its key was not found: what it has to sign is put into requests";
                self.notice(key, authority.evidence.place.clone(), text);
            }
            return Some(RoleSettings {
                file,
                given: Some(given.clone()),
                ..cluster.certificate_settings.of(role).clone()
            });
        }
        if self.authorities == AuthorityChoice::Keep && authority.evidence.certificate.is_some() {
            let key = format!("certificates/{}", role.name());
            let text = "it cannot go on, so a new one is described, which nobody trusts yet";
            self.notice(key, authority.evidence.place.clone(), text);
        }
        let mut terms = terms_of(&[&authority.evidence], cluster.certificate_settings.of(role));
        terms.common_name = authority.evidence.subject.common_name().and_then(usable_common_name);
        terms.common_name = terms.common_name.filter(|name| *name != cluster.authority_name(role));
        terms.file = file;
        Some(terms)
    }

    /// The CA of a role: the one that its files hold, or else whoever issued the certificates.
    fn authority(&self, role: Role, issued: &[&Certificate]) -> Option<FoundAuthority<'a>> {
        let named = self.told().flat_map(|(host, member)| {
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
                certificates.iter().find(|(file, _)| of_name(file))
            }
            None => None,
        };
        if let Some((file, certificate)) = found {
            let evidence = Evidence::of_certificate(file, certificate);
            return Some(FoundAuthority { given: self.given(certificate), evidence });
        }
        let stem = authority_options(role).iter().find_map(|option| self.file(option));
        let names = [stem.as_ref().map_or(role.name(), Label::as_str), role.name(), "ca"];
        let requests = self.requests(role);
        let request = names.into_iter().find_map(|name| requests.iter().find(|request| request.stem == name));
        request.map(|request| FoundAuthority { evidence: request.clone(), given: None })
    }

    /// Where the certificate of a CA is that can go on, and its key, if that was found.
    fn given(&self, certificate: &Certificate) -> Option<GivenAuthority> {
        if !certificate.is_valid_at(self.now) || certificate.check_ca().is_err() {
            return None;
        }
        let public_key = certificate.public_key().ok()?;
        let holds_key = |file: &&PemFile| file.keys.contains(&FoundKey::Usable(public_key.clone()));
        let key = self.pems().find(holds_key).map(|file| file.path.clone());
        // Behind it there may only be those above it.
        let is_chain = |file: &&PemFile| {
            let certificates: Vec<&Certificate> = file.valid_certificates().collect();
            let is_first = certificates.first().is_some_and(|first| first.der() == certificate.der());
            let pairs = certificates.iter().zip(certificates.iter().skip(1));
            is_first && pairs.into_iter().all(|(below, above)| below.verify_issued_by(above).is_ok())
        };
        let mut files: Vec<_> = self.pems().filter(is_chain).map(|file| file.path.clone()).collect();
        let folder = key.as_deref().and_then(Path::parent);
        files.sort_by_key(|path| path.parent() != folder);
        Some(GivenAuthority { certificate: files.into_iter().next()?, private_key: key })
    }

    /// The name of the file that an option names on most members, as a description has it.
    fn file(&self, option: &str) -> Option<Label> {
        let stem = |path: &'a str| {
            let name = Path::new(path).file_name()?.to_str()?;
            Some(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
        };
        let names = self.told().filter_map(|(_, member)| stem(member.settings.value(option)?));
        let names: Vec<&str> = names.collect();
        let name = most_common(names.iter().copied())?;
        // Named after its member, it is another one on each.
        let is_shared = self.known.len() == 1 || names.iter().filter(|other| **other == name).count() > 1;
        Label::parse(name).ok().filter(|_| is_shared)
    }

    /// The folder of certificates, if it is etcd's own: everything in it is given to etcd's user.
    pub(crate) fn pki_folder(&self) -> Option<&'a str> {
        let folder = |path: &'a str| path.rsplit_once('/').map(|(folder, _)| folder);
        let (host, path) = self.told().find_map(|(host, member)| {
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

/// Whether a file has the name of the certificate with which kubeadm's API servers connect to etcd.
fn is_kubeadms(path: &Path) -> bool {
    evidence::stem(path) == "apiserver-etcd-client"
}

fn usable_common_name(name: &str) -> Option<String> {
    description::attribute(name, 64).ok()
}

/// What most of these certificates say; what they do not tell is as usual.
fn terms_of(all: &[&Evidence<'_>], usual: &RoleSettings) -> RoleSettings {
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

/// The attributes of a subject that can be described.
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

/// The common name that several members' certificates of a role share.
fn common_name_of_role(
    cluster: &Cluster,
    role: Role,
    evidence: &[(usize, Role, Evidence<'_>)],
) -> Option<String> {
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

/// Two files of one name would overwrite each other: the later one keeps the name of its kind.
fn without_clashes(terms: &mut [(Role, RoleSettings)]) {
    let mut taken: Vec<String> = Vec::new();
    for (role, terms) in terms {
        let names = |file: &str| [format!("{}-key", file.to_ascii_lowercase()), file.to_ascii_lowercase()];
        if let Some(file) = &terms.file
            && names(file.as_str()).iter().any(|name| taken.contains(name))
        {
            terms.file = None;
        }
        taken.extend(names(terms.file.as_ref().map_or(role.name(), Label::as_str)));
    }
}
