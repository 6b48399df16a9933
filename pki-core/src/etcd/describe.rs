//! Reading and writing descriptions. The reader turns YAML into typed sections, and these into a [`Cluster`].

pub(crate) mod builder;
mod certificates;
pub(crate) mod edit;
mod form;
pub(crate) mod limits;
mod mapping;
mod options;
pub(crate) mod reader;
#[cfg(test)]
mod schema;
mod typed;
mod words;
pub(crate) mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_saphyr::Location;

use crate::etcd::cluster::discovery_name;
use crate::etcd::cluster::layout::Layout;
use crate::etcd::cluster::{
    Bootstrap, Client, Cluster, Container, HostPaths, Member, MemberOverrides, MemberUrls, Network, Startup,
    Style, UnitKind,
};
pub(crate) use crate::etcd::describe::options::described_by;
use crate::etcd::describe::reader::Reader;
use crate::etcd::describe::typed::{
    OneOrMany, Text, TypedClient, TypedCluster, TypedContainer, TypedHost, TypedMember,
};
pub(crate) use crate::etcd::describe::words::{attribute, country, image, is_lifetime};
use crate::etcd::describe::words::{
    boolean, engine, layout, listen_url, port, renew_before, state, style, unit,
};
use crate::etcd::error::Error;
use crate::etcd::error::description::{DescriptionError, MOST_MEMBERS};
use crate::etcd::notice::WithNotices;
use crate::etcd::notice::{Notice, NoticeKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;

impl Cluster {
    /// Reads a description in YAML or JSON. `path` is the file of the text: errors name it, and the paths of existing
    /// CAs are relative to its folder.
    ///
    /// ```
    /// use pki_core::etcd::Cluster;
    ///
    /// let cluster = Cluster::from_yaml("name: prod\nmembers: [{name: etcd1, address: 10.0.0.11}]\n", None)?;
    /// assert_eq!(cluster.value.members().len(), 1);
    /// let error = Cluster::from_yaml("name: prod\nmembers: []\n", None).unwrap_err();
    /// assert_eq!(error.to_string(), "2:10: a cluster needs at least one member");
    /// # Ok::<(), pki_core::etcd::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Description`](crate::etcd::ErrorKind::Description) with line and column, if the text is not YAML or
    /// describes a cluster that cannot work.
    pub fn from_yaml(text: &str, path: Option<&Path>) -> Result<WithNotices<Self>, Error> {
        let value = read(text, path)?;
        let notices = value.notices.iter().cloned().chain(value.size_notice()).collect();
        Ok(WithNotices { value, notices })
    }
}

/// The cluster that `text` describes, without the notice about its size.
pub(crate) fn read(text: &str, path: Option<&Path>) -> Result<Cluster, Error> {
    let reader = Reader::of(path);
    // As in YAML 1.2, only `true` and `false` are booleans: some of etcd's options have the values `on` and `off`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let typed: TypedCluster = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| reader.not_of_the_form(text, error))?;
    reader.cluster(typed)
}

impl Reader<'_> {
    fn cluster(self, typed: TypedCluster) -> Result<Cluster, Error> {
        // What is allowed elsewhere depends on these.
        let version = self.parse_option(typed.version.as_ref(), EtcdVersion::parse)?.unwrap_or_default();
        let layout = self.parse_option(typed.layout.as_ref(), layout)?.unwrap_or_default();
        let startup = self.startup(&typed)?;
        if let (Style::Yaml, Some(text)) = (startup.style, &typed.style) {
            // Without this option etcd would accept every certificate of the CA on the peer port.
            let needed = layout.has_peer_marker().then_some("peer-cert-allowed-hostname");
            if let Some(name) = needed.filter(|name| !options::is_in_yaml(name, version)) {
                let error = DescriptionError::OptionWithoutYaml { name: name.to_owned() };
                return Err(self.error(text.referenced, error));
            }
        }
        // The other parts are read to the end, so that all mistakes are found.
        let name = self.keep(self.parse(&typed.name, Label::parse));
        let certificate_settings = self.keep(self.certificate_settings(&typed, layout));
        let hosts = self.keep(self.hosts(typed.host.as_ref()));
        let bootstrap = self.keep(self.bootstrap(&typed));
        let network = self.keep(self.network(&typed));
        let renew_before = self.keep(self.parse_option(typed.renew_before.as_ref(), renew_before));
        let mut notices = Vec::new();
        if layout == Layout::SharedCert {
            notices.push(Notice::new(NoticeKind::SharedCertificates));
        }
        let mut reader = options::Reader { reader: &self, version, style: startup.style, notices };
        let options = self.keep(reader.read(typed.options.as_ref()));
        if typed.members.value.is_empty() {
            self.keep::<()>(Err(self.error(typed.members.referenced, DescriptionError::NoMembers)));
        }
        let number = typed.members.value.len();
        if number > MOST_MEMBERS {
            let error = DescriptionError::TooManyMembers { number };
            self.keep::<()>(Err(self.error(typed.members.referenced, error)));
        }
        let domain = bootstrap.as_ref().and_then(|bootstrap| bootstrap.discovery_srv.as_ref());
        let members = self.members(&typed.members.value, domain, &mut reader);
        let notices = reader.notices;
        let clients = self.clients(typed.clients);
        let whole = move || {
            Some(Cluster {
                name: name?,
                version,
                layout,
                certificate_settings: certificate_settings?,
                startup,
                hosts: hosts?,
                bootstrap: bootstrap?,
                network: network?,
                renew_before: renew_before?.unwrap_or_default(),
                options: options?,
                members,
                key_numbers: BTreeMap::new(),
                clients,
                notices,
            })
        };
        self.finish(whole())
    }

    fn bootstrap(&self, typed: &TypedCluster) -> Result<Bootstrap, Error> {
        Ok(Bootstrap {
            token: self.parse_option(typed.token.as_ref(), Label::parse)?,
            state: self.parse_option(typed.state.as_ref(), state)?,
            discovery_srv: self.parse_option(typed.discovery_srv.as_ref(), DnsName::parse)?,
        })
    }

    fn startup(&self, typed: &TypedCluster) -> Result<Startup, Error> {
        let container = typed.container.as_ref().map(|typed| self.container(typed)).transpose()?;
        let unit = self.parse_option(typed.unit.as_ref(), unit)?;
        Ok(Startup {
            style: self.parse_option(typed.style.as_ref(), style)?.unwrap_or_default(),
            unit: unit.unwrap_or_else(|| UnitKind::usual(container.as_ref())),
            container,
        })
    }

    fn container(&self, typed: &TypedContainer) -> Result<Container, Error> {
        let engine = self.parse_option(typed.engine.as_ref(), engine)?.unwrap_or_default();
        Ok(Container { engine, image: self.parse(&typed.image, image)? })
    }

    fn hosts(&self, typed: Option<&TypedHost>) -> Result<HostPaths, Error> {
        let usual = HostPaths::default();
        let Some(typed) = typed else { return Ok(usual) };
        let path = |text: &Option<Text<_>>| self.parse_option(text.as_ref(), HostPath::parse);
        let hosts = HostPaths {
            binary: path(&typed.binary)?.unwrap_or(usual.binary),
            user: self.parse_option(typed.user.as_ref(), Label::parse)?.unwrap_or(usual.user),
            config: path(&typed.config)?.unwrap_or(usual.config),
            pki: path(&typed.pki)?.unwrap_or(usual.pki),
            data_dir: path(&typed.data_dir)?.unwrap_or(usual.data_dir),
            wal_dir: path(&typed.wal_dir)?,
        };
        let all = [
            (&typed.binary, Some(&hosts.binary)),
            (&typed.config, Some(&hosts.config)),
            (&typed.pki, Some(&hosts.pki)),
            (&typed.data_dir, Some(&hosts.data_dir)),
            (&typed.wal_dir, hosts.wal_dir.as_ref()),
        ];
        let all: Vec<_> = all.into_iter().filter_map(|(text, path)| Some((text.as_ref(), path?))).collect();
        // The folders of certificates, data and log belong to etcd's user, with everything in them.
        for (index, (text, folder)) in all.iter().enumerate().skip(2) {
            let others = all.iter().enumerate().filter(|(other, _)| *other != index);
            let taken = others.map(|(_, other)| other).find(|(_, other)| {
                let is_log_in_data = **folder == hosts.data_dir && Some(*other) == hosts.wal_dir.as_ref();
                other == folder || (other.below(folder.as_str()).is_some() && !is_log_in_data)
            });
            let place = text.or(taken.and_then(|(other, _)| *other));
            if let Some(text) = place
                && (taken.is_some() || folder.is_shared())
            {
                let (folder, taken) = (folder.to_string(), taken.map(|(_, other)| other.to_string()));
                return Err(self.error(text.referenced, DescriptionError::NotItsOwn { folder, taken }));
            }
        }
        if let (Some(text), Some(folder)) = (&typed.wal_dir, hosts.wal_home()) {
            let mut others = [&hosts.binary, &hosts.config, &hosts.pki].into_iter();
            let taken = others.find(|other| *other == &folder || other.below(folder.as_str()).is_some());
            if taken.is_some() || folder.is_shared() {
                let (wal_dir, folder) = (text.value.clone(), folder.to_string());
                let taken = taken.map(HostPath::to_string);
                let error = DescriptionError::WalFolder { wal_dir, folder, taken };
                return Err(self.error(text.referenced, error));
            }
        }
        Ok(hosts)
    }

    fn network(&self, typed: &TypedCluster) -> Result<Network, Error> {
        let usual = Network::default();
        let client_port = self.parse_option(typed.client_port.as_ref(), port)?.unwrap_or(usual.client_port);
        let peer_port = self.parse_option(typed.peer_port.as_ref(), port)?.unwrap_or(usual.peer_port);
        if let Some(text) = typed.peer_port.as_ref().or(typed.client_port.as_ref())
            && client_port == peer_port
        {
            return Err(self.error(text.referenced, DescriptionError::SamePort { port: peer_port }));
        }
        let loopback = match &typed.loopback {
            Some(names) => self.parse_list(Some(names), HostName::parse)?,
            None => usual.loopback,
        };
        let listen_loopback = self.parse_option(typed.listen_loopback.as_ref(), boolean)?.unwrap_or_default();
        Ok(Network { client_port, peer_port, loopback, listen_loopback })
    }

    /// The members that are right.
    fn members(
        &self,
        typed: &[TypedMember],
        domain: Option<&DnsName>,
        options: &mut options::Reader<'_, '_>,
    ) -> Vec<Member> {
        let mut owners = Owners { reader: self, owners: HashMap::new() };
        let members = typed.iter().map(|typed| self.member(typed, domain, &mut owners, options));
        members.filter_map(|member| self.keep(member)).collect()
    }

    fn member(
        &self,
        typed: &TypedMember,
        domain: Option<&DnsName>,
        owners: &mut Owners<'_, '_>,
        options: &mut options::Reader<'_, '_>,
    ) -> Result<Member, Error> {
        let name = self.parse(&typed.name, Label::parse)?;
        owners.claim("the name", typed.name.referenced, name.as_str(), &name)?;
        let (mut addresses, mut dns) = (Vec::new(), Vec::new());
        for text in typed.address.iter().flat_map(|OneOrMany(texts)| texts) {
            let address = self.parse(text, MemberAddress::parse)?;
            owners.claim("the address", text.referenced, &address.to_string(), &name)?;
            addresses.push(address);
        }
        for text in typed.dns.iter().flat_map(|OneOrMany(texts)| texts) {
            owners.claim("the DNS name", text.referenced, &text.value, &name)?;
            dns.push(self.parse(text, DnsName::parse)?);
        }
        if let (Some(domain), true) = (domain, dns.is_empty()) {
            let derived = discovery_name(&name, domain);
            let derived = derived.map_err(|error| self.error(typed.name.referenced, error.into()))?;
            owners.claim("the DNS name", typed.name.referenced, &derived.to_string(), &name)?;
        }
        let details = self.member_details(typed, options)?;
        let member = Member::with(name, addresses, dns, details);
        member.map_err(|error| self.error(typed.name.referenced, error))
    }

    fn member_details(
        &self,
        typed: &TypedMember,
        options: &mut options::Reader<'_, '_>,
    ) -> Result<MemberOverrides, Error> {
        Ok(MemberOverrides {
            common_name: self.common_name(typed.common_name.as_ref())?,
            names: self.parse_list(typed.names.as_ref(), HostName::parse)?,
            state: self.parse_option(typed.state.as_ref(), state)?,
            ssh: self.parse_option(typed.ssh.as_ref(), SshTarget::parse)?,
            urls: MemberUrls {
                listen_client: self.parse_list(typed.listen_client_urls.as_ref(), listen_url)?,
                advertise_client: self.parse_list(typed.advertise_client_urls.as_ref(), MemberUrl::parse)?,
                listen_peer: self.parse_list(typed.listen_peer_urls.as_ref(), listen_url)?,
                initial_advertise_peer: self
                    .parse_list(typed.initial_advertise_peer_urls.as_ref(), MemberUrl::parse)?,
            },
            options: options.read(typed.options.as_ref())?,
        })
    }

    /// The clients that are right, and the one that administers the cluster.
    fn clients(&self, typed: Option<Vec<TypedClient>>) -> Vec<Client> {
        let mut seen = HashSet::new();
        let clients = typed.unwrap_or_default().into_iter().map(|typed| self.client(typed, &mut seen));
        let mut clients: Vec<_> = clients.filter_map(|client| self.keep(client)).collect();
        if !clients.iter().any(|client| client.name.as_str() == "root") {
            clients.insert(0, Client::root());
        }
        clients
    }

    fn client(
        &self,
        TypedClient { name: text, kubeadm }: TypedClient,
        seen: &mut HashSet<String>,
    ) -> Result<Client, Error> {
        let name = self.parse(&text, Label::parse)?;
        if !seen.insert(name.as_str().to_ascii_lowercase()) {
            let (what, owner) = ("the client's name", name.to_string());
            let error = DescriptionError::Clash { what, text: text.value, owner };
            return Err(self.error(text.referenced, error));
        }
        let kubeadm = self.parse_option(kubeadm.as_ref(), boolean)?.unwrap_or_default();
        Ok(Client { name, kubeadm })
    }
}

/// Which member has which name or address. Names that differ only in case clash too: DNS and some file systems ignore
/// case.
struct Owners<'a, 'b> {
    reader: &'a Reader<'b>,
    owners: HashMap<(&'static str, String), String>,
}

impl Owners<'_, '_> {
    fn claim(
        &mut self,
        what: &'static str,
        place: Location,
        value: &str,
        owner: &Label,
    ) -> Result<(), Error> {
        match self.owners.insert((what, value.to_ascii_lowercase()), owner.to_string()) {
            None => Ok(()),
            Some(owner) => {
                let text = value.to_owned();
                Err(self.reader.error(place, DescriptionError::Clash { what, text, owner }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn error(text: &str) -> String {
        read(text, Some(Path::new("cluster.yaml"))).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_told_with_place_and_near_miss() {
        assert_eq!(
            error("name: prod\nmembers:\n  - name: etcd1\n    adress: 10.0.0.1\n"),
            "cluster.yaml:4:5: `adress` is not a key here: did you mean `address`?"
        );
        assert!(
            error("name: prod\nmembers: [{name: a, address: 10.0.0.1}]\ncolour: red\n")
                .starts_with("cluster.yaml:3:1: `colour` is not a key here: the keys are ")
        );
    }

    /// The suite does so with the program; here it takes no more than a moment.
    #[test]
    fn wrong_descriptions_are_refused_as_they_expect() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cluster/bad");
        let mut wrong = Vec::new();
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let error = error(&text);
            for expected in text.lines().filter_map(|line| line.strip_prefix("# expect: ")) {
                let (place, message) = expected.split_once(' ').unwrap();
                let is_expected =
                    error.starts_with(&format!("cluster.yaml:{place}: ")) && error.contains(message);
                if !is_expected {
                    wrong.push(format!("{}: {error}", path.display()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn repeated_keys_are_errors() {
        assert_eq!(error("name: a\nname: b\n"), "cluster.yaml:2:1: `name` is written twice");
    }

    #[test]
    fn wrong_values_are_told_where_they_stand() {
        let members = |text: &str| format!("name: prod\nmembers: [{text}]\n");
        assert_eq!(
            error(&members("{name: a, address: [10.0.0.1, 0.0.0.0]}")),
            "cluster.yaml:2:41: \"0.0.0.0\" cannot be a member's address: \
             it means every address of a host, so nobody can connect to it"
        );
        assert_eq!(
            error(&members("{name: a, address: 10.0.0.1}, {name: b, address: \"::ffff:10.0.0.1\"}")),
            "cluster.yaml:2:60: the address \"10.0.0.1\" is already used by a"
        );
        assert_eq!(error(&members("")), "cluster.yaml:2:10: a cluster needs at least one member");
        let many = |number: u32| {
            let member = |n| format!("{{name: m{n}, address: {}}}", Ipv4Addr::from(0x0a00_0000 + n));
            members(&(1..=number).map(member).collect::<Vec<_>>().join(", "))
        };
        assert_eq!(error(&many(1001)), "cluster.yaml:2:10: 1001 members are too many: at most 1000 are read");
        assert!(read(&many(1000), None).is_ok());
    }

    #[test]
    fn json_is_a_description_too() {
        let cluster =
            read(r#"{"name": "p", "members": [{"name": "a", "address": "10.0.0.1"}]}"#, None).unwrap();
        assert_eq!(cluster.members()[0].addresses()[0].to_string(), "10.0.0.1");
        assert_eq!(cluster.clients()[0].name.as_str(), "root");
    }
}
