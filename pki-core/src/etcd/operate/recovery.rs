//! Bringing a cluster back whose certificates have ended, with the same keys and its data.

use std::time::Duration;

use serde::Serialize;

use crate::etcd::check::observe::{Observation, Running, hinders_placing};
use crate::etcd::operate::cluster_folder::{ClusterFolder, Renewed};
use crate::etcd::operate::hosts::{self, Hosts};
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::reach::Host;
use crate::etcd::operate::renewal::OFFLINE;
use crate::etcd::operate::restart::{has_healthy_majority, unrecovered};
use crate::etcd::operate::rolling::RenewalOptions;
use crate::etcd::plan::renewal::Renewal;

/// What restarts a member on its host. It does not wait for the start, because a member waits for a majority.
const COMMAND: &str = "systemctl daemon-reload && systemctl restart --no-block etcd";

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// What was done, and what is left. Serialises to the JSON of `cluster recover --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoverReport {
    /// The certificates that are renewed.
    pub renewed: Vec<Renewed>,
    /// The members whose hosts got their files.
    pub placed: Vec<String>,
    /// The members that were restarted.
    pub restarted: Vec<String>,
    /// What is in the way.
    pub obstacles: Vec<String>,
    /// The lines that do what is left.
    pub commands: Vec<String>,
    /// What is worth knowing.
    pub notices: Vec<String>,
    /// Whether a CA that is offline has to sign first.
    #[serde(skip)]
    pub waits_for_ca: bool,
}

/// A recovery of a cluster whose certificates have ended.
#[derive(Debug)]
pub struct Recover<'a> {
    folder: &'a ClusterFolder<'a>,
    options: &'a RenewalOptions,
    report: RecoverReport,
}

impl<'a> Recover<'a> {
    /// A recovery of all members.
    pub fn new(folder: &'a ClusterFolder<'a>, options: &'a RenewalOptions) -> Self {
        Self { folder, options, report: RecoverReport::default() }
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &RecoverReport {
        &self.report
    }

    /// Renews what has ended, brings all members their files, and restarts them together.
    ///
    /// # Errors
    /// If the folder cannot be read or written, if no unit starts a member, or if a command on a host fails.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        let (plan, _) = self.folder.plan_now(&Renewal::Ended, operator.now())?;
        self.report.renewed = Renewed::of(&plan);
        // A run that was stopped may have left files in the folder that are to be written.
        let is_written = plan.is_done();
        // Members that do not work let one wait.
        if self.options.only_print && !self.report.renewed.is_empty() {
            return Ok(End::Waits);
        }
        let running = self.folder.running()?;
        let before = operator.observe(&running);
        if let Some(end) = self.is_over(&before) {
            return Ok(end);
        }
        if self.options.only_print {
            return Ok(End::Waits);
        }
        let hosts = self.folder.hosts(&running, &self.folder.members())?;
        let lines = self.lines(&running, &hosts)?;
        if self.options.reaches_hosts && !self.is_safe(&before, &hosts, operator)? {
            return Ok(End::NotSafe);
        }
        if !is_written {
            let to_sign = self.folder.issue(&Renewal::Ended, operator.now())?;
            if !to_sign.is_empty() {
                self.report.commands = to_sign;
                self.report.waits_for_ca = true;
                self.report.notices.push(OFFLINE.to_owned());
                return Ok(End::Waits);
            }
            self.report
                .notices
                .push("bring the new certificates to clients: those that have ended are refused".to_owned());
        }
        if !self.options.reaches_hosts {
            self.report.commands = vec![self.folder.copy_command(&self.folder.members())];
            self.report.commands.extend(lines);
            return Ok(End::Waits);
        }
        self.place_and_restart(&hosts, &lines, &before, operator)
    }

    /// How it ends if nothing in the folder has ended and the members work.
    fn is_over(&mut self, before: &Observation) -> Option<End> {
        if !self.report.renewed.is_empty() {
            return None;
        }
        let missing = unrecovered(before, None);
        if missing.is_empty() {
            return Some(End::Done);
        }
        if has_healthy_majority(before) {
            self.report.obstacles = missing;
            self.report.notices.push(
                "nothing in the folder has ended, and a majority of the members is healthy: use `renew`, `renew-ca` \
                 and `restart`, which need no outage"
                    .to_owned(),
            );
            return Some(End::NotSafe);
        }
        self.report.notices.push(
            "nothing in the folder has ended, and the members do not work: their hosts get the files of the folder \
             again, and all members restart"
                .to_owned(),
        );
        self.report.notices.extend(missing);
        None
    }

    /// Looks at what members tell that answer, and asks all hosts, before anything is changed. Returns whether nothing is
    /// in the way.
    fn is_safe(
        &mut self,
        before: &Observation,
        hosts: &[Host],
        operator: &mut dyn Operator,
    ) -> Result<bool, OperationError> {
        let dangers = before.findings.iter().filter(|finding| hinders_placing(finding.rule));
        self.report.obstacles = dangers.map(ToString::to_string).collect();
        operator.tell("asking the hosts");
        let asked = hosts::ask(self.folder.cluster, hosts, &self.how(), operator);
        let facts = asked.map_err(|error| match error {
            OperationError::Command { member, why, .. } => OperationError::Unreachable { member, why },
            other => other,
        })?;
        self.report.obstacles.extend(facts.into_iter().flat_map(|facts| facts.obstacles));
        Ok(self.report.obstacles.is_empty())
    }

    fn how(&self) -> Hosts<'a> {
        Hosts { template: &self.options.restart.template, wait: self.options.restart.wait }
    }

    /// The lines that restart the members.
    fn lines(&self, running: &Running, hosts: &[Host]) -> Result<Vec<String>, OperationError> {
        let line = |host: &Host| match running.has_unit(&host.name) {
            true => Ok(self.options.restart.template.line(host, &host.as_root(COMMAND))),
            false => Err(OperationError::NoUnit { member: host.name.clone() }),
        };
        hosts.iter().map(line).collect()
    }

    fn place_and_restart(
        &mut self,
        hosts: &[Host],
        lines: &[String],
        before: &Observation,
        operator: &mut dyn Operator,
    ) -> Result<End, OperationError> {
        // Nobody may change the files meanwhile.
        let mut lock = self.folder.lock()?;
        let running = self.folder.running()?;
        let (plan, _) = self.folder.kept(operator.now())?;
        let paths = |member: &str| plan.pki_paths(member);
        let how = self.how();
        operator.tell("bringing the files to the hosts");
        self.folder.bring(hosts, &paths, &how, &mut lock, operator)?;
        self.report.placed = hosts.iter().map(|host| host.name.clone()).collect();
        operator.tell("restarting all members");
        for ((host, line), answer) in hosts.iter().zip(lines).zip(operator.run(lines, how.wait)) {
            let (member, line) = (host.name.clone(), line.clone());
            answer.map_err(|why| OperationError::Command { member: member.clone(), line, why })?;
            self.report.restarted.push(member);
        }
        let start = operator.clock();
        loop {
            let seen = operator.observe(&running);
            self.report.obstacles = unrecovered(&seen, Some(before));
            if self.report.obstacles.is_empty() {
                self.report.obstacles = self.folder.different_on_hosts(hosts, &paths, &how, operator)?;
                if !self.report.obstacles.is_empty() {
                    return Ok(End::NotSafe);
                }
                self.folder.prove(&seen, &mut lock, operator.now())?;
                return Ok(End::Done);
            }
            if operator.clock().saturating_sub(start) >= how.wait {
                return Ok(End::NotSafe);
            }
            operator.pause(PAUSE);
        }
    }
}
