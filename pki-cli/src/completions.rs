//! `etcdpki completions`: what a shell runs to complete the commands of etcdpki and of cfssl.
//!
//! The scripts ask the program itself, with the hidden command [`QUESTION`]. So they know what the help knows, and stay
//! right when the program is replaced by a newer one.

mod candidates;

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use self::candidates::Candidates;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(crate) const EXAMPLE: &str = "\
The script completes commands, options, their values and files, also for the programs whose place etcdpki takes, such \
as cfssl and cfssljson.

Exit status:
  0  the script was printed

Examples:
  etcdpki completions bash >/usr/share/bash-completion/completions/etcdpki
  etcdpki completions zsh >/usr/share/zsh/vendor-completions/_etcdpki
  etcdpki completions fish >/usr/share/fish/vendor_completions.d/etcdpki.fish
  echo 'eval \"$(etcdpki completions bash)\"' >>~/.bashrc";

/// The hidden command by which a shell asks what can stand in the place of the last word.
pub(crate) const QUESTION: &str = "__complete";

/// The arguments of `completions`.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell that reads the script
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Runs the command and returns its exit status.
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let script = match self.shell {
            Shell::Bash => include_str!("completions/etcdpki.bash"),
            Shell::Zsh => include_str!("completions/etcdpki.zsh"),
            Shell::Fish => include_str!("completions/etcdpki.fish"),
        };
        print::text(terminal, script)?;
        Ok(ExitStatus::Done)
    }
}

/// Answers the question of a shell: `words` are those of its command line, from the program's name to the word at which
/// the cursor is.
pub(crate) fn answer(words: &[OsString], terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    print::text(terminal, &Candidates::of_words(&words).to_string())?;
    Ok(ExitStatus::Done)
}
