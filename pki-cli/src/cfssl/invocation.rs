//! The flags and operands of a command of cfssl, and the config that `-config` names.

use std::path::Path;

use pki_core::cfssl::{self, Config, Error, ErrorKind, Notice};

use super::effect::{Effect, Job};
use super::goflag::{CommandLine, FlagError};
use super::log::Log;
use super::read::read;
use crate::terminal::{CommandError, Terminal};

/// cfssl's number for the error of a config that cannot be used.
pub(super) const CONFIG_UNUSABLE: u32 = 5200;

/// The command line of a command. Each command turns it into a struct of its own, whose fields say what the flags mean.
pub(crate) struct Invocation {
    flags: CommandLine,
    job: Option<&'static Job>,
    config: Option<Config>,
    config_notices: Vec<Notice>,
}

impl Invocation {
    /// The command line of a program that does what a command does, and reads no config.
    pub(crate) fn without_config(command: &str, flags: CommandLine, terminal: &mut Terminal<'_>) -> Self {
        let invocation = Self::new(command, flags);
        invocation.tell_unused(terminal);
        invocation
    }

    fn new(command: &str, flags: CommandLine) -> Self {
        let job = Job::of(command, |flag| flags.is_on(flag));
        Self { flags, job, config: None, config_notices: Vec::new() }
    }

    /// The command line of a command, with the config of `-config` if that is given.
    pub(crate) fn with_config(
        command: &str,
        flags: CommandLine,
        terminal: &mut Terminal<'_>,
    ) -> Result<Self, CommandError> {
        let mut invocation = Self::new(command, flags);
        if let Some(file) = invocation.given("config").map(Path::new) {
            let text = read(file).map_err(|error| error.code(CONFIG_UNUSABLE))?;
            let config = cfssl::text(&text, Some(file)).and_then(|text| Config::from_json(text, Some(file)));
            let config = config.map_err(config_error)?;
            invocation.config_notices = config.notices;
            let unusable: Vec<Notice> = config.value.unusable(invocation.given("profile")).collect();
            invocation.config_notices.extend(unusable);
            invocation.config = Some(config.value);
        }
        invocation.tell_unused(terminal);
        Ok(invocation)
    }

    /// Whether a flag selects what the command does, as `-initca` that of `gencert`.
    pub(crate) fn is_job(&self, flag: &str) -> bool {
        self.job.is_some_and(|job| job.is_by(flag))
    }

    /// The text of a flag; `None` if it is not given, or empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        Some(self.flags.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a flag that is true or false is true.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.flags.switch(name)
    }

    /// The arguments after the flags.
    pub(crate) fn operands(&self) -> &[String] {
        self.flags.operands()
    }

    /// The operand of a command that takes exactly one.
    pub(crate) fn operand(&self) -> Result<&str, CommandError> {
        match self.operands() {
            [one] => Ok(one),
            [] => Err(CommandError::new("not enough arguments are supplied --- please refer to the usage")
                .hint("name the file of the CSR JSON, such as csr.json, or - for the standard input")),
            _ => Err(CommandError::new("only one argument is accepted, please check with usage")),
        }
    }

    /// The log, which leaves out lines below `-loglevel`.
    pub(crate) fn log(&self) -> Log {
        Log::new(self.flags.integer("loglevel"))
    }

    /// The config of `-config`, if it is given.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Logs a warning for each flag that is given and has no effect in a command. cfssl accepts all flags everywhere, so a
    /// script may give them, but nobody should rely on what does nothing.
    fn tell_unused(&self, terminal: &mut Terminal<'_>) {
        let Some(job) = self.job else { return };
        let (log, name) = (self.log(), job.name());
        for flag in self.flags.all_given().filter(|flag| job.effect(flag) == Effect::None) {
            log.warning(terminal, format_args!("-{flag} has no effect in {name}{}", instead(flag, &name)));
        }
    }

    /// The notices about the config.
    pub(crate) fn config_notices(&self) -> &[Notice] {
        &self.config_notices
    }
}

/// Where a setting of a flag without effect belongs, as the end of a sentence.
fn instead(flag: &str, command: &str) -> &'static str {
    match flag {
        "config" | "profile" if command.contains("initca") => {
            ": the CSR JSON sets the lifetime of a CA, as in \"ca\": {\"expiry\": \"87600h\"}"
        }
        "hostname" if command.contains("initca") => ": a CA has the addresses of \"hosts\" in the CSR JSON",
        "crl" if command.contains("initca") => ": the CSR JSON has \"crl_url\"",
        _ => "",
    }
}

/// cfssl has a number for each config that cannot be used, except for one without `signing`.
fn config_error(error: Error) -> CommandError {
    match error.kind() {
        ErrorKind::MissingKey { key: "signing" } => error.into(),
        _ => CommandError::from(error).numbered(Some(CONFIG_UNUSABLE)),
    }
}

/// The error of flags that cannot be read.
pub(super) fn flag_error(error: &FlagError, program: &str) -> CommandError {
    let hint = error.hint().unwrap_or_else(|| format!("`{program} -h` lists the flags"));
    CommandError::usage(error.to_string()).hint(hint)
}

/// Refuses a flag after the first operand, where Go's `flag` package does not read flags.
pub(super) fn refuse_misplaced(flags: &CommandLine) -> Result<(), CommandError> {
    match flags.misplaced() {
        Some(flag) => {
            Err(CommandError::new(format!("{flag} stands after the first operand, where flags are not read"))
                .hint(format!("write {flag} before the names of files")))
        }
        None => Ok(()),
    }
}
