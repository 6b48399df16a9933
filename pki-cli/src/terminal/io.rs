//! What the program is connected to. Tests put something else in its place.

use std::ffi::OsString;
use std::io::{IsTerminal, LineWriter, Read, Write};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::CommandError;

/// The streams, the environment and the clock.
pub struct Terminal<'a> {
    /// Standard input
    pub input: &'a mut dyn Read,
    /// Standard output: results only
    pub output: &'a mut dyn Write,
    /// Standard error: progress, warnings, errors
    pub errors: &'a mut dyn Write,
    /// Whether a person reads the results
    pub output_is_terminal: bool,
    /// Whether a person reads the messages
    pub errors_is_terminal: bool,
    /// The environment
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The clock
    pub now: &'a dyn Fn() -> OffsetDateTime,
}

impl Terminal<'_> {
    /// Runs `work` with the process's own streams, environment and clock.
    pub fn with_system<T>(work: impl FnOnce(&mut Terminal<'_>) -> T) -> T {
        let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        work(&mut Terminal {
            output_is_terminal: output.is_terminal(),
            errors_is_terminal: errors.is_terminal(),
            input: &mut input.lock(),
            output: &mut output.lock(),
            // A line is one system call, and arrives whole among those of other processes.
            errors: &mut LineWriter::new(errors.lock()),
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
            errors_is_terminal: false,
            variable: &|_| None,
            now: &OffsetDateTime::now_utc,
        })
    }

    /// Whether results may be coloured (no-color.org).
    pub fn colours_output(&self) -> bool {
        self.output_is_terminal && !self.no_color()
    }

    /// Whether messages may be coloured.
    pub fn colours_errors(&self) -> bool {
        self.errors_is_terminal && !self.no_color()
    }

    fn no_color(&self) -> bool {
        (self.variable)("NO_COLOR").is_some_and(|value| !value.is_empty())
    }

    /// Everything on the standard input, which may hold a private key.
    pub(crate) fn read_input(&mut self) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let mut bytes = Zeroizing::new(Vec::new());
        self.input
            .read_to_end(&mut bytes)
            .map_err(|error| CommandError::new(format!("cannot read the standard input: {error}")))?;
        Ok(bytes)
    }
}

/// A path of the command line as one that holds wherever it is looked at from.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path)
        .map_err(|error| CommandError::new(format!("cannot find {}: {error}", path.display())))
}
