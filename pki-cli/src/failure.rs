//! How a command fails: a message, what to do about it, and the exit status.

use anstyle::{AnsiColor, Style};
use std::path::Path;

use pki_core::disk::{BatchError, KeyIsThere};
use pki_core::{cfssl, etcd, x509};

use crate::hint;
use crate::io::Io;

/// The end of a command that did not do what it was told.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: Option<u32>,
    status: u8,
    silent: bool,
}

impl Failure {
    /// The work could not be done: exit status 1.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: None, status: 1, silent: false }
    }

    /// The command line could not be read: exit status 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { status: 2, ..Self::user(message) }
    }

    /// Whoever read our output has gone; there is nobody to tell.
    pub(crate) fn broken_pipe() -> Self {
        Self { silent: true, ..Self::user(String::new()) }
    }

    /// A file could not be written.
    pub(crate) fn write(path: &Path, error: &std::io::Error) -> Self {
        let failure = Self::user(format!("cannot write {}: {error}", path.display()));
        failure.known_hint(KeyIsThere::in_error(error).map(KeyIsThere::hint))
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it, if anything is known.
    pub(crate) fn known_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The same, of one of several things.
    pub(crate) fn of(self, name: &str) -> Self {
        Self { message: format!("{name}: {}", self.message), ..self }
    }

    /// One more thing to do about it.
    pub(crate) fn also(self, hint: &str) -> Self {
        let all = self.hint.iter().map(String::as_str).chain([hint]).collect::<Vec<_>>().join("; ");
        self.hint(all)
    }

    /// cfssl's number for it, unless it has one of its own.
    pub(crate) fn code(mut self, code: u32) -> Self {
        self.code.get_or_insert(code);
        self
    }

    pub(crate) fn status(&self) -> u8 {
        self.status
    }

    /// For people: `error: ...`, then `hint: ...`.
    pub(crate) fn report(&self, io: &mut Io<'_>) {
        if self.silent {
            return;
        }
        let (error, hint) = if io.colours_errors() {
            (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default())
        } else {
            (Style::new(), Style::new())
        };
        // If standard error is gone, there is nobody left to tell.
        let _ = writeln!(io.errors, "{error}error{error:#}: {}", self.message);
        if let Some(text) = &self.hint {
            let _ = writeln!(io.errors, "{hint}hint{hint:#}: {text}");
        }
    }

    /// The way cfssl does it: the last line is the error, as a JSON object if cfssl has a number for it.
    pub(crate) fn report_as_cfssl(&self, io: &mut Io<'_>) {
        if self.silent {
            return;
        }
        if let Some(text) = &self.hint {
            let _ = writeln!(io.errors, "hint: {text}");
        }
        let _ = match self.code {
            Some(code) => {
                writeln!(io.errors, "{{\"code\":{code},\"message\":{}}}", serde_json::json!(self.message))
            }
            None => writeln!(io.errors, "{}", self.message),
        };
    }
}

impl From<x509::Error> for Failure {
    fn from(error: x509::Error) -> Self {
        cfssl::Error::from(error).into()
    }
}

impl From<cfssl::Error> for Failure {
    fn from(error: cfssl::Error) -> Self {
        Self {
            hint: hint::of_cfssl(error.kind()),
            code: cfssl::number(error.kind()),
            ..Self::user(error.to_string())
        }
    }
}

impl From<etcd::Error> for Failure {
    fn from(error: etcd::Error) -> Self {
        Self { hint: hint::of_etcd(error.kind()), ..Self::user(error.to_string()) }
    }
}

impl From<etcd::DescriptionError> for Failure {
    fn from(error: etcd::DescriptionError) -> Self {
        etcd::Error::from(etcd::ErrorKind::Description(error)).into()
    }
}

impl From<etcd::Invalid> for Failure {
    fn from(error: etcd::Invalid) -> Self {
        Self::user(error.to_string()).hint(error.hint())
    }
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        Self::write(&error.path, &error.source)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::broken_pipe(),
            _ => Self::user(format!("cannot write the output: {error}")),
        }
    }
}
