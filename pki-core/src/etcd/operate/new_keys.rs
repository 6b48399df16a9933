//! New keys for members that run: with new names of files, which each member reads at a restart under guards.

use std::collections::BTreeSet;

use crate::etcd::check::observe::{Observation, is_former};
use crate::etcd::operate::hosts::Hosts;
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::renew::unproved;
use crate::etcd::operate::renewal::Renew;
use crate::etcd::operate::restart::authority_obstacles;
use crate::etcd::operate::rolling::{Restart, RestartOptions};
use crate::etcd::plan::Plan;
use crate::etcd::plan::renewal::Renewal;

impl Renew<'_> {
    /// Makes new keys and certificates for members, brings them with the files that name them, and restarts the members
    /// one after the other. `plan` has what would be renewed for the same keys.
    pub(super) fn with_new_keys(
        &mut self,
        plan: &Plan,
        operator: &mut dyn Operator,
    ) -> Result<End, OperationError> {
        self.report.renewed.retain(|renewed| renewed.member.is_some());
        let mut members: BTreeSet<String> =
            self.report.renewed.iter().filter_map(|renewed| renewed.member.clone()).collect();
        if self.options.reaches_hosts {
            let running = self.folder.running()?;
            let seen = operator.observe(&running);
            let late: Vec<String> = with_former_key(&seen).filter(|name| self.is_meant(name)).collect();
            let others: Vec<String> =
                self.folder.members().into_iter().filter(|name| !late.contains(name)).collect();
            // What an earlier run has made and not brought to its host goes on, and is not made anew.
            if self.folder.plan_now(&Renewal::Named(Vec::new()), operator.now()).is_ok() {
                self.report
                    .renewed
                    .retain(|renewed| !renewed.member.as_ref().is_some_and(|member| late.contains(member)));
                members.extend(late);
            }
            if !members.is_empty() {
                self.report.obstacles = authority_obstacles(&seen, &others);
            }
            if !self.report.obstacles.is_empty() {
                return Ok(End::NotSafe);
            }
        }
        if members.is_empty() {
            return Ok(End::Done);
        }
        let certificates: BTreeSet<String> =
            self.report.renewed.iter().map(|renewed| renewed.certificate.clone()).collect();
        if self.options.only_print {
            return Ok(End::Waits);
        }
        if !certificates.is_empty() {
            self.folder.issue_with_new_keys(&certificates, operator.now())?;
        }
        let members: Vec<String> = members.into_iter().collect();
        if !self.options.reaches_hosts {
            self.report.commands = vec![self.folder.copy_command(&members)];
            return Ok(End::Waits);
        }
        let end = self.place_and_restart(&members, operator)?;
        if end == End::Done {
            let before = plan.certificates().iter().filter(|planned| {
                planned.member().is_some() && certificates.contains(&planned.id().to_string())
            });
            self.report.notices.extend(before.map(|planned| {
                format!(
                    "{}: {} and its certificate are not used any more; they can be deleted, here and on the host",
                    planned.id(),
                    planned.key_path()
                )
            }));
        }
        Ok(end)
    }

    fn place_and_restart(
        &mut self,
        members: &[String],
        operator: &mut dyn Operator,
    ) -> Result<End, OperationError> {
        // Nobody may change the files meanwhile.
        let mut lock = self.folder.lock()?;
        let running = self.folder.running()?;
        // The files must be those of the plan, or a member would not find what its settings name.
        let (plan, _) = self.folder.plan_now(&Renewal::Named(Vec::new()), operator.now())?;
        let hosts = self.folder.hosts(&running, members)?;
        let restart = &self.options.restart;
        let how = Hosts { template: &restart.template, wait: restart.wait };
        operator.tell(&format!("bringing keys to the hosts of {}", members.join(", ")));
        // A member that is restarted by somebody else finds what its settings name.
        self.folder.bring(&hosts, &|member| plan.host_paths(member).0, &how, &mut lock, operator)?;
        let settings = |member: &str| plan.host_paths(member).1;
        if members.iter().any(|member| !settings(member).is_empty()) {
            self.folder.bring(&hosts, &settings, &how, &mut lock, operator)?;
        }
        self.report.placed = members.to_vec();
        let options = RestartOptions { members: members.to_vec(), ..restart.clone() };
        let mut restart = Restart::new(&running, &options)?;
        let end = restart.carry_out(operator);
        let restarted = restart.report();
        self.report.restarted.clone_from(&restarted.restarted);
        self.report.obstacles.clone_from(&restarted.obstacles);
        self.report.commands.clone_from(&restarted.commands);
        self.report.notices.extend(restarted.notices.iter().cloned());
        let end = end?;
        if end != End::Done {
            return Ok(end);
        }
        let seen = operator.observe(&running);
        self.report.obstacles = unproved(&seen, members);
        let files = |member: &str| {
            let (pairs, settings) = plan.host_paths(member);
            pairs.into_iter().chain(settings).collect()
        };
        self.report.obstacles.extend(self.folder.different_on_hosts(&hosts, &files, &how, operator)?);
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        self.report.proved = members.to_vec();
        self.folder.prove(&seen, &mut lock, operator.now())?;
        drop(lock);
        Ok(End::Done)
    }
}

/// The members that show a certificate of before, for another key than their files have.
fn with_former_key(seen: &Observation) -> impl Iterator<Item = String> {
    let has_former = |name: &str| {
        let mut own = seen.findings.iter().filter(|finding| finding.subject.as_deref() == Some(name));
        own.any(|finding| is_former(finding.rule))
    };
    let late = seen.members.iter().filter(move |member| {
        let ports = [&member.client, &member.peer];
        ports.iter().any(|port| port.has_key_of_its_file == Some(false)) && has_former(&member.name)
    });
    late.map(|member| member.name.clone())
}
