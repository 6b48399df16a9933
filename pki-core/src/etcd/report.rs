//! A report of clusters that opens in a browser: who trusts whom, when everything ends, what is wrong.
//!
//! It is made of values and is only text. [`page`] is one HTML page that loads nothing. [`graph`] and [`timeline`] are its
//! pictures as SVG, and [`mermaid`] is the graph for documents.

mod escape;
mod graph;
mod judgement;
mod mermaid;
mod page;
mod timeline;

use std::cmp::Reverse;

use time::OffsetDateTime;

use crate::etcd::check::Finding;
use crate::etcd::check::status::Status;
use crate::etcd::check::verify::{PortTrust, Verification};
use crate::etcd::cluster::path::RECORD;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::found::Omission;

pub use page::page;

/// What is told of one cluster.
#[derive(Debug, Clone)]
pub struct ClusterReport {
    status: Status,
    issued: Vec<IssuedCertificate>,
    verified: Vec<(Verification, Vec<PortTrust>)>,
    not_verified: Option<String>,
    not_examined: Option<String>,
    findings: Vec<Finding>,
    not_judged: Vec<Omission>,
}

/// A certificate in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IssuedCertificate {
    certificate: String,
    serial: String,
    begins: OffsetDateTime,
    ends: OffsetDateTime,
    is_former: bool,
}

impl ClusterReport {
    /// The report of an output folder, with what its record and its files tell.
    ///
    /// # Errors
    /// [`ErrorKind::NotApplied`] without a record, or if it cannot be read.
    pub fn new(snapshot: &Snapshot, now: OffsetDateTime) -> Result<Self, Error> {
        let Some(record) = Record::open(snapshot)? else {
            return Err(ErrorKind::NotApplied { path: snapshot.root().join(RECORD) }.into());
        };
        let status = Status::new(snapshot, now)?;
        let current = record.certificates.iter().map(|issued| (issued, false));
        let mut issued: Vec<IssuedCertificate> = current
            .chain(record.former.iter().map(|issued| (issued, true)))
            .map(|(issued, is_former)| IssuedCertificate {
                certificate: issued.certificate.clone(),
                serial: issued.serial.clone(),
                begins: issued.not_before,
                ends: issued.not_after,
                is_former,
            })
            .collect();
        issued.sort_by_key(|one| Reverse(one.begins));
        let findings = status.findings.clone();
        Ok(Self {
            status,
            issued,
            verified: Vec::new(),
            not_verified: None,
            not_examined: None,
            findings,
            not_judged: Vec::new(),
        })
    }

    /// Adds what `verify` found, with the ports of its members.
    #[must_use]
    pub fn verified(mut self, verification: Verification, ports: Vec<PortTrust>) -> Self {
        self = self.with_findings(verification.findings.clone());
        self.verified.push((verification, ports));
        self
    }

    /// Adds why the connections could not be tried.
    #[must_use]
    pub fn not_verified(mut self, reason: impl Into<String>) -> Self {
        self.not_verified = Some(reason.into());
        self
    }

    /// Adds what `doctor` found, and what it could not judge.
    #[must_use]
    pub fn examined(mut self, findings: Vec<Finding>, not_judged: Vec<Omission>) -> Self {
        self.not_judged.extend(not_judged);
        self.with_findings(findings)
    }

    /// Adds why `doctor` could not look at the files.
    #[must_use]
    pub fn not_examined(mut self, reason: impl Into<String>) -> Self {
        self.not_examined = Some(reason.into());
        self
    }

    /// Adds findings; each is told once.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        for finding in findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        self.findings.sort_by_key(|finding| (finding.severity, finding.rule));
        self
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.status.cluster
    }

    /// When the first of what is in use ends; `None` if nothing is.
    pub fn first_end(&self) -> Option<OffsetDateTime> {
        self.status.first_end().map(|(_, end)| end)
    }

    fn ports(&self) -> impl Iterator<Item = &PortTrust> {
        self.verified.iter().flat_map(|(_, ports)| ports)
    }
}

/// The graph of a cluster as SVG: who can reach which port, and which CA the port trusts.
pub fn graph(report: &ClusterReport) -> String {
    graph::svg(&graph::Graph::new(report.ports()), graph::Width::Wide, escape::Styled::Alone)
}

/// The graph of a cluster as a flowchart of Mermaid.
pub fn mermaid(report: &ClusterReport) -> String {
    mermaid::flowchart(&graph::Graph::new(report.ports()))
}

/// When everything of a cluster ends, as SVG.
pub fn timeline(report: &ClusterReport) -> String {
    timeline::svg(&report.status, graph::Width::Wide, escape::Styled::Alone)
}

#[cfg(test)]
mod tests;
