//! Reads the files of a member into a [`Node`], as etcd would at its start.

use std::collections::BTreeSet;

use crate::base::place::Place;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::verify::clusters::Candidate;
use crate::etcd::check::verify::meeting::Trust;
use crate::etcd::check::verify::member::{Listener, ListenerTls, Node, Reading, Shown, certificates};
use crate::etcd::check::verify::rules;
use crate::etcd::check::verify::start::StartFault;
use crate::etcd::cluster::path;
use crate::etcd::error::Error;
use crate::etcd::found::{FileLookup, FoundUrl, Host, Member, NotRead, entry, is_folder};
use crate::etcd::option::port::{GATEWAY, PEER, Port, SERVER};
use crate::etcd::start::{Refusal, RefusalKind, Service, Start};
use crate::tls::{
    AllowedPeers, Authorities, Client, Identity, RevocationFile, RevocationFormat, Server, Version, Versions,
};

/// Reads one member.
struct Reader<'a, 'b> {
    host: &'a Host,
    member: &'a Member,
    start: &'a Start,
    name: String,
    reading: &'a mut Reading<'b>,
    faults: Vec<Finding>,
    unseen: Vec<Finding>,
}

/// The contents of the files of one port (etcd, client/pkg/transport, `TLSInfo`).
struct TlsInfo {
    shown: Option<Shown>,
    authorities: Option<Authorities>,
    allowed: AllowedPeers,
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
    pub(crate) fn read(candidate: &Candidate<'_>, reading: &mut Reading<'_>) -> Result<Self, Error> {
        let Candidate { host, member, start, .. } = candidate;
        let name = candidate.name.clone();
        let mut reader =
            Reader { host, member, start, name, reading, faults: Vec::new(), unseen: Vec::new() };
        for refusal in &start.refusals {
            reader.refused(refusal);
        }
        let peer = reader.tls_info(&PEER)?;
        let (peer_listener, caller) = reader.peer(peer);
        let listening = reader.listens(Service::Clients);
        let advertised = start.client_urls.clone().unwrap_or_default();
        let place = reader.place(SERVER.listen);
        let mut client_listener = Listener { place, advertised, listening, ..Listener::default() };
        let (mut gateway, mut gateway_certificate) = (None, None);
        // Without a URL that wants them, etcd does not read these files.
        if client_listener.listening.iter().any(FoundUrl::is_tls) {
            let info = reader.tls_info(&SERVER)?;
            let own = reader.identity(GATEWAY.0, GATEWAY.1)?;
            gateway_certificate.clone_from(&own);
            let shown = own.or_else(|| info.shown.clone());
            if start.has_gateway.unwrap_or(true) && !info.makes_its_own {
                gateway = shown.map(|shown| reader.gateway(shown, &info));
            }
            reader.open(&mut client_listener, info, false);
        }
        if !start.unknown.is_empty() {
            reader.fault(member.place.clone(), &StartFault::SettingsNotSeen);
        }
        let markers = reader.names(PEER.allowed_hosts);
        Ok(Self {
            root: host.root.clone(),
            peer: peer_listener,
            client: client_listener,
            caller,
            gateway,
            gateway_shows_server: gateway_certificate.is_none(),
            gateway_certificate,
            markers,
            faults: reader.faults,
            unseen: reader.unseen,
            name: reader.name,
        })
    }
}

impl Reader<'_, '_> {
    /// Notes why the member does not start, or what of it was not seen.
    fn fault(&mut self, place: Place, fault: &StartFault) {
        let finding = fault.rule().finding(place, fault.to_string()).about(&self.name);
        let finding = finding.remedy(fault.remedy()).of_version(self.reading.version);
        if fault.is_certain() { self.faults.push(finding) } else { self.unseen.push(finding) }
    }

    /// Notes why etcd refuses the settings.
    fn refused(&mut self, refusal: &Refusal) {
        let rule = match refusal.kind {
            RefusalKind::Certificate => rules::NO_CERTIFICATE_TO_LISTEN,
            RefusalKind::AllowLists | RefusalKind::Combination | RefusalKind::NotAdvertised => rules::OPTIONS,
            RefusalKind::NotNamed | RefusalKind::OtherUrls => rules::NOT_IN_INITIAL_CLUSTER,
            _ => rules::REFUSED_SETTING,
        };
        let finding = rule.finding(refusal.place.clone(), refusal.problem.clone()).about(&self.name);
        self.faults.push(finding.of_version(self.reading.version));
    }

    /// Where an option is set; the place of the member if it is not set.
    fn place(&self, option: &str) -> Place {
        let setting = self.member.settings.setting(option);
        setting.map_or_else(|| self.member.place.clone(), |setting| setting.place.clone())
    }

    fn value(&self, option: &str) -> Option<&str> {
        self.member.settings.value(option)
    }

    fn listens(&self, service: Service) -> Vec<FoundUrl> {
        self.start.listens(service).cloned().collect()
    }

    /// The file that an option names, by its path on the host, and its contents.
    fn file(&mut self, option: &'static str) -> Result<Option<(String, Vec<u8>)>, Error> {
        let Some(file) = self.value(option).map(str::to_owned) else { return Ok(None) };
        match self.bytes(option, &file)? {
            Ok(bytes) => Ok(Some((file, bytes))),
            Err(fault) => {
                self.fault(self.place(option), &fault);
                Ok(None)
            }
        }
    }

    /// The contents of the file that an option names, or why they are not known.
    fn bytes(&self, option: &'static str, file: &str) -> Result<Result<Vec<u8>, StartFault>, Error> {
        let missing = || StartFault::Missing { option, file: file.to_owned() };
        let path = match self.host.lookup_of(self.member, file) {
            FileLookup::Present(path) | FileLookup::Unread(path, _) => path.clone(),
            FileLookup::Absent(_) => return Ok(Err(missing())),
            // The command of a container lies apart from the host's files.
            FileLookup::Unknown => {
                let node = self.reading.folder.join(path::NODES).join(&self.name);
                if !is_folder(&node, self.reading.files)? {
                    return Ok(Err(StartFault::NotSeen { option, file: file.to_owned() }));
                }
                node.join(file.trim_start_matches('/'))
            }
        };
        Ok(match entry(&path, self.reading.files)? {
            Ok(Some(entry)) => Ok(entry.bytes.to_vec()),
            Ok(None) => Err(missing()),
            Err(NotRead { why, .. }) => Err(StartFault::Unread { option, file: file.to_owned(), why }),
        })
    }

    fn identity(&mut self, certificate: &'static str, key: &'static str) -> Result<Option<Shown>, Error> {
        let (Some((file, bytes)), Some((_, key))) = (self.file(certificate)?, self.file(key)?) else {
            return Ok(None);
        };
        self.reading.note_ends(&file, &self.name, &bytes);
        match Identity::read(&bytes, &key, self.reading.leniency) {
            Ok(identity) => Ok(Shown::new(identity, &bytes)),
            Err(why) => {
                self.fault(self.place(certificate), &StartFault::Identity { file, why });
                Ok(None)
            }
        }
    }

    /// The names that an option allows. Lists of them came with 3.5.15 and 3.6.
    fn names(&self, option: &str) -> Vec<String> {
        let items = self.member.settings.items(option, self.reading.version).unwrap_or_default();
        items.into_iter().map(str::to_owned).collect()
    }

    fn allowed(&mut self, port: &Port) -> AllowedPeers {
        let names = port.allowed_names.map(|option| self.names(option)).unwrap_or_default();
        let hosts = self.names(port.allowed_hosts);
        match (names.is_empty(), hosts.is_empty()) {
            (true, true) => AllowedPeers::All,
            (false, true) => AllowedPeers::CommonNames(names),
            (true, false) => AllowedPeers::Hostnames(hosts),
            // It does not start.
            (false, false) => AllowedPeers::All,
        }
    }

    /// The revocation list. Without the file etcd refuses everybody; a file that was not seen is taken for one that
    /// revokes nothing.
    fn revocation(&mut self, option: &'static str) -> Result<Option<Option<Vec<u8>>>, Error> {
        let Some(file) = self.value(option).map(str::to_owned) else { return Ok(None) };
        match self.bytes(option, &file)? {
            Ok(bytes) => Ok(Some(Some(bytes))),
            Err(StartFault::Missing { .. }) => Ok(Some(None)),
            Err(fault) => {
                let finding = rules::REVOCATION_NOT_SEEN.finding(self.place(option), fault.to_string());
                self.reading.findings.push(finding.about(&self.name).remedy(fault.remedy()));
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
                Err(why) => {
                    self.fault(self.place(port.ca), &StartFault::Authorities { file, why });
                }
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

    /// The peer port, and the number of the party that dials the peer ports of others.
    fn peer(&mut self, info: TlsInfo) -> (Listener, usize) {
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
        let caller = self.reading.parties.caller(client, trust);
        let mut listener = Listener {
            place: self.place(PEER.listen),
            advertised: self.start.peer_urls.clone().unwrap_or_default(),
            listening: self.listens(Service::Peers),
            ..Listener::default()
        };
        if listener.listening.iter().any(FoundUrl::is_tls) {
            let skips =
                ["peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification"];
            let checks_source = !skips.iter().any(|option| self.member.settings.is_true(option));
            self.open(&mut listener, info, checks_source);
        }
        (listener, caller)
    }

    /// Has a port listen with TLS.
    fn open(&mut self, listener: &mut Listener, info: TlsInfo, checks_source: bool) {
        listener.is_selective = info.allowed != AllowedPeers::All;
        listener.authorities = info.authority_keys;
        let Some(shown) = info.shown else {
            if info.makes_its_own {
                listener.tls = ListenerTls::SelfMade;
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
        listener.tls = ListenerTls::Port(self.reading.parties.port(server, trust));
        listener.shown = Some(shown);
    }

    /// The number of the party that the gateway is. It dials with the server's own settings, and does not check the
    /// server's certificate (etcd, server/embed/serve.go).
    fn gateway(&mut self, shown: Shown, info: &TlsInfo) -> usize {
        let mut client = Client::new(String::new(), Authorities::System);
        client.authorities = None;
        client.allowed = info.allowed.clone();
        client.versions = info.versions;
        client.leniency = self.reading.leniency;
        let trust = Trust { key: shown.key, allowed: format!("{:?}", info.allowed), ..Trust::default() };
        client.identity = Some(shown.identity);
        self.reading.parties.caller(client, trust)
    }
}
