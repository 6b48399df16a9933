//! The rendered unit, judged by systemd itself.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use super::command::{Ran, run};
use super::host::{Host, PACKAGED_UNIT};
use super::product::Tree;
use super::programs::find;
use super::systemd::Unit;
use super::trial::{Missing, Outcome, trials};

const UNIT: &str = "nodes/etcd1/etc/systemd/system/etcd.service";

pub fn trials() -> Vec<Trial> {
    trials![
        systemd_accepts_it,
        systemd_rates_its_exposure_at_most_2,
        root_follows_no_link_of_the_user,
        starts_etcd_as_agreed
    ]
}

/// One description for every way to tell a unit its options, and the first member's unit file.
const KINDS: [(&str, &str); 4] = [
    ("three-members.yaml", UNIT),
    ("flags.yaml", UNIT),
    ("yaml.yaml", UNIT),
    ("drop-in.yaml", "nodes/etcd1/etc/systemd/system/etcd.service.d/10-etcdpki.conf"),
];

fn systemd_accepts_it() -> Outcome {
    for (fixture, unit) in KINDS {
        let tree = Tree::of_fixture(fixture).applied();
        let verified = analyze(&tree, "verify --man=no etcd.service")?;
        assert_eq!(verified.code, Some(0), "{fixture}: {verified}");
        assert!(!verified.said().contains("etcd"), "{fixture}: {verified}");

        // The judge has to be awake: each of these it does catch.
        let good = tree.read(unit);
        for (right, wrong) in [
            ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/no-such-etcd"),
            ("[Service]", "[Service]\nProtectHoem=yes"),
        ] {
            assert!(good.contains(right), "no {right} in\n{good}");
            fs::write(tree.path(unit), good.replacen(right, wrong, 1)).unwrap();
            let verified = analyze(&tree, "verify --man=no etcd.service")?;
            assert!(verified.said().contains("etcd"), "{fixture}: {wrong} was accepted: {verified}");
        }
    }
    Ok(())
}

/// Where the data folder is in that of the log, etcd's user could put a link in its place.
fn root_follows_no_link_of_the_user() -> Outcome {
    let host = "{data-dir: /srv/etcd/data, wal-dir: /srv/etcd/wal}";
    let tree = Tree::of(&format!("name: one\nhost: {host}\nmembers: [{{name: etcd1, address: 10.0.0.1}}]\n"))
        .applied();
    let before =
        ["+/bin/chown -hR etcd:etcd /etc/etcd/pki", "+/usr/bin/install -d -m 0700 -o etcd -g etcd /srv/etcd"];
    assert_eq!(Unit::parse(&tree.read(UNIT)).all("Service", "ExecStartPre"), before);
    Ok(())
}

/// `systemd-analyze` on a host that has the node's files.
fn analyze(tree: &Tree, arguments: &str) -> Result<Ran, Missing> {
    let analyze = find("systemd-analyze")?;
    for needed in ["/usr/bin/etcd", PACKAGED_UNIT] {
        if !Path::new(needed).is_file() {
            return Err(Missing(format!("no {needed} here")));
        }
    }
    let host = Host::of(&tree.path("nodes/etcd1"))?;
    Ok(run(&mut host.script(&format!("exec {} {arguments}", analyze.display()))?))
}

fn systemd_rates_its_exposure_at_most_2() -> Outcome {
    let exposure = |tree: &Tree| {
        let said = analyze(tree, "security --offline=true --no-pager etcd.service")?.ok().stdout;
        let overall =
            said.lines().find_map(|l| l.split("exposure level for").nth(1)).expect("an overall line");
        let value = overall.split_once(": ").unwrap().1.split_whitespace().next().unwrap();
        Ok(value.parse::<f64>().unwrap())
    };
    for (fixture, unit) in KINDS {
        let tree = Tree::of_fixture(fixture).applied();
        let rated = exposure(&tree)?;
        assert!(rated <= 2.0, "{fixture}: exposure {rated}");

        fs::write(tree.path(unit), "[Service]\nExecStart=\nExecStart=/usr/bin/etcd\n").unwrap();
        let rated = exposure(&tree)?;
        assert!(rated > 9.0, "{fixture}: an unprotected service is rated {rated}");
    }
    Ok(())
}

fn starts_etcd_as_agreed() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let unit = Unit::parse(&tree.read(UNIT));
    assert_eq!(unit.one("Service", "Type"), "notify");
    assert_eq!(unit.one("Service", "User"), "etcd");
    assert_eq!(unit.one("Service", "EnvironmentFile"), "/etc/etcd/etcd.env");
    // An option on the command line and in the environment is fatal for etcd, even when both agree.
    assert_eq!(unit.one("Service", "ExecStart"), "/usr/bin/etcd");
    assert_eq!(unit.one("Install", "WantedBy"), "multi-user.target");
    Ok(())
}
