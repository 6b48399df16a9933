//! Which of a host's certificates and keys have to do with etcd, and which are those of the operating system and of
//! other services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::etcd::found::pem_file::{FoundKey, PemFile};

/// Folders in which systems keep what everybody trusts, and other services their keys.
const FOREIGN: [&str; 27] = [
    "etc/ssl/certs",
    "etc/ssl/private",
    "etc/pki/ca-trust",
    "etc/pki/tls",
    "etc/pki/java",
    "etc/pki/nssdb",
    "etc/pki/rpm-gpg",
    "etc/pki/entitlement",
    "etc/pki/consumer",
    "etc/pki/product",
    "etc/pki/fwupd",
    "etc/pki/fwupd-metadata",
    "etc/ca-certificates",
    "etc/ssh",
    "etc/letsencrypt",
    "etc/nginx",
    "etc/apache2",
    "etc/httpd",
    "etc/docker",
    "etc/openvpn",
    "etc/ipsec.d",
    "etc/swanctl",
    "etc/cockpit",
    "usr",
    "var/lib/docker",
    "var/lib/ca-certificates",
    "opt/containerd",
];

/// Keeps the files that have to do with etcd. On a host with members these are the files that a setting names, what
/// lies beside them, what has etcd in its path, what the same CAs have issued, and the keys of all these. On a host
/// without, only what is known to be another's is left out. What the user named stays.
pub(crate) fn keep(
    pems: &mut BTreeMap<PathBuf, PemFile>,
    named: &BTreeSet<PathBuf>,
    is_set: impl Fn(&Path) -> bool,
    root: Option<&Path>,
    has_members: bool,
) {
    let below_root = |path: &Path| root.and_then(|root| path.strip_prefix(root).ok()).map(Path::to_owned);
    let is_foreign = |path: &Path| {
        let speaks = path.to_string_lossy().contains("etcd");
        below_root(path).is_some_and(|path| FOREIGN.iter().any(|folder| path.starts_with(folder))) && !speaks
    };
    let set: BTreeSet<PathBuf> = pems.keys().filter(|path| is_set(path)).cloned().collect();
    if !has_members || set.is_empty() {
        pems.retain(|path, _| named.contains(path) || set.contains(path) || !is_foreign(path));
        return;
    }
    let folders: BTreeSet<&Path> = set
        .iter()
        .filter_map(|path| path.parent())
        .filter(|folder| {
            !is_foreign(folder) && below_root(folder).is_some_and(|path| path.components().count() > 1)
        })
        .collect();
    let speaks = |path: &Path| below_root(path).is_some_and(|path| path.to_string_lossy().contains("etcd"));
    let is_close = |path: &Path| {
        named.contains(path)
            || set.contains(path)
            || speaks(path)
            || path.ancestors().skip(1).any(|folder| folders.contains(folder))
    };
    let close =
        || pems.iter().filter(|(path, _)| is_close(path)).flat_map(|(_, file)| file.valid_certificates());
    let authorities: BTreeSet<String> = close()
        .filter(|certificate| certificate.check_ca().is_ok())
        .map(|ca| ca.subject().to_string())
        .collect();
    let is_issued = |file: &PemFile| {
        file.valid_certificates().any(|certificate| {
            [certificate.issuer(), certificate.subject()]
                .iter()
                .any(|name| authorities.contains(&name.to_string()))
        })
    };
    let kept: BTreeSet<PathBuf> = pems
        .iter()
        .filter(|(path, file)| is_close(path) || is_issued(file))
        .map(|(path, _)| path.clone())
        .collect();
    let certificates = || {
        pems.iter().filter(|(path, _)| kept.contains(*path)).flat_map(|(_, file)| file.valid_certificates())
    };
    let keys: BTreeSet<Vec<u8>> = certificates()
        .filter_map(|certificate| certificate.public_key().ok())
        .map(|key| key.der().to_vec())
        .collect();
    let is_key = |file: &PemFile| {
        file.keys.iter().any(|key| matches!(key, FoundKey::Usable(key) if keys.contains(key.der())))
    };
    pems.retain(|path, file| kept.contains(path) || is_key(file));
}
