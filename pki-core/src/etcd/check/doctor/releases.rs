//! The version of etcd itself: whether it is maintained, and what is published about it. These are notices: no setting
//! and no file is wrong, and a script that checks settings cannot mend them.

use crate::base::place::Place;
use crate::etcd::check::doctor::case::{Case, Check, Symptom};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::option::release::{Advisory, Series};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E216",
            severity: Severity::Notice,
            title: "a version of etcd that is out of support",
            consequence: "{etcd} gets no more corrections, not even for its security",
            remedy: "upgrade to the next series, one series at a time",
            sources: &["etcd.io/docs, op-guide/versioning", "etcd.io/blog/2026/june-patch-release"],
        },
        find: unsupported,
    },
    Check {
        rule: Rule {
            id: "E217",
            severity: Severity::Notice,
            title: "a release of etcd with a published hole in TLS or access control",
            consequence: "{etcd} lets somebody do what its certificates or its access control should prevent",
            remedy: "install the newest release of the series, or upgrade from a series that is out of support; a distribution may have mended its own package under the old number, as the changelog of the package says",
            sources: &[
                "github.com/etcd-io/etcd/security/advisories",
                "etcd, CHANGELOG-3.4.md to CHANGELOG-3.7.md",
            ],
        },
        find: holes,
    },
];

/// Whether anything that was found runs etcd at all: certificates alone have no version.
fn has_members(case: &Case<'_>) -> bool {
    case.members().next().is_some()
}

fn unsupported(case: &Case<'_>) -> Vec<Symptom> {
    let series =
        Series::of(case.version).filter(|series| has_members(case) && !series.is_supported(case.now));
    let Some((series, end)) = series.and_then(|series| Some((series, series.end_of_support?))) else {
        return Vec::new();
    };
    let problem = format!("support of etcd {series} ended on {end}; its last release is {}", series.newest.0);
    vec![Symptom::new(Place::default(), problem)]
}

fn holes(case: &Case<'_>) -> Vec<Symptom> {
    if !has_members(case) {
        return Vec::new();
    }
    // What is there with certain options only has a rule of its own, which looks at them.
    let always = Advisory::of(case.version).filter(|advisory| advisory.options.is_empty());
    let symptom = |advisory: &Advisory| {
        let Advisory { cve, effect, source, .. } = advisory;
        let mended = advisory.mended_in(case.version);
        let mended =
            mended.map_or("this series is not mended".to_owned(), |release| format!("mended in {release}"));
        Symptom::new(Place::default(), format!("{cve} ({source}): {effect}; {mended}"))
    };
    always.map(symptom).collect()
}
