//! Etcd's user against root: while root installs files and starts the unit, that user puts links and other folders
//! where root works. Nothing outside of the user's own folders may change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::json;

use super::machine::Machine;
use super::{Hosts, on_hosts};
use crate::suite::command::{quoted, run};
use crate::suite::product::Tree;
use crate::suite::trial::Outcome;

/// On each host: 200 in all, a few with each command.
const ROUNDS: usize = 50;
const AT_ONCE: usize = 25;

pub fn trials() -> Vec<Trial> {
    vec![on_hosts("race::links_of_the_user_lead_nowhere", "3.5", links_of_the_user_lead_nowhere)]
}

/// In place of ssh: notes what root would be told to do on the host, and the files that come with it.
const RECORDER: &str = r#"#!/bin/sh
for last; do :; done
case $last in
    *"tar -C"*) printf %s "$last" > "$TAKEN.script"; exec cat > "$TAKEN.tar" ;;
    *) echo checked ;;
esac
"#;

/// What the user does until it is ended: names in its folders become links to what is root's, and are files and folders
/// again; and so do its folders, where it may rename them. It leaves root some of the time.
const ATTACK: &str = r#"
my @files = qw(server.pem server-key.pem peer.pem peer-key.pem gateway.pem gateway-key.pem client-ca.pem x);
my @targets = qw(/victim/file /victim/folder /victim/other /victim);
my @folders = qw(/etc/etcd /etc/etcd/pki /srv/etcd /srv/etcd/wal);
while (1) {
    for my $folder (@folders) {
        for my $file (@files, "etcd.env", "wal", "member") {
            my ($name, $new) = ("$folder/$file", "$folder/.new");
            if (rand() < 0.6) { symlink($targets[rand @targets], $new) && rename($new, $name); unlink($new); }
            elsif (rand() < 0.5) { rename($name, "$folder/.away"); rename("$folder/.away", $name); }
            else { unlink($name) || rmdir($name); mkdir($name) if rand() < 0.2; }
        }
        select(undef, undef, undef, rand() / 2000);
        next if rand() < 0.5;
        rename($folder, "$folder.away") && symlink("/victim/folder", $folder) or next;
        select(undef, undef, undef, rand() / 500);
        unlink($folder);
        rename("$folder.away", $folder);
    }
}
"#;

/// What is not the user's, and who attacks it.
const BEGIN: &str = r#"
install -d -o etcd -g etcd /etc/etcd
mkdir -p /victim/folder/wal
for name in file other folder/wal/0 folder/server.pem folder/server-key.pem folder/peer.pem folder/etcd.env; do
    echo precious > "/victim/$name"
done
chmod -R go= /victim
cat > /root/account.sh << "END"
find /victim /usr /root/.ssh /home /etc -path /etc/etcd -prune -o -path /etc/systemd/system -prune -o \
    -path /etc/etcd.away -prune -o -path /etc -o -printf "%p %y %m %u %g %s %C@ %l\n" | sort
END
sh /root/install.sh < /root/files1.tar > /dev/null
systemctl daemon-reload
install -m 0755 /bin/true /usr/bin/etcd
sh /root/account.sh > /root/before
systemd-run --quiet --unit=etcd-attack --property=CPUQuota=8% --uid=etcd --gid=etcd perl /opt/attack.pl
"#;

/// Root's part of `deploy.sh`, and the commands of the unit before etcd's own, which is none of root's.
const ROUND: &str = r#"
for round in $(seq "$ROUNDS"); do
    sh /root/install.sh < "/root/files$((round % 2)).tar" > /dev/null 2>> /root/said
    systemctl start etcd 2> /dev/null
    find /etc/etcd /srv/etcd -type l
done
"#;

const END: &str = r#"
systemctl is-active etcd-attack
systemctl stop etcd-attack etcd
sh /root/account.sh | diff /root/before -
"#;

fn links_of_the_user_lead_nowhere(hosts: &Hosts) -> Outcome {
    for (name, links, differences) in hosts.on_each(|machine| race(hosts, machine)) {
        assert_eq!(
            differences, "active\n",
            "{name}: the user was attacking, and what is not its own has changed"
        );
        assert!(links > ROUNDS, "{name}: the user was too slow, {links} links were seen");
    }
    Ok(())
}

/// The number of links that were seen on a host, and what was different afterwards.
fn race(hosts: &Hosts, machine: &Machine) -> (String, usize, String) {
    let member = json!({"name": "etcd1", "address": machine.address});
    let mut description = json!({
        "name": "one", "version": hosts.etcd().version, "members": [member],
        "host": {"data-dir": "/srv/etcd", "wal-dir": "/srv/etcd/wal"},
    });
    let tree = Tree::of_value(&description).applied();
    let taken = tempfile::tempdir().unwrap();
    let recorder = taken.path().join("ssh");
    fs::write(&recorder, RECORDER).unwrap();
    fs::set_permissions(&recorder, fs::Permissions::from_mode(0o755)).unwrap();
    let take = |number: u8| {
        let path = format!("{}:{}", taken.path().display(), std::env::var("PATH").unwrap());
        let mut deploy = Command::new(tree.path("deploy.sh"));
        deploy.arg("--copy").env("PATH", path).env("TAKEN", taken.path().join(number.to_string()));
        run(&mut deploy).ok();
    };
    take(0);
    // Other certificates, so that there is something to write in each round.
    description["members"][0]["names"] = json!(["etcd.example"]);
    tree.describe(&description.to_string());
    tree.apply().ok();
    take(1);
    let file = |name: &str| quoted(taken.path().join(name).to_str().unwrap());
    let copy = format!(
        "rsync {} root@{}:/root/install.sh; rsync {} root@{}:/root/files0.tar; rsync {} root@{}:/root/files1.tar",
        file("0.script"),
        machine.address,
        file("0.tar"),
        machine.address,
        file("1.tar"),
        machine.address,
    );
    hosts.shell(&copy).ok();
    machine.shell(&format!("cat > /opt/attack.pl << \\END\n{ATTACK}\nEND\nset -eu\n{BEGIN}")).ok();
    let links = (0..ROUNDS / AT_ONCE).map(|_| {
        let said = machine.shell(&format!("ROUNDS={AT_ONCE}\n{ROUND}")).stdout;
        said.lines().count()
    });
    let links = links.sum();
    let differences = machine.shell(END).stdout;
    machine.shell("rm -rf /victim /root/*.* /root/before /root/said").ok();
    (machine.name.clone(), links, differences)
}
