//! Whether the registry of an output folder is whole.

use serde::Serialize;

use crate::base::place::Place;
use crate::etcd::check::finding::Finding;
use crate::etcd::check::status::rules;
use crate::etcd::cluster::path::REGISTRY;
use crate::etcd::folder::record::Record;
use crate::etcd::folder::registry::Registry;
use crate::etcd::folder::snapshot::Snapshot;

/// The rules about the registry.
pub(super) const RULES: [&str; 3] =
    [rules::NO_REGISTRY.id, rules::REGISTRY_BROKEN.id, rules::REGISTRY_LACKS.id];

/// The registry of what happened to certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RegistryStatus {
    /// Its file
    pub path: String,
    /// How many lines it has
    pub lines: usize,
    /// The SHA-256 digest of its last line. Who keeps it elsewhere can tell later whether lines were taken out
    pub head: Option<String>,
    /// The first line that does not follow from the one before; `null` if the registry is whole
    pub broken_at: Option<usize>,
}

/// The state of the registry, and what is wrong with it. What the record has must be in it.
pub(super) fn judge(tree: &Snapshot, record: &Record) -> (Option<RegistryStatus>, Vec<Finding>) {
    let place = || Place::file(tree.root().join(REGISTRY));
    let registry = match Registry::read(tree) {
        Ok(Some(registry)) => registry,
        Ok(None) => {
            let is_needed = !record.certificates.is_empty();
            let finding = is_needed.then(|| rules::NO_REGISTRY.finding(place(), "there is no such file"));
            return (None, finding.into_iter().collect());
        }
        Err(error) => {
            let problem = format!("the file cannot be read: {}", error.kind());
            return (None, vec![rules::REGISTRY_BROKEN.finding(place(), problem)]);
        }
    };
    let mut findings = Vec::new();
    if let Some(gap) = &registry.gap {
        let problem = format!("line {}: {}", gap.line, gap.why);
        findings.push(rules::REGISTRY_BROKEN.finding(place().at(gap.line, 1), problem));
    }
    let recorded = record.certificates.iter().chain(&record.former);
    let missing: Vec<&str> = recorded
        .filter(|recorded| !registry.has(&recorded.sha256))
        .map(|recorded| recorded.certificate.as_str())
        .collect();
    if let Some(first) = missing.first() {
        let more =
            if missing.len() > 1 { format!(", and {} more", missing.len() - 1) } else { String::new() };
        let problem = format!("it does not have a certificate of the record: {first}{more}");
        findings.push(rules::REGISTRY_LACKS.finding(place(), problem));
    }
    let status = RegistryStatus {
        path: REGISTRY.to_owned(),
        lines: registry.lines,
        head: registry.head,
        broken_at: registry.gap.map(|gap| gap.line),
    };
    (Some(status), findings)
}
