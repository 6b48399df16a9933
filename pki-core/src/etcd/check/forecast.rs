//! What would happen if a member restarted now: with the files that it has, among members that go on as they are.
//!
//! A member that runs trusts what it read at its start. So its files say nothing about it, and the names of CAs that it
//! accepts say little: it is shown the certificate of the member that would restart, and its answer counts.

mod report;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

pub use report::{Forecast, Link, MemberForecast, Prospect};
pub(crate) use rules::RULES;

use crate::base::place::Place;
use crate::etcd::check::finding::{Finding, Rule};
use crate::etcd::check::observe::{Expected, ExpectedPort, Running, Situation};
use crate::etcd::live::{self, NoAnswer, SeenMember, Verdict};
use crate::tls::check_shown;

/// What each running member makes of the certificate of each other one, by the names of the one that restarts and of the
/// one that runs.
pub type Answers = BTreeMap<(String, String), Result<Verdict, NoAnswer>>;

impl Running {
    /// Looks at all members, shows each the certificates of the others, and says what a restart of each would bring.
    /// `now` is the moment at which this is called. Each question is answered within `limit`.
    pub fn forecast(&self, now: OffsetDateTime, limit: Duration) -> Forecast {
        let seen = self.look(now, limit);
        let answers = self.ask(&seen, limit);
        self.foresee(&seen, &answers, now)
    }

    /// Shows each running member the certificates in the files of the others.
    pub fn ask(&self, seen: &[SeenMember], limit: Duration) -> Answers {
        let members = || self.members.iter().zip(seen);
        let asked = self.members.iter().flat_map(|from| members().map(move |(to, seen)| (from, to, seen)));
        let asked = asked.filter(|(from, to, seen)| from.name != to.name && seen.peer.greeting.is_some());
        std::thread::scope(|scope| {
            let asking: Vec<_> = asked
                .filter_map(|(from, to, _)| {
                    let shown = from.peer.identity.as_ref().ok()?;
                    let pair = (from.name.clone(), to.name.clone());
                    Some((pair, scope.spawn(move || live::accepts(&to.target, shown, limit))))
                })
                .collect();
            let answers = asking.into_iter().filter_map(|(pair, answer)| Some((pair, answer.join().ok()?)));
            answers.collect()
        })
    }

    /// What a restart of each member would bring, by what was seen of the members, in the order of
    /// [`Self::names`], and what they answered.
    pub fn foresee(&self, seen: &[SeenMember], answers: &Answers, now: OffsetDateTime) -> Forecast {
        let seer = Seer { running: self, seen, answers, now };
        let members: Vec<MemberForecast> = self.members.iter().map(|member| seer.member(member)).collect();
        let mut findings: Vec<Finding> = members.iter().filter_map(finding).collect();
        findings.sort_by_key(|finding| (finding.severity, finding.rule));
        let worst = members.iter().map(|member| member.prospect).max().unwrap_or(Prospect::Fine);
        Forecast {
            cluster: self.record.as_ref().map(|record| record.cluster.clone()),
            etcd: self.version.to_string(),
            now,
            situation: match worst {
                Prospect::Fine => Situation::AsRecorded,
                Prospect::Unknown => Situation::Waits,
                _ => Situation::NotSafe,
            },
            members,
            findings,
        }
    }
}

struct Seer<'a> {
    running: &'a Running,
    seen: &'a [SeenMember],
    answers: &'a Answers,
    now: OffsetDateTime,
}

impl Seer<'_> {
    fn member(&self, member: &Expected) -> MemberForecast {
        let mut forecast = MemberForecast {
            name: member.name.clone(),
            prospect: Prospect::Fine,
            links: BTreeMap::new(),
            why: Vec::new(),
            cure: Vec::new(),
        };
        for (port, what) in [(&member.client, "client port"), (&member.peer, "peer port")] {
            if let Some(why) = no_start(port) {
                forecast.prospect = Prospect::NoStart;
                forecast.why.push(format!("{what}: {why}"));
            }
        }
        if forecast.prospect == Prospect::NoStart {
            forecast.cure.push(format!("correct the files of {}", member.name));
            return forecast;
        }
        for (other, seen) in self.running.members.iter().zip(self.seen) {
            if other.name != member.name {
                let link = self.link(member, other, seen, &mut forecast);
                forecast.links.insert(other.name.clone(), link);
            }
        }
        let count = |wanted: Link| forecast.links.values().filter(|link| **link == wanted).count();
        let majority = self.running.members.len() / 2 + 1;
        let (works, unknown, refused) = (count(Link::Works), count(Link::Unknown), count(Link::Refused));
        forecast.prospect = match () {
            () if refused > 0 && works + unknown + 1 < majority => Prospect::Isolated,
            () if refused > 0 => Prospect::Apart,
            () if unknown > 0 => Prospect::Unknown,
            () => Prospect::Fine,
        };
        if forecast.prospect == Prospect::Fine
            && let Some(why) = self.refused_client(member)
        {
            forecast.prospect = Prospect::RefusesClients;
            forecast.why.push(why);
            forecast.cure.push(format!("put the CA of the clients into the files of {}", member.name));
        }
        forecast
    }

    /// The connection between a member after its restart and one that goes on. Peers check each other in both
    /// directions, so one refusal is enough.
    fn link(
        &self,
        member: &Expected,
        other: &Expected,
        seen: &SeenMember,
        forecast: &mut MemberForecast,
    ) -> Link {
        let (name, to) = (&member.name, &other.name);
        let Some(greeting) = &seen.peer.greeting else {
            let why = seen.peer.no_answer.as_ref().map_or("it has no TLS".to_owned(), ToString::to_string);
            forecast.why.push(format!("what {to} would do is not known: {why}"));
            return Link::Unknown;
        };
        let host = seen.peer.endpoint.as_ref().map(|endpoint| endpoint.host.as_str()).unwrap_or_default();
        let live: Vec<&[u8]> = greeting.chain.iter().map(Vec::as_slice).collect();
        if let Err(refusal) = self.accepts(&member.peer, &live, host) {
            forecast.why.push(format!("{name} would refuse the certificate that {to} shows now: {refusal}"));
            let would_pass = |chain: Vec<&[u8]>| self.accepts(&member.peer, &chain, host).is_ok();
            let is_copied = other.peer.identity.as_ref().is_ok_and(|identity| would_pass(identity.chain()));
            forecast.cure.push(match is_copied {
                true => format!("copy the certificate in the files of {to} to its host, without a restart"),
                false => format!("put the CA of the certificate that {to} shows into the files of {name}"),
            });
            return Link::Refused;
        }
        match self.answers.get(&(name.clone(), to.clone())) {
            Some(Ok(Verdict::Accepted)) => Link::Works,
            Some(Ok(Verdict::Refused { alert })) => {
                forecast.why.push(format!(
                    "{to} refuses the certificate in the files of {name}: TLS alert `{alert}`"
                ));
                let own = member.peer.identity.as_ref().map(crate::tls::Identity::chain).unwrap_or_default();
                forecast.cure.push(match self.accepts_client(&other.peer, &own) {
                    true => format!("restart {to} first: its files have the CA, and its process has not"),
                    false => format!("put the CA of {name} into the files of {to}, and restart {to} first"),
                });
                Link::Refused
            }
            Some(Err(no_answer)) => {
                forecast.why.push(format!("what {to} would do is not known: {no_answer}"));
                Link::Unknown
            }
            None => Link::Unknown,
        }
    }

    fn accepts(&self, port: &ExpectedPort, shown: &[&[u8]], host: &str) -> Result<(), String> {
        let authorities = port.read_authorities().map_err(|why| why.to_string())?;
        check_shown(shown, &authorities, &port.allowed, Some(host), self.now)
            .map_err(|refusal| refusal.reason.to_string())
    }

    fn accepts_client(&self, port: &ExpectedPort, shown: &[&[u8]]) -> bool {
        let Ok(authorities) = port.read_authorities() else { return false };
        check_shown(shown, &authorities, &port.allowed, None, self.now).is_ok()
    }

    /// Why the client as which members are asked would be refused.
    fn refused_client(&self, member: &Expected) -> Option<String> {
        let identity = self.running.identity.as_ref().filter(|_| member.client.demands)?;
        let authorities = member.client.read_authorities().ok()?;
        let refusal =
            check_shown(&identity.chain(), &authorities, &member.client.allowed, None, self.now).err()?;
        Some(format!("{} would refuse the client with which it is asked: {}", member.name, refusal.reason))
    }
}

/// Why etcd does not start with the files of a port.
fn no_start(port: &ExpectedPort) -> Option<String> {
    if !port.is_tls {
        return None;
    }
    let identity = port.identity.as_ref().err();
    identity.cloned().or_else(|| port.read_authorities().err()).map(|why| why.to_string())
}

fn finding(member: &MemberForecast) -> Option<Finding> {
    let rule: &Rule = match member.prospect {
        Prospect::Fine => return None,
        Prospect::Unknown => rules::UNKNOWN,
        Prospect::RefusesClients => rules::REFUSES_CLIENTS,
        Prospect::Apart => rules::APART,
        Prospect::Isolated => rules::ISOLATED,
        Prospect::NoStart => rules::NO_START,
    };
    let remedy = (!member.cure.is_empty()).then(|| member.cure.join("; "));
    Some(rule.finding(Place::default(), member.why.join("; ")).about(&member.name).remedy(remedy))
}

#[cfg(test)]
mod tests;
