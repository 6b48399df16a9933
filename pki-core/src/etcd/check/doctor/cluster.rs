//! How members come together.

use std::collections::{BTreeSet, HashMap};

use crate::etcd::check::doctor::case::{Case, Check, Symptom, cluster_text, listed, name, place};
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

fn is_founder(member: &Member) -> bool {
    member.settings.value("initial-cluster-state").is_none_or(|state| state == "new")
}

fn founders<'a>(case: &Case<'_>, cluster: &[(&'a Host, &'a Member)]) -> Vec<&'a Member> {
    let members = cluster.iter().map(|(_, member)| *member);
    members.filter(|member| !case.named(member).urls.is_empty() && is_founder(member)).collect()
}

fn different_members(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        let founders = founders(case, cluster);
        let Some((first, others)) = founders.split_first() else { continue };
        let is_other = |member: &Member| {
            cluster_text(member) != cluster_text(first)
                && case.named(member).sorted != case.named(first).sorted
        };
        for other in others.iter().filter(|other| is_other(other)) {
            // One that is not named at all is another matter.
            if !case.named(first).has(other) || !case.named(other).has(first) {
                continue;
            }
            let problem = format!(
                "{} has {}, and {} has {}",
                name(other),
                case.named(other).sorted.join(","),
                name(first),
                case.named(first).sorted.join(",")
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
        let founders = founders(case, cluster);
        // Whoever has the same `initial-cluster` names the same members.
        let mut with_text: HashMap<&str, Vec<&Member>> = HashMap::new();
        for founder in &founders {
            with_text.entry(cluster_text(founder)).or_default().push(founder);
        }
        for member in founders.iter().filter(|member| case.named(member).has(member)) {
            let others: Vec<&str> = with_text
                .iter()
                .filter(|(_, same)| same.first().is_some_and(|one| !case.named(one).has(member)))
                .map(|(text, _)| *text)
                .collect();
            if others.is_empty() {
                continue;
            }
            let without: Vec<String> = founders
                .iter()
                .filter(|other| others.contains(&cluster_text(other)) && case.named(member).has(other))
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

/// What no two members may share: the name, and the URLs that are advertised.
fn shared_values(member: &Member) -> BTreeSet<(&'static str, String)> {
    let name = member.settings.value("name").map(|name| ("name", name.to_owned()));
    let urls = [PEER.advertise, SERVER.advertise].into_iter().flat_map(|option| {
        let urls = member.settings.urls(option).into_iter();
        urls.map(move |url| (option, url.text))
    });
    name.into_iter().chain(urls).collect()
}

fn clashes(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        // Who has a name or URL. Only those who share one are compared.
        let mut with_value: HashMap<(&str, String), Vec<usize>> = HashMap::new();
        for (index, (host, member)) in cluster.iter().enumerate() {
            let mut sharing = BTreeSet::new();
            for value in shared_values(member) {
                let indices = with_value.entry(value).or_default();
                sharing.extend(indices.iter().copied());
                indices.push(index);
            }
            for (earlier_host, earlier) in sharing.iter().filter_map(|earlier| cluster.get(*earlier)) {
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
            let mut counts: HashMap<&str, usize> = HashMap::new();
            for (_, value) in &values {
                *counts.entry(value).or_default() += 1;
            }
            let count = |wanted: &str| counts.get(wanted).copied().unwrap_or_default();
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
