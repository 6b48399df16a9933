//! The decisions of a plan about certificates: which stay, which are issued, and by which CA. The files follow from
//! them.

use std::collections::{BTreeSet, HashSet};

use time::OffsetDateTime;

use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::bootstrap::{JoiningMember, Start};
use crate::etcd::cluster::certificates::CertificateSpec;
use crate::etcd::cluster::layout::Role;
use crate::etcd::error::Error;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::registry::{Registry, RegistryEvent};
use crate::etcd::folder::snapshot::{Snapshot, Users};
use crate::etcd::notice::Notice;
use crate::etcd::plan::authority::{
    Authority, authorities, issuer_of, refuse_another_ca, refuse_what_a_given_ca_forbids,
    refuse_without_ca_key,
};
use crate::etcd::plan::change::PlannedCertificate;
use crate::etcd::plan::judge;
use crate::etcd::plan::key_numbers::key_numbers;
use crate::etcd::plan::notices::notices;
use crate::etcd::plan::renewal::Renewal;
use crate::etcd::plan::restored::starts_in_files;
use crate::x509::certificate::Certificate;

/// The decisions of a plan.
#[derive(Debug)]
pub(crate) struct Decisions {
    pub(crate) cluster: Cluster,
    pub(crate) authorities: Vec<Authority>,
    /// The certificates of the plan. Those of its CAs come first.
    pub(crate) certificates: Vec<PlannedCertificate>,
    /// The record of the output folder.
    pub(crate) record: Record,
    /// The registry of the output folder.
    pub(crate) registry: Registry,
    /// The revocations that the registry does not have.
    pub(crate) revocations: Vec<RegistryEvent>,
    /// The first start of each member.
    pub(crate) starts: Vec<Start>,
    /// The subset of `starts` to record. A joining member that still waits for certificates is left out, so that the
    /// next plan treats it as new.
    pub(crate) recorded: Vec<Start>,
    pub(crate) notices: Vec<Notice>,
    /// The users of this machine that files can be given to.
    pub(crate) users: Users,
    /// The moment of the plan.
    pub(crate) now: OffsetDateTime,
}

impl Decisions {
    pub(crate) fn new(
        cluster: &Cluster,
        snapshot: &Snapshot,
        now: OffsetDateTime,
        renewal: &Renewal,
        new_keys: &BTreeSet<String>,
    ) -> Result<Self, Error> {
        let mut record = Record::read(snapshot, cluster)?;
        let key_numbers = key_numbers(cluster, &record, snapshot, new_keys);
        let cluster = &Cluster { key_numbers, ..cluster.clone() };
        if record.members.is_empty() {
            record.members = starts_in_files(cluster, snapshot);
        }
        let mut certificates = Vec::new();
        for spec in cluster.authority_specs()? {
            let wish = renewal.of_authority(spec.id.role());
            certificates.push(judge::authority(spec, &record, snapshot, wish, now)?);
        }
        let authorities = authorities(cluster, &certificates, snapshot, now)?;
        for spec in cluster.leaf_specs()? {
            let issuer = cluster.layout().issuer(spec.id.role());
            let issuer = issuer_of(issuer, &authorities, &certificates);
            let wish = renewal.of(&spec.id);
            certificates.push(judge::leaf(spec, issuer, &record, snapshot, wish, now)?);
        }
        refuse_another_ca(cluster, &record, &authorities, &certificates, snapshot)?;
        refuse_without_ca_key(cluster, &authorities, &certificates)?;
        refuse_what_a_given_ca_forbids(cluster, &authorities, &certificates)?;
        let notices = notices(cluster, &authorities, &certificates, snapshot, now);
        let starts = cluster.starts(&record.members);
        let joining = cluster.joining(&starts, &record.members);
        let waits = |start: &Start| {
            joining.iter().any(|joining| joining.member == start.member)
                && certificates.iter().any(|planned| planned.blocks_start_of(&start.member))
        };
        let recorded = starts.iter().filter(|start| !waits(start)).cloned().collect();
        let (cluster, users) = (cluster.clone(), snapshot.users().clone());
        let registry = Registry::read(snapshot)?.unwrap_or_default();
        let mut decisions = Self {
            cluster,
            authorities,
            certificates,
            record,
            registry,
            revocations: Vec::new(),
            starts,
            recorded,
            notices,
            users,
            now,
        };
        decisions.revocations = decisions.new_revocations(snapshot);
        Ok(decisions)
    }

    /// The PEM of the intermediate CAs that follow the certificates of a role in their files.
    pub(crate) fn chain(&self, role: Role) -> String {
        let issuer = self.cluster.layout().issuer(role);
        let issuer =
            self.authorities.iter().find(|authority| authority.role == issuer && authority.role != role);
        issuer.map(Authority::chain).unwrap_or_default()
    }

    /// The certificates that are there, and stay until they are replaced.
    pub(crate) fn existing(&self) -> Vec<(&CertificateSpec, &Certificate)> {
        let planned = self.certificates.iter();
        planned.filter_map(|planned| Some((&planned.spec, planned.certificate.as_ref()?))).collect()
    }

    /// The revocations that the registry does not have, also those of certificates that it does not have yet.
    fn new_revocations(&self, snapshot: &Snapshot) -> Vec<RegistryEvent> {
        let known: Vec<&Certificate> = self
            .authorities
            .iter()
            .filter_map(|authority| {
                issuer_of(authority.role, &self.authorities, &self.certificates).certificate
            })
            .collect();
        let unregistered = self.unregistered(&self.existing());
        let registry = match unregistered.is_empty() {
            true => &self.registry,
            false => &Registry::parse(&self.registry.with(&unregistered, self.now)),
        };
        registry.revocations(snapshot, &known)
    }

    /// What the registry does not have yet: these certificates, those that the record knows, and revocations.
    pub(crate) fn unregistered(
        &self,
        certificates: &[(&CertificateSpec, &Certificate)],
    ) -> Vec<RegistryEvent> {
        let mut seen = HashSet::new();
        let mut is_new = |sha256: &str| !self.registry.has(sha256) && seen.insert(sha256.to_owned());
        let mut events = Vec::new();
        for (spec, certificate) in certificates {
            if is_new(&certificate.fingerprint()) {
                events.push(RegistryEvent::issued(&spec.id.to_string(), &spec.pair.certificate, certificate));
            }
        }
        for recorded in self.record.former.iter().chain(&self.record.certificates) {
            if is_new(&recorded.sha256) {
                events.push(RegistryEvent::recorded(recorded));
            }
        }
        events.extend(self.revocations.iter().cloned());
        events
    }

    pub(crate) fn joining(&self) -> Vec<JoiningMember> {
        self.cluster.joining(&self.starts, &self.record.members)
    }
}
