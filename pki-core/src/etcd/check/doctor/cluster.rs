//! How members come together.

use crate::etcd::check::doctor::case::{Case, Check, Symptom, listed, name, place};
use crate::etcd::check::doctor::refusals::refused;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Host, Member};
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::start::RefusalKind;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E321",
            severity: Severity::Error,
            title: "a member is not in its own `initial-cluster`",
            consequence: "{etcd} does not start without data: `couldn't find local name in the initial cluster configuration`",
            remedy: "use the same name in `name` and `initial-cluster`, without quotes",
            sources: &["etcd#3087"],
        },
        find: not_in_cluster,
    },
    Check {
        rule: Rule {
            id: "E322",
            severity: Severity::Error,
            title: "a member advertises another peer URL than `initial-cluster` has for it",
            consequence: "{etcd} does not start without data: `--initial-cluster has ... but missing from --initial-advertise-peer-urls`",
            remedy: "write the same URLs in both",
            sources: &["etcd, server/etcdserver/api/membership/cluster.go"],
        },
        find: |case| refused(case, &[RefusalKind::OtherUrls]),
    },
    Check {
        rule: Rule {
            id: "E323",
            severity: Severity::Error,
            title: "members that found a cluster name different members",
            consequence: "they compute different clusters and refuse each other: `request cluster ID mismatch`",
            remedy: "give all founding members the same `initial-cluster`",
            sources: &["etcd#13462", "kubernetes#118216"],
        },
        find: different_members,
    },
    Check {
        rule: Rule {
            id: "E324",
            severity: Severity::Error,
            title: "members of one cluster have different tokens",
            consequence: "they compute different clusters and refuse each other: `request cluster ID mismatch`",
            remedy: "give all members the same `initial-cluster-token`",
            sources: &["etcd#13462"],
        },
        find: different_tokens,
    },
    Check {
        rule: Rule {
            id: "E325",
            severity: Severity::Error,
            title: "a member would found a cluster that others have founded without it",
            consequence: "it computes another cluster, and they refuse each other: `request cluster ID mismatch`",
            remedy: "run `etcdctl member add` first, set `initial-cluster-state=existing`, and start it with an empty data folder",
            sources: &["etcd#13462", "etcd#11951", "etcd#3710", "etcd#13453", "etcd-backup-restore#847"],
        },
        find: founds_anew,
    },
    Check {
        rule: Rule {
            id: "E326",
            severity: Severity::Error,
            title: "two members have one name or address",
            consequence: "the second one is not let in, or takes the place of the first",
            remedy: "give each member its own name and addresses",
            sources: &["etcd, server/etcdserver/api/membership/cluster.go"],
        },
        find: clashes,
    },
    Check {
        rule: Rule {
            id: "E327",
            severity: Severity::Warning,
            title: "a member has its files under other names than the others",
            consequence: "anyone who renews or copies the files of all members the same way misses this one",
            remedy: "use the same file names on all members",
            sources: &["kubespray#4040"],
        },
        find: other_file_names,
    },
];

fn not_in_cluster(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = refused(case, &[RefusalKind::NotNamed]);
    for symptom in &mut symptoms {
        if symptom.problem.contains(['"', '\'']) {
            symptom.problem.push_str("; the quotes are part of it, as `docker --env-file` leaves them");
        }
    }
    symptoms
}

/// `NAME=URL`, sorted.
fn named(member: &Member) -> Vec<String> {
    let cluster = member.settings.initial_cluster();
    let mut named: Vec<String> =
        cluster.into_iter().map(|(name, url)| format!("{name}={}", url.text)).collect();
    named.sort();
    named
}

fn is_founder(member: &Member) -> bool {
    member.settings.value("initial-cluster-state").is_none_or(|state| state == "new")
}

fn founders<'a>(cluster: &[(&'a Host, &'a Member)]) -> Vec<&'a Member> {
    let with_members = cluster.iter().map(|(_, member)| *member).filter(|member| !named(member).is_empty());
    with_members.filter(|member| is_founder(member)).collect()
}

/// Whether a member is in the `initial-cluster` of another.
fn is_named_by(member: &Member, other: &Member) -> bool {
    let own = member.settings.value("name").unwrap_or_default();
    other.settings.initial_cluster().iter().any(|(name, _)| name == own)
}

fn different_members(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        let founders = founders(cluster);
        let Some((first, others)) = founders.split_first() else { continue };
        for other in others.iter().filter(|other| named(other) != named(first)) {
            // One that is not named at all is another matter.
            if !is_named_by(other, first) || !is_named_by(first, other) {
                continue;
            }
            let problem = format!(
                "{} has {}, and {} has {}",
                name(other),
                named(other).join(","),
                name(first),
                named(first).join(",")
            );
            symptoms.push(Symptom::new(place(other, "initial-cluster"), problem));
        }
    }
    symptoms
}

fn different_tokens(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    let token = |member: &Member| match member.settings.value("initial-cluster-token") {
        Some(token) => Some(token.to_owned()),
        // etcd's own default.
        None => member.settings.is_complete.then(|| "etcd-cluster".to_owned()),
    };
    for cluster in case.clusters() {
        let tokens: Vec<_> =
            cluster.iter().filter_map(|(_, member)| Some((member, token(member)?))).collect();
        let Some(((first, first_token), others)) = tokens.split_first() else { continue };
        for (other, other_token) in others.iter().filter(|(_, other)| other != first_token) {
            let problem =
                format!("{} has `{other_token}`, and {} has `{first_token}`", name(other), name(first));
            symptoms.push(Symptom::new(place(other, "initial-cluster-token"), problem));
        }
    }
    symptoms
}

fn founds_anew(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        let founders = founders(cluster);
        for member in founders.iter().filter(|member| is_named_by(member, member)) {
            let without: Vec<String> = founders
                .iter()
                .filter(|other| is_named_by(other, member) && !is_named_by(member, other))
                .map(|other| name(other))
                .collect();
            if !without.is_empty() {
                let problem = format!(
                    "initial-cluster-state of {} is new, and {} founded the cluster without it",
                    name(member),
                    listed(&without)
                );
                symptoms.push(Symptom::new(place(member, "initial-cluster-state"), problem));
            }
        }
    }
    symptoms
}

/// Whether two members have the same name and the same URLs.
fn is_same(member: &Member, other: &Member) -> bool {
    ["name", PEER.advertise, SERVER.advertise, PEER.listen]
        .iter()
        .all(|option| member.settings.value(option) == other.settings.value(option))
}

fn clashes(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        for (index, (host, member)) in cluster.iter().enumerate() {
            for (earlier_host, earlier) in cluster.iter().take(index) {
                // The same member told twice, by its unit and by the script of its container for instance.
                let is_loose = host.root.is_none() || earlier_host.root.is_none();
                if is_loose && is_same(member, earlier) {
                    continue;
                }
                let values = |member: &Member| member.settings.value("name").map(str::to_owned);
                if values(member).is_some() && values(member) == values(earlier) {
                    let problem = format!("`{}` is also the name at {}", name(member), earlier.place);
                    symptoms.push(Symptom::new(place(member, "name"), problem));
                    continue;
                }
                for option in [PEER.advertise, SERVER.advertise] {
                    let earlier_urls = earlier.settings.urls(option);
                    for url in member.settings.urls(option).iter().filter(|url| earlier_urls.contains(url)) {
                        let problem = format!("{} advertises {} too", name(earlier), url.text);
                        symptoms.push(Symptom::new(place(member, option), problem));
                    }
                }
            }
        }
    }
    symptoms
}

/// Only where the others agree, and the folder is the same: members that share a host have folders or names of
/// their own.
fn other_file_names(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters().iter().filter(|cluster| cluster.len() > 2) {
        for option in crate::etcd::found::FILE_OPTIONS {
            let values: Vec<(&Member, &str)> =
                cluster.iter().filter_map(|(_, m)| Some((*m, m.settings.value(option)?))).collect();
            let count = |wanted: &str| values.iter().filter(|(_, value)| *value == wanted).count();
            let Some((_, usual)) = values.iter().max_by_key(|(_, value)| count(value)) else { continue };
            for (member, value) in values.iter().filter(|(_, value)| value != usual && count(value) == 1) {
                let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
                if count(usual) * 2 > values.len() && folder(value) == folder(usual) {
                    let problem = format!("{option} is {value}, and {usual} on the others");
                    symptoms.push(Symptom::new(place(member, option), problem));
                }
            }
        }
    }
    symptoms
}
