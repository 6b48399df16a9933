//! The SRV records by which members find each other with `--discovery-srv`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::safe::address::{DnsName, HostName};
use crate::etcd::safe::url::MemberUrl;

/// How many seconds resolvers may keep a record.
const TTL: u32 = 300;

/// `discovery.zone`: the records that etcd looks up (etcd, client/pkg/srv/srv.go, `GetCluster` and `GetClient`).
pub(crate) fn zone(cluster: &Cluster, domain: &DnsName) -> String {
    let suffix = cluster.options.value("discovery-srv-name").map(|name| format!("-{name}"));
    let suffix = suffix.unwrap_or_default();
    let mut text = format!(
        "; By what the members of the etcd cluster {} find each other, and clients them.\n\
         ; Written by etcdpki, for the zone that has {domain}.\n",
        cluster.name()
    );
    let mut addresses = BTreeSet::new();
    let mut services = |service: &str, urls: &dyn Fn(&Member) -> Vec<MemberUrl>| {
        for member in cluster.members() {
            let known = member.dns().first().cloned().or_else(|| cluster.discovery_name(member));
            for url in urls(member) {
                let target = match (url.host(), &known) {
                    (HostName::Dns(name), _) => name.clone(),
                    (HostName::Address(_), None) => continue,
                    (HostName::Address(address), Some(name)) => {
                        if member.dns().is_empty() {
                            addresses.insert((name.clone(), address.ip()));
                        }
                        name.clone()
                    }
                };
                let port = url.port();
                let _ = writeln!(text, "_{service}{suffix}._tcp.{domain}. {TTL} IN SRV 0 0 {port} {target}.");
            }
        }
    };
    services("etcd-server-ssl", &|member| cluster.peer_urls(member));
    services("etcd-client-ssl", &|member| cluster.advertise_client_urls(member));
    for (name, address) in addresses {
        let kind = if address.is_ipv4() { "A" } else { "AAAA" };
        let _ = writeln!(text, "{name}. {TTL} IN {kind} {address}");
    }
    text
}
