//! Where members listen, and where they tell others to find them.

use std::net::IpAddr;

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::doctor::refusals::refused;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::FoundUrl;
use crate::etcd::option::EtcdOption;
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::start::{RefusalKind, Service};
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
        find: |case| plain(case, &[Service::Clients, Service::HttpClients]),
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
        find: |case| plain(case, &[Service::Peers]),
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
        find: |case| refused(case, &[RefusalKind::NotAdvertised]),
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
    let mut symptoms = refused(case, &[RefusalKind::Url]);
    for (_, member) in case.members() {
        for setting in member.settings.used.iter().filter(|setting| setting.is_known) {
            let Some(option) = EtcdOption::find(&setting.option) else { continue };
            let Err(error) = setting.check(option, case.version) else { continue };
            if option.is_started_with(&error, case.version) {
                let symptom = Symptom::new(setting.place.clone(), format!("{}: {error}", setting.written));
                let consequence = "{etcd} listens on any port that is free, or sends others to none";
                symptoms.push(symptom.overriding(Severity::Error, consequence));
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

/// Where clients or peers are listened for without TLS. With no word about it etcd does so on the loopback; that one is
/// worse where there is more than one member or a certificate is named.
fn plain(case: &Case<'_>, services: &[Service]) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    // Where nothing is set at all, a file is probably missing, and that is told by itself.
    for (member, start) in case.starts().filter(|(member, _)| !member.settings.used.is_empty()) {
        let listeners = start.listeners.iter().filter(|listener| services.contains(&listener.service));
        for listener in listeners.filter(|listener| listener.url.scheme == "http") {
            let (option, url) = (listener.service.option(), &listener.url);
            let loopback = if is_loopback(&url.host) { ", for every user of the host" } else { "" };
            let problem = if listener.is_default {
                format!("{option} is not set, so etcd listens on {}{loopback}", url.text)
            } else {
                format!("{option} has {}{loopback}", url.text)
            };
            let symptom = Symptom::new(place(member, option), problem);
            let is_alone = start.members.as_ref().is_none_or(|members| members.len() < 2)
                && member.settings.setting(PEER.certificate).is_none();
            symptoms.push(if listener.is_default && listener.service == Service::Peers && is_alone {
                symptom.overriding(Severity::Warning, "who reaches the peer port joins in")
            } else {
                symptom
            });
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
    for (part, service) in [(&SERVER, Service::Clients), (&PEER, Service::Peers)] {
        for (member, start) in case.starts() {
            let listening: Vec<FoundUrl> = start.listens(service).cloned().collect();
            let advertised = if part.listen == PEER.listen { &start.peer_urls } else { &start.client_urls };
            for url in advertised.iter().flatten().filter(|url| contradicts(url, &listening)) {
                let problem = format!("{} has {}, and {} does not", part.advertise, url.text, part.listen);
                symptoms.push(Symptom::new(place(member, part.advertise), problem));
            }
        }
    }
    for cluster in case.clusters() {
        for (_, member) in cluster {
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
        for (_, member) in cluster {
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
