//! The import of a cluster that exists already: makes a description from its files.
//!
//! The files that were [`Found`] are put together to members, certificates and settings. From these follows the nearest
//! [`Cluster`] that a description can express. The import then compares this cluster with what was found, and gives an
//! [`ImportNotice`] for each difference.

mod differences;
mod evidence;
mod gather;
mod importer;
mod members;
mod names;
mod outcome;
mod places;
mod trust;

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::cluster::{Bootstrap, Cluster, GivenOptions, InitialClusterState, Member, MemberOverrides};
use crate::etcd::describe as description;
use crate::etcd::describe::writer as write;
use crate::etcd::describe::writer::{Remarks, most_common};
use crate::etcd::doctor;
use crate::etcd::error::ErrorKind;
use crate::etcd::error::description::DescriptionError;
use crate::etcd::found;
use crate::etcd::found::Found;
use crate::etcd::import::evidence::MemberCertificate;
use crate::etcd::import::importer::Importer;
use crate::etcd::import::members::KnownMember;
pub use crate::etcd::import::outcome::{AuthorityChoice, ImportError, ImportNotice, ImportedCluster};
use crate::etcd::option::port::PEER;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{Availability, EtcdOption};
use crate::etcd::safe::address::DnsName;
use crate::etcd::safe::label::Label;

/// Makes the description of a cluster from the files that were found, for `version` of etcd. A CA that has ended at
/// `now` is not kept.
///
/// ```
/// use pki_core::etcd::found::{Found, SystemFiles};
/// use pki_core::etcd::{AuthorityChoice, EtcdVersion, import};
///
/// let folder = tempfile::tempdir()?;
/// let options = "ETCD_NAME=a\nETCD_INITIAL_CLUSTER=a=https://10.0.0.1:2380,b=https://10.0.0.2:2380\n";
/// std::fs::write(folder.path().join("etcd.env"), options)?;
/// let found = Found::read(&[folder.path().to_owned()], EtcdVersion::V3_5, &SystemFiles)?;
/// let imported = import(&found, EtcdVersion::V3_5, AuthorityChoice::Keep, time::OffsetDateTime::now_utc())?;
/// assert_eq!(imported.cluster.members().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If no member was found, there are members of several clusters, or a description cannot express the cluster.
pub fn import(
    found: &Found,
    version: EtcdVersion,
    authorities: AuthorityChoice,
    now: OffsetDateTime,
) -> Result<ImportedCluster, ImportError> {
    let mut importer = Importer {
        found,
        version,
        authorities,
        now,
        members: Vec::new(),
        notices: Vec::new(),
        noticed: HashSet::new(),
        findings: Vec::new(),
    };
    importer.members = members::members(found, &mut importer.notices, &mut importer.findings)?;
    importer.noticed = importer.notices.iter().cloned().collect();
    importer.import()
}

impl<'a> Importer<'a> {
    fn import(mut self) -> Result<ImportedCluster, ImportError> {
        let undescribable =
            |error: DescriptionError| ImportError::Undescribable(ErrorKind::Description(error).into());
        let members = self.members.iter().zip(self.member_hosts()).map(|(known, hosts)| {
            Member::with(known.name.clone(), hosts.addresses, hosts.dns, MemberOverrides::default())
        });
        let members = members.collect::<Result<Vec<_>, _>>().map_err(undescribable)?;
        let mut cluster = Cluster::usual(Label::known("etcd"), members);
        cluster.version = self.version;
        cluster.layout = self.layout();
        cluster.name = self.cluster_name(&cluster);
        cluster.bootstrap = self.bootstrap(&cluster);
        cluster.startup.style = self.style();
        cluster.startup.unit = self.unit();
        cluster.startup.container = self.container();
        cluster.hosts = self.hosts();
        self.import_network(&mut cluster);
        let evidence = self.evidence(&cluster);
        self.import_certificate_settings(&mut cluster, &evidence);
        self.import_names(&mut cluster, &evidence);
        self.import_states(&mut cluster);
        self.import_options(&mut cluster);
        self.compare(&cluster, &evidence);
        for path in &self.found.left_out {
            self.notice(
                "",
                Place::file(path),
                "it is left out, because the record of the folder no longer has it",
            );
        }

        let mut remarks = Remarks::default();
        remarks.add(
            "",
            "An etcd cluster, imported from its files. Comments say where this description differs from the files, and \
             what is wrong with them. Read the comments before you apply the description.",
        );
        for notice in &self.notices {
            remarks.add(&notice.key, notice.to_string());
        }
        let mut findings = doctor::examine(self.found, self.version, self.now);
        let keys = findings.iter().map(|finding| self.key_of(&finding.place)).collect::<Vec<_>>();
        for (key, finding) in
            keys.iter().zip(&findings).chain(self.findings.iter().map(|(key, one)| (key, one)))
        {
            remarks.add(key, format!("{} {}: {finding}", finding.severity, finding.rule));
        }
        findings.extend(self.findings.into_iter().map(|(_, finding)| finding));
        findings.sort_by_key(|finding| finding.severity);
        let description = write::description(&cluster, &remarks);
        // The cluster that the description has, not the one that it was made from, is what a plan would read.
        let cluster = Cluster::from_yaml(&description, None);
        let cluster = cluster.map_err(|error| ImportError::Undescribable(error.without_place()))?.value;
        Ok(ImportedCluster { description, cluster, notices: self.notices, findings })
    }

    /// The certificates of all members, in the order of the members.
    fn evidence(&self, cluster: &Cluster) -> Vec<MemberCertificate<'a>> {
        let mut all = Vec::new();
        for (index, known) in self.members.iter().enumerate() {
            for role in cluster.layout.of_members() {
                let option = trust::certificate_option(*role);
                let names = cluster.members.get(index).map(evidence::names_of).unwrap_or_default();
                all.extend(self.held(known, *role, option, &names).map(|evidence| (index, *role, evidence)));
            }
        }
        all
    }

    /// The name of the cluster. If `apply` made the cluster, its name is in the units' `Description=`, in the names of
    /// the CAs and in the name that peers' certificates share. For other clusters, the token serves as the name.
    fn cluster_name(&self, cluster: &Cluster) -> Label {
        let descriptions = self.members_on_hosts().filter_map(|(host, member)| {
            let text = &host.unit(member)?.last("Unit", "Description")?.value.text;
            let name = member.settings.value("name")?;
            text.strip_prefix("etcd member ")?.strip_prefix(name)?.strip_prefix(" of ")
        });
        let issuers = self.found.hosts.iter().flat_map(|host| host.pems.values()).flat_map(|file| {
            file.certificates.iter().flatten().filter_map(|certificate| certificate.subject().common_name())
        });
        let authorities = issuers.filter_map(|name| {
            let name = name.strip_suffix(" CA")?;
            let kinds = [" etcd client", " etcd peer", " etcd"];
            kinds.into_iter().find_map(|kind| name.strip_suffix(kind))
        });
        let marker = self.common(PEER.allowed_hosts);
        let marked = marker.and_then(|marker| marker.strip_prefix("peer.")?.strip_suffix(".etcd.internal"));
        let candidates =
            descriptions.chain(authorities).chain(marked).chain(self.common("initial-cluster-token"));
        let candidates: Vec<Label> = candidates.filter_map(|name| Label::parse(name).ok()).collect();
        let is_marked = |name: &&Label| {
            let named = Cluster { name: (*name).clone(), ..cluster.clone() };
            marker.is_some_and(|marker| named.peer_marker().as_str() == marker)
        };
        let best = candidates.iter().find(is_marked).or(candidates.first());
        best.cloned().unwrap_or_else(|| Label::known("etcd"))
    }

    /// The token and the discovery domain.
    fn bootstrap(&self, cluster: &Cluster) -> Bootstrap {
        let token = self.common("initial-cluster-token").and_then(|token| Label::parse(token).ok());
        let domain = self.common("discovery-srv");
        // Without `initial-cluster-token`, etcd uses this one.
        let usual = self.members_on_hosts().next().map(|_| Label::known("etcd-cluster"));
        Bootstrap {
            token: token.or(usual).filter(|token| *token != cluster.name),
            state: None,
            discovery_srv: domain.and_then(|domain| DnsName::parse(domain).ok()),
        }
    }

    /// Sets the `initial-cluster-state` of the cluster if it is `existing`, and of members that differ from most.
    fn import_states(&self, cluster: &mut Cluster) {
        let state = |known: &KnownMember<'_>| {
            let (_, member) = known.best_source()?;
            let is_existing = member.settings.value("initial-cluster-state") == Some("existing");
            Some(if is_existing { InitialClusterState::Existing } else { InitialClusterState::New })
        };
        let states: Vec<_> = self.members.iter().map(state).collect();
        let common = most_common(states.iter().flatten().copied()).unwrap_or(InitialClusterState::New);
        if common == InitialClusterState::Existing {
            cluster.bootstrap.state = Some(common);
        }
        for (member, state) in cluster.members.iter_mut().zip(states) {
            member.overrides.state = state.filter(|state| *state != common);
        }
    }

    /// Sets the options that do not follow from anything else in the description.
    fn import_options(&self, cluster: &mut Cluster) {
        let starts = cluster.starts(&[]);
        let mut all: Vec<(usize, &'static str, String)> = Vec::new();
        for (index, (member, start)) in cluster.members.iter().zip(&starts).enumerate() {
            let described = cluster.settings(member, start);
            let source = self.members.get(index).and_then(KnownMember::best_source);
            for setting in source.iter().flat_map(|(_, member)| &member.settings.used) {
                let (Some(option), Some(value)) = (EtcdOption::find(&setting.option), &setting.value) else {
                    continue;
                };
                let Some((option, value)) = self.in_version(option, value, setting.source) else { continue };
                let follows = description::described_by(option.name()).is_some()
                    || described.iter().any(|described| {
                        described.option == option.name()
                            && differences::is_same(option, self.version, &described.value, &value)
                    });
                let is_right = option.check(&value, self.version).is_ok() && !value.is_empty();
                if follows || !is_right || value.chars().any(char::is_control) {
                    continue;
                }
                all.retain(|(other, name, _)| (*other, *name) != (index, option.name()));
                all.push((index, option.name(), value));
            }
        }
        // An option that every member sets is set for the cluster, with the most common value, and members with other
        // values override it.
        let members = self.members_on_hosts().count();
        let mut common = GivenOptions::default();
        for (_, name, _) in &all {
            let values = || all.iter().filter(|(_, other, _)| other == name).map(|(.., value)| value);
            if let Some(value) =
                most_common(values()).filter(|_| values().count() == members && common.value(name).is_none())
            {
                common.0.push((name, value.clone()));
            }
        }
        for (index, name, value) in all {
            let is_common = common.value(name) == Some(value.as_str());
            if let Some(member) = cluster.members.get_mut(index).filter(|_| !is_common) {
                member.overrides.options.0.push((name, value));
            }
        }
        cluster.options = common;
    }

    /// The option to set for etcd of the version, which may be another one that replaces it, and its value as a flag
    /// has it. `None` if the version has neither option.
    fn in_version(
        &self,
        option: &'static EtcdOption,
        value: &str,
        source: found::Source,
    ) -> Option<(&'static EtcdOption, String)> {
        let value = differences::as_on_the_command_line(option, self.version, value, source);
        let availability = option.availability(self.version);
        if matches!(availability, Availability::Available | Availability::Deprecated { .. }) {
            return Some((option, value));
        }
        let instead = EtcdOption::find(availability.instead()?)?;
        instead.availability(self.version).is_accepted().then_some((instead, value))
    }
}
