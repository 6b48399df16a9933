//! Layouts: the CAs of a cluster, the certificates of its members, and what each certificate may be used for.

use der::asn1::ObjectIdentifier;

use crate::x509::oid;

/// The layout of a cluster: who trusts whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Layout {
    /// One CA for peers, and one for clients and servers. No certificate can be used for more than its role needs.
    #[default]
    LeastPrivilege,
    /// One CA. Each member has one certificate, for the client port and the peer port.
    SharedCert,
    /// One CA. Each member has a certificate for the client port and another for the peer port.
    SingleCa,
}

/// The role of a certificate in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The only CA.
    Ca,
    /// The certificate of a client.
    Client,
    /// The CA of clients, and of the server certificates that clients verify.
    ClientCa,
    /// The client certificate of a member's gRPC gateway.
    Gateway,
    /// The member certificate that is used on both ports.
    Member,
    /// The member certificate on the peer port.
    Peer,
    /// The CA of peers.
    PeerCa,
    /// The member certificate on the client port.
    Server,
}

impl Role {
    /// The name of the role, such as `client-ca`: a key in the description, and by default the name of the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Client => "client",
            Self::ClientCa => "client-ca",
            Self::Gateway => "gateway",
            Self::Member => "member",
            Self::Peer => "peer",
            Self::PeerCa => "peer-ca",
            Self::Server => "server",
        }
    }

    /// Whether the certificate is a CA's.
    pub fn is_authority(self) -> bool {
        matches!(self, Self::Ca | Self::ClientCa | Self::PeerCa)
    }

    /// Whether others verify a host name or address in the certificate.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Member | Self::Peer | Self::Server)
    }
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::LeastPrivilege, Self::SharedCert, Self::SingleCa];

    /// The word for it in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeastPrivilege => "least-privilege",
            Self::SharedCert => "shared-cert",
            Self::SingleCa => "single-ca",
        }
    }

    /// The roles of the CAs.
    pub(crate) fn authorities(self) -> &'static [Role] {
        match self {
            Self::LeastPrivilege => &[Role::ClientCa, Role::PeerCa],
            Self::SharedCert | Self::SingleCa => &[Role::Ca],
        }
    }

    /// The roles of the certificates of each member.
    pub(crate) fn of_members(self) -> &'static [Role] {
        match self {
            Self::LeastPrivilege => &[Role::Server, Role::Peer, Role::Gateway],
            Self::SharedCert => &[Role::Member],
            Self::SingleCa => &[Role::Server, Role::Peer],
        }
    }

    /// The role of the CA that issues a certificate. A CA issues its own.
    pub(crate) fn issuer(self, role: Role) -> Role {
        match (self, role) {
            (Self::LeastPrivilege, Role::Peer | Role::PeerCa) => Role::PeerCa,
            (Self::LeastPrivilege, _) => Role::ClientCa,
            (Self::SharedCert | Self::SingleCa, _) => Role::Ca,
        }
    }

    /// The role of the certificate that members present to clients.
    pub(crate) fn server(self) -> Role {
        if self == Self::SharedCert { Role::Member } else { Role::Server }
    }

    /// The role of the certificate that members present to each other.
    pub(crate) fn peer(self) -> Role {
        if self == Self::SharedCert { Role::Member } else { Role::Peer }
    }

    /// Whether a member's gRPC gateway, which connects to the member itself, can use the server certificate as client
    /// certificate (etcd, server/embed/etcd.go, `grpcGatewayDial`). If not, it needs its own certificate, or must be
    /// off.
    pub(crate) fn gateway_uses_server(self) -> bool {
        self != Self::LeastPrivilege
    }

    /// Whether a DNS name marks the certificates of peers (`--peer-cert-allowed-hostname`).
    pub(crate) fn has_peer_marker(self) -> bool {
        self == Self::LeastPrivilege
    }

    /// The extended key usages of a role (RFC 5280 section 4.2.1.12).
    pub(crate) fn extended_key_usage(self, role: Role) -> Vec<ObjectIdentifier> {
        match role {
            Role::Ca | Role::ClientCa | Role::PeerCa => Vec::new(),
            Role::Client | Role::Gateway => vec![oid::CLIENT_AUTH],
            Role::Server if !self.gateway_uses_server() => vec![oid::SERVER_AUTH],
            Role::Member | Role::Peer | Role::Server => vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
        }
    }
}
