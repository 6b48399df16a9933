//! The Debian packages of a release, on a host.

use libtest_mimic::Trial;

use super::{HOSTS, Hosts, on_hosts};
use crate::suite::command::quoted;
use crate::suite::packages::release;
use crate::suite::trial::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![on_hosts("packages::are_installed_used_and_purged", "3.4", are_installed_used_and_purged)]
}

/// Prints every file, folder and link outside of what dpkg and the running system keep for themselves.
const FILES: &str = "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log \
    -o -path /var/lib/dpkg -o -path /var/cache -o -path /root -o -path /var/lib/systemd \\) -prune -o -print | sort";

/// What somebody does with the installed programs.
const USE: &str = r#"
set -eu
cd /root/packages
etcdpki cluster new --name prod --member etcd1=10.77.0.1 > cluster.yaml
etcdpki cluster apply
echo '{"CN": "root", "key": {"algo": "ecdsa", "size": 256}}' > csr.json
cfssl gencert -initca csr.json | cfssljson -bare ca
cfssl-certinfo -cert ca.pem
cfssl-mkbundle -f bundle.pem .
test -f /usr/share/etcdpki/prometheus/etcdpki.rules.yaml
test "$(systemctl is-enabled etcdpki-check.timer)" = disabled
mkdir -p /var/lib/prometheus/node-exporter
mkdir /etc/etcdpki && cp -a out /etc/etcdpki/
systemctl enable --now etcdpki-check.timer
systemctl is-active etcdpki-check.timer
# Its only member does not run.
! systemctl start etcdpki-check.service
grep -F 'etcdpki_registry_problem{cluster="prod",path="registry.jsonl"} 0' /var/lib/prometheus/node-exporter/etcdpki.prom
grep -F 'etcdpki_observation_situation{cluster="prod"} 3' /var/lib/prometheus/node-exporter/etcdpki-live.prom
rm -r /etc/etcdpki /var/lib/prometheus/node-exporter
rmdir --ignore-fail-on-non-empty /var/lib/prometheus
test -s /usr/share/man/man1/cfssl.1.gz -a -s /usr/share/man/man1/etcdpki-doctor.1.gz
bash -c '. /usr/share/bash-completion/completions/cfssl; complete -p cfssl'
"#;

fn are_installed_used_and_purged(hosts: &Hosts) -> Outcome {
    let release = release()?;
    let machine = &hosts.machines[0];
    let before = machine.shell(FILES).ok().stdout;
    let from = quoted(release.to_str().unwrap());
    hosts.shell(&format!("rsync -a {from}/*.deb root@{}:/root/packages/", HOSTS[0].1)).ok();
    machine.shell("dpkg --install /root/packages/*.deb").ok();
    machine.shell(USE).ok();

    // What has the same names is not installed beside it.
    let conflicts = "dpkg-query --show --showformat '${Conflicts} ${Replaces} ${Provides}' etcdpki-cfssl";
    assert_eq!(machine.shell(conflicts).ok().stdout, "golang-cfssl golang-cfssl golang-cfssl");
    let other = "
        set -eu
        mkdir -p /root/other/DEBIAN
        printf 'Package: golang-cfssl\\nVersion: 1.6.5\\nArchitecture: all\\nMaintainer: x <x@example.com>\\n\
            Description: of another\\n' > /root/other/DEBIAN/control
        dpkg-deb --root-owner-group --build /root/other /root/other.deb
        LC_ALL=C dpkg --install /root/other.deb";
    let refused = machine.shell(other).ends_with(1).said();
    assert!(refused.contains("conflicting packages"), "{refused}");

    machine.shell("dpkg --purge golang-cfssl etcdpki-cfssl etcdpki; systemctl reset-failed; rm -rf /root/packages /root/other*").ok();
    machine.shell("! dpkg-query --show etcdpki 2> /dev/null").ok();
    assert_eq!(machine.shell(FILES).ok().stdout, before, "something is left");
    Ok(())
}
