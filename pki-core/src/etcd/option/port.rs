//! etcd's two ports, and the options that are about each.

/// One of the two ports of a member, by the names of its options.
#[derive(Debug)]
pub(crate) struct Port {
    /// As in "the server certificate".
    pub(crate) name: &'static str,
    /// Where the member listens.
    pub(crate) listen: &'static str,
    /// Where others are told to find it.
    pub(crate) advertise: &'static str,
    /// Where it listens, and sends others, if neither is set (etcd, server/embed/config.go).
    pub(crate) usual_url: &'static str,
    /// Its certificate.
    pub(crate) certificate: &'static str,
    /// The key of its certificate.
    pub(crate) key: &'static str,
    /// The CAs of those who connect; at the peer port also of those who are connected to.
    pub(crate) ca: &'static str,
    /// Whether those who connect must have a certificate.
    pub(crate) auth: &'static str,
    /// The common names that their certificates may have; `None` where there is no such option.
    pub(crate) allowed_names: Option<&'static str>,
    /// The hosts that their certificates may be for.
    pub(crate) allowed_hosts: &'static str,
    /// The certificates that are revoked.
    pub(crate) crl: &'static str,
    /// Whether etcd makes itself a certificate.
    pub(crate) auto_tls: &'static str,
}

/// The port for clients, at which a member is a server.
pub(crate) const SERVER: Port = Port {
    name: "server",
    listen: "listen-client-urls",
    advertise: "advertise-client-urls",
    usual_url: "http://localhost:2379",
    certificate: "cert-file",
    key: "key-file",
    ca: "trusted-ca-file",
    auth: "client-cert-auth",
    allowed_names: None,
    allowed_hosts: "client-cert-allowed-hostname",
    crl: "client-crl-file",
    auto_tls: "auto-tls",
};

/// The port for the other members.
pub(crate) const PEER: Port = Port {
    name: "peer",
    listen: "listen-peer-urls",
    advertise: "initial-advertise-peer-urls",
    usual_url: "http://localhost:2380",
    certificate: "peer-cert-file",
    key: "peer-key-file",
    ca: "peer-trusted-ca-file",
    auth: "peer-client-cert-auth",
    allowed_names: Some("peer-cert-allowed-cn"),
    allowed_hosts: "peer-cert-allowed-hostname",
    crl: "peer-crl-file",
    auto_tls: "peer-auto-tls",
};

/// Certificate and key with which the gRPC gateway connects to its own member, where it has its own.
pub(crate) const GATEWAY: (&str, &str) = ("client-cert-file", "client-key-file");

/// The options that name a certificate and its key.
pub(crate) const PAIRS: [(&str, &str); 3] =
    [(SERVER.certificate, SERVER.key), (PEER.certificate, PEER.key), GATEWAY];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::option::version::EtcdVersion;
    use crate::etcd::option::{EtcdOption, UrlUse, ValueKind};

    #[test]
    fn the_options_are_etcds() {
        for port in [SERVER, PEER] {
            let kind = |name: &str| {
                let option = EtcdOption::find(name).unwrap_or_else(|| panic!("no option is named {name}"));
                option.kind(EtcdVersion::V3_5)
            };
            assert_eq!(kind(port.listen), ValueKind::Urls(UrlUse::Listen));
            assert_eq!(kind(port.advertise), ValueKind::Urls(UrlUse::Advertise));
            for name in [port.certificate, port.key, port.ca, port.crl] {
                assert_eq!(kind(name), ValueKind::Path, "{name}");
            }
            for name in [port.auth, port.auto_tls] {
                assert_eq!(kind(name), ValueKind::Bool, "{name}");
            }
            for name in port.allowed_names.into_iter().chain([port.allowed_hosts]) {
                assert_eq!(kind(name), ValueKind::List, "{name}");
            }
        }
        assert!(PAIRS.iter().all(|(certificate, key)| certificate.replace("cert", "key") == *key));
    }
}
