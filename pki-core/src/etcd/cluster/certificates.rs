//! The certificates that a cluster needs, and what each must contain. Names follow from the members' addresses.

use std::fmt;

use der::asn1::ObjectIdentifier;
use time::Duration;

use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path;
use crate::etcd::cluster::path::Pair;
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{Cluster, Member, RoleSettings};
use crate::etcd::error::Error;
use crate::etcd::safe::address::{DnsName, HostName};
use crate::etcd::safe::label::Label;
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::key::KeyAlgorithm;
use crate::x509::name::{Name, Subject};
use crate::x509::usage::KeyUsage;

/// The identity of a certificate in a cluster: its role, and the member or client that holds it. A CA has no holder.
///
/// It is displayed as `client-ca`, `etcd1 server` or `client root`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateId {
    role: Role,
    owner: Option<Label>,
}

impl CertificateId {
    pub(crate) fn authority(role: Role) -> Self {
        Self { role, owner: None }
    }

    pub(crate) fn of(role: Role, owner: &Label) -> Self {
        Self { role, owner: Some(owner.clone()) }
    }

    /// The role of the certificate.
    pub fn role(&self) -> Role {
        self.role
    }

    /// A file name that is unique in the cluster, such as `etcd1-server`: for requests, which are all in one folder.
    pub(crate) fn file_name(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{owner}-{}", self.role.name()),
            None => self.role.name().to_owned(),
        }
    }

    /// The member or client that holds the certificate. `None` for a CA.
    pub fn owner(&self) -> Option<&Label> {
        self.owner.as_ref()
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.role, &self.owner) {
            (role, None) => f.write_str(role.name()),
            (Role::Client, Some(client)) => write!(f, "client {client}"),
            (role, Some(member)) => write!(f, "{member} {}", role.name()),
        }
    }
}

/// What a certificate of a cluster must contain, and where its files are.
#[derive(Debug, Clone)]
pub(crate) struct CertificateSpec {
    pub(crate) id: CertificateId,
    pub(crate) subject: Name,
    pub(crate) names: SubjectAltNames,
    pub(crate) key: KeyAlgorithm,
    pub(crate) key_usage: KeyUsage,
    pub(crate) extended_key_usage: Vec<ObjectIdentifier>,
    pub(crate) lifetime: Duration,
    pub(crate) renew_before: RenewBefore,
    /// Paths in the output folder.
    pub(crate) pair: Pair,
}

impl Cluster {
    /// The certificates of the CAs that are made for the cluster, which leaves out existing CAs.
    pub(crate) fn authority_specs(&self) -> Result<Vec<CertificateSpec>, Error> {
        let own = self
            .layout
            .authorities()
            .iter()
            .filter(|role| self.certificate_settings.of(**role).given.is_none());
        own.map(|role| {
            let pair = Pair::authority(&self.file(*role));
            let common_name = self.certificate_settings.of(*role).common_name.clone();
            let common_name = common_name.unwrap_or_else(|| self.authority_name(*role));
            self.spec(CertificateId::authority(*role), common_name, SubjectAltNames::default(), pair)
        })
        .collect()
    }

    /// The roles of the CAs that are made for the cluster, such as `client-ca`.
    pub fn own_authorities(&self) -> Vec<&'static str> {
        let own = |role: &&Role| self.certificate_settings.of(**role).given.is_none();
        self.layout.authorities().iter().filter(own).map(|role| role.name()).collect()
    }

    /// The common name of a CA if the description has none for it.
    pub(crate) fn authority_name(&self, role: Role) -> String {
        match role {
            Role::ClientCa => format!("{} etcd client CA", self.name),
            Role::PeerCa => format!("{} etcd peer CA", self.name),
            _ => format!("{} etcd CA", self.name),
        }
    }

    /// The certificates of all members, then those of all clients.
    pub(crate) fn leaf_specs(&self) -> Result<Vec<CertificateSpec>, Error> {
        let mut specs = Vec::new();
        for member in &self.members {
            for role in self.member_roles() {
                let own = member.overrides.common_name.clone().filter(|_| role.is_named());
                let common_name = own.or_else(|| self.certificate_settings.of(role).common_name.clone());
                let common_name = common_name.unwrap_or_else(|| match role {
                    Role::Gateway => format!("{} gateway", member.name()),
                    _ => member.name().to_string(),
                });
                let folder = path::on_node(member.name(), &self.hosts.pki);
                let pair = Pair::in_folder(&folder, &self.member_file(role, member.name()));
                let id = CertificateId::of(role, member.name());
                specs.push(self.spec(id, common_name, self.names(member, role), pair)?);
            }
        }
        for client in &self.clients {
            let id = CertificateId::of(Role::Client, &client.name);
            let pair = Pair::in_folder(&path::client_folder(&client.name), self.file(Role::Client).as_str());
            // etcd takes the common name as the name of the user, so it is always the client's name.
            specs.push(self.spec(id, client.name.to_string(), SubjectAltNames::default(), pair)?);
        }
        Ok(specs)
    }

    fn spec(
        &self,
        id: CertificateId,
        common_name: String,
        names: SubjectAltNames,
        pair: Pair,
    ) -> Result<CertificateSpec, Error> {
        let settings = self.certificate_settings.of(id.role);
        let signature = KeyUsage::DIGITAL_SIGNATURE;
        Ok(CertificateSpec {
            subject: settings.subject(common_name)?,
            names,
            key: settings.key,
            // Only an RSA key can encipher a session key (RFC 5280 section 4.2.1.3).
            key_usage: if settings.key.is_rsa() {
                signature.and(KeyUsage::KEY_ENCIPHERMENT)
            } else {
                signature
            },
            extended_key_usage: self.layout.extended_key_usage(id.role),
            lifetime: settings.lifetime,
            renew_before: self.renew_before,
            pair,
            id,
        })
    }

    /// The roles of the certificates that each member holds.
    pub(crate) fn member_roles(&self) -> Vec<Role> {
        let roles = self.layout.of_members().iter().copied();
        roles.filter(|role| *role != Role::Gateway || self.has_gateway_certificate()).collect()
    }

    /// Whether the gRPC gateway of each member has a certificate of its own. etcd has `--client-cert-file` since 3.5.
    pub(crate) fn has_gateway_certificate(&self) -> bool {
        let is_on = self.options.value("enable-grpc-gateway") != Some("false");
        !self.layout.gateway_uses_server() && self.version.has(5, 0) && is_on
    }

    /// The name of the files of a role, without `.pem`.
    pub(crate) fn file(&self, role: Role) -> Label {
        self.certificate_settings.of(role).file.clone().unwrap_or_else(|| Label::known(role.name()))
    }

    /// The name of the files of a member's certificate, without `.pem`. A key that is not the first one has a number in it:
    /// etcd reads a certificate and its key one after the other, so no new pair has the names of one that is in use.
    pub(crate) fn member_file(&self, role: Role, member: &Label) -> String {
        let file = self.file(role);
        match self.key_numbers.get(&CertificateId::of(role, member).to_string()) {
            None | Some(0 | 1) => file.to_string(),
            Some(number) => format!("{file}-g{number}"),
        }
    }

    /// Which key a certificate of this role has whose file has this name, without `.pem`; `None` if it has another role.
    pub(crate) fn key_number(&self, role: Role, name: &str) -> Option<u32> {
        let file = self.file(role);
        match name.strip_prefix(file.as_str())? {
            "" => Some(1),
            rest => rest.strip_prefix("-g")?.parse().ok().filter(|number| *number > 1),
        }
    }

    /// A DNS name that only the certificates of peers have: `--peer-cert-allowed-hostname` requires it. `.internal` is
    /// reserved for private use, so nobody owns the name on the Internet (ICANN resolution 2024.07.29.06).
    pub(crate) fn peer_marker(&self) -> DnsName {
        let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let cluster: String = self.name.as_str().chars().map(safe).collect();
        DnsName::known(format!("peer.{}.etcd.internal", cluster.trim_end_matches('-')))
    }

    /// The subject alternative names of a member's certificate: all names and addresses that others connect to, and
    /// those of the loopback interface.
    ///
    /// Peer certificates need the loopback interface too: etcd compares the source address of a connection with the
    /// names of the peer's certificate (etcd, client/pkg/transport/listener_tls.go, `checkCertSAN`), and members on one
    /// host may connect from it.
    pub(crate) fn names(&self, member: &Member, role: Role) -> SubjectAltNames {
        if !role.is_named() {
            return SubjectAltNames::default();
        }
        let urls = &member.overrides.urls;
        let urls =
            [&urls.listen_client, &urls.advertise_client, &urls.listen_peer, &urls.initial_advertise_peer];
        let hosts = member
            .addresses()
            .iter()
            .map(|address| HostName::Address(*address))
            .chain(member.dns().iter().cloned().map(HostName::Dns))
            .chain(urls.into_iter().flatten().map(|url| url.host().clone()))
            .chain(member.overrides.names.iter().cloned())
            .chain(self.certificate_settings.of(role).names.iter().cloned())
            .chain(self.network.loopback.iter().cloned())
            // With `--discovery-srv`, members verify the certificates of others by the domain (etcd,
            // server/embed/config.go, `GetDNSClusterNames`).
            .chain(self.bootstrap.discovery_srv.iter().cloned().map(HostName::Dns))
            .chain(self.discovery_name(member).map(HostName::Dns));
        let mut names = SubjectAltNames::default();
        for host in hosts {
            match host {
                HostName::Address(address) if !names.ip.contains(&address.ip()) => {
                    names.ip.push(address.ip());
                }
                HostName::Dns(name) if !names.dns.iter().any(|known| known == name.as_str()) => {
                    names.dns.push(name.to_string());
                }
                HostName::Address(_) | HostName::Dns(_) => {}
            }
        }
        if role == Role::Peer && self.layout.has_peer_marker() {
            names.dns.push(self.peer_marker().to_string());
        }
        names
    }
}

impl RoleSettings {
    fn subject(&self, common_name: String) -> Result<Name, Error> {
        let list = |field: &Option<String>| field.iter().cloned().collect();
        Ok(Subject {
            country: list(&self.subject.country),
            province: list(&self.subject.province),
            locality: list(&self.subject.locality),
            organization: list(&self.subject.organization),
            organizational_unit: list(&self.subject.organizational_unit),
            ..Subject::common_name(common_name)
        }
        .to_name()?)
    }
}
