//! When the certificates in any folder end, whoever made them: each file, and what is written in kubeconfigs and manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::base;
use crate::base::error::Kind;
use crate::base::place::{Place, date};
use crate::etcd::check::finding::{Finding, Severity};
use crate::etcd::check::status::rules;
use crate::etcd::cluster::renewal::{RenewBefore, Span, State};
use crate::etcd::error::ErrorKind as EtcdErrorKind;
use crate::etcd::folder::snapshot::FileKind;
use crate::etcd::found::{Files, Node, NodeValue, Omission, ReadError, entry, names};
use crate::x509::certificate::Certificate;
use crate::x509::error::ErrorKind;
use crate::x509::oid;

/// The certificates in a folder and the folders below it, or in a file, at one moment. Serialises to the JSON of
/// `cluster status --json` for what is no output folder.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TreeStatus {
    /// The folder, or the file.
    pub folder: PathBuf,
    /// The moment that days are counted from.
    #[serde(with = "time::serde::rfc3339")]
    pub now: OffsetDateTime,
    /// The certificates. What ends first comes first.
    pub certificates: Vec<TreeCertificate>,
    /// The files and folders that could not be read.
    pub not_judged: Vec<Omission>,
    /// What is wrong, errors first.
    pub findings: Vec<Finding>,
}

/// A certificate in a file.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TreeCertificate {
    /// The file that it is in.
    pub file: PathBuf,
    /// Where in the file it is: its number if the file has several, or the keys that lead to it in YAML or JSON.
    pub inside: Option<String>,
    /// The subject.
    pub subject: String,
    /// The common name of the subject, or the whole subject if it has none.
    pub name: String,
    /// What it is for: `CA`, or `server`, `client`, both, `any`, or `other`.
    pub usage: String,
    /// The subject of its issuer.
    pub issuer: String,
    /// The common name of its issuer, or the whole subject if that has none.
    pub issuer_name: String,
    /// The file with its issuer's certificate; `None` if that was not found.
    pub issuer_file: Option<PathBuf>,
    /// Whether the issuer's private key lies beside the issuer's certificate, so that it can be renewed here.
    pub issuer_has_key: bool,
    /// The serial number in decimal.
    pub serial: String,
    /// SHA-256 over the DER.
    pub sha256: String,
    /// When it begins.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// Its own end.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// When it really ends: the earliest end in its chain, as far as that was found.
    #[serde(with = "time::serde::rfc3339")]
    pub ends: OffsetDateTime,
    /// The subject of the CA that ends before it.
    pub ends_with: Option<String>,
    /// Whole days until it ends; below zero if it has ended.
    pub days_left: i64,
    /// Whether it is valid at that moment.
    pub state: State,
}

/// The number of files that are looked at.
const MOST_FILES: usize = 50_000;

/// What to do about a certificate that ends. Who made it is not known.
const REMEDY: &str = "renew it with the program that made it, such as `kubeadm certs renew`, or with \
                      `etcdpki gencert -from FILE` under its CA; start again what uses it";

/// A certificate, and where it was found.
struct Located {
    file: PathBuf,
    inside: Option<String>,
    certificate: Certificate,
}

impl Located {
    /// The order in which the places of one CA are named.
    fn rank(&self, files: &dyn Files) -> (bool, bool, &Path) {
        (!has_key(&self.file, files), self.inside.is_some(), &self.file)
    }
}

impl TreeStatus {
    /// Reads the certificates at a path, by its absolute name.
    ///
    /// For a folder `pki` the kubeconfigs beside it are read too, because the certificates in them end with those in it.
    ///
    /// # Errors
    /// If the path does not exist or cannot be read, or if there are too many files.
    pub fn read(path: &Path, files: &dyn Files, now: OffsetDateTime) -> Result<Self, ReadError> {
        let mut tree = Reader { files, located: Vec::new(), not_judged: Vec::new() };
        tree.read(path)?;
        if path.file_name().is_some_and(|name| name == "pki")
            && let Some(around) = path.parent()
        {
            tree.read_kubeconfigs(around)?;
        }
        let Reader { located, not_judged, .. } = tree;
        let issuers = Issuers::new(&located, files);
        let mut certificates: Vec<TreeCertificate> =
            located.iter().map(|one| issuers.certificate(one, files, now)).collect();
        certificates.sort_by(|a, b| (a.ends, &a.file, &a.inside).cmp(&(b.ends, &b.file, &b.inside)));
        let mut findings: Vec<Finding> = certificates.iter().filter_map(|one| one.finding(now)).collect();
        findings.sort_by_key(|finding| (finding.severity, finding.rule));
        Ok(Self { folder: path.to_owned(), now, certificates, not_judged, findings })
    }

    /// The same status, with a finding for each certificate that is valid now and ends before `within` is over.
    #[must_use]
    pub fn must_last(mut self, within: Duration) -> Self {
        let now = self.now;
        let is_short = |one: &&TreeCertificate| {
            one.not_before <= now && now < one.ends && one.ends.saturating_sub(within) <= now
        };
        let short = self.certificates.iter().filter(is_short);
        let new: Vec<Finding> = short
            .map(|one| {
                let problem = format!("it ends on {}", date(one.ends));
                let finding = rules::ENDS_TOO_SOON.finding(Place::file(&one.file), problem);
                Finding { remedy: REMEDY.into(), ..finding.about(&one.subject) }
            })
            .collect();
        self.findings.extend(new);
        self.findings.sort_by_key(|finding| (finding.severity, finding.rule));
        self
    }

    /// Whether no finding is an error.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Collects certificates from files.
struct Reader<'a> {
    files: &'a dyn Files,
    located: Vec<Located>,
    not_judged: Vec<Omission>,
}

impl Reader<'_> {
    fn read(&mut self, path: &Path) -> Result<(), ReadError> {
        let mut rest = vec![path.to_owned()];
        let mut number = 0;
        while let Some(path) = rest.pop() {
            number += 1;
            if number > MOST_FILES {
                return Err(ReadError::TooMany { path });
            }
            match self.files.entry(&path) {
                Ok(Some(entry)) if entry.kind == FileKind::Folder => match self.files.names(&path) {
                    Ok(names) => rest
                        .extend(names.into_iter().filter(|name| name != ".git").map(|name| path.join(name))),
                    Err(error) => self.add_omission(&path, &error),
                },
                Ok(Some(entry)) => self.add_file(&path, &entry.bytes),
                Ok(None) if number == 1 => return Err(ReadError::Missing { path }),
                Ok(None) => {}
                Err(error) if number == 1 => return Err(error.into()),
                // Programs and data
                Err(error)
                    if matches!(error.kind(), EtcdErrorKind::TooLarge { .. }) && !is_named_so(&path) => {}
                Err(error) => self.add_omission(&path, &error),
            }
        }
        Ok(())
    }

    /// Reads the kubeconfigs in a folder, and not the folders in it.
    fn read_kubeconfigs(&mut self, folder: &Path) -> Result<(), ReadError> {
        let Ok(names) = names(folder, self.files)? else { return Ok(()) };
        for name in names.iter().filter(|name| name.ends_with(".conf") || name.ends_with(".kubeconfig")) {
            match entry(&folder.join(name), self.files)? {
                Ok(Some(entry)) if entry.kind == FileKind::File => {
                    self.add_file(&folder.join(name), &entry.bytes);
                }
                Ok(_) => {}
                Err(why) => self.add_omission(&folder.join(name), &why.error),
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, bytes: &[u8]) {
        if has_documents(path, bytes) && self.add_documents(path, bytes) {
            return;
        }
        match Certificate::read_all(bytes) {
            Ok(all) => self.add_all(path, all, None),
            // A file that says that it has a certificate should have one.
            Err(error)
                if matches!(error.kind(), ErrorKind::Pkcs12 | ErrorKind::Certificate { .. })
                    && is_certificate(path, bytes) =>
            {
                self.add_omission(path, &error);
            }
            Err(_) => {}
        }
    }

    fn add_omission<K: Kind>(&mut self, path: &Path, error: &base::error::Error<K>) {
        let (reason, remedy) = (error.kind().to_string(), error.hint().unwrap_or_default());
        self.not_judged.push(Omission { file: path.to_owned(), line: None, reason, remedy });
    }

    fn add_all(&mut self, path: &Path, all: Vec<Certificate>, inside: Option<&str>) {
        let has_several = all.len() > 1;
        for (index, certificate) in all.into_iter().enumerate() {
            let number = has_several.then(|| format!("number {}", index + 1));
            let inside = match (inside, number) {
                (Some(inside), Some(number)) => Some(format!("{inside}, {number}")),
                (inside, number) => inside.map(ToOwned::to_owned).or(number),
            };
            self.located.push(Located { file: path.to_owned(), inside, certificate });
        }
    }

    /// Adds the certificates that are values in YAML or JSON, and returns whether there were any.
    fn add_documents(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let before = self.located.len();
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        for document in Node::documents(text) {
            self.add_node(path, &document, &mut Vec::new());
        }
        self.located.len() > before
    }

    fn add_node(&mut self, path: &Path, node: &Node, keys: &mut Vec<String>) {
        match &node.value {
            NodeValue::Map(map) => {
                for (key, value) in map {
                    keys.push(key.clone());
                    self.add_node(path, value, keys);
                    keys.pop();
                }
            }
            NodeValue::List(list) => {
                for (index, value) in list.iter().enumerate() {
                    let name = name_of(value).map_or_else(|| index.to_string(), ToOwned::to_owned);
                    keys.push(name);
                    self.add_node(path, value, keys);
                    keys.pop();
                }
            }
            NodeValue::Scalar(text) => {
                if let Some(all) = certificates_in(text) {
                    self.add_all(path, all, Some(&keys.join(".")));
                }
            }
            NodeValue::Null => {}
        }
    }
}

/// Whether a file is to be read as a certificate by its name and its contents.
fn is_certificate(path: &Path, bytes: &[u8]) -> bool {
    is_named_so(path)
        && (bytes.first() == Some(&0x30) || String::from_utf8_lossy(bytes).contains("CERTIFICATE-----"))
}

/// Whether the name of a file is that of a certificate.
fn is_named_so(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let extensions = ["pem", "crt", "cer", "der", "cert", "p7b", "p7c", "p12", "pfx"];
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

/// The name of an item of a list, as kubeconfigs have it.
fn name_of(item: &Node) -> Option<&str> {
    let NodeValue::Map(map) = &item.value else { return None };
    map.iter().find_map(|(key, value)| match &value.value {
        NodeValue::Scalar(text) if key == "name" => Some(text.as_str()),
        _ => None,
    })
}

/// The certificates in a value: PEM, or PEM in base64, as in kubeconfigs and Secrets.
fn certificates_in(text: &str) -> Option<Vec<Certificate>> {
    if text.contains(PEM) {
        return Certificate::read_all(text.as_bytes()).ok();
    }
    let text: String = text.split_whitespace().collect();
    let bytes = text.starts_with(PEM_IN_BASE64).then(|| BASE64_STANDARD.decode(&text).ok())??;
    Certificate::read_all(&bytes).ok()
}

const PEM: &str = "-----BEGIN ";
const PEM_IN_BASE64: &str = "LS0tLS1CRUdJTi";

/// Whether a file may be YAML or JSON in which certificates are values.
fn has_documents(path: &Path, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let extensions = ["conf", "yaml", "yml", "json", "kubeconfig", "config"];
    let is_named_so = extension.as_deref().is_none_or(|extension| extensions.contains(&extension));
    (is_named_so && text.contains(PEM) && !text.trim_start().starts_with(PEM)) || text.contains(PEM_IN_BASE64)
}

/// The CAs that were found, by their subjects.
struct Issuers<'a> {
    by_subject: BTreeMap<&'a [u8], Vec<&'a Located>>,
}

impl<'a> Issuers<'a> {
    fn new(all: &'a [Located], files: &dyn Files) -> Self {
        let mut by_subject: BTreeMap<&[u8], Vec<&Located>> = BTreeMap::new();
        for located in all.iter().filter(|located| located.certificate.check_ca().is_ok()) {
            let of_name = by_subject.entry(located.certificate.subject().der()).or_default();
            match of_name.iter_mut().find(|other| other.certificate.der() == located.certificate.der()) {
                // The file beside the CA's key says more than a copy, and a file more than a place in a kubeconfig.
                Some(other) if located.rank(files) < other.rank(files) => *other = located,
                Some(_) => {}
                None => of_name.push(located),
            }
        }
        Self { by_subject }
    }

    /// The CAs above a certificate, the nearest first.
    fn above(&self, certificate: &Certificate) -> Vec<&'a Located> {
        let mut chain: Vec<&Located> = Vec::new();
        let mut last = certificate;
        while last.issuer() != last.subject() {
            let candidates = self.by_subject.get(last.issuer().der()).into_iter().flatten().copied();
            let is_new =
                |one: &&Located| !chain.iter().any(|other| other.certificate.der() == one.certificate.der());
            let issued =
                candidates.filter(is_new).filter(|one| last.verify_issued_by(&one.certificate).is_ok());
            let Some(issuer) = issued.max_by_key(|one| one.certificate.not_after()) else { break };
            chain.push(issuer);
            last = &issuer.certificate;
        }
        chain
    }

    fn certificate(&self, located: &Located, files: &dyn Files, now: OffsetDateTime) -> TreeCertificate {
        let certificate = &located.certificate;
        let above = self.above(certificate);
        let first = above.iter().map(|one| &one.certificate).min_by_key(|ca| ca.not_after());
        let first = first.filter(|ca| ca.not_after() < certificate.not_after());
        let ends = first.map_or(certificate.not_after(), Certificate::not_after);
        let span = Span { begins: certificate.not_before(), ends };
        // A root is its own issuer.
        let is_root = certificate.issuer() == certificate.subject();
        let issuer_file = if is_root { Some(&located.file) } else { above.first().map(|one| &one.file) };
        let name = |name: &crate::x509::name::Name| match name.common_name() {
            Some(common_name) => common_name.to_owned(),
            None => name.to_string(),
        };
        TreeCertificate {
            file: located.file.clone(),
            inside: located.inside.clone(),
            subject: certificate.subject().to_string(),
            name: name(certificate.subject()),
            usage: usage(certificate),
            issuer: certificate.issuer().to_string(),
            issuer_name: name(certificate.issuer()),
            issuer_file: issuer_file.cloned(),
            issuer_has_key: issuer_file.is_some_and(|file| has_key(file, files)),
            serial: certificate.serial_decimal(),
            sha256: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            ends,
            ends_with: first.map(|ca| ca.subject().to_string()),
            days_left: span.days_left(now),
            state: span.state(RenewBefore::default(), now),
        }
    }
}

/// Whether a private key lies beside a certificate, by the names that cfssl, kubeadm and openssl give it.
fn has_key(certificate: &Path, files: &dyn Files) -> bool {
    let stem = certificate.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names = [format!("{stem}-key.pem"), format!("{stem}.key"), format!("{stem}.key.pem")];
    names.iter().any(|name| {
        let path = certificate.with_file_name(name);
        // What may not be read is there.
        !matches!(entry(&path, files), Ok(Ok(None)))
    })
}

/// What a certificate is for, in a word or two.
fn usage(certificate: &Certificate) -> String {
    if certificate.check_ca().is_ok() {
        return "CA".to_owned();
    }
    let Some(usages) = certificate.extended_key_usage() else { return "any".to_owned() };
    let known =
        [(oid::SERVER_AUTH, "server"), (oid::CLIENT_AUTH, "client"), (oid::ANY_EXTENDED_KEY_USAGE, "any")];
    let words: Vec<&str> =
        known.iter().filter(|(oid, _)| usages.contains(oid)).map(|(_, word)| *word).collect();
    if words.is_empty() { "other".to_owned() } else { words.join(", ") }
}

impl TreeCertificate {
    fn finding(&self, now: OffsetDateTime) -> Option<Finding> {
        let with_ca = self.ends_with.as_ref().map(|ca| format!(" with its CA, {ca},")).unwrap_or_default();
        let end = date(self.ends);
        let (rule, problem) = match self.state {
            State::NotYetValid => {
                (rules::NOT_YET_VALID, format!("it is valid only from {} on", date(self.not_before)))
            }
            _ if self.ends <= now => (rules::ENDED, format!("it ended{with_ca} on {end}")),
            State::RenewalDue => (rules::RENEWAL_DUE, format!("it ends{with_ca} on {end}")),
            State::Valid | State::Ended => return None,
        };
        let inside = self.inside.as_ref().map(|inside| format!("{inside}: ")).unwrap_or_default();
        let finding =
            rule.finding(Place::file(&self.file), format!("{inside}{problem}")).about(&self.subject);
        Some(if rule.id == rules::NOT_YET_VALID.id {
            finding
        } else {
            Finding { remedy: REMEDY.into(), ..finding }
        })
    }
}

#[cfg(test)]
mod tests;
