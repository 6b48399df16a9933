//! Finds out what is wrong with members of etcd clusters before they start.
//!
//! [`examine`] applies every rule of [`rules`] to what was [`Found`]. It is pure: the time comes in as an argument.
//! What was not seen is not judged.

mod addresses;
mod case;
mod certificates;
mod cluster;
mod keys;
mod names;
mod options;
mod reach;
mod refusals;
mod releases;
mod revocation;
mod sandbox;
mod service;
mod systemd;
mod trust;

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::etcd::check::finding::{Finding, Rule};
use crate::etcd::found::Found;
use crate::etcd::option::version::EtcdVersion;
use case::{Case, Check};

fn checks() -> impl Iterator<Item = &'static Check> {
    [
        systemd::CHECKS,
        service::CHECKS,
        sandbox::CHECKS,
        service::LATER_CHECKS,
        options::CHECKS,
        releases::CHECKS,
        refusals::CHECKS,
        addresses::CHECKS,
        reach::CHECKS,
        cluster::CHECKS,
        trust::CHECKS,
        certificates::CHECKS,
        keys::CHECKS,
        revocation::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Every rule that [`examine`] applies, in the order of their numbers.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    checks().map(|check| &check.rule)
}

/// What is wrong with what was found, if `version` of etcd runs it, at the moment `now`: errors first, then
/// warnings, then notices, each in the order of the rules.
///
/// ```
/// use pki_core::etcd::EtcdVersion;
/// use pki_core::etcd::doctor::examine;
/// use pki_core::etcd::found::{Found, SystemFiles};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("etcd.env"), "ETCD_NAME=a\nETCD_LISTEN_PEER_URLS=https://etcd1:2380\n")?;
/// let found = Found::read(&[folder.path().to_owned()], EtcdVersion::V3_5, &SystemFiles)?;
/// let findings = examine(&found, EtcdVersion::V3_5, time::OffsetDateTime::now_utc());
/// assert!(findings.iter().any(|finding| finding.problem.contains("etcd listens on addresses, not on names")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn examine(found: &Found, version: EtcdVersion, now: OffsetDateTime) -> Vec<Finding> {
    let case = Case::new(found, version, now);
    let mut findings: Vec<Finding> = Vec::new();
    for Check { rule, find } in checks() {
        let mut of_rule = HashSet::new();
        for symptom in find(&case) {
            let mut finding = rule.finding(symptom.place, symptom.problem);
            finding.severity = symptom.severity.unwrap_or(rule.severity);
            if let Some(consequence) = symptom.consequence {
                finding.consequence = consequence.into();
            }
            let finding = finding.of_version(version);
            if of_rule.insert(finding.clone()) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

#[cfg(test)]
mod tests;
