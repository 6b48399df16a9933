//! What follows from `feature-gates` and from the options that became features.

use std::collections::BTreeMap;

use crate::base::place::Place;
use crate::etcd::option::{EtcdOption, is_true};
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::Values;
use crate::go::number::parse_bool;

const OPTION: &str = "feature-gates";
const CHECKPOINT: &str = "LeaseCheckpoint";
const PERSIST: &str = "LeaseCheckpointPersist";

/// The features that are on by themselves (etcd, server/features/etcd_features.go). All others are off, and of the
/// stage alpha.
const BETA: [&str; 2] = ["FastLeaseKeepAlive", "TxnModeWriteWithSharedBuffer"];

pub(super) fn refusals(values: &Values<'_>, member: &Place) -> Vec<Refusal> {
    if values.version.has(6, 0) {
        of_gates(values, member)
    } else {
        of_options(values, member).into_iter().collect()
    }
}

/// Before 3.6.
fn of_options(values: &Values<'_>, member: &Place) -> Option<Refusal> {
    let (persist, checkpoint) =
        ("experimental-enable-lease-checkpoint-persist", "experimental-enable-lease-checkpoint");
    let (persists, checkpoints) = (values.is_true(persist, false)?, values.is_true(checkpoint, false)?);
    // 3.4 warns with a logger that it does not have (embed/config.go, `Validate`).
    let has_no_logger = !values.version.has(5, 0)
        && values.version.has(4, 20)
        && values.text("logger", "capnslog") == Some("capnslog");
    if checkpoints && !persists && has_no_logger {
        let problem = format!("{checkpoint} is set without {persist}, and logger is not zap");
        let refusal = Refusal::new(RefusalKind::Combination, values.place(checkpoint, member), problem);
        return Some(
            refusal.saying("panic: runtime error: invalid memory address or nil pointer dereference"),
        );
    }
    (persists && !checkpoints).then(|| {
        let problem = format!("{persist} is set, and {checkpoint} is not");
        Refusal::new(RefusalKind::Combination, values.place(persist, member), problem)
            .saying("requires experimental-enable-lease-checkpoint")
    })
}

fn of_gates(values: &Values<'_>, member: &Place) -> Vec<Refusal> {
    let Some(text) = values.text(OPTION, "") else { return Vec::new() };
    let mut gates = set(values, text);
    // A file is searched for the name as it is written there; of flags, for all that they switch.
    let written = match values.has_file {
        true => text.to_owned(),
        false => gates.keys().copied().collect::<Vec<_>>().join(","),
    };
    let mut refusals = Vec::new();
    let became = EtcdOption::all().filter_map(|option| {
        let feature = option.successor()?.strip_prefix("feature-gates=")?.strip_suffix("=true")?;
        Some((option.name(), feature))
    });
    for (option, feature) in became {
        let Some(setting) = values.setting(option) else { continue };
        if written.contains(feature) {
            let problem = format!("{option} and {OPTION} both set {feature}");
            refusals.push(
                Refusal::of(RefusalKind::Combination, setting, problem).saying("cannot specify both flags"),
            );
        } else if let Some(value) = &setting.value {
            gates.insert(feature, is_true(value));
        }
    }
    let is_on = |feature: &str| gates.get(feature).copied().unwrap_or_else(|| BETA.contains(&feature));
    if is_on(PERSIST) && !is_on(CHECKPOINT) {
        let problem = format!("the feature {PERSIST} is on, and {CHECKPOINT} is not");
        refusals.push(
            Refusal::new(RefusalKind::Combination, values.place(OPTION, member), problem)
                .saying("requires enabling feature gate LeaseCheckpoint"),
        );
    }
    refusals
}

/// The features that a text switches (etcd, pkg/featuregate/feature_gate.go, `Set`).
fn set<'a>(values: &Values<'_>, text: &'a str) -> BTreeMap<&'a str, bool> {
    let entries = text.split(',').filter_map(|entry| entry.split_once('='));
    let mut gates: BTreeMap<&str, bool> =
        entries.filter_map(|(name, value)| Some((name.trim(), parse_bool(value.trim())?))).collect();
    for (all, is_beta) in [("AllAlpha", false), ("AllBeta", true)] {
        let Some(value) = gates.get(all).copied() else { continue };
        for feature in EtcdOption::features(values.version) {
            if BETA.contains(&feature) == is_beta && !feature.starts_with("All") {
                gates.entry(feature).or_insert(value);
            }
        }
    }
    gates
}
