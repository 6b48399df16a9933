//! What happens to hosts: services are restarted, hosts boot again, and lose their electricity.

use libtest_mimic::Trial;
use serde_json::json;

use super::machine::Machine;
use super::sandbox::described;
use super::writer::Writer;
use super::{Hosts, PATIENCE, on_hosts};
use crate::suite::command::until;
use crate::suite::product::Tree;
use crate::suite::trial::Outcome;

/// The unit that is written, and that of the distribution.
const UNITS: [(&str, &str); 2] = [("service", "3.5"), ("drop-in", "3.4")];

type Test = fn(&Hosts, &Tree) -> Outcome;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 4] = crate::suite::trial::named![
        is_ready_when_a_majority_is_there,
        survives_restarts,
        survives_a_reboot,
        survives_pulled_plugs,
    ];
    let mut trials = Vec::new();
    for (unit, series) in UNITS {
        for (name, test) in tests {
            trials.push(on_hosts(&format!("{unit}::{name}"), series, move |hosts| {
                test(hosts, &Tree::of_value(&described(hosts, json!({"unit": unit}))).applied())
            }));
        }
    }
    trials
}

/// `Type=notify`: systemd knows when etcd serves.
fn is_ready_when_a_majority_is_there(hosts: &Hosts, tree: &Tree) -> Outcome {
    hosts.deploy(tree, &["--copy"]).ok();
    let [first, second, ..] = &hosts.machines[..] else { unreachable!() };
    let state = "systemctl show --property=ActiveState --value etcd";
    first.shell("systemctl daemon-reload && systemctl start --no-block etcd").ok();
    let listening = "ss -Hltn sport = :2380 | grep -q LISTEN";
    until(PATIENCE, || (first.shell(listening).code == Some(0)).then_some(()))
        .expect("it listens for its peers");
    assert_eq!(first.shell(state).ok().stdout, "activating\n", "it is alone");
    second.shell("systemctl daemon-reload && systemctl start etcd").ok();
    until(PATIENCE, || (first.shell(state).ok().stdout == "active\n").then_some(())).expect("it is ready");
    Ok(())
}

fn survives_restarts(hosts: &Hosts, tree: &Tree) -> Outcome {
    hosts.deploy(tree, &[]).ok();
    let writer = Writer::begin(hosts, tree);
    for machine in &hosts.machines[..3] {
        let before = machine.shell("systemctl show --property=MainPID etcd").ok().stdout;
        machine.shell("systemctl restart etcd").ok();
        assert_ne!(machine.shell("systemctl show --property=MainPID etcd").ok().stdout, before);
        hosts.wait_until_healthy(tree);
    }
    // Whatever ends it, systemd starts it again.
    hosts.machines[0].shell("systemctl kill --signal=KILL etcd").ok();
    let restarted =
        "test $(systemctl show --property=NRestarts --value etcd) = 1 && systemctl is-active etcd";
    let again = until(PATIENCE, || (hosts.machines[0].shell(restarted).code == Some(0)).then_some(()));
    assert!(again.is_some(), "{}", hosts.accounts());
    hosts.wait_until_healthy(tree);
    writer.end();
    Ok(())
}

fn survives_a_reboot(hosts: &Hosts, tree: &Tree) -> Outcome {
    hosts.deploy(tree, &[]).ok();
    let boot = hosts.machines[2].boot();
    let writer = Writer::begin(hosts, tree);
    // The connection ends with the host.
    hosts.machines[2].shell("systemctl reboot");
    hosts.machines[2].wait_until_booted(Some(&boot));
    hosts.wait_until_healthy(tree);
    writer.end();
    Ok(())
}

/// First one, then all.
fn survives_pulled_plugs(hosts: &Hosts, tree: &Tree) -> Outcome {
    hosts.deploy(tree, &[]).ok();
    let writer = Writer::begin(hosts, tree);
    hosts.machines[0].pull_the_plug();
    let written = writer.end();
    let three = &hosts.machines[..3];
    three[1..].iter().for_each(Machine::pull_the_plug);
    three.iter().for_each(Machine::switch_on);
    three.iter().for_each(|machine| machine.wait_until_booted(None));
    hosts.wait_until_healthy(tree);
    written.assert_there(hosts, tree);
    Ok(())
}
