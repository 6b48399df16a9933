//! Reading a description: YAML into the shape that was typed, and that into a [`Cluster`].

mod options;
#[cfg(test)]
mod schema;
mod typed;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_saphyr::{Location, Spanned};
use time::Duration;

pub(super) use self::options::described_by;
use self::typed::{
    OneOrMany, Text, TypedAuthority, TypedCertificate, TypedCertificates, TypedClient, TypedCluster,
    TypedContainer, TypedHost, TypedMember, TypedSubject,
};
use super::address::{DnsName, HostName, MemberAddress};
use super::cluster::{
    Bootstrap, Client, Cluster, Container, ContainerEngine, GivenAuthority, Hosts, InitialClusterState,
    Lifetimes, Member, MemberDetails, MemberUrls, Network, Rendering, RoleTerms, Style, SubjectFields, Terms,
    UnitKind,
};
use super::discovery;
use super::error::DescriptionError;
use super::host_path::HostPath;
use super::label::Label;
use super::layout::{Layout, Role};
use super::ssh::SshTarget;
use super::url::MemberUrl;
use super::version::EtcdVersion;
use crate::duration;
use crate::error::{Error, ErrorKind};
use crate::key::KeyAlgorithm;
use crate::notice::{Notice, NoticeKind};
use crate::place::Place;
use crate::suggest;

/// The longest subject attributes, in characters (RFC 5280 appendix A.1).
const UB_COMMON_NAME: usize = 64;
const UB_STATE_NAME: usize = 128;
const UB_LOCALITY_NAME: usize = 128;
const UB_ORGANIZATION_NAME: usize = 64;
const UB_ORGANIZATIONAL_UNIT_NAME: usize = 64;

/// Turns what is wrong at a place of the file into an error.
struct Reader<'a> {
    file: Option<&'a Path>,
}

/// The cluster that `text` describes.
pub(super) fn read(text: &str, file: Option<&Path>) -> Result<Cluster, Error> {
    let reader = Reader { file };
    // YAML 1.2: only `true` and `false` are truth values, while etcd has options that are `on` or `off`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let typed: TypedCluster =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| reader.syntax(error))?;
    reader.cluster(typed)
}

impl Reader<'_> {
    fn place(&self, location: Location) -> Place {
        let mut place = Place::default();
        if let (Ok(line @ 1..), Ok(column)) =
            (usize::try_from(location.line()), usize::try_from(location.column()))
        {
            place = place.at(line, column);
        }
        match self.file {
            Some(file) => place.or_file(file),
            None => place,
        }
    }

    fn error(&self, location: Location, error: DescriptionError) -> Error {
        Error::from(ErrorKind::Description(error)).at(self.place(location))
    }

    fn syntax(&self, error: serde_saphyr::Error) -> Error {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let kind = match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
                let near = suggest::near(field, expected.iter().copied()).map(str::to_owned);
                DescriptionError::UnknownKey { key: field.clone(), near, expected: expected.clone() }
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                DescriptionError::MissingKey { key: field }
            }
            serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
                DescriptionError::DuplicateKey { key: key.clone().unwrap_or_default() }
            }
            serde_saphyr::Error::Unexpected { expected, .. } => {
                DescriptionError::Syntax { message: format!("expected {}", in_words(expected)) }
            }
            serde_saphyr::Error::NullIntoString { .. } => {
                DescriptionError::Syntax { message: typed::NOTHING.to_owned() }
            }
            serde_saphyr::Error::MultipleDocuments { .. } => {
                DescriptionError::Syntax { message: "a second document begins here".to_owned() }
            }
            serde_saphyr::Error::Eof { .. } => DescriptionError::Syntax { message: "it is empty".to_owned() },
            other => DescriptionError::Syntax { message: without_position(&other.to_string()) },
        };
        self.error(location, kind)
    }

    /// What `parse` makes of a text, or its error at the text's place.
    fn parse<T>(
        &self,
        text: &Text<T>,
        parse: impl FnOnce(&str) -> Result<T, DescriptionError>,
    ) -> Result<T, Error> {
        parse(&text.value).map_err(|error| self.error(text.referenced, error))
    }

    /// The same for what may be left out.
    fn parse_option<T>(
        &self,
        text: Option<&Text<T>>,
        parse: impl FnOnce(&str) -> Result<T, DescriptionError>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.parse(text, parse)).transpose()
    }

    /// The same for each of a list.
    fn parse_list<T>(
        &self,
        texts: Option<&OneOrMany<T>>,
        parse: impl Fn(&str) -> Result<T, DescriptionError>,
    ) -> Result<Vec<T>, Error> {
        let texts = texts.map(|OneOrMany(texts)| texts.as_slice()).unwrap_or_default();
        texts.iter().map(|text| self.parse(text, &parse)).collect()
    }

    fn cluster(&self, typed: TypedCluster) -> Result<Cluster, Error> {
        let name = self.parse(&typed.name, Label::parse)?;
        let version = self.parse_option(typed.version.as_ref(), EtcdVersion::parse)?.unwrap_or_default();
        let layout = self.parse_option(typed.layout.as_ref(), layout)?.unwrap_or_default();
        let terms = self.terms(&typed, layout)?;
        let rendering = self.rendering(&typed)?;
        if let (Style::Yaml, Some(text)) = (rendering.style, &typed.style) {
            // What the layout cannot do without: etcd would read the rest, and take every certificate of the CA.
            let needed = layout.has_peer_marker().then_some("peer-cert-allowed-hostname");
            if let Some(name) = needed.filter(|name| !options::is_in_yaml(name, version)) {
                let error = DescriptionError::OptionWithoutYaml { name: name.to_owned() };
                return Err(self.error(text.referenced, error));
            }
        }
        let hosts = self.hosts(typed.host.as_ref())?;
        let bootstrap = Bootstrap {
            token: self.parse_option(typed.token.as_ref(), Label::parse)?,
            state: self.parse_option(typed.state.as_ref(), state)?,
            discovery_srv: self.parse_option(typed.discovery_srv.as_ref(), DnsName::parse)?,
        };
        let network = self.network(&typed)?;
        let mut notices = Vec::new();
        if layout == Layout::SharedCert {
            notices.push(Notice::new(NoticeKind::SharedCertificates));
        }
        let mut reader = options::Reader { reader: self, version, style: rendering.style, notices };
        let options = reader.read(typed.options.as_ref())?;
        if typed.members.value.is_empty() {
            return Err(self.error(typed.members.referenced, DescriptionError::NoMembers));
        }
        let members = self.members(&typed.members.value, &bootstrap, &mut reader)?;
        let notices = reader.notices;
        let clients = self.clients(typed.clients)?;
        Ok(Cluster {
            name,
            version,
            layout,
            terms,
            rendering,
            hosts,
            bootstrap,
            network,
            options,
            members,
            clients,
            notices,
        })
    }

    fn rendering(&self, typed: &TypedCluster) -> Result<Rendering, Error> {
        let container = typed.container.as_ref().map(|typed| self.container(typed)).transpose()?;
        let unit = self.parse_option(typed.unit.as_ref(), unit)?;
        Ok(Rendering {
            style: self.parse_option(typed.style.as_ref(), style)?.unwrap_or_default(),
            unit: unit.unwrap_or_else(|| UnitKind::usual(container.as_ref())),
            container,
        })
    }

    fn container(&self, typed: &TypedContainer) -> Result<Container, Error> {
        let engine = self.parse_option(typed.engine.as_ref(), engine)?.unwrap_or_default();
        Ok(Container { engine, image: self.parse(&typed.image, image)? })
    }

    fn hosts(&self, typed: Option<&TypedHost>) -> Result<Hosts, Error> {
        let usual = Hosts::default();
        let Some(typed) = typed else { return Ok(usual) };
        let path = |text: &Option<Text<_>>| self.parse_option(text.as_ref(), HostPath::parse);
        let hosts = Hosts {
            binary: path(&typed.binary)?.unwrap_or(usual.binary),
            user: self.parse_option(typed.user.as_ref(), Label::parse)?.unwrap_or(usual.user),
            config: path(&typed.config)?.unwrap_or(usual.config),
            pki: path(&typed.pki)?.unwrap_or(usual.pki),
            data_dir: path(&typed.data_dir)?.unwrap_or(usual.data_dir),
            wal_dir: path(&typed.wal_dir)?,
        };
        let all = [
            (&typed.binary, Some(&hosts.binary)),
            (&typed.config, Some(&hosts.config)),
            (&typed.pki, Some(&hosts.pki)),
            (&typed.data_dir, Some(&hosts.data_dir)),
            (&typed.wal_dir, hosts.wal_dir.as_ref()),
        ];
        let all: Vec<_> = all.into_iter().filter_map(|(text, path)| Some((text.as_ref(), path?))).collect();
        // These, and everything below them, are given to etcd's user.
        for (index, (text, folder)) in all.iter().enumerate().skip(2) {
            let others = all.iter().enumerate().filter(|(other, _)| *other != index);
            let taken = others.map(|(_, other)| other).find(|(_, other)| {
                let is_its_log = **folder == hosts.data_dir && Some(*other) == hosts.wal_dir.as_ref();
                other == folder || (other.below(folder.as_str()).is_some() && !is_its_log)
            });
            let place = text.or(taken.and_then(|(other, _)| *other));
            if let Some(text) = place
                && (taken.is_some() || folder.is_shared())
            {
                let (folder, taken) = (folder.to_string(), taken.map(|(_, other)| other.to_string()));
                return Err(self.error(text.referenced, DescriptionError::NotItsOwn { folder, taken }));
            }
        }
        if let (Some(text), Some(folder)) = (&typed.wal_dir, hosts.wal_home()) {
            let mut others = [&hosts.binary, &hosts.config, &hosts.pki].into_iter();
            let taken = others.find(|other| *other == &folder || other.below(folder.as_str()).is_some());
            if taken.is_some() || folder.is_shared() {
                let (wal_dir, folder) = (text.value.clone(), folder.to_string());
                let taken = taken.map(HostPath::to_string);
                let error = DescriptionError::WalFolder { wal_dir, folder, taken };
                return Err(self.error(text.referenced, error));
            }
        }
        Ok(hosts)
    }

    fn network(&self, typed: &TypedCluster) -> Result<Network, Error> {
        let usual = Network::default();
        let client_port = self.parse_option(typed.client_port.as_ref(), port)?.unwrap_or(usual.client_port);
        let peer_port = self.parse_option(typed.peer_port.as_ref(), port)?.unwrap_or(usual.peer_port);
        if let Some(text) = typed.peer_port.as_ref().or(typed.client_port.as_ref())
            && client_port == peer_port
        {
            return Err(self.error(text.referenced, DescriptionError::SamePort { port: peer_port }));
        }
        let loopback = match &typed.loopback {
            Some(names) => self.parse_list(Some(names), HostName::parse)?,
            None => usual.loopback,
        };
        let listen_loopback = self.parse_option(typed.listen_loopback.as_ref(), boolean)?.unwrap_or_default();
        Ok(Network { client_port, peer_port, loopback, listen_loopback })
    }

    /// What every kind of certificate says: its own part of the description, or what all of them say.
    fn terms(&self, typed: &TypedCluster, layout: Layout) -> Result<Terms, Error> {
        let key = self.parse_option(typed.key.as_ref(), key)?.unwrap_or_default();
        let lifetimes = self.lifetimes(typed)?;
        let subject = self.subject(typed.subject.as_ref())?.unwrap_or_default();
        let used = |role: Role| {
            role == Role::Client
                || layout.authorities().contains(&role)
                || layout.of_members().contains(&role)
        };
        let mut files: HashMap<String, (Role, Option<Location>)> = HashMap::new();
        Terms::each(|role| {
            let lifetime = if role.is_authority() { lifetimes.ca } else { lifetimes.leaf };
            let usual = RoleTerms { key, lifetime, subject: subject.clone(), ..RoleTerms::default() };
            let section = typed.certificates.as_ref().and_then(|typed| typed.section(role));
            let place = section.as_ref().map(Section::place);
            if !used(role) {
                let error = DescriptionError::NoSuchCertificate { role, layout };
                return place.map_or(Ok(usual), |place| Err(self.error(place, error)));
            }
            let terms = match section {
                Some(Section::Authority(typed)) => self.authority(&typed.value, usual)?,
                Some(Section::Certificate(typed)) => self.certificate(&typed.value, usual)?,
                None => usual,
            };
            // Two files of one name would overwrite each other; a certificate's key is NAME-key.pem.
            let file = terms.file.as_ref().map_or(role.name(), Label::as_str).to_ascii_lowercase();
            for name in [format!("{file}-key.pem"), format!("{file}.pem")] {
                let other = files.insert(name.clone(), (role, place));
                if let Some((other, other_place)) = other
                    && let Some(at) = place.or(other_place)
                {
                    let owner = if place.is_none() { role } else { other };
                    let (what, owner) = ("the file", format!("the {} certificate", owner.name()));
                    return Err(self.error(at, DescriptionError::Clash { what, text: name, owner }));
                }
            }
            Ok(terms)
        })
    }

    fn authority(&self, typed: &TypedAuthority, usual: RoleTerms) -> Result<RoleTerms, Error> {
        let path = |text: &Text<PathBuf>| {
            let folder = self.file.and_then(Path::parent);
            folder.map_or_else(|| PathBuf::from(&text.value), |folder| folder.join(&text.value))
        };
        let file = self.parse_option(typed.file.as_ref(), Label::parse)?;
        if let Some(certificate) = &typed.certificate {
            let new = [place(&typed.common_name), place(&typed.key), place(&typed.validity)];
            let subject = typed.subject.as_ref().and_then(TypedSubject::place);
            if let Some(place) = new.into_iter().flatten().next().or(subject) {
                return Err(self.error(place, DescriptionError::GivenAuthority));
            }
            let given = GivenAuthority {
                certificate: path(certificate),
                private_key: typed.private_key.as_ref().map(path),
            };
            return Ok(RoleTerms { file, given: Some(given), ..usual });
        }
        if let Some(key) = &typed.private_key {
            return Err(self.error(key.referenced, DescriptionError::MissingKey { key: "certificate" }));
        }
        Ok(RoleTerms {
            common_name: self.common_name(typed.common_name.as_ref())?,
            subject: self.subject(typed.subject.as_ref())?.unwrap_or(usual.subject),
            key: self.parse_option(typed.key.as_ref(), key)?.unwrap_or(usual.key),
            lifetime: self.parse_option(typed.validity.as_ref(), lifetime)?.unwrap_or(usual.lifetime),
            file,
            ..RoleTerms::default()
        })
    }

    fn certificate(&self, typed: &TypedCertificate, usual: RoleTerms) -> Result<RoleTerms, Error> {
        Ok(RoleTerms {
            common_name: self.common_name(typed.common_name.as_ref())?,
            subject: self.subject(typed.subject.as_ref())?.unwrap_or(usual.subject),
            key: self.parse_option(typed.key.as_ref(), key)?.unwrap_or(usual.key),
            lifetime: self.parse_option(typed.validity.as_ref(), lifetime)?.unwrap_or(usual.lifetime),
            file: self.parse_option(typed.file.as_ref(), Label::parse)?,
            names: self.parse_list(typed.names.as_ref(), HostName::parse)?,
            given: None,
        })
    }

    fn lifetimes(&self, typed: &TypedCluster) -> Result<Lifetimes, Error> {
        let usual = Lifetimes::default();
        let Some(typed) = &typed.validity else { return Ok(usual) };
        Ok(Lifetimes {
            ca: self.parse_option(typed.ca.as_ref(), lifetime)?.unwrap_or(usual.ca),
            leaf: self.parse_option(typed.leaf.as_ref(), lifetime)?.unwrap_or(usual.leaf),
        })
    }

    fn common_name(&self, text: Option<&Text>) -> Result<Option<String>, Error> {
        self.parse_option(text, |text| attribute(text, UB_COMMON_NAME))
    }

    fn subject(&self, typed: Option<&TypedSubject>) -> Result<Option<SubjectFields>, Error> {
        let Some(typed) = typed else { return Ok(None) };
        let field =
            |text: &Option<Text>, longest| self.parse_option(text.as_ref(), |text| attribute(text, longest));
        Ok(Some(SubjectFields {
            country: self.parse_option(typed.country.as_ref(), country)?,
            province: field(&typed.province, UB_STATE_NAME)?,
            locality: field(&typed.locality, UB_LOCALITY_NAME)?,
            organization: field(&typed.organization, UB_ORGANIZATION_NAME)?,
            organizational_unit: field(&typed.organizational_unit, UB_ORGANIZATIONAL_UNIT_NAME)?,
        }))
    }

    fn members(
        &self,
        typed: &[TypedMember],
        bootstrap: &Bootstrap,
        options: &mut options::Reader<'_, '_>,
    ) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        // Case does not count: there are file systems and resolvers that do not see it.
        let mut owners: HashMap<(&'static str, String), String> = HashMap::new();
        let mut claim = |what, place: Location, value: String, owner: &Label| {
            let owned = owners.insert((what, value.to_ascii_lowercase()), owner.to_string());
            owned.map_or(Ok(()), |owner| {
                Err(self.error(place, DescriptionError::Clash { what, text: value, owner }))
            })
        };
        for typed in typed {
            let name = self.parse(&typed.name, Label::parse)?;
            claim("the name", typed.name.referenced, name.to_string(), &name)?;
            let (mut addresses, mut dns) = (Vec::new(), Vec::new());
            for text in typed.address.iter().flat_map(|OneOrMany(texts)| texts) {
                let address = self.parse(text, MemberAddress::parse)?;
                claim("the address", text.referenced, address.to_string(), &name)?;
                addresses.push(address);
            }
            for text in typed.dns.iter().flat_map(|OneOrMany(texts)| texts) {
                claim("the DNS name", text.referenced, text.value.clone(), &name)?;
                dns.push(self.parse(text, DnsName::parse)?);
            }
            if let (Some(domain), true) = (&bootstrap.discovery_srv, dns.is_empty()) {
                let derived = discovery::name(&name, domain);
                let derived = derived.map_err(|error| self.error(typed.name.referenced, error))?;
                claim("the DNS name", typed.name.referenced, derived.to_string(), &name)?;
            }
            let details = self.member_details(typed, options)?;
            let member = Member::with(name, addresses, dns, details);
            members.push(member.map_err(|error| self.error(typed.name.referenced, error))?);
        }
        Ok(members)
    }

    fn member_details(
        &self,
        typed: &TypedMember,
        options: &mut options::Reader<'_, '_>,
    ) -> Result<MemberDetails, Error> {
        Ok(MemberDetails {
            common_name: self.common_name(typed.common_name.as_ref())?,
            names: self.parse_list(typed.names.as_ref(), HostName::parse)?,
            state: self.parse_option(typed.state.as_ref(), state)?,
            ssh: self.parse_option(typed.ssh.as_ref(), SshTarget::parse)?,
            urls: MemberUrls {
                listen_client: self.parse_list(typed.listen_client_urls.as_ref(), listen_url)?,
                advertise_client: self.parse_list(typed.advertise_client_urls.as_ref(), MemberUrl::parse)?,
                listen_peer: self.parse_list(typed.listen_peer_urls.as_ref(), listen_url)?,
                initial_advertise_peer: self
                    .parse_list(typed.initial_advertise_peer_urls.as_ref(), MemberUrl::parse)?,
            },
            options: options.read(typed.options.as_ref())?,
        })
    }

    fn clients(&self, typed: Option<Vec<TypedClient>>) -> Result<Vec<Client>, Error> {
        let mut clients: Vec<Client> = Vec::new();
        let mut seen = HashSet::new();
        for TypedClient { name: text, kubeadm } in typed.unwrap_or_default() {
            let name = self.parse(&text, Label::parse)?;
            if !seen.insert(name.as_str().to_ascii_lowercase()) {
                let (what, owner) = ("the client's name", name.to_string());
                let error = DescriptionError::Clash { what, text: text.value, owner };
                return Err(self.error(text.referenced, error));
            }
            let kubeadm = self.parse_option(kubeadm.as_ref(), boolean)?.unwrap_or_default();
            clients.push(Client { name, kubeadm });
        }
        // Somebody has to be able to administer the cluster.
        if !clients.iter().any(|client| client.name.as_str() == "root") {
            clients.insert(0, Client::root());
        }
        Ok(clients)
    }
}

/// What a description says of one kind of certificate.
enum Section<'a> {
    Authority(&'a Spanned<TypedAuthority>),
    Certificate(&'a Spanned<TypedCertificate>),
}

impl Section<'_> {
    fn place(&self) -> Location {
        match self {
            Self::Authority(typed) => typed.referenced,
            Self::Certificate(typed) => typed.referenced,
        }
    }
}

impl TypedCertificates {
    fn section(&self, role: Role) -> Option<Section<'_>> {
        match role {
            Role::Ca => self.ca.as_ref().map(Section::Authority),
            Role::ClientCa => self.client_ca.as_ref().map(Section::Authority),
            Role::PeerCa => self.peer_ca.as_ref().map(Section::Authority),
            Role::Client => self.client.as_ref().map(Section::Certificate),
            Role::Gateway => self.gateway.as_ref().map(Section::Certificate),
            Role::Member => self.member.as_ref().map(Section::Certificate),
            Role::Peer => self.peer.as_ref().map(Section::Certificate),
            Role::Server => self.server.as_ref().map(Section::Certificate),
        }
    }
}

impl TypedSubject {
    /// Where the first of its attributes stands.
    fn place(&self) -> Option<Location> {
        let fields =
            [&self.country, &self.province, &self.locality, &self.organization, &self.organizational_unit];
        fields.into_iter().find_map(place)
    }
}

/// Where a text stands, if it is there.
fn place<T>(text: &Option<Text<T>>) -> Option<Location> {
    text.as_ref().map(|text| text.referenced)
}

/// One of several words.
fn choice<T: Copy, const N: usize>(
    what: &'static str,
    text: &str,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Result<T, DescriptionError> {
    all.into_iter().find(|choice| name(*choice) == text).ok_or_else(|| {
        let choices: Vec<_> = all.into_iter().map(name).collect();
        let near = suggest::near(text, choices.iter().copied()).map(str::to_owned);
        DescriptionError::Choice { what, text: text.to_owned(), near, choices }
    })
}

fn layout(text: &str) -> Result<Layout, DescriptionError> {
    choice("layout", text, Layout::ALL, Layout::name)
}

fn style(text: &str) -> Result<Style, DescriptionError> {
    choice("style", text, Style::ALL, Style::name)
}

fn unit(text: &str) -> Result<UnitKind, DescriptionError> {
    choice("kind of unit", text, UnitKind::ALL, UnitKind::name)
}

fn engine(text: &str) -> Result<ContainerEngine, DescriptionError> {
    choice("container engine", text, ContainerEngine::ALL, ContainerEngine::name)
}

fn state(text: &str) -> Result<InitialClusterState, DescriptionError> {
    choice("state", text, InitialClusterState::ALL, InitialClusterState::name)
}

fn boolean(text: &str) -> Result<bool, DescriptionError> {
    // YAML 1.2 section 10.3.2.
    let word = match text {
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        other => other,
    };
    Ok(choice("truth value", word, ["true", "false"], |word| word)? == "true")
}

fn key(text: &str) -> Result<KeyAlgorithm, DescriptionError> {
    choice("kind of key", text, KeyAlgorithm::ALL, KeyAlgorithm::name)
}

fn port(text: &str) -> Result<u16, DescriptionError> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| DescriptionError::Port { text: text.to_owned() })
}

/// etcd listens on addresses only (etcd, server/embed/config.go, `checkBindURLs`).
fn listen_url(text: &str) -> Result<MemberUrl, DescriptionError> {
    let url = MemberUrl::parse(text)?;
    match url.host() {
        HostName::Address(_) => Ok(url),
        HostName::Dns(_) => {
            let reason = "etcd listens on addresses only";
            Err(DescriptionError::Url { text: text.to_owned(), reason })
        }
    }
}

/// The name of a container image, with what may be in one and nothing that a shell could take otherwise.
pub(super) fn image(text: &str) -> Result<String, DescriptionError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(safe) {
        Ok(text.to_owned())
    } else {
        Err(DescriptionError::Image { text: text.to_owned() })
    }
}

/// Long enough to be of use, short enough that a date in it has four digits.
const SHORTEST: Duration = Duration::HOUR;
const LONGEST: Duration = Duration::days(100 * 365);

/// Whether a certificate can be asked to live so long.
pub(super) fn is_lifetime(lifetime: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&lifetime)
}

fn lifetime(text: &str) -> Result<Duration, DescriptionError> {
    let lifetime = duration::parse(text).map_err(DescriptionError::Duration)?;
    let wrong = |reason| DescriptionError::Lifetime { text: text.to_owned(), reason };
    if lifetime < SHORTEST {
        Err(wrong("a certificate must live an hour at least"))
    } else if lifetime > LONGEST {
        Err(wrong("a certificate must not live longer than 100 years"))
    } else {
        Ok(lifetime)
    }
}

/// A value of a subject's attribute.
pub(super) fn attribute(text: &str, longest: usize) -> Result<String, DescriptionError> {
    let reason = if text.trim().is_empty() {
        "it is empty".to_owned()
    } else if text.chars().any(char::is_control) {
        "it has control characters".to_owned()
    } else if text.chars().count() > longest {
        format!("it is longer than {longest} characters")
    } else {
        return Ok(text.to_owned());
    };
    Err(DescriptionError::Subject { text: text.to_owned(), reason })
}

pub(super) fn country(text: &str) -> Result<String, DescriptionError> {
    if text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    let reason = "a country has two letters (ISO 3166)".to_owned();
    Err(DescriptionError::Subject { text: text.to_owned(), reason })
}

/// YAML's events by what a person writes.
fn in_words(event: &str) -> &str {
    match event {
        "mapping start" => "keys and values",
        "sequence start" => "a list",
        "string scalar" => "a text",
        other => other,
    }
}

/// The reader's messages end with the position, which [`Place`] already tells.
fn without_position(message: &str) -> String {
    let end = message.find(" at line ").or_else(|| message.find("\n"));
    end.and_then(|end| message.get(..end)).unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text, Some(Path::new("cluster.yaml"))).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_told_with_place_and_near_miss() {
        assert_eq!(
            error("name: prod\nmembers:\n  - name: etcd1\n    adress: 10.0.0.1\n"),
            "cluster.yaml:4:5: `adress`: did you mean `address`?"
        );
        assert!(
            error("name: prod\ncolour: red\n").starts_with("cluster.yaml:2:1: `colour` means nothing here")
        );
    }

    #[test]
    fn repeated_keys_are_errors() {
        assert_eq!(error("name: a\nname: b\n"), "cluster.yaml:2:1: `name` is written twice");
    }

    #[test]
    fn wrong_values_are_told_where_they_stand() {
        let members = |text: &str| format!("name: prod\nmembers: [{text}]\n");
        assert_eq!(
            error(&members("{name: a, address: [10.0.0.1, 0.0.0.0]}")),
            "cluster.yaml:2:41: \"0.0.0.0\" cannot be a member's address: \
             it stands for every address, so nobody can be sent to it"
        );
        assert_eq!(
            error(&members("{name: a, address: 10.0.0.1}, {name: b, address: \"::ffff:10.0.0.1\"}")),
            "cluster.yaml:2:60: the address \"10.0.0.1\" is that of a already"
        );
        assert_eq!(error(&members("")), "cluster.yaml:2:10: a cluster has at least one member");
    }

    #[test]
    fn json_is_a_description_too() {
        let cluster =
            read(r#"{"name": "p", "members": [{"name": "a", "address": "10.0.0.1"}]}"#, None).unwrap();
        assert_eq!(cluster.members()[0].addresses()[0].to_string(), "10.0.0.1");
        assert_eq!(cluster.clients()[0].name.as_str(), "root");
    }
}
