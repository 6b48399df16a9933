//! Asking a cluster through `etcdctl`, as a client of the output folder.

use std::path::PathBuf;
use std::time::Duration;

use crate::etcd::operate::members::ListedMember;
use crate::etcd::operate::operator::{OperationError, Operator};
use crate::etcd::safe::shell::word;

/// How long one command may take. Its own limit is shorter.
const LIMIT: Duration = Duration::from_secs(20);

/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// What etcd refuses only for a while, or cannot answer in the middle of a change.
const PASSES: [&str; 7] = [
    "unhealthy cluster",
    "in sync with leader",
    "too many learner",
    "timed out",
    "deadline exceeded",
    "leader",
    "unavailable",
];

/// `etcdctl` with the certificate of a client, at some endpoints.
#[derive(Debug, Clone)]
pub(super) struct Etcdctl {
    /// The folder of the client, with `etcdctl.env`.
    pub(super) client: PathBuf,
    /// The client URLs that are asked.
    pub(super) endpoints: Vec<String>,
}

impl Etcdctl {
    /// A line for a shell that runs `etcdctl` with these words, which are words of a shell already.
    pub(super) fn line(&self, words: &str) -> String {
        format!(
            "cd {} && . ./etcdctl.env && unset ETCDCTL_ENDPOINTS && ETCDCTL_API=3 etcdctl --endpoints {} {words}",
            word(&self.client.to_string_lossy()),
            word(&self.endpoints.join(","))
        )
    }

    /// Runs `etcdctl` once. Returns what it says, or why it failed by its own words.
    pub(super) fn once(&self, words: &str, operator: &mut dyn Operator) -> Result<String, String> {
        let line = format!(
            "if said=$({{ {}; }} 2>&1); then printf 'done\\n%s\\n' \"$said\"; else printf 'failed\\n%s\\n' \"$said\"; fi",
            self.line(words)
        );
        let answer = operator.run_one(&line, LIMIT)?;
        let (how, said) = answer.split_once('\n').unwrap_or((&answer, ""));
        if how == "done" {
            return Ok(said.to_owned());
        }
        // Before its last words stand those of its balancer.
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let why = lines().rfind(|line| line.starts_with("Error:")).or_else(|| lines().next_back());
        Err(why.unwrap_or("it said nothing").trim_start_matches("Error: ").to_owned())
    }

    /// The members of the cluster.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub(super) fn members(&self, operator: &mut dyn Operator) -> Result<Vec<ListedMember>, OperationError> {
        let words = "--command-timeout=5s member list -w json";
        let failed = |why: String| OperationError::NoList { why };
        let said = self.once(words, operator).map_err(failed)?;
        let list = said.lines().find(|line| line.starts_with("{\"header\""));
        let list = list.ok_or_else(|| failed(said.lines().next().unwrap_or_default().to_owned()))?;
        ListedMember::read_all(list).map_err(|error| failed(error.to_string()))
    }

    /// Changes the members, and repeats that while etcd refuses it for the moment. `is_done` says by the list whether the
    /// change is there: one that was not acknowledged may have been made.
    ///
    /// # Errors
    /// If etcd refuses it, or does not do it in time.
    pub(super) fn change(
        &self,
        member: &str,
        words: &str,
        limit: Duration,
        operator: &mut dyn Operator,
        is_done: impl Fn(&[ListedMember]) -> bool,
    ) -> Result<(), OperationError> {
        let start = operator.clock();
        loop {
            let Err(why) = self.once(words, operator) else { return Ok(()) };
            if self.members(operator).is_ok_and(|list| is_done(&list)) {
                return Ok(());
            }
            let passes = PASSES.iter().any(|part| why.contains(part));
            if !passes || operator.clock().saturating_sub(start) >= limit {
                return Err(OperationError::Refused {
                    member: member.to_owned(),
                    command: format!("etcdctl {words}"),
                    why,
                });
            }
            operator.pause(PAUSE);
        }
    }
}
