//! Building clusters in code. A builder writes a description and reads it, so the rules of descriptions apply.

use std::path::PathBuf;

use crate::etcd::cluster::layout::{Layout, Role};
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{
    Client, Cluster, GivenAuthority, InitialClusterState, Lifetimes, Member, Style, UnitKind,
};
use crate::etcd::describe::writer::{Remarks, description};
use crate::etcd::error::Error;
use crate::etcd::notice::WithNotices;
use crate::etcd::option::EtcdOption;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::x509::key::KeyAlgorithm;

/// Builds a cluster in code. A part that is not set has the default that it has in a description.
///
/// ```
/// use pki_core::etcd::{Client, Cluster, EtcdOption, EtcdVersion, Label, Layout, Member};
/// use pki_core::x509::KeyAlgorithm;
///
/// let quota = EtcdOption::find("quota-backend-bytes").unwrap();
/// let cluster = Cluster::builder(Label::parse("prod")?)
///     .member(Member::parse("etcd1=10.0.0.11")?)
///     .member(Member::parse("etcd2=10.0.0.12,etcd2.example.com")?)
///     .member(Member::parse("etcd3=10.0.0.13")?)
///     .client(Client { name: Label::parse("apiserver")?, kubeadm: false })
///     .version(EtcdVersion::V3_5)
///     .layout(Layout::LeastPrivilege)
///     .key(KeyAlgorithm::EcdsaP384)
///     .option(quota, "8589934592")
///     .build()?;
/// assert_eq!(cluster.value.members().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClusterBuilder(Cluster);

impl Cluster {
    /// A builder for a cluster with this name.
    pub fn builder(name: Label) -> ClusterBuilder {
        ClusterBuilder(Self { clients: Vec::new(), ..Self::usual(name, Vec::new()) })
    }
}

impl ClusterBuilder {
    /// Adds a member.
    #[must_use]
    pub fn member(mut self, member: Member) -> Self {
        self.0.members.push(member);
        self
    }

    /// Adds a client. The client `root` is added in any case.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.0.clients.push(client);
        self
    }

    /// Sets the version of etcd that the cluster is for.
    #[must_use]
    pub fn version(mut self, version: EtcdVersion) -> Self {
        self.0.version = version;
        self
    }

    /// Sets the layout: who trusts whom.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.0.layout = layout;
        self
    }

    /// Sets where etcd reads its options from.
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.0.startup.style = style;
        self
    }

    /// Sets the kind of systemd unit that is written.
    #[must_use]
    pub fn unit(mut self, unit: UnitKind) -> Self {
        self.0.startup.unit = unit;
        self
    }

    /// Sets the kind of every key.
    #[must_use]
    pub fn key(mut self, key: KeyAlgorithm) -> Self {
        self.0.certificate_settings.change(|_, settings| settings.key = key);
        self
    }

    /// Sets how long certificates are valid.
    #[must_use]
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.0.certificate_settings.change(|role, settings| {
            settings.lifetime = if role.is_authority() { lifetimes.ca } else { lifetimes.leaf };
        });
        self
    }

    /// Sets how long before its end a certificate is due for renewal.
    #[must_use]
    pub fn renew_before(mut self, before: RenewBefore) -> Self {
        self.0.renew_before = before;
        self
    }

    /// Uses an existing CA, with the paths of its certificate and key. Without a key the CA is offline, unless
    /// [`Snapshot::insert_signing_key`](crate::etcd::Snapshot::insert_signing_key) adds a signing key for it.
    #[must_use]
    pub fn existing_ca(mut self, role: Role, certificate: PathBuf, private_key: Option<PathBuf>) -> Self {
        self.0.certificate_settings.change(|each, settings| {
            if each == role {
                let (certificate, private_key) = (certificate.clone(), private_key.clone());
                settings.given = Some(GivenAuthority { certificate, private_key });
            }
        });
        self
    }

    /// Sets `--initial-cluster-state` of every member.
    #[must_use]
    pub fn state(mut self, state: InitialClusterState) -> Self {
        self.0.bootstrap.state = Some(state);
        self
    }

    /// Sets the ports for clients and for peers.
    #[must_use]
    pub fn ports(mut self, client: u16, peer: u16) -> Self {
        (self.0.network.client_port, self.0.network.peer_port) = (client, peer);
        self
    }

    /// Sets the user that etcd runs as on the hosts.
    #[must_use]
    pub fn user(mut self, user: Label) -> Self {
        self.0.hosts.user = user;
        self
    }

    /// Sets the folder of certificates and keys on the hosts, which holds nothing else.
    #[must_use]
    pub fn pki_folder(mut self, folder: HostPath) -> Self {
        self.0.hosts.pki = folder;
        self
    }

    /// Sets the folder of etcd's data on the hosts.
    #[must_use]
    pub fn data_folder(mut self, folder: HostPath) -> Self {
        self.0.hosts.data_dir = folder;
        self
    }

    /// Sets an option of every member, with the value as on the command line.
    #[must_use]
    pub fn option(mut self, option: &'static EtcdOption, value: impl Into<String>) -> Self {
        self.0.options.0.push((option.name(), value.into()));
        self
    }

    /// The description in YAML. It may describe a cluster that [`ClusterBuilder::build`] refuses.
    pub fn to_yaml(&self) -> String {
        description(&self.0, &Remarks::default())
    }

    /// The cluster.
    ///
    /// # Errors
    /// The error of [`Cluster::from_yaml`] for [`ClusterBuilder::to_yaml`], without line and column: for example, if
    /// two members have the same name, or etcd refuses the value of an option.
    pub fn build(self) -> Result<WithNotices<Cluster>, Error> {
        Cluster::from_yaml(&self.to_yaml(), None).map_err(Error::without_place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Member {
        Member::parse(text).unwrap()
    }

    fn three() -> ClusterBuilder {
        ["a=10.0.0.1", "b=10.0.0.2", "c=10.0.0.3"]
            .into_iter()
            .fold(Cluster::builder(Label::parse("prod").unwrap()), |builder, text| {
                builder.member(member(text))
            })
    }

    #[test]
    fn what_is_said_is_there() {
        let day = time::Duration::DAY;
        let built = three()
            .layout(Layout::SingleCa)
            .version(EtcdVersion::V3_6)
            .style(Style::Yaml)
            .unit(UnitKind::DropIn)
            .key(KeyAlgorithm::Ed25519)
            .lifetimes(Lifetimes { ca: day * 100, leaf: day * 10 })
            .state(InitialClusterState::Existing)
            .ports(12379, 12380)
            .user(Label::parse("etcd-prod").unwrap())
            .pki_folder(HostPath::parse("/srv/pki").unwrap())
            .data_folder(HostPath::parse("/srv/data").unwrap())
            .option(EtcdOption::find("quota-backend-bytes").unwrap(), "1073741824");
        let text = built.to_yaml();
        let cluster = built.clone().build().unwrap().value;
        let settings = cluster.certificate_settings.of(Role::Server);
        assert_eq!((settings.key, settings.lifetime), (KeyAlgorithm::Ed25519, day * 10), "{text}");
        assert_eq!(cluster.certificate_settings.of(Role::Ca).lifetime, day * 100);
        assert_eq!(cluster.clients().len(), 1, "root is there");
        // All but the clients is as it was said.
        let said = Cluster { clients: cluster.clients.clone(), notices: cluster.notices.clone(), ..built.0 };
        assert_eq!(cluster, said, "{text}");
    }

    #[test]
    fn what_cannot_work_is_an_error_without_a_place() {
        let empty = Cluster::builder(Label::parse("prod").unwrap()).build().unwrap_err();
        assert_eq!(empty.to_string(), "a cluster needs at least one member");
        let twice = three().member(member("d=10.0.0.1")).build().unwrap_err();
        assert_eq!(twice.to_string(), "the address \"10.0.0.1\" is already used by a");
        let option = EtcdOption::find("quota-backend-bytes").unwrap();
        assert!(three().option(option, "8GiB").build().is_err());
        assert!(three().ports(1, 1).build().is_err());
    }
}
