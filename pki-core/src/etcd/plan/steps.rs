//! The steps after an apply, in their order, for a person or another program.

use std::path::Path;

use serde::Serialize;

use crate::etcd::cluster::path::REQUESTS;
use crate::etcd::cluster::{Cluster, Member, UnitKind};
use crate::etcd::plan::report::{MemberReport, Report};
use crate::etcd::safe::shell::word;

/// A step: what to do, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// A sentence for a person. It ends with a colon if there are commands.
    pub title: String,
    /// Lines for a shell.
    pub commands: Vec<String>,
}

/// The steps after applying a plan for `cluster`. `report` is about the outcome, and `output` is the output folder.
pub fn next_steps(cluster: &Cluster, report: &Report, output: &Path) -> Vec<Step> {
    let mut steps = Steps { cluster, report, output, steps: Vec::new() };
    if report.to_sign.is_empty() {
        steps.deploy();
    } else {
        steps.sign();
    }
    steps.steps
}

/// etcd refuses changes of its members before that (etcd, server/etcdserver/server.go, `HealthInterval`).
const CONTINUE: &str = "Continue when all members have been healthy for 5 seconds:";

/// It does not wait for the start to finish, because a member waits for other members.
const START: &str = "systemctl daemon-reload && systemctl enable etcd && systemctl restart --no-block etcd";

/// Collects the steps.
struct Steps<'a> {
    cluster: &'a Cluster,
    report: &'a Report,
    output: &'a Path,
    steps: Vec<Step>,
}

impl<'a> Steps<'a> {
    /// The steps that bring the files to the hosts. Members leave before others join, because a joining member must
    /// find exactly the members that its `--initial-cluster` names.
    fn deploy(&mut self) {
        self.remove_leaving();
        if self.members().any(|(_, member)| member.change == "new" && !self.is_joining(member)) {
            self.start_new();
        } else {
            self.update_changed();
        }
        self.add_joining();
        if self.steps.last().is_none_or(|step| step.title != CONTINUE) {
            self.add("Check that the cluster is healthy:", self.health());
        }
    }

    fn remove_leaving(&mut self) {
        for leaving in &self.report.leaving {
            let name = &leaving.member;
            let title = format!("Remove {name} from the cluster, if it is still a member:");
            self.add(title, self.etcdctl(&leaving.command));
            if self.has_unit() {
                let title = format!("On the host of {name}, if there still is one, where etcd has stopped:");
                self.add(title, "systemctl disable --now etcd");
            }
            self.add(CONTINUE, self.health());
        }
    }

    /// The first start of the members that found the cluster.
    fn start_new(&mut self) {
        let copied = self.members().filter(|(_, member)| member.change != "kept" && !self.is_joining(member));
        let commands = self.copy(&copied.map(|(member, _)| member).collect::<Vec<_>>());
        let title = format!("Copy the files of each member to its host, {}", self.needs());
        self.steps.push(Step { title, commands });
        if self.has_unit() {
            let title =
                "On all hosts at the same time, because a member waits for a majority of the members:";
            self.add(title, START);
        }
    }

    fn update_changed(&mut self) {
        for moving in &self.report.moving {
            let title = format!("Tell the cluster the new peer URLs of {}:", moving.member);
            self.add(title, self.etcdctl(&moving.command));
        }
        let is_moving = |name: &str| self.report.moving.iter().any(|moving| moving.member == name);
        let mut changed: Vec<_> = self.members().filter(|(_, member)| member.change == "changed").collect();
        // First those whose URLs have changed: the others cannot reach them until they start with the new URLs.
        changed.sort_by_key(|(_, member)| !is_moving(&member.member));
        let commands = self.copy(&changed.iter().map(|(member, _)| *member).collect::<Vec<_>>());
        if !commands.is_empty() {
            let title = "Copy the changed files to their hosts:".to_owned();
            self.steps.push(Step { title, commands });
        }
        let restarting = changed.iter().filter(|(_, member)| member.restart);
        let names: Vec<_> = restarting.map(|(_, member)| member.member.as_str()).collect();
        if self.has_unit() && !names.is_empty() {
            let names = names.join(", ");
            let title = format!("On one host after the other, each when all members are healthy ({names}):");
            self.add(title, "systemctl daemon-reload && systemctl restart etcd");
        }
    }

    fn add_joining(&mut self) {
        for joining in &self.report.joining {
            let name = &joining.member;
            // Before the member is added, because a new member counts for the majority at once and should start soon.
            let copied = self.members().find(|(member, _)| member.name().as_str() == name);
            if let Some((member, _)) = copied {
                let title = format!("Copy the files of {name} to its host, {}", self.needs());
                self.steps.push(Step { title, commands: self.copy(&[member]) });
            }
            let title = format!(
                "Add {name} to the cluster (if the cluster never ran, write `state: new` in the description and apply \
                 again):"
            );
            // Done again, it changes nothing. In the list of members a comma follows each URL.
            let known =
                joining.peer_urls.first().map(|url| format!("etcdctl member list | grep -qF '{url},' || "));
            let command = format!("{{ {}{}; }}", known.unwrap_or_default(), joining.command);
            self.add(title, self.etcdctl(&command));
            if self.has_unit() {
                self.add(format!("On the host of {name}:"), START);
            }
            let title = format!(
                "Give {name} a vote, unless it has one; until it has what the leader has, that is refused, so repeat it:"
            );
            self.add(title, self.etcdctl(&joining.promote));
            self.add(CONTINUE, self.health());
        }
    }

    /// The steps of signing with an offline CA.
    fn sign(&mut self) {
        let requests = word(&self.output.join(REQUESTS).to_string_lossy());
        let title = format!("Take {requests} to the machine of the CA, and sign there:");
        self.steps.push(Step { title, commands: self.report.to_sign.clone() });
        let back = format!("Bring {requests} back with the certificates in it, NAME.pem beside NAME.csr.");
        let again = "Apply again: the signed certificates are checked and put in their places.".to_owned();
        self.steps.extend([back, again].map(|title| Step { title, commands: Vec::new() }));
    }

    fn add(&mut self, title: impl Into<String>, command: impl Into<String>) {
        self.steps.push(Step { title: title.into(), commands: vec![command.into()] });
    }

    fn members(&self) -> impl Iterator<Item = (&'a Member, &'a MemberReport)> + use<'a> {
        self.cluster.members().iter().zip(&self.report.members)
    }

    fn is_joining(&self, member: &MemberReport) -> bool {
        self.report.joining.iter().any(|joining| joining.member == member.member)
    }

    fn has_unit(&self) -> bool {
        self.cluster.unit() != UnitKind::None
    }

    fn needs(&self) -> String {
        format!("which needs etcd and a user `{}`:", self.cluster.user())
    }

    /// A command of etcdctl as the client root.
    fn etcdctl(&self, command: &str) -> String {
        let folder = self.output.join("clients/root");
        // The variables end with the subshell: a person may have two clusters.
        format!("(cd {} && . ./etcdctl.env && {command})", word(&folder.to_string_lossy()))
    }

    fn health(&self) -> String {
        self.etcdctl("etcdctl endpoint health --cluster")
    }

    /// The command that copies members' files to their hosts. `deploy.sh` does it, because root must not work by path
    /// in a folder of etcd's user, and etcd must be able to read its keys at every moment.
    fn copy(&self, members: &[&Member]) -> Vec<String> {
        let script = word(&self.output.join("deploy.sh").to_string_lossy());
        let names: Vec<&str> = members.iter().map(|member| member.name().as_str()).collect();
        if names.is_empty() { Vec::new() } else { vec![format!("{script} --copy {}", names.join(" "))] }
    }
}
