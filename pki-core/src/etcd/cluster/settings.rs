//! The options of each member with their values, in the order in which they are written into files.

use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::{Cluster, Member, Style};
use crate::etcd::option;
use crate::etcd::option::port::{GATEWAY, PEER, SERVER};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{EtcdOption, FoundUrl, UrlUse, ValueKind, urls};
use crate::etcd::safe::address::{HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::url::{MemberUrl, joined};

/// One option with its value: `--name=VALUE`, or `ETCD_NAME=VALUE` in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The comment above the settings of a group.
    pub(crate) group: &'static str,
    pub(crate) option: &'static str,
    pub(crate) value: String,
}

impl Setting {
    /// The setting as a flag of the command line.
    pub(crate) fn flag(&self) -> String {
        format!("--{}={}", self.option, self.value)
    }

    /// Whether etcd listens on a port below 1024, for which a process needs a capability (ip(7)).
    pub(crate) fn needs_privileged_port(&self) -> bool {
        let listens = EtcdOption::find(self.option)
            .is_some_and(|option| option.kind(EtcdVersion::V3_7) == ValueKind::Urls(UrlUse::Listen));
        let mut ports = urls::list(&self.value).filter_map(|url| FoundUrl::parse(url)?.port);
        listens && ports.any(|port| port < 1024)
    }

    /// Whether etcd locks its memory (`--memory-mlock`).
    pub(crate) fn locks_memory(&self) -> bool {
        let names = ["memory-mlock", "experimental-memory-mlock"];
        names.contains(&self.option) && option::is_true(&self.value)
    }
}

/// Collects settings in groups.
#[derive(Default)]
struct SettingsBuilder {
    group: &'static str,
    settings: Vec<Setting>,
}

impl SettingsBuilder {
    fn group(&mut self, group: &'static str) -> &mut Self {
        self.group = group;
        self
    }

    fn set(&mut self, option: &'static str, value: impl ToString) -> &mut Self {
        self.settings.push(Setting { group: self.group, option, value: value.to_string() });
        self
    }

    fn has(&self, option: &str) -> bool {
        self.settings.iter().any(|setting| setting.option == option)
    }
}

/// Defaults of the command line and the environment that the configuration file does not have before 3.6. Without them
/// the gateway is off (3.4), the lowest TLS version is Go's, and automatic compaction has no mode, so that a number of
/// hours has no effect (etcd, embed/config.go, `NewConfig`; embed/etcd.go, `parseCompactionRetention`).
const COMMAND_LINE_DEFAULTS: [(&str, &str); 3] =
    [("enable-grpc-gateway", "true"), ("tls-min-version", "TLS1.2"), ("auto-compaction-mode", "periodic")];

impl Cluster {
    /// The client URLs of all members, with commas between them.
    pub(crate) fn endpoints(&self) -> String {
        let urls: Vec<_> =
            self.members.iter().flat_map(|member| self.advertise_client_urls(member)).collect();
        joined(&urls)
    }

    /// The URLs that a member tells to clients.
    pub(crate) fn advertise_client_urls(&self, member: &Member) -> Vec<MemberUrl> {
        let given = member.overrides.urls.advertise_client.clone();
        or(given, || vec![MemberUrl::new(member.host(), self.network.client_port)])
    }

    /// The URLs that a member tells to other members.
    pub(crate) fn peer_urls(&self, member: &Member) -> Vec<MemberUrl> {
        let given = member.overrides.urls.initial_advertise_peer.clone();
        or(given, || vec![MemberUrl::new(member.host(), self.network.peer_port)])
    }

    /// The URLs that a member tells to other members, as texts.
    pub fn peer_urls_of(&self, member: &Member) -> Vec<String> {
        self.peer_urls(member).iter().map(ToString::to_string).collect()
    }

    /// The URLs that a member listens on for clients, with commas between them.
    pub(crate) fn listen_client_urls(&self, member: &Member) -> String {
        let port = self.network.client_port;
        let mut urls = match member.overrides.urls.listen_client.as_slice() {
            [] => listen_urls(member, port),
            given => given.iter().map(MemberUrl::to_string).collect(),
        };
        let loopback = MemberUrl::new(HostName::Address(MemberAddress::LOOPBACK_V4), port).to_string();
        if self.network.listen_loopback && !urls.contains(&loopback) && !urls.contains(&everywhere(port)) {
            urls.push(loopback);
        }
        urls.join(",")
    }

    /// The URLs that a member listens on for other members, with commas between them.
    pub(crate) fn listen_peer_urls(&self, member: &Member) -> String {
        match member.overrides.urls.listen_peer.as_slice() {
            [] => listen_urls(member, self.network.peer_port).join(","),
            given => joined(given),
        }
    }

    /// The path on a host of the certificate of the CA with this role.
    pub(crate) fn host_certificate(&self, role: Role) -> HostPath {
        self.hosts.pki.join(&format!("{}.pem", self.file(role)))
    }

    /// The paths on the host of a member of its certificate with this role, and of the key.
    pub(crate) fn host_pair(&self, role: Role, member: &Member) -> (HostPath, HostPath) {
        let file = self.member_file(role, member.name());
        (self.hosts.pki.join(&format!("{file}.pem")), self.hosts.pki.join(&format!("{file}-key.pem")))
    }

    /// All settings of one member.
    pub(crate) fn settings(&self, member: &Member, start: &Start) -> Vec<Setting> {
        let mut settings = SettingsBuilder::default();
        settings.group("This member.").set("name", member.name()).set("data-dir", &self.hosts.data_dir);
        if let Some(wal_dir) = &self.hosts.wal_dir {
            settings.set("wal-dir", wal_dir);
        }
        let given = self.given_options(member);
        // zap is the default logger since 3.5 (etcd, CHANGELOG-3.5.md).
        if !self.version.has(5, 0) && !given.iter().any(|(option, _)| *option == "logger") {
            settings.set("logger", "zap");
        }
        settings
            .group("Where it listens, and where others find it.")
            .set(SERVER.listen, self.listen_client_urls(member))
            .set(SERVER.advertise, joined(&self.advertise_client_urls(member)))
            .set(PEER.listen, self.listen_peer_urls(member))
            .set(PEER.advertise, joined(&self.peer_urls(member)))
            .group("How the cluster first comes together; a member that has data ignores these.");
        match &self.bootstrap.discovery_srv {
            Some(domain) => settings.set("discovery-srv", domain),
            None => settings.set("initial-cluster", &start.initial_cluster),
        };
        let token = self.bootstrap.token.as_ref().unwrap_or(&self.name);
        settings.set("initial-cluster-token", token).set("initial-cluster-state", start.state.name());
        self.client_security(member, &mut settings, &given);
        self.peer_security(member, &mut settings);
        settings.group("As the description says.");
        for (option, value) in given {
            settings.set(option, value);
        }
        if self.style() == Style::Yaml && !self.version.has(6, 0) {
            settings.group("What goes without saying only on a command line.");
            for (option, value) in COMMAND_LINE_DEFAULTS {
                if !settings.has(option)
                    && EtcdOption::find(option).is_some_and(|o| o.yaml(self.version).is_some())
                {
                    settings.set(option, value);
                }
            }
        }
        settings.settings
    }

    fn client_security(
        &self,
        member: &Member,
        settings: &mut SettingsBuilder,
        given: &[(&'static str, String)],
    ) {
        let (certificate, key) = self.host_pair(self.layout.server(), member);
        settings
            .group("Clients must have a certificate.")
            .set(SERVER.certificate, certificate)
            .set(SERVER.key, key)
            .set(SERVER.auth, true)
            .set(SERVER.ca, self.host_certificate(self.layout.issuer(Role::Client)));
        if self.has_gateway_certificate() {
            let (certificate, key) = self.host_pair(Role::Gateway, member);
            settings
                .group("With what the gRPC gateway connects to its own member.")
                .set(GATEWAY.0, certificate)
                .set(GATEWAY.1, key);
        } else if !self.layout.gateway_uses_server()
            && !given.iter().any(|(option, _)| *option == "enable-grpc-gateway")
        {
            settings
                .group("The gRPC gateway has no certificate to connect to its own member with.")
                .set("enable-grpc-gateway", false);
        }
    }

    fn peer_security(&self, member: &Member, settings: &mut SettingsBuilder) {
        let peer = self.layout.peer();
        let (certificate, key) = self.host_pair(peer, member);
        settings
            .group("Peers must have a certificate.")
            .set(PEER.certificate, certificate)
            .set(PEER.key, key)
            .set(PEER.auth, true)
            .set(PEER.ca, self.host_certificate(self.layout.issuer(peer)));
        if self.layout.has_peer_marker() {
            settings.set(PEER.allowed_hosts, self.peer_marker());
        }
    }

    /// The options in the description. An option of the member replaces the one of the cluster.
    fn given_options(&self, member: &Member) -> Vec<(&'static str, String)> {
        let own = &member.overrides.options;
        let common = self.options.0.iter().filter(|(option, _)| own.value(option).is_none());
        common.chain(&own.0).cloned().collect()
    }
}

fn or(given: Vec<MemberUrl>, otherwise: impl FnOnce() -> Vec<MemberUrl>) -> Vec<MemberUrl> {
    if given.is_empty() { otherwise() } else { given }
}

/// The URLs to listen on: all addresses of the member, or every address of its host if the member has only DNS names,
/// because etcd does not listen on names (etcd, server/embed/config.go, `checkBindURLs`).
fn listen_urls(member: &Member, port: u16) -> Vec<String> {
    let addresses = member.addresses().iter();
    let urls: Vec<_> = addresses.map(|a| MemberUrl::new(HostName::Address(*a), port).to_string()).collect();
    if urls.is_empty() { vec![everywhere(port)] } else { urls }
}

fn everywhere(port: u16) -> String {
    format!("https://0.0.0.0:{port}")
}
