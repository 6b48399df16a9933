//! Renewing certificates of members that run, for the same keys: when that is safe, how files get to a host, and what
//! shows that the processes use them.

use std::path::Path;

use crate::etcd::check::observe::{Observation, PortObservation, hinders_renewal};
use crate::etcd::cluster::Cluster;
use crate::etcd::cluster::path::NODES;
use crate::etcd::operate::{Host, Template};
use crate::etcd::render::deploy::install_command;
use crate::etcd::safe::shell::word;

/// The ports of a member, with their names.
fn ports(observation: &Observation, member: &str) -> Vec<(&'static str, PortObservation)> {
    let Some(member) = observation.member(member) else { return Vec::new() };
    vec![("client port", member.client.clone()), ("peer port", member.peer.clone())]
}

/// Why new certificates for the same keys must not be brought to these members now; empty if they may. A process that has
/// another key than the files reads a new certificate at its next handshake, and every handshake fails from then on.
pub fn renewal_obstacles(observation: &Observation, members: &[String]) -> Vec<String> {
    let is_meant = |subject: &Option<String>| subject.as_ref().is_some_and(|name| members.contains(name));
    let findings = observation.findings.iter();
    let findings = findings.filter(|finding| is_meant(&finding.subject) && hinders_renewal(finding.rule));
    let mut obstacles: Vec<String> = findings.map(ToString::to_string).collect();
    for member in members {
        for (what, port) in ports(observation, member) {
            if port.has_key_of_its_file == Some(false) {
                obstacles.push(format!(
                    "{member}: {what}: it has another key than its file, so the host does not have the files of this \
                     folder"
                ));
            }
        }
    }
    obstacles
}

/// The members of which a port does not show the certificate of its file.
pub fn behind(observation: &Observation) -> Vec<String> {
    let names = observation.members.iter().map(|member| member.name.clone());
    names.filter(|name| !unproved(observation, std::slice::from_ref(name)).is_empty()).collect()
}

/// What is missing until the processes of these members are seen to use the certificates of their files; empty if they
/// do.
pub fn unproved(observation: &Observation, members: &[String]) -> Vec<String> {
    let mut missing = Vec::new();
    for member in members {
        for (what, port) in ports(observation, member) {
            if port.serves_its_file != Some(true) {
                let is = match (&port.serial, &port.no_answer) {
                    (Some(serial), _) => format!("it shows the certificate with the serial number {serial}"),
                    (None, Some(why)) => format!("it does not answer: {why}"),
                    (None, None) => "it shows no certificate".to_owned(),
                };
                missing.push(format!("{member}: {what}: {is}, and not that of its file"));
            }
        }
    }
    missing
}

/// A line for a shell here that puts files of a member into their places on its host, each whole, with the owner and mode
/// that it has there. `paths` are those of files in the output folder; others than this member's are left out.
pub fn placing(
    cluster: &Cluster,
    folder: &Path,
    host: &Host,
    paths: &[String],
    template: &Template,
) -> String {
    let own = format!("{NODES}/{}/", host.name);
    let files: Vec<String> = paths.iter().filter_map(|path| path.strip_prefix(&own)).map(word).collect();
    bringing(cluster, folder, host, &format!("-- {}", files.join(" ")), template)
}

/// A line that puts all files of a member into their places on its host.
pub(super) fn placing_all(cluster: &Cluster, folder: &Path, host: &Host, template: &Template) -> String {
    bringing(cluster, folder, host, "--exclude='.etcdpki-*' .", template)
}

fn bringing(cluster: &Cluster, folder: &Path, host: &Host, files: &str, template: &Template) -> String {
    let from = word(&folder.join(NODES).join(&host.name).to_string_lossy());
    let command = host.as_root(&format!("exec sh -c {}", word(&install_command(cluster))));
    // The template may be several commands.
    format!("tar -C {from} -cf - {files} | {{ {}\n}}", template.line(host, &command))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use time::macros::datetime;

    use super::*;
    use crate::base::place::Place;
    use crate::etcd::check::Finding;
    use crate::etcd::check::observe::{MemberObservation, RULES, Situation};

    fn observation(findings: Vec<Finding>, own: Option<bool>, key: Option<bool>) -> Observation {
        let port = || PortObservation {
            serial: Some("7".to_owned()),
            serves_its_file: own,
            has_key_of_its_file: key,
            ..PortObservation::default()
        };
        let member = |name: &str| MemberObservation {
            name: name.to_owned(),
            role: None,
            id: None,
            version: None,
            started: None,
            healthy: None,
            clock_difference: None,
            connected: BTreeMap::new(),
            applied: None,
            client: port(),
            peer: port(),
            waits_for_restart: false,
        };
        Observation {
            cluster: None,
            etcd: "3.5".to_owned(),
            now: datetime!(2026-11-27 12:00 UTC),
            situation: Situation::AsRecorded,
            members: vec![member("a"), member("b")],
            findings,
        }
    }

    fn finding(rule: &str, member: &str) -> Finding {
        let rule = RULES.iter().find(|known| known.id == rule).unwrap();
        rule.finding(Place::file("x"), "why").about(member)
    }

    #[test]
    fn nothing_is_brought_to_who_has_another_key_or_does_not_answer() {
        let members = ["a".to_owned()];
        let told = |findings, key| renewal_obstacles(&observation(findings, Some(false), key), &members);
        assert_eq!(told(vec![], Some(true)), [""; 0]);
        let other = told(vec![], Some(false));
        assert_eq!(other.len(), 2);
        assert!(other[0].starts_with("a: client port: it has another key"), "{other:?}");
        for rule in ["E1101", "E1102", "E1105", "E1109", "E1110"] {
            assert_eq!(told(vec![finding(rule, "a")], Some(true)).len(), 1, "{rule}");
            assert_eq!(told(vec![finding(rule, "b")], Some(true)), [""; 0], "{rule}");
        }
        for rule in ["E1104", "E1107", "E1114"] {
            assert_eq!(told(vec![finding(rule, "a")], Some(true)), [""; 0], "{rule}");
        }
    }

    #[test]
    fn who_shows_its_file_is_proved() {
        let members = ["a".to_owned()];
        assert_eq!(unproved(&observation(vec![], Some(true), None), &members), [""; 0]);
        assert_eq!(behind(&observation(vec![], Some(true), None)), [""; 0]);
        for own in [None, Some(false)] {
            let seen = observation(vec![], own, None);
            assert_eq!(unproved(&seen, &members).len(), 2);
            assert_eq!(behind(&seen), ["a", "b"]);
        }
    }

    #[test]
    fn files_of_others_are_not_sent_and_names_are_words() {
        let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\nhost: {user: e}\n";
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        let paths = ["nodes/a/etc/etcd/pki/server.pem", "nodes/b/x.pem", "clients/root/client.pem"];
        let paths = paths.map(str::to_owned);
        let host = Host::new("a", "10.0.0.1");
        let line = placing(&cluster, Path::new("/o $x"), &host, &paths, &Template::default());
        assert!(
            line.starts_with(
                "tar -C '/o $x/nodes/a' -cf - -- etc/etcd/pki/server.pem | { ssh root@10.0.0.1 "
            ),
            "{line}"
        );
        assert!(line.contains("mv -fT") && line.contains("user=e"), "{line}");
    }
}
