//! The rendered unit, judged by systemd itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use super::command::{Ran, run};
use super::host::Host;
use super::product::Tree;
use super::programs::find;
use super::systemd::Unit;
use super::trial::{Missing, Outcome, trial};

const UNIT: &str = "nodes/etcd1/etc/systemd/system/etcd.service";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("unit::systemd_accepts_it", systemd_accepts_it),
        trial("unit::systemd_rates_its_exposure_at_most_2", systemd_rates_its_exposure),
        trial("unit::starts_etcd_as_agreed", starts_etcd_as_agreed),
    ]
}

fn systemd_accepts_it() -> Outcome {
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let verified = verify(&tree)?;
    assert_eq!(verified.code, Some(0), "{verified}");
    assert!(!verified.said().contains("etcd.service"), "{verified}");

    // The judge has to be awake: each of these it does catch.
    let good = tree.read(UNIT);
    for (right, wrong) in [
        ("ExecStart=/usr/bin/etcd", "ExecStart=/usr/bin/no-such-etcd"),
        ("[Service]", "[Service]\nProtectHoem=yes"),
    ] {
        assert!(good.contains(right), "no {right} in\n{good}");
        fs::write(tree.path(UNIT), good.replacen(right, wrong, 1)).unwrap();
        let verified = verify(&tree)?;
        assert!(verified.said().contains("etcd.service"), "{wrong} was accepted: {verified}");
    }
    Ok(())
}

/// `systemd-analyze verify` on a host that has the node's files.
fn verify(tree: &Tree) -> Result<Ran, Missing> {
    let analyze = find("systemd-analyze")?;
    if !Path::new("/usr/bin/etcd").is_file() {
        return Err(Missing("no /usr/bin/etcd here, which the unit starts".into()));
    }
    let host = Host::of(&tree.path("nodes/etcd1"))?;
    let script = format!("exec {} verify --man=no /etc/systemd/system/etcd.service", analyze.display());
    Ok(run(&mut host.script(&script)?))
}

fn systemd_rates_its_exposure() -> Outcome {
    let analyze = find("systemd-analyze")?;
    let tree = Tree::of_fixture("three-members.yaml").applied();
    let exposure = |tree: &Tree| {
        let mut rate = Command::new(&analyze);
        rate.args(["security", "--offline=true", "--no-pager"]).arg(tree.path(UNIT));
        let said = run(&mut rate).ok().stdout;
        let overall =
            said.lines().find_map(|l| l.split("exposure level for").nth(1)).expect("an overall line");
        let value = overall.split_once(": ").unwrap().1.split_whitespace().next().unwrap();
        value.parse::<f64>().unwrap()
    };
    assert!(exposure(&tree) <= 2.0, "exposure {}", exposure(&tree));

    let bare = "[Service]\nExecStart=/usr/bin/etcd\n";
    fs::write(tree.path(UNIT), bare).unwrap();
    assert!(exposure(&tree) > 9.0, "an unprotected service is rated {}", exposure(&tree));
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
