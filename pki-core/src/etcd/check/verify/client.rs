//! A client of the cluster: its folder, with `etcdctl.env` or without.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::place::Place;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::verify::meeting::Trust;
use crate::etcd::check::verify::member::{Reading, Shown, certificates};
use crate::etcd::check::verify::rules;
use crate::etcd::cluster::path::{self, ETCDCTL};
use crate::etcd::error::Error;
use crate::etcd::found::{EnvironmentFile, FoundUrl, NotRead, Unread, entry, is_folder, names};
use crate::etcd::option::urls;
use crate::tls::{Authorities, Client, Identity, NoStart};
use crate::x509::pem;

/// A client.
#[derive(Debug)]
pub(crate) struct ClientNode {
    pub(crate) name: String,
    /// The number of the party that dials, or why the client cannot dial.
    pub(crate) caller: Result<usize, NoStart>,
    /// The endpoints in its `ETCDCTL_ENDPOINTS`.
    pub(crate) endpoints: Vec<FoundUrl>,
    pub(crate) shown: Option<Shown>,
}

/// The name by which a file was named, and its contents.
type NamedFile = (String, Vec<u8>);

/// The files and settings of a client.
#[derive(Default)]
struct Named {
    authorities: Option<NamedFile>,
    certificate: Option<NamedFile>,
    key: Option<Vec<u8>>,
    endpoints: Vec<FoundUrl>,
    /// Whether it accepts any certificate of a server.
    skips_verification: bool,
}

impl ClientNode {
    /// Every client of a folder that `apply` made, but for those that are left out.
    ///
    /// # Errors
    /// If something there cannot be read.
    pub(crate) fn read_all(
        folder: &Path,
        left_out: &BTreeSet<PathBuf>,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<Self>, Error> {
        let clients = folder.join(path::CLIENTS);
        if !is_folder(&clients, reading.files)? {
            return Ok(Vec::new());
        }
        let names = match names(&clients, reading.files)? {
            Ok(names) => names,
            Err(not_read) => {
                reading.findings.push(not_read_finding(&not_read));
                return Ok(Vec::new());
            }
        };
        let mut all = Vec::new();
        for name in names {
            let folder = clients.join(&name);
            if !left_out.contains(&folder) && is_folder(&folder, reading.files)? {
                all.extend(Self::read(&folder, name, reading)?);
            }
        }
        Ok(all)
    }

    /// `None` if not all of its files could be read, which is told.
    fn read(folder: &Path, name: String, reading: &mut Reading<'_>) -> Result<Option<Self>, Error> {
        let named = match entry(&folder.join(ETCDCTL), reading.files)? {
            Ok(Some(entry)) => of_environment(folder, &String::from_utf8_lossy(&entry.bytes), reading)?,
            Ok(None) => of_folder(folder, &name, reading)?,
            Err(not_read) => Err(not_read),
        };
        let named = match named {
            Ok(named) => named,
            Err(not_read) => {
                reading.findings.push(not_read_finding(&not_read).about(format!("client {name}")));
                return Ok(None);
            }
        };
        let leniency = reading.leniency;
        for (file, bytes) in named.authorities.iter().chain(&named.certificate) {
            reading.note_ends(file, &format!("client {name}"), bytes);
        }
        let mut trust = Trust { demands: !named.skips_verification, ..Trust::default() };
        let mut client = Client::new(String::new(), Authorities::System);
        client.leniency = leniency;
        let mut fault = None;
        if named.skips_verification {
            client.authorities = None;
        } else if let Some((_, bundle)) = named.authorities {
            match Authorities::read(&bundle, leniency) {
                Ok(read) => client.authorities = Some(read),
                Err(why) => fault = Some(why),
            }
            trust.authorities = Some(bundle);
        }
        let shown = match (&named.certificate, &named.key) {
            (None, None) => None,
            (certificate, key) => {
                let file = certificate.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
                match Identity::read(file, key.as_deref().unwrap_or_default(), leniency) {
                    Ok(identity) => Shown::new(identity, file),
                    Err(why) => {
                        fault = Some(why);
                        None
                    }
                }
            }
        };
        if let Some(shown) = &shown {
            client.identity = Some(shown.identity.clone());
            trust.key.clone_from(&shown.key);
        }
        let caller = match fault {
            None => Ok(reading.parties.caller(client, trust)),
            Some(why) => Err(why),
        };
        Ok(Some(Self { name, caller, endpoints: named.endpoints, shown }))
    }
}

fn not_read_finding(NotRead { why, error }: &NotRead) -> Finding {
    rules::CLIENT_FILE_NOT_READ.finding(Place::default(), error.to_string()).remedy(Some(why.remedy()))
}

/// What `etcdctl.env` names. The tree may have been moved since it was made, so files beside it come first.
fn of_environment(folder: &Path, text: &str, reading: &Reading<'_>) -> Result<Result<Named, NotRead>, Error> {
    let variables = EnvironmentFile::parse(text, &folder.join(ETCDCTL)).variables;
    let value = |name: &str| {
        let found = variables.iter().rev().find(|variable| variable.name == name);
        found.and_then(|variable| variable.value.as_deref()).filter(|value| !value.is_empty())
    };
    let file = |name: &str| -> Result<Result<Option<NamedFile>, NotRead>, Error> {
        let Some(file) = value(name) else { return Ok(Ok(None)) };
        let beside = Path::new(file).file_name().map(|name| folder.join(name));
        for path in beside.into_iter().chain([PathBuf::from(file)]) {
            match entry(&path, reading.files)? {
                Ok(Some(entry)) => return Ok(Ok(Some((file.to_owned(), entry.bytes.to_vec())))),
                Ok(None) => {}
                Err(not_read) => return Ok(Err(not_read)),
            }
        }
        Ok(Ok(Some((file.to_owned(), Vec::new()))))
    };
    let (authorities, certificate, key) =
        match (file("ETCDCTL_CACERT")?, file("ETCDCTL_CERT")?, file("ETCDCTL_KEY")?) {
            (Ok(authorities), Ok(certificate), Ok(key)) => (authorities, certificate, key),
            (Err(not_read), ..) | (_, Err(not_read), _) | (.., Err(not_read)) => return Ok(Err(not_read)),
        };
    // Certificate and key may be in one file.
    let key = key.or_else(|| certificate.clone()).map(|(_, bytes)| bytes);
    let has_tls = authorities.is_some() || certificate.is_some();
    let endpoints = urls::list(value("ETCDCTL_ENDPOINTS").unwrap_or_default());
    let endpoints = endpoints.filter_map(|endpoint| match endpoint.contains("://") {
        true => FoundUrl::parse(endpoint),
        false if endpoint.is_empty() => None,
        // etcdctl takes TLS if it has files for it.
        false => FoundUrl::parse(&format!("{}://{endpoint}", if has_tls { "https" } else { "http" })),
    });
    Ok(Ok(Named {
        endpoints: endpoints.collect(),
        skips_verification: value("ETCDCTL_INSECURE_SKIP_TLS_VERIFY") == Some("true"),
        authorities,
        certificate,
        key,
    }))
}

/// The files of a folder without `etcdctl.env`: a key, the certificate of a CA, and one that is not of a CA.
fn of_folder(
    folder: &Path,
    client: &str,
    reading: &mut Reading<'_>,
) -> Result<Result<Named, NotRead>, Error> {
    let mut named = Named::default();
    let names = match names(folder, reading.files)? {
        Ok(names) => names,
        Err(not_read) => return Ok(Err(not_read)),
    };
    for name in names {
        let bytes = match entry(&folder.join(&name), reading.files)? {
            Ok(Some(entry)) => entry.bytes.to_vec(),
            Ok(None) => continue,
            // It may have nothing to do with the client's certificate.
            Err(not_read) if not_read.why == Unread::TooLarge => {
                reading.findings.push(not_read_finding(&not_read).about(format!("client {client}")));
                continue;
            }
            Err(not_read) => return Ok(Err(not_read)),
        };
        if pem::blocks_one_by_one(&bytes).iter().any(|block| block.label.ends_with("PRIVATE KEY")) {
            named.key = Some(bytes.clone());
        }
        let Some(first) = certificates(&bytes).into_iter().next() else { continue };
        let is_ca = first.basic_constraints().is_some_and(|constraints| constraints.ca);
        let place = if is_ca { &mut named.authorities } else { &mut named.certificate };
        *place = Some((name, bytes));
    }
    Ok(Ok(named))
}
