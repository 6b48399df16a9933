//! A member, with everything that its files tell about whom it trusts and what it shows.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use time::OffsetDateTime;

use crate::etcd::cluster::path;
use crate::etcd::error::Error;
use crate::etcd::found::{Files, FoundUrl, Host, Member, Sight, Source, entry};
use crate::etcd::option::port::{GATEWAY, PEER, Port, SERVER};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::verify::fault::Fault;
use crate::etcd::verify::meeting::{Company, Trust};
use crate::tls::{
    Allowed, Authorities, Client, Identity, Leniency, RevocationFile, RevocationFormat, Server, Version,
    Versions,
};
use crate::x509::certificate::Certificate;
use crate::x509::pem;

/// A member.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) faults: Vec<Fault>,
    pub(crate) peer: Door,
    pub(crate) client: Door,
    /// Who dials other members.
    pub(crate) caller: usize,
    /// What the gRPC gateway dials its member with; none if it is off, or speaks plain HTTP.
    pub(crate) gateway: Option<usize>,
    /// Whether the gateway shows the server's certificate.
    pub(crate) gateway_shows_server: bool,
    /// The gateway's own certificate.
    pub(crate) gateway_certificate: Option<Shown>,
    /// Names that all peers share, to be told from others.
    pub(crate) markers: Vec<String>,
    /// The names in `initial-cluster`.
    pub(crate) initial_cluster: Vec<String>,
}

/// One of a member's two ports.
#[derive(Debug, Default)]
pub(crate) struct Door {
    pub(crate) advertised: Vec<FoundUrl>,
    pub(crate) listening: Vec<FoundUrl>,
    pub(crate) lock: Lock,
    /// The keys of the CAs that it trusts.
    pub(crate) authorities: BTreeSet<Vec<u8>>,
    /// Whether it takes only some of the certificates that these CAs issued.
    pub(crate) is_selective: bool,
    /// What it shows, as a visitor elsewhere.
    pub(crate) shown: Option<Shown>,
}

/// How a port listens with TLS.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Not at all.
    #[default]
    None,
    /// With a certificate that etcd makes for itself.
    SelfMade,
    /// With this port.
    Port(usize),
}

/// A certificate that may be shown to others than those it was made for.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) identity: Identity,
    pub(crate) certificate: Vec<u8>,
    /// An address that it is for.
    pub(crate) address: Option<IpAddr>,
    pub(crate) key: String,
}

/// When a certificate ends, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) at: OffsetDateTime,
    pub(crate) file: String,
    pub(crate) owner: String,
}

/// What is gathered while reading.
pub(crate) struct Reading<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) files: &'a dyn Files,
    pub(crate) version: EtcdVersion,
    pub(crate) leniency: Leniency,
    pub(crate) company: Company,
    pub(crate) ends: BTreeSet<End>,
    pub(crate) warnings: Vec<String>,
}

impl Reading<'_> {
    /// Remembers when the certificates of a file end.
    pub(crate) fn note_ends(&mut self, file: &str, owner: &str, bytes: &[u8]) {
        for certificate in certificates(bytes) {
            let (file, owner) = (file.to_owned(), owner.to_owned());
            self.ends.insert(End { at: certificate.not_after(), file, owner });
        }
    }
}

/// The certificates of a PEM file.
pub(crate) fn certificates(bytes: &[u8]) -> Vec<Certificate> {
    let blocks = pem::blocks_one_by_one(bytes).into_iter();
    blocks.filter_map(|block| Certificate::from_der(&block.der).ok()).collect()
}

impl Shown {
    pub(crate) fn of_stranger(identity: Identity) -> Self {
        Self { identity, certificate: Vec::new(), address: None, key: String::new() }
    }

    pub(crate) fn new(identity: Identity, file: &[u8]) -> Option<Self> {
        let leaf = certificates(file).into_iter().next()?;
        Some(Self {
            identity,
            address: leaf.subject_alt_names().ip.first().copied(),
            key: leaf.public_key().map(|key| key.kind().to_string()).unwrap_or_default(),
            certificate: leaf.der().to_vec(),
        })
    }
}

/// A member's files, on their way to a [`Node`].
struct Reader<'a, 'b> {
    host: &'a Host,
    member: &'a Member,
    name: String,
    reading: &'a mut Reading<'b>,
    faults: Vec<Fault>,
}

/// What the files of one port hold (client/pkg/transport, `TLSInfo`).
struct TlsInfo {
    shown: Option<Shown>,
    authorities: Option<Authorities>,
    allowed: Allowed,
    revocation: Option<RevocationFile>,
    makes_its_own: bool,
    demands: bool,
    versions: Versions,
    trust: Trust,
    authority_keys: BTreeSet<Vec<u8>>,
}

impl Node {
    /// Reads what a member's settings name.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub(crate) fn read(
        host: &Host,
        member: &Member,
        name: String,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Error> {
        let mut reader = Reader { host, member, name, reading, faults: Vec::new() };
        let peer = reader.tls_info(&PEER)?;
        let (peer_door, caller) = reader.peer(peer);
        let listening = reader.urls(SERVER.listen, &SERVER);
        let advertised = reader.urls(SERVER.advertise, &SERVER);
        let mut client_door = Door { advertised, listening, ..Door::default() };
        let (mut gateway, mut gateway_certificate) = (None, None);
        // Without a URL that wants them, etcd does not read these files.
        if let Some(url) = client_door.listening.iter().find(|url| url.is_tls()).cloned() {
            let info = reader.tls_info(&SERVER)?;
            let own = reader.identity(GATEWAY.0, GATEWAY.1)?;
            gateway_certificate.clone_from(&own);
            let shown = own.or_else(|| info.shown.clone());
            if reader.has_gateway() && !info.makes_its_own {
                gateway = shown.map(|shown| reader.gateway(shown, &info));
            }
            reader.open(&mut client_door, info, &url, SERVER.certificate, false);
        }
        let settings = &member.settings;
        // A member without any URL is one that nobody has told anything, and these are etcd's own defaults then; of
        // one that was told something elsewhere, they are not.
        let urls = [PEER.listen, PEER.advertise, SERVER.listen];
        if !settings.is_complete && urls.iter().all(|option| settings.value(option).is_none()) {
            reader.faults.push(Fault::SettingsNotSeen { place: member.place.to_string() });
        }
        let initial_cluster: Vec<String> =
            settings.initial_cluster().into_iter().map(|(name, _)| name).collect();
        if settings.value("initial-cluster").is_some() && !initial_cluster.contains(&reader.name) {
            reader.faults.push(Fault::NotInInitialCluster { name: reader.name.clone() });
        }
        let markers = reader.names(PEER.allowed_hosts);
        Ok(Self {
            peer: peer_door,
            client: client_door,
            caller,
            gateway,
            gateway_shows_server: gateway_certificate.is_none(),
            gateway_certificate,
            markers,
            initial_cluster,
            faults: reader.faults,
            name: reader.name,
        })
    }

    /// Whether etcd would start with all this.
    pub(crate) fn starts(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Reader<'_, '_> {
    fn value(&self, option: &str) -> Option<&str> {
        self.member.settings.value(option)
    }

    fn urls(&self, option: &str, port: &Port) -> Vec<FoundUrl> {
        let found = self.member.settings.urls(option);
        if found.is_empty() { FoundUrl::parse(port.usual_url).into_iter().collect() } else { found }
    }

    /// The file that an option names, by its path on the host, and its contents.
    fn file(&mut self, option: &'static str) -> Result<Option<(String, Vec<u8>)>, Error> {
        let Some(file) = self.value(option).map(str::to_owned) else { return Ok(None) };
        match self.bytes(option, &file)? {
            Ok(bytes) => Ok(Some((file, bytes))),
            Err(fault) => {
                self.faults.push(fault);
                Ok(None)
            }
        }
    }

    /// The contents of the file that an option names; or why there are none.
    fn bytes(&self, option: &'static str, file: &str) -> Result<Result<Vec<u8>, Fault>, Error> {
        let missing = || Fault::Missing { option, file: file.to_owned() };
        let path = match self.host.sight(file) {
            Sight::Seen(path) | Sight::TooLarge(path) => path.clone(),
            Sight::Absent(_) => return Ok(Err(missing())),
            // The command of a container lies apart from the host's files.
            Sight::NotSeen => {
                let node = self.reading.folder.join(path::NODES).join(&self.name);
                if self.reading.files.entry(&node)?.is_none() {
                    return Ok(Err(Fault::NotSeen { option, file: file.to_owned() }));
                }
                node.join(file.trim_start_matches('/'))
            }
        };
        Ok(match entry(&path, self.reading.files)? {
            Ok(Some(entry)) => Ok(entry.bytes.to_vec()),
            Ok(None) => Err(missing()),
            Err(_) => Err(Fault::TooLarge { option, file: file.to_owned() }),
        })
    }

    fn identity(&mut self, certificate: &'static str, key: &'static str) -> Result<Option<Shown>, Error> {
        match (self.value(certificate).is_some(), self.value(key).is_some()) {
            (false, false) => return Ok(None),
            (true, false) => self.faults.push(Fault::HalfAPair { set: certificate, unset: key }),
            (false, true) => self.faults.push(Fault::HalfAPair { set: key, unset: certificate }),
            (true, true) => {}
        }
        let (Some((file, bytes)), Some((_, key))) = (self.file(certificate)?, self.file(key)?) else {
            return Ok(None);
        };
        self.reading.note_ends(&file, &self.name, &bytes);
        match Identity::read(&bytes, &key, self.reading.leniency) {
            Ok(identity) => Ok(Shown::new(identity, &bytes)),
            Err(why) => {
                self.faults.push(Fault::Identity { file, why });
                Ok(None)
            }
        }
    }

    /// The names that an option allows. Lists of them came with 3.5.15 and 3.6.
    fn names(&self, option: &str) -> Vec<String> {
        let items = self.member.settings.items(option, self.reading.version).unwrap_or_default();
        items.into_iter().map(str::to_owned).collect()
    }

    fn allowed(&mut self, port: &Port) -> Allowed {
        let names = port.allowed_names.map(|option| self.names(option)).unwrap_or_default();
        let hosts = self.names(port.allowed_hosts);
        match (names.is_empty(), hosts.is_empty()) {
            (true, true) => Allowed::All,
            (false, true) => Allowed::CommonNames(names),
            (true, false) => Allowed::Hostnames(hosts),
            (false, false) => {
                self.faults.push(Fault::TwoAllowLists);
                Allowed::All
            }
        }
    }

    /// What etcd does without the file: refuse everybody. What was not looked at is taken for what is wanted.
    fn revocation(&mut self, option: &'static str) -> Result<Option<Option<Vec<u8>>>, Error> {
        let Some(file) = self.value(option).map(str::to_owned) else { return Ok(None) };
        match self.bytes(option, &file)? {
            Ok(bytes) => Ok(Some(Some(bytes))),
            Err(Fault::Missing { .. }) => Ok(Some(None)),
            Err(fault) => {
                self.reading.warnings.push(format!("{}: {fault}; it is left out", self.name));
                Ok(None)
            }
        }
    }

    fn versions(&self) -> Versions {
        let usual = Versions::default();
        let is_13 = |option, otherwise| match self.value(option) {
            Some("TLS1.3") => Version::Tls13,
            Some(_) => Version::Tls12,
            None => otherwise,
        };
        Versions { min: is_13("tls-min-version", usual.min), max: is_13("tls-max-version", usual.max) }
    }

    fn tls_info(&mut self, port: &Port) -> Result<TlsInfo, Error> {
        let shown = self.identity(port.certificate, port.key)?;
        let leniency = self.reading.leniency;
        let makes_its_own = self.member.settings.is_true(port.auto_tls)
            && self.value(port.certificate).is_none()
            && self.value(port.key).is_none();
        let demands = self.member.settings.is_true(port.auth);
        let (mut bundle, mut authorities) = (None, None);
        if let Some((file, bytes)) = self.file(port.ca)? {
            self.reading.note_ends(&file, &self.name, &bytes);
            match Authorities::read(&bytes, leniency) {
                Ok(read) => (bundle, authorities) = (Some(bytes), Some(read)),
                Err(why) => self.faults.push(Fault::Authorities { file, why }),
            }
        }
        let allowed = self.allowed(port);
        let list = self.revocation(port.crl)?;
        let format = match self.reading.version.has(6, 0) {
            true => RevocationFormat::DerVersion2,
            false => RevocationFormat::Any,
        };
        let revocation = list.as_ref().map(|list| RevocationFile::read(list.as_deref(), format));
        let authority_keys = certificates(bundle.as_deref().unwrap_or_default())
            .iter()
            .map(|ca| {
                let key = ca.public_key().map(|key| key.subject_public_key().to_vec());
                key.unwrap_or_else(|_| ca.der().to_vec())
            })
            .collect();
        Ok(TlsInfo {
            trust: Trust {
                authorities: bundle,
                demands,
                allowed: format!("{allowed:?}"),
                revocation: list,
                key: shown.as_ref().map(|shown| shown.key.clone()).unwrap_or_default(),
                ..Trust::default()
            },
            shown,
            authorities,
            allowed,
            revocation,
            makes_its_own,
            demands,
            versions: self.versions(),
            authority_keys,
        })
    }

    /// The peer port, and who dials those of others.
    fn peer(&mut self, info: TlsInfo) -> (Door, usize) {
        let mut client = Client::new(String::new(), Authorities::System);
        client.authorities = match &info.authorities {
            _ if info.makes_its_own => None,
            Some(named) => Some(named.clone()),
            None => Some(Authorities::System),
        };
        client.identity = info.shown.as_ref().map(|shown| shown.identity.clone());
        client.allowed = info.allowed.clone();
        client.versions = info.versions;
        client.leniency = self.reading.leniency;
        let trust = Trust { demands: !info.makes_its_own, revocation: None, ..info.trust.clone() };
        let caller = self.reading.company.caller(client, trust);
        let mut door = Door {
            advertised: self.urls(PEER.advertise, &PEER),
            listening: self.urls(PEER.listen, &PEER),
            ..Door::default()
        };
        if let Some(url) = door.listening.iter().find(|url| url.is_tls()).cloned() {
            let skips =
                ["peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification"];
            let checks_source = !skips.iter().any(|option| self.member.settings.is_true(option));
            self.open(&mut door, info, &url, PEER.certificate, checks_source);
        }
        (door, caller)
    }

    /// Lets a port listen with TLS.
    fn open(
        &mut self,
        door: &mut Door,
        info: TlsInfo,
        url: &FoundUrl,
        option: &'static str,
        checks_source: bool,
    ) {
        door.is_selective = info.allowed != Allowed::All;
        door.authorities = info.authority_keys;
        let Some(shown) = info.shown else {
            if info.makes_its_own {
                door.lock = Lock::SelfMade;
            } else if self.value(option).is_none() {
                self.faults.push(Fault::NoCertificate { url: url.text.clone(), option });
            }
            return;
        };
        let mut server = Server::new(shown.identity.clone());
        server.client_authorities = info.authorities.or(info.demands.then_some(Authorities::System));
        server.allowed = info.allowed;
        server.revocation = info.revocation;
        server.checks_source = checks_source;
        server.versions = info.versions;
        server.leniency = self.reading.leniency;
        let trust = Trust { checks_source, ..info.trust };
        door.lock = Lock::Port(self.reading.company.port(server, trust));
        door.shown = Some(shown);
    }

    /// Whether the gRPC gateway is on. It is unless told otherwise; etcd 3.4 leaves it off if there is a configuration
    /// file that does not mention it.
    fn has_gateway(&self) -> bool {
        let settings = &self.member.settings;
        let is_of_file = settings.used.iter().any(|setting| setting.source == Source::File);
        match settings.value("enable-grpc-gateway") {
            Some(_) => settings.is_true("enable-grpc-gateway"),
            None => !is_of_file || self.reading.version.has(5, 0),
        }
    }

    /// The gateway dials with the server's own settings, but for looking at the server's certificate
    /// (server/embed/serve.go).
    fn gateway(&mut self, shown: Shown, info: &TlsInfo) -> usize {
        let mut client = Client::new(String::new(), Authorities::System);
        client.authorities = None;
        client.allowed = info.allowed.clone();
        client.versions = info.versions;
        client.leniency = self.reading.leniency;
        let trust = Trust { key: shown.key, allowed: format!("{:?}", info.allowed), ..Trust::default() };
        client.identity = Some(shown.identity);
        self.reading.company.caller(client, trust)
    }
}

impl Door {
    /// The addresses that its URLs name.
    pub(crate) fn addresses(&self) -> BTreeSet<IpAddr> {
        let urls = self.listening.iter().chain(&self.advertised);
        let addresses = urls.filter_map(|url| url.host.parse::<IpAddr>().ok());
        addresses.filter(|address| !address.is_unspecified()).collect()
    }

    /// Whether who dials `url` meets TLS. What listens at a port that nobody dials may be behind another one.
    pub(crate) fn listens_with_tls(&self, url: &FoundUrl) -> bool {
        self.listening.iter().find(|own| own.port == url.port).map_or(url.is_tls(), FoundUrl::is_tls)
    }
}
