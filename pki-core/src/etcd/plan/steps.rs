//! What a person, or a deployer, does after an apply, and in which order.

use std::path::Path;

use crate::etcd::cluster::path::REQUESTS;
use crate::etcd::cluster::{Cluster, Member, UnitKind};
use crate::etcd::plan::report::Report;
use crate::etcd::safe::shell::word;

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What, in words.
    pub title: String,
    /// How: lines for a shell.
    pub commands: Vec<String>,
}

/// What to do next with what `report` tells was made in the folder `output`.
pub fn next_steps(cluster: &Cluster, report: &Report, output: &Path) -> Vec<Step> {
    let mut steps = Steps(Vec::new());
    if report.to_sign.is_empty() {
        steps.deploy(cluster, report, output);
    } else {
        steps.ask(report, output);
    }
    steps.0
}

/// Steps in the making.
struct Steps(Vec<Step>);

impl Steps {
    /// A member that leaves goes before one comes, or the one that comes would not find the members that it was
    /// told of.
    fn deploy(&mut self, cluster: &Cluster, report: &Report, output: &Path) {
        let has_unit = cluster.unit() != UnitKind::None;
        let folder = |rest: &str| word(&output.join(rest).to_string_lossy());
        let etcdctl = |command: &str| format!(". {} && {command}", folder("clients/root/etcdctl.env"));
        let health = etcdctl("etcdctl endpoint health --cluster");
        let copy = |member: &Member| copy(cluster, member, output);
        let is_joining = |name: &str| report.joining.iter().any(|joining| joining.member == name);
        let members = || cluster.members().iter().zip(&report.members);
        let needs = format!("which needs etcd and a user `{}`:", cluster.user());

        for leaving in &report.leaving {
            let name = &leaving.member;
            self.add(
                format!("Take {name} out of the cluster, if it still is a member:"),
                etcdctl(&leaving.command),
            );
            if has_unit {
                self.add(
                    format!("On the host of {name}, where etcd has ended:"),
                    "systemctl disable --now etcd",
                );
            }
            self.add(GO_ON, health.clone());
        }
        if members().any(|(_, reported)| reported.change == "new" && !is_joining(&reported.member)) {
            let all =
                members().filter(|(_, reported)| reported.change != "kept" && !is_joining(&reported.member));
            let copies = all.flat_map(|(member, _)| copy(member)).collect();
            self.0.push(Step {
                title: format!("Copy each member's files to its host, {needs}"),
                commands: copies,
            });
            if has_unit {
                self.add("On every host, all at once, for a member waits until most are there:", START);
            }
        } else {
            for moving in &report.moving {
                let title = format!("Tell the cluster where {} will be:", moving.member);
                self.add(title, etcdctl(&moving.command));
            }
            let is_moving = |name: &str| report.moving.iter().any(|moving| moving.member == name);
            let mut changed: Vec<_> =
                members().filter(|(_, reported)| reported.change == "changed").collect();
            // Whoever has moved is lost to the others until it starts where they look for it.
            changed.sort_by_key(|(_, reported)| !is_moving(&reported.member));
            let copies: Vec<_> = changed.iter().flat_map(|(member, _)| copy(member)).collect();
            if !copies.is_empty() {
                self.0
                    .push(Step { title: "Copy what has changed to its host:".to_owned(), commands: copies });
            }
            let restarting = changed.iter().filter(|(_, reported)| reported.restart);
            let names: Vec<_> = restarting.map(|(_, reported)| reported.member.as_str()).collect();
            if has_unit && !names.is_empty() {
                let names = names.join(", ");
                let title =
                    format!("On one host after the other, each when the one before is healthy ({names}):");
                self.add(title, "systemctl daemon-reload && systemctl restart etcd");
            }
        }
        for joining in &report.joining {
            let name = &joining.member;
            // A cluster counts a new member at once, so it should be able to start at once.
            for (member, _) in members().filter(|(member, _)| member.name().as_str() == name) {
                let title = format!("Copy the files of {name} to its host, {needs}");
                self.0.push(Step { title, commands: copy(member).into() });
            }
            let title = format!(
                "Tell the cluster of {name} (if it never ran, say `state: new` in the description and apply again):"
            );
            self.add(title, etcdctl(&joining.command));
            if has_unit {
                self.add(format!("On the host of {name}:"), START);
            }
            self.add(GO_ON, health.clone());
        }
        if self.0.last().is_none_or(|step| step.title != GO_ON) {
            self.add("See whether the cluster is healthy:", health);
        }
    }

    /// What an offline CA has to do.
    fn ask(&mut self, report: &Report, output: &Path) {
        let requests = word(&output.join(REQUESTS).to_string_lossy());
        let title = format!("Take {requests} to where the CA is, and sign there:");
        self.0.push(Step { title, commands: report.to_sign.clone() });
        let back = format!("Bring {requests} back with the certificates in it, NAME.pem beside NAME.csr.");
        let again = "Apply again: what was signed is checked and put in its place.".to_owned();
        self.0.extend([back, again].map(|title| Step { title, commands: Vec::new() }));
    }

    fn add(&mut self, title: impl Into<String>, command: impl Into<String>) {
        self.0.push(Step { title: title.into(), commands: vec![command.into()] });
    }
}

/// Before that etcd refuses changes of its members (etcd, server/etcdserver/server.go, `HealthInterval`).
const GO_ON: &str = "Go on when all members have been healthy for 5 seconds:";

/// Without waiting: a member waits for others.
const START: &str = "systemctl daemon-reload && systemctl enable etcd && systemctl restart --no-block etcd";

/// The commands that copy a member's files to its host, as root.
///
/// Folders that are there keep their mode, owner and time, and new ones get 0755 whatever root's umask is there; for
/// they are the host's, such as `/etc`. Only the folder of keys is etcd's, at every moment: a member reads it whenever
/// somebody connects.
fn copy(cluster: &Cluster, member: &Member, output: &Path) -> [String; 2] {
    let host = rsync_host(member);
    let source = |path: &str| word(&output.join(format!("nodes/{}{path}/", member.name())).to_string_lossy());
    let (user, pki) = (cluster.user(), &cluster.hosts.pki);
    [
        format!(
            "rsync -rt --omit-dir-times --rsync-path='umask 022 && rsync' --exclude={pki} {} {host}:/",
            source("")
        ),
        format!("rsync -a --chown={user}:{user} {} {host}:{pki}/", source(pki.as_str())),
    ]
}

fn rsync_host(member: &Member) -> String {
    // An IPv6 address of rsync stands in brackets.
    match member.ssh().as_str().split_once('@') {
        Some((user, host)) if host.contains(':') => format!("{user}@[{host}]"),
        _ => member.ssh().to_string(),
    }
}
