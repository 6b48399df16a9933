//! What `cluster verify --json` says of a cluster.

use std::fmt;

use serde_json::Value;

use super::case::Case;
use crate::suite::command::run;
use crate::suite::product::etcdpki;

/// What is foreseen of the members of a folder.
pub struct Expected {
    pub clusters: Vec<Foreseen>,
}

/// What is foreseen of the members that name each other.
pub struct Foreseen {
    pub members: Vec<ForeseenMember>,
    /// Whether it forms; `None` if that depends on what the files do not tell.
    pub forms: Option<bool>,
    pub majority: u64,
    summary: String,
}

#[derive(Debug)]
pub struct ForeseenMember {
    pub name: String,
    pub starts: bool,
    /// Whether the client can connect to it.
    pub is_reached: bool,
    pub is_stranded: bool,
    /// Whether its loss ends the cluster; `None` if that depends on what the files do not tell.
    pub is_fatal: Option<bool>,
}

impl Expected {
    pub fn of(case: &Case, version: &str) -> Self {
        let ran = run(etcdpki(["cluster", "verify", "--json", "--etcd", version]).arg(&case.tree.root));
        let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
        let all = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        Self { clusters: all.iter().map(Foreseen::of).collect() }
    }

    pub fn survives_everything(&self) -> bool {
        let survives = |member: &ForeseenMember| member.starts && member.is_fatal == Some(false);
        matches!(self.clusters.as_slice(), [one] if one.forms == Some(true) && one.members.iter().all(survives))
    }
}

impl Foreseen {
    fn of(verified: &Value) -> Self {
        let list = |value: &Value| {
            let all = value.as_array().unwrap().iter();
            all.map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let verdict = &verified["verdict"];
        let otherwise = Some(&verified["otherwise"]).filter(|otherwise| !otherwise.is_null());
        // Nothing forwards connections here, who has no files does not run, and nobody has data.
        let is_false = |assumed: &str| {
            let false_here = [" leads to ", "whose files are not here", "the members have data"];
            false_here.iter().any(|words| assumed.contains(words))
        };
        let assumed = list(&verified["assumes"]);
        let possible = match otherwise {
            Some(otherwise) if assumed.iter().all(|assumed| is_false(assumed)) => vec![otherwise],
            Some(otherwise) => vec![verdict, otherwise],
            None => vec![verdict],
        };
        let stranded: Vec<String> = possible.iter().flat_map(|verdict| list(&verdict["stranded"])).collect();
        let losses = |verdict: &Value| {
            let losses = verdict["fatal_losses"].as_array().unwrap().iter();
            losses.map(|loss| loss["member"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let losses: Vec<Vec<String>> = possible.iter().map(|verdict| losses(verdict)).collect();
        let forms: Vec<bool> = possible.iter().map(|verdict| verdict["forms"] == true).collect();
        let unreached: Vec<String> = verified["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] == "error" || finding["rule"] == "E858")
            .filter(|finding| finding["connection"]["kind"] == "client")
            .filter(|finding| !["E831", "E832"].contains(&finding["rule"].as_str().unwrap()))
            .flat_map(|finding| list(&finding["connection"]["to"]))
            .collect();
        let member = |member: &Value| {
            let name = member["name"].as_str().unwrap().to_owned();
            ForeseenMember {
                starts: member["starts"] == true,
                is_reached: !unreached.contains(&name),
                is_stranded: stranded.contains(&name),
                is_fatal: if_equal(losses.iter().map(|losses| losses.contains(&name))),
                name,
            }
        };
        Self {
            members: verified["members"].as_array().unwrap().iter().map(member).collect(),
            forms: if_equal(forms),
            majority: verdict["majority"].as_u64().unwrap(),
            summary: verified["summary"].as_str().unwrap().to_owned(),
        }
    }
}

/// What all are, if they are equal.
fn if_equal(all: impl IntoIterator<Item = bool>) -> Option<bool> {
    let mut all = all.into_iter();
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cluster in &self.clusters {
            writeln!(f, "  foreseen: {}; forms: {:?}", cluster.summary, cluster.forms)?;
            for member in &cluster.members {
                writeln!(f, "    {member:?}")?;
            }
        }
        Ok(())
    }
}
