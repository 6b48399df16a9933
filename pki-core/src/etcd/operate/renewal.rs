//! Renewing certificates of members and clients while the members run.

use std::time::Duration;

use serde::Serialize;

use crate::etcd::check::observe::{Observation, Running};
use crate::etcd::operate::cluster_folder::{ClusterFolder, Lock, Renewed};
use crate::etcd::operate::hosts::Hosts;
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::reach::Host;
use crate::etcd::operate::renew::{behind, renewal_obstacles, unproved};
use crate::etcd::operate::rolling::RenewalOptions;
use crate::etcd::plan::renewal::Renewal;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What is said when the requests for a CA that is offline were written.
pub(super) const OFFLINE: &str = "a CA that is offline has to sign the requests in `requests`; bring the certificates back, \
                                  and run this again";

/// What was done, and what is left. Serialises to the JSON of `cluster renew --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RenewReport {
    /// The certificates that are renewed.
    pub renewed: Vec<Renewed>,
    /// The members whose hosts got certificates.
    pub placed: Vec<String>,
    /// The members that were restarted, in this order; nobody is if the keys stay.
    pub restarted: Vec<String>,
    /// The members whose processes were seen to show the certificates of the folder.
    pub proved: Vec<String>,
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

/// A renewal of certificates of members and clients, for their keys or, of members, for new ones.
#[derive(Debug)]
pub struct Renew<'a> {
    pub(super) folder: &'a ClusterFolder<'a>,
    pub(super) options: &'a RenewalOptions,
    pub(super) report: RenewReport,
}

impl<'a> Renew<'a> {
    /// A renewal of the certificates that `options` names.
    pub fn new(folder: &'a ClusterFolder<'a>, options: &'a RenewalOptions) -> Self {
        Self { folder, options, report: RenewReport::default() }
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &RenewReport {
        &self.report
    }

    /// Renews the certificates, brings those of members to their hosts, and looks whether they are used.
    ///
    /// # Errors
    /// If there is no such certificate, if the folder cannot be read or written, or if a command on a host fails.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        let plan = match self.options.new_keys {
            false => self.folder.plan_now(&self.options.renewal, operator.now())?.0,
            true => self.folder.any_plan_now(&self.options.renewal, operator.now())?,
        };
        if let Renewal::Named(names) = &self.options.renewal
            && let Some(name) = plan.unknown_names(names).first()
        {
            return Err(OperationError::NoCertificate { name: (*name).to_owned() });
        }
        self.report.renewed = Renewed::of(&plan);
        if self.options.new_keys {
            return self.with_new_keys(&plan, operator);
        }
        let mut members = self.members();
        if self.options.reaches_hosts && !self.is_safe(&mut members, operator)? {
            return Ok(End::NotSafe);
        }
        if self.report.renewed.is_empty() && members.is_empty() {
            return Ok(End::Done);
        }
        if self.options.only_print {
            return Ok(End::Waits);
        }
        if !self.report.renewed.is_empty() && !self.issue(operator)? {
            return Ok(End::Waits);
        }
        for renewed in self.report.renewed.iter().filter(|renewed| renewed.member.is_none()) {
            self.report.notices.push(format!(
                "{}: bring the new certificate to where it is used; the one before is valid until it ends",
                renewed.certificate
            ));
        }
        if members.is_empty() {
            return Ok(End::Done);
        }
        if !self.options.reaches_hosts {
            self.report.commands = vec![self.folder.copy_command(&members)];
            return Ok(End::Waits);
        }
        self.place(&members, operator)
    }

    /// Looks at the members that get certificates, and at those that did not get theirs from a run that was stopped:
    /// these are added to `members`. Returns whether nothing is in the way.
    fn is_safe(
        &mut self,
        members: &mut Vec<String>,
        operator: &mut dyn Operator,
    ) -> Result<bool, OperationError> {
        let running = self.folder.running()?;
        let seen = operator.observe(&running);
        let known = self.folder.members();
        for name in behind(&seen) {
            if known.contains(&name) && self.is_meant(&name) && !members.contains(&name) {
                members.push(name);
            }
        }
        self.report.obstacles = renewal_obstacles(&seen, members);
        let is_safe = self.report.obstacles.is_empty();
        // A run that was stopped may have seen it and not written it down.
        if is_safe && !self.options.only_print {
            self.folder.prove(&seen, &mut self.folder.lock()?, operator.now())?;
        }
        Ok(is_safe)
    }

    pub(super) fn is_meant(&self, member: &str) -> bool {
        match &self.options.renewal {
            Renewal::Named(names) => {
                names.iter().any(|name| name == member || name.starts_with(&format!("{member} ")))
            }
            _ => true,
        }
    }

    /// The members that have certificates which are renewed, each once.
    fn members(&self) -> Vec<String> {
        let mut members: Vec<String> = Vec::new();
        for member in self.report.renewed.iter().filter_map(|renewed| renewed.member.clone()) {
            if !members.contains(&member) {
                members.push(member);
            }
        }
        members
    }

    /// Renews the certificates in the output folder. Returns whether all are there: a CA may be offline.
    fn issue(&mut self, operator: &mut dyn Operator) -> Result<bool, OperationError> {
        let to_sign = self.folder.issue(&self.options.renewal, operator.now())?;
        if to_sign.is_empty() {
            return Ok(true);
        }
        self.report.commands = to_sign;
        self.report.waits_for_ca = true;
        self.report.notices.push(OFFLINE.to_owned());
        Ok(false)
    }

    /// Brings the certificates of members to their hosts, one host after the other, each proved before the next.
    fn place(&mut self, members: &[String], operator: &mut dyn Operator) -> Result<End, OperationError> {
        // Nobody may change the files meanwhile.
        let mut lock = self.folder.lock()?;
        let running = self.folder.running()?;
        let before = operator.observe(&running);
        let paths = self.certificates_in_use(operator)?;
        for host in self.folder.hosts(&running, members)? {
            let member = &host.name;
            // A host may have been set up anew since the first look.
            self.report.obstacles = renewal_obstacles(&before, std::slice::from_ref(member));
            if !self.report.obstacles.is_empty() {
                return Ok(End::NotSafe);
            }
            operator.tell(&format!("{member}: bringing certificates"));
            self.bring(&host, &paths, &mut lock, operator)?;
            self.report.placed.push(member.clone());
            self.report.obstacles = self.wait_for_proof(&running, member, operator);
            if !self.report.obstacles.is_empty() {
                return Ok(End::NotSafe);
            }
            self.report.proved.push(member.clone());
        }
        let after = operator.observe(&running);
        self.folder.prove(&after, &mut lock, operator.now())?;
        for member in members {
            let started = |seen: &Observation| seen.member(member).and_then(|member| member.started);
            if let (Some(first), Some(last)) = (started(&before), started(&after))
                && first != last
            {
                self.report.notices.push(format!("{member}: its process began anew meanwhile"));
            }
        }
        drop(lock);
        Ok(End::Done)
    }

    fn bring(
        &self,
        host: &Host,
        paths: &[String],
        lock: &mut Lock,
        operator: &mut dyn Operator,
    ) -> Result<(), OperationError> {
        let restart = &self.options.restart;
        let how = Hosts { template: &restart.template, wait: restart.wait };
        self.folder.bring(std::slice::from_ref(host), &|_| paths.to_vec(), &how, lock, operator)
    }

    /// The paths of the certificates of members.
    fn certificates_in_use(&self, operator: &mut dyn Operator) -> Result<Vec<String>, OperationError> {
        let (plan, _) = self.folder.kept(operator.now())?;
        let of_members = plan.certificates().iter().filter(|planned| planned.member().is_some());
        Ok(of_members.map(|planned| planned.path().to_owned()).collect())
    }

    /// Looks again and again until a member shows its certificates, or the time is up. Returns what is missing.
    fn wait_for_proof(&self, running: &Running, member: &String, operator: &mut dyn Operator) -> Vec<String> {
        let start = operator.clock();
        loop {
            let missing = unproved(&operator.observe(running), std::slice::from_ref(member));
            if missing.is_empty() || operator.clock().saturating_sub(start) >= self.options.restart.wait {
                return missing;
            }
            operator.pause(PAUSE);
        }
    }
}
