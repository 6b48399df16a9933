//! Real etcd, started from what `cluster apply` wrote and from nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::sync::Mutex;

use libtest_mimic::Trial;
use pki_core::etcd::{EtcdOption, EtcdVersion};
use serde_json::json;

use super::command::until;
use super::layouts::{LAYOUTS, Layout};
use super::live::{Cluster, PATIENCE, all_on_each_etcd, described, on_each_etcd, run_unless_turned_away};
use super::product::{Entry, Tree, restore};
use super::programs::Etcd;
use super::trial::{Missing, Outcome, named};

pub fn trials() -> Vec<Trial> {
    let mut trials = all_on_each_etcd(&named![
        refuses_a_client_without_a_certificate,
        refuses_a_client_of_another_ca,
        starts_with_every_kind_of_key,
        starts_with_every_feature,
        serves_ipv6
    ]);
    for layout in LAYOUTS {
        let name = |what| format!("{}::{what}", layout.name);
        let forms = move |etcd: &Etcd| forms_a_healthy_cluster(etcd, layout);
        trials.extend(on_each_etcd(&name("forms_a_healthy_cluster_without_a_complaint"), forms));
        let survives = move |etcd: &Etcd| survives_the_loss_of_each_member(etcd, layout);
        trials.extend(on_each_etcd(&name("survives_the_loss_of_each_member"), survives));
    }
    trials
}

fn forms_a_healthy_cluster(etcd: &Etcd, layout: &Layout) -> Outcome {
    let tree = described(&format!("{}.yaml", layout.name), etcd).applied();
    let mut cluster = Cluster::start(etcd, tree)?;
    cluster.wait_until_healthy();

    let members = cluster.etcdctl(&["member", "list"]).ok().stdout;
    for member in &cluster.members {
        assert!(
            members.contains(&format!("started, {},", member.name)),
            "{} is not in\n{members}",
            member.name
        );
    }
    cluster.etcdctl(&["put", "greeting", "hello"]).ok();
    assert_eq!(cluster.etcdctl(&["get", "greeting", "--print-value-only"]).ok().stdout, "hello\n");

    for member in &cluster.members {
        member.assert_no_complaint();
    }
    Ok(())
}

fn survives_the_loss_of_each_member(etcd: &Etcd, layout: &Layout) -> Outcome {
    let tree = described(&format!("{}.yaml", layout.name), etcd).applied();
    let mut cluster = Cluster::start(etcd, tree)?;
    cluster.wait_until_healthy();
    for lost in 0..cluster.members.len() {
        let name = cluster.members[lost].name.clone();
        cluster.members[lost].process.take().expect("it runs").kill();

        // The two that are left have to reach each other, in whichever direction the new leader dials:
        // three healthy members do not prove that.
        let survivors = cluster.endpoints(|i| i != lost);
        until(PATIENCE, || {
            let put = cluster.etcdctl_at(&survivors, &["put", "lost", &name]);
            (put.code == Some(0)).then_some(())
        })
        .unwrap_or_else(|| panic!("no write without {name}"));

        cluster.start_member(lost)?;
        cluster.wait_until_healthy();
        let returned = cluster.endpoints(|i| i == lost);
        let read = cluster.etcdctl_at(&returned, &["get", "lost", "--print-value-only"]).ok();
        assert_eq!(read.stdout.trim(), name, "{name} did not catch up");
    }
    Ok(())
}

fn refuses_a_client_without_a_certificate(etcd: &Etcd) -> Outcome {
    let mut cluster = Cluster::start(etcd, described("one-member.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["get", "anything"]).ok();

    let without = &["ETCDCTL_CERT", "ETCDCTL_KEY"];
    let ran = run_unless_turned_away(&mut cluster.etcdctl_command(without, &["get", "anything"]));
    assert_ne!(ran.code, Some(0), "served without a certificate: {ran}");
    cluster.members[0].wait_for_log("client didn't provide a certificate");
    Ok(())
}

fn refuses_a_client_of_another_ca(etcd: &Etcd) -> Outcome {
    let stranger = described("one-member.yaml", etcd).applied();
    let mut cluster = Cluster::start(etcd, described("one-member.yaml", etcd).applied())?;
    cluster.wait_until_healthy();

    let mut command = cluster.etcdctl_command(&["ETCDCTL_CERT", "ETCDCTL_KEY"], &["get", "anything"]);
    command.arg("--cert").arg(stranger.path("clients/root/client.pem"));
    command.arg("--key").arg(stranger.path("clients/root/client-key.pem"));
    let ran = run_unless_turned_away(&mut command);
    assert_ne!(ran.code, Some(0), "served a stranger: {ran}");
    cluster.members[0].wait_for_log("x509: certificate signed by unknown authority");
    Ok(())
}

fn starts_with_every_kind_of_key(etcd: &Etcd) -> Outcome {
    /// The output folder for each kind. To make long RSA keys takes longer than all else here, so all get the same.
    static MADE: Mutex<BTreeMap<&str, BTreeMap<String, Entry>>> = Mutex::new(BTreeMap::new());
    for key in super::certificates::KEY_KINDS {
        let description = json!({"name": "keys", "version": etcd.version, "key": key, "members": [{"name": "etcd1", "address": "127.0.0.1"}]});
        let make = || Tree::of_value(&description).applied().entries();
        let tree = Tree::of_value(&description);
        fs::create_dir(&tree.root).unwrap();
        restore(MADE.lock().unwrap().entry(key).or_insert_with(make), &tree.root);
        let mut cluster = Cluster::start(etcd, tree.applied())?;
        cluster.wait_until_healthy();
        let written = cluster.etcdctl(&["put", "key", key]);
        assert_eq!(written.code, Some(0), "with {key}: {written}");
    }
    Ok(())
}

/// Every gate that the version has, in the form that a description has it.
fn starts_with_every_feature(etcd: &Etcd) -> Outcome {
    let version = EtcdVersion::parse(&etcd.version).unwrap();
    if !version.has(6, 0) {
        return Err(Missing(format!("etcd {version} has no feature gates")));
    }
    let gates: Vec<_> = EtcdOption::features(version).map(|feature| format!("{feature}=true")).collect();
    assert!(gates.len() > 8, "{gates:?}");
    let description = json!({"name": "features", "version": etcd.version, "options": {"feature-gates": gates}, "members": [{"name": "etcd1", "address": "127.0.0.1"}]});
    let mut cluster = Cluster::start(etcd, Tree::of_value(&description).applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "feature", "gates"]).ok();
    Ok(())
}

fn serves_ipv6(etcd: &Etcd) -> Outcome {
    if TcpListener::bind("[::1]:0").is_err() {
        return Err(Missing("no IPv6 on the loopback interface".into()));
    }
    let mut cluster = Cluster::start(etcd, described("ipv6.yaml", etcd).applied())?;
    cluster.wait_until_healthy();
    cluster.etcdctl(&["put", "six", "6"]).ok();
    Ok(())
}
