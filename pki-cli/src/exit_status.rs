//! The exit statuses of etcdpki's own commands, and what they tell a script.

use std::fmt::Write;

/// How one of etcdpki's own commands ended. cfssl's commands end with cfssl's statuses, which are in `docs/cfssl.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything that was asked for is done, or nothing is wrong.
    Done,
    /// The command failed, found something wrong, or was used wrongly.
    Failed,
    /// There is more to do: changes to make, requests that a CA has to sign, or something that could not be checked.
    NotFinished,
    /// What was asked for is not safe at this moment, and nothing was done.
    NotSafeNow,
}

impl ExitStatus {
    /// All exit statuses, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::NotFinished, Self::NotSafeNow];

    /// The number that the process ends with.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::NotFinished => 2,
            Self::NotSafeNow => 3,
        }
    }

    /// What the exit status means, in words for the help.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing is wrong",
            Self::Failed => "failed, found something wrong, or was used wrongly",
            Self::NotFinished => {
                "not finished: changes to make, requests to sign, or something that could not be checked"
            }
            Self::NotSafeNow => "not safe now: what is in the way is named, and nothing more was done",
        }
    }
}

/// The table of all statuses, for `etcdpki --help`.
pub(crate) fn table() -> String {
    let mut text = "Exit status of cluster, doctor and explain:\n".to_owned();
    for status in ExitStatus::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}  {}", status.number(), status.meaning());
    }
    text.push_str(
        "cfssl's commands end with 0 if they did their work, 1 if they failed, 2 if a flag is wrong.\n",
    );
    text
}
