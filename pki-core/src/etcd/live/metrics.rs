//! The numbers of `/metrics` that tell how a member is (Prometheus, exposition formats, text format 0.0.4).

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

/// What the metrics of a member tell. A number that a version of etcd does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// The identifier of the member, in hexadecimal.
    pub id: Option<String>,
    /// When the process began.
    pub started: Option<OffsetDateTime>,
    /// Whether it knows a leader.
    pub has_leader: Option<bool>,
    /// Whether it is the leader.
    pub is_leader: Option<bool>,
    /// Whether it is a learner.
    pub is_learner: Option<bool>,
    /// The identifiers of other members that it knows or knew, each with whether a connection is active.
    pub peers: BTreeMap<String, bool>,
    /// How many proposals it knows to be committed.
    pub committed: Option<u64>,
    /// How many proposals it has applied.
    pub applied: Option<u64>,
    /// How many proposals it waits for.
    pub pending: Option<u64>,
    /// How often the leader has changed since it began.
    pub leader_changes: Option<u64>,
}

impl Metrics {
    /// Reads the text of `/metrics`. What is malformed in it is left out.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for sample in text.lines().filter_map(Sample::parse) {
            metrics.add(&sample);
        }
        metrics
    }

    fn add(&mut self, sample: &Sample<'_>) {
        let is_set = Some(sample.value != 0.0);
        match sample.name {
            "etcd_server_id" if sample.value != 0.0 => self.id = sample.label("server_id"),
            "process_start_time_seconds" => {
                // More than some ten thousand years are no moment.
                let begin = Duration::checked_seconds_f64(sample.value);
                self.started = begin.and_then(|begin| OffsetDateTime::UNIX_EPOCH.checked_add(begin));
            }
            "etcd_server_has_leader" => self.has_leader = is_set,
            "etcd_server_is_leader" => self.is_leader = is_set,
            "etcd_server_is_learner" => self.is_learner = is_set,
            "etcd_network_active_peers" => {
                if let Some(remote) = sample.label("Remote") {
                    self.peers.insert(remote, sample.value >= 1.0);
                }
            }
            "etcd_server_proposals_committed_total" => self.committed = sample.count(),
            "etcd_server_proposals_applied_total" => self.applied = sample.count(),
            "etcd_server_proposals_pending" => self.pending = sample.count(),
            "etcd_server_leader_changes_seen_total" => self.leader_changes = sample.count(),
            _ => {}
        }
    }
}

/// One line: `name{label="value"} number`.
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let (name, labels, rest) = match line.split_once('{') {
            Some((name, rest)) => {
                // A value of a label may hold a brace, and after the last one comes only the number.
                let (labels, rest) = rest.rsplit_once('}')?;
                (name, labels, rest)
            }
            None => {
                let (name, rest) = line.split_once(char::is_whitespace)?;
                (name, "", rest)
            }
        };
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        (value.is_finite()).then_some(Self { name: name.trim(), labels, value })
    }

    /// The value of a label. Those that are asked for are numbers in hexadecimal, without escapes.
    fn label(&self, name: &str) -> Option<String> {
        let mut rest = self.labels;
        loop {
            let (found, after) = rest.trim_start_matches([',', ' ']).split_once("=\"")?;
            let (value, after) = after.split_once('"')?;
            if found.trim() == name {
                let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_hexdigit());
                return is_plain.then(|| value.to_owned());
            }
            rest = after;
        }
    }

    #[expect(clippy::as_conversions, reason = "a number that is not negative and has no fraction fits")]
    fn count(&self) -> Option<u64> {
        let is_count = self.value >= 0.0 && self.value < 9.0e15;
        is_count.then_some(self.value as u64)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const TEXT: &str = "\
# HELP etcd_network_active_peers The current number of active peer connections.
# TYPE etcd_network_active_peers gauge
etcd_network_active_peers{Local=\"8e9e05c52164694d\",Remote=\"91bc3c398fb3c146\"} 1
etcd_network_active_peers{Local=\"8e9e05c52164694d\",Remote=\"fd422379fda50e48\"} 0
etcd_server_has_leader 1
etcd_server_id{server_id=\"8e9e05c52164694d\"} 1
etcd_server_is_leader 0
etcd_server_is_learner 0
etcd_server_leader_changes_seen_total 2
etcd_server_proposals_applied_total 1.234567e+06
etcd_server_proposals_committed_total 1234568
etcd_server_proposals_pending 0
process_start_time_seconds 1.79578975096e+09
go_info{version=\"go1.26}\"} 1
";

    #[test]
    fn the_numbers_of_a_member_are_read() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.id.as_deref(), Some("8e9e05c52164694d"));
        let peers = [("91bc3c398fb3c146".to_owned(), true), ("fd422379fda50e48".to_owned(), false)];
        assert_eq!(metrics.peers, peers.into());
        let roles = (metrics.has_leader, metrics.is_leader, metrics.is_learner);
        assert_eq!(roles, (Some(true), Some(false), Some(false)));
        assert_eq!((metrics.applied, metrics.committed), (Some(1_234_567), Some(1_234_568)));
        assert_eq!((metrics.pending, metrics.leader_changes), (Some(0), Some(2)));
        let started = metrics.started.unwrap();
        assert_eq!(started.replace_nanosecond(0).unwrap(), datetime!(2026-11-27 14:29:10 UTC));
    }

    #[test]
    fn nonsense_is_no_number() {
        for line in [
            "",
            "{",
            "}{",
            "etcd_server_id{server_id=\"x\u{1b}\"} 1",
            "etcd_server_id{server_id=\"\"} 1",
            "etcd_server_id 1",
            "etcd_network_active_peers{Remote=} 1",
            "process_start_time_seconds 1e300",
            "process_start_time_seconds NaN",
            "process_start_time_seconds -1e18",
            "etcd_server_proposals_pending -3",
            "etcd_server_has_leader",
            "etcd_server_has_leader yes",
        ] {
            assert_eq!(Metrics::parse(line), Metrics::default(), "{line:?}");
        }
    }
}
