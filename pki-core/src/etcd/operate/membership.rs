//! Changing the members of a cluster that runs, one step after the other, until it is the described one.

mod printed;
mod steps;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::etcd::check::observe::{Observation, Running, is_cured_by_restart};
use crate::etcd::cluster::{Cluster, Member, UnitKind};
use crate::etcd::folder::operation::{Leaving, Operation};
use crate::etcd::operate::etcdctl::Etcdctl;
use crate::etcd::operate::facts::Facts;
use crate::etcd::operate::hosts::{self, Hosts};
use crate::etcd::operate::members::{ListedMember, Next, absent, next};
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::reach::Host;
use crate::etcd::operate::rolling::RestartOptions;
use crate::etcd::safe::shell::word;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// More steps than any change of members has.
const MOST_STEPS: usize = 100;

/// What was done, and what is left. Serialises to the JSON of `cluster member --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MembershipReport {
    /// The members that were removed from the cluster.
    pub removed: Vec<String>,
    /// The members that were added to the cluster.
    pub added: Vec<String>,
    /// The members whose new URLs the cluster was told.
    pub moved: Vec<String>,
    /// Of the members whose hosts have their files: the paths there that were not the same before.
    pub placed: BTreeMap<String, Vec<String>>,
    /// The members that were started.
    pub started: Vec<String>,
    /// The members that got a vote.
    pub promoted: Vec<String>,
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

impl MembershipReport {
    /// Adds what the next change did, and what is left after it.
    pub fn add(&mut self, more: Self) {
        self.removed.extend(more.removed);
        self.added.extend(more.added);
        self.moved.extend(more.moved);
        self.placed.extend(more.placed);
        self.started.extend(more.started);
        self.promoted.extend(more.promoted);
        self.proved.extend(more.proved);
        self.left = more.left;
        self.obstacles = more.obstacles;
        let new: Vec<String> =
            more.commands.into_iter().filter(|line| !self.commands.contains(line)).collect();
        self.commands.extend(new);
        self.notices.extend(more.notices);
    }
}

/// Whether a step was done.
enum Progress {
    Done,
    Stopped(End),
}

/// A change of the members of a cluster.
#[derive(Debug)]
pub struct Membership<'a> {
    cluster: &'a Cluster,
    running: &'a Running,
    folder: &'a Path,
    options: &'a RestartOptions,
    operation: &'a Operation,
    report: MembershipReport,
}

impl<'a> Membership<'a> {
    /// A change that makes the members of a cluster those of its description. `operation` has those that have to go, and
    /// `folder` the files of those that come.
    pub fn new(
        cluster: &'a Cluster,
        running: &'a Running,
        folder: &'a Path,
        options: &'a RestartOptions,
        operation: &'a Operation,
    ) -> Self {
        Self { cluster, running, folder, options, operation, report: MembershipReport::default() }
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &MembershipReport {
        &self.report
    }

    /// The members that the cluster has, as it says itself.
    ///
    /// # Errors
    /// If no member answers.
    pub fn list(&self, operator: &mut dyn Operator) -> Result<Vec<ListedMember>, OperationError> {
        let seen = operator.observe(self.running);
        self.etcdctl(&seen).members(operator)
    }

    /// The members that the cluster has if it is as its files say. Their identifiers are not known.
    pub fn recorded(&self) -> Vec<ListedMember> {
        let urls = |name: &str| self.running.peer_urls(name).unwrap_or_default();
        self.running.names().map(|name| ListedMember::started(name, urls(name))).collect()
    }

    /// Says what is left if the cluster has these members. Nobody is asked, and nothing is done.
    pub fn print(&mut self, list: &[ListedMember]) -> End {
        self.report.left = self.names_left(list);
        self.report.commands = self.commands(list);
        if let Next::Unknown(listed) = next(self.cluster, self.operation, list) {
            self.report.obstacles.push(unknown(&listed));
            return End::NotSafe;
        }
        if self.report.left.is_empty() { End::Done } else { End::Waits }
    }

    /// Changes the members, one after the other.
    ///
    /// # Errors
    /// If no member answers, or a command fails.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        let list = self.list(operator)?;
        self.report.left = self.names_left(&list);
        self.report.commands = self.commands(&list);
        self.report.obstacles = self.hosts_in_the_way(&list, operator)?;
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        if self.options.only_print {
            return Ok(if self.report.left.is_empty() { End::Done } else { End::Waits });
        }
        for _ in 0..MOST_STEPS {
            let seen = operator.observe(self.running);
            let list = self.etcdctl(&seen).members(operator)?;
            let progress = match next(self.cluster, self.operation, &list) {
                Next::Nothing => {
                    self.report.left.clear();
                    self.report.commands.clear();
                    return Ok(End::Done);
                }
                Next::Unknown(listed) => self.stop(unknown(&listed)),
                Next::Remove(gone) => self.remove(&gone, &list, operator)?,
                Next::Move(name) => self.move_to_its_url(&name, &list, operator)?,
                Next::Add(name) => self.add(&name, &list, operator)?,
                Next::Finish(name) => self.finish(&name, &list, operator)?,
            };
            let list = self.list(operator)?;
            self.report.left = self.names_left(&list);
            self.report.commands = self.commands(&list);
            if let Progress::Stopped(end) = progress {
                return Ok(end);
            }
        }
        Ok(End::NotSafe)
    }

    fn stop(&mut self, obstacle: String) -> Progress {
        self.report.obstacles.push(obstacle);
        Progress::Stopped(End::NotSafe)
    }

    fn member(&self, name: &str) -> Option<&'a Member> {
        self.cluster.members().iter().find(|member| member.name().as_str() == name)
    }

    fn urls(&self, member: &Member) -> Vec<String> {
        self.cluster.peer_urls(member).iter().map(ToString::to_string).collect()
    }

    fn host(&self, name: &str) -> Option<Host> {
        self.member(name).map(|member| Host::new(name, &member.ssh().to_string()))
    }

    fn leaving(&self, gone: &ListedMember) -> Option<&'a Leaving> {
        let is = |one: &&Leaving| one.id == Some(gone.id()) || one.id.is_none() && one.member == gone.name;
        self.operation.leaving.iter().find(is)
    }

    /// Whether a described member has to be started anew with an empty disk.
    fn comes_back(&self, name: &str) -> bool {
        let is_described = self.member(name).is_some();
        is_described
            && self.operation.leaving.iter().any(|leaving| leaving.member == name && leaving.id.is_some())
    }

    /// The line that stops a member which went, on its host.
    fn stopping(&self, leaving: &Leaving) -> Option<String> {
        let is_described = self.member(&leaving.member).is_some();
        let destination =
            leaving.host.as_ref().filter(|_| !is_described && self.cluster.unit() != UnitKind::None)?;
        let host = Host::new(&leaving.member, destination);
        Some(self.options.template.line(&host, &host.as_root("systemctl disable --now etcd")))
    }

    /// `etcdctl` at all members that are healthy and have a vote; at all of them if none is.
    fn etcdctl(&self, seen: &Observation) -> Etcdctl {
        let is_good = |name: &&str| {
            seen.member(name)
                .is_some_and(|member| member.healthy == Some(true) && member.role != Some("learner"))
        };
        let mut names: Vec<&str> = self.running.names().filter(is_good).collect();
        if names.is_empty() {
            names = self.running.names().collect();
        }
        let endpoints = names.into_iter().filter_map(|name| self.running.client_url(name)).collect();
        Etcdctl { client: self.options.client.clone().unwrap_or_default(), endpoints }
    }

    /// Runs a command as root on the host of a member.
    fn on_host(
        &self,
        name: &str,
        command: &str,
        operator: &mut dyn Operator,
    ) -> Result<String, OperationError> {
        let host = self.host(name).ok_or_else(|| OperationError::NoUrl { member: name.to_owned() })?;
        let line = self.options.template.line(&host, &host.as_root(&format!("exec sh -c {}", word(command))));
        operator.run_one(&line, self.options.wait).map_err(|why| OperationError::Command {
            member: name.to_owned(),
            line: format!("a command on {}", host.address),
            why,
        })
    }

    fn facts(&self, name: &str, operator: &mut dyn Operator) -> Result<Facts, OperationError> {
        let Some(host) = self.host(name) else { return Ok(Facts::default()) };
        let how = Hosts { template: &self.options.template, wait: self.options.wait };
        let all = hosts::ask(self.cluster, std::slice::from_ref(&host), &how, operator)?;
        Ok(all.into_iter().next().unwrap_or_default())
    }

    /// What is in the way on the hosts of these members, for those that join.
    ///
    /// # Errors
    /// If a host is not reached.
    pub fn hosts_of(
        &self,
        members: &[String],
        operator: &mut dyn Operator,
    ) -> Result<Vec<String>, OperationError> {
        let mut obstacles = Vec::new();
        for name in members {
            operator.tell(&format!("asking the host of {name}"));
            obstacles.extend(self.obstacles_on(name, operator)?);
        }
        Ok(obstacles)
    }

    /// What is in the way on the hosts of those that join, before anything is changed.
    fn hosts_in_the_way(
        &self,
        list: &[ListedMember],
        operator: &mut dyn Operator,
    ) -> Result<Vec<String>, OperationError> {
        self.hosts_of(&absent(self.cluster, self.operation, list), operator)
    }

    fn obstacles_on(&self, name: &str, operator: &mut dyn Operator) -> Result<Vec<String>, OperationError> {
        let facts = self.facts(name, operator)?;
        let mut obstacles = facts.obstacles;
        if self.comes_back(name) || self.cluster.unit() == UnitKind::None {
            return Ok(obstacles);
        }
        let (place, data) =
            (self.host(name).map(|host| host.address).unwrap_or_default(), &self.cluster.hosts.data_dir);
        if facts.is_running {
            obstacles.push(format!(
                "{name}: etcd.service on {place} runs, and is no member of this cluster: if nobody needs it, stop it: \
                 systemctl stop etcd"
            ));
        } else if facts.has_data {
            obstacles.push(format!(
                "{name}: {data} on {place} has data of another member: if nobody needs it, move it away: mv {data}/member \
                 {data}/member.old"
            ));
        }
        Ok(obstacles)
    }

    /// What is wrong with the members that the cluster has, but for those in `without`, and for what a restart cures.
    fn unwell(&self, seen: &Observation, list: &[ListedMember], without: &[&str]) -> Vec<String> {
        let names: Vec<&str> = list
            .iter()
            .filter(|one| one.has_started() && !without.contains(&one.name.as_str()))
            .map(|one| one.name.as_str())
            .collect();
        let is_meant =
            |subject: &Option<String>| subject.as_ref().is_none_or(|name| names.contains(&name.as_str()));
        let found = seen.dangers().filter(|one| is_meant(&one.subject) && !is_cured_by_restart(one.rule));
        let mut found: Vec<String> = found.map(ToString::to_string).collect();
        if !seen.members.iter().any(|member| member.role == Some("leader")) && without.is_empty() {
            found.push("no member says that it is the leader".to_owned());
        }
        found
    }

    /// Looks until `check` finds nothing, or the time is up.
    fn wait_for(
        &self,
        operator: &mut dyn Operator,
        check: impl Fn(&Observation) -> Vec<String>,
    ) -> Vec<String> {
        let start = operator.clock();
        loop {
            let found = check(&operator.observe(self.running));
            if found.is_empty() || operator.clock().saturating_sub(start) >= self.options.wait {
                return found;
            }
            operator.pause(PAUSE);
        }
    }
}

fn unknown(listed: &ListedMember) -> String {
    format!(
        "{}: the cluster has this member, at {}, and the description does not: describe it, or remove it",
        listed.shown(),
        listed.peer_urls.join(", ")
    )
}

#[cfg(test)]
mod tests;
