//! What carries operations out, and how they end.

use std::time::Duration;

use crate::etcd::check::forecast::Forecast;
use crate::etcd::check::observe::{Observation, Running};

/// What an operation needs from the place where it is carried out: a shell, looks at the members, a clock, and somebody who
/// is told what happens.
pub trait Operator {
    /// Runs each line in a shell here, all at the same time, and each for at most this long. Returns what each wrote to its
    /// standard output, or why it failed.
    fn run(&mut self, lines: &[String], limit: Duration) -> Vec<Result<String, String>>;

    /// Looks at the members.
    fn observe(&mut self, running: &Running) -> Observation;

    /// Asks what a restart of each member would bring.
    fn forecast(&mut self, running: &Running) -> Forecast;

    /// Tells what is done.
    fn tell(&mut self, text: &str);

    /// The time since a moment that stays, by a clock that nobody sets.
    fn clock(&mut self) -> Duration;

    /// Waits.
    fn pause(&mut self, time: Duration);

    /// Runs one line in a shell here.
    ///
    /// # Errors
    /// Why it failed.
    fn run_one(&mut self, line: &str, limit: Duration) -> Result<String, String> {
        let answer = self.run(&[line.to_owned()], limit).pop();
        answer.unwrap_or_else(|| Err("it was not run".to_owned()))
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// All is done.
    Done,
    /// Something waits: the commands that do it are in the report.
    Waits,
    /// It is not safe to go on: what is in the way is in the report.
    NotSafe,
}

/// Why an operation could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// There is no such member.
    #[error("there is no member {name:?}")]
    NoMember {
        /// The name.
        name: String,
        /// The members that there are.
        known: Vec<String>,
    },
    /// A member is not started by systemd.
    #[error("no unit of systemd starts {member}")]
    NoUnit {
        /// The member.
        member: String,
    },
    /// No URL says where a member is.
    #[error("{member} has no URL")]
    NoUrl {
        /// The member.
        member: String,
    },
    /// No member says which members the cluster has.
    #[error("the cluster does not say which members it has: {why}")]
    NoList {
        /// Why, by the words of `etcdctl`.
        why: String,
    },
    /// The cluster refuses a change of its members.
    #[error("{member}: the cluster refuses `{command}`: {why}")]
    Refused {
        /// The member.
        member: String,
        /// The command of `etcdctl`.
        command: String,
        /// Why, by its own words.
        why: String,
    },
    /// A command failed.
    #[error("{member}: {line}: {why}")]
    Command {
        /// The member on whose host, or for which, the command ran.
        member: String,
        /// The line that ran.
        line: String,
        /// Why it failed.
        why: String,
    },
}

impl OperationError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoMember { known, .. } => format!("name one of these: {}", known.join(", ")),
            Self::NoUnit { .. } => {
                "restart it as it was started, one member after the other, when nothing is in danger"
                    .to_owned()
            }
            Self::NoUrl { .. } => "write the address of the member in the description".to_owned(),
            Self::NoList { .. } => {
                "`etcdctl` must be on the PATH, and a majority of the members must run".to_owned()
            }
            Self::Refused { .. } => {
                "look at the members, and run the same command again: it goes on with what is left".to_owned()
            }
            Self::Command { member, .. } => {
                format!("see why on the host of {member}, and run the same command again: it goes on")
            }
        }
    }
}
