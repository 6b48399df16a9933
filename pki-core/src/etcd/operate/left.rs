//! What is left to do with members that run, by a look at them.

use serde::Serialize;

use crate::etcd::check::observe::{MemberObservation, Observation, is_cured_by_restart};
use crate::etcd::operate::membership::MembershipReport;
use crate::etcd::operate::renew::unproved;
use crate::etcd::operate::restart::waiting;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftKind {
    /// Certificates have ended, and have to be renewed for the cluster to work.
    Recover,
    /// A CA that is offline has to sign.
    Sign,
    /// The description was changed, and has to be applied.
    Apply,
    /// Certificates are due.
    Renew,
    /// Something is in danger, and a person has to look at it.
    Look,
    /// No member runs.
    Deploy,
    /// Members have to be removed from the cluster, added to it, or finished.
    Members,
    /// Files of DIR have to come to hosts.
    Copy,
    /// Members have to restart, because they have not read their files.
    Restart,
}

impl LeftKind {
    /// What is to be done, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Recover => "renew what has ended",
            Self::Sign => "let the CA sign",
            Self::Apply => "apply the description",
            Self::Renew => "renew certificates",
            Self::Look => "look at what is in danger",
            Self::Deploy => "bring the members to their hosts, and start them",
            Self::Members => "change the members of the cluster",
            Self::Copy => "bring the files to the hosts",
            Self::Restart => "restart members",
        }
    }
}

/// Something that is left to do. Serialises to a part of the JSON of `cluster steps --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftStep {
    /// What is to be done.
    pub kind: LeftKind,
    /// With which members, certificates or files.
    pub subjects: Vec<String>,
    /// Why.
    pub why: Vec<String>,
}

impl LeftStep {
    /// Something that is left to do, for one reason.
    pub fn new(kind: LeftKind, subjects: Vec<String>, why: impl Into<String>) -> Self {
        Self { kind, subjects, why: vec![why.into()] }
    }
}

/// What is left to do with the members, in the order in which it is safe: what is in danger comes first. `members` says
/// which have to be removed or added.
pub fn left(seen: &Observation, members: &MembershipReport) -> Vec<LeftStep> {
    let names = |of: &mut dyn Iterator<Item = &MemberObservation>| {
        of.map(|member| member.name.clone()).collect::<Vec<_>>()
    };
    let answers = |member: &&MemberObservation| member.client.no_answer.is_none();
    if !seen.members.iter().any(|member| answers(&member)) {
        let all = names(&mut seen.members.iter());
        return vec![LeftStep::new(LeftKind::Deploy, all, "no member answers")];
    }
    let mut steps = Vec::new();
    let is_changing = |name: &str| members.left.iter().any(|left| left == name);
    let is_other = |subject: &Option<String>| subject.as_ref().is_none_or(|name| !is_changing(name));
    let dangers = seen.dangers().filter(|one| !is_cured_by_restart(one.rule) && is_other(&one.subject));
    let (mut subjects, mut why) = (Vec::new(), members.obstacles.clone());
    for danger in dangers {
        let subject = danger.subject.clone().unwrap_or_default();
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
        why.push(danger.to_string());
    }
    if !why.is_empty() {
        steps.push(LeftStep { kind: LeftKind::Look, subjects, why });
    }
    if !members.left.is_empty() {
        let why = "the cluster does not have the members of the description";
        steps.push(LeftStep::new(LeftKind::Members, members.left.clone(), why));
    }
    let here: Vec<String> = names(&mut seen.members.iter().filter(answers))
        .into_iter()
        .filter(|name| !is_changing(name))
        .collect();
    let is_behind = |name: &&String| !unproved(seen, std::slice::from_ref(*name)).is_empty();
    let behind: Vec<String> = here.iter().filter(is_behind).cloned().collect();
    if !behind.is_empty() {
        let why = unproved(seen, &behind);
        steps.push(LeftStep { kind: LeftKind::Copy, subjects: behind, why });
    }
    let late = waiting(seen, &here);
    if !late.is_empty() {
        let is_late = |subject: &Option<String>| subject.as_ref().is_some_and(|name| late.contains(name));
        let found = seen.findings.iter().filter(|one| is_cured_by_restart(one.rule) && is_late(&one.subject));
        let why = found.map(ToString::to_string).collect();
        steps.push(LeftStep { kind: LeftKind::Restart, subjects: late, why });
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::place::Place;
    use crate::etcd::check::observe::RULES;
    use crate::etcd::operate::operator::Operator;
    use crate::etcd::operate::rolling::tests::{Three, running};

    fn seen(three: &mut Three) -> Observation {
        three.clock = Duration::ZERO;
        three.observe(&running("service"))
    }

    fn kinds(seen: &Observation, members: &MembershipReport) -> Vec<(LeftKind, Vec<String>)> {
        left(seen, members).into_iter().map(|step| (step.kind, step.subjects)).collect()
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_left_with_members_that_are_as_their_files_say() {
        assert_eq!(left(&seen(&mut Three::default()), &MembershipReport::default()), []);
    }

    #[test]
    fn danger_comes_first_then_members_then_files_then_restarts() {
        let mut seen = seen(&mut Three { waits: vec!["c"], ..Three::default() });
        let silent = RULES.iter().find(|rule| rule.id == "E1108").unwrap();
        seen.findings.push(silent.finding(Place::default(), "not healthy").about("a"));
        seen.members[1].peer.serves_its_file = Some(false);
        let members = MembershipReport { left: texts(&["d"]), ..MembershipReport::default() };
        let expected = [
            (LeftKind::Look, texts(&["a"])),
            (LeftKind::Members, texts(&["d"])),
            (LeftKind::Copy, texts(&["b"])),
            (LeftKind::Restart, texts(&["c"])),
        ];
        assert_eq!(kinds(&seen, &members), expected);
        assert!(left(&seen, &members)[0].why[0].contains("not healthy"));
        // What is wrong with one that is changed anyway is no danger.
        let members = MembershipReport { left: texts(&["a"]), ..MembershipReport::default() };
        assert_eq!(kinds(&seen, &members)[0].0, LeftKind::Members);
    }

    #[test]
    fn if_nobody_answers_they_have_to_be_started() {
        let mut seen = seen(&mut Three::default());
        for member in &mut seen.members {
            member.client.no_answer = Some("refused".to_owned());
        }
        assert_eq!(kinds(&seen, &MembershipReport::default()), [(LeftKind::Deploy, texts(&["a", "b", "c"]))]);
    }
}
