//! The error for a text that is not a safe value.

/// A text cannot be a value of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be {}: {reason}", kind.name())]
pub struct InvalidValue {
    /// The kind of value that was read.
    pub kind: SafeValue,
    /// The text that was read.
    pub text: String,
    /// What is wrong with the text: a clause such as `it is empty`.
    pub reason: &'static str,
}

/// The kinds of safe values.
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
    /// A destination of ssh(1).
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
            Self::SshTarget => "a destination of ssh",
            Self::Url => "a member's URL",
            Self::Version => "etcd's version",
        }
    }
}

impl InvalidValue {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            SafeValue::Address => {
                "write an address such as 10.0.0.11 or \"2001:db8::11\"; the key for a host name is `dns`"
            }
            SafeValue::DnsName => {
                "write a host name such as etcd1.example.com; the key for an IP address is `address`"
            }
            SafeValue::HostPath => "write a path such as /etc/etcd/pki",
            SafeValue::Label => "write a name such as etcd-1",
            SafeValue::SshTarget => "write a destination such as root@etcd1.example.com",
            SafeValue::Url => "write a URL such as https://10.0.0.11:2379",
            SafeValue::Version => {
                "write the version that `etcd --version` prints, such as 3.5.30, or its series, such as 3.5"
            }
        }
    }
}
