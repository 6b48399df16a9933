//! The steps of a change of members: each looks first whether it is safe.

use std::time::Duration;

use crate::etcd::cluster::UnitKind;
use crate::etcd::operate::etcdctl::Etcdctl;
use crate::etcd::operate::members::{ListedMember, differs, listed};
use crate::etcd::operate::membership::{Membership, Progress};
use crate::etcd::operate::operator::{End, OperationError, Operator};
use crate::etcd::operate::renew::{placing_all, unproved};
use crate::etcd::operate::rolling::RESTART;
use crate::etcd::render::deploy::{set_aside_command, start_command};
use crate::etcd::safe::shell::word;

/// How long the host of a member that went may take to stop it.
const LAST_WORD: Duration = Duration::from_secs(30);

/// Asks a member whether it is healthy.
const HEALTH: &str = "--command-timeout=3s --dial-timeout=2s endpoint health";

impl Membership<'_> {
    /// Removes a member. The others must have a majority without it; and if it lives, nothing may be wrong with them.
    pub(super) fn remove(
        &mut self,
        gone: &ListedMember,
        list: &[ListedMember],
        operator: &mut dyn Operator,
    ) -> Result<Progress, OperationError> {
        let name = gone.shown();
        let others: Vec<&ListedMember> =
            list.iter().filter(|one| one.id() != gone.id() && !one.is_learner).collect();
        let seen = operator.observe(self.running);
        let etcdctl = self.etcdctl(&seen);
        let is_healthy =
            |one: &&&ListedMember| seen.member(&one.name).is_some_and(|member| member.healthy == Some(true));
        let healthy: Vec<&&ListedMember> = others.iter().filter(is_healthy).collect();
        if healthy.len() * 2 <= others.len() {
            return Ok(self.stop(format!(
                "{name}: without it the cluster has {} members with a vote, of which {} are healthy, and that is no \
                 majority",
                others.len(),
                healthy.len()
            )));
        }
        let own = Etcdctl { endpoints: gone.client_urls.clone(), ..etcdctl.clone() };
        let lives = gone.has_started() && own.once(HEALTH, operator).is_ok();
        if lives && self.comes_back(&gone.name) {
            return Ok(self.stop(format!(
                "{name}: it is healthy, and would lose its data: stop it first if its disk is to be another one"
            )));
        }
        if lives {
            // The leader may be the one that goes.
            let found = self.wait_for(operator, |seen| self.unwell(seen, list, &[&name]));
            if !found.is_empty() {
                self.report.obstacles = found;
                return Ok(Progress::Stopped(End::NotSafe));
            }
            let leads =
                !seen.members.iter().any(|member| member.role == Some("leader") && member.name != gone.name);
            if let Some(heir) = healthy.first().filter(|_| leads) {
                // If it fails, the others elect a leader by themselves.
                let said = own.once(&format!("move-leader {}", heir.id()), operator);
                if said.is_ok() {
                    operator.tell(&format!("{name}: {} is the leader now", heir.name));
                }
            }
        }
        operator.tell(&format!("{name}: removing it from the cluster"));
        let words = format!("member remove {}", gone.id());
        etcdctl.change(&name, &words, self.options.wait, operator, |list| {
            !list.iter().any(|one| one.id() == gone.id())
        })?;
        self.report.removed.push(name.clone());
        if let Some(line) = self.leaving(gone).and_then(|leaving| self.stopping(leaving))
            && let Err(why) = operator.run_one(&line, LAST_WORD)
        {
            self.report.notices.push(format!(
                "{name}: it is no member any more, and its host was not reached ({why}); if there still is one, run there: \
                 systemctl disable --now etcd"
            ));
        }
        let voters = others.len();
        if voters < 3 {
            self.report.notices.push(format!(
                "with {voters} members that have a vote, the cluster survives the loss of none"
            ));
        }
        Ok(Progress::Done)
    }

    /// Adds a member without a vote, after its host has its files.
    pub(super) fn add(
        &mut self,
        name: &str,
        list: &[ListedMember],
        operator: &mut dyn Operator,
    ) -> Result<Progress, OperationError> {
        let Some(member) = self.member(name) else { return Ok(Progress::Stopped(End::NotSafe)) };
        let found = self.wait_for(operator, |seen| self.unwell(seen, list, &[]));
        if !found.is_empty() {
            self.report.obstacles = found;
            return Ok(Progress::Stopped(End::NotSafe));
        }
        let urls = self.urls(member);
        if let Some(why) = self.running.start(name).and_then(|start| differs(start, &urls, list)) {
            return Ok(self.stop(format!("{name}: {why}")));
        }
        if self.comes_back(name) && self.cluster.unit() != UnitKind::None {
            operator.tell(&format!("{name}: setting its data aside"));
            let said = self.on_host(name, &set_aside_command(self.cluster), operator)?;
            for place in said.lines() {
                self.report.notices.push(format!("{name}: the data of before is in {place} on its host"));
            }
        } else {
            self.report.obstacles = self.obstacles_on(name, operator)?;
            if !self.report.obstacles.is_empty() {
                return Ok(Progress::Stopped(End::NotSafe));
            }
        }
        self.place(name, operator)?;
        operator.tell(&format!("{name}: adding it to the cluster, without a vote"));
        let seen = operator.observe(self.running);
        let words = format!("member add {} --learner --peer-urls={}", word(name), word(&urls.join(",")));
        self.etcdctl(&seen).change(name, &words, self.options.wait, operator, |list| {
            listed(self.cluster, list, name).is_some()
        })?;
        self.report.added.push(name.to_owned());
        Ok(Progress::Done)
    }

    fn place(&mut self, name: &str, operator: &mut dyn Operator) -> Result<(), OperationError> {
        let Some(host) = self.host(name) else { return Ok(()) };
        operator.tell(&format!("{name}: bringing its files to its host"));
        let line = placing_all(self.cluster, self.folder, &host, &self.options.template);
        let said = operator.run_one(&line, self.options.wait).map_err(|why| OperationError::Command {
            member: name.to_owned(),
            line: format!("a command on {}", host.address),
            why,
        })?;
        let changed = self.report.placed.entry(name.to_owned()).or_default();
        changed.extend(said.lines().map(str::to_owned));
        Ok(())
    }

    /// Starts a member that was added, gives it a vote, and looks whether all is well then.
    pub(super) fn finish(
        &mut self,
        name: &str,
        list: &[ListedMember],
        operator: &mut dyn Operator,
    ) -> Result<Progress, OperationError> {
        let Some(is) = listed(self.cluster, list, name) else { return Ok(Progress::Stopped(End::NotSafe)) };
        let (id, has_started, is_learner) = (is.id(), is.has_started(), is.is_learner);
        if self.cluster.unit() == UnitKind::None && !has_started {
            self.report.notices.push(format!(
                "{name}: its files are on its host, and the cluster waits for it; no unit of systemd starts it, so start it \
                 as you do it, and then run this again"
            ));
            return Ok(Progress::Stopped(End::Waits));
        }
        if !has_started && !self.facts(name, operator)?.is_running {
            if !self.report.placed.contains_key(name) {
                self.place(name, operator)?;
            }
            operator.tell(&format!("{name}: starting"));
            self.on_host(name, &start_command(), operator)?;
            self.report.started.push(name.to_owned());
        }
        if is_learner {
            operator.tell(&format!("{name}: waiting until it has what the leader has"));
            let seen = operator.observe(self.running);
            let words = format!("member promote {id}");
            self.etcdctl(&seen).change(name, &words, self.options.wait, operator, |list| {
                listed(self.cluster, list, name).is_some_and(|one| !one.is_learner)
            })?;
            self.report.promoted.push(name.to_owned());
        }
        self.see_it_well(name, operator)
    }

    /// Waits until a member and all others are well, and it shows its certificates.
    fn see_it_well(&mut self, name: &str, operator: &mut dyn Operator) -> Result<Progress, OperationError> {
        let list = self.list(operator)?;
        let own = [name.to_owned()];
        let found = self.wait_for(operator, |seen| {
            let mut found = self.unwell(seen, &list, &[]);
            found.extend(unproved(seen, &own));
            found
        });
        if !found.is_empty() {
            self.report.obstacles = found;
            return Ok(Progress::Stopped(End::NotSafe));
        }
        self.report.proved.push(name.to_owned());
        Ok(Progress::Done)
    }

    /// Tells the cluster the new URLs of a member whose data is on its new host, and starts it there.
    pub(super) fn move_to_its_url(
        &mut self,
        name: &str,
        list: &[ListedMember],
        operator: &mut dyn Operator,
    ) -> Result<Progress, OperationError> {
        let (Some(member), Some(is)) = (self.member(name), listed(self.cluster, list, name)) else {
            return Ok(Progress::Stopped(End::NotSafe));
        };
        let seen = operator.observe(self.running);
        let etcdctl = self.etcdctl(&seen);
        let found = self.unwell(&seen, list, &[name]);
        let others = list.iter().filter(|one| one.id() != is.id() && !one.is_learner).count();
        if !found.is_empty() || others * 2 <= others + 1 {
            self.report.obstacles = found;
            if self.report.obstacles.is_empty() {
                return Ok(self.stop(format!("{name}: the others are no majority while it moves")));
            }
            return Ok(Progress::Stopped(End::NotSafe));
        }
        let facts = self.facts(name, operator)?;
        let mut obstacles = facts.obstacles;
        let place = self.host(name).map(|host| host.address).unwrap_or_default();
        if !facts.has_data {
            obstacles.push(format!(
                "{name}: {} on {place} has no data: copy the member's data there while it is stopped, or replace the member",
                self.cluster.hosts.data_dir
            ));
        }
        let old = Etcdctl { endpoints: is.client_urls.clone(), ..etcdctl.clone() };
        if !facts.is_running && old.once(HEALTH, operator).is_ok() {
            obstacles.push(format!(
                "{name}: it still runs at {}: stop it there, and copy its data to {place}",
                is.client_urls.join(", ")
            ));
        }
        if !obstacles.is_empty() {
            self.report.obstacles = obstacles;
            return Ok(Progress::Stopped(End::NotSafe));
        }
        self.place(name, operator)?;
        let urls = self.urls(member);
        operator.tell(&format!("{name}: telling the cluster its new URLs"));
        let words = format!("member update {} --peer-urls={}", is.id(), word(&urls.join(",")));
        etcdctl.change(name, &words, self.options.wait, operator, |list| {
            listed(self.cluster, list, name).is_some_and(|one| one.peer_urls == urls)
        })?;
        self.report.moved.push(name.to_owned());
        let command = if facts.is_running { RESTART.to_owned() } else { start_command() };
        self.on_host(name, &command, operator)?;
        self.report.started.push(name.to_owned());
        self.see_it_well(name, operator)
    }
}
