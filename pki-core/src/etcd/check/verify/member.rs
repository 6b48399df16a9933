//! A member of the cluster: its two ports, whom they trust and which certificates it shows.

mod read;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::verify::meeting::Parties;
use crate::etcd::found::{Files, FoundUrl};
use crate::etcd::option::version::EtcdVersion;
use crate::tls::{Identity, Leniency};
use crate::x509::certificate::Certificate;
use crate::x509::pem;

/// A member.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// The root of its host's file system, if that is here.
    pub(crate) root: Option<PathBuf>,
    /// Why it does not start; empty if it starts.
    pub(crate) faults: Vec<Finding>,
    /// What of it was not seen; empty if everything was.
    pub(crate) unseen: Vec<Finding>,
    pub(crate) peer: Listener,
    pub(crate) client: Listener,
    /// The number of the party that dials other members.
    pub(crate) caller: usize,
    /// The number of the party that the gRPC gateway is; `None` if it is off, or speaks plain HTTP.
    pub(crate) gateway: Option<usize>,
    /// Whether the gateway shows the server's certificate.
    pub(crate) gateway_shows_server: bool,
    /// The gateway's own certificate.
    pub(crate) gateway_certificate: Option<Shown>,
    /// Names that the certificates of all peers have in common, by which others are kept out.
    pub(crate) markers: Vec<String>,
}

/// One of the two ports of a member.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// Where it is set what it listens at.
    pub(crate) place: Place,
    pub(crate) advertised: Vec<FoundUrl>,
    pub(crate) listening: Vec<FoundUrl>,
    pub(crate) tls: ListenerTls,
    /// The public keys of the CAs that it trusts.
    pub(crate) authorities: BTreeSet<Vec<u8>>,
    /// Whether it accepts only some of the certificates that these CAs issued.
    pub(crate) is_selective: bool,
    /// The certificate that it shows.
    pub(crate) shown: Option<Shown>,
}

/// Whether a port listens with TLS, and with which certificate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenerTls {
    /// The port listens without TLS, or cannot listen at all.
    #[default]
    None,
    /// With a certificate that etcd makes for itself at each start.
    SelfMade,
    /// With the certificate of the member; the number is that of the port among the parties.
    Port(usize),
}

/// A certificate that can be shown at any port, also at those that it was not made for.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) identity: Identity,
    pub(crate) certificate: Vec<u8>,
    /// The first address that it is for.
    pub(crate) address: Option<IpAddr>,
    /// The kind of its key.
    pub(crate) key: String,
}

/// When a certificate ends, in which file it is, and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) at: OffsetDateTime,
    pub(crate) file: String,
    pub(crate) owner: String,
}

/// What is collected while the files of members and clients are read.
pub(crate) struct Reading<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) files: &'a dyn Files,
    pub(crate) version: EtcdVersion,
    pub(crate) leniency: Leniency,
    pub(crate) parties: Parties,
    pub(crate) ends: BTreeSet<End>,
    /// What could not be checked.
    pub(crate) findings: Vec<Finding>,
}

impl Reading<'_> {
    /// Notes when the certificates of a file end.
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
    pub(crate) fn of_untrusted_ca(identity: Identity) -> Self {
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

impl Node {
    /// Whether etcd would start with all this, as far as it was seen.
    pub(crate) fn starts(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Listener {
    /// The addresses in its URLs.
    pub(crate) fn addresses(&self) -> BTreeSet<IpAddr> {
        let urls = self.listening.iter().chain(&self.advertised);
        let addresses = urls.filter_map(|url| url.host.parse::<IpAddr>().ok());
        addresses.filter(|address| !address.is_unspecified()).collect()
    }
}
