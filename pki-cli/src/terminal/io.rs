//! The streams, the environment and the clock of the program. Tests use buffers in their place.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, LineWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use pki_core::disk::{self, LARGEST_FILE};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::stream::LineStream;
use super::{CommandError, process};

/// What the program reads, writes and asks for: streams, environment variables and the time.
pub struct Terminal<'a> {
    /// The standard input.
    pub input: &'a mut dyn Read,
    /// The standard output, for results only.
    pub output: &'a mut dyn Write,
    /// The standard error, for progress, warnings and errors.
    pub errors: &'a mut dyn Write,
    /// Whether the standard output is a terminal, so that a person reads the results.
    pub output_is_terminal: bool,
    /// Whether the standard output was closed when the program began, so that results are lost.
    pub output_is_closed: bool,
    /// Whether the standard error is a terminal, so that a person reads the messages.
    pub errors_is_terminal: bool,
    /// Whether the command line asks for colours.
    pub colour: ColourChoice,
    /// How much the command line asks to be told.
    pub verbosity: Verbosity,
    /// Returns the value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Returns the present moment.
    pub now: &'a dyn Fn() -> OffsetDateTime,
}

/// When messages and results are coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Also in a pipe or file
    Always,
    /// Not even on a terminal
    Never,
}

/// How much a command tells a person. JSON and files are always whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors and the result
    Quiet,
    /// Also warnings, progress, and what to do next
    #[default]
    Normal,
    /// Also what stays as it is, and where things were read
    Verbose,
}

impl Terminal<'_> {
    /// Runs `work` with the process's own streams, environment and clock.
    pub fn with_system<T>(work: impl FnOnce(&mut Terminal<'_>) -> T) -> T {
        process::prepare();
        let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
        // Input and output may be private keys. Rust's own buffers for these streams are never wiped.
        let unbuffered = |stream: &dyn AsFd| stream.as_fd().try_clone_to_owned().map(File::from);
        let mut reader: Box<dyn Read> = match unbuffered(&input) {
            Ok(file) => Box::new(file),
            Err(_) => Box::new(input.lock()),
        };
        let mut writer: Box<dyn Write> = match unbuffered(&output) {
            Ok(file) => Box::new(LineStream::new(file)),
            Err(_) => Box::new(output.lock()),
        };
        work(&mut Terminal {
            output_is_terminal: output.is_terminal(),
            output_is_closed: process::was_closed(&output),
            colour: ColourChoice::Auto,
            verbosity: Verbosity::Normal,
            errors_is_terminal: errors.is_terminal(),
            input: &mut reader,
            output: &mut writer,
            // Each line is written by one system call, so lines of several processes do not mix. The stream is not locked,
            // because progress bars write to it from other threads.
            errors: &mut LineWriter::new(&errors),
            variable: &|name| std::env::var_os(name),
            now: &OffsetDateTime::now_utc,
        })
    }

    /// Runs `work` with buffers for streams, no terminal, an empty environment and the system's clock.
    pub fn with_buffers<T>(
        input: &mut dyn Read,
        output: &mut dyn Write,
        errors: &mut dyn Write,
        work: impl FnOnce(&mut Terminal<'_>) -> T,
    ) -> T {
        work(&mut Terminal {
            input,
            output,
            errors,
            output_is_terminal: false,
            output_is_closed: false,
            errors_is_terminal: false,
            colour: ColourChoice::Auto,
            verbosity: Verbosity::Normal,
            variable: &|_| None,
            now: &OffsetDateTime::now_utc,
        })
    }

    /// Whether results are coloured.
    pub fn colours_output(&self) -> bool {
        self.colours(self.output_is_terminal)
    }

    /// Whether messages are coloured.
    pub fn colours_errors(&self) -> bool {
        self.colours(self.errors_is_terminal)
    }

    /// Whether only errors and the result are told.
    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Whether everything is told.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// The number of columns that results have room in: those of the terminal, or what COLUMNS says; `None` if the output
    /// is no terminal and nothing is said.
    pub(crate) fn columns(&self) -> Option<u16> {
        let said = (self.variable)("COLUMNS").and_then(|value| value.to_str()?.parse().ok());
        let is_useful = |columns: &u16| *columns > 0;
        said.filter(is_useful).or_else(|| {
            let (width, _) = terminal_size::terminal_size().filter(|_| self.output_is_terminal)?;
            // Some terminals report a width of zero, which means that they do not know it.
            Some(width.0).filter(is_useful)
        })
    }

    /// The number of columns that messages have room in.
    pub(crate) fn columns_of_errors(&self) -> Option<u16> {
        self.columns().filter(|_| self.errors_is_terminal || (self.variable)("COLUMNS").is_some())
    }

    /// Whether the terminal understands escape sequences (terminfo(5), the entry `dumb`).
    pub(crate) fn is_dumb(&self) -> bool {
        (self.variable)("TERM").is_some_and(|name| name == "dumb")
    }

    /// What was asked for decides, on the command line or in the environment (no-color.org, bixense.com/clicolors), and
    /// else what the stream leads to.
    fn colours(&self, is_terminal: bool) -> bool {
        let value = |name| (self.variable)(name).filter(|value| !value.is_empty());
        match self.colour {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if value("NO_COLOR").is_some() => false,
            ColourChoice::Auto if value("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColourChoice::Auto => {
                is_terminal && !self.is_dumb() && value("CLICOLOR").is_none_or(|value| value != "0")
            }
        }
    }

    /// Reads the standard input to its end. It may hold a private key, so the bytes are wiped after use.
    pub(crate) fn read_input(&mut self) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        self.read_input_up_to(LARGEST_FILE)
    }

    /// Reads the standard input to its end, which has to come within `limit` bytes.
    pub(crate) fn read_input_up_to(&mut self, limit: u64) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        disk::read_from(&mut *self.input, limit)
            .map_err(|error| CommandError::new(format!("cannot read the standard input: {error}")))
    }
}

/// An absolute form of a path, which does not depend on the current folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path)
        .map_err(|error| CommandError::new(format!("cannot find {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether messages are coloured, with these variables.
    fn has_colours(is_terminal: bool, colour: ColourChoice, variables: &[(&str, &str)]) -> bool {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        Terminal::with_buffers(&mut [].as_slice(), &mut Vec::new(), &mut Vec::new(), |terminal| {
            let terminal = Terminal {
                input: terminal.input,
                output: terminal.output,
                errors: terminal.errors,
                errors_is_terminal: is_terminal,
                colour,
                variable: &variable,
                ..*terminal
            };
            terminal.colours_errors()
        })
    }

    #[test]
    fn colours_follow_the_flag_the_environment_and_the_stream() {
        use ColourChoice::{Always, Auto, Never};
        for (expected, is_terminal, choice, variables) in [
            (true, true, Auto, [("TERM", "xterm"), ("NO_COLOR", "")]),
            (false, false, Auto, [("TERM", "xterm"), ("CLICOLOR", "1")]),
            (false, true, Auto, [("TERM", "xterm"), ("NO_COLOR", "1")]),
            (false, true, Auto, [("TERM", "dumb"), ("CLICOLOR", "1")]),
            (false, true, Auto, [("TERM", "xterm"), ("CLICOLOR", "0")]),
            (true, false, Auto, [("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]),
            (false, false, Auto, [("TERM", "xterm"), ("CLICOLOR_FORCE", "0")]),
            (false, true, Auto, [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
            (true, false, Always, [("TERM", "dumb"), ("NO_COLOR", "1")]),
            (false, true, Never, [("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]),
        ] {
            let has = has_colours(is_terminal, choice, &variables);
            assert_eq!(has, expected, "{is_terminal} {choice:?} {variables:?}");
        }
    }
}
