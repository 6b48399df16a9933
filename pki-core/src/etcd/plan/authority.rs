//! The CAs of a plan: those that are made for the cluster, and existing ones.

use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::cluster::{Cluster, GivenAuthority};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::plan::change::PlannedCertificate;
use crate::x509::acceptance::check_planned;
use crate::x509::certificate::Certificate;
use crate::x509::digest::sha256;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::key::PrivateKey;
use crate::x509::sign::SigningKey;

/// A CA of the cluster.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) role: Role,
    pub(crate) source: CaSource,
}

/// Whether a CA exists already or belongs to the plan.
#[derive(Debug)]
pub(crate) enum CaSource {
    /// A CA that existed before the cluster.
    Existing(Box<ExistingCa>),
    /// A CA that is made for the cluster: the index of its certificate in the plan.
    Own(usize),
}

/// A CA that existed before the cluster.
#[derive(Debug)]
pub(crate) struct ExistingCa {
    pub(crate) certificate: Certificate,
    /// The CAs above it. Each issued the one before.
    pub(crate) above: Vec<Certificate>,
    /// The key. `None` if the CA is offline, so that requests are written for it to sign.
    pub(crate) key: Option<Arc<dyn SigningKey>>,
}

impl Authority {
    /// Reads an existing CA from the files that the description names.
    ///
    /// # Errors
    /// If a file is missing or cannot be read, a certificate is not a valid CA certificate at `now`, the certificates
    /// do not form a chain, or the key is encrypted or of another certificate.
    pub(crate) fn given(
        role: Role,
        given: &GivenAuthority,
        snapshot: &Snapshot,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let read = |path: &Path| -> Result<&[u8], Error> {
            snapshot.outside(path).ok_or_else(|| ErrorKind::MissingFile { path: path.to_owned() }.into())
        };
        let file = &given.certificate;
        let mut certificates =
            Certificate::read_all(read(file)?).map_err(|error| error.in_file(file))?.into_iter();
        let refuse = |error: Error| Err(error.in_file(file));
        let Some(certificate) = certificates.next() else {
            return refuse(X509ErrorKind::NoCertificate.into());
        };
        let above: Vec<Certificate> = certificates.collect();
        for ca in [&certificate].into_iter().chain(&above) {
            ca.check_ca().map_err(|error| error.in_file(file))?;
            if !ca.is_valid_at(now) {
                let (not_before, not_after) = (ca.not_before(), ca.not_after());
                return refuse(X509ErrorKind::CaNotValid { not_before, not_after }.into());
            }
        }
        let mut below = &certificate;
        for next in &above {
            if let Err(error) = below.verify_issued_by(next) {
                let (subject, reason) = (below.subject(), error.kind());
                return refuse(ErrorKind::CaChain { reason: format!("{subject}: {reason}") }.into());
            }
            below = next;
        }
        let key: Option<Arc<dyn SigningKey>> = match &given.private_key {
            None => snapshot.signing_key(file),
            Some(path) => {
                let key = PrivateKey::read(read(path)?, None).map_err(|error| match error.kind() {
                    X509ErrorKind::KeyEncrypted => Error::from(ErrorKind::CaKeyEncrypted).in_file(path),
                    _ => Error::from(error).in_file(path),
                })?;
                Some(Arc::new(key))
            }
        };
        if key.as_ref().is_some_and(|key| !certificate.is_for(key.public_key())) {
            let path = given.private_key.as_ref().unwrap_or(file);
            return Err(Error::from(X509ErrorKind::KeyMismatch).in_file(path));
        }
        Ok(Self { role, source: CaSource::Existing(Box::new(ExistingCa { certificate, above, key })) })
    }

    /// The earliest end of an existing CA and those above it: certificates that it signs end then at the latest. `None`
    /// for a CA of the plan.
    pub(crate) fn ends(&self) -> Option<OffsetDateTime> {
        match &self.source {
            CaSource::Own(_) => None,
            CaSource::Existing(given) => {
                [&given.certificate].into_iter().chain(&given.above).map(Certificate::not_after).min()
            }
        }
    }

    /// The index of its certificate in the plan. `None` for an existing CA.
    pub(crate) fn place(&self) -> Option<usize> {
        match self.source {
            CaSource::Own(place) => Some(place),
            CaSource::Existing(_) => None,
        }
    }

    /// Whether the CA is offline, so that requests are written for it to sign.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(&self.source, CaSource::Existing(given) if given.key.is_none())
    }

    /// The PEM of the intermediate CAs, which follow a leaf in its file: a peer that trusts only the root needs them.
    pub(crate) fn chain(&self) -> String {
        match &self.source {
            CaSource::Own(_) => String::new(),
            CaSource::Existing(given) => {
                let chain = [&given.certificate].into_iter().chain(&given.above);
                chain.filter(|ca| ca.issuer() != ca.subject()).map(Certificate::to_pem).collect()
            }
        }
    }
}

/// The issuer of a leaf.
#[derive(Clone, Copy)]
pub(crate) struct KnownIssuer<'a> {
    /// `None` if the plan still has to make it.
    pub(crate) certificate: Option<&'a Certificate>,
    /// Whether the CA is offline.
    pub(crate) is_offline: bool,
}

/// The CAs of the layout. `certificates` are those of the plan.
pub(crate) fn authorities(
    cluster: &Cluster,
    certificates: &[PlannedCertificate],
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Result<Vec<Authority>, Error> {
    let authority = |role: &Role| match &cluster.certificate_settings.of(*role).given {
        Some(given) => Authority::given(*role, given, snapshot, now),
        None => {
            let place = certificates.iter().position(|planned| planned.id().role() == *role);
            Ok(Authority { role: *role, source: CaSource::Own(place.unwrap_or_default()) })
        }
    };
    cluster.layout().authorities().iter().map(authority).collect()
}

/// The CA with this role, as the issuer of leaves.
pub(crate) fn issuer_of<'a>(
    role: Role,
    authorities: &'a [Authority],
    certificates: &'a [PlannedCertificate],
) -> KnownIssuer<'a> {
    let authority = authorities.iter().find(|authority| authority.role == role);
    let certificate = authority.and_then(|authority| match &authority.source {
        CaSource::Existing(given) => Some(&given.certificate),
        CaSource::Own(place) => certificates.get(*place)?.certificate.as_ref(),
    });
    KnownIssuer { certificate, is_offline: authority.is_some_and(Authority::is_offline) }
}

/// Refuses a plan that gives members which are recorded, and may run, a CA with another key or name than the one that they trust:
/// each member that restarts would be refused by the others, and every client by all. What they trust is in the files
/// that the record has; a file that was changed or is missing tells nothing.
pub(crate) fn refuse_another_ca(
    cluster: &Cluster,
    record: &Record,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
    snapshot: &Snapshot,
) -> Result<(), Error> {
    for authority in authorities {
        let Some(ca) = issuer_of(authority.role, authorities, certificates).certificate else { continue };
        let file = cluster.file(authority.role);
        for member in cluster.members() {
            if !record.members.iter().any(|start| start.member == member.name().as_str()) {
                continue;
            }
            let path = path::certificate(&path::on_node(member.name(), &cluster.hosts.pki), &file);
            let Some(entry) = snapshot.entry(&path)? else { continue };
            if record.files.get(&path) != Some(&sha256(&entry.bytes)) {
                continue;
            }
            let Ok(trusted) = Certificate::read_all(&entry.bytes) else { continue };
            if let Some(first) = trusted.first()
                && !trusted.iter().any(|known| known.has_key_of(ca) && known.subject() == ca.subject())
            {
                let recorded = first.subject().to_string();
                return Err(ErrorKind::OtherTrustedCa { recorded, path: snapshot.root().join(path) }.into());
            }
        }
    }
    Ok(())
}

/// Refuses a plan that issues a certificate with a CA of the plan whose key is missing.
pub(crate) fn refuse_without_ca_key(
    cluster: &Cluster,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
) -> Result<(), Error> {
    for authority in authorities {
        let CaSource::Own(place) = authority.source else { continue };
        let Some(ca) = certificates.get(place) else { continue };
        if ca.certificate.is_none() || ca.key.is_some() {
            continue;
        }
        let is_below = |planned: &&PlannedCertificate| {
            planned.is_issued() && cluster.layout().issuer(planned.id().role()) == authority.role
        };
        if let Some(leaf) = certificates.iter().find(is_below) {
            let path = ca.spec.pair.key.clone();
            return Err(ErrorKind::CaKeyMissing { path, needed_for: leaf.id().to_string() }.into());
        }
    }
    Ok(())
}

/// Refuses a plan in which an existing CA issues, or is asked for, a certificate that clients would refuse because of the
/// CA. Otherwise somebody would carry requests to an offline CA for certificates that nobody accepts.
pub(crate) fn refuse_what_a_given_ca_forbids(
    cluster: &Cluster,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
) -> Result<(), Error> {
    for authority in authorities {
        let CaSource::Existing(existing) = &authority.source else { continue };
        let is_below = |planned: &&PlannedCertificate| {
            !planned.id().role().is_authority()
                && (planned.is_issued() || planned.pending.is_some())
                && cluster.layout().issuer(planned.id().role()) == authority.role
        };
        for leaf in certificates.iter().filter(is_below) {
            let checked =
                check_planned(&existing.certificate, &leaf.spec.names, &leaf.spec.extended_key_usage);
            checked.map_err(|error| match &cluster.certificate_settings.of(authority.role).given {
                Some(given) => error.in_file(&given.certificate),
                None => error,
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
