//! What is wrong with a text that was to be one of the safe values.

/// A text that cannot be the value that it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be {}: {reason}", kind.name())]
pub struct InvalidValue {
    /// What it was to be.
    pub kind: SafeValue,
    /// As written.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A kind of value that is safe in every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SafeValue {
    /// The address of a member.
    Address,
    /// A DNS name.
    DnsName,
    /// An absolute path on a host.
    HostPath,
    /// The name of a cluster, a member, a client or a file.
    Label,
    /// What ssh connects to.
    SshTarget,
    /// The URL of a member.
    Url,
    /// A version of etcd.
    Version,
}

impl SafeValue {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "a member's address",
            Self::DnsName => "a DNS name",
            Self::HostPath => "a path on a host",
            Self::Label => "a name",
            Self::SshTarget => "a target of ssh",
            Self::Url => "a member's URL",
            Self::Version => "etcd's version",
        }
    }
}

impl InvalidValue {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            SafeValue::Address => "write an address such as 10.0.0.11 or \"2001:db8::11\"",
            SafeValue::DnsName => "write a host name such as etcd1.example.com",
            SafeValue::HostPath => "write a path such as /etc/etcd/pki",
            SafeValue::Label => "write a name such as etcd-1",
            SafeValue::SshTarget => "write a target such as root@etcd1.example.com",
            SafeValue::Url => "write a URL such as https://10.0.0.11:2379",
            SafeValue::Version => "write what `etcd --version` says, such as 3.5 or 3.5.30",
        }
    }
}
