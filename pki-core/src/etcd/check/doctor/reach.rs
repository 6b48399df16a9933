//! Whether a member can listen where it is to, and others reach it there.

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::doctor::refusals::refused;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::start::{FoundUrl, RefusalKind, Service, Start};
use crate::go::net::is_loopback;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E308",
            severity: Severity::Error,
            title: "one socket is to be listened on twice",
            consequence: "{etcd} does not start: `bind: address already in use`",
            remedy: "give each its own port",
            sources: &["bind(2)"],
        },
        find: |case| refused(case, &[RefusalKind::Address]),
    },
    Check {
        rule: Rule {
            id: "E309",
            severity: Severity::Error,
            title: "a member listens on the loopback, and the others are elsewhere",
            consequence: "nobody reaches it from another host",
            remedy: "listen on the address of the host",
            sources: &["listen(2)", "etcd, server/embed/config.go"],
        },
        find: loopback,
    },
    Check {
        rule: Rule {
            id: "E310",
            severity: Severity::Warning,
            title: "a port is advertised that the member does not listen on",
            consequence: "nobody answers there, unless something forwards connections to the port that the member listens on",
            remedy: "listen on the port that is advertised, or advertise the other",
            sources: &["etcd, server/embed/config.go"],
        },
        find: other_ports,
    },
];

/// The ports with those who connect to them: the option to advertise, what is advertised, and for whom it listens.
fn ports(start: &Start) -> [(&'static str, &[FoundUrl], &'static [Service]); 2] {
    fn known(urls: &Option<Vec<FoundUrl>>) -> &[FoundUrl] {
        urls.as_deref().unwrap_or_default()
    }
    [
        (SERVER.advertise, known(&start.client_urls), &[Service::Clients, Service::HttpClients]),
        (PEER.advertise, known(&start.peer_urls), &[Service::Peers]),
    ]
}

fn loopback(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, start) in case.starts().filter(|(member, _)| !member.settings.used.is_empty()) {
        for (option, advertised, services) in ports(start) {
            let listening: Vec<_> =
                start.listeners.iter().filter(|listener| services.contains(&listener.service)).collect();
            let is_only_here = !listening.is_empty()
                && listening.iter().all(|listener| listener.url.is_tcp() && is_loopback(&listener.url.host));
            // Whom the others dial: what the list of members has for it, or what it says itself.
            let name = start.name.as_deref();
            let own = start.members.iter().flatten().filter(|(named, _)| Some(named.as_str()) == name);
            let dialled = own.map(|(_, url)| url).filter(|_| option == PEER.advertise).chain(advertised);
            let is_elsewhere =
                |url: &&FoundUrl| url.is_tcp() && !is_loopback(&url.host) && !url.host.is_empty();
            let Some(url) = dialled.into_iter().find(is_elsewhere) else { continue };
            let is_alone = start.members.as_ref().is_some_and(|members| members.len() < 2);
            let Some(listener) = listening.first().filter(|_| is_only_here) else { continue };
            let listen = listener.service.option();
            let set = if listener.is_default { "is not set, so etcd listens on" } else { "has only" };
            let problem =
                format!("{listen} {set} {}, and others are sent to {}", listener.url.text, url.text);
            let symptom = Symptom::new(place(member, listen), problem);
            symptoms.push(if option == SERVER.advertise || is_alone {
                let consequence =
                    "nobody reaches it from another host, unless something forwards connections to it";
                symptom.overriding(Severity::Warning, consequence)
            } else {
                symptom
            });
        }
    }
    symptoms
}

fn other_ports(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, start) in case.starts() {
        // The engine of a container forwards ports as a matter of course.
        if member.process.container.is_some() {
            continue;
        }
        let is_refused = start.refusals.iter().any(|refusal| refusal.kind == RefusalKind::OtherUrls);
        for (option, advertised, services) in ports(start) {
            // That the list of members has another port is told already.
            if is_refused && option == PEER.advertise {
                continue;
            }
            // A lone member dials nobody, and nobody it.
            let is_alone = start.members.as_ref().is_some_and(|members| members.len() < 2);
            if is_alone && option == PEER.advertise && member.settings.setting(option).is_none() {
                continue;
            }
            let listening: Vec<u16> = start
                .listeners
                .iter()
                .filter(|listener| services.contains(&listener.service) && listener.url.is_tcp())
                .filter_map(|listener| listener.url.port)
                .collect();
            // A port of the member's for somebody else is another matter.
            let is_unheard =
                |port: u16| start.listeners.iter().all(|listener| listener.url.port != Some(port));
            let unheard = advertised.iter().filter(|url| url.is_tcp() && url.port.is_some_and(is_unheard));
            for url in unheard.filter(|_| !listening.is_empty() && !listening.contains(&0)) {
                let ports: Vec<String> = listening.iter().map(u16::to_string).collect();
                let problem =
                    format!("{option} has {}, and the member listens on port {}", url.text, ports.join(", "));
                symptoms.push(Symptom::new(place(member, option), problem));
            }
        }
    }
    symptoms
}
