//! Whether what is there is what is wanted.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Change, PlannedCertificate, Reason};
use crate::certificate::Certificate;
use crate::csr::CertificateRequest;
use crate::error::{Error, ErrorKind};
use crate::etcd::certificates::Wanted;
use crate::etcd::offline;
use crate::etcd::tree::Tree;
use crate::key::{PrivateKey, PublicKeyKind};
use crate::oid;
use crate::subject_alt_name::SubjectAltNames;

/// A CA of the cluster's own: what is there is kept, for everything that was issued depends on it. If it
/// cannot be used, a person has to decide.
pub(super) fn authority(
    wanted: Wanted,
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let at = |path: &str| tree.root().join(path);
    let key = match tree.entry(&wanted.pair.key)? {
        Some(entry) => {
            Some(PrivateKey::read(&entry.bytes, None).map_err(|error| error.in_file(&at(&wanted.pair.key)))?)
        }
        None => None,
    };
    let file = at(&wanted.pair.certificate);
    let Some(entry) = tree.entry(&wanted.pair.certificate)? else {
        return Ok(PlannedCertificate::new(wanted, Change::New, None, key));
    };
    let certificate = Certificate::read(&entry.bytes).map_err(|error| error.in_file(&file))?;
    let refuse = |kind: ErrorKind| Err(Error::from(kind).in_file(&file));
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
    Ok(PlannedCertificate::new(wanted, Change::Kept, Some(certificate), key))
}

/// The CA of a leaf, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Issuer<'a> {
    /// None if it is yet to be made
    pub(super) certificate: Option<&'a Certificate>,
    /// Whether its certificates have to be asked for
    pub(super) is_offline: bool,
}

/// Any other certificate: kept if it says what it should, issued anew if not. A key of the right kind is kept
/// in either case, so that a pair is never torn.
pub(super) fn leaf(
    wanted: Wanted,
    issuer: Issuer<'_>,
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
    let there = read(tree, &wanted.pair.certificate)?;
    match &there {
        Some(Ok(certificate)) => {
            reasons.extend(differences(&wanted, certificate, key.as_ref(), issuer, now));
        }
        Some(Err(error)) => reasons.push(Reason::Unreadable { reason: error.kind().to_string() }),
        None => {}
    }
    let change = match there {
        None if reasons.is_empty() => Change::New,
        Some(Ok(certificate)) if reasons.is_empty() => {
            return Ok(PlannedCertificate::new(wanted, Change::Kept, Some(certificate), key));
        }
        _ => Change::Changed(reasons),
    };
    if !issuer.is_offline {
        return Ok(PlannedCertificate::new(wanted, change, None, key));
    }
    answer(wanted, change, key, issuer, tree, now)
}

/// What an offline CA has signed since the last time is taken; otherwise it is asked, or asked still.
fn answer(
    wanted: Wanted,
    change: Change,
    key: Option<PrivateKey>,
    issuer: Issuer<'_>,
    tree: &dyn Tree,
    now: OffsetDateTime,
) -> Result<PlannedCertificate, Error> {
    let path = offline::answer(&wanted.id);
    match read(tree, &path)? {
        Some(Ok(certificate)) => {
            let reasons = differences(&wanted, &certificate, key.as_ref(), issuer, now);
            if reasons.is_empty() {
                return Ok(PlannedCertificate::new(wanted, change, Some(certificate), key));
            }
            // A key that was lost since makes the answer useless, and is asked for anew.
            if key.is_some() {
                return Err(Error::from(ErrorKind::WrongAnswer { reasons }).in_file(&tree.root().join(path)));
            }
        }
        Some(Err(error)) => return Err(error.in_file(&tree.root().join(path))),
        None => {}
    }
    let request = match (tree.entry(&offline::request(&wanted.id))?, &key) {
        (Some(entry), Some(key)) => asks_for(&entry.bytes, &wanted, key).then_some(entry.bytes),
        _ => None,
    };
    let mut planned = PlannedCertificate::new(wanted, change, None, key);
    planned.asks = Some(request);
    Ok(planned)
}

/// Whether a request that was made before is the one that would be made now.
fn asks_for(request: &Zeroizing<Vec<u8>>, wanted: &Wanted, key: &PrivateKey) -> bool {
    CertificateRequest::read(request).is_ok_and(|request| {
        request.subject() == &wanted.subject
            && request.subject_public_key_info() == key.public_key().der()
            && request.subject_alt_names().is_ok_and(|names| names.is_same_set_as(&wanted.names))
    })
}

/// The first certificate in a file, if there is such a file: behind it may stand those of CAs.
fn read(tree: &dyn Tree, path: &str) -> Result<Option<Result<Certificate, Error>>, Error> {
    let entry = tree.entry(path)?;
    Ok(entry.map(|entry| {
        let certificates = Certificate::read_all(&entry.bytes)?;
        certificates.into_iter().next().ok_or_else(|| ErrorKind::NoCertificate.into())
    }))
}

fn differences(
    wanted: &Wanted,
    certificate: &Certificate,
    key: Option<&PrivateKey>,
    issuer: Issuer<'_>,
    now: OffsetDateTime,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if issuer.certificate.is_none_or(|issuer| certificate.verify_issued_by(issuer).is_err()) {
        reasons.push(Reason::Issuer);
    }
    if key.is_none_or(|key| !certificate.is_for(key)) {
        reasons.push(Reason::KeyMismatch);
    }
    if !is_subject(certificate, wanted, issuer.is_offline) {
        let (found, wanted) = (certificate.subject().to_string(), wanted.subject.to_string());
        reasons.push(Reason::Subject { found, wanted });
    }
    if !certificate.subject_alt_names().is_same_set_as(&wanted.names) {
        let words = |names: &SubjectAltNames| {
            if names.is_empty() { "no names".to_owned() } else { names.to_string() }
        };
        let (found, wanted) = (words(certificate.subject_alt_names()), words(&wanted.names));
        reasons.push(Reason::Names { found, wanted });
    }
    if !has_usages(certificate, wanted, issuer.is_offline) {
        reasons.push(Reason::Usages);
    }
    if certificate.not_after() < now {
        reasons.push(Reason::Ended { not_after: certificate.not_after() });
    }
    let (found, lifetime) = (certificate.not_after() - certificate.not_before(), wanted.profile.expiry);
    let is_clamped = issuer.certificate.is_some_and(|ca| ca.not_after() == certificate.not_after());
    // How long it lives is the offline CA's decision.
    if found != lifetime && !is_clamped && !issuer.is_offline {
        reasons.push(Reason::Lifetime { found, wanted: lifetime });
    }
    reasons
}

/// An offline CA may add to a subject, but not to the common name: etcd looks at that.
fn is_subject(certificate: &Certificate, wanted: &Wanted, is_offline: bool) -> bool {
    let (found, wanted) = (certificate.subject(), &wanted.subject);
    found == wanted || is_offline && found.values(oid::COMMON_NAME).eq(wanted.values(oid::COMMON_NAME))
}

/// An offline CA may add to the usages, as long as the certificate serves.
fn has_usages(certificate: &Certificate, wanted: &Wanted, is_offline: bool) -> bool {
    let (usages, profile) = (certificate.extended_key_usage().unwrap_or_default(), &wanted.profile);
    let right = if is_offline {
        profile.extended_key_usage.iter().all(|usage| usages.contains(usage))
    } else {
        certificate.key_usage() == Some(profile.key_usage) && usages == profile.extended_key_usage.as_slice()
    };
    right && !certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
}

impl PlannedCertificate {
    fn new(
        wanted: Wanted,
        change: Change,
        certificate: Option<Certificate>,
        key: Option<PrivateKey>,
    ) -> Self {
        Self { wanted, change, certificate, key, asks: None }
    }
}
