//! A description as typed: every value a text with its place. What stands here is also what the JSON Schema
//! is made from, so a comment on a field is what an editor shows.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use time::Duration;

use crate::etcd::cluster::layout::Layout;
use crate::etcd::cluster::{ContainerEngine, InitialClusterState, Style, UnitKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;
use crate::x509::key::KeyAlgorithm;

/// Of a key without a value.
pub(crate) const NOTHING: &str = "there is no value: write one, or \"\" for an empty text";

/// An etcd cluster: `etcdpki cluster apply` makes everything that its hosts need.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedCluster {
    /// The cluster's name: letters, digits, `.`, `_` and `-`.
    pub(crate) name: Text<Label>,
    /// The etcd that it is made for, such as 3.5 or 3.5.30: it decides which options there are.
    pub(crate) version: Option<Text<EtcdVersion>>,
    /// Who trusts whom.
    pub(crate) layout: Option<Text<Layout>>,
    /// Where etcd is told its options.
    pub(crate) style: Option<Text<Style>>,
    /// What systemd is given: a whole unit, a drop-in for the distribution's, or nothing. A whole unit if it is
    /// left out, or nothing if there is a `container`.
    pub(crate) unit: Option<Text<UnitKind>>,
    /// To run etcd in a container: a script with the command is made for each member.
    pub(crate) container: Option<TypedContainer>,
    /// `--initial-cluster-token`; the cluster's name if it is left out.
    pub(crate) token: Option<Text<Label>>,
    /// `--initial-cluster-state` of every member. If it is left out, members that join after the first
    /// `apply` find an existing cluster.
    pub(crate) state: Option<Text<InitialClusterState>>,
    /// `--discovery-srv`: the domain whose SRV records name the members.
    pub(crate) discovery_srv: Option<Text<DnsName>>,
    /// The port for clients, 2379 if it is left out.
    pub(crate) client_port: Option<Text<u16>>,
    /// The port for peers, 2380 if it is left out.
    pub(crate) peer_port: Option<Text<u16>>,
    /// Names of the loopback interface in the members' certificates; 127.0.0.1, ::1 and localhost if it is
    /// left out.
    pub(crate) loopback: Option<OneOrMany<HostName>>,
    /// Whether members serve clients on 127.0.0.1 too, over TLS as everywhere.
    pub(crate) listen_loopback: Option<Text<bool>>,
    /// The kind of every key.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long certificates are valid.
    pub(crate) validity: Option<TypedValidity>,
    /// What every subject says beside its common name.
    pub(crate) subject: Option<TypedSubject>,
    /// What is different for one kind of certificate.
    pub(crate) certificates: Option<TypedCertificates>,
    /// Where things are on the hosts.
    pub(crate) host: Option<TypedHost>,
    /// Options of every member by etcd's own names.
    pub(crate) options: Option<TypedOptions>,
    /// The members.
    #[cfg_attr(test, schemars(with = "Vec<TypedMember>", length(min = 1)))]
    pub(crate) members: Spanned<Vec<TypedMember>>,
    /// Who connects with a certificate; root is always there.
    pub(crate) clients: Option<Vec<TypedClient>>,
}

/// To run etcd in a container.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedContainer {
    /// The program that runs containers.
    pub(crate) engine: Option<Text<ContainerEngine>>,
    /// The image, such as quay.io/coreos/etcd:v3.5.30.
    #[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")))]
    pub(crate) image: Text,
}

/// How long certificates are valid: 1y, 90d, 8760h.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedValidity {
    /// A CA's certificate; 10y if it is left out.
    pub(crate) ca: Option<Text<Duration>>,
    /// All others; 1y if it is left out. None outlives its CA.
    pub(crate) leaf: Option<Text<Duration>>,
}

/// What a subject says beside its common name.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedSubject {
    /// Country: two letters.
    #[serde(rename = "C")]
    #[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z]{2}$")))]
    pub(crate) country: Option<Text>,
    /// State or province.
    #[serde(rename = "ST")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_STATE_NAME)))]
    pub(crate) province: Option<Text>,
    /// Locality.
    #[serde(rename = "L")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_LOCALITY_NAME)))]
    pub(crate) locality: Option<Text>,
    /// Organization.
    #[serde(rename = "O")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_ORGANIZATION_NAME)))]
    pub(crate) organization: Option<Text>,
    /// Organizational unit.
    #[serde(rename = "OU")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_ORGANIZATIONAL_UNIT_NAME)))]
    pub(crate) organizational_unit: Option<Text>,
}

/// What is different for one kind of certificate. Which kinds there are follows from the layout.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedCertificates {
    /// The CA of the layouts single-ca and shared-cert.
    #[cfg_attr(test, schemars(with = "Option<TypedAuthority>"))]
    pub(crate) ca: Option<Spanned<TypedAuthority>>,
    /// The CA of clients and servers in the layout least-privilege.
    #[cfg_attr(test, schemars(with = "Option<TypedAuthority>"))]
    pub(crate) client_ca: Option<Spanned<TypedAuthority>>,
    /// The CA of peers in the layout least-privilege.
    #[cfg_attr(test, schemars(with = "Option<TypedAuthority>"))]
    pub(crate) peer_ca: Option<Spanned<TypedAuthority>>,
    /// A member's certificate for clients and peers in the layout shared-cert.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) member: Option<Spanned<TypedCertificate>>,
    /// A member's certificate for clients.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) server: Option<Spanned<TypedCertificate>>,
    /// A member's certificate for other members.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) peer: Option<Spanned<TypedCertificate>>,
    /// The certificate of a member's gRPC gateway in the layout least-privilege.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) gateway: Option<Spanned<TypedCertificate>>,
    /// A client's certificate.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) client: Option<Spanned<TypedCertificate>>,
}

/// A CA: what its certificate says, or where one is that exists.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("dependencies" = {
    "private-key": ["certificate"],
    "certificate": {"properties": {"common-name": false, "subject": false, "key": false, "validity": false}},
})))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedAuthority {
    /// The common name of a new CA.
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// The rest of a new CA's subject.
    pub(crate) subject: Option<TypedSubject>,
    /// The kind of a new CA's key.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long a new CA's certificate is valid.
    pub(crate) validity: Option<Text<Duration>>,
    /// The name of its files, without `.pem`.
    pub(crate) file: Option<Text<Label>>,
    /// The certificate of a CA that exists, and behind it those of the CAs above; a path relative to this
    /// file.
    pub(crate) certificate: Option<Text<PathBuf>>,
    /// The key of a CA that exists; a path relative to this file. If it is left out, the CA stays offline
    /// and requests are made for it to sign.
    pub(crate) private_key: Option<Text<PathBuf>>,
}

/// What certificates of one kind say.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedCertificate {
    /// The common name; the member's or client's name if it is left out.
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// The rest of the subject, in place of the cluster's.
    pub(crate) subject: Option<TypedSubject>,
    /// The kind of the key, in place of the cluster's.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long it is valid, in place of the cluster's `leaf`.
    pub(crate) validity: Option<Text<Duration>>,
    /// The name of its files, without `.pem`.
    pub(crate) file: Option<Text<Label>>,
    /// Addresses and DNS names beside those of the member.
    pub(crate) names: Option<OneOrMany<HostName>>,
}

/// Where things are on the hosts.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedHost {
    /// The program; /usr/bin/etcd if it is left out.
    pub(crate) binary: Option<Text<HostPath>>,
    /// The user that etcd runs as, and its group; etcd if it is left out.
    pub(crate) user: Option<Text<Label>>,
    /// The folder of the environment or configuration file; /etc/etcd if it is left out.
    pub(crate) config: Option<Text<HostPath>>,
    /// The folder of certificates and keys, which holds nothing else; /etc/etcd/pki if it is left out.
    pub(crate) pki: Option<Text<HostPath>>,
    /// `--data-dir`; /var/lib/etcd if it is left out.
    pub(crate) data_dir: Option<Text<HostPath>>,
    /// `--wal-dir`; the folder above it is etcd's own too, unless that is the data folder.
    pub(crate) wal_dir: Option<Text<HostPath>>,
}

/// A member: reachable at one address or DNS name at least.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("anyOf" = [{"required": ["address"]}, {"required": ["dns"]}])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedMember {
    /// Its name.
    pub(crate) name: Text<Label>,
    /// Its addresses; it listens on all, and others find it by the first.
    pub(crate) address: Option<OneOrMany<MemberAddress>>,
    /// Its DNS names; others find it by the first if it has no address.
    pub(crate) dns: Option<OneOrMany<DnsName>>,
    /// Addresses and DNS names in its certificates beside those that it is reached by, such as the address
    /// that it connects from.
    pub(crate) names: Option<OneOrMany<HostName>>,
    /// The common name of its certificates.
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// `--initial-cluster-state` of this member.
    pub(crate) state: Option<Text<InitialClusterState>>,
    /// Where `deploy.sh` connects to: [USER@]HOST; root at its host if it is left out.
    pub(crate) ssh: Option<Text<SshTarget>>,
    /// In place of the URLs that follow from its addresses.
    pub(crate) listen_client_urls: Option<OneOrMany<MemberUrl>>,
    /// In place of the URL that follows from its first address.
    pub(crate) advertise_client_urls: Option<OneOrMany<MemberUrl>>,
    /// In place of the URLs that follow from its addresses.
    pub(crate) listen_peer_urls: Option<OneOrMany<MemberUrl>>,
    /// In place of the URL that follows from its first address.
    pub(crate) initial_advertise_peer_urls: Option<OneOrMany<MemberUrl>>,
    /// Options of this member by etcd's own names.
    pub(crate) options: Option<TypedOptions>,
}

/// Who connects with a certificate.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedClient {
    /// The common name, which is the user that etcd's access control sees.
    pub(crate) name: Text<Label>,
    /// Whether it is kubeadm's `etcd.external`: its block and its three files are made too.
    pub(crate) kubeadm: Option<Text<bool>>,
}

/// A text and its place: what a `T` is read from.
pub(crate) struct Text<T = String> {
    pub(crate) value: String,
    pub(crate) referenced: Location,
    what: PhantomData<fn() -> T>,
}

/// A text, or a list of texts.
pub(crate) struct OneOrMany<T = String>(pub(crate) Vec<Text<T>>);

/// etcd's options in the order in which they were written; a list is written with commas.
pub(crate) struct TypedOptions(pub(crate) Vec<(Text, OneOrMany)>);

impl<T> Text<T> {
    fn new(Spanned { value, referenced, .. }: Spanned<String>) -> Self {
        Self { value, referenced, what: PhantomData }
    }
}

impl<'de, T> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self::new)
    }
}

impl<'de, T> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `Spanned` gives a lone text its place.
        let Spanned { value, referenced, defined } = Spanned::<Either>::deserialize(deserializer)?;
        let texts = match value {
            Either::One(text) => vec![Spanned::new(text, referenced, defined)],
            Either::Many(texts) => texts,
        };
        Ok(Self(texts.into_iter().map(Text::new).collect()))
    }
}

enum Either {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> Visitor<'de> for TextOrList {
            type Value = Either;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Either, E> {
                Ok(Either::One(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Either, E> {
                Ok(Either::One(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Either, E> {
                Ok(Either::One(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Either, E> {
                Ok(Either::One(value.to_string()))
            }

            // As it was written it cannot be known any more: 1.10 is 1.1.
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Either, E> {
                Err(E::custom("a number with a fraction or an exponent stands in quotes here"))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Either, E> {
                Err(E::custom(NOTHING))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Either, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Either::Many(texts))
            }
        }
        deserializer.deserialize_any(TextOrList)
    }
}

impl<'de> Deserialize<'de> for TypedOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Options;
        impl<'de> Visitor<'de> for Options {
            type Value = TypedOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("options and their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TypedOptions, A::Error> {
                let mut options = Vec::new();
                while let Some(option) = map.next_entry()? {
                    options.push(option);
                }
                Ok(TypedOptions(options))
            }
        }
        deserializer.deserialize_map(Options)
    }
}
