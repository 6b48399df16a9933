//! The notices of a plan.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::path;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::plan::authority::{Authority, CaSource, issuer_of};
use crate::etcd::plan::change::{PendingRequest, PlannedCertificate, Reason};
use crate::etcd::plan::offline;
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKeyKind;

/// There is a notice about each certificate that ends within this time.
const SOON: Duration = Duration::days(30);

/// The notices about a CA that differs from the description. It stays, because a CA is never replaced.
fn ca_notices(planned: &PlannedCertificate) -> Vec<Notice> {
    let Some(ca) = planned.certificate.as_ref().filter(|_| planned.id().role().is_authority()) else {
        return Vec::new();
    };
    let mut notices = Vec::new();
    let mut add =
        |found: String, wanted: String| notices.push(Notice::new(NoticeKind::CaKept { found, wanted }));
    let kind = ca.public_key().map(|key| key.kind());
    if let Ok(kind) = kind
        && kind != PublicKeyKind::from(planned.spec.key)
    {
        add(format!("a key of the kind {kind}"), planned.spec.key.to_string());
    }
    let (found, wanted) = (ca.not_after() - ca.not_before(), planned.spec.lifetime);
    if found != wanted {
        add(format!("a lifetime of {} days", found.whole_days()), format!("{} days", wanted.whole_days()));
    }
    notices
}

/// The notices about a certificate from an offline CA: the CA signed something else, or an old key stays.
fn offline_notices(planned: &PlannedCertificate) -> Vec<Notice> {
    let mut notices = Vec::new();
    let certificate = planned.id().to_string();
    if let Some(PendingRequest { refused, .. }) = &planned.pending
        && !refused.is_empty()
    {
        let (answer, request) = (offline::answer(planned.id()), offline::request(planned.id()));
        let (certificate, reasons) = (certificate.clone(), reasons(refused));
        notices.push(Notice::new(NoticeKind::WrongAnswer { answer, certificate, reasons, request }));
    }
    if let Some(key) = &planned.key
        && !planned.id().role().is_authority()
        && key.public_key().kind() != PublicKeyKind::from(planned.spec.key)
    {
        let (found, path) = (key.public_key().kind().to_string(), planned.spec.pair.key.clone());
        let wanted = planned.spec.key;
        notices.push(Notice::new(NoticeKind::KeyKept { certificate, found, wanted, path }));
    }
    notices
}

/// All notices of a plan.
pub(crate) fn notices(
    cluster: &Cluster,
    authorities: &[Authority],
    certificates: &[PlannedCertificate],
    snapshot: &Snapshot,
    now: OffsetDateTime,
) -> Vec<Notice> {
    let mut notices: Vec<Notice> = certificates.iter().flat_map(ca_notices).collect();
    notices.extend(certificates.iter().flat_map(offline_notices));
    if let [one, other] = authorities
        && let (CaSource::Existing(one), CaSource::Existing(other)) = (&one.source, &other.source)
        && one.certificate.has_key_of(&other.certificate)
    {
        notices.push(Notice::new(NoticeKind::OneCa));
    }
    for authority in authorities {
        if let CaSource::Existing(given) = &authority.source {
            let subject = given.certificate.subject().to_string();
            notices.push(Notice::new(NoticeKind::ForeignCa { subject }));
        }
    }
    for planned in certificates {
        if let Some(certificate) = &planned.certificate {
            let issuer = cluster.layout().issuer(planned.id().role());
            let given =
                authorities.iter().find(|authority| authority.role == issuer).and_then(Authority::ends);
            let own = issuer_of(issuer, authorities, certificates).certificate.map(Certificate::not_after);
            let ends = [Some(certificate.not_after()), own, given].into_iter().flatten().min();
            let not_after = ends.unwrap_or(certificate.not_after());
            if not_after < now + SOON {
                let certificate = planned.id().to_string();
                notices.push(Notice::new(NoticeKind::EndsSoon { certificate, not_after }));
            }
        }
    }
    let members: HashSet<&str> = cluster.members().iter().map(|member| member.name().as_str()).collect();
    let clients: HashSet<&str> = cluster.clients().iter().map(|client| client.name.as_str()).collect();
    for (folder, known) in [(path::NODES, members), (path::CLIENTS, clients)] {
        for name in snapshot.names(folder) {
            if !known.contains(name) {
                notices.push(Notice::new(NoticeKind::Orphan { path: format!("{folder}/{name}") }));
            }
        }
    }
    notices
}

fn reasons(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::to_string).collect()
}
