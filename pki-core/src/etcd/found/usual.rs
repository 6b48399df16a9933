//! Where etcd's files usually are on a host.

use std::path::{Path, PathBuf};

use crate::etcd::error::Error;
use crate::etcd::found::files::{Files, entry};

/// The places that are looked at, below the root folder of a host.
const PLACES: [&str; 28] = [
    // What starts etcd, from the place whose files count most (systemd.unit(5)).
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "etc/containers/systemd",
    "etc/kubernetes/manifests",
    SCRIPT,
    "etc/conf.d/etcd",
    "etc/init/etcd.conf",
    "etc/sv/etcd",
    "etc/supervisor/conf.d",
    // Settings.
    "etc/default/etcd",
    "etc/sysconfig/etcd",
    "etc/etcd.env",
    "etc/etcd.conf",
    "etc/etcd",
    "opt/etcd/cfg",
    "opt/etcd/conf",
    // Certificates and keys.
    "opt/etcd/ssl",
    "etc/ssl/etcd",
    "etc/pki/etcd",
    "etc/kubernetes/pki/etcd",
    "etc/kubernetes/ssl",
    // k3s and rke2 start etcd themselves.
    "var/lib/rancher/k3s/server/db/etcd/config",
    "var/lib/rancher/k3s/server/tls/etcd",
    "var/lib/rancher/rke2/server/db/etcd/config",
    "var/lib/rancher/rke2/server/tls/etcd",
    "var/lib/rancher/rke2/agent/pod-manifests",
];

/// What systemd does not start if it has a unit of the name (systemd-sysv-generator(8)).
const SCRIPT: &str = "etc/init.d/etcd";

/// The folder of units on hosts whose `/lib` is no link to `/usr/lib`.
const OLD_UNITS: (&str, &str) = ("lib/systemd/system", "usr/lib/systemd/system");

/// The places of a host that were looked at.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UsualPlaces {
    /// The files and folders that are there.
    pub present: Vec<PathBuf>,
    /// Those that are not.
    pub absent: Vec<PathBuf>,
}

impl UsualPlaces {
    /// Looks which places a host has.
    pub(crate) fn of_host(root: &Path, files: &dyn Files) -> Result<Self, Error> {
        let mut all = Self::default();
        for place in PLACES {
            let path = root.join(place);
            // What may not be read is there, and is told where it is read.
            let is_there = !matches!(entry(&path, files)?, Ok(None));
            if is_there { all.present.push(path) } else { all.absent.push(path) }
        }
        let (old, new) = OLD_UNITS;
        if all.absent.contains(&root.join(new)) {
            let path = root.join(old);
            let is_there = !matches!(entry(&path, files)?, Ok(None));
            if is_there { all.present.push(path) } else { all.absent.push(path) }
        }
        let is_unit = |folder: &&PathBuf| folder.ends_with("systemd/system");
        for folder in all.present.clone().iter().filter(is_unit) {
            if !matches!(entry(&folder.join("etcd.service"), files)?, Ok(None)) {
                all.present.retain(|path| *path != root.join(SCRIPT));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::found::Found;
    use crate::etcd::found::tests::files;
    use crate::etcd::option::version::EtcdVersion;

    #[test]
    fn a_host_is_read_at_the_places_that_it_has() {
        let unit = "[Service]\nExecStart=/usr/bin/etcd --data-dir=/d\n";
        let other = "[Service]\nExecStart=/usr/sbin/cron -f\n";
        let all = files([
            ("/host/etc/systemd/system/etcd.service", unit),
            ("/host/usr/lib/systemd/system/cron.service", other),
            ("/host/etc/kubernetes/manifests/README", "nothing"),
            ("/host/etc/init.d/etcd", "#!/bin/sh\n# starts etcd\n"),
            ("/host/etc/default/etcd", "# options of etcd\n"),
            ("/host/home/me/etcd.service", unit),
        ]);
        let (found, places) = Found::of_host(Path::new("/host"), EtcdVersion::V3_5, &all).unwrap();
        assert_eq!(found.members().count(), 1);
        assert!(found.omissions().is_empty(), "{:?}", found.omissions());
        assert_eq!(places.present.len(), 4, "{places:?}");
        assert!(places.absent.contains(&PathBuf::from("/host/etc/etcd")));
        let (found, places) = Found::of_host(Path::new("/none"), EtcdVersion::V3_5, &all).unwrap();
        assert_eq!((found.members().count(), places.present.len()), (0, 0));
    }
}
