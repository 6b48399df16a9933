//! What a member should show, as its files say.

use std::path::Path;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::etcd::cluster::path::NODES;
use crate::etcd::error::Error;
use crate::etcd::folder::record::Record;
use crate::etcd::found::{FileLookup, Files, FoundUrl, Host, Member, Settings, entry};
use crate::etcd::live::{Endpoint, Target};
use crate::etcd::option::port::{PEER, Port, SERVER};
use crate::etcd::option::version::EtcdVersion;
use crate::tls::{AllowedPeers, Authorities, Identity, Leniency, NoStart};
use crate::x509::certificate::Certificate;
use crate::x509::pem;

/// A member that is expected to run.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) client: ExpectedPort,
    pub(crate) peer: ExpectedPort,
    /// The file that etcd reads only at its start and that changed last, and when that was. Only records know it.
    pub(crate) read_at_start: Option<(String, OffsetDateTime)>,
    /// Where ssh reaches the host, as the record says.
    pub(crate) ssh: Option<String>,
    /// Whether a unit starts the member.
    pub(crate) has_unit: bool,
}

/// What a port should show.
#[derive(Debug)]
pub(crate) struct ExpectedPort {
    /// The certificate and key, or why etcd does not start with the files.
    pub(crate) identity: Result<Identity, NoStart>,
    /// The certificate, if the file has one.
    pub(crate) leaf: Option<Certificate>,
    /// The contents of the file of the CAs; `None` if the port has none, or it was not found.
    pub(crate) authorities: Option<Vec<u8>>,
    /// Whether who connects must have a certificate.
    pub(crate) demands: bool,
    /// The names that certificates of others must have.
    pub(crate) allowed: AllowedPeers,
    /// Whether the settings say that it speaks TLS.
    pub(crate) is_tls: bool,
}

impl ExpectedPort {
    /// The CAs in the file of the CAs.
    pub(crate) fn trusted(&self) -> Vec<Certificate> {
        let blocks = pem::blocks_one_by_one(self.authorities.as_deref().unwrap_or_default());
        blocks.into_iter().filter_map(|block| Certificate::from_der(&block.der).ok()).collect()
    }
}

impl ExpectedPort {
    /// The CAs that etcd would trust after a start with these files.
    ///
    /// # Errors
    /// If etcd does not start with them.
    pub(crate) fn read_authorities(&self) -> Result<Authorities, NoStart> {
        let read = Authorities::of_clients(self.authorities.as_deref(), self.demands, Leniency::default())?;
        Ok(read.unwrap_or(Authorities::System))
    }
}

impl Expected {
    /// Reads what the settings of a member name.
    pub(super) fn read(
        folder: &Path,
        host: &Host,
        member: &Member,
        version: EtcdVersion,
        record: Option<&Record>,
        files: &dyn Files,
    ) -> Result<Self, Error> {
        let settings = &member.settings;
        let name = settings.value("name").unwrap_or("default").to_owned();
        let bytes = |option: &str| -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
            let Some(file) = settings.value(option) else { return Ok(None) };
            let path = match host.lookup(file) {
                FileLookup::Present(path) => path.clone(),
                FileLookup::Absent(_) | FileLookup::Unread(..) => return Ok(None),
                // The command of a container lies apart from the host's files.
                FileLookup::Unknown => folder.join(NODES).join(&name).join(file.trim_start_matches('/')),
            };
            Ok(entry(&path, files)?.ok().flatten().map(|entry| entry.bytes))
        };
        let port = |port: &Port| -> Result<ExpectedPort, Error> {
            let certificate = bytes(port.certificate)?.unwrap_or_default();
            let authorities = bytes(port.ca)?.map(|bytes| bytes.to_vec());
            let leaf = Certificate::read_all(&certificate).ok().and_then(|all| all.into_iter().next());
            Ok(ExpectedPort {
                leaf,
                identity: Identity::read(
                    &certificate,
                    &bytes(port.key)?.unwrap_or_default(),
                    Leniency::default(),
                ),
                demands: settings.value(port.ca).is_some() || settings.is_true(port.auth),
                authorities,
                allowed: allowed(settings, port, version),
                is_tls: endpoints(settings.urls(port.advertise), port).iter().any(|endpoint| endpoint.is_tls),
            })
        };
        let target = Target {
            client: endpoints(settings.urls(SERVER.advertise), &SERVER),
            peer: endpoints(settings.urls(PEER.advertise), &PEER),
            http: settings.urls("listen-client-http-urls").iter().filter_map(endpoint).collect(),
        };
        Ok(Self {
            target,
            client: port(&SERVER)?,
            peer: port(&PEER)?,
            ssh: record.and_then(|record| record.ssh.get(&name).cloned()),
            has_unit: member.unit.is_some(),
            read_at_start: record.and_then(|record| read_at_start(record, &name)),
            name,
        })
    }
}

/// The public file of a member that etcd or systemd reads only at a start, and that changed last. Certificates of ports
/// are read for each handshake (etcd, client/pkg/transport/listener.go).
fn read_at_start(record: &Record, member: &str) -> Option<(String, OffsetDateTime)> {
    let is_leaf = |path: &str| {
        let mut all = record.certificates.iter().chain(&record.former);
        all.any(|issued| issued.path == path)
    };
    let prefix = format!("{NODES}/{member}/");
    let own = record.written.iter().filter(|(path, _)| path.starts_with(&prefix) && !is_leaf(path));
    own.max_by_key(|(_, moment)| moment.0).map(|(path, moment)| (path.clone(), moment.0))
}

/// The names that a port allows; both kinds together are an error of etcd (etcd, client/pkg/transport/listener.go).
fn allowed(settings: &Settings, port: &Port, version: EtcdVersion) -> AllowedPeers {
    let items = |option: &str| -> Vec<String> {
        let items = settings.items(option, version).unwrap_or_default();
        items.into_iter().map(str::to_owned).collect()
    };
    let (names, hosts) = (port.allowed_names.map(items).unwrap_or_default(), items(port.allowed_hosts));
    match (names.is_empty(), hosts.is_empty()) {
        (true, true) => AllowedPeers::All,
        (false, _) => AllowedPeers::CommonNames(names),
        (true, false) => AllowedPeers::Hostnames(hosts),
    }
}

fn endpoints(urls: Vec<FoundUrl>, port: &Port) -> Vec<Endpoint> {
    let found: Vec<Endpoint> = urls.iter().filter_map(endpoint).collect();
    if found.is_empty() {
        FoundUrl::parse(port.usual_url).iter().filter_map(endpoint).collect()
    } else {
        found
    }
}

fn endpoint(url: &FoundUrl) -> Option<Endpoint> {
    url.is_tcp().then(|| Some(Endpoint::new(url.host.clone(), url.port?, url.is_tls())))?
}
