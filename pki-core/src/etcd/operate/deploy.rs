//! Bringing the files of members to their hosts, starting who does not run, and restarting who has to read them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::etcd::check::forecast::Prospect;
use crate::etcd::check::observe::{Observation, Running, hinders_placing, is_cured_by_restart};
use crate::etcd::cluster::{Cluster, UnitKind};
use crate::etcd::folder::operation::Operation;
use crate::etcd::operate::hosts::{self, Hosts, all_of};
use crate::etcd::operate::members::{Next, next};
use crate::etcd::operate::membership::Membership;
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::reach::Host;
use crate::etcd::operate::renew::{placing_all, unproved};
use crate::etcd::operate::restart::{order, waiting};
use crate::etcd::operate::rolling::{Restart, RestartOptions};
use crate::etcd::render::deploy::start_command;
use crate::etcd::safe::shell::word;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What was done, and what is left. Serialises to the JSON of `cluster deploy --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeployReport {
    /// The members whose hosts were asked and have nothing in the way.
    pub checked: Vec<String>,
    /// Of the members whose hosts have their files: the paths there that were not the same before.
    pub placed: BTreeMap<String, Vec<String>>,
    /// The members that were removed from the cluster.
    pub removed: Vec<String>,
    /// The members that were added to the cluster.
    pub added: Vec<String>,
    /// The members whose new URLs the cluster was told.
    pub moved: Vec<String>,
    /// The members that got a vote.
    pub promoted: Vec<String>,
    /// The members that were started.
    pub started: Vec<String>,
    /// The members that were restarted, in this order.
    pub restarted: Vec<String>,
    /// The members that were seen to show the certificates of the folder on both ports.
    pub proved: Vec<String>,
    /// The members for which something is left.
    pub left: Vec<String>,
    /// What is in the way.
    pub obstacles: Vec<String>,
    /// The lines that do what is left.
    pub commands: Vec<String>,
    /// What is worth knowing.
    pub notices: Vec<String>,
}

/// Bringing members to their hosts.
#[derive(Debug)]
pub struct Deploy<'a> {
    cluster: &'a Cluster,
    running: &'a Running,
    folder: &'a Path,
    options: &'a RestartOptions,
    operation: Operation,
    hosts: Vec<Host>,
    report: DeployReport,
}

impl<'a> Deploy<'a> {
    /// The members that `options` names, or all, with their files in `folder`.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn new(
        cluster: &'a Cluster,
        running: &'a Running,
        folder: &'a Path,
        options: &'a RestartOptions,
    ) -> Result<Self, OperationError> {
        let known = || cluster.members().iter().map(|member| member.name().to_string());
        if let Some(name) = options.members.iter().find(|name| !known().any(|known| known == **name)) {
            return Err(OperationError::NoMember { name: name.clone(), known: known().collect() });
        }
        let is_meant =
            |name: &str| options.members.is_empty() || options.members.iter().any(|one| one == name);
        let members = cluster.members().iter().filter(|member| is_meant(member.name().as_str()));
        let hosts =
            members.map(|member| Host::new(member.name().as_str(), &member.ssh().to_string())).collect();
        let (operation, report) = (Operation::default(), DeployReport::default());
        Ok(Self { cluster, running, folder, options, operation, hosts, report })
    }

    /// The same, with members that have to be removed from the cluster.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &DeployReport {
        &self.report
    }

    /// The hosts of the members, and how they are reached.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Brings the files, starts, restarts, and looks whether the members use what they got.
    ///
    /// # Errors
    /// If a command on a host fails. The next phase does not begin then.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        self.report.left = self.names();
        let mut run = self.check(operator)?;
        if self.report.obstacles.is_empty() && !run.is_empty() {
            self.report.obstacles = self.dangers_of_placing(&run, operator);
        }
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        if self.options.only_print {
            return Ok(End::Waits);
        }
        if !run.is_empty()
            && let Some(end) = self.change_members(operator)?
        {
            if end != End::Done {
                return Ok(end);
            }
            run.extend(self.report.started.iter().cloned());
        }
        let before = std::mem::take(&mut self.report.started);
        self.place(operator)?;
        if self.cluster.unit() == UnitKind::None {
            self.report.notices.push(
                "the files are on the hosts; no unit of systemd starts the members, so start them as you do it"
                    .to_owned(),
            );
            return Ok(End::Waits);
        }
        let joining = self.start(&run, operator)?;
        self.report.started = [before, std::mem::take(&mut self.report.started)].concat();
        let here: Vec<String> = self.names().into_iter().filter(|name| !joining.contains(name)).collect();
        let end = self.finish(&here, &run, operator)?;
        if end != End::Done || joining.is_empty() {
            return Ok(end);
        }
        let script = word(&self.folder.join("deploy.sh").to_string_lossy());
        self.report.notices.push(format!(
            "{}: a member that joins is added to the cluster before it starts; `deploy.sh` does both",
            joining.join(", ")
        ));
        self.report.commands.push(format!("{script} {}", joining.join(" ")));
        Ok(End::Waits)
    }

    /// Makes the members of the cluster the described ones. `None` if they are, or if the cluster does not say which it has
    /// and nobody joins or goes.
    fn change_members(&mut self, operator: &mut dyn Operator) -> Result<Option<End>, OperationError> {
        let mut members =
            Membership::new(self.cluster, self.running, self.folder, self.options, &self.operation);
        let list = match members.list(operator) {
            Ok(list) => list,
            Err(error) => {
                let joins = self.names().iter().any(|name| self.running.joins(name));
                return if joins || !self.operation.leaving.is_empty() { Err(error) } else { Ok(None) };
            }
        };
        if next(self.cluster, &self.operation, &list) == Next::Nothing {
            return Ok(None);
        }
        // Who names members means these.
        members.print(&list);
        let is_meant = |name: &String| self.options.members.contains(name);
        if !self.options.members.is_empty() && !members.report().left.iter().any(is_meant) {
            return Ok(None);
        }
        let mut members =
            Membership::new(self.cluster, self.running, self.folder, self.options, &self.operation);
        let end = members.carry_out(operator);
        let report = members.report().clone();
        self.report.removed = report.removed;
        self.report.added = report.added;
        self.report.moved = report.moved;
        self.report.promoted = report.promoted;
        self.report.started = report.started;
        self.report.placed = report.placed;
        self.report.obstacles = report.obstacles;
        self.report.commands = report.commands;
        self.report.notices.extend(report.notices);
        end.map(Some)
    }

    fn names(&self) -> Vec<String> {
        self.hosts.iter().map(|host| host.name.clone()).collect()
    }

    /// Asks all hosts, before anything is changed. Returns the members that run.
    fn check(&mut self, operator: &mut dyn Operator) -> Result<Vec<String>, OperationError> {
        operator.tell(&format!("asking the hosts of {}", self.names().join(", ")));
        let how = Hosts { template: &self.options.template, wait: self.options.wait };
        let all = hosts::ask(self.cluster, &self.hosts, &how, operator)?;
        let mut run = Vec::new();
        for (host, facts) in self.hosts.iter().zip(all) {
            if facts.is_running {
                run.push(host.name.clone());
            }
            if facts.obstacles.is_empty() {
                self.report.checked.push(host.name.clone());
            }
            self.report.obstacles.extend(facts.obstacles);
        }
        Ok(run)
    }

    /// Why members that run must not get the files of the folder now: etcd reads certificates for each handshake, and
    /// would show one that others do not accept.
    fn dangers_of_placing(&self, run: &[String], operator: &mut dyn Operator) -> Vec<String> {
        let seen = operator.observe(self.running);
        let is_meant = |name: &String| run.contains(name);
        let found = seen.findings.iter();
        let found =
            found.filter(|one| hinders_placing(one.rule) && one.subject.as_ref().is_some_and(is_meant));
        let mut dangers: Vec<String> = found.map(ToString::to_string).collect();
        let bad = [Prospect::Isolated, Prospect::Apart, Prospect::NoStart];
        for future in operator.forecast(self.running).members {
            if run.contains(&future.name) && bad.contains(&future.prospect) {
                let why: Vec<&str> = future.why.iter().chain(&future.cure).map(String::as_str).collect();
                dangers.push(format!(
                    "{}: with the files of this folder it {}: {}",
                    future.name,
                    future.prospect.words(),
                    why.join("; ")
                ));
            }
        }
        dangers
    }

    /// Brings all files to all hosts at once.
    fn place(&mut self, operator: &mut dyn Operator) -> Result<(), OperationError> {
        operator.tell("bringing the files to the hosts");
        let line = |host: &Host| placing_all(self.cluster, self.folder, host, &self.options.template);
        let lines: Vec<String> = self.hosts.iter().map(line).collect();
        let answers = all_of(&self.hosts, &lines, self.options.wait, operator)?;
        for (host, answer) in self.hosts.iter().zip(answers) {
            let changed = answer.lines().map(str::to_owned).collect();
            self.report.placed.entry(host.name.clone()).or_default().extend::<Vec<String>>(changed);
        }
        Ok(())
    }

    /// Starts the founders that do not run, all at once, because one alone has no majority. Returns those that have to be
    /// added to the cluster first.
    fn start(&mut self, run: &[String], operator: &mut dyn Operator) -> Result<Vec<String>, OperationError> {
        let (joining, founding): (Vec<&Host>, Vec<&Host>) = self
            .hosts
            .iter()
            .filter(|host| !run.contains(&host.name))
            .partition(|host| self.running.joins(&host.name));
        let founding: Vec<Host> = founding.into_iter().cloned().collect();
        let joining = joining.into_iter().map(|host| host.name.clone()).collect();
        if founding.is_empty() {
            return Ok(joining);
        }
        let line = |host: &Host| {
            let command = host.as_root(&format!("exec sh -c {}", word(&start_command())));
            self.options.template.line(host, &command)
        };
        let lines: Vec<String> = founding.iter().map(line).collect();
        self.report.started = founding.iter().map(|host| host.name.clone()).collect();
        operator.tell(&format!("starting {}", self.report.started.join(", ")));
        all_of(&founding, &lines, self.options.wait, operator)?;
        Ok(joining)
    }

    /// Waits until the members are well, restarts those that have to read their files, and looks at what they show.
    fn finish(
        &mut self,
        here: &[String],
        run: &[String],
        operator: &mut dyn Operator,
    ) -> Result<End, OperationError> {
        let (dangers, seen) = self.wait_for(operator, |seen| unwell(seen, here));
        self.report.obstacles = dangers;
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        let late = waiting(&seen, here);
        let has_to_read = |name: &String| {
            let changed = self.report.placed.get(name).into_iter().flatten();
            late.contains(name)
                || run.contains(name) && changed.into_iter().any(|path| !self.is_read_live(path))
        };
        let members: Vec<String> =
            order(&seen, here).into_iter().filter(|name| here.contains(name) && has_to_read(name)).collect();
        if !members.is_empty() {
            let options = RestartOptions { members, only_waiting: false, ..self.options.clone() };
            let mut restart = Restart::new(self.running, &options)?;
            let end = restart.carry_out(operator);
            let report = restart.report().clone();
            self.report.restarted = report.restarted;
            self.report.obstacles = report.obstacles;
            self.report.commands = report.commands;
            self.report.notices.extend(report.notices);
            let end = end?;
            if end != End::Done {
                return Ok(end);
            }
        }
        let (missing, _) = self.wait_for(operator, |seen| unproved(seen, here));
        self.report.obstacles = missing;
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        self.report.left.retain(|name| !here.contains(name));
        self.report.proved = here.to_vec();
        Ok(End::Done)
    }

    /// Whether etcd reads a file for each handshake: its certificates and their keys.
    fn is_read_live(&self, path: &str) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let name = name.strip_suffix("-key.pem").or_else(|| name.strip_suffix(".pem"));
        let roles = self.cluster.member_roles();
        name.is_some_and(|name| roles.iter().any(|role| self.cluster.key_number(*role, name).is_some()))
    }

    fn wait_for(
        &self,
        operator: &mut dyn Operator,
        check: impl Fn(&Observation) -> Vec<String>,
    ) -> (Vec<String>, Observation) {
        let start = operator.clock();
        loop {
            let seen = operator.observe(self.running);
            let found = check(&seen);
            if found.is_empty() || operator.clock().saturating_sub(start) >= self.options.wait {
                return (found, seen);
            }
            operator.pause(PAUSE);
        }
    }
}

/// What is wrong with these members, but for what a restart cures.
fn unwell(seen: &Observation, members: &[String]) -> Vec<String> {
    let is_meant = |subject: &Option<String>| subject.as_ref().is_none_or(|name| members.contains(name));
    let dangers = seen.dangers().filter(|one| is_meant(&one.subject) && !is_cured_by_restart(one.rule));
    dangers.map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
