//! The record, `cluster.lock.json`: the issued certificates, and the digests of the files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::path::{NODES, RECORD};
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::snapshot::Snapshot;
use crate::x509::certificate::Certificate;

/// The record of an output folder. It has no secrets. Times of writing are those of changed contents, so that a run which
/// changes nothing writes the same record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The version of the record's format.
    version: u32,
    pub(crate) cluster: String,
    /// The version of etcd in the description. The first format does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etcd: Option<String>,
    /// The name of the layout.
    layout: String,
    /// The first start of each member.
    pub(crate) members: Vec<Start>,
    /// Where ssh reaches the host of each member. Formats before the third do not have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ssh: BTreeMap<String, String>,
    /// When certificates are due for renewal, if the description says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renew_before: Option<RenewBefore>,
    /// The certificates in use.
    pub(crate) certificates: Vec<RecordedCertificate>,
    /// The certificates that were in use before. Each is valid until it ends or is revoked.
    pub(crate) former: Vec<RecordedCertificate>,
    /// The SHA-256 digests of the public files, by path.
    pub(crate) files: BTreeMap<String, String>,
    /// When the contents of each public file of a member's host last changed. Formats before the third do not have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) written: BTreeMap<String, Moment>,
}

/// A moment in the record, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(#[serde(with = "time::serde::rfc3339")] pub(crate) OffsetDateTime);

/// A certificate in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedCertificate {
    /// The certificate's identity, such as `etcd1 server`.
    pub(crate) certificate: String,
    pub(crate) path: String,
    pub(crate) subject: String,
    /// The serial number in decimal.
    pub(crate) serial: String,
    /// The SHA-256 digest of the DER.
    pub(crate) sha256: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) not_before: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) not_after: OffsetDateTime,
}

/// The format version that this program writes. It reads the earlier ones too.
const VERSION: u32 = 3;

/// The part of a record that every version of the format has.
#[derive(Deserialize)]
struct Format {
    version: u32,
}

impl Record {
    /// The record in `snapshot`, if there is one. A record in a newer format is an error of its own: it must not be
    /// deleted.
    pub(crate) fn open(snapshot: &Snapshot) -> Result<Option<Self>, Error> {
        let Some(entry) = snapshot.entry(RECORD)? else { return Ok(None) };
        let record = Self::parse(&entry.bytes).map_err(|error| error.in_file(&snapshot.root().join(RECORD)));
        record.map(Some)
    }

    /// Reads a record.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| ErrorKind::Record { reason: error.to_string() };
        // First, because a newer format may have keys that this one does not know.
        match serde_json::from_slice(bytes).map_err(unreadable)? {
            Format { version: 1..=VERSION } => {}
            Format { version: 0 } => {
                return Err(ErrorKind::Record { reason: "there is no format 0".to_owned() }.into());
            }
            Format { version: found } => return Err(ErrorKind::NewerRecord { found, known: VERSION }.into()),
        }
        serde_json::from_slice(bytes).map_err(|error| unreadable(error).into())
    }

    /// The record of this cluster in `snapshot`, or an empty one. A record of another layout is an error: running
    /// members trust the CAs of that layout, and would not trust those of this one.
    pub(crate) fn read(snapshot: &Snapshot, cluster: &Cluster) -> Result<Self, Error> {
        let Some(record) = Self::open(snapshot)? else { return Ok(Self::default()) };
        if record.layout != cluster.layout().name() {
            let (found, wanted) = (record.layout, cluster.layout().name().to_owned());
            let error: Error = ErrorKind::OtherLayout { found, wanted }.into();
            return Err(error.in_file(&snapshot.root().join(RECORD)));
        }
        Ok(record)
    }

    /// Whether a certificate with this identity is in use.
    pub(crate) fn has(&self, id: &CertificateId) -> bool {
        let id = id.to_string();
        self.certificates.iter().any(|issued| issued.certificate == id)
    }

    /// Whether `certificate` is in use with this identity, or was before.
    pub(crate) fn knows(&self, id: &CertificateId, certificate: &Certificate) -> bool {
        let (id, fingerprint) = (id.to_string(), certificate.fingerprint());
        let mut issued = self.certificates.iter().chain(&self.former);
        issued.any(|issued| issued.certificate == id && issued.sha256 == fingerprint)
    }

    /// The record that follows this one. `files` has the digests of the public files, and those that change are written
    /// at `now`. Certificates that are no longer in use become former ones.
    pub(crate) fn next(
        &self,
        cluster: &Cluster,
        members: &[Start],
        certificates: &[(&CertificateSpec, &Certificate)],
        files: BTreeMap<String, String>,
        now: OffsetDateTime,
    ) -> Self {
        let certificates: Vec<RecordedCertificate> =
            certificates.iter().map(|(spec, issued)| RecordedCertificate::new(spec, issued)).collect();
        let mut former = self.former.clone();
        former.extend(self.certificates.iter().cloned());
        former.retain(|old| !certificates.iter().any(|current| current.sha256 == old.sha256));
        let written = files.iter().filter_map(|(path, digest)| {
            let is_of_host = path.strip_prefix(NODES).is_some_and(|rest| rest.starts_with('/'));
            let is_kept = self.files.get(path) == Some(digest);
            let moment = match is_kept {
                true => self.written.get(path).copied()?,
                false => Moment(now.replace_nanosecond(0).unwrap_or(now)),
            };
            is_of_host.then(|| (path.clone(), moment))
        });
        let written = written.collect();
        Self {
            version: VERSION,
            cluster: cluster.name().to_string(),
            etcd: Some(cluster.version().to_string()),
            layout: cluster.layout().name().to_owned(),
            members: members.to_vec(),
            ssh: cluster
                .members()
                .iter()
                .map(|member| (member.name().to_string(), member.ssh().to_string()))
                .collect(),
            renew_before: Some(cluster.renew_before).filter(|before| *before != RenewBefore::default()),
            certificates,
            former,
            files,
            written,
        }
    }

    /// The text of `cluster.lock.json`.
    pub(crate) fn to_json(&self) -> String {
        // Serialising text and dates with serde_json does not fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl RecordedCertificate {
    fn new(spec: &CertificateSpec, certificate: &Certificate) -> Self {
        Self {
            certificate: spec.id.to_string(),
            path: spec.pair.certificate.clone(),
            subject: certificate.subject().to_string(),
            serial: certificate.serial_decimal(),
            sha256: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }
}

#[cfg(test)]
mod tests;
