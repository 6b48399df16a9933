//! Where members are found: their addresses and names, ports and URLs, and what their certificates have beside.

use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::{Cluster, Member, MemberUrls, Network};
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::FoundUrl;
use crate::etcd::import::evidence;
use crate::etcd::import::evidence::Evidence;
use crate::etcd::import::importer::Importer;
use crate::etcd::import::known::Known;
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::url::MemberUrl;
use crate::go::net::{is_localhost, is_loopback};
use crate::x509::alt_names::SubjectAltNames;

/// Where one member is found.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) addresses: Vec<MemberAddress>,
    pub(crate) dns: Vec<DnsName>,
}

/// The names of a certificate that can be described.
fn hosts(names: &SubjectAltNames) -> Vec<HostName> {
    let texts = names.ip.iter().map(ToString::to_string).chain(names.dns.iter().cloned());
    texts.filter_map(|text| HostName::parse(&text).ok()).collect()
}

/// A URL as it can be described: over https.
fn member_url(url: &FoundUrl, port: u16) -> Option<MemberUrl> {
    let host = if is_localhost(&url.host) { "127.0.0.1" } else { &url.host };
    if !url.is_tcp() {
        return None;
    }
    Some(MemberUrl::new(HostName::parse(host).ok()?, url.port.unwrap_or(port)))
}

impl Importer<'_> {
    /// Where each member is found.
    pub(crate) fn reached(&self) -> Vec<Reached> {
        let mut taken: Vec<HostName> = Vec::new();
        self.known
            .iter()
            .map(|known| {
                let mut reached = Reached::default();
                for host in self.hosts_of(known) {
                    if taken.contains(&host) {
                        continue;
                    }
                    match host.clone() {
                        HostName::Address(address) => reached.addresses.push(address),
                        HostName::Dns(name) => reached.dns.push(name),
                    }
                    taken.push(host);
                }
                reached
            })
            .collect()
    }

    /// The hosts that a member is found by, the one that it advertises to its peers first.
    fn hosts_of(&self, known: &Known<'_>) -> Vec<HostName> {
        let own = known.urls(PEER.advertise);
        let advertised = if own.is_empty() { known.peers.clone() } else { own };
        let to_peers = advertised.into_iter().chain(known.urls(PEER.listen));
        let to_clients = known.urls(SERVER.advertise).into_iter().chain(known.urls(SERVER.listen));
        let mut all: Vec<HostName> = Vec::new();
        let mut push = |host: &str| match HostName::parse(host) {
            Ok(host) if !all.contains(&host) => all.push(host),
            _ => {}
        };
        for url in to_peers.filter(|url| !is_localhost(&url.host)) {
            push(&url.host);
        }
        // On its loopback interface a member is found by nobody else.
        for url in to_clients.filter(|url| !is_loopback(&url.host)) {
            push(&url.host);
        }
        for host in &known.hosts {
            push(host);
        }
        if all.is_empty() {
            for role in [Role::Peer, Role::Server] {
                let option = crate::etcd::import::trust::certificate_option(role);
                let evidence = self.held(known, role, option, &[]);
                let names = evidence.map(|evidence| hosts(&evidence.names)).unwrap_or_default();
                all.extend(names.into_iter().filter(|host| !is_loopback(&host.to_string())));
                all.dedup();
            }
        }
        all
    }

    /// Ports, URLs that do not follow from the addresses, and whether members listen on the loopback interface.
    pub(crate) fn take_network(&self, cluster: &mut Cluster) {
        let usual = Network::default();
        let port = |options: &[&str], usual: u16| {
            let urls =
                self.known.iter().flat_map(|known| options.iter().flat_map(|option| known.urls(option)));
            most_common(urls.filter_map(|url| url.port)).unwrap_or(usual)
        };
        cluster.network.client_port = port(&[SERVER.listen], usual.client_port);
        let named = self.known.iter().flat_map(|known| &known.peers).filter_map(|url| url.port);
        cluster.network.peer_port = match port(&[PEER.listen, PEER.advertise], 0) {
            0 => most_common(named).unwrap_or(usual.peer_port),
            port => port,
        };
        if cluster.network.client_port == cluster.network.peer_port {
            cluster.network = usual;
        }
        let client_port = cluster.network.client_port;
        let loopback = MemberUrl::new(HostName::Address(MemberAddress::LOOPBACK_V4), client_port);
        let listens = self.known.iter().filter_map(|known| {
            let urls = known.urls(SERVER.listen);
            let urls: Vec<MemberUrl> = urls.iter().filter_map(|url| member_url(url, client_port)).collect();
            (!urls.is_empty()).then(|| urls.contains(&loopback))
        });
        let is_own = |member: &Member| member.addresses().contains(&MemberAddress::LOOPBACK_V4);
        cluster.network.listen_loopback =
            most_common(listens).unwrap_or_default() && !cluster.members.iter().all(is_own);
        let urls: Vec<MemberUrls> = self
            .known
            .iter()
            .zip(&cluster.members)
            .map(|(known, member)| urls(known, member, cluster))
            .collect();
        for (member, urls) in cluster.members.iter_mut().zip(urls) {
            member.overrides.urls = urls;
        }
    }

    /// What certificates are for beside the names that members are reached by.
    pub(crate) fn take_names(&self, cluster: &mut Cluster, evidence: &[(usize, Role, Evidence<'_>)]) {
        let named: Vec<(usize, Role, Vec<HostName>)> = evidence
            .iter()
            .filter(|(_, role, _)| role.is_named())
            .map(|(index, role, evidence)| (*index, *role, hosts(&evidence.names)))
            .collect();
        if named.is_empty() {
            return;
        }
        let in_all = |host: &HostName| named.iter().all(|(.., hosts)| hosts.contains(host));
        let usual = Network::default().loopback;
        let first = named.first().map(|(.., hosts)| hosts.clone()).unwrap_or_default();
        let others = first.into_iter().filter(|host| is_loopback(&host.to_string()) && !usual.contains(host));
        cluster.network.loopback = usual.iter().cloned().chain(others).filter(in_all).collect();
        // What is left when everything that follows from the rest of the description is taken away, and the
        // names of the other members, which have certificates of their own.
        let follows = |index: usize, role: Role| -> Vec<HostName> {
            let Some(member) = cluster.members.get(index) else { return Vec::new() };
            let others = cluster.members.iter().flat_map(evidence::names_of);
            let others = others.filter_map(|name| HostName::parse(&name).ok());
            hosts(&cluster.names(member, role)).into_iter().chain(others).collect()
        };
        let more: Vec<(usize, Role, Vec<HostName>)> = named
            .into_iter()
            .map(|(index, role, hosts)| {
                let follows = follows(index, role);
                let is_marker = |host: &HostName| *host == HostName::Dns(cluster.peer_marker());
                let more = hosts.into_iter().filter(|host| !follows.contains(host) && !is_marker(host));
                (index, role, more.collect())
            })
            .collect();
        let roles: Vec<Role> = cluster.layout.of_members().to_vec();
        let of_role = |role: Role| more.iter().filter(move |(_, other, _)| *other == role);
        let of_member = |index: usize| more.iter().filter(move |(other, ..)| *other == index);
        // A name that all members have belongs to the role; one of a single member to the member.
        let mut of_roles: Vec<(Role, Vec<HostName>)> = Vec::new();
        for role in roles.into_iter().filter(|role| role.is_named()) {
            let Some((first, _, names)) = of_role(role).next() else { continue };
            let is_shared = |host: &&HostName| {
                let in_role = of_role(role).all(|(.., names)| names.contains(host));
                let in_member = of_member(*first).all(|(.., names)| names.contains(host));
                in_role && (of_role(role).count() > 1 || !in_member)
            };
            of_roles.push((role, names.iter().filter(is_shared).cloned().collect()));
        }
        let mut of_members: Vec<(usize, HostName)> = Vec::new();
        for (index, role, names) in &more {
            let shared = of_roles.iter().find(|(other, _)| other == role).map(|(_, names)| names.as_slice());
            for name in names.iter().filter(|name| !shared.unwrap_or_default().contains(name)) {
                let own = (*index, name.clone());
                if !of_members.contains(&own) {
                    of_members.push(own);
                }
            }
        }
        let is_unique = |name: &HostName| of_members.iter().filter(|(_, other)| other == name).count() == 1;
        for (index, name) in &of_members {
            let Some(member) = cluster.members.get_mut(*index) else { continue };
            match name {
                HostName::Dns(dns) if is_unique(name) => {
                    let (addresses, mut names) = (member.addresses().to_vec(), member.dns().to_vec());
                    names.push(dns.clone());
                    if let Ok(with) =
                        Member::with(member.name().clone(), addresses, names, member.overrides.clone())
                    {
                        *member = with;
                    }
                }
                name => member.overrides.names.push(name.clone()),
            }
        }
        cluster.certificate_settings.change(|role, terms| {
            if let Some((_, names)) = of_roles.iter().find(|(other, _)| *other == role) {
                terms.names.clone_from(names);
            }
        });
    }
}

/// The URLs of a member that do not follow from its addresses.
fn urls(known: &Known<'_>, member: &Member, cluster: &Cluster) -> MemberUrls {
    let network = &cluster.network;
    let found = |option: &str, port: u16| -> Vec<MemberUrl> {
        known.urls(option).iter().filter_map(|url| member_url(url, port)).collect()
    };
    let different = |found: Vec<MemberUrl>, derived: String| {
        let text: Vec<String> = found.iter().map(MemberUrl::to_string).collect();
        if differs(&text.join(","), &derived) { found } else { Vec::new() }
    };
    let joined = |urls: Vec<MemberUrl>| urls.iter().map(MemberUrl::to_string).collect::<Vec<_>>().join(",");
    let mut listen_client = found(SERVER.listen, network.client_port);
    listen_client.retain(|url| matches!(url.host(), HostName::Address(_)));
    let mut listen_peer = found(PEER.listen, network.peer_port);
    listen_peer.retain(|url| matches!(url.host(), HostName::Address(_)));
    let mut peers = found(PEER.advertise, network.peer_port);
    if peers.is_empty() {
        peers = known.peers.iter().filter_map(|url| member_url(url, network.peer_port)).collect();
    }
    let mut advertise_client = found(SERVER.advertise, network.client_port);
    // Clients that are sent to the port for peers find nobody.
    advertise_client.retain(|url| url.port() != network.peer_port);
    MemberUrls {
        listen_client: different(listen_client, cluster.listen_client_urls(member)),
        advertise_client: different(advertise_client, joined(cluster.advertise_client_urls(member))),
        listen_peer: different(listen_peer, cluster.listen_peer_urls(member)),
        initial_advertise_peer: different(peers, joined(cluster.peer_urls(member))),
    }
}

/// Whether URLs that were found are others than those that follow; none follow from the addresses too.
fn differs(found: &str, derived: &str) -> bool {
    let sorted = |text: &str| {
        let mut urls: Vec<String> = text.split(',').map(str::to_owned).collect();
        urls.sort();
        urls
    };
    !found.is_empty() && sorted(found) != sorted(derived)
}
