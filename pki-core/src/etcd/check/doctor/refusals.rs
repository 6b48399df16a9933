//! What etcd refuses at its start because of its settings, by the model of [`start`](crate::etcd::start).

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::start::RefusalKind;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E218",
            severity: Severity::Error,
            title: "options that etcd refuses together",
            consequence: "{etcd} does not start",
            remedy: "change or remove one of them",
            sources: &["etcd, server/embed/config.go", "etcd, server/embed/etcd.go"],
        },
        find: |case| refused(case, &[RefusalKind::Combination]),
    },
    Check {
        rule: Rule {
            id: "E219",
            severity: Severity::Error,
            title: "a switch for an emergency is left on",
            consequence: "{etcd} starts with it every time, without a word",
            remedy: "remove it",
            sources: &["etcd, server/etcdmain/help.go"],
        },
        find: switches,
    },
    Check {
        rule: Rule {
            id: "E220",
            severity: Severity::Warning,
            title: "a part of the configuration file does not count",
            consequence: "{etcd} reads it and does not use it, without a word",
            remedy: "remove it",
            sources: &["etcd, server/embed/config.go", "sigs.k8s.io/yaml"],
        },
        find: passed_over,
    },
];

/// The refusals of some kinds, with what etcd says.
pub(crate) fn refused(case: &Case<'_>, kinds: &[RefusalKind]) -> Vec<Symptom> {
    let refusals = case.starts().flat_map(|(_, start)| &start.refusals);
    let wanted = refusals.filter(|refusal| kinds.contains(&refusal.kind));
    wanted
        .map(|refusal| {
            let symptom = Symptom::new(refusal.place.clone(), refusal.problem.clone());
            match (refusal.kind, refusal.message) {
                (RefusalKind::Combination, message) if !message.is_empty() => {
                    symptom.overriding(Severity::Error, format!("{{etcd}} does not start: `{message}`"))
                }
                _ => symptom,
            }
        })
        .collect()
}

/// Switches that are for one start only, or for tests, and what they do.
const SWITCHES: [(&str, &str); 2] = [
    ("force-new-cluster", "{etcd} throws all other members out of the cluster, at every start"),
    (
        "unsafe-no-fsync",
        "{etcd} does not wait for its disk: a host that loses power loses data that was acknowledged",
    ),
];

fn passed_over(case: &Case<'_>) -> Vec<Symptom> {
    let configs = case.found.hosts.iter().flat_map(|host| host.configs.values());
    let parts = configs.flat_map(|config| &config.passed_over);
    parts.map(|(place, problem)| Symptom::new(place.clone(), problem.clone())).collect()
}

fn switches(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for (option, consequence) in
            SWITCHES.into_iter().filter(|(option, _)| member.settings.is_true(option))
        {
            let symptom = Symptom::new(place(member, option), format!("{option} is on"));
            symptoms.push(symptom.overriding(Severity::Error, consequence));
        }
    }
    symptoms
}
