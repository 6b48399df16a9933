//! Addresses, DNS names, ports and URLs of members, and the names that their certificates have in addition.

use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::{Cluster, Member, MemberUrls, Network};
use crate::etcd::describe::writer::most_common;
use crate::etcd::found::FoundUrl;
use crate::etcd::import::evidence;
use crate::etcd::import::evidence::MemberCertificate;
use crate::etcd::import::importer::Importer;
use crate::etcd::import::members::KnownMember;
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::url::MemberUrl;
use crate::go::net::{is_localhost, is_loopback};
use crate::x509::alt_names::SubjectAltNames;

/// The addresses and DNS names of one member.
#[derive(Debug, Default)]
pub(crate) struct MemberHosts {
    pub(crate) addresses: Vec<MemberAddress>,
    pub(crate) dns: Vec<DnsName>,
}

/// The subject alternative names that a description can have.
fn hosts(names: &SubjectAltNames) -> Vec<HostName> {
    let texts = names.ip.iter().map(ToString::to_string).chain(names.dns.iter().cloned());
    texts.filter_map(|text| HostName::parse(&text).ok()).collect()
}

/// A URL as a description has it, which is always https. `None` for a socket in the file system.
fn member_url(url: &FoundUrl, port: u16) -> Option<MemberUrl> {
    let host = if is_localhost(&url.host) { "127.0.0.1" } else { &url.host };
    if !url.is_tcp() {
        return None;
    }
    Some(MemberUrl::new(HostName::parse(host).ok()?, url.port.unwrap_or(port)))
}

impl Importer<'_> {
    /// The addresses and DNS names of each member. One that two members have goes to the first.
    pub(crate) fn member_hosts(&self) -> Vec<MemberHosts> {
        let mut taken: Vec<HostName> = Vec::new();
        self.members
            .iter()
            .map(|known| {
                let mut own = MemberHosts::default();
                for host in self.hosts_of(known) {
                    if taken.contains(&host) {
                        continue;
                    }
                    match host.clone() {
                        HostName::Address(address) => own.addresses.push(address),
                        HostName::Dns(name) => own.dns.push(name),
                    }
                    taken.push(host);
                }
                own
            })
            .collect()
    }

    /// The hosts of a member, from its URLs or else from its certificates. The one that it advertises to its peers
    /// comes first.
    fn hosts_of(&self, known: &KnownMember<'_>) -> Vec<HostName> {
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
        // Other hosts cannot reach a loopback address.
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

    /// Sets the ports, the URLs that do not follow from the addresses, and whether members listen on the loopback
    /// interface.
    pub(crate) fn import_network(&self, cluster: &mut Cluster) {
        let usual = Network::default();
        let port = |options: &[&str], usual: u16| {
            let urls =
                self.members.iter().flat_map(|known| options.iter().flat_map(|option| known.urls(option)));
            most_common(urls.filter_map(|url| url.port)).unwrap_or(usual)
        };
        cluster.network.client_port = port(&[SERVER.listen], usual.client_port);
        let named = self.members.iter().flat_map(|known| &known.peers).filter_map(|url| url.port);
        cluster.network.peer_port = match port(&[PEER.listen, PEER.advertise], 0) {
            0 => most_common(named).unwrap_or(usual.peer_port),
            port => port,
        };
        if cluster.network.client_port == cluster.network.peer_port {
            cluster.network = usual;
        }
        let client_port = cluster.network.client_port;
        let loopback = MemberUrl::new(HostName::Address(MemberAddress::LOOPBACK_V4), client_port);
        let listens = self.members.iter().filter_map(|known| {
            let urls = known.urls(SERVER.listen);
            let urls: Vec<MemberUrl> = urls.iter().filter_map(|url| member_url(url, client_port)).collect();
            (!urls.is_empty()).then(|| urls.contains(&loopback))
        });
        let is_own = |member: &Member| member.addresses().contains(&MemberAddress::LOOPBACK_V4);
        cluster.network.listen_loopback =
            most_common(listens).unwrap_or_default() && !cluster.members.iter().all(is_own);
        let urls: Vec<MemberUrls> = self
            .members
            .iter()
            .zip(&cluster.members)
            .map(|(known, member)| urls(known, member, cluster))
            .collect();
        for (member, urls) in cluster.members.iter_mut().zip(urls) {
            member.overrides.urls = urls;
        }
    }

    /// Sets the names that certificates have in addition to the hosts of their members.
    pub(crate) fn import_names(&self, cluster: &mut Cluster, evidence: &[MemberCertificate<'_>]) {
        let named: Vec<CertificateNames> = evidence
            .iter()
            .filter(|(_, role, _)| role.is_named())
            .map(|(index, role, evidence)| (*index, *role, hosts(&evidence.names)))
            .collect();
        let Some((_, _, first)) = named.first() else { return };
        let usual = Network::default().loopback;
        let others = first.iter().filter(|host| is_loopback(&host.to_string()) && !usual.contains(host));
        let in_all = |host: &&HostName| named.iter().all(|(.., names)| names.contains(host));
        cluster.network.loopback = usual.iter().chain(others).filter(in_all).cloned().collect();

        let more = without_derived(named, cluster);
        let of_roles = names_of_roles(&more, cluster.layout.of_members());
        let mut of_members: Vec<(usize, HostName)> = Vec::new();
        for (index, role, names) in &more {
            let of_role = of_roles.iter().find(|(other, _)| other == role).map(|(_, names)| names.as_slice());
            for name in names.iter().filter(|name| !of_role.unwrap_or_default().contains(name)) {
                let own = (*index, name.clone());
                if !of_members.contains(&own) {
                    of_members.push(own);
                }
            }
        }
        add_names_of_members(cluster, &of_members);
        cluster.certificate_settings.change(|role, settings| {
            if let Some((_, names)) = of_roles.iter().find(|(other, _)| *other == role) {
                settings.names.clone_from(names);
            }
        });
    }
}

/// The names of a certificate, with the index of its member and its role.
type CertificateNames = (usize, Role, Vec<HostName>);

/// The names that do not follow from the description so far. The names of other members are left out too, since these
/// have certificates of their own.
fn without_derived(named: Vec<CertificateNames>, cluster: &Cluster) -> Vec<CertificateNames> {
    let marker = HostName::Dns(cluster.peer_marker());
    let of_members = cluster.members.iter().flat_map(evidence::names_of);
    let of_members: Vec<HostName> = of_members.filter_map(|name| HostName::parse(&name).ok()).collect();
    let more = named.into_iter().map(|(index, role, mut names)| {
        if let Some(member) = cluster.members.get(index) {
            let derived = hosts(&cluster.names(member, role));
            names.retain(|name| !derived.contains(name) && !of_members.contains(name));
        }
        names.retain(|name| *name != marker);
        (index, role, names)
    });
    more.collect()
}

/// The names that belong to a role: those that all members have in it. If only one member has a certificate in the
/// role, these are the names that its other certificates lack.
fn names_of_roles(all: &[CertificateNames], roles: &[Role]) -> Vec<(Role, Vec<HostName>)> {
    let of_role = |role: Role| all.iter().filter(move |(_, other, _)| *other == role);
    let of_member = |index: usize| all.iter().filter(move |(other, ..)| *other == index);
    let mut of_roles = Vec::new();
    for role in roles.iter().copied().filter(|role| role.is_named()) {
        let Some((first, _, names)) = of_role(role).next() else { continue };
        let is_shared = |host: &&HostName| {
            let in_role = of_role(role).all(|(.., names)| names.contains(host));
            let in_member = of_member(*first).all(|(.., names)| names.contains(host));
            in_role && (of_role(role).count() > 1 || !in_member)
        };
        of_roles.push((role, names.iter().filter(is_shared).cloned().collect()));
    }
    of_roles
}

/// Adds names to members: as a DNS name of the member if no other member has the name, or else to its certificates
/// only.
fn add_names_of_members(cluster: &mut Cluster, all: &[(usize, HostName)]) {
    let is_unique = |name: &HostName| all.iter().filter(|(_, other)| other == name).count() == 1;
    for (index, name) in all {
        let Some(member) = cluster.members.get_mut(*index) else { continue };
        match name {
            HostName::Dns(dns) if is_unique(name) => {
                let (addresses, mut names) = (member.addresses().to_vec(), member.dns().to_vec());
                names.push(dns.clone());
                let overrides = member.overrides.clone();
                if let Ok(with_name) = Member::with(member.name().clone(), addresses, names, overrides) {
                    *member = with_name;
                }
            }
            name => member.overrides.names.push(name.clone()),
        }
    }
}

/// The URLs of a member that do not follow from its addresses.
fn urls(known: &KnownMember<'_>, member: &Member, cluster: &Cluster) -> MemberUrls {
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
    // No client is served on the port for peers.
    advertise_client.retain(|url| url.port() != network.peer_port);
    MemberUrls {
        listen_client: different(listen_client, cluster.listen_client_urls(member)),
        advertise_client: different(advertise_client, joined(cluster.advertise_client_urls(member))),
        listen_peer: different(listen_peer, cluster.listen_peer_urls(member)),
        initial_advertise_peer: different(peers, joined(cluster.peer_urls(member))),
    }
}

/// Whether there are URLs, and they are others than those that follow from the addresses.
fn differs(found: &str, derived: &str) -> bool {
    let sorted = |text: &str| {
        let mut urls: Vec<String> = text.split(',').map(str::to_owned).collect();
        urls.sort();
        urls
    };
    !found.is_empty() && sorted(found) != sorted(derived)
}
