//! The keys of a description. Every value is a text with its place in the file.
//!
//! The JSON Schema is generated from these types, so editors show the comments on the fields.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use time::Duration;

use crate::etcd::cluster::layout::Layout;
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{ContainerEngine, InitialClusterState, Style, UnitKind};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::safe::address::{DnsName, HostName, MemberAddress};
use crate::etcd::safe::host_path::HostPath;
use crate::etcd::safe::label::Label;
use crate::etcd::safe::ssh::SshTarget;
use crate::etcd::safe::url::MemberUrl;
use crate::x509::key::KeyAlgorithm;

/// The error for a key without a value.
pub(crate) const NOTHING: &str = "there is no value: write one, or \"\" for an empty text";

/// An etcd cluster. `etcdpki cluster apply` writes the certificates and files that its hosts need.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedCluster {
    /// The name of the cluster, such as prod: letters, digits, `.`, `_` and `-`, at most 48 characters.
    pub(crate) name: Text<Label>,
    /// The version of etcd that the cluster runs, such as 3.5 or 3.5.30. The available options depend on it. The
    /// default is 3.5.
    pub(crate) version: Option<Text<EtcdVersion>>,
    /// Which CAs the cluster has, and which certificates. The default is least-privilege.
    pub(crate) layout: Option<Text<Layout>>,
    /// Where etcd reads its options from. The default is env.
    pub(crate) style: Option<Text<Style>>,
    /// The systemd unit that is written. The default is service, or none if there is a `container`.
    pub(crate) unit: Option<Text<UnitKind>>,
    /// Run etcd in a container. For each member, a script with the command is written.
    pub(crate) container: Option<TypedContainer>,
    /// `--initial-cluster-token`. The default is the name of the cluster.
    pub(crate) token: Option<Text<Label>>,
    /// `--initial-cluster-state` of every member. By default, the members of the first `apply` are new, and members
    /// that are added later join the existing cluster.
    pub(crate) state: Option<Text<InitialClusterState>>,
    /// `--discovery-srv`: the domain whose SRV records name the members, such as example.com.
    pub(crate) discovery_srv: Option<Text<DnsName>>,
    /// The port for clients. The default is 2379.
    pub(crate) client_port: Option<Text<u16>>,
    /// The port for other members. The default is 2380.
    pub(crate) peer_port: Option<Text<u16>>,
    /// The names and addresses of the loopback interface in the members' certificates. The default is 127.0.0.1, ::1
    /// and localhost.
    pub(crate) loopback: Option<OneOrMany<HostName>>,
    /// Whether members also listen for clients on 127.0.0.1, with TLS. The default is false.
    pub(crate) listen_loopback: Option<Text<bool>>,
    /// The kind of every key. The default is ecdsa-256.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long certificates are valid.
    pub(crate) validity: Option<TypedValidity>,
    /// How long before its end a certificate is due for renewal: a part of its lifetime such as 1/3, or a time such as
    /// 30d, but at most half of its lifetime. The default is 1/3.
    pub(crate) renew_before: Option<Text<RenewBefore>>,
    /// Attributes of every certificate's subject in addition to the common name.
    pub(crate) subject: Option<TypedSubject>,
    /// Settings for single kinds of certificates.
    pub(crate) certificates: Option<TypedCertificates>,
    /// The paths of etcd's files on the hosts, and its user.
    pub(crate) host: Option<TypedHost>,
    /// Further options of every member, by etcd's own names without dashes.
    pub(crate) options: Option<TypedOptions>,
    /// The members of the cluster.
    #[cfg_attr(test, schemars(with = "Vec<TypedMember>", length(min = 1)))]
    pub(crate) members: Spanned<Vec<TypedMember>>,
    /// The clients that get a certificate. The client root is added in any case.
    pub(crate) clients: Option<Vec<TypedClient>>,
}

/// The container that etcd runs in.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedContainer {
    /// The container engine on the hosts. The default is docker.
    pub(crate) engine: Option<Text<ContainerEngine>>,
    /// The image of etcd, such as quay.io/coreos/etcd:v3.5.30.
    #[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")))]
    pub(crate) image: Text,
}

/// How long certificates are valid, such as 1y, 90d or 8760h.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedValidity {
    /// The certificates of CAs. The default is 10y.
    pub(crate) ca: Option<Text<Duration>>,
    /// All other certificates. The default is 1y. A certificate ends with its CA at the latest.
    pub(crate) leaf: Option<Text<Duration>>,
}

/// Attributes of a certificate's subject in addition to the common name.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedSubject {
    /// The country: two letters, such as CN.
    #[serde(rename = "C")]
    #[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z]{2}$")))]
    pub(crate) country: Option<Text>,
    /// The state or province.
    #[serde(rename = "ST")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_STATE_NAME)))]
    pub(crate) province: Option<Text>,
    /// The locality: a city, for example.
    #[serde(rename = "L")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_LOCALITY_NAME)))]
    pub(crate) locality: Option<Text>,
    /// The organization.
    #[serde(rename = "O")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_ORGANIZATION_NAME)))]
    pub(crate) organization: Option<Text>,
    /// The organizational unit.
    #[serde(rename = "OU")]
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_ORGANIZATIONAL_UNIT_NAME)))]
    pub(crate) organizational_unit: Option<Text>,
}

/// Settings for single kinds of certificates. The layout decides which kinds there are.
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
    /// The certificate of a member for both ports in the layout shared-cert.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) member: Option<Spanned<TypedCertificate>>,
    /// The certificate of a member on the port for clients.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) server: Option<Spanned<TypedCertificate>>,
    /// The certificate of a member on the port for other members.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) peer: Option<Spanned<TypedCertificate>>,
    /// The client certificate of a member's gRPC gateway in the layout least-privilege.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) gateway: Option<Spanned<TypedCertificate>>,
    /// The certificate of a client.
    #[cfg_attr(test, schemars(with = "Option<TypedCertificate>"))]
    pub(crate) client: Option<Spanned<TypedCertificate>>,
}

/// A CA: the contents of a new CA's certificate, or the files of an existing CA.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("dependencies" = {
    "private-key": ["certificate"],
    "certificate": {"properties": {"common-name": false, "subject": false, "key": false, "validity": false}},
})))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedAuthority {
    /// The common name of a new CA. The default is made of the name of the cluster: "prod etcd CA".
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// The other attributes of a new CA's subject, in place of those of the cluster.
    pub(crate) subject: Option<TypedSubject>,
    /// The kind of a new CA's key, in place of that of the cluster.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long a new CA's certificate is valid, such as 10y.
    pub(crate) validity: Option<Text<Duration>>,
    /// The name of the CA's files, without `.pem`. The default is the kind of certificate, such as client-ca.
    pub(crate) file: Option<Text<Label>>,
    /// The file with the certificate of an existing CA, followed by those of the CAs above it. The path is relative to
    /// the folder of the description.
    pub(crate) certificate: Option<Text<PathBuf>>,
    /// The file with the key of an existing CA. The path is relative to the folder of the description. Without it the
    /// CA is offline, and certificate requests are written for it to sign.
    pub(crate) private_key: Option<Text<PathBuf>>,
}

/// The contents of the certificates of one kind.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedCertificate {
    /// The common name of members' certificates. The default is made of the name of the member. The common name of a
    /// client is always the name of the client.
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// The other attributes of the subject, in place of those of the cluster.
    pub(crate) subject: Option<TypedSubject>,
    /// The kind of the key, in place of that of the cluster.
    pub(crate) key: Option<Text<KeyAlgorithm>>,
    /// How long the certificates are valid, in place of `leaf` of the cluster.
    pub(crate) validity: Option<Text<Duration>>,
    /// The name of the files, without `.pem`. The default is the kind of certificate, such as server.
    pub(crate) file: Option<Text<Label>>,
    /// Subject alternative names in addition to those of the member: addresses and DNS names.
    pub(crate) names: Option<OneOrMany<HostName>>,
}

/// The paths of etcd's files on the hosts, and its user.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedHost {
    /// The path of the program etcd. The default is /usr/bin/etcd.
    pub(crate) binary: Option<Text<HostPath>>,
    /// The user that etcd runs as, and the name of its group. The default is etcd.
    pub(crate) user: Option<Text<Label>>,
    /// The folder of the environment file or configuration file. The default is /etc/etcd.
    pub(crate) config: Option<Text<HostPath>>,
    /// The folder of certificates and keys, which holds nothing else. The default is /etc/etcd/pki.
    pub(crate) pki: Option<Text<HostPath>>,
    /// `--data-dir`: the folder of the data. The default is /var/lib/etcd.
    pub(crate) data_dir: Option<Text<HostPath>>,
    /// `--wal-dir`: the folder of the write-ahead log, if it is not in the data folder. The folder above it must belong
    /// to etcd too.
    pub(crate) wal_dir: Option<Text<HostPath>>,
}

/// A member of the cluster. It needs an address or a DNS name.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("anyOf" = [{"required": ["address"]}, {"required": ["dns"]}])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedMember {
    /// The name of the member, such as etcd1: letters, digits, `.`, `_` and `-`, at most 48 characters.
    pub(crate) name: Text<Label>,
    /// The IP addresses of the member. It listens on all of them, and others connect to the first.
    pub(crate) address: Option<OneOrMany<MemberAddress>>,
    /// The DNS names of the member. Others connect to the first if the member has no address.
    pub(crate) dns: Option<OneOrMany<DnsName>>,
    /// Subject alternative names of its certificates in addition to `address` and `dns`, such as the address that it
    /// connects from.
    pub(crate) names: Option<OneOrMany<HostName>>,
    /// The common name of its certificates. The default is the name of the member.
    #[cfg_attr(test, schemars(extend("maxLength" = crate::etcd::describe::limits::UB_COMMON_NAME)))]
    pub(crate) common_name: Option<Text>,
    /// `--initial-cluster-state` of this member, in place of that of the cluster.
    pub(crate) state: Option<Text<InitialClusterState>>,
    /// The destination that `deploy.sh` gives to ssh: [USER@]HOST. The default is root at the address of the member.
    pub(crate) ssh: Option<Text<SshTarget>>,
    /// `--listen-client-urls`. The default is every address of the member, or every address of its host if the member
    /// has none, with the port for clients.
    pub(crate) listen_client_urls: Option<OneOrMany<MemberUrl>>,
    /// `--advertise-client-urls`. The default is the first address, or the first DNS name if there is no address, with
    /// the port for clients.
    pub(crate) advertise_client_urls: Option<OneOrMany<MemberUrl>>,
    /// `--listen-peer-urls`. The default is every address of the member, or every address of its host if the member has
    /// none, with the port for other members.
    pub(crate) listen_peer_urls: Option<OneOrMany<MemberUrl>>,
    /// `--initial-advertise-peer-urls`. The default is the first address, or the first DNS name if there is no address,
    /// with the port for other members.
    pub(crate) initial_advertise_peer_urls: Option<OneOrMany<MemberUrl>>,
    /// Further options of this member, by etcd's own names without dashes. They replace those of the cluster.
    pub(crate) options: Option<TypedOptions>,
}

/// A client that gets a certificate.
#[derive(serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TypedClient {
    /// The name of the client. It is the common name, which etcd's access control takes as the user.
    pub(crate) name: Text<Label>,
    /// Whether kubeadm uses the client for an external etcd. Then `etcd.external` for its configuration is written too,
    /// and the three files that it names. The default is false.
    pub(crate) kubeadm: Option<Text<bool>>,
}

/// A text that a `T` is read from, and its place.
pub(crate) struct Text<T = String> {
    pub(crate) value: String,
    pub(crate) referenced: Location,
    what: PhantomData<fn() -> T>,
}

/// A text, or a list of texts.
pub(crate) struct OneOrMany<T = String>(pub(crate) Vec<Text<T>>);

/// etcd's options in the order of the description.
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

            // The text is lost: 1.10 and 1.1 are the same number.
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Either, E> {
                Err(E::custom("write a number with a fraction or an exponent in quotes here"))
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
