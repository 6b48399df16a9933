//! What is foreseen from what was seen and answered, without any network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use time::macros::datetime;

use super::*;
use crate::etcd::cluster::Cluster;
use crate::etcd::folder::snapshot::{Entry, FileKind};
use crate::etcd::live::SeenPort;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::plan::tests::{apply, empty};
use crate::tls::Greeting;

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

fn running() -> Running {
    let members = ["a", "b", "c"].map(|name| format!("  - {{name: {name}, address: {name}.example}}\n"));
    let members = members.concat().replace("address: ", "dns: ");
    let cluster = Cluster::from_yaml(&format!("name: prod\nmembers:\n{members}"), None).unwrap().value;
    let mut snapshot = empty();
    apply(&cluster, &mut snapshot, NOW);
    let paths: Vec<String> = snapshot.paths().map(str::to_owned).collect();
    let files: BTreeMap<PathBuf, Entry> = paths
        .into_iter()
        .map(|path| (Path::new("/out").join(&path), snapshot.entry(&path).unwrap().unwrap().clone()))
        .filter(|(_, entry)| entry.kind == FileKind::File)
        .collect();
    Running::read(Path::new("/out"), EtcdVersion::V3_5, "root", &files).unwrap()
}

fn seen(running: &Running) -> Vec<SeenMember> {
    let peer = |member: &Expected| SeenPort {
        endpoint: member.target.peer.first().cloned(),
        greeting: Some(Greeting {
            chain: vec![member.peer.leaf.as_ref().unwrap().der().to_vec()],
            ..Greeting::default()
        }),
        ..SeenPort::default()
    };
    let member =
        |member| SeenMember { client: SeenPort::default(), peer: peer(member), told: None, silence: None };
    running.members.iter().map(member).collect()
}

fn answers(refusing: &[(&str, &str)]) -> Answers {
    let names = ["a", "b", "c"];
    let pairs = names.iter().flat_map(|from| names.iter().map(move |to| (*from, *to)));
    let answer = |pair| match refusing.contains(&pair) {
        true => Ok(Verdict::Refused { alert: "unknown CA".to_owned() }),
        false => Ok(Verdict::Accepted),
    };
    let pairs = pairs.filter(|(from, to)| from != to);
    pairs.map(|(from, to)| ((from.to_owned(), to.to_owned()), answer((from, to)))).collect()
}

fn prospects(forecast: &Forecast) -> Vec<Prospect> {
    forecast.members.iter().map(|member| member.prospect).collect()
}

#[test]
fn refusals_add_up() {
    use Prospect::{Apart, Fine, Isolated};
    let running = running();
    let seen = seen(&running);
    for (refusing, expected) in [
        (vec![], [Fine, Fine, Fine]),
        (vec![("a", "b")], [Apart, Fine, Fine]),
        (vec![("a", "b"), ("a", "c")], [Isolated, Fine, Fine]),
        (vec![("a", "b"), ("c", "b"), ("b", "c")], [Apart, Apart, Apart]),
    ] {
        let forecast = running.foresee(&seen, &answers(&refusing), NOW);
        assert_eq!(prospects(&forecast), expected, "{refusing:?}");
        let is_fine = expected == [Fine; 3];
        assert_eq!(forecast.situation == Situation::AsRecorded, is_fine);
        assert_eq!(forecast.findings.is_empty(), is_fine);
    }
    let forecast = running.foresee(&seen, &answers(&[("a", "b"), ("a", "c")]), NOW);
    let finding = &forecast.findings[0];
    assert_eq!((finding.rule, finding.subject.as_deref()), ("E1122", Some("a")));
    assert!(finding.problem.contains("b refuses the certificate in the files of a: TLS alert `unknown CA`"));
    assert!(finding.remedy.contains("restart c first: its files have the CA"), "{}", finding.remedy);
}

#[test]
fn what_is_not_known_is_not_fine() {
    let running = running();
    let mut seen = seen(&running);
    seen[2].peer.greeting = None;
    let forecast = running.foresee(&seen, &answers(&[]), NOW);
    assert_eq!(prospects(&forecast), [Prospect::Unknown, Prospect::Unknown, Prospect::Fine]);
    assert_eq!(forecast.situation, Situation::Waits);
    // Without an answer it is not known either.
    let forecast = running.foresee(&self::seen(&running), &Answers::new(), NOW);
    assert_eq!(prospects(&forecast), [Prospect::Unknown; 3]);
}

/// What a member shows now is checked by the files of the one that restarts: here all of it has ended.
#[test]
fn what_has_ended_is_refused() {
    let running = running();
    let forecast = running.foresee(&seen(&running), &answers(&[]), NOW + time::Duration::days(20_000));
    assert_eq!(prospects(&forecast), [Prospect::Isolated; 3]);
    assert!(forecast.members[0].why[0].starts_with("a would refuse the certificate that b shows now: "));
}
