//! Who trusts whom: which CAs a cluster has, which certificates its members hold, and what each may do.

use der::asn1::ObjectIdentifier;

use crate::x509::oid;

/// Who trusts whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Layout {
    /// A CA for peers and one for clients and servers; no certificate can do more than its part needs.
    #[default]
    LeastPrivilege,
    /// One CA; each member has one certificate, for clients and peers alike.
    SharedCert,
    /// One CA issues everything; each member has a certificate for clients and one for peers.
    SingleCa,
}

/// The part that a certificate plays in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The CA of everything
    Ca,
    /// A client
    Client,
    /// The CA of clients, and of the servers that they reach
    ClientCa,
    /// The client certificate of a member's own gRPC gateway
    Gateway,
    /// A member, for clients and for other members
    Member,
    /// A member, for other members
    Peer,
    /// The CA of peers
    PeerCa,
    /// A member, for clients
    Server,
}

impl Role {
    /// Its name, as in `client-ca`: a key of the description, and the name of its files.
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

    /// Whether it is a CA's.
    pub fn is_authority(self) -> bool {
        matches!(self, Self::Ca | Self::ClientCa | Self::PeerCa)
    }

    /// Whether somebody connects to it by a name or address.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Member | Self::Peer | Self::Server)
    }
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::LeastPrivilege, Self::SharedCert, Self::SingleCa];

    /// Its name in a description.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeastPrivilege => "least-privilege",
            Self::SharedCert => "shared-cert",
            Self::SingleCa => "single-ca",
        }
    }

    /// The CAs.
    pub(crate) fn authorities(self) -> &'static [Role] {
        match self {
            Self::LeastPrivilege => &[Role::ClientCa, Role::PeerCa],
            Self::SharedCert | Self::SingleCa => &[Role::Ca],
        }
    }

    /// The certificates of each member.
    pub(crate) fn of_members(self) -> &'static [Role] {
        match self {
            Self::LeastPrivilege => &[Role::Server, Role::Peer, Role::Gateway],
            Self::SharedCert => &[Role::Member],
            Self::SingleCa => &[Role::Server, Role::Peer],
        }
    }

    /// The CA of a certificate: for a CA itself.
    pub(crate) fn issuer(self, role: Role) -> Role {
        match (self, role) {
            (Self::LeastPrivilege, Role::Peer | Role::PeerCa) => Role::PeerCa,
            (Self::LeastPrivilege, _) => Role::ClientCa,
            (Self::SharedCert | Self::SingleCa, _) => Role::Ca,
        }
    }

    /// The certificate that a member shows to clients.
    pub(crate) fn server(self) -> Role {
        if self == Self::SharedCert { Role::Member } else { Role::Server }
    }

    /// The certificate that members show to each other.
    pub(crate) fn peer(self) -> Role {
        if self == Self::SharedCert { Role::Member } else { Role::Peer }
    }

    /// Whether a member's gRPC gateway, which dials the member itself, uses the server's certificate for that
    /// (etcd, server/embed/etcd.go, `grpcGatewayDial`). If not, it needs one of its own, or must be off.
    pub(crate) fn gateway_uses_server(self) -> bool {
        self != Self::LeastPrivilege
    }

    /// Whether peers are told from others by a name, `--peer-cert-allowed-hostname`.
    pub(crate) fn has_peer_marker(self) -> bool {
        self == Self::LeastPrivilege
    }

    /// What a certificate may be used for (RFC 5280 section 4.2.1.12).
    pub(crate) fn extended_key_usage(self, role: Role) -> Vec<ObjectIdentifier> {
        match role {
            Role::Ca | Role::ClientCa | Role::PeerCa => Vec::new(),
            Role::Client | Role::Gateway => vec![oid::CLIENT_AUTH],
            Role::Server if !self.gateway_uses_server() => vec![oid::SERVER_AUTH],
            Role::Member | Role::Peer | Role::Server => vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
        }
    }
}
