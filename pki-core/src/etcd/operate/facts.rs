//! What a host says about itself before anything is changed on it.

use time::{Duration, OffsetDateTime};

use crate::etcd::cluster::Cluster;
use crate::etcd::operate::reach::Host;

/// The greatest difference of clocks that is in order: that of a look at members that run.
const CLOCK_TOLERANCE: Duration = Duration::seconds(60);

/// What was found on a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether the member runs.
    pub(super) is_running: bool,
    /// Whether its data folder has data.
    pub(super) has_data: bool,
    /// What is in the way, each with what to do.
    pub(super) obstacles: Vec<String>,
}

impl Facts {
    /// Reads what the script wrote that asks a host. It ran at some time between `before` and `after`.
    pub(super) fn read(
        cluster: &Cluster,
        host: &Host,
        answer: &str,
        before: OffsetDateTime,
        after: OffsetDateTime,
    ) -> Self {
        let mut facts = Self::default();
        let mut is_whole = false;
        for line in answer.lines() {
            let (fact, details) = line.split_once(' ').unwrap_or((line, ""));
            match fact {
                "running" => facts.is_running = true,
                "has-data" => facts.has_data = true,
                "checked" => is_whole = true,
                "clock" => {
                    let found = details.parse().ok().and_then(|seconds| clock(seconds, before, after));
                    facts.obstacles.extend(found.map(|text| format!("{}: {text}", host.name)));
                }
                fact => {
                    let found = obstacle(cluster, host, fact, details);
                    facts.obstacles.extend(found.map(|text| format!("{}: {text}", host.name)));
                }
            }
        }
        if !is_whole {
            facts.obstacles.push(format!(
                "{}: commands do not run as root on {}: make ssh and sudo there work without a password",
                host.name, host.address
            ));
        }
        facts
    }
}

/// How far the clock of a host is off, if that is too far.
fn clock(seconds: i64, before: OffsetDateTime, after: OffsetDateTime) -> Option<String> {
    let there = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let (ahead, behind) = (there - after, before - there);
    let (off, how) = if ahead > behind { (ahead, "ahead") } else { (behind, "behind") };
    (off > CLOCK_TOLERANCE).then(|| {
        format!(
            "the clock of its host is {} seconds {how}: let both hosts keep time, for example with chrony",
            off.whole_seconds()
        )
    })
}

/// What a fact is in the way of, and what to do.
fn obstacle(cluster: &Cluster, host: &Host, fact: &str, details: &str) -> Option<String> {
    let (place, binary, user) = (&host.address, &cluster.hosts.binary, &cluster.hosts.user);
    let series = format!("3.{}", cluster.version().minor());
    let data = &cluster.hosts.data_dir;
    let text = match fact {
        "version" if details == series || details.starts_with(&format!("{series}.")) => return None,
        "version" if details.starts_with(|first: char| first.is_ascii_digit()) => format!(
            "{binary} on {place} is etcd {details}, and the description is for etcd {series}: install etcd {series} \
             there, or write that version in the description and apply it"
        ),
        "version" => format!(
            "{binary} on {place} does not tell its version to the user {user}: {}: run there, as {user}: {binary} \
             --version",
            details.trim_start_matches("? ")
        ),
        "other" => format!(
            "etcd.service on {place} runs already, with its data in {details} and not in {data}: if nobody needs what \
             runs there, stop it: systemctl stop etcd"
        ),
        "taken" => format!("another program on {place} listens on {details}: stop it, or choose other ports"),
        "no-user" => format!(
            "there is no user {user} on {place}: run there: useradd --system --user-group --home-dir {data} --shell \
             /usr/sbin/nologin {user}"
        ),
        "no-binary" => format!("there is no {binary} on {place}: install etcd {series} there"),
        "no-engine" => format!("the program that runs containers is not installed on {place}: install it"),
        "no-systemd" => format!("there is no systemd on {place}: write `unit: none` in the description"),
        "no-unit" => format!(
            "there is no etcd.service on {place}, which the drop-in changes: install the distribution's etcd package \
             there"
        ),
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Facts {
        let text = "name: prod\nmembers: [{name: a, address: 10.0.0.1}]\nversion: 3.5.30\n";
        let cluster = Cluster::from_yaml(text, None).unwrap().value;
        let now = OffsetDateTime::from_unix_timestamp(1_000_000).unwrap();
        Facts::read(&cluster, &Host::new("a", "10.0.0.1"), answer, now, now + Duration::seconds(20))
    }

    #[test]
    fn a_host_that_is_as_described_has_nothing_in_the_way() {
        let facts = read("version 3.5.9\nhas-data\nrunning\nchecked\n");
        assert_eq!(facts, Facts { is_running: true, has_data: true, obstacles: Vec::new() });
        assert!(!read("version 3.5.9\nchecked\n").is_running);
    }

    #[test]
    fn a_clock_that_is_off_is_told_and_the_time_to_reach_the_host_is_not_its_fault() {
        for right in ["999940", "1000000", "1000080"] {
            assert_eq!(read(&format!("clock {right}\nchecked\n")).obstacles, [""; 0], "{right}");
        }
        for (wrong, said) in [("999939", "61 seconds behind"), ("1000200", "180 seconds ahead")] {
            let facts = read(&format!("clock {wrong}\nchecked\n"));
            assert!(
                facts.obstacles[0].starts_with(&format!("a: the clock of its host is {said}")),
                "{facts:?}"
            );
        }
        assert_eq!(read("clock \nchecked\n").obstacles, [""; 0], "a host without `date` is not judged");
    }

    #[test]
    fn each_thing_in_the_way_is_said_with_the_member() {
        for (fact, said) in [
            ("version 3.4.23", "is etcd 3.4.23, and the description is for etcd 3.5"),
            ("version 3.50.1", "is etcd 3.50.1"),
            ("version ? no such thing", "does not tell its version to the user etcd: no such thing"),
            ("version ?", "does not tell its version"),
            ("other /srv/etcd", "with its data in /srv/etcd and not in /var/lib/etcd"),
            ("taken 10.0.0.1:2379 users:nginx", "listens on 10.0.0.1:2379 users:nginx"),
            ("no-user", "there is no user etcd"),
            ("no-binary", "there is no /usr/bin/etcd"),
            ("no-engine", "containers"),
            ("no-systemd", "systemd"),
            ("no-unit", "drop-in"),
        ] {
            let facts = read(&format!("{fact}\nchecked\n"));
            assert_eq!(facts.obstacles.len(), 1, "{fact}");
            assert!(facts.obstacles[0].starts_with("a: ") && facts.obstacles[0].contains(said), "{facts:?}");
        }
        // A script that was stopped has not said all.
        assert_eq!(read("version 3.5.9\n").obstacles.len(), 1);
        assert_eq!(read("").obstacles.len(), 1);
    }
}
