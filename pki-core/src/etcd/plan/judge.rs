//! Whether what is there is what is wanted.

use time::OffsetDateTime;

use super::{Change, PlannedCertificate, Reason};
use crate::certificate::Certificate;
use crate::error::{Error, ErrorKind};
use crate::etcd::certificates::{CertificateId, Purpose, Wanted};
use crate::etcd::cluster::Cluster;
use crate::etcd::layout::Pair;
use crate::etcd::tree::Tree;
use crate::key::{PrivateKey, PublicKeyKind};
use crate::subject_alt_name::SubjectAltNames;

/// The CA: what is there is kept, for everything that was issued depends on it. If it cannot be used, a
/// person has to decide.
pub(super) fn ca(
    cluster: &Cluster,
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let pair = Pair::ca();
    let wanted = Wanted {
        id: CertificateId::Ca,
        purpose: Purpose::Client,
        subject: cluster.ca_subject()?,
        names: SubjectAltNames::default(),
        key: cluster.key(),
        pair: pair.clone(),
    };
    let at = |path: &str| tree.root().join(path);
    let key = match tree.entry(&pair.key)? {
        Some(entry) => {
            Some(PrivateKey::read(&entry.bytes, None).map_err(|error| error.in_file(&at(&pair.key)))?)
        }
        None => None,
    };
    let Some(entry) = tree.entry(&pair.certificate)? else {
        return Ok(PlannedCertificate { wanted, change: Change::New, certificate: None, key });
    };
    let certificate =
        Certificate::read(&entry.bytes).map_err(|error| error.in_file(&at(&pair.certificate)))?;
    let refuse = |kind: ErrorKind| Err(Error::from(kind).in_file(&at(&pair.certificate)));
    if certificate.subject() != &wanted.subject {
        let (found, wanted) = (certificate.subject().to_string(), wanted.subject.to_string());
        return refuse(ErrorKind::OtherCa { found, wanted });
    }
    if !certificate.basic_constraints().is_some_and(|constraints| constraints.ca) {
        let subject = certificate.subject().to_string();
        return refuse(ErrorKind::NotACa { subject, reason: "basicConstraints lacks CA:TRUE" });
    }
    if key.as_ref().is_some_and(|key| !certificate.is_for(key)) {
        return refuse(ErrorKind::KeyMismatch);
    }
    if !certificate.is_valid_at(now) {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        return refuse(ErrorKind::CaNotValid { not_before, not_after });
    }
    Ok(PlannedCertificate { wanted, change: Change::Kept, certificate: Some(certificate), key })
}

/// Any other certificate: kept if it says what it should, issued anew if not. A key of the right kind is kept
/// in either case, so that a pair is never torn.
pub(super) fn leaf(
    cluster: &Cluster,
    wanted: Wanted,
    ca: Option<&Certificate>,
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let mut reasons = Vec::new();
    let key = match tree.entry(&wanted.pair.key)? {
        None => None,
        Some(entry) => match PrivateKey::read(&entry.bytes, None) {
            Ok(key) if key.public_key().kind() == PublicKeyKind::from(wanted.key) => Some(key),
            Ok(key) => {
                let found = key.public_key().kind().to_string();
                reasons.push(Reason::KeyKind { found, wanted: wanted.key });
                None
            }
            Err(error) => {
                reasons.push(Reason::Unreadable { reason: error.kind().to_string() });
                None
            }
        },
    };
    let certificate = match tree.entry(&wanted.pair.certificate)? {
        None => None,
        Some(entry) => match Certificate::read(&entry.bytes) {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                reasons.push(Reason::Unreadable { reason: error.kind().to_string() });
                None
            }
        },
    };
    if let Some(certificate) = &certificate {
        reasons.extend(differences(cluster, &wanted, certificate, key.as_ref(), ca, now));
    }
    let change = match certificate {
        None if reasons.is_empty() => Change::New,
        Some(_) if reasons.is_empty() => Change::Kept,
        _ => Change::Changed(reasons),
    };
    let certificate = certificate.filter(|_| change == Change::Kept);
    Ok(PlannedCertificate { wanted, change, certificate, key })
}

fn differences(
    cluster: &Cluster,
    wanted: &Wanted,
    certificate: &Certificate,
    key: Option<&PrivateKey>,
    ca: Option<&Certificate>,
    now: OffsetDateTime,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if ca.is_none_or(|ca| certificate.verify_issued_by(ca).is_err()) {
        reasons.push(Reason::Issuer);
    }
    if key.is_none_or(|key| !certificate.is_for(key)) {
        reasons.push(Reason::KeyMismatch);
    }
    if certificate.subject() != &wanted.subject {
        let (found, wanted) = (certificate.subject().to_string(), wanted.subject.to_string());
        reasons.push(Reason::Subject { found, wanted });
    }
    if !certificate.subject_alt_names().is_same_set_as(&wanted.names) {
        let (found, wanted) = (certificate.subject_alt_names().to_string(), wanted.names.to_string());
        reasons.push(Reason::Names { found, wanted });
    }
    let lifetime = cluster.lifetimes().leaf;
    let profile = wanted.purpose.profile(wanted.key, lifetime);
    let usages = certificate.extended_key_usage().unwrap_or_default();
    if certificate.key_usage() != Some(profile.key_usage)
        || usages != profile.extended_key_usage.as_slice()
        || certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
    {
        reasons.push(Reason::Usages);
    }
    if certificate.not_after() < now {
        reasons.push(Reason::Ended { not_after: certificate.not_after() });
    }
    let found = certificate.not_after() - certificate.not_before();
    let is_clamped = ca.is_some_and(|ca| ca.not_after() == certificate.not_after());
    if found != lifetime && !is_clamped {
        reasons.push(Reason::Lifetime { found, wanted: lifetime });
    }
    reasons
}
