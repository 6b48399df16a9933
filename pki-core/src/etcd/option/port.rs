//! The two ports of a member, and the options of each.

/// The names of the options of one port.
#[derive(Debug)]
pub(crate) struct Port {
    /// The word for its certificate, as in "the server certificate".
    pub(crate) name: &'static str,
    /// The URLs that the member listens on.
    pub(crate) listen: &'static str,
    /// The URLs that the member tells to others.
    pub(crate) advertise: &'static str,
    /// The default of both (etcd, server/embed/config.go).
    pub(crate) usual_url: &'static str,
    /// The file of its certificate.
    pub(crate) certificate: &'static str,
    /// The file of the key.
    pub(crate) key: &'static str,
    /// The file of the CAs that it trusts: of those who connect, and at the peer port also of the members that it
    /// connects to.
    pub(crate) ca: &'static str,
    /// Whether those who connect must have a certificate.
    pub(crate) auth: &'static str,
    /// The common names that certificates of those who connect may have. `None` if the port has no such option.
    pub(crate) allowed_names: Option<&'static str>,
    /// The host names that certificates of those who connect may have.
    pub(crate) allowed_hosts: &'static str,
    /// The file of its revocation list.
    pub(crate) crl: &'static str,
    /// Whether etcd makes a self-signed certificate for the port.
    pub(crate) auto_tls: &'static str,
}

/// The port for clients.
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

/// Certificate and key of the gRPC gateway, a client of its own member. Without them it uses the server's.
pub(crate) const GATEWAY: (&str, &str) = ("client-cert-file", "client-key-file");

/// The pairs of options for a certificate and its key.
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
