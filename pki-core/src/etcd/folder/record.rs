//! `cluster.lock.json`: what was issued, and what the files were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::path::RECORD;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::snapshot::Snapshot;
use crate::x509::certificate::Certificate;

/// The record. It holds no secrets and no moment of writing, so that nothing done leaves nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Of this file's form
    version: u32,
    pub(crate) cluster: String,
    /// Who trusts whom
    layout: String,
    /// How each member first starts
    pub(crate) members: Vec<Start>,
    /// What is in use
    pub(crate) certificates: Vec<RecordedCertificate>,
    /// What was in use before: it is valid until its end, or until it is revoked
    pub(crate) former: Vec<RecordedCertificate>,
    /// SHA-256 of every public file
    pub(crate) files: BTreeMap<String, String>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedCertificate {
    pub(crate) certificate: String,
    pub(crate) path: String,
    pub(crate) subject: String,
    /// Decimal
    pub(crate) serial: String,
    /// SHA-256 over the DER
    pub(crate) sha256: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) not_before: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) not_after: OffsetDateTime,
}

const VERSION: u32 = 1;

impl Record {
    /// The record in `snapshot`, if there is one.
    pub(crate) fn open(snapshot: &Snapshot) -> Result<Option<Self>, Error> {
        let Some(entry) = snapshot.entry(RECORD)? else { return Ok(None) };
        let refuse = |reason| {
            let error: Error = ErrorKind::Record { reason }.into();
            error.in_file(&snapshot.root().join(RECORD))
        };
        let record: Self = serde_json::from_slice(&entry.bytes).map_err(|error| refuse(error.to_string()))?;
        if record.version != VERSION {
            return Err(refuse(format!(
                "it has version {}, and this program knows version {VERSION}",
                record.version
            )));
        }
        Ok(Some(record))
    }

    /// The record of this cluster in `snapshot`; an empty one if there is none. One of another layout is refused:
    /// whoever trusts the CAs of before would not trust those of now.
    pub(crate) fn read(snapshot: &Snapshot, cluster: &Cluster) -> Result<Self, Error> {
        let Some(record) = Self::open(snapshot)? else { return Ok(Self::default()) };
        if record.layout != cluster.layout().name() {
            let (found, wanted) = (record.layout, cluster.layout().name().to_owned());
            let error: Error = ErrorKind::OtherLayout { found, wanted }.into();
            return Err(error.in_file(&snapshot.root().join(RECORD)));
        }
        Ok(record)
    }

    /// Whether there is such a certificate in use.
    pub(crate) fn has(&self, id: &CertificateId) -> bool {
        let id = id.to_string();
        self.certificates.iter().any(|issued| issued.certificate == id)
    }

    /// Whether a certificate is in use as this one, or was before.
    pub(crate) fn knows(&self, id: &CertificateId, certificate: &Certificate) -> bool {
        let (id, fingerprint) = (id.to_string(), certificate.fingerprint());
        let mut issued = self.certificates.iter().chain(&self.former);
        issued.any(|issued| issued.certificate == id && issued.sha256 == fingerprint)
    }

    /// The record after this one, with the hash of every public file. What is no longer in use is remembered.
    pub(crate) fn next(
        &self,
        cluster: &Cluster,
        members: &[Start],
        certificates: &[(&CertificateSpec, &Certificate)],
        files: BTreeMap<String, String>,
    ) -> Self {
        let certificates: Vec<RecordedCertificate> =
            certificates.iter().map(|(spec, c)| RecordedCertificate::new(spec, c)).collect();
        let mut former = self.former.clone();
        former.extend(self.certificates.iter().cloned());
        former.retain(|old| !certificates.iter().any(|current| current.sha256 == old.sha256));
        Self {
            version: VERSION,
            cluster: cluster.name().to_string(),
            layout: cluster.layout().name().to_owned(),
            members: members.to_vec(),
            certificates,
            former,
            files,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        // A record of texts and dates always serialises.
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
