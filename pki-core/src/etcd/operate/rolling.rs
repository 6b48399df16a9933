//! The rolling restart: one member after the other, each under guards.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use crate::etcd::check::observe::{Observation, Running};
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::reach::{Host, Template};
use crate::etcd::operate::restart::{missing, obstacles, order, waiting};
use crate::etcd::plan::renewal::Renewal;
use crate::etcd::safe::shell::word;

/// What restarts a member on its host.
pub const RESTART: &str = "systemctl daemon-reload && systemctl restart etcd";

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// How often is looked again before it is said that the first member must not stop.
const LOOKS_AGAIN: usize = 6;

/// How long `etcdctl` may take to move the leader.
const HAND_OVER: Duration = Duration::from_secs(15);

/// Which members restart, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestartOptions {
    /// The members that restart; all of them if it is empty.
    pub members: Vec<String>,
    /// Leave out those that have read their files.
    pub only_waiting: bool,
    /// Stop a member also if the cluster has no majority without it.
    pub accept_outage: bool,
    /// How long to wait until a member is back, and for a host.
    pub wait: Duration,
    /// For how long all must be well before the next member stops.
    pub settle: Duration,
    /// Say what would be done, and do nothing.
    pub only_print: bool,
    /// How hosts are reached.
    pub template: Template,
    /// The folder with `etcdctl.env` of the client that hands the leader over; without it etcd does that by itself.
    pub client: Option<PathBuf>,
}

impl Default for RestartOptions {
    /// All members, with two minutes for each and five seconds between them.
    fn default() -> Self {
        Self {
            members: Vec::new(),
            only_waiting: false,
            accept_outage: false,
            wait: Duration::from_secs(120),
            settle: Duration::from_secs(5),
            only_print: false,
            template: Template::default(),
            client: None,
        }
    }
}

/// What is renewed, and how it comes to the members.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RenewalOptions {
    /// Which certificates are renewed.
    pub renewal: Renewal,
    /// The members get new keys.
    pub new_keys: bool,
    /// Say what would be done, and do nothing.
    pub only_print: bool,
    /// Bring the files to the hosts, and restart members. Otherwise the commands that do this are in the report.
    pub reaches_hosts: bool,
    /// How hosts are reached and members are restarted.
    pub restart: RestartOptions,
}

/// What was done, and what is left. Serialises to the JSON of `cluster restart --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestartReport {
    /// The members that were restarted, in this order.
    pub restarted: Vec<String>,
    /// The members that are left.
    pub left: Vec<String>,
    /// Why the next was not stopped, or is not back.
    pub obstacles: Vec<String>,
    /// The lines that restart those that are left.
    pub commands: Vec<String>,
    /// What is worth knowing.
    pub notices: Vec<String>,
}

/// A rolling restart.
#[derive(Debug)]
pub struct Restart<'a> {
    running: &'a Running,
    options: &'a RestartOptions,
    report: RestartReport,
}

impl<'a> Restart<'a> {
    /// A restart of the members that `options` name.
    ///
    /// # Errors
    /// If there is no such member.
    pub fn new(running: &'a Running, options: &'a RestartOptions) -> Result<Self, OperationError> {
        if let Some(name) = options.members.iter().find(|name| !running.names().any(|known| known == *name)) {
            let known = running.names().map(str::to_owned).collect();
            return Err(OperationError::NoMember { name: name.clone(), known });
        }
        Ok(Self { running, options, report: RestartReport::default() })
    }

    /// What was done so far, and what is left; also after an error.
    pub fn report(&self) -> &RestartReport {
        &self.report
    }

    /// Restarts the members.
    ///
    /// # Errors
    /// If a command on a host fails, or it is not known how a member is restarted.
    pub fn carry_out(&mut self, operator: &mut dyn Operator) -> Result<End, OperationError> {
        let mut seen = operator.observe(self.running);
        let mut left = order(&seen, &self.options.members);
        if self.options.only_waiting {
            left = waiting(&seen, &left);
        }
        self.report.left.clone_from(&left);
        let Some(first) = left.first() else { return Ok(End::Done) };
        self.report.obstacles = self.in_the_way(&seen, first, operator);
        // A change of the leader is over in a moment.
        for _ in 0..LOOKS_AGAIN {
            if self.report.obstacles.is_empty() {
                break;
            }
            operator.pause(PAUSE);
            seen = operator.observe(self.running);
            self.report.obstacles = self.in_the_way(&seen, first, operator);
        }
        let lines: Result<Vec<String>, OperationError> = left.iter().map(|name| self.line(name)).collect();
        self.report.commands = lines?;
        if !self.report.obstacles.is_empty() {
            return Ok(End::NotSafe);
        }
        if self.options.only_print {
            return Ok(End::Waits);
        }
        while let Some(next) = order(&seen, &self.report.left).into_iter().find(|name| self.is_left(name)) {
            if !self.one(&next, &seen, operator)? {
                return Ok(End::NotSafe);
            }
            seen = operator.observe(self.running);
        }
        Ok(End::Done)
    }

    fn is_left(&self, name: &str) -> bool {
        self.report.left.iter().any(|left| left == name)
    }

    fn in_the_way(&self, seen: &Observation, member: &str, operator: &mut dyn Operator) -> Vec<String> {
        obstacles(seen, &operator.forecast(self.running), member, self.options.accept_outage)
    }

    /// The line that restarts a member.
    fn line(&self, member: &str) -> Result<String, OperationError> {
        if !self.running.has_unit(member) {
            return Err(OperationError::NoUnit { member: member.to_owned() });
        }
        let destination = self.running.destination(member);
        let destination = destination.ok_or_else(|| OperationError::NoUrl { member: member.to_owned() })?;
        let host = Host::new(member, &destination);
        Ok(self.options.template.line(&host, &host.as_root(RESTART)))
    }

    /// Restarts one member, and waits until it is back. Returns whether it is.
    fn one(
        &mut self,
        name: &str,
        seen: &Observation,
        operator: &mut dyn Operator,
    ) -> Result<bool, OperationError> {
        // Asked once: each member that is asked writes a line to its log.
        let forecast = operator.forecast(self.running);
        let accepts_outage = self.options.accept_outage;
        let (in_the_way, seen) =
            self.wait_for(seen, operator, |seen| obstacles(seen, &forecast, name, accepts_outage));
        self.report.obstacles = in_the_way;
        if !self.report.obstacles.is_empty() {
            return Ok(false);
        }
        if seen.member(name).is_some_and(|member| member.role == Some("leader")) {
            self.hand_over(name, &seen, operator);
        }
        let before: Option<OffsetDateTime> = seen.member(name).and_then(|member| member.started);
        let line = self.line(name)?;
        let start = operator.clock();
        operator.tell(&format!("{name}: restarting"));
        if let Err(why) = operator.run_one(&line, self.options.wait) {
            return Err(OperationError::Command { member: name.to_owned(), line, why });
        }
        let seen = operator.observe(self.running);
        let (missing, _) = self.wait_for(&seen, operator, |seen| missing(seen, name, before));
        if !missing.is_empty() {
            self.report.obstacles = missing;
            return Ok(false);
        }
        let seconds = operator.clock().saturating_sub(start).as_secs();
        operator.tell(&format!("{name}: back after {seconds} s"));
        self.report.left.retain(|left| left != name);
        self.report.commands.retain(|command| *command != line);
        self.report.restarted.push(name.to_owned());
        Ok(true)
    }

    /// Looks again and again until nothing is in the way for the time to settle, or the time is up.
    fn wait_for(
        &self,
        first: &Observation,
        operator: &mut dyn Operator,
        check: impl Fn(&Observation) -> Vec<String>,
    ) -> (Vec<String>, Observation) {
        let (start, mut well) = (operator.clock(), None::<Duration>);
        let mut seen = first.clone();
        loop {
            let found = check(&seen);
            let now = operator.clock();
            match found.is_empty() {
                true if now.saturating_sub(*well.get_or_insert(now)) >= self.options.settle => {
                    return (found, seen);
                }
                true => {}
                false if now.saturating_sub(start) >= self.options.wait => return (found, seen),
                false => well = None,
            }
            operator.pause(PAUSE);
            seen = operator.observe(self.running);
        }
    }

    /// Moves the leader to a member that was restarted, so that it does not move to one that restarts too. Without
    /// `etcdctl` the leader hands over by itself when it is stopped.
    fn hand_over(&mut self, leader: &str, seen: &Observation, operator: &mut dyn Operator) {
        let restarted = self.report.restarted.iter().filter_map(|name| seen.member(name));
        let to = restarted
            .filter(|member| member.role == Some("follower"))
            .find_map(|member| Some((member.name.clone(), member.id.clone()?)));
        let (Some((to, id)), Some(url)) = (to, self.running.client_url(leader)) else { return };
        let Some(client) = &self.options.client else { return };
        let line = format!(
            "cd {} && . ./etcdctl.env && unset ETCDCTL_ENDPOINTS && ETCDCTL_API=3 etcdctl --endpoints {} move-leader {}",
            word(&client.to_string_lossy()),
            word(&url),
            word(&id)
        );
        match operator.run_one(&line, HAND_OVER) {
            Ok(_) => operator.tell(&format!("{leader}: {to} is the leader now")),
            Err(why) => {
                self.report.notices.push(format!(
                    "{leader}: `etcdctl move-leader` did not work ({why}); the leader hands over by itself when it stops"
                ));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
