//! The certificates of members and clients with their keys and the CAs beside them.

use zeroize::Zeroizing;

use crate::etcd::cluster::path::{CLIENTS, NODES};
use crate::etcd::error::export::ExportError;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::export::Holder;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::x509::certificate::Certificate;

/// A certificate that a member or client has.
pub(crate) struct HeldCertificate<'a> {
    /// Its identity, such as `etcd1 server`.
    pub(crate) identity: &'a str,
    /// The name of Kubernetes' objects about it.
    pub(crate) object: String,
    /// The file: the certificate, and those above it that belong to it.
    pub(crate) pem: &'a [u8],
    pub(crate) leaf: Certificate,
    /// The file of its key. `None` in a snapshot without keys.
    key: Option<&'a Zeroizing<Vec<u8>>>,
    key_path: String,
    /// The file name of the CA that issued it, without `.pem`, and the file.
    pub(crate) authority: Option<(&'a str, &'a [u8])>,
}

impl HeldCertificate<'_> {
    /// The file of the key.
    pub(crate) fn key(&self) -> Result<&[u8], Error> {
        self.key.map(|key| key.as_slice()).ok_or_else(|| missing(&self.key_path))
    }
}

/// The certificates of one holder, or of all, in the order of the record.
pub(crate) fn certificates<'a>(
    snapshot: &'a Snapshot,
    record: &'a Record,
    holder: Option<Holder<'_>>,
) -> Result<Vec<HeldCertificate<'a>>, Error> {
    let folders: Vec<String> = match holder {
        Some(holder) => vec![format!("{}/", holder.folder())],
        None => vec![format!("{NODES}/"), format!("{CLIENTS}/")],
    };
    let mut all: Vec<HeldCertificate<'_>> = Vec::new();
    for issued in record.certificates.iter().filter(|one| folders.iter().any(|at| one.path.starts_with(at))) {
        let held = read(snapshot, record, &issued.certificate, &issued.path)?;
        if let Some(first) = all.iter().find(|other| other.object == held.object) {
            let (first, second) = (first.identity.to_owned(), held.identity.to_owned());
            return Err(ErrorKind::Export(ExportError::OneName { name: held.object, first, second }).into());
        }
        all.push(held);
    }
    Ok(all)
}

fn read<'a>(
    snapshot: &'a Snapshot,
    record: &Record,
    identity: &'a str,
    path: &'a str,
) -> Result<HeldCertificate<'a>, Error> {
    let pem = &snapshot.entry(path)?.ok_or_else(|| missing(path))?.bytes;
    let leaf = Certificate::read(pem)?;
    let key_path = format!("{}-key.pem", path.strip_suffix(".pem").unwrap_or(path));
    let key = snapshot.entry(&key_path)?.map(|entry| &entry.bytes);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut authority = None;
    for name in snapshot.names(folder) {
        let Some(stem) = name.strip_suffix(".pem") else { continue };
        let path = format!("{folder}/{name}");
        if stem.ends_with("-key") || record.certificates.iter().any(|issued| issued.path == path) {
            continue;
        }
        let Some(entry) = snapshot.entry(&path)? else { continue };
        let is_above = |ca: &Certificate| leaf.verify_issued_by(ca).is_ok();
        if Certificate::read_all(&entry.bytes).is_ok_and(|all| all.iter().any(is_above)) {
            authority = Some((stem, entry.bytes.as_slice()));
        }
    }
    let object = object_name(&format!("{} {identity}", record.cluster));
    Ok(HeldCertificate { identity, object, pem, leaf, key, key_path, authority })
}

/// A name for an object of Kubernetes (RFC 1123 label: small letters, digits, and `-` between them).
pub(crate) fn object_name(text: &str) -> String {
    let small = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(small).collect();
    match name.trim_matches('-') {
        "" => "etcd".to_owned(),
        name => name.to_owned(),
    }
}

pub(crate) fn missing(path: &str) -> Error {
    ErrorKind::Export(ExportError::Missing { path: path.to_owned() }).into()
}
