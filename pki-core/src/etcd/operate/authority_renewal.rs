//! Renewing the certificates of CAs for their keys, while the members run.

use serde::Serialize;

use crate::etcd::operate::cluster_folder::{ClusterFolder, Renewed};
use crate::etcd::operate::hosts::Hosts;
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::restart::authority_obstacles;
use crate::etcd::operate::rolling::{RenewalOptions, Restart, RestartOptions};
use crate::etcd::plan::renewal::Renewal;

/// What was done, and what is left. Serialises to the JSON of `cluster renew-ca --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuthorityRenewalReport {
    /// The CAs that are renewed.
    pub renewed: Vec<Renewed>,
    /// The members whose hosts got the CAs.
    pub placed: Vec<String>,
    /// The members that were restarted.
    pub restarted: Vec<String>,
    /// The members that have not read the renewed CAs.
    pub left: Vec<String>,
    /// What is in the way.
    pub obstacles: Vec<String>,
    /// The lines that do what is left.
    pub commands: Vec<String>,
    /// What is worth knowing.
    pub notices: Vec<String>,
}

/// A renewal of CAs, for their keys and with their names, byte for byte.
#[derive(Debug)]
pub struct RenewAuthorities<'a> {
    folder: &'a ClusterFolder<'a>,
    options: &'a RenewalOptions,
    report: AuthorityRenewalReport,
}

impl<'a> RenewAuthorities<'a> {
    /// A renewal of the CAs that `options` names, or of all CAs that were made for the cluster.
    ///
    /// # Errors
    /// If there is none, or a CA with such a name was not made for the cluster.
    pub fn new(folder: &'a ClusterFolder<'a>, options: &'a RenewalOptions) -> Result<Self, OperationError> {
        let own = folder.cluster.own_authorities();
        if own.is_empty() {
            return Err(OperationError::NoAuthority);
        }
        if let Renewal::Authorities(names) = &options.renewal
            && let Some(name) = names.iter().find(|name| !own.contains(&name.as_str()))
        {
            let known = own.iter().map(|name| (*name).to_owned()).collect();
            return Err(OperationError::OtherAuthority { name: name.clone(), known });
        }
        Ok(Self { folder, options, report: AuthorityRenewalReport::default() })
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &AuthorityRenewalReport {
        &self.report
    }

    /// Renews the CAs, brings them to all hosts, and restarts the members one after the other.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or if a command on a host fails.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        let (plan, snapshot) = self.folder.plan_now(&self.options.renewal, operator.now())?;
        self.report.renewed = Renewed::of(&plan);
        // A run that was stopped may have left files in the folder that are to be written.
        let is_written = plan.is_done();
        self.report.left = match is_written {
            true => plan.without_renewed_authority(&snapshot)?,
            false => self.folder.members(),
        };
        if self.options.reaches_hosts && !self.is_safe(is_written, operator)? {
            return Ok(End::NotSafe);
        }
        if self.report.left.is_empty() {
            return Ok(End::Done);
        }
        if self.options.only_print {
            return Ok(End::Waits);
        }
        if !is_written {
            self.folder.issue(&self.options.renewal, operator.now())?;
            self.report.notices.push(
                "bring the renewed CAs to clients before the old certificates end; until then the old ones work"
                    .to_owned(),
            );
        }
        if !self.options.reaches_hosts {
            self.report.commands = vec![self.folder.copy_command(&self.report.left)];
            return Ok(End::Waits);
        }
        self.place_and_restart(operator)
    }

    /// Looks at all members. If the CAs were written before, those that have not read them are added to those that are
    /// left. Returns whether nothing is in the way.
    fn is_safe(&mut self, is_written: bool, operator: &mut dyn Operator) -> Result<bool, OperationError> {
        let running = self.folder.running()?;
        let seen = operator.observe(&running);
        if is_written {
            let waits = seen.members.iter().filter(|member| member.waits_for_restart);
            self.report.left.extend(waits.map(|member| member.name.clone()));
            self.report.left.sort();
            self.report.left.dedup();
        }
        if !self.report.left.is_empty() {
            self.report.obstacles = authority_obstacles(&seen, &self.folder.members());
        }
        Ok(self.report.obstacles.is_empty())
    }

    fn place_and_restart(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        // Nobody may change the files meanwhile.
        let mut lock = self.folder.lock()?;
        let running = self.folder.running()?;
        let (plan, _) = self.folder.kept(operator.now())?;
        let paths = |member: &str| plan.trusted_paths(member);
        let hosts = self.folder.hosts(&running, &self.report.left)?;
        let restart = &self.options.restart;
        let how = Hosts { template: &restart.template, wait: restart.wait };
        operator.tell(&format!("bringing CAs to the hosts of {}", self.report.left.join(", ")));
        self.folder.bring(&hosts, &paths, &how, &mut lock, operator)?;
        self.report.placed.clone_from(&self.report.left);
        let options = RestartOptions { members: self.report.left.clone(), ..restart.clone() };
        let mut restart = Restart::new(&running, &options)?;
        let end = restart.carry_out(operator);
        let restarted = restart.report();
        self.report.restarted.clone_from(&restarted.restarted);
        self.report.left.clone_from(&restarted.left);
        self.report.obstacles.clone_from(&restarted.obstacles);
        self.report.commands.clone_from(&restarted.commands);
        self.report.notices.extend(restarted.notices.iter().cloned());
        let end = end?;
        if end != End::Done {
            return Ok(end);
        }
        // What a process trusts shows only names, so the file that it has read is looked at too.
        self.report.obstacles = self.folder.different_on_hosts(&hosts, &paths, &how, operator)?;
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        self.folder.prove(&operator.observe(&running), &mut lock, operator.now())?;
        drop(lock);
        Ok(End::Done)
    }
}
