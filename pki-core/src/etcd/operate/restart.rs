//! Restarting members one after the other: in which order, when the next may stop, and when it is back.

use time::OffsetDateTime;

use crate::etcd::check::forecast::{Forecast, Prospect};
use crate::etcd::check::observe::{MemberObservation, Observation, is_cured_by_restart};

/// How many proposals a member may be behind the leader and count as caught up: others write while it is asked.
const MOST_BEHIND: u64 = 1000;

/// The members in the order of their restarts: followers by name, and the leader last, so that it is handed over once.
/// `wanted` has the names of those that restart; empty for all.
pub fn order(observation: &Observation, wanted: &[String]) -> Vec<String> {
    let is_wanted = |member: &&MemberObservation| wanted.is_empty() || wanted.contains(&member.name);
    let mut members: Vec<&MemberObservation> = observation.members.iter().filter(is_wanted).collect();
    members.sort_by_key(|member| (member.role == Some("leader"), member.name.clone()));
    members.into_iter().map(|member| member.name.clone()).collect()
}

/// Those of these members that have not read their files: a restart changes what they are.
pub fn waiting(observation: &Observation, members: &[String]) -> Vec<String> {
    let waits = |name: &&String| {
        observation.member(name).is_some_and(|member| {
            let accepts = [member.client.accepts_its_file, member.peer.accepts_its_file];
            member.waits_for_restart || accepts.contains(&Some(false))
        })
    };
    members.iter().filter(waits).cloned().collect()
}

/// Why a member must not be stopped now; empty if it may. `accepts_outage` is for clusters of one or two members, which
/// have no majority without one.
pub fn obstacles(
    observation: &Observation,
    forecast: &Forecast,
    member: &str,
    accepts_outage: bool,
) -> Vec<String> {
    let mut obstacles = dangers(observation);
    let unknown = observation.members.iter().filter(|other| other.started.is_none());
    let told = |name: &str| obstacles.iter().any(|text| text.starts_with(&format!("{name}: ")));
    let silent: Vec<String> = unknown
        .filter(|other| !told(&other.name))
        .map(|other| {
            format!("{}: it does not tell since when it runs and with whom it is connected", other.name)
        })
        .collect();
    obstacles.extend(silent);
    let voters = observation.members.iter().filter(|other| other.role != Some("learner")).count();
    let is_voter = observation.member(member).is_some_and(|member| member.role != Some("learner"));
    if is_voter && voters.saturating_sub(1) < voters / 2 + 1 && !accepts_outage {
        obstacles.push(format!(
            "{member}: the cluster has {voters} members with a vote, and no majority while one of them is stopped"
        ));
    }
    if let Some(future) = forecast.members.iter().find(|future| future.name == member)
        && future.prospect != Prospect::Fine
    {
        let why: Vec<&str> = future.why.iter().chain(&future.cure).map(String::as_str).collect();
        let prospect = future.prospect.words();
        obstacles.push(format!("{member}: after a restart it {prospect}: {}", why.join("; ")));
    }
    obstacles
}

/// What is still missing after a member was restarted; empty if it is back, and has read its files. `before` is when its
/// process of before began.
pub fn missing(observation: &Observation, member: &str, before: Option<OffsetDateTime>) -> Vec<String> {
    let mut missing = dangers(observation);
    let own = observation.findings.iter().filter(|finding| finding.subject.as_deref() == Some(member));
    missing.extend(
        own.filter(|finding| is_cured_by_restart(finding.rule))
            .map(|finding| format!("{finding}; the host does not have the files of this folder")),
    );
    let Some(back) = observation.member(member) else { return missing };
    match (back.started, before) {
        (Some(started), Some(before)) if started > before => {}
        (Some(_), None) => {}
        (None, _) if missing.is_empty() => {
            missing.push(format!("{member}: it does not tell since when it runs"));
        }
        (None, _) => {}
        (Some(_), Some(_)) => missing.push(format!("{member}: its process is the one of before")),
    }
    let leader = observation.members.iter().find(|member| member.role == Some("leader"));
    match (leader.and_then(|leader| leader.applied), back.applied) {
        (None, _) if missing.is_empty() => missing.push("no member says that it is the leader".to_owned()),
        (Some(all), Some(own)) if own + MOST_BEHIND < all => {
            missing.push(format!("{member}: it has {own} of {all} proposals"));
        }
        _ => {}
    }
    missing
}

/// What makes it unsafe to stop any member. What only a restart cures is no danger for it.
fn dangers(observation: &Observation) -> Vec<String> {
    let dangers = observation.dangers().filter(|finding| !is_cured_by_restart(finding.rule));
    dangers.map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
