//! What carries operations out, and how they end.

use std::time::Duration;

use time::OffsetDateTime;

use crate::etcd::check::forecast::Forecast;
use crate::etcd::check::observe::{Observation, Running};
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::found::ReadError;

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

    /// The date and time, for certificates and records.
    fn now(&mut self) -> OffsetDateTime;

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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The output folder or a CA cannot be used.
    #[error(transparent)]
    Etcd(#[from] Error),
    /// The files of the members cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The description, or files of the output folder, have changed in another way than the operation changes them.
    #[error("the description or the output folder has changes that were not applied: {first}{}", and_more(*.more))]
    OtherChanges {
        /// The first certificate or file that would change.
        first: String,
        /// How many others would.
        more: usize,
    },
    /// No certificate has this name.
    #[error("there is no certificate of {name:?}")]
    NoCertificate {
        /// The name.
        name: String,
    },
    /// Every CA of the cluster existed before it.
    #[error("the cluster has no CA of its own: its CAs existed before")]
    NoAuthority,
    /// A CA was not made for the cluster.
    #[error("{name:?} is not a CA that was made for the cluster")]
    OtherAuthority {
        /// The name.
        name: String,
        /// The CAs that were.
        known: Vec<String>,
    },
    /// A CA that is offline would have to sign for a new key.
    #[error("{certificate}: its CA is offline, so it gets no new key")]
    Offline {
        /// The certificate, such as `etcd1 server`.
        certificate: String,
    },
    /// A host does not run commands.
    #[error("{member}: its host cannot be reached: {why}")]
    Unreachable {
        /// The member on this host.
        member: String,
        /// Why not.
        why: String,
    },
    /// A host has not taken files.
    #[error("{member}: its files were not brought to its host: {why}")]
    NotPlaced {
        /// The member on this host.
        member: String,
        /// Why not.
        why: String,
    },
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

/// How many more there are, in words.
fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more") }
}

/// Two errors are equal if they say the same.
impl PartialEq for OperationError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl OperationError {
    /// Whether going on would be dangerous for the cluster, and not only impossible: members that run would not accept
    /// each other.
    pub fn is_danger(&self) -> bool {
        let Self::Etcd(error) = self else { return false };
        matches!(error.kind(), ErrorKind::OtherNameBytes { .. } | ErrorKind::OtherTrustedCa { .. })
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Etcd(error) => error.hint().unwrap_or_default(),
            Self::Read(error) => error.hint().unwrap_or_default(),
            Self::OtherChanges { .. } => "apply the description first".to_owned(),
            Self::NoCertificate { .. } => {
                "name a member, a client, or a certificate such as 'etcd1 server'".to_owned()
            }
            Self::NoAuthority => {
                "renew their certificates where their keys are, and apply the description again".to_owned()
            }
            Self::OtherAuthority { known, .. } => format!("name one of these: {}", known.join(", ")),
            Self::Offline { .. } => {
                "renew it for the same key: the request goes to the CA, and no member restarts".to_owned()
            }
            Self::Unreachable { .. } => {
                "correct how hosts are reached, or wait for the host; nothing was changed".to_owned()
            }
            Self::NotPlaced { .. } => {
                "run the same command again: it goes on with those that are left".to_owned()
            }
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
