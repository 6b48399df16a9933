//! Compares existing certificates and keys with what the description asks for.

use der::asn1::ObjectIdentifier;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::cfssl::usage;
use crate::etcd::cluster::certificates::CertificateSpec;
use crate::etcd::cluster::renewal::Span;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::plan::authority::KnownIssuer;
use crate::etcd::plan::change::{Change, PendingRequest, PlannedCertificate, Reason};
use crate::etcd::plan::offline;
use crate::etcd::plan::renewal::Wish;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::csr::CertificateRequest;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::key::{PrivateKey, PublicKeyKind};
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// Plans the CA of a cluster. An existing CA is never replaced, because all its certificates depend on it.
///
/// # Errors
/// If the existing CA cannot be used, so that a person has to decide.
pub(crate) fn authority(
    spec: CertificateSpec,
    record: &Record,
    snapshot: &Snapshot,
    wish: Wish,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let at = |path: &str| snapshot.root().join(path);
    let key = match snapshot.entry(&spec.pair.key)? {
        Some(entry) => {
            Some(PrivateKey::read(&entry.bytes, None).map_err(|error| error.in_file(&at(&spec.pair.key)))?)
        }
        None => None,
    };
    let file = at(&spec.pair.certificate);
    let refuse = |error: Error| Err(error.in_file(&file));
    let Some(entry) = snapshot.entry(&spec.pair.certificate)? else {
        let Some(key) = key else {
            return match record.has(&spec.id) {
                true => refuse(ErrorKind::CaMissing.into()),
                false => Ok(PlannedCertificate::new(spec, Change::New, None, None)),
            };
        };
        // Members and clients have copies of the certificate that they trust. Without any, this may be what a killed run
        // left; and who trusts an older certificate of this key accepts what a new one signs.
        return Ok(match copy_of(&spec, &key, record, snapshot, now) {
            Some(copy) => PlannedCertificate::new(spec, Change::Kept, Some(copy), Some(key)),
            None => PlannedCertificate::new(spec, Change::New, None, Some(key)),
        });
    };
    let certificate = Certificate::read(&entry.bytes).map_err(|error| error.in_file(&file))?;
    if certificate.subject() != &spec.subject {
        let (found, wanted) = (certificate.subject().to_string(), spec.subject.to_string());
        return refuse(match found == wanted {
            true => ErrorKind::OtherNameBytes { subject: found }.into(),
            false => ErrorKind::OtherCa { found, wanted }.into(),
        });
    }
    if !certificate.basic_constraints().is_some_and(|constraints| constraints.ca) {
        let subject = certificate.subject().to_string();
        return refuse(X509ErrorKind::NotACa { subject, reason: "basicConstraints lacks CA:TRUE" }.into());
    }
    if key.as_ref().is_some_and(|key| !certificate.is_for(key.public_key())) {
        return refuse(X509ErrorKind::KeyMismatch.into());
    }
    let reason = match wish {
        _ if certificate.not_before() > now => None,
        Wish::Renew if lasts_longer(&spec, &certificate, now) => Some(Reason::Asked),
        Wish::IfEnded if !certificate.is_valid_at(now) => {
            Some(Reason::Ended { not_after: certificate.not_after() })
        }
        _ => None,
    };
    if let Some(reason) = reason {
        if key.is_none() {
            let (path, needed_for) = (spec.pair.key.clone(), spec.id.to_string());
            return refuse(ErrorKind::CaKeyMissing { path, needed_for }.into());
        }
        if certificate.issuer() != certificate.subject() {
            let (subject, issuer) = (certificate.subject().to_string(), certificate.issuer().to_string());
            return refuse(X509ErrorKind::NotSelfSigned { subject, issuer }.into());
        }
        let mut planned =
            PlannedCertificate::new(spec, Change::Changed(vec![reason]), Some(certificate), key);
        planned.is_renewed = true;
        return Ok(planned);
    }
    if !certificate.is_valid_at(now) {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        return refuse(X509ErrorKind::CaNotValid { not_before, not_after }.into());
    }
    Ok(PlannedCertificate::new(spec, Change::Kept, Some(certificate), key))
}

/// Whether a renewed certificate would last at least a day longer.
fn lasts_longer(spec: &CertificateSpec, certificate: &Certificate, now: OffsetDateTime) -> bool {
    now.saturating_add(spec.lifetime) - certificate.not_after() >= Duration::DAY
}

/// The certificate of a CA whose file is missing, as a member or client has it. Of several that were made for the same
/// key, the one in the record counts, or else the latest.
fn copy_of(
    spec: &CertificateSpec,
    key: &PrivateKey,
    record: &Record,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Option<Certificate> {
    let (_, name) = spec.pair.certificate.rsplit_once('/')?;
    let is_copy = |path: &&str| path.rsplit_once('/').is_some_and(|(_, last)| last == name);
    let is_right = |copy: &Certificate| {
        copy.subject() == &spec.subject
            && copy.is_for(key.public_key())
            && copy.check_ca().is_ok()
            && copy.is_valid_at(now)
    };
    let copies = snapshot.paths().filter(is_copy).filter_map(|path| {
        let copy = Certificate::read(&snapshot.entry(path).ok()??.bytes).ok()?;
        is_right(&copy).then_some(copy)
    });
    copies.max_by_key(|copy| (record.knows(&spec.id, copy), copy.not_before()))
}

/// Plans the certificate of a member or client. An existing certificate stays if it agrees with the description;
/// otherwise it is issued again. A key of the right kind stays in both cases, so that the key on the disk always fits
/// the certificate.
pub(crate) fn leaf(
    spec: CertificateSpec,
    issuer: KnownIssuer<'_>,
    record: &Record,
    snapshot: &Snapshot,
    wish: Wish,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let mut reasons = Vec::new();
    let existing = read(snapshot, &spec.pair.certificate)?;
    let key = match snapshot.entry(&spec.pair.key)? {
        None => None,
        Some(entry) => match PrivateKey::read(&entry.bytes, None) {
            Ok(key) if key.public_key().kind() == PublicKeyKind::from(spec.key) => Some(key),
            // A new key would not fit the old certificate, which stays until the offline CA has signed the new one.
            Ok(key) if issuer.is_offline && is_pair(existing.as_ref(), &key) => Some(key),
            Ok(key) => {
                let found = key.public_key().kind().to_string();
                reasons.push(Reason::KeyKind { found, wanted: spec.key });
                None
            }
            Err(error) => {
                reasons.push(Reason::Unreadable { reason: error.kind().to_string() });
                None
            }
        },
    };
    match &existing {
        Some(Ok(certificate)) => {
            // A wrong key has its own reason, so the mismatch needs none.
            let has_key_reason = !reasons.is_empty();
            let differences = differences(&spec, certificate, key.as_ref(), issuer, now).into_iter();
            let is_of_key = |reason: &Reason| matches!(reason, Reason::KeyMismatch | Reason::KeyMissing);
            reasons.extend(differences.filter(|reason| !has_key_reason || !is_of_key(reason)));
            match wish {
                Wish::IfDue => {}
                Wish::Renew if reasons.is_empty() => reasons.push(Reason::Asked),
                Wish::Renew => {}
                Wish::IfEnded | Wish::Keep => {
                    let is_kept = |reason: &Reason| {
                        matches!(reason, Reason::Due { .. } | Reason::Lifetime { .. })
                            || wish == Wish::Keep && matches!(reason, Reason::Ended { .. })
                    };
                    reasons.retain(|reason| !is_kept(reason));
                }
            }
        }
        Some(Err(error)) => reasons.push(Reason::Unreadable { reason: error.kind().to_string() }),
        None => {}
    }
    let existing = existing.and_then(Result::ok);
    let change = match &existing {
        Some(_) if reasons.is_empty() => {
            return Ok(PlannedCertificate::new(spec, Change::Kept, existing, key));
        }
        None if reasons.is_empty() => Change::New,
        _ => Change::Changed(reasons),
    };
    if !issuer.is_offline {
        return Ok(PlannedCertificate::new(spec, change, None, key));
    }
    let is_renewed = change.reasons().iter().all(Reason::is_of_renewal);
    let in_use =
        existing.filter(|certificate| key.as_ref().is_some_and(|key| certificate.is_for(key.public_key())));
    let pending = match answer(&spec, in_use.as_ref(), key.as_ref(), issuer, record, snapshot, now)? {
        // What was in use before is no new certificate.
        OfflineAnswer::Right(certificate)
            if in_use.is_some() && is_renewed && record.knows(&spec.id, &certificate) =>
        {
            ask(&spec, key.as_ref(), Vec::new(), snapshot)?
        }
        OfflineAnswer::Right(certificate) => {
            return Ok(PlannedCertificate::new(spec, change, Some(*certificate), key));
        }
        OfflineAnswer::Wrong(refused) => ask(&spec, key.as_ref(), refused, snapshot)?,
        OfflineAnswer::None => ask(&spec, key.as_ref(), Vec::new(), snapshot)?,
    };
    // The certificate in use stays until the CA has signed the new one.
    let mut planned = PlannedCertificate::new(spec, change, in_use, key);
    planned.pending = Some(pending);
    Ok(planned)
}

/// Whether the existing certificate is for this key.
fn is_pair(certificate: Option<&Result<Certificate, Error>>, key: &PrivateKey) -> bool {
    certificate
        .and_then(|certificate| certificate.as_ref().ok())
        .is_some_and(|certificate| certificate.is_for(key.public_key()))
}

/// The certificate that an offline CA has signed.
enum OfflineAnswer {
    /// There is none yet, or only one that was used before.
    None,
    /// The certificate fits the request.
    Right(Box<Certificate>),
    /// The certificate does not fit the request.
    Wrong(Vec<Reason>),
}

/// Reads the answer of an offline CA to the request for `spec`.
fn answer(
    spec: &CertificateSpec,
    in_use: Option<&Certificate>,
    key: Option<&PrivateKey>,
    issuer: KnownIssuer<'_>,
    record: &Record,
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<OfflineAnswer, Error> {
    let certificate = match read(snapshot, &offline::answer(&spec.id))? {
        None => return Ok(OfflineAnswer::None),
        Some(Err(error)) => {
            let reason = error.kind().to_string();
            return Ok(OfflineAnswer::Wrong(vec![Reason::Unreadable { reason }]));
        }
        Some(Ok(certificate)) => certificate,
    };
    let mut reasons = differences(spec, &certificate, key, issuer, now);
    if certificate.not_before() > now {
        reasons.push(Reason::NotYet { not_before: certificate.not_before() });
    }
    Ok(match reasons.is_empty() {
        true => OfflineAnswer::Right(Box::new(certificate)),
        // A certificate that was used before is an answer to an earlier request.
        false if in_use.is_some_and(|in_use| in_use.der() == certificate.der()) => OfflineAnswer::None,
        false if record.knows(&spec.id, &certificate) => OfflineAnswer::None,
        false => OfflineAnswer::Wrong(reasons),
    })
}

/// The request for an offline CA. An existing request stays if it is still right.
fn ask(
    spec: &CertificateSpec,
    key: Option<&PrivateKey>,
    refused: Vec<Reason>,
    snapshot: &Snapshot,
) -> Result<PendingRequest, Error> {
    let request = match (snapshot.entry(&offline::request(&spec.id))?, key) {
        (Some(entry), Some(key)) => asks_for(&entry.bytes, spec, key).then(|| entry.bytes.clone()),
        _ => None,
    };
    Ok(PendingRequest { request, refused })
}

/// Whether an existing request is for this key, subject and names.
fn asks_for(request: &Zeroizing<Vec<u8>>, spec: &CertificateSpec, key: &PrivateKey) -> bool {
    CertificateRequest::read(request).is_ok_and(|request| {
        request.subject() == &spec.subject
            && request.subject_public_key_info() == key.public_key().der()
            && request.subject_alt_names().is_ok_and(|names| names.is_same_set_as(&spec.names))
    })
}

/// Reads the first certificate in a file. Those of CAs may follow it. `None` if there is no such file.
fn read(snapshot: &Snapshot, path: &str) -> Result<Option<Result<Certificate, Error>>, Error> {
    let entry = snapshot.entry(path)?;
    Ok(entry.map(|entry| {
        let certificates = Certificate::read_all(&entry.bytes)?;
        certificates.into_iter().next().ok_or_else(|| X509ErrorKind::NoCertificate.into())
    }))
}

/// The differences between a certificate and what it must contain.
fn differences(
    spec: &CertificateSpec,
    certificate: &Certificate,
    key: Option<&PrivateKey>,
    issuer: KnownIssuer<'_>,
    now: OffsetDateTime,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if issuer.certificate.is_none_or(|issuer| certificate.verify_issued_by(issuer).is_err()) {
        reasons.push(Reason::Issuer);
    }
    match key {
        None => reasons.push(Reason::KeyMissing),
        Some(key) if !certificate.is_for(key.public_key()) => reasons.push(Reason::KeyMismatch),
        Some(_) => {}
    }
    if !is_subject(certificate, spec, issuer.is_offline) {
        let (found, wanted) = (certificate.subject().to_string(), spec.subject.to_string());
        reasons.push(Reason::Subject { found, wanted });
    }
    if !certificate.subject_alt_names().is_same_set_as(&spec.names) {
        let words = |names: &SubjectAltNames| {
            if names.is_empty() { "no names".to_owned() } else { names.to_string() }
        };
        let (found, wanted) = (words(certificate.subject_alt_names()), words(&spec.names));
        reasons.push(Reason::Names { found, wanted });
    }
    if !has_usages(certificate, spec, issuer.is_offline) {
        reasons.push(Reason::Usages {
            found: usages(certificate.key_usage(), certificate.extended_key_usage().unwrap_or_default()),
            wanted: usages(Some(spec.key_usage), &spec.extended_key_usage),
        });
    }
    if certificate.basic_constraints().is_some_and(|constraints| constraints.ca) {
        reasons.push(Reason::Authority);
    }
    let span = Span { begins: certificate.not_before(), ends: certificate.not_after() };
    // With the end of its CA a new one would end too.
    let gains = issuer.certificate.is_none_or(|ca| ca.not_after() > certificate.not_after());
    if span.has_ended(now) {
        reasons.push(Reason::Ended { not_after: certificate.not_after() });
    } else if gains && now >= span.renewal(spec.renew_before) {
        reasons.push(Reason::Due { not_after: certificate.not_after() });
    }
    let (found, lifetime) = (certificate.not_after() - certificate.not_before(), spec.lifetime);
    let is_clamped = issuer.certificate.is_some_and(|ca| ca.not_after() == certificate.not_after());
    // An offline CA decides about the lifetime itself.
    if found != lifetime && !is_clamped && !issuer.is_offline {
        reasons.push(Reason::Lifetime { found, wanted: lifetime });
    }
    reasons
}

/// Whether the subject is right. An offline CA may add attributes, but the common name must be the requested one,
/// because etcd takes it as the name of the user.
fn is_subject(certificate: &Certificate, spec: &CertificateSpec, is_offline: bool) -> bool {
    let (found, wanted) = (certificate.subject(), &spec.subject);
    found == wanted || is_offline && found.values(oid::COMMON_NAME).eq(wanted.values(oid::COMMON_NAME))
}

/// Whether the usages are right. An offline CA may add usages, but not client authentication: a certificate with that
/// opens the client port.
fn has_usages(certificate: &Certificate, spec: &CertificateSpec, is_offline: bool) -> bool {
    let usages = certificate.extended_key_usage().unwrap_or_default();
    if !is_offline {
        return certificate.key_usage() == Some(spec.key_usage)
            && usages == spec.extended_key_usage.as_slice();
    }
    let opens = |usage: &&ObjectIdentifier| [oid::CLIENT_AUTH, oid::ANY_EXTENDED_KEY_USAGE].contains(usage);
    spec.extended_key_usage.iter().all(|usage| usages.contains(usage))
        && usages.iter().filter(opens).all(|usage| spec.extended_key_usage.contains(usage))
        && certificate.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE))
}

/// The names of the usages, as in a ca-config.
fn usages(key_usage: Option<KeyUsage>, extended: &[ObjectIdentifier]) -> String {
    let extended =
        extended.iter().map(|oid| usage::extended_name(*oid).map_or(oid.to_string(), str::to_owned));
    let key_usage = key_usage.into_iter().flat_map(usage::key_usage_names).map(str::to_owned);
    let names: Vec<String> = key_usage.chain(extended).collect();
    if names.is_empty() { "no stated purpose".to_owned() } else { names.join(", ") }
}

impl PlannedCertificate {
    fn new(
        spec: CertificateSpec,
        change: Change,
        certificate: Option<Certificate>,
        key: Option<PrivateKey>,
    ) -> Self {
        Self { spec, change, certificate, key, is_renewed: false, pending: None }
    }
}

#[cfg(test)]
mod tests;
