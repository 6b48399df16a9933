//! Where members listen, and where they tell others to find them.

use std::net::IpAddr;

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::FoundUrl;
use crate::etcd::option::port::{PEER, Port, SERVER};
use crate::etcd::option::{EtcdOption, UrlUse, ValueKind};
use crate::go::net::is_loopback;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E301",
            severity: Severity::Error,
            title: "a URL that etcd cannot use",
            consequence: "{etcd} does not start: `expected IP in URL for binding` for a name, `URL address does not have the form \"host:port\"` and the like",
            remedy: "listen on addresses, such as https://10.0.0.1:2380 or https://[2001:db8::1]:2380; names are for the advertise options",
            sources: &["etcd#9575", "rke#947", "rancher#16934"],
        },
        find: urls,
    },
    Check {
        rule: Rule {
            id: "E302",
            severity: Severity::Error,
            title: "clients are sent to the port of peers",
            consequence: "clients that take the members from the cluster, with `endpoint health --cluster` or by synchronising, are sent to the peer port; it serves clients at most by accident, without TLS and before 3.6",
            remedy: "advertise the client port, 2379",
            sources: &["etcd, CHANGELOG-3.6.md"],
        },
        find: clients_to_peers,
    },
    Check {
        rule: Rule {
            id: "E303",
            severity: Severity::Error,
            title: "a member serves clients without TLS",
            consequence: "{etcd} warns `serving client traffic insecurely`, and who reaches the port reads and writes everything: on the loopback, every process and user of the host",
            remedy: "remove the http:// URL; etcdctl takes certificates from a file of variables",
            sources: &["etcd, server/embed/etcd.go"],
        },
        find: |case| plain(case, &SERVER),
    },
    Check {
        rule: Rule {
            id: "E304",
            severity: Severity::Error,
            title: "members talk to each other without TLS",
            consequence: "who reaches the peer port joins in, and who is on the way reads everything",
            remedy: "use https:// for peers, in all options and on all members",
            sources: &["etcd, server/embed/etcd.go"],
        },
        find: |case| plain(case, &PEER),
    },
    Check {
        rule: Rule {
            id: "E305",
            severity: Severity::Error,
            title: "http where there is only https, or the other way round",
            consequence: "connections fail: `first record does not look like a TLS handshake`, or `http: server gave HTTP response to HTTPS client`",
            remedy: "use one scheme in the listen, advertise and initial-cluster options",
            sources: &["etcd#9917", "etcd#13280", "etcd#10128", "etcdadm#340"],
        },
        find: mixed,
    },
    Check {
        rule: Rule {
            id: "E306",
            severity: Severity::Error,
            title: "`listen-client-urls` without `advertise-client-urls`",
            consequence: "{etcd} does not start: `--advertise-client-urls is required when --listen-client-urls is set explicitly`",
            remedy: "set `advertise-client-urls` to what clients reach this member at",
            sources: &["etcd, server/embed/config.go"],
        },
        find: not_advertised,
    },
    Check {
        rule: Rule {
            id: "E307",
            severity: Severity::Error,
            title: "an address that nobody can be sent to is advertised",
            consequence: "{etcd} tells it to clients and peers, and each of them connects to itself",
            remedy: "advertise the address at which others reach this member",
            sources: &["etcd, server/embed/config.go"],
        },
        find: unspecified,
    },
];

fn urls(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for setting in member.settings.used.iter().filter(|setting| setting.is_known) {
            let (Some(option), Some(value)) = (EtcdOption::find(&setting.option), &setting.value) else {
                continue;
            };
            let kind = option.kind(case.version);
            let is_url =
                matches!(kind, ValueKind::Urls(UrlUse::Listen | UrlUse::Advertise) | ValueKind::Members);
            if !is_url || value.is_empty() {
                continue;
            }
            if let Err(error) = setting.check(option, case.version) {
                symptoms.push(Symptom::new(setting.place.clone(), format!("{}: {error}", setting.written)));
            }
        }
    }
    symptoms
}

fn clients_to_peers(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        let settings = &member.settings;
        let peers: Vec<u16> = [PEER.listen, PEER.advertise]
            .iter()
            .flat_map(|option| settings.urls(option))
            .filter_map(|url| url.port)
            .collect();
        let clients: Vec<u16> = settings.urls(SERVER.listen).iter().filter_map(|url| url.port).collect();
        for url in settings.urls(SERVER.advertise) {
            let Some(port) = url.port.filter(|port| peers.contains(port) && !clients.contains(port)) else {
                continue;
            };
            let problem = format!("{} is advertised to clients, and {port} is the port of peers", url.text);
            symptoms.push(Symptom::new(place(member, SERVER.advertise), problem));
        }
    }
    symptoms
}

fn plain(case: &Case<'_>, part: &Port) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for option in [part.listen, "listen-client-http-urls"] {
            if option != part.listen && part.listen != SERVER.listen {
                continue;
            }
            for url in member.settings.urls(option).iter().filter(|url| url.scheme == "http") {
                let loopback = if is_loopback(&url.host) { ", for every user of the host" } else { "" };
                let symptom =
                    Symptom::new(place(member, option), format!("{option} has {}{loopback}", url.text));
                symptoms.push(symptom);
            }
        }
    }
    symptoms
}

/// Whether the port of a URL is listened on, and only with the other scheme.
fn contradicts(url: &FoundUrl, listening: &[FoundUrl]) -> bool {
    let at_port: Vec<_> = listening.iter().filter(|other| other.is_tcp() && other.port == url.port).collect();
    !at_port.is_empty() && at_port.iter().all(|other| other.is_tls() != url.is_tls())
}

fn mixed(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for part in [&SERVER, &PEER] {
        for (_, member) in case.members() {
            let listening = member.settings.urls(part.listen);
            for url in member.settings.urls(part.advertise).iter().filter(|url| contradicts(url, &listening))
            {
                let problem = format!("{} has {}, and {} does not", part.advertise, url.text, part.listen);
                symptoms.push(Symptom::new(place(member, part.advertise), problem));
            }
        }
    }
    for cluster in case.clusters() {
        for (_, member) in &cluster {
            for (name, url) in member.settings.initial_cluster() {
                let named = cluster.iter().find(|(_, other)| other.settings.value("name") == Some(&name));
                let Some((_, other)) = named else { continue };
                if contradicts(&url, &other.settings.urls(PEER.listen)) {
                    let problem = format!("initial-cluster has {}, and {name} listens otherwise", url.text);
                    symptoms.push(Symptom::new(place(member, "initial-cluster"), problem));
                }
            }
        }
        // One scheme for all peers, wherever they are.
        for (_, member) in &cluster {
            let urls = member.settings.initial_cluster();
            let (tls, plain): (Vec<_>, Vec<_>) = urls.iter().partition(|(_, url)| url.is_tls());
            if let ([(_, tls), ..], [(_, plain), ..]) = (tls.as_slice(), plain.as_slice()) {
                let problem = format!("initial-cluster has {} and {}", tls.text, plain.text);
                symptoms.push(Symptom::new(place(member, "initial-cluster"), problem));
            }
        }
    }
    symptoms
}

fn not_advertised(case: &Case<'_>) -> Vec<Symptom> {
    let without = case.members().filter(|(_, member)| {
        let settings = &member.settings;
        settings.setting(SERVER.listen).is_some() && settings.is_unset(SERVER.advertise)
    });
    without
        .map(|(_, member)| Symptom::new(place(member, SERVER.listen), "advertise-client-urls is not set"))
        .collect()
}

fn unspecified(case: &Case<'_>) -> Vec<Symptom> {
    let is_unspecified = |host: &str| host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for option in [SERVER.advertise, PEER.advertise] {
            for url in member.settings.urls(option).iter().filter(|url| is_unspecified(&url.host)) {
                symptoms.push(Symptom::new(place(member, option), format!("{option} has {}", url.text)));
            }
        }
    }
    symptoms
}
