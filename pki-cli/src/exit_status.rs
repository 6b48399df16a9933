//! What the exit status tells a script.

use std::fmt::Write;

/// How a command of etcdpki's own ended. cfssl's commands have cfssl's statuses: see `docs/cfssl.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything that was asked for is done, or nothing is wrong.
    Done,
    /// The command failed, found something wrong, or was used wrongly.
    Failed,
    /// There is more to do: changes to make, something that waits for somebody, or something that could not be judged.
    NotFinished,
    /// What was asked for is not safe at this moment, and nothing was done.
    NotSafeNow,
}

impl ExitStatus {
    /// All, in the order of their numbers.
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

    /// What it means, for the help.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing is wrong",
            Self::Failed => "failed, found something wrong, or was used wrongly",
            Self::NotFinished => {
                "not finished: changes to make, somebody to wait for, or something not judged"
            }
            Self::NotSafeNow => "not safe now: nothing was done, try again later (no command ends so yet)",
        }
    }
}

/// The table of all statuses, for `etcdpki --help`.
pub(crate) fn table() -> String {
    let mut text = "Exit status (cfssl's commands: 0, 1, or 2 for flags that cannot be read):\n".to_owned();
    for status in ExitStatus::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}  {}", status.number(), status.meaning());
    }
    text
}
