//! Hints that name a flag, a command or a variable of this program. The library knows none of these, so its own hints
//! are used only where none is given here.

use pki_core::base::Kind;
use pki_core::etcd::DescriptionError;
use pki_core::etcd::operate::OperationError;
use pki_core::{cfssl, etcd, x509};

/// The hint for an error of a cluster.
pub(crate) fn of_etcd(kind: &etcd::ErrorKind) -> Option<String> {
    let text = match kind {
        // A description has no flags that could be interchanged.
        etcd::ErrorKind::X509(kind @ x509::ErrorKind::OtherBlock { .. }) => return kind.hint(),
        etcd::ErrorKind::X509(x509::ErrorKind::CaNotValid { .. }) => {
            "if it is a CA of this folder and has ended, `etcdpki cluster recover` renews it with its key; correct the \
             clock if it is wrong"
        }
        etcd::ErrorKind::X509(kind) => return of_x509(kind),
        etcd::ErrorKind::Cfssl(kind) => return of_cfssl(kind),
        etcd::ErrorKind::CaKeyEncrypted => {
            "leave out `private-key`, so that `apply` makes requests; sign them with `etcdpki sign`, which reads the \
             password from the environment variable CFSSL_CA_PK_PASSWORD"
        }
        etcd::ErrorKind::OtherTrustedCa { .. } => {
            "use the CA that the members trust: members and clients that run would refuse those with certificates of \
             another one. `etcdpki cluster renew-ca` lets a CA last longer, with its key; for a new cluster with a new CA, \
             use another output folder"
        }
        etcd::ErrorKind::NotApplied { .. } => {
            "name the folder that `etcdpki cluster apply` made, such as out"
        }
        etcd::ErrorKind::Description(
            DescriptionError::Syntax { .. } | DescriptionError::UnknownKey { near: None, .. },
        ) => "see the keys in a new description: `etcdpki cluster new` prints one",
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}

/// The hint for an error of an operation.
pub(crate) fn of_operation(error: &OperationError) -> String {
    match error {
        OperationError::NoUnit { .. } => {
            "restart it as it was started, one member after the other, when `observe` ends with 0".to_owned()
        }
        OperationError::NoList { .. } => {
            "`etcdctl` must be on the PATH, and a majority of the members must run: see `etcdpki cluster observe`".to_owned()
        }
        OperationError::Refused { .. } => {
            "look at the members with `etcdpki cluster observe`, and run the same command again: it goes on with what is left"
                .to_owned()
        }
        OperationError::Command { .. } => {
            "see why on its host, and look at the members with `etcdpki cluster observe`; then run it again: `deploy` goes \
             on, and `restart --waiting` restarts those that are left"
                .to_owned()
        }
        OperationError::OtherChanges { .. } => {
            "see them with `etcdpki cluster plan`, and run `etcdpki cluster apply` first".to_owned()
        }
        OperationError::NoCertificate { .. } => {
            "name a member, a client, or a certificate such as 'etcd1 server', as `status` lists them".to_owned()
        }
        OperationError::NoAuthority => {
            "renew their certificates where their keys are, with `etcdpki gencert -renewca`, and run `etcdpki cluster \
             apply`"
                .to_owned()
        }
        OperationError::Unreachable { .. } => {
            "correct --exec, or wait for the host; nothing was changed".to_owned()
        }
        error => error.hint(),
    }
}

/// The hint for an error of cfssl's commands.
pub(crate) fn of_cfssl(kind: &cfssl::ErrorKind) -> Option<String> {
    let text = match kind {
        cfssl::ErrorKind::X509(kind) => return of_x509(kind),
        cfssl::ErrorKind::NoChain { .. } => {
            "give the root with -ca-bundle and the CAs between with -int-bundle, and check that none of them has ended"
        }
        cfssl::ErrorKind::Remote { .. } => "choose a profile without `remote`, and give -ca and -ca-key",
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}

fn of_x509(kind: &x509::ErrorKind) -> Option<String> {
    let text = match kind {
        x509::ErrorKind::KeyEncrypted => {
            "put its password into the environment variable CFSSL_CA_PK_PASSWORD"
        }
        x509::ErrorKind::NotOneCertificate => {
            "keep one certificate in the file, or describe all of them with `certinfo -full -cert FILE`"
        }
        x509::ErrorKind::OtherBlock { label, wanted: "certificate" } if label.ends_with("PRIVATE KEY") => {
            "give the file of the certificate; are -ca and -ca-key, or -cert and -key, interchanged?"
        }
        x509::ErrorKind::OtherBlock { label, wanted: "private key" } if label.ends_with("CERTIFICATE") => {
            "give the file of the private key; are -ca and -ca-key, or -cert and -key, interchanged?"
        }
        x509::ErrorKind::OtherBlock { label, wanted: "certificate request" }
            if label.ends_with("CERTIFICATE") =>
        {
            "give the file of the request; `certinfo -cert FILE` describes a certificate, and `gencert -from FILE` \
             renews it"
        }
        x509::ErrorKind::OtherBlock { label, wanted: "certificate" } if label.ends_with("REQUEST") => {
            "give the file of the certificate; `certinfo -csr FILE` describes a request, and `sign` makes a \
             certificate of it"
        }
        x509::ErrorKind::OtherBlock { label, wanted: "JSON file" } if label.ends_with("REQUEST") => {
            "give the CSR JSON that the request was made of, or let `sign` make a certificate of the request"
        }
        x509::ErrorKind::NotACa { .. } => {
            "give the CA's own certificate, the one that `gencert -initca` made"
        }
        x509::ErrorKind::NotASerial { .. } => {
            "write it in decimal as `certinfo` shows it, such as 4711, or in hexadecimal, such as 0x1267"
        }
        x509::ErrorKind::NotSelfSigned { .. } => {
            "renew it under the CA that issued it: gencert -from old.pem -ca ca.pem -ca-key ca-key.pem"
        }
        x509::ErrorKind::WrongPassword => {
            "correct the password in the environment variable CFSSL_CA_PK_PASSWORD"
        }
        kind => return kind.hint(),
    };
    Some(text.to_owned())
}
