//! What to do about an error, where the way out is a flag or a command of this program. The library knows neither.

use pki_core::base::error::Kind;
use pki_core::etcd::DescriptionError;
use pki_core::{cfssl, etcd, x509};

/// The hint for an error of a cluster.
pub(crate) fn of_etcd(kind: &etcd::ErrorKind) -> Option<String> {
    let text = match kind {
        etcd::ErrorKind::X509(kind) => return of_x509(kind),
        etcd::ErrorKind::Cfssl(kind) => return of_cfssl(kind),
        etcd::ErrorKind::CaKeyEncrypted => {
            "leave out `private-key`: requests are made, and `etcdpki sign` opens the key with the password in \
             CFSSL_CA_PK_PASSWORD"
        }
        etcd::ErrorKind::Description(
            DescriptionError::Syntax { .. } | DescriptionError::UnknownKey { near: None, .. },
        ) => "see the keys in a new description: `etcdpki cluster new` prints one",
        etcd::ErrorKind::NotApplied { .. } => "name the folder that `etcdpki cluster apply` has made",
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}

/// The hint for an error of cfssl's commands.
pub(crate) fn of_cfssl(kind: &cfssl::ErrorKind) -> Option<String> {
    let text = match kind {
        cfssl::ErrorKind::X509(kind) => return of_x509(kind),
        cfssl::ErrorKind::NoChain { .. } => {
            "give the root with -ca-bundle and what stands between with -int-bundle, and check that none has ended"
        }
        cfssl::ErrorKind::Remote { .. } => "choose a profile without `remote`, and give -ca and -ca-key",
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}

fn of_x509(kind: &x509::ErrorKind) -> Option<String> {
    let text = match kind {
        x509::ErrorKind::KeyEncrypted => "give its password in the environment variable CFSSL_CA_PK_PASSWORD",
        x509::ErrorKind::NotOneCertificate => {
            "keep one certificate in the file; certinfo -full describes all of them"
        }
        x509::ErrorKind::NotACa { .. } => {
            "give the CA's own certificate, the one that `gencert -initca` made"
        }
        x509::ErrorKind::NotASerial { .. } => {
            "write it in decimal as `certinfo` shows it, or in hex after 0x"
        }
        x509::ErrorKind::NotSelfSigned { .. } => {
            "renew it under the CA that issued it: gencert -from OLD -ca CA -ca-key KEY"
        }
        x509::ErrorKind::WrongPassword => "check the environment variable CFSSL_CA_PK_PASSWORD",
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}
