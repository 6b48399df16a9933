//! Puts the members and clients that were found together to clusters, and plans their connections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::place::Place;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::verify::client::ClientNode;
use crate::etcd::check::verify::clusters::{Candidate, Candidates, Index, Scope};
use crate::etcd::check::verify::meeting::{Dial, Parties};
use crate::etcd::check::verify::member::{Node, Reading};
use crate::etcd::check::verify::membership::Membership;
use crate::etcd::check::verify::names::KnownNames;
use crate::etcd::check::verify::probe::{Probes, UntrustedCa};
use crate::etcd::check::verify::reach::of_others;
use crate::etcd::check::verify::report::some;
use crate::etcd::check::verify::{Connections, rules};
use crate::etcd::found::{Files, Found, ReadError};
use crate::etcd::option::version::EtcdVersion;
use crate::tls::Leniency;

/// What was found, and how it is to be looked at.
struct Assembly<'a> {
    folder: &'a Path,
    version: EtcdVersion,
    leniency: Leniency,
    untrusted: &'a UntrustedCa,
    files: &'a dyn Files,
    found: &'a Found,
    candidates: Candidates<'a>,
}

impl Connections {
    /// Looks at the folder that `apply` made, or at any other that has members and, in `clients/`, clients, as a
    /// version of etcd would. The certificate of `untrusted` must open no port.
    ///
    /// Members that do not name each other in `initial-cluster` are several clusters. There is at least one.
    ///
    /// # Errors
    /// If the folder does not exist, cannot be read, or has nothing of etcd in it.
    pub fn read(
        folder: &Path,
        version: EtcdVersion,
        leniency: Leniency,
        untrusted: &UntrustedCa,
        files: &dyn Files,
    ) -> Result<Vec<Self>, ReadError> {
        let found = Found::read(&[folder.to_owned()], version, files)?;
        let candidates = Candidates::of(&found, folder, files, version)?;
        if candidates.all.is_empty() {
            return Err(ReadError::NoMember { path: folder.to_owned() });
        }
        let assembly = Assembly { folder, version, leniency, untrusted, files, found: &found, candidates };
        assembly.clusters()
    }
}

impl Assembly<'_> {
    /// Each cluster, with the connections of its members and clients.
    ///
    /// # Errors
    /// If a file cannot be read.
    fn clusters(&self) -> Result<Vec<Connections>, ReadError> {
        let clusters = self.candidates.clusters();
        let index = Index::of(&self.candidates.all);
        let scope_of = |numbers: &[usize]| {
            let first = numbers.first().and_then(|first| self.candidates.all.get(*first));
            first.map(|first| first.scope).unwrap_or_default()
        };
        let mut of_scope: BTreeMap<usize, usize> = BTreeMap::new();
        for numbers in &clusters {
            *of_scope.entry(scope_of(numbers)).or_default() += 1;
        }
        let mut all = Vec::new();
        for numbers in &clusters {
            let scope = scope_of(numbers);
            let Some(around) = self.candidates.scopes.get(scope) else { continue };
            let in_scope = of_scope.get(&scope).copied().unwrap_or(1);
            all.push(self.cluster(numbers, around, in_scope, &index)?);
        }
        Ok(all)
    }

    fn cluster(
        &self,
        numbers: &[usize],
        scope: &Scope,
        in_scope: usize,
        index: &Index<'_>,
    ) -> Result<Connections, ReadError> {
        let members: Vec<&Candidate<'_>> =
            numbers.iter().filter_map(|number| self.candidates.all.get(*number)).collect();
        let mut reading = Reading {
            folder: &scope.folder,
            files: self.files,
            version: self.version,
            leniency: self.leniency,
            parties: Parties::default(),
            ends: BTreeSet::new(),
            findings: Vec::new(),
        };
        let mut nodes = Vec::new();
        for candidate in &members {
            if !candidate.member.settings.is_complete {
                let problem = "not all of its settings are here";
                let finding = rules::INCOMPLETE_SETTINGS.finding(candidate.member.place.clone(), problem);
                reading.findings.push(finding.about(&candidate.name));
            }
            nodes.push(Node::read(candidate, &mut reading)?);
        }
        cannot_bind(&mut nodes, self.version);
        let local: BTreeMap<usize, usize> =
            numbers.iter().enumerate().map(|(local, number)| (*number, local)).collect();
        let membership = Membership::of(&members, scope, in_scope == 1, |by, entry| {
            index.meant(by, entry).and_then(|number| local.get(&number).copied())
        });
        reading.findings.extend(of_membership(&members, scope, in_scope, &membership));
        let unread = self.found.unread().filter(|file| file.path.starts_with(&scope.folder));
        reading.findings.extend(unread.map(|file| {
            let finding = rules::FILE_UNREAD.finding(Place::file(&file.path), file.reason());
            finding.remedy(Some(file.remedy()))
        }));
        let left: BTreeSet<PathBuf> = self.found.left_out.union(&self.candidates.left).cloned().collect();
        let clients = ClientNode::read_all(&scope.folder, &left, &mut reading)?;
        let Reading { mut parties, ends, findings, .. } = reading;
        parties.names = known_names(&nodes);
        let probes = Probes::plan(&nodes, &clients, self.untrusted, &mut parties);
        let left_out = left.iter().filter(|path| path.starts_with(&scope.folder));
        let mut connections = Connections {
            version: self.version,
            name: some(&members.iter().map(|member| member.name.clone()).collect::<Vec<_>>()),
            parties,
            nodes,
            membership,
            clients,
            ends,
            left_out: left_out
                .map(|path| path.strip_prefix(self.folder).unwrap_or(path).to_owned())
                .collect(),
            findings,
            attempts: Vec::new(),
            dials: Vec::new(),
            probes,
            sources_of: BTreeMap::new(),
        };
        connections.plan_peers();
        for Dial { caller, source, .. } in &connections.dials {
            connections.sources_of.entry(*caller).or_default().extend(*source);
        }
        connections.plan_clients(in_scope == 1);
        connections.plan_gateways();
        Ok(connections)
    }
}

/// Members that listen at an address of another member, which is not there, or is taken.
fn cannot_bind(nodes: &mut [Node], version: EtcdVersion) {
    let name = |number: usize| nodes.get(number).map(|node| node.name.clone()).unwrap_or_default();
    let findings: Vec<(usize, Finding)> = of_others(nodes)
        .into_iter()
        .map(|(number, listener, url, other)| {
            let problem = format!("it listens at {}, which is an address of {}", url.text, name(other));
            let finding = rules::ADDRESS_OF_ANOTHER.finding(listener.place.clone(), problem);
            (number, finding.about(name(number)).of_version(version))
        })
        .collect();
    for (number, finding) in findings {
        if let Some(node) = nodes.get_mut(number) {
            node.faults.push(finding);
        }
    }
}

/// What the files say about who is a member.
fn of_membership(
    members: &[&Candidate<'_>],
    scope: &Scope,
    in_scope: usize,
    membership: &Membership,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !membership.absent.is_empty() {
        let problem = format!("the files of {} are not here", some(&membership.absent));
        findings.push(rules::ABSENT_MEMBERS.finding(Place::default(), problem));
    }
    if in_scope > 1 {
        let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let problem = match members {
            [one] if one.names_nobody() => format!("{} names no other member", one.name),
            _ => format!("{} and the other members do not name each other", some(&names)),
        };
        let place = members.first().map(|member| member.member.place.clone()).unwrap_or_default();
        let is_alone = members.len() == 1 && members.iter().all(|member| member.names_nobody());
        if scope.recorded.is_some() {
            findings.push(rules::SEVERAL_CLUSTERS.finding(place, problem));
        } else if is_alone {
            findings.push(rules::ALONE.finding(place, problem));
        }
    }
    if members.iter().any(|member| member.has_discovery() && member.start.is_accepted()) {
        let problem = "a discovery service or DNS names the members";
        findings.push(rules::DISCOVERED.finding(Place::default(), problem));
    }
    findings
}

fn known_names(nodes: &[Node]) -> KnownNames {
    let mut names = KnownNames::default();
    for node in nodes {
        for listener in [&node.peer, &node.client] {
            let addresses = listener.addresses();
            for url in &listener.advertised {
                names.learn(&url.host, addresses.iter().copied());
            }
        }
        for marker in &node.markers {
            names.learn_marker(marker);
        }
    }
    names
}
