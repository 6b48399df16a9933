//! The error of a command: a message, a hint what to do, and the number that cfssl has for it.

use std::path::Path;

use pki_core::base::{shown, shown_lines};
use pki_core::disk::{BatchError, KeyIsThere};
use pki_core::etcd::found::ReadError;
use pki_core::etcd::operate::OperationError;
use pki_core::etcd::{DescriptionError, ImportError, InvalidValue};
use pki_core::{cfssl, etcd, x509};
use serde::Serialize;

use super::hint;
use super::{Style, Terminal, Tone};
use crate::exit_status::ExitStatus;

/// Why a command did not do what it was asked to do.
#[derive(Debug)]
pub(crate) struct CommandError {
    message: String,
    /// More lines of the message, each of which is shown on a line of its own.
    more: Box<[String]>,
    hint: Option<String>,
    /// A text of several lines that stands in the place of the hint.
    help: Option<String>,
    /// What else is wrong.
    further: Box<[Self]>,
    code: Option<u32>,
    kind: Kind,
}

/// An error in the JSON of a command that failed.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorReport {
    /// What is wrong, and where.
    pub(crate) message: String,
    /// What to do about it; `null` if nothing is known to help.
    pub(crate) hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The work could not be done.
    Failed,
    /// The flags could not be read.
    Usage,
    /// Members that run would be in danger.
    NotSafe,
    /// Nothing was there that could be judged.
    NotJudged,
    /// The program that read the output has ended, so nobody reads a message.
    OutputClosed,
}

impl CommandError {
    /// An error with this message, and without a hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            more: Box::default(),
            hint: None,
            help: None,
            further: Box::default(),
            code: None,
            kind: Kind::Failed,
        }
    }

    /// The error of a command line that cannot be read.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::new(message) }
    }

    /// The error that nothing was there that could be judged.
    pub(crate) fn not_judged(message: impl Into<String>) -> Self {
        Self { kind: Kind::NotJudged, ..Self::new(message) }
    }

    /// The error of a file that could not be written.
    pub(crate) fn write(path: &Path, error: &std::io::Error) -> Self {
        let hint = KeyIsThere::in_error(error).map(KeyIsThere::hint);
        Self::new(format!("cannot write {}: {error}", path.display())).maybe_hint(hint)
    }

    /// What is wrong, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The error with this hint, which says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error with these lines below its message.
    pub(crate) fn more(mut self, lines: Vec<String>) -> Self {
        self.more = lines.into();
        self
    }

    /// The error with a help of several lines as its hint. It has no text of the user's.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error with this hint, or unchanged if `hint` is `None`.
    pub(crate) fn maybe_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The error with one more hint behind those that it has.
    pub(crate) fn also_hint(self, hint: &str) -> Self {
        let all = self.hint.iter().map(String::as_str).chain([hint]).collect::<Vec<_>>().join("; ");
        self.hint(all)
    }

    /// The error with the name of what it is about before its message.
    pub(crate) fn about(self, name: &str) -> Self {
        Self { message: format!("{name}: {}", self.message), ..self }
    }

    /// The error with cfssl's number, unless it has a number already.
    pub(crate) fn code(mut self, code: u32) -> Self {
        self.code.get_or_insert(code);
        self
    }

    /// The error with another number of cfssl's, or without one: where a command has an error of its own for a mistake.
    pub(crate) fn numbered(self, code: Option<u32>) -> Self {
        Self { code, ..self }
    }

    /// The exit status of cfssl's commands: 2 for flags that cannot be read, as Go's `flag` package has it, else 1.
    pub(crate) fn status_of_cfssl(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::NotJudged | Kind::NotSafe | Kind::Failed | Kind::OutputClosed => 1,
        }
    }

    /// The exit status of one of etcdpki's own commands.
    pub(crate) fn status(&self) -> ExitStatus {
        match self.kind {
            Kind::NotJudged => ExitStatus::NotFinished,
            Kind::NotSafe => ExitStatus::NotSafeNow,
            _ => ExitStatus::Failed,
        }
    }

    /// Prints the error for people: `error: ...`, then `hint: ...`.
    pub(crate) fn report(&self, terminal: &mut Terminal<'_>) {
        if self.kind == Kind::OutputClosed {
            return;
        }
        let style = Style::of_errors(terminal);
        // If standard error is closed, nobody reads the message.
        let error = format!("{}: {}", style.paint(Tone::Error, "error"), self.shown_message());
        let _ = writeln!(terminal.errors, "{}", style.wrap(&error));
        if let Some(hint) = self.shown_hint() {
            let hint = format!("{}: {hint}", style.paint(Tone::Hint, "hint"));
            let _ = writeln!(terminal.errors, "{}", style.wrap(&hint));
        }
        for error in &*self.further {
            error.report(terminal);
        }
    }

    /// The error and what else is wrong, for JSON.
    pub(crate) fn reports(&self) -> Vec<ErrorReport> {
        let lines: Vec<&str> =
            std::iter::once(&self.message).chain(&*self.more).map(String::as_str).collect();
        let own =
            ErrorReport { message: lines.join("\n"), hint: self.hint.clone().or_else(|| self.help.clone()) };
        std::iter::once(own).chain(self.further.iter().flat_map(Self::reports)).collect()
    }

    /// Whether the output is closed, so that nothing can be printed.
    pub(crate) fn is_closed_output(&self) -> bool {
        self.kind == Kind::OutputClosed
    }

    /// The message as a terminal may show it. It may repeat what stands in a file.
    fn shown_message(&self) -> String {
        let more = self.more.iter().map(|line| format!("\n\t{}", shown(line)));
        std::iter::once(shown(&self.message).into_owned()).chain(more).collect()
    }

    fn shown_hint(&self) -> Option<String> {
        let help = self.help.as_deref().map(|help| shown_lines(help).into_owned());
        self.hint.as_deref().map(|hint| shown(hint).into_owned()).or(help)
    }

    /// Prints the error as cfssl does: the last line is the error, as a JSON object if cfssl has a number for it.
    pub(crate) fn report_as_cfssl(&self, terminal: &mut Terminal<'_>) {
        if self.kind == Kind::OutputClosed {
            return;
        }
        if let Some(hint) = self.shown_hint() {
            let _ = writeln!(terminal.errors, "hint: {hint}");
        }
        let _ = match self.code {
            Some(code) => {
                let message = serde_json::json!(self.shown_message());
                writeln!(terminal.errors, "{{\"code\":{code},\"message\":{message}}}")
            }
            None => writeln!(terminal.errors, "{}", self.shown_message()),
        };
    }
}

impl From<x509::Error> for CommandError {
    fn from(error: x509::Error) -> Self {
        cfssl::Error::from(error).into()
    }
}

impl From<cfssl::Error> for CommandError {
    fn from(error: cfssl::Error) -> Self {
        Self {
            hint: hint::of_cfssl(error.kind()),
            code: cfssl::number(error.kind()),
            ..Self::new(error.to_string())
        }
    }
}

impl From<etcd::Error> for CommandError {
    fn from(error: etcd::Error) -> Self {
        let mut each = error
            .each()
            .iter()
            .map(|error| Self { hint: hint::of_etcd(error.kind()), ..Self::new(error.to_string()) });
        match each.next() {
            Some(first) => Self { further: each.collect(), ..first },
            None => Self::new(error.to_string()),
        }
    }
}

impl From<DescriptionError> for CommandError {
    fn from(error: DescriptionError) -> Self {
        etcd::Error::from(etcd::ErrorKind::Description(error)).into()
    }
}

impl From<InvalidValue> for CommandError {
    fn from(error: InvalidValue) -> Self {
        Self::new(error.to_string()).hint(error.hint())
    }
}

impl From<OperationError> for CommandError {
    fn from(error: OperationError) -> Self {
        let is_danger = error.is_danger();
        let converted = match error {
            OperationError::Etcd(error) => Self::from(error),
            OperationError::Read(error) => Self::from(error),
            error => {
                let text = hint::of_operation(&error);
                Self::new(error.to_string()).hint(text)
            }
        };
        if is_danger { Self { kind: Kind::NotSafe, ..converted } } else { converted }
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        let hint = error.hint();
        let kind = if error.is_not_judged() { Kind::NotJudged } else { Kind::Failed };
        Self { kind, ..Self::new(error.to_string()).maybe_hint(hint) }
    }
}

impl From<ImportError> for CommandError {
    fn from(error: ImportError) -> Self {
        let hint = error.hint();
        Self::new(error.to_string()).maybe_hint(hint)
    }
}

impl From<BatchError> for CommandError {
    fn from(error: BatchError) -> Self {
        Self::write(&error.path, &error.source)
    }
}

/// An error of the standard output.
impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => {
                Self { kind: Kind::OutputClosed, ..Self::new("the output is closed") }
            }
            _ => Self::new(format!("cannot write the output: {error}")),
        }
    }
}
